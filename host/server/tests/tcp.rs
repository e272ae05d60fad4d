//! Streams on real sockets: pipelining, limits, transfers.

#![allow(
    clippy::unwrap_used,
    reason = "a broken helper fails the test that uses it"
)]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bailiwick_meter::Transport;
use bailiwick_server::Limits;
use common::{
    FakeControl, Fixture, PATIENCE, Setup, answer_count, exchange, query, rcode, read_frame,
    send_frame,
};

const A: u16 = 1;
const TXT: u16 = 16;
const AXFR: u16 = 252;

/// A connection from another loopback address.
fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Closed by the other side; waiting in vain is not that.
fn is_closed(stream: &mut TcpStream) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    match stream.read(&mut [0; 512]) {
        Ok(len) => len == 0,
        Err(error) => !matches!(error.kind(), TimedOut | WouldBlock),
    }
}

/// RFC 7766 6.2.1.1: queries may be pipelined; here they are answered in order.
#[test]
fn ten_thousand_queries_on_one_connection() {
    let fixture = Fixture::start();
    let mut stream = fixture.tcp();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let mut frames = Vec::new();
        for id in 0..10_000u16 {
            let message = query(id, "www.example.com", A);
            frames.extend_from_slice(&(message.len() as u16).to_be_bytes());
            frames.extend_from_slice(&message);
        }
        writer.write_all(&frames).unwrap();
    });
    for id in 0..10_000u16 {
        let answer = read_frame(&mut stream).unwrap();
        assert_eq!((&answer[..2], rcode(&answer)), (&id.to_be_bytes()[..], 0));
    }
    sender.join().unwrap();
    fixture.until("all are counted", |fixture| {
        fixture.meter.totals().by_transport(Transport::Tcp, false) == 10_000
    });
}

#[test]
fn a_query_may_come_octet_by_octet() {
    let fixture = Fixture::start();
    let mut stream = fixture.tcp();
    let message = query(5, "big.example.com", TXT);
    let frame = [&(message.len() as u16).to_be_bytes()[..], &message].concat();
    for octet in frame {
        stream.write_all(&[octet]).unwrap();
    }
    let answer = read_frame(&mut stream).unwrap();
    assert!(answer.len() > 512 && answer_count(&answer) == 6);
}

#[test]
fn what_is_no_message_is_passed_over() {
    let fixture = Fixture::start();
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &[]);
    send_frame(&mut stream, &[1, 2, 3]);
    let mut response = query(1, "www.example.com", A);
    response[2] |= 0x80;
    send_frame(&mut stream, &response);
    send_frame(&mut stream, &query(2, "www.example.com", A));
    assert_eq!(read_frame(&mut stream).unwrap()[..2], [0, 2]);
}

