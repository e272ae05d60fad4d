//! One call's view of a plugin's memory: what is stored, and the call's own writes over it.
//!
//! Reads see the call's writes; nothing else does until [`Overlay::commit`]. Dropping the overlay
//! is how a failed call is undone. In `migrate` the tree that is read and the one that is written
//! differ.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{KEY_SIZE_MAX, Kv, Stored, Tree, VALUE_SIZE_MAX, Write};
use crate::error::StoreFault;
use crate::types::UnixMs;

/// Why a write was not taken; told to the guest, and no failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WriteError {
    TooLarge,
    Full,
    BadKey,
    NotACounter,
}

/// One call's view.
pub(crate) struct Overlay {
    kv: Arc<dyn Kv>,
    read: Tree,
    write: Tree,
    now: UnixMs,
    quota: u64,
    /// Bytes in the written tree with `writes` done; looked up at the first write.
    size: Option<u64>,
    writes: BTreeMap<String, Option<Stored>>,
}

impl Overlay {
    pub(crate) fn new(kv: Arc<dyn Kv>, tree: Tree, now: UnixMs, quota: u64) -> Self {
        Self {
            kv,
            read: tree.clone(),
            write: tree,
            now,
            quota,
            size: None,
            writes: BTreeMap::new(),
        }
    }

    /// For `migrate`: reads come from `old`, writes go to the present tree.
    pub(crate) fn reading_from(mut self, old: Tree) -> Self {
        self.read = old;
        self
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let stored = match self.writes.get(key) {
            Some(write) => write.clone(),
            None => self.kv.get(&self.read, key)?,
        };
        Ok(stored
            .filter(|stored| stored.is_live(self.now))
            .map(|stored| stored.value))
    }

    /// In key order: a merge of two ordered runs, in which the overlay's entry wins.
    pub(crate) fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreFault> {
        let mut page: Vec<(String, Vec<u8>)> = Vec::new();
        let mut bytes = 0usize;
        let mut from = after.map(str::to_owned);
        while page.len() < limit {
            let stored = self
                .kv
                .scan(&self.read, prefix, from.as_deref(), SCAN_STEP)?;
            let ended = stored.len() < SCAN_STEP;
            let last = stored.last().map(|(key, _)| key.clone());
            let mut run: BTreeMap<String, Option<Stored>> = stored
                .into_iter()
                .map(|(key, stored)| (key, Some(stored)))
                .collect();
            let low = from.as_deref().filter(|from| *from >= prefix);
            let low = low.map_or(Bound::Included(prefix), Bound::Excluded);
            for (key, write) in self.writes.range::<str, _>((low, Bound::Unbounded)) {
                if !key.starts_with(prefix) || (!ended && last.as_ref().is_some_and(|l| key > l)) {
                    break;
                }
                run.insert(key.clone(), write.clone());
            }
            for (key, stored) in run {
                let Some(stored) = stored.filter(|stored| stored.is_live(self.now)) else {
                    continue;
                };
                bytes += key.len() + stored.value.len();
                // One entry always fits, else a page would be empty before the end.
                if page.len() == limit || (bytes > bytes_max && !page.is_empty()) {
                    return Ok(page);
                }
                page.push((key, stored.value));
            }
            match last {
                Some(last) if !ended => from = Some(last),
                _ => break,
            }
        }
        Ok(page)
    }

    pub(crate) fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> Result<Result<(), WriteError>, StoreFault> {
        if key.is_empty() || key.len() > KEY_SIZE_MAX {
            return Ok(Err(WriteError::BadKey));
        }
        if value.len() > VALUE_SIZE_MAX {
            return Ok(Err(WriteError::TooLarge));
        }
        let grown = |overlay: &mut Self| -> Result<u64, StoreFault> {
            let (size, before) = (overlay.size()?, overlay.weight(&key)?);
            let after = (key.len() + value.len()) as u64;
            Ok(size.saturating_sub(before).saturating_add(after))
        };
        let mut size = grown(self)?;
        if size > self.quota {
            // What has ended is room.
            self.kv.purge(&self.write, self.now)?;
            self.size = None;
            size = grown(self)?;
        }
        if size > self.quota {
            return Ok(Err(WriteError::Full));
        }
        self.size = Some(size);
        let expires = if ttl_ms == 0 {
            0
        } else {
            self.now.saturating_add(ttl_ms)
        };
        self.writes.insert(key, Some(Stored { value, expires }));
        Ok(Ok(()))
    }

