//! Issue point 4: the root zone with DNSSEC. What we give away verifies, and a validating resolver
//! that knows only us believes our answers, positive and negative.
//!
//! The shared file has the zone of 2018-03-12 with its keys and NSEC records, but without a single
//! RRSIG record, so nothing could verify it. The tests sign it again, with new keys of the same kind
//! and for the same days; the new key-signing key is the trust anchor. With `BAILIWICK_SIGNED_ROOT`
//! set to a copy of the zone as its own keys signed it, they take that one and its keys instead.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::time::Duration;

use bailiwick_tests::client::axfr;
use bailiwick_tests::peers::unbound::{self, Unbound};
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{have, program};
use bailiwick_tests::process::run;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{A, DNSKEY, DS, NS, NSEC, Question, SOA, TXT};
use bailiwick_tests::zones::{self, SignedRoot};

/// A zone that was transferred in and is transferred out again passes `ldns-verify-zone`.
#[test]
fn the_root_zone_verifies_after_a_transfer_in_and_out() {
    const LDNS: (&str, &str) = ("ldns-verify-zone", "ldnsutils");
    const DIG: (&str, &str) = ("dig", "bind9-dnsutils");
    if !have(&[Kind::Knot.program(), LDNS, DIG]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = SignedRoot::new(folder.path()).unwrap();
    let zones = [PeerZone::new(".", root.text)];
    let primary = Peer::start(Kind::Knot, &zones, None).unwrap();
    let server = TestServer::options()
        .secondary(".", primary.v4())
        .allow_transfer("127.0.0.0/8")
        .start()
        .unwrap();
    // dig writes the text, so that neither our printer nor the test's is in between.
    let limit = Duration::from_secs(30);
    let port = server.port().to_string();
    let args = [
        "@127.0.0.1",
        "-p",
        &port,
        ".",
        "AXFR",
        "+onesoa",
        "+nocmd",
        "+nostats",
        "+nocomments",
    ];
    let dig = run(&program(DIG.0, DIG.1).unwrap(), args, None, limit).unwrap();
    assert!(dig.stdout.lines().count() > 20_000, "dig: {}", dig.stderr);
    let file = primary.folder().join("transferred.zone");
    fs::write(&file, &dig.stdout).unwrap();
    let args = ["-t", &root.date, file.to_str().unwrap()];
    let ldns = run(&program(LDNS.0, LDNS.1).unwrap(), args, None, limit).unwrap();
    assert_eq!(ldns.code(), 0, "{}{}", ldns.stdout, ldns.stderr);
    assert!(
        ldns.stdout.contains("is verified"),
        "{}{}",
        ldns.stdout,
        ldns.stderr
    );

    // Nothing lost and nothing added on the way.
    let [mut theirs, mut ours] = [primary.v4(), server.v4()].map(|at| axfr(at, ".").unwrap());
    theirs.sort();
    ours.sort();
    assert!(
        theirs == ours,
        "{} records became {}",
        theirs.len(),
        ours.len()
    );
}

/// A transfer is for those who were named (RELIABILITY X13): by default for nobody.
#[test]
fn a_zone_is_given_to_nobody_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    fs::write(&file, zones::generated("closed.test.", 3, 5)).unwrap();
    let server = TestServer::options()
        .zone("closed.test.", &file)
        .start()
        .unwrap();
    let error = axfr(server.v4(), "closed.test.").unwrap_err().to_string();
    assert!(error.contains("rcode 5"), "{error}");
}

/// Unbound with the zone's own KSK as its anchor says AD for what exists, what does not, and what
/// is delegated, with and without DS (RFC 4035 3.1).
#[test]
fn a_validating_resolver_believes_every_kind_of_answer() {
    if !have(&[unbound::PROGRAM, SignedRoot::PROGRAM]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.zone");
    let root = SignedRoot::new(folder.path()).unwrap();
    fs::write(&file, &root.text).unwrap();
    let server = TestServer::options().zone(".", &file).start().unwrap();
    let resolver = Unbound::start(server.v4(), &root.ksk, &root.date).unwrap();
    let mut client = resolver.client().unwrap().strict();
    let questions = [
        // Existing.
        (".", SOA, 0, true),
        (".", NS, 0, true),
        (".", DNSKEY, 0, true),
        (".", NSEC, 0, true),
        // A type that is not there: NODATA.
        (".", TXT, 0, false),
        (".", A, 0, false),
        // Names that are not there, between names, before the first and after the last.
        ("nothing-here.", A, 3, false),
        ("a.", A, 3, false),
        ("zzzzzz.", TXT, 3, false),
        ("deep.below.nothing-here.", A, 3, false),
        // Delegated with DS, and without: the denial of DS is signed too.
        ("com.", DS, 0, true),
        ("de.", DS, 0, true),
        ("ae.", DS, 0, false),
        ("aq.", DS, 0, false),
    ];
    for (name, rtype, rcode, exists) in questions {
        let question = Question {
            recursion: true,
            ..Question::new(name, rtype).with_dnssec()
        };
        let reply = client.ask(&question).unwrap();
        let shown = || format!("{name} type {rtype}: {reply}\n{}", resolver.log());
        assert_eq!(reply.rcode(), rcode, "{}", shown());
        assert!(reply.authentic(), "not AD: {}", shown());
        assert_eq!(
            reply.answer.iter().any(|rr| rr.rtype == rtype),
            exists,
            "{}",
            shown()
        );
    }
}
