//! Which messages are silence, which a fault, which a request: the decision table of RELIABILITY P3,
//! over every header, type and class there is.

use bailiwick_answer::{Fault, Kind, Rcode, Reading, Transport, request};

/// Reads plain labels, as the question of a message must be.
fn plain_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += usize::from(len) + 1,
            _ => return None,
        }
    }
}

fn read(message: &[u8]) -> Reading {
    request::read(message, Transport::Udp, plain_name)
}

fn rcode(message: &[u8]) -> Option<Rcode> {
    match read(message) {
        Reading::Silence => None,
        Reading::Faulty(_, fault) => Some(fault.rcode()),
        Reading::Good(_) => Some(Rcode::NOERROR),
    }
}

/// A message with flags, counts and body.
fn message(flags: u16, counts: [u16; 4], body: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0xab, 0xcd];
    out.extend(flags.to_be_bytes());
    out.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    out.extend(body.concat());
    out
}

const QUESTION: &[u8] = b"\x03www\x07example\x00\x00\x01\x00\x01";
const OPT: &[u8] = &[0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 0];

fn question(qtype: u16, qclass: u16) -> Vec<u8> {
    let body = [
        &b"\x07example\x00"[..],
        &qtype.to_be_bytes(),
        &qclass.to_be_bytes(),
    ]
    .concat();
    message(0, [1, 0, 0, 0], &[&body])
}

/// RELIABILITY P3, P14: QR=1 is never answered; opcodes other than QUERY, NOTIFY and UPDATE are NOTIMP
/// whatever follows; otherwise the body decides, and no other flag matters.
#[test]
fn every_flag_word_has_the_tabled_answer() {
    let bodies: [(Vec<u8>, Rcode); 5] = [
        (message(0, [1, 0, 0, 0], &[QUESTION]), Rcode::NOERROR),
        (message(0, [1, 0, 0, 1], &[QUESTION, OPT]), Rcode::NOERROR),
        (message(0, [0, 0, 0, 0], &[]), Rcode::FORMERR),
        (
            message(0, [2, 0, 0, 0], &[QUESTION, QUESTION]),
            Rcode::FORMERR,
        ),
        (
            message(0, [1, 0, 0, 1], &[QUESTION, &OPT[..7]]),
            Rcode::FORMERR,
        ),
    ];
    for (mut body, expected) in bodies {
        for flags in 0..=u16::MAX {
            body[2..4].copy_from_slice(&flags.to_be_bytes());
            let expected = match (flags >> 15, flags >> 11 & 0xf) {
                (1, _) => None,
                (_, 0 | 4 | 5) => Some(expected),
                _ => Some(Rcode::NOTIMP),
            };
            assert_eq!(rcode(&body), expected, "flags {flags:#06x}");
        }
    }
}

/// RELIABILITY P3; RFC 6895 3.1: OPT, TSIG and 0 cannot be asked for, query types we do not serve are
/// NOTIMP, every other type is an ordinary question.
#[test]
fn every_query_type_has_the_tabled_answer() {
    for qtype in 0..=u16::MAX {
        let expected = match qtype {
            0 | 41 | 250 | 252 => Rcode::FORMERR,
            251 | 255 => Rcode::NOERROR,
            128..=254 => Rcode::NOTIMP,
            _ => Rcode::NOERROR,
        };
        assert_eq!(rcode(&question(qtype, 1)), Some(expected), "TYPE{qtype}");
    }
}

/// RELIABILITY P3: we have zones of class IN only, and NONE belongs to UPDATE (RFC 2136 2.4).
#[test]
fn every_class_has_the_tabled_answer() {
    for qclass in 0..=u16::MAX {
        let expected = match qclass {
            1 => Rcode::NOERROR,
            254 => Rcode::FORMERR,
            _ => Rcode::REFUSED,
        };
        assert_eq!(rcode(&question(1, qclass)), Some(expected), "CLASS{qclass}");
    }
}

/// RELIABILITY P14: less than a header gets no answer at all.
#[test]
fn less_than_a_header_is_silence() {
    for len in 0..12 {
        assert_eq!(read(&[0; 12][..len]), Reading::Silence);
    }
}

/// A message cut anywhere is silence or FORMERR, and never a request.
#[test]
fn a_message_cut_anywhere_is_refused() {
    let whole = message(0, [1, 0, 0, 1], &[QUESTION, OPT]);
    for len in 12..whole.len() {
        assert_eq!(rcode(&whole[..len]), Some(Rcode::FORMERR), "{len} octets");
    }
    assert_eq!(rcode(&whole), Some(Rcode::NOERROR));
}

/// RFC 9619: exactly one question, also where the body would parse.
#[test]
fn question_counts_other_than_one_are_refused() {
    for count in [0, 2, 3, 65535] {
        let body = message(0, [count, 0, 0, 0], &[QUESTION, QUESTION, QUESTION]);
        assert!(matches!(
            read(&body),
            Reading::Faulty(_, Fault::QuestionCount)
        ));
    }
}

/// Octets that no count accounts for are not ignored.
#[test]
fn trailing_octets_are_refused() {
    let body = message(0, [1, 0, 0, 0], &[QUESTION, b"\0"]);
    assert!(matches!(read(&body), Reading::Faulty(_, Fault::Trailing)));
}

/// RFC 6891 6.1.1: more than one OPT is FORMERR.
#[test]
fn two_opt_records_are_refused() {
    let body = message(0, [1, 0, 0, 2], &[QUESTION, OPT, OPT]);
    assert!(matches!(read(&body), Reading::Faulty(_, Fault::Opt)));
}

