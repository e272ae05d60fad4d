//! A plugin's durable memory.
//!
//! [`Kv`] is what this crate needs of a store; `authority` implements it, [`MemoryKv`] is for tests
//! and for running a plugin off-line. A call never writes to it: it writes to an
//! overlay, which is committed in one transaction when the call returns `ok`.
//! Each (plugin, state version) has a tree of its own, so going back to an older version is a
//! change of a pointer.

pub(crate) mod overlay;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::StoreFault;
use crate::types::UnixMs;

/// Bytes of a key: at least 1, at most this.
pub const KEY_SIZE_MAX: usize = 256;
/// Bytes of a value.
pub const VALUE_SIZE_MAX: usize = 64 << 10;

/// Whose memory, in which form.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct Tree {
    /// The plugin's name.
    pub plugin: String,
    /// Its manifest's `state-version`.
    pub state_version: u32,
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.plugin, self.state_version)
    }
}

/// One value and its end.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// At most [`VALUE_SIZE_MAX`] bytes.
    pub value: Vec<u8>,
    /// From then on it is as if it were not there; 0: never.
    pub expires: UnixMs,
}

impl Stored {
    /// Whether it is still there at that time.
    pub fn is_live(&self, now: UnixMs) -> bool {
        self.expires == 0 || self.expires > now
    }
}

/// One write of a transaction: the new value, or none to remove the key.
pub type Write = (String, Option<Stored>);

/// A store for plugins' memory. Values whose time is over may be returned or not: the caller looks
/// at [`Stored::expires`] itself.
pub trait Kv: Send + Sync {
    /// One value.
    fn get(&self, tree: &Tree, key: &str) -> Result<Option<Stored>, StoreFault>;
    /// At most `limit` entries whose keys begin with `prefix` and come after `after`, in the order
    /// of their bytes.
    fn scan(
        &self,
        tree: &Tree,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StoreFault>;
    /// All or nothing, durable when it returns.
    fn commit(&self, tree: &Tree, writes: &[Write]) -> Result<(), StoreFault>;
    /// Bytes of all keys and values.
    fn size(&self, tree: &Tree) -> Result<u64, StoreFault>;
    /// Forgets a tree.
    fn clear(&self, tree: &Tree) -> Result<(), StoreFault>;
    /// Forgets what ended before `now`; called now and then.
    fn purge(&self, tree: &Tree, now: UnixMs) -> Result<(), StoreFault>;
}

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryKv {
    trees: Mutex<BTreeMap<Tree, BTreeMap<String, Stored>>>,
}

impl MemoryKv {
    fn trees(&self) -> MutexGuard<'_, BTreeMap<Tree, BTreeMap<String, Stored>>> {
        // Every change below is complete before the lock is let go, so a poisoned one is usable.
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for MemoryKv {
    fn get(&self, tree: &Tree, key: &str) -> Result<Option<Stored>, StoreFault> {
        Ok(self
            .trees()
            .get(tree)
            .and_then(|entries| entries.get(key))
            .cloned())
    }

    fn scan(
        &self,
        tree: &Tree,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StoreFault> {
        let trees = self.trees();
        let Some(entries) = trees.get(tree) else {
            return Ok(Vec::new());
        };
        Ok(entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after))
            .take(limit)
            .map(|(key, stored)| (key.clone(), stored.clone()))
            .collect())
    }

    fn commit(&self, tree: &Tree, writes: &[Write]) -> Result<(), StoreFault> {
        let mut trees = self.trees();
        let entries = trees.entry(tree.clone()).or_default();
        for (key, write) in writes {
            match write {
                Some(stored) => entries.insert(key.clone(), stored.clone()),
                None => entries.remove(key),
            };
        }
        Ok(())
    }

    fn size(&self, tree: &Tree) -> Result<u64, StoreFault> {
        let trees = self.trees();
        let Some(entries) = trees.get(tree) else {
            return Ok(0);
        };
        Ok(entries
            .iter()
            .map(|(key, stored)| (key.len() + stored.value.len()) as u64)
            .sum())
    }

    fn clear(&self, tree: &Tree) -> Result<(), StoreFault> {
        self.trees().remove(tree);
        Ok(())
    }

    fn purge(&self, tree: &Tree, now: UnixMs) -> Result<(), StoreFault> {
        if let Some(entries) = self.trees().get_mut(tree) {
            entries.retain(|_, stored| stored.is_live(now));
        }
        Ok(())
    }
}
