//! What a server is started with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bailiwick_answer::Settings;
use bailiwick_meter::Meter;
use bailiwick_zone::SharedZones;
use ipnet::IpNet;

use crate::control::Control;
use crate::encrypted::EncryptedOptions;
use crate::rate::RateLimiter;

/// Everything a server needs; it keeps nothing but these handles.
#[derive(Clone)]
pub struct ServerOptions {
    /// Where to answer, over UDP and TCP alike. Port 0: any free one.
    pub listen: Vec<SocketAddr>,
    /// UDP threads. Each address gets its share of them; with fewer threads than addresses every
    /// thread serves all.
    pub threads: usize,
    /// The zones answered from.
    pub zones: Arc<SharedZones>,
    /// Where queries are counted, and where leases and rules come from.
    pub meter: Arc<Meter>,
    /// Who may transfer zones out; nobody when empty.
    pub allow_transfer: Arc<ArcSwap<Vec<IpNet>>>,
    /// Takes NOTIFY and serves transfers.
    pub control: Arc<dyn Control>,
    /// How answers are made; what is put there holds from the next batch on.
    pub answers: Arc<ArcSwap<Settings>>,
    /// Seconds since 1970, for the times in cookies (RFC 9018 4.3). Asked only where there is one.
    pub unix_now: fn() -> u64,
    /// How much is sent to one place over UDP.
    pub rate_limiter: Arc<RateLimiter>,
    /// Bounds on streams.
    pub limits: Limits,
    /// What is answered under TLS and QUIC; nothing when left out.
    pub encrypted: Option<EncryptedOptions>,
}

/// Bounds that keep streams from using up the machine (RELIABILITY P17, R1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Threads that serve TCP.
    pub tcp_threads: usize,
    /// Threads that serve what is encrypted.
    pub encrypted_threads: usize,
    /// A handshake that takes longer is given up.
    pub handshake: Duration,
    /// Connections at once; never more than half of the descriptors the process may have.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// A connection that has not sent a whole query for so long is closed (RFC 7766 6.2.3).
    pub idle: Duration,
    /// A client that takes nothing of an answer for so long is closed.
    pub write_stall: Duration,
    /// The same during a transfer, where a far secondary may be slow.
    pub transfer_stall: Duration,
    /// Transfers out at once; further ones wait their turn.
    pub transfers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tcp_threads: 1,
            encrypted_threads: 1,
            handshake: Duration::from_secs(5),
            connections: 10_000,
            connections_per_address: 20,
            idle: Duration::from_secs(10),
            write_stall: Duration::from_millis(500),
            transfer_stall: Duration::from_secs(10),
            transfers: 10,
        }
    }
}
