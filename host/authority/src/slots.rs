//! The dense numbers by which counters, leases and rules know a zone.
//!
//! A number given back rests before it is given out again: tables in force may still name it, and a new
//! zone must not inherit another's lease or rule. Tables live shorter than the rest.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bailiwick_transfer::Moment;
use bailiwick_zone::Name;

/// Longer than the longest lease or rule that is ever installed.
pub(crate) const SLOT_REST: Duration = Duration::from_secs(2 * 3600);

/// Which zone has which number.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    by_name: HashMap<Name, u32>,
    names: Vec<Option<Name>>,
    resting: VecDeque<(Moment, u32)>,
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
            Some((_, slot)) => slot,
            None => {
                self.names.push(None);
                u32::try_from(self.names.len() - 1).expect("fewer than 2^32 zones fit into memory")
            }
        };
        self.by_name.insert(name.clone(), slot);
        if let Some(place) = self.names.get_mut(slot as usize) {
            *place = Some(name.clone());
        }
        slot
    }

    /// Gives a zone's number back to rest.
    pub(crate) fn release(&mut self, name: &Name, now: Moment) -> Option<u32> {
        let slot = self.by_name.remove(name)?;
        if let Some(place) = self.names.get_mut(slot as usize) {
            *place = None;
        }
        self.resting.push_back((now, slot));
        Some(slot)
    }

    /// The zone behind a number.
    pub(crate) fn name(&self, slot: u32) -> Option<&Name> {
        self.names.get(slot as usize)?.as_ref()
    }

    /// The number of a zone.
    pub(crate) fn slot(&self, name: &Name) -> Option<u32> {
        self.by_name.get(name).copied()
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
        assert_eq!(slots.name(1), Some(&name("b.")));
    }

    /// A number is not given to another zone while tables may still name it.
    #[test]
    fn number_rests_before_it_is_reused() {
        let mut slots = Slots::default();
        slots.take(&name("a."), Moment(0));
        assert_eq!(slots.release(&name("a."), Moment(0)), Some(0));
        assert_eq!(slots.name(0), None);
        assert_eq!(slots.take(&name("b."), Moment(1)), 1);
        let rested = Moment(0).after(SLOT_REST);
        assert_eq!(slots.take(&name("c."), rested), 0);
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
