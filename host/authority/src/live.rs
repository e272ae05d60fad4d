//! The zones in force. This is the only place that swaps the zone set.
//!
//! Readers load one pointer; writers take turns. A zone keeps its slot over all its versions. What policies
//! lay over a zone (a brand's name servers) is laid over every version that comes; the version itself is
//! kept beside, for snapshots and for the day the overlay goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailiwick_transfer::Moment;
use bailiwick_zone::{BuildError, Change, Name, Serial, SharedZones, Zone};
use tracing::error;

use crate::slots::Slots;

/// A mutex whose poison is ignored: everything it guards here is sound between two statements.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The zone set and the slots of its zones.
pub(crate) struct Live {
    zones: Arc<SharedZones>,
    /// Held by whoever swaps the set: writers take turns.
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    slots: Slots,
    overlays: HashMap<Name, Overlay>,
}

/// What lies over a zone.
#[derive(Default)]
struct Overlay {
    /// A policy's RRsets.
    changes: Vec<Change>,
    /// What its ALIAS records come to.
    flat: Option<Flat>,
    /// The version in force without them.
    plain: Option<Arc<Zone>>,
}

/// What the ALIAS records of a zone come to.
#[derive(Clone, Debug)]
pub(crate) struct Flat {
    /// Address RRsets, and the ALIAS records gone.
    pub(crate) changes: Vec<Change>,
    /// Owners whose addresses are not known.
    pub(crate) pending: Vec<Name>,
    /// The serial of the version with all that.
    pub(crate) serial: Serial,
}

impl Live {
    pub(crate) fn new(zones: Arc<SharedZones>) -> Self {
        Self {
            zones,
            state: Lock::default(),
        }
    }

    pub(crate) fn zones(&self) -> &Arc<SharedZones> {
        &self.zones
    }

    /// The version of a zone that is answered now.
    pub(crate) fn get(&self, name: &Name) -> Option<Arc<Zone>> {
        let zones = self.zones.load();
        zones.get(name).filter(|zone| !zone.is_absent()).cloned()
    }

