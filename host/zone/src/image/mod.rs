//! The base of a zone: one immutable block of nodes, the index over their names and their canonical
//! order.
//!
//! Nodes lie behind one another in canonical order. A node is its head, its name relative to the
//! apex, and its RRsets (see [`crate::rrset`]):
//!
//! ```text
//! link u32 | entries u32 | flags u8 | name u8 | depth u8 | 0 | name octets | entries | padding to 4
//! ```
//!
//! What can be decided once is decided when the block is made: a node below a zone cut or a DNAME
//! carries a flag and the `link` to that cut, any other node's `link` is its wildcard child. So a
//! look-up is one probe for the name, and for a missing name one more per ancestor. References are
//! numbers of four-octet units, so a block can be 16 GiB and is position-independent: it is its own
//! form on disk.

pub(crate) mod build;
pub(crate) mod encode;
pub(crate) mod index;

use std::cmp::Ordering;

use crate::canon;
use crate::hash::LookupName;
use crate::image::index::Index;
use crate::lookup::{CUT, DNAME, EMPTY, MIXED_CASE, NSEC3_ONLY, Node, OCCLUDED};
use crate::mem;
use crate::name::compare_wire;
use crate::zone::Zone;

/// Octets of a node before its name.
pub(crate) const NODE_HEAD: usize = 12;
/// References count in units of so many octets.
pub(crate) const UNIT: usize = 4;
/// Where the apex lies. Not 0, which means "none".
pub(crate) const APEX: u32 = 1;

/// Nodes that one entry of the guide stands for: some kilobytes, and an eighth of an octet a node.
pub(crate) const GUIDE_STEP: usize = 64;

/// An immutable block.
pub(crate) struct Image {
    pub(crate) nodes: Box<[u8]>,
    /// Where each node lies, in canonical order.
    pub(crate) order: Box<[u32]>,
    /// The key prefix of every [`GUIDE_STEP`]th of them. A search goes through these first: they lie
    /// together, while each look at a name is a look at memory elsewhere.
    pub(crate) guide: Box<[u64]>,
    /// The same for nodes with NSEC3 records: in the order of their hashes.
    pub(crate) nsec3: Box<[u32]>,
    pub(crate) index: Index,
    /// Labels of the deepest name below the apex.
    pub(crate) depth_max: u8,
    pub(crate) records: u64,
}

/// A node's head, read.
#[derive(Clone, Copy)]
pub(crate) struct Head<'z> {
    pub(crate) link: u32,
    pub(crate) flags: u8,
    pub(crate) depth: u8,
    pub(crate) relative: &'z [u8],
    pub(crate) entries: &'z [u8],
}

