//! What every plugin says about itself, and how it is started.

use serde::{Deserialize, Serialize};

use super::Extra;

/// Something the plugin wants to use, see or do, and why; the operator grants each.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capability {
    /// Such as `import.kv` or `quota.stop`.
    pub name: String,
    /// For the operator who grants it.
    pub reason: String,
}

/// What a component says it is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// Unique in a server; kebab-case.
    pub name: String,
    /// For people; a version is known by the hash of its bytes.
    pub version: String,
    /// The kinds it exports.
    pub kinds: Vec<String>,
    /// Version of the form of what it keeps in `kv`.
    pub state_version: u32,
    /// What it asks for.
    pub capabilities: Vec<Capability>,
    /// JSON Schema (2020-12) of its settings; empty: it takes none.
    pub settings_schema: String,
    /// `default` or `large`.
    pub class: String,
    /// `licence`, `home`, `summary` are shown.
    #[serde(default)]
    pub extra: Extra,
}

/// Why an instance is started.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartReason {
    /// No version of this plugin was active before.
    First,
    /// Another version takes over.
    Reload,
    /// The same version with other settings.
    ConfigChange,
    /// The server was started.
    Restart,
    /// The instance before failed.
    RecoveredFromTrap,
    /// Something that a plugin of this version has no word for.
    Other,
}
