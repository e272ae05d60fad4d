//! Configuration: the file is a [`spec::Spec`], the program uses a [`Config`].
//!
//! Defaults, then the file, then the command line. Everything that is wrong is collected, with its
//! place in the file, before anything is said: a person corrects a file once. Each part of the
//! program gets its own small struct, not the whole.

mod addresses;
mod answers;
mod flags;
mod limits;
mod load;
mod place;
mod problem;
mod resolver;
mod schema;
mod spec;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use bailiwick_authority::{AliasLimits, ResolverOptions};
use bailiwick_server::{CertificateFiles, Limits, RateLimit};
use bailiwick_zone::name::Name;
use ipnet::IpNet;

pub(crate) use answers::AnswersConfig;
pub(crate) use load::{Examined, SettingsGiven, SettingsOf, text_of};
pub(crate) use place::inside;
#[cfg(test)]
pub(crate) use problem::Problems;
pub(crate) use problem::{Problem, nearest};
pub(crate) use spec::{LimitClass, OnFailure};
pub(crate) use values::{
    HttpListen, ListenAddr, LogFormat, PrimaryAddr, ZoneFlag, ZoneName, ZonePrimaryFlag,
};

/// Everything `serve` needs to know, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) server: ServerConfig,
    /// `None`: a certificate that this server makes and signs itself.
    pub(crate) certificate: Option<CertificateFiles>,
    pub(crate) http: HttpConfig,
    pub(crate) log: LogConfig,
    pub(crate) transfer_allow: Vec<IpNet>,
    pub(crate) answers: AnswersConfig,
    pub(crate) rate_limit: RateLimit,
    pub(crate) limits: Limits,
    /// How targets of ALIAS records are looked up.
    pub(crate) resolver: ResolverOptions,
    /// How often.
    pub(crate) aliases: AliasLimits,
    pub(crate) month_offset_hours: i8,
    pub(crate) nodes: Vec<NodeConfig>,
    pub(crate) zones: Vec<ZoneConfig>,
    pub(crate) plugins: Vec<PluginConfig>,
}

/// Sockets, threads and the place for state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerConfig {
    pub(crate) listen: Vec<SocketAddr>,
    /// DNS over TLS.
    pub(crate) listen_tls: Vec<SocketAddr>,
    /// DNS over QUIC.
    pub(crate) listen_quic: Vec<SocketAddr>,
    /// DNS over HTTPS: HTTP/2 and HTTP/3.
    pub(crate) listen_https: Vec<SocketAddr>,
    /// 0 is one for each core.
    pub(crate) threads: usize,
    /// `None`: a temporary directory, removed at the end.
    pub(crate) data: Option<PathBuf>,
}

/// Status page and metrics.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HttpConfig {
    pub(crate) listen: HttpListen,
    pub(crate) zone_series_max: usize,
}

/// What is logged and how it looks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LogConfig {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// A name server of the fleet, as brand-ns plugins see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NodeConfig {
    pub(crate) name: Name,
    pub(crate) addresses: Vec<IpAddr>,
}

/// A zone to serve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ZoneConfig {
    pub(crate) name: Name,
    pub(crate) source: ZoneSource,
    /// `None`: the operator's own.
    pub(crate) account: Option<AccountConfig>,
    pub(crate) brand: Vec<String>,
    pub(crate) signing: bool,
    /// What differs for this zone in the settings of plugins, by plugin.
    pub(crate) settings: BTreeMap<String, serde_json::Value>,
}

/// Whose zones share a pool of queries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AccountConfig {
    pub(crate) name: String,
    pub(crate) plan: String,
    /// `None`: no limit.
    pub(crate) queries_a_month: Option<u64>,
}

/// Where a zone's contents come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ZoneSource {
    /// A master file here.
    File(PathBuf),
    /// Transfer from these, in this order.
    Primaries(Vec<SocketAddr>),
}

/// A plugin to install and activate at start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PluginConfig {
    pub(crate) file: PathBuf,
    pub(crate) class: LimitClass,
    pub(crate) on_failure: OnFailure,
    pub(crate) settings: serde_json::Value,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerConfig {
                listen: vec![
                    SocketAddr::from(([127, 0, 0, 1], 5300)),
                    SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 5300)),
                ],
                listen_tls: Vec::new(),
                listen_quic: Vec::new(),
                listen_https: Vec::new(),
                threads: 0,
                data: None,
            },
            certificate: None,
            http: HttpConfig {
                listen: HttpListen(None),
                zone_series_max: 100,
            },
            log: LogConfig {
                level: "info".to_owned(),
                format: LogFormat::Text,
            },
            transfer_allow: Vec::new(),
            answers: AnswersConfig::default(),
            rate_limit: RateLimit::default(),
            limits: Limits::default(),
            resolver: ResolverOptions::default(),
            aliases: AliasLimits::default(),
            month_offset_hours: 10,
            nodes: Vec::new(),
            zones: Vec::new(),
            plugins: Vec::new(),
        }
    }
}

impl Config {
    /// What changed between two configurations that only a restart can bring into force, in words.
    pub(crate) fn needs_restart(&self, newer: &Self) -> Vec<&'static str> {
        let mut keys = Vec::new();
        if self.server.listen != newer.server.listen {
            keys.push("server.listen");
        }
        for (key, older, newer) in [
            (
                "server.listen-tls",
                &self.server.listen_tls,
                &newer.server.listen_tls,
            ),
            (
                "server.listen-quic",
                &self.server.listen_quic,
                &newer.server.listen_quic,
            ),
            (
                "server.listen-https",
                &self.server.listen_https,
                &newer.server.listen_https,
            ),
        ] {
            if older != newer {
                keys.push(key);
            }
        }
        if self.server.threads != newer.server.threads {
            keys.push("server.threads");
        }
        if self.server.data != newer.server.data {
            keys.push("server.data");
        }
        if self.http.listen != newer.http.listen {
            keys.push("http.listen");
        }
        if self.limits != newer.limits {
            keys.push("tcp");
        }
        if self.resolver != newer.resolver {
            keys.push("resolver");
        }
        if self.aliases != newer.aliases {
            keys.push("alias");
        }
        if self.month_offset_hours != newer.month_offset_hours {
            keys.push("policy.month-offset-hours");
        }
        if self.nodes != newer.nodes {
            keys.push("node");
        }
        if self.log != newer.log {
            keys.push("log");
        }
        keys
    }
}

/// Where a configured server keeps its state unless told otherwise.
pub(crate) const DATA_DIR_DEFAULT: &str = "/var/lib/bailiwick";

/// The commented template, as installed.
#[cfg(test)]
pub(crate) const TEMPLATE: &str = include_str!("../../config/bailiwick.toml");
