//! Another version of the `abuse` plugin, which tells its rules apart from those of the shipped one:
//! a source that asks more than a hundred times in a window is dropped for two seconds.

use bailiwick_plugin_sdk::abuse::{Abuse, Change, Effect, Matcher, Rule, Subject, Window};
use bailiwick_plugin_sdk::{Action, Call, Error, Manifest, NoSettings, Plugin, Ruling, export};

/// The plugin; without memory.
struct Strict;

impl Plugin for Strict {
    type Settings = NoSettings;

    const MANIFEST: Manifest = Manifest {
        capabilities: &[("import.config", "settings are read, and none is used")],
        settings_schema: r#"{ "type": "object" }"#,
        ..Manifest::new("abuse", "9.0.0-strict", "Drops whoever asks much.")
    };

    fn start(_: &Call<NoSettings>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Abuse for Strict {
    fn admit(&mut self, _: &Call<NoSettings>, _: &Subject) -> Result<Ruling, Error> {
        Err(Error::Other("this plugin judges windows only".to_owned()))
    }

    fn inspect(&mut self, _: &Call<NoSettings>, window: &Window) -> Result<Vec<Change>, Error> {
        let rows = window.sources.rows()?;
        let busy = rows.into_iter().filter(|row| row.queries > 100).take(8);
        Ok(busy
            .enumerate()
            .map(|(number, row)| {
                Change::Put(Rule {
                    id: number as u64 + 1,
                    when: Matcher {
                        source: Some(row.source),
                        zone: None,
                        suffix: None,
                        rr_type: None,
                        transport: None,
                        nodes: vec![],
                        extra: vec![],
                    },
                    then: Effect::Act(Action::Drop),
                    priority: 0,
                    ttl_ms: 2000,
                    attack: true,
                    dry_run: false,
                    category: None,
                    reason: "strict".to_owned(),
                    extra: vec![],
                })
            })
            .collect())
    }
}

export!(Strict: abuse);