/// RFC 6891 6.1.1: OPT stands in the additional section.
#[test]
fn opt_in_answer_or_authority_is_refused() {
    for counts in [[1, 1, 0, 0], [1, 0, 1, 0]] {
        let body = message(0, counts, &[QUESTION, OPT]);
        assert!(matches!(read(&body), Reading::Faulty(_, Fault::Opt)));
    }
}

/// RFC 6891 6.1.2: the owner of OPT is the root.
#[test]
fn opt_with_an_owner_is_refused() {
    let body = message(0, [1, 0, 0, 1], &[QUESTION, b"\x01a", OPT]);
    assert!(matches!(read(&body), Reading::Faulty(_, Fault::Opt)));
}

/// RFC 6891 6.1.2: an option that ends after its RDATA is FORMERR.
#[test]
fn options_that_overrun_are_refused() {
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 5, 0, 3, 0, 2, 1];
    let body = message(0, [1, 0, 0, 1], &[QUESTION, &opt]);
    assert!(matches!(read(&body), Reading::Faulty(_, Fault::Opt)));
}

/// RFC 6891 6.1.3: a version above 0 is BADVERS, and the OPT is known so that it can be answered.
#[test]
fn every_edns_version_above_zero_is_badvers() {
    for version in 1..=255 {
        let opt = [0, 0, 41, 4, 208, 0, version, 0, 0, 0, 0];
        let body = message(0, [1, 0, 0, 1], &[QUESTION, &opt]);
        let Reading::Faulty(request, Fault::EdnsVersion) = read(&body) else {
            panic!("version {version} was accepted");
        };
        assert!(request.edns.is_some());
    }
}

/// RFC 3225 3 and RFC 6891 6.2.3: DO and the size are read; a size below 512 means 512.
#[test]
fn edns_gives_size_and_do() {
    let Reading::Good(request) = read(&message(0, [1, 0, 0, 1], &[QUESTION, OPT])) else {
        panic!("refused");
    };
    assert!(request.dnssec_ok());
    assert_eq!(request.answer_size_max(Transport::Udp, 1232), 1232);
    assert_eq!(request.answer_size_max(Transport::Stream, 1232), 65535);
    let small = [0, 0, 41, 0, 1, 0, 0, 0, 0, 0, 0];
    let Reading::Good(request) = read(&message(0, [1, 0, 0, 1], &[QUESTION, &small])) else {
        panic!("refused");
    };
    assert_eq!(request.answer_size_max(Transport::Udp, 1232), 512);
    let Reading::Good(request) = read(&message(0, [1, 0, 0, 0], &[QUESTION])) else {
        panic!("refused");
    };
    assert_eq!(request.answer_size_max(Transport::Udp, 1232), 512);
}

/// RFC 5936 4.2, RFC 1995 2: AXFR needs a stream; IXFR over UDP is answered as a question.
#[test]
fn transfers_depend_on_the_transport() {
    let kind = |qtype, transport| match request::read(&question(qtype, 1), transport, plain_name) {
        Reading::Good(request) => Some(request.kind),
        _ => None,
    };
    assert_eq!(kind(252, Transport::Stream), Some(Kind::Axfr));
    assert_eq!(kind(252, Transport::Udp), None);
    assert_eq!(kind(251, Transport::Stream), Some(Kind::Ixfr));
    assert_eq!(kind(251, Transport::Udp), Some(Kind::Query));
}

/// RFC 1995 3: the client's SOA in the authority section does not disturb an IXFR.
#[test]
fn records_before_the_additional_section_are_stepped_over() {
    let soa = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x02\x00\x00";
    let body = message(0, [1, 0, 1, 1], &[QUESTION, soa, OPT]);
    assert!(matches!(read(&body), Reading::Good(request) if request.edns.is_some()));
}

/// RFC 1035 4.1.4: pointers go backwards, and never into the header.
#[test]
fn owner_pointers_forward_or_into_the_header_are_refused() {
    for target in [0u16, 11, 29, 30, 0x3fff] {
        let mut record = (0xc000 | target).to_be_bytes().to_vec();
        record.extend(b"\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00");
        let body = message(0, [1, 1, 0, 0], &[QUESTION, &record]);
        assert!(
            matches!(read(&body), Reading::Faulty(_, Fault::Record)),
            "pointer to {target}"
        );
    }
}

/// RELIABILITY P3: no public-key work for strangers (RFC 2931).
#[test]
fn sig0_is_not_implemented() {
    let sig = [
        &b"\x00\x00\x18\x00\xff\x00\x00\x00\x00\x00\x13"[..],
        &[0; 19],
    ]
    .concat();
    let body = message(0, [1, 0, 0, 1], &[QUESTION, &sig]);
    assert!(matches!(read(&body), Reading::Faulty(_, Fault::Sig0)));
}

/// RFC 8945 5.1: TSIG is last; 5.2.1: a key we do not know is NOTAUTH.
#[test]
fn tsig_is_last_and_its_key_unknown() {
    let tsig = b"\x01k\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00";
    let body = message(0, [1, 0, 0, 1], &[QUESTION, tsig]);
    assert_eq!(rcode(&body), Some(Rcode::NOTAUTH));
    let body = message(0, [1, 0, 0, 2], &[QUESTION, tsig, OPT]);
    assert!(matches!(read(&body), Reading::Faulty(_, Fault::TsigPlace)));
}
