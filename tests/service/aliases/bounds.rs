//! What is refused.

use bailiwick_tests::http::metric;
use bailiwick_tests::outside::{self, Outside};
use bailiwick_tests::peers::Kind;
use bailiwick_tests::place;
use bailiwick_tests::server::{TestServer, bailiwick};
use bailiwick_tests::wire::{A, SOA};

use crate::scene::{SERVFAIL, ZONE, answers, ask, start, wait_answers, wait_words, zone_file};

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
