//! Why a set of names is refused. Every rule that is broken is told, not only the first, so that a
//! form is filled in once.

use std::collections::BTreeSet;

use bailiwick_plugin_sdk::brand_ns::Ask;
use bailiwick_plugin_sdk::{Finding, name};

use crate::settings::Settings;

/// All broken rules; an empty list is a set that can be served.
pub(crate) fn objections(settings: &Settings, ask: &Ask) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(plan_without_brand(settings, ask));
    found.extend(number(settings, ask));
    let mut seen = BTreeSet::new();
    for wanted in &ask.wanted {
        let wanted = name::absolute(wanted);
        if !seen.insert(wanted.clone()) {
            let message = format!("{wanted} is there twice");
            found.push(Finding::new("duplicate", message).about(wanted));
            continue;
        }
        found.extend(placed(&ask.zone.apex, &wanted));
        let taken = |taken: &String| name::absolute(taken) == wanted;
        if ask.taken.iter().any(taken) {
            let message = format!("{wanted} has other records in the zone: remove them first");
            found.push(Finding::new("taken", message).about(wanted));
        }
    }
    found
}

/// What stops nothing and is good to know.
pub(crate) fn notes(ask: &Ask) -> Vec<Finding> {
    let without = |family: &str, has: fn(&bailiwick_plugin_sdk::brand_ns::Server) -> bool| {
        let lacking = ask.servers.iter().filter(|server| !has(server)).count();
        (lacking > 0).then(|| {
            Finding::new(
                "family-missing",
                format!("{lacking} of the name servers have no {family} address"),
            )
            .with("brand-ns.family", family)
        })
    };
    without("IPv4", |server| !server.v4.is_empty())
        .into_iter()
        .chain(without("IPv6", |server| !server.v6.is_empty()))
        .collect()
}

/// P4.1: not every plan has it.
fn plan_without_brand(settings: &Settings, ask: &Ask) -> Option<Finding> {
    let plan = &ask.account.plan;
    if settings.plans.is_empty() || settings.plans.contains(plan) {
        return None;
    }
    let plans = settings.plans.join(", ");
    let message = format!("the plan {plan} has no branded name servers; these have: {plans}");
    Some(Finding::new("plan-without-brand", message).with("brand-ns.plans", plans))
}

/// Enough names for a zone to survive a node, and no more than there are nodes: an anycast node is
/// the sites behind one NS record.
fn number(settings: &Settings, ask: &Ask) -> Option<Finding> {
    let servers = ask.servers.len();
    if servers < settings.names_min {
        let message = format!(
            "{servers} name servers are allotted to this zone, a set needs {}",
            settings.names_min
        );
        return Some(Finding::new("too-few-servers", message).with("brand-ns.servers", servers));
    }
    let most = settings.names_max.min(servers);
    match ask.wanted.len() {
        0 => None,
        wanted if wanted < settings.names_min => {
            let message = format!("a set has at least {} names", settings.names_min);
            Some(Finding::new("too-few", message).with("brand-ns.least", settings.names_min))
        }
        wanted if wanted > most => {
            let message = format!("this zone can have at most {most} name servers");
            Some(Finding::new("too-many", message).with("brand-ns.most", most))
        }
        _ => None,
    }
}

/// P4.2: the brand is the zone, so its names lie below the apex; P7.8: and are names of hosts.
fn placed(apex: &str, wanted: &str) -> Option<Finding> {
    let (code, message) = if !name::is_at_or_below(wanted, apex) {
        (
            "outside-zone",
            format!("{wanted} is outside the zone {apex}: the brand must be the same as the zone"),
        )
    } else if !name::is_below(wanted, apex) {
        (
            "not-below-apex",
            format!(
                "{wanted} is the zone itself: a name server needs a name below it, such as ns1.{apex}"
            ),
        )
    } else if !name::is_host_name(wanted) {
        (
            "not-a-host-name",
            format!("{wanted} is no name of a host: letters, digits and hyphens between them"),
        )
    } else {
        return None;
    };
    Some(Finding::new(code, message).about(wanted))
}
