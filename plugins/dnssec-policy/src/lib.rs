//! The shipped signing policy.
//!
//! Three presets say with what a zone is signed (`policy`); an operator, a plan or a zone picks one
//! and changes what it must. Which key moves next follows from the facts alone (`steps`): rollovers
//! are pre-publication for zone signing keys and double signature for what the parent knows, and a
//! change of algorithm takes the long way round that strict validators need.

mod policy;
mod settings;
mod steps;

use bailiwick_plugin_sdk::dnssec_policy::{Chain, DnssecPolicy, Policy as Signing, Steps};
use bailiwick_plugin_sdk::{Call, Error, Manifest, Plugin, ZoneFacts, export};

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
            "the preset and what differs from it are settings, for each zone if need be",
        )],
        settings_schema: SCHEMA,
        ..Manifest::new(
            "dnssec-policy",
            env!("CARGO_PKG_VERSION"),
            "Three presets for signing, and rollovers that never break the chain of trust.",
        )
    };

    fn start(_: &Call<Settings>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl DnssecPolicy for Policy {
    fn policy_for(&mut self, call: &Call<Settings>, zone: &ZoneFacts) -> Result<Signing, Error> {
        Ok(policy::policy_for(&call.settings_for(zone.zone)?, zone))
    }

    fn next_steps(
        &mut self,
        call: &Call<Settings>,
        _: &ZoneFacts,
        chain: &Chain,
    ) -> Result<Steps, Error> {
        Ok(steps::next(call.now, chain))
    }
}

export!(Policy: dnssec_policy);
