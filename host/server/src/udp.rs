//! The UDP loop: one plain thread, one or more sockets, whole batches.
//!
//! With one socket the thread blocks in the receive itself, which costs no extra call; with several it
//! polls. Per batch: all messages are read and their zones found, then the memory for all of them is
//! asked for, then they are answered one after another, then all answers go out.

use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bailiwick_answer::{Job, Step, Transport as Size};
use bailiwick_meter::{Source, Transport};
use bailiwick_zone::LookupName;

use crate::sys::{self, BATCH, Batch};
use crate::worker::{Arrived, Core, Reply, Worker};

/// A UDP thread's sockets and memory.
pub(crate) struct UdpLoop {
    sockets: Vec<UdpSocket>,
    batch: Batch,
    names: Vec<LookupName>,
    /// Room for a batch's jobs, empty between batches.
    spare: Vec<Read<'static>>,
    worker: Worker,
    stop: Arc<AtomicBool>,
}

impl UdpLoop {
    /// `packet_info`: some socket is bound to a wildcard address.
    pub(crate) fn new(
        sockets: Vec<UdpSocket>,
        packet_info: bool,
        worker: Worker,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let names = std::iter::repeat_with(LookupName::new)
            .take(BATCH)
            .collect();
        Self {
            sockets,
            batch: Batch::new(packet_info),
            names,
            spare: Vec::with_capacity(BATCH),
            worker,
            stop,
        }
    }

    /// Serves until told to stop; what has been received by then is answered.
    pub(crate) fn run(mut self) {
        let sockets = std::mem::take(&mut self.sockets);
        let handles: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
        let mut ready = Vec::new();
        while !self.stop.load(Relaxed) {
            if let [only] = handles[..] {
                self.serve(only, true);
                continue;
            }
            if sys::wait_readable(&handles, &mut ready, WAKE_UP_MS).is_err() {
                std::thread::sleep(PAUSE);
            }
            for (socket, _) in handles.iter().zip(&ready).filter(|(_, ready)| **ready) {
                self.serve(*socket, false);
            }
        }
        for socket in handles {
            let _ = (0..LAST_BATCHES).find(|_| self.serve(socket, false) == 0);
        }
    }

    /// One batch; returns how many queries it had.
    fn serve(&mut self, socket: BorrowedFd<'_>, wait: bool) -> usize {
        let received = match self.batch.receive(socket, wait) {
            Ok(received) => received,
            Err(_) => {
                // Nothing a retry at once would mend: memory or descriptors are short.
                std::thread::sleep(PAUSE);
                0
            }
        };
        if received == 0 {
            // Lets go of a zone set that was replaced while nobody asked.
            self.worker.zones.load();
            return 0;
        }
        self.worker.core.begin();
        self.worker.core.meter.count_batch();
        let mut progress = Progress::default();
        // RELIABILITY R4: a panic costs the query it came from; the rest of the batch goes on.
        while catch_unwind(AssertUnwindSafe(|| {
            self.answer_batch(&mut progress, received)
        }))
        .is_err()
        {
            self.worker.core.meter.count_panic();
            progress.skip |= 1 << progress.at;
            self.batch.set_answer(progress.at, 0);
        }
        let sent = self.batch.send(socket);
        if sent.unsent > 0 {
            self.worker.core.meter.count_unsent(sent.unsent as u64);
        }
        received
    }

    /// Answers what is not answered yet of a batch.
    #[inline]
    fn answer_batch(&mut self, progress: &mut Progress, received: usize) {
        let Self {
            batch,
            names,
            worker,
            spare,
            ..
        } = self;
        let zones = &**worker.zones.load();
        let mut read = recycle(std::mem::take(spare));
        let todo = names.iter_mut().enumerate().take(received);
        for (i, name) in todo.skip(progress.answered) {
            progress.at = i;
            if progress.skip >> i & 1 != 0 {
                continue;
            }
            let (source, port) = batch.source(i);
            match Job::prepare(zones, batch.query(i), Size::Udp, name) {
                Some(job) if may_answer(port, job.step) => read.push(Read {
                    i,
                    source,
                    port,
                    job,
                }),
                _ => progress.count_silent(i, &worker.core),
            }
        }
        for Read { i, job, .. } in &read {
            if let Some(name) = names.get(*i) {
                job.prefetch(name);
            }
        }
        for Read {
            i,
            source,
            port,
            job,
        } in &read
        {
            progress.at = *i;
            progress.answered = *i;
            let Some(name) = names.get(*i) else {
                continue;
            };
            let dispatched = matches!(job.step, Step::Dispatch).then(|| batch.peer_address(*i));
            let peer = || dispatched.unwrap_or_else(|| (source.to_ip(), *port).into());
            let (message, answer) = batch.exchange(*i);
            let arrived = Arrived {
                message,
                name,
                source: *source,
                transport: Transport::Udp,
            };
            let len = match worker.core.reply(job, &arrived, peer, answer) {
                Reply::Octets(len) => len,
                // Transfers over UDP are read as faults or questions.
                Reply::Transfer(_) => 0,
            };
            batch.set_answer(*i, len);
        }
        *spare = recycle(read);
    }
}

/// A query of a batch that is going to be answered.
struct Read<'z> {
    /// Its place in the batch.
    i: usize,
    source: Source,
    port: u16,
    job: Job<'z>,
}

/// The same memory, empty, for queries that borrow another snapshot. A collection in place: nothing
/// is allocated.
#[inline]
fn recycle<'to>(mut read: Vec<Read<'_>>) -> Vec<Read<'to>> {
    read.clear();
    let none = |_| unreachable!("it was just emptied");
    read.into_iter().map(none).collect()
}

/// How far a batch has come, should it be interrupted.
#[derive(Default)]
struct Progress {
    /// The query at work.
    at: usize,
    /// All before this one are done with.
    answered: usize,
    /// Queries that caused a panic.
    skip: u64,
    /// Queries before this one have been looked at for silence.
    looked_at: usize,
}

impl Progress {
    /// Counts a query that gets no answer, once.
    fn count_silent(&mut self, i: usize, core: &Core) {
        if i >= self.looked_at {
            core.meter.count_silent(1);
            self.looked_at = i + 1;
        }
    }
}

/// RELIABILITY P14: services that answer anything (echo, chargen) and port 0 get nothing, and errors
/// are not sent to a server's own port, which might answer them with another.
#[inline]
pub(crate) fn may_answer(port: u16, step: Step) -> bool {
    match port {
        0 | 7 | 19 => false,
        53 => !matches!(step, Step::Faulty(_)),
        _ => true,
    }
}

/// Batches answered after a stop, at most: a flood must not keep us.
const LAST_BATCHES: u32 = 32;
const WAKE_UP_MS: i32 = 200;
const PAUSE: Duration = Duration::from_millis(20);
