//! Leases: so many units for a zone, until then, and what then.
//!
//! A lease in force is one cache line for its zone slot: its terms, written by whoever installs it,
//! and the pool its units are taken from. Worker threads take units from the pool in portions and
//! spend them without looking at it again, so the common query costs a compare and a subtraction in
//! the thread's own memory. Portions shrink with the pool: never more units are given than were
//! granted, and what other threads still hold when the pool is empty is at most a portion each.
//!
//! ```text
//!          grant                low water / end / empty
//! vacant ───────▶ in force ───────────────────────────▶ in force, asked for
//!    │ first use      ▲                                      │
//!    └──── asked ─────┴────────────── grant ─────────────────┘
//!                                     no grant: `on_empty`, or free, as the terms say
//! ```
//!
//! Terms are guarded by a sequence number, even when they are whole; the pool carries part of it, so
//! that no unit is ever taken from one lease on the terms of another.

use std::sync::atomic::{
    AtomicU8, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};

use crate::rule::Action;
use crate::slots::{CHUNK, SlotTable, place};
use crate::tick::Tick;

/// Units that one answered query takes, added up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weights {
    /// Every query.
    pub base: u16,
    /// More when the name does not exist.
    pub nxdomain: u16,
    /// More for type ANY.
    pub any: u16,
    /// More over a stream.
    pub tcp: u16,
    /// More when DNSSEC records are asked for.
    pub signed: u16,
    /// More for each 1,024 octets sent.
    pub per_kib_out: u16,
}

impl Default for Weights {
    /// One unit a query, whatever it is.
    fn default() -> Self {
        Self {
            base: 1,
            nxdomain: 0,
            any: 0,
            tcp: 0,
            signed: 0,
            per_kib_out: 0,
        }
    }
}

/// What goes on when a lease ran out or ended and no other came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fallback {
    /// As without leases: answer and count.
    #[default]
    Native,
    /// What held last: answering, or `on_empty` where it had come to that.
    Last,
}

/// A lease to put in force in place of the one that is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseGrant {
    /// Units, counted from the moment the lease was asked for.
    pub units: u64,
    /// For how long.
    pub ttl_ms: u32,
    /// Ask again once so much is left; none: there is no more before the lease ends.
    pub low_water: Option<u64>,
    /// What a query costs.
    pub weights: Weights,
    /// Without `low_water`: what happens from when the units are used up until the lease ends.
    pub on_empty: Action,
    /// What happens when the next lease does not come in time.
    pub on_failure: Fallback,
}

/// Why a lease is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum AskReason {
    /// The zone was asked for and has none.
    FirstUse = 1,
    /// Little is left.
    LowWater = 2,
    /// Nothing is left.
    Exhausted = 3,
    /// It ended.
    Expired = 4,
}

/// A zone that wants a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseWant {
    /// The zone's slot.
    pub slot: u32,
    /// Why.
    pub reason: AskReason,
    /// Units left of the lease in force.
    pub remaining: u64,
    /// Weighted mean over about a minute, in thousandths of a query a second.
    pub rate_milli: u64,
}

/// Leases of all zones.
pub(crate) struct LeaseTable {
    chunks: SlotTable<LeaseChunk>,
}

pub(crate) struct LeaseChunk {
    cells: [LeaseCell; CHUNK],
    /// One bit for each cell that wants a lease.
    wants: [AtomicU64; CHUNK / 64],
}

impl Default for LeaseChunk {
    fn default() -> Self {
        Self {
            cells: std::array::from_fn(|_| LeaseCell::default()),
            wants: Default::default(),
        }
    }
}

/// The lease of one zone, on a line of its own.
#[repr(align(64))]
pub(crate) struct LeaseCell {
    /// Even: the terms are whole. Zero: there never was a lease.
    seq: AtomicU32,
    /// The [`AskReason`] of the want that is set.
    reason: AtomicU8,
    /// The zone is suspended.
    pub(crate) suspended: AtomicU8,
    /// Units nobody has taken; the top 16 bits are those of `seq`, halved.
    pool: AtomicU64,
    ends: AtomicU64,
    /// `u64::MAX`: none.
    low_water: AtomicU64,
    /// The largest portion a thread takes.
    portion: AtomicU64,
    /// base, nxdomain, any, tcp.
    pub(crate) weights: AtomicU64,
    /// signed, `per_kib_out`; then whether the slot is vacant and what `on_failure` is.
    pub(crate) rest: AtomicU64,
    on_empty: AtomicU64,
}

