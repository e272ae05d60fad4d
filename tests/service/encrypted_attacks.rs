//! What can be done to a server under TLS, HTTP/2, HTTP/3 and QUIC, and what it may not do to anybody
//! else: RELIABILITY P18, P19, P20, each with "the server stays well".

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

#[path = "encrypted_attacks/http2.rs"]
mod http2;
#[path = "encrypted_attacks/quic.rs"]
mod quic;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_tests::encrypted::Encrypted;
use bailiwick_tests::http::metric;
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::tcp::connect_from;
use bailiwick_tests::well::Watch;
use bailiwick_tests::wire::{A, Question, Reply};
use tempfile::TempDir;

const ZONE: &str = "example.org. 300 IN SOA ns hostmaster 7 3600 600 86400 300\n\
                    example.org. 300 IN NS ns\n\
                    ns.example.org. 300 IN A 192.0.2.53\n\
                    www.example.org. 300 IN A 192.0.2.1\n";

/// A server with all transports; the folder lives as long.
struct Scene {
    _folder: TempDir,
    encrypted: Encrypted,
    server: TestServer,
}

impl Scene {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("zone"), ZONE).unwrap();
        let encrypted = Encrypted::new(folder.path()).unwrap();
        let options = TestServer::options()
            .zone("example.org", &folder.path().join("zone"))
            .http();
        Self {
            server: encrypted.options(options, folder.path()).start().unwrap(),
            encrypted,
            _folder: folder,
        }
    }

    /// Mistreats the server while a quiet client looks on, and asks it once more under TLS. What the
    /// attackers held open is given back.
    fn while_well(&mut self, what: &str, mistreat: impl FnOnce(&Encrypted, &mut TestServer)) {
        let watch = Watch::begin(&mut self.server, &question()).unwrap();
        let before = self.server.process().descriptor_count();
        mistreat(&self.encrypted, &mut self.server);
        eprintln!("{what}: {:?}", watch.end(&mut self.server));
        let message = question().encode(7);
        let answer = wait_until("a newcomer is answered", Duration::from_secs(10), || {
            self.encrypted.ask(NEWCOMER, &message).ok()
        });
        assert_eq!(Reply::read(&answer.0).unwrap().answer.len(), 1);
        let process = self.server.process();
        wait_until("descriptors are back", Duration::from_secs(15), || {
            (process.descriptor_count() <= before + 2).then_some(())
        });
    }

    fn event(&self, name: &str) -> u64 {
        event(&self.server, name)
    }
}

/// How often the server counted it; 0 where it names it not yet.
fn event(server: &TestServer, name: &str) -> u64 {
    let metrics = server.metrics().unwrap();
    let label = format!("event=\"{}\"", name.replace('_', " "));
    metric(&metrics, "bailiwick_encrypted_events_total", &[&label]).unwrap_or(0.0) as u64
}

fn question() -> Question {
    Question::new("www.example.org", A)
}

/// The n-th attacker; each has a /24 of its own.
fn attacker(n: usize) -> Ipv4Addr {
    let [.., high, low] = n.to_be_bytes();
    Ipv4Addr::new(127, 32 + high, low, 1)
}

/// Runs `attack` on so many threads, each with the number of its thread.
fn in_parallel(threads: usize, attack: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for n in 0..threads {
            let attack = &attack;
            scope.spawn(move || attack(n));
        }
    });
}

/// With nothing beside them: they look at latency and memory.
mod alone {
    use super::*;

    /// RELIABILITY P18 (CVE-2026-12245): 20,000 handshakes broken off, at every octet of what a client
    /// sends first and of what it sends last, by closing or by a reset.
    #[test]
    fn p18_handshakes_broken_off_anywhere_hurt_nobody() {
        let mut scene = Scene::start();
        scene.while_well("20,000 handshakes", |encrypted, _| {
            in_parallel(THREADS, |thread| {
                for n in (thread..20_000).step_by(THREADS) {
                    // Every fourth gets as far as its last flight.
                    let source = attacker(n % 40);
                    let _ = if n % 4 == 3 {
                        break_off_late(encrypted, source, n / 4)
                    } else {
                        break_off_early(encrypted, source, n)
                    };
                }
            });
        });
        assert!(scene.event("handshakes_failed") > 15_000);
    }

