//! The rules, one function for each thing that is looked at: an owner, what lies above it, a target.

use std::collections::HashSet;

use super::{Index, RRSET_RECORDS_MAX, Review, Row, Severity, Tops, show};
use crate::rdata;
use crate::rtype::RecordType;

/// A rule about zones. Its [`Rule::code`] is stable, its message is not.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// RFC 1035 5.2: there is one SOA at the apex.
    NoSoa,
    /// RFC 1035 5.2: and not two.
    SeveralSoa,
    /// RFC 1035 5.2: and none below it.
    SoaBelowApex,
    /// RFC 1034 4.2.1: NS records at the apex name the zone's servers.
    NoApexNs,
    /// RFC 1034 3.6.2: where a CNAME is, nothing else is.
    CnameAndOther,
    /// RFC 2181 10.1: a name has one canonical name.
    SeveralCname,
    /// RFC 6672 2.4: a name has one DNAME.
    SeveralDname,
    /// A record whose owner is not at or below the apex.
    OutOfZone,
    /// RFC 6672 2.4: names below a DNAME are occluded.
    BelowDname,
    /// RFC 6672 2.3: a DNAME beside a delegation belongs into the child.
    DnameAtCut,
    /// RFC 2136 7.18: names at and below a cut are not answered, except as glue.
    Occluded,
    /// RFC 2181 5.2: the records of an RRset have one TTL.
    TtlsDiffer,
    /// RFC 9471: a name server below its own cut cannot be found without an address.
    NoGlue,
    /// An NS record of the apex points to a name of this zone that has no address.
    NoServerAddress,
    /// RFC 1034 4.2.1: all name servers of the apex are names of this zone, and none has an address.
    NoServerFindable,
    /// RFC 2181 10.3, RFC 6672 2.4: a name server of the apex below a DNAME of the zone is an alias for
    /// every resolver, so its address is never answered and nobody finds the zone.
    ServerBelowDname,
    /// RFC 2181 10.3: NS and MX must not point to an alias.
    TargetIsAlias,
    /// RFC 4592 4.2: what a wildcard delegation means is undefined.
    WildcardNs,
    /// RFC 4035 2.4: DS belongs to a delegation, and not to the apex.
    StrayDs,
    /// So many records in one RRset that some servers refuse it.
    LargeRrset,
    /// RFC 1035 4.2.2: a message has at most 65,535 octets, so this RRset can never be answered whole.
    OversizeRrset,
    /// An ALIAS stands for the addresses of one other name.
    SeveralAlias,
    /// Addresses of its own beside those that an ALIAS fetches: which were to be answered?
    AliasAndAddress,
    /// Addresses that are fetched later cannot have the signatures that came with the zone.
    AliasInSigned,
}

