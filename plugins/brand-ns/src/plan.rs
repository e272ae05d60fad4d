//! The set of name servers: which name stands for which node, and what is due at the parent.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bailiwick_plugin_sdk::brand_ns::{Ask, Host, Plan, Server};
use bailiwick_plugin_sdk::{Evidence, Name, NodeId, RequiredAction, name};

use crate::settings::Settings;

/// For an ask that no rule objects to.
pub(crate) fn plan(settings: &Settings, now: u64, ask: &Ask) -> Plan {
    let renumbered = renumbered(ask);
    let ttl = if renumbered.is_empty() {
        settings.host_ttl
    } else {
        settings.renumbering_ttl.min(settings.host_ttl)
    };
    let hosts: Vec<Host> = pair(settings, ask)
        .into_iter()
        .map(|(name, node)| Host { name, node, ttl })
        .collect();
    let ns: Vec<Name> = hosts.iter().map(|host| host.name.clone()).collect();
    let actions = actions(settings, now, ask, &ns, &hosts, &renumbered);
    Plan {
        reason: reason(ask, &ns, &renumbered),
        mname: ns.first().cloned().unwrap_or_else(|| ask.zone.apex.clone()),
        rname: rname(settings, &ask.zone.apex),
        ns_ttl: settings.ns_ttl,
        ns,
        hosts,
        actions,
        extra: vec![],
    }
}

/// A name for each node. A name that is there already keeps its node as long as the zone has it, so
/// that a change of the fleet moves as few addresses as it must.
fn pair(settings: &Settings, ask: &Ask) -> Vec<(Name, NodeId)> {
    let before = ask.present.iter().flat_map(|plan| &plan.hosts);
    let kept: Vec<(Name, NodeId)> = before
        .filter(|host| ask.servers.iter().any(|server| server.node == host.node))
        .map(|host| (host.name.clone(), host.node))
        .collect();
    let names = names(settings, ask);
    let mut free: Vec<NodeId> = ask
        .servers
        .iter()
        .map(|server| server.node)
        .filter(|node| {
            !kept
                .iter()
                .any(|(name, kept)| kept == node && names.contains(name))
        })
        .rev()
        .collect();
    names
        .into_iter()
        .filter_map(|name| {
            let before = kept.iter().find(|(kept, _)| *kept == name);
            let node = before.map(|(_, node)| *node).or_else(|| free.pop())?;
            Some((name, node))
        })
        .collect()
}

/// The names wanted; else those that are there, filled up or cut to the number of nodes with
/// `ns1`, `ns2` … that nothing else in the zone has.
fn names(settings: &Settings, ask: &Ask) -> Vec<Name> {
    let number = ask.servers.len().min(settings.names_max);
    if !ask.wanted.is_empty() {
        return ask
            .wanted
            .iter()
            .map(|wanted| name::absolute(wanted))
            .collect();
    }
    let taken: BTreeSet<Name> = ask
        .taken
        .iter()
        .map(|taken| name::absolute(taken))
        .collect();
    let mut names: Vec<Name> = ask
        .present
        .iter()
        .flat_map(|plan| plan.ns.clone())
        .collect();
    names.retain(|name| name::is_below(name, &ask.zone.apex) && !taken.contains(name));
    // A name whose node is gone goes before one whose node is still there.
    names.sort_by_key(|name| !has_node(ask, name));
    names.truncate(number);
    let mut count = 0_u32;
    while names.len() < number {
        count += 1;
        let name = name::child(&format!("{}{count}", settings.label), &ask.zone.apex);
        if !taken.contains(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn has_node(ask: &Ask, name: &Name) -> bool {
    let mut hosts = ask.present.iter().flat_map(|plan| &plan.hosts);
    hosts
        .any(|host| host.name == *name && ask.servers.iter().any(|server| server.node == host.node))
}

/// Nodes of the present set whose addresses are others now.
fn renumbered(ask: &Ask) -> Vec<NodeId> {
    let find = |servers: &[Server], node| {
        let server = servers.iter().find(|server| server.node == node)?;
        let v4 = server.v4.iter().map(|&v4| Ipv4Addr::from(v4).into());
        let v6 = server.v6.iter().map(|&v6| Ipv6Addr::from(v6).into());
        Some(v4.chain(v6).collect::<BTreeSet<IpAddr>>())
    };
    ask.present_servers
        .iter()
        .map(|server| server.node)
        .filter(|&node| {
            find(&ask.servers, node)
                .is_some_and(|now| Some(now) != find(&ask.present_servers, node))
        })
        .collect()
}

/// P2.3: what the customer must follow, cleared by what the parent answers.
fn actions(
    settings: &Settings,
    now: u64,
    ask: &Ask,
    ns: &[Name],
    hosts: &[Host],
    renumbered: &[NodeId],
) -> Vec<RequiredAction> {
    let due = now.saturating_add(settings.parent_days.saturating_mul(DAY_MS));
    let list = ns.join(" ");
    let action = |code: &str, message: String, cleared_by| RequiredAction {
        code: code.into(),
        message,
        due,
        cleared_by,
        extra: vec![("brand-ns.ns".into(), list.chars().take(1024).collect())],
    };
    let at_parent: BTreeSet<Name> = ask
        .parent_ns
        .iter()
        .map(|name| name::absolute(name))
        .collect();
    if at_parent != ns.iter().cloned().collect() {
        let message = format!(
            "at the parent of {}, set the name servers to {list}, with their addresses as glue",
            ask.zone.apex
        );
        return vec![action("delegate", message, Evidence::NS | Evidence::GLUE)];
    }
    // The names stay, so only the glue is out of date (RFC 9471: in-domain name servers need it).
    let present = |host: &&Host| {
        ask.present
            .iter()
            .flat_map(|plan| &plan.hosts)
            .any(|before| before.name == host.name && before.node == host.node)
    };
    let changed: Vec<&str> = hosts
        .iter()
        .filter(|host| renumbered.contains(&host.node) || ask.present.is_some() && !present(host))
        .map(|host| host.name.as_str())
        .collect();
    if changed.is_empty() {
        return vec![];
    }
    let message = format!(
        "at the parent of {}, change the addresses (glue) of {}",
        ask.zone.apex,
        changed.join(" ")
    );
    vec![action("update-glue", message, Evidence::GLUE)]
}

fn rname(settings: &Settings, apex: &str) -> Name {
    if settings.rname.is_empty() {
        return name::child("hostmaster", apex);
    }
    name::absolute(&settings.rname)
}

fn reason(ask: &Ask, ns: &[Name], renumbered: &[NodeId]) -> String {
    let chosen = if ask.wanted.is_empty() {
        "chosen here"
    } else {
        "as wanted"
    };
    let mut reason = format!("{} names, {chosen}", ns.len());
    if !renumbered.is_empty() {
        reason.push_str(&format!(
            "; {} nodes have other addresses",
            renumbered.len()
        ));
    }
    reason
}

const DAY_MS: u64 = 86_400_000;
