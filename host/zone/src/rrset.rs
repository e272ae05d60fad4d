//! RRsets as they are stored: answer bytes, ready to be copied.
//!
//! An RRset is kept as its records one after another, the way an answer carries them, so that
//! answering is one copy and a few patches. Names inside them that RFC 1035 lets a sender compress
//! end in a **placeholder**: two octets that say *what* to point at, since *where* that is differs
//! from message to message. The places of all placeholders are listed:
//!
//! | lower 14 bits | stands for a pointer to |
//! |---|---|
//! | [`OWNER`] | the owner name of this RRset, wherever the message has it |
//! | `0x2000 + n` | octet `n` of these records themselves |
//! | any smaller `d` | the last `d` octets of the question's name: the zone's apex |
//!
//! The two upper bits are set, as in a real pointer, so a name is read the same way in both forms.
//! Every record starts with a pointer to the question's name, which is its owner more often than
//! not; where it is not, [`OWNER_POINTER`] is replaced. These places are not listed, since they follow
//! from the lengths. An apex reference is always good, because every question about a zone ends
//! in its apex. Layout of an entry, little-endian, without padding:
//!
//! ```text
//! type u16 | count u16 | octets u32 | placeholders u16 | targets u16
//! targets      × { place u16, flags u16, node u32 }
//! placeholders × { place u16 }
//! records
//! ```
//!
//! The RRSIGs over an RRset are the entry right behind it. A set of count 0 holds their place where
//! there are signatures and no RRset.

use crate::rtype::RecordType;

/// What each record starts with: a pointer to the question's name (RFC 1035 4.1.4).
pub const OWNER_POINTER: [u8; 2] = [0xC0, 12];
/// Placeholder value for "the owner name of this RRset".
pub const OWNER: u16 = 0x1000;
/// Placeholder bit for "an offset within these records".
pub const WITHIN: u16 = 0x2000;
/// The bits that make two octets a pointer (RFC 1035 4.1.4).
pub const POINTER: u16 = 0xC000;

/// Octets of an entry before its lists.
pub(crate) const ENTRY_HEAD: usize = 12;
/// Octets of one target.
pub(crate) const TARGET_SIZE: usize = 8;
/// A target's flag: the name is at or below the RRset's owner, so its addresses are in-domain glue
/// (RFC 9471) where the RRset is a delegation.
pub(crate) const TARGET_IN_DOMAIN: u16 = 1;
/// The target's node is a wildcard that stands in for it.
pub(crate) const TARGET_WILDCARD: u16 = 2;

/// One RRset in stored form.
#[derive(Clone, Copy)]
pub struct Rrset<'z> {
    rtype: RecordType,
    count: u16,
    targets: &'z [u8],
    places: &'z [u8],
    records: &'z [u8],
    /// What follows in the node: first of all this RRset's signatures, if any.
    rest: &'z [u8],
}

/// A name inside an RRset whose addresses belong in the additional section.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where the name starts in [`Rrset::records`].
    pub place: u16,
    /// At or below the RRset's owner: for a delegation, glue that must be given (RFC 9471).
    pub in_domain: bool,
    /// The node in the zone's base, or the wildcard that stands in for it; 0 where the base has none.
    pub(crate) node: u32,
    /// It is the wildcard.
    pub(crate) wildcard: bool,
}

impl<'z> Rrset<'z> {
    /// The entry at the start of `bytes`, if there is one.
    #[inline]
    pub(crate) fn first(bytes: &'z [u8]) -> Option<Self> {
        let head: &[u8; ENTRY_HEAD] = bytes.first_chunk()?;
        let word = |i: usize| u16::from_le_bytes([head[i], head[i + 1]]);
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let targets_end = ENTRY_HEAD + usize::from(word(10)) * TARGET_SIZE;
        let places_end = targets_end + usize::from(word(8)) * 2;
        let end = places_end.checked_add(size)?;
        let (entry, rest) = bytes.split_at_checked(end)?;
        Some(Self {
            rtype: RecordType(word(0)),
            count: word(2),
            targets: &entry[ENTRY_HEAD..targets_end],
            places: &entry[targets_end..places_end],
            records: &entry[places_end..],
            rest,
        })
    }

    /// The type of its records.
    #[inline]
    #[must_use]
    pub fn rtype(&self) -> RecordType {
        self.rtype
    }

