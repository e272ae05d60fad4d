//! A plugin's settings: the operator's, and what plan and zone put over them.
//!
//! One value of [`Settings`] never changes; other settings are another value with another
//! generation, and reach the plugin by a restart of its instance.
//!
//! Before they do, they are sieved (`Settings::sieved`): the operator's own must fit the plugin's
//! schema or nothing changes; what a single zone has must fit too, or it is kept out for that zone
//! alone. One customer's wrong word must not take a policy away from everybody else.

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
    /// What these zones are called, for messages.
    pub names: BTreeMap<ZoneId, String>,
    /// What was asked for a zone and does not fit; `zones` has what held before, if anything.
    pub kept_out: BTreeMap<ZoneId, KeptOut>,
    /// Another number whenever anything here is another.
    pub generation: u64,
}

/// Settings of one zone that are not in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeptOut {
    /// As they were asked for: another version of the plugin may take them.
    pub asked: Value,
    /// Each thing that does not fit, in words.
    pub why: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base: Value::Object(serde_json::Map::new()),
            zones: BTreeMap::new(),
            names: BTreeMap::new(),
            kept_out: BTreeMap::new(),
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
        match self.zones.get(&zone) {
            Some(patch) => with_patch(&self.base, patch),
            None => self.base.clone(),
        }
    }

    /// Whether both ask for the same, whatever of it could be put in force.
    pub fn asks_as(&self, other: &Self) -> bool {
        self.base == other.base && self.asked() == other.asked()
    }

    /// What the settings of each zone should be.
    fn asked(&self) -> BTreeMap<ZoneId, &Value> {
        let kept_out = self.kept_out.iter().map(|(zone, out)| (zone, &out.asked));
        let all = self.zones.iter().chain(kept_out);
        all.map(|(zone, patch)| (*zone, patch)).collect()
    }

    /// These settings for a plugin with this schema: what does not fit for one zone is kept out, and what
    /// the zone had `before` holds on, or the operator's settings if that does not fit either. An
    /// error when the operator's own do not fit.
    pub(crate) fn sieved(
        &self,
        before: Option<&Self>,
        schema: &Schema,
    ) -> Result<Self, Vec<SettingsProblem>> {
        let problems = schema.problems(&self.base);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut sieved = Self {
            zones: BTreeMap::new(),
            kept_out: BTreeMap::new(),
            ..self.clone()
        };
        for (zone, patch) in self.asked() {
            let problems = schema.problems(&with_patch(&self.base, patch));
            if problems.is_empty() {
                sieved.zones.insert(zone, patch.clone());
                continue;
            }
            let out = KeptOut {
                asked: patch.clone(),
                why: problems.iter().map(ToString::to_string).collect(),
            };
            sieved.kept_out.insert(zone, out);
            let fits = |last: &&Value| schema.problems(&with_patch(&self.base, last)).is_empty();
            let last = before.and_then(|before| before.zones.get(&zone));
            if let Some(last) = last.filter(fits) {
                sieved.zones.insert(zone, last.clone());
            }
        }
        Ok(sieved)
    }

    /// Each zone whose settings are kept out, in words: which, why, and what holds instead.
    pub fn kept_out_words(&self) -> impl Iterator<Item = String> + '_ {
        self.kept_out.iter().map(|(zone, out)| {
            let name = self.names.get(zone).cloned();
            let name = name.unwrap_or_else(|| format!("number {zone}"));
            let holds = match self.zones.contains_key(zone) {
                true => "its last good settings hold",
                false => "the plugin's settings hold for it",
            };
            format!(
                "the settings of zone {name} are kept out ({}); {holds}",
                out.why.join("; ")
            )
        })
    }

    /// One value by JSON Pointer: a string bare, anything else as JSON.
    pub fn at(settings: &Value, pointer: &str) -> Option<String> {
        Some(match settings.pointer(pointer)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// A settings schema, ready to be asked.
pub struct Schema(Option<jsonschema::Validator>);

/// One thing that is wrong with settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettingsProblem {
    /// Where, as a JSON Pointer; empty: the whole.
    pub pointer: String,
    /// What.
    pub words: String,
}

impl Schema {
    /// Reads a JSON Schema (2020-12); an empty text is that of a plugin without settings.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let value = serde_json::from_str(text).map_err(|e| format!("the settings schema: {e}"))?;
        let schema = jsonschema::draft202012::new(&value);
        let schema = schema.map_err(|e| format!("the settings schema: {e}"))?;
        Ok(Self(Some(schema)))
    }

    /// What keeps settings from a plugin: they are an object that its schema takes, of at most 64 KiB.
    pub fn problems(&self, settings: &Value) -> Vec<SettingsProblem> {
        let whole = |words: &str| SettingsProblem {
            pointer: String::new(),
            words: words.to_owned(),
        };
        let Some(object) = settings.as_object() else {
            return vec![whole("settings are an object")];
        };
        let mut problems = Vec::new();
        if settings.to_string().len() > SETTINGS_BYTES_MAX {
            problems.push(whole("more than 64 KiB of settings"));
        }
        match &self.0 {
            None if object.is_empty() => {}
            None => problems.push(whole("this plugin takes no settings")),
            Some(schema) => problems.extend(schema.iter_errors(settings).take(PROBLEMS_MAX).map(
                |error| SettingsProblem {
                    pointer: error.instance_path().to_string(),
                    words: error.to_string(),
                },
            )),
        }
        problems
    }
}

