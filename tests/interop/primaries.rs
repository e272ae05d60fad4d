//! Issue point 2: NSD, Knot and BIND as primaries. We transfer their zones and answer as they do,
//! and follow their changes.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::time::{Duration, Instant};

use bailiwick_tests::agreement::{Survey, assert_none};
use bailiwick_tests::client::{Client, serial};
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{free_port, have};
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{Question, TXT};
use bailiwick_tests::zones::{self, SignedRoot, with_serial};

/// Every RRset and names that are not there, over UDP and TCP, IPv4 and IPv6, with and without
/// DNSSEC: the root zone and two with the hard cases, from NSD.
#[test]
fn zones_of_nsd_are_answered_as_nsd_answers_them() {
    answers_are_those_of(Kind::Nsd);
}

/// The same from Knot.
#[test]
fn zones_of_knot_are_answered_as_knot_answers_them() {
    answers_are_those_of(Kind::Knot);
}

/// The same from BIND.
#[test]
fn zones_of_bind_are_answered_as_bind_answers_them() {
    answers_are_those_of(Kind::Bind);
}

/// A NOTIFY of NSD is followed within a second of its having the new version (RFC 1996).
#[test]
fn a_notify_of_nsd_is_followed_within_a_second() {
    notify_is_followed(Kind::Nsd);
}

/// The same from Knot.
#[test]
fn a_notify_of_knot_is_followed_within_a_second() {
    notify_is_followed(Kind::Knot);
}

/// The same from BIND.
#[test]
fn a_notify_of_bind_is_followed_within_a_second() {
    notify_is_followed(Kind::Bind);
}

fn sample() -> Vec<PeerZone> {
    vec![
        PeerZone::new("gen.example.", zones::generated("gen.example.", 1, 150)),
        PeerZone::new("other.test.", zones::generated("other.test.", 2, 40)),
        PeerZone::new(".", zones::root().unwrap()),
    ]
}

fn answers_are_those_of(kind: Kind) {
    if !have(&[kind.program(), SignedRoot::PROGRAM]) {
        return;
    }
    let mut zones = sample();
    let folder = tempfile::tempdir().unwrap();
    zones.last_mut().unwrap().text = SignedRoot::new(folder.path()).unwrap().text;
    let primary = Peer::start(kind, &zones, None).unwrap();
    let mut options = TestServer::options();
    for zone in &zones {
        options = options.secondary(&zone.name, primary.v4());
    }
    let server = options.start().unwrap();
    let mut theirs = Client::new(primary.v4()).unwrap();
    let [mut udp4, mut tcp4] = [(); 2].map(|()| Client::new(server.v4()).unwrap().strict());
    let [mut udp6, mut tcp6] = [(); 2].map(|()| Client::new(server.v6()).unwrap().strict());
    for (zone, missing_max) in zones.iter().zip([2000, 1000, 1000]) {
        let survey = Survey::of(&primary, &zone.name, missing_max).unwrap();
        assert!(
            survey.record_count() > 90,
            "{} is no zone to compare",
            zone.name
        );
        let found = survey
            .differences(
                &mut theirs,
                &mut [
                    &mut |question| udp4.ask(question),
                    &mut |question| udp6.ask(question),
                    &mut |question| tcp4.tcp(question),
                    &mut |question| tcp6.tcp(question),
                ],
            )
            .unwrap();
        assert_none(&format!("{} of {kind:?}", zone.name), &found.answers);
        assert_none(&format!("{} of {kind:?}", zone.name), &found.glue);
    }
}

fn notify_is_followed(kind: Kind) {
    if !have(&[kind.program()]) {
        return;
    }
    let zones = sample();
    let port = free_port();
    let primary = Peer::start(kind, &zones, Some(port)).unwrap();
    let mut options = TestServer::options().port(port);
    for zone in &zones {
        options = options.secondary(&zone.name, primary.v4());
    }
    let server = options.start().unwrap();
    for zone in &zones {
        let next = serial(primary.v4(), &zone.name).unwrap() + 1;
        let owner = if zone.name == "." {
            "fresh.".to_owned()
        } else {
            format!("fresh.{}", zone.name)
        };
        let text =
            with_serial(&zone.text, next) + &format!("{owner} 60 IN TXT \"serial {next}\"\n");
        primary.replace(&zone.name, &text).unwrap();
        wait_until(
            &format!("{kind:?} has read {}", zone.name),
            Duration::from_secs(20),
            || (serial(primary.v4(), &zone.name) == Some(next)).then_some(()),
        );
        let since = Instant::now();
        server.wait_serial(&zone.name, next, Duration::from_secs(20));
        let took = since.elapsed();
        assert!(
            took <= Duration::from_secs(1),
            "{}: followed {took:?} after {kind:?}",
            zone.name
        );
        let reply = server
            .client()
            .unwrap()
            .ask(&Question::new(&owner, TXT))
            .unwrap();
        assert_eq!(reply.answer.len(), 1, "{owner}: {reply}");
    }
}
