//! From records to the stored form of an RRset (see [`crate::rrset`]).

use crate::name::is_at_or_below_wire;
use crate::rdata;
use crate::rrset::{
    ENTRY_HEAD, OWNER, OWNER_POINTER, POINTER, TARGET_IN_DOMAIN, TARGET_SIZE, WITHIN,
};
use crate::rtype::RecordType;

/// Most names of one RRset whose addresses are offered with it (RELIABILITY P9: fan-out is
/// bounded).
const TARGETS_MAX: usize = 13;
/// Most names of one RRset that later ones are compared with.
const NAMES_MAX: usize = 32;
/// Past this many octets names are written in full: places are 16 bits wide.
const COMPRESS_MAX: usize = 0xF000;

/// What names are relative to while one RRset is written.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The owner, whole, in wire form.
    pub(crate) owner: &'a [u8],
    /// The apex, in wire form.
    pub(crate) apex: &'a [u8],
}

/// A target whose node is not known yet.
pub(crate) struct Unresolved {
    /// Where in the output its node number belongs.
    pub(crate) at: usize,
    /// The name, in wire form.
    pub(crate) name: Box<[u8]>,
}

/// Appends the entry of one RRset. `records` are TTL and uncompressed RDATA; an empty list makes
/// the stand-in for signatures without an RRset.
pub(crate) fn rrset(
    rtype: RecordType,
    records: &[(u32, &[u8])],
    place: Place<'_>,
    out: &mut Vec<u8>,
    unresolved: &mut Vec<Unresolved>,
) {
    let mut body = Body::new(rtype, place);
    let ttl = records.iter().map(|(ttl, _)| *ttl).min().unwrap_or(0);
    for (own_ttl, rdata) in records {
        // RFC 2181 5.2: one TTL per RRset. Signatures are no RRset of their own.
        body.record(
            if rtype == RecordType::RRSIG {
                *own_ttl
            } else {
                ttl
            },
            rdata,
        );
    }
    out.extend_from_slice(&rtype.0.to_le_bytes());
    out.extend_from_slice(&(records.len().min(usize::from(u16::MAX)) as u16).to_le_bytes());
    out.extend_from_slice(&(body.octets.len() as u32).to_le_bytes());
    out.extend_from_slice(&(body.places.len() as u16).to_le_bytes());
    out.extend_from_slice(&(body.targets.len() as u16).to_le_bytes());
    for (at, in_domain, name) in body.targets {
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&(if in_domain { TARGET_IN_DOMAIN } else { 0 }).to_le_bytes());
        unresolved.push(Unresolved {
            at: out.len(),
            name,
        });
        out.extend_from_slice(&[0; 4]);
    }
    for at in &body.places {
        out.extend_from_slice(&at.to_le_bytes());
    }
    out.extend_from_slice(&body.octets);
    const { assert!(ENTRY_HEAD == 12 && TARGET_SIZE == 8) };
}

struct Body<'a> {
    rtype: RecordType,
    place: Place<'a>,
    octets: Vec<u8>,
    places: Vec<u16>,
    targets: Vec<(u16, bool, Box<[u8]>)>,
    /// Names written so far, and where each of their labels starts in `octets` and in the name.
    names: Vec<Written>,
}

struct Written {
    name: Box<[u8]>,
    at: usize,
    /// Octets of the name that are there as labels; the rest is a placeholder.
    plain: usize,
}

impl<'a> Body<'a> {
    fn new(rtype: RecordType, place: Place<'a>) -> Self {
        Self {
            rtype,
            place,
            octets: Vec::new(),
            places: Vec::new(),
            targets: Vec::new(),
            names: Vec::new(),
        }
    }

