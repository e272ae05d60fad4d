//! All zones a server answers for, found by longest suffix.
//!
//! Zones are spread over shards by the hash of their names; a change copies one shard and the list of
//! shards and shares all others, so adding one zone to a hundred thousand takes microseconds and
//! whoever reads the old set goes on reading it.

use std::sync::Arc;

use crate::hash::{HashKey, LookupName};
use crate::mem::same_octets;
use crate::name::Name;
use crate::zone::Zone;

/// Number of shards, a power of two.
const SHARDS: usize = 1024;

/// The set as the server shares it: swapped whole, read without waiting.
pub type SharedZones = arc_swap::ArcSwap<ZoneSet>;

/// An immutable set of zones.
#[derive(Clone)]
pub struct ZoneSet {
    key: HashKey,
    shards: Arc<[Arc<Shard>; SHARDS]>,
    /// How many zones there are with so many labels.
    depths: Arc<[u32; 128]>,
    /// The same as bits: which label counts a look-up has to try.
    depths_used: u128,
    len: usize,
}

/// Zones of one shard: open addressing over the hash, a power of two of places.
#[derive(Clone, Default)]
struct Shard {
    places: Vec<Option<(u64, Arc<Zone>)>>,
    len: usize,
}

impl Shard {
    #[inline]
    fn find(&self, hash: u64, is: impl Fn(&Zone) -> bool) -> Option<&Arc<Zone>> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = (hash >> 32) as usize & mask;
        while let Some((own, zone)) = self.places.get(at)? {
            if *own == hash && is(zone) {
                return Some(zone);
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn zones(&self) -> impl Iterator<Item = &(u64, Arc<Zone>)> {
        self.places.iter().flatten()
    }

    /// Puts what it has and `more` into a table with room to spare.
    fn rebuilt(entries: Vec<(u64, Arc<Zone>)>) -> Self {
        let len = entries.len();
        let mut places = vec![
            None;
            if len == 0 {
                0
            } else {
                (len * 2).next_power_of_two()
            }
        ];
        let mask = places.len().wrapping_sub(1);
        for (hash, zone) in entries {
            let mut at = (hash >> 32) as usize & mask;
            while places[at].is_some() {
                at = (at + 1) & mask;
            }
            places[at] = Some((hash, zone));
        }
        Self { places, len }
    }
}

impl ZoneSet {
    /// No zones yet. All zones put into it must be built with the same key.
    #[must_use]
    pub fn new(key: &HashKey) -> Self {
        Self {
            key: *key,
            shards: Arc::new(std::array::from_fn(|_| Arc::default())),
            depths: Arc::new([0; 128]),
            depths_used: 0,
            len: 0,
        }
    }

    /// The key of its names' hashes.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &HashKey {
        &self.key
    }

    /// How many zones it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The zone that `name` is in: the one with the longest apex at or above it.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &LookupName) -> Option<&Arc<Zone>> {
        self.find_within(name, name.labels())
    }

    /// The zone on the parent's side of `name`: the longest apex strictly above it. It answers for
    /// DS (RFC 4035 3.1.4.1).
    #[inline]
    #[must_use]
    pub fn find_above(&self, name: &LookupName) -> Option<&Arc<Zone>> {
        self.find_within(name, name.labels().checked_sub(1)?)
    }

