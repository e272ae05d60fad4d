//! What the operator can set; `settings.schema.json` says what each means. Rates are per second.

use serde::Deserialize;

/// All of it, by concern.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) torture: Torture,
    pub(crate) reflection: Reflection,
    pub(crate) flood: Flood,
    pub(crate) sign_up: SignUps,
    pub(crate) claims: Claims,
    pub(crate) brands: Brands,
}

/// How rules live.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rules {
    pub(crate) ttl_ms: u32,
    pub(crate) ttl_max_ms: u32,
    pub(crate) release_percent: u64,
    pub(crate) memory_ms: u64,
    pub(crate) rules_max: usize,
    pub(crate) slip: u8,
    pub(crate) dry_run: bool,
    pub(crate) trusted: Vec<String>,
}

/// Random names below a suffix, sent to exhaust whoever answers or resolves them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Torture {
    pub(crate) nxdomain_per_second: u64,
    pub(crate) nxdomain_percent: u64,
    pub(crate) labels_min: u64,
    pub(crate) sources_max: usize,
    pub(crate) sources_percent: u64,
    pub(crate) source_per_second: u32,
    pub(crate) suffix_per_second: u32,
}

/// Large answers to an address that did not ask.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reflection {
    pub(crate) bytes_per_second: u64,
    pub(crate) amplification: u64,
    pub(crate) any_percent: u64,
    pub(crate) names_max: u64,
    pub(crate) per_second: u32,
}

/// One source that is simply too much.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Flood {
    pub(crate) per_second: u32,
}

/// Bursts of accounts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SignUps {
    pub(crate) network_hold: u32,
    pub(crate) network_refuse: u32,
    pub(crate) domain_hold: u32,
    pub(crate) mail_providers: Vec<String>,
    pub(crate) throwaway_domains: Vec<String>,
}

/// Claims that are not meant to last, and names that nobody may claim.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) young_account_ms: u64,
    pub(crate) young_zones_max: u32,
    pub(crate) held_max: u32,
    pub(crate) cases_max: u32,
    pub(crate) network_per_hour: u64,
    pub(crate) own_names: Vec<String>,
    pub(crate) special_use_allowed: bool,
}

/// Names that pretend to be somebody's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Brands {
    pub(crate) protected: Vec<Brand>,
    pub(crate) keywords: Vec<String>,
    pub(crate) harmless: Vec<String>,
}

/// A protected name and the domains where it is at home.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Brand {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) domains: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            ttl_ms: 10_000,
            ttl_max_ms: 600_000,
            release_percent: 50,
            memory_ms: 300_000,
            rules_max: 256,
            slip: 4,
            dry_run: false,
            // This machine, as a window shows it: whoever measures from here is no flood.
            trusted: words(&["127.0.0.0/24", "::/56"]),
        }
    }
}

impl Default for Torture {
    fn default() -> Self {
        Self {
            nxdomain_per_second: 200,
            nxdomain_percent: 60,
            labels_min: 100,
            sources_max: 16,
            sources_percent: 80,
            source_per_second: 20,
            suffix_per_second: 100,
        }
    }
}

impl Default for Reflection {
    fn default() -> Self {
        Self {
            bytes_per_second: 100_000,
            amplification: 8,
            any_percent: 50,
            names_max: 16,
            per_second: 5,
        }
    }
}

impl Default for Flood {
    fn default() -> Self {
        Self { per_second: 50_000 }
    }
}

impl Default for SignUps {
    fn default() -> Self {
        Self {
            network_hold: 5,
            network_refuse: 50,
            domain_hold: 20,
            mail_providers: words(&[
                "gmail.com",
                "outlook.com",
                "hotmail.com",
                "yahoo.com",
                "icloud.com",
                "proton.me",
                "gmx.net",
                "web.de",
                "fastmail.com",
            ]),
            throwaway_domains: words(&[
                "mailinator.com",
                "guerrillamail.com",
                "sharklasers.com",
                "10minutemail.com",
                "yopmail.com",
                "trashmail.com",
                "temp-mail.org",
                "dispostable.com",
            ]),
        }
    }
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            young_account_ms: 604_800_000,
            young_zones_max: 20,
            held_max: 10,
            cases_max: 3,
            network_per_hour: 30,
            own_names: vec![],
            special_use_allowed: false,
        }
    }
}

impl Default for Brands {
    fn default() -> Self {
        let protected = [
            ("paypal", "paypal.com"),
            ("microsoft", "microsoft.com"),
            ("google", "google.com"),
            ("facebook", "facebook.com"),
            ("netflix", "netflix.com"),
            ("amazon", "amazon.com"),
            ("icloud", "icloud.com"),
        ];
        Self {
            protected: protected
                .map(|(name, domain)| Brand {
                    name: name.into(),
                    domains: vec![domain.into()],
                })
                .into(),
            keywords: words(&[
                "login", "signin", "secure", "security", "account", "verify", "update", "support",
                "billing", "payment", "wallet", "password", "unlock", "recovery", "service",
            ]),
            harmless: vec![],
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.into()).collect()
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

    /// One threshold can be set without repeating the others.
    #[test]
    fn single_thresholds_can_be_set() {
        let settings: Settings =
            serde_json::from_str(r#"{"torture": {"nxdomain_per_second": 7}}"#).unwrap();
        assert_eq!(settings.torture.nxdomain_per_second, 7);
        assert_eq!(settings.torture.sources_max, Torture::default().sources_max);
    }
}