    /// RELIABILITY P18: whoever has used up its time of handshakes is turned away before anything is
    /// computed for it, and a neighbour is not.
    #[test]
    fn p18_handshakes_have_a_budget_of_time_for_each_client() {
        let mut scene = Scene::start();
        let flooder = Ipv4Addr::new(127, 60, 0, 1);
        scene.while_well("a handshake flood", |encrypted, _| {
            // The same hello again and again: it costs this side nothing, and the server a key exchange.
            let hello = hello(encrypted);
            let end = Instant::now() + Duration::from_secs(60);
            let turned_away = AtomicUsize::new(0);
            in_parallel(2, |_| {
                while turned_away.load(Relaxed) < 200 && Instant::now() < end {
                    let Ok(mut socket) = connect_from(flooder.into(), encrypted.tls) else {
                        continue;
                    };
                    let _ = socket.write_all(&hello);
                    if !matches!(socket.read(&mut [0; 16]), Ok(1..)) {
                        turned_away.fetch_add(1, Relaxed);
                    }
                }
            });
            encrypted
                .ask(Ipv4Addr::new(127, 60, 0, 2), &question().encode(1))
                .unwrap();
        });
        assert!(scene.event("handshakes_limited") >= 200);
    }

    /// RELIABILITY P18: clients that finish their handshake an octet at a time, or never.
    #[test]
    fn p18_slow_handshakes_give_their_places_back() {
        let mut scene = Scene::start();
        scene.while_well("slow handshakes", |encrypted, _| {
            let hello = hello(encrypted);
            let mut slow: Vec<_> = (0..800)
                .map(|n| connect_from(attacker(n / 20).into(), encrypted.tls).unwrap())
                .collect();
            for octet in hello.iter().take(3) {
                for stream in &mut slow {
                    let _ = stream.write_all(&[*octet]);
                }
                thread::sleep(Duration::from_millis(500));
            }
            encrypted.ask(NEWCOMER, &question().encode(1)).unwrap();
        });
    }

    /// RELIABILITY P19: one way to hurt an HTTP/2 server, on 100 connections at once.
    fn p19(attack: &http2::Attack) {
        let mut scene = Scene::start();
        scene.while_well(attack.name, |encrypted, _| {
            let end = Instant::now() + Duration::from_secs(3);
            in_parallel(THREADS, |n| http2::run(attack, encrypted, n, end));
        });
        let (what, least) = attack.counted;
        let counted = scene.event(what);
        assert!(counted >= least, "{counted} {what}");
    }

    #[test]
    fn p19_rapid_reset() {
        p19(&http2::RAPID_RESET);
    }

    #[test]
    fn p19_made_you_reset() {
        p19(&http2::MADE_YOU_RESET);
    }

    #[test]
    fn p19_continuation_flood() {
        p19(&http2::CONTINUATION_FLOOD);
    }

    #[test]
    fn p19_settings_flood() {
        p19(&http2::SETTINGS_FLOOD);
    }

    #[test]
    fn p19_empty_data_frames() {
        p19(&http2::EMPTY_DATA);
    }

    #[test]
    fn p19_hpack_bomb() {
        p19(&http2::HPACK_BOMB);
    }

    #[test]
    fn p19_oversized_get() {
        p19(&http2::OVERSIZED_GET);
    }

    #[test]
    fn p19_close_wait() {
        p19(&http2::CLOSE_WAIT);
    }

    /// RELIABILITY P20: streams that are opened and never finished, octet by octet; no more than a hundred
    /// on a connection, and for no longer than silence may last.
    #[test]
    fn p20_unfinished_streams_hold_little() {
        let mut scene = Scene::start();
        scene.while_well("unfinished streams", |encrypted, _| {
            quic::unfinished_streams(encrypted, 40);
        });
    }

    /// RELIABILITY P20: connections made and left, hundreds of them.
    #[test]
    fn p20_connections_that_come_and_go_leave_nothing() {
        let mut scene = Scene::start();
        scene.while_well("300 connections", |encrypted, _| {
            quic::come_and_go(encrypted, 300);
        });
    }

