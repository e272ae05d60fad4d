//! Response rate limiting on real sockets.

mod common;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;

use bailiwick_answer::{Cookies, Secret, Secrets, Settings};
use bailiwick_server::{RateLimit, RateLimitMode};
use common::{
    Fixture, SLOT, Setup, answer_count, exchange, is_truncated, query, rcode, read_frame,
    send_frame, udp_from,
};

const A: u16 = 1;
const TXT: u16 = 16;

fn fixture(rate_limit: RateLimit) -> Fixture {
    Fixture::with(Setup {
        rate_limit: RateLimit {
            exempt: Vec::new(),
            ..rate_limit
        },
        ..Setup::default()
    })
}

/// Slow enough that nothing comes back to a bucket while a test looks.
fn slow() -> RateLimit {
    RateLimit {
        rate: 1,
        burst: 5,
        ..RateLimit::default()
    }
}

fn from(fixture: &Fixture, host: [u8; 4]) -> UdpSocket {
    udp_from(IpAddr::V4(Ipv4Addr::from(host)), fixture.address())
}

/// How many of so many questions get their record; the others get an empty answer with TC.
fn given(socket: &UdpSocket, name: &str, count: u16) -> usize {
    let answers = (0..count).map(|id| exchange(socket, &query(id, name, A)));
    let records = answers.filter(|answer| {
        assert_eq!(rcode(answer), 0);
        assert_ne!(is_truncated(answer), answer_count(answer) > 0);
        answer_count(answer) > 0
    });
    records.count()
}

/// RELIABILITY P12, FEATURES 1.3: over the rate, an empty answer with TC; over TCP, the answer.
#[test]
fn p12_who_is_over_the_rate_is_served_over_tcp() {
    let fixture = fixture(slow());
    let socket = from(&fixture, [127, 9, 0, 1]);
    assert_eq!(given(&socket, "www.example.com", 50), 5);
    let mut stream = fixture.tcp();
    for id in 0..50 {
        send_frame(&mut stream, &query(id, "www.example.com", A));
        assert_eq!(answer_count(&read_frame(&mut stream).unwrap()), 1);
    }
    fixture.until("all is counted", |fixture| {
        fixture.meter.totals().classes.total() == 100
    });
    assert_eq!(fixture.meter.zone(SLOT).0.limited, 45);
    assert_eq!(fixture.rate_limiter.counts().slipped, 45);
}

/// One host's flood does not silence its neighbours, nor one zone's another's.
#[test]
fn neighbours_and_other_zones_are_answered() {
    let fixture = fixture(slow());
    fixture.add(
        "example.net. 300 SOA ns h 1 2 3 4 5\n 300 NS ns\nns 300 A 192.0.2.53\nwww 300 A 192.0.2.1\n",
        "example.net",
        SLOT + 1,
    );
    let socket = from(&fixture, [127, 9, 0, 1]);
    assert_eq!(given(&socket, "www.example.com", 500), 5);
    assert_eq!(given(&socket, "www.example.net", 5), 5);
    assert_eq!(
        given(&from(&fixture, [127, 9, 0, 2]), "www.example.com", 5),
        5
    );
}

/// RELIABILITY P12: an answer many times its query is not sent to a source that cannot pay for it.
#[test]
fn p12_large_answers_end_before_small_ones() {
    let fixture = fixture(RateLimit { burst: 8, ..slow() });
    let socket = from(&fixture, [127, 9, 0, 1]);
    let mut ask = query(1, "big.example.com", TXT);
    ask[11] = 1;
    ask.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let octets: usize = (0..20).map(|_| exchange(&socket, &ask).len()).sum();
    assert!(octets <= 8 * 4 * ask.len() + 20 * ask.len(), "{octets}");
    assert!(fixture.rate_limiter.counts().shortened > 0);
}

/// RFC 7873 5.2.5, FEATURES 1.3: whose cookie is good is who it says, and is not limited however often it
/// asks; a cookie that was made for another address, or by another server, is worth nothing.
#[test]
fn a_good_cookie_exempts_from_the_rate() {
    let fixture = fixture(slow());
    fixture.answers.store(Arc::new(Settings {
        cookies: Cookies::Answer(Secrets::only(Secret::new([3; 16]))),
        ..Settings::default()
    }));
    let with_cookie = |id, cookie: &[u8]| {
        let mut ask = query(id, "www.example.com", A);
        ask[11] = 1;
        ask.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, cookie.len() as u8 + 4]);
        ask.extend([0, 10, 0, cookie.len() as u8]);
        ask.extend(cookie);
        ask
    };
    let given = |socket: &UdpSocket, cookie: &[u8]| {
        let answers = (0..50).map(|id| exchange(socket, &with_cookie(id, cookie)));
        answers.filter(|answer| answer_count(answer) > 0).count()
    };
    let here = from(&fixture, [127, 9, 0, 1]);
    let learned = exchange(&here, &with_cookie(0, b"a client"));
    let cookie = &learned[learned.len() - 24..];
    assert_eq!(&cookie[..8], b"a client");
    assert_eq!(given(&here, cookie), 50);
    assert_eq!(fixture.rate_limiter.counts().slipped, 0);
    let there = from(&fixture, [127, 9, 1, 1]);
    assert_eq!(given(&there, cookie), 5);
    let mut forged = cookie.to_vec();
    forged[23] ^= 1;
    // One of five was spent on learning.
    assert_eq!(given(&here, &forged), 4);
    assert_eq!(given(&here, b"a client"), 0);
    assert_eq!(given(&here, cookie), 50);
}

/// Log-only mode counts and limits nothing.
#[test]
fn looking_only_answers_all() {
    let fixture = fixture(RateLimit {
        mode: RateLimitMode::Log,
        ..slow()
    });
    let socket = from(&fixture, [127, 9, 0, 1]);
    assert_eq!(given(&socket, "www.example.com", 50), 50);
    assert_eq!(fixture.rate_limiter.counts().would_limit, 45);
    assert_eq!(fixture.meter.totals().classes.limited, 0);
}

/// Loopback is exempt unless it is said otherwise.
#[test]
fn loopback_is_free_by_default() {
    let fixture = Fixture::with(Setup {
        rate_limit: RateLimit {
            rate: 1,
            burst: 1,
            ..RateLimit::default()
        },
        ..Setup::default()
    });
    assert_eq!(given(&fixture.udp(), "www.example.com", 100), 100);
}
