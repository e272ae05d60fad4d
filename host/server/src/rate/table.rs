//! Token buckets in a table of fixed size, shared by all threads without a lock.
//!
//! A bucket is one 64-bit word: a tag of 32 bits, and the time at which the bucket is full again (the
//! generic cell rate algorithm), in ticks of four microseconds modulo 2³² (4.8 hours). So a look is a
//! load, and a change one compare-and-swap that no thread can see half of. Eight buckets make a cache
//! line. The set and the tag are 50 bits of a keyed `SipHash`: nobody outside can aim at a set, and two
//! sources share a bucket once in 10¹⁵ pairs.
//!
//! A newcomer takes the place of the bucket of its set that owes least, and starts full: a quiet client
//! is never limited for what others did, and a flood of a million sources cannot push out the one that
//! owes most (RELIABILITY P13). A time that is further ahead than any bucket can be is one of hours
//! ago, and means full.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bailiwick_meter::Tick;

use crate::sys::{Line, zeroed_lines};

/// Sets in the table: 131,072 of 64 octets are 8 MiB and a million buckets.
const SETS: usize = 1 << 17;
pub(crate) struct Table {
    sets: Box<[Line]>,
}

/// What a token costs, in ticks, and how much a bucket may owe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Price {
    token: u32,
    depth: u32,
}

impl Price {
    /// `rate` tokens a second, of which `burst` may be taken at once.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        let token = (TICKS_A_SECOND / rate.max(1)).max(1);
        Self {
            token,
            depth: token.saturating_mul(burst.max(1)).min(AHEAD_MAX),
        }
    }
}

impl Table {
    pub(crate) fn new() -> Self {
        // Zero is an empty bucket; memory is used as it is touched.
        Self {
            sets: zeroed_lines(SETS),
        }
    }

    /// Takes tokens from the bucket of `key`; false, and nothing taken, when it has not so many. More
    /// than a full bucket holds are as many as it holds.
    #[inline]
    pub(crate) fn take(&self, key: u64, now: Tick, price: &Price, tokens: u32) -> bool {
        let Some(Line(ways)) = self.sets.get(key as usize % SETS) else {
            return true;
        };
        let (tag, now) = (key >> 32, (now.0 / TICK_US) as u32);
        let cost = price.token.saturating_mul(tokens).min(price.depth);
        let mut least = (u32::MAX, None);
        for way in ways {
            let held = way.load(Relaxed);
            if held >> 32 == tag {
                return add(way, held, now, cost, price.depth);
            }
            let owes = ahead(held, now);
            if owes < least.0 {
                least = (owes, Some((way, held)));
            }
        }
        if let Some((way, held)) = least.1 {
            let fresh = tag << 32 | u64::from(now.wrapping_add(cost));
            // If another thread was faster, this query goes uncounted.
            let _ = way.compare_exchange(held, fresh, Relaxed, Relaxed);
        }
        true
    }
}

/// Adds to what the bucket owes, unless that would be more than it may.
#[inline]
fn add(way: &AtomicU64, mut held: u64, now: u32, cost: u32, depth: u32) -> bool {
    for _ in 0..TRIES {
        let owes = ahead(held, now).saturating_add(cost);
        if owes > depth {
            return false;
        }
        let next = held >> 32 << 32 | u64::from(now.wrapping_add(owes));
        match way.compare_exchange_weak(held, next, Relaxed, Relaxed) {
            Ok(_) => return true,
            // Another source has the place now.
            Err(other) if other >> 32 != held >> 32 => return true,
            Err(other) => held = other,
        }
    }
    true
}

/// What a bucket owes, in ticks.
#[inline]
fn ahead(held: u64, now: u32) -> u32 {
    let ahead = (held as u32).wrapping_sub(now);
    if ahead > AHEAD_MAX { 0 } else { ahead }
}

