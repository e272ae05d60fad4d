//! Good questions to begin with.

use bailiwick_answer::text;
use bailiwick_zone::{Name, RecordType};

/// Names that between them get every kind of answer, each asked for some type with and without
/// DNSSEC.
pub(crate) fn questions() -> Vec<Vec<u8>> {
    let labels = [
        "",
        "www.",
        "alias.",
        "loop-a.",
        "out.",
        "into.",
        "a.moved.",
        "a.deeper.",
        "b.wild.",
        "ent.wild.",
        "x.alias-wild.",
        "cut.",
        "x.cut.",
        "safe.",
        "svc.",
        "big.",
        "nothing.",
        "a.denied.",
        "a.dropped.",
        "a.truncated.",
        "a.slow.",
    ];
    let types = [
        RecordType::A,
        RecordType::TXT,
        RecordType::DS,
        RecordType::ANY,
        RecordType::NS,
        RecordType::SOA,
        RecordType::HTTPS,
        RecordType::AXFR,
        RecordType::DNSKEY,
    ];
    let mut all = Vec::new();
    for (number, label) in labels.iter().enumerate() {
        for (apex, zone) in ["plain.", "nsec.", "nsec3."].iter().enumerate() {
            let name = Name::parse(&format!("{label}{zone}")).unwrap();
            let rtype = types[(number + apex) % types.len()];
            all.push(text::query(&name, rtype, apex > 0 || number % 2 == 0));
        }
    }
    let mut notify = text::query(&Name::parse("plain.").unwrap(), RecordType::SOA, false);
    notify[2] = 0x24;
    all.push(notify);
    all
}
