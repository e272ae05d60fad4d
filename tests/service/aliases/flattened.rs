//! What is served: answers, TTLs, serials, transfers, reloads.

use bailiwick_tests::client;
use bailiwick_tests::http::metric;
use bailiwick_tests::outside::Outside;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{A, AAAA, MX, Question, SOA, TXT};

use crate::scene::{
    ALIAS, LIMIT, NOERROR, ZONE, answers, ask, lookups, serial, start, wait_answers, words,
    zone_file,
};

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
