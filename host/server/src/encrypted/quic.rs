//! QUIC connections: who gets one, and what one may hold (RFC 9000, RELIABILITY P20).
//!
//! An Initial packet costs its sender nothing, and its source address may be a lie. So nothing is booked
//! on an address before it is proven: neither a place among the connections nor time from a budget. Until
//! then there is a bound on how many handshakes are under way at all; above half of it, clients are asked
//! to prove their address first (Retry, RFC 9000 8.1.2), which costs this side no memory. quinn keeps to
//! three octets for each one received until then (8.1).
//!
//! Connections do not move to other addresses: access, limits and counters go by the address, and a
//! client whose address changed comes back with a new connection at the cost of one round trip.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime, VarInt};
use quinn::{IdleTimeout, TransportConfig};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::budget::Budget;
use super::{doh3, doq};
use crate::connections::Place;
use crate::options::Limits;
use crate::tcp::{Stop, ThreadContext};

/// What is spoken in the streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// DNS over QUIC.
    Doq,
    /// HTTP/3.
    Http3,
}

/// Who comes in; what is counted is counted over all sockets of a thread.
pub(crate) struct Gate {
    pub(crate) budget: Rc<RefCell<Budget>>,
    /// Handshakes that are under way.
    pub(crate) half_open: Rc<Cell<usize>>,
    pub(crate) context: Rc<ThreadContext>,
}

/// One of the handshakes that are under way.
struct HalfOpen(Rc<Cell<usize>>);

/// Accepts until told to stop; returns the connections that are still open.
pub(crate) async fn accept(
    socket: UdpSocket,
    config: ServerConfig,
    protocol: Protocol,
    gate: Gate,
) -> JoinSet<()> {
    let context = Rc::clone(&gate.context);
    let mut connections = JoinSet::new();
    let opened = Endpoint::new(
        EndpointConfig::default(),
        Some(config),
        socket,
        Arc::new(TokioRuntime),
    );
    let endpoint = match opened {
        Ok(endpoint) => endpoint,
        Err(error) => {
            tracing::error!(%error, "a QUIC socket cannot be used: {error}");
            return connections;
        }
    };
    let mut stop = context.stop.clone();
    while *stop.borrow_and_update() == Stop::No {
        tokio::select! {
            changed = stop.changed() => if changed.is_err() { break },
            incoming = endpoint.accept() => {
                let Some(incoming) = incoming else { break };
                let Some((incoming, half_open)) = gate.judge(incoming) else { continue };
                let (budget, context) = (Rc::clone(&gate.budget), Rc::clone(&context));
                connections.spawn_local(async move {
                    let shaken = shake(incoming, half_open, &budget, &context).await;
                    if let Some((connection, peer, place)) = shaken {
                        match protocol {
                            Protocol::Doq => doq::serve(connection, peer, place, context).await,
                            Protocol::Http3 => doh3::serve(connection, peer, place, context).await,
                        }
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
    endpoint.set_server_config(None);
    // What was said last is still to be sent.
    connections.spawn_local(async move { endpoint.wait_idle().await });
    connections
}

impl Gate {
    /// Lets a client in to shake hands, asks for proof, or turns it away.
    fn judge(&self, incoming: Incoming) -> Option<(Incoming, HalfOpen)> {
        let shared = &self.context.shared;
        let client = incoming.remote_address().ip();
        let is_crowded = self.half_open.get() >= HALF_OPEN_MAX / 2;
        let is_spent = !self.budget.borrow_mut().allows(client, shared.clock.now());
        if !incoming.remote_address_validated() && (is_crowded || is_spent) {
            shared.events.quic_retries();
            let _ = incoming.retry();
            return None;
        }
        if is_spent {
            shared.events.handshakes_limited();
            incoming.refuse();
            return None;
        }
        if self.half_open.get() >= HALF_OPEN_MAX {
            shared.events.quic_refused();
            incoming.ignore();
            return None;
        }
        Some((incoming, HalfOpen::new(&self.half_open)))
    }
}

/// The handshake. By its end the client has shown that it is where it says.
async fn shake(
    incoming: Incoming,
    half_open: HalfOpen,
    budget: &RefCell<Budget>,
    context: &ThreadContext,
) -> Option<(Connection, SocketAddr, Place)> {
    let shared = &context.shared;
    let peer = incoming.remote_address();
    let is_proven = incoming.remote_address_validated();
    // The costly part, key exchange and signature, is done in here.
    let start = Instant::now();
    let connecting = incoming.accept();
    let spent = start.elapsed();
    if is_proven {
        charge(budget, peer.ip(), spent, context);
    }
    let connection = match connecting {
        Ok(connecting) => timeout(shared.limits.handshake, connecting).await,
        Err(error) => Ok(Err(error)),
    };
    drop(half_open);
    let Ok(Ok(connection)) = connection else {
        shared.events.handshakes_failed();
        return None;
    };
    if !is_proven {
        charge(budget, peer.ip(), spent, context);
    }
    shared.events.handshakes();
    let Some(place) = shared.connections.admit(peer.ip(), shared.clock.now()) else {
        shared.events.connections_cut();
        connection.close(doq::EXCESSIVE_LOAD, b"");
        return None;
    };
    Some((connection, peer, place))
}

fn charge(budget: &RefCell<Budget>, client: IpAddr, spent: Duration, context: &ThreadContext) {
    let now = context.shared.clock.now();
    budget.borrow_mut().charge(client, spent, now);
}

impl HalfOpen {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// QUIC with the bounds of RELIABILITY P20.
pub(crate) fn config(
    tls: rustls::ServerConfig,
    protocol: Protocol,
    limits: &Limits,
) -> Result<ServerConfig, rustls::Error> {
    let crypto = QuicServerConfig::try_from(tls)
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut transport = TransportConfig::default();
    // RFC 9250 4.2 has no unidirectional streams; HTTP/3 has three (RFC 9114 6.2, RFC 9204 4.2).
    let one_way = match protocol {
        Protocol::Doq => 0,
        Protocol::Http3 => 8,
    };
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(one_way))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(IdleTimeout::try_from(limits.idle * 2).ok());
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport))
        .migration(false)
        .max_incoming(HALF_OPEN_MAX)
        .incoming_buffer_size(u64::from(STREAM_WINDOW))
        .incoming_buffer_size_total(INCOMING_BUFFER_MAX);
    Ok(config)
}

/// Handshakes of a thread that may be under way at once; above half of it they start with a Retry.
const HALF_OPEN_MAX: usize = 2000;
/// Streams at once on a connection.
const STREAMS_MAX: u32 = 100;
/// Octets of a stream that are on their way.
const STREAM_WINDOW: u32 = 64 * 1024;
/// Octets of a connection that are on their way, in each direction.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Octets that came before their connection was accepted.
const INCOMING_BUFFER_MAX: u64 = 4 << 20;
