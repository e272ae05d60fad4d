//! Making a block from records: sort, group, decide what can be decided, then index.

use std::ops::Range;

use crate::canon;
use crate::hash::{HashKey, LookupName};
use crate::image::encode::{self, Place, Unresolved};
use crate::image::index::Index;
use crate::image::{APEX, Image, NODE_HEAD, UNIT};
use crate::lookup::{CNAME, CUT, DNAME, EMPTY, MIXED_CASE, NSEC3_ONLY, OCCLUDED};
use crate::name::{Name, compare_wire, is_at_or_below_wire, labels};
use crate::record::{Record, RecordBuf};
use crate::rrset::TARGET_WILDCARD;
use crate::rtype::RecordType;

/// Why records do not make a zone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// RFC 1035 5.2: exactly one SOA, at the apex.
    #[error("no SOA record at `{0}`")]
    NoSoa(Name),
    /// As above.
    #[error("more than one SOA record at `{0}`")]
    SeveralSoa(Name),
    /// A record whose owner is not at or below the apex.
    #[error("`{owner}` is not in the zone `{apex}`")]
    OutOfZone {
        /// The owner.
        owner: Name,
        /// The zone.
        apex: Name,
    },
    /// SOA RDATA that cannot be read.
    #[error("the SOA record of `{0}` cannot be read")]
    BadSoa(Name),
    /// The block would pass what its references can count, 16 GiB.
    #[error("the zone is too large")]
    TooLarge,
}

/// Builds the block of a zone.
pub(crate) fn image(apex: &Name, records: &RecordBuf, key: &HashKey) -> Result<Image, BuildError> {
    image_in(&Order::of(apex, records)?, apex, records, key)
}

/// The same where the order of the records is known.
pub(crate) fn image_in(
    order: &Order,
    apex: &Name,
    records: &RecordBuf,
    key: &HashKey,
) -> Result<Image, BuildError> {
    let sorted = &order.0[..];
    let mut builder = Builder::new(apex, key, records.len());
    let mut at = 0;
    while let Some(first) = sorted.get(at) {
        let owner = records
            .get(first.index as usize)
            .map_or(&[][..], |record| record.owner);
        let same = |entry: &Sorted| {
            entry.prefix == first.prefix
                && records
                    .get(entry.index as usize)
                    .is_some_and(|record| record.owner.eq_ignore_ascii_case(owner))
        };
        let end = at
            + sorted[at..]
                .iter()
                .position(|entry| !same(entry))
                .unwrap_or(sorted.len() - at);
        builder.owner(
            owner,
            sorted[at..end]
                .iter()
                .filter_map(|entry| records.get(entry.index as usize)),
        )?;
        at = end;
    }
    builder.finish()
}

/// The canonical order of records: owner, then type with SOA and NS first and signatures behind
/// what they cover, then RDATA.
#[derive(Clone)]
pub(crate) struct Order(Vec<Sorted>);

impl Order {
    pub(crate) fn of(apex: &Name, records: &RecordBuf) -> Result<Self, BuildError> {
        Ok(Self(sort(apex, records)?))
    }

    /// How many records it orders.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the order of {} records", self.len())
    }
}

/// A record's place in the order: first octets of the owner's key, then its index.
#[derive(Clone, Copy)]
struct Sorted {
    prefix: u64,
    index: u32,
}

fn sort(apex: &Name, records: &RecordBuf) -> Result<Vec<Sorted>, BuildError> {
    let apex_wire = apex.as_wire();
    let mut sorted = Vec::with_capacity(records.len());
    let (mut last_owner, mut last_prefix): (&[u8], u64) = (&[], 0);
    for (index, record) in records.iter().enumerate() {
        if record.owner != last_owner {
            if !is_at_or_below_wire(record.owner, apex_wire) {
                let owner = Name::from_wire(record.owner).unwrap_or_else(|_| Name::root());
                return Err(BuildError::OutOfZone {
                    owner,
                    apex: apex.clone(),
                });
            }
            last_prefix = canon::prefix(&record.owner[..record.owner.len() - apex_wire.len()]);
            last_owner = record.owner;
        }
        sorted.push(Sorted {
            prefix: last_prefix,
            index: index as u32,
        });
    }
    // Stable, and quick on what is in order already, as most zone files and transfers are.
    sorted.sort_by(|a, b| {
        a.prefix.cmp(&b.prefix).then_with(|| {
            let (Some(a), Some(b)) = (records.get(a.index as usize), records.get(b.index as usize))
            else {
                return std::cmp::Ordering::Equal;
            };
            let owners = if a.owner == b.owner {
                std::cmp::Ordering::Equal
            } else {
                compare_wire(a.owner, b.owner)
            };
            owners
                .then_with(|| rank(&a).cmp(&rank(&b)))
                .then_with(|| a.rdata.cmp(b.rdata))
        })
    });
    Ok(sorted)
}

