//! RFC 8945, TSIG, as far as a server without keys goes: the record's place, and BADKEY.

use bailiwick_answer::Transport;

use super::message::{Ask, Host};

const ZONE: &str =
    "example. 60 SOA ns.example. host.example. 1 2 3 4 60\nexample. 60 NS ns.test.\n";

/// A TSIG record of the key `k.` with a MAC of 16 octets.
fn tsig() -> Vec<u8> {
    let rdata = [
        &b"\x0bhmac-sha256\x00"[..],
        &[0, 0, 0x65, 0, 0, 0, 1, 44, 0, 16],
        &[7; 16],
        &[0xbe, 0xef, 0, 0, 0, 0],
    ]
    .concat();
    [
        &b"\x01k\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00"[..],
        &[rdata.len() as u8],
        &rdata,
    ]
    .concat()
}

fn signed(ask: &Ask) -> Vec<u8> {
    let mut message = ask.encode();
    message[11] += 1;
    message.extend(tsig());
    message
}

/// 5.2.1: a key that is not known: NOTAUTH, and a TSIG record with BADKEY, unsigned; 5.1: it is the last
/// record, behind OPT.
#[test]
fn s5_2_1_an_unknown_key_is_badkey_in_the_last_record() {
    let host = Host::new(&[ZONE]);
    for ask in [
        Ask::new("example.", "SOA"),
        Ask::new("example.", "SOA").edns(),
    ] {
        let edns = u16::from(ask.edns.is_some());
        let reply = host.raw(&signed(&ask), Transport::Udp).unwrap();
        assert_eq!(
            (reply.rcode().as_str(), reply.counts),
            ("NOTAUTH", [1, 0, 0, 1 + edns])
        );
        // Behind the key's name and its fixed fields: algorithm, time and fudge, no MAC, id, BADKEY.
        let end = [&[0, 0, 0x65, 0, 0, 0, 1, 44, 0, 0, 0xbe, 0xef, 0, 17, 0, 0][..]].concat();
        assert!(reply.octets.ends_with(&end), "{:?}", reply.octets);
    }
}

/// 5.1: a TSIG record that is not the last is FORMERR.
#[test]
fn s5_1_a_tsig_that_is_not_last_is_a_format_error() {
    let mut message = Ask::new("example.", "SOA").encode();
    message[11] = 2;
    message.extend(tsig());
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let reply = Host::new(&[ZONE]).raw(&message, Transport::Udp).unwrap();
    assert_eq!(reply.rcode(), "FORMERR");
}