const TICK_US: u64 = 4;
const TICKS_A_SECOND: u32 = 1_000_000 / TICK_US as u32;
/// What a bucket may owe at most: a minute.
const AHEAD_MAX: u32 = 60 * TICKS_A_SECOND;
/// Other threads won the race so often: let the query go.
const TRIES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::LINE_WORDS;

    fn at(ms: u64) -> Tick {
        Tick::from_millis(ms)
    }

    /// RELIABILITY P13.
    #[test]
    fn p13_the_table_has_a_fixed_size_below_16_mib() {
        assert_eq!(size_of::<Line>(), 64);
        const { assert!(SETS * size_of::<Line>() <= 16 << 20) };
        const { assert!(SETS * LINE_WORDS >= 1_000_000) };
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let (table, price) = (Table::new(), Price::new(100, 20));
        let given = |from: u64, to: u64| {
            (from..to)
                .filter(|ms| table.take(7 << 32, at(*ms), &price, 1))
                .count()
        };
        assert!((118..=121).contains(&given(1000, 2000)), "burst and rate");
        assert!((99..=101).contains(&given(2000, 3000)), "rate alone");
    }

    #[test]
    fn what_costs_more_runs_out_sooner_and_takes_nothing_when_it_cannot_pay() {
        let (table, price) = (Table::new(), Price::new(10, 10));
        assert!(table.take(7 << 32, at(0), &price, 8));
        assert!(!table.take(7 << 32, at(0), &price, 3));
        assert!(table.take(7 << 32, at(0), &price, 2));
        assert!(!table.take(7 << 32, at(0), &price, 1));
    }

    /// The clock comes round every 4.8 hours: what was owed then is owed no more.
    #[test]
    fn a_bucket_of_hours_ago_is_full() {
        let price = Price::new(1, 60);
        let table = Table::new();
        assert!(table.take(7 << 32, at(0), &price, 60));
        assert!(!table.take(7 << 32, at(1), &price, 1));
        for minutes in [2, 60, 2 * 60 + 20, 2 * 60 + 40, 4 * 60] {
            let table = Table::new();
            assert!(table.take(7 << 32, at(0), &price, 60));
            let later = at(minutes * 60_000);
            assert!(
                table.take(7 << 32, later, &price, 60),
                "after {minutes} minutes"
            );
        }
    }

    /// RELIABILITY P13: a million sources push out neither the debt of the one that floods nor a quiet
    /// client's good standing.
    #[test]
    fn p13_a_million_sources_limit_no_quiet_client_and_free_no_flooder() {
        use std::hash::{BuildHasher, RandomState};
        let (table, price, keys) = (Table::new(), Price::new(200, 200), RandomState::new());
        let (mut quiet_limited, mut flooder_given) = (0, 0);
        for n in 0..1_000_000u64 {
            let now = Tick(1_000_000 + n * 30);
            // Each source a few times, as a reflector would be made to send.
            for _ in 0..3 {
                table.take(keys.hash_one((n % 1_000_000, 1)), now, &price, 1);
            }
            flooder_given += u32::from(table.take(keys.hash_one("flooder"), now, &price, 1));
            if n % 1000 == 0 {
                let quiet = keys.hash_one((n, "quiet"));
                quiet_limited += u32::from(!table.take(quiet, now, &price, 1));
            }
        }
        assert_eq!(quiet_limited, 0);
        // 30 seconds at 200 and the burst.
        assert!((6000..=6400).contains(&flooder_given), "{flooder_given}");
    }

    /// Threads that share a bucket get what it has between them; one that loses its race four times
    /// over goes uncounted, which is rare.
    #[test]
    fn threads_share_a_bucket() {
        let (table, price) = (Table::new(), Price::new(1000, 1000));
        let taken = || (0..1000).filter(|_| table.take(7 << 32, at(5), &price, 1));
        let given: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| taken().count())).collect();
            let counts = threads.into_iter().map(|thread| thread.join().unwrap());
            counts.sum()
        });
        assert!((1000..1100).contains(&given), "{given}");
    }
}