    /// Keeps the places of zones that have no version yet: their names get SERVFAIL, not what a zone
    /// above would say of them.
    pub(crate) fn hold<'n>(&self, names: impl IntoIterator<Item = &'n Name>) {
        let _state = self.state.lock();
        let set = self.zones.load();
        let missing: Vec<Arc<Zone>> = names
            .into_iter()
            .filter(|name| set.get(name).is_none())
            .map(|name| Arc::new(Zone::absent(name, set.key())))
            .collect();
        if !missing.is_empty() {
            self.zones.store(Arc::new(set.with_all(missing)));
        }
    }

    /// The same without what policies laid over it.
    pub(crate) fn plain(&self, name: &Name) -> Option<Arc<Zone>> {
        let state = self.state.lock();
        let plain = state
            .overlays
            .get(name)
            .and_then(|overlay| overlay.plain.clone());
        plain.or_else(|| self.get(name))
    }

    /// Puts versions in force, all at one moment.
    pub(crate) fn publish(&self, zones: Vec<Zone>, now: Moment) {
        let mut state = self.state.lock();
        let zones: Vec<_> = zones
            .into_iter()
            .map(|zone| {
                let slot = state.slots.take(zone.apex(), now);
                state.lay_over(Arc::new(zone.with_slot(slot)))
            })
            .collect();
        self.zones
            .store(Arc::new(self.zones.load().with_all(zones)));
    }

    /// Replaces a zone by what `change` makes of it; the slot stays. Says whether it changed.
    pub(crate) fn replace(&self, name: &Name, change: impl Fn(&Zone) -> Option<Zone>) -> bool {
        let mut state = self.state.lock();
        let set = self.zones.load();
        let zone = set.get(name).filter(|zone| !zone.is_absent());
        let Some(changed) = zone.and_then(|zone| change(zone)) else {
            return false;
        };
        self.zones.store(Arc::new(set.with(Arc::new(changed))));
        if let Some(plain) = state
            .overlays
            .get_mut(name)
            .and_then(|overlay| overlay.plain.as_mut())
            && let Some(changed) = change(plain)
        {
            *plain = Arc::new(changed);
        }
        true
    }

    /// Lays changes over a zone, this version and all that come; no changes: nothing any more.
    pub(crate) fn set_overlay(&self, name: &Name, changes: Vec<Change>) {
        self.change_overlay(name, |overlay| overlay.changes = changes);
    }

    /// The same with what its ALIAS records come to.
    pub(crate) fn set_flat(&self, name: &Name, flat: Option<Flat>) {
        self.change_overlay(name, |overlay| overlay.flat = flat);
    }

    /// The same, from the next version on.
    pub(crate) fn prepare_flat(&self, name: &Name, flat: Option<Flat>) {
        let mut state = self.state.lock();
        let plain = self.get(name);
        let overlay = state.overlays.entry(name.clone());
        let overlay = overlay.or_insert_with(|| Overlay {
            plain,
            ..Overlay::default()
        });
        overlay.flat = flat;
        if overlay.flat.is_none() && overlay.changes.is_empty() {
            state.overlays.remove(name);
        }
    }

    fn change_overlay(&self, name: &Name, change: impl FnOnce(&mut Overlay)) {
        let mut state = self.state.lock();
        let mut overlay = state.overlays.remove(name).unwrap_or_default();
        let plain = overlay.plain.take().or_else(|| self.get(name));
        change(&mut overlay);
        if !overlay.changes.is_empty() || overlay.flat.is_some() {
            state.overlays.insert(name.clone(), overlay);
        }
        if let Some(plain) = plain {
            let zone = state.lay_over(plain);
            self.zones.store(Arc::new(self.zones.load().with(zone)));
        }
    }

    /// Takes a zone out of force and lets its slot rest.
    pub(crate) fn withdraw(&self, name: &Name, now: Moment) -> Option<u32> {
        let mut state = self.state.lock();
        state.overlays.remove(name);
        self.zones.store(Arc::new(self.zones.load().without(name)));
        state.slots.release(name, now)
    }

    /// The zone behind a slot: its number for plugins and its name.
    pub(crate) fn zone_of(&self, slot: u32) -> Option<(u64, Name)> {
        self.state.lock().slots.zone_of(slot)
    }

    /// The slot of the zone that plugins know by this number.
    pub(crate) fn slot_of_id(&self, id: u64) -> Option<u32> {
        self.state.lock().slots.slot_of_id(id)
    }

    /// The zone that plugins know by this number.
    pub(crate) fn by_id(&self, id: u64) -> Option<Arc<Zone>> {
        let slot = self.slot_of_id(id)?;
        self.get(&self.zone_of(slot)?.1)
    }

    /// How many slots there are, resting ones included.
    pub(crate) fn slot_count(&self) -> u32 {
        self.state.lock().slots.count()
    }

    /// Slots and names of all zones for which `wanted` holds.
    pub(crate) fn slots_where(&self, wanted: impl Fn(&Name) -> bool) -> Vec<u32> {
        self.state.lock().slots.where_name(wanted)
    }

    /// Slots that were given to another zone since the last call: what tables say about them is not of it.
    pub(crate) fn take_reused(&self) -> Vec<u32> {
        self.state.lock().slots.take_reused()
    }
}

impl State {
    /// The zone with its overlay, if it has one. An overlay that does not fit leaves the zone as it is.
    fn lay_over(&mut self, zone: Arc<Zone>) -> Arc<Zone> {
        let Some(overlay) = self.overlays.get_mut(zone.apex()) else {
            return zone;
        };
        overlay.plain = Some(Arc::clone(&zone));
        // A zone that came signed is left whole: changed RRsets would not fit its signatures.
        if zone.is_signed() {
            return zone;
        }
        match overlay.over(&zone) {
            Ok(changed) => Arc::new(changed),
            Err(error) => {
                error!(zone.name = %zone.apex(), "what belongs over `{}` cannot be laid over it: {error}", zone.apex());
                zone
            }
        }
    }
}

impl Overlay {
    fn over(&self, zone: &Zone) -> Result<Zone, BuildError> {
        let branded = zone.with_changes(&self.changes)?;
        let Some(flat) = &self.flat else {
            return Ok(branded);
        };
        let serial = zone.serial_change(flat.serial);
        let changes: Vec<Change> = flat.changes.iter().cloned().chain(serial).collect();
        let mut changed = branded.with_changes(&changes)?;
        // A name on the way to a change is looked up more slowly than one of the base.
        if changed.record_count() <= FOLD_RECORDS_MAX {
            changed = changed.rebuilt()?;
        }
        if flat.pending.is_empty() {
            return Ok(changed);
        }
        changed.with_pending(&flat.pending)
    }
}

/// Zones of so many records get a new base in a few milliseconds.
const FOLD_RECORDS_MAX: u64 = 5000;