impl Image {
    /// The node at `at`.
    ///
    /// A block is checked when it is made or read, so references hold; one that did not would read
    /// as an empty node, never outside the block.
    #[inline]
    pub(crate) fn head(&self, at: u32) -> Head<'_> {
        let start = at as usize * UNIT;
        let Some((head, rest)) = self
            .nodes
            .get(start..)
            .and_then(|b| b.split_first_chunk::<NODE_HEAD>())
        else {
            return Head {
                link: 0,
                flags: 0,
                depth: 0,
                relative: &[],
                entries: &[],
            };
        };
        let (name_len, entries_len) = (
            usize::from(head[9]),
            u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize,
        );
        let (relative, rest) = rest.split_at_checked(name_len).unwrap_or_default();
        Head {
            link: u32::from_le_bytes([head[0], head[1], head[2], head[3]]),
            flags: head[8],
            depth: head[10],
            relative,
            entries: rest.get(..entries_len).unwrap_or_default(),
        }
    }

    /// The node at `at`, as part of `zone`.
    #[inline]
    pub(crate) fn node<'z>(&'z self, at: u32, zone: &'z Zone) -> Node<'z> {
        self.head(at).node(zone)
    }

    /// The node whose name is the last `depth` labels of `name` above the apex of `apex_labels`.
    #[inline]
    pub(crate) fn find(&self, name: &LookupName, apex_labels: usize, depth: usize) -> Option<u32> {
        if depth > usize::from(self.depth_max) {
            return None;
        }
        let wanted = name.relative(apex_labels, depth);
        self.index
            .find(name.suffix_hash(apex_labels + depth), |at| {
                let start = at as usize * UNIT;
                let Some((head, rest)) = self
                    .nodes
                    .get(start..)
                    .and_then(|b| b.split_first_chunk::<NODE_HEAD>())
                else {
                    return false;
                };
                usize::from(head[9]) == wanted.len()
                    && rest.get(..wanted.len()).is_some_and(|own| {
                        mem::same_octets(own, wanted)
                            || (head[8] & MIXED_CASE != 0 && own.eq_ignore_ascii_case(wanted))
                    })
            })
    }

    /// The wildcard that stands in for a `name` that does not exist (RFC 4592 3.3.1): the one below its
    /// longest existing ancestor, unless that is no part of the zone's own data.
    pub(crate) fn find_stand_in(
        &self,
        name: &LookupName,
        apex_labels: usize,
        depth: usize,
    ) -> Option<u32> {
        let encloser = (1..depth)
            .rev()
            .find_map(|above| self.find(name, apex_labels, above))
            .unwrap_or(APEX);
        let head = self.head(encloser);
        (head.flags & (OCCLUDED | CUT | DNAME) == 0 && head.link != 0).then_some(head.link)
    }

    /// The wildcard right below `encloser`, given the wildcard's hash.
    pub(crate) fn find_wildcard(&self, hash: u64, encloser: &[u8]) -> Option<Head<'_>> {
        let is = |at: u32| {
            self.head(at)
                .relative
                .strip_prefix(b"\x01*")
                .is_some_and(|rest| rest.eq_ignore_ascii_case(encloser))
        };
        self.index.find(hash, is).map(|at| self.head(at))
    }

    /// Nodes below the name with this canonical key, each with its own key.
    pub(crate) fn heads_below<'z>(
        &'z self,
        key: &[u8],
    ) -> impl Iterator<Item = (Vec<u8>, Head<'z>)> {
        let keyed = |at: &u32| {
            let head = self.head(*at);
            let mut own = Vec::new();
            canon::key(head.relative, &mut own);
            (own, head)
        };
        let from = self
            .order
            .partition_point(|at| keyed(at).0.as_slice() <= key);
        self.order[from..]
            .iter()
            .map(keyed)
            .take_while(move |(own, _)| own.starts_with(key))
    }

    /// Asks for the line where a node starts.
    #[inline]
    pub(crate) fn prefetch(&self, at: u32) {
        if let Some(octet) = self.nodes.get(at as usize * UNIT) {
            mem::prefetch(octet);
        }
    }

    /// Where in the canonical order `relative` stands: `Ok` if it is there, `Err` with the place it
    /// would take.
    pub(crate) fn position(&self, relative: &[u8]) -> Result<usize, usize> {
        let prefix = canon::prefix(relative);
        // Before `from` every block ends before the name, and from `to` on every block begins behind it.
        let from = self.guide.partition_point(|first| *first < prefix);
        let to = from
            + self
                .guide
                .get(from..)
                .map_or(0, |rest| rest.partition_point(|first| *first <= prefix));
        let start = from.saturating_sub(1) * GUIDE_STEP;
        let end = (to * GUIDE_STEP).min(self.order.len());
        self.order
            .get(start..end)
            .unwrap_or_default()
            .binary_search_by(|at| compare_wire(self.head(*at).relative, relative))
            .map(|at| start + at)
            .map_err(|at| start + at)
    }

    /// What guides searches in `order`.
    pub(crate) fn with_guide(mut self) -> Self {
        let firsts = self.order.iter().step_by(GUIDE_STEP);
        self.guide = firsts
            .map(|at| canon::prefix(self.head(*at).relative))
            .collect();
        self
    }

    /// The last NSEC3 node whose hash label is at most `label` (32 octets of base32hex), going round
    /// to the very last; and whether it is equal.
    pub(crate) fn nsec3_at_or_before(&self, label: &[u8]) -> Option<(u32, bool)> {
        let found = self.nsec3.binary_search_by(|at| {
            let own = self.head(*at).relative.get(1..).unwrap_or_default();
            compare_folded(own, label)
        });
        match found {
            Ok(i) => Some((*self.nsec3.get(i)?, true)),
            Err(0) => Some((*self.nsec3.last()?, false)),
            Err(i) => Some((*self.nsec3.get(i - 1)?, false)),
        }
    }

    /// Octets of memory held.
    pub(crate) fn size(&self) -> usize {
        self.nodes.len()
            + (self.order.len() + self.nsec3.len()) * size_of::<u32>()
            + self.guide.len() * size_of::<u64>()
            + self.index.size()
    }
}

