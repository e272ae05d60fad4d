//! RFC 7873, DNS cookies, with the server cookies of RFC 9018; the vectors of RFC 9018 appendix A are
//! in `host/answer/src/cookie/tests.rs`.

use bailiwick_answer::{Cookies, Secret, Secrets};

use super::message::{Ask, Host, Reply};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.test.
";
const COOKIE: u16 = 10;
const CLIENT: &[u8] = b"a client";

fn secrets() -> Secrets {
    Secrets::only(Secret::new([9; 16]))
}

fn answering() -> Host {
    Host::new(&[ZONE]).with(|settings| settings.cookies = Cookies::Answer(secrets()))
}

fn requiring() -> Host {
    Host::new(&[ZONE]).with(|settings| settings.cookies = Cookies::Require(secrets()))
}

fn soa(cookie: &[u8]) -> Ask {
    Ask::new("example.", "SOA").option(COOKIE, cookie)
}

/// The cookie the host gives this client.
fn learned(host: &Host) -> Vec<u8> {
    host.udp(&soa(CLIENT)).option(COOKIE).unwrap().to_vec()
}

/// A cookie of another server.
fn foreign() -> Vec<u8> {
    [CLIENT, &[1, 0, 0, 0, 0, 0, 0, 0], b"not ours"].concat()
}

fn answered(reply: &Reply) -> bool {
    reply.rcode() == "NOERROR" && reply.counts[1] == 1
}

/// 4: a cookie comes back with the client's part in front and 16 octets behind (RFC 9018 4).
#[test]
fn s4_a_client_cookie_gets_a_server_cookie() {
    for reply in [answering().udp(&soa(CLIENT)), answering().tcp(&soa(CLIENT))] {
        let cookie = reply.option(COOKIE).unwrap();
        assert!(answered(&reply) && cookie.len() == 24 && cookie.starts_with(CLIENT));
    }
}

/// 5.2.1: without a cookie nothing is different, even where cookies are asked for.
#[test]
fn s5_2_1_without_a_cookie_nothing_is_different() {
    for ask in [
        Ask::new("example.", "SOA"),
        Ask::new("example.", "SOA").edns(),
    ] {
        for host in [answering(), requiring()] {
            let reply = host.udp(&ask);
            assert!(answered(&reply) && reply.option(COOKIE).is_none());
        }
    }
}

/// 5.2.1: a server that serves no cookies ignores the option.
#[test]
fn s5_2_1_switched_off_the_option_is_ignored() {
    let reply = Host::new(&[ZONE]).udp(&soa(CLIENT));
    assert!(answered(&reply) && reply.option(COOKIE).is_none());
}

/// 5.2.2: lengths other than 8 and 16 to 40 are FORMERR.
#[test]
fn s5_2_2_impossible_lengths_are_format_errors() {
    for len in 0..=50 {
        let reply = answering().udp(&soa(&vec![7; len]));
        let expected = if matches!(len, 8 | 16..=40) {
            "NOERROR"
        } else {
            "FORMERR"
        };
        assert_eq!(reply.rcode(), expected, "{len}");
    }
}

/// 5.2.3 and 5.2.4: where cookies are asked for, only the client's part, and a part of no worth, get
/// BADCOOKIE over UDP: no answer, but a good cookie.
#[test]
fn s5_2_3_and_5_2_4_badcookie_comes_with_a_good_cookie() {
    let host = requiring();
    for cookie in [CLIENT.to_vec(), foreign()] {
        let reply = host.udp(&soa(&cookie));
        assert_eq!((reply.rcode().as_str(), reply.counts[1]), ("BADCOOKIE", 0));
        let good = reply.option(COOKIE).unwrap().to_vec();
        assert!(answered(&host.udp(&soa(&good))));
    }
}

/// 5.2.3: over TCP the address is known to be the client's, so the query is answered.
#[test]
fn s5_2_3_over_tcp_the_query_is_answered() {
    for cookie in [CLIENT.to_vec(), foreign()] {
        let reply = requiring().tcp(&soa(&cookie));
        assert!(answered(&reply) && reply.option(COOKIE).is_some());
    }
}

/// 5.2.4: where they are not asked for, a cookie of no worth does no harm.
#[test]
fn s5_2_4_a_bad_cookie_is_answered_with_a_good_one() {
    let host = answering();
    let reply = host.udp(&soa(&foreign()));
    assert!(answered(&reply));
    assert_eq!(reply.option(COOKIE).unwrap(), learned(&host));
}

/// 5.2.5: a good cookie is answered and comes back; to another client it is worth nothing.
#[test]
fn s5_2_5_a_good_cookie_is_good_for_its_address_alone() {
    let mut host = requiring();
    let cookie = learned(&host);
    let reply = host.udp(&soa(&cookie));
    assert!(answered(&reply));
    assert_eq!(reply.option(COOKIE).unwrap(), cookie);
    host.client = [192, 0, 2, 8].into();
    assert_eq!(host.udp(&soa(&cookie)).rcode(), "BADCOOKIE");
}

/// RELIABILITY P15, RFC 9018 4.3: on both sides of 2038 and 2106 a cookie is good for an hour.
#[test]
fn p15_cookies_are_good_for_an_hour_in_any_century() {
    for turn in [0x7fff_ffff_u64, 0xffff_ffff] {
        for start in [turn - 3600, turn - 1, turn, turn + 1, turn + 3600] {
            let mut host = requiring();
            host.now = start;
            let cookie = learned(&host);
            for later in [0, 1, 1801, 3600] {
                host.now = start + later;
                assert!(answered(&host.udp(&soa(&cookie))), "{start} + {later}");
            }
            host.now = start + 3601;
            assert_eq!(host.udp(&soa(&cookie)).rcode(), "BADCOOKIE", "{start}");
        }
    }
}

/// 5.4: a query without a question asks for a cookie, or what one is worth.
#[test]
fn s5_4_a_query_without_a_question_is_about_its_cookie() {
    let host = answering();
    let empty = |cookie: &[u8]| Ask {
        questions: Vec::new(),
        ..soa(cookie)
    };
    for cookie in [CLIENT.to_vec(), foreign()] {
        let reply = host.udp(&empty(&cookie));
        assert_eq!(
            (reply.rcode().as_str(), reply.counts),
            ("BADCOOKIE", [0, 0, 0, 1])
        );
        assert_eq!(reply.option(COOKIE).unwrap(), learned(&host));
    }
    let reply = host.udp(&empty(&learned(&host)));
    assert_eq!(
        (reply.rcode().as_str(), reply.counts),
        ("NOERROR", [0, 0, 0, 1])
    );
    // Without a cookie, and where cookies are not served, it is a message without a question.
    let bare = Ask {
        questions: Vec::new(),
        ..Ask::new("example.", "SOA").edns()
    };
    assert_eq!(host.udp(&bare).rcode(), "FORMERR");
    assert_eq!(Host::new(&[ZONE]).udp(&empty(CLIENT)).rcode(), "FORMERR");
}

/// 5.2: errors carry the cookie too, so that the client learns from them.
#[test]
fn s5_2_errors_carry_the_cookie() {
    let host = answering();
    for ask in [
        Ask::new("elsewhere.", "A"),
        Ask::new("example.", "TKEY"),
        Ask::new("x.example.", "A"),
    ] {
        let reply = host.udp(&ask.option(COOKIE, CLIENT));
        assert_eq!(reply.option(COOKIE).unwrap(), learned(&host));
    }
}
