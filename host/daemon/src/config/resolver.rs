//! `[resolver]` and `[alias]`: how targets of ALIAS records are looked up, and how often.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use bailiwick_authority::{AliasLimits, ResolverOptions};
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::limits::{Complaint, within};

/// `[resolver]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ResolverSpec {
    roots: Option<Spanned<Vec<IpAddr>>>,
    port: Option<Spanned<u32>>,
    #[serde(default)]
    allow_servers: Vec<IpNet>,
    #[serde(default)]
    allow_answers: Vec<IpNet>,
}

/// `[alias]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AliasSpec {
    refresh_min: Option<Spanned<u32>>,
    refresh_max: Option<Spanned<u32>>,
    stale_max: Option<Spanned<u32>>,
    per_zone: Option<Spanned<u32>>,
    lookups_per_second: Option<Spanned<u32>>,
}

impl ResolverSpec {
    pub(super) fn read(self, complain: &mut impl FnMut(Complaint)) -> ResolverOptions {
        let default = ResolverOptions::default();
        let roots = match self.roots {
            None => default.roots,
            Some(roots) => {
                if roots.get_ref().is_empty() {
                    let words = "no root server; leave the key out for those of the Internet";
                    complain((roots.span(), words.to_owned()));
                }
                roots.into_inner()
            }
        };
        ResolverOptions {
            roots,
            // The range is that of a port.
            port: within(self.port, default.port.into(), 1..=65_535, complain) as u16,
            allow_servers: self.allow_servers,
            allow_answers: self.allow_answers,
            ..default
        }
    }
}

impl AliasSpec {
    pub(super) fn read(self, complain: &mut impl FnMut(Complaint)) -> AliasLimits {
        let default = AliasLimits::DEFAULT;
        let mut seconds = |given, default: Duration, range: RangeInclusive<u32>| {
            let default = default.as_secs() as u32;
            Duration::from_secs(within(given, default, range, complain).into())
        };
        let refresh_min = seconds(self.refresh_min, default.refresh_min, 1..=3600);
        AliasLimits {
            refresh_min,
            refresh_max: seconds(self.refresh_max, default.refresh_max, 1..=86_400)
                .max(refresh_min),
            stale_max: seconds(self.stale_max, default.stale_max, 1..=604_800),
            // A failure is looked at again no later than a success.
            retry_min: default.retry_min.min(refresh_min),
            per_zone: within(
                self.per_zone,
                default.per_zone as u32,
                1..=100_000,
                complain,
            ) as usize,
            per_second: within(
                self.lookups_per_second,
                default.per_second,
                1..=10_000,
                complain,
            ),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn read(lines: &str) -> Result<Config, String> {
        let text = format!("version = \"v1\"\n{lines}\n");
        Config::parse(Path::new("test.toml"), &text).map_err(|problems| problems.to_string())
    }

    /// The Internet's roots, and no address that is not public.
    #[test]
    fn the_default_is_the_public_internet() {
        let config = read("").unwrap();
        assert_eq!(config.resolver, ResolverOptions::default());
        assert_eq!(config.aliases, AliasLimits::DEFAULT);
        assert!(
            config.resolver.allow_servers.is_empty() && config.resolver.allow_answers.is_empty()
        );
    }

    #[test]
    fn a_dns_of_its_own_is_configured() {
        let config = read("[resolver]\nroots = [\"127.0.0.7\"]\nport = 5301\nallow-servers = [\"127.0.0.0/8\"]\n[alias]\nrefresh-min = 1").unwrap();
        assert_eq!(
            config.resolver.roots,
            ["127.0.0.7".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(
            (config.resolver.port, config.aliases.refresh_min.as_secs()),
            (5301, 1)
        );
        assert_eq!(config.aliases.retry_min.as_secs(), 1);
    }

    /// Mistakes are named with their place.
    #[test]
    fn no_roots_and_odd_numbers_are_mistakes() {
        for (lines, at) in [
            ("[resolver]\nroots = []", "test.toml:3:9: "),
            ("[resolver]\nport = 0", "test.toml:3:8: "),
            ("[alias]\nrefresh-min = 0", "test.toml:3:15: "),
        ] {
            let said = read(lines).unwrap_err();
            assert!(said.starts_with(at), "{said}");
        }
    }
}
