//! Handshakes over TCP, and DNS over TLS, which is TCP's frames inside (RFC 7858 3.3).

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailiwick_meter::Transport;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::budget::Budget;
use super::certificate::Certificates;
use crate::connections::Place;
use crate::stream;
use crate::tcp::ThreadContext;

/// Shakes hands for one protocol.
#[derive(Clone)]
pub(crate) struct Hands {
    acceptor: TlsAcceptor,
    budget: Rc<RefCell<Budget>>,
}

impl Hands {
    pub(crate) fn new(config: Arc<ServerConfig>, budget: Rc<RefCell<Budget>>) -> Self {
        Self {
            acceptor: TlsAcceptor::from(config),
            budget,
        }
    }

    /// A handshake, within its time and its client's budget; none if there was nothing to be had.
    pub(crate) async fn shake(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: &Place,
        context: &ThreadContext,
    ) -> Option<TlsStream<TcpStream>> {
        let events = &context.shared.events;
        let clock = &context.shared.clock;
        if !self.budget.borrow_mut().allows(peer.ip(), clock.now()) {
            events.handshakes_limited();
            return None;
        }
        let mut spent = Duration::ZERO;
        let mut shaking = self.acceptor.accept(stream);
        // This thread does nothing else while it polls, so the time that passes is time it used.
        let timed = poll_fn(|task| {
            let start = Instant::now();
            let outcome = Pin::new(&mut shaking).poll(task);
            spent += start.elapsed();
            outcome
        });
        let shaken = tokio::select! {
            shaken = timeout(context.shared.limits.handshake, timed) => shaken.ok().and_then(Result::ok),
            () = place.activity.displaced.notified() => None,
        };
        self.budget
            .borrow_mut()
            .charge(peer.ip(), spent, clock.now());
        match shaken {
            Some(_) => events.handshakes(),
            None => events.handshakes_failed(),
        }
        shaken
    }
}

/// Serves DNS over TLS.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    context: Rc<ThreadContext>,
    hands: Hands,
) {
    if let Some(stream) = hands.shake(stream, peer, &place, &context).await {
        stream::serve(stream, Transport::Tls, peer, place, context).await;
    }
}

/// How TLS is spoken. 0-RTT is off (RFC 9250 4.5, RELIABILITY P20: what may be replayed may not change
/// anything), and a client that names protocols has to name ours (RFC 9103 7.1, RFC 9250 4.1.1).
pub(crate) fn config(
    certificates: &Arc<Certificates>,
    protocol: &[u8],
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificates) as _);
    config.alpn_protocols = vec![protocol.to_vec()];
    config.max_early_data_size = 0;
    // Tickets that the client keeps: nothing is remembered here for those who never come back.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// The protocol's name in the handshake (RFC 7858, registered by RFC 9103 12.1).
pub(crate) const DOT: &[u8] = b"dot";
/// HTTP/2 (RFC 9113 3.1).
pub(crate) const H2: &[u8] = b"h2";
/// HTTP/3 (RFC 9114 3.1).
pub(crate) const H3: &[u8] = b"h3";
/// DNS over QUIC (RFC 9250 4.1.1).
pub(crate) const DOQ: &[u8] = b"doq";
