//! Presigned zones with DO: NSEC, NSEC3, and NSEC3 with opt-out, salt and iterations. For every RRset
//! and for names and types that are not there, our answer is that of NSD or of Knot, proofs and
//! signatures included (RFC 4035 3.1, RFC 5155 7.2; RELIABILITY P24). The two differ from each other
//! in what they add beside what is needed, so one of them must agree.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use bailiwick_tests::agreement::{Survey, assert_none};
use bailiwick_tests::client::Client;
use bailiwick_tests::compare::difference;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{have, program};
use bailiwick_tests::process::run;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{name_to_text, name_to_wire, type_to_text};
use bailiwick_tests::zones;

const KEYGEN: (&str, &str) = ("dnssec-keygen", "bind9-utils");
const SIGN: (&str, &str) = ("dnssec-signzone", "bind9-utils");
const ZONE: &str = "signed.example.";

/// RFC 4035 3.1.3.
#[test]
fn a_zone_with_nsec_is_proved_as_peers_prove_it() {
    agree(&[]);
}

/// RFC 5155 7.2, in the form that RFC 9276 asks for.
#[test]
fn a_zone_with_nsec3_is_proved_as_peers_prove_it() {
    agree(&["-3", "-", "-H", "0"]);
}

/// RFC 5155 7.2.4 and 7.2.7: spans that opt out; with salt and iterations as older zones have them.
#[test]
fn a_zone_with_opt_out_is_proved_as_peers_prove_it() {
    agree(&["-3", "AABBCCDD", "-H", "5", "-A"]);
}

fn agree(denial: &[&str]) {
    if !have(&[Kind::Nsd.program(), Kind::Knot.program(), KEYGEN, SIGN]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = signed(folder.path(), denial);
    let file = folder.path().join("served");
    fs::write(&file, &text).unwrap();
    let zones = [PeerZone::new(ZONE, text)];
    let [nsd, knot] = [Kind::Nsd, Kind::Knot].map(|kind| Peer::start(kind, &zones, None).unwrap());
    let server = TestServer::options().zone(ZONE, &file).start().unwrap();
    let mut peers = [&nsd, &knot].map(|peer| Client::new(peer.v4()).unwrap());
    let mut ours = Client::new(server.v4()).unwrap();
    let apex = name_to_wire(ZONE);
    let (mut found, mut asked) = (Vec::new(), 0);
    let survey = Survey::of(&nsd, ZONE, 800).unwrap();
    for question in survey.questions().filter(|question| question.dnssec) {
        asked += 1;
        let reply = ours.ask(&question).unwrap();
        let differences = peers.each_mut().map(|peer| {
            let theirs = peer.ask(&question).unwrap();
            difference(&apex, &theirs, &reply)
        });
        if let [Some(nsd), Some(knot)] = differences {
            let (name, rtype) = (name_to_text(&question.name), type_to_text(question.rtype));
            found.push(format!("{name} {rtype}: NSD: {nsd} Knot: {knot}"));
        }
    }
    assert!(asked > 500, "only {asked} questions");
    assert_none(&format!("signed with {denial:?}"), &found);
}

/// A generated zone, signed in `folder`.
fn signed(folder: &Path, denial: &[&str]) -> String {
    let limit = Duration::from_secs(60);
    let at = folder.to_str().unwrap();
    for role in [&[][..], &["-f", "KSK"]] {
        let args = [&["-q", "-K", at, "-a", "ECDSAP256SHA256"], role, &[ZONE]].concat();
        let made = run(&program(KEYGEN.0, KEYGEN.1).unwrap(), args, None, limit).unwrap();
        assert_eq!(made.code(), 0, "{}", made.stderr);
    }
    let (plain, out) = (folder.join("plain"), folder.join("signed"));
    fs::write(&plain, zones::generated(ZONE, 24, 60)).unwrap();
    // -S takes the keys in the folder, -O full writes one record a line.
    let fixed = [
        "-q",
        "-S",
        "-K",
        at,
        "-d",
        at,
        "-O",
        "full",
        "-o",
        ZONE,
        "-f",
        out.to_str().unwrap(),
    ];
    let args = [&fixed[..], denial, &[plain.to_str().unwrap()]].concat();
    let made = run(&program(SIGN.0, SIGN.1).unwrap(), args, None, limit).unwrap();
    assert_eq!(made.code(), 0, "{}{}", made.stdout, made.stderr);
    fs::read_to_string(&out).unwrap()
}
