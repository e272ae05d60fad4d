//! One misbehaviour of a primary a test (RFC 5936, RELIABILITY X1 and X5).

use super::*;

const ID: u16 = 0xBEEF;
const FLAGS: u16 = 0x8400;

fn apex() -> Name {
    Name::parse("example.org.").unwrap()
}

fn machine() -> AxfrIn {
    AxfrIn::new(&apex(), ID, AxfrLimits::default())
}

/// A message under construction, as a hostile primary would write it.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn first() -> Self {
        let mut message = Self::later();
        message.bytes[5] = 1;
        wire::write_question(&mut message.bytes, apex().as_wire(), RecordType::AXFR);
        message
    }

    fn later() -> Self {
        let mut bytes = Vec::new();
        Header {
            id: ID,
            flags: FLAGS,
            questions: 0,
            answers: 0,
            authority: 0,
            additional: 0,
        }
        .write(&mut bytes);
        Self { bytes }
    }

    fn flags(mut self, flags: u16) -> Self {
        self.bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        self
    }

    fn raw(mut self, owner: &str, rtype: u16, class: u16, rdata: &[u8]) -> Self {
        self.bytes
            .extend_from_slice(Name::parse(owner).unwrap().as_wire());
        self.bytes.extend_from_slice(&rtype.to_be_bytes());
        self.bytes.extend_from_slice(&class.to_be_bytes());
        self.bytes.extend_from_slice(&300u32.to_be_bytes());
        self.bytes
            .extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(rdata);
        let answers = u16::from_be_bytes([self.bytes[6], self.bytes[7]]) + 1;
        self.bytes[6..8].copy_from_slice(&answers.to_be_bytes());
        self
    }

    fn a(self, owner: &str) -> Self {
        self.raw(owner, 1, 1, &[192, 0, 2, 1])
    }

    fn soa(self, owner: &str, serial: u32) -> Self {
        self.raw(owner, 6, 1, &soa_rdata(serial))
    }
}

fn soa_rdata(serial: u32) -> Vec<u8> {
    let mut rdata = b"\x02ns\x07example\x03org\x00\x05admin\x07example\x03org\x00".to_vec();
    for number in [serial, 3600, 600, 604_800, 300] {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    rdata
}

fn push_all(messages: &[Message]) -> Result<Transferred, AxfrError> {
    let mut machine = machine();
    for message in messages {
        if machine.push(&message.bytes)? == Progress::Done {
            return machine.finish();
        }
    }
    machine.finish()
}

/// RFC 5936 2.2: SOA, the zone, the same SOA; the SOA is kept once.
#[test]
fn transfer_in_one_message_is_complete() {
    let message = Message::first()
        .soa("example.org.", 7)
        .a("www.example.org.")
        .soa("example.org.", 7);
    let transferred = push_all(&[message]).unwrap();
    assert_eq!(
        (
            transferred.serial,
            transferred.records.len(),
            transferred.messages
        ),
        (Serial(7), 2, 1)
    );
}

/// RFC 5936 2.2.2: later messages need no question.
#[test]
fn transfer_in_many_messages_is_complete() {
    let messages = [
        Message::first().soa("example.org.", 7),
        Message::later().a("a.example.org."),
        Message::later().soa("example.org.", 7),
    ];
    assert_eq!(push_all(&messages).unwrap().records.len(), 2);
}

/// RFC 1034 3.1: names of the closing SOA may differ in case.
#[test]
fn closing_soa_may_differ_in_case() {
    let message = Message::first()
        .soa("example.org.", 7)
        .soa("EXAMPLE.org.", 7);
    assert!(push_all(&[message]).is_ok());
}

/// RFC 5936 2.2.1: an error code ends it, in words.
#[test]
fn refusal_is_reported_in_words() {
    let error = push_all(&[Message::first().flags(0x8405)]).unwrap_err();
    assert_eq!(error, AxfrError::Rcode(Rcode::REFUSED));
    assert!(error.to_string().contains("REFUSED"));
}

#[test]
fn wrong_id_is_refused() {
    let mut message = Message::first().soa("example.org.", 7);
    message.bytes[0] = 0;
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::WrongId { .. })
    ));
}

#[test]
fn query_instead_of_answer_is_refused() {
    assert_eq!(
        push_all(&[Message::first().flags(0)]).unwrap_err(),
        AxfrError::NotAnAnswer
    );
}

