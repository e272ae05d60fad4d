//! What records must satisfy together to be a zone: shared by `zone check`, uploads and transfers.
//!
//! An error refuses the zone; a warning tells what will not work as written. The line between them: an
//! error where BIND, NSD and Knot all refuse, or where an RFC says what a zone must have; a warning
//! where an RFC says how to live with it (occlusion) or where real zones do it and resolvers cope.
//! Two kinds of warning come with a repair, as the peers do it: records outside the zone are left out, and an
//! RRset whose TTLs differ gets the lowest one (RFC 2181 5.2).
//!
//! Records may come in any order and by the million, so they are not sorted by name: one vector of
//! (hash of the owner, type, index) is, which brings RRsets and owners together.

use std::hash::{BuildHasher, RandomState};

use crate::name::{Name, is_at_or_below_wire, parent_wire};
use crate::rdata;
use crate::record::{Record, RecordBuf};
use crate::rtype::RecordType;

mod rules;
mod targets;

pub use rules::Rule;

/// Whether a problem refuses the zone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The zone is taken, but something in it will not work as written.
    Warning,
    /// The zone is refused.
    Error,
}

/// One thing that is wrong with a zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The index of the record it is about; `None` when one is missing.
    pub record: Option<usize>,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong, in words for the zone's owner.
    pub message: String,
}

impl Problem {
    /// Whether it refuses the zone.
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }
}

/// What [`check`] found, and how to repair what can be repaired.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// What is wrong, errors first, then in the order of the records; at most [`PROBLEMS_MAX`] of each
    /// severity.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub left_out: usize,
    /// Problems so far: warnings, errors.
    counts: [usize; 2],
    removed: Vec<usize>,
    ttls: Vec<(usize, u32)>,
}

/// A zone of a million odd records must not make a million sentences.
pub const PROBLEMS_MAX: usize = 1000;
/// More records than this in one RRset slow every answer down; BIND's default limit.
const RRSET_RECORDS_MAX: usize = 100;
/// A hundred records no longer than this, with owners of full length, fit into a message.
const LONG_RDATA: usize = 600;

impl Review {
    /// Whether the zone must be refused.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The problems that refuse the zone.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity() == Severity::Error)
    }

    /// Leaves out records outside the zone and repeated ones, and gives every RRset one TTL. Indexes of `problems` count
    /// the records as they were before.
    pub fn repair(&self, records: &mut RecordBuf) {
        for &(index, ttl) in &self.ttls {
            records.set_ttl(index, ttl);
        }
        if !self.removed.is_empty() {
            records.remove(&self.removed);
        }
    }

    fn add(&mut self, record: Option<usize>, rule: Rule, message: impl FnOnce() -> String) {
        let count = &mut self.counts[rule.severity() as usize];
        *count += 1;
        if *count > PROBLEMS_MAX {
            self.left_out += 1;
            return;
        }
        self.problems.push(Problem {
            record,
            rule,
            message: message(),
        });
    }
}

/// Checks records that are to be the zone `apex`. RDATA must have been checked one by one before.
pub fn check(apex: &Name, records: &RecordBuf) -> Review {
    let mut review = Review::default();
    let index = Index::new(apex, records, &mut review);
    let mut tops = Tops::default();
    for owner in index.owners() {
        rules::owner(&index, owner, &mut tops, &mut review);
    }
    if !tops.soa_at_apex {
        review.add(None, Rule::NoSoa, || {
            format!("there is no SOA record at {apex}")
        });
    }
    if !tops.ns_at_apex {
        review.add(None, Rule::NoApexNs, || {
            format!("there is no NS record at {apex}")
        });
    }
    tops.cuts.sort_unstable();
    tops.dnames.sort_unstable();
    if !tops.cuts.is_empty() || !tops.dnames.is_empty() {
        for owner in index.owners() {
            rules::occlusion(&index, owner, &tops, &mut review);
        }
    }
    for row in &index.rows {
        targets::host_of(&index, row, &tops, &mut review);
    }
    targets::servers(&index, &mut review);
    review
        .problems
        .sort_by_key(|problem| (std::cmp::Reverse(problem.severity()), problem.record));
    review.ttls.sort_unstable();
    review.removed.sort_unstable();
    review.removed.dedup();
    review
}

/// What sits above other names of the zone.
#[derive(Default)]
struct Tops {
    soa_at_apex: bool,
    ns_at_apex: bool,
    /// Hashes of the owners of NS below the apex, sorted before they are searched.
    cuts: Vec<u64>,
    /// Hashes of the owners of DNAME.
    dnames: Vec<u64>,
}

