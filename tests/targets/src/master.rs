//! Master files (RFC 1035 5): any octets are a zone or findings, and a zone prints as it reads.

use bailiwick_zone::master::{self, ParseOptions};
use bailiwick_zone::{Name, RecordBuf, Zone};

use crate::world::{TEXTS, key};

/// The text of a zone.
pub(crate) fn run(text: &[u8]) {
    let origin = Name::parse("example.").ok();
    for origin in [None, origin] {
        let options = ParseOptions {
            origin,
            default_ttl: Some(300),
            ..ParseOptions::default()
        };
        match master::parse(text, &options) {
            Err(findings) => assert!(!findings.is_empty(), "refused without a reason"),
            Ok(parsed) => again(&parsed.apex, &parsed.records),
        }
    }
}

/// A zone that was read is built, and what it prints reads as the same records.
fn again(apex: &Name, records: &RecordBuf) {
    let zone = Zone::build(apex, records, &key()).expect("a zone that was checked can be built");
    let records = zone.to_records();
    let mut text = String::new();
    for record in records.iter() {
        master::write_record(record, &mut text);
        text.push('\n');
    }
    let options = ParseOptions {
        origin: Some(apex.clone()),
        ..ParseOptions::default()
    };
    let read = master::parse(text.as_bytes(), &options)
        .unwrap_or_else(|findings| panic!("{}\n{text}", findings[0]));
    assert!(
        records.iter().eq(read.records.iter()),
        "the records of\n{text}"
    );
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    let small = [
        "@ SOA . . 1 2 3 4 5\n",
        "$ORIGIN example.\n$TTL 1h\n@ SOA a b ( 1 ; serial\n 2 3 4 5 )\n NS a\na A 192.0.2.1\n",
        "@ IN 1w SOA a b 1 2 3 4 5\n @ TXT \"a;b\" c\\\"d \\065\n$INCLUDE x\n",
        "@ SOA a b 1 2 3 4 5\nx HTTPS 1 @ alpn=\"h2,h3\" ipv4hint=192.0.2.1\n",
        "@ SOA a b 1 2 3 4 5\nx TYPE65280 \\# 3 0A0B0C\n*.x CLASS1 TYPE1 \\# 4 01020304\n",
    ];
    all.extend(small.map(|text| text.as_bytes().to_vec()));
    all
}
