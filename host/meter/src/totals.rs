//! What one thread, or all of them, did: the figures behind the metrics page.
//!
//! Fixed label sets only (RELIABILITY P22): transports, response codes and a bucket of types, never
//! a name or a client.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bailiwick_zone::rtype::RecordType;

use crate::class::{Class, Usage};
use crate::query::Transport;

/// Names of the type buckets, in the order of [`TotalsSnapshot::qtypes`].
pub const QTYPE_LABELS: [&str; 18] = [
    "other", "A", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "AAAA", "SRV", "DS", "DNSKEY", "NSEC",
    "TLSA", "HTTPS", "CAA", "RRSIG", "ANY",
];

/// Six transports on two families.
const TRANSPORTS: usize = 12;
/// Response codes with a counter of their own; the last counts all above.
const RCODES: usize = 25;

/// One thread's figures; only that thread writes them.
#[derive(Default)]
pub(crate) struct Totals {
    classes: [AtomicU64; Class::ALL.len()],
    transports: [AtomicU64; TRANSPORTS],
    rcodes: [AtomicU64; RCODES],
    qtypes: [AtomicU64; QTYPE_LABELS.len()],
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) nxdomain: AtomicU64,
    pub(crate) nodata: AtomicU64,
    pub(crate) referrals: AtomicU64,
    pub(crate) truncated: AtomicU64,
    pub(crate) silent: AtomicU64,
    pub(crate) unsent: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) batches: AtomicU64,
}

/// Figures of one thread or a sum of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TotalsSnapshot {
    /// Queries by class.
    pub classes: Usage,
    /// Queries by transport and family; [`Self::by_transport`] finds one.
    transports: [u64; TRANSPORTS],
    /// Answers by response code; the last counts all above 23.
    pub rcodes: [u64; RCODES],
    /// Queries by type, named by [`QTYPE_LABELS`].
    pub qtypes: [u64; QTYPE_LABELS.len()],
    /// Octets of the queries.
    pub bytes_in: u64,
    /// Octets of the answers.
    pub bytes_out: u64,
    /// Answers that the name does not exist.
    pub nxdomain: u64,
    /// Answers that the name has no such data.
    pub nodata: u64,
    /// Answers that point at another zone's servers.
    pub referrals: u64,
    /// Answers with TC set.
    pub truncated: u64,
    /// Queries that got no answer, by rule or because none is due.
    pub silent: u64,
    /// Answers that the system did not take.
    pub unsent: u64,
    /// Panics caught; each lost at most one query.
    pub panics: u64,
    /// Batches received over UDP.
    pub batches: u64,
}

/// Adds to a counter that nobody else writes: no atomic read-modify-write is needed.
#[inline(always)]
pub(crate) fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

impl Totals {
    #[inline]
    pub(crate) fn count(&self, class: Class, transport: Transport, v6: bool, qtype: RecordType) {
        bump(&self.classes[class as usize], 1);
        bump(&self.transports[place_of(transport, v6)], 1);
        bump(&self.qtypes[bucket(qtype)], 1);
    }

    #[inline]
    pub(crate) fn count_answer(&self, rcode: u16, octets: u64) {
        bump(&self.rcodes[usize::from(rcode).min(RCODES - 1)], 1);
        bump(&self.bytes_out, octets);
    }

    pub(crate) fn add_to(&self, sum: &mut TotalsSnapshot) {
        for (class, counter) in Class::ALL.into_iter().zip(&self.classes) {
            add(sum.classes.of_mut(class), counter);
        }
        let lists = [
            (&mut sum.transports[..], &self.transports[..]),
            (&mut sum.rcodes[..], &self.rcodes[..]),
            (&mut sum.qtypes[..], &self.qtypes[..]),
        ];
        for (sums, counters) in lists {
            for (sum, counter) in sums.iter_mut().zip(counters) {
                add(sum, counter);
            }
        }
        for (sum, counter) in [
            (&mut sum.bytes_in, &self.bytes_in),
            (&mut sum.bytes_out, &self.bytes_out),
            (&mut sum.nxdomain, &self.nxdomain),
            (&mut sum.nodata, &self.nodata),
            (&mut sum.referrals, &self.referrals),
            (&mut sum.truncated, &self.truncated),
            (&mut sum.silent, &self.silent),
            (&mut sum.unsent, &self.unsent),
            (&mut sum.panics, &self.panics),
            (&mut sum.batches, &self.batches),
        ] {
            add(sum, counter);
        }
    }
}

impl TotalsSnapshot {
    /// Queries over a transport, on IPv6 or IPv4.
    #[must_use]
    pub fn by_transport(&self, transport: Transport, v6: bool) -> u64 {
        self.transports[place_of(transport, v6)]
    }
}

#[inline(always)]
fn place_of(transport: Transport, v6: bool) -> usize {
    transport as usize * 2 + usize::from(v6)
}

fn add(sum: &mut u64, counter: &AtomicU64) {
    *sum = sum.wrapping_add(counter.load(Relaxed));
}

#[inline]
fn bucket(qtype: RecordType) -> usize {
    BUCKETS
        .get(usize::from(qtype.0))
        .map_or(0, |bucket| usize::from(*bucket))
}

/// The bucket of each type; [`QTYPE_LABELS`] names them.
static BUCKETS: [u8; 258] = {
    const TYPES: [usize; QTYPE_LABELS.len()] = [
        0, 1, 2, 5, 6, 12, 15, 16, 28, 33, 43, 48, 47, 52, 65, 257, 46, 255,
    ];
    let mut buckets = [0; 258];
    let mut bucket = 1;
    while bucket < TYPES.len() {
        buckets[TYPES[bucket]] = bucket as u8;
        bucket += 1;
    }
    buckets
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_the_bucket_that_bears_its_name() {
        for (place, label) in QTYPE_LABELS.iter().enumerate().skip(1) {
            let qtype: RecordType = label.parse().unwrap();
            assert_eq!(bucket(qtype), place, "{label}");
        }
    }
}
