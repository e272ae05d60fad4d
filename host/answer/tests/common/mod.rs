//! Zones and questions written as text; answers as lines that can be compared at a glance.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "a zone or question that does not parse fails the test"
)]

pub(crate) mod random;

use std::sync::Arc;

use bailiwick_answer::text::{self, Response};
use bailiwick_answer::{Job, Outcome, Settings, Transport, Workspace};
use bailiwick_zone::master::{self, ParseOptions};
use bailiwick_zone::{HashKey, LookupName, Name, Zone, ZoneSet};

pub(crate) fn key() -> HashKey {
    HashKey::from_bytes([0x5a; 32])
}

/// The zone written in `text`; the first owner is the apex.
pub(crate) fn build(text: &str) -> Result<Zone, String> {
    let parsed = master::parse(text.as_bytes(), &ParseOptions::default()).map_err(|findings| {
        findings
            .first()
            .map_or_else(String::new, ToString::to_string)
    })?;
    Zone::build(&parsed.apex, &parsed.records, &key()).map_err(|error| error.to_string())
}

/// A set of the zones written in `texts`.
pub(crate) fn zones(texts: &[&str]) -> ZoneSet {
    let zones = texts
        .iter()
        .map(|text| Arc::new(build(&flush_left(text)).unwrap()));
    ZoneSet::new(&key()).with_all(zones)
}

/// A line that starts with a blank would be about the owner before (RFC 1035 5.1).
fn flush_left(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

/// Appends a signature of every authoritative RRset, with octets that no validator would take: what
/// is tested is which records go where.
pub(crate) fn signed(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() > 3)
        .collect();
    let apex = lines[0][0];
    let cuts: Vec<&str> = lines
        .iter()
        .filter(|words| words[2] == "NS" && words[0] != apex)
        .map(|words| words[0])
        .collect();
    let mut out = text.to_owned();
    let mut seen = Vec::new();
    for words in &lines {
        let (owner, ttl, rtype) = (words[0], words[1], words[2]);
        let below_cut = cuts.iter().any(|cut| owner.ends_with(&format!(".{cut}")));
        let unsigned = below_cut || (rtype == "NS" && owner != apex) || rtype == "RRSIG";
        if unsigned || seen.contains(&(owner, rtype)) {
            continue;
        }
        seen.push((owner, rtype));
        let labels = owner.trim_start_matches("*.").split('.').count() - 1;
        out.push_str(&format!(
            "\n{owner} {ttl} RRSIG {rtype} 13 {labels} {ttl} 20300101000000 20200101000000 1 {apex} AAAA"
        ));
    }
    out
}

/// Asks as a resolver without EDNS would over a stream: `name TYPE`, and ` DO` for DNSSEC.
pub(crate) fn ask(zones: &ZoneSet, question: &str) -> Vec<String> {
    let mut words = question.split(' ');
    let name = Name::parse(words.next().unwrap()).unwrap();
    let rtype = words.next().unwrap().parse().unwrap();
    lines(&text::respond(zones, &name, rtype, words.next().is_some()).unwrap())
}

/// Code and AA, then the sections' records, sorted within each.
pub(crate) fn lines(response: &Response) -> Vec<String> {
    let mut lines = vec![format!(
        "{}{}",
        response.rcode,
        if response.aa { " aa" } else { "" }
    )];
    if response.tc {
        lines[0].push_str(" tc");
    }
    for (label, section) in [
        ("an", &response.answer),
        ("au", &response.authority),
        ("ad", &response.additional),
    ] {
        let mut records: Vec<String> = section
            .iter()
            .map(|record| format!("{label} {}", record.replacen(" IN ", " ", 1)))
            .collect();
        records.sort();
        lines.extend(records);
    }
    lines
}

/// The response to a message as it travels.
pub(crate) fn exchange(
    zones: &ZoneSet,
    message: &[u8],
    transport: Transport,
) -> (Outcome, Vec<u8>) {
    let mut name = LookupName::new();
    let job = Job::prepare(zones, message, transport, &mut name).expect("not silence");
    let mut out = vec![0; 65535];
    let outcome = job.answer(
        message,
        &name,
        &mut Workspace::default(),
        &Settings::default(),
        &mut out,
    );
    out.truncate(outcome.len);
    (outcome, out)
}

/// A query with an OPT record of this size and DO, or without one.
pub(crate) fn query(question: &str, edns: Option<(u16, bool)>) -> Vec<u8> {
    let (name, rtype) = question.split_once(' ').unwrap();
    let mut message = text::query(&Name::parse(name).unwrap(), rtype.parse().unwrap(), false);
    message[..2].copy_from_slice(&[0xbe, 0xef]);
    if let Some((size, dnssec_ok)) = edns {
        message[11] = 1;
        let [high, low] = size.to_be_bytes();
        message.extend([
            0,
            0,
            41,
            high,
            low,
            0,
            0,
            if dnssec_ok { 0x80 } else { 0 },
            0,
            0,
            0,
        ]);
    }
    message
}
