//! A UDP worker without a socket: the way of one datagram, for tests that send many.

use std::net::SocketAddr;

use bailiwick_answer::{Job, Transport as Size};
use bailiwick_meter::{Source, Transport};
use bailiwick_zone::LookupName;

use crate::options::ServerOptions;
use crate::udp::may_answer;
use crate::worker::{Arrived, Reply, Worker};

/// What one UDP thread of a server is, its sockets aside. It answers the datagrams it is handed, one
/// at a time, as the thread would; but a panic goes through to the caller.
pub struct Offline {
    worker: Worker,
    name: LookupName,
    answer: Vec<u8>,
}

impl Offline {
    /// A worker with these options; nothing is bound or started.
    #[must_use]
    pub fn new(options: &ServerOptions) -> Self {
        Self {
            worker: Worker::new(options),
            name: LookupName::new(),
            answer: vec![0; usize::from(u16::MAX)],
        }
    }

    /// The answer to a datagram; empty when none is sent.
    pub fn datagram(&mut self, message: &[u8], from: SocketAddr) -> &[u8] {
        let len = self.answer_one(message, from).unwrap_or(0);
        self.answer.get(..len).unwrap_or_default()
    }

    fn answer_one(&mut self, message: &[u8], from: SocketAddr) -> Option<usize> {
        let Worker { zones, core } = &mut self.worker;
        core.begin();
        let job = Job::prepare(zones.load(), message, Size::Udp, &mut self.name)
            .filter(|job| may_answer(from.port(), job.step))?;
        let arrived = Arrived {
            message,
            name: &self.name,
            source: Source::from(from),
            transport: Transport::Udp,
        };
        match core.reply(&job, &arrived, || from, &mut self.answer) {
            Reply::Octets(len) => Some(len),
            // Transfers over UDP are read as faults or questions.
            Reply::Transfer(_) => None,
        }
    }
}
