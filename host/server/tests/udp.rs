//! The UDP loop on real sockets.

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use bailiwick_meter::{Class, Transport};
use bailiwick_server::{Server, StartError};
use common::{
    FakeControl, Fixture, Setup, V6, answer_count, exchange, is_silent, is_truncated, query, rcode,
    udp_from,
};

const A: u16 = 1;
const TXT: u16 = 16;

#[test]
fn questions_are_answered_over_both_families() {
    let fixture = Fixture::with(Setup {
        listen: vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ],
        threads: 2,
        ..Setup::default()
    });
    for (address, from) in fixture
        .server
        .addresses()
        .iter()
        .zip([IpAddr::V4(Ipv4Addr::LOCALHOST), V6])
    {
        let answer = exchange(&udp_from(from, *address), &query(7, "www.example.com", A));
        assert_eq!(
            (rcode(&answer), answer_count(&answer), &answer[..2]),
            (0, 1, &[0, 7][..])
        );
    }
    fixture.until("both are counted", |fixture| {
        fixture.meter.totals().classes.answered == 2
    });
    let totals = fixture.meter.totals();
    assert_eq!(
        [false, true].map(|v6| totals.by_transport(Transport::Udp, v6)),
        [1, 1]
    );
}

#[test]
fn one_thread_serves_several_addresses() {
    let fixture = Fixture::with(Setup {
        listen: vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv4Addr::new(127, 0, 0, 2), 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ],
        ..Setup::default()
    });
    assert_eq!(fixture.server.status().udp_threads, 1);
    for address in fixture.server.addresses() {
        let from = if address.is_ipv6() {
            V6
        } else {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        };
        for id in 0..100 {
            assert_eq!(
                rcode(&exchange(
                    &udp_from(from, *address),
                    &query(id, "www.example.com", A)
                )),
                0
            );
        }
    }
}

/// A client drops answers that come from another address than it asked.
#[test]
fn answers_leave_from_the_address_that_was_asked() {
    for (wildcard, asked, from) in [
        (
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V4(Ipv4Addr::new(127, 9, 8, 7)),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ),
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), V6, V6),
    ] {
        let fixture = Fixture::with(Setup {
            listen: vec![(wildcard, 0).into()],
            ..Setup::default()
        });
        let client = UdpSocket::bind((from, 0)).unwrap();
        client.set_read_timeout(Some(common::PATIENCE)).unwrap();
        let asked = SocketAddr::new(asked, fixture.address().port());
        client
            .send_to(&query(1, "www.example.com", A), asked)
            .unwrap();
        let (_, answered_from) = client.recv_from(&mut [0; 512]).unwrap();
        assert_eq!(answered_from, asked);
    }
}

#[test]
fn a_full_batch_is_answered_to_the_last() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let mut open: std::collections::HashSet<u16> = (0..1000).collect();
    for chunk in (0..1000u16).collect::<Vec<_>>().chunks(100) {
        for id in chunk {
            client.send(&query(*id, "www.example.com", A)).unwrap();
        }
        for _ in chunk {
            let mut answer = [0; 512];
            client.recv(&mut answer).unwrap();
            assert!(open.remove(&u16::from_be_bytes([answer[0], answer[1]])));
        }
    }
    assert!(open.is_empty());
}