    /// How many records it has.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The first record's TTL in seconds; they are all equal (RFC 2181 5.2).
    #[inline]
    #[must_use]
    pub fn ttl(&self) -> u32 {
        self.records
            .get(6..10)
            .and_then(|b| b.first_chunk())
            .map_or(0, |b| u32::from_be_bytes(*b))
    }

    /// The records: [`OWNER_POINTER`], type, class, TTL, length, RDATA, over and over.
    #[inline]
    #[must_use]
    pub fn records(&self) -> &'z [u8] {
        self.records
    }

    /// Where in [`Self::records`] the listed placeholders are, in rising order.
    #[inline]
    pub fn places(&self) -> impl Iterator<Item = usize> + use<'z> {
        self.places
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| usize::from(u16::from_le_bytes(*b)))
    }

    /// Whether there are no placeholders but the owners.
    #[inline]
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether there are names whose addresses go with this RRset.
    #[inline]
    #[must_use]
    pub fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Names whose addresses go with this RRset.
    #[inline]
    pub fn targets(&self) -> impl ExactSizeIterator<Item = Target> + use<'z> {
        self.targets
            .as_chunks::<TARGET_SIZE>()
            .0
            .iter()
            .map(|b| Target {
                place: u16::from_le_bytes([b[0], b[1]]),
                in_domain: u16::from_le_bytes([b[2], b[3]]) & TARGET_IN_DOMAIN != 0,
                node: u32::from_le_bytes([b[4], b[5], b[6], b[7]]),
                wildcard: u16::from_le_bytes([b[2], b[3]]) & TARGET_WILDCARD != 0,
            })
    }

    /// The entries behind this one.
    #[inline]
    pub(crate) fn rest(&self) -> &'z [u8] {
        self.rest
    }

    /// The RRSIGs over this RRset.
    #[inline]
    #[must_use]
    pub fn signatures(&self) -> Option<Self> {
        Self::first(self.rest).filter(|next| next.rtype == RecordType::RRSIG)
    }

    /// Each record: its place in [`Self::records`] and its length there, owner placeholder
    /// included.
    pub fn spans(&self) -> impl Iterator<Item = (usize, usize)> + use<'z> {
        let records = self.records;
        let mut at = 0;
        std::iter::from_fn(move || {
            let len = records.get(at + 10..at + 12)?;
            let len = 12 + usize::from(u16::from_be_bytes([len[0], len[1]]));
            let span = (at, len);
            at += len;
            (at <= records.len()).then_some(span)
        })
    }

    /// Writes the uncompressed RDATA of the record in `span` to `out`.
    ///
    /// `owner` and `apex` are in uncompressed wire form.
    pub fn rdata(&self, span: (usize, usize), owner: &[u8], apex: &[u8], out: &mut Vec<u8>) {
        let (mut at, end) = (span.0 + 12, span.0 + span.1);
        for place in self
            .places()
            .skip_while(|place| *place < span.0)
            .take_while(|place| *place < end)
        {
            out.extend_from_slice(self.records.get(at..place).unwrap_or(&[]));
            self.expand(place, owner, apex, out);
            at = place + 2;
        }
        out.extend_from_slice(self.records.get(at..end).unwrap_or(&[]));
    }

    /// The name that starts at `place` in the records, uncompressed.
    pub fn name_at(&self, place: usize, owner: &[u8], apex: &[u8], out: &mut Vec<u8>) {
        let mut at = place;
        while let Some(&len) = self.records.get(at) {
            if len >= 0xC0 {
                return self.expand(at, owner, apex, out);
            }
            let end = at + 1 + usize::from(len);
            out.extend_from_slice(self.records.get(at..end).unwrap_or(&[]));
            if len == 0 {
                return;
            }
            at = end;
        }
    }

    /// What the placeholder at `place` stands for, written out.
    fn expand(&self, place: usize, owner: &[u8], apex: &[u8], out: &mut Vec<u8>) {
        let Some(&[high, low]) = self.records.get(place..).and_then(|b| b.first_chunk::<2>())
        else {
            return;
        };
        match u16::from_be_bytes([high, low]) & !POINTER {
            OWNER => out.extend_from_slice(owner),
            value if value & WITHIN != 0 => {
                let target = usize::from(value & !WITHIN);
                // Targets lie before their placeholder, so this ends.
                if target < place {
                    self.name_at(target, owner, apex, out);
                }
            }
            _ => out.extend_from_slice(apex),
        }
    }
}

impl std::fmt::Debug for Rrset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} records of type {}", self.count, self.rtype)
    }
}
