//! Doubles of the host for tests on the developer's own machine. Each thread has a host of its own,
//! and so has each test.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{AccountFacts, AccountId, ZoneFacts, ZoneId};

/// What the pretended host knows and has been told.
#[derive(Debug, Default)]
pub struct Host {
    /// Settings of the plugin as JSON text.
    pub settings: String,
    /// Choices of single zones, merged over the settings.
    pub zone_settings: BTreeMap<ZoneId, Value>,
    /// The kv tree. Time does not pass here, so nothing is forgotten by itself.
    pub kv: BTreeMap<String, Vec<u8>>,
    /// Lines that the plugin wrote.
    pub lines: Vec<String>,
    /// Counters that it counted.
    pub counters: BTreeMap<String, u64>,
    /// Zones it may see.
    pub zones: BTreeMap<ZoneId, ZoneFacts>,
    /// Accounts it may see.
    pub accounts: BTreeMap<AccountId, AccountFacts>,
    generation: u64,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Reads or changes this thread's host.
pub fn host<R>(use_it: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(|host| {
        // Whoever reaches in may have changed settings.
        host.generation = host.generation.wrapping_add(1);
        use_it(host)
    })
}

/// What a settings form shows untouched: each property's `default`, nested objects included. A
/// plugin's test compares it with its `Default`.
pub fn schema_defaults(schema: &str) -> Value {
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    defaults_of(&schema).unwrap_or(Value::Null)
}

fn defaults_of(schema: &Value) -> Option<Value> {
    if let Some(value) = schema.get("default") {
        return Some(value.clone());
    }
    let properties = schema.get("properties")?.as_object()?;
    let mut object = Map::new();
    for (name, property) in properties {
        if let Some(value) = defaults_of(property) {
            object.insert(name.clone(), value);
        }
    }
    Some(Value::Object(object))
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().expect("made an object just above");
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

pub(crate) mod log {
    use super::HOST;
    use crate::log::Level;

    pub(crate) fn write(_: Level, text: &str) {
        HOST.with_borrow_mut(|host| host.lines.push(text.into()));
    }

    pub(crate) fn count(counter: &str, delta: u64) {
        HOST.with_borrow_mut(|host| {
            let total = host.counters.entry(counter.into()).or_default();
            *total = total.saturating_add(delta);
        });
    }
}

pub(crate) mod config {
    use super::{HOST, merge};
    use crate::ZoneId;
    use serde_json::{Value, json};

    pub(crate) fn json() -> String {
        HOST.with_borrow(|host| host.settings.clone())
    }

    pub(crate) fn json_for(zone: ZoneId) -> String {
        HOST.with_borrow(|host| {
            let mut settings: Value =
                serde_json::from_str(&host.settings).unwrap_or_else(|_| json!({}));
            if let Some(patch) = host.zone_settings.get(&zone) {
                merge(&mut settings, patch);
            }
            settings.to_string()
        })
    }

    pub(crate) fn generation() -> u64 {
        HOST.with_borrow(|host| host.generation)
    }
}

pub(crate) mod kv_read {
    use super::HOST;
    use crate::wit::base::bailiwick::policy::kv_read::Entry;

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        HOST.with_borrow(|host| host.kv.get(key).cloned())
    }

    pub(crate) fn scan(prefix: &str, after: Option<&str>, limit: u32) -> Vec<Entry> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        HOST.with_borrow(|host| {
            host.kv
                .iter()
                .filter(|(key, _)| key.starts_with(prefix))
                .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after))
                .take(limit)
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect()
        })
    }
}

pub(crate) mod kv {
    use super::HOST;
    use crate::kv::KvError;

    pub(crate) fn set(key: &str, value: &[u8], _ttl_ms: u64) -> Result<(), KvError> {
        HOST.with_borrow_mut(|host| host.kv.insert(key.into(), value.into()));
        Ok(())
    }

    pub(crate) fn remove(key: &str) {
        HOST.with_borrow_mut(|host| host.kv.remove(key));
    }

    pub(crate) fn add(key: &str, delta: i64) -> Result<i64, KvError> {
        HOST.with_borrow_mut(|host| {
            let old = match host.kv.get(key) {
                None => 0,
                Some(bytes) => i64::from_le_bytes(
                    bytes
                        .as_slice()
                        .try_into()
                        .map_err(|_| KvError::NotACounter)?,
                ),
            };
            let new = old.saturating_add(delta);
            host.kv.insert(key.into(), new.to_le_bytes().into());
            Ok(new)
        })
    }
}

pub(crate) mod dns_facts {
    use super::HOST;
    use crate::facts::{Rrset, Version};
    use crate::{AccountFacts, AccountId, RrType, ZoneFacts, ZoneId, name};

    pub(crate) fn zone(zone: ZoneId) -> Option<ZoneFacts> {
        HOST.with_borrow(|host| host.zones.get(&zone).cloned())
    }

    pub(crate) fn account(account: AccountId) -> Option<AccountFacts> {
        HOST.with_borrow(|host| host.accounts.get(&account).cloned())
    }

    pub(crate) fn find_zone(wanted: &str) -> Option<ZoneId> {
        HOST.with_borrow(|host| {
            host.zones
                .values()
                .filter(|zone| name::is_at_or_below(wanted, &zone.apex))
                .max_by_key(|zone| name::labels(&zone.apex).len())
                .map(|zone| zone.zone)
        })
    }

    pub(crate) fn lookup(_: ZoneId, _: Version, _: &str, _: RrType) -> Option<Rrset> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7396 section 3: the zone's own word is last, and null removes.
    #[test]
    fn zone_choices_are_merged_over_settings() {
        host(|host| {
            host.settings = r#"{"a":1,"b":{"c":2,"d":3}}"#.into();
            host.zone_settings
                .insert(7, json!({"b": {"c": 9, "d": null}}));
        });
        let merged: Value = serde_json::from_str(&config::json_for(7)).unwrap();
        assert_eq!(merged, json!({"a": 1, "b": {"c": 9}}));
        let plain: Value = serde_json::from_str(&config::json_for(8)).unwrap();
        assert_eq!(plain, json!({"a": 1, "b": {"c": 2, "d": 3}}));
    }
}