/// Order of types within a node.
pub(crate) fn rank(record: &Record<'_>) -> u32 {
    let (rtype, signature) = (
        covered(record).unwrap_or(record.rtype),
        record.rtype == RecordType::RRSIG,
    );
    let first = match rtype {
        RecordType::SOA => 0,
        RecordType::NS => 1,
        other => u32::from(other.0) + 2,
    };
    first * 2 + u32::from(signature)
}

/// The type a signature covers.
fn covered(record: &Record<'_>) -> Option<RecordType> {
    let octets = (record.rtype == RecordType::RRSIG)
        .then_some(record.rdata)?
        .first_chunk::<2>()?;
    Some(RecordType(u16::from_be_bytes(*octets)))
}

/// Writes all RRsets of one owner. `records` are in [`rank`] order; equal ones count once
/// (RFC 2181 5).
pub(crate) fn entries<'a>(
    records: impl Iterator<Item = Record<'a>>,
    place: Place<'_>,
    out: &mut Vec<u8>,
    unresolved: &mut Vec<Unresolved>,
) -> Contents {
    let mut contents = Contents::default();
    let mut group: Vec<(u32, &[u8])> = Vec::new();
    let mut records = records.peekable();
    let mut last = None;
    while let Some(record) = records.next() {
        if group.last().is_none_or(|(_, rdata)| *rdata != record.rdata) {
            group.push((record.ttl, record.rdata));
        }
        if records
            .peek()
            .is_some_and(|next| rank(next) == rank(&record))
        {
            continue;
        }
        if let Some(of) = covered(&record)
            && last != Some(of)
        {
            encode::rrset(of, &[], place, out, unresolved);
            contents.note(of, 0);
        }
        encode::rrset(record.rtype, &group, place, out, unresolved);
        contents.note(record.rtype, group.len());
        last = Some(record.rtype);
        group.clear();
    }
    contents
}

/// What is at a node.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) records: u64,
    pub(crate) soa: usize,
    ns: bool,
    cname: bool,
    dname: bool,
    pub(crate) nsec3: bool,
    other: bool,
}

impl Contents {
    fn note(&mut self, rtype: RecordType, count: usize) {
        self.records += count as u64;
        match rtype {
            RecordType::SOA => self.soa += count,
            RecordType::NS => self.ns |= count > 0,
            RecordType::CNAME => self.cname |= count > 0,
            RecordType::DNAME => self.dname |= count > 0,
            RecordType::NSEC3 => self.nsec3 |= count > 0,
            RecordType::RRSIG => {}
            _ => self.other |= count > 0,
        }
        self.other |= matches!(
            rtype,
            RecordType::SOA | RecordType::NS | RecordType::CNAME | RecordType::DNAME
        ) && count > 0;
    }

    /// Flags of a node with these contents.
    pub(crate) fn flags(&self, at_apex: bool) -> u8 {
        let mut flags = 0;
        let mut set = |on: bool, flag: u8| flags |= if on { flag } else { 0 };
        set(self.ns && !at_apex, CUT);
        set(self.dname, DNAME);
        set(self.cname, CNAME);
        set(self.nsec3 && !self.other, NSEC3_ONLY);
        set(self.records == 0, EMPTY);
        flags
    }
}

/// An ancestor of the node being written.
struct Frame {
    label: Range<usize>,
    at: u32,
    hash: u64,
    /// The cut or DNAME that hides whatever comes below, itself included.
    barrier: u32,
}

struct Builder<'k> {
    apex: Name,
    key: &'k HashKey,
    nodes: Vec<u8>,
    order: Vec<u32>,
    nsec3: Vec<u32>,
    names: Vec<(u64, u32)>,
    unresolved: Vec<Unresolved>,
    stack: Vec<Frame>,
    depth_max: u8,
    records: u64,
    soa: usize,
}

impl<'k> Builder<'k> {
    fn new(apex: &Name, key: &'k HashKey, records: usize) -> Self {
        Self {
            apex: apex.clone(),
            key,
            // What a record takes in common zones; the vector is cut to size at the end.
            nodes: {
                let mut nodes = Vec::with_capacity(records.saturating_mul(56));
                nodes.resize(APEX as usize * UNIT, 0);
                nodes
            },
            order: Vec::new(),
            nsec3: Vec::new(),
            names: Vec::new(),
            unresolved: Vec::new(),
            stack: Vec::new(),
            depth_max: 0,
            records: 0,
            soa: 0,
        }
    }

