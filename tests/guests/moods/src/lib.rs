//! Another version of the `quota` plugin, with a mood: calm, or a trap, an endless loop or endless
//! hunger in each `grant`. The mood is part of the version, so a test makes the other versions out
//! of this one by writing over those bytes, wherever they stand in the component.

use bailiwick_plugin_sdk::quota::{
    Bill, Fallback, Lease, MonthUsage, PlanSpan, Quota, Request, Weights,
};
use bailiwick_plugin_sdk::{Action, Call, Denial, Error, Manifest, Month, Plugin, export};

/// The version that the manifest shows, and the mood in its last four bytes.
static VERSION: [u8; 10] = *b"9.0.0-calm";

/// The plugin; without memory.
struct Moods;

/// Those of the shipped plugin are accepted, one of them is used.
#[derive(serde::Deserialize)]
#[serde(default)]
struct Settings {
    lease_ms: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lease_ms: 1000 }
    }
}

impl Plugin for Moods {
    type Settings = Settings;

    const MANIFEST: Manifest = Manifest {
        capabilities: &[
            ("import.config", "the length of leases is a setting"),
            ("quota.stop", "an account without an allowance is refused"),
        ],
        settings_schema: r#"{ "type": "object" }"#,
        ..Manifest::new("quota", "9.0.0-calm", "Grants leases as its mood allows.")
    };

    fn start(_: &Call<Settings>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Quota for Moods {
    fn grant(
        &mut self,
        call: &Call<Settings>,
        _: &Month,
        requests: &[Request],
    ) -> Result<Vec<Lease>, Error> {
        // Out of the optimiser's sight: the bytes are written over after it has run.
        match &std::hint::black_box(&VERSION)[6..] {
            b"trap" => panic!("a trap, as asked for"),
            b"loop" => loop {
                std::hint::black_box(());
            },
            b"hogs" => {
                let mut held: Vec<Vec<u8>> = Vec::new();
                loop {
                    held.push(std::hint::black_box(vec![1; 1 << 20]));
                }
            }
            _ => Ok(requests
                .iter()
                .map(|request| lease(call.settings(), request))
                .collect()),
        }
    }

    fn rate(&mut self, _: &Call<Settings>, _: &[PlanSpan], _: &MonthUsage) -> Result<Bill, Error> {
        Err(Error::Other("this plugin prices nothing".to_owned()))
    }
}

fn lease(settings: &Settings, request: &Request) -> Lease {
    // Only this plugin refuses: a test sees by the answers whose leases are in force.
    let stopped = request.allowance == 0;
    let (units, on_empty) = if stopped {
        let refused = Action::Deny(Denial {
            rcode: REFUSED,
            ede: None,
        });
        (0, refused)
    } else {
        let units = (request.rate_milli / 1000).max(1000) * 2;
        (units, Action::Allow)
    };
    Lease {
        units,
        ttl_ms: settings.lease_ms,
        low_water: (!stopped).then_some(units / 4),
        weights: Weights {
            base: 1,
            nxdomain: 0,
            any: 0,
            tcp: 0,
            signed: 0,
            per_kib_out: 0,
        },
        on_empty,
        on_failure: Fallback::Last,
        reason: "granted calmly".to_owned(),
    }
}

/// RFC 1035 4.1.1.
const REFUSED: u16 = 5;

export!(Moods: quota);
