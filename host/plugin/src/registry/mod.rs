//! Which plugins there are, and which are active.
//!
//! ```text
//!   install ──▶ installed ──▶ activate: migrate, check, init, swap ──▶ active
//!                   ▲                                                    │
//!                   └───────── another version, rollback, deactivate ────┘
//! ```
//!
//! Installing proves that a component can be run (`component::examine`) and keeps it; activating
//! puts it in the place of whatever was asked for its kinds before. Nothing is swapped before the
//! new version has started with its settings, and tables that the old one filled stay in force: a
//! swap changes no answer by itself. All of it survives a restart through [`VersionStore`].
//!
//! Functions here block (they compile, read files, start threads) and must not be called on a
//! runtime's own threads.

mod activate;
mod install;
mod status;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use activate::ActivateError;
pub use install::{InstallError, InstalledVersion};
pub use status::{PluginStatus, VersionStatus};

use crate::cache::{Cache, Compiler, LoadError};
use crate::engine::Engine;
use crate::error::StoreFault;
use crate::facts::Facts;
use crate::kv::Kv;
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::store::{Activation, VersionRecord, VersionStore};
use crate::types::UnixMs;
use crate::types::lifecycle::StartReason;
use crate::worker::Worker;

/// What a registry works with.
pub struct RegistryOptions {
    /// The engine of this process.
    pub engine: Engine,
    /// Holds components and compiled code; made if it is not there, and readable by nobody else.
    pub dir: PathBuf,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// Keeps the registry's state.
    pub versions: Arc<dyn VersionStore>,
    /// Keeps the plugins' state.
    pub kv: Arc<dyn Kv>,
    /// What plugins may look up.
    pub facts: Arc<dyn Facts>,
}

/// Installed and active plugins.
pub struct Registry {
    engine: Engine,
    cache: Cache,
    versions: Arc<dyn VersionStore>,
    kv: Arc<dyn Kv>,
    facts: Arc<dyn Facts>,
    policies: Policies,
    /// Held through a whole change: two activations at a time would each undo half of the other.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    versions: Vec<VersionRecord>,
    activations: BTreeMap<String, Activation>,
    running: BTreeMap<String, Running>,
    metrics: BTreeMap<String, Arc<Metrics>>,
}

enum Running {
    Yes(Arc<Worker>),
    /// It was active and does not start: why.
    No(String),
}

/// Why a registry could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its folder cannot be used.
    #[error(transparent)]
    Folder(#[from] LoadError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Registry {
    /// Opens it and starts what was active. A plugin that does not start is reported and left out:
    /// it must not keep a server from serving.
    pub fn open(options: RegistryOptions, now: UnixMs) -> Result<Self, OpenError> {
        let RegistryOptions {
            engine,
            dir,
            compiler,
            versions,
            kv,
            facts,
        } = options;
        let cache = Cache::open(&dir, engine.clone(), compiler, versions.clone())?;
        let state = State {
            versions: versions.versions()?,
            activations: versions
                .activations()?
                .into_iter()
                .map(|activation| (activation.plugin.clone(), activation))
                .collect(),
            ..State::default()
        };
        let registry = Self {
            engine,
            cache,
            versions,
            kv,
            facts,
            policies: Policies::default(),
            state: Mutex::new(state),
        };
        registry.start_active(now);
        Ok(registry)
    }

    /// Asks the active plugins.
    pub fn policies(&self) -> Policies {
        self.policies.clone()
    }

    fn start_active(&self, now: UnixMs) {
        let mut state = self.state();
        let active: Vec<Activation> = state
            .activations
            .values()
            .filter(|a| a.active.is_some())
            .cloned()
            .collect();
        for activation in active {
            let plugin = activation.plugin.clone();
            match self.start(&mut state, &activation, StartReason::Restart, now) {
                Ok(worker) => self.put_in_force(&mut state, &activation, worker),
                Err(error) => {
                    tracing::error!(
                        policy.name = %plugin,
                        "policy `{plugin}` does not start: {error}"
                    );
                    state.running.insert(plugin, Running::No(error.to_string()));
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A change is written to the store before it is made here; after a panic between the two,
        // what is here is still what is running.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
