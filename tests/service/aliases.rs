//! ALIAS (issue 3, FEATURES 1.3): what a name outside has for addresses is served as ordinary data. Outside
//! are real NSD, Knot and BIND behind a root of their own.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bailiwick_tests::client;
use bailiwick_tests::http::metric;
use bailiwick_tests::outside::{self, Outside};
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place;
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::{TestServer, bailiwick};
use bailiwick_tests::wire::{A, AAAA, MX, Question, Reply, SOA, TXT};

const ZONE: &str = "shop.example.";
const ALIAS: u16 = 65_401;
const LIMIT: Duration = Duration::from_secs(20);
const NOERROR: u16 = 0;
const SERVFAIL: u16 = 2;

fn zone_file(folder: &Path, serial: u32, lines: &str) -> PathBuf {
    let file = folder.join("shop.zone");
    let text = format!(
        "$ORIGIN {ZONE}\n$TTL 300\n@ SOA ns h {serial} 1800 900 604800 30\n@ NS ns\nns A 192.0.2.53\n{lines}"
    );
    fs::write(&file, text).unwrap();
    file
}

fn ask(server: &TestServer, name: &str, rtype: u16) -> Reply {
    server
        .client()
        .unwrap()
        .udp(&Question::new(name, rtype))
        .unwrap()
}

/// The answer section as text, sorted.
fn answers(server: &TestServer, name: &str, rtype: u16) -> Vec<String> {
    let mut lines: Vec<String> = ask(server, name, rtype)
        .answer
        .iter()
        .map(ToString::to_string)
        .collect();
    lines.sort();
    lines
}

