//! Writes to the log, which its manifest does not declare.

use bailiwick_plugin_sdk::dnssec_policy::{Chain, DnssecPolicy, Policy, Steps};
use bailiwick_plugin_sdk::{Call, Error, Manifest, NoSettings, Plugin, ZoneFacts, export, log};

#[derive(Debug)]
struct Guest;

impl Plugin for Guest {
    type Settings = NoSettings;
    const MANIFEST: Manifest =
        Manifest::new("undeclared", "0.1.0", "Declares less than it imports.");
    fn start(_: &Call<NoSettings>) -> Result<Self, Error> {
        log::info("not declared");
        Ok(Self)
    }
}

impl DnssecPolicy for Guest {
    fn policy_for(&mut self, _: &Call<NoSettings>, _: &ZoneFacts) -> Result<Policy, Error> {
        Ok(Policy::unsigned(""))
    }
    fn next_steps(
        &mut self,
        _: &Call<NoSettings>,
        _: &ZoneFacts,
        _: &Chain,
    ) -> Result<Steps, Error> {
        Ok(Steps {
            steps: vec![],
            next: None,
            reason: String::new(),
        })
    }
}

export!(Guest: dnssec_policy);
