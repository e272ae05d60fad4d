//! The names of a zone: which exist, and which its chain of denials knows.

use std::collections::BTreeSet;

use bailiwick_tests::wire::{DS, NS, NSEC3, Reply, Rr};

/// What there is in a zone.
pub(crate) struct Tree {
    /// Names that own records other than those of the chain itself.
    pub(crate) owners: BTreeSet<Vec<u8>>,
    /// These and all above them, so the empty non-terminals too.
    names: BTreeSet<Vec<u8>>,
    /// Those of them that have an NSEC3 record where spans opt out: a signer leaves out insecure
    /// delegations, and the empty non-terminals that only lead to such (RFC 5155 7.1).
    in_chain: BTreeSet<Vec<u8>>,
}

impl Tree {
    /// Of a zone's records, the SOA first.
    pub(crate) fn new(records: &[Rr]) -> Self {
        let apex = &records[0].owner;
        let with = |rtype: u16| -> BTreeSet<&[u8]> {
            let of_type = records.iter().filter(move |rr| rr.rtype == rtype);
            of_type.map(|rr| rr.owner.as_slice()).collect()
        };
        let (cuts, secure) = (with(NS), with(DS));
        let insecure = |name: &[u8]| {
            ancestors(name)
                .any(|name| cuts.contains(name) && !secure.contains(name) && name != apex)
        };
        let owners: BTreeSet<Vec<u8>> = records
            .iter()
            .filter(|rr| rr.rtype != NSEC3 && !covers_nsec3(rr))
            .map(|rr| rr.owner.clone())
            .collect();
        let and_above = |owners: &mut dyn Iterator<Item = &Vec<u8>>| -> BTreeSet<Vec<u8>> {
            owners
                .flat_map(|owner| ancestors(owner))
                .filter(|name| name.ends_with(apex))
                .map(<[u8]>::to_vec)
                .collect()
        };
        Self {
            names: and_above(&mut owners.iter()),
            in_chain: and_above(&mut owners.iter().filter(|owner| !insecure(owner))),
            owners,
        }
    }

    /// Does a chain with opt-out have no proof that nothing stands in for this name that does not
    /// exist? So it is where its closest encloser is left out of the chain, and a wildcard stands at
    /// the one above that is not: nothing could deny that wildcard, whoever answers.
    pub(crate) fn is_unprovable(&self, name: &[u8]) -> bool {
        let nearest = |names: &BTreeSet<Vec<u8>>| {
            let found = ancestors(name).find(|name| names.contains(*name));
            found.map(<[u8]>::to_vec)
        };
        let (closest, provable) = (nearest(&self.names), nearest(&self.in_chain));
        let wildcard = provable.iter().map(|name| [b"\x01*", &name[..]].concat());
        closest != provable && wildcard.into_iter().any(|name| self.names.contains(&name))
    }

    /// Does an alias lead to a name that begins with an asterisk and was itself made from a wildcard?
    /// Neither Unbound nor BIND validates that, whoever answers: they take it for the wildcard.
    pub(crate) fn is_starred(&self, reply: &Reply) -> bool {
        let mut made = reply.answer.iter().map(|rr| &rr.owner);
        made.any(|owner| {
            owner.starts_with(b"\x01*")
                && self.owners.iter().any(|other| other.starts_with(b"\x01*"))
                && !self.owners.contains(owner)
        })
    }
}

/// A name in wire form, and all above it.
fn ancestors(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |name| {
        let label = usize::from(*name.first()?);
        (label > 0).then(|| &name[label + 1..])
    })
}

/// An RRSIG of an NSEC3 record (RFC 4034 3.1: the type covered comes first).
fn covers_nsec3(rr: &Rr) -> bool {
    rr.rtype == bailiwick_tests::wire::RRSIG && rr.rdata.starts_with(&NSEC3.to_be_bytes())
}
