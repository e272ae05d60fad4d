//! What the registry keeps: installed versions, which are active, and digests of compiled code.
//!
//! [`VersionStore`] is what this crate needs of a store; `authority` implements it durably,
//! [`MemoryVersions`] is for tests and off-line use. Components themselves are files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::StoreFault;
use crate::kind::Kind;
use crate::limits::Class;
use crate::settings::Settings;
use crate::types::UnixMs;
use crate::types::lifecycle::Manifest;

/// One installed component.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionRecord {
    /// What it says it is.
    pub manifest: Manifest,
    /// Of its bytes; this is what a version is known by.
    pub sha256: String,
    /// Their number.
    pub size: usize,
    /// Granted.
    pub class: Class,
    /// Declared and granted.
    pub capabilities: BTreeSet<String>,
    /// The kinds that it will be asked for.
    pub kinds: Vec<Kind>,
    /// When it was installed.
    pub installed: UnixMs,
}

/// What is in force for one plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Activation {
    /// The plugin's name.
    pub plugin: String,
    /// Hash of the active version; none: it was switched off, or another took its kinds.
    pub active: Option<String>,
    /// Hash of the version before: where a rollback goes.
    pub previous: Option<String>,
    /// The kinds it is asked for.
    pub kinds: Vec<Kind>,
    /// In force.
    pub settings: Settings,
    /// The tree in which its state is.
    pub state_version: u32,
    /// Rises with each activation, over all plugins: tables say which one filled them.
    pub generation: u64,
}

/// A store for the registry. Each call is one durable transaction.
pub trait VersionStore: Send + Sync {
    /// Every installed version.
    fn versions(&self) -> Result<Vec<VersionRecord>, StoreFault>;
    /// Adds a version, or replaces the one with its name and hash.
    fn put_version(&self, version: &VersionRecord) -> Result<(), StoreFault>;
    /// Forgets a version.
    fn remove_version(&self, plugin: &str, sha256: &str) -> Result<(), StoreFault>;
    /// Everything in force.
    fn activations(&self) -> Result<Vec<Activation>, StoreFault>;
    /// Replaces everything in force by this.
    fn put_activations(&self, activations: &[Activation]) -> Result<(), StoreFault>;
    /// Digest of a file of compiled code.
    fn cache_digest(&self, file: &str) -> Result<Option<String>, StoreFault>;
    /// Sets it.
    fn put_cache_digest(&self, file: &str, digest: &str) -> Result<(), StoreFault>;
}

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryVersions {
    state: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    versions: BTreeMap<(String, String), VersionRecord>,
    activations: Vec<Activation>,
    digests: BTreeMap<String, String>,
}

impl MemoryVersions {
    fn state(&self) -> MutexGuard<'_, Kept> {
        // Each change below is one assignment or insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VersionStore for MemoryVersions {
    fn versions(&self) -> Result<Vec<VersionRecord>, StoreFault> {
        Ok(self.state().versions.values().cloned().collect())
    }

    fn put_version(&self, version: &VersionRecord) -> Result<(), StoreFault> {
        let key = (version.manifest.name.clone(), version.sha256.clone());
        self.state().versions.insert(key, version.clone());
        Ok(())
    }

    fn remove_version(&self, plugin: &str, sha256: &str) -> Result<(), StoreFault> {
        self.state()
            .versions
            .remove(&(plugin.to_owned(), sha256.to_owned()));
        Ok(())
    }

    fn activations(&self) -> Result<Vec<Activation>, StoreFault> {
        Ok(self.state().activations.clone())
    }

    fn put_activations(&self, activations: &[Activation]) -> Result<(), StoreFault> {
        self.state().activations = activations.to_vec();
        Ok(())
    }

    fn cache_digest(&self, file: &str) -> Result<Option<String>, StoreFault> {
        Ok(self.state().digests.get(file).cloned())
    }

    fn put_cache_digest(&self, file: &str, digest: &str) -> Result<(), StoreFault> {
        self.state()
            .digests
            .insert(file.to_owned(), digest.to_owned());
        Ok(())
    }
}
