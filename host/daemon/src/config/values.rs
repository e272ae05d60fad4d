//! Small values of the command line and the file that serde and clap both read from text.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use bailiwick_zone::name::Name;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A domain name as people write it: the final dot may be missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ZoneName(pub(crate) Name);

/// An address to listen on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ListenAddr(pub(crate) SocketAddr);

/// The address of one host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HostAddr(pub(crate) IpAddr);

/// The name of a file or folder: not empty, which would be the folder of the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FileName(pub(crate) PathBuf);

/// A word by which something else is named: not empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Word(pub(crate) String);

/// A name server's name as a brand has it: below the zone, or absolute with a dot at its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BrandName(pub(crate) String);

/// Where the HTTP side listens; `None` is "off".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct HttpListen(pub(crate) Option<SocketAddr>);

/// A primary's address; port 53 when none is given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
        let address: SocketAddr = text.parse().map_err(|_| {
            format!("`{text}` is neither ADDR:PORT (such as 127.0.0.1:8080) nor `off`")
        })?;
        can_listen(text, address.ip())?;
        Ok(Self(Some(address)))
    }
}

impl FromStr for ListenAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address: SocketAddr = text.parse().map_err(|_| {
            format!("`{text}` is not ADDR:PORT (such as 192.0.2.53:53 or [2001:db8::53]:53)")
        })?;
        can_listen(text, address.ip())?;
        Ok(Self(address))
    }
}

impl FromStr for HostAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map_err(|_| {
            format!("`{text}` is no literal address (such as 192.0.2.1 or 2001:db8::1)")
        })?;
        is_one_host(text, address)?;
        Ok(Self(address))
    }
}

impl FromStr for PrimaryAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let address = match (text.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
            (Ok(address), _) => address,
            (_, Ok(ip)) => SocketAddr::new(ip, DNS_PORT),
            _ => {
                return Err(format!(
                    "`{text}` is no literal address with or without a port (such as 192.0.2.1 or [2001:db8::1]:53)"
                ));
            }
        };
        is_one_host(text, address.ip())?;
        if address.port() == 0 {
            return Err(format!(
                "`{text}`: nobody can be asked on port 0; leave the port out for {DNS_PORT}"
            ));
        }
        Ok(Self(address))
    }
}

impl FromStr for FileName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("the name of a file or folder is empty".to_owned()),
            _ => Ok(Self(text.into())),
        }
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a name is empty".to_owned());
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(format!(
                "`{}` has blanks around it or control characters in it",
                text.escape_debug()
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for BrandName {
    type Err = String;

    /// RFC 952, RFC 1123 2.1: letters, digits and hyphens between them; whether the name is the brand's
    /// is for the plugin to say.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_label = |label: &str| {
            let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let labels = text.strip_suffix('.').unwrap_or(text);
        if labels.split('.').all(is_label) && Name::parse(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{}` is no name of a host (letters, digits and hyphens between them), such as ns1",
            text.escape_debug()
        ))
    }
}

/// An address that one host can have: what is asked there is answered from there.
fn is_one_host(text: &str, ip: IpAddr) -> Result<(), String> {
    if ip.is_unspecified() {
        return Err(format!(
            "`{text}` stands for every address and is none of them"
        ));
    }
    can_listen(text, ip)
}

fn can_listen(text: &str, ip: IpAddr) -> Result<(), String> {
    if ip.is_multicast() {
        return Err(format!("`{text}` is a multicast address"));
    }
    match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => Err(format!("`{text}` is the broadcast address")),
        _ => Ok(()),
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

/// Reads text where the deserializer still knows its place: an error names the item of a list, not the list.
struct Parsed<T>(PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! from_string {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(Parsed(PhantomData))
            }
        }
    )*};
}
from_string!(
    ZoneName,
    HttpListen,
    PrimaryAddr,
    ListenAddr,
    HostAddr,
    FileName,
    Word,
    BrandName
);

fn split_flag<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => Ok((left, right)),
        _ => Err(format!("`{text}` is not {form}")),
    }
}

const DNS_PORT: u16 = 53;
