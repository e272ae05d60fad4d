//! DNS over HTTPS on HTTP/3 (RFC 8484, RFC 9114): a stream a request, as in `doh`.
//!
//! h3 reads a frame of headers or of settings whole before it judges its size, and quinn gives a client
//! new credit for whatever was read. So a [`Meter`] stands beside each connection: what it has received
//! may not run ahead of what its answered requests can explain. It looks before anything is read, and one
//! look apart a client can send no more than a window.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use ::http::StatusCode;
use bailiwick_meter::Transport;
use bytes::{Buf, Bytes};
use h3::quic::BidiStream;
use h3::server::{Connection, RequestResolver, RequestStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::doh::{HEADERS_MAX, answer_over};
use super::holding::Holding;
use super::http::{self, Asked, BODY_MAX};
use crate::connections::Place;
use crate::tcp::{Stop, ThreadContext};

type Http3 = Connection<h3_quinn::Connection, Bytes>;
type Resolver = RequestResolver<h3_quinn::Connection, Bytes>;

/// What became of a request.
enum Ended {
    /// Its DNS message was answered.
    Answered,
    /// It was told what is wrong with its HTTP.
    Failed,
    /// It came to nothing.
    Nothing,
    /// The connection brought more than it has a use for.
    Excessive,
}

/// Watches how much a connection brings.
#[derive(Clone)]
struct Meter {
    connection: quinn::Connection,
    /// Requests that were answered, each with room for a message and its headers.
    explained: Rc<std::cell::Cell<u64>>,
}

/// It brought too much.
struct Excessive;

/// Serves a connection until it ends, is silent too long, or has to make room.
pub(crate) async fn serve(
    connection: quinn::Connection,
    peer: SocketAddr,
    place: Place,
    context: Rc<ThreadContext>,
) {
    let meter = Meter {
        connection: connection.clone(),
        explained: Rc::default(),
    };
    let mut builder = h3::server::builder();
    builder
        .max_field_section_size(u64::from(HEADERS_MAX))
        .send_grease(false);
    let building = builder.build(h3_quinn::Connection::new(connection.clone()));
    match timeout(context.shared.limits.handshake, building).await {
        Ok(Ok(http3)) => {
            if visit(http3, &meter, peer, &place, &context).await.is_err() {
                context.shared.events.connections_cut();
                connection.close(EXCESSIVE_LOAD.into(), b"");
            } else {
                connection.close(NO_ERROR.into(), b"");
            }
        }
        _ => context.shared.events.connections_cut(),
    }
}

async fn visit(
    mut http3: Http3,
    meter: &Meter,
    peer: SocketAddr,
    place: &Place,
    context: &Rc<ThreadContext>,
) -> Result<(), Excessive> {
    let shared = &context.shared;
    let holding = Holding::default();
    let mut requests = JoinSet::new();
    let mut deadline = Instant::now() + shared.limits.idle;
    let mut stop = context.stop.clone();
    let displaced = place.activity.displaced.notified();
    tokio::pin!(displaced);
    loop {
        let is_stopping = *stop.borrow_and_update() != Stop::No;
        if is_stopping && requests.is_empty() {
            return Ok(());
        }
        tokio::select! {
            accepted = meter.watch(http3.accept()) => match accepted? {
                Ok(Some(resolver)) if !is_stopping => {
                    let request = exchange(resolver, peer, meter.clone(), holding.clone(), Rc::clone(context));
                    requests.spawn_local(request);
                }
                // Left where it is; the connection is about to end.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(()),
            },
            Some(ended) = requests.join_next() => match ended {
                Ok(Ended::Answered) => {
                    deadline = Instant::now() + shared.limits.idle;
                    place.activity.heard(shared.clock.now());
                    meter.explain();
                }
                Ok(Ended::Failed) => shared.events.http_errors(),
                Ok(Ended::Nothing) | Err(_) => {}
                Ok(Ended::Excessive) => return Err(Excessive),
            },
            () = sleep_until(deadline) => return Ok(()),
            () = &mut displaced => return Err(Excessive),
            _ = stop.changed(), if !is_stopping => {}
        }
    }
}

impl Meter {
    /// The same future, which ends early when the connection brought too much.
    async fn watch<F: Future>(&self, future: F) -> Result<F::Output, Excessive> {
        let mut future = pin!(future);
        poll_fn(|task| {
            if self.is_excessive() {
                return Poll::Ready(Err(Excessive));
            }
            future.as_mut().poll(task).map(Ok)
        })
        .await
    }

    fn explain(&self) {
        self.explained.set(self.explained.get().saturating_add(1));
    }

    fn is_excessive(&self) -> bool {
        let allowed = self.explained.get().saturating_mul(EXPLAINED_BY_ONE);
        self.connection.stats().udp_rx.bytes > allowed.saturating_add(UNEXPLAINED_MAX)
    }
}

/// One request and its answer.
async fn exchange(
    resolver: Resolver,
    peer: SocketAddr,
    meter: Meter,
    holding: Holding,
    context: Rc<ThreadContext>,
) -> Ended {
    let limits = &context.shared.limits;
    let heading = timeout(limits.idle, meter.watch(resolver.resolve_request())).await;
    let (request, mut stream) = match heading {
        Ok(Ok(Ok(resolved))) => resolved,
        Ok(Err(Excessive)) => return Ended::Excessive,
        _ => return Ended::Nothing,
    };
    let (head, ()) = request.into_parts();
    let answered = match http::read(&head) {
        Ok(Asked::Message(message)) => answer_over(Transport::Http3, &message, peer, &context),
        Ok(Asked::Body) => {
            let reading = meter.watch(collect(&mut stream, &holding, |message| {
                answer_over(Transport::Http3, message, peer, &context)
            }));
            match timeout(limits.idle, reading).await {
                Ok(Ok(Ok(answered))) => answered,
                Ok(Ok(Err(status))) => Err(status),
                Ok(Err(Excessive)) => return Ended::Excessive,
                Err(_) => Err(Some(StatusCode::REQUEST_TIMEOUT)),
            }
        }
        Err(status) => Err(Some(status)),
    };
    // Nothing more is wanted of the client; what it still sends is not read.
    let (head, octets, ended) = match answered {
        Ok(octets) => (http::found(&octets), octets, Ended::Answered),
        Err(Some(status)) => (http::failed(status), Bytes::new(), Ended::Failed),
        Err(None) => {
            stream.stop_stream(h3::error::Code::H3_REQUEST_REJECTED);
            return Ended::Nothing;
        }
    };
    match timeout(limits.write_stall, send(stream, head, octets)).await {
        Ok(Ok(())) => ended,
        _ => Ended::Nothing,
    }
}

/// Reads a body and hands it over whole.
async fn collect<S: BidiStream<Bytes>, T>(
    stream: &mut RequestStream<S, Bytes>,
    holding: &Holding,
    take: impl FnOnce(&[u8]) -> T,
) -> Result<T, Option<StatusCode>> {
    let mut message = holding.incoming();
    while let Some(mut data) = stream.recv_data().await.map_err(|_| None)? {
        while data.has_remaining() {
            let chunk = data.chunk();
            if !message.take(chunk, BODY_MAX) {
                return Err(Some(StatusCode::PAYLOAD_TOO_LARGE));
            }
            let len = chunk.len();
            data.advance(len);
        }
    }
    Ok(take(message.octets()))
}

async fn send<S: BidiStream<Bytes>>(
    mut stream: RequestStream<S, Bytes>,
    head: ::http::Response<()>,
    octets: Bytes,
) -> Result<(), h3::error::StreamError> {
    stream.send_response(head).await?;
    if !octets.is_empty() {
        stream.send_data(octets).await?;
    }
    stream.finish().await
}

/// RFC 9114 8.1.
const NO_ERROR: u32 = 0x100;
const EXCESSIVE_LOAD: u32 = 0x107;
/// Octets of a connection that no answered request has to explain: handshake, headers, a message or two.
const UNEXPLAINED_MAX: u64 = 512 * 1024;
/// Octets that one answered request explains.
const EXPLAINED_BY_ONE: u64 = 72 * 1024;
