//! The default backend: one redb file.
//!
//! Keys that have parts (plugin, hash, …) are joined with a zero octet between them; names of plugins
//! hold none, which `key` checks. A side file notes the generation of the last opening, so that a store
//! that opens empty or older than it should be is noticed (RELIABILITY S5).

use std::fs;
use std::io::{ErrorKind, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    WriteTransaction,
};

use crate::rows::{decode, encode};
use crate::traits::{KvChange, PluginKv, PluginVersions, Rows, Store, Tree, ZoneStates};
use crate::{StoreError, TransferState, VersionRow};

type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

const KV: Bytes = TableDefinition::new("plugin-kv");
const VERSIONS: Bytes = TableDefinition::new("plugin-versions");
const NOTES: Bytes = TableDefinition::new("plugin-notes");
const ZONES: Bytes = TableDefinition::new("zone-states");
const DOCUMENTS: Bytes = TableDefinition::new("documents");
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

const GENERATION: &str = "generation";
const FORMAT: &str = "format";
const FORMAT_NOW: u64 = 1;
/// Rows are small and few; zones are not here.
const CACHE_BYTES: usize = 16 << 20;

/// A store in one file.
#[derive(Debug)]
pub struct EmbeddedStore {
    database: Database,
    generation: u64,
}

/// A store, and what had to be put aside to get one.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: EmbeddedStore,
    /// Where the unusable one went, and why it was unusable: an alarm for the operator.
    pub set_aside: Option<(PathBuf, StoreError)>,
}

