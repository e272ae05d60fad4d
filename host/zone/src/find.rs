//! Looking a name up in a zone.
//!
//! Two walks, one result. Names that no change touches are found in the base alone: one probe for
//! the name, and for a missing one a probe per ancestor from the longest down. Names that a change
//! touches, or might, are walked from the apex down over overlay and base merged. Which of the two
//! is one test where there is no overlay, and a few probes of a small set where there is.

use crate::hash::LookupName;
use crate::image::{APEX, Head};
use crate::lookup::{CNAME, CUT, DNAME, EMPTY, Lookup, Node, OCCLUDED, PENDING};
use crate::overlay::{Overlay, PathKey};
use crate::rrset::Rrset;
use crate::rtype::RecordType;
use crate::zone::Zone;

impl Zone {
    /// What the zone says about `name`, which must be at or below its apex, and `rtype`.
    #[inline]
    #[must_use]
    pub fn lookup<'z>(&'z self, name: &LookupName, rtype: RecordType) -> Lookup<'z> {
        let depth = name.labels().saturating_sub(self.apex_labels);
        match &self.overlay {
            Some(overlay) if overlay.touches(name, self.apex_labels, depth) => {
                self.walk(overlay, name, depth, rtype)
            }
            _ => self.probe(name, depth, rtype),
        }
    }

    /// In the base alone.
    #[inline]
    fn probe<'z>(&'z self, name: &LookupName, depth: usize, rtype: RecordType) -> Lookup<'z> {
        let image = &*self.image;
        if depth == 0 {
            return at(image.node(APEX, self), false, rtype);
        }
        if let Some(found) = image.find(name, self.apex_labels, depth) {
            let head = image.head(found);
            if head.flags & OCCLUDED != 0 {
                return self.barrier(head.link, rtype);
            }
            return at(head.node(self), false, rtype);
        }
        // RFC 4592 3.3.1: the closest encloser is the longest existing ancestor.
        let mut above = (depth - 1).min(usize::from(image.depth_max));
        let encloser = loop {
            if above == 0 {
                break APEX;
            }
            if let Some(found) = image.find(name, self.apex_labels, above) {
                break found;
            }
            above -= 1;
        };
        let head = image.head(encloser);
        if head.flags & OCCLUDED != 0 {
            return self.barrier(head.link, rtype);
        }
        if head.flags & (CUT | DNAME) != 0
            && let Some(found) = below(head.node(self))
        {
            return found;
        }
        if head.link != 0 {
            return at(image.node(head.link, self), true, rtype);
        }
        Lookup::NxDomain {
            closest_encloser: head.node(self),
        }
    }

    /// What the zone says about the target of the CNAME `rrset` and `rtype`, where the base knows the
    /// target's node: the same as [`Self::lookup`] of its name, without hashing it. Nothing where
    /// that name has to be looked up.
    #[inline]
    #[must_use]
    pub fn lookup_target<'z>(&'z self, rrset: &Rrset<'z>, rtype: RecordType) -> Option<Lookup<'z>> {
        let target = rrset.targets().next()?;
        // The first record's target: behind owner, type, class, TTL and length.
        if target.place != 12 || target.node == 0 || target.wildcard || self.overlay.is_some() {
            return None;
        }
        let head = self.image.head(target.node);
        (head.flags & OCCLUDED == 0).then(|| at(head.node(self), false, rtype))
    }

    /// The outcome below the cut or DNAME at `link`.
    fn barrier(&self, link: u32, rtype: RecordType) -> Lookup<'_> {
        let node = self.image.node(link, self);
        below(node).unwrap_or_else(|| at(node, false, rtype))
    }

    /// Over base and overlay, from the apex down.
    fn walk<'z>(
        &'z self,
        overlay: &'z Overlay,
        name: &LookupName,
        depth: usize,
        rtype: RecordType,
    ) -> Lookup<'z> {
        let path = PathKey::new(name, self.apex_labels);
        let mut encloser = self.apex_node();
        for k in 0..=depth {
            let Some(head) = self.merged(overlay, &path, name, k) else {
                break;
            };
            encloser = head.node(self);
            if k < depth {
                if let Some(found) = below(encloser) {
                    return found;
                }
            } else {
                return at(encloser, false, rtype);
            }
        }
        let wildcard = path.wildcard(encloser.depth());
        let in_base = || {
            let hash = self
                .key
                .below(name.suffix_hash(self.apex_labels + encloser.depth()), b"*");
            self.image
                .find_wildcard(hash, name.relative(self.apex_labels, encloser.depth()))
        };
        let found = overlay
            .changed(&wildcard)
            .or_else(in_base)
            .unwrap_or_else(|| Head::empty(encloser.depth() + 1));
        let found =
            (!found.entries.is_empty() || self.has_below(overlay, &wildcard)).then_some(found);
        match found {
            Some(head) => at(head.node(self), true, rtype),
            None => Lookup::NxDomain {
                closest_encloser: encloser,
            },
        }
    }

    /// The merged node `depth` labels below the apex on the way to `name`.
    pub(crate) fn head_at<'z>(&'z self, name: &LookupName, depth: usize) -> Option<Head<'z>> {
        match &self.overlay {
            None if depth == 0 => Some(self.image.head(APEX)),
            None => self
                .image
                .find(name, self.apex_labels, depth)
                .map(|at| self.image.head(at)),
            Some(overlay) => {
                self.merged(overlay, &PathKey::new(name, self.apex_labels), name, depth)
            }
        }
    }

    fn merged<'z>(
        &'z self,
        overlay: &'z Overlay,
        path: &PathKey,
        name: &LookupName,
        depth: usize,
    ) -> Option<Head<'z>> {
        let key = path.at(depth);
        let in_base = || match depth {
            0 => Some(self.image.head(APEX)),
            _ => self
                .image
                .find(name, self.apex_labels, depth)
                .map(|at| self.image.head(at)),
        };
        let head = match overlay.changed(key) {
            Some(head) => head,
            None => match in_base() {
                Some(head) => head,
                None => return overlay.has_below(key).then(|| Head::empty(depth)),
            },
        };
        // Without records of its own it lives by what is below it.
        if head.entries.is_empty() && !self.has_below(overlay, key) {
            return None;
        }
        Some(Head {
            depth: depth as u8,
            ..head
        })
    }

    /// Whether any name below `key` has records.
    fn has_below(&self, overlay: &Overlay, key: &[u8]) -> bool {
        overlay.has_below(key)
            || self.image.heads_below(key).any(|(own, head)| {
                !head.entries.is_empty() && !head.is_hidden() && overlay.changed(&own).is_none()
            })
    }
}