/// RELIABILITY P17: silence ends a connection, and so does a query that never gets whole.
#[test]
fn silent_and_dripping_connections_are_closed() {
    let idle = Duration::from_millis(300);
    let fixture = Fixture::with(Setup {
        limits: Limits {
            idle,
            ..Limits::default()
        },
        ..Setup::default()
    });
    let mut silent = fixture.tcp();
    let mut dripping = fixture.tcp();
    let start = Instant::now();
    let mut drip = dripping.try_clone().unwrap();
    let dripper = std::thread::spawn(move || {
        for octet in std::iter::once(200).chain(std::iter::repeat(0)) {
            if drip.write_all(&[octet]).is_err() || start.elapsed() > PATIENCE {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(is_closed(&mut silent) && is_closed(&mut dripping));
    assert!(start.elapsed() >= idle && start.elapsed() < PATIENCE);
    dripper.join().unwrap();
    fixture.until("their places are free", |fixture| {
        fixture.server.status().connections == 0
    });
}

/// RELIABILITY P17: those who hold connections open for nothing keep nobody out.
#[test]
fn slow_clients_do_not_keep_others_out() {
    let limits = Limits {
        connections: 50,
        connections_per_address: 10,
        ..Limits::default()
    };
    let fixture = Fixture::with(Setup {
        limits,
        ..Setup::default()
    });
    let slow: Vec<_> = (0..200u8)
        .map(|n| {
            let mut stream = connect_from(Ipv4Addr::new(127, 0, 1, n / 10), fixture.address());
            stream.write_all(&[0]).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        let start = Instant::now();
        let mut stream = connect_from(Ipv4Addr::new(127, 0, 2, 1), fixture.address());
        send_frame(&mut stream, &query(1, "www.example.com", A));
        assert_eq!(rcode(&read_frame(&mut stream).unwrap()), 0);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
    // And from the very address of the slow ones.
    let mut stream = connect_from(Ipv4Addr::new(127, 0, 1, 19), fixture.address());
    send_frame(&mut stream, &query(1, "www.example.com", A));
    assert_eq!(rcode(&read_frame(&mut stream).unwrap()), 0);
    assert!(fixture.server.status().connections <= 50);
    drop(slow);
}

/// RELIABILITY P17: who does not take his answers is not read from, and is let go.
#[test]
fn a_client_that_takes_no_answers_is_closed_and_costs_little() {
    let fixture = Fixture::start();
    let mut stream = fixture.tcp();
    let message = query(5, "big.example.com", TXT);
    let frame = [&(message.len() as u16).to_be_bytes()[..], &message]
        .concat()
        .repeat(100);
    stream
        .set_write_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let mut written = 0;
    // Answers fill the way back, then the server stops reading, then it closes.
    while stream.write_all(&frame).is_ok() {
        written += 100;
        assert!(
            written < 1_000_000,
            "the server reads on although nobody takes its answers"
        );
    }
    fixture.until("it is closed", |fixture| {
        fixture.server.status().connections == 0
    });
    assert_eq!(
        rcode(&exchange(&fixture.udp(), &query(1, "www.example.com", A))),
        0
    );
}

/// RFC 5936: closed by default. RELIABILITY X13: who may is asked before anything is taken.
#[test]
fn transfers_are_for_those_allowed_and_of_zones_we_have() {
    let control = || FakeControl {
        messages: 3,
        message_size: 40_000,
        ..FakeControl::default()
    };
    let fixture = Fixture::with(Setup {
        control: control(),
        ..Setup::default()
    });
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(1, "example.com", AXFR));
    assert_eq!(rcode(&read_frame(&mut stream).unwrap()), 5);
    assert_eq!(fixture.server.status().transfers, 0);

    let fixture = Fixture::with(Setup {
        control: control(),
        allow_transfer: vec!["127.0.0.0/8"],
        ..Setup::default()
    });
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(2, "www.example.com", AXFR));
    assert_eq!(
        rcode(&read_frame(&mut stream).unwrap()),
        9,
        "not the apex of a zone: NOTAUTH"
    );
    send_frame(&mut stream, &query(3, "example.com", AXFR));
    send_frame(&mut stream, &query(4, "www.example.com", A));
    for _ in 0..3 {
        let message = read_frame(&mut stream).unwrap();
        assert_eq!((message.len(), &message[..2]), (40_000, &[0, 3][..]));
    }
    assert_eq!(
        read_frame(&mut stream).unwrap()[..2],
        [0, 4],
        "the connection goes on after a transfer"
    );
    fixture.until("all are counted", |fixture| {
        fixture.meter.totals().classes.total() == 3
    });
    let (usage, detail) = fixture.meter.zone(common::SLOT);
    assert_eq!((usage.control, usage.answered), (2, 1));
    assert!(detail.bytes_out >= 120_000);
}

/// RFC 5936 4.2: AXFR over UDP is not defined.
#[test]
fn a_transfer_over_udp_is_a_format_error() {
    let fixture = Fixture::with(Setup {
        allow_transfer: vec!["127.0.0.0/8"],
        ..Setup::default()
    });
    assert_eq!(
        rcode(&exchange(&fixture.udp(), &query(3, "example.com", AXFR))),
        1
    );
}

#[test]
fn a_transfer_with_nothing_to_send_is_a_server_failure() {
    let fixture = Fixture::with(Setup {
        allow_transfer: vec!["127.0.0.0/8"],
        ..Setup::default()
    });
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(3, "example.com", AXFR));
    assert_eq!(rcode(&read_frame(&mut stream).unwrap()), 2);
}

/// A slow secondary costs a few messages of memory; the rest is made when it is wanted.
#[test]
fn a_transfer_goes_at_the_pace_of_its_reader_and_ends_with_it() {
    let control = FakeControl {
        messages: 1_000_000,
        message_size: 60_000,
        ..FakeControl::default()
    };
    let limits = Limits {
        transfers: 1,
        transfer_stall: Duration::from_millis(500),
        ..Limits::default()
    };
    let fixture = Fixture::with(Setup {
        control,
        limits,
        allow_transfer: vec!["127.0.0.0/8"],
        ..Setup::default()
    });
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(3, "example.com", AXFR));
    read_frame(&mut stream).unwrap();
    assert_eq!(fixture.server.status().transfers, 1);
    // Other streams of the same thread are served meanwhile.
    let mut other = fixture.tcp();
    send_frame(&mut other, &query(4, "www.example.com", A));
    assert_eq!(rcode(&read_frame(&mut other).unwrap()), 0);
    // The reader takes no more: its slot comes back.
    fixture.until("the slot is free", |fixture| {
        fixture.server.status().transfers == 0
    });
}

#[test]
fn a_stop_lets_a_transfer_end() {
    let control = FakeControl {
        messages: 400,
        message_size: 60_000,
        ..FakeControl::default()
    };
    let fixture = Fixture::with(Setup {
        control,
        allow_transfer: vec!["127.0.0.0/8"],
        ..Setup::default()
    });
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(3, "example.com", AXFR));
    read_frame(&mut stream).unwrap();
    let server = fixture.server;
    let stopping = std::thread::spawn(move || server.stop(PATIENCE));
    for n in 1..400 {
        read_frame(&mut stream).unwrap_or_else(|error| panic!("message {n}: {error}"));
    }
    stopping.join().unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_stop_does_not_wait_for_the_idle() {
    let fixture = Fixture::start();
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &query(4, "www.example.com", A));
    read_frame(&mut stream).unwrap();
    let start = Instant::now();
    fixture.server.stop(PATIENCE);
    assert!(start.elapsed() < Duration::from_secs(5) && is_closed(&mut stream));
}

/// RELIABILITY P5: the transport is only a field.
#[test]
fn both_transports_give_the_same_answer() {
    let fixture = Fixture::start();
    let mut stream = fixture.tcp();
    let udp = fixture.udp();
    for (name, qtype) in [
        ("www.example.com", A),
        ("nothing.example.com", A),
        ("elsewhere.test", A),
        ("example.com", 6),
    ] {
        let message = query(77, name, qtype);
        send_frame(&mut stream, &message);
        assert_eq!(
            read_frame(&mut stream).unwrap(),
            exchange(&udp, &message),
            "{name}"
        );
    }
}

/// RELIABILITY R1: without descriptors TCP turns clients away, UDP goes on, and all is well afterwards.
#[test]
fn running_out_of_descriptors_stops_neither_udp_nor_the_server() {
    // A process of its own, so that no other test runs out with it.
    if std::env::var_os(FEW_DESCRIPTORS).is_none() {
        let me = std::env::current_exe().unwrap();
        let status = std::process::Command::new("sh")
            .args([
                "-c",
                "ulimit -n 64 && exec \"$0\" --exact --nocapture \"$1\"",
            ])
            .arg(me)
            .arg("running_out_of_descriptors_stops_neither_udp_nor_the_server")
            .env(FEW_DESCRIPTORS, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let fixture = Fixture::start();
    let udp = fixture.udp();
    let mut served = fixture.tcp();
    send_frame(&mut served, &query(1, "www.example.com", A));
    read_frame(&mut served).unwrap();
    let late = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
        assert!(held.len() < 64, "the limit holds");
    }
    late.connect(&fixture.address().into()).unwrap();
    let mut late = TcpStream::from(late);
    late.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(is_closed(&mut late), "turned away, not left waiting");
    assert_eq!(rcode(&exchange(&udp, &query(2, "www.example.com", A))), 0);
    send_frame(&mut served, &query(3, "www.example.com", A));
    assert_eq!(rcode(&read_frame(&mut served).unwrap()), 0);
    drop(held);
    let mut after = fixture.tcp();
    send_frame(&mut after, &query(4, "www.example.com", A));
    assert_eq!(rcode(&read_frame(&mut after).unwrap()), 0);
}

const FEW_DESCRIPTORS: &str = "BAILIWICK_TEST_FEW_DESCRIPTORS";