impl Rule {
    /// A short stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoSoa => "no-soa",
            Self::SeveralSoa => "several-soa",
            Self::SoaBelowApex => "soa-below-apex",
            Self::NoApexNs => "no-apex-ns",
            Self::CnameAndOther => "cname-and-other",
            Self::SeveralCname => "several-cname",
            Self::SeveralDname => "several-dname",
            Self::OutOfZone => "out-of-zone",
            Self::BelowDname => "below-dname",
            Self::DnameAtCut => "dname-at-cut",
            Self::Occluded => "occluded",
            Self::TtlsDiffer => "ttls-differ",
            Self::NoGlue => "no-glue",
            Self::NoServerAddress => "no-server-address",
            Self::NoServerFindable => "no-server-findable",
            Self::ServerBelowDname => "server-below-dname",
            Self::TargetIsAlias => "target-is-alias",
            Self::WildcardNs => "wildcard-ns",
            Self::StrayDs => "stray-ds",
            Self::LargeRrset => "large-rrset",
            Self::OversizeRrset => "oversize-rrset",
            Self::SeveralAlias => "several-alias",
            Self::AliasAndAddress => "alias-and-address",
            Self::AliasInSigned => "alias-in-signed",
        }
    }

    /// Whether breaking it refuses the zone.
    pub fn severity(self) -> Severity {
        match self {
            Self::NoSoa
            | Self::SeveralSoa
            | Self::SoaBelowApex
            | Self::NoApexNs
            | Self::CnameAndOther
            | Self::SeveralCname
            | Self::SeveralDname
            | Self::NoServerFindable
            | Self::ServerBelowDname
            | Self::OversizeRrset
            | Self::SeveralAlias
            | Self::AliasAndAddress
            | Self::AliasInSigned => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// Whether it matters only where the zone is edited: in a transfer, ALIAS is a type like any other
    /// unknown one, and its meaning is the primary's.
    pub fn is_about_editing(self) -> bool {
        matches!(
            self,
            Self::SeveralAlias | Self::AliasAndAddress | Self::AliasInSigned
        )
    }

    /// Whether the reason may be a record that is missing, so that the finding means little while
    /// other lines could not be read.
    pub fn is_about_absence(self) -> bool {
        matches!(
            self,
            Self::NoSoa
                | Self::NoApexNs
                | Self::NoGlue
                | Self::NoServerAddress
                | Self::NoServerFindable
                | Self::StrayDs
        )
    }
}

/// Looks at the records of one owner.
pub(super) fn owner(index: &Index<'_>, rows: &[Row], tops: &mut Tops, review: &mut Review) {
    let Some(first) = rows.first() else { return };
    let at_apex = first.owner == index.apex_hash;
    let name = || show(index.record(first).owner);
    let has = |rtype: RecordType| rows.iter().any(|row| row.rtype == rtype);
    for rrset in rows.chunk_by(|a, b| (a.rtype, a.covered) == (b.rtype, b.covered)) {
        ttls(index, rrset, review);
        twins(index, rrset, review);
        let Some(first) = rrset.first() else { continue };
        match first.rtype {
            RecordType::SOA if at_apex => {
                tops.soa_at_apex = true;
                single(index, rrset, Rule::SeveralSoa, review);
            }
            RecordType::SOA => review.add(Some(first.index as usize), Rule::SoaBelowApex, || {
                format!("SOA at {}, which is not the apex {}", name(), index.apex)
            }),
            RecordType::CNAME => single(index, rrset, Rule::SeveralCname, review),
            RecordType::ALIAS => {
                single(index, rrset, Rule::SeveralAlias, review);
                alias(index, rows, first, review);
            }
            RecordType::DNAME => {
                tops.dnames.push(first.owner);
                single(index, rrset, Rule::SeveralDname, review);
            }
            RecordType::NS if at_apex => tops.ns_at_apex = true,
            RecordType::NS => tops.cuts.push(first.owner),
            RecordType::DS if at_apex || !has(RecordType::NS) => {
                review.add(Some(first.index as usize), Rule::StrayDs, || {
                    format!("DS at {}, where no delegation is", name())
                });
            }
            _ => {}
        }
        if rrset.len() > RRSET_RECORDS_MAX || index.has_long_rdata {
            size(index, rrset, review);
        }
        if rrset.len() > RRSET_RECORDS_MAX {
            review.add(Some(first.index as usize), Rule::LargeRrset, || {
                format!(
                    "{} {} records at {}; some servers refuse more than 100",
                    rrset.len(),
                    first.rtype,
                    name()
                )
            });
        }
    }
    if has(RecordType::CNAME)
        && let Some(other) = rows
            .iter()
            .find(|row| row.rtype != RecordType::CNAME && !row.rtype.may_accompany_cname())
    {
        review.add(Some(other.index as usize), Rule::CnameAndOther, || {
            format!(
                "{} has a CNAME, so it cannot have {} too",
                name(),
                other.rtype
            )
        });
    }
    if !at_apex && let Some(ns) = rows.iter().find(|row| row.rtype == RecordType::NS) {
        if has(RecordType::DNAME) {
            review.add(Some(ns.index as usize), Rule::DnameAtCut, || {
                format!(
                    "{} is delegated, so its DNAME is not answered from here",
                    name()
                )
            });
        }
        if index.record(ns).owner.starts_with(b"\x01*") {
            review.add(Some(ns.index as usize), Rule::WildcardNs, || {
                format!(
                    "NS at the wildcard {}: resolvers differ in what they make of it",
                    name()
                )
            });
        }
    }
}

/// What may not stand beside an ALIAS.
fn alias(index: &Index<'_>, rows: &[Row], alias: &Row, review: &mut Review) {
    let name = || show(index.record(alias).owner);
    let is_address = |row: &&Row| matches!(row.rtype, RecordType::A | RecordType::AAAA);
    if let Some(address) = rows.iter().find(is_address) {
        review.add(Some(address.index as usize), Rule::AliasAndAddress, || {
            format!(
                "{} has an ALIAS, which brings its addresses, so it cannot have {} too",
                name(),
                address.rtype
            )
        });
    }
    if index.has(index.apex.as_wire(), Some(RecordType::DNSKEY)) {
        review.add(Some(alias.index as usize), Rule::AliasInSigned, || {
            format!(
                "ALIAS at {}, and the zone is signed already: addresses that are looked up later would have no signatures",
                name()
            )
        });
    }
}

/// RFC 1035 4.2.2: an RRset has to fit into one message.
fn size(index: &Index<'_>, rrset: &[Row], review: &mut Review) {
    let Some(first) = rrset.first() else { return };
    let owner = index.record(first).owner;
    let records: usize = rrset
        .iter()
        .map(|row| RECORD_HEAD_LEN + index.record(row).rdata.len())
        .sum();
    if HEADER_LEN + owner.len() + 4 + records > MESSAGE_SIZE_MAX {
        review.add(Some(first.index as usize), Rule::OversizeRrset, || {
            format!(
                "the {} records at {} are {records} octets together; no message can carry them",
                first.rtype,
                show(owner)
            )
        });
    }
}

const MESSAGE_SIZE_MAX: usize = 65_535;
const HEADER_LEN: usize = 12;
/// A compressed owner, type, class, TTL and RDLENGTH.
const RECORD_HEAD_LEN: usize = 12;

/// RFC 2181 5.2: one TTL for an RRset; the lowest, because nobody was promised longer.
fn ttls(index: &Index<'_>, rrset: &[Row], review: &mut Review) {
    if rrset.len() < 2 {
        return;
    }
    let mut all = rrset.iter().map(|row| index.record(row).ttl);
    let Some(first) = all.next() else { return };
    let least = all.fold(first, u32::min);
    let mut different = rrset
        .iter()
        .filter(|row| index.record(row).ttl != least)
        .peekable();
    let Some(example) = different.peek() else {
        return;
    };
    let record = index.record(example);
    review.add(Some(example.index as usize), Rule::TtlsDiffer, || {
        format!(
            "TTLs of the {} records at {} differ; the lowest, {least}, is taken",
            record.rtype,
            show(record.owner)
        )
    });
    review
        .ttls
        .extend(different.map(|row| (row.index as usize, least)));
}

/// RFC 2181 5, RFC 4343: records that differ in the case of a name alone are one record. The first stays.
fn twins(index: &Index<'_>, rrset: &[Row], review: &mut Review) {
    let Some(first) = rrset.first().filter(|_| rrset.len() > 1) else {
        return;
    };
    if rdata::names(first.rtype, index.record(first).rdata)
        .next()
        .is_none()
    {
        return;
    }
    let mut seen = HashSet::with_capacity(rrset.len());
    for row in rrset {
        let rdata = index.record(row).rdata;
        let mut folded = rdata.to_vec();
        for name in rdata::names(row.rtype, rdata) {
            if let Some(name) = folded.get_mut(name.offset..name.offset + name.len) {
                name.make_ascii_lowercase();
            }
        }
        if !seen.insert(folded) {
            review.removed.push(row.index as usize);
        }
    }
}

/// One record, however often it is repeated.
fn single(index: &Index<'_>, rrset: &[Row], rule: Rule, review: &mut Review) {
    let Some(first) = rrset.first() else { return };
    let first = index.record(first);
    // A difference in the case of a name is no difference; the five numbers of SOA have no case.
    let numbers = if first.rtype == RecordType::SOA {
        20
    } else {
        0
    };
    let split = |rdata: &'_ [u8]| rdata.len().saturating_sub(numbers);
    let same = |rdata: &[u8]| {
        let (names, rest) = rdata.split_at(split(rdata));
        let (first_names, first_rest) = first.rdata.split_at(split(first.rdata));
        names.eq_ignore_ascii_case(first_names) && rest == first_rest
    };
    let other = rrset.iter().find(|row| !same(index.record(row).rdata));
    if let Some(other) = other {
        review.add(Some(other.index as usize), rule, || {
            format!(
                "a second, different {} record at {}",
                first.rtype,
                show(first.owner)
            )
        });
    }
}

/// Looks at what lies above an owner.
pub(super) fn occlusion(index: &Index<'_>, rows: &[Row], tops: &Tops, review: &mut Review) {
    let Some(first) = rows.first() else { return };
    let name = index.record(first).owner;
    let covers = |list: &[u64], hash: u64| list.binary_search(&hash).is_ok();
    let mut cut = covers(&tops.cuts, first.owner).then_some(name);
    let at_cut = cut.is_some();
    for ancestor in index.ancestors(name) {
        if covers(&tops.cuts, index.hash(ancestor)) {
            cut = Some(ancestor);
        }
    }
    // NSEC3 owners lie below the apex wherever the apex has a DNAME (RFC 6672 5.3.4.1).
    let hidden = |row: &&Row| !matches!(row.rtype, RecordType::NSEC3 | RecordType::RRSIG);
    if dname_above(index, name, tops).is_some()
        && let Some(row) = rows.iter().find(hidden)
    {
        review.add(Some(row.index as usize), Rule::BelowDname, || {
            format!("{} is below a DNAME and is never answered", show(name))
        });
    } else if let Some(cut) = cut {
        let belongs = |rtype: RecordType| match rtype {
            RecordType::A
            | RecordType::AAAA
            | RecordType::RRSIG
            | RecordType::NSEC
            | RecordType::NSEC3 => true,
            // The DNAME at a cut has a warning of its own.
            RecordType::NS | RecordType::DS | RecordType::DNAME => at_cut && cut == name,
            _ => false,
        };
        if let Some(row) = rows.iter().find(|row| !belongs(row.rtype)) {
            review.add(Some(row.index as usize), Rule::Occluded, || {
                format!(
                    "{} at {} is never answered: {} is delegated",
                    row.rtype,
                    show(name),
                    show(cut)
                )
            });
        }
    }
}

/// The owner of the DNAME that redirects a name, unless a delegation above takes it away first.
pub(super) fn dname_above<'n>(
    index: &'n Index<'_>,
    name: &'n [u8],
    tops: &Tops,
) -> Option<&'n [u8]> {
    if tops.dnames.is_empty() || index.is_apex(name) {
        return None;
    }
    let mut above = None;
    for ancestor in index.ancestors(name) {
        let hash = index.hash(ancestor);
        if tops.cuts.binary_search(&hash).is_ok() {
            above = None;
        } else if tops.dnames.binary_search(&hash).is_ok() {
            above = Some(ancestor);
        }
    }
    let apex = index.apex.as_wire();
    let at_apex = tops.dnames.binary_search(&index.hash(apex)).is_ok();
    if at_apex { Some(apex) } else { above }
}
