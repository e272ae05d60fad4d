//! The configuration file as it is written: every key, nothing else, positions kept.
//!
//! A [`Spec`] is what serde reads; `Config` is what the program uses. Unknown keys are refused
//! here (a typo must not silently become a default); what the values mean together is checked
//! where the `Spec` becomes a `Config`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::{HttpListen, LogFormat, PrimaryAddr, ZoneName};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Spec {
    /// The format's version; this program reads `v1`.
    pub(crate) version: Spanned<String>,
    #[serde(default)]
    pub(crate) server: ServerSpec,
    #[serde(default)]
    pub(crate) http: HttpSpec,
    #[serde(default)]
    pub(crate) log: LogSpec,
    #[serde(default)]
    pub(crate) transfer: TransferSpec,
    #[serde(default, rename = "node")]
    pub(crate) nodes: Vec<NodeSpec>,
    #[serde(default, rename = "zone")]
    pub(crate) zones: Vec<ZoneSpec>,
    #[serde(default, rename = "plugin")]
    pub(crate) plugins: Vec<PluginSpec>,
}

/// `[server]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServerSpec {
    pub(crate) listen: Option<Spanned<Vec<SocketAddr>>>,
    pub(crate) threads: Option<usize>,
    pub(crate) data: Option<PathBuf>,
}

/// `[http]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HttpSpec {
    pub(crate) listen: Option<HttpListen>,
    pub(crate) zone_series_max: Option<usize>,
}

/// `[log]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogSpec {
    pub(crate) level: Option<Spanned<String>>,
    pub(crate) format: Option<LogFormat>,
}

/// `[transfer]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TransferSpec {
    #[serde(default)]
    pub(crate) allow: Vec<IpNet>,
}

/// `[[node]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NodeSpec {
    pub(crate) id: Spanned<String>,
    pub(crate) addresses: Vec<std::net::IpAddr>,
}

/// `[[zone]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ZoneSpec {
    pub(crate) name: Spanned<ZoneName>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) primaries: Option<Vec<PrimaryAddr>>,
    pub(crate) account: Option<String>,
    #[serde(default)]
    pub(crate) brand: Vec<String>,
    pub(crate) dnssec_policy: Option<String>,
}

/// `[[plugin]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PluginSpec {
    pub(crate) file: Spanned<PathBuf>,
    #[serde(default)]
    pub(crate) class: LimitClass,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    #[serde(default)]
    pub(crate) settings: toml::Table,
}

/// The limits a plugin lives under.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LimitClass {
    #[default]
    Default,
    Large,
}

/// What holds while a plugin cannot answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// As if there were no plugin.
    #[default]
    Native,
    /// Its last tables go on.
    Last,
}
