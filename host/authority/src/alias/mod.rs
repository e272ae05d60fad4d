//! ALIAS records of hosted zones: their targets are looked up, and what is found is served as ordinary
//! A and AAAA RRsets of the zone.
//!
//! The unit that is looked up is the *target*, a name outside: a thousand zones that stand for one
//! balancer cost one look-up. A loop ([`round`]) asks for targets that are due, follows each ALIAS through
//! our own zones to where its addresses are ([`walk`]), and where that differs from what is served makes a
//! new version of the zone ([`version`]): written down ([`kept`]), laid over the file's version, with a
//! serial of its own. From there on nothing knows of ALIAS: such RRsets are answered, counted and
//! transferred like all others. A zone that is transferred in is served as it came, whatever its primary
//! means by records of this type.
//!
//! Before the first answer, and when the last one is too old, questions for the owner's addresses get
//! SERVFAIL ([`bailiwick_zone::alias`]).

mod kept;
mod limits;
mod report;
mod round;
mod target;
mod version;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bailiwick_resolver::Resolver;
use bailiwick_transfer::Moment;
use bailiwick_zone::{Alias, LookupName, Name, RecordType, Zone};
use tokio::sync::Notify;

pub use limits::AliasLimits;
pub use report::AliasSummary;
pub(crate) use report::AliasTrouble;
pub(crate) use round::run;

use crate::inner::Inner;
use crate::live::Lock;
use kept::{Index, Kept};
use target::Target;
use version::Version;

/// All ALIAS records of all hosted zones.
pub(crate) struct Aliases {
    pub(crate) resolver: Resolver,
    pub(crate) limits: AliasLimits,
    state: Lock<State>,
    /// Something may have changed.
    wake: Notify,
    /// Held through a round and a zone's coming: versions follow one another.
    turn: Lock<()>,
    /// Look-ups by outcome, in the order of [`report::OUTCOMES`].
    lookups: [AtomicU64; report::OUTCOMES.len()],
}

#[derive(Default)]
struct State {
    zones: BTreeMap<Name, Arc<Version>>,
    targets: HashMap<Name, Target>,
    /// Why an ALIAS leads nowhere, by zone and owner.
    nowhere: HashMap<Name, BTreeMap<Name, String>>,
    /// Where each ALIAS leads to outside.
    outside: HashMap<Name, BTreeMap<Name, Name>>,
    kept: Index,
    /// Targets of which something else is known than what was served of them.
    news: HashSet<Name>,
    /// Zones changed, or time has come: every way is followed anew.
    look_at_all: bool,
}

impl State {
    /// Whether there was something.
    fn forget(&mut self, name: &Name) -> bool {
        self.nowhere.remove(name);
        self.outside.remove(name);
        self.zones.remove(name).is_some()
    }
}

impl Aliases {
    pub(crate) fn new(resolver: Resolver, limits: AliasLimits) -> Self {
        Self {
            resolver,
            limits,
            state: Lock::default(),
            wake: Notify::new(),
            turn: Lock::default(),
            lookups: Default::default(),
        }
    }

    /// Data changed that an ALIAS may lead to.
    pub(crate) fn zones_changed(&self) {
        let mut state = self.state.lock();
        // Most servers have none, and many zones that change.
        if !state.zones.is_empty() {
            state.look_at_all = true;
            drop(state);
            self.wake.notify_one();
        }
    }
}

impl Inner {
    /// A zone's file was loaded: what is served of its ALIAS records is laid over it when it is put in
    /// force. To be called before that.
    pub(crate) fn adopt_aliases(&self, zone: &Zone, aliases: Vec<Alias>) {
        let name = zone.apex();
        let is_known = {
            let state = self.aliases.state.lock();
            state.zones.contains_key(name) || state.kept.contains(name)
        };
        if aliases.is_empty() && !is_known {
            return;
        }
        let _turn = self.aliases.turn.lock();
        let before = self.aliases.state.lock().zones.get(name).cloned();
        let before = before.map(Arc::unwrap_or_clone);
        let before = before.or_else(|| self.restore_aliases(name));
        let shown_before = before.as_ref().map(|before| before.serial);
        let version = Version::adopt(aliases, zone.serial(), before);
        if version.is_plain() {
            self.live.prepare_flat(name, None);
            self.aliases.state.lock().forget(name);
            self.unkeep_aliases(name);
            return;
        }
        let flat = version.flat(|owner| keeps_name(zone, owner));
        self.live.prepare_flat(name, Some(flat));
        if shown_before.is_some_and(|serial| serial != version.serial) {
            self.keep_aliases(name, &version);
        }
        self.aliases
            .state
            .lock()
            .zones
            .insert(name.clone(), Arc::new(version));
        self.aliases.zones_changed();
    }

    /// A zone is not hosted any more.
    pub(crate) fn forget_aliases(&self, name: &Name) {
        let _turn = self.aliases.turn.lock();
        let was_there = self.aliases.state.lock().forget(name);
        if was_there {
            self.live.set_flat(name, None);
        }
        self.unkeep_aliases(name);
        self.aliases.zones_changed();
    }

    fn unkeep_aliases(&self, name: &Name) {
        if !self.aliases.state.lock().kept.remove(name) {
            return;
        }
        if let Some(store) = &self.store {
            let gone = store.put_document(&Kept::document(name), None);
            self.note_store(gone.map_err(|error| error.to_string()));
        }
    }

    /// Which zones have something kept, from before the start.
    pub(crate) fn restore_alias_index(&self) {
        let names = self.stored_document(Index::DOCUMENT).unwrap_or_default();
        self.aliases.state.lock().kept = Index::of(names);
    }

    /// Writes down which zones have something kept, if that changed.
    fn keep_alias_index(&self) {
        let names = self.aliases.state.lock().kept.take_changed();
        if let Some(names) = names {
            self.put_stored_document(Index::DOCUMENT, &names);
        }
    }

    /// What was served before a restart.
    fn restore_aliases(&self, name: &Name) -> Option<Version> {
        if !self.aliases.state.lock().kept.contains(name) {
            return None;
        }
        let kept: Kept = self.stored_document(&Kept::document(name))?;
        let (version, targets) = kept.restore();
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut state = self.aliases.state.lock();
        for (target, addresses, at) in targets {
            // RELIABILITY R7: a clock that went back makes an age of nothing.
            let age = Duration::from_secs(wall.saturating_sub(at));
            let limits = &self.aliases.limits;
            state
                .targets
                .entry(target)
                .or_insert_with(|| Target::restored(addresses, at, age, now, limits));
        }
        Some(version)
    }

    /// Writes down what will be served.
    fn keep_aliases(&self, name: &Name, version: &Version) {
        self.aliases.state.lock().kept.insert(name);
        self.keep_alias_index();
        let state = self.aliases.state.lock();
        let leads = state.outside.get(name);
        let goods = leads
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter_map(|target| {
                let good = state.targets.get(target)?.good(Moment(0))?;
                Some((target.clone(), good.clone()))
            });
        let kept = Kept::of(version, &goods.collect(), self.clock.wall());
        drop(state);
        self.put_stored_document(&Kept::document(name), &kept);
    }
}

/// Whether an owner has something beside its ALIAS.
fn keeps_name(zone: &Zone, owner: &Name) -> bool {
    let mut lookup = LookupName::new();
    let node = match lookup.set_wire(owner.as_wire(), zone.key()) {
        Ok(()) => zone.node(&lookup),
        Err(_) => None,
    };
    node.is_some_and(|node| {
        node.rrsets()
            .any(|rrset| rrset.rtype() != RecordType::ALIAS)
    })
}