/// The terms of one lease, read whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) seq: u32,
    pub(crate) ends: Tick,
    pub(crate) low_water: Option<u64>,
    pub(crate) on_empty: Action,
    pub(crate) on_failure: Fallback,
    pub(crate) vacant: bool,
}

impl LeaseTable {
    pub(crate) fn new() -> Self {
        Self {
            chunks: SlotTable::new(),
        }
    }

    #[inline]
    pub(crate) fn chunk(&self, slot: u32) -> Option<&LeaseChunk> {
        self.chunks.chunk(slot)
    }

    /// The cell, if the zone was ever asked for.
    pub(crate) fn cell_if_there(&self, slot: u32) -> Option<&LeaseCell> {
        self.chunks
            .chunk_if_there(slot)
            .map(|chunk| chunk.cell(slot))
    }

    /// Takes every want that is set.
    pub(crate) fn drain_wants(&self, mut each: impl FnMut(u32, AskReason)) {
        for (first, chunk) in self.chunks.chunks() {
            for (base, word) in (first..).step_by(64).zip(&chunk.wants) {
                if word.load(Relaxed) == 0 {
                    continue;
                }
                let mut bits = word.swap(0, Acquire);
                while bits != 0 {
                    let slot = base + bits.trailing_zeros();
                    bits &= bits - 1;
                    let reason = match chunk.cell(slot).reason.load(Relaxed) {
                        2 => AskReason::LowWater,
                        3 => AskReason::Exhausted,
                        4 => AskReason::Expired,
                        _ => AskReason::FirstUse,
                    };
                    each(slot, reason);
                }
            }
        }
    }

    /// How many leases are in force at `now`.
    pub(crate) fn in_force(&self, now: Tick) -> usize {
        let cells = self.chunks.chunks().flat_map(|(_, chunk)| &chunk.cells);
        cells
            .filter_map(LeaseCell::terms)
            .filter(|terms| !terms.vacant && now < terms.ends)
            .count()
    }
}

impl LeaseChunk {
    #[inline]
    pub(crate) fn cell(&self, slot: u32) -> &LeaseCell {
        &self.cells[place(slot)]
    }

    /// Says that `slot` wants a lease. Saying it again costs nothing.
    pub(crate) fn want(&self, slot: u32, reason: AskReason) {
        let word = &self.wants[place(slot) / 64];
        self.cell(slot).reason.store(reason as u8, Relaxed);
        let bit = 1 << (place(slot) % 64);
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Release);
        }
    }
}

impl Default for LeaseCell {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            seq: AtomicU32::new(0),
            reason: AtomicU8::new(0),
            suspended: AtomicU8::new(0),
            pool: zero(),
            ends: zero(),
            low_water: zero(),
            portion: zero(),
            // Before the first lease a query is one unit: what it spends may be part of that lease.
            weights: AtomicU64::new(1),
            rest: zero(),
            on_empty: zero(),
        }
    }
}

impl LeaseCell {
    #[inline]
    pub(crate) fn seq(&self) -> u32 {
        self.seq.load(Relaxed)
    }

    /// Can a query cost more than the base weight?
    #[inline]
    pub(crate) fn weighs_more(&self) -> bool {
        self.weights.load(Relaxed) >> 16 != 0 || self.rest.load(Relaxed) as u32 != 0
    }

    /// The terms in force; nothing while they are being written or before the first.
    pub(crate) fn terms(&self) -> Option<Terms> {
        let mut seq = self.seq.load(Acquire);
        // Writing takes nanoseconds, unless the writer lost its core on the way.
        for _ in 0..SPINS {
            if seq.is_multiple_of(2) {
                break;
            }
            std::hint::spin_loop();
            seq = self.seq.load(Acquire);
        }
        if seq == 0 || !seq.is_multiple_of(2) {
            return None;
        }
        let rest = self.rest.load(Relaxed);
        let low_water = self.low_water.load(Relaxed);
        let terms = Terms {
            seq,
            ends: Tick(self.ends.load(Relaxed)),
            low_water: (low_water != u64::MAX).then_some(low_water),
            on_empty: unpack_action(self.on_empty.load(Relaxed)),
            on_failure: if rest >> 32 & 1 == 1 {
                Fallback::Last
            } else {
                Fallback::Native
            },
            vacant: rest >> 33 & 1 == 1,
        };
        // The fields were read before the number is read again.
        std::sync::atomic::fence(Acquire);
        (self.seq.load(Relaxed) == seq).then_some(terms)
    }