/// RFC 5936 2.2.1 wants AA, and Knot 3.2 transfers without it.
#[test]
fn transfer_without_aa_is_taken() {
    let message = Message::first()
        .soa("example.org.", 7)
        .soa("example.org.", 7)
        .flags(0x8000);
    assert!(push_all(&[message]).is_ok());
}

/// RFC 5936 2.2.1: TC has no meaning in a transfer.
#[test]
fn truncated_message_is_refused() {
    let message = Message::first().soa("example.org.", 7).flags(0x8600);
    assert_eq!(push_all(&[message]).unwrap_err(), AxfrError::Truncated);
}

#[test]
fn answer_to_another_question_is_refused() {
    let mut message = Message::first();
    message.bytes[HEADER_LEN + 1] = b'x';
    assert_eq!(push_all(&[message]).unwrap_err(), AxfrError::WrongQuestion);
}

#[test]
fn first_message_without_question_is_refused() {
    let message = Message::later().soa("example.org.", 7);
    assert_eq!(push_all(&[message]).unwrap_err(), AxfrError::WrongQuestion);
}

#[test]
fn transfer_must_begin_with_the_soa() {
    let message = Message::first()
        .a("www.example.org.")
        .soa("example.org.", 7);
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::FirstNotSoa { .. })
    ));
}

/// RELIABILITY X3: the SOA of another zone is no beginning.
#[test]
fn soa_of_another_name_is_no_beginning() {
    let message = Message::first().soa("example.com.", 7);
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::FirstNotSoa { .. })
    ));
}

#[test]
fn different_closing_soa_is_refused() {
    let message = Message::first()
        .soa("example.org.", 7)
        .soa("example.org.", 8);
    assert_eq!(
        push_all(&[message]).unwrap_err(),
        AxfrError::SoaMismatch { first: 7, last: 8 }
    );
}

/// RELIABILITY X5: NSD 4.15 "SOA in the middle".
#[test]
fn soa_below_the_apex_is_refused() {
    let message = Message::first()
        .soa("example.org.", 7)
        .soa("sub.example.org.", 7);
    assert!(matches!(push_all(&[message]), Err(AxfrError::StraySoa(_))));
}

#[test]
fn records_after_the_closing_soa_are_refused() {
    let message = Message::first()
        .soa("example.org.", 7)
        .soa("example.org.", 7)
        .a("www.example.org.");
    assert_eq!(push_all(&[message]).unwrap_err(), AxfrError::AfterEnd);
}

#[test]
fn messages_after_the_end_are_refused() {
    let mut machine = machine();
    let whole = Message::first()
        .soa("example.org.", 7)
        .soa("example.org.", 7);
    assert_eq!(machine.push(&whole.bytes), Ok(Progress::Done));
    assert_eq!(
        machine.push(&Message::later().bytes),
        Err(AxfrError::AfterEnd)
    );
}

#[test]
fn class_other_than_in_is_refused() {
    let message =
        Message::first()
            .soa("example.org.", 7)
            .raw("www.example.org.", 1, 3, &[1, 2, 3, 4]);
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::WrongClass { class: 3, .. })
    ));
}

/// RELIABILITY X5: nothing outside the zone gets in, not even a name that ends in the same octets.
#[test]
fn owner_outside_the_zone_is_refused() {
    for owner in ["example.com.", "org.", "badexample.org."] {
        let message = Message::first().soa("example.org.", 7).a(owner);
        assert!(
            matches!(push_all(&[message]), Err(AxfrError::OutOfZone { .. })),
            "{owner}"
        );
    }
}

#[test]
fn meta_types_are_no_zone_data() {
    for rtype in [0, 41, 250, 252, 255] {
        let message =
            Message::first()
                .soa("example.org.", 7)
                .raw("www.example.org.", rtype, 1, &[]);
        assert_eq!(
            push_all(&[message]).unwrap_err(),
            AxfrError::MetaType(RecordType(rtype))
        );
    }
}

#[test]
fn short_soa_is_refused() {
    let message = Message::first().raw("example.org.", 6, 1, &soa_rdata(7)[..40]);
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::BadRdata { .. })
    ));
}

