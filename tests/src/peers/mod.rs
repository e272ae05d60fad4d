//! Real name servers as primaries, with the configuration that makes them one: every zone may be
//! transferred by loopback, a change is announced to one port, nothing else listens, nothing is
//! written outside the folder they are given.

mod bind;
pub mod delv;
mod knot;
mod nsd;
pub mod unbound;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::client;
use crate::place;
use crate::process::{Process, wait_until};

/// Which name server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// NSD.
    Nsd,
    /// Knot DNS.
    Knot,
    /// BIND.
    Bind,
}

impl Kind {
    /// The program and the Debian package it comes in.
    pub fn program(self) -> (&'static str, &'static str) {
        match self {
            Self::Nsd => ("nsd", "nsd"),
            Self::Knot => ("knotd", "knot"),
            Self::Bind => ("named", "bind9"),
        }
    }
}

/// A zone that a peer is primary for.
#[derive(Clone, Debug)]
pub struct PeerZone {
    /// The apex with its last dot.
    pub name: String,
    /// Master file text.
    pub text: String,
}

impl PeerZone {
    /// A zone from its name and its text.
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.into(),
        }
    }
}

/// A running primary. Dropping it ends it and removes its folder.
pub struct Peer {
    kind: Kind,
    ip: Ipv4Addr,
    port: u16,
    zones: Vec<(String, PathBuf)>,
    process: Process,
    folder: TempDir,
}

impl Peer {
    /// Starts a primary for `zones` and waits until it answers for the last of them. Changes are
    /// announced to `notify` on 127.0.0.1.
    ///
    /// # Errors
    /// The program is missing or does not start.
    pub fn start(kind: Kind, zones: &[PeerZone], notify: Option<u16>) -> Result<Self> {
        Self::start_at(
            (Ipv4Addr::LOCALHOST, place::free_port()),
            kind,
            zones,
            notify,
        )
    }

    /// The same at an address of loopback; beside 127.0.0.1 it is the only one.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_at(
        (ip, port): (Ipv4Addr, u16),
        kind: Kind,
        zones: &[PeerZone],
        notify: Option<u16>,
    ) -> Result<Self> {
        let (name, package) = kind.program();
        let program = place::program(name, package)?;
        let folder = tempfile::Builder::new()
            .prefix("bailiwick-peer-")
            .tempdir()?;
        let files = zones
            .iter()
            .enumerate()
            .map(|(number, zone)| {
                let path = folder.path().join(format!("{number}.zone"));
                fs::write(&path, &zone.text)?;
                Ok((zone.name.clone(), path))
            })
            .collect::<Result<Vec<_>>>()?;
        let setup = Setup {
            folder: folder.path(),
            ip,
            port,
            zones: &files,
            notify,
        };
        let (config, args) = match kind {
            Kind::Nsd => nsd::configure(&setup),
            Kind::Knot => knot::configure(&setup),
            Kind::Bind => bind::configure(&setup),
        };
        fs::write(setup.config_file(), config)?;
        let process = Process::start(name, &program, args, folder.path())?;
        let mut peer = Self {
            kind,
            ip,
            port,
            zones: files,
            process,
            folder,
        };
        peer.wait_ready()?;
        Ok(peer)
    }

    /// Which program this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it answers, over IPv4.
    pub fn v4(&self) -> SocketAddr {
        (self.ip, self.port).into()
    }

    /// Where it answers, over IPv6.
    pub fn v6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.port).into()
    }

    /// The names of its zones.
    pub fn zone_names(&self) -> impl Iterator<Item = &str> {
        self.zones.iter().map(|(name, _)| name.as_str())
    }

    /// The folder that it has to itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a new version of a zone in place and has the peer read it.
    ///
    /// # Errors
    /// No such zone, or the peer is gone.
    pub fn replace(&self, name: &str, text: &str) -> Result<()> {
        let (_, path) = self
            .zones
            .iter()
            .find(|(zone, _)| zone == name)
            .context("no such zone")?;
        // A new file renamed over the old: the peer never reads half of one.
        let fresh = path.with_extension("new");
        fs::write(&fresh, text)?;
        fs::rename(&fresh, path)?;
        self.process.signal("HUP")
    }

    /// Sends it a signal, such as `STOP`, after which it holds its ports and says nothing.
    ///
    /// # Errors
    /// The peer is gone.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process.signal(name)
    }

    /// Ends it as if its machine had gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn wait_ready(&mut self) -> Result<()> {
        let last = self.zones.last().context("a primary of nothing")?.0.clone();
        let (at, process) = (self.v4(), &mut self.process);
        let (ready, _) = wait_until(
            &format!("{:?} answers for {last}", self.kind),
            START_LIMIT,
            || {
                if process.ended().is_some() {
                    return Some(false);
                }
                client::serial(at, &last).map(|_| true)
            },
        );
        anyhow::ensure!(
            ready,
            "{:?} ended at once:\n{}",
            self.kind,
            self.process.log_tail()
        );
        Ok(())
    }
}

/// What a configuration is written from.
struct Setup<'a> {
    folder: &'a Path,
    ip: Ipv4Addr,
    port: u16,
    zones: &'a [(String, PathBuf)],
    notify: Option<u16>,
}

impl Setup<'_> {
    /// Whether it listens on `::1` too.
    fn has_v6(&self) -> bool {
        self.ip == Ipv4Addr::LOCALHOST
    }

    fn config_file(&self) -> PathBuf {
        self.folder.join("peer.conf")
    }
}

/// A configuration's text and the arguments to start the program with.
type Configuration = (String, Vec<String>);

const START_LIMIT: Duration = Duration::from_secs(30);