    /// Puts a lease in force. Only one caller at a time: the meter's book holds the lock.
    pub(crate) fn install(
        &self,
        grant: Option<&LeaseGrant>,
        units: u64,
        ends: Tick,
        threads: usize,
    ) {
        let seq = self.seq.load(Relaxed);
        self.seq.store(seq.wrapping_add(1), Relaxed);
        std::sync::atomic::fence(Release);
        let units = units.min(UNITS_MAX);
        // Zero means "never": step over it when the number wraps.
        let next = match seq.wrapping_add(2) {
            0 => 2,
            next => next,
        };
        self.pool.store(tag(next) | units, Relaxed);
        self.ends.store(ends.0, Relaxed);
        let sixteenth = units / 16 / threads.max(1) as u64;
        self.portion.store(sixteenth.max(PORTION_MIN), Relaxed);
        let (weights, low_water, on_empty, on_failure) = match grant {
            Some(grant) => (
                grant.weights,
                grant.low_water,
                grant.on_empty,
                grant.on_failure,
            ),
            None => (Weights::default(), None, Action::Allow, Fallback::Native),
        };
        self.low_water.store(low_water.unwrap_or(u64::MAX), Relaxed);
        let [base, nxdomain, any, tcp] =
            [weights.base, weights.nxdomain, weights.any, weights.tcp].map(u64::from);
        self.weights
            .store(base | nxdomain << 16 | any << 32 | tcp << 48, Relaxed);
        let rest = u64::from(weights.signed)
            | u64::from(weights.per_kib_out) << 16
            | u64::from(on_failure == Fallback::Last) << 32
            | u64::from(grant.is_none()) << 33;
        self.rest.store(rest, Relaxed);
        self.on_empty.store(pack_action(on_empty), Relaxed);
        self.seq.store(next, Release);
    }

    /// Takes a portion of at least `least` units if there are so many, and says what is left after
    /// it. Nothing when the pool is that of another lease.
    pub(crate) fn take(&self, seq: u32, least: u64, threads: usize) -> Option<(u64, u64)> {
        let portion = self.portion.load(Relaxed);
        let mut pool = self.pool.load(Relaxed);
        loop {
            let held = pool & UNITS_MAX;
            if pool & !UNITS_MAX != tag(seq) {
                return None;
            }
            if held < least {
                return Some((0, held));
            }
            let share = held / (2 * threads.max(1) as u64);
            let taken = portion.min(share).max(least).min(held);
            match self
                .pool
                .compare_exchange_weak(pool, pool - taken, AcqRel, Relaxed)
            {
                Ok(_) => return Some((taken, held - taken)),
                Err(current) => pool = current,
            }
        }
    }

    /// Takes up to `units` of the lease whose [`short`] number is `seq`, and forgets the rest.
    pub(crate) fn take_up_to(&self, seq: u16, units: u64) {
        // Fails only if the pool went to another lease.
        let _ = self.pool.fetch_update(AcqRel, Relaxed, |pool| {
            (pool >> 48 == u64::from(seq)).then(|| pool - units.min(pool & UNITS_MAX))
        });
    }

    /// Units that no thread has taken.
    pub(crate) fn left_in_pool(&self) -> u64 {
        self.pool.load(Relaxed) & UNITS_MAX
    }
}

/// A want is said again this often while nobody answers it.
pub(crate) const ASK_AGAIN_MS: u64 = 1000;
/// For so long after its end a lease that denied goes on denying, so that a grant on its way
/// arrives first.
pub(crate) const GRACE_MS: u64 = 250;
/// Units of a thread that need not be counted: no lease is in force, or its fallback says so.
pub(crate) const FREE: u64 = 1 << 60;

