//! Queries at a fixed rate, whatever the server does: every one is accounted for.
//!
//! The load is open: a query is sent when its time has come, not when the one before was answered,
//! so a server that stops is not spared. One thread sends in steps of a millisecond, one receives.
//! A query is known by its socket and its id, and an id is used again only after `SOCKETS` ×
//! 65,536 others; what has not come back by the end of `GRACE` is lost.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::wire::Question;

/// A load to put on a server.
pub struct Load {
    /// The server.
    pub server: SocketAddr,
    /// The addresses to ask from, taken in turn; each has sockets of its own.
    pub sources: Vec<Ipv4Addr>,
    /// Queries a second.
    pub rate: u32,
    /// The queries, taken in turn; the id is filled in.
    pub queries: Vec<Vec<u8>>,
}

/// What became of a load.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Queries sent.
    pub sent: u64,
    /// Queries answered, whatever the answer.
    pub answered: u64,
    /// Answers whose RCODE was NOERROR or NXDOMAIN and that were not truncated.
    pub good: u64,
    /// Answers that came twice, or to nothing that was asked.
    pub strange: u64,
    /// For each answer: when its query was sent, in microseconds after the start of the load, and
    /// how long it took, in microseconds.
    pub samples: Vec<(u64, u32)>,
}

impl Outcome {
    /// Queries without an answer.
    pub fn lost(&self) -> u64 {
        self.sent - self.answered
    }

    /// The latency that `percent` of the answers to queries sent in `window` were not slower than,
    /// in microseconds; `window` is counted from the start of the load.
    pub fn percentile(&self, percent: f64, window: &Range<Duration>) -> u32 {
        let [from, to] = [window.start, window.end].map(|time| time.as_micros() as u64);
        let sent = self
            .samples
            .iter()
            .filter(|(sent, _)| (from..to).contains(sent));
        let mut latencies: Vec<u32> = sent.map(|(_, took)| *took).collect();
        latencies.sort_unstable();
        let last = latencies.len().saturating_sub(1);
        latencies
            .get((last as f64 * percent / 100.0).round() as usize)
            .copied()
            .unwrap_or(0)
    }
}

/// A load that is running; [`Running::stop`] ends it and counts.
pub struct Running {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<u64>,
    receiver: JoinHandle<Outcome>,
    start: Instant,
    sent: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
}

impl Running {
    /// How long it has been running.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Queries sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Queries answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Stops sending, waits for what is under way, counts.
    pub fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sender.join().expect("the sender does not panic");
        let mut outcome = self.receiver.join().expect("the receiver does not panic");
        outcome.sent = sent;
        outcome
    }
}

impl Load {
    /// Begins to send.
    ///
    /// # Errors
    /// No sockets.
    pub fn start(self) -> Result<Running> {
        let mut sockets = Vec::new();
        for source in &self.sources {
            for _ in 0..SOCKETS.div_ceil(self.sources.len()) {
                let socket = UdpSocket::bind((*source, 0)).context("load socket")?;
                socket.connect(self.server)?;
                socket.set_nonblocking(true)?;
                sockets.push(socket);
            }
        }
        let sockets = Arc::new(sockets);
        // When each (socket, id) was sent, in nanoseconds after the start; 0: not under way.
        let times: Arc<Vec<AtomicU64>> = Arc::new(
            (0..sockets.len() * IDS)
                .map(|_| AtomicU64::new(0))
                .collect(),
        );
        let (stop, done) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let (sent, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let start = Instant::now();
        let sender = {
            let (sockets, times) = (Arc::clone(&sockets), Arc::clone(&times));
            let (stop, done, sent) = (Arc::clone(&stop), Arc::clone(&done), Arc::clone(&sent));
            thread::spawn(move || {
                let count = self.send(&sockets, &times, start, &stop, &sent);
                done.store(true, Ordering::Relaxed);
                count
            })
        };
        let receiver = {
            let answered = Arc::clone(&answered);
            thread::spawn(move || receive(&sockets, &times, start, &done, &answered))
        };
        Ok(Running {
            stop,
            sender,
            receiver,
            start,
            sent,
            answered,
        })
    }

    /// Sends for `time` and counts.
    ///
    /// # Errors
    /// No sockets.
    pub fn run(self, time: Duration) -> Result<Outcome> {
        let running = self.start()?;
        thread::sleep(time);
        Ok(running.stop())
    }

    fn send(
        &self,
        sockets: &[UdpSocket],
        times: &[AtomicU64],
        start: Instant,
        stop: &AtomicBool,
        total: &AtomicU64,
    ) -> u64 {
        let mut buffer = Vec::with_capacity(512);
        let mut count: u64 = 0;
        while !stop.load(Ordering::Relaxed) {
            let due = (start.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            while count < due {
                let socket = count as usize % sockets.len();
                let id = (count as usize / sockets.len()) % IDS;
                buffer.clear();
                buffer.extend(&self.queries[count as usize % self.queries.len()]);
                buffer[..2].copy_from_slice(&(id as u16).to_be_bytes());
                let now = start.elapsed().as_nanos() as u64;
                times[socket * IDS + id].store(now.max(1), Ordering::Release);
                while let Err(error) = sockets[socket].send(&buffer) {
                    // A full buffer of our own is not the server's fault: the query waits.
                    if error.kind() != ErrorKind::WouldBlock {
                        break;
                    }
                    thread::yield_now();
                }
                count += 1;
            }
            total.store(count, Ordering::Relaxed);
            thread::sleep(STEP);
        }
        count
    }
}

fn receive(
    sockets: &[UdpSocket],
    times: &[AtomicU64],
    start: Instant,
    done: &AtomicBool,
    total: &AtomicU64,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut buffer = [0; 4096];
    let mut last_of_all: Option<Instant> = None;
    loop {
        let mut idle = true;
        for (number, socket) in sockets.iter().enumerate() {
            while let Ok(len) = socket.recv(&mut buffer) {
                idle = false;
                if len < 12 || buffer[2] & 0x80 == 0 {
                    outcome.strange += 1;
                    continue;
                }
                let id = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
                let sent = times[number * IDS + id].swap(0, Ordering::AcqRel);
                if sent == 0 {
                    outcome.strange += 1;
                    continue;
                }
                let took = (start.elapsed().as_nanos() as u64).saturating_sub(sent);
                outcome.answered += 1;
                outcome.samples.push((sent / 1000, (took / 1000) as u32));
                outcome.good += u64::from(matches!(buffer[3] & 15, 0 | 3) && buffer[2] & 2 == 0);
            }
        }
        total.store(outcome.answered, Ordering::Relaxed);
        if done.load(Ordering::Relaxed) {
            let end = *last_of_all.get_or_insert_with(|| Instant::now() + GRACE);
            let open = times.iter().any(|time| time.load(Ordering::Relaxed) != 0);
            if !open || Instant::now() > end {
                return outcome;
            }
        }
        if idle {
            thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Queries for these names and one type, ids left open.
pub fn queries<'a>(names: impl IntoIterator<Item = &'a str>, rtype: u16) -> Vec<Vec<u8>> {
    names
        .into_iter()
        .map(|name| Question::new(name, rtype).encode(0))
        .collect()
}

/// Sockets of a load, at least; each has a receive buffer of its own in the kernel.
const SOCKETS: usize = 16;
/// Message ids of a socket.
const IDS: usize = 65_536;
/// Between two bursts.
const STEP: Duration = Duration::from_millis(1);
/// How long an answer may take to count.
const GRACE: Duration = Duration::from_secs(2);
