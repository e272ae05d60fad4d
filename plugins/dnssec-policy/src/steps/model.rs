//! A world to roll keys in: a zone that does what it is told, a parent that takes its time, and every
//! validator there could be, with whatever mixture of old and new its caches may hold.

use std::collections::BTreeSet;

use bailiwick_plugin_sdk::dnssec_policy::{Chain, DsState, Key, Policy, Role, Step};

use super::{is_anchor, next};

/// Ids of keys.
type Keys = BTreeSet<u64>;

/// What is visible at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
struct View {
    ds: Keys,
    dnskey: Keys,
    /// Whose signatures the DNSKEY RRset has.
    dnskey_signed: Keys,
    /// The same for an RRset that is renewed at once, and for one that is renewed last.
    early: Keys,
    late: Keys,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) chain: Chain,
    /// Every step ever taken, with its time.
    pub(crate) log: Vec<(u64, Step)>,
    all: Vec<Key>,
    view: View,
    /// Until when each earlier view was current.
    past: Vec<(u64, View)>,
    renew_late_at: Option<u64>,
}

const STEP_MS: u64 = 600_000;
const DS_TTL_S: u32 = 86_400;

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            now: 1_700_000_000_000,
            chain: Chain {
                ttl_longest: policy.ttl_max,
                policy,
                keys: vec![],
                ds_ttl: Some(DS_TTL_S),
                extra: vec![],
            },
            log: vec![],
            all: vec![],
            view: View::default(),
            past: vec![],
            renew_late_at: None,
        }
    }

    /// Lives for so many days, asking at every tick, and checks all validators at each of them.
    pub(crate) fn live(&mut self, days: u64) {
        for _ in 0..days * 86_400_000 / STEP_MS {
            self.now += STEP_MS;
            self.time_passes();
            for step in next(self.now, &self.chain).steps {
                self.take(step);
            }
            self.remember();
            self.check();
        }
    }

    pub(crate) fn is_secure(&self) -> bool {
        !self.view.ds.is_empty()
    }

    /// Keys that are there, as (role, algorithm).
    pub(crate) fn keys(&self) -> Vec<(Role, u8)> {
        self.chain
            .keys
            .iter()
            .map(|key| (key.role, key.algorithm))
            .collect()
    }

    pub(crate) fn count(&self, is_such: impl Fn(&Step) -> bool) -> usize {
        self.log.iter().filter(|(_, step)| is_such(step)).count()
    }

    fn key(&mut self, id: u64) -> &mut Key {
        let mut keys = self.chain.keys.iter_mut();
        keys.find(|key| key.id == id)
            .expect("a step names a key of the zone")
    }

    fn take(&mut self, step: Step) {
        self.log.push((self.now, step));
        let now = self.now;
        match step {
            Step::Generate(spec) => {
                let id = self.all.len() as u64 + 1;
                let key = Key {
                    id,
                    tag: id as u16,
                    algorithm: spec.algorithm,
                    role: spec.role,
                    created: now,
                    published: None,
                    signing: None,
                    unpublished: None,
                    stopped: None,
                    ds: DsState::Hidden,
                    ds_since: now,
                    compromised: false,
                };
                self.all.push(key);
                self.chain.keys.push(key);
            }
            Step::Publish(id) => self.key(id).published = Some(now),
            Step::Unpublish(id) => {
                let key = self.key(id);
                (key.published, key.unpublished) = (None, Some(now));
            }
            Step::Activate(id) => {
                let key = *self.key(id);
                let mut others = self.chain.keys.iter();
                let is_first = !others.any(|other| {
                    other.algorithm == key.algorithm && other.signing.is_some() && signs_data(other)
                });
                self.key(id).signing = Some(now);
                if is_first && signs_data(&key) {
                    self.view.late.insert(id);
                }
                self.renew_later();
            }
            Step::Retire(id) => {
                let key = self.key(id);
                (key.signing, key.stopped) = (None, Some(now));
                self.renew_later();
            }
            Step::Remove(id) => {
                let key = *self.key(id);
                assert!(key.published.is_none() && key.signing.is_none(), "{key:?}");
                self.chain.keys.retain(|key| key.id != id);
            }
            Step::SubmitDs(id) => self.set_ds(id, DsState::Rumoured),
            Step::WithdrawDs(id) => self.set_ds(id, DsState::Unretentive),
        }
    }

    /// The parent acts at once; being slow would only make windows longer than the waits.
    fn set_ds(&mut self, id: u64, state: DsState) {
        assert!(self.key(id).published.is_some(), "a DS needs its key");
        let now = self.now;
        let key = self.key(id);
        (key.ds, key.ds_since) = (state, now);
        if state == DsState::Rumoured {
            self.view.ds.insert(id);
        } else {
            self.view.ds.remove(&id);
        }
    }

    fn renew_later(&mut self) {
        let policy = &self.chain.policy;
        let renewal = u64::from(policy.validity_s - policy.refresh_s) * 1000;
        self.renew_late_at.get_or_insert(self.now + renewal);
    }

    fn time_passes(&mut self) {
        let now = self.now;
        for key in &mut self.chain.keys {
            if now - key.ds_since > u64::from(DS_TTL_S) * 1000 {
                key.ds = match key.ds {
                    DsState::Rumoured => DsState::Omnipresent,
                    DsState::Unretentive => DsState::Hidden,
                    other => other,
                };
            }
        }
    }

    fn remember(&mut self) {
        let keys = &self.chain.keys;
        let ids = |is_such: &dyn Fn(&Key) -> bool| -> Keys {
            keys.iter()
                .filter(|key| is_such(key))
                .map(|key| key.id)
                .collect()
        };
        let mut view = self.view.clone();
        view.dnskey = ids(&|key| key.published.is_some());
        view.dnskey_signed = ids(&|key| key.signing.is_some() && is_anchor(key));
        view.early = ids(&|key| key.signing.is_some() && signs_data(key));
        if self.renew_late_at.is_some_and(|at| at <= self.now) {
            view.late = view.early.clone();
            self.renew_late_at = None;
        }
        if self.past.last().is_none_or(|(_, last)| *last != view) {
            self.past.push((self.now, view.clone()));
        }
        self.view = view;
    }

    /// What a cache may hold of one kind: everything that was current within its TTL.
    fn cached<T: PartialEq>(&self, ttl_s: u32, part: impl Fn(&View) -> T) -> Vec<T> {
        let since = self.now - u64::from(ttl_s) * 1000;
        let mut found = vec![];
        for (index, (_, view)) in self.past.iter().enumerate().rev() {
            let until = self.past.get(index + 1).map_or(u64::MAX, |(from, _)| *from);
            if until < since {
                break;
            }
            let held = part(view);
            if !found.contains(&held) {
                found.push(held);
            }
        }
        found
    }

    /// Every mixture must validate, through each algorithm that the DS RRset or the DNSKEY RRset
    /// promises (RFC 4035 2.2, as strict validators read it).
    fn check(&self) {
        let policy = &self.chain.policy;
        let all_ds = self.cached(DS_TTL_S, |view| view.ds.clone());
        let all_dnskey = self.cached(policy.dnskey_ttl, |view| {
            (view.dnskey.clone(), view.dnskey_signed.clone())
        });
        let mut all_data = self.cached(self.chain.ttl_longest, |view| view.early.clone());
        all_data.extend(self.cached(self.chain.ttl_longest, |view| view.late.clone()));
        for ds in all_ds.iter().filter(|ds| !ds.is_empty()) {
            for (dnskey, signed) in &all_dnskey {
                // An RRset and its signatures are cached together.
                let anchored = |key: &u64| dnskey.contains(key) && signed.contains(key);
                for algorithm in self.algorithms(ds) {
                    assert!(
                        ds.iter()
                            .any(|key| self.algorithm(*key) == algorithm && anchored(key)),
                        "at {}: DS {ds:?} leads to nothing in {dnskey:?}\n{}",
                        self.now,
                        self.story()
                    );
                }
                for data in &all_data {
                    for algorithm in self.algorithms(dnskey) {
                        assert!(
                            data.iter().any(|key| {
                                self.algorithm(*key) == algorithm && dnskey.contains(key)
                            }),
                            "at {}: no signature of {data:?} fits {dnskey:?} for algorithm {algorithm}\n{}",
                            self.now,
                            self.story()
                        );
                    }
                }
            }
        }
    }

    fn algorithm(&self, key: u64) -> u8 {
        self.all
            .iter()
            .find(|one| one.id == key)
            .map_or(0, |one| one.algorithm)
    }

    fn algorithms(&self, keys: &Keys) -> BTreeSet<u8> {
        keys.iter().map(|key| self.algorithm(*key)).collect()
    }

    fn story(&self) -> String {
        let tell = |(at, step): &(u64, Step)| format!("{at} {step:?}\n");
        self.log.iter().map(tell).collect()
    }
}

fn signs_data(key: &Key) -> bool {
    key.role != Role::Ksk
}