impl std::fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.words)
    }
}

/// What holds where `patch` is put over `base`.
pub fn with_patch(base: &Value, patch: &Value) -> Value {
    let mut merged = base.clone();
    merge(&mut merged, patch);
    merged
}

const SETTINGS_BYTES_MAX: usize = 64 << 10;
const PROBLEMS_MAX: usize = 32;

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

    /// Issue 2: what does not fit for one zone is that zone's alone, and can be put right.
    #[test]
    fn one_zones_mistake_is_kept_out_and_its_last_good_settings_hold() {
        let schema = Schema::read(
            r#"{"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}"#,
        )
        .unwrap();
        let asking = |seven: Value, eight: Value| Settings {
            zones: [(7, seven), (8, eight)].into(),
            names: [(7, "seven.".into()), (8, "eight.".into())].into(),
            ..Settings::new(json!({"n": 1}))
        };
        let good = asking(json!({"n": 2}), json!({"n": 3}));
        let before = good.sieved(None, &schema).unwrap();
        assert_eq!(before, good);
        let wrong = asking(json!({"n": "two"}), json!({"n": 4}));
        let after = wrong.sieved(Some(&before), &schema).unwrap();
        assert_eq!(after.merged(7), json!({"n": 2}));
        assert_eq!(after.merged(8), json!({"n": 4}));
        assert!(after.asks_as(&wrong) && !after.asks_as(&good));
        let words: Vec<String> = after.kept_out_words().collect();
        assert_eq!(words.len(), 1);
        assert!(
            words[0].contains("zone seven. are kept out (/n: \"two\" is not of type"),
            "{words:?}"
        );
        // Without a last good version, or with one that no longer fits, the plugin's own hold.
        assert_eq!(
            wrong.sieved(None, &schema).unwrap().merged(7),
            json!({"n": 1})
        );
        // What was kept out is tried again with another schema, as when another version is activated.
        let lax = Schema::read(r#"{"type": "object"}"#).unwrap();
        let later = after.sieved(Some(&after), &lax).unwrap();
        assert_eq!(later.merged(7), json!({"n": "two"}));
        assert!(later.kept_out.is_empty());
        assert!(
            Settings::new(json!({"n": 10}))
                .sieved(None, &schema)
                .is_err()
        );
    }
}
