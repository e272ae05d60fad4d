//! RFC 4343: case. It does not matter for finding, and comes back as it was sent (the "0x20" of
//! resolvers rests on that).

use super::message::{Ask, Host};

const ZONE: &str = "\
Example. 60 SOA NS.example. host.example. 1 2 3 4 60
example. 60 NS ns.TEST.
Www.eXample. 60 A 192.0.2.1
*.w.example. 60 A 192.0.2.2
alias.example. 60 CNAME WWW.example.
\\195\\132.example. 60 A 192.0.2.3
";

/// Every spelling of `text` in upper and lower case.
fn spellings(text: &str) -> Vec<String> {
    let letters: Vec<usize> = (0..text.len())
        .filter(|i| text.as_bytes()[*i].is_ascii_alphabetic())
        .collect();
    (0..1u32 << letters.len())
        .map(|bits| {
            let mut octets = text.to_ascii_lowercase().into_bytes();
            for (n, at) in letters.iter().enumerate() {
                if bits >> n & 1 != 0 {
                    octets[*at] = octets[*at].to_ascii_uppercase();
                }
            }
            String::from_utf8(octets).unwrap()
        })
        .collect()
}

/// 3, 4.1: each spelling finds the name, and the question comes back octet for octet.
#[test]
fn s4_1_the_question_comes_back_as_it_was_spelled() {
    let host = Host::new(&[ZONE]);
    for name in spellings("www.example.")
        .iter()
        .chain(&spellings("no.example."))
        .chain(&spellings("x.w.example."))
    {
        let ask = Ask::new(name, "A").edns();
        let message = ask.encode();
        for reply in [host.udp(&ask), host.tcp(&ask)] {
            assert_eq!(
                reply.question,
                message[12..12 + reply.question.len()],
                "{name}"
            );
            let expected = if name.starts_with(['n', 'N']) {
                "NXDOMAIN"
            } else {
                "NOERROR"
            };
            assert_eq!(reply.rcode(), expected, "{name}");
        }
    }
}

/// 4.1: the owner of the records is the question's name, by pointer, so it has the question's case.
#[test]
fn s4_1_owners_have_the_case_of_the_question() {
    let lines = Host::new(&[ZONE])
        .udp(&Ask::new("wWw.ExAmPlE.", "A"))
        .lines();
    assert_eq!(lines[1], "an wWw.ExAmPlE. 60 A 192.0.2.1");
}

/// 2.1: only ASCII letters have case.
#[test]
fn s2_1_octets_beyond_ascii_have_no_case() {
    let host = Host::new(&[ZONE]);
    assert_eq!(
        host.udp(&Ask::new("\\195\\132.example.", "A")).rcode(),
        "NOERROR"
    );
    assert_eq!(
        host.udp(&Ask::new("\\195\\164.example.", "A")).rcode(),
        "NXDOMAIN"
    );
    // RFC 4343 3: `@` and `[` are not `` ` `` and `{`.
    assert_eq!(
        host.udp(&Ask::new("\\064ww.example.", "A")).rcode(),
        "NXDOMAIN"
    );
}
