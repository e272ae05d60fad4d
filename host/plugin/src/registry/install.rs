//! Taking a component in.

use serde::Serialize;

use super::Registry;
use crate::cache::{LoadError, hex_digest};
use crate::component::{Grants, Problem, check_bytes, examine};
use crate::error::StoreFault;
use crate::limits::Class;
use crate::store::VersionRecord;
use crate::types::UnixMs;

/// A component that was taken in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstalledVersion {
    /// The plugin's name.
    pub plugin: String,
    /// The manifest's version.
    pub version: String,
    /// What the version is known by.
    pub sha256: String,
    /// The kinds it decides.
    pub kinds: Vec<crate::kind::Kind>,
    /// Granted.
    pub class: Class,
    /// Nothing was to be done.
    pub known_before: bool,
}

/// Why a component was not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// It is not one that this host runs.
    #[error("the component is refused: {}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// It could not be kept.
    #[error(transparent)]
    Keep(#[from] LoadError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Registry {
    /// Checks a component and keeps it. It is not active before [`Registry::activate`].
    pub fn install(
        &self,
        bytes: &[u8],
        grants: &Grants,
        now: UnixMs,
    ) -> Result<InstalledVersion, InstallError> {
        check_bytes(bytes, grants).map_err(|problem| InstallError::Refused(vec![problem]))?;
        let sha256 = hex_digest(bytes);
        if let Some(known) = self.known(&sha256, grants) {
            return Ok(known);
        }
        // No lock here: a large component compiles for minutes.
        let examined = examine(&self.engine, bytes, grants, |limits| {
            self.cache.compile(&sha256, bytes, limits)
        })
        .map_err(|problems| {
            self.cache.forget(&sha256);
            InstallError::Refused(problems)
        })?;
        self.cache.keep(&sha256, bytes)?;
        let mut record = VersionRecord {
            manifest: examined.manifest,
            sha256,
            size: bytes.len(),
            class: examined.class,
            capabilities: examined.capabilities,
            kinds: examined.kinds,
            installed: now,
        };
        let mut state = self.state();
        // "The one installed last" must be one, also after a restart and within a millisecond.
        let latest = state.versions.iter().map(|known| known.installed).max();
        record.installed = latest.map_or(now, |latest| now.max(latest.saturating_add(1)));
        self.versions.put_version(&record)?;
        let installed = summary(&record, false);
        tracing::info!(
            policy.name = %installed.plugin,
            policy.version = %installed.version,
            size_bytes = record.size,
            "installed policy `{}` {} ({})",
            installed.plugin,
            installed.version,
            installed.sha256,
        );
        state.versions.retain(|known| known.sha256 != record.sha256);
        state.versions.push(record);
        Ok(installed)
    }

    /// The same bytes again, with no more granted than before, change nothing.
    fn known(&self, sha256: &str, grants: &Grants) -> Option<InstalledVersion> {
        let state = self.state();
        let record = state
            .versions
            .iter()
            .find(|record| record.sha256 == sha256)?;
        let granted = grants
            .capabilities
            .as_ref()
            .is_none_or(|granted| record.capabilities.is_subset(granted));
        granted.then(|| summary(record, true))
    }
}

fn summary(record: &VersionRecord, known_before: bool) -> InstalledVersion {
    InstalledVersion {
        plugin: record.manifest.name.clone(),
        version: record.manifest.version.clone(),
        sha256: record.sha256.clone(),
        kinds: record.kinds.clone(),
        class: record.class,
        known_before,
    }
}
