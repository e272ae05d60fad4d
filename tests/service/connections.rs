//! Connections that do harm: held open, dripping, never read from, left half open, reset, or used as
//! much as one can be. RELIABILITY P17; RFC 7766, RFC 9210.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_tests::client::{connect, receive_framed, send_framed};
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::{Options, TestServer};
use bailiwick_tests::tcp::connect_from;
use bailiwick_tests::well::Watch;
use bailiwick_tests::wire::{A, Question, Reply};
use bailiwick_tests::zones;
use tempfile::TempDir;

/// With nothing beside them: they look at latency and memory.
mod alone {
    use super::*;

    /// RELIABILITY P17 (T-TCP-SLOW): 2,000 connections that send an octet a second; the server stays
    /// well, who comes then is served at once, and the descriptors come back.
    #[test]
    fn p17_two_thousand_slow_connections_keep_nobody_out() {
        let scene = Scene::new();
        let mut server = scene.options().start().unwrap();
        let watch = Watch::begin(&mut server, &question()).unwrap();
        let before = server.process().descriptor_count();
        let mut slow: Vec<TcpStream> = (0..SLOW).map(|n| attacker(&server, n)).collect();
        let query = framed(&question());
        let begin = Instant::now();
        for octet in query.iter().take(3) {
            for stream in &mut slow {
                // It may have been closed already.
                let _ = stream.write_all(&[*octet]);
            }
            let came = Instant::now();
            let mut normal = connect(server.v4()).unwrap();
            assert_eq!(ask(&mut normal), 0);
            let took = came.elapsed();
            assert!(took < Duration::from_secs(1), "a newcomer waited {took:?}");
            thread::sleep(Duration::from_secs(1));
        }
        wait_until(
            "the descriptors are given back",
            Duration::from_secs(15),
            || (server.process().descriptor_count() <= before + 2).then_some(()),
        );
        eprintln!(
            "{SLOW} connections, gone {:?} after they came",
            begin.elapsed()
        );
        drop(slow);
        eprintln!("{:?}", watch.end(&mut server));
    }

    /// RELIABILITY P17: clients that pipeline without end and read nothing. What they get stays in
    /// small buffers, and they are closed.
    #[test]
    fn p17_clients_that_never_read_cost_little_and_are_closed() {
        let scene = Scene::new();
        let mut server = scene.options().start().unwrap();
        let watch = Watch::begin(&mut server, &question()).unwrap();
        let before = server.process().descriptor_count();
        let query = framed(&question()).repeat(500);
        let mut clients: Vec<TcpStream> = (0..200).map(|n| attacker(&server, n)).collect();
        for client in &mut clients {
            client.set_nonblocking(true).unwrap();
            // Until our own buffer is full: the server reads no more from this one.
            let mut open = 0;
            while client.write(&query).is_ok_and(|written| written > 0) && open < 64 {
                open += 1;
            }
        }
        wait_until("all are closed", Duration::from_secs(15), || {
            (server.process().descriptor_count() <= before + 2).then_some(())
        });
        eprintln!("{:?}", watch.end(&mut server));
    }

    /// RELIABILITY P17: connections that are opened and reset, or left half open, as fast as one
    /// thread can.
    #[test]
    fn p17_resets_and_half_open_connections_cost_nothing() {
        let scene = Scene::new();
        let mut server = scene.options().start().unwrap();
        let watch = Watch::begin(&mut server, &question()).unwrap();
        let before = server.process().descriptor_count();
        let query = framed(&question());
        for n in 0..5000 {
            let mut client = attacker(&server, n % 400);
            match n % 3 {
                // Closed with answers unread: the kernel sends a reset.
                0 => client.write_all(&query.repeat(20)).unwrap(),
                // The sending side is shut: an answer is still due (RFC 7766 6.2.4).
                1 => {
                    client.write_all(&query).unwrap();
                    client.shutdown(std::net::Shutdown::Write).unwrap();
                    let mut answer = Vec::new();
                    client.read_to_end(&mut answer).unwrap();
                    assert!(answer.len() > 14, "no answer after the half-close");
                }
                // Half a length, and gone.
                _ => client.write_all(&[0]).unwrap(),
            }
        }
        wait_until("all are gone", Duration::from_secs(15), || {
            (server.process().descriptor_count() <= before + 2).then_some(())
        });
        eprintln!("{:?}", watch.end(&mut server));
    }
}

