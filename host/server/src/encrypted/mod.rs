//! Encrypted transports: DNS over TLS, over HTTPS (HTTP/2 and HTTP/3) and over QUIC.
//!
//! ```text
//!   TCP ── handshake ─┬─ "dot" ── the same frames as TCP: stream.rs      RFC 7858, RFC 9103
//!          budget     └─ "h2" ─── doh.rs ──┐
//!                                          ├─ http.rs: head ↔ message    RFC 8484
//!   UDP ── quic.rs ───┬─ "h3" ─── doh3.rs ─┘
//!          half-open  └─ "doq" ── doq.rs: a query a stream               RFC 9250
//! ```
//!
//! All of it runs on threads of its own, beside those of TCP: a flood of handshakes holds up neither UDP
//! nor TCP. Each thread has a [`crate::worker::Worker`] like every other, and a message takes the same
//! way through it whatever it came by, so answers, rules, leases and access are the same by
//! construction; the transport is a field that is counted.
//!
//! Why not hickory-server, which has all three? Read at 0.26.3, it cannot bear RELIABILITY P19 and P20,
//! and none of this can be set from outside:
//! - It answers with records that it encodes itself; octets that are ready cannot be sent, nor can what
//!   its own reader refuses be answered like over UDP (P3).
//! - HTTP/2 is started with h2's defaults: no bound on concurrent streams or on resets, header lists of
//!   16 MiB. A GET over HTTP/3 is taken for a POST without a body.
//! - A QUIC handshake is awaited before the next is looked at: one client that falls silent keeps
//!   everybody out for five seconds. Queries of a connection wait for each other, and the hundredth is
//!   the last. There is no Retry and no bound on connections.
//! - Nothing bounds connections, in all or by client, and nobody has to make room.
//! - It logs each answered query at `info` and each broken connection at `warn`.
//!
//! So this goes below it, to what it stands on itself: rustls, h2, quinn and h3.

mod budget;
mod certificate;
mod doh;
mod doh3;
mod doq;
mod events;
mod holding;
mod http;
mod impatient;
mod quic;
mod thrift;
mod tls;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::options::Limits;
use crate::tcp::{self, Front, ThreadContext};
use budget::Budget;
use quic::Protocol;

pub use certificate::{CertificateError, CertificateFiles, Certificates};
pub(crate) use doh::serve as serve_https;
pub use events::EncryptedEvents;
pub(crate) use events::Events;
pub(crate) use tls::{Hands, serve as serve_tls};

/// Where encrypted transports are answered, and what they show.
#[derive(Clone, Debug)]
pub struct EncryptedOptions {
    /// DNS over TLS, on TCP; port 853 by custom.
    pub tls: Vec<SocketAddr>,
    /// DNS over QUIC, on UDP; port 853 by custom.
    pub quic: Vec<SocketAddr>,
    /// DNS over HTTPS: HTTP/2 on TCP and HTTP/3 on UDP of the same address; port 443 by custom.
    pub https: Vec<SocketAddr>,
    /// The certificate of all of them.
    pub certificates: Arc<Certificates>,
}

/// Where encrypted transports are answered, with the ports that were found where 0 was asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EncryptedAddresses {
    /// DNS over TLS.
    pub tls: Vec<SocketAddr>,
    /// DNS over QUIC.
    pub quic: Vec<SocketAddr>,
    /// DNS over HTTPS.
    pub https: Vec<SocketAddr>,
}

/// How each protocol is spoken; the same for all threads, so that a client may come back to another.
pub(crate) struct Configs {
    dot: Arc<rustls::ServerConfig>,
    doh: Arc<rustls::ServerConfig>,
    doq: quinn::ServerConfig,
    doh3: quinn::ServerConfig,
}

/// The sockets of one thread.
pub(crate) struct Sockets {
    pub(crate) tls: Vec<TcpListener>,
    pub(crate) https: Vec<TcpListener>,
    pub(crate) quic: Vec<UdpSocket>,
    pub(crate) http3: Vec<UdpSocket>,
    pub(crate) configs: Arc<Configs>,
}

impl Configs {
    pub(crate) fn new(
        certificates: &Arc<Certificates>,
        limits: &Limits,
    ) -> Result<Self, rustls::Error> {
        let tls = |protocol| tls::config(certificates, protocol);
        Ok(Self {
            dot: Arc::new(tls(tls::DOT)?),
            doh: Arc::new(tls(tls::H2)?),
            doq: quic::config(tls(tls::DOQ)?, Protocol::Doq, limits)?,
            doh3: quic::config(tls(tls::H3)?, Protocol::Http3, limits)?,
        })
    }
}

impl Sockets {
    /// Starts to accept on all of them. Each task hands back its connections when it ends.
    pub(crate) fn accept(
        self,
        accepting: &mut JoinSet<JoinSet<()>>,
        context: &Rc<ThreadContext>,
    ) -> io::Result<()> {
        let budget = Rc::new(RefCell::new(Budget::new()));
        let hands = |config| Hands::new(Arc::clone(config), Rc::clone(&budget));
        for listener in self.tls {
            let front = Front::Tls(hands(&self.configs.dot));
            tcp::accept_on(listener, front, accepting, context)?;
        }
        for listener in self.https {
            let front = Front::Https(hands(&self.configs.doh));
            tcp::accept_on(listener, front, accepting, context)?;
        }
        let half_open = Rc::default();
        let doq = self.quic.into_iter().map(|socket| (socket, Protocol::Doq));
        let doh3 = self
            .http3
            .into_iter()
            .map(|socket| (socket, Protocol::Http3));
        for (socket, protocol) in doq.chain(doh3) {
            let config = match protocol {
                Protocol::Doq => self.configs.doq.clone(),
                Protocol::Http3 => self.configs.doh3.clone(),
            };
            let gate = quic::Gate {
                budget: Rc::clone(&budget),
                half_open: Rc::clone(&half_open),
                context: Rc::clone(context),
            };
            accepting.spawn_local(quic::accept(socket, config, protocol, gate));
        }
        accepting.spawn_local(thrift::look_after_memory(Rc::clone(context)));
        Ok(())
    }
}
