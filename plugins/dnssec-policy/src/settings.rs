//! What the operator, the plan and the zone can set; `settings.schema.json` says what each means.

use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) preset: Preset,
    pub(crate) sign: bool,
    pub(crate) plans: Vec<String>,
    pub(crate) single_key: bool,
    pub(crate) ksk_lifetime_days: Option<u64>,
    pub(crate) zsk_lifetime_days: Option<u64>,
    pub(crate) dnskey_ttl: u32,
    pub(crate) ttl_max: u32,
    pub(crate) publish_cds: bool,
    pub(crate) parent_propagation_s: u32,
    pub(crate) zone_propagation_s: u32,
    pub(crate) notice_records: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    Standard,
    Conservative,
    LargeDelegation,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            preset: Preset::Standard,
            sign: true,
            plans: vec![],
            single_key: false,
            ksk_lifetime_days: None,
            zsk_lifetime_days: None,
            dnskey_ttl: 3600,
            ttl_max: 86_400,
            publish_cds: true,
            parent_propagation_s: 3600,
            zone_propagation_s: 300,
            notice_records: 100,
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
