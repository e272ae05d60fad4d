//! DNS over HTTPS on HTTP/2 (RFC 8484): a stream a query, many at once.
//!
//! h2 keeps to the protocol and bounds what the protocol lets a client pile up; the bounds are set here
//! (RELIABILITY P19), and one is added: requests that are taken back after they were accepted are counted,
//! and a connection that does little else is ended. The clock of a connection is its last answered query,
//! as over TCP.

use std::net::SocketAddr;
use std::rc::Rc;

use ::http::{Request, StatusCode};
use bailiwick_meter::Transport;
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::holding::Holding;
use super::http::{self, Asked, BODY_MAX};
use super::impatient::Impatient;
use super::tls::Hands;
use crate::connections::Place;
use crate::stream::Answered;
use crate::tcp::{Stop, ThreadContext};

/// Serves DNS over HTTP/2.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    context: Rc<ThreadContext>,
    hands: Hands,
) {
    let Some(stream) = hands.shake(stream, peer, &place, &context).await else {
        return;
    };
    let limits = &context.shared.limits;
    let stream = Impatient::new(stream, limits.write_stall);
    match timeout(limits.handshake, builder().handshake(stream)).await {
        Ok(Ok(connection)) => visit(connection, peer, place, context).await,
        _ => context.shared.events.connections_cut(),
    }
}

type Http2 = Connection<Impatient<TlsStream<TcpStream>>, Bytes>;

/// What became of a request.
enum Ended {
    /// Its DNS message was answered.
    Answered,
    /// It was told what is wrong with its HTTP.
    Failed,
    /// It was taken back, or nobody took its answer.
    Reset,
}

async fn visit(mut connection: Http2, peer: SocketAddr, place: Place, context: Rc<ThreadContext>) {
    let shared = &context.shared;
    let holding = Holding::default();
    let mut requests = JoinSet::new();
    let mut resets_left = RESETS_MAX;
    let mut deadline = Instant::now() + shared.limits.idle;
    let mut stop = context.stop.clone();
    let mut is_leaving = false;
    let displaced = place.activity.displaced.notified();
    tokio::pin!(displaced);
    loop {
        if !is_leaving && *stop.borrow_and_update() != Stop::No {
            is_leaving = true;
            connection.graceful_shutdown();
        }
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let context = Rc::clone(&context);
                    requests.spawn_local(exchange(request, respond, peer, holding.clone(), context));
                }
                // Against the rules, or too much of what they allow; h2 has said so if it could.
                Some(Err(_)) => return shared.events.connections_cut(),
                None => return,
            },
            Some(ended) = requests.join_next() => match ended {
                Ok(Ended::Answered) => {
                    deadline = Instant::now() + shared.limits.idle;
                    place.activity.heard(shared.clock.now());
                }
                Ok(Ended::Failed) => shared.events.http_errors(),
                Ok(Ended::Reset) | Err(_) => {
                    resets_left -= 1;
                    if resets_left == 0 {
                        // CVE-2023-44487, CVE-2025-8671: whoever makes work only to take it back.
                        shared.events.connections_cut();
                        connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                        let _ = timeout(shared.limits.write_stall, connection.accept()).await;
                        return;
                    }
                }
            },
            () = sleep_until(deadline), if !is_leaving => {
                is_leaving = true;
                deadline = Instant::now() + shared.limits.write_stall;
                connection.graceful_shutdown();
            }
            // Told to go, and did not.
            () = sleep_until(deadline), if is_leaving && requests.is_empty() => return,
            () = &mut displaced => return,
            _ = stop.changed(), if !is_leaving => {}
        }
    }
}

/// One request and its answer.
async fn exchange(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: SocketAddr,
    holding: Holding,
    context: Rc<ThreadContext>,
) -> Ended {
    let (head, body) = request.into_parts();
    let answered = match http::read(&head) {
        Ok(Asked::Message(message)) => answer(&message, peer, &context),
        Ok(Asked::Body) => {
            let reading = collect(body, &holding, |message| answer(message, peer, &context));
            match timeout(context.shared.limits.idle, reading).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(status)) => Err(status),
                Err(_) => Err(Some(StatusCode::REQUEST_TIMEOUT)),
            }
        }
        Err(status) => Err(Some(status)),
    };
    match answered {
        Ok(octets) => send(respond, octets, &context).await,
        Err(Some(status)) => match respond.send_response(http::failed(status), true) {
            Ok(_) => Ended::Failed,
            Err(_) => Ended::Reset,
        },
        Err(None) => {
            respond.send_reset(Reason::REFUSED_STREAM);
            Ended::Reset
        }
    }
}

/// The answer to a message; or a status; or, where a rule says that nothing is to be said, nothing.
pub(super) fn answer_over(
    transport: Transport,
    message: &[u8],
    peer: SocketAddr,
    context: &ThreadContext,
) -> Result<Bytes, Option<StatusCode>> {
    match context.answer(message, (peer, transport), Bytes::copy_from_slice) {
        Some(Answered::Octets(octets)) => Ok(octets),
        // Too short to answer, or itself an answer.
        None if http::is_no_query(message) => Err(Some(StatusCode::BAD_REQUEST)),
        // HTTP is given no zone (see `authorise`).
        Some(Answered::Transfer(_)) | None => Err(None),
    }
}

fn answer(
    message: &[u8],
    peer: SocketAddr,
    context: &ThreadContext,
) -> Result<Bytes, Option<StatusCode>> {
    answer_over(Transport::Https, message, peer, context)
}

/// Reads a body and hands it over whole.
async fn collect<T>(
    mut body: RecvStream,
    holding: &Holding,
    take: impl FnOnce(&[u8]) -> T,
) -> Result<T, Option<StatusCode>> {
    let mut message = holding.incoming();
    while let Some(chunk) = body.data().await {
        // Taken back by the client.
        let chunk = chunk.map_err(|_| None)?;
        if !message.take(&chunk, BODY_MAX) {
            return Err(Some(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    Ok(take(message.octets()))
}

/// Sends an answer as fast as the client takes it.
async fn send(
    mut respond: SendResponse<Bytes>,
    mut octets: Bytes,
    context: &ThreadContext,
) -> Ended {
    let Ok(mut stream) = respond.send_response(http::found(&octets), false) else {
        return Ended::Reset;
    };
    let stall = context.shared.limits.write_stall;
    while !octets.is_empty() {
        stream.reserve_capacity(octets.len());
        let room = std::future::poll_fn(|task| stream.poll_capacity(task));
        let Ok(Some(Ok(room))) = timeout(stall, room).await else {
            stream.send_reset(Reason::CANCEL);
            return Ended::Reset;
        };
        let part = octets.split_to(room.min(octets.len()));
        if stream.send_data(part, octets.is_empty()).is_err() {
            return Ended::Reset;
        }
    }
    Ended::Answered
}

/// HTTP/2 with the bounds of RELIABILITY P19.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADERS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(RESETS_MAX))
        .max_concurrent_reset_streams(RESETS_MAX)
        .max_send_buffer_size(SEND_BUFFER_MAX);
    builder
}

/// Requests at once on a connection.
pub(super) const STREAMS_MAX: u32 = 100;
/// Octets of a request's headers, as HPACK counts them.
pub(super) const HEADERS_MAX: u32 = 4096;
/// Requests of a connection that may be taken back before it is ended.
const RESETS_MAX: usize = 100;
/// Octets of an answer that wait in h2.
const SEND_BUFFER_MAX: usize = 64 * 1024;
