//! Issue 3 point 2: what NSD, Knot and BIND all say, we say. Where they differ, the question is of one of
//! few kinds, and for each it is written down who is right, by which RFC, and what we do
//! ([`classes::ALL`]).
//!
//! 200 generated zones, some signed with NSEC, with NSEC3 and with opt-out, and the root zone; every name
//! and type in them, names that are not there, without and with DO. ANY is left out: RFC 8482 lets a
//! server give less than all, which we do and the three do not; RRSIG as a question likewise.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod classes;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::thread;

use bailiwick_tests::client::axfr;
use bailiwick_tests::differ::{Case, Said, questions};
use bailiwick_tests::generate;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::pipeline;
use bailiwick_tests::place::have;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::sign::{self, sign};
use bailiwick_tests::wire::{Question, name_to_wire};
use bailiwick_tests::zones::SignedRoot;
use classes::Class;

/// RFC 1034, 4592, 6672, 9471 and their kin: zones without signatures.
#[test]
fn unsigned_zones_are_answered_as_three_servers_agree() {
    let zones = (0..140).map(|seed| {
        let zone = generate::zone(seed);
        PeerZone::new(&zone.apex, zone.text)
    });
    agree(&zones.collect::<Vec<_>>(), Some(false));
}

/// RFC 4035 3.1, RFC 5155 7.2: signed zones, of each kind of denial.
#[test]
fn signed_zones_are_answered_as_three_servers_agree() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [sign::NSEC, sign::NSEC3, sign::OPT_OUT];
    let zones = (1000..1060).map(|seed| {
        let zone = generate::zone_to_sign(seed);
        let denial = kinds[seed as usize % kinds.len()];
        let signed = sign(folder.path(), &zone.apex, &zone.text, denial).unwrap();
        PeerZone::new(&zone.apex, signed.text)
    });
    agree(&zones.collect::<Vec<_>>(), Some(true));
}

/// The real root zone, signed again.
#[test]
fn the_root_zone_is_answered_as_three_servers_agree() {
    let folder = tempfile::tempdir().unwrap();
    let root = SignedRoot::new(folder.path()).unwrap();
    agree(&[PeerZone::new(".", root.text)], None);
}

/// Few enough to be read.
#[test]
fn there_are_at_most_thirty_classes_of_dispute() {
    assert!(classes::ALL.len() <= 30);
    let mut names: Vec<&str> = classes::ALL.iter().map(|class| class.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), classes::ALL.len(), "two classes of one name");
}

/// Asks the four about all `zones`. With `signed` every class that belongs to such zones must be met.
fn agree(zones: &[PeerZone], signed: Option<bool>) {
    let kinds = [Kind::Nsd, Kind::Knot, Kind::Bind];
    let mut programs = kinds.map(Kind::program).to_vec();
    programs.extend(sign::PROGRAMS);
    if !have(&programs) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = TestServer::options();
    for (number, zone) in zones.iter().enumerate() {
        let file = folder.path().join(format!("{number}.zone"));
        fs::write(&file, &zone.text).unwrap();
        options = options.zone(&zone.name, &file);
    }
    let peers = kinds.map(|kind| Peer::start(kind, zones, None).unwrap());
    let server = options.start().unwrap();
    let at = [peers[0].v4(), peers[1].v4(), peers[2].v4(), server.v4()];
    let mut tally = Tally::default();
    for zone in zones {
        let records = axfr(peers[0].v4(), &zone.name).unwrap();
        let apex = name_to_wire(&zone.name);
        for part in questions(&records).chunks(10_000) {
            for case in ask(&apex, part, at) {
                tally.add(&case);
            }
        }
    }
    tally.judge(signed);
}

/// The same questions to all four at once.
fn ask(apex: &[u8], questions: &[Question], at: [SocketAddr; 4]) -> Vec<Case> {
    let replies = thread::scope(|scope| {
        at.map(|at| scope.spawn(move || pipeline::ask(at, questions).unwrap()))
            .map(|thread| thread.join().unwrap().into_iter())
    });
    let [nsd, knot, bind, ours] = replies;
    let all = questions.iter().zip(nsd).zip(knot).zip(bind).zip(ours);
    all.map(|((((question, nsd), knot), bind), ours)| Case {
        apex: apex.to_vec(),
        question: question.clone(),
        nsd: Said::of(&nsd),
        knot: Said::of(&knot),
        bind: Said::of(&bind),
        ours: Said::of(&ours),
    })
    .collect()
}

#[derive(Default)]
struct Tally {
    asked: usize,
    /// Cases of each class.
    classes: BTreeMap<&'static str, usize>,
    /// What must not be, by its pattern: how often, and the first case.
    wrong: BTreeMap<String, (usize, String)>,
}

impl Tally {
    fn add(&mut self, case: &Case) {
        self.asked += 1;
        if case.alone().is_some() && !case.adds() && !classes::is_nsec_of_an_alias(case) {
            self.wrong("the three agree and we differ", case);
        } else if case.disputed().is_some() || case.adds() {
            match classes::ALL.iter().find(|class| (class.is)(case)) {
                None => self.wrong("a dispute of no class", case),
                Some(Class { name, holds, .. }) => {
                    *self.classes.entry(name).or_default() += 1;
                    if !holds(case) {
                        self.wrong(&format!("not as decided: {name}"), case);
                    }
                }
            }
        }
    }

    fn wrong(&mut self, what: &str, case: &Case) {
        let signed = if case.question.dnssec { "DO " } else { "" };
        let key = format!("{what}: {signed}{}", case.pattern());
        let entry = self
            .wrong
            .entry(key)
            .or_insert_with(|| (0, case.to_string()));
        entry.0 += 1;
    }

    fn judge(&self, signed: Option<bool>) {
        eprintln!("{} questions; disputed: {:#?}", self.asked, self.classes);
        for (what, (count, example)) in &self.wrong {
            eprintln!("{count} × {what}\n{example}");
        }
        assert!(self.asked > 1000, "only {} questions", self.asked);
        assert!(
            self.wrong.is_empty(),
            "{} kinds of difference",
            self.wrong.len()
        );
        for class in classes::ALL {
            let expected = signed.is_some_and(|signed| signed == class.signed);
            let met = self.classes.contains_key(class.name);
            assert!(met || !expected, "a class without a case: {}", class.name);
        }
    }
}
