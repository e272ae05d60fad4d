//! The harness against itself: two other name servers give, by its rules, the same answers. What
//! differs here would be blamed on us elsewhere.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use bailiwick_tests::agreement::{Survey, assert_none};
use bailiwick_tests::client::Client;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::have;
use bailiwick_tests::zones;

/// NSD and Knot agree about a generated zone and the root zone in all that the comparison sees.
#[test]
fn knot_answers_as_nsd_does_by_the_rules_of_the_comparison() {
    agree(Kind::Knot, Kind::Nsd);
}

/// NSD and BIND likewise.
#[test]
fn bind_answers_as_nsd_does_by_the_rules_of_the_comparison() {
    agree(Kind::Bind, Kind::Nsd);
}

fn agree(primary: Kind, other: Kind) {
    if !have(&[primary.program(), other.program()]) {
        return;
    }
    let zones = [
        PeerZone::new("gen.example.", zones::generated("gen.example.", 1, 150)),
        PeerZone::new(".", zones::root().unwrap()),
    ];
    let primary = Peer::start(primary, &zones, None).unwrap();
    let other = Peer::start(other, &zones, None).unwrap();
    let mut theirs = Client::new(primary.v4()).unwrap();
    let mut ours = Client::new(other.v6()).unwrap().strict();
    for (zone, missing_max) in zones.iter().zip([3000, 1000]) {
        let survey = Survey::of(&primary, &zone.name, missing_max).unwrap();
        let found = survey
            .differences(&mut theirs, &mut [&mut |question| ours.ask(question)])
            .unwrap();
        assert_none(&zone.name, &found.answers);
    }
}