    /// Writes the next owner in canonical order, with the empty non-terminals above it.
    fn owner<'a>(
        &mut self,
        owner: &[u8],
        records: impl Iterator<Item = Record<'a>>,
    ) -> Result<(), BuildError> {
        let relative = &owner[..owner.len() - self.apex.as_wire().len()];
        let own: Vec<&[u8]> = labels(relative).rev().collect();
        if self.stack.is_empty() && !own.is_empty() {
            return Err(BuildError::NoSoa(self.apex.clone()));
        }
        let shared = own
            .iter()
            .zip(self.stack.iter().skip(1))
            .take_while(|(label, frame)| {
                self.nodes[frame.label.clone()].eq_ignore_ascii_case(label)
            })
            .count();
        self.stack.truncate(shared + 1);
        let mut start = relative.len();
        for (depth, label) in own.iter().enumerate() {
            start -= label.len() + 1;
            if depth >= shared && depth + 1 < own.len() {
                self.node(&relative[start..], label, depth + 1, std::iter::empty())?;
            }
        }
        self.node(
            relative,
            own.last().copied().unwrap_or(&[]),
            own.len(),
            records,
        )
    }

    fn node<'a>(
        &mut self,
        relative: &[u8],
        label: &[u8],
        depth: usize,
        records: impl Iterator<Item = Record<'a>>,
    ) -> Result<(), BuildError> {
        let at = u32::try_from(self.nodes.len() / UNIT).map_err(|_| BuildError::TooLarge)?;
        let start = self.nodes.len();
        self.nodes.resize(start + NODE_HEAD, 0);
        self.nodes.extend_from_slice(relative);
        let owner = [relative, self.apex.as_wire()].concat();
        let entries_at = self.nodes.len();
        let place = Place {
            owner: &owner,
            apex: self.apex.as_wire(),
        };
        let contents = entries(records, place, &mut self.nodes, &mut self.unresolved);
        let entries_len =
            u32::try_from(self.nodes.len() - entries_at).map_err(|_| BuildError::TooLarge)?;
        self.nodes
            .resize(self.nodes.len().next_multiple_of(UNIT), 0);

        let parent = self.stack.last();
        let barrier = parent.map_or(0, |parent| parent.barrier);
        let mut flags = contents.flags(depth == 0);
        if barrier != 0 {
            flags |= OCCLUDED;
        }
        if relative.iter().any(u8::is_ascii_uppercase) {
            flags |= MIXED_CASE;
        }
        let hash = parent.map_or_else(
            || hash_of(&self.apex, self.key),
            |parent| self.key.below(parent.hash, label),
        );
        if label == b"*"
            && barrier == 0
            && let Some(parent) = parent
        {
            let link = parent.at as usize * UNIT;
            self.nodes[link..link + 4].copy_from_slice(&at.to_le_bytes());
        }
        let head = &mut self.nodes[start..start + NODE_HEAD];
        head[0..4].copy_from_slice(&barrier.to_le_bytes());
        head[4..8].copy_from_slice(&entries_len.to_le_bytes());
        head[8] = flags;
        head[9] = relative.len() as u8;
        head[10] = depth as u8;

        self.order.push(at);
        if contents.nsec3 {
            self.nsec3.push(at);
        }
        if flags & NSEC3_ONLY == 0 {
            self.names.push((hash, at));
            self.depth_max = self.depth_max.max(depth as u8);
        }
        self.records += contents.records;
        self.soa += if depth == 0 { contents.soa } else { 0 };
        let below = if barrier != 0 {
            barrier
        } else if flags & (CUT | DNAME) != 0 {
            at
        } else {
            0
        };
        let label_at = start + NODE_HEAD + 1;
        self.stack.push(Frame {
            label: label_at..label_at + label.len(),
            at,
            hash,
            barrier: below,
        });
        Ok(())
    }

    fn finish(mut self) -> Result<Image, BuildError> {
        match self.soa {
            0 => return Err(BuildError::NoSoa(self.apex)),
            1 => {}
            _ => return Err(BuildError::SeveralSoa(self.apex)),
        }
        self.nodes.shrink_to_fit();
        let mut image = Image {
            nodes: self.nodes.into(),
            order: self.order.into(),
            guide: Box::default(),
            nsec3: self.nsec3.into(),
            index: Index::build(&self.names),
            depth_max: self.depth_max,
            records: self.records,
        }
        .with_guide();
        let apex_labels = self.apex.label_count();
        let mut name = LookupName::new();
        for target in self.unresolved {
            if name.set_wire(&target.name, self.key).is_err() {
                continue;
            }
            let depth = name.labels() - apex_labels;
            if let Some(node) = image.find(&name, apex_labels, depth) {
                image.nodes[target.at..target.at + 4].copy_from_slice(&node.to_le_bytes());
            } else if let Some(node) = image.find_stand_in(&name, apex_labels, depth) {
                image.nodes[target.at..target.at + 4].copy_from_slice(&node.to_le_bytes());
                // The flags lie before the node.
                image.nodes[target.at - 2] |= TARGET_WILDCARD as u8;
            }
        }
        Ok(image)
    }
}

/// The hash of a whole name.
fn hash_of(name: &Name, key: &HashKey) -> u64 {
    name.labels()
        .rev()
        .fold(key.root(), |hash, label| key.below(hash, label))
}
