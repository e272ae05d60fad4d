//! Talking to a primary: the sockets around the machines of `transfer`.
//!
//! Every wait has an end: connecting, each whole message, each span of the minimum rate, the transfer in
//! all. A primary that sends one octet a minute costs a slot for a minute (RELIABILITY X2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bailiwick_transfer::{
    AxfrError, AxfrIn, Failure, ProbeError, ProbeReply, Progress, SoaProbe, Transferred,
};
use bailiwick_zone::{Name, Serial};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

use crate::options::TransferLimits;

/// Why nothing usable came from a primary; the words are shown to the zone's owner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No connection.
    #[error("cannot connect to {primary}: {}", io_words(source))]
    Connect {
        /// Whom.
        primary: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No connection in time.
    #[error("{primary} does not accept a connection within {} s", limit.as_secs_f32())]
    ConnectTimeout {
        /// Whom.
        primary: SocketAddr,
        /// How long we waited.
        limit: Duration,
    },
    /// Neither UDP nor TCP brought an answer.
    #[error("{primary} does not answer the SOA question")]
    Silent {
        /// Whom.
        primary: SocketAddr,
    },
    /// The connection broke.
    #[error("the connection to {primary} broke: {}", io_words(source))]
    Broken {
        /// Whom.
        primary: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No whole message in time.
    #[error("{primary} sent nothing for {} s in the middle of a transfer", limit.as_secs_f32())]
    Idle {
        /// Whom.
        primary: SocketAddr,
        /// How long we waited.
        limit: Duration,
    },
    /// Its records take more memory than one transfer may.
    #[error("the zone at {primary} takes more than {limit} bytes of memory")]
    TooLarge {
        /// The primary.
        primary: SocketAddr,
        /// The most.
        limit: u64,
    },
    /// Below the minimum rate.
    #[error("{primary} sends too slowly: less than {least} bytes in {} s", span.as_secs_f32())]
    TooSlow {
        /// Whom.
        primary: SocketAddr,
        /// What was asked of it.
        least: u64,
        /// In which time.
        span: Duration,
    },
    /// The whole transfer took too long.
    #[error("the transfer from {primary} was not done after {} s", limit.as_secs_f32())]
    TooLong {
        /// Whom.
        primary: SocketAddr,
        /// The limit.
        limit: Duration,
    },
    /// Our own memory for transfers is used up; tried again later.
    #[error("too many large transfers are running at once; this one is tried again later")]
    Busy,
    /// The answer to the SOA question.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The transfer.
    #[error(transparent)]
    Axfr(#[from] AxfrError),
}

impl DialError {
    /// Whether trying again is cheap.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Axfr(AxfrError::Rcode(_)) => Failure::Unreachable,
            Self::Axfr(_) | Self::TooLarge { .. } | Self::TooSlow { .. } | Self::TooLong { .. } => {
                Failure::Content
            }
            _ => Failure::Unreachable,
        }
    }
}

/// Bytes of records that running transfers may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    free: AtomicU64,
}

/// One transfer's part of the budget; given back when dropped.
struct Share<'a> {
    budget: &'a Budget,
    taken: u64,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            free: AtomicU64::new(bytes),
        }
    }
}

impl Share<'_> {
    fn grow_to(&mut self, bytes: u64) -> Result<(), DialError> {
        let more = bytes.saturating_sub(self.taken);
        let taken = self
            .budget
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(more)
            });
        taken.map_err(|_| DialError::Busy)?;
        self.taken += more;
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.taken, Ordering::Relaxed);
    }
}

/// The primary's serial: asked over UDP, and over TCP where UDP brings nothing or a truncated answer.
pub(crate) async fn serial(
    apex: &Name,
    primary: SocketAddr,
    limits: &TransferLimits,
) -> Result<Serial, DialError> {
    for _ in 0..limits.probe_tries {
        match serial_udp(apex, primary, limits.probe_timeout).await? {
            Some(ProbeReply::Serial(serial)) => return Ok(serial),
            Some(ProbeReply::Truncated) => break,
            None => {}
        }
    }
    match serial_tcp(apex, primary, limits).await {
        Err(DialError::ConnectTimeout { primary, .. } | DialError::Idle { primary, .. }) => {
            Err(DialError::Silent { primary })
        }
        other => other,
    }
}

/// One try; `None` when nothing of ours came in time or the port is closed.
async fn serial_udp(
    apex: &Name,
    primary: SocketAddr,
    wait: Duration,
) -> Result<Option<ProbeReply>, DialError> {
    let deadline = Instant::now() + wait;
    let probe = new_probe(apex);
    // The system draws the port; each try has its own socket, so a forger must guess port, id and case.
    let Ok(socket) = UdpSocket::bind(any_port(primary)).await else {
        return Ok(None);
    };
    // A connected socket drops packets of others.
    if socket.connect(primary).await.is_err() || socket.send(probe.request()).await.is_err() {
        return Ok(None);
    }
    let mut buffer = [0; 1500];
    loop {
        match timeout_at(deadline, socket.recv(&mut buffer)).await {
            Ok(Ok(len)) => match probe.response_udp(buffer.get(..len).unwrap_or_default()) {
                Ok(reply) => return Ok(Some(reply)),
                Err(ProbeError::NotOurs) => {}
                Err(error) => return Err(error.into()),
            },
            Ok(Err(_)) | Err(_) => return Ok(None),
        }
    }
}