    fn record(&mut self, ttl: u32, rdata: &[u8]) {
        self.octets.extend_from_slice(&OWNER_POINTER);
        self.octets.extend_from_slice(&self.rtype.0.to_be_bytes());
        self.octets.extend_from_slice(&1u16.to_be_bytes());
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        let length_at = self.octets.len();
        self.octets.extend_from_slice(&[0; 2]);
        let mut copied = 0;
        for name in rdata::names(self.rtype, rdata) {
            let Some(wire) = rdata.get(name.offset..name.offset + name.len) else {
                break;
            };
            self.octets
                .extend_from_slice(rdata.get(copied..name.offset).unwrap_or(&[]));
            copied = name.offset + name.len;
            let at = self.octets.len();
            if name.compress && at < COMPRESS_MAX {
                self.compressed(wire);
            } else {
                self.octets.extend_from_slice(wire);
            }
            self.target(wire, at);
        }
        self.octets
            .extend_from_slice(rdata.get(copied..).unwrap_or(&[]));
        let length = (self.octets.len() - length_at - 2) as u16;
        self.octets[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }

    /// Notes the name if its addresses go into the additional section, or an answer restarts at it.
    fn target(&mut self, wire: &[u8], at: usize) {
        let wanted = matches!(
            self.rtype,
            RecordType::NS
                | RecordType::CNAME
                | RecordType::MX
                | RecordType::SRV
                | RecordType::SVCB
                | RecordType::HTTPS
        );
        let in_domain = is_at_or_below_wire(wire, self.place.owner);
        // RFC 9471 3.1: glue of in-domain name servers is never optional.
        let required = in_domain && self.rtype == RecordType::NS;
        if wanted
            && at < COMPRESS_MAX
            && (required || self.targets.len() < TARGETS_MAX)
            && wire.len() > 1
            && is_at_or_below_wire(wire, self.place.apex)
            && !self
                .targets
                .iter()
                .any(|(_, _, name)| name.eq_ignore_ascii_case(wire))
        {
            self.targets.push((at as u16, in_domain, wire.into()));
        }
    }

    /// Writes a name, its longest known suffix as a placeholder.
    fn compressed(&mut self, wire: &[u8]) {
        let at = self.octets.len();
        let (mut keep, mut placeholder) = (wire.len(), None);
        let mut offer = |start: Option<usize>, value: u16| {
            if let Some(start) = start
                && start < keep
            {
                keep = start;
                placeholder = Some(value);
            }
        };
        // A wildcard's records are given under the name asked for, which then stands in for OWNER.
        if !self.place.owner.starts_with(b"\x01*") {
            offer(suffix_start(wire, self.place.owner), OWNER);
        }
        for written in &self.names {
            for (start, label_at) in label_starts(&written.name)
                .take_while(|s| *s < written.plain)
                .map(|s| (s, written.at + s))
            {
                if label_at < usize::from(WITHIN) {
                    offer(
                        suffix_start(wire, &written.name[start..]),
                        WITHIN | label_at as u16,
                    );
                }
            }
        }
        offer(
            suffix_start(wire, self.place.apex),
            self.place.apex.len() as u16,
        );
        self.octets.extend_from_slice(&wire[..keep]);
        if let Some(value) = placeholder {
            self.places.push(self.octets.len() as u16);
            self.octets
                .extend_from_slice(&(POINTER | value).to_be_bytes());
        }
        if self.names.len() < NAMES_MAX {
            self.names.push(Written {
                name: wire.into(),
                at,
                plain: keep.min(wire.len() - 1),
            });
        }
    }
}

/// Where `suffix` starts in `name`, if the name is at or below it and it is worth pointing at. Letter
/// case must be the same: a transfer gives names back as they came.
fn suffix_start(name: &[u8], suffix: &[u8]) -> Option<usize> {
    let start = name.strip_suffix(suffix)?.len();
    (suffix.len() > 2 && label_starts(name).any(|at| at == start)).then_some(start)
}

/// Where each label of a wire-form name starts, the root left out.
fn label_starts(name: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let len = usize::from(*name.get(at)?);
        let start = at;
        at += len + 1;
        (len > 0).then_some(start)
    })
}