/// Waits until the answer is this.
fn wait_answers(server: &TestServer, name: &str, rtype: u16, expected: &[&str]) {
    let begin = std::time::Instant::now();
    loop {
        let reply = ask(server, name, rtype);
        let last = answers(server, name, rtype);
        if reply.rcode() == NOERROR && last == expected {
            return;
        }
        assert!(
            begin.elapsed() < LIMIT,
            "{name} {rtype}: {last:?}, {}",
            reply.rcode()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_rcode(server: &TestServer, name: &str, rtype: u16, rcode: u16) {
    wait_until(&format!("rcode {rcode} for {name}"), LIMIT, || {
        (ask(server, name, rtype).rcode() == rcode).then_some(())
    });
}

fn serial(server: &TestServer) -> u32 {
    client::serial(server.v4(), ZONE).unwrap()
}

/// What `bailiwick status` says of the zone.
fn words(server: &TestServer) -> String {
    let status = server.status().unwrap();
    let zones = status["zones"].as_array().unwrap();
    let zone = zones.iter().find(|zone| zone["name"] == ZONE).unwrap();
    format!(
        "{}: {}",
        zone["state"].as_str().unwrap(),
        zone["words"].as_str().unwrap()
    )
}

fn wait_words(server: &TestServer, part: &str) {
    let begin = std::time::Instant::now();
    while !words(server).contains(part) {
        assert!(
            begin.elapsed() < LIMIT,
            "{part:?} is not in {:?}",
            words(server)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An ALIAS at the apex, beside MX, over a chain of CNAMEs outside: its addresses, each type under the
/// least TTL of its way. The serial rises as with any change.
#[test]
fn apex_has_the_addresses_of_its_target_under_the_least_ttl() {
    let outside = Outside::start(
        Kind::Nsd,
        "www 120 CNAME lb\nlb 60 A 192.0.2.1\nlb 60 A 192.0.2.2\nlb 900 AAAA 2001:db8::1\n",
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(folder.path(), 7, "@ ALIAS www.cdn.test.\n@ MX 5 ns\n");
    let server = TestServer::options()
        .config(&outside.config())
        .zone(ZONE, &file)
        .start()
        .unwrap();
    wait_answers(
        &server,
        ZONE,
        A,
        &[
            "shop.example. 60 IN A 192.0.2.1",
            "shop.example. 60 IN A 192.0.2.2",
        ],
    );
    wait_answers(
        &server,
        ZONE,
        AAAA,
        &["shop.example. 120 IN AAAA 2001:db8::1"],
    );
    assert_eq!(answers(&server, ZONE, MX).len(), 1);
    let nothing = ask(&server, ZONE, ALIAS);
    assert!(nothing.rcode() == NOERROR && nothing.answer.is_empty() && nothing.authoritative());
    assert_eq!(serial(&server), 8);
}

/// A start whose name servers outside are there, with these lines in our zone.
fn start(outside: &Outside, folder: &Path, lines: &str) -> TestServer {
    let file = zone_file(folder, 7, lines);
    let options = TestServer::options().config(&outside.config()).http();
    let options = options.allow_transfer("127.0.0.0/8");
    options.zone(ZONE, &file).start().unwrap()
}

/// A wildcard ALIAS is expanded as any wildcard (RFC 4592); an ALIAS may lead over our own CNAMEs and
/// further ALIAS records; every type has the least TTL of its way.
#[test]
fn wildcards_and_ways_through_our_own_zones_are_followed() {
    let outside = Outside::start(Kind::Knot, "lb 600 A 192.0.2.1\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines = "*.w ALIAS lb.cdn.test.\n@ 200 ALIAS step\nstep 100 CNAME next\nnext ALIAS lb.cdn.test.\nown ALIAS ns\n";
    let server = start(&outside, folder.path(), lines);
    wait_answers(
        &server,
        "any.w.shop.example.",
        A,
        &["any.w.shop.example. 300 IN A 192.0.2.1"],
    );
    wait_answers(&server, ZONE, A, &["shop.example. 100 IN A 192.0.2.1"]);
    wait_answers(
        &server,
        "own.shop.example.",
        A,
        &["own.shop.example. 300 IN A 192.0.2.53"],
    );
    let no_v6 = ask(&server, "any.w.shop.example.", AAAA);
    assert!(
        no_v6.rcode() == NOERROR
            && no_v6.answer.is_empty()
            && no_v6.authority.iter().any(|rr| rr.rtype == SOA)
    );
    assert!(words(&server).starts_with("ok: "), "{}", words(&server));
}

/// A change outside is followed when the TTL is over, and the serial rises; a target that is gone makes
/// NODATA, and the name goes on to exist.
#[test]
fn changes_of_the_target_are_followed_to_its_end() {
    let outside = Outside::start(Kind::Knot, "lb 1 A 192.0.2.1\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(
        &outside,
        folder.path(),
        "www ALIAS lb.cdn.test.\n* TXT stand-in\n",
    );
    let www = "www.shop.example.";
    wait_answers(&server, www, A, &["www.shop.example. 1 IN A 192.0.2.1"]);
    assert_eq!(serial(&server), 8);
    outside.replace(2, "lb 1 A 192.0.2.9\n").unwrap();
    wait_answers(&server, www, A, &["www.shop.example. 1 IN A 192.0.2.9"]);
    assert_eq!(serial(&server), 9);
    outside.replace(3, "").unwrap();
    wait_answers(&server, www, A, &[]);
    let gone = ask(&server, www, TXT);
    assert!(
        gone.rcode() == NOERROR && gone.answer.is_empty(),
        "no wildcard stands in: {gone:?}"
    );
    assert_eq!(serial(&server), 10);
    // The same looks again and again are no change.
    let before = lookups(&server);
    wait_until("three more look-ups", LIMIT, || {
        (lookups(&server) >= before + 3.0).then_some(())
    });
    assert_eq!(serial(&server), 10);
}

fn lookups(server: &TestServer) -> f64 {
    metric(
        &server.metrics().unwrap(),
        "bailiwick_alias_lookups_total",
        &[],
    )
    .unwrap()
}

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

/// Rebinding: an address that is not public is refused and named, and what was known stays. A name server
/// with such an address is not asked (ARCHITECTURE 5).
#[test]
fn addresses_that_are_not_public_are_refused() {
    let lines = "lb 1 A 192.0.2.1\nsub NS ns.sub\nns.sub A 10.9.9.9\n";
    let outside = Outside::start(Kind::Nsd, lines).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines = "@ ALIAS lb.cdn.test.\nother ALIAS www.sub.cdn.test.\n";
    let server = start(&outside, folder.path(), lines);
    let good = ["shop.example. 1 IN A 192.0.2.1"];
    wait_answers(&server, ZONE, A, &good);
    wait_words(&server, "other.shop.example. to www.sub.cdn.test.: ");
    outside
        .replace(2, "lb 1 A 192.0.2.1\nlb 1 A 127.0.0.1\n")
        .unwrap();
    wait_words(&server, "its address 127.0.0.1 is not a public one");
    assert_eq!(answers(&server, ZONE, A), good);
    let refused = ["outcome=\"refused\""];
    let text = server.metrics().unwrap();
    assert!(metric(&text, "bailiwick_alias_lookups_total", &refused) >= Some(1.0));
}

/// A transfer carries what is answered: addresses and no ALIAS. A secondary of ours answers the same; and a
/// question for such an address is counted as any other.
#[test]
fn transfers_carry_what_is_answered() {
    let outside =
        Outside::start(Kind::Knot, "lb 60 A 192.0.2.1\nlb 60 AAAA 2001:db8::1\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines = "@ ALIAS lb.cdn.test.\n*.w ALIAS lb.cdn.test.\ngone ALIAS gone.cdn.test.\n";
    let server = start(&outside, folder.path(), lines);
    wait_answers(&server, ZONE, A, &["shop.example. 60 IN A 192.0.2.1"]);
    wait_answers(
        &server,
        "x.w.shop.example.",
        A,
        &["x.w.shop.example. 60 IN A 192.0.2.1"],
    );
    wait_answers(&server, "gone.shop.example.", A, &[]);
    let zone = client::axfr(server.v4(), ZONE).unwrap();
    let lines: Vec<String> = zone.iter().map(ToString::to_string).collect();
    for line in [
        "shop.example. 60 IN A 192.0.2.1",
        "shop.example. 60 IN AAAA 2001:db8::1",
        "*.w.shop.example. 60 IN A 192.0.2.1",
    ] {
        assert!(
            lines.iter().any(|own| own == line),
            "{line} is not in {lines:?}"
        );
    }
    let aliases: Vec<_> = zone.iter().filter(|rr| rr.rtype == ALIAS).collect();
    // The one name that has nothing else, so that it exists there as here.
    assert!(matches!(aliases[..], [only] if only.to_string().starts_with("gone.shop.example. ")));
    let second = TestServer::options()
        .secondary(ZONE, server.v4())
        .start()
        .unwrap();
    assert_eq!(serial(&second), serial(&server));
    for (name, rtype) in [
        (ZONE, A),
        (ZONE, AAAA),
        ("x.w.shop.example.", A),
        ("x.w.shop.example.", TXT),
        ("gone.shop.example.", A),
        ("gone.shop.example.", ALIAS),
        ("nothing.shop.example.", A),
    ] {
        let (ours, theirs) = (ask(&server, name, rtype), ask(&second, name, rtype));
        assert_eq!(
            (ours.flags, &ours.answer, &ours.authority),
            (theirs.flags, &theirs.answer, &theirs.authority),
            "{name} {rtype}"
        );
    }
    // And a server that knows nothing of ALIAS, given what was transferred.
    let nsd = Peer::start(
        Kind::Nsd,
        &[PeerZone::new(ZONE, lines.join("\n") + "\n")],
        None,
    )
    .unwrap();
    let mut theirs = client::Client::new(nsd.v4()).unwrap();
    for (name, rtype) in [
        (ZONE, A),
        (ZONE, AAAA),
        ("x.w.shop.example.", A),
        ("x.w.shop.example.", TXT),
        ("gone.shop.example.", A),
        ("nothing.shop.example.", A),
    ] {
        let said = theirs.udp(&Question::new(name, rtype)).unwrap();
        let ours = ask(&server, name, rtype);
        assert_eq!(
            (said.rcode(), said.answer),
            (ours.rcode(), ours.answer),
            "{name} {rtype}"
        );
    }
    let counted = |what: &str| {
        metric(
            &server.metrics().unwrap(),
            "bailiwick_zone_queries_total",
            &[what],
        )
        .unwrap()
    };
    let before = counted("zone=\"shop.example.\"");
    for _ in 0..10 {
        ask(&server, ZONE, A);
    }
    wait_until("ten queries are counted", LIMIT, || {
        (counted("zone=\"shop.example.\"") >= before + 10.0).then_some(())
    });
}

/// A reload keeps the addresses of what did not change and looks up what did; a file's lower or equal serial
/// does not make ours go back.
#[test]
fn a_reload_keeps_addresses_and_never_lowers_the_serial() {
    let mut outside =
        Outside::start(Kind::Knot, "lb 60 A 192.0.2.1\nnew 60 A 192.0.2.2\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(&outside, folder.path(), "@ ALIAS lb.cdn.test.\n");
    wait_answers(&server, ZONE, A, &["shop.example. 60 IN A 192.0.2.1"]);
    assert_eq!(serial(&server), 8);
    zone_file(
        folder.path(),
        8,
        "@ ALIAS lb.cdn.test.\nwww ALIAS new.cdn.test.\n",
    );
    server.must(&["reload"]).unwrap();
    assert_eq!(
        answers(&server, ZONE, A),
        ["shop.example. 60 IN A 192.0.2.1"]
    );
    wait_answers(
        &server,
        "www.shop.example.",
        A,
        &["www.shop.example. 60 IN A 192.0.2.2"],
    );
    assert_eq!(
        serial(&server),
        10,
        "8 was taken, so 9 with the file, 10 with the addresses"
    );
    outside.end_leaf();
    zone_file(folder.path(), 20, "@ MX 5 ns\n@ ALIAS lb.cdn.test.\n");
    server.must(&["reload"]).unwrap();
    assert_eq!(
        answers(&server, ZONE, A),
        ["shop.example. 60 IN A 192.0.2.1"]
    );
    assert_eq!((serial(&server), answers(&server, ZONE, MX).len()), (20, 1));
    zone_file(folder.path(), 3, "@ A 192.0.2.7\n");
    server.must(&["reload"]).unwrap();
    assert_eq!(
        answers(&server, ZONE, A),
        ["shop.example. 300 IN A 192.0.2.7"]
    );
    assert_eq!(serial(&server), 21);
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

/// `zone check` names what cannot stand beside an ALIAS, with its line; `zone answer` does not know what it
/// brings, and says so.
#[test]
fn mistakes_are_named_and_nothing_is_looked_up_off_line() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "a ALIAS b\na A 192.0.2.1\nc ALIAS b\nc ALIAS d\ne CNAME b\ne ALIAS b\n";
    let file = zone_file(folder.path(), 7, lines).display().to_string();
    let checked = bailiwick(&["zone", "check", &file]).unwrap();
    let said = checked.stdout + &checked.stderr;
    for (line, words) in [
        (
            7,
            "a.shop.example. has an ALIAS, which brings its addresses, so it cannot have A too",
        ),
        (9, "a second, different ALIAS record at c.shop.example."),
        (
            11,
            "e.shop.example. has a CNAME, so it cannot have ALIAS too",
        ),
    ] {
        let found = said.lines().find(|said| said.contains(words));
        assert!(
            found.is_some_and(|found| found.contains(&format!(":{line}:"))),
            "{words}: {said}"
        );
    }
    let file = zone_file(folder.path(), 7, "@ ALIAS b.example.net.\n")
        .display()
        .to_string();
    let answered = bailiwick(&["zone", "answer", &file, ZONE, "A"]).unwrap();
    assert!(answered.stdout.contains("SERVFAIL"), "{}", answered.stdout);
}

/// How many ALIAS records one zone may have is bounded; a file with more is refused and named.
#[test]
fn too_many_aliases_in_one_zone_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(
        folder.path(),
        7,
        "a ALIAS b.cdn.test.\nb ALIAS b.cdn.test.\n",
    );
    let config = outside::config(place::free_port()) + "per-zone = 1\n";
    let options = TestServer::options().config(&config).http();
    let server = options.zone_unawaited(ZONE, &file).start().unwrap();
    wait_words(
        &server,
        "2 ALIAS records; at most 1 are looked up for one zone",
    );
    assert_eq!(ask(&server, ZONE, SOA).rcode(), SERVFAIL);
}

/// Two zones with one target ask for it once; what is known is not asked for again before its time.
#[test]
fn one_target_of_many_is_one_lookup() {
    let outside = Outside::start(
        Kind::Knot,
        "lb 3000 A 192.0.2.1\nlb 3000 AAAA 2001:db8::1\n",
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..50)
        .map(|n| format!("n{n} ALIAS lb.cdn.test.\n"))
        .collect();
    let server = start(&outside, folder.path(), &lines);
    for n in [0, 49] {
        let owner = format!("n{n}.shop.example.");
        wait_answers(
            &server,
            &owner,
            A,
            &[&format!("{owner} 300 IN A 192.0.2.1")],
        );
    }
    let text = server.metrics().unwrap();
    assert_eq!(
        metric(&text, "bailiwick_aliases", &["state=\"current\""]),
        Some(50.0)
    );
    assert_eq!(lookups(&server), 1.0);
    assert_eq!(serial(&server), 8);
}
