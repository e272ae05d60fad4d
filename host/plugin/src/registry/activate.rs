//! Putting a version in force, and taking it back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Registry, Running, State};
use crate::cache::LoadError;
use crate::component::on_own_thread;
use crate::error::{PolicyError, StoreFault};
use crate::kv::Tree;
use crate::limits::Limits;
use crate::settings::{Schema, Settings};
use crate::state::Environment;
use crate::store::{Activation, VersionRecord};
use crate::types::UnixMs;
use crate::types::lifecycle::StartReason;
use crate::v0_1::Program;
use crate::worker::{Origin, Worker};

/// Why a version was not put in force. What was in force before still is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivateError {
    /// No such plugin or version.
    #[error("plugin `{plugin}` has no version `{version}` installed")]
    Unknown {
        /// As asked for.
        plugin: String,
        /// As asked for; empty: any.
        version: String,
    },
    /// More than one version begins like this.
    #[error("more than one version of `{plugin}` begins with `{version}`")]
    Ambiguous {
        /// As asked for.
        plugin: String,
        /// As asked for.
        version: String,
    },
    /// There is no version to go back to.
    #[error(
        "plugin `{0}` had no other version in force before; `plugin activate` puts any installed one in force"
    )]
    NothingBefore(String),
    /// It is not active.
    #[error("plugin `{0}` is not active")]
    NotActive(String),
    /// It is in force, or the next rollback needs it.
    #[error("version `{0}` is in use")]
    InUse(String),
    /// The settings do not fit the plugin's schema.
    #[error("the settings do not fit: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The component could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// `migrate`, `check` or `init` gave no good answer.
    #[error("{step}: {source}")]
    Start {
        /// Which of them.
        step: &'static str,
        /// What it gave.
        source: PolicyError,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Registry {
    /// Puts a version in force, with the settings the plugin has. `version` is its hash or the
    /// beginning of it; none: the one installed last.
    pub fn activate(
        &self,
        plugin: &str,
        version: Option<&str>,
        now: UnixMs,
    ) -> Result<Arc<Origin>, ActivateError> {
        let mut state = self.state();
        let record = state.find(plugin, version)?.clone();
        let settings = state.activations.get(plugin).map(|a| a.settings.clone());
        self.replace(
            &mut state,
            &record,
            settings.unwrap_or_default(),
            Change::Version,
            now,
        )
    }

    /// Puts a version in force with these settings: one start, so that a plugin whose settings have
    /// no default can be activated at all.
    pub fn activate_with(
        &self,
        plugin: &str,
        version: Option<&str>,
        mut settings: Settings,
        now: UnixMs,
    ) -> Result<Arc<Origin>, ActivateError> {
        let mut state = self.state();
        let record = state.find(plugin, version)?.clone();
        let present = state.activations.get(plugin);
        settings.generation = present.map_or(1, |a| a.settings.generation.wrapping_add(1));
        self.replace(&mut state, &record, settings, Change::Version, now)
    }

    /// The settings that a plugin has, if it was ever active.
    pub fn settings(&self, plugin: &str) -> Option<Settings> {
        let state = self.state();
        state.activations.get(plugin).map(|a| a.settings.clone())
    }

    /// Puts the version before the present one in force again. Its state is as it left it.
    pub fn rollback(&self, plugin: &str, now: UnixMs) -> Result<Arc<Origin>, ActivateError> {
        let mut state = self.state();
        let present = state
            .activations
            .get(plugin)
            .cloned()
            .ok_or_else(|| ActivateError::NotActive(plugin.to_owned()))?;
        let previous = present
            .previous
            .ok_or_else(|| ActivateError::NothingBefore(plugin.to_owned()))?;
        let record = state.find(plugin, Some(&previous))?.clone();
        self.replace(&mut state, &record, present.settings, Change::Back, now)
    }

    /// Puts other settings in force: the plugin's instance is made anew with them.
    pub fn configure(
        &self,
        plugin: &str,
        mut settings: Settings,
        now: UnixMs,
    ) -> Result<Arc<Origin>, ActivateError> {
        let mut state = self.state();
        let present = state
            .activations
            .get(plugin)
            .cloned()
            .ok_or_else(|| ActivateError::NotActive(plugin.to_owned()))?;
        let active = present
            .active
            .ok_or_else(|| ActivateError::NotActive(plugin.to_owned()))?;
        settings.generation = present.settings.generation.wrapping_add(1);
        let record = state.find(plugin, Some(&active))?.clone();
        self.replace(&mut state, &record, settings, Change::Settings, now)
    }

    /// Takes a plugin out of force; its kinds are decided natively then.
    pub fn deactivate(&self, plugin: &str) -> Result<(), ActivateError> {
        let mut state = self.state();
        let mut activations = state.activations.clone();
        let activation = activations
            .get_mut(plugin)
            .filter(|activation| activation.active.is_some())
            .ok_or_else(|| ActivateError::NotActive(plugin.to_owned()))?;
        activation.previous = activation.active.take();
        self.versions
            .put_activations(&activations.values().cloned().collect::<Vec<_>>())?;
        state.activations = activations;
        state.running.remove(plugin);
        self.rebind(&state);
        tracing::info!(
            policy.name = plugin,
            "policy `{plugin}` is no longer active"
        );
        Ok(())
    }

    /// Forgets a version that is neither active nor where a rollback goes.
    pub fn remove(&self, plugin: &str, version: &str) -> Result<(), ActivateError> {
        let mut state = self.state();
        let sha256 = state.find(plugin, Some(version))?.sha256.clone();
        let used = state.activations.get(plugin).is_some_and(|activation| {
            [&activation.active, &activation.previous]
                .into_iter()
                .flatten()
                .any(|s| *s == sha256)
        });
        if used {
            return Err(ActivateError::InUse(sha256));
        }
        self.versions.remove_version(plugin, &sha256)?;
        state.versions.retain(|record| record.sha256 != sha256);
        self.cache.forget(&sha256);
        Ok(())
    }

    fn replace(
        &self,
        state: &mut State,
        record: &VersionRecord,
        settings: Settings,
        change: Change,
        now: UnixMs,
    ) -> Result<Arc<Origin>, ActivateError> {
        let plugin = record.manifest.name.clone();
        let present = state.activations.get(&plugin).cloned();
        let settings = sieved(record, &settings, present.as_ref())?;
        let generation = state
            .activations
            .values()
            .map(|a| a.generation)
            .max()
            .unwrap_or(0)
            .wrapping_add(1);
        let active = present.as_ref().and_then(|p| p.active.clone());
        let previous = match &active {
            Some(active) if *active != record.sha256 => Some(active.clone()),
            _ => present.as_ref().and_then(|p| p.previous.clone()),
        };
        let next = Activation {
            plugin: plugin.clone(),
            active: Some(record.sha256.clone()),
            previous: previous.filter(|previous| *previous != record.sha256),
            kinds: record.kinds.clone(),
            settings,
            state_version: record.manifest.state_version,
            generation,
        };
        // A rollback finds its own tree as it was; only a newer form is made from the present one.
        let stored = present.as_ref().map(|present| present.state_version);
        let migrates = change != Change::Back
            && stored.is_some_and(|stored| stored < record.manifest.state_version);
        if migrates {
            self.migrate(state, &next, record, stored.unwrap_or(0), now)?;
        }
        let reason = match (change, &active) {
            (Change::Settings, _) => StartReason::ConfigChange,
            (_, None) => StartReason::First,
            (_, Some(_)) => StartReason::Reload,
        };
        tracing::debug!(
            policy.name = %plugin,
            policy.version = %record.manifest.version,
            "policy `{plugin}` {} is being started",
            record.manifest.version,
        );
        let worker = self.start(state, &next, reason, now)?;
        self.store(state, &next)?;
        let origin = worker.origin().clone();
        self.put_in_force(state, &next, worker);
        tracing::info!(
            policy.name = %plugin,
            policy.version = %origin.version,
            "policy `{plugin}` {} is active (generation {generation})",
            origin.version,
        );
        for words in next.settings.kept_out_words().take(KEPT_OUT_LINES_MAX) {
            tracing::warn!(policy.name = %plugin, "policy `{plugin}`: {words}");
        }
        Ok(origin)
    }

    /// Fills the new version's tree from the present one.
    fn migrate(
        &self,
        state: &mut State,
        next: &Activation,
        record: &VersionRecord,
        stored: u32,
        now: UnixMs,
    ) -> Result<(), ActivateError> {
        let (program, environment) = self.prepare(state, next, record)?;
        // What an earlier try left there is not what `migrate` would make now.
        self.kv.clear(&environment.tree)?;
        let old = Tree {
            plugin: next.plugin.clone(),
            state_version: stored,
        };
        on_own_thread(move || program.instantiate(environment)?.migrate(old, now)).map_err(
            |source| ActivateError::Start {
                step: "migrate",
                source,
            },
        )
    }

    /// Starts a version that is to be active: `check`, then `init` in the thread that will run it.
    pub(super) fn start(
        &self,
        state: &mut State,
        next: &Activation,
        reason: StartReason,
        now: UnixMs,
    ) -> Result<Arc<Worker>, ActivateError> {
        let sha256 = next.active.as_deref().unwrap_or_default();
        let record = state.find(&next.plugin, Some(sha256))?.clone();
        let (program, environment) = self.prepare(state, next, &record)?;
        // After a restart the settings are those that passed before.
        if reason != StartReason::Restart {
            let (program, environment) = (program.clone(), environment.clone());
            on_own_thread(move || program.instantiate(environment)?.check(now)).map_err(
                |source| ActivateError::Start {
                    step: "check",
                    source,
                },
            )?;
        }
        let origin = Origin {
            plugin: next.plugin.clone(),
            version: record.manifest.version.clone(),
            sha256: record.sha256.clone(),
            generation: next.generation,
        };
        Worker::start(program, environment, origin, reason, now)
            .map(Arc::new)
            .map_err(|source| ActivateError::Start {
                step: "init",
                source,
            })
    }

    fn prepare(
        &self,
        state: &mut State,
        next: &Activation,
        record: &VersionRecord,
    ) -> Result<(Program, Environment), ActivateError> {
        let limits = Limits::of(record.class);
        let component = self.cache.load(&record.sha256, &limits)?;
        let program = Program::new(&self.engine, &component)
            .map_err(|error| LoadError::Code(format!("{error:#}")))?;
        let environment = Environment {
            tree: Tree {
                plugin: next.plugin.clone(),
                state_version: next.state_version,
            },
            kv: self.kv.clone(),
            facts: self.facts.clone(),
            settings: Arc::new(next.settings.clone()),
            limits,
            metrics: state
                .metrics
                .entry(next.plugin.clone())
                .or_default()
                .clone(),
            capabilities: Arc::new(record.capabilities.clone()),
            seed: crate::cache::seed(&record.sha256),
        };
        Ok((program, environment))
    }

    /// Writes what will be in force: the plugin gains its kinds, and others lose them.
    fn store(&self, state: &mut State, next: &Activation) -> Result<(), StoreFault> {
        let mut activations = state.activations.clone();
        for other in activations
            .values_mut()
            .filter(|other| other.plugin != next.plugin)
        {
            other.kinds.retain(|kind| !next.kinds.contains(kind));
            if other.kinds.is_empty() && other.active.is_some() {
                other.previous = other.active.take();
            }
        }
        activations.insert(next.plugin.clone(), next.clone());
        self.versions
            .put_activations(&activations.values().cloned().collect::<Vec<_>>())?;
        state.activations = activations;
        Ok(())
    }

    pub(super) fn put_in_force(&self, state: &mut State, next: &Activation, worker: Arc<Worker>) {
        state
            .running
            .insert(next.plugin.clone(), Running::Yes(worker));
        let active: BTreeSet<&String> = state
            .activations
            .values()
            .filter(|activation| activation.active.is_some())
            .map(|activation| &activation.plugin)
            .collect();
        state.running.retain(|plugin, _| active.contains(plugin));
        self.rebind(state);
    }

    /// Makes the table that callers look at follow the state: one pointer.
    fn rebind(&self, state: &State) {
        let mut bindings = crate::policies::Bindings::default();
        for activation in state.activations.values().filter(|a| a.active.is_some()) {
            if let Some(Running::Yes(worker)) = state.running.get(&activation.plugin) {
                for kind in &activation.kinds {
                    bindings.set(*kind, Some(worker.clone()));
                }
            }
        }
        self.policies.bindings().store(Arc::new(bindings));
    }
}

/// The settings as this version takes them.
fn sieved(
    record: &VersionRecord,
    settings: &Settings,
    present: Option<&Activation>,
) -> Result<Settings, ActivateError> {
    let schema = Schema::read(&record.manifest.settings_schema);
    let schema = schema.map_err(|words| ActivateError::Settings(vec![words]))?;
    let sieved = settings.sieved(present.map(|present| &present.settings), &schema);
    sieved.map_err(|problems| {
        ActivateError::Settings(problems.iter().map(ToString::to_string).collect())
    })
}

/// More lines would say no more: the status page has the number of all.
const KEPT_OUT_LINES_MAX: usize = 20;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change {
    Version,
    Back,
    Settings,
}

impl State {
    /// A version by hash or the beginning of it; none: the one installed last.
    pub(super) fn find(
        &self,
        plugin: &str,
        version: Option<&str>,
    ) -> Result<&VersionRecord, ActivateError> {
        let version = version.unwrap_or_default();
        let mut found: Vec<&VersionRecord> = self
            .versions
            .iter()
            .filter(|record| record.manifest.name == plugin && record.sha256.starts_with(version))
            .collect();
        if version.is_empty() {
            found.sort_by_key(|record| record.installed);
            found = found.split_off(found.len().saturating_sub(1));
        }
        let (plugin, version) = (plugin.to_owned(), version.to_owned());
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(ActivateError::Unknown { plugin, version }),
            _ => Err(ActivateError::Ambiguous { plugin, version }),
        }
    }
}
