//! Which key moves next.
//!
//! Each part of the policy has one key that it is to end up with, its *heir*: the newest one that is
//! neither compromised nor near the end of its life. Heirs are brought in, everything else is led
//! out, and no move is made before the caches of the world have forgotten what it contradicts:
//!
//! ```text
//! zone signing key   publish ──DNSKEY TTL──> activate, retire the old ──renewal + TTL──> remove the old
//! what the DS names  publish, activate ──DNSKEY TTL──> submit DS ──> withdraw the old DS ──> remove the old
//! other algorithm    activate ──TTL──> publish ──DNSKEY TTL──> submit DS ──> withdraw the old DS
//!                      ──> unpublish the old ──DNSKEY TTL──> retire and remove the old
//! ```
//!
//! RFC 7583 3.2.1 (pre-publication), 3.3.1 (double KSK), RFC 6781 4.1.4 (algorithms). Nothing is
//! remembered: the same facts give the same steps, and a step that was not done comes again.

use bailiwick_plugin_sdk::dnssec_policy::{Chain, DsState, Key, KeySpec, Role, Step, Steps};

pub(crate) fn next(now: u64, chain: &Chain) -> Steps {
    let mut plan = Planner {
        now,
        chain,
        times: Times::of(chain),
        heirs: vec![],
        steps: vec![],
        next: None,
        reasons: vec![],
    };
    if chain.policy.sign {
        plan.choose_heirs();
        plan.bring_in();
        plan.lead_out();
    } else {
        plan.unsign();
    }
    plan.steps.truncate(STEPS_MAX);
    Steps {
        reason: plan.reasons.join("; "),
        steps: plan.steps,
        next: plan.next,
    }
}

/// How long the world remembers, in milliseconds.
struct Times {
    /// The DNSKEY RRset.
    dnskey: u64,
    /// Any other RRset.
    data: u64,
    /// From the last signature of a key until none is left in the zone.
    renewal: u64,
    /// How long before the end of a key's life its heir is made.
    lead: u64,
}

impl Times {
    fn of(chain: &Chain) -> Self {
        let policy = &chain.policy;
        let ms = |seconds: u32| u64::from(seconds) * 1000;
        let propagation = ms(policy.zone_propagation_s);
        let dnskey = ms(policy.dnskey_ttl) + propagation;
        let data = ms(chain.ttl_longest.max(policy.dnskey_ttl)) + propagation;
        Self {
            dnskey,
            data,
            renewal: ms(policy.validity_s.saturating_sub(policy.refresh_s)) + ms(policy.jitter_s),
            lead: dnskey + data + ms(policy.parent_propagation_s),
        }
    }
}

struct Planner<'a> {
    now: u64,
    chain: &'a Chain,
    times: Times,
    /// One for each part of the policy that has one yet.
    heirs: Vec<&'a Key>,
    steps: Vec<Step>,
    next: Option<u64>,
    reasons: Vec<String>,
}

impl<'a> Planner<'a> {
    /// Has `wait` passed since then? If not, that is when to ask again.
    fn passed(&mut self, since: Option<u64>, wait: u64) -> bool {
        let Some(since) = since else { return false };
        let due = since.saturating_add(wait);
        if due <= self.now {
            return true;
        }
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
        false
    }

