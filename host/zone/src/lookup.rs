//! What a zone says about a name and a type, as one value that every later step matches on.

use crate::record::Record;
use crate::rrset::Rrset;
use crate::rtype::RecordType;
use crate::zone::Zone;

/// What the zone says about a name and type, before any section is written.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'z> {
    /// The RRset exists.
    Answer {
        /// What was asked for.
        rrset: Rrset<'z>,
        /// The node it is stored at.
        node: Node<'z>,
        /// The name asked for does not exist; `node` is the wildcard it was expanded from.
        wildcard: bool,
    },
    /// An alias: the walk restarts at its target.
    Cname {
        /// The CNAME.
        rrset: Rrset<'z>,
        /// The node it is stored at.
        node: Node<'z>,
        /// As in [`Lookup::Answer`].
        wildcard: bool,
    },
    /// The name lies below a DNAME: the walk restarts under its target (RFC 6672).
    Dname {
        /// The DNAME.
        rrset: Rrset<'z>,
        /// Its owner, an ancestor of the name asked for.
        node: Node<'z>,
    },
    /// At or below a zone cut: the answer is a referral.
    Delegation {
        /// The node with the NS RRset.
        cut: Node<'z>,
    },
    /// The name exists, perhaps only as an empty non-terminal; the type does not.
    NoData {
        /// The node of the name, or the wildcard that stands in for it.
        node: Node<'z>,
        /// As in [`Lookup::Answer`].
        wildcard: bool,
    },
    /// An address was asked for, and the ALIAS that is to bring it has not been looked up yet, or not
    /// for too long: nothing can be said.
    Pending {
        /// The node with the ALIAS; a wildcard where that stands in for the name.
        node: Node<'z>,
    },
    /// Nothing exists at or below the name, and no wildcard stands in.
    NxDomain {
        /// The longest existing ancestor (RFC 4592 3.3.1).
        closest_encloser: Node<'z>,
    },
}

/// A name of a zone, with its RRsets.
#[derive(Clone, Copy)]
pub struct Node<'z> {
    pub(crate) zone: &'z Zone,
    /// Labels of the name below the apex, wire form without the closing root, case kept. Empty at
    /// the apex, and for an empty non-terminal that only the overlay implies.
    pub(crate) relative: &'z [u8],
    /// How many labels the name has below the apex.
    pub(crate) depth: u8,
    pub(crate) flags: u8,
    pub(crate) entries: &'z [u8],
}

/// An NS RRset below the apex: a zone cut.
pub(crate) const CUT: u8 = 1;
/// A DNAME: names below do not exist.
pub(crate) const DNAME: u8 = 2;
/// A CNAME.
pub(crate) const CNAME: u8 = 4;
/// Below a cut or a DNAME: glue or occluded data, never an answer.
pub(crate) const OCCLUDED: u8 = 8;
/// No RRset of its own.
pub(crate) const EMPTY: u8 = 16;
/// Only NSEC3 and its signatures: not a name that a query can find (RFC 5155 7.2.8).
pub(crate) const NSEC3_ONLY: u8 = 32;
/// The name has upper-case letters, so comparing must fold.
pub(crate) const MIXED_CASE: u8 = 64;
/// An ALIAS whose addresses are not known; only in overlays.
pub(crate) const PENDING: u8 = 128;

impl<'z> Node<'z> {
    /// The zone it belongs to.
    #[must_use]
    pub fn zone(&self) -> &'z Zone {
        self.zone
    }

    /// Labels below the apex, in wire form without the closing root and with case kept. Empty at
    /// the apex, and for an empty non-terminal known only from names below it: take the last
    /// [`Self::depth`] labels above the apex from the name that was looked up.
    #[inline]
    #[must_use]
    pub fn relative(&self) -> &'z [u8] {
        self.relative
    }

    /// How many labels the name has below the apex; 0 at the apex.
    #[inline]
    #[must_use]
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// The RRset of a type.
    #[inline]
    #[must_use]
    pub fn rrset(&self, rtype: RecordType) -> Option<Rrset<'z>> {
        let mut rest = self.entries;
        while let Some(rrset) = Rrset::first(rest) {
            if rrset.rtype() == rtype && rrset.count() > 0 && rtype != RecordType::RRSIG {
                return Some(rrset);
            }
            rest = rrset.rest();
        }
        None
    }

    /// All RRsets, each with its signatures reachable through [`Rrset::signatures`]. RRSIGs do not
    /// come by themselves; a set of count 0 stands where there are only signatures.
    #[inline]
    pub fn rrsets(&self) -> impl Iterator<Item = Rrset<'z>> + use<'z> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            loop {
                let rrset = Rrset::first(rest)?;
                rest = rrset.rest();
                if rrset.rtype() != RecordType::RRSIG {
                    return Some(rrset);
                }
            }
        })
    }

    /// An NS RRset that delegates.
    #[inline]
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.flags & CUT != 0
    }

    /// Whether it has no RRset: an empty non-terminal.
    #[inline]
    #[must_use]
    pub fn is_empty_non_terminal(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the whole name in wire form to `out`.
    pub fn write_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.relative);
        out.extend_from_slice(self.zone.apex().as_wire());
    }

    /// Every record of the node, RDATA uncompressed, in stored order.
    pub(crate) fn for_each_record(
        &self,
        owner: &[u8],
        buffer: &mut Vec<u8>,
        each: &mut dyn FnMut(Record<'_>),
    ) {
        let mut rest = self.entries;
        while let Some(rrset) = Rrset::first(rest) {
            for span in rrset.spans() {
                buffer.clear();
                rrset.rdata(span, owner, self.zone.apex().as_wire(), buffer);
                let ttl = rrset
                    .records()
                    .get(span.0 + 6..)
                    .and_then(|b| b.first_chunk())
                    .map_or(0, |b| u32::from_be_bytes(*b));
                each(Record {
                    owner,
                    rtype: rrset.rtype(),
                    ttl,
                    rdata: buffer,
                });
            }
            rest = rrset.rest();
        }
    }
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Node({:?} in {})",
            String::from_utf8_lossy(self.relative),
            self.zone.apex()
        )
    }
}