#[test]
fn address_of_five_octets_is_refused_with_its_owner() {
    let message =
        Message::first()
            .soa("example.org.", 7)
            .raw("www.example.org.", 1, 1, &[1, 2, 3, 4, 5]);
    let error = push_all(&[message]).unwrap_err();
    assert!(error.to_string().contains("www.example.org."), "{error}");
}

#[test]
fn trailing_bytes_are_refused() {
    let mut message = Message::first().soa("example.org.", 7);
    message.bytes.push(0);
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::Malformed { .. })
    ));
}

#[test]
fn record_longer_than_its_message_is_refused() {
    let mut message = Message::first().soa("example.org.", 7);
    message.bytes.truncate(message.bytes.len() - 1);
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::Malformed { .. })
    ));
}

/// RFC 5936 2.2.4: the authority section is empty.
#[test]
fn authority_section_is_refused() {
    let mut message = Message::first().soa("example.org.", 7);
    message.bytes[7] = 0;
    message.bytes[9] = 1;
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::Malformed { .. })
    ));
}

/// RFC 5936 2.2.5: zone data does not hide in the additional section.
#[test]
fn zone_data_in_the_additional_section_is_refused() {
    let mut message = Message::first()
        .soa("example.org.", 7)
        .a("www.example.org.");
    message.bytes[7] = 1;
    message.bytes[11] = 1;
    assert!(matches!(
        push_all(&[message]),
        Err(AxfrError::Malformed { .. })
    ));
}

#[test]
fn stream_that_ends_early_is_cut_off() {
    let message = Message::first()
        .soa("example.org.", 7)
        .a("www.example.org.");
    assert_eq!(
        push_all(&[message]).unwrap_err(),
        AxfrError::CutOff { records: 2 }
    );
}

/// RELIABILITY X1: an endless transfer ends at its byte limit.
#[test]
fn endless_transfer_is_cut_at_the_byte_limit() {
    let mut machine = AxfrIn::new(
        &apex(),
        ID,
        AxfrLimits {
            bytes_max: 1000,
            records_max: 1_000_000,
        },
    );
    machine
        .push(&Message::first().soa("example.org.", 7).bytes)
        .unwrap();
    let error = (0..1000).find_map(|_| {
        machine
            .push(&Message::later().a("www.example.org.").bytes)
            .err()
    });
    assert_eq!(error, Some(AxfrError::TooManyBytes(1000)));
    assert!(machine.bytes() < 1100);
}

/// RELIABILITY X1: and at its record limit, exactly.
#[test]
fn record_limit_is_exact() {
    for (limit, fits) in [(2, false), (3, true), (4, true)] {
        let mut machine = AxfrIn::new(
            &apex(),
            ID,
            AxfrLimits {
                bytes_max: 1 << 20,
                records_max: limit,
            },
        );
        let message = Message::first()
            .soa("example.org.", 7)
            .a("a.example.org.")
            .a("b.example.org.")
            .soa("example.org.", 7);
        assert_eq!(machine.push(&message.bytes).is_ok(), fits, "{limit}");
    }
}

/// A primary that sends headers only must not keep us for ever.
#[test]
fn messages_without_records_are_borne_only_for_a_while() {
    let mut machine = machine();
    machine
        .push(&Message::first().soa("example.org.", 7).bytes)
        .unwrap();
    let error = (0..100).find_map(|_| machine.push(&Message::later().bytes).err());
    assert_eq!(error, Some(AxfrError::Empty));
}

/// RELIABILITY P1: no prefix and no single changed octet of a transfer may panic.
#[test]
fn damaged_messages_never_panic() {
    let whole = Message::first()
        .soa("example.org.", 7)
        .a("www.example.org.")
        .soa("example.org.", 7)
        .bytes;
    for end in 0..whole.len() {
        assert!(machine().push(&whole[..end]).is_err(), "{end}");
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x3F, 0x40, 0xC0, 0xFF] {
            let mut changed = whole.clone();
            changed[at] = value;
            let _ = machine().push(&changed);
        }
    }
}

/// The request is one AXFR question.
#[test]
fn request_asks_for_axfr() {
    let request = machine().request();
    assert_eq!(request[..4], [0xBE, 0xEF, 0, 0]);
    let question = wire::read_question(&request, HEADER_LEN).unwrap();
    assert_eq!(
        (question.name, question.rtype, question.end),
        (apex(), RecordType::AXFR, request.len())
    );
}