    fn act(&mut self, reason: impl Into<String>, steps: &[Step]) {
        self.steps.extend_from_slice(steps);
        let reason = reason.into();
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    fn choose_heirs(&mut self) {
        for spec in &self.chain.policy.keys {
            let fits = |key: &&Key| key.role == spec.role && key.algorithm == spec.algorithm;
            let mut candidates: Vec<&Key> = self.chain.keys.iter().filter(fits).collect();
            candidates.sort_by_key(|key| (key.created, key.id));
            let heir = candidates
                .iter()
                .rev()
                .copied()
                .find(|key| !key.compromised && key.stopped.is_none());
            match heir {
                Some(heir) if !self.is_ageing(heir, spec) => self.heirs.push(heir),
                Some(heir) => {
                    self.act(
                        format!("key {} nears the end of its life", heir.tag),
                        &[Step::Generate(*spec)],
                    );
                    // Until there is another, it is the one.
                    self.heirs.push(heir);
                }
                None => self.act("a key is missing", &[Step::Generate(*spec)]),
            }
        }
    }

    fn is_ageing(&mut self, key: &Key, spec: &KeySpec) -> bool {
        if spec.lifetime_s == 0 {
            return false;
        }
        let life = spec.lifetime_s.saturating_mul(1000);
        self.passed(key.signing, life.saturating_sub(self.times.lead))
    }

    fn bring_in(&mut self) {
        let complete = self.heirs.len() == self.chain.policy.keys.len();
        for heir in self.heirs.clone() {
            match (heir.published, heir.signing) {
                (None, None) if complete => self.begin(heir),
                (None, Some(_)) => {
                    // RFC 6781 4.1.4: whoever sees the new key must find its signatures everywhere.
                    let all_sign = self.heirs.iter().all(|heir| heir.signing.is_some());
                    if self.passed(heir.signing, self.times.data) && all_sign {
                        self.act("new signatures are everywhere", &[Step::Publish(heir.id)]);
                    }
                }
                (Some(_), None) => self.take_over(heir),
                _ => {}
            }
            if is_anchor(heir) {
                self.introduce(heir);
            }
        }
    }

    /// A key that nobody has seen yet.
    fn begin(&mut self, heir: &Key) {
        let mut others = self
            .chain
            .keys
            .iter()
            .filter(|key| key.signing.is_some())
            .peekable();
        if others.peek().is_none() {
            self.act(
                "first keys",
                &[Step::Publish(heir.id), Step::Activate(heir.id)],
            );
        } else if !others.any(|key| key.algorithm == heir.algorithm && key.published.is_some()) {
            self.act("another algorithm: sign first", &[Step::Activate(heir.id)]);
        } else if is_anchor(heir) {
            self.act(
                "double signature",
                &[Step::Publish(heir.id), Step::Activate(heir.id)],
            );
        } else {
            self.act("published ahead", &[Step::Publish(heir.id)]);
        }
    }

    /// A zone signing key that was published ahead.
    fn take_over(&mut self, heir: &Key) {
        if !self.passed(heir.published, self.times.dnskey) {
            return;
        }
        let spec = self.spec_of(heir).copied();
        let old: Vec<&Key> = self.signers_of_data(heir);
        let is_due = old.is_empty()
            || old.iter().any(|key| {
                let life = match spec {
                    Some(spec) if self.spec_of(key).is_some() => spec.lifetime_s,
                    // Not part of the policy any more.
                    _ => 0,
                };
                key.compromised || self.passed(key.signing, life.saturating_mul(1000))
            });
        if is_due {
            self.act("known everywhere: takes over", &[Step::Activate(heir.id)]);
            for key in old {
                // One that the parent still names goes on until it does not.
                if !is_anchor(key) && key.algorithm == heir.algorithm {
                    self.act("replaced", &[Step::Retire(key.id)]);
                }
            }
        }
    }

    /// Other keys that sign data now.
    fn signers_of_data(&self, heir: &Key) -> Vec<&'a Key> {
        let keys = self.chain.keys.iter();
        keys.filter(|key| key.id != heir.id && key.signing.is_some() && key.role != Role::Ksk)
            .collect()
    }

    /// Gets the parent to name a key that is ready for it.
    fn introduce(&mut self, heir: &Key) {
        if !matches!(heir.ds, DsState::Hidden | DsState::Unknown) {
            return;
        }
        // With the DS there, everything must validate: the keys and signatures of this algorithm must
        // be in every cache, not only in the zone.
        let known = self.passed(heir.published, self.times.dnskey)
            & self.passed(heir.signing, self.times.dnskey);
        let signed = self.chain.keys.iter().any(|key| {
            key.role != Role::Ksk
                && key.algorithm == heir.algorithm
                && self.passed(key.published, self.times.dnskey)
                && self.passed(key.signing, self.times.data)
        }) || self.is_signed_by_predecessor(heir);
        if known && signed {
            self.act(
                "in every cache: the parent may know",
                &[Step::SubmitDs(heir.id)],
            );
        }
    }

    /// In the middle of a rollover of zone signing keys the newest has not signed for long, and need
    /// not: the one before it has.
    fn is_signed_by_predecessor(&mut self, heir: &Key) -> bool {
        let retired = self.chain.keys.iter().find(|key| {
            key.role != Role::Ksk
                && key.algorithm == heir.algorithm
                && key.stopped.is_some()
                && key.published.is_some()
        });
        retired.is_some_and(|key| self.passed(key.published, self.times.data))
    }

    fn lead_out(&mut self) {
        let algorithms: Vec<u8> = self
            .chain
            .policy
            .keys
            .iter()
            .map(|spec| spec.algorithm)
            .collect();
        let complete = self.heirs.len() == self.chain.policy.keys.len();
        let anchored = complete
            && self
                .heirs
                .iter()
                .filter(|heir| is_anchor(heir))
                .all(|heir| heir.ds == DsState::Omnipresent);
        for key in &self.chain.keys {
            if self.heirs.iter().any(|heir| heir.id == key.id) {
                continue;
            }
            if key.published.is_none() && key.signing.is_none() {
                // Left over: was taken out already, or never came in.
                let is_unseen = key.unpublished.is_none();
                if key.ds == DsState::Hidden || !is_anchor(key) || is_unseen {
                    self.act("no longer needed", &[Step::Remove(key.id)]);
                }
            } else if !algorithms.contains(&key.algorithm) {
                self.lead_out_foreign(key, anchored);
            } else if is_anchor(key) {
                self.lead_out_anchor(key, anchored);
            } else {
                self.lead_out_zsk(key);
            }
        }
    }

