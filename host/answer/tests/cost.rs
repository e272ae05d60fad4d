//! What a question may cost compared with a plain one: RELIABILITY P7, P9.
//!
//! Compared are the shortest of many rounds in turn, which another load on the machine hardly moves, and
//! the bounds are far from both what is and what a mistake would make of it.

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bailiwick_answer::{Job, Settings, Transport, Workspace};
use bailiwick_zone::{LookupName, Name, Nsec3Params, ZoneSet};
use common::{ask, query, signed, zones};
use data_encoding::BASE32HEX_NOPAD;

/// How many times as long the second question takes as the first.
fn ratio(zones: &ZoneSet, questions: [&str; 2]) -> f64 {
    let messages = questions.map(|question| query(question, Some((1232, true))));
    let mut shortest = [Duration::MAX; 2];
    let (mut work, mut out) = (Workspace::default(), vec![0; 1232]);
    let settings = Settings::default();
    let mut name = LookupName::new();
    for _ in 0..200 {
        for (message, shortest) in messages.iter().zip(&mut shortest) {
            let start = Instant::now();
            for _ in 0..20 {
                let job = Job::prepare(zones, message, Transport::Udp, &mut name).expect("a query");
                black_box(job.answer(message, &name, &mut work, &settings, &mut out));
            }
            *shortest = start.elapsed().min(*shortest);
        }
    }
    shortest[1].as_secs_f64() / shortest[0].as_secs_f64()
}

/// A zone whose NSEC3 chain has the `proven` lowest names of a.a.a…example. and no others, as opt-out
/// makes it above a delegation without DS, which is at `depth` labels below the apex.
struct OptOut {
    text: String,
    /// Hashes in the chain, sorted, and names in it from the apex on.
    hashes: Vec<String>,
    params: Nsec3Params,
}

impl OptOut {
    fn new(depth: usize, proven: usize) -> Self {
        let params = Nsec3Params {
            iterations: 50,
            salt: [0xab].into(),
        };
        let mut hashes: Vec<String> = (0..=proven).map(|n| hash(&params, &deep("", n))).collect();
        hashes.sort();
        let mut text = format!(
            "example. 60 SOA ns.test. host.test. 1 2 3 4 60\nexample. 60 NS ns.test.\n\
             example. 60 NSEC3PARAM 1 0 50 AB\nexample. 60 DNSKEY 256 3 13 AAAA\n\
             plain.example. 60 A 192.0.2.1\n{} 60 NS ns.test.\n",
            deep("", depth)
        );
        for (at, hash) in hashes.iter().enumerate() {
            let next = &hashes[(at + 1) % hashes.len()];
            text += &format!("{hash}.example. 60 NSEC3 1 1 50 AB {next} A RRSIG\n");
        }
        Self {
            text: signed(&text),
            hashes,
            params,
        }
    }

    /// The owner of the NSEC3 that matches or covers a name.
    fn of(&self, name: &str) -> &str {
        let hash = hash(&self.params, name);
        let before = self.hashes.iter().rev().find(|owner| **owner <= hash);
        before.or_else(|| self.hashes.last()).expect("a chain")
    }
}

/// `a.` so many times below `example.`, with something before it.
fn deep(first: &str, labels: usize) -> String {
    format!("{first}{}example.", "a.".repeat(labels))
}

fn hash(params: &Nsec3Params, name: &str) -> String {
    let name = Name::parse(name).expect("a name");
    BASE32HEX_NOPAD
        .encode(&params.hash(name.as_wire()))
        .to_lowercase()
}

/// RFC 5155 7.2.7, RELIABILITY P7: wherever the chain ends, the proof is that of the closest provable
/// encloser and the next closer name.
#[test]
fn p7_the_closest_provable_encloser_is_found_at_any_height() {
    for depth in [1, 2, 7, 110] {
        for proven in (0..depth).filter(|n| n % 9 == 0 || *n < 4 || n + 3 > depth) {
            let zone = OptOut::new(depth, proven);
            let answer = ask(
                &zones(&[&zone.text]),
                &format!("{} A DO", deep("www.", depth)),
            );
            let mut owners: Vec<&str> = answer
                .iter()
                .filter(|line| line.contains(" 60 NSEC3 "))
                .map(|line| &line[3..35])
                .collect();
            let mut expected = vec![zone.of(&deep("", proven)), zone.of(&deep("", proven + 1))];
            owners.sort_unstable();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(owners, expected, "{proven} of {depth}");
        }
    }
}

/// RELIABILITY P7 (CVE-2023-50868): with 50 extra iterations a hash is most of the work. A referral under
/// 110 labels that are in no chain takes three times the hashes of one under one label, not forty times;
/// so does a name of 100 labels that is not there.
#[test]
fn p7_deep_names_cost_a_few_hashes() {
    let zones = zones(&[
        &OptOut::new(110, 0).text,
        &OptOut::new(1, 0).text.replace("example.", "shallow."),
    ]);
    let shallow = "www.a.shallow. A";
    let referral = ratio(&zones, [shallow, &format!("{} A", deep("www.", 110))]);
    assert!(referral < 8.0, "{referral} times");
    let missing = format!("{}plain.example. A", "x.".repeat(100));
    let missing = ratio(&zones, [shallow, &missing]);
    assert!(missing < 8.0, "{missing} times");
}

/// RELIABILITY P9 (CVE-2024-11187): a hundred MX records, each of a name with a hundred addresses, cost no
/// more than three plain answers: what is offered beside them is bounded, and so is what is looked at.
#[test]
fn p9_fan_out_is_bounded() {
    for count in [30, 100] {
        let mut text = String::from(
            "example. 60 SOA ns.test. host.test. 1 2 3 4 60\nexample. 60 NS ns.test.\n\
             plain.example. 60 A 192.0.2.1\n",
        );
        for n in 0..count {
            text += &format!("many.example. 60 MX {n} n{n}.example.\n");
            for host in 1..=100 {
                text += &format!("n{n}.example. 60 A 192.0.2.{host}\n");
            }
        }
        let zones = zones(&[&text]);
        let times = ratio(&zones, ["plain.example. A", "many.example. MX"]);
        eprintln!("{count} MX: {times}");
        assert!(times < 3.0, "{count} MX: {times} times");
    }
}
