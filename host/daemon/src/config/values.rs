//! Small values of the command line and the file that serde and clap both read from text.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use bailiwick_zone::name::Name;
use serde::Deserialize;

/// A domain name as people write it: the final dot may be missing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct ZoneName(pub(crate) Name);

/// Where the HTTP side listens; `None` is "off".
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct HttpListen(pub(crate) Option<SocketAddr>);

/// A primary's address; port 53 when none is given.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct PrimaryAddr(pub(crate) SocketAddr);

/// `--zone NAME=FILE`
#[derive(Clone, Debug)]
pub(crate) struct ZoneFlag {
    pub(crate) name: Name,
    pub(crate) file: PathBuf,
}

/// `--secondary NAME=ADDR:PORT[,ADDR:PORT]`
#[derive(Clone, Debug)]
pub(crate) struct ZonePrimaryFlag {
    pub(crate) name: Name,
    pub(crate) primaries: Vec<SocketAddr>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One object a line, for programs
    Json,
}

impl FromStr for ZoneName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = Name::parse(text);
        parsed
            .map(Self)
            .map_err(|e| format!("`{text}` is not a domain name: {e}"))
    }
}

impl FromStr for HttpListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let address = text.parse();
        address.map(|a| Self(Some(a))).map_err(|_| {
            format!("`{text}` is neither ADDR:PORT (such as 127.0.0.1:8080) nor `off`")
        })
    }
}

impl FromStr for PrimaryAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self(address));
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(ip) => Ok(Self(SocketAddr::new(ip, DNS_PORT))),
            Err(_) => Err(format!(
                "`{text}` is no literal address with or without a port (such as 192.0.2.1 or [2001:db8::1]:53)"
            )),
        }
    }
}

impl FromStr for ZoneFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = split_flag(text, "NAME=FILE")?;
        Ok(Self {
            name: name.parse::<ZoneName>()?.0,
            file: file.into(),
        })
    }
}

impl FromStr for ZonePrimaryFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, addresses) = split_flag(text, "NAME=ADDR:PORT")?;
        let primaries: Result<Vec<_>, String> = addresses
            .split(',')
            .map(|a| a.parse::<PrimaryAddr>().map(|a| a.0))
            .collect();
        Ok(Self {
            name: name.parse::<ZoneName>()?.0,
            primaries: primaries?,
        })
    }
}

impl fmt::Display for HttpListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("off"),
        }
    }
}

macro_rules! try_from_string {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}
try_from_string!(ZoneName, HttpListen, PrimaryAddr);

fn split_flag<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => Ok((left, right)),
        _ => Err(format!("`{text}` is not {form}")),
    }
}

const DNS_PORT: u16 = 53;