    #[inline]
    fn find_within(&self, name: &LookupName, labels_max: usize) -> Option<&Arc<Zone>> {
        // Nearly every set and every name has fewer labels than a word has bits.
        if labels_max > 63 && self.depths_used >> 64 != 0 {
            return self.find_deep(name, labels_max);
        }
        let mut depths = self.depths_used as u64 & (u64::MAX >> (63 - labels_max.min(63)));
        while depths != 0 {
            let labels = depths.ilog2() as usize;
            depths ^= 1 << labels;
            let found = self.find_exact(name, labels);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    #[cold]
    fn find_deep(&self, name: &LookupName, labels_max: usize) -> Option<&Arc<Zone>> {
        let counts = (0..=labels_max.min(127)).rev();
        let mut used = counts.filter(|labels| self.depths_used >> labels & 1 == 1);
        used.find_map(|labels| self.find_exact(name, labels))
    }

    /// The zone whose apex is the last `labels` labels of `name`.
    #[inline]
    fn find_exact(&self, name: &LookupName, labels: usize) -> Option<&Arc<Zone>> {
        let hash = name.suffix_hash(labels);
        let suffix = name.suffix(labels);
        self.shards[shard_of(hash)].find(hash, |zone| {
            let apex = zone.apex().as_wire();
            same_octets(apex, suffix) || apex.eq_ignore_ascii_case(suffix)
        })
    }

    /// The zone with exactly this apex.
    #[must_use]
    pub fn get(&self, apex: &Name) -> Option<&Arc<Zone>> {
        let hash = self.hash(apex);
        self.shards[shard_of(hash)].find(hash, |zone| zone.apex() == apex)
    }

    /// The set with `zone` in the place of any of the same name.
    #[must_use]
    pub fn with(&self, zone: Arc<Zone>) -> Self {
        self.with_all([zone])
    }

    /// The same for many zones at once.
    #[must_use]
    pub fn with_all(&self, zones: impl IntoIterator<Item = Arc<Zone>>) -> Self {
        let mut by_shard = std::collections::BTreeMap::<usize, Vec<(u64, Arc<Zone>)>>::new();
        for zone in zones {
            let hash = self.hash(zone.apex());
            by_shard
                .entry(shard_of(hash))
                .or_default()
                .push((hash, zone));
        }
        let mut next = self.clone();
        let mut shards = <[_; SHARDS]>::clone(&self.shards);
        for (at, more) in by_shard {
            let mut entries: Vec<(u64, Arc<Zone>)> = shards[at].zones().cloned().collect();
            for (hash, zone) in more {
                match entries
                    .iter_mut()
                    .find(|(own, old)| *own == hash && old.apex() == zone.apex())
                {
                    Some(entry) => entry.1 = zone,
                    None => {
                        next.count(zone.apex_labels(), 1);
                        entries.push((hash, zone));
                    }
                }
            }
            shards[at] = Arc::new(Shard::rebuilt(entries));
        }
        next.shards = Arc::new(shards);
        next
    }

    /// The set without the zone of this name.
    #[must_use]
    pub fn without(&self, apex: &Name) -> Self {
        let hash = self.hash(apex);
        let at = shard_of(hash);
        let left: Vec<_> = self.shards[at]
            .zones()
            .filter(|(_, zone)| zone.apex() != apex)
            .cloned()
            .collect();
        let mut next = self.clone();
        if left.len() < self.shards[at].len {
            next.count(apex.label_count(), -1);
            let mut shards = <[_; SHARDS]>::clone(&self.shards);
            shards[at] = Arc::new(Shard::rebuilt(left));
            next.shards = Arc::new(shards);
        }
        next
    }

    /// All zones, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.shards
            .iter()
            .flat_map(|shard| shard.zones().map(|(_, zone)| zone))
    }

    fn hash(&self, apex: &Name) -> u64 {
        apex.labels()
            .rev()
            .fold(self.key.root(), |hash, label| self.key.below(hash, label))
    }

    fn count(&mut self, labels: usize, by: i32) {
        let depths = Arc::make_mut(&mut self.depths);
        depths[labels] = depths[labels].wrapping_add_signed(by);
        self.depths_used = if depths[labels] > 0 {
            self.depths_used | 1 << labels
        } else {
            self.depths_used & !(1 << labels)
        };
        self.len = self.len.wrapping_add_signed(by as isize);
    }
}

#[inline]
fn shard_of(hash: u64) -> usize {
    hash as usize % SHARDS
}

impl std::fmt::Debug for ZoneSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ZoneSet({} zones)", self.len)
    }
}
