//! From the hash of a name to its node: one cache line for most names, found or not.
//!
//! Buckets of eight tags and eight references fill one 64-octet line. The bucket comes from the
//! hash's lower half, the tag is its upper half, so a wrong candidate is rare and the node itself is
//! read only to be sure. A full bucket spills into the next.

use crate::mem;

/// Slots of a bucket.
const SLOTS: usize = 8;
/// Names a bucket gets on average: fuller means fewer lines, and more spills.
const FILL: usize = 5;

/// One cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy, Default)]
pub(crate) struct Bucket {
    pub(crate) tags: [u32; SLOTS],
    /// 0 is a free slot.
    pub(crate) nodes: [u32; SLOTS],
}

/// The buckets.
pub(crate) struct Index {
    pub(crate) buckets: Box<[Bucket]>,
}

impl Index {
    /// An index over (hash, node) pairs.
    pub(crate) fn build(names: &[(u64, u32)]) -> Self {
        let mut index = Self {
            buckets: vec![Bucket::default(); names.len().div_ceil(FILL).max(1)].into(),
        };
        for (hash, node) in names {
            index.insert(*hash, *node);
        }
        index
    }

    fn insert(&mut self, hash: u64, node: u32) {
        let mut at = self.bucket(hash);
        loop {
            let bucket = &mut self.buckets[at];
            if let Some(free) = bucket.nodes.iter().position(|node| *node == 0) {
                bucket.tags[free] = tag(hash);
                bucket.nodes[free] = node;
                return;
            }
            at = (at + 1) % self.buckets.len();
        }
    }

    #[inline(always)]
    fn bucket(&self, hash: u64) -> usize {
        ((u64::from(hash as u32) * self.buckets.len() as u64) >> 32) as usize
    }

    /// The node of `hash` that `is` confirms.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut at = self.bucket(hash);
        for _ in 0..self.buckets.len() {
            let bucket = self.buckets.get(at)?;
            let mut candidates = mem::equal_tags(&bucket.tags, tag);
            while candidates != 0 {
                let node = bucket.nodes[candidates.trailing_zeros() as usize % SLOTS];
                if node != 0 && is(node) {
                    return Some(node);
                }
                candidates &= candidates - 1;
            }
            // Slots fill from the front: a free last one means nothing spilled.
            if bucket.nodes[SLOTS - 1] == 0 {
                return None;
            }
            at = if at + 1 == self.buckets.len() {
                0
            } else {
                at + 1
            };
        }
        None
    }

    /// The first node with the tag of `hash`, unconfirmed: what to prefetch.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        let tag = tag(hash);
        let bucket = self.buckets.get(self.bucket(hash))?;
        let candidates = mem::equal_tags(&bucket.tags, tag);
        (candidates != 0)
            .then(|| bucket.nodes[candidates.trailing_zeros() as usize % SLOTS])
            .filter(|node| *node != 0)
    }

    /// Asks for the line where a look-up of `hash` starts.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if let Some(bucket) = self.buckets.get(self.bucket(hash)) {
            mem::prefetch(bucket);
        }
    }

    /// Octets of memory held.
    pub(crate) fn size(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
    }
}

#[inline(always)]
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_even_where_buckets_spill() {
        // All names of one bucket and one tag: the worst case.
        let names: Vec<(u64, u32)> = (1..=100).map(|node| (7, node)).collect();
        let index = Index::build(&names);
        for (hash, node) in &names {
            assert_eq!(index.find(*hash, |at| at == *node), Some(*node));
        }
        assert_eq!(index.find(7, |_| false), None);
        assert_eq!(index.find(8 << 32, |_| true), None);
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        assert_eq!(Index::build(&[]).find(1, |_| true), None);
    }
}
