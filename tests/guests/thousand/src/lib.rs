//! Another version of the `abuse` plugin, for measurements: it puts the rules that its settings ask for, as
//! many in each window as one answer may have, and never changes its mind. The rules limit far above any load, so what they match is still
//! answered and the cost of having them shows.

use bailiwick_plugin_sdk::abuse::{Abuse, Change, Effect, Limit, Matcher, Rule, Subject, Window};
use bailiwick_plugin_sdk::{Action, Call, Error, Manifest, Plugin, Prefix, Ruling, ZoneId, export};
use serde::Deserialize;

/// Which rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// So many source prefixes, 10.0.0.0/24 and on.
    sources: u32,
    /// A rule for each of these zones.
    zones: Vec<ZoneId>,
    /// A rule for each of these suffixes.
    suffixes: Vec<String>,
}

/// The plugin, and how many rules it has put.
struct Thousand {
    put: usize,
}

impl Plugin for Thousand {
    type Settings = Settings;

    const MANIFEST: Manifest = Manifest {
        capabilities: &[("import.config", "the settings say which rules are in force")],
        settings_schema: r#"{
            "type": "object", "additionalProperties": false,
            "properties": {
                "sources": { "type": "integer", "minimum": 0, "maximum": 65535 },
                "zones": { "type": "array", "items": { "type": "integer", "minimum": 1 } },
                "suffixes": { "type": "array", "items": { "type": "string" } }
            }
        }"#,
        ..Manifest::new(
            "abuse",
            "9.0.0-thousand",
            "Keeps many rules in force that hinder nobody.",
        )
    };

    fn start(_: &Call<Settings>) -> Result<Self, Error> {
        Ok(Self { put: 0 })
    }
}

impl Abuse for Thousand {
    fn admit(&mut self, _: &Call<Settings>, _: &Subject) -> Result<Ruling, Error> {
        Err(Error::Other("this plugin judges windows only".to_owned()))
    }

    fn inspect(&mut self, call: &Call<Settings>, _: &Window) -> Result<Vec<Change>, Error> {
        let settings = call.settings();
        let mut matchers = Vec::new();
        for number in 0..settings.sources {
            let source: Prefix = format!("10.{}.{}.0/24", number >> 8, number & 255)
                .parse()
                .map_err(Error::Other)?;
            matchers.push(Matcher {
                source: Some(source),
                ..anything()
            });
        }
        for zone in &settings.zones {
            matchers.push(Matcher {
                zone: Some(*zone),
                ..anything()
            });
        }
        for suffix in &settings.suffixes {
            matchers.push(Matcher {
                suffix: Some(suffix.clone()),
                ..anything()
            });
        }
        let next = (1..).zip(matchers).skip(self.put).take(CHANGES_MAX);
        let changes: Vec<Change> = next.map(|(id, when)| put(id, when)).collect();
        self.put += changes.len();
        Ok(changes)
    }
}

fn anything() -> Matcher {
    Matcher {
        source: None,
        zone: None,
        suffix: None,
        rr_type: None,
        transport: None,
        nodes: vec![],
        extra: vec![],
    }
}

fn put(id: u64, when: Matcher) -> Change {
    Change::Put(Rule {
        id,
        when,
        then: Effect::Limit(Limit {
            per_second: 1_000_000_000,
            burst: 1_000_000_000,
            v4_len: 0,
            v6_len: 0,
            over: Action::Drop,
        }),
        priority: 0,
        ttl_ms: 3_600_000,
        attack: false,
        dry_run: false,
        category: None,
        reason: "a thousand".to_owned(),
        extra: vec![],
    })
}

/// What one answer may bring.
const CHANGES_MAX: usize = 256;

export!(Thousand: abuse);
