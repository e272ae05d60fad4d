//! Answers many questions of one kind in batches of 64, to be counted from outside:
//!
//! ```text
//! cargo build --release -p bailiwick-answer --example instructions
//! valgrind --tool=callgrind --toggle-collect='*answer_batch*' target/release/examples/instructions hit
//! ```
//!
//! The instructions collected, divided by the number printed, are what one query costs in this crate.
#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

use std::sync::Arc;

use bailiwick_answer::{Job, Settings, Transport, Workspace};
use bailiwick_zone::{HashKey, LookupName, Name, Record, RecordBuf, RecordType, Zone, ZoneSet};

const BATCH: usize = 64;
const QUERIES: usize = 6400;

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_else(|| "mixed".into());
    let zones = zones();
    let questions: Vec<Vec<u8>> = (0..QUERIES).map(|i| question(&kind, i)).collect();
    let mut names: Vec<LookupName> = (0..BATCH).map(|_| LookupName::new()).collect();
    let mut work = Workspace::default();
    let settings = Settings::default();
    let mut out = vec![0; 4096];
    let mut octets = 0;
    for batch in questions.chunks(BATCH) {
        octets += answer_batch(&zones, batch, &mut names, &mut work, &settings, &mut out);
    }
    println!(
        "{kind}: {QUERIES} queries, {} octets an answer",
        octets / QUERIES
    );
}

/// One batch, the way a UDP worker goes through it.
#[inline(never)]
fn answer_batch(
    zones: &ZoneSet,
    batch: &[Vec<u8>],
    names: &mut [LookupName],
    work: &mut Workspace,
    settings: &Settings,
    out: &mut [u8],
) -> usize {
    let mut octets = 0;
    let mut jobs = [const { None }; BATCH];
    for ((message, name), job) in batch.iter().zip(names.iter_mut()).zip(&mut jobs) {
        *job = Job::prepare(zones, message, Transport::Udp, name);
    }
    for (job, name) in jobs.iter().zip(names.iter()) {
        if let Some(job) = job {
            job.prefetch(name);
        }
    }
    for ((message, name), job) in batch.iter().zip(names.iter()).zip(&jobs) {
        if let Some(job) = job {
            octets += job.answer(message, name, work, settings, out).len;
        }
    }
    octets
}

fn wire(text: &str) -> Vec<u8> {
    Name::parse(text)
        .expect("a name written here")
        .as_wire()
        .to_vec()
}

/// A zone of about 20,000 records: hosts, aliases, delegations, wildcards.
fn zones() -> ZoneSet {
    // Odd octets without a pattern, as a server draws them; the same ones for every count.
    let key = HashKey::from_bytes(std::array::from_fn(|i| {
        (i as u8).wrapping_mul(167).wrapping_add(i as u8 >> 2) ^ 0x5d
    }));
    let mut records = RecordBuf::new();
    let mut add = |owner: &str, rtype: RecordType, rdata: &[u8]| {
        records.push(Record {
            owner: &wire(owner),
            rtype,
            ttl: 3600,
            rdata,
        });
    };
    let soa = [
        wire("ns1.example."),
        wire("host.example."),
        [0, 0, 0, 1].repeat(5),
    ]
    .concat();
    add("example.", RecordType::SOA, &soa);
    add("example.", RecordType::NS, &wire("ns1.example."));
    add("example.", RecordType::NS, &wire("ns2.example."));
    add("ns1.example.", RecordType::A, &[192, 0, 2, 1]);
    add("ns2.example.", RecordType::A, &[192, 0, 2, 2]);
    for i in 0..3000 {
        let octets = [192, 0, (i >> 8) as u8, i as u8];
        add(&format!("host{i}.example."), RecordType::A, &octets);
        add(
            &format!("host{i}.example."),
            RecordType::AAAA,
            &[octets, octets, octets, octets].concat(),
        );
        add(
            &format!("www{i}.example."),
            RecordType::CNAME,
            &wire(&format!("host{i}.example.")),
        );
        add(
            &format!("sub{i}.example."),
            RecordType::NS,
            &wire(&format!("ns1.sub{i}.example.")),
        );
        add(
            &format!("sub{i}.example."),
            RecordType::NS,
            &wire(&format!("ns2.sub{i}.example.")),
        );
        add(&format!("ns1.sub{i}.example."), RecordType::A, &octets);
        add(&format!("ns2.sub{i}.example."), RecordType::A, &octets);
        add(&format!("*.wild{i}.example."), RecordType::A, &octets);
    }
    let zone = Zone::build(&Name::parse("example.").expect("a name"), &records, &key)
        .expect("a zone written here");
    ZoneSet::new(&key).with(Arc::new(zone))
}

fn question(kind: &str, i: usize) -> Vec<u8> {
    let n = i * 7919 % 3000;
    let kind = match (kind, i % 10) {
        ("mixed", 0..=5) => "hit",
        ("mixed", 6) => "nxdomain",
        ("mixed", 7) => "referral",
        ("mixed", 8) => "wildcard",
        ("mixed", _) => "cname",
        _ => kind,
    };
    let name = match kind {
        "nxdomain" => format!("nothing{n}.example."),
        "referral" => format!("www.sub{n}.example."),
        "wildcard" => format!("any.wild{n}.example."),
        "cname" => format!("www{n}.example."),
        _ => format!("host{n}.example."),
    };
    let mut message = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(&wire(&name));
    message.extend_from_slice(&[0, 1, 0, 1, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    message
}
