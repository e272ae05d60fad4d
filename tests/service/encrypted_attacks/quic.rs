//! QUIC clients that misbehave as far as quinn's interface lets them, and a relay that loses what it
//! should not.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bailiwick_tests::encrypted::{Encrypted, NAME};
use quinn::congestion::NewRenoConfig;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, TransportConfig};

use super::{any, attacker};

/// Streams with the first octets of a message and no end, as many as the server allows, until it ends the
/// connections.
pub(super) fn unfinished_streams(encrypted: &Encrypted, connections: usize) {
    block_on(async {
        let mut kept = Vec::new();
        for n in 0..connections {
            let (endpoint, connection) = connect(encrypted, attacker(n), b"doq").await.unwrap();
            let mut streams = Vec::new();
            for _ in 0..100 {
                let mut stream = connection.open_bi().await.unwrap();
                // A length, then octet by octet.
                stream.0.write_all(&[0xff, 0xff]).await.unwrap();
                for _ in 0..20 {
                    stream.0.write_all(&[0]).await.unwrap();
                }
                streams.push(stream);
            }
            kept.push((endpoint, connection, streams));
        }
        for (_, connection, _) in &kept {
            let another = tokio::time::timeout(Duration::from_millis(1), connection.open_bi());
            assert!(!matches!(another.await, Ok(Ok(_))), "a stream too many");
        }
        for (_, connection, _) in &kept {
            connection.closed().await;
        }
    });
}

/// Connections that end as soon as they stand.
pub(super) fn come_and_go(encrypted: &Encrypted, connections: usize) {
    block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..3 {
            let encrypted = encrypted.clone();
            tasks.spawn(async move {
                let mut stood = 0;
                for n in 0..connections / 3 {
                    let source = attacker(worker * 100 + n % 50);
                    if let Ok((endpoint, connection)) = connect(&encrypted, source, b"doq").await {
                        connection.close(0u32.into(), b"");
                        endpoint.wait_idle().await;
                        stood += 1;
                    }
                }
                stood
            });
        }
        let stood: usize = tasks.join_all().await.into_iter().sum();
        assert!(stood > connections / 2, "{stood} connections");
    });
}

/// First packets only: what comes back never reaches the client.
pub(super) fn initials_only(encrypted: &Encrypted, count: usize) {
    let packets: Vec<Vec<u8>> = (0..count).map(|_| initial(encrypted)).collect();
    // Each from a port of its own, all within the time of one handshake.
    for packet in packets {
        let socket = UdpSocket::bind(any(Ipv4Addr::new(127, 61, 0, 1))).unwrap();
        socket.send_to(&packet, encrypted.quic).unwrap();
    }
}

/// Octets sent by a client that is heard once and never answers, and octets that came back.
pub(super) fn amplification(encrypted: &Encrypted) -> (usize, usize) {
    let packet = initial(encrypted);
    let socket = UdpSocket::bind(any(Ipv4Addr::LOCALHOST)).unwrap();
    socket.send_to(&packet, encrypted.quic).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut received = 0;
    let mut octets = [0; 2048];
    let end = Instant::now() + Duration::from_secs(3);
    // The server repeats what is not acknowledged; all of it counts.
    while Instant::now() < end {
        received += socket.recv(&mut octets).unwrap_or(0);
    }
    (packet.len(), received)
}

/// A stream of `fragments` octets with a hole before each: a relay takes away every other packet, and
/// every answer, so that nothing is sent again in one piece. `look` looks when all have been sent.
pub(super) fn gaps(encrypted: &Encrypted, fragments: usize, look: impl FnOnce()) {
    block_on(async {
        let relay = Relay::start(encrypted.quic).await;
        let mut config = config(encrypted, b"doq");
        let mut reno = NewRenoConfig::default();
        // Whatever is lost, go on.
        reno.initial_window(1 << 30);
        let mut transport = TransportConfig::default();
        transport
            .congestion_controller_factory(Arc::new(reno))
            .mtu_discovery_config(None);
        config.transport_config(Arc::new(transport));
        let endpoint = Endpoint::client(any(attacker(0))).unwrap();
        let connection = endpoint.connect_with(config, relay.at, NAME).unwrap();
        let connection = connection.await.unwrap();
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&[0xff, 0xff]).await.unwrap();
        relay.is_lossy.store(true, Relaxed);
        for octet in 1..=2 * fragments {
            send.write_all(&[0]).await.unwrap();
            // It leaves before the next one can join it.
            while relay.seen.load(Relaxed) < octet {
                tokio::task::yield_now().await;
            }
        }
        let passed = relay.passed.load(Relaxed);
        assert!(passed >= fragments, "{passed} of {fragments}");
        look();
    });
}

