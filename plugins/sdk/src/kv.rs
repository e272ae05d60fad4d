//! The plugin's own durable memory; needs `import.kv-read`, and `import.kv` to write. Values are JSON
//! of any serde type. Never a ledger: totals come with each call.

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::{kv as writes, kv_read as reads};
#[cfg(target_arch = "wasm32")]
use crate::wit::base::bailiwick::policy::{kv as writes, kv_read as reads};

pub use crate::wit::base::bailiwick::policy::kv::KvError;

/// Reads a value; none when there is none, or when it does not parse any more.
pub fn read<T: DeserializeOwned>(key: &str) -> Option<T> {
    serde_json::from_slice(&reads::get(key)?).ok()
}

/// Writes a value, to be forgotten after `ttl_ms` (0: never).
pub fn write<T: Serialize>(key: &str, value: &T, ttl_ms: u64) -> Result<(), KvError> {
    let value = serde_json::to_vec(value).map_err(|_| KvError::Other)?;
    writes::set(key, &value, ttl_ms)
}

/// Forgets a value.
pub fn remove(key: &str) {
    writes::remove(key);
}

/// Adds to a counter and gives its new value.
pub fn add(key: &str, delta: i64) -> Result<i64, KvError> {
    writes::add(key, delta)
}

/// All values under a prefix that parse, in key order; stops at `limit`.
pub fn read_all<T: DeserializeOwned>(prefix: &str, limit: usize) -> Vec<(String, T)> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    while found.len() < limit {
        let page = reads::scan(prefix, after.as_deref(), 256);
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        found.extend(
            page.into_iter()
                .filter_map(|entry| Some((entry.key, serde_json::from_slice(&entry.value).ok()?))),
        );
    }
    found.truncate(limit);
    found
}