/// What a cut or a DNAME says about names below it.
#[inline]
fn below(node: Node<'_>) -> Option<Lookup<'_>> {
    if node.flags & CUT != 0 {
        return Some(Lookup::Delegation { cut: node });
    }
    if node.flags & DNAME != 0 {
        return node
            .rrset(RecordType::DNAME)
            .map(|rrset| Lookup::Dname { rrset, node });
    }
    None
}

/// What `node` says about its own name.
#[inline]
fn at(node: Node<'_>, wildcard: bool, rtype: RecordType) -> Lookup<'_> {
    if node.flags & (CUT | CNAME | EMPTY | PENDING) != 0 {
        // RFC 4035 3.1.4.1: the parent's side of a cut answers for DS, and for nothing else.
        if node.flags & CUT != 0 && rtype != RecordType::DS && !wildcard {
            return Lookup::Delegation { cut: node };
        }
        if node.flags & PENDING != 0 && matches!(rtype, RecordType::A | RecordType::AAAA) {
            return Lookup::Pending { node };
        }
        // RFC 1034 4.3.2 3a, RFC 4035 2.5: an alias stands for every type but its own, the
        // denial's and the signatures'; RFC 8482 answers ANY with what is here.
        let of_alias = match rtype {
            RecordType::CNAME | RecordType::ANY | RecordType::RRSIG => true,
            // RFC 5155 8.5: where the denial is NSEC3, "no NSEC here" could not be proved of an alias.
            RecordType::NSEC => node.rrset(rtype).is_some(),
            _ => false,
        };
        if node.flags & CNAME != 0
            && !of_alias
            && let Some(rrset) = node.rrset(RecordType::CNAME)
        {
            return Lookup::Cname {
                rrset,
                node,
                wildcard,
            };
        }
    }
    match node.rrset(rtype) {
        Some(rrset) => Lookup::Answer {
            rrset,
            node,
            wildcard,
        },
        None => Lookup::NoData { node, wildcard },
    }
}
