//! What clients may cost in handshakes (RELIABILITY P18).
//!
//! A handshake costs this side as much as hundreds of queries, and the client next to nothing. So time is
//! what is limited, not a count: each client (an IPv4 address, a /64 of IPv6) has a bucket of processor
//! time that refills by a share of a core. Whoever has used it up is turned away before anything is
//! computed, until it has refilled. Queries on connections that stand are not touched.
//!
//! The table has a fixed size. A client has two places it may stand, found by a keyed hash; when both
//! are taken by others who still owe, it shares the bucket of the one who owes less. That can turn away
//! an innocent only while thousands of clients are over their share at once.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use bailiwick_meter::Tick;

use crate::connections::client_of;

/// The buckets of one thread.
pub(crate) struct Budget {
    places: Vec<Bucket>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    client: u32,
    /// Microseconds that have to pass, from `since` on, until nothing is owed.
    owed_us: u64,
    since: Tick,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![Bucket::default(); PLACES],
            hasher: RandomState::new(),
        }
    }

    /// May this client have another handshake?
    pub(crate) fn allows(&mut self, client: IpAddr, now: Tick) -> bool {
        self.bucket(client, now).owed_us < BURST_US * SHARE
    }

    /// It took so long.
    pub(crate) fn charge(&mut self, client: IpAddr, spent: Duration, now: Tick) {
        let bucket = self.bucket(client, now);
        let spent = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        bucket.owed_us = bucket.owed_us.saturating_add(spent.saturating_mul(SHARE));
    }

    /// The client's bucket, refilled up to `now`.
    fn bucket(&mut self, client: IpAddr, now: Tick) -> &mut Bucket {
        let hash = self.hasher.hash_one(client_of(client));
        let tag = (hash >> 32) as u32;
        let [first, second] = [hash as usize % PLACES, (hash >> 16) as usize % PLACES];
        for place in [first, second] {
            self.places[place].refill(now);
        }
        let is_own = |place: usize| self.places[place].client == tag;
        let place = if is_own(first) || self.places[first].owed_us == 0 {
            first
        } else if is_own(second) || self.places[second].owed_us <= self.places[first].owed_us {
            second
        } else {
            first
        };
        let bucket = &mut self.places[place];
        if bucket.owed_us == 0 {
            bucket.client = tag;
        }
        bucket
    }
}

impl Bucket {
    fn refill(&mut self, now: Tick) {
        let passed = u64::try_from(now.since(self.since).as_micros()).unwrap_or(u64::MAX);
        self.owed_us = self.owed_us.saturating_sub(passed);
        self.since = now;
    }
}

/// 64 KiB of a thread's memory.
const PLACES: usize = 2048;
/// A client may use a quarter of a core in the long run …
const SHARE: u64 = 4;
/// … and a second of it at once: some thousand handshakes.
const BURST_US: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const FLOODER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// RELIABILITY P18: limited by time used, and only whoever used it.
    #[test]
    fn whoever_used_up_a_second_waits_and_nobody_else() {
        let mut budget = Budget::new();
        let now = Tick::from_millis(1000);
        budget.charge(FLOODER, Duration::from_micros(BURST_US - 1), now);
        assert!(budget.allows(FLOODER, now));
        budget.charge(FLOODER, Duration::from_micros(1), now);
        assert!(!budget.allows(FLOODER, now));
        assert!(budget.allows(OTHER, now));
        // A quarter of a core, however often it comes to look: one microsecond costs four.
        budget.charge(FLOODER, Duration::from_micros(1), now);
        for later in 0..=SHARE {
            assert!(!budget.allows(FLOODER, Tick(now.0 + later)));
        }
        assert!(budget.allows(FLOODER, Tick(now.0 + SHARE + 1)));
    }

    #[test]
    fn a_thousand_flooders_leave_most_others_alone() {
        let mut budget = Budget::new();
        let now = Tick::from_millis(1000);
        let client = |n: u32| IpAddr::from(n.to_be_bytes());
        for n in 0..1000 {
            budget.charge(client(n), Duration::from_secs(2), now);
        }
        let allowed = (5000..6000).filter(|n| budget.allows(client(*n), now));
        // Both places of an innocent are taken with a chance of about (1000/2048)².
        assert!(allowed.count() > 600);
    }

    /// A subscriber has a /64 of IPv6.
    #[test]
    fn addresses_of_one_64_share_a_bucket() {
        let mut budget = Budget::new();
        let now = Tick::from_millis(1);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        budget.charge(ip("2001:db8::1"), Duration::from_secs(1), now);
        assert!(!budget.allows(ip("2001:db8::2"), now));
        assert!(budget.allows(ip("2001:db8:0:1::1"), now));
    }
}
