//! A primary that does what it is told, right or wrong.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::client::{receive_framed, send_framed};
use crate::place::free_port;
use crate::wire::{A, AXFR, NS, Question, SOA, name_to_wire};

/// What it does when it is asked for a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// The zone, as RFC 5936 has it.
    Honest,
    /// REFUSED.
    Refuses,
    /// Takes the connection and ends it.
    HangsUp,
    /// Half of the zone, and the end of the connection.
    CutsOff,
    /// A transfer of another zone.
    AnotherZone,
    /// Opening and closing SOA records that differ.
    TwoSerials,
    /// A record that lies outside the zone.
    OutOfZone,
    /// Bytes that are no message.
    Noise,
    /// Records without end.
    Endless,
    /// Nothing, on an open connection.
    Silent,
}

/// A running scripted primary for one zone. Dropping it ends its threads.
pub struct HostilePrimary {
    port: u16,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    apex: String,
    serial: AtomicU32,
    behaviour: Mutex<Behaviour>,
    transfers: AtomicU64,
    stop: AtomicBool,
}

impl HostilePrimary {
    /// Starts it, honest, at `serial`.
    ///
    /// # Errors
    /// No sockets.
    pub fn start(apex: &str, serial: u32) -> Result<Self> {
        let port = free_port();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        udp.set_read_timeout(Some(LOOK))?;
        tcp.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            apex: apex.to_owned(),
            serial: serial.into(),
            behaviour: Mutex::new(Behaviour::Honest),
            transfers: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let threads = vec![
            thread::spawn({
                let shared = Arc::clone(&shared);
                move || answer_datagrams(&udp, &shared)
            }),
            thread::spawn({
                let shared = Arc::clone(&shared);
                move || accept(&tcp, &shared)
            }),
        ];
        Ok(Self {
            port,
            shared,
            threads,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// A new version, and how it is to be given away.
    pub fn turn(&self, behaviour: Behaviour, serial: u32) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
        self.shared.serial.store(serial, Ordering::SeqCst);
    }

    /// Transfers asked for so far.
    pub fn transfers(&self) -> u64 {
        self.shared.transfers.load(Ordering::SeqCst)
    }

    /// Announces the zone to a secondary on loopback (RFC 1996), and waits for its word.
    ///
    /// # Errors
    /// The secondary says nothing.
    pub fn notify(&self, secondary: SocketAddr) -> Result<()> {
        let mut message = Question::new(&self.shared.apex, SOA).encode(77);
        message[2] = 4 << 3 | 4;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(secondary)?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.send(&message)?;
        let mut reply = [0; 512];
        let len = socket.recv(&mut reply)?;
        anyhow::ensure!(
            len >= 12 && reply[3] & 15 == 0,
            "NOTIFY: rcode {}",
            reply[3] & 15
        );
        Ok(())
    }
}

impl Drop for HostilePrimary {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn answer_datagrams(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 1500];
    while !shared.stop.load(Ordering::SeqCst) {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let mut reply = reply_to(&buffer[..len], 1);
        reply.extend(soa(&shared.apex, shared.serial.load(Ordering::SeqCst)));
        let _ = socket.send_to(&reply, from);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.stop.load(Ordering::SeqCst) {
        match listener.accept() {
            // One after the other would let a silent connection hide the rest.
            Ok((stream, _)) => {
                let shared = Arc::clone(shared);
                thread::spawn(move || drop(serve(stream, &shared)));
            }
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    loop {
        let query = receive_framed(&mut stream)?;
        let serial = shared.serial.load(Ordering::SeqCst);
        let apex = &shared.apex;
        let rtype = query
            .len()
            .checked_sub(4)
            .map(|at| u16::from_be_bytes([query[at], query[at + 1]]));
        let asks_transfer =
            query.windows(4).any(|four| four == [0, AXFR as u8, 0, 1]) || rtype == Some(AXFR);
        if !asks_transfer {
            let mut reply = reply_to(&query, 1);
            reply.extend(soa(apex, serial));
            send_framed(&mut stream, &reply)?;
            continue;
        }
        shared.transfers.fetch_add(1, Ordering::SeqCst);
        let behaviour = *shared.behaviour.lock().unwrap();
        let mut first = reply_to(&query, 4);
        first.extend(soa(apex, serial));
        first.extend(record(apex, NS, &name_to_wire(&format!("ns.{apex}"))));
        first.extend(record(&format!("ns.{apex}"), A, &[192, 0, 2, 1]));
        first.extend(record(
            &format!("www.{apex}"),
            A,
            &[192, 0, 2, (serial % 256) as u8],
        ));
        let mut last = reply_to(&query, 1);
        last.extend(soa(apex, serial));
        match behaviour {
            Behaviour::Honest => {
                send_framed(&mut stream, &first)?;
                send_framed(&mut stream, &last)?;
            }
            Behaviour::Refuses => {
                let mut refused = reply_to(&query, 0);
                refused[3] |= 5;
                send_framed(&mut stream, &refused)?;
            }
            Behaviour::HangsUp => return Ok(()),
            Behaviour::CutsOff => {
                send_framed(&mut stream, &first)?;
                return Ok(());
            }
            Behaviour::AnotherZone => {
                let mut other = reply_to(&query, 3);
                other.extend(soa("other.test.", serial));
                other.extend(record("other.test.", NS, &name_to_wire("ns.other.test.")));
                other.extend(soa("other.test.", serial));
                send_framed(&mut stream, &other)?;
            }
            Behaviour::TwoSerials => {
                send_framed(&mut stream, &first)?;
                let mut other = reply_to(&query, 1);
                other.extend(soa(apex, serial + 7));
                send_framed(&mut stream, &other)?;
            }
            Behaviour::OutOfZone => {
                let mut outside = reply_to(&query, 1);
                outside.extend(record("www.victim.example.", A, &[203, 0, 113, 66]));
                send_framed(&mut stream, &first)?;
                send_framed(&mut stream, &outside)?;
                send_framed(&mut stream, &last)?;
            }
            Behaviour::Noise => send_framed(&mut stream, &[0xa5; 300])?,
            Behaviour::Endless => {
                send_framed(&mut stream, &first)?;
                let mut number: u32 = 0;
                while !shared.stop.load(Ordering::SeqCst) {
                    let mut more = reply_to(&query, 1000);
                    for _ in 0..1000 {
                        number = number.wrapping_add(1);
                        more.extend(record(
                            &format!("h{number}.{apex}"),
                            A,
                            &number.to_be_bytes(),
                        ));
                    }
                    send_framed(&mut stream, &more)?;
                }
            }
            Behaviour::Silent => {
                // Until the other side has had enough.
                let _ = receive_framed(&mut stream);
                return Ok(());
            }
        }
    }
}

/// The header and question of an answer with so many records.
fn reply_to(query: &[u8], answers: u16) -> Vec<u8> {
    let end = query
        .get(12..)
        .and_then(|rest| rest.iter().position(|byte| *byte == 0))
        .map_or(query.len(), |len| (12 + len + 5).min(query.len()));
    let mut reply = query[..end].to_vec();
    reply.resize(reply.len().max(12), 0);
    reply[2] = 0x84;
    reply[3] = 0;
    reply[6..8].copy_from_slice(&answers.to_be_bytes());
    reply[8..12].fill(0);
    reply
}

fn soa(apex: &str, serial: u32) -> Vec<u8> {
    let mut rdata = name_to_wire(&format!("ns.{apex}"));
    rdata.extend(name_to_wire(&format!("host.{apex}")));
    for number in [serial, 3600, 600, 864_000, 60] {
        rdata.extend(number.to_be_bytes());
    }
    record(apex, SOA, &rdata)
}

fn record(owner: &str, rtype: u16, rdata: &[u8]) -> Vec<u8> {
    let mut out = name_to_wire(owner);
    out.extend(rtype.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 60]);
    out.extend((rdata.len() as u16).to_be_bytes());
    out.extend(rdata);
    out
}

const LOOK: Duration = Duration::from_millis(50);
