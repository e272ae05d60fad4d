//! What loading a zone costs, step by step: `cargo run --profile dist -p bailiwick-zone --example load -- FILE`.
//!
//! Prints the time of each step, octets per record, and the process's memory; compare runs on an idle
//! machine only.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::path::Path;
use std::time::Instant;

use bailiwick_zone::{Change, HashKey, Name, RecordType, Zone, master};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: load FILE")?;
    let key = HashKey::from_bytes([5; 32]);
    let step =
        |what: &str, since: Instant| println!("{what:>15} {:8.3} s", since.elapsed().as_secs_f64());

    let start = Instant::now();
    let parsed =
        master::parse_file(Path::new(&path), None).map_err(|findings| format!("{findings:?}"))?;
    step("parse and check", start);
    let start = Instant::now();
    let zone = Zone::build(&parsed.apex, &parsed.records, &key)?;
    step("build", start);
    let (records, octets) = (zone.record_count(), zone.size_bytes());
    println!(
        "{:>15} {records}, {octets} octets, {:.1} each",
        "records",
        octets as f64 / records as f64
    );

    let mut file = Vec::new();
    let start = Instant::now();
    zone.write_snapshot(&mut file)?;
    step("write snapshot", start);
    let start = Instant::now();
    let restored = Zone::read_snapshot(&file, &key)?;
    step("read snapshot", start);

    let owner = Name::parse("a-new-name")?
        .labels()
        .next()
        .map(|label| restored.apex().child(label))
        .ok_or("no label")??;
    let rrset = Some((300, vec![Box::from([192, 0, 2, 1])]));
    let start = Instant::now();
    let changed = restored.with_changes(&[Change {
        owner,
        rtype: RecordType::A,
        rrset,
    }])?;
    step("change one RRset", start);
    println!("{:>15} {}", "records", changed.record_count());
    for line in std::fs::read_to_string("/proc/self/status")?
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
    {
        println!("{line}");
    }
    Ok(())
}
