//! Many datagrams from one socket, each with the answer it got or with silence.
//!
//! Answers are told apart by message id, so every datagram needs the twelve bytes of a header.
//! Silence is known without waiting: a server takes the datagrams of one socket in order, so when
//! the good question sent last is answered, the others have had their turn.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::wire::{Question, SOA};

/// A socket to send from.
pub struct Volley {
    socket: UdpSocket,
    last: Vec<u8>,
    /// Parts sent so far. Each has ids of its own: on a busy machine an answer may come so late that the
    /// next part is under way.
    parts: Cell<u16>,
}

impl Volley {
    /// From any address to `server`, which answers for the zone `apex`.
    ///
    /// # Errors
    /// No socket.
    pub fn new(server: SocketAddr, apex: &str) -> Result<Self> {
        let any: IpAddr = if server.is_ipv4() {
            [0, 0, 0, 0].into()
        } else {
            [0u16; 8].into()
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        Ok(Self {
            socket,
            last: Question::new(apex, SOA).encode(0),
            parts: Cell::new(0),
        })
    }

    /// Sends all of `messages`, whose first two bytes are overwritten, and gives what came back for
    /// each. One that got silence is sent up to three times more, so that a datagram the kernel
    /// dropped does not pass for one.
    ///
    /// # Errors
    /// The server answers good questions no more.
    pub fn send(&self, messages: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut replies = Vec::with_capacity(messages.len());
        for part in messages.chunks(PART) {
            let mut got = vec![None; part.len()];
            for _ in 0..TRIES {
                self.send_part(part, &mut got)?;
            }
            replies.append(&mut got);
        }
        Ok(replies)
    }

    fn send_part(&self, part: &[Vec<u8>], got: &mut [Option<Vec<u8>>]) -> Result<()> {
        if got.iter().all(Option::is_some) {
            return Ok(());
        }
        let turn = self.parts.get() % TURNS;
        self.parts.set(turn + 1);
        let (base, last_id) = (turn * PART as u16, LAST + turn);
        let mut last = self.last.clone();
        last[..2].copy_from_slice(&last_id.to_be_bytes());
        for (number, message) in part
            .iter()
            .enumerate()
            .filter(|(number, _)| got[*number].is_none())
        {
            let mut message = message.clone();
            ensure!(message.len() >= 12, "a message without a header has no id");
            message[..2].copy_from_slice(&(base + number as u16).to_be_bytes());
            self.socket.send(&message).context("send")?;
        }
        let end = Instant::now() + Duration::from_secs(5);
        let mut buffer = [0; 65_535];
        self.socket.send(&last)?;
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(len) if len >= 2 => {
                    let id = u16::from_be_bytes([buffer[0], buffer[1]]);
                    if id == last_id {
                        return Ok(());
                    }
                    let number = id.checked_sub(base).map(usize::from);
                    if let Some(slot) = number.and_then(|number| got.get_mut(number)) {
                        *slot = Some(buffer[..len].to_vec());
                    }
                }
                Ok(_) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    ensure!(
                        Instant::now() < end,
                        "a good question after {} others got no answer",
                        part.len()
                    );
                    self.socket.send(&last)?;
                }
                Err(error) => return Err(error).context("the server is gone"),
            }
        }
    }
}

/// Datagrams under way at a time: fewer than a receive buffer holds.
const PART: usize = 100;
/// How often a message is sent before its silence counts.
const TRIES: usize = 4;
/// The id of the question that ends a part, in the first turn …
const LAST: u16 = 0xff00;
/// … of so many, until ids are used again.
const TURNS: u16 = 0xff;
