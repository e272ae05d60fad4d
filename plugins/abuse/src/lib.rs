//! The shipped abuse policy.
//!
//! **Traffic.** Each window is looked through for three patterns (`detect`): floods of random names
//! below a suffix, large answers to forged sources, and single sources that are too much. What is
//! found becomes a rule with a stable id and a short life (`ledger`); it is renewed while it keeps
//! matching, each time for twice as long, and otherwise ends by itself. Over the limit there is still
//! TC for some or all: a genuine client comes back over TCP, a forged one does not.
//!
//! **Names.** Sign-ups, claims and changes are ruled on (`admit`): bursts, throwaway addresses,
//! public suffixes and special-use names, look-alikes of protected names. What is likely to be abuse
//! is held for a person; only what can never be right is refused.

mod admit;
mod detect;
mod ledger;
mod settings;

use bailiwick_plugin_sdk::abuse::{Abuse, Change, Subject, Window};
use bailiwick_plugin_sdk::{Call, Error, Manifest, Plugin, Prefix, Ruling, export};

use crate::ledger::Ledger;
use crate::settings::Settings;

/// The plugin, with the rules it has made.
#[derive(Debug)]
struct Policy {
    ledger: Ledger,
}

const SCHEMA: &str = include_str!("../settings.schema.json");

impl Plugin for Policy {
    type Settings = Settings;

    const MANIFEST: Manifest = Manifest {
        state_version: 1,
        capabilities: &[
            (
                "import.config",
                "thresholds and protected names are settings",
            ),
            ("import.log", "counts rules made and names held"),
            (
                "import.kv-read",
                "remembers its rules over a reload, so that a new version goes on with them",
            ),
            (
                "import.kv",
                "remembers its rules and how many claims came from a network",
            ),
        ],
        settings_schema: SCHEMA,
        ..Manifest::new(
            "abuse",
            env!("CARGO_PKG_VERSION"),
            "Limits floods of random names, reflection and floods; judges sign-ups, claims and changes.",
        )
    };

    fn start(_: &Call<Settings>) -> Result<Self, Error> {
        Ok(Self {
            ledger: Ledger::remembered(),
        })
    }

    fn check(settings: &Settings) -> Result<(), String> {
        if settings.rules.ttl_max_ms < settings.rules.ttl_ms {
            return Err("rules.ttl_max_ms is below rules.ttl_ms".into());
        }
        for prefix in &settings.rules.trusted {
            prefix.parse::<Prefix>()?;
        }
        Ok(())
    }
}

impl Abuse for Policy {
    fn admit(&mut self, call: &Call<Settings>, subject: &Subject) -> Result<Ruling, Error> {
        Ok(admit::admit(call.settings(), call.now, subject))
    }

    fn inspect(&mut self, call: &Call<Settings>, window: &Window) -> Result<Vec<Change>, Error> {
        let found = detect::patterns(call.settings(), window)?;
        self.ledger.window(call.settings(), call.now, window, found)
    }
}

export!(Policy: abuse);

#[cfg(test)]
mod tests;