    /// RELIABILITY P20: Initial packets from thousands of ports and no more than that: clients are asked
    /// to prove their address once a thousand handshakes are under way.
    #[test]
    fn p20_half_open_handshakes_end_in_retry() {
        let mut scene = Scene::start();
        scene.while_well("3,000 Initials", |encrypted, server| {
            quic::initials_only(encrypted, 3000);
            // They go on until the server gives them up.
            wait_until("all are given up", Duration::from_secs(20), || {
                (event(server, "handshakes_failed") >= 1000).then_some(())
            });
        });
        assert_eq!(scene.event("handshakes_failed"), 1000);
        assert_eq!(scene.event("quic_retries"), 2000);
    }

    /// RELIABILITY P20 (RUSTSEC-2026-0185): 10,000 octets of a stream, each alone in its packet and none
    /// beside another, cost less than 32 MiB.
    #[test]
    fn p20_ten_thousand_gaps_in_a_stream_cost_little() {
        let mut scene = Scene::start();
        scene.while_well("10,000 fragments", |encrypted, server| {
            let before = server.process().resident_bytes();
            quic::gaps(encrypted, 10_000, || {
                let grown = server.process().resident_bytes().saturating_sub(before);
                assert!(grown < 32 << 20, "{grown} octets");
            });
        });
    }

    /// RELIABILITY P19, P20: one frame of headers without end over HTTP/3.
    #[test]
    fn p20_an_endless_frame_of_http3_is_cut_off() {
        let mut scene = Scene::start();
        scene.while_well("endless headers", |encrypted, _| {
            quic::endless_headers(encrypted, 20);
        });
        assert!(scene.event("connections_cut") > 0);
    }
}

/// RELIABILITY P20, RFC 9000 8.1: before an address is proven it gets three octets for one. quinn lets a
/// datagram begin while there is any of that left, so the last one may pass the bound: by a datagram.
#[test]
fn p20_an_unproven_address_gets_three_octets_for_one() {
    let scene = Scene::start();
    let (sent, received) = quic::amplification(&scene.encrypted);
    assert!(
        sent > 0 && received > 0 && received < 3 * sent + 1200,
        "{received} octets for {sent}"
    );
}

/// RELIABILITY P19, P20: the versions from which on known holes are closed.
#[test]
fn p20_the_crates_are_no_older_than_their_last_advisory() {
    let lock = bailiwick_tests::place::project().join("Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap();
    for (name, floor) in [
        ("h2", [0, 4, 16]),
        ("quinn-proto", [0, 11, 15]),
        ("rustls", [0, 23, 18]),
    ] {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let mut found = 0;
        for (at, _) in lock.match_indices(&entry) {
            let version = lock[at + entry.len()..].split('"').next().unwrap();
            let parts = version
                .split(['.', '-'])
                .map_while(|part| part.parse().ok());
            assert!(
                parts.collect::<Vec<u32>>() >= floor.to_vec(),
                "{name} {version}"
            );
            found += 1;
        }
        assert!(found > 0, "no {name}");
    }
}

/// What a client sends first.
fn hello(encrypted: &Encrypted) -> Vec<u8> {
    let mut session = encrypted.session(b"dot").unwrap();
    let mut octets = Vec::new();
    session.write_tls(&mut octets).unwrap();
    octets
}

/// Sends a part of the first flight and goes away; every other time with a reset.
fn break_off_early(encrypted: &Encrypted, source: Ipv4Addr, n: usize) -> anyhow::Result<()> {
    let hello = hello(encrypted);
    let mut socket = connect_from(source.into(), encrypted.tls)?;
    if n.is_multiple_of(2) {
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
    }
    socket.write_all(&hello[..n % (hello.len() + 1)])?;
    Ok(())
}

/// Reads what the server has to say, sends a part of the last flight and goes away.
fn break_off_late(encrypted: &Encrypted, source: Ipv4Addr, n: usize) -> anyhow::Result<()> {
    let mut session = encrypted.session(b"dot")?;
    let mut socket = connect_from(source.into(), encrypted.tls)?;
    session.write_tls(&mut socket)?;
    while session.is_handshaking() && !session.wants_write() {
        if session.read_tls(&mut socket)? == 0 {
            return Ok(());
        }
        session.process_new_packets()?;
    }
    let mut last = Vec::new();
    session.write_tls(&mut last)?;
    socket.write_all(&last[..n % (last.len() + 1)])?;
    Ok(())
}

/// Whoever comes after an attack.
const NEWCOMER: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
const THREADS: usize = 2;

/// The address a helper of QUIC binds to.
fn any(source: Ipv4Addr) -> SocketAddr {
    SocketAddr::from((source, 0))
}
