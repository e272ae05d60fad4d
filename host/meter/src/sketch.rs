//! Who asks for what, in bounded memory: one thread's part of a traffic window.
//!
//! Three tables of heavy hitters (source prefixes, zones, name suffixes), each of fixed size. An
//! entry that is missing its place takes credit from the weakest one in its set and replaces it when
//! that has none left, so what is asked for often stays and what comes once passes through
//! (RELIABILITY P11: random names cost no memory). Distinct names and clients are estimated by linear
//! counting. At a low rate every query is recorded; above [`BUDGET`] a second a random sample is, each
//! standing for as many as were passed over, so the cost per query falls as the rate rises.
//!
//! A sketch lies behind a lock that its thread only ever tries and the reader holds for the swap of a
//! pointer: the thread never waits, it passes one sample over.

use std::sync::Mutex;

use crate::query::{Query, Source};
use crate::thread::Outcome;
use crate::tick::Tick;

/// One thread's sketch.
pub(crate) struct Sketch {
    pub(crate) sources: Hitters<SourceEntry>,
    pub(crate) zones: Hitters<ZoneEntry>,
    pub(crate) names: Hitters<NameEntry>,
}

/// The part of the sampling that the thread keeps to itself.
pub(crate) struct Sampler {
    /// Queries to pass over before the next is recorded.
    skip: u32,
    /// What a recorded query stands for.
    stride: u32,
    /// Queries since `since`, as far as the samples tell.
    seen: u64,
    since: Tick,
    /// When the last was recorded.
    last: Tick,
    random: u64,
}

/// Exact numbers of what was recorded, times what each record stands for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) samples: u32,
    pub(crate) queries: u64,
    pub(crate) nxdomain: u64,
    pub(crate) limited: u64,
    pub(crate) any: u64,
    pub(crate) tcp: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

#[derive(Clone, Default)]
pub(crate) struct SourceEntry {
    pub(crate) prefix: Option<Source>,
    pub(crate) names: Distinct<8>,
    pub(crate) zones: Distinct<1>,
}

#[derive(Clone, Default)]
pub(crate) struct ZoneEntry {
    pub(crate) slot: u32,
    pub(crate) sources: Distinct<4>,
}

#[derive(Clone)]
pub(crate) struct NameEntry {
    pub(crate) slot: u32,
    wire: [u8; 255],
    len: u8,
    pub(crate) sources: Distinct<4>,
    pub(crate) labels: Distinct<8>,
}

impl Default for NameEntry {
    fn default() -> Self {
        Self {
            slot: 0,
            wire: [0; 255],
            len: 0,
            sources: Distinct::default(),
            labels: Distinct::default(),
        }
    }
}

impl NameEntry {
    pub(crate) fn wire(&self) -> &[u8] {
        self.wire.get(..usize::from(self.len)).unwrap_or(&[0])
    }

    fn set(&mut self, slot: u32, suffix: &[u8]) {
        self.slot = slot;
        if let Some(room) = self.wire.get_mut(..suffix.len()) {
            room.copy_from_slice(suffix);
            self.len = suffix.len() as u8;
        }
    }
}

impl Sampler {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            skip: 0,
            stride: 1,
            seen: 0,
            since: Tick(0),
            last: Tick(0),
            random: seed | 1,
        }
    }

    /// After a flood the pace is that of a flood; a lull ends it.
    #[inline]
    pub(crate) fn look_at_clock(&mut self, now: Tick) {
        if self.stride > 1 && now.0 > self.last.0.saturating_add(LULL) {
            self.skip = 0;
            self.stride = 1;
            self.seen = 0;
            self.since = now;
        }
    }

    /// Is this query one to record?
    #[inline]
    pub(crate) fn due(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        true
    }

    /// Records a query that was due, unless the reader holds the sketch just now.
    #[inline(never)]
    pub(crate) fn record(
        &mut self,
        sketch: &Mutex<Sketch>,
        secret: u64,
        query: &Query<'_>,
        outcome: &Outcome,
        now: Tick,
    ) {
        self.last = now;
        self.seen = self.seen.wrapping_add(u64::from(self.stride));
        if let Ok(mut sketch) = sketch.try_lock() {
            sketch.record(secret, query, outcome, self.stride);
        }
        let elapsed = now.0.saturating_sub(self.since.0);
        if elapsed >= PACE {
            let rate = self.seen.saturating_mul(1_000_000) / elapsed;
            self.stride = (rate / BUDGET).clamp(1, STRIDE_MAX) as u32;
            self.seen = 0;
            self.since = now;
        }
        if self.stride > 1 {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            // Uniform with mean stride - 1, so that no rhythm of the traffic hides from it.
            self.skip = (self.random >> 33) as u32 % (2 * self.stride - 1);
        }
    }
}

