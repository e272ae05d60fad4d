//! The shipped policy for branded name servers.
//!
//! The brand is the zone itself: every name lies below the apex and nowhere else (`rules`, which has
//! a name for each reason to refuse). What passes becomes a set of NS records, one anycast node each,
//! with the nodes' addresses below them (`plan`). Names keep their nodes when the fleet changes, and
//! what has to change at the parent is said as actions that only the parent's answer clears.

mod plan;
mod rules;
mod settings;

use bailiwick_plugin_sdk::brand_ns::{Ask, BrandNs, Outcome};
use bailiwick_plugin_sdk::{Call, Error, Manifest, Plugin, Ruling, export, name};

use crate::settings::Settings;

/// The plugin; without memory.
#[derive(Debug)]
struct Policy;

const SCHEMA: &str = include_str!("../settings.schema.json");

impl Plugin for Policy {
    type Settings = Settings;

    const MANIFEST: Manifest = Manifest {
        capabilities: &[(
            "import.config",
            "which plans have brands, how many names, and their TTLs are settings",
        )],
        settings_schema: SCHEMA,
        ..Manifest::new(
            "brand-ns",
            env!("CARGO_PKG_VERSION"),
            "Name servers below the customer's own apex, refused by named rules.",
        )
    };

    fn start(_: &Call<Settings>) -> Result<Self, Error> {
        Ok(Self)
    }

    fn check(settings: &Settings) -> Result<(), String> {
        if settings.names_min > settings.names_max {
            return Err("names_min is above names_max".into());
        }
        if !settings.rname.is_empty() && name::labels(&settings.rname).len() < 2 {
            return Err(format!("rname `{}` is no mailbox name", settings.rname));
        }
        Ok(())
    }
}

impl BrandNs for Policy {
    fn check(&mut self, call: &Call<Settings>, ask: &Ask) -> Result<Ruling, Error> {
        let settings = call.settings();
        let objections = rules::objections(settings, ask);
        let notes = rules::notes(ask);
        Ok(Ruling::of(objections, vec![], notes))
    }

    fn plan_zone(&mut self, call: &Call<Settings>, ask: &Ask) -> Result<Outcome, Error> {
        let settings = call.settings();
        let mut objections = rules::objections(settings, ask);
        if objections.is_empty() {
            return Ok(Outcome::Plan(plan::plan(settings, call.now, ask)));
        }
        objections.truncate(64);
        Ok(Outcome::Refuse(objections))
    }
}

export!(Policy: brand_ns);

#[cfg(test)]
mod tests;
