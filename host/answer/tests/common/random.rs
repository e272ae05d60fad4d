//! Random zones of few names and many kinds of records, whose rules are not checked.

use std::sync::Arc;

use bailiwick_zone::{Name, Record, RecordBuf, RecordType, Zone, ZoneSet, rdata};
use proptest::prelude::*;

use super::key;

/// A record: owner, type, RDATA as text.
pub(crate) type Row = (String, &'static str, String);

fn label() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "C",
        "*",
        "ns",
        "mail",
        "a-label-that-takes-rather-more-room-than-the-others",
    ])
}

/// A name at or below the apex.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 0..4).prop_map(|labels| {
        labels.iter().fold(String::from("Example."), |name, label| {
            format!("{label}.{name}")
        })
    })
}

/// A name that may be anywhere.
fn target() -> impl Strategy<Value = String> {
    prop_oneof![4 => name(), 1 => Just("host.elsewhere.test.".to_owned()), 1 => Just(".".to_owned())]
}

/// Any record but SOA.
pub(crate) fn row() -> impl Strategy<Value = Row> {
    (name(), target(), 0..40u8, 0..10u8).prop_map(|(owner, target, number, kind)| match kind {
        0 | 1 => (owner, "A", format!("192.0.2.{number}")),
        2 => (owner, "AAAA", format!("2001:db8::1:{:x}", number + 1)),
        3 | 4 => (owner, "NS", target),
        5 => (owner, "CNAME", target),
        6 => (owner, "DNAME", target),
        7 => (owner, "MX", format!("{number} {target}")),
        8 => (owner, "SRV", format!("0 0 {number} {target}")),
        _ => (owner, "PTR", target),
    })
}

/// A type to ask for.
pub(crate) fn qtype() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "A", "AAAA", "NS", "CNAME", "DNAME", "MX", "SRV", "SOA", "ANY", "DS", "TXT", "RRSIG",
    ])
}

/// RDATA in wire form.
pub(crate) fn wire(rtype: RecordType, data: &str) -> Vec<u8> {
    rdata::from_text(rtype, data, &Name::root()).unwrap()
}

/// The zone of these rows.
pub(crate) fn zone(rows: &[Row]) -> Zone {
    let mut records = RecordBuf::new();
    let soa = (
        "Example.".to_owned(),
        "SOA",
        "ns.example. Host.example. 1 2 3 4 5".to_owned(),
    );
    for (owner, rtype, data) in rows.iter().chain([&soa]) {
        let rtype: RecordType = rtype.parse().unwrap();
        let (owner, data) = (Name::parse(owner).unwrap(), wire(rtype, data));
        records.push(Record {
            owner: owner.as_wire(),
            rtype,
            ttl: 60,
            rdata: &data,
        });
    }
    Zone::build(&Name::parse("example.").unwrap(), &records, &key()).unwrap()
}

/// A set of one zone.
pub(crate) fn only(zone: Zone) -> ZoneSet {
    ZoneSet::new(&key()).with(Arc::new(zone))
}