async fn serial_tcp(
    apex: &Name,
    primary: SocketAddr,
    limits: &TransferLimits,
) -> Result<Serial, DialError> {
    let mut stream = connect(primary, limits.connect_timeout).await?;
    let probe = new_probe(apex);
    send(&mut stream, probe.request(), primary).await?;
    let mut reader = BufReader::new(stream);
    let mut message = Vec::new();
    receive(
        &mut reader,
        &mut message,
        primary,
        Instant::now() + limits.probe_timeout,
        limits.probe_timeout,
    )
    .await?;
    match probe.response_tcp(&message)? {
        ProbeReply::Serial(serial) => Ok(serial),
        ProbeReply::Truncated => Err(ProbeError::Malformed("it is truncated even over TCP").into()),
    }
}

/// The whole zone.
pub(crate) async fn transfer(
    apex: &Name,
    primary: SocketAddr,
    limits: &TransferLimits,
    budget: &Budget,
) -> Result<Transferred, DialError> {
    let end = Instant::now() + limits.total_timeout;
    let mut share = Share { budget, taken: 0 };
    let mut machine = AxfrIn::new(apex, random_id(), limits.axfr);
    let mut stream = connect(primary, limits.connect_timeout).await?;
    send(&mut stream, &machine.request(), primary).await?;
    let mut reader = BufReader::with_capacity(READ_BUFFER, stream);
    let mut message = Vec::with_capacity(0xFFFF);
    let mut span = (Instant::now() + limits.rate_span, 0);
    loop {
        let now = Instant::now();
        if now >= span.0 {
            if machine.bytes() - span.1 < limits.rate_min {
                return Err(DialError::TooSlow {
                    primary,
                    least: limits.rate_min,
                    span: limits.rate_span,
                });
            }
            span = (now + limits.rate_span, machine.bytes());
        }
        let deadline = end.min(now + limits.message_timeout);
        match receive(
            &mut reader,
            &mut message,
            primary,
            deadline,
            limits.message_timeout,
        )
        .await
        {
            Ok(true) => {}
            // The primary closed: what is missing is said by the machine.
            Ok(false) => return Ok(machine.finish()?),
            Err(DialError::Idle { primary, .. }) if Instant::now() >= end => {
                return Err(DialError::TooLong {
                    primary,
                    limit: limits.total_timeout,
                });
            }
            Err(error) => return Err(error),
        }
        let progress = machine.push(&message)?;
        if machine.memory() > limits.memory_each {
            return Err(DialError::TooLarge {
                primary,
                limit: limits.memory_each,
            });
        }
        share.grow_to(machine.memory())?;
        if progress == Progress::Done {
            return Ok(machine.finish()?);
        }
    }
}

async fn connect(primary: SocketAddr, limit: Duration) -> Result<TcpStream, DialError> {
    match timeout(limit, TcpStream::connect(primary)).await {
        Ok(Ok(stream)) => {
            // Requests are one small segment; waiting for more would only delay them.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(source)) => Err(DialError::Connect { primary, source }),
        Err(_) => Err(DialError::ConnectTimeout { primary, limit }),
    }
}

/// Sends a message with its two length octets in one segment (RFC 1035 4.2.2).
async fn send(
    stream: &mut TcpStream,
    message: &[u8],
    primary: SocketAddr,
) -> Result<(), DialError> {
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend_from_slice(
        &u16::try_from(message.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes(),
    );
    framed.extend_from_slice(message);
    stream
        .write_all(&framed)
        .await
        .map_err(|source| DialError::Broken { primary, source })
}

/// The next message; false when the primary closed cleanly between two.
async fn receive(
    reader: &mut BufReader<TcpStream>,
    message: &mut Vec<u8>,
    primary: SocketAddr,
    deadline: Instant,
    limit: Duration,
) -> Result<bool, DialError> {
    let read = async {
        let mut len = [0; 2];
        match reader.read_exact(&mut len).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        message.resize(usize::from(u16::from_be_bytes(len)), 0);
        reader.read_exact(message).await?;
        Ok(true)
    };
    match timeout_at(deadline, read).await {
        Ok(Ok(more)) => Ok(more),
        Ok(Err(source)) => Err(DialError::Broken { primary, source }),
        Err(_) => Err(DialError::Idle { primary, limit }),
    }
}

fn new_probe(apex: &Name) -> SoaProbe {
    let mut case = [0; 32];
    random(&mut case);
    SoaProbe::new(apex, random_id(), &case)
}

fn random_id() -> u16 {
    let mut id = [0; 2];
    random(&mut id);
    u16::from_be_bytes(id)
}

/// From the operating system: ids are what a forger has to guess (RELIABILITY X16).
fn random(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // Without a source of randomness guessing is easier, yet a transfer over TCP stays sound.
        fastrand::fill(bytes);
    }
}

fn any_port(primary: SocketAddr) -> SocketAddr {
    match primary.ip() {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// The usual reasons in words; the others as the system names them.
fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".to_owned(),
        io::ErrorKind::ConnectionReset => "it reset the connection".to_owned(),
        io::ErrorKind::UnexpectedEof => "it closed in the middle of a message".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to the host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "no route to its network".to_owned(),
        _ => error.to_string(),
    }
}

const READ_BUFFER: usize = 256 << 10;
