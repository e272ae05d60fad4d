//! "The server stays well": what an attack may not do to anybody else.
//!
//! RELIABILITY part 2 defines it, and calls it SSW: while it is mistreated, a quiet client with 200
//! queries a second over UDP, from another loopback address, has every one answered, 99 of 100
//! within 20 ms; memory grows by less than 64 MiB and is back within 8 MiB of where it was ten
//! seconds later; nothing panics, no thread of the data path is lost, and the log stays readable.
//!
//! [`Watch::begin`] before the mistreatment, [`Watch::end`] after it. Attackers and server share
//! the machine, and the machine may have other work: the quiet client is watched for a calm second
//! first, and what it waited then is not held against the server.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::load::{Load, Running};
use crate::process::wait_until;
use crate::server::TestServer;
use crate::wire::Question;

/// A quiet client at work, and how the server was before.
pub struct Watch {
    quiet: Running,
    calm: Duration,
    begin: Instant,
    resident: u64,
    threads: Vec<String>,
    lines: usize,
}

/// How it went, for the message of a test that looks closer.
#[derive(Clone, Copy, Debug)]
pub struct Well {
    /// The quiet client's queries, all of them answered.
    pub quiet_queries: u64,
    /// The latency that 99 of 100 of them did not exceed, in microseconds.
    pub quiet_p99_us: u32,
    /// Bytes that resident memory had grown by when the mistreatment ended.
    pub grown: u64,
    /// Lines logged.
    pub lines: usize,
}

impl Watch {
    /// Starts the quiet client, which asks `question`, and looks at the server.
    ///
    /// # Errors
    /// The server does not answer the question.
    pub fn begin(server: &mut TestServer, question: &Question) -> Result<Self> {
        let reply = server.client_from(QUIET)?.udp(question)?;
        ensure!(
            matches!(reply.rcode(), 0 | 3),
            "the quiet client's question has no good answer: {reply}"
        );
        let quiet = Load {
            server: server.v4(),
            sources: vec![QUIET],
            rate: QUIET_RATE,
            queries: vec![question.encode(0)],
        };
        let quiet = quiet.start().context("the quiet client")?;
        std::thread::sleep(CALM);
        let process = server.process();
        Ok(Self {
            calm: quiet.elapsed(),
            quiet,
            begin: Instant::now(),
            resident: process.resident_bytes(),
            threads: data_path_threads(server),
            lines: server.process().log().lines().count(),
        })
    }

    /// The mistreatment is over: was the server well all the time?
    ///
    /// # Panics
    /// It was not; the message says in what.
    pub fn end(self, server: &mut TestServer) -> Well {
        let took = self.begin.elapsed();
        assert!(
            server.process().ended().is_none(),
            "the server ended:\n{}",
            server.process().log_tail()
        );
        let resident = server.process().resident_bytes();
        let grown = resident.saturating_sub(self.resident);
        let until = self.quiet.elapsed();
        let outcome = self.quiet.stop();
        assert_eq!(
            outcome.good,
            outcome.sent,
            "SSW: {} of the quiet client's {} queries had no good answer",
            outcome.sent - outcome.good,
            outcome.sent
        );
        let calm = outcome.percentile(99.0, &(Duration::ZERO..self.calm));
        let p99 = outcome.percentile(99.0, &(self.calm..until));
        assert!(
            p99 < LATENCY_US + calm,
            "SSW: the quiet client waited {p99} us at the 99th percentile; {calm} us when it was calm"
        );
        assert!(grown < GROWTH, "SSW: memory grew by {grown} bytes");
        assert_eq!(
            data_path_threads(server),
            self.threads,
            "SSW: a thread is lost"
        );
        let log = server.process().log();
        assert!(
            !log.contains("panicked"),
            "SSW: a panic:\n{}",
            server.process().log_tail()
        );
        let lines = log.lines().count().saturating_sub(self.lines);
        let most = (took.as_secs_f64().max(1.0) * LINES_A_SECOND).ceil() as usize;
        assert!(
            lines <= most,
            "SSW: {lines} lines logged in {took:?}:\n{}",
            server.process().log_tail()
        );
        wait_until("SSW: memory is given back", GIVEN_BACK, || {
            let now = server.process().resident_bytes();
            (now <= self.resident + KEPT).then_some(())
        });
        Well {
            quiet_queries: outcome.sent,
            quiet_p99_us: p99,
            grown,
            lines,
        }
    }
}

/// The threads that answer, by name; others come and go with their work.
fn data_path_threads(server: &mut TestServer) -> Vec<String> {
    let mut names = server.process().thread_names();
    names.retain(|name| name.starts_with("dns-"));
    names.sort();
    names
}

/// Where the quiet client asks from; no attacker uses it or its /24.
pub const QUIET: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 9);
const QUIET_RATE: u32 = 200;
const CALM: Duration = Duration::from_secs(1);
const LATENCY_US: u32 = 20_000;
const GROWTH: u64 = 64 << 20;
const KEPT: u64 = 8 << 20;
const GIVEN_BACK: Duration = Duration::from_secs(10);
const LINES_A_SECOND: f64 = 10.0;
