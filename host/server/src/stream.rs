//! One connection: frames in, answers out, in order. TCP and TLS are the same to it (RFC 7858 3.3): what
//! is under the frames is a parameter.
//!
//! Queries may be pipelined without end; they are answered as they are read, and what has gathered is
//! sent before more is read, so a client that does not take its answers is not read from either. The
//! clock of a connection is its last whole query: sending octet by octet does not keep it open
//! (RELIABILITY P17).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_answer::{ExtendedError, Job, Rcode, Transport as Size};
use bailiwick_meter::{Source, Transport};
use bailiwick_zone::{LookupName, Zone};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use crate::connections::Place;
use crate::tcp::{Stop, ThreadContext};
use crate::transfer;
use crate::worker::{Arrived, Reply, Worker};

/// Memory that every answer of a thread is written into first.
pub(crate) struct Scratch {
    name: LookupName,
    answer: Vec<u8>,
    /// What a connection reads goes here first, so that one that waits holds no memory for it.
    read: Vec<u8>,
    /// Memory for the answers of the connection that is at work.
    answers: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            name: LookupName::new(),
            answer: vec![0; usize::from(u16::MAX)],
            read: vec![0; READ_SIZE],
            answers: Vec::new(),
        }
    }
}

/// A connection that is at an end; why does not matter to anybody.
pub(crate) struct Closed;

/// Serves a connection until it ends, is silent too long, or has to make room.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    transport: Transport,
    peer: SocketAddr,
    place: Place,
    context: Rc<ThreadContext>,
) {
    let mut stop = context.stop.clone();
    let mut connection = Connection {
        stream,
        transport,
        peer,
        place: &place,
        context: &context,
        pending: Vec::new(),
        answers: Vec::new(),
    };
    let displaced = place.activity.displaced.notified();
    tokio::pin!(displaced);
    let mut deadline = Instant::now() + context.shared.limits.idle;
    loop {
        match connection.answer_pending().await {
            Ok(0) => {}
            Ok(_) => deadline = Instant::now() + context.shared.limits.idle,
            Err(Closed) => return,
        }
        // Whoever was answered by now can come back to the next server.
        if *stop.borrow_and_update() != Stop::No {
            return;
        }
        tokio::select! {
            read = timeout_at(deadline, connection.read()) => {
                if !matches!(read, Ok(Ok(()))) {
                    return;
                }
            }
            () = &mut displaced => return,
            _ = stop.changed() => {}
        }
    }
}

struct Connection<'c, S> {
    stream: S,
    transport: Transport,
    peer: SocketAddr,
    place: &'c Place,
    context: &'c ThreadContext,
    /// What was read and not answered yet.
    pending: Vec<u8>,
    /// Answers that were not sent yet.
    answers: Vec<u8>,
}

/// What became of one message.
pub(crate) enum Answered<T> {
    /// It was answered.
    Octets(T),
    /// Its sender gets this zone.
    Transfer(Arc<Zone>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Reads what is there, at least an octet. Memory grows with what came, not with what a length
    /// prefix promises.
    async fn read(&mut self) -> Result<(), Closed> {
        let Self {
            stream,
            context,
            pending,
            ..
        } = self;
        let came = poll_fn(|task| {
            let Scratch { read, .. } = &mut *context.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(read);
            let polled = Pin::new(&mut *stream).poll_read(task, &mut buffer);
            pending.extend_from_slice(buffer.filled());
            polled.map_ok(|()| buffer.filled().len())
        });
        match came.await {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(Closed),
        }
    }

    /// Answers every whole frame that was read, and sends the answers. Returns how many there were.
    async fn answer_pending(&mut self) -> Result<usize, Closed> {
        if frame_len(&self.pending).is_none_or(|len| len > self.pending.len()) {
            return Ok(0);
        }
        self.answers = std::mem::take(&mut self.context.scratch.borrow_mut().answers);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = &pending[..];
        let mut frames = 0;
        while let Some((message, after)) = split_frame(rest) {
            rest = after;
            frames += 1;
            match self.answer(message) {
                Some(Answered::Transfer(zone)) => {
                    self.send_answers().await?;
                    // Rare, and large: not part of what every connection holds.
                    Box::pin(self.transfer(message, zone)).await?;
                }
                Some(Answered::Octets(()))
                    if frames % OUTSTANDING_MAX == 0 || self.answers.len() >= ANSWERS_MAX =>
                {
                    self.send_answers().await?;
                }
                _ => {}
            }
        }
        self.send_answers().await?;
        self.place.activity.heard(self.context.shared.clock.now());
        self.pending = rest.to_vec();
        self.context.scratch.borrow_mut().answers = std::mem::take(&mut self.answers);
        Ok(frames)
    }

    /// Appends the answer to a message. None: nothing is due, or answering panicked.
    fn answer(&mut self, message: &[u8]) -> Option<Answered<()>> {
        let answers = &mut self.answers;
        let from = (self.peer, self.transport);
        self.context
            .answer(message, from, |octets| append(answers, octets))
    }

    async fn send_answers(&mut self) -> Result<(), Closed> {
        if self.answers.is_empty() {
            return Ok(());
        }
        write_all(
            &mut self.stream,
            &self.answers,
            self.context.shared.limits.write_stall,
        )
        .await?;
        self.answers.clear();
        Ok(())
    }

    async fn transfer(&mut self, message: &[u8], zone: Arc<Zone>) -> Result<(), Closed> {
        let order = transfer::Order {
            zone,
            request: message.to_vec(),
            from: (self.peer, self.transport),
        };
        let activity = &self.place.activity;
        if !transfer::carry_out(order, self.context, activity, &mut self.stream).await? {
            let answers = &mut self.answers;
            self.context
                .refuse_transfer(message, |octets| append(answers, octets));
            self.send_answers().await?;
        }
        Ok(())
    }
}

impl ThreadContext {
    /// Answers a message that came by some stream; `take` gets the octets. None: nothing is due, or
    /// answering panicked.
    pub(crate) fn answer<T>(
        &self,
        message: &[u8],
        from: (SocketAddr, Transport),
        take: impl FnOnce(&[u8]) -> T,
    ) -> Option<Answered<T>> {
        let worker = &mut *self.worker.borrow_mut();
        let Scratch { name, answer, .. } = &mut *self.scratch.borrow_mut();
        // RELIABILITY R4: a panic costs the query it came from.
        let reply = catch_unwind(AssertUnwindSafe(|| {
            answer_one(worker, message, from, name, answer)
        }));
        match reply {
            Ok(Some(Reply::Octets(len))) => {
                let octets = answer.get(..len).filter(|octets| !octets.is_empty())?;
                Some(Answered::Octets(take(octets)))
            }
            Ok(Some(Reply::Transfer(zone))) => Some(Answered::Transfer(zone)),
            Ok(None) => {
                worker.core.meter.count_silent(1);
                None
            }
            Err(_) => {
                worker.core.meter.count_panic();
                None
            }
        }
    }

