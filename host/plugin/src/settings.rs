//! A plugin's settings: the operator's, and what plan and zone put over them.
//!
//! One value of [`Settings`] never changes; other settings are another value with another
//! generation, and reach the plugin by a restart of its instance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::types::ZoneId;

/// What one plugin is set to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// The operator's, a JSON object.
    pub base: Value,
    /// What differs for a zone, plan and zone already put together: a JSON Merge Patch.
    pub zones: BTreeMap<ZoneId, Value>,
    /// Another number whenever anything here is another.
    pub generation: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base: Value::Object(serde_json::Map::new()),
            zones: BTreeMap::new(),
            generation: 1,
        }
    }
}

impl Settings {
    /// The same for every zone.
    pub fn new(base: Value) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }

    /// What holds for a zone.
    pub fn merged(&self, zone: ZoneId) -> Value {
        let mut merged = self.base.clone();
        if let Some(patch) = self.zones.get(&zone) {
            merge(&mut merged, patch);
        }
        merged
    }

    /// One value by JSON Pointer: a string bare, anything else as JSON.
    pub fn at(settings: &Value, pointer: &str) -> Option<String> {
        Some(match settings.pointer(pointer)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// RFC 7396 2: objects are merged member by member, `null` removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let members = target.as_object_mut().expect("it was made an object above");
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7396 2: a patch adds, replaces and removes members, at any depth.
    #[test]
    fn zone_settings_are_a_merge_patch() {
        let mut settings = Settings::new(json!({"a": {"b": 1, "c": 2}, "d": [1, 2]}));
        settings
            .zones
            .insert(7, json!({"a": {"b": null, "e": "x"}, "d": 3}));
        assert_eq!(settings.merged(7), json!({"a": {"c": 2, "e": "x"}, "d": 3}));
        assert_eq!(settings.merged(8), settings.base);
    }

    /// `config.get`: strings come bare, the rest as JSON.
    #[test]
    fn pointer_gives_strings_bare() {
        let value = json!({"price": {"currency": "USD", "block": 100_000}});
        assert_eq!(
            Settings::at(&value, "/price/currency").as_deref(),
            Some("USD")
        );
        assert_eq!(
            Settings::at(&value, "/price/block").as_deref(),
            Some("100000")
        );
        assert_eq!(Settings::at(&value, "/nothing"), None);
    }
}