/// How long a reader waits for terms that are being written.
const SPINS: u32 = 2000;
const UNITS_MAX: u64 = (1 << 48) - 1;
const PORTION_MIN: u64 = 64;

/// What the pool and the threads keep of a lease's number.
pub(crate) const fn short(seq: u32) -> u16 {
    (seq >> 1) as u16
}

const fn tag(seq: u32) -> u64 {
    (short(seq) as u64) << 48
}

fn pack_action(action: Action) -> u64 {
    match action {
        Action::Allow => 0,
        Action::Drop => 1,
        Action::Truncate => 2,
        Action::Slip(n) => 3 | u64::from(n) << 8,
        Action::Deny { rcode, ede: None } => 4 | u64::from(rcode) << 16,
        Action::Deny {
            rcode,
            ede: Some(ede),
        } => 5 | u64::from(rcode) << 16 | u64::from(ede) << 32,
    }
}

fn unpack_action(packed: u64) -> Action {
    let rcode = (packed >> 16) as u16;
    match packed & 0xff {
        1 => Action::Drop,
        2 => Action::Truncate,
        3 => Action::Slip((packed >> 8) as u8),
        4 => Action::Deny { rcode, ede: None },
        5 => Action::Deny {
            rcode,
            ede: Some((packed >> 32) as u16),
        },
        _ => Action::Allow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(units: u64) -> LeaseGrant {
        LeaseGrant {
            units,
            ttl_ms: 1000,
            low_water: Some(7),
            weights: Weights {
                base: 1,
                nxdomain: 2,
                any: 3,
                tcp: 4,
                signed: 5,
                per_kib_out: 6,
            },
            on_empty: Action::Deny {
                rcode: 5,
                ede: Some(18),
            },
            on_failure: Fallback::Last,
        }
    }

    #[test]
    fn terms_are_read_as_they_were_written() {
        let cell = LeaseCell::default();
        assert!(cell.terms().is_none());
        cell.install(Some(&grant(1000)), 1000, Tick(77), 1);
        let terms = cell.terms().unwrap();
        assert_eq!(
            (terms.ends, terms.low_water, terms.vacant),
            (Tick(77), Some(7), false)
        );
        assert_eq!(
            (terms.on_empty, terms.on_failure),
            (grant(0).on_empty, Fallback::Last)
        );
        assert_eq!(cell.left_in_pool(), 1000);
    }

    #[test]
    fn actions_survive_packing() {
        let deny = |ede| Action::Deny { rcode: 3, ede };
        for action in [
            Action::Allow,
            Action::Drop,
            Action::Truncate,
            Action::Slip(9),
            deny(None),
            deny(Some(0)),
        ] {
            assert_eq!(unpack_action(pack_action(action)), action);
        }
    }

    #[test]
    fn portions_shrink_with_the_pool_and_add_up_to_it() {
        let cell = LeaseCell::default();
        cell.install(Some(&grant(10_000)), 10_000, Tick(1), 4);
        let seq = cell.seq();
        let (mut sum, mut last) = (0, u64::MAX);
        while let Some((taken @ 1.., _)) = cell.take(seq, 1, 4) {
            assert!(taken <= last);
            (sum, last) = (sum + taken, taken);
        }
        assert_eq!((sum, last), (10_000, 1));
    }

    #[test]
    fn nothing_is_taken_from_a_lease_on_the_terms_of_another() {
        let cell = LeaseCell::default();
        cell.install(Some(&grant(100)), 100, Tick(1), 1);
        let old = cell.seq();
        cell.install(Some(&grant(500)), 500, Tick(2), 1);
        assert_eq!(cell.take(old, 1, 1), None);
        cell.take_up_to(short(old), 50);
        assert_eq!(cell.left_in_pool(), 500);
    }

    #[test]
    fn wants_are_drained_once() {
        let table = LeaseTable::new();
        for slot in [3, 70, 300] {
            table.chunk(slot).unwrap().want(slot, AskReason::LowWater);
            table.chunk(slot).unwrap().want(slot, AskReason::Expired);
        }
        let mut seen = Vec::new();
        table.drain_wants(|slot, reason| seen.push((slot, reason)));
        assert_eq!(seen, [3, 70, 300].map(|slot| (slot, AskReason::Expired)));
        table.drain_wants(|slot, _| panic!("{slot} was drained already"));
    }
}
