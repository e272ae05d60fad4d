//! A server in this process on ports of its own, and clients that speak raw octets.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    reason = "a broken helper fails the test that uses it"
)]

pub(crate) mod clients;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bailiwick_meter::Meter;
use bailiwick_server::{
    Control, EncryptedOptions, Limits, NotifyReply, RateLimit, RateLimiter, Server, ServerOptions,
};
use bailiwick_zone::{HashKey, Name, Serial, SharedZones, Zone, ZoneSet, master};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Notes what it is told and sends what it is given.
#[derive(Default)]
pub(crate) struct FakeControl {
    pub(crate) notified: Mutex<Vec<(Name, Option<Serial>)>>,
    /// How many messages a transfer has, each of this size.
    pub(crate) messages: usize,
    pub(crate) message_size: usize,
    /// Takes a NOTIFY from nobody.
    pub(crate) is_strict: bool,
    /// Panics when the zone of this slot is notified.
    pub(crate) panic_on: Option<Name>,
}

impl Control for FakeControl {
    fn notify(&self, zone: &Name, serial: Option<Serial>, from: SocketAddr) -> NotifyReply {
        assert!(self.panic_on.as_ref() != Some(zone), "asked to");
        self.notified.lock().unwrap().push((zone.clone(), serial));
        if from.ip().is_loopback() && !self.is_strict {
            NotifyReply::Accepted
        } else {
            NotifyReply::Refused
        }
    }

    fn transfer_out(
        &self,
        _zone: Arc<Zone>,
        request: &[u8],
        _from: SocketAddr,
    ) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        let mut message = request[..12].to_vec();
        message.resize(self.message_size.max(12), 0xab);
        Box::new(std::iter::repeat_n(message, self.messages))
    }
}

pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) rate_limiter: Arc<RateLimiter>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) zones: Arc<SharedZones>,
    pub(crate) control: Arc<FakeControl>,
    pub(crate) answers: Arc<ArcSwap<bailiwick_answer::Settings>>,
    key: HashKey,
}

pub(crate) struct Setup {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) threads: usize,
    pub(crate) limits: Limits,
    pub(crate) rate_limit: RateLimit,
    pub(crate) allow_transfer: Vec<&'static str>,
    pub(crate) control: FakeControl,
    pub(crate) encrypted: Option<EncryptedOptions>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            threads: 1,
            limits: Limits::default(),
            rate_limit: RateLimit::default(),
            allow_transfer: Vec::new(),
            control: FakeControl::default(),
            encrypted: None,
        }
    }
}

/// Slot of `example.com`.
pub(crate) const SLOT: u32 = 3;

const ZONE: &str = "example.com. 300 SOA ns hostmaster 7 3600 600 86400 300
 300 NS ns
ns 300 A 192.0.2.53
www 300 A 192.0.2.1
www 300 AAAA 2001:db8::1
big 300 TXT \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big 300 TXT \"1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big 300 TXT \"2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big 300 TXT \"3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big 300 TXT \"4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big 300 TXT \"5123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
";

impl Fixture {
    pub(crate) fn start() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let key = HashKey::from_bytes(*b"an ordinary key of 32 octets <-!");
        let meter = Arc::new(Meter::new(key));
        let control = Arc::new(setup.control);
        let zones = Arc::new(ArcSwap::from_pointee(ZoneSet::new(&key)));
        let answers = Arc::default();
        let options = ServerOptions {
            listen: setup.listen,
            threads: setup.threads,
            zones: Arc::clone(&zones),
            meter: Arc::clone(&meter),
            allow_transfer: Arc::new(ArcSwap::from_pointee(
                setup
                    .allow_transfer
                    .iter()
                    .map(|prefix| prefix.parse().unwrap())
                    .collect(),
            )),
            control: Arc::clone(&control) as Arc<dyn Control>,
            answers: Arc::clone(&answers),
            unix_now: || 1_700_000_000,
            rate_limiter: Arc::new(RateLimiter::new(&setup.rate_limit)),
            limits: setup.limits,
            encrypted: setup.encrypted,
        };
        let rate_limiter = Arc::clone(&options.rate_limiter);
        let server = Server::start(&options).unwrap_or_else(|error| panic!("{error}"));
        let fixture = Self {
            server,
            rate_limiter,
            meter,
            zones,
            control,
            answers,
            key,
        };
        fixture.add(ZONE, "example.com", SLOT);
        fixture
    }

    pub(crate) fn add(&self, text: &str, origin: &str, slot: u32) {
        let options = master::ParseOptions {
            origin: Some(Name::parse(origin).unwrap()),
            ..Default::default()
        };
        let parsed = master::parse(text.as_bytes(), &options)
            .unwrap_or_else(|findings| panic!("{findings:?}"));
        let zone = Zone::build(&parsed.apex, &parsed.records, &self.key)
            .unwrap()
            .with_slot(slot);
        let with = self.zones.load().with(Arc::new(zone));
        self.zones.store(Arc::new(with));
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) fn udp(&self) -> UdpSocket {
        udp_from(IpAddr::V4(Ipv4Addr::LOCALHOST), self.address())
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        tcp_to(self.address())
    }

    /// Waits until `met`, or fails.
    pub(crate) fn until(&self, what: &str, met: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !met(self) {
            assert!(start.elapsed() < PATIENCE, "still waiting: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn udp_from(from: IpAddr, to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub(crate) fn tcp_to(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A question without EDNS.
pub(crate) fn query(id: u16, name: &str, qtype: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(Name::parse(name).unwrap().as_wire());
    message.extend_from_slice(&qtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// One exchange over UDP.
pub(crate) fn exchange(socket: &UdpSocket, message: &[u8]) -> Vec<u8> {
    socket.send(message).unwrap();
    let mut answer = vec![0; 4096];
    let len = socket.recv(&mut answer).unwrap();
    answer.truncate(len);
    answer
}

/// Whether anything comes back within a moment, with a good query behind it that must be answered.
pub(crate) fn is_silent(socket: &UdpSocket, message: &[u8]) -> bool {
    socket.send(message).unwrap();
    // Answers keep the order of a client's queries: the next answer tells whether there was one.
    exchange(socket, &query(0xbeef, "www.example.com", 1))[..2] == [0xbe, 0xef]
}

pub(crate) fn send_frame(stream: &mut TcpStream, message: &[u8]) {
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    stream.write_all(&frame).unwrap();
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

pub(crate) fn rcode(answer: &[u8]) -> u8 {
    answer[3] & 0xf
}

pub(crate) fn answer_count(answer: &[u8]) -> u16 {
    u16::from_be_bytes([answer[6], answer[7]])
}

pub(crate) fn is_truncated(answer: &[u8]) -> bool {
    answer[2] & 2 != 0
}