/// Hands packets on between one client and a server; at will it loses every other one of the client's
/// and all of the server's.
struct Relay {
    at: SocketAddr,
    is_lossy: Arc<AtomicBool>,
    /// Packets of the client while it was lossy, and those of them that were handed on.
    seen: Arc<AtomicUsize>,
    passed: Arc<AtomicUsize>,
}

impl Relay {
    async fn start(server: SocketAddr) -> Self {
        let near = tokio::net::UdpSocket::bind(any(Ipv4Addr::LOCALHOST)).await;
        let far = tokio::net::UdpSocket::bind(any(attacker(0))).await;
        let (near, far) = (near.unwrap(), far.unwrap());
        let relay = Self {
            at: near.local_addr().unwrap(),
            is_lossy: Arc::default(),
            seen: Arc::default(),
            passed: Arc::default(),
        };
        let is_lossy = Arc::clone(&relay.is_lossy);
        let (seen, passed) = (Arc::clone(&relay.seen), Arc::clone(&relay.passed));
        tokio::spawn(async move {
            let mut client = None;
            let (mut up, mut down) = ([0; 2048], [0; 2048]);
            loop {
                tokio::select! {
                    Ok((len, from)) = near.recv_from(&mut up) => {
                        client = Some(from);
                        let is_lossy = is_lossy.load(Relaxed);
                        if !is_lossy || seen.load(Relaxed) % 2 == 1 {
                            far.send_to(&up[..len], server).await.unwrap();
                            passed.fetch_add(usize::from(is_lossy), Relaxed);
                        }
                        seen.fetch_add(usize::from(is_lossy), Relaxed);
                    }
                    Ok(len) = far.recv(&mut down) => if let Some(client) = client
                        && !is_lossy.load(Relaxed) {
                        near.send_to(&down[..len], client).await.unwrap();
                    },
                }
            }
        });
        relay
    }
}

/// A HEADERS frame that says it is a gigabyte long, sent as fast as it is taken.
pub(super) fn endless_headers(encrypted: &Encrypted, connections: usize) {
    block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..connections {
            let encrypted = encrypted.clone();
            tasks.spawn(async move {
                let (_endpoint, connection) =
                    connect(&encrypted, attacker(n), b"h3").await.unwrap();
                let (mut send, _receive) = connection.open_bi().await.unwrap();
                // RFC 9114 7.2.2: type 1 and a length of 2^30 - 1 in eight octets.
                send.write_all(&[1, 0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff])
                    .await
                    .unwrap();
                let block = vec![0; 64 * 1024];
                let mut sent = 0usize;
                loop {
                    if sent > 64 << 20 || send.write_all(&block).await.is_err() {
                        return sent;
                    }
                    sent += block.len();
                }
            });
        }
        for sent in tasks.join_all().await {
            assert!(sent < 16 << 20, "{sent} octets were taken");
        }
    });
}

async fn connect(
    encrypted: &Encrypted,
    source: Ipv4Addr,
    protocol: &[u8],
) -> anyhow::Result<(Endpoint, Connection)> {
    let to = match protocol {
        b"h3" => encrypted.https,
        _ => encrypted.quic,
    };
    let endpoint = Endpoint::client(any(source))?;
    let connecting = endpoint.connect_with(config(encrypted, protocol), to, NAME)?;
    let connection = tokio::time::timeout(Duration::from_secs(10), connecting).await??;
    Ok((endpoint, connection))
}

/// The first packet of a connection.
fn initial(encrypted: &Encrypted) -> Vec<u8> {
    block_on(async {
        let catcher = tokio::net::UdpSocket::bind(any(Ipv4Addr::LOCALHOST))
            .await
            .unwrap();
        let to: SocketAddr = catcher.local_addr().unwrap();
        let endpoint = Endpoint::client(any(Ipv4Addr::LOCALHOST)).unwrap();
        let _connecting = endpoint
            .connect_with(config(encrypted, b"doq"), to, NAME)
            .unwrap();
        let mut packet = vec![0; 2048];
        let len = catcher.recv(&mut packet).await.unwrap();
        packet.truncate(len);
        packet
    })
}

fn config(encrypted: &Encrypted, protocol: &[u8]) -> ClientConfig {
    let tls = encrypted.config(protocol).unwrap();
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
