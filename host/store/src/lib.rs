//! What the service keeps between runs, behind small traits; redb under them.
//!
//! The store holds what cannot be had again: plugin memory, plugin versions, when each secondary zone
//! was last confirmed. Zone contents are not here (a zone's snapshot is its own file), so a lost store
//! costs history, never an answer: the nameserver starts and answers without it.
//!
//! Each trait is one concern and every backend passes one battery of tests. A write returns when
//! it is on disk: two-phase commit, because values come from plugins and must not be able to forge a
//! commit record, and quick repair, so that a start after `kill -9` takes milliseconds.

#[cfg(test)]
mod battery;
mod embedded;
mod error;
mod memory;
mod rows;
mod traits;

pub use embedded::{EmbeddedStore, Opened};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use rows::{TransferState, VersionRow};
pub use traits::{KvChange, PluginKv, PluginVersions, Rows, Store, Tree, ZoneStates};
