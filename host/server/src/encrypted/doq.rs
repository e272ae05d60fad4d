//! DNS over QUIC (RFC 9250): each query on a stream of its own, zone transfers too.
//!
//! Streams are answered as they become whole, in any order; a slow one holds up no other. The clock of a
//! connection is its last answered query, as over TCP. What the RFC calls a protocol error ends the
//! connection; anything that is wrong with the DNS is answered in DNS.

use std::net::SocketAddr;
use std::rc::Rc;

use bailiwick_answer::carries_keepalive;
use bailiwick_answer::request::HEADER_LEN;
use bailiwick_meter::Transport;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::holding::{Holding, Incoming};
use crate::connections::Place;
use crate::stream::{Answered, Closed, write_all};
use crate::tcp::{Stop, ThreadContext};
use crate::transfer;

/// What became of a stream.
enum Ended {
    /// Its query was answered.
    Answered,
    /// It came to nothing: taken back, too slow, too long, or a rule says that nothing is to be said.
    Nothing,
    /// The client does not speak DNS over QUIC.
    Broken,
}

/// Serves a connection until it ends, is silent too long, or has to make room.
pub(crate) async fn serve(
    connection: Connection,
    peer: SocketAddr,
    place: Place,
    context: Rc<ThreadContext>,
) {
    let shared = &context.shared;
    let holding = Holding::default();
    let place = Rc::new(place);
    let mut streams = JoinSet::new();
    let mut deadline = Instant::now() + shared.limits.idle;
    let mut stop = context.stop.clone();
    let displaced = place.activity.displaced.notified();
    tokio::pin!(displaced);
    loop {
        let is_stopping = *stop.borrow_and_update() != Stop::No;
        if is_stopping && streams.is_empty() {
            return connection.close(NO_ERROR, b"");
        }
        tokio::select! {
            accepted = connection.accept_bi(), if !is_stopping => match accepted {
                Ok((answer, query)) => {
                    let stream = Stream {
                        answer,
                        peer,
                        place: Rc::clone(&place),
                        context: Rc::clone(&context),
                    };
                    streams.spawn_local(stream.serve(query, holding.incoming()));
                }
                Err(_) => return,
            },
            Some(ended) = streams.join_next() => match ended {
                Ok(Ended::Answered) => {
                    deadline = Instant::now() + shared.limits.idle;
                    place.activity.heard(shared.clock.now());
                }
                Ok(Ended::Nothing) | Err(_) => {}
                Ok(Ended::Broken) => {
                    shared.events.connections_cut();
                    return connection.close(PROTOCOL_ERROR, b"");
                }
            },
            () = sleep_until(deadline) => {
                if !place.activity.is_busy() {
                    return connection.close(NO_ERROR, b"");
                }
                deadline = Instant::now() + shared.limits.idle;
            }
            () = &mut displaced => return connection.close(EXCESSIVE_LOAD, b""),
            _ = stop.changed(), if !is_stopping => {}
        }
    }
}

/// One query's stream.
struct Stream {
    answer: SendStream,
    peer: SocketAddr,
    place: Rc<Place>,
    context: Rc<ThreadContext>,
}

impl Stream {
    async fn serve(mut self, mut query: RecvStream, mut incoming: Incoming) -> Ended {
        let reading = read(&mut query, &mut incoming);
        match timeout(self.context.shared.limits.idle, reading).await {
            Ok(Ok(())) => {}
            _ => {
                let _ = query.stop(REQUEST_CANCELLED);
                let _ = self.answer.reset(REQUEST_CANCELLED);
                return Ended::Nothing;
            }
        }
        // RFC 9250 4.2: a length, a message, and the end of the stream.
        let Some((length, message)) = incoming.octets().split_first_chunk::<2>() else {
            return Ended::Broken;
        };
        if usize::from(u16::from_be_bytes(*length)) != message.len() {
            return Ended::Broken;
        }
        // RFC 9250 4.2.1: the stream tells queries apart, so the ID is 0.
        if message.len() >= HEADER_LEN && !message.starts_with(&[0, 0]) {
            return Ended::Broken;
        }
        // RFC 9250 4.3.3, 5.5.2: QUIC has its own way to say how long a connection lasts.
        if carries_keepalive(message) {
            return Ended::Broken;
        }
        match self.reply(message).await {
            Ok(true) => Ended::Answered,
            Ok(false) | Err(Closed) => {
                let _ = self.answer.reset(UNSPECIFIED_ERROR);
                Ended::Nothing
            }
        }
    }

    /// Answers; says whether there was anything to say.
    async fn reply(&mut self, message: &[u8]) -> Result<bool, Closed> {
        let context = Rc::clone(&self.context);
        let from = (self.peer, Transport::Quic);
        let framed = match context.answer(message, from, frame) {
            Some(Answered::Octets(framed)) => Some(framed),
            Some(Answered::Transfer(zone)) => {
                let order = transfer::Order {
                    zone,
                    request: message.to_vec(),
                    from,
                };
                let activity = &self.place.activity;
                if transfer::carry_out(order, &context, activity, &mut self.answer).await? {
                    None
                } else {
                    context.refuse_transfer(message, frame)
                }
            }
            None => return Ok(false),
        };
        if let Some(framed) = framed {
            let stall = context.shared.limits.write_stall;
            write_all(&mut self.answer, &framed, stall).await?;
        }
        self.answer.finish().map_err(|_| Closed)?;
        Ok(true)
    }
}

/// Reads a stream to its end.
async fn read(query: &mut RecvStream, incoming: &mut Incoming) -> Result<(), Closed> {
    while let Some(chunk) = query
        .read_chunk(CHUNK_MAX, true)
        .await
        .map_err(|_| Closed)?
    {
        if !incoming.take(&chunk.bytes, MESSAGE_MAX) {
            return Err(Closed);
        }
    }
    Ok(())
}

fn frame(octets: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(2 + octets.len());
    framed.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    framed.extend_from_slice(octets);
    framed
}

/// Octets of the longest message with its length.
const MESSAGE_MAX: usize = 2 + u16::MAX as usize;
/// Octets taken at once.
const CHUNK_MAX: usize = 16 * 1024;

// RFC 9250 4.3.
const NO_ERROR: VarInt = VarInt::from_u32(0);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
const REQUEST_CANCELLED: VarInt = VarInt::from_u32(3);
pub(super) const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);
const UNSPECIFIED_ERROR: VarInt = VarInt::from_u32(5);
