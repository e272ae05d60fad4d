//! What goes out, read back by the machine that takes transfers in.

use super::*;
use crate::axfr_in::{AxfrIn, AxfrLimits, Progress};
use bailiwick_zone::{HashKey, RecordBuf};

const ID: u16 = 0x0102;

fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn apex() -> Name {
    Name::parse("Example.org.").unwrap()
}

fn soa_rdata(serial: u32) -> Vec<u8> {
    let mut rdata = b"\x02ns\x07example\x03org\x00\x05admin\x07example\x03org\x00".to_vec();
    for number in [serial, 3600, 600, 604_800, 300] {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    rdata
}

/// A zone with `hosts` addresses and mail exchangers.
fn zone(serial: u32, hosts: usize) -> Arc<Zone> {
    let mut records = RecordBuf::new();
    let apex = apex();
    let mut push = |owner: &Name, rtype, rdata: &[u8]| {
        records.push(Record {
            owner: owner.as_wire(),
            rtype,
            ttl: 300,
            rdata,
        });
    };
    push(&apex, RecordType::SOA, &soa_rdata(serial));
    push(&apex, RecordType::NS, b"\x02ns\x07example\x03org\x00");
    for host in 0..hosts {
        let owner = Name::parse(&format!("Host{host}.example.org.")).unwrap();
        push(
            &owner,
            RecordType::A,
            &[10, 0, (host >> 8) as u8, host as u8],
        );
        push(
            &owner,
            RecordType::MX,
            b"\x00\x0A\x04mail\x07example\x03org\x00",
        );
    }
    Arc::new(Zone::build(&apex, &records, &key()).unwrap())
}

fn request_bytes(rtype: RecordType, have: Option<u32>, edns: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (authority, additional) = (u16::from(have.is_some()), u16::from(edns));
    Header {
        id: ID,
        flags: 0,
        questions: 1,
        answers: 0,
        authority,
        additional,
    }
    .write(&mut bytes);
    wire::write_question(&mut bytes, apex().as_wire(), rtype);
    if let Some(serial) = have {
        let rdata = soa_rdata(serial);
        bytes.extend_from_slice(apex().as_wire());
        bytes.extend_from_slice(&[0, 6, 0, 1, 0, 0, 0, 0, 0, rdata.len() as u8]);
        bytes.extend_from_slice(&rdata);
    }
    if edns {
        bytes.extend_from_slice(&OPT);
    }
    bytes
}

fn request(rtype: RecordType, have: Option<u32>) -> TransferRequest {
    TransferRequest::parse(&request_bytes(rtype, have, false)).unwrap()
}

/// Owner, type and RDATA.
type Received = (Vec<u8>, RecordType, Vec<u8>);

/// Reads an answer back; gives its records and how many messages there were.
fn receive(out: AxfrOut) -> (Vec<Received>, u64) {
    let mut machine = AxfrIn::new(&apex(), ID, AxfrLimits::default());
    let mut done = false;
    for message in out {
        assert!(!done, "messages after the end");
        done = machine.push(&message).unwrap() == Progress::Done;
    }
    let transferred = machine.finish().unwrap();
    let records = transferred.records.iter();
    (
        records
            .map(|r| (r.owner.to_vec(), r.rtype, r.rdata.to_vec()))
            .collect(),
        transferred.messages,
    )
}

fn contents(zone: &Zone) -> Vec<(Vec<u8>, RecordType, Vec<u8>)> {
    zone.to_records()
        .iter()
        .map(|r| (r.owner.to_vec(), r.rtype, r.rdata.to_vec()))
        .collect()
}

/// RFC 5936 2.2: what is sent is the zone, SOA first and last, names in their own case (3.4).
#[test]
fn secondary_receives_exactly_the_zone() {
    for hosts in [0, 1, 3000] {
        let zone = zone(7, hosts);
        let (records, _) = receive(AxfrOut::new(
            Arc::clone(&zone),
            request(RecordType::AXFR, None),
        ));
        assert_eq!(records, contents(&zone), "{hosts}");
    }
}

/// FEATURES 1.4: many records share a message, and none is oversized.
#[test]
fn messages_are_full_and_bounded() {
    let messages: Vec<_> = AxfrOut::new(zone(7, 3000), request(RecordType::AXFR, None)).collect();
    assert!(messages.len() < 12, "{}", messages.len());
    assert!(
        messages
            .iter()
            .all(|message| message.len() <= MESSAGE_SIZE_AIM)
    );
}

/// RFC 5936 2.2.2: the question stands in the first message only.
#[test]
fn question_stands_in_the_first_message_only() {
    let questions: Vec<_> = AxfrOut::new(zone(7, 1000), request(RecordType::AXFR, None))
        .map(|m| m[5])
        .collect();
    assert!(questions.len() > 1 && questions[0] == 1 && questions[1..].iter().all(|&n| n == 0));
}

/// RFC 5936 2.2.5: an OPT is answered with one.
#[test]
fn opt_is_answered_in_the_first_message() {
    let request = TransferRequest::parse(&request_bytes(RecordType::AXFR, None, true)).unwrap();
    let messages: Vec<_> = AxfrOut::new(zone(7, 1000), request).collect();
    assert!(messages[0].ends_with(&OPT) && messages[0][11] == 1 && messages[1][11] == 0);
}

/// RFC 1995 2: who is up to date gets the SOA alone, also when its serial is ahead of ours.
#[test]
fn ixfr_of_a_current_secondary_is_one_soa() {
    for have in [7, 8] {
        let messages: Vec<_> =
            AxfrOut::new(zone(7, 10), request(RecordType::IXFR, Some(have))).collect();
        assert_eq!((messages.len(), messages[0][7]), (1, 1), "{have}");
    }
}

/// RFC 1995 4: without history the whole zone is sent.
#[test]
fn ixfr_of_an_old_secondary_is_the_whole_zone() {
    let messages: Vec<_> = AxfrOut::new(zone(7, 10), request(RecordType::IXFR, Some(6))).collect();
    assert_eq!(messages[0][7], 2 + 1 + 20);
}

/// An overlay is walked together with the base, across the ends of messages.
#[test]
fn changed_zone_is_sent_as_it_is_now() {
    let mut zone = Zone::clone(&zone(7, 2000));
    for host in [0, 1, 777, 1999, 5000] {
        let owner = Name::parse(&format!("host{host}.example.org.")).unwrap();
        let rrset = (host % 2 == 1).then(|| (60, vec![vec![192, 0, 2, 9].into_boxed_slice()]));
        zone = zone
            .with_changes(&[bailiwick_zone::Change {
                owner,
                rtype: RecordType::A,
                rrset,
            }])
            .unwrap();
    }
    let zone = Arc::new(zone);
    let (records, _) = receive(AxfrOut::new(
        Arc::clone(&zone),
        request(RecordType::AXFR, None),
    ));
    assert_eq!(records, contents(&zone));
}

/// A zone with one RRset larger than a message still goes out, in order.
#[test]
fn owner_larger_than_a_message_is_split() {
    let mut records = RecordBuf::new();
    let apex = apex();
    records.push(Record {
        owner: apex.as_wire(),
        rtype: RecordType::SOA,
        ttl: 1,
        rdata: &soa_rdata(1),
    });
    let owner = Name::parse("many.example.org.").unwrap();
    for i in 0..3000u32 {
        let mut text = vec![60];
        text.extend_from_slice(format!("{i:060}").as_bytes());
        records.push(Record {
            owner: owner.as_wire(),
            rtype: RecordType::TXT,
            ttl: 1,
            rdata: &text,
        });
    }
    let zone = Arc::new(Zone::build(&apex, &records, &key()).unwrap());
    let (received, messages) = receive(AxfrOut::new(
        Arc::clone(&zone),
        request(RecordType::AXFR, None),
    ));
    assert_eq!(received.len(), 3001);
    assert!(messages > 5);
}

/// PowerDNS#14560: a record of nearly 64 KiB goes into a message of its own, or ends the transfer early
/// rather than in an oversized message.
#[test]
fn huge_record_never_makes_an_oversized_message() {
    for (size, fits) in [(60_000, true), (65_535, false)] {
        let mut records = RecordBuf::new();
        let apex = apex();
        records.push(Record {
            owner: apex.as_wire(),
            rtype: RecordType::SOA,
            ttl: 1,
            rdata: &soa_rdata(1),
        });
        let huge = vec![0; size];
        records.push(Record {
            owner: apex.as_wire(),
            rtype: RecordType(65_280),
            ttl: 1,
            rdata: &huge,
        });
        let zone = Arc::new(Zone::build(&apex, &records, &key()).unwrap());
        let mut out = AxfrOut::new(zone, request(RecordType::AXFR, None));
        let messages: Vec<_> = out.by_ref().collect();
        assert_eq!(out.failed(), !fits, "{size}");
        assert!(
            messages
                .iter()
                .all(|message| message.len() <= MESSAGE_SIZE_MAX)
        );
    }
}

/// RELIABILITY P1: no prefix of a request may panic or pass.
#[test]
fn cut_requests_never_pass() {
    let whole = request_bytes(RecordType::IXFR, Some(5), true);
    for end in 0..whole.len() {
        assert!(TransferRequest::parse(&whole[..end]).is_err(), "{end}");
    }
    assert_eq!(
        TransferRequest::parse(&whole).unwrap().have,
        Some(Serial(5))
    );
}
