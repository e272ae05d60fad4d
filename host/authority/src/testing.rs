//! Small zones for this crate's tests.

use bailiwick_zone::{HashKey, Name, Record, RecordBuf, RecordType, Zone};

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn key() -> HashKey {
    HashKey::from_bytes([3; 32])
}

pub(crate) fn soa_rdata(serial: u32) -> Vec<u8> {
    let mut rdata = b"\x02ns\x07example\x00\x05admin\x07example\x00".to_vec();
    for number in [serial, 3600, 600, 604_800, 300] {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    rdata
}

pub(crate) fn records(apex: &str, serial: u32) -> RecordBuf {
    let apex = name(apex);
    let mut records = RecordBuf::new();
    let mut push = |rtype, rdata: &[u8]| {
        records.push(Record {
            owner: apex.as_wire(),
            rtype,
            ttl: 300,
            rdata,
        });
    };
    push(RecordType::SOA, &soa_rdata(serial));
    push(RecordType::NS, b"\x02ns\x07example\x00");
    push(RecordType::A, &[192, 0, 2, 1]);
    records
}

pub(crate) fn zone(apex: &str, serial: u32) -> Zone {
    Zone::build(&name(apex), &records(apex, serial), &key()).unwrap()
}
