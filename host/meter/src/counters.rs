//! Numbers of one thread, by zone slot.
//!
//! Two cache lines a zone; what every query touches is in the first. One thread writes, anybody may
//! read: the reader sums over the threads and sees each number whole, if perhaps one query late.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::class::{Class, Detail, Usage};
use crate::sketch::Sketch;
use crate::slots::{CHUNK, SlotTable, place};
use crate::tick::Tick;
use crate::totals::{Totals, bump};

/// Everything a thread counts.
pub(crate) struct ThreadCells {
    zones: SlotTable<ZoneChunk>,
    pub(crate) totals: Totals,
    pub(crate) sketch: Mutex<Sketch>,
}

pub(crate) struct ZoneChunk([ZoneCell; CHUNK]);

impl Default for ZoneChunk {
    fn default() -> Self {
        Self(std::array::from_fn(|_| ZoneCell::default()))
    }
}

/// One zone's numbers in one thread.
#[derive(Default)]
#[repr(C, align(128))]
pub(crate) struct ZoneCell {
    answered: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    /// Units spent since the beginning, over all leases.
    pub(crate) units: AtomicU64,
    /// Units left of the portion taken last.
    pub(crate) left: AtomicU64,
    /// Until when, and at what price, units are spent without a look at the lease: a [`Pass`].
    pub(crate) pass: AtomicU64,
    /// The state of all tables that the pass was given under.
    pub(crate) epoch: AtomicU32,
    /// The lease that the portion belongs to, as [`crate::lease::short`].
    pub(crate) seq: AtomicU16,
    pub(crate) slip: AtomicU16,
    pub(crate) nxdomain: AtomicU64,

    pub(crate) nodata: AtomicU64,
    pub(crate) tcp: AtomicU64,
    pub(crate) signed: AtomicU64,
    limited: AtomicU64,
    attack: AtomicU64,
    probe: AtomicU64,
    control: AtomicU64,
    suspended: AtomicU64,
}

/// What every query of a zone looks at, in one word: the moment from which the lease must be looked
/// at again, whether a query can cost more than the base weight, and the base weight.
#[derive(Clone, Copy)]
pub(crate) struct Pass(pub(crate) u64);

impl Pass {
    /// Where there are no leases: for ever, and at no price.
    pub(crate) const FREE: Self = Self(u64::MAX >> 17 << 17);

    /// For units of weight `base` until `until`, or the end of the 47 bits that a moment has here,
    /// which is four years after the start; then a look costs nothing but its time.
    pub(crate) fn new(until: Tick, base: u64, extras: bool) -> Self {
        let until = until.0.min(u64::MAX >> 17);
        Self(until << 17 | u64::from(extras) << 16 | (base & 0xffff))
    }

    #[inline]
    pub(crate) fn holds_at(self, now: Tick) -> bool {
        now.0 < self.0 >> 17
    }

    #[inline]
    pub(crate) fn base(self) -> u64 {
        self.0 & 0xffff
    }

    #[inline]
    pub(crate) fn extras(self) -> bool {
        self.0 >> 16 & 1 != 0
    }

    pub(crate) fn until(self) -> Tick {
        Tick(self.0 >> 17)
    }
}

impl ThreadCells {
    pub(crate) fn new() -> Self {
        Self {
            zones: SlotTable::new(),
            totals: Totals::default(),
            sketch: Mutex::new(Sketch::new()),
        }
    }

    #[inline]
    pub(crate) fn zone(&self, slot: u32) -> Option<&ZoneCell> {
        self.zones.chunk(slot).map(|chunk| &chunk.0[place(slot)])
    }

    pub(crate) fn zone_if_there(&self, slot: u32) -> Option<&ZoneCell> {
        self.zones
            .chunk_if_there(slot)
            .map(|chunk| &chunk.0[place(slot)])
    }
}

impl ZoneCell {
    /// Counts a query of the zone. Classes that no zone can have are counted in the totals alone.
    #[inline]
    pub(crate) fn count(&self, class: Class) {
        match class {
            Class::Answered => bump(&self.answered, 1),
            Class::Limited => bump(&self.limited, 1),
            Class::Attack => bump(&self.attack, 1),
            Class::Probe => bump(&self.probe, 1),
            Class::Control => bump(&self.control, 1),
            Class::Suspended => bump(&self.suspended, 1),
            Class::Refused | Class::Malformed | Class::Internal => {}
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            answered: self.answered.load(Relaxed),
            limited: self.limited.load(Relaxed),
            attack: self.attack.load(Relaxed),
            probe: self.probe.load(Relaxed),
            control: self.control.load(Relaxed),
            suspended: self.suspended.load(Relaxed),
            ..Usage::default()
        }
    }

    pub(crate) fn detail(&self) -> Detail {
        Detail {
            nxdomain: self.nxdomain.load(Relaxed),
            nodata: self.nodata.load(Relaxed),
            tcp: self.tcp.load(Relaxed),
            signed: self.signed.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            units: self.units.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a query touches fits into what one memory access brings.
    #[test]
    fn a_zone_takes_two_lines() {
        assert_eq!(size_of::<ZoneCell>(), 128);
        assert_eq!(std::mem::offset_of!(ZoneCell, nodata), 64);
    }
}