/// RFC 7766 6.2.1, FEATURES 1.3: ten thousand queries pipelined on one connection, all answered; the
/// order is free, so answers are told apart by id.
#[test]
fn ten_thousand_queries_are_pipelined_on_one_connection() {
    let scene = Scene::new();
    let server = scene.options().start().unwrap();
    let mut stream = connect(server.v4()).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        for id in 0..10_000 {
            send_framed(&mut sending, &question().encode(id)).unwrap();
        }
    });
    let mut ids: Vec<u16> = (0..10_000)
        .map(|_| {
            let reply = Reply::read(&receive_framed(&mut stream).unwrap()).unwrap();
            assert_eq!((reply.rcode(), reply.answer.len()), (0, 1));
            reply.id
        })
        .collect();
    sender.join().unwrap();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(0..10_000));
}

/// RELIABILITY P17: an address has 20 connections; one more takes the place of the one that was silent
/// longest, and another address has its own.
#[test]
fn p17_an_address_has_twenty_connections() {
    let scene = Scene::new();
    let server = scene.options().start().unwrap();
    let mut mine: Vec<TcpStream> = (0..20).map(|_| from(&server, [127, 3, 0, 1])).collect();
    let mut other = from(&server, [127, 3, 0, 2]);
    for stream in mine.iter_mut().chain([&mut other]) {
        assert_eq!(ask(stream), 0);
    }
    let mut newest = from(&server, [127, 3, 0, 1]);
    assert_eq!(ask(&mut newest), 0);
    let mut octet = [0];
    assert_eq!(mine[0].read(&mut octet).unwrap(), 0, "the oldest is closed");
    for stream in mine.iter_mut().skip(1).chain([&mut other]) {
        assert_eq!(ask(stream), 0);
    }
}

/// RFC 7766 8, RFC 1035 4.2.2: a length may come in two parts, a message in many, and the next message
/// with the end of the one before.
#[test]
fn frames_may_be_cut_anywhere() {
    let scene = Scene::new();
    let server = scene.options().start().unwrap();
    let mut stream = connect(server.v4()).unwrap();
    let two = framed(&question()).repeat(2);
    for cut in 1..two.len() {
        stream.write_all(&two[..cut]).unwrap();
        // What was sent arrives alone: the segment is on its way before the rest is.
        thread::yield_now();
        stream.write_all(&two[cut..]).unwrap();
        for _ in 0..2 {
            assert_eq!(rcode(&receive_framed(&mut stream).unwrap()), 0);
        }
    }
}

/// RFC 7766 6.2.3: a connection that says nothing is closed after the time that is configured, a
/// connection that is in use is not.
#[test]
fn silence_ends_a_connection_and_use_keeps_it() {
    let scene = Scene::new();
    let server = scene
        .options()
        .config("version = \"v1\"\n[tcp]\nidle-ms = 400\n")
        .start()
        .unwrap();
    let (mut silent, mut used) = (connect(server.v4()).unwrap(), connect(server.v4()).unwrap());
    let end = Instant::now() + Duration::from_millis(1200);
    while Instant::now() < end {
        assert_eq!(ask(&mut used), 0);
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        silent.read(&mut [0]).unwrap(),
        0,
        "it was silent three times as long as it may"
    );
    assert_eq!(ask(&mut used), 0);
}

fn ask(stream: &mut TcpStream) -> u8 {
    send_framed(stream, &question().encode(7)).unwrap();
    rcode(&receive_framed(stream).unwrap())
}

fn rcode(message: &[u8]) -> u8 {
    message[3] & 15
}

fn question() -> Question {
    Question::new(&format!("h-target.{APEX}"), A)
}

fn framed(question: &Question) -> Vec<u8> {
    let message = question.encode(7);
    [&(message.len() as u16).to_be_bytes()[..], &message].concat()
}

fn from(server: &TestServer, address: [u8; 4]) -> TcpStream {
    connect_from(IpAddr::V4(Ipv4Addr::from(address)), server.v4()).unwrap()
}

/// The `n`th connection of an attack: twenty from each address, as many as an address may have.
fn attacker(server: &TestServer, n: usize) -> TcpStream {
    let [_, high, low] = [0, (n / 20) >> 8, (n / 20) & 0xff];
    from(server, [127, 4, high as u8, low as u8 + 1])
}

/// A zone and its file.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("zone"), zones::generated(APEX, 1, 60)).unwrap();
        Self { folder }
    }

    fn options(&self) -> Options {
        TestServer::options().zone(APEX, &self.folder.path().join("zone"))
    }
}

const APEX: &str = "gen.example.";
const SLOW: usize = 2000;