impl Sketch {
    pub(crate) fn new() -> Self {
        Self {
            sources: Hitters::new(SOURCE_SETS),
            zones: Hitters::new(ZONE_SETS),
            names: Hitters::new(NAME_SETS),
        }
    }

    fn record(&mut self, secret: u64, query: &Query<'_>, outcome: &Outcome, weight: u32) {
        let bits = if query.source.is_v4() {
            V4_LEN + 96
        } else {
            V6_LEN
        };
        let prefix = query.source.masked(bits);
        let source_hash = hash(secret, query.source);
        let name_hash = query.name.map_or(0, |name| name.suffix_hash(name.labels()));
        if let Some((entry, fresh)) = self.sources.touch(hash(secret, prefix), weight) {
            if fresh {
                entry.what.prefix = Some(prefix);
            }
            entry.counts.add(query, outcome, weight);
            entry.what.names.add(name_hash);
            entry
                .what
                .zones
                .add(u64::from(query.slot.unwrap_or(u32::MAX)).wrapping_mul(MULTIPLIER));
        }
        let Some(slot) = query.slot else {
            return;
        };
        if let Some((entry, fresh)) = self
            .zones
            .touch((u64::from(slot) + 1).wrapping_mul(MULTIPLIER), weight)
        {
            if fresh {
                entry.what.slot = slot;
            }
            entry.counts.add(query, outcome, weight);
            entry.what.sources.add(source_hash);
        }
        let Some(name) = query.name else {
            return;
        };
        for labels in query.apex_labels..=query.apex_labels + 1 {
            if labels > name.labels() {
                break;
            }
            if let Some((entry, fresh)) = self.names.touch(name.suffix_hash(labels), weight) {
                if fresh {
                    entry.what.set(slot, name.suffix(labels));
                }
                entry.counts.add(query, outcome, weight);
                entry.what.sources.add(source_hash);
                entry.what.labels.add(name.suffix_hash(labels + 1));
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.sources.clear();
        self.zones.clear();
        self.names.clear();
    }
}

impl Counts {
    // 64 bits do not run over between two windows.
    fn add(&mut self, query: &Query<'_>, outcome: &Outcome, weight: u32) {
        let weight = u64::from(weight);
        self.samples = self.samples.wrapping_add(1);
        self.queries = self.queries.wrapping_add(weight);
        for (count, counts) in [
            (&mut self.nxdomain, outcome.nxdomain),
            (&mut self.limited, outcome.is_limited()),
            (&mut self.any, query.qtype.0 == 255),
            (&mut self.tcp, !query.transport.is_datagram()),
        ] {
            *count = count.wrapping_add(weight * u64::from(counts));
        }
        self.bytes_in = self
            .bytes_in
            .wrapping_add(weight * u64::from(outcome.bytes_in));
        self.bytes_out = self
            .bytes_out
            .wrapping_add(weight * u64::from(outcome.bytes_out));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.samples = self.samples.wrapping_add(other.samples);
        for (count, more) in [
            (&mut self.queries, other.queries),
            (&mut self.nxdomain, other.nxdomain),
            (&mut self.limited, other.limited),
            (&mut self.any, other.any),
            (&mut self.tcp, other.tcp),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
        ] {
            *count = count.wrapping_add(more);
        }
    }
}

/// What an entry is about.
pub(crate) trait About: Clone + Default {
    /// Forgets what it was about, at the least cost.
    fn reset(&mut self);
}

impl About for SourceEntry {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl About for ZoneEntry {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl About for NameEntry {
    fn reset(&mut self) {
        // The name is overwritten by the next one.
        self.len = 0;
        self.sources = Distinct::default();
        self.labels = Distinct::default();
    }
}

/// A table of heavy hitters in sets of four.
pub(crate) struct Hitters<E>(Vec<Entry<E>>);

#[derive(Clone, Default)]
pub(crate) struct Entry<E> {
    pub(crate) key: u64,
    /// What others must take away before they may have the place.
    credit: u32,
    pub(crate) counts: Counts,
    pub(crate) what: E,
}

impl<E: About> Hitters<E> {
    fn new(sets: usize) -> Self {
        Self(vec![Entry::default(); sets * WAYS])
    }

    /// The entry of `key`, and whether it is new; none when others hold its places.
    fn touch(&mut self, key: u64, weight: u32) -> Option<(&mut Entry<E>, bool)> {
        let key = key.max(1);
        let sets = self.0.len() / WAYS;
        let first = ((key >> 17) as usize & (sets - 1)) * WAYS;
        let set = self.0.get_mut(first..first + WAYS)?;
        if let Some(way) = set.iter().position(|entry| entry.key == key) {
            let entry = set.get_mut(way)?;
            entry.credit = entry.credit.saturating_add(weight);
            return Some((entry, false));
        }
        let weakest = set.iter_mut().min_by_key(|entry| entry.credit)?;
        weakest.credit = weakest.credit.saturating_sub(weight);
        if weakest.credit > 0 {
            return None;
        }
        weakest.key = key;
        weakest.credit = weight;
        weakest.counts = Counts::default();
        weakest.what.reset();
        Some((weakest, true))
    }

    fn clear(&mut self) {
        for entry in &mut self.0 {
            entry.key = 0;
            entry.credit = 0;
        }
    }
}

impl<E> Hitters<E> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<E>> {
        self.0.iter().filter(|entry| entry.key != 0)
    }
}

/// Counts distinct hashes roughly, by which bits they hit.
#[derive(Clone, Copy)]
pub(crate) struct Distinct<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Default for Distinct<WORDS> {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl<const WORDS: usize> Distinct<WORDS> {
    fn add(&mut self, hash: u64) {
        let bit = (hash.wrapping_mul(MULTIPLIER) >> 40) as usize % (WORDS * 64);
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    /// The estimate for all queries, of which `counts.samples` were looked at.
    pub(crate) fn estimate(&self, counts: &Counts) -> u64 {
        let bits = (WORDS * 64) as f64;
        let unset: u32 = self.0.iter().map(|word| word.count_zeros()).sum();
        let sampled = if unset == 0 {
            bits * bits.ln()
        } else {
            -bits * (f64::from(unset) / bits).ln()
        };
        let samples = f64::from(counts.samples.max(1));
        let sampled = sampled.min(samples);
        // Samples that are all different speak for queries that are; samples that repeat do not.
        let passed_over = counts.queries as f64 / samples - 1.0;
        let all = sampled * (1.0 + passed_over * (sampled / samples));
        (all.round() as u64).min(counts.queries)
    }
}

fn hash(secret: u64, source: Source) -> u64 {
    let wide = u128::from(source.hi ^ secret).wrapping_mul(u128::from(source.lo ^ MULTIPLIER));
    let folded = wide as u64 ^ (wide >> 64) as u64;
    let wide = u128::from(folded ^ secret).wrapping_mul(u128::from(MULTIPLIER));
    wide as u64 ^ (wide >> 64) as u64
}

/// Records a second and thread; above it, a sample.
const BUDGET: u64 = 512;
/// The pace is set anew after so many microseconds.
const PACE: u64 = 20_000;
/// Microseconds without a record that are a lull.
const LULL: u64 = 200_000;
const STRIDE_MAX: u64 = 256;
/// Sources are told apart by these lengths.
const V4_LEN: u8 = 24;
const V6_LEN: u8 = 56;
/// Sets of each table: powers of two.
const SOURCE_SETS: usize = 256;
const ZONE_SETS: usize = 128;
const NAME_SETS: usize = 128;
const WAYS: usize = 4;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_counts_are_near_the_truth() {
        for truth in [1u64, 10, 100, 500] {
            let mut distinct = Distinct::<4>::default();
            for n in 0..truth {
                distinct.add(
                    n.wrapping_add(1)
                        .wrapping_mul(MULTIPLIER)
                        .wrapping_mul(MULTIPLIER),
                );
            }
            let counts = Counts {
                samples: truth as u32,
                queries: truth,
                ..Counts::default()
            };
            let estimate = distinct.estimate(&counts);
            assert!(
                estimate.abs_diff(truth) * 4 <= truth,
                "{truth} estimated as {estimate}"
            );
        }
    }

    #[test]
    fn what_repeats_is_not_multiplied_by_the_stride() {
        let mut distinct = Distinct::<4>::default();
        distinct.add(MULTIPLIER);
        let counts = Counts {
            samples: 1000,
            queries: 100_000,
            ..Counts::default()
        };
        assert_eq!(distinct.estimate(&counts), 1);
    }

    /// RELIABILITY P11: names that come once cannot push out one that comes often.
    #[test]
    fn heavy_hitters_outlive_a_flood_of_strangers() {
        let mut table: Hitters<ZoneEntry> = Hitters::new(8);
        for n in 0..100_000u64 {
            if n % 10 == 0
                && let Some((entry, _)) = table.touch(MULTIPLIER, 1)
            {
                entry.counts.queries += 1;
            }
            table.touch((n + 2).wrapping_mul(MULTIPLIER), 1);
        }
        let held = table
            .iter()
            .find(|entry| entry.key == MULTIPLIER)
            .expect("still there");
        assert!(held.counts.queries > 9000, "{}", held.counts.queries);
    }
}