impl EmbeddedStore {
    /// Opens or creates the store at `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)
            .map_err(|error| open_error(path, error))?;
        let mut store = Self {
            database,
            generation: 0,
        };
        store.generation = store.next_generation(path)?;
        note_generation(path, store.generation).map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(store)
    }

    /// Opens the store; one that is damaged or too old is renamed and an empty one takes its place. A
    /// failed store is an alarm, not an outage.
    pub fn open_or_set_aside(path: &Path) -> Result<Opened, StoreError> {
        let error = match Self::open(path) {
            Ok(store) => {
                return Ok(Opened {
                    store,
                    set_aside: None,
                });
            }
            Err(error @ (StoreError::Damaged { .. } | StoreError::Older { .. })) => error,
            Err(error) => return Err(error),
        };
        let aside = free_name(path);
        let moved =
            fs::rename(path, &aside).and_then(|()| match fs::remove_file(side_file(path)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
        moved.map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Opened {
            store: Self::open(path)?,
            set_aside: Some((aside, error)),
        })
    }

    /// Reads the generation, compares it with the side file, adds one.
    fn next_generation(&self, path: &Path) -> Result<u64, StoreError> {
        let expected = fs::read_to_string(side_file(path))
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        self.write(|transaction| {
            // Every table is made now, so that readers find them all.
            for table in [KV, VERSIONS, NOTES, ZONES, DOCUMENTS] {
                transaction.open_table(table).map_err(write_error)?;
            }
            let mut meta = transaction.open_table(META).map_err(write_error)?;
            let read = |name| {
                meta.get(name)
                    .map(|row| row.map(|value| value.value()))
                    .map_err(write_error)
            };
            let (format, found) = (
                read(FORMAT)?.unwrap_or(FORMAT_NOW),
                read(GENERATION)?.unwrap_or(0),
            );
            if format != FORMAT_NOW {
                let reason = format!("its format is {format}, this program reads {FORMAT_NOW}");
                return Err(StoreError::Damaged {
                    path: path.to_owned(),
                    reason,
                });
            }
            if found < expected {
                return Err(StoreError::Older {
                    path: path.to_owned(),
                    found,
                    expected,
                });
            }
            meta.insert(FORMAT, FORMAT_NOW).map_err(write_error)?;
            meta.insert(GENERATION, found + 1).map_err(write_error)?;
            Ok(found + 1)
        })
    }

    /// One durable transaction; an error rolls it back.
    fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.database.begin_write().map_err(write_error)?;
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        let value = change(&transaction)?;
        transaction.commit().map_err(write_error)?;
        Ok(value)
    }

    fn get(&self, table: Bytes, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let transaction = self.database.begin_read().map_err(read_error)?;
        let table = transaction.open_table(table).map_err(read_error)?;
        Ok(table
            .get(key)
            .map_err(read_error)?
            .map(|value| value.value().to_vec()))
    }

    fn put(&self, table: Bytes, key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(table).map_err(write_error)?;
            match value {
                Some(value) => table.insert(key, value).map(drop),
                None => table.remove(key).map(drop),
            }
            .map_err(write_error)
        })
    }

    /// Rows from `from` on whose key begins with `prefix`.
    fn scan(
        &self,
        table: Bytes,
        from: Bound<&[u8]>,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Rows, StoreError> {
        let transaction = self.database.begin_read().map_err(read_error)?;
        let table = transaction.open_table(table).map_err(read_error)?;
        let mut rows = Vec::new();
        let range = (from, Bound::Unbounded);
        for row in table.range::<&[u8]>(range).map_err(read_error)? {
            let (key, value) = row.map_err(read_error)?;
            if rows.len() >= limit || !key.value().starts_with(prefix) {
                break;
            }
            rows.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(rows)
    }

    fn scan_all(&self, table: Bytes, prefix: &[u8]) -> Result<Rows, StoreError> {
        self.scan(table, Bound::Included(prefix), prefix, usize::MAX)
    }
}

impl PluginKv for EmbeddedStore {
    fn kv(&self, tree: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(KV, &tree_key(tree, key)?)
    }

    fn kv_scan(
        &self,
        tree: &Tree,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        let base = tree_key(tree, &[])?;
        let whole = tree_key(tree, prefix)?;
        let after = after.filter(|after| *after >= prefix);
        let after = after.map(|after| tree_key(tree, after)).transpose()?;
        let from = match &after {
            Some(after) => Bound::Excluded(after.as_slice()),
            None => Bound::Included(whole.as_slice()),
        };
        let mut rows = self.scan(KV, from, &whole, limit)?;
        for (key, _) in &mut rows {
            key.drain(..base.len());
        }
        Ok(rows)
    }

    fn kv_apply(&self, tree: &Tree, changes: &[KvChange]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(KV).map_err(write_error)?;
            for change in changes {
                let key = tree_key(tree, &change.key)?;
                match &change.value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                    None => table.remove(key.as_slice()).map(drop),
                }
                .map_err(write_error)?;
            }
            Ok(())
        })
    }

    fn kv_drop(&self, tree: &Tree) -> Result<(), StoreError> {
        let prefix = tree_key(tree, &[])?;
        self.write(|transaction| {
            let mut table = transaction.open_table(KV).map_err(write_error)?;
            table
                .retain_in::<&[u8], _>(prefix.as_slice().., |key, _| !key.starts_with(&prefix))
                .map_err(write_error)
        })
    }

    fn kv_trees(&self, plugin: &str) -> Result<Vec<u32>, StoreError> {
        let (mut versions, mut prefix) = (Vec::new(), key(&[plugin])?);
        let transaction = self.database.begin_read().map_err(read_error)?;
        let table = transaction.open_table(KV).map_err(read_error)?;
        let base = prefix.clone();
        // One look per tree: jump behind the last key of each.
        loop {
            let next = table
                .range(prefix.as_slice()..)
                .map_err(read_error)?
                .next()
                .transpose()
                .map_err(read_error)?;
            let Some((row, _)) = next else { break };
            let version = row
                .value()
                .strip_prefix(base.as_slice())
                .and_then(|rest| rest.first_chunk::<4>());
            let Some(version) = version.map(|bytes| u32::from_be_bytes(*bytes)) else {
                break;
            };
            versions.push(version);
            let Some(after) = version.checked_add(1) else {
                break;
            };
            prefix.truncate(base.len());
            prefix.extend_from_slice(&after.to_be_bytes());
        }
        Ok(versions)
    }
}

