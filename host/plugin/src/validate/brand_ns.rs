//! Branded name servers.

use super::{Checked, actions, at_most, ensure, extra, findings, name, text, ttl};
use crate::types::brand_ns::{Ask, Outcome, Plan};

/// Addresses a family of one node.
const ADDRESSES_MAX: usize = 8;
/// Name servers of a zone.
const SERVERS_MAX: usize = 13;

pub(super) fn ask(ask: &Ask) -> Checked {
    at_most("wanted names", ask.wanted.len(), SERVERS_MAX)?;
    at_most("taken names", ask.taken.len(), SERVERS_MAX)?;
    at_most("servers", ask.servers.len(), SERVERS_MAX)?;
    at_most("present servers", ask.present_servers.len(), SERVERS_MAX)?;
    at_most("parent name servers", ask.parent_ns.len(), 32)?;
    for server in ask.servers.iter().chain(&ask.present_servers) {
        at_most(
            "addresses",
            server.v4.len().max(server.v6.len()),
            ADDRESSES_MAX,
        )?;
    }
    Ok(())
}

pub(super) fn outcome(outcome: &mut Outcome, ask: &Ask) -> Checked {
    match outcome {
        Outcome::Plan(plan) => self::plan(plan, ask),
        Outcome::Refuse(found) => findings(found, 1),
    }
}

fn plan(plan: &mut Plan, ask: &Ask) -> Checked {
    let apex = name("the apex", &ask.zone.apex)?;
    at_most("name servers", plan.ns.len(), SERVERS_MAX)?;
    ensure(!plan.ns.is_empty(), || "no name server".into())?;
    at_most("hosts", plan.hosts.len(), SERVERS_MAX)?;
    for host in &plan.hosts {
        let owner = name("a host", &host.name)?;
        // We answer for addresses in the zone only, so a brand cannot lie elsewhere.
        ensure(owner.is_at_or_below(&apex), || {
            format!("{} is outside the zone", host.name)
        })?;
        ensure(
            ask.servers.iter().any(|server| server.node == host.node),
            || {
                format!(
                    "{} is on node {}, which the zone does not have",
                    host.name, host.node
                )
            },
        )?;
        ttl("a host's TTL", host.ttl)?;
    }
    for (i, ns) in plan.ns.iter().enumerate() {
        name("a name server", ns)?;
        ensure(!plan.ns[..i].contains(ns), || {
            format!("{ns} is there twice")
        })?;
        let known = plan.hosts.iter().any(|host| host.name == *ns)
            || ask.servers.iter().any(|server| server.fleet_name == *ns);
        ensure(known, || {
            format!("{ns} is neither a host of the plan nor of the fleet")
        })?;
    }
    name("mname", &plan.mname)?;
    name("rname", &plan.rname)?;
    ttl("ns-ttl", plan.ns_ttl)?;
    actions(&mut plan.actions)?;
    text(&mut plan.reason);
    extra(&plan.extra)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::brand_ns::{Cause, Host, Server};
    use crate::types::{AccountFacts, ZoneFacts, ZoneKind};

    pub(crate) fn question() -> Ask {
        let zone = ZoneFacts {
            zone: 1,
            apex: "example.".into(),
            kind: ZoneKind::Hosted,
            account: 1,
            plan: "basic".into(),
            serial: 1,
            records: 1,
            signed: false,
            created: 0,
            tags: vec![],
            extra: vec![],
        };
        let account = AccountFacts {
            account: 1,
            plan: "basic".into(),
            created: 0,
            activated: true,
            zones: 1,
            held: 0,
            cases: 0,
            tags: vec![],
            extra: vec![],
        };
        let server = Server {
            node: 7,
            fleet_name: "a.fleet.test.".into(),
            v4: vec![1],
            v6: vec![],
        };
        Ask {
            cause: Cause::Asked,
            zone,
            account,
            wanted: vec![],
            servers: vec![server],
            taken: vec![],
            present: None,
            present_servers: vec![],
            parent_ns: vec![],
            extra: vec![],
        }
    }

    fn answer() -> Plan {
        Plan {
            ns: vec!["ns1.example.".into()],
            ns_ttl: 3600,
            mname: "ns1.example.".into(),
            rname: "hostmaster.example.".into(),
            hosts: vec![Host {
                name: "ns1.example.".into(),
                node: 7,
                ttl: 3600,
            }],
            actions: vec![],
            reason: String::new(),
            extra: vec![],
        }
    }

    fn check(change: impl Fn(&mut Plan)) -> Checked {
        let mut plan = answer();
        change(&mut plan);
        outcome(&mut Outcome::Plan(plan), &question())
    }

    /// P4.1, P4.2 and W8: the host checks the brand rules itself, whatever the plugin says.
    #[test]
    fn a_brand_stays_inside_its_zone() {
        assert_eq!(check(|_| ()), Ok(()));
        assert!(check(|p| p.ns.push("a.fleet.test.".into())).is_ok());
        assert!(check(|p| p.ns.push("b.fleet.test.".into())).is_err());
        assert!(check(|p| p.ns.push("ns1.example.".into())).is_err());
        assert!(check(|p| p.ns.clear()).is_err());
        assert!(check(|p| p.hosts[0].name = "ns1.elsewhere.".into()).is_err());
        assert!(check(|p| p.hosts[0].node = 8).is_err());
        assert!(check(|p| p.ns_ttl = 1 << 31).is_err());
        assert!(check(|p| p.mname = "ns1".into()).is_err());
    }
}
