//! The configuration file as it is written: every key, nothing else, positions kept.
//!
//! A [`Spec`] is what serde reads; `Config` is what the program uses. Unknown keys are refused
//! here (a typo must not silently become a default); what the values mean together is checked
//! where the `Spec` becomes a `Config`.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::answers::AnswersSpec;
use super::limits::{RateLimitSpec, TcpSpec};
use super::resolver::{AliasSpec, ResolverSpec};
use super::values::{BrandName, FileName, HostAddr, Word};
use super::{HttpListen, ListenAddr, LogFormat, PrimaryAddr, ZoneName};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Spec {
    /// The format's version; this program reads `v1`. It is asked for where the others are known too.
    pub(crate) version: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) server: ServerSpec,
    pub(crate) tls: Option<TlsSpec>,
    #[serde(default)]
    pub(crate) http: HttpSpec,
    #[serde(default)]
    pub(crate) log: LogSpec,
    #[serde(default)]
    pub(crate) transfer: TransferSpec,
    #[serde(default)]
    pub(crate) answers: AnswersSpec,
    #[serde(default)]
    pub(crate) rate_limit: RateLimitSpec,
    #[serde(default)]
    pub(crate) tcp: TcpSpec,
    #[serde(default)]
    pub(crate) resolver: ResolverSpec,
    #[serde(default)]
    pub(crate) alias: AliasSpec,
    #[serde(default)]
    pub(crate) policy: PolicySpec,
    #[serde(default, rename = "account")]
    pub(crate) accounts: Vec<AccountSpec>,
    #[serde(default, rename = "node")]
    pub(crate) nodes: Vec<NodeSpec>,
    #[serde(default, rename = "zone")]
    pub(crate) zones: Vec<Spanned<ZoneSpec>>,
    #[serde(default, rename = "plugin")]
    pub(crate) plugins: Vec<PluginSpec>,
}

/// `[server]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ServerSpec {
    pub(crate) listen: Option<Spanned<Vec<Spanned<ListenAddr>>>>,
    pub(crate) threads: Option<Spanned<usize>>,
    #[serde(default)]
    pub(crate) listen_tls: Vec<Spanned<ListenAddr>>,
    #[serde(default)]
    pub(crate) listen_quic: Vec<Spanned<ListenAddr>>,
    #[serde(default)]
    pub(crate) listen_https: Vec<Spanned<ListenAddr>>,
    pub(crate) data: Option<FileName>,
}

/// `[tls]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TlsSpec {
    pub(crate) certificate: FileName,
    pub(crate) key: FileName,
}

/// `[http]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct HttpSpec {
    pub(crate) listen: Option<Spanned<HttpListen>>,
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
    pub(crate) name: Spanned<ZoneName>,
    pub(crate) addresses: Spanned<Vec<Spanned<HostAddr>>>,
}

/// `[policy]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PolicySpec {
    pub(crate) month_offset_hours: Option<Spanned<i8>>,
}

/// `[[account]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AccountSpec {
    pub(crate) name: Spanned<Word>,
    pub(crate) plan: Option<Word>,
    pub(crate) queries_a_month: Option<u64>,
}

/// `[[zone]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ZoneSpec {
    pub(crate) name: Spanned<ZoneName>,
    pub(crate) file: Option<FileName>,
    pub(crate) primaries: Option<Spanned<Vec<Spanned<PrimaryAddr>>>>,
    pub(crate) account: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) brand: Vec<Spanned<BrandName>>,
    #[serde(default)]
    pub(crate) signing: bool,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Spanned<toml::Table>>,
}

/// `[[plugin]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PluginSpec {
    pub(crate) file: Spanned<FileName>,
    #[serde(default)]
    pub(crate) class: LimitClass,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    pub(crate) settings: Option<Spanned<toml::Table>>,
}

/// The limits a plugin lives under.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LimitClass {
    #[default]
    Default,
    Large,
}

/// What holds when a lease has ended and the plugin gives no other.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// As the lease itself says.
    #[default]
    AsGranted,
    /// As if there were no plugin: answer and count.
    Native,
    /// What held last goes on.
    Last,
}
