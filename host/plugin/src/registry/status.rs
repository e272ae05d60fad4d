//! What there is to say about the plugins.

use serde::Serialize;

use super::{Registry, Running};
use crate::breaker::BreakerState;
use crate::kind::Kind;
use crate::limits::{Class, Limits};
use crate::metrics::MetricsSnapshot;
use crate::types::UnixMs;
use crate::types::lifecycle::Capability;

/// One plugin with all its versions.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginStatus {
    /// Its name.
    pub plugin: String,
    /// What it is asked for now.
    pub kinds: Vec<Kind>,
    /// Hash of the version in force.
    pub active: Option<String>,
    /// That version, for people.
    pub active_version: Option<String>,
    /// Where a rollback goes.
    pub previous: Option<String>,
    /// Of the activation.
    pub generation: u64,
    /// Of the settings.
    pub settings_generation: u64,
    /// Zones whose own settings are not in force, in words; the first of them.
    pub settings_kept_out: Vec<String>,
    /// How many there are.
    pub settings_kept_out_count: usize,
    /// Why an active version does not run.
    pub start_error: Option<String>,
    /// Whether it is left alone for a while.
    pub breaker: BreakerState,
    /// What it may cost.
    pub limits: Limits,
    /// What it cost so far, over all versions.
    pub metrics: MetricsSnapshot,
    /// Installed versions, the newest last.
    pub versions: Vec<VersionStatus>,
}

/// One installed version.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionStatus {
    /// For people.
    pub version: String,
    /// What it is known by.
    pub sha256: String,
    /// Bytes of the component.
    pub size: usize,
    /// Granted.
    pub class: Class,
    /// Declared and granted, with the plugin's reasons.
    pub capabilities: Vec<Capability>,
    /// When it was installed.
    pub installed: UnixMs,
}

impl Registry {
    /// Every plugin, by name.
    pub fn list(&self) -> Vec<PluginStatus> {
        let state = self.state();
        let mut names: Vec<&str> = state
            .versions
            .iter()
            .map(|record| record.manifest.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| {
                let mut records: Vec<_> = state
                    .versions
                    .iter()
                    .filter(|r| r.manifest.name == name)
                    .collect();
                records.sort_by_key(|record| record.installed);
                let activation = state.activations.get(name);
                let active = activation.and_then(|a| a.active.clone());
                let record = active
                    .as_ref()
                    .and_then(|sha256| records.iter().find(|record| record.sha256 == *sha256));
                let (breaker, start_error) = match state.running.get(name) {
                    Some(Running::Yes(worker)) => (worker.breaker(), None),
                    Some(Running::No(words)) => (BreakerState::Closed, Some(words.clone())),
                    None => (BreakerState::Closed, None),
                };
                let class = record
                    .or_else(|| records.last())
                    .map_or(Class::Default, |r| r.class);
                PluginStatus {
                    plugin: name.to_owned(),
                    kinds: match &active {
                        Some(_) => activation.map(|a| a.kinds.clone()).unwrap_or_default(),
                        None => Vec::new(),
                    },
                    active_version: record.map(|record| record.manifest.version.clone()),
                    active,
                    previous: activation.and_then(|a| a.previous.clone()),
                    generation: activation.map_or(0, |a| a.generation),
                    settings_generation: activation.map_or(0, |a| a.settings.generation),
                    settings_kept_out: activation
                        .iter()
                        .flat_map(|a| a.settings.kept_out_words())
                        .take(KEPT_OUT_WORDS_MAX)
                        .collect(),
                    settings_kept_out_count: activation.map_or(0, |a| a.settings.kept_out.len()),
                    start_error,
                    breaker,
                    limits: Limits::of(class),
                    metrics: state
                        .metrics
                        .get(name)
                        .map(|metrics| metrics.snapshot())
                        .unwrap_or_default(),
                    versions: records
                        .iter()
                        .map(|record| VersionStatus {
                            version: record.manifest.version.clone(),
                            sha256: record.sha256.clone(),
                            size: record.size,
                            class: record.class,
                            capabilities: record.manifest.capabilities.clone(),
                            installed: record.installed,
                        })
                        .collect(),
                }
            })
            .collect()
    }
}

/// Zones named one by one; the others are counted.
const KEPT_OUT_WORDS_MAX: usize = 10;
