//! A primary that does what its script says: UDP and TCP on one port of loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::testing::{name, soa_rdata};

/// What a script makes of a request.
pub(super) type Udp = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;
pub(super) type Tcp = dyn Fn(&[u8], &mut TcpStream) + Send + Sync;

/// A running primary; it ends when dropped.
pub(super) struct Primary {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<()>>,
}

struct Shared {
    script: Mutex<(Arc<Udp>, Arc<Tcp>)>,
    stop: AtomicBool,
    probes: AtomicUsize,
    transfers: AtomicUsize,
}

impl Primary {
    /// A primary that serves `zone` at `serial`, with one address.
    pub(super) fn serving(zone: &'static str, serial: u32) -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let script: (Arc<Udp>, Arc<Tcp>) = (Arc::new(|_| None), Arc::new(|_, _| {}));
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            stop: AtomicBool::new(false),
            probes: AtomicUsize::new(0),
            transfers: AtomicUsize::new(0),
        });
        let mut primary = Self {
            address,
            shared,
            threads: Vec::new(),
        };
        primary.serve(zone, serial);
        let shared = Arc::clone(&primary.shared);
        primary
            .threads
            .push(thread::spawn(move || udp_loop(&udp, &shared)));
        let shared = Arc::clone(&primary.shared);
        primary
            .threads
            .push(thread::spawn(move || tcp_loop(&tcp, &shared)));
        primary
    }

    /// Behaves well from now on.
    pub(super) fn serve(&self, zone: &'static str, serial: u32) {
        self.script(soa_answer(zone, serial), whole_zone(zone, serial));
    }

    /// Does as told from now on.
    pub(super) fn script(
        &self,
        udp: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
        tcp: impl Fn(&[u8], &mut TcpStream) + Send + Sync + 'static,
    ) {
        *self.shared.script.lock().unwrap() = (Arc::new(udp), Arc::new(tcp));
    }

    pub(super) fn transfers(&self) -> usize {
        self.shared.transfers.load(Ordering::SeqCst)
    }

    pub(super) fn probes(&self) -> usize {
        self.shared.probes.load(Ordering::SeqCst)
    }
}

impl Drop for Primary {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
            let _ = socket.send_to(&[0], self.address);
        }
        // The port is closed when this returns.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn udp_loop(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 1500];
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        shared.probes.fetch_add(1, Ordering::SeqCst);
        let script = Arc::clone(&shared.script.lock().unwrap().0);
        if let Some(answer) = script(&buffer[..len]) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn tcp_loop(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((mut stream, _)) = listener.accept() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let mut len = [0; 2];
            if stream.read_exact(&mut len).is_err() {
                return;
            }
            let mut request = vec![0; usize::from(u16::from_be_bytes(len))];
            if stream.read_exact(&mut request).is_err() {
                return;
            }
            shared
                .transfers
                .fetch_add(usize::from(asks_for_axfr(&request)), Ordering::SeqCst);
            let script = Arc::clone(&shared.script.lock().unwrap().1);
            script(&request, &mut stream);
        });
    }
}

pub(super) fn asks_for_axfr(request: &[u8]) -> bool {
    request.len() > 4 && request[request.len() - 4..request.len() - 2] == [0, 252]
}

/// Sends a message with its length.
pub(super) fn send(stream: &mut TcpStream, message: &[u8]) -> bool {
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).is_ok()
}

/// An answer under construction.
#[derive(Clone)]
pub(super) struct Answer(pub(super) Vec<u8>);

impl Answer {
    /// Header and question of `request`, with QR and AA.
    pub(super) fn to(request: &[u8]) -> Self {
        let mut bytes = request.to_vec();
        bytes[2..4].copy_from_slice(&[0x84, 0]);
        Self(bytes)
    }

    pub(super) fn flags(mut self, flags: u16) -> Self {
        self.0[2..4].copy_from_slice(&flags.to_be_bytes());
        self
    }

    pub(super) fn record(mut self, owner: &str, rtype: u16, class: u16, rdata: &[u8]) -> Self {
        self.0.extend_from_slice(name(owner).as_wire());
        self.0.extend_from_slice(&rtype.to_be_bytes());
        self.0.extend_from_slice(&class.to_be_bytes());
        self.0.extend_from_slice(&[0, 0, 1, 0]);
        self.0
            .extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.0.extend_from_slice(rdata);
        let count = u16::from_be_bytes([self.0[6], self.0[7]]) + 1;
        self.0[6..8].copy_from_slice(&count.to_be_bytes());
        self
    }

    pub(super) fn soa(self, owner: &str, serial: u32) -> Self {
        self.record(owner, 6, 1, &soa_rdata(serial))
    }

    pub(super) fn ns(self, owner: &str) -> Self {
        self.record(owner, 2, 1, b"\x02ns\x07example\x00")
    }

    pub(super) fn a(self, owner: &str) -> Self {
        self.record(owner, 1, 1, &[192, 0, 2, 1])
    }
}

/// The SOA over UDP.
pub(super) fn soa_answer(
    zone: &'static str,
    serial: u32,
) -> impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync {
    move |request| Some(Answer::to(request).soa(zone, serial).0)
}

/// SOA questions and AXFR over TCP.
pub(super) fn whole_zone(
    zone: &'static str,
    serial: u32,
) -> impl Fn(&[u8], &mut TcpStream) + Send + Sync {
    move |request, stream| {
        let answer = Answer::to(request).soa(zone, serial);
        let answer = match asks_for_axfr(request) {
            true => answer.ns(zone).a(zone).soa(zone, serial),
            false => answer,
        };
        send(stream, &answer.0);
    }
}
