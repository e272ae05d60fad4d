//! A store that forgets: for tests, off-line plugin runs, and servers that were told to keep nothing.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::traits::{KvChange, PluginKv, PluginVersions, Rows, Store, Tree, ZoneStates};
use crate::{StoreError, TransferState, VersionRow};

/// Everything in ordered maps.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    kv: BTreeMap<Tree, BTreeMap<Vec<u8>, Vec<u8>>>,
    versions: BTreeMap<(String, String), VersionRow>,
    notes: BTreeMap<(String, String), Vec<u8>>,
    zones: BTreeMap<Vec<u8>, TransferState>,
    documents: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere leaves plain maps, which are sound at any point between two statements.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginKv for MemoryStore {
    fn kv(&self, tree: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .lock()
            .kv
            .get(tree)
            .and_then(|rows| rows.get(key))
            .cloned())
    }

    fn kv_scan(
        &self,
        tree: &Tree,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        let inner = self.lock();
        let Some(rows) = inner.kv.get(tree) else {
            return Ok(Vec::new());
        };
        let from = match after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let matching = rows
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        Ok(matching
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn kv_apply(&self, tree: &Tree, changes: &[KvChange]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let rows = inner.kv.entry(tree.clone()).or_default();
        for change in changes {
            match &change.value {
                Some(value) => rows.insert(change.key.clone(), value.clone()),
                None => rows.remove(&change.key),
            };
        }
        if rows.is_empty() {
            inner.kv.remove(tree);
        }
        Ok(())
    }

    fn kv_drop(&self, tree: &Tree) -> Result<(), StoreError> {
        self.lock().kv.remove(tree);
        Ok(())
    }

    fn kv_trees(&self, plugin: &str) -> Result<Vec<u32>, StoreError> {
        let inner = self.lock();
        Ok(inner
            .kv
            .keys()
            .filter(|tree| tree.plugin == plugin)
            .map(|tree| tree.state_version)
            .collect())
    }
}

impl PluginVersions for MemoryStore {
    fn put_version(&self, plugin: &str, row: &VersionRow) -> Result<(), StoreError> {
        self.lock()
            .versions
            .insert((plugin.to_owned(), row.sha256.clone()), row.clone());
        Ok(())
    }

    fn versions(&self, plugin: &str) -> Result<Vec<VersionRow>, StoreError> {
        let inner = self.lock();
        Ok(inner
            .versions
            .iter()
            .filter(|((name, _), _)| name == plugin)
            .map(|(_, row)| row.clone())
            .collect())
    }

    fn remove_version(&self, plugin: &str, sha256: &str) -> Result<(), StoreError> {
        self.lock()
            .versions
            .remove(&(plugin.to_owned(), sha256.to_owned()));
        Ok(())
    }

    fn plugins(&self) -> Result<Vec<String>, StoreError> {
        let inner = self.lock();
        let mut names: Vec<_> = inner
            .versions
            .keys()
            .chain(inner.notes.keys())
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn note(&self, plugin: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .lock()
            .notes
            .get(&(plugin.to_owned(), name.to_owned()))
            .cloned())
    }

    fn put_note(&self, plugin: &str, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        let key = (plugin.to_owned(), name.to_owned());
        match value {
            Some(value) => self.lock().notes.insert(key, value.to_vec()),
            None => self.lock().notes.remove(&key),
        };
        Ok(())
    }
}

impl ZoneStates for MemoryStore {
    fn zone_states(&self) -> Result<Vec<(Vec<u8>, TransferState)>, StoreError> {
        Ok(self
            .lock()
            .zones
            .iter()
            .map(|(zone, state)| (zone.clone(), state.clone()))
            .collect())
    }

    fn zone_state(&self, zone: &[u8]) -> Result<Option<TransferState>, StoreError> {
        Ok(self.lock().zones.get(zone).cloned())
    }

    fn put_zone_states(&self, states: &[(Vec<u8>, TransferState)]) -> Result<(), StoreError> {
        self.lock().zones.extend(states.iter().cloned());
        Ok(())
    }

    fn remove_zone_state(&self, zone: &[u8]) -> Result<(), StoreError> {
        self.lock().zones.remove(zone);
        Ok(())
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().documents.get(name).cloned())
    }

    fn put_document(&self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        match value {
            Some(value) => self
                .lock()
                .documents
                .insert(name.to_owned(), value.to_vec()),
            None => self.lock().documents.remove(name),
        };
        Ok(())
    }
}

impl Store for MemoryStore {
    fn generation(&self) -> u64 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ARCHITECTURE 7: one battery over every backend.
    #[test]
    fn memory_passes_the_battery() {
        crate::battery::run(&MemoryStore::new());
    }
}