    pub(crate) fn remove(&mut self, key: String) -> Result<(), StoreFault> {
        let size = self.size()?;
        self.size = Some(size.saturating_sub(self.weight(&key)?));
        self.writes.insert(key, None);
        Ok(())
    }

    /// Adds to a counter of 8 bytes, little-endian; absent is 0, the ends of the range hold.
    pub(crate) fn add(
        &mut self,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, WriteError>, StoreFault> {
        let value = match self.get(&key)? {
            None => 0,
            Some(bytes) => match <[u8; 8]>::try_from(bytes.as_slice()) {
                Ok(bytes) => i64::from_le_bytes(bytes),
                Err(_) => return Ok(Err(WriteError::NotACounter)),
            },
        };
        let value = value.saturating_add(delta);
        Ok(self
            .set(key, value.to_le_bytes().to_vec(), 0)?
            .map(|()| value))
    }

    /// Makes the call's writes durable, all or none.
    pub(crate) fn commit(self) -> Result<(), StoreFault> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let writes: Vec<Write> = self.writes.into_iter().collect();
        self.kv.commit(&self.write, &writes)
    }

    /// Bytes of the written tree with this call's writes done.
    fn size(&mut self) -> Result<u64, StoreFault> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let mut size = self.kv.size(&self.write)?;
        for (key, write) in &self.writes {
            size = size
                .saturating_sub(bytes(key, self.kv.get(&self.write, key)?.as_ref()))
                .saturating_add(bytes(key, write.as_ref()));
        }
        self.size = Some(size);
        Ok(size)
    }

    /// Bytes that a key takes of the written tree now.
    fn weight(&self, key: &str) -> Result<u64, StoreFault> {
        let stored = match self.writes.get(key) {
            Some(write) => write.clone(),
            None => self.kv.get(&self.write, key)?,
        };
        Ok(bytes(key, stored.as_ref()))
    }
}

fn bytes(key: &str, stored: Option<&Stored>) -> u64 {
    stored.map_or(0, |stored| (key.len() + stored.value.len()) as u64)
}

