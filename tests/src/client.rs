//! Asking one server: over UDP, over TCP, the two as a resolver does it, a whole transfer, raw
//! bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::op::Message;

use crate::wire::{AXFR, Question, Reply, Rr, SOA, name_to_text};

/// A client of one server, with one UDP socket and, once needed, one TCP connection.
pub struct Client {
    server: SocketAddr,
    socket: UdpSocket,
    stream: Option<TcpStream>,
    strict: bool,
    next_id: u16,
}

impl Client {
    /// A client of the server at `server`, from any address.
    ///
    /// # Errors
    /// No socket.
    pub fn new(server: SocketAddr) -> Result<Self> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self::from(any, server)
    }

    /// A client that asks from `source`, such as 127.1.2.3.
    ///
    /// # Errors
    /// No socket.
    pub fn from(source: IpAddr, server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((source, 0)).context("client socket")?;
        socket.connect(server)?;
        Ok(Self {
            server,
            socket,
            stream: None,
            strict: false,
            next_id: fastrand::u16(..),
        })
    }

    /// Also has every answer read by hickory-proto, whose reader is not ours.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// The server's address.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Asks over UDP, three times at most.
    ///
    /// # Errors
    /// No answer, or none that can be read.
    pub fn udp(&mut self, question: &Question) -> Result<Reply> {
        for _ in 0..3 {
            if let Some(reply) = self.udp_once(question, Duration::from_secs(1))? {
                return Ok(reply);
            }
        }
        bail!(
            "{} gives no answer for {}",
            self.server,
            name_to_text(&question.name)
        )
    }

    /// Asks over UDP once; none when nothing came back within `limit`.
    ///
    /// # Errors
    /// The answer cannot be read.
    pub fn udp_once(&mut self, question: &Question, limit: Duration) -> Result<Option<Reply>> {
        let id = self.id();
        let query = question.encode(id);
        if self.socket.send(&query).is_err() {
            // A refused port is reported on the next send; the one after that is sent.
            let _ = self.socket.send(&query);
        }
        let end = Instant::now() + limit;
        let mut buffer = [0; 65_535];
        while let Some(left) = end
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv(&mut buffer) {
                Ok(len) if len >= 2 && buffer[..2] == id.to_be_bytes() => {
                    return self.read(question, id, &buffer[..len]).map(Some);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Asks over TCP, on the connection that is open or a new one.
    ///
    /// # Errors
    /// No connection, no answer, or none that can be read.
    pub fn tcp(&mut self, question: &Question) -> Result<Reply> {
        let id = self.id();
        let message = match self.tcp_exchange(&question.encode(id)) {
            Ok(message) => message,
            // An idle connection may have been closed meanwhile; a new one must do.
            Err(_) if self.stream.take().is_some() => self.tcp_exchange(&question.encode(id))?,
            Err(error) => return Err(error),
        };
        self.read(question, id, &message)
    }

    /// As a resolver asks: UDP, and TCP when the answer was truncated.
    ///
    /// # Errors
    /// As [`Client::udp`] and [`Client::tcp`].
    pub fn ask(&mut self, question: &Question) -> Result<Reply> {
        let reply = self.udp(question)?;
        if reply.truncated() {
            self.tcp(question)
        } else {
            Ok(reply)
        }
    }

    /// Sends bytes over UDP and gives what came back within `limit`.
    ///
    /// # Errors
    /// The socket fails.
    pub fn udp_raw(&self, bytes: &[u8], limit: Duration) -> Result<Option<Vec<u8>>> {
        self.socket.send(bytes)?;
        self.socket.set_read_timeout(Some(limit))?;
        let mut buffer = [0; 65_535];
        match self.socket.recv(&mut buffer) {
            Ok(len) => Ok(Some(buffer[..len].to_vec())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn id(&mut self) -> u16 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn tcp_exchange(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => empty.insert(connect(self.server)?),
        };
        send_framed(stream, message)?;
        receive_framed(stream)
    }

    fn read(&self, question: &Question, id: u16, bytes: &[u8]) -> Result<Reply> {
        let about = || format!("{} about {}", self.server, name_to_text(&question.name));
        let reply = Reply::read(bytes).with_context(about)?;
        ensure!(reply.flags & 0x8000 != 0, "{}: no response", about());
        ensure!(reply.id == id, "{}: id {} for {id}", about(), reply.id);
        if let Some((name, rtype, _)) = &reply.question {
            ensure!(
                *name == question.name.to_ascii_lowercase() && *rtype == question.rtype,
                "{}: another question",
                about()
            );
        }
        if self.strict {
            let message =
                Message::from_vec(bytes).with_context(|| format!("hickory reads {}", about()))?;
            ensure!(
                message.answers.len() == reply.answer.len()
                    && message.authorities.len() == reply.authority.len()
                    && message.additionals.len() == reply.additional.len(),
                "{}: hickory counts other records",
                about()
            );
        }
        Ok(reply)
    }
}

/// A TCP connection with limits on both directions.
///
/// # Errors
/// No connection.
pub fn connect(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))
        .with_context(|| format!("TCP to {server}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a message behind its length.
///
/// # Errors
/// The connection fails.
pub fn send_framed(stream: &mut TcpStream, message: &[u8]) -> Result<()> {
    let len = u16::try_from(message.len()).context("too long for a frame")?;
    let mut framed = len.to_be_bytes().to_vec();
    framed.extend(message);
    stream.write_all(&framed).context("TCP write")
}

/// Reads one message behind its length.
///
/// # Errors
/// The connection fails or ends.
pub fn receive_framed(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).context("TCP read")?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).context("TCP read")?;
    Ok(message)
}

/// A whole zone by AXFR (RFC 5936), the closing SOA record left out.
///
/// # Errors
/// Refused, cut off or malformed.
pub fn axfr(server: SocketAddr, apex: &str) -> Result<Vec<Rr>> {
    let mut stream = connect(server)?;
    send_framed(&mut stream, &Question::new(apex, AXFR).encode(0x5a5a))?;
    let mut records: Vec<Rr> = Vec::new();
    loop {
        let message = receive_framed(&mut stream)?;
        let reply = Reply::read(&message)?;
        ensure!(
            reply.rcode() == 0,
            "AXFR of {apex} from {server}: rcode {}",
            reply.rcode()
        );
        ensure!(
            reply.id == 0x5a5a,
            "AXFR of {apex} from {server}: another id"
        );
        for rr in reply.answer {
            if rr.rtype == SOA && records.first() == Some(&rr) {
                return Ok(records);
            }
            ensure!(
                !records.is_empty() || rr.rtype == SOA,
                "AXFR of {apex} begins with {rr}"
            );
            records.push(rr);
        }
    }
}

/// The serial a server gives for a zone; none while it gives none.
pub fn serial(server: SocketAddr, apex: &str) -> Option<u32> {
    let mut client = Client::new(server).ok()?;
    let reply = client
        .udp_once(&Question::new(apex, SOA), Duration::from_millis(300))
        .ok()??;
    (reply.rcode() == 0 && reply.authoritative()).then(|| reply.soa_serial())?
}
