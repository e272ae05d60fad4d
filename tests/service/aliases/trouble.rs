//! What is served when nothing, or nothing sensible, is known.

use std::net::UdpSocket;
use std::sync::Arc;

use bailiwick_tests::client;
use bailiwick_tests::http::metric;
use bailiwick_tests::outside::{self, Outside};
use bailiwick_tests::peers::Kind;
use bailiwick_tests::place;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{A, AAAA, MX, SOA, TXT};

use crate::scene::{
    NOERROR, SERVFAIL, ZONE, answers, ask, serial, start, wait_answers, wait_rcode, wait_words,
    words, zone_file,
};

/// The last good addresses outlive a failure outside (RFC 8767), which is said in words; and a restart
/// while it lasts, with the serial that secondaries have seen. When it is over it is over.
#[test]
fn a_failure_outside_keeps_the_last_addresses_also_over_a_restart() {
    let mut outside = Outside::start(Kind::Nsd, "lb 1 A 192.0.2.1\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = Arc::new(tempfile::tempdir().unwrap());
    let file = zone_file(folder.path(), 7, "@ ALIAS lb.cdn.test.\n");
    let begin = || {
        let options = TestServer::options().config(&outside.config()).http();
        options.data(&data).zone(ZONE, &file).start().unwrap()
    };
    let mut server = begin();
    let good = ["shop.example. 1 IN A 192.0.2.1"];
    wait_answers(&server, ZONE, A, &good);
    let seen = serial(&server);
    let config = outside.config();
    outside.end_leaf();
    wait_words(
        &server,
        "failing: serial 8 is answered; the ALIAS at shop.example. to lb.cdn.test.",
    );
    assert!(
        words(&server).contains("ago stay; next try in"),
        "{}",
        words(&server)
    );
    assert_eq!(answers(&server, ZONE, A), good);
    assert_eq!(
        metric(
            &server.metrics().unwrap(),
            "bailiwick_aliases",
            &["state=\"stale\""]
        ),
        Some(1.0)
    );
    server.stop().unwrap();
    let again = TestServer::options().config(&config).http().data(&data);
    let server = again.zone(ZONE, &file).start().unwrap();
    assert_eq!(
        (answers(&server, ZONE, A), serial(&server)),
        (good.map(str::to_owned).to_vec(), seen)
    );
    wait_words(&server, "ago stay; next try in");
    outside
        .start_leaf(Kind::Nsd, 2, "lb 1 A 192.0.2.2\n")
        .unwrap();
    wait_answers(&server, ZONE, A, &["shop.example. 1 IN A 192.0.2.2"]);
    assert!(serial(&server) > seen);
    wait_words(&server, "ok: ");
}

/// Stale addresses have an end.
#[test]
fn addresses_too_old_are_not_answered_any_more() {
    let mut outside = Outside::start(Kind::Nsd, "lb 1 A 192.0.2.1\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(folder.path(), 7, "@ ALIAS lb.cdn.test.\n");
    let config = outside.config() + "stale-max = 3\n";
    let server = TestServer::options()
        .config(&config)
        .zone(ZONE, &file)
        .start()
        .unwrap();
    wait_answers(&server, ZONE, A, &["shop.example. 1 IN A 192.0.2.1"]);
    outside.end_leaf();
    wait_rcode(&server, ZONE, A, SERVFAIL);
    assert_eq!(ask(&server, ZONE, SOA).rcode(), NOERROR);
}

/// Before anything is known "there is none" would be false, and be remembered: SERVFAIL, for addresses alone.
#[test]
fn before_the_first_answer_addresses_get_servfail() {
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(
        folder.path(),
        7,
        "@ ALIAS lb.cdn.test.\n@ MX 5 ns\n*.w ALIAS lb.cdn.test.\n",
    );
    let config = outside::config(place::free_port());
    let server = TestServer::options()
        .config(&config)
        .http()
        .zone(ZONE, &file)
        .start()
        .unwrap();
    for (name, rtype) in [(ZONE, A), (ZONE, AAAA), ("x.w.shop.example.", A)] {
        assert_eq!(ask(&server, name, rtype).rcode(), SERVFAIL, "{name}");
    }
    assert_eq!(answers(&server, ZONE, MX).len(), 1);
    assert_eq!(ask(&server, ZONE, TXT).rcode(), NOERROR);
    wait_words(&server, "are answered with SERVFAIL; next try in");
    assert_eq!(serial(&server), 7);
}

/// Circles among our own records are found and named; one outside as well.
#[test]
fn circles_are_named() {
    let outside = Outside::start(Kind::Knot, "a 1 CNAME b\nb 1 CNAME a\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines =
        "one ALIAS two\ntwo CNAME three\nthree ALIAS one\nout ALIAS a.cdn.test.\nself ALIAS self\n";
    let server = start(&outside, folder.path(), lines);
    wait_words(&server, "it leads in a circle, over one.shop.example.");
    wait_words(&server, "out.shop.example. to a.cdn.test.: ");
    for name in [
        "one.shop.example.",
        "out.shop.example.",
        "self.shop.example.",
    ] {
        assert_eq!(ask(&server, name, A).rcode(), SERVFAIL, "{name}");
    }
}

/// While the first look is under way a transfer waits: a secondary would answer "none" for certain. An
/// ALIAS that cannot be looked up does not hold up the rest of its zone.
#[test]
fn transfers_wait_for_the_first_look_and_no_longer() {
    let port = place::free_port();
    // It takes questions and says nothing.
    let _silent = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(folder.path(), 7, "@ ALIAS lb.cdn.test.\n");
    let options = TestServer::options().config(&outside::config(port)).http();
    let options = options.allow_transfer("127.0.0.0/8").zone(ZONE, &file);
    let server = options.start().unwrap();
    let said = client::axfr(server.v4(), ZONE).unwrap_err().to_string();
    assert!(said.ends_with("rcode 2"), "{said}");
    wait_words(&server, "did not answer in time");
    assert!(client::axfr(server.v4(), ZONE).is_ok());
}
