//! The dense numbers by which counters, leases and rules know a zone.
//!
//! A number given back rests before it is given out again: tables in force may still name it, and a new
//! zone must not inherit another's lease or rule. Tables live shorter than the rest.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bailiwick_transfer::Moment;
use bailiwick_zone::Name;

use crate::policy::zone_id;

/// Longer than the longest lease or rule that is ever installed.
pub(crate) const SLOT_REST: Duration = Duration::from_secs(2 * 3600);

/// Which zone has which number.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    by_name: HashMap<Name, u32>,
    /// By the number that plugins know a zone by.
    by_id: HashMap<u64, u32>,
    names: Vec<Option<(u64, Name)>>,
    resting: VecDeque<(Moment, u32)>,
    reused: Vec<u32>,
}

impl Slots {
    /// The zone's number; a new one if it has none.
    pub(crate) fn take(&mut self, name: &Name, now: Moment) -> u32 {
        if let Some(&slot) = self.by_name.get(name) {
            return slot;
        }
        let rested = self
            .resting
            .front()
            .is_some_and(|&(since, _)| now.since(since) >= SLOT_REST);
        let slot = match rested.then(|| self.resting.pop_front()).flatten() {
            Some((_, slot)) => {
                self.reused.push(slot);
                slot
            }
            None => {
                self.names.push(None);
                u32::try_from(self.names.len() - 1).expect("fewer than 2^32 zones fit into memory")
            }
        };
        let id = zone_id(name);
        self.by_name.insert(name.clone(), slot);
        self.by_id.insert(id, slot);
        if let Some(place) = self.names.get_mut(slot as usize) {
            *place = Some((id, name.clone()));
        }
        slot
    }

    /// Gives a zone's number back to rest.
    pub(crate) fn release(&mut self, name: &Name, now: Moment) -> Option<u32> {
        let slot = self.by_name.remove(name)?;
        if let Some((id, _)) = self.names.get_mut(slot as usize).and_then(Option::take) {
            self.by_id.remove(&id);
        }
        self.resting.push_back((now, slot));
        Some(slot)
    }

    /// The zone behind a number, with the number plugins know it by.
    pub(crate) fn zone_of(&self, slot: u32) -> Option<(u64, Name)> {
        self.names.get(slot as usize)?.clone()
    }

    /// The number of the zone that plugins know by `id`.
    pub(crate) fn slot_of_id(&self, id: u64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// How many numbers there are, resting ones included.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// Numbers of the zones whose name is wanted.
    pub(crate) fn where_name(&self, wanted: impl Fn(&Name) -> bool) -> Vec<u32> {
        let with_names = (0u32..).zip(&self.names);
        let with_names = with_names.filter_map(|(slot, zone)| Some((slot, zone.as_ref()?)));
        with_names
            .filter(|(_, (_, name))| wanted(name))
            .map(|(slot, _)| slot)
            .collect()
    }

    /// Numbers that went to another zone since the last call.
    pub(crate) fn take_reused(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.reused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_dense_and_stay() {
        let mut slots = Slots::default();
        assert_eq!(slots.take(&name("a."), Moment(0)), 0);
        assert_eq!(slots.take(&name("b."), Moment(0)), 1);
        assert_eq!(slots.take(&name("A."), Moment(0)), 0);
        assert_eq!(slots.zone_of(1), Some((zone_id(&name("b.")), name("b."))));
        assert_eq!(slots.slot_of_id(zone_id(&name("B."))), Some(1));
    }

    /// A number is not given to another zone while tables may still name it.
    #[test]
    fn number_rests_before_it_is_reused() {
        let mut slots = Slots::default();
        slots.take(&name("a."), Moment(0));
        assert_eq!(slots.release(&name("a."), Moment(0)), Some(0));
        assert_eq!(slots.zone_of(0), None);
        assert_eq!(slots.take(&name("b."), Moment(1)), 1);
        let rested = Moment(0).after(SLOT_REST);
        assert!(slots.take_reused().is_empty());
        assert_eq!(slots.take(&name("c."), rested), 0);
        assert_eq!(slots.take_reused(), [0]);
    }

    /// A number still resting is not lost by a look at it.
    #[test]
    fn resting_number_is_not_lost() {
        let mut slots = Slots::default();
        slots.take(&name("a."), Moment(0));
        slots.release(&name("a."), Moment(0));
        slots.take(&name("b."), Moment(1));
        slots.take(&name("c."), Moment(2));
        assert_eq!(slots.take(&name("d."), Moment(0).after(SLOT_REST)), 0);
    }
}