impl PluginVersions for EmbeddedStore {
    fn put_version(&self, plugin: &str, row: &VersionRow) -> Result<(), StoreError> {
        let value = encode("plugin-versions", row)?;
        self.put(VERSIONS, &key(&[plugin, &row.sha256])?, Some(&value))
    }

    fn versions(&self, plugin: &str) -> Result<Vec<VersionRow>, StoreError> {
        let rows = self.scan_all(VERSIONS, &key(&[plugin])?)?;
        rows.iter()
            .map(|(_, value)| decode("plugin-versions", value))
            .collect()
    }

    fn remove_version(&self, plugin: &str, sha256: &str) -> Result<(), StoreError> {
        self.put(VERSIONS, &key(&[plugin, sha256])?, None)
    }

    fn plugins(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for table in [VERSIONS, NOTES] {
            for (key, _) in self.scan_all(table, &[])? {
                let name = key.split(|&octet| octet == 0).next().unwrap_or_default();
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn note(&self, plugin: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(NOTES, &key(&[plugin, name])?)
    }

    fn put_note(&self, plugin: &str, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.put(NOTES, &key(&[plugin, name])?, value)
    }
}

impl ZoneStates for EmbeddedStore {
    fn zone_states(&self) -> Result<Vec<(Vec<u8>, TransferState)>, StoreError> {
        let rows = self.scan_all(ZONES, &[])?;
        rows.into_iter()
            .map(|(zone, row)| Ok((zone, decode("zone-states", &row)?)))
            .collect()
    }

    fn zone_state(&self, zone: &[u8]) -> Result<Option<TransferState>, StoreError> {
        self.get(ZONES, zone)?
            .map(|row| decode("zone-states", &row))
            .transpose()
    }

    fn put_zone_states(&self, states: &[(Vec<u8>, TransferState)]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(ZONES).map_err(write_error)?;
            for (zone, state) in states {
                table
                    .insert(zone.as_slice(), encode("zone-states", state)?.as_slice())
                    .map_err(write_error)?;
            }
            Ok(())
        })
    }

    fn remove_zone_state(&self, zone: &[u8]) -> Result<(), StoreError> {
        self.put(ZONES, zone, None)
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(DOCUMENTS, name.as_bytes())
    }

    fn put_document(&self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.put(DOCUMENTS, name.as_bytes(), value)
    }
}

impl Store for EmbeddedStore {
    fn generation(&self) -> u64 {
        self.generation
    }
}

/// Parts with a zero octet after each, so that "a" is no prefix of "ab".
fn key(parts: &[&str]) -> Result<Vec<u8>, StoreError> {
    let mut key = Vec::new();
    for part in parts {
        if part.as_bytes().contains(&0) {
            return Err(StoreError::Write("a name holds a zero octet".to_owned()));
        }
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    Ok(key)
}

fn tree_key(tree: &Tree, rest: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut key = key(&[&tree.plugin])?;
    key.extend_from_slice(&tree.state_version.to_be_bytes());
    key.extend_from_slice(rest);
    Ok(key)
}

fn side_file(path: &Path) -> PathBuf {
    path.with_extension("generation")
}

fn note_generation(path: &Path, generation: u64) -> std::io::Result<()> {
    let side = side_file(path);
    let new = side.with_extension("generation-new");
    let mut file = fs::File::create(&new)?;
    file.write_all(generation.to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, &side)?;
    path.parent()
        .map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn free_name(path: &Path) -> PathBuf {
    let mut number = 1u32;
    loop {
        let name = path.with_extension(format!("damaged-{number}"));
        if !name.exists() {
            return name;
        }
        number += 1;
    }
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path },
        DatabaseError::Storage(StorageError::Io(source))
            if source.kind() != ErrorKind::InvalidData =>
        {
            StoreError::Open { path, source }
        }
        other => StoreError::Damaged {
            path,
            reason: other.to_string(),
        },
    }
}

fn read_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Read(error.to_string())
}

fn write_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Write(error.to_string())
}

#[cfg(test)]
mod tests;
