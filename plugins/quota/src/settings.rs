//! What the operator can set. Defaults are those of the service's terms.

use serde::Deserialize;

/// See `settings.schema.json` for what each means to an operator.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) lease_ms: u32,
    pub(crate) units_min: u64,
    pub(crate) low_water_percent: u64,
    pub(crate) on_failure: OnFailure,
    pub(crate) query_price: u64,
    pub(crate) query_block: u64,
    pub(crate) query_rounding: Rounding,
    pub(crate) query_scope: Scope,
    pub(crate) buffer_percent: u64,
    pub(crate) bill_attack: bool,
    pub(crate) zone_price: u64,
    pub(crate) plan_change: PlanChange,
    pub(crate) alert_percent: Vec<u32>,
    pub(crate) forecast_after_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    Native,
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rounding {
    /// A block begun is a block charged.
    Ceil,
    /// Only full blocks are charged.
    Floor,
    /// To the minor unit, half of one rounded up.
    ProRata,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    Account,
    Zone,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PlanChange {
    Best,
    ProRata,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            units_min: 1000,
            low_water_percent: 25,
            on_failure: OnFailure::Native,
            query_price: 500,
            query_block: 100_000,
            query_rounding: Rounding::Ceil,
            query_scope: Scope::Account,
            buffer_percent: 0,
            bill_attack: false,
            zone_price: 2500,
            plan_change: PlanChange::Best,
            alert_percent: vec![50, 75, 90, 100, 120],
            forecast_after_ms: 86_400_000,
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
        assert_eq!(
            serde_json::from_value::<Settings>(shown).unwrap(),
            Settings::default()
        );
    }

    /// A misspelt setting is an error before it counts.
    #[test]
    fn unknown_settings_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"query_prise": 1}"#).is_err());
    }
}
