//! RFC 8914, Extended DNS Errors: why, where a refusal is ours to explain. Those that leases, rules and
//! suspensions give are tested in `host/server/tests/tables.rs`, with the sockets.

use super::message::{Ask, Host};

const ZONE: &str =
    "example. 60 SOA ns.example. host.example. 1 2 3 4 60\nexample. 60 NS ns.test.\n";
const EDE: u16 = 15;

fn code(ask: Ask) -> Option<u16> {
    let reply = Host::new(&[ZONE]).udp(&ask);
    let data = reply.option(EDE)?;
    Some(u16::from_be_bytes([data[0], data[1]]))
}

/// 4.21: not authoritative: for a name in no zone, and for a class without zones.
#[test]
fn s4_21_refusals_say_not_authoritative() {
    assert_eq!(code(Ask::new("elsewhere.", "A").edns()), Some(20));
    assert_eq!(code(Ask::new("example.", "SOA").class(4).edns()), Some(20));
    assert_eq!(
        code(Ask::new("version.bind.", "TXT").class(3).edns()),
        Some(20)
    );
}

/// 2: without EDNS there is no place for it; 3: an answer that says all there is has none.
#[test]
fn s2_only_with_edns_and_only_with_something_to_say() {
    assert_eq!(code(Ask::new("elsewhere.", "A")), None);
    assert_eq!(code(Ask::new("none.example.", "A").edns()), None);
}
