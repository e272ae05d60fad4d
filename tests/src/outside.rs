//! A small Internet on loopback: a root, a top level and one zone below, each on a server and an address
//! of its own, all on one port. It is what a resolver with a configured root finds.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::peers::{Kind, Peer, PeerZone};
use crate::place;

/// The running servers.
pub struct Outside {
    port: u16,
    _root: Peer,
    _top: Peer,
    leaf: Option<Peer>,
}

/// The zone at the end, whose records a test says.
pub const LEAF: &str = "cdn.test.";

impl Outside {
    /// BIND has the root, Knot `test.`, and `kind` (not BIND) the zone [`LEAF`] with these lines beside SOA
    /// and NS.
    ///
    /// # Errors
    /// A program is missing or does not start.
    pub fn start(kind: Kind, lines: &str) -> Result<Self> {
        let port = place::free_port();
        let root = format!(
            ". 86400 SOA a.root. h.root. 1 1800 900 604800 60\n. 86400 NS a.root.\na.root. 86400 A {ROOT}\n\
             test. 86400 NS ns.test.\nns.test. 86400 A {TOP}\n"
        );
        let top = format!(
            "test. 86400 SOA ns.test. h.test. 1 1800 900 604800 60\ntest. 86400 NS ns.test.\nns.test. 86400 A {TOP}\n\
             cdn.test. 86400 NS ns.cdn.test.\nns.cdn.test. 86400 A {BELOW}\n"
        );
        Ok(Self {
            port,
            _root: Peer::start_at((ROOT, port), Kind::Bind, &[PeerZone::new(".", root)], None)?,
            _top: Peer::start_at(
                (TOP, port),
                Kind::Knot,
                &[PeerZone::new("test.", top)],
                None,
            )?,
            leaf: Some(leaf_server(port, kind, 1, lines)?),
        })
    }

    /// A configuration whose resolver knows this Internet and takes addresses of the documentation ranges.
    pub fn config(&self) -> String {
        config(self.port)
    }

    /// Other lines for the zone at the end, under this serial.
    ///
    /// # Errors
    /// The server is gone.
    pub fn replace(&self, serial: u32, lines: &str) -> Result<()> {
        let leaf = self.leaf.as_ref().expect("it was not ended");
        leaf.replace(LEAF, &leaf_text(serial, lines))
    }

    /// Ends the server of the zone at the end.
    pub fn end_leaf(&mut self) {
        self.leaf = None;
    }

    /// Starts it again.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_leaf(&mut self, kind: Kind, serial: u32, lines: &str) -> Result<()> {
        self.leaf = Some(leaf_server(self.port, kind, serial, lines)?);
        Ok(())
    }
}

/// A configuration whose resolver begins at this port's root, whether anything is there or not.
pub fn config(port: u16) -> String {
    format!(
        "version = \"v1\"\n[resolver]\nroots = [\"{ROOT}\"]\nport = {port}\nallow-servers = [\"127.0.0.0/8\"]\n\
         allow-answers = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n[alias]\nrefresh-min = 1\n"
    )
}

fn leaf_server(port: u16, kind: Kind, serial: u32, lines: &str) -> Result<Peer> {
    let zone = PeerZone::new(LEAF, leaf_text(serial, lines));
    Peer::start_at((BELOW, port), kind, &[zone], None)
}

fn leaf_text(serial: u32, lines: &str) -> String {
    format!(
        "$ORIGIN {LEAF}\n@ 86400 SOA ns h {serial} 1800 900 604800 5\n@ 86400 NS ns\nns 86400 A {BELOW}\n{lines}"
    )
}

/// BIND listens only where an interface has exactly this address.
const ROOT: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TOP: Ipv4Addr = Ipv4Addr::new(127, 0, 53, 2);
const BELOW: Ipv4Addr = Ipv4Addr::new(127, 0, 53, 3);