/// The records inside the zone, brought together by owner and type.
struct Index<'r> {
    apex: &'r Name,
    records: &'r RecordBuf,
    apex_hash: u64,
    hasher: RandomState,
    rows: Vec<Row>,
    /// Whether fewer than [`RRSET_RECORDS_MAX`] records might fill a message.
    has_long_rdata: bool,
}

/// A record's place: rows of one owner, and of one RRset in it, stand together.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Row {
    owner: u64,
    rtype: RecordType,
    /// For RRSIG the type it covers: signatures of different RRsets are no RRset (RFC 4034 3).
    covered: RecordType,
    index: u32,
}

impl<'r> Index<'r> {
    fn new(apex: &'r Name, records: &'r RecordBuf, review: &mut Review) -> Self {
        let hasher = RandomState::new();
        let mut rows = Vec::with_capacity(records.len());
        let mut last: (&[u8], u64) = (&[], 0);
        let mut has_long_rdata = false;
        for (index, record) in records.iter().enumerate() {
            if record.owner != last.0 {
                if !is_at_or_below_wire(record.owner, apex.as_wire()) {
                    review.removed.push(index);
                    review.add(Some(index), Rule::OutOfZone, || {
                        format!(
                            "{} is not in the zone {apex}; the record is left out",
                            show(record.owner)
                        )
                    });
                    continue;
                }
                last = (record.owner, hash(&hasher, record.owner));
            }
            has_long_rdata |= record.rdata.len() > LONG_RDATA;
            let covered = match (record.rtype, record.rdata) {
                (RecordType::RRSIG, [high, low, ..]) => {
                    RecordType(u16::from_be_bytes([*high, *low]))
                }
                _ => RecordType(0),
            };
            rows.push(Row {
                owner: last.1,
                rtype: record.rtype,
                covered,
                index: index as u32,
            });
        }
        rows.sort_unstable();
        let apex_hash = hash(&hasher, apex.as_wire());
        Self {
            apex,
            records,
            apex_hash,
            hasher,
            rows,
            has_long_rdata,
        }
    }

    fn record(&self, row: &Row) -> Record<'r> {
        self.records
            .get(row.index as usize)
            .expect("rows are made from the records")
    }

    /// The rows of each owner. Names are told apart by their hash alone: among a million, two share
    /// one of 64 bits once in 40 million zones, and looking at every name would cost a cache miss each.
    fn owners(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.owner == b.owner)
    }

    /// Whether there is a record of this type at a name, or of any type.
    fn has(&self, name: &[u8], rtype: Option<RecordType>) -> bool {
        let owner = self.hash(name);
        let least = (owner, rtype.unwrap_or(RecordType(0)));
        let at = self
            .rows
            .partition_point(|row| (row.owner, row.rtype) < least);
        self.rows
            .get(at)
            .is_some_and(|row| row.owner == owner && rtype.is_none_or(|rtype| row.rtype == rtype))
    }

    /// The rows of one RRset.
    fn rows_of(&self, name: &[u8], rtype: RecordType) -> &[Row] {
        let key = (self.hash(name), rtype);
        let start = self
            .rows
            .partition_point(|row| (row.owner, row.rtype) < key);
        let rest = self.rows.get(start..).unwrap_or(&[]);
        let len = rest.partition_point(|row| (row.owner, row.rtype) == key);
        rest.get(..len).unwrap_or(&[])
    }

    fn hash(&self, name: &[u8]) -> u64 {
        hash(&self.hasher, name)
    }

    fn is_apex(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.apex.as_wire())
    }

    fn is_inside(&self, name: &[u8]) -> bool {
        is_at_or_below_wire(name, self.apex.as_wire())
    }

    /// The names above `name` that are below the apex, nearest first.
    fn ancestors<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'n [u8]> {
        let apex_len = self.apex.as_wire().len();
        std::iter::successors(parent_wire(name), |name| parent_wire(name))
            .take_while(move |name| name.len() > apex_len)
    }
}

fn hash(hasher: &RandomState, name: &[u8]) -> u64 {
    let mut folded = [0u8; 256];
    let folded = &mut folded[..name.len().min(256)];
    folded.copy_from_slice(&name[..folded.len()]);
    folded.make_ascii_lowercase();
    hasher.hash_one(&*folded)
}

/// A name for a message.
fn show(wire: &[u8]) -> String {
    let mut text = String::new();
    crate::name::text::name_to_text(wire, &mut text).expect("a String takes all text");
    text
}

/// The last name in RDATA: the host that NS, MX and SRV point to.
fn host(rtype: RecordType, rdata: &[u8]) -> Option<&[u8]> {
    let name = rdata::names(rtype, rdata).last()?;
    rdata.get(name.offset..name.offset + name.len)
}

#[cfg(test)]
mod tests;
