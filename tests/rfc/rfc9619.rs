//! RFC 9619: a QUERY has at most one question; RFC 7873 5.4 is the one use of none.

use bailiwick_answer::Transport;

use super::message::{Ask, Host};

const ZONE: &str =
    "example. 60 SOA ns.example. host.example. 1 2 3 4 60\nexample. 60 NS ns.test.\n";

/// 4: QDCOUNT above 1 is FORMERR, on requests to transfer too, with and without EDNS; so is none.
#[test]
fn s4_question_counts_other_than_one_are_format_errors() {
    let host = Host::new(&[ZONE]);
    for rtype in ["SOA", "A", "ANY", "AXFR", "IXFR"] {
        for count in [0, 2, 3] {
            let mut ask = Ask::new("example.", rtype);
            ask.questions = vec![ask.questions[0].clone(); count];
            for ask in [ask.clone(), ask.edns()] {
                for reply in [host.udp(&ask), host.tcp(&ask)] {
                    assert_eq!(reply.rcode(), "FORMERR", "{ask:?}");
                    assert_eq!(reply.counts[..3], [0; 3], "{ask:?}");
                }
            }
        }
    }
}

/// 4: the header's count decides, whatever stands behind it.
#[test]
fn s4_the_count_of_the_header_decides() {
    let host = Host::new(&[ZONE]);
    for count in [0u16, 2, 256, 65_535] {
        let mut message = Ask::new("example.", "SOA").encode();
        message[4..6].copy_from_slice(&count.to_be_bytes());
        for transport in [Transport::Udp, Transport::Stream] {
            assert_eq!(
                host.raw(&message, transport).unwrap().rcode(),
                "FORMERR",
                "{count}"
            );
        }
    }
}
