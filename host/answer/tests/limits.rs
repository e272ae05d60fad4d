//! Sizes, truncation, EDNS in responses, and the errors that echo what was understood: RFC 6891,
//! RFC 2181 9, RFC 9715, RFC 8945 5.2.1, RELIABILITY P3, P12.

#![allow(
    clippy::unwrap_used,
    reason = "a response that does not decode fails the test"
)]

mod common;

use bailiwick_answer::{ExtendedError, Job, Rcode, Settings, Transport, text};
use bailiwick_zone::{LookupName, ZoneSet};
use common::{exchange, query, zones};

fn zone() -> ZoneSet {
    let mut text = String::from(
        "example. 60 SOA ns.test. host.test. 1 2 3 4 60
         example. 60 NS ns.test.
         small.example. 60 A 192.0.2.1\n",
    );
    for i in 0..30 {
        text.push_str(&format!(
            "medium.example. 60 TXT \"{i:02}-{}\"\n",
            "x".repeat(20)
        ));
    }
    for i in 0..90 {
        text.push_str(&format!(
            "large.example. 60 TXT \"{i:02}-{}\"\n",
            "x".repeat(20)
        ));
    }
    for i in 0..90 {
        text.push_str(&format!(
            "huge.example. 60 MX {i} {}-{i}.a.huge.example.\n",
            "m".repeat(50)
        ));
        text.push_str(&format!(
            "{}-{i}.a.huge.example. 60 TXT \"{}\"\n",
            "m".repeat(50),
            "x".repeat(200)
        ));
    }
    zones(&[&text])
}

fn sent(
    question: &str,
    edns: Option<(u16, bool)>,
    transport: Transport,
) -> (usize, bool, text::Response) {
    let (outcome, response) = exchange(&zone(), &query(question, edns), transport);
    let decoded = text::decode(&response).unwrap();
    assert_eq!(decoded.tc, outcome.truncated);
    (response.len(), outcome.truncated, decoded)
}

/// RFC 1035 4.2.1: 512 octets without EDNS.
#[test]
fn without_edns_an_answer_has_at_most_512_octets() {
    let (len, truncated, response) = sent("medium.example. TXT", None, Transport::Udp);
    assert!(len <= 512 && truncated && response.answer.is_empty());
}

/// RFC 6891 6.2.3: what the client says, if it is no more than ours.
#[test]
fn edns_raises_the_limit_to_the_clients() {
    let (_, truncated, _) = sent("medium.example. TXT", Some((700, false)), Transport::Udp);
    assert!(truncated);
    let (len, truncated, response) =
        sent("medium.example. TXT", Some((1232, false)), Transport::Udp);
    assert!(len > 512 && len <= 1232 && !truncated && response.answer.len() == 30);
}

/// RFC 9715 3.1: never more than 1232 over UDP, whatever the client says.
#[test]
fn more_than_1232_is_never_sent_over_udp() {
    let (len, truncated, _) = sent("large.example. TXT", Some((65535, false)), Transport::Udp);
    assert!(len <= 1232 && truncated);
}

/// RFC 7766 8: a stream carries all of it.
#[test]
fn a_stream_carries_the_whole_answer() {
    let (len, truncated, response) = sent("large.example. TXT", None, Transport::Stream);
    assert!(len > 1232 && !truncated && response.answer.len() == 90);
}

/// Names beyond the reach of a pointer are spelled out (RFC 1035 4.1.4): ANY over a stream of a zone
/// where an RRset ends behind octet 16,383.
#[test]
fn an_rrset_beyond_the_reach_of_pointers_is_spelled_out() {
    let mut text =
        String::from("example. 60 SOA ns.test. host.test. 1 2 3 4 60\nexample. 60 NS ns.test.\n");
    for i in 0..400 {
        text.push_str(&format!(
            "far.example. 60 MX {i} mail-{i}-{}.in.far.example.\n",
            "m".repeat(40)
        ));
    }
    let (outcome, response) = exchange(
        &zones(&[&text]),
        &query("far.example. MX", None),
        Transport::Stream,
    );
    assert!(outcome.len > 16_384 && !outcome.truncated);
    let decoded = text::decode(&response).unwrap();
    assert_eq!(decoded.answer.len(), 400);
    assert!(
        decoded
            .answer
            .iter()
            .all(|record| record.ends_with("m.in.far.example."))
    );
    assert!(decoded.answer.contains(&format!(
        "far.example. 60 IN MX 399 mail-399-{}.in.far.example.",
        "m".repeat(40)
    )));
}

/// RFC 6891 6.1.1 and 7: OPT comes back if and only if one was sent; RFC 3225 3: with its DO.
#[test]
fn opt_comes_back_if_one_was_sent() {
    let (_, response) = exchange(&zone(), &query("small.example. A", None), Transport::Udp);
    assert_eq!(response[10..12], [0, 0]);
    for dnssec_ok in [false, true] {
        let (_, response) = exchange(
            &zone(),
            &query("small.example. A", Some((4096, dnssec_ok))),
            Transport::Udp,
        );
        let flag = if dnssec_ok { 0x80 } else { 0 };
        assert_eq!(
            response[response.len() - 11..],
            [0, 0, 41, 0x04, 0xd0, 0, 0, flag, 0, 0, 0]
        );
    }
}

/// RFC 6891 6.2.6: OPT has its place even in an answer that is truncated.
#[test]
fn opt_fits_in_a_truncated_answer() {
    let (_, response) = exchange(
        &zone(),
        &query("large.example. TXT", Some((1232, false))),
        Transport::Udp,
    );
    assert_eq!(response[response.len() - 11..][..3], [0, 0, 41]);
}

