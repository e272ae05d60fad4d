//! What the operator can set; `settings.schema.json` says what each means.

use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) plans: Vec<String>,
    pub(crate) names_min: usize,
    pub(crate) names_max: usize,
    pub(crate) label: String,
    pub(crate) rname: String,
    pub(crate) ns_ttl: u32,
    pub(crate) host_ttl: u32,
    pub(crate) renumbering_ttl: u32,
    pub(crate) parent_days: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            plans: vec![],
            names_min: 2,
            names_max: 6,
            label: "ns".into(),
            rname: String::new(),
            ns_ttl: 86_400,
            host_ttl: 3600,
            renumbering_ttl: 300,
            parent_days: 14,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the form shows untouched is what the plugin does without settings.
    #[test]
    fn schema_defaults_are_the_defaults() {
        let shown = bailiwick_plugin_sdk::testing::schema_defaults(crate::SCHEMA);
        let shown: Settings = serde_json::from_value(shown).unwrap();
        assert_eq!(shown, Settings::default());
    }
}
