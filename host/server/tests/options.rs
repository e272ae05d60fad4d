//! Options of queries, with sockets: what is put into the settings holds from the next batch on, for
//! both transports, and cookies are made for the address that asks.

mod common;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;

use bailiwick_answer::{Cookies, Secret, Secrets, Settings};
use common::{Fixture, exchange, query, rcode, read_frame, send_frame, udp_from};

const COOKIE: u16 = 10;
const BADCOOKIE: u16 = 23;

/// A question with this option.
fn with_option(code: u16, data: &[u8]) -> Vec<u8> {
    let mut message = query(9, "www.example.com", 1);
    message[11] = 1;
    message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, data.len() as u8 + 4]);
    message.extend_from_slice(&code.to_be_bytes());
    message.extend_from_slice(&(data.len() as u16).to_be_bytes());
    message.extend_from_slice(data);
    message
}

/// Extended code, and the cookie that ends the answer.
fn read(answer: &[u8]) -> (u16, Vec<u8>) {
    let cookie = answer[answer.len() - 24..].to_vec();
    let opt = answer.len() - 28 - 11;
    assert_eq!(answer[opt..opt + 3], [0, 0, 41]);
    let code = u16::from(answer[opt + 5]) << 4 | u16::from(rcode(answer));
    (code, cookie)
}

fn put(fixture: &Fixture, cookies: Cookies) {
    fixture.answers.store(Arc::new(Settings {
        cookies,
        ..Settings::default()
    }));
}

fn secrets() -> Secrets {
    Secrets::only(Secret::new([3; 16]))
}

/// RFC 7873 5.2.3, 5.2.5: a client learns its cookie with BADCOOKIE and is answered with it; at another
/// address the cookie is worth nothing.
#[test]
fn a_cookie_is_asked_for_learned_and_bound_to_its_address() {
    let fixture = Fixture::start();
    put(&fixture, Cookies::Require(secrets()));
    let here = fixture.udp();
    let there = udp_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)), fixture.address());
    let ask =
        |client: &UdpSocket, cookie: &[u8]| read(&exchange(client, &with_option(COOKIE, cookie)));
    let (code, cookie) = ask(&here, b"a client");
    assert_eq!((code, &cookie[..8]), (BADCOOKIE, &b"a client"[..]));
    assert_eq!(ask(&here, &cookie), (0, cookie.clone()));
    assert_eq!(ask(&there, &cookie).0, BADCOOKIE);
    // RFC 7873 5.2.3: over TCP the address is proven.
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &with_option(COOKIE, b"a client"));
    assert_eq!(read(&read_frame(&mut stream).unwrap()), (0, cookie));
    // Asking for cookies counts as a limit, not as an answer or as a broken message.
    fixture.until("all are counted", |fixture| {
        let classes = fixture.meter.totals().classes;
        (classes.limited, classes.answered) == (2, 2)
    });
}

/// A change of settings holds from the next query on.
#[test]
fn new_settings_hold_from_the_next_batch_on() {
    let fixture = Fixture::start();
    let client = fixture.udp();
    let plain = exchange(&client, &with_option(COOKIE, b"a client"));
    put(&fixture, Cookies::Answer(secrets()));
    let with_cookie = exchange(&client, &with_option(COOKIE, b"a client"));
    assert_eq!(with_cookie.len(), plain.len() + 28);
    put(&fixture, Cookies::Off);
    assert_eq!(exchange(&client, &with_option(COOKIE, b"a client")), plain);
}

/// RFC 7828 3.3.2: over TCP who asks is told how long the connection may be idle; over UDP the option is
/// ignored. Padding is for encrypted transports (RFC 7830 6).
#[test]
fn keepalive_is_told_over_tcp_alone() {
    let fixture = Fixture::start();
    let message = with_option(11, &[]);
    let udp = exchange(&fixture.udp(), &message);
    let mut stream = fixture.tcp();
    send_frame(&mut stream, &message);
    let tcp = read_frame(&mut stream).unwrap();
    // Ten seconds, in tenths.
    assert_eq!(tcp[tcp.len() - 6..], [0, 11, 0, 2, 0, 100]);
    assert_eq!(tcp.len(), udp.len() + 6);
    send_frame(&mut stream, &with_option(12, &[0; 8]));
    assert_eq!(read_frame(&mut stream).unwrap(), udp);
}