    /// What the DS names: first the DS, then the key.
    fn lead_out_anchor(&mut self, key: &Key, anchored: bool) {
        if !anchored {
            return;
        }
        if key.ds != DsState::Hidden {
            self.withdraw(key);
        } else if key.role == Role::Ksk {
            let steps = [
                Step::Retire(key.id),
                Step::Unpublish(key.id),
                Step::Remove(key.id),
            ];
            self.act("the parent has forgotten it", &steps);
        } else if key.signing.is_some() {
            if self.has_successor(key) {
                self.act("the parent has forgotten it", &[Step::Retire(key.id)]);
            }
        } else {
            self.drop_retired(key);
        }
    }

    fn lead_out_zsk(&mut self, key: &Key) {
        if key.signing.is_none() {
            if key.stopped.is_some() {
                self.drop_retired(key);
            } else {
                // Published ahead, and another was made after it.
                self.act(
                    "not needed after all",
                    &[Step::Unpublish(key.id), Step::Remove(key.id)],
                );
            }
        } else if self.has_successor(key) {
            self.act("replaced", &[Step::Retire(key.id)]);
        }
    }

    /// Does an heir sign data, with a key that everybody knows?
    fn has_successor(&mut self, key: &Key) -> bool {
        self.heirs.clone().into_iter().any(|heir| {
            heir.role != Role::Ksk
                && heir.algorithm == key.algorithm
                && heir.signing.is_some()
                && self.passed(heir.published, self.times.dnskey)
        })
    }

    /// Its last signatures are renewed by then, and forgotten.
    fn drop_retired(&mut self, key: &Key) {
        let wait = self.times.renewal.saturating_add(self.times.data);
        if self.passed(key.stopped, wait) {
            let steps = [Step::Unpublish(key.id), Step::Remove(key.id)];
            self.act("its signatures are gone everywhere", &steps);
        }
    }

    /// An algorithm that is not wanted any more: its keys leave together, before their signatures.
    fn lead_out_foreign(&mut self, key: &Key, anchored: bool) {
        if !anchored {
            return;
        }
        let mut same = self
            .chain
            .keys
            .iter()
            .filter(|other| other.algorithm == key.algorithm);
        if is_anchor(key) && key.ds != DsState::Hidden {
            self.withdraw(key);
        } else if same.any(|other| is_anchor(other) && other.ds != DsState::Hidden) {
            // Waits for the DS of another key.
        } else if key.published.is_some() {
            self.act(
                "the parent names the new algorithm alone",
                &[Step::Unpublish(key.id)],
            );
        } else if key.unpublished.is_none() || self.passed(key.unpublished, self.times.dnskey) {
            let steps = [Step::Retire(key.id), Step::Remove(key.id)];
            self.act("nobody expects its signatures any more", &steps);
        }
    }

    fn withdraw(&mut self, key: &Key) {
        if key.ds != DsState::Unretentive {
            self.act("its successor is known to all", &[Step::WithdrawDs(key.id)]);
        }
    }

    /// Back to unsigned: the DS first, everything else when no cache has it.
    fn unsign(&mut self) {
        let named =
            |key: &Key| is_anchor(key) && key.ds != DsState::Hidden && key.published.is_some();
        let anchors: Vec<&Key> = self.chain.keys.iter().filter(|key| named(key)).collect();
        for key in &anchors {
            if key.ds != DsState::Unretentive {
                self.act(
                    "signing ends: the DS goes first",
                    &[Step::WithdrawDs(key.id)],
                );
            }
        }
        if !anchors.is_empty() {
            return;
        }
        for key in &self.chain.keys {
            if key.signing.is_some() {
                self.act("the parent names no key any more", &[Step::Retire(key.id)]);
            }
            if key.published.is_some() {
                self.act(
                    "the parent names no key any more",
                    &[Step::Unpublish(key.id)],
                );
            }
            self.act("the parent names no key any more", &[Step::Remove(key.id)]);
        }
    }

    fn spec_of(&self, key: &Key) -> Option<&'a KeySpec> {
        let mut specs = self.chain.policy.keys.iter();
        specs.find(|spec| spec.role == key.role && spec.algorithm == key.algorithm)
    }
}

/// Is it one that a DS may name?
fn is_anchor(key: &Key) -> bool {
    matches!(key.role, Role::Ksk | Role::Csk)
}

/// The WIT's limit; what does not fit comes with the next call.
const STEPS_MAX: usize = 32;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
