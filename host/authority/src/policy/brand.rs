//! Brands: a plan of `brand-ns` as RRsets that are answered over the zone's own (P4.1, P4.2).
//!
//! The plan replaces the apex NS RRset and gives each branded name the addresses of its node. It is laid
//! over whatever version of the zone is in force, so a transfer or a reload keeps it. A zone that was signed
//! elsewhere is left as it is: its signatures would not fit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bailiwick_plugin::types::brand_ns::{Ask, Cause, Plan, Server};
use bailiwick_zone::{Change, LookupName, Name, RecordType, Zone};
use serde::{Deserialize, Serialize};

use super::{Loops, ZonePolicy, convert, facts};
use crate::inner::Inner;

/// A plan in force and the servers it was made for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Brand {
    pub(crate) plan: Plan,
    pub(crate) servers: Vec<Server>,
    /// What was asked for then; another wish is another question.
    pub(crate) wanted: Vec<String>,
}

/// The question about a zone's brand.
pub(crate) fn ask(
    inner: &Inner,
    loops: &Loops,
    zone: &Zone,
    policy: &ZonePolicy,
    present: Option<&Brand>,
) -> Ask {
    let wanted = wanted(zone.apex(), policy);
    let servers: Vec<Server> = loops.options.fleet.iter().map(convert::server).collect();
    let cause = match present {
        None => Cause::Asked,
        Some(brand) if brand.servers != servers => Cause::Renumbered,
        Some(_) => Cause::Asked,
    };
    Ask {
        cause,
        zone: facts::zone(inner, zone, policy),
        account: facts::account(inner, policy),
        taken: taken(inner, zone, &wanted, present),
        wanted,
        servers,
        present: present.map(|brand| brand.plan.clone()),
        present_servers: present
            .map(|brand| brand.servers.clone())
            .unwrap_or_default(),
        parent_ns: Vec::new(),
        extra: Vec::new(),
    }
}

/// Names as the configuration has them, made absolute below the apex; a name with a dot at its end is
/// taken as it is, so that one outside the zone is refused by rule and not silently moved into it.
pub(crate) fn wanted(apex: &Name, policy: &ZonePolicy) -> Vec<String> {
    let absolute = |name: &String| {
        if name.ends_with('.') {
            name.clone()
        } else {
            format!("{name}.{apex}")
        }
    };
    policy.brand.iter().map(absolute).collect()
}

/// Wanted names that the customer's own data are at. What the present plan put there does not count.
fn taken(inner: &Inner, zone: &Zone, wanted: &[String], present: Option<&Brand>) -> Vec<String> {
    let ours = |name: &String| {
        present.is_some_and(|brand| {
            brand
                .plan
                .hosts
                .iter()
                .any(|host| host.name.eq_ignore_ascii_case(name))
        })
    };
    let mut lookup = LookupName::new();
    let mut has_data = |name: &&String| {
        let Ok(parsed) = Name::parse(name) else {
            return false;
        };
        if lookup.set_wire(parsed.as_wire(), &inner.key).is_err() {
            return false;
        }
        zone.node(&lookup)
            .is_some_and(|node| node.rrsets().next().is_some())
    };
    let free_of_us = wanted.iter().filter(|name| !ours(name));
    free_of_us.filter(|name| has_data(name)).cloned().collect()
}

/// The RRsets of a plan. Names are parsed once here; the plugin host has checked that they are names.
pub(crate) fn changes(apex: &Name, brand: &Brand) -> Vec<Change> {
    let mut changes = Vec::new();
    let ns: Vec<Box<[u8]>> = brand
        .plan
        .ns
        .iter()
        .filter_map(|name| Name::parse(name).ok())
        .map(|name| name.as_wire().into())
        .collect();
    if ns.is_empty() {
        // RFC 2181 6.1: a zone without NS at its apex is none; such a plan changes nothing.
        return changes;
    }
    changes.push(Change {
        owner: apex.clone(),
        rtype: RecordType::NS,
        rrset: Some((brand.plan.ns_ttl, ns)),
    });
    for host in &brand.plan.hosts {
        let Ok(owner) = Name::parse(&host.name) else {
            continue;
        };
        // P4.2: nothing outside the zone, whatever the plugin says.
        if !owner.is_at_or_below(apex) {
            continue;
        }
        let Some(server) = brand.servers.iter().find(|server| server.node == host.node) else {
            continue;
        };
        let v4: Vec<Box<[u8]>> = server.v4.iter().map(|ip| ip.to_be_bytes().into()).collect();
        let v6 = server.v6.iter().map(|ip| {
            (u128::from(ip.hi) << 64 | u128::from(ip.lo))
                .to_be_bytes()
                .into()
        });
        let v6: Vec<Box<[u8]>> = v6.collect();
        for (rtype, rdata) in [(RecordType::A, v4), (RecordType::AAAA, v6)] {
            let rrset = (!rdata.is_empty()).then_some((host.ttl, rdata));
            changes.push(Change {
                owner: owner.clone(),
                rtype,
                rrset,
            });
        }
    }
    changes
}

/// Addresses of a server, for reports.
pub(crate) fn addresses(server: &Server) -> Vec<IpAddr> {
    let v4 = server.v4.iter().map(|ip| IpAddr::V4(Ipv4Addr::from(*ip)));
    let v6 = server
        .v6
        .iter()
        .map(|ip| IpAddr::V6(Ipv6Addr::from(u128::from(ip.hi) << 64 | u128::from(ip.lo))));
    v4.chain(v6).collect()
}