    /// The zone cannot be sent now: SERVFAIL.
    pub(crate) fn refuse_transfer<T>(
        &self,
        message: &[u8],
        take: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        let worker = &mut *self.worker.borrow_mut();
        let Scratch { name, answer, .. } = &mut *self.scratch.borrow_mut();
        let settings = &worker.core.settings;
        let job = Job::prepare(worker.zones.load(), message, Size::Stream, name)?;
        let len = job
            .refuse(message, Rcode::SERVFAIL, Some(NOT_READY), settings, answer)
            .len;
        answer.get(..len).map(take)
    }
}

fn append(answers: &mut Vec<u8>, octets: &[u8]) {
    answers.extend_from_slice(&(octets.len() as u16).to_be_bytes());
    answers.extend_from_slice(octets);
}

fn answer_one(
    worker: &mut Worker,
    message: &[u8],
    (peer, transport): (SocketAddr, Transport),
    name: &mut LookupName,
    answer: &mut [u8],
) -> Option<Reply> {
    let Worker { zones, core } = worker;
    core.begin();
    let job = Job::prepare(zones.load(), message, Size::Stream, name)?;
    let arrived = Arrived {
        message,
        name,
        source: Source::from(peer),
        transport,
    };
    Some(core.reply(&job, &arrived, || peer, answer))
}

/// Writes everything, unless the other side takes nothing for `stall`.
pub(crate) async fn write_all(
    writer: &mut (impl AsyncWrite + Unpin),
    mut octets: &[u8],
    stall: Duration,
) -> Result<(), Closed> {
    while !octets.is_empty() {
        match timeout(stall, writer.write(octets)).await {
            Ok(Ok(written @ 1..)) => octets = octets.get(written..).unwrap_or_default(),
            _ => return Err(Closed),
        }
    }
    // TLS may hold a record that the socket did not take yet.
    match timeout(stall, writer.flush()).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Closed),
    }
}

/// The length of the first frame with its prefix, once the prefix is there (RFC 1035 4.2.2).
fn frame_len(octets: &[u8]) -> Option<usize> {
    octets
        .first_chunk::<2>()
        .map(|prefix| usize::from(u16::from_be_bytes(*prefix)) + 2)
}

/// The first message and what follows it, once it is whole.
fn split_frame(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (frame, rest) = octets.split_at_checked(frame_len(octets)?)?;
    Some((frame.get(2..)?, rest))
}

/// RFC 8914 4.15: what is asked for cannot be given at this moment.
const NOT_READY: ExtendedError<'static> = ExtendedError {
    code: 14,
    text: "the transfer cannot be carried out now",
};
/// What is read at once.
const READ_SIZE: usize = 16 * 1024;
/// Answers that gather before they are sent.
const OUTSTANDING_MAX: usize = 100;
/// Octets of answers that gather before they are sent.
const ANSWERS_MAX: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_whole_or_not_at_all() {
        assert_eq!(split_frame(&[0]), None);
        assert_eq!(split_frame(&[0, 3, 1, 2]), None);
        assert_eq!(
            split_frame(&[0, 3, 1, 2, 3, 9]),
            Some((&[1, 2, 3][..], &[9][..]))
        );
        assert_eq!(split_frame(&[0, 0, 5]), Some((&[][..], &[5][..])));
    }
}
