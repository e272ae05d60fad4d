//! The plugin host's memory on our store: [`Kv`] and [`VersionStore`] over [`Store`].
//!
//! A value is its expiry (eight octets) and its bytes. Sizes of trees are counted once and then kept
//! beside, since every commit asks for them.

use std::collections::HashMap;
use std::sync::Arc;

use bailiwick_plugin::error::StoreFault;
use bailiwick_plugin::kv::{Kv, Stored, Tree, Write};
use bailiwick_plugin::store::{Activation, VersionRecord, VersionStore};
use bailiwick_plugin::types::UnixMs;
use bailiwick_store::{KvChange, Store, StoreError, Tree as StoreTree, VersionRow};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::live::Lock;

/// Plugins' memory and versions on a store.
pub struct PluginStore {
    store: Arc<dyn Store>,
    sizes: Lock<HashMap<Tree, u64>>,
}

impl PluginStore {
    /// On this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            sizes: Lock::default(),
        }
    }

    /// The size of a tree, counted if it was not before.
    fn counted(&self, sizes: &mut HashMap<Tree, u64>, tree: &Tree) -> Result<u64, StoreFault> {
        if let Some(size) = sizes.get(tree) {
            return Ok(*size);
        }
        let rows = self
            .store
            .kv_scan(&at(tree), b"", None, usize::MAX)
            .map_err(fault)?;
        let size = rows.iter().map(|(key, row)| size_of(key, row)).sum();
        sizes.insert(tree.clone(), size);
        Ok(size)
    }
}

impl Kv for PluginStore {
    fn get(&self, tree: &Tree, key: &str) -> Result<Option<Stored>, StoreFault> {
        let row = self.store.kv(&at(tree), key.as_bytes()).map_err(fault)?;
        row.map(|row| unpack(&row)).transpose()
    }

    fn scan(
        &self,
        tree: &Tree,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Stored)>, StoreFault> {
        let rows = self.store.kv_scan(
            &at(tree),
            prefix.as_bytes(),
            after.map(str::as_bytes),
            limit,
        );
        rows.map_err(fault)?
            .into_iter()
            .map(|(key, row)| {
                Ok((
                    String::from_utf8(key).map_err(StoreFault::new)?,
                    unpack(&row)?,
                ))
            })
            .collect()
    }

    fn commit(&self, tree: &Tree, writes: &[Write]) -> Result<(), StoreFault> {
        // Held over the transaction: sizes and rows change together.
        let mut sizes = self.sizes.lock();
        let mut size = self.counted(&mut sizes, tree)?;
        let mut changes = HashMap::with_capacity(writes.len());
        for (key, value) in writes {
            changes.insert(key.as_bytes(), value.as_ref().map(pack));
        }
        for (key, new) in &changes {
            let old = self.store.kv(&at(tree), key).map_err(fault)?;
            size = size.saturating_sub(old.map_or(0, |row| size_of(key, &row)));
            size = size.saturating_add(new.as_ref().map_or(0, |row| size_of(key, row)));
        }
        let changes: Vec<_> = changes
            .into_iter()
            .map(|(key, value)| KvChange {
                key: key.to_vec(),
                value,
            })
            .collect();
        self.store.kv_apply(&at(tree), &changes).map_err(fault)?;
        sizes.insert(tree.clone(), size);
        Ok(())
    }

    fn size(&self, tree: &Tree) -> Result<u64, StoreFault> {
        self.counted(&mut self.sizes.lock(), tree)
    }

    fn clear(&self, tree: &Tree) -> Result<(), StoreFault> {
        let mut sizes = self.sizes.lock();
        sizes.remove(tree);
        self.store.kv_drop(&at(tree)).map_err(fault)
    }

    fn purge(&self, tree: &Tree, now: UnixMs) -> Result<(), StoreFault> {
        let rows = self
            .store
            .kv_scan(&at(tree), b"", None, usize::MAX)
            .map_err(fault)?;
        let mut over = Vec::new();
        for (key, row) in rows {
            if !unpack(&row)?.is_live(now) {
                over.push((String::from_utf8(key).map_err(StoreFault::new)?, None));
            }
        }
        if over.is_empty() {
            Ok(())
        } else {
            self.commit(tree, &over)
        }
    }
}

impl VersionStore for PluginStore {
    fn versions(&self) -> Result<Vec<VersionRecord>, StoreFault> {
        let mut records = Vec::new();
        for plugin in self.store.plugins().map_err(fault)? {
            for row in self.store.versions(&plugin).map_err(fault)? {
                records.push(serde_json::from_slice(&row.record).map_err(StoreFault::new)?);
            }
        }
        Ok(records)
    }

    fn put_version(&self, version: &VersionRecord) -> Result<(), StoreFault> {
        let record = serde_json::to_vec(version).map_err(StoreFault::new)?;
        let row = VersionRow {
            sha256: version.sha256.clone(),
            record,
        };
        self.store
            .put_version(&version.manifest.name, &row)
            .map_err(fault)
    }

