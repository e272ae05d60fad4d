//! The tables in force, for the status page.

use bailiwick_meter::Tick;
use serde::Serialize;

use super::{Loops, brand};
use crate::inner::Inner;

/// Everything policies have put in force.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TablesReport {
    /// Leases in force now.
    pub leases: usize,
    /// How many tables of leases were installed.
    pub lease_generation: u64,
    /// Leases granted since the start.
    pub leases_granted: u64,
    /// Why the last question for leases failed, if it did.
    pub lease_error: Option<String>,
    /// Traffic rules in force.
    pub rules: Vec<RuleReport>,
    /// How often any rule has matched since the start, those that ended included.
    pub rule_hits: u64,
    /// How many tables of rules were installed.
    pub rule_generation: u64,
    /// Windows closed since the start.
    pub windows: u64,
    /// Why the last window was not judged, if it was not.
    pub rule_error: Option<String>,
    /// Cases raised, oldest first.
    pub cases: Vec<CaseReport>,
    /// Zones with a brand, or with one refused; not more than a page bears.
    pub brands: Vec<BrandReport>,
    /// How zones would be signed; not more than a page bears.
    pub signing: Vec<SigningReport>,
    /// Why the last question about a zone failed, if it did.
    pub zone_error: Option<String>,
}

/// A traffic rule.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReport {
    /// Its number.
    pub id: u64,
    /// Why it was put.
    pub reason: String,
    /// What it looks at.
    pub matches: String,
    /// What it does.
    pub effect: String,
    /// How often it matched.
    pub hits: u64,
    /// When it ends.
    pub ends_in_ms: u64,
    /// Whether its matches count as attack.
    pub attack: bool,
    /// Whether it only counts.
    pub dry_run: bool,
}

/// A case for a person.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// When; milliseconds since 1970.
    pub at: u64,
    /// The zone.
    pub zone: String,
    /// Why.
    pub reason: String,
    /// Whether the zone was suspended.
    pub suspended: bool,
}

/// A zone's brand.
#[derive(Clone, Debug, Serialize)]
pub struct BrandReport {
    /// The zone.
    pub zone: String,
    /// Name servers in force under its own name.
    pub ns: Vec<String>,
    /// Addresses behind them.
    pub addresses: Vec<String>,
    /// What the customer has to do at the parent.
    pub actions: Vec<String>,
    /// Why it has not what it wants.
    pub refused: Option<String>,
}

/// How a zone would be signed.
#[derive(Clone, Debug, Serialize)]
pub struct SigningReport {
    /// The zone.
    pub zone: String,
    /// Whether at all.
    pub sign: bool,
    /// Algorithms of its keys (IANA numbers).
    pub algorithms: Vec<u8>,
    /// Why.
    pub reason: String,
}

pub(crate) fn report(inner: &Inner, loops: &Loops) -> TablesReport {
    let meter = &loops.options.meter;
    let now = meter.now();
    let mut report = TablesReport {
        leases: meter.leases_in_force(now),
        ..TablesReport::default()
    };
    {
        let book = loops.leases.lock();
        report.lease_generation = book.generation;
        report.leases_granted = book.granted;
        report.lease_error.clone_from(&book.last_error);
    }
    rules(&mut report, inner, loops, now);
    zones(&mut report, loops);
    report
}

fn rules(report: &mut TablesReport, inner: &Inner, loops: &Loops, now: Tick) {
    let set = loops.options.meter.rules();
    let hits: std::collections::HashMap<u64, u64> = set.hits().collect();
    report.rule_hits = set.hits_ever();
    let book = loops.rules.lock();
    report.rule_generation = book.generation;
    report.windows = book.windows;
    report.rule_error.clone_from(&book.last_error);
    for in_force in book
        .rules
        .values()
        .filter(|in_force| in_force.rule.ends > now)
    {
        let rule = &in_force.rule;
        let zone = rule
            .zone
            .and_then(|slot| inner.live.zone_of(slot))
            .map(|(_, name)| name.to_string());
        let parts = [
            rule.source.map(|net| format!("from {net}")),
            zone.map(|name| format!("zone {name}")),
            rule.suffix
                .as_ref()
                .map(|name| format!("at or below {name}")),
            rule.rtype.map(|rtype| format!("type {rtype}")),
            rule.transport
                .map(|transport| format!("over {transport:?}")),
        ];
        let matches: Vec<String> = parts.into_iter().flatten().collect();
        report.rules.push(RuleReport {
            id: rule.id,
            reason: in_force.put.reason.clone(),
            matches: if matches.is_empty() {
                "every query".to_owned()
            } else {
                matches.join(", ")
            },
            effect: effect(&rule.effect),
            hits: hits.get(&rule.id).copied().unwrap_or(0),
            ends_in_ms: rule.ends.since(now).as_millis() as u64,
            attack: rule.attack,
            dry_run: rule.dry_run,
        });
    }
    for (at, matter) in &book.cases {
        let name = inner
            .live
            .slot_of_id(matter.zone)
            .and_then(|slot| inner.live.zone_of(slot));
        report.cases.push(CaseReport {
            at: *at,
            zone: name.map_or_else(
                || "a zone that is gone".to_owned(),
                |(_, name)| name.to_string(),
            ),
            reason: matter.reason.clone(),
            suspended: matter.suspend,
        });
    }
}

/// Zones listed with a brand, and with a policy; a hundred thousand would take seconds to write.
const ZONES_MAX: usize = 1000;

fn zones(report: &mut TablesReport, loops: &Loops) {
    let tables = loops.zones.lock();
    report.zone_error.clone_from(&tables.last_error);
    for (name, brand) in tables.brands.iter().take(ZONES_MAX) {
        report.brands.push(BrandReport {
            zone: name.to_string(),
            ns: brand.plan.ns.clone(),
            addresses: brand
                .servers
                .iter()
                .flat_map(brand::addresses)
                .map(|ip| ip.to_string())
                .collect(),
            actions: brand
                .plan
                .actions
                .iter()
                .map(|action| action.message.clone())
                .collect(),
            refused: tables.refused.get(name).cloned(),
        });
    }
    for (name, words) in tables
        .refused
        .iter()
        .filter(|(name, _)| !tables.brands.contains_key(name))
        .take(ZONES_MAX)
    {
        report.brands.push(BrandReport {
            zone: name.to_string(),
            ns: Vec::new(),
            addresses: Vec::new(),
            actions: Vec::new(),
            refused: Some(words.clone()),
        });
    }
    for (name, policy) in tables.signing.iter().take(ZONES_MAX) {
        report.signing.push(SigningReport {
            zone: name.to_string(),
            sign: policy.sign,
            algorithms: policy.keys.iter().map(|key| key.algorithm).collect(),
            reason: policy.reason.clone(),
        });
    }
}

fn effect(effect: &bailiwick_meter::Effect) -> String {
    use bailiwick_meter::Effect;
    match effect {
        Effect::Act(action) => action_words(action),
        Effect::Limit(limit) => {
            let shared = format!("/{} and /{}", limit.v4_len, limit.v6_len);
            format!(
                "{} a second for each {shared}, above it {}",
                limit.per_second,
                action_words(&limit.over)
            )
        }
    }
}

fn action_words(action: &bailiwick_meter::Action) -> String {
    use bailiwick_meter::Action;
    match action {
        Action::Allow => "answer".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::Truncate => "truncate".to_owned(),
        Action::Slip(n) => format!("slip {n}"),
        Action::Deny { rcode, .. } => format!("deny with code {rcode}"),
    }
}
