//! What counts as the same answer.
//!
//! RCODE, AA and the answer section as a set with its TTLs always; the authority section as a set
//! for negative answers and referrals. NS in the authority section and addresses in the additional
//! section of a positive answer are a server's own choice. Glue is compared with the zone itself
//! ([`missing_glue`]), since the servers differ in how much of it they leave out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::wire::{A, AAAA, ANY, CNAME, NS, NSEC, NSEC3, RRSIG, Reply, Rr, SOA};

/// How `ours` differs from `theirs`, about a name of the zone `apex`, in what must be equal; none
/// when it does not.
pub fn difference(apex: &[u8], theirs: &Reply, ours: &Reply) -> Option<String> {
    let mut found = String::new();
    if theirs.authoritative() != ours.authoritative() {
        write!(found, "AA {}; ", ours.authoritative()).expect("a string");
    }
    if leads_out(apex, theirs) || leads_out(apex, ours) {
        // Whether a server goes on in another of its zones is its own choice; its answer from this
        // one is not.
        let inside = |rr: &&Rr| is_at_or_below(&rr.owner, apex);
        let [left, right] = [theirs, ours].map(|reply| reply.answer.iter().filter(inside));
        sets("answer", left, right, &mut found);
        return (!found.is_empty()).then_some(found);
    }
    if theirs.rcode() != ours.rcode() {
        write!(found, "rcode {} not {}; ", ours.rcode(), theirs.rcode()).expect("a string");
    }
    sets(
        "answer",
        theirs.answer.iter(),
        ours.answer.iter(),
        &mut found,
    );
    if authority_is_the_answer(theirs) {
        sets(
            "authority",
            theirs.authority.iter(),
            ours.authority.iter(),
            &mut found,
        );
    } else {
        // A wildcard's proof is no choice (RFC 4035 3.1.3.3); NS beside an answer is.
        let [left, right] =
            [theirs, ours].map(|reply| reply.authority.iter().filter(|rr| is_denial(rr)));
        sets("authority", left, right, &mut found);
    }
    (!found.is_empty()).then_some(found)
}

fn leads_out(apex: &[u8], reply: &Reply) -> bool {
    reply.answer.iter().any(|rr| {
        rr.rtype == CNAME && is_at_or_below(&rr.owner, apex) && !is_at_or_below(&rr.rdata, apex)
    })
}

/// True for a negative answer or a referral, also at the end of a chain of aliases: what the
/// authority section says is the point of such a reply.
pub fn authority_is_the_answer(reply: &Reply) -> bool {
    reply.answer.is_empty()
        || is_referral(reply)
        || reply.authority.iter().any(|rr| rr.rtype == SOA)
}

/// True for a referral, also one at the end of a chain of aliases.
pub fn is_referral(reply: &Reply) -> bool {
    let mut cuts = reply.authority.iter().filter(|rr| rr.rtype == NS);
    if reply.rcode() != 0 {
        return false;
    }
    if reply.answer.is_empty() {
        return !reply.authoritative() && cuts.next().is_some();
    }
    let asked = reply.question.as_ref().map_or(0, |(_, rtype, _)| *rtype);
    let owners: BTreeSet<&[u8]> = reply.answer.iter().map(|rr| rr.owner.as_slice()).collect();
    let end = reply
        .answer
        .iter()
        .filter(|rr| rr.rtype == CNAME && !matches!(asked, CNAME | ANY))
        .find(|rr| !owners.contains(rr.rdata.as_slice()));
    // The servers of a zone that the alias leads out of are named by some; the cut that it leads
    // below, by all.
    end.is_some_and(|alias| cuts.any(|ns| is_at_or_below(&alias.rdata, &ns.owner)))
}

fn is_at_or_below(name: &[u8], other: &[u8]) -> bool {
    let mut rest = name;
    loop {
        if rest == other {
            return true;
        }
        match rest.split_first() {
            Some((&len, tail)) if len > 0 => rest = &tail[usize::from(len)..],
            _ => return false,
        }
    }
}

fn is_denial(rr: &Rr) -> bool {
    let covered = || {
        rr.rdata
            .first_chunk()
            .map_or(0, |two| u16::from_be_bytes(*two))
    };
    matches!(rr.rtype, NSEC | NSEC3) || (rr.rtype == RRSIG && matches!(covered(), NSEC | NSEC3))
}

fn sets<'a>(
    section: &str,
    theirs: impl Iterator<Item = &'a Rr>,
    ours: impl Iterator<Item = &'a Rr>,
    found: &mut String,
) {
    let ours: Vec<&Rr> = ours.collect();
    let (left, right): (BTreeSet<_>, BTreeSet<_>) =
        (theirs.collect(), ours.iter().copied().collect());
    for rr in left.difference(&right) {
        write!(found, "{section} lacks {rr}; ").expect("a string");
    }
    for rr in right.difference(&left) {
        write!(found, "{section} has besides {rr}; ").expect("a string");
    }
    if right.len() != ours.len() {
        write!(found, "{section} repeats a record; ").expect("a string");
    }
}

/// The glue that a referral lacks: addresses of name servers below the cut, out of the zone's
/// `records`, sorted by owner. All of it must be there unless TC says that it did not fit.
///
/// RFC 9471 3.1: glue of in-domain name servers is not optional.
pub fn missing_glue<'a>(
    records: &'a BTreeMap<&'a [u8], Vec<&'a Rr>>,
    reply: &Reply,
) -> Vec<&'a Rr> {
    if !is_referral(reply) || reply.truncated() {
        return Vec::new();
    }
    let have: BTreeSet<&Rr> = reply.additional.iter().collect();
    reply
        .authority
        .iter()
        .filter(|ns| ns.rtype == NS && is_at_or_below(&ns.rdata, &ns.owner))
        .filter_map(|ns| records.get(ns.rdata.as_slice()))
        .flatten()
        .copied()
        .filter(|rr| matches!(rr.rtype, A | AAAA) && !have.contains(rr))
        .collect()
}

/// The records of a zone by owner.
pub fn by_owner(records: &[Rr]) -> BTreeMap<&[u8], Vec<&Rr>> {
    let mut map: BTreeMap<&[u8], Vec<&Rr>> = BTreeMap::new();
    for rr in records {
        map.entry(&rr.owner).or_default().push(rr);
    }
    map
}