#[test]
fn long_answers_are_truncated_and_errors_have_their_codes() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let answer = exchange(&client, &query(1, "big.example.com", TXT));
    assert!(is_truncated(&answer) && answer.len() <= 512);
    assert_eq!(
        rcode(&exchange(&client, &query(2, "nothing.example.com", A))),
        3
    );
    assert_eq!(rcode(&exchange(&client, &query(3, "elsewhere.test", A))), 5);
    let mut broken = query(4, "www.example.com", A);
    broken.truncate(20);
    assert_eq!(rcode(&exchange(&client, &broken)), 1);
    fixture.until("all are counted", |fixture| {
        fixture.meter.totals().classes.total() == 4
    });
    let totals = fixture.meter.totals();
    let of = |class| totals.classes.of(class);
    assert_eq!(
        (
            of(Class::Answered),
            of(Class::Refused),
            of(Class::Malformed)
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (
            totals.truncated,
            totals.nxdomain,
            totals.rcodes[3],
            totals.rcodes[5]
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(fixture.meter.zone(common::SLOT).1.nxdomain, 1);
}

/// RELIABILITY P14: a response is never answered, nor what is no message.
#[test]
fn responses_and_scraps_get_silence() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let mut response = query(1, "www.example.com", A);
    response[2] |= 0x80;
    assert!(is_silent(&client, &response));
    assert!(is_silent(&client, b""));
    assert!(is_silent(&client, &[0; 11]));
    fixture.until("they are counted", |fixture| {
        fixture.meter.totals().silent == 3
    });
}

/// RELIABILITY P14: two servers wired port to port by a forged source fall silent at once.
#[test]
fn two_servers_do_not_talk_to_each_other() {
    let (one, other) = (Fixture::start(), Fixture::start());
    let client = one.udp();
    let mut answer = exchange(&client, &query(1, "www.example.com", A));
    // What the one says, the other takes as a message of the one's, and so on.
    let relay = other.udp();
    assert!(is_silent(&relay, &answer), "an answer");
    answer = exchange(&client, &[0, 1, 0x78, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert!(is_silent(&relay, &answer), "an error");
}

/// RFC 1996: a NOTIFY is answered, and told to whoever keeps the zones.
#[test]
fn a_notify_reaches_the_control() {
    let fixture = Fixture::start();
    let mut notify = query(9, "EXAMPLE.com", 6);
    notify[2] = 0x24;
    let answer = exchange(&fixture.udp(), &notify);
    assert_eq!(
        (rcode(&answer), answer[2] & 0xf8),
        (0, 0xa0),
        "NOERROR, a response, opcode NOTIFY"
    );
    let told = fixture.control.notified.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0.to_string().to_lowercase(), told[0].1),
        ("example.com.".to_owned(), None)
    );
}

#[test]
fn update_is_not_implemented() {
    let fixture = Fixture::start();
    let mut update = query(9, "example.com", 6);
    update[2] = 0x28;
    assert_eq!(rcode(&exchange(&fixture.udp(), &update)), 4);
}

/// RELIABILITY R4: a panic costs the query that caused it, and nothing else of its batch.
#[test]
fn a_panic_costs_one_query() {
    let bad = bailiwick_zone::Name::parse("example.com").unwrap();
    let fixture = Fixture::with(Setup {
        control: FakeControl {
            panic_on: Some(bad),
            ..FakeControl::default()
        },
        ..Setup::default()
    });
    let client = fixture.udp();
    let mut notify = query(9, "example.com", 6);
    notify[2] = 0x24;
    for round in 0..20u16 {
        for id in 0..10 {
            client
                .send(&query(round * 10 + id, "www.example.com", A))
                .unwrap();
            if id == 5 {
                client.send(&notify).unwrap();
            }
        }
        for _ in 0..10 {
            assert_eq!(
                rcode(&{
                    let mut answer = [0; 512];
                    client.recv(&mut answer).unwrap();
                    answer
                }),
                0
            );
        }
    }
    fixture.until("each is counted", |fixture| {
        fixture.meter.totals().panics == 20
    });
}

#[test]
fn a_busy_port_is_told_with_its_remedy() {
    let fixture = Fixture::start();
    let meter = std::sync::Arc::clone(&fixture.meter);
    let options = bailiwick_server::ServerOptions {
        listen: vec![fixture.address()],
        threads: 1,
        zones: std::sync::Arc::clone(&fixture.zones),
        meter,
        allow_transfer: std::sync::Arc::default(),
        control: std::sync::Arc::new(FakeControl::default()),
        answers: std::sync::Arc::default(),
        unix_now: || 0,
        rate_limiter: std::sync::Arc::default(),
        limits: bailiwick_server::Limits::default(),
        encrypted: None,
    };
    let error = Server::start(&options).err().expect("the port is taken");
    assert!(matches!(error, StartError::Busy { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&fixture.address().to_string())
            && text.contains("stop it, or choose another port"),
        "{text}"
    );
}

#[test]
fn a_stop_answers_what_has_arrived_and_gives_the_port_back() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    for id in 0..200 {
        client.send(&query(id, "www.example.com", A)).unwrap();
    }
    let address = fixture.address();
    fixture.server.stop(Duration::from_secs(1));
    for _ in 0..200 {
        client.recv(&mut [0; 512]).unwrap();
    }
    drop(UdpSocket::bind(address).unwrap());
}

/// A zone that is replaced is answered from at once, and the old one is let go even when nobody asks.
#[test]
fn a_new_snapshot_is_seen_by_the_next_batch() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    assert_eq!(
        rcode(&exchange(&client, &query(1, "www.example.net", A))),
        5
    );
    let old = fixture.zones.load_full();
    fixture.add(
        "example.net. 300 SOA a b 1 2 3 4 5\n 300 NS ns.test.\nwww 300 A 192.0.2.9\n",
        "example.net",
        9,
    );
    assert_eq!(
        rcode(&exchange(&client, &query(2, "www.example.net", A))),
        0
    );
    fixture.until("only the test holds the old set", |_| {
        std::sync::Arc::strong_count(&old) <= 2
    });
}

/// RELIABILITY P1–P3: whatever comes, nothing panics and good queries are answered in between.
#[test]
fn broken_messages_harm_nobody() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = move |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % n
    };
    let mut good = query(0, "a.b.www.example.com", A);
    // An OPT record with an option in it.
    good[11] = 1;
    good.extend_from_slice(&[
        0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 8, 0, 10, 0, 4, 1, 2, 3, 4,
    ]);
    for _ in 0..200 {
        for _ in 0..50 {
            let mut message = good.clone();
            for _ in 0..=random(4) {
                let at = random(message.len());
                message[at] = random(256) as u8;
            }
            if random(3) == 0 {
                message.truncate(random(message.len() + 1));
            }
            client.send(&message).unwrap();
        }
        // Whatever was answered is read up to the answer that must come.
        client.send(&query(0xbeef, "www.example.com", A)).unwrap();
        let mut answer = [0; 4096];
        while client.recv(&mut answer).unwrap() < 12 || answer[..2] != [0xbe, 0xef] {}
    }
    let totals = fixture.meter.totals();
    assert_eq!((totals.panics, totals.unsent), (0, 0));
    assert!(
        totals.classes.malformed > 1000 && totals.classes.answered > 200,
        "{totals:?}"
    );
}