/// Entries fetched from the store at a time.
const SCAN_STEP: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::MemoryKv;

    fn tree() -> Tree {
        Tree {
            plugin: "p".into(),
            state_version: 1,
        }
    }

    fn overlay(kv: &Arc<MemoryKv>, now: UnixMs) -> Overlay {
        Overlay::new(kv.clone(), tree(), now, 1000)
    }

    /// `kv` in the WIT: what a call wrote is seen by its own reads and, uncommitted, by nobody else.
    #[test]
    fn writes_are_seen_by_the_same_call_only_until_committed() {
        let kv = Arc::new(MemoryKv::default());
        let mut first = overlay(&kv, 0);
        first.set("a".into(), vec![1], 0).unwrap().unwrap();
        assert_eq!(first.get("a").unwrap(), Some(vec![1]));
        assert_eq!(overlay(&kv, 0).get("a").unwrap(), None);
        drop(first);
        assert_eq!(overlay(&kv, 0).get("a").unwrap(), None);
        let mut second = overlay(&kv, 0);
        second.set("a".into(), vec![2], 0).unwrap().unwrap();
        second.commit().unwrap();
        assert_eq!(overlay(&kv, 0).get("a").unwrap(), Some(vec![2]));
    }

    /// A value lives until its TTL is over and not a millisecond longer.
    #[test]
    fn values_end_at_their_ttl() {
        let kv = Arc::new(MemoryKv::default());
        let mut call = overlay(&kv, 1000);
        call.set("a".into(), vec![1], 50).unwrap().unwrap();
        call.commit().unwrap();
        assert_eq!(overlay(&kv, 1049).get("a").unwrap(), Some(vec![1]));
        assert_eq!(overlay(&kv, 1050).get("a").unwrap(), None);
    }

    /// The quota counts what a write replaces as freed.
    #[test]
    fn quota_bites_at_its_limit() {
        let kv = Arc::new(MemoryKv::default());
        let mut call = overlay(&kv, 0);
        assert_eq!(call.set("k".into(), vec![0; 999], 0).unwrap(), Ok(()));
        assert_eq!(
            call.set("k".into(), vec![0; 1000], 0).unwrap(),
            Err(WriteError::Full)
        );
        assert_eq!(
            call.set("l".into(), vec![], 0).unwrap(),
            Err(WriteError::Full)
        );
        call.remove("k".into()).unwrap();
        assert_eq!(call.set("l".into(), vec![], 0).unwrap(), Ok(()));
    }

    /// What has ended is no longer counted when room is needed.
    #[test]
    fn ended_values_make_room() {
        let kv = Arc::new(MemoryKv::default());
        let mut call = overlay(&kv, 0);
        call.set("old".into(), vec![0; 600], 10).unwrap().unwrap();
        call.commit().unwrap();
        let mut call = overlay(&kv, 5);
        call.set("small".into(), vec![0; 100], 0).unwrap().unwrap();
        assert_eq!(
            call.set("new".into(), vec![0; 600], 0).unwrap(),
            Err(WriteError::Full)
        );
        let mut call = overlay(&kv, 10);
        call.set("small".into(), vec![0; 100], 0).unwrap().unwrap();
        assert_eq!(call.set("new".into(), vec![0; 600], 0).unwrap(), Ok(()));
        assert_eq!(
            call.set("more".into(), vec![0; 600], 0).unwrap(),
            Err(WriteError::Full)
        );
    }

    /// Keys have 1 to 256 bytes, values at most 64 KiB.
    #[test]
    fn sizes_of_keys_and_values_are_bounded() {
        let kv = Arc::new(MemoryKv::default());
        let mut call = Overlay::new(kv, tree(), 0, 1 << 30);
        assert_eq!(
            call.set(String::new(), vec![], 0).unwrap(),
            Err(WriteError::BadKey)
        );
        assert_eq!(call.set("k".repeat(256), vec![], 0).unwrap(), Ok(()));
        assert_eq!(
            call.set("k".repeat(257), vec![], 0).unwrap(),
            Err(WriteError::BadKey)
        );
        assert_eq!(call.set("v".into(), vec![0; 65536], 0).unwrap(), Ok(()));
        assert_eq!(
            call.set("v".into(), vec![0; 65537], 0).unwrap(),
            Err(WriteError::TooLarge)
        );
    }

    /// Counters start at 0 and stop at the ends of the range.
    #[test]
    fn counters_saturate() {
        let kv = Arc::new(MemoryKv::default());
        let mut call = overlay(&kv, 0);
        assert_eq!(call.add("c".into(), -3).unwrap(), Ok(-3));
        assert_eq!(call.add("c".into(), i64::MIN).unwrap(), Ok(i64::MIN));
        call.set("t".into(), vec![1, 2], 0).unwrap().unwrap();
        assert_eq!(
            call.add("t".into(), 1).unwrap(),
            Err(WriteError::NotACounter)
        );
    }

    /// A page merges stored and written entries in key order, without what was removed.
    #[test]
    fn scan_merges_stored_and_written() {
        let kv = Arc::new(MemoryKv::default());
        let mut call = Overlay::new(kv.clone(), tree(), 0, 1 << 20);
        for i in 0..600 {
            call.set(format!("x{i:03}"), vec![], 0).unwrap().unwrap();
        }
        call.commit().unwrap();
        let mut call = Overlay::new(kv, tree(), 0, 1 << 20);
        call.remove("x001".into()).unwrap();
        call.set("x0015".into(), vec![9], 0).unwrap().unwrap();
        call.set("y".into(), vec![], 0).unwrap().unwrap();
        let page = call.scan("x", None, 4, 1 << 20).unwrap();
        let keys: Vec<&str> = page.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["x000", "x0015", "x002", "x003"]);
        let mut seen = 0;
        let mut after: Option<String> = None;
        loop {
            let page = call.scan("x", after.as_deref(), 100, 1 << 20).unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            seen += page.len();
        }
        assert_eq!(seen, 600);
    }

    /// `migrate` reads the old tree and writes the new one; the old one stays as it was.
    #[test]
    fn migration_writes_beside_the_old_tree() {
        let kv = Arc::new(MemoryKv::default());
        let mut old = overlay(&kv, 0);
        old.set("a".into(), vec![1], 0).unwrap().unwrap();
        old.commit().unwrap();
        let new = Tree {
            plugin: "p".into(),
            state_version: 2,
        };
        let mut call = Overlay::new(kv.clone(), new.clone(), 0, 1000).reading_from(tree());
        assert_eq!(call.get("a").unwrap(), Some(vec![1]));
        call.set("a".into(), vec![2], 0).unwrap().unwrap();
        call.commit().unwrap();
        assert_eq!(kv.get(&tree(), "a").unwrap().unwrap().value, vec![1]);
        assert_eq!(kv.get(&new, "a").unwrap().unwrap().value, vec![2]);
    }
}