/// RFC 6891 6.1.3: BADVERS tells the version that is spoken, and answers nothing.
#[test]
fn an_unknown_edns_version_is_badvers() {
    let mut message = query("small.example. A", Some((1232, false)));
    let version = message.len() - 5;
    message[version] = 1;
    let (_, response) = exchange(&zone(), &message, Transport::Udp);
    assert_eq!(response[3] & 0xf, 0);
    assert_eq!(
        response[response.len() - 11..],
        [0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0]
    );
    assert!(text::decode(&response).unwrap().answer.is_empty());
}

/// RFC 1035 4.1.1 and RFC 4035 3.1.6: id, opcode and RD come back; RA, Z, AD and CD do not.
#[test]
fn header_bits_of_a_response() {
    let mut message = query("small.example. A", None);
    message[2..4].copy_from_slice(&0x07ff_u16.to_be_bytes());
    let (_, response) = exchange(&zone(), &message, Transport::Udp);
    assert_eq!(response[..4], [0xbe, 0xef, 0x85, 0x00]);
    assert_eq!(response[4..12], [0, 1, 0, 1, 0, 0, 0, 0]);
}

/// Errors echo the question as far as it was understood.
#[test]
fn an_error_echoes_the_question_it_understood() {
    let mut message = query("small.example. A", None);
    message.push(0);
    let (outcome, response) = exchange(&zone(), &message, Transport::Udp);
    assert_eq!(outcome.rcode, Rcode::FORMERR);
    assert_eq!(
        response[4..],
        [
            &[0, 1, 0, 0, 0, 0, 0, 0][..],
            &message[12..message.len() - 1]
        ]
        .concat()
    );
    let (outcome, response) = exchange(&zone(), &message[..20], Transport::Udp);
    assert_eq!((outcome.rcode, response.len()), (Rcode::FORMERR, 12));
    assert_eq!(response[4..12], [0; 8]);
}

/// RFC 9619: NOTIMP for other opcodes, without a question, since nothing is known about their form.
#[test]
fn other_opcodes_get_a_header() {
    let mut message = query("small.example. A", None);
    message[2] = 2 << 3;
    let (outcome, response) = exchange(&zone(), &message, Transport::Udp);
    assert_eq!((outcome.rcode, response.len()), (Rcode::NOTIMP, 12));
    assert_eq!(response[2] & 0xf8, 0x80 | 2 << 3);
}

/// RFC 8945 5.2.1: an unknown key is NOTAUTH, with an unsigned TSIG that says BADKEY.
#[test]
fn an_unknown_tsig_key_is_badkey() {
    let mut message = query("small.example. A", None);
    message[11] = 1;
    let algorithm = b"\x0bhmac-sha256\x00";
    let rdata = [
        &algorithm[..],
        &[
            0, 0, 1, 2, 3, 4, 1, 44, 0, 2, 0xaa, 0xbb, 0xbe, 0xef, 0, 0, 0, 0,
        ],
    ]
    .concat();
    let len = (rdata.len() as u16).to_be_bytes();
    message.extend(
        [
            &b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00"[..],
            &len,
            &rdata,
        ]
        .concat(),
    );
    let (outcome, response) = exchange(&zone(), &message, Transport::Udp);
    assert_eq!(outcome.rcode, Rcode::NOTAUTH);
    let expected = [
        &algorithm[..],
        &[0, 0, 1, 2, 3, 4, 1, 44, 0, 0, 0xbe, 0xef, 0, 17, 0, 0],
    ]
    .concat();
    assert!(response.ends_with(&expected), "{response:02x?}");
}

/// RFC 8914: policy says why, to who speaks EDNS; the text is cut, and still the response fits.
#[test]
fn a_refusal_carries_its_reason() {
    let (zones, message) = (zone(), query("small.example. A", Some((512, false))));
    let mut name = LookupName::new();
    let job = Job::prepare(&zones, &message, Transport::Udp, &mut name).unwrap();
    let mut out = [0; 512];
    let text = "ä".repeat(300);
    let reason = ExtendedError {
        code: 15,
        text: &text,
    };
    let outcome = job.refuse(
        &message,
        Rcode::REFUSED,
        Some(reason),
        &Settings::default(),
        &mut out,
    );
    let response = &out[..outcome.len];
    assert_eq!(response[3] & 0xf, 5);
    let option = &response[message.len()..];
    assert_eq!(option[..6], [0, 15, 0, 102, 0, 15]);
    assert_eq!(
        std::str::from_utf8(&option[6..]),
        Ok("ä".repeat(50).as_str())
    );
}

/// RELIABILITY P12: a limit that slips sends a header with TC and the question.
#[test]
fn a_slip_is_a_question_with_tc() {
    let (zones, message) = (zone(), query("small.example. A", None));
    let mut name = LookupName::new();
    let job = Job::prepare(&zones, &message, Transport::Udp, &mut name).unwrap();
    let mut out = [0; 512];
    let outcome = job.truncate(&message, &Settings::default(), &mut out);
    assert_eq!(outcome.len, message.len());
    assert_eq!(out[2] & 0x82, 0x82);
}

/// A buffer that is too small makes no answer and no panic.
#[test]
fn a_buffer_too_small_for_the_question_sends_nothing() {
    let (zones, message) = (zone(), query("small.example. A", Some((1232, false))));
    let mut name = LookupName::new();
    let job = Job::prepare(&zones, &message, Transport::Udp, &mut name).unwrap();
    for len in 0..message.len() {
        let mut out = vec![0; len];
        let outcome = job.answer(
            &message,
            &name,
            &mut Default::default(),
            &Settings::default(),
            &mut out,
        );
        assert_eq!(outcome.len, 0, "a buffer of {len}");
    }
}
