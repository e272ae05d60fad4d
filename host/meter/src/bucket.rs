//! Token buckets in a table of fixed size.
//!
//! A bucket is one number, the time at which it will be full again (the generic cell rate
//! algorithm), so a query costs one compare and one store. Buckets live in sets of four that fill a
//! cache line; a newcomer takes the place of the one that is fullest, which loses least. Keys are
//! hashed with a secret, so nobody can aim at a victim's set, and a quiet client never inherits
//! another's debt: a bucket is found by its whole 64-bit hash (RELIABILITY P13). Threads share the
//! table; a race between two of them miscounts by a query.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::query::Source;
use crate::rule::Limit;
use crate::tick::Tick;

/// Sets in the table: 32,768 of 64 octets are 2 MiB and 131,072 buckets.
const SETS: usize = 1 << 15;
const WAYS: usize = 4;

pub(crate) struct Buckets {
    secret: u64,
    sets: Box<[Set]>,
}

#[derive(Default)]
#[repr(align(64))]
struct Set {
    keys: [AtomicU64; WAYS],
    /// When each will be full again, in microseconds.
    full_at: [AtomicU64; WAYS],
}

impl Buckets {
    pub(crate) fn new(secret: u64) -> Self {
        Self {
            secret,
            sets: std::iter::repeat_with(Set::default).take(SETS).collect(),
        }
    }

    /// Takes a token from the bucket of `source` under rule `rule`; false when there is none.
    pub(crate) fn take(&self, rule: u64, limit: &Limit, source: Source, now: Tick) -> bool {
        if limit.per_second == 0 {
            return false;
        }
        let bits = if source.is_v4() {
            limit.v4_len.min(32) + 96
        } else {
            limit.v6_len.min(128)
        };
        let prefix = source.masked(bits);
        // The family is part of the key: with length 0 each has one bucket of its own.
        let key = self.hash(rule ^ u64::from(source.is_v4()), prefix);
        let Some(set) = self.sets.get(key as usize % SETS) else {
            return true;
        };
        let way = set.find_or_claim(key);
        let Some(full_at) = set.full_at.get(way) else {
            return true;
        };
        let token = (1_000_000 / u64::from(limit.per_second)).max(1);
        // One token more than the burst would leave a bucket of burst 0 unable to give any.
        let depth = token.saturating_mul(u64::from(limit.burst.max(1)));
        let mut was = full_at.load(Relaxed);
        for _ in 0..TRIES {
            let next = was.max(now.0).saturating_add(token);
            if next > now.0.saturating_add(depth) {
                return false;
            }
            match full_at.compare_exchange_weak(was, next, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(current) => was = current,
            }
        }
        true
    }

    fn hash(&self, rule: u64, prefix: Source) -> u64 {
        let fold = |a: u64, b: u64| {
            let wide = u128::from(a).wrapping_mul(u128::from(b));
            wide as u64 ^ (wide >> 64) as u64
        };
        let first = fold(prefix.hi ^ self.secret, prefix.lo ^ 0x9e37_79b9_7f4a_7c15);
        // Zero marks a free place.
        fold(first ^ rule, self.secret | 1).max(1)
    }
}

impl Set {
    fn find_or_claim(&self, key: u64) -> usize {
        let (mut fullest, mut fullest_at) = (0, u64::MAX);
        for (way, (held, full_at)) in self.keys.iter().zip(&self.full_at).enumerate() {
            if held.load(Relaxed) == key {
                return way;
            }
            let full_at = full_at.load(Relaxed);
            if full_at < fullest_at {
                (fullest, fullest_at) = (way, full_at);
            }
        }
        if let (Some(held), Some(full_at)) = (self.keys.get(fullest), self.full_at.get(fullest)) {
            held.store(key, Relaxed);
            full_at.store(0, Relaxed);
        }
        fullest
    }
}

/// Another thread won the race so often: let the query go.
const TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Action;

    fn limit(per_second: u32, burst: u32) -> Limit {
        Limit {
            per_second,
            burst,
            v4_len: 24,
            v6_len: 56,
            over: Action::Drop,
        }
    }

    fn client(n: u32) -> Source {
        Source::from_v4(0x0a00_0000 + n * 256)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let buckets = Buckets::new(1);
        let limit = limit(100, 20);
        let given = |from: u64, to: u64| {
            (from..to)
                .filter(|ms| buckets.take(1, &limit, client(1), Tick::from_millis(1000 + ms)))
                .count()
        };
        // 1,000 queries in the first second: the burst, and a hundred more as they come back.
        assert!((118..=121).contains(&given(0, 1000)), "burst and rate");
        assert!((99..=101).contains(&given(1000, 2000)), "rate alone");
    }

    #[test]
    fn a_prefix_shares_a_bucket_and_its_neighbour_does_not() {
        let buckets = Buckets::new(1);
        let limit = limit(1, 1);
        let now = Tick::from_millis(5000);
        assert!(buckets.take(1, &limit, Source::from_v4(0x0a00_0001), now));
        assert!(!buckets.take(1, &limit, Source::from_v4(0x0a00_00fe), now));
        assert!(buckets.take(1, &limit, Source::from_v4(0x0a00_0101), now));
        assert!(
            buckets.take(2, &limit, Source::from_v4(0x0a00_00fe), now),
            "another rule, another bucket"
        );
    }

    #[test]
    fn length_zero_is_one_bucket_for_a_family() {
        let buckets = Buckets::new(1);
        let limit = Limit {
            v4_len: 0,
            v6_len: 0,
            ..limit(1, 2)
        };
        let now = Tick::from_millis(5000);
        let taken = (0..10)
            .filter(|n| buckets.take(1, &limit, client(*n), now))
            .count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn rate_zero_lets_nothing_through() {
        assert!(!Buckets::new(1).take(1, &limit(0, 5), client(1), Tick::from_millis(5000)));
    }

    /// RELIABILITY P13: a million sources cannot get a quiet client limited.
    #[test]
    fn quiet_clients_are_never_limited_by_a_flood_of_others() {
        let buckets = Buckets::new(0x1234_5678_9abc_def1);
        let limit = limit(5, 10);
        let mut limited = 0;
        for n in 0..1_000_000u32 {
            let now = Tick(1_000_000 + u64::from(n) * 30);
            buckets.take(1, &limit, client(n % 65_536 + 65_536), now);
            if n % 1000 == 0 {
                limited += u32::from(!buckets.take(1, &limit, client(n / 1000), now));
            }
        }
        assert_eq!(limited, 0);
    }
}
