//! From an ALIAS to where its addresses are: through our own zones, and then perhaps out.
//!
//! A target in a zone that is served here is read there, without the network: no query goes out to
//! ourselves, and what is read is what is in force. The way may lead over CNAMEs, DNAMEs and further ALIAS
//! records; those are followed by what they say and not by what was flattened of them, so that a circle
//! is found and named instead of being waited for.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use bailiwick_resolver::{Addresses, Found};
use bailiwick_zone::{Alias, Lookup, LookupName, Name, Node, RecordType, Rrset, Zone, ZoneSet};

/// Where the way ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// In a zone of ours.
    Here(Addresses),
    /// At a name that others answer for; the least TTL on the way there.
    Outside(Name, u32),
    /// Nowhere, and why.
    Nowhere(String),
}

/// The ALIAS records of all hosted zones, by apex and owner.
pub(crate) struct Definitions<'a>(pub(crate) HashMap<(&'a Name, &'a Name), &'a Alias>);

/// Follows `alias` through `zones`.
pub(crate) fn walk(alias: &Alias, zones: &ZoneSet, definitions: &Definitions<'_>) -> End {
    let (mut at, mut ttl) = (alias.target.clone(), alias.ttl);
    let mut passed: Vec<Name> = Vec::new();
    let mut lookup = LookupName::new();
    loop {
        if passed.contains(&at) {
            return End::Nowhere(format!("it leads in a circle, over {at}"));
        }
        if passed.len() >= CHAIN_MAX {
            return End::Nowhere(format!(
                "it leads over more than {CHAIN_MAX} names of our zones"
            ));
        }
        if lookup.set_wire(at.as_wire(), zones.key()).is_err() {
            return End::Nowhere(format!("{at} cannot be looked up"));
        }
        let Some(zone) = zones.find(&lookup) else {
            return End::Outside(at, ttl);
        };
        if zone.is_absent() || zone.is_expired() {
            return End::Nowhere(format!("the zone {} has no data now", zone.apex()));
        }
        let next = match zone.lookup(&lookup, RecordType::A) {
            Lookup::Delegation { .. } => return End::Outside(at, ttl),
            Lookup::Cname { rrset, .. } => {
                target_of(&rrset, &at, zone).map(|name| (name, rrset.ttl()))
            }
            Lookup::Dname { rrset, node } => {
                substituted(&at, &rrset, &node).map(|name| (name, rrset.ttl()))
            }
            Lookup::NxDomain { .. } => return End::Here(addresses(zone, &lookup, &at, ttl)),
            Lookup::Answer { node, .. }
            | Lookup::NoData { node, .. }
            | Lookup::Pending { node } => {
                let owner = name_of(&node, &at);
                match definitions.0.get(&(zone.apex(), &owner)) {
                    Some(further) => Some((further.target.clone(), further.ttl)),
                    None => return End::Here(addresses(zone, &lookup, &at, ttl)),
                }
            }
        };
        let Some((name, link_ttl)) = next else {
            return End::Nowhere(format!("{at} leads to a name that is too long"));
        };
        ttl = ttl.min(link_ttl);
        passed.push(std::mem::replace(&mut at, name));
    }
}

/// The stored owner of a node; a wildcard stays one.
fn name_of(node: &Node<'_>, asked: &Name) -> Name {
    let mut wire = Vec::new();
    node.write_name(&mut wire);
    Name::from_wire(&wire).unwrap_or_else(|_| asked.clone())
}

/// The name that a CNAME at `owner` points to.
fn target_of(rrset: &Rrset<'_>, owner: &Name, zone: &Zone) -> Option<Name> {
    let mut wire = Vec::new();
    rrset.rdata(
        rrset.spans().next()?,
        owner.as_wire(),
        zone.apex().as_wire(),
        &mut wire,
    );
    Name::from_wire(&wire).ok()
}

/// RFC 6672 2.2: the labels below the DNAME's owner go before its target.
fn substituted(name: &Name, rrset: &Rrset<'_>, node: &Node<'_>) -> Option<Name> {
    let mut owner = Vec::new();
    node.write_name(&mut owner);
    let owner = Name::from_wire(&owner).ok()?;
    let mut wire = name
        .as_wire()
        .get(..name.as_wire().len().checked_sub(owner.as_wire().len())?)?
        .to_vec();
    wire.extend_from_slice(target_of(rrset, &owner, node.zone())?.as_wire());
    Name::from_wire(&wire).ok()
}

/// The addresses of a name in our own data.
fn addresses(zone: &Zone, lookup: &LookupName, name: &Name, ttl: u32) -> Addresses {
    Addresses {
        v4: found(zone, lookup, name, ttl, RecordType::A, |octets: [u8; 4]| {
            Ipv4Addr::from(octets)
        }),
        v6: found(
            zone,
            lookup,
            name,
            ttl,
            RecordType::AAAA,
            |octets: [u8; 16]| Ipv6Addr::from(octets),
        ),
    }
}

fn found<T: Ord, const N: usize>(
    zone: &Zone,
    lookup: &LookupName,
    name: &Name,
    ttl: u32,
    rtype: RecordType,
    read: impl Fn([u8; N]) -> T,
) -> Found<T> {
    let Lookup::Answer { rrset, .. } = zone.lookup(lookup, rtype) else {
        return Found {
            addresses: Vec::new(),
            ttl: ttl.min(zone.soa().negative_ttl()),
        };
    };
    let mut addresses: Vec<T> = rrset
        .spans()
        .filter_map(|span| {
            let mut rdata = Vec::new();
            rrset.rdata(span, name.as_wire(), zone.apex().as_wire(), &mut rdata);
            Some(read(rdata.try_into().ok()?))
        })
        .collect();
    addresses.sort_unstable();
    Found {
        addresses,
        ttl: ttl.min(rrset.ttl()),
    }
}

/// As many as are followed outside.
const CHAIN_MAX: usize = 16;
