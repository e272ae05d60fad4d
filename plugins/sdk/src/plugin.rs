//! What all plugins have in common: a manifest, settings, and an instance that lives between calls.

use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::{Error, UnixMs, ZoneId, export};

pub use crate::wit::base::exports::bailiwick::policy::lifecycle::StartReason;

/// A policy. Implement it together with the trait of each kind, then name both in
/// [`crate::export!`].
pub trait Plugin: Sized + 'static {
    /// Read from the operator's JSON. Use `#[serde(default, deny_unknown_fields)]`: a missing field
    /// is its default, a misspelt one an error before it counts.
    type Settings: DeserializeOwned + 'static;

    /// What is installed, granted and shown.
    const MANIFEST: Manifest;

    /// Makes the instance. Memory is a cache: what has to outlive a trap or a reload is read from
    /// [`crate::kv`] here.
    fn start(call: &Call<Self::Settings>) -> Result<Self, Error>;

    /// Says in the operator's words what is wrong with settings that the schema let pass.
    fn check(settings: &Self::Settings) -> Result<(), String> {
        let _ = settings;
        Ok(())
    }

    /// Rewrites what an older `state_version` stored.
    fn migrate(stored_version: u32, now: UnixMs) -> Result<(), Error> {
        let _ = (stored_version, now);
        Ok(())
    }
}

/// The constant part of a manifest; the kinds come from [`crate::export!`].
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    /// Lower-case letters, digits and hyphens.
    pub name: &'static str,
    /// As in semver.org.
    pub version: &'static str,
    /// One sentence for the operator.
    pub summary: &'static str,
    /// Raise it when stored values change their form.
    pub state_version: u32,
    /// What is used and why, as (name, reason).
    pub capabilities: &'static [(&'static str, &'static str)],
    /// JSON Schema of the settings; empty when there are none.
    pub settings_schema: &'static str,
    /// `default` or `large`.
    pub class: &'static str,
}

impl Manifest {
    /// A plugin that imports nothing and has no settings; fill in the rest with `..`.
    pub const fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            version,
            summary,
            state_version: 0,
            capabilities: &[],
            settings_schema: "",
            class: "default",
        }
    }
}

/// What every call brings: the time, and the settings in force.
#[derive(Debug)]
pub struct Call<S> {
    /// The only clock there is.
    pub now: UnixMs,
    /// Why the instance was made, which is of interest in [`Plugin::start`].
    pub start: StartReason,
    settings: Rc<S>,
}

impl<S> Call<S> {
    /// For tests; in a component the SDK makes them.
    pub fn new(now: UnixMs, settings: S) -> Self {
        Self::shared(now, StartReason::Other, Rc::new(settings))
    }

    pub(crate) fn shared(now: UnixMs, start: StartReason, settings: Rc<S>) -> Self {
        Self {
            now,
            start,
            settings,
        }
    }

    /// The operator's settings.
    pub fn settings(&self) -> &S {
        &self.settings
    }
}

impl<S: DeserializeOwned> Call<S> {
    /// The settings with the zone's own choices merged over them.
    pub fn settings_for(&self, zone: ZoneId) -> Result<S, Error> {
        export::parse_settings(&export::settings_json_for(zone))
    }
}

/// For plugins that have nothing to set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize)]
pub struct NoSettings {}