impl<'z> Head<'z> {
    /// As a node of `zone`.
    #[inline]
    pub(crate) fn node(self, zone: &'z Zone) -> Node<'z> {
        Node {
            zone,
            relative: self.relative,
            depth: self.depth,
            flags: self.flags,
            entries: self.entries,
        }
    }

    /// A name that exists only by what is below it.
    pub(crate) fn empty(depth: usize) -> Self {
        Self {
            link: 0,
            flags: EMPTY,
            depth: depth as u8,
            relative: &[],
            entries: &[],
        }
    }

    /// Not to be found by a query.
    pub(crate) fn is_hidden(&self) -> bool {
        self.flags & NSEC3_ONLY != 0
    }
}

/// Octet order with letters folded.
pub(crate) fn compare_folded(a: &[u8], b: &[u8]) -> Ordering {
    a.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(b.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::HashKey;
    use crate::master::{ParseOptions, parse};
    use crate::name::Name;

    /// The guide leads to the same place as a look at every name: prefixes that many names share, names
    /// between them, before the first and behind the last.
    #[test]
    fn the_guide_changes_no_position() {
        let mut text = "@ 60 IN SOA ns host 1 2 3 4 5\n@ NS ns.elsewhere.\n".to_owned();
        for i in 0..700 {
            text += &format!("n{} 60 A 192.0.2.1\n", i * 7 % 1000);
            text += &format!("sameprefix{i} 60 A 192.0.2.1\nl{i}.sameprefix.deep 60 A 192.0.2.1\n");
        }
        let options = ParseOptions {
            origin: Some(Name::parse("example.").unwrap()),
            ..ParseOptions::default()
        };
        let zone = parse(text.as_bytes(), &options)
            .unwrap()
            .build(&HashKey::from_bytes([7; 32]))
            .unwrap();
        let image = &zone.image;
        assert!(image.guide.len() > 20);
        let names: Vec<&[u8]> = image
            .order
            .iter()
            .map(|at| image.head(*at).relative)
            .collect();
        let linear = |name: &[u8]| names.binary_search_by(|other| compare_wire(other, name));
        let mut asked: Vec<Vec<u8>> = names.iter().map(|name| name.to_vec()).collect();
        for label in [
            "",
            "*",
            "a",
            "n5x",
            "sameprefix",
            "sameprefix3x",
            "zz",
            "\u{0}",
        ] {
            let one = [&[label.len() as u8], label.as_bytes()].concat();
            let below = |above: &[u8]| [&one[..], above].concat();
            asked.extend(names.iter().step_by(13).map(|name| below(name)));
            asked.push(one.clone());
        }
        for name in asked.iter().filter(|name| name.first() != Some(&0)) {
            assert_eq!(image.position(name), linear(name), "{name:?}");
        }
    }
}
