//! The zones in force. This is the only place that swaps the zone set.
//!
//! Readers load one pointer; writers take turns. A zone keeps its slot over all its versions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailiwick_transfer::Moment;
use bailiwick_zone::{Name, SharedZones, Zone};

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
    slots: Lock<Slots>,
}

impl Live {
    pub(crate) fn new(zones: Arc<SharedZones>) -> Self {
        Self {
            zones,
            slots: Lock::default(),
        }
    }

    pub(crate) fn zones(&self) -> &Arc<SharedZones> {
        &self.zones
    }

    /// The version of a zone that is answered now.
    pub(crate) fn get(&self, name: &Name) -> Option<Arc<Zone>> {
        self.zones.load().get(name).cloned()
    }

    /// Puts versions in force, all at one moment.
    pub(crate) fn publish(&self, zones: Vec<Zone>, now: Moment) {
        let mut slots = self.slots.lock();
        let zones: Vec<_> = zones
            .into_iter()
            .map(|zone| {
                let slot = slots.take(zone.apex(), now);
                Arc::new(zone.with_slot(slot))
            })
            .collect();
        // The lock of the slots makes writers take turns.
        self.zones
            .store(Arc::new(self.zones.load().with_all(zones)));
    }

    /// Replaces a zone by what `change` makes of it; the slot stays.
    pub(crate) fn replace<E>(
        &self,
        name: &Name,
        change: impl FnOnce(&Zone) -> Result<Option<Zone>, E>,
    ) -> Result<bool, E> {
        let slots = self.slots.lock();
        let set = self.zones.load();
        let Some(zone) = set.get(name) else {
            return Ok(false);
        };
        let Some(changed) = change(zone)? else {
            return Ok(false);
        };
        let changed = changed.with_slot(zone.slot());
        self.zones.store(Arc::new(set.with(Arc::new(changed))));
        drop(slots);
        Ok(true)
    }

    /// Takes a zone out of force and lets its slot rest.
    pub(crate) fn withdraw(&self, name: &Name, now: Moment) -> Option<u32> {
        let mut slots = self.slots.lock();
        self.zones.store(Arc::new(self.zones.load().without(name)));
        slots.release(name, now)
    }

    /// The slot a zone has or will have.
    pub(crate) fn slot(&self, name: &Name) -> Option<u32> {
        self.slots.lock().slot(name)
    }

    /// The zone behind a slot.
    pub(crate) fn name(&self, slot: u32) -> Option<Name> {
        self.slots.lock().name(slot).cloned()
    }
}