    fn remove_version(&self, plugin: &str, sha256: &str) -> Result<(), StoreFault> {
        self.store.remove_version(plugin, sha256).map_err(fault)
    }

    fn activations(&self) -> Result<Vec<Activation>, StoreFault> {
        Ok(self.document(ACTIVATIONS)?.unwrap_or_default())
    }

    fn put_activations(&self, activations: &[Activation]) -> Result<(), StoreFault> {
        self.put_document(ACTIVATIONS, &activations)
    }

    fn cache_digest(&self, file: &str) -> Result<Option<String>, StoreFault> {
        self.document(&format!("{DIGEST}{file}"))
    }

    fn put_cache_digest(&self, file: &str, digest: &str) -> Result<(), StoreFault> {
        self.put_document(&format!("{DIGEST}{file}"), &digest)
    }
}

impl PluginStore {
    fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreFault> {
        let bytes = self.store.document(name).map_err(fault)?;
        bytes
            .map(|bytes| serde_json::from_slice(&bytes).map_err(StoreFault::new))
            .transpose()
    }

    fn put_document<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreFault> {
        let bytes = serde_json::to_vec(value).map_err(StoreFault::new)?;
        self.store.put_document(name, Some(&bytes)).map_err(fault)
    }
}

fn at(tree: &Tree) -> StoreTree {
    StoreTree {
        plugin: tree.plugin.clone(),
        state_version: tree.state_version,
    }
}

fn pack(stored: &Stored) -> Vec<u8> {
    [&stored.expires.to_le_bytes()[..], &stored.value].concat()
}

fn unpack(row: &[u8]) -> Result<Stored, StoreFault> {
    let (expires, value) = row
        .split_first_chunk::<8>()
        .ok_or_else(|| StoreFault::new("a value is cut short"))?;
    Ok(Stored {
        value: value.to_vec(),
        expires: u64::from_le_bytes(*expires),
    })
}

/// Bytes of key and value; the expiry is ours and not counted.
fn size_of(key: &[u8], row: &[u8]) -> u64 {
    (key.len() + row.len()).saturating_sub(8) as u64
}

fn fault(error: StoreError) -> StoreFault {
    StoreFault::new(error)
}

const ACTIVATIONS: &str = "plugin-activations";
const DIGEST: &str = "plugin-cache-digest/";

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_plugin::kv::MemoryKv;
    use bailiwick_store::{EmbeddedStore, MemoryStore};

    fn tree() -> Tree {
        Tree {
            plugin: "quota".to_owned(),
            state_version: 1,
        }
    }

    fn put(key: &str, value: &[u8], expires: u64) -> Write {
        (
            key.to_owned(),
            Some(Stored {
                value: value.to_vec(),
                expires,
            }),
        )
    }

    /// Every implementation says the same.
    fn battery(kv: &dyn Kv) {
        let tree = tree();
        kv.commit(
            &tree,
            &[put("a", b"12", 0), put("b", b"3", 50), put("a", b"1", 0)],
        )
        .unwrap();
        assert_eq!(kv.get(&tree, "a").unwrap().unwrap().value, b"1");
        assert_eq!(kv.size(&tree).unwrap(), 4);
        kv.commit(&tree, &[("a".to_owned(), None), put("c", b"4567", 0)])
            .unwrap();
        assert_eq!(kv.size(&tree).unwrap(), 7);
        let keys: Vec<_> = kv
            .scan(&tree, "", Some("b"), 9)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, ["c"]);
        kv.purge(&tree, 60).unwrap();
        assert_eq!(
            (kv.get(&tree, "b").unwrap(), kv.size(&tree).unwrap()),
            (None, 5)
        );
        kv.clear(&tree).unwrap();
        assert_eq!(
            (kv.get(&tree, "c").unwrap(), kv.size(&tree).unwrap()),
            (None, 0)
        );
    }

    /// The plugin host's own implementation and ours agree.
    #[test]
    fn kv_on_the_store_is_a_kv() {
        battery(&MemoryKv::default());
        battery(&PluginStore::new(Arc::new(MemoryStore::new())));
    }

    /// Sizes are counted again after a restart.
    #[test]
    fn size_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let open = || PluginStore::new(Arc::new(EmbeddedStore::open(&path).unwrap()));
        open().commit(&tree(), &[put("key", b"value", 0)]).unwrap();
        assert_eq!(open().size(&tree()).unwrap(), 8);
    }

    /// What was active is active after a restart.
    #[test]
    fn activations_and_digests_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let open = || PluginStore::new(Arc::new(EmbeddedStore::open(&path).unwrap()));
        let activation: Activation = serde_json::from_str(
            r#"{"plugin":"quota","active":"aa","previous":null,"kinds":["quota"],
                "settings":{},"state-version":1,"generation":3}"#,
        )
        .unwrap();
        open()
            .put_activations(std::slice::from_ref(&activation))
            .unwrap();
        open().put_cache_digest("x.cwasm", "dd").unwrap();
        assert_eq!(open().activations().unwrap(), [activation]);
        assert_eq!(
            open().cache_digest("x.cwasm").unwrap().as_deref(),
            Some("dd")
        );
    }
}
