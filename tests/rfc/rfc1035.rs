//! RFC 1034 and 1035 with what has become of them: header bits, opcodes (RFC 6895 2.2), types that
//! cannot be asked for (RFC 6895 3.1), classes (RFC 6895 3.2, RFC 5358).

use bailiwick_answer::{Fault, Job, Kind, Step, Transport};
use bailiwick_zone::LookupName;

use super::message::{Ask, Host, RD};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.example.
ns.example. 60 A 192.0.2.1
www.example. 60 CNAME web.example.
web.example. 60 A 192.0.2.2
sub.example. 60 NS ns.sub.example.
ns.sub.example. 60 A 192.0.2.3
";

fn host() -> Host {
    Host::new(&[ZONE])
}

/// RFC 1034 4.3.2 step 2: the nearest enclosing zone answers; without one there is REFUSED, never a
/// referral upwards and never recursion (RFC 5358 4, BCP 140).
#[test]
fn rfc1034_s4_3_2_names_of_no_zone_are_refused() {
    for name in [
        "elsewhere.",
        ".",
        "example.com.",
        "xexample.",
        "com.example.test.",
    ] {
        let reply = host().udp(&Ask::new(name, "A").flags(RD));
        assert_eq!(
            (reply.rcode().as_str(), reply.set().as_str()),
            ("REFUSED", "rd"),
            "{name}"
        );
        assert_eq!(reply.counts, [1, 0, 0, 0]);
    }
}

/// RFC 1034 4.3.2 step 3a: a CNAME is answered and followed, unless it is what was asked for.
#[test]
fn rfc1034_s4_3_2_a_cname_is_followed() {
    let alias = "an www.example. 60 CNAME web.example.";
    let lines = host().udp(&Ask::new("www.example.", "A")).lines();
    assert_eq!(
        lines,
        ["NOERROR aa", alias, "an web.example. 60 A 192.0.2.2"]
    );
    let lines = host().udp(&Ask::new("www.example.", "CNAME")).lines();
    assert_eq!(lines, ["NOERROR aa", alias]);
}

/// RFC 1034 4.3.2 step 3b: below a zone cut there is a referral without AA.
#[test]
fn rfc1034_s4_3_2_below_a_cut_there_is_a_referral() {
    let lines = host().udp(&Ask::new("x.sub.example.", "A")).lines();
    let ns = "au sub.example. 60 NS ns.sub.example.";
    assert_eq!(lines, ["NOERROR", ns, "ad ns.sub.example. 60 A 192.0.2.3"]);
}

/// RFC 1035 4.1.1: a response is not answered; RELIABILITY P14: nor is less than a header.
#[test]
fn s4_1_1_responses_and_scraps_get_silence() {
    let mut response = Ask::new("example.", "SOA").encode();
    response[2] |= 0x80;
    assert!(host().raw(&response, Transport::Udp).is_none());
    for len in 0..12 {
        assert!(host().raw(&response[..len], Transport::Stream).is_none());
    }
}

/// RFC 1035 4.1.1, RFC 6895 2.2: the kind of a message is its opcode. QUERY, NOTIFY and UPDATE are
/// known; IQUERY (RFC 3425), STATUS, DSO and what is unassigned are NOTIMP.
#[test]
fn s4_1_1_opcodes_are_known_or_not_implemented() {
    let host = host();
    for opcode in 0..16 {
        let message = Ask {
            opcode,
            ..Ask::new("example.", "SOA")
        }
        .encode();
        let mut name = LookupName::new();
        let job = Job::prepare(&host.zones, &message, Transport::Udp, &mut name).unwrap();
        let expected = match opcode {
            0 => (Step::Query, Kind::Query),
            4 => (Step::Dispatch, Kind::Notify),
            5 => (Step::Dispatch, Kind::Update),
            _ => (Step::Faulty(Fault::Opcode), Kind::Query),
        };
        assert_eq!((job.step, job.request.kind), expected, "{opcode}");
    }
}

/// RFC 6895 3.1: OPT, TSIG and type 0 are parts of messages: FORMERR; the other query types but ANY,
/// AXFR and IXFR are not served: NOTIMP; every data type, assigned or not, is NODATA if it is not there.
#[test]
fn rfc6895_s3_1_every_type_there_is() {
    let host = host();
    for rtype in 0..=u16::MAX {
        let mut ask = Ask::new("ns.example.", "MX");
        ask.questions[0].1 = rtype;
        let expected = match rtype {
            0 | 41 | 250 | 252 => "FORMERR",
            251 => "NOTAUTH",
            128..=250 | 253 | 254 => "NOTIMP",
            _ => "NOERROR",
        };
        let reply = host.udp(&ask);
        assert_eq!(reply.rcode(), expected, "TYPE{rtype}");
        assert_eq!(
            reply.counts[1],
            u16::from(rtype == 1 || rtype == 255),
            "TYPE{rtype}"
        );
    }
}

/// RFC 6895 3.2: there are zones of class IN alone. NONE cannot be asked for (RFC 2136 2.4); ANY does
/// not mean "IN" (as in BIND, so that a zone's answer is always about one class).
#[test]
fn rfc6895_s3_2_every_class_there_is() {
    let host = host();
    for class in 0..=u16::MAX {
        let expected = match class {
            1 => "NOERROR",
            254 => "FORMERR",
            _ => "REFUSED",
        };
        assert_eq!(
            host.udp(&Ask::new("example.", "SOA").class(class)).rcode(),
            expected,
            "{class}"
        );
    }
}

/// The same on requests to transfer.
#[test]
fn transfers_of_other_classes_are_refused() {
    for rtype in ["AXFR", "IXFR"] {
        for (class, expected) in [
            (0, "REFUSED"),
            (3, "REFUSED"),
            (254, "FORMERR"),
            (255, "REFUSED"),
        ] {
            let ask = Ask::new("example.", rtype).class(class);
            assert_eq!(host().tcp(&ask).rcode(), expected, "{rtype} {class}");
        }
    }
}

/// RFC 1035 4.1.4: the question's name is spelled out: no pointer has anything to point at.
#[test]
fn s4_1_4_a_pointer_in_the_question_is_a_format_error() {
    for target in [0u8, 11, 12, 13] {
        let mut message = Ask::new("example.", "SOA").encode();
        message.splice(12..21, [0xc0, target]);
        assert_eq!(
            host().raw(&message, Transport::Udp).unwrap().rcode(),
            "FORMERR",
            "{target}"
        );
    }
}

/// RFC 1035 2.3.4: 255 octets of name can be asked for, 256 cannot.
#[test]
fn s2_3_4_names_of_255_octets_can_be_asked_for() {
    let label = |len: usize| "x".repeat(len) + ".";
    let name = label(63) + &label(63) + &label(63) + &label(53) + "example.";
    let ask = Ask::new(&name, "A");
    assert_eq!(ask.encode().len(), 12 + 255 + 4);
    assert_eq!(host().udp(&ask).rcode(), "NXDOMAIN");
    let mut message = ask.encode();
    message.splice(12..12, [0x01, b'x']);
    assert_eq!(
        host().raw(&message, Transport::Udp).unwrap().rcode(),
        "FORMERR"
    );
}
