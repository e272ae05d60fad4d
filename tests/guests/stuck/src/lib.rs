//! Never says what it is: its manifest takes forever.

use bailiwick_plugin_sdk::dnssec_policy::{Chain, DnssecPolicy, Policy, Steps};
use bailiwick_plugin_sdk::{Call, Error, Manifest, NoSettings, Plugin, ZoneFacts, export};

#[derive(Debug)]
struct Guest;

impl Plugin for Guest {
    type Settings = NoSettings;
    const MANIFEST: Manifest = Manifest::new("stuck", "0.1.0", "Loops before anybody asks.");
    fn start(_: &Call<NoSettings>) -> Result<Self, Error> {
        Ok(Self)
    }
}

/// Runs when the instance is made, before any call.
#[unsafe(link_section = ".init_array")]
#[used]
static BEFORE_ALL: extern "C" fn() = before_all;

extern "C" fn before_all() {
    loop {
        std::hint::black_box(0);
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
