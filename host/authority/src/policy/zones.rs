//! Policies about single zones: name servers under their own brand, and how they are to be signed.
//!
//! A zone is asked about when it is there and its wish, its plan or the fleet has changed. A plugin that
//! fails is asked again later; the present set stays, also over a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bailiwick_meter::Tick;
use bailiwick_plugin::types::brand_ns::Outcome;
use bailiwick_plugin::types::dnssec_policy::Policy;
use bailiwick_plugin::{Kind, PolicyError};
use bailiwick_zone::{Name, Zone};
use tracing::{info, warn};

use super::brand::{self, Brand};
use super::{Loops, ZonePolicy, facts};
use crate::inner::Inner;

/// NS sets and signing policies, by zone.
#[derive(Debug, Default)]
pub(crate) struct ZoneTables {
    pub(crate) brands: BTreeMap<Name, Brand>,
    /// Why a zone has no brand, or not the one it wants.
    pub(crate) refused: BTreeMap<Name, String>,
    pub(crate) signing: BTreeMap<Name, Policy>,
    pub(crate) generation: u64,
    pub(crate) last_error: Option<String>,
    /// Who answered when a zone was last asked about: another version is asked again.
    asked: BTreeMap<(Name, Kind), String>,
    failures: u32,
    not_before: Tick,
}

impl ZoneTables {
    /// The brands in force before the restart, put in force again before any plugin runs.
    pub(crate) fn load(inner: &Inner) -> Self {
        let brands = inner
            .stored_document::<Vec<(String, Brand)>>(BRANDS)
            .unwrap_or_default();
        let mut tables = Self::default();
        for (name, brand) in brands {
            let Ok(name) = Name::parse(&name) else {
                continue;
            };
            if !inner.zone_policies.lock().of(&name).brand.is_empty() {
                inner.set_overlay(&name, brand::changes(&name, &brand));
                tables.brands.insert(name, brand);
            }
        }
        tables
    }
}

/// Asks about every zone that has something to ask.
pub(crate) fn round(inner: &Inner, loops: &Loops) {
    let wishes: Vec<(Name, Arc<ZonePolicy>)> = {
        let policies = inner.zone_policies.lock();
        policies
            .iter()
            .map(|(name, policy)| (name.clone(), Arc::clone(policy)))
            .collect()
    };
    drop_unwanted(inner, loops, &wishes);
    if loops.options.meter.now() < loops.zones.lock().not_before {
        return;
    }
    for (name, policy) in &wishes {
        let Some(zone) = inner.live.plain(name) else {
            continue;
        };
        let done = ask_brand(inner, loops, &zone, policy)
            .and_then(|()| ask_signing(inner, loops, &zone, policy));
        let mut tables = loops.zones.lock();
        match done {
            Ok(()) => {}
            Err(error) => {
                tables.failures = tables.failures.saturating_add(1);
                let pause_ms = 250 << tables.failures.min(8);
                tables.not_before = loops.options.meter.now().after_millis(pause_ms);
                tables.last_error = Some(error.to_string());
                return;
            }
        }
    }
    let mut tables = loops.zones.lock();
    tables.failures = 0;
    tables.last_error = None;
}

/// A zone that wants no brand any more gets its own NS set back.
fn drop_unwanted(inner: &Inner, loops: &Loops, wishes: &[(Name, Arc<ZonePolicy>)]) {
    let wanting: BTreeSet<&Name> = wishes
        .iter()
        .filter(|(_, p)| !p.brand.is_empty())
        .map(|(n, _)| n)
        .collect();
    let mut tables = loops.zones.lock();
    let gone: Vec<Name> = tables
        .brands
        .keys()
        .filter(|name| !wanting.contains(name))
        .cloned()
        .collect();
    for name in &gone {
        tables.brands.remove(name);
        tables.asked.remove(&(name.clone(), Kind::BrandNs));
        inner.set_overlay(name, Vec::new());
    }
    tables.refused.retain(|name, _| wanting.contains(name));
    if !gone.is_empty() {
        tables.generation += 1;
        keep(inner, &tables);
    }
}

fn ask_brand(
    inner: &Inner,
    loops: &Loops,
    zone: &Zone,
    policy: &ZonePolicy,
) -> Result<(), PolicyError> {
    if policy.brand.is_empty() {
        return Ok(());
    }
    let judge = &loops.options.judge;
    let Some(origin) = judge.origin(Kind::BrandNs) else {
        return Ok(());
    };
    let name = zone.apex();
    // Everything the answer depends on; the same again needs no question.
    let question = format!(
        "{origin} {} {:?} {:?}",
        policy.plan, policy.brand, loops.options.fleet
    );
    let key = (name.clone(), Kind::BrandNs);
    let present = {
        let tables = loops.zones.lock();
        if tables.asked.get(&key) == Some(&question) {
            return Ok(());
        }
        tables.brands.get(name).cloned()
    };
    if zone.is_signed() {
        let mut tables = loops.zones.lock();
        tables.asked.insert(key, question);
        let words = "the zone carries signatures of its own, which a changed NS set would break";
        tables.refused.insert(name.clone(), words.to_owned());
        return Ok(());
    }
    // The customer's own data are asked about, not what an earlier plan laid over them.
    let ask = brand::ask(inner, loops, zone, policy, present.as_ref());
    let servers = ask.servers.clone();
    let outcome = judge.brand_plan(inner.clock.wall_ms(), ask)?;
    let mut tables = loops.zones.lock();
    tables.asked.insert(key, question);
    match outcome {
        Outcome::Plan(plan) => {
            info!(zone.name = %name, "`{name}` is served under its own name servers: {}", plan.ns.join(" "));
            let brand = Brand {
                plan,
                servers,
                wanted: brand::wanted(name, policy),
            };
            inner.set_overlay(name, brand::changes(name, &brand));
            tables.refused.remove(name);
            tables.brands.insert(name.clone(), brand);
            tables.generation += 1;
            keep(inner, &tables);
        }
        Outcome::Refuse(findings) => {
            let words: Vec<String> = findings
                .iter()
                .map(|finding| format!("{}: {}", finding.code, finding.message))
                .collect();
            let words = words.join("; ");
            warn!(zone.name = %name, "the brand of `{name}` was refused: {words}");
            tables.refused.insert(name.clone(), words);
        }
    }
    Ok(())
}

fn ask_signing(
    inner: &Inner,
    loops: &Loops,
    zone: &Zone,
    policy: &ZonePolicy,
) -> Result<(), PolicyError> {
    if !policy.signing {
        return Ok(());
    }
    let judge = &loops.options.judge;
    let Some(origin) = judge.origin(Kind::DnssecPolicy) else {
        return Ok(());
    };
    let key = (zone.apex().clone(), Kind::DnssecPolicy);
    let question = format!("{origin} {} {}", policy.plan, zone.is_signed());
    if loops.zones.lock().asked.get(&key) == Some(&question) {
        return Ok(());
    }
    let answer =
        judge.dnssec_policy_for(inner.clock.wall_ms(), facts::zone(inner, zone, policy))?;
    let mut tables = loops.zones.lock();
    tables.signing.insert(zone.apex().clone(), answer);
    tables.asked.insert(key, question);
    tables.generation += 1;
    Ok(())
}

fn keep(inner: &Inner, tables: &ZoneTables) {
    let brands: Vec<(String, &Brand)> = tables
        .brands
        .iter()
        .map(|(name, brand)| (name.to_string(), brand))
        .collect();
    inner.put_stored_document(BRANDS, &brands);
}

const BRANDS: &str = "policy-brands";
