//! The concerns a store serves. Every method is one transaction; a write is durable when it returns.

use crate::{StoreError, TransferState, VersionRow};

/// One plugin's key-value tree. A new state version begins with an empty tree, so that a rollback finds
/// the old one as it was.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tree {
    /// The plugin's name.
    pub plugin: String,
    /// The version of its state.
    pub state_version: u32,
}

/// Keys and values in order of keys.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// One change to a tree: a new value, or its removal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KvChange {
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` removes the key.
    pub value: Option<Vec<u8>>,
}

/// Plugins' own memory.
pub trait PluginKv: Send + Sync {
    /// The value of a key.
    fn kv(&self, tree: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keys with `prefix` that come after `after`, and their values, in order of keys, at most `limit`.
    fn kv_scan(
        &self,
        tree: &Tree,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError>;

    /// Applies all changes or none.
    fn kv_apply(&self, tree: &Tree, changes: &[KvChange]) -> Result<(), StoreError>;

    /// Removes a tree.
    fn kv_drop(&self, tree: &Tree) -> Result<(), StoreError>;

    /// The state versions of a plugin that have a tree.
    fn kv_trees(&self, plugin: &str) -> Result<Vec<u32>, StoreError>;
}

/// Which versions of which plugins are installed, and which one is active.
pub trait PluginVersions: Send + Sync {
    /// Adds or replaces a version.
    fn put_version(&self, plugin: &str, row: &VersionRow) -> Result<(), StoreError>;

    /// The versions of a plugin, by hash.
    fn versions(&self, plugin: &str) -> Result<Vec<VersionRow>, StoreError>;

    /// Forgets a version.
    fn remove_version(&self, plugin: &str, sha256: &str) -> Result<(), StoreError>;

    /// The names of all plugins that have a version or a note.
    fn plugins(&self) -> Result<Vec<String>, StoreError>;

    /// A small note kept for a plugin (which version is active, its settings); its own encoding.
    fn note(&self, plugin: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a note; `None` removes it.
    fn put_note(&self, plugin: &str, name: &str, value: Option<&[u8]>) -> Result<(), StoreError>;
}

/// When secondary zones were last confirmed. Keys are zone names in lower-case wire form.
pub trait ZoneStates: Send + Sync {
    /// All states.
    fn zone_states(&self) -> Result<Vec<(Vec<u8>, TransferState)>, StoreError>;

    /// The state of one zone.
    fn zone_state(&self, zone: &[u8]) -> Result<Option<TransferState>, StoreError>;

    /// Writes many states in one transaction.
    fn put_zone_states(&self, states: &[(Vec<u8>, TransferState)]) -> Result<(), StoreError>;

    /// Forgets a zone.
    fn remove_zone_state(&self, zone: &[u8]) -> Result<(), StoreError>;

    /// Small values of the authority itself (tables in force, counters of months).
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes such a value; `None` removes it.
    fn put_document(&self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError>;
}

/// A whole store.
pub trait Store: PluginKv + PluginVersions + ZoneStates {
    /// Grows by one with every opening; a number that went back means a lost or swapped file.
    fn generation(&self) -> u64;
}
