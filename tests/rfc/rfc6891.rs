//! RFC 6891, EDNS(0): one OPT, its place, its version, its sizes.

use bailiwick_answer::Transport;

use super::message::{Ask, Host};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.example.
ns.example. 60 A 192.0.2.1
";

fn host() -> Host {
    Host::new(&[ZONE])
}

fn soa() -> Ask {
    Ask::new("example.", "SOA")
}

/// 6.1.1: OPT comes back exactly where there was one, whatever the answer is.
#[test]
fn s6_1_1_opt_comes_back_with_every_kind_of_answer() {
    let asks = [
        soa(),
        Ask::new("none.example.", "A"),
        Ask::new("example.", "MX"),
        Ask::new("elsewhere.", "A"),
        Ask::new("example.", "TKEY"),
        Ask::new("example.", "OPT"),
        soa().class(254),
        soa().class(255),
        soa().class(3),
        Ask { opcode: 5, ..soa() },
        Ask {
            questions: Vec::new(),
            ..soa()
        },
    ];
    for ask in asks {
        assert!(host().udp(&ask).opt.is_none(), "{ask:?}");
        assert!(host().udp(&ask.clone().edns()).opt.is_some(), "{ask:?}");
    }
}

/// 6.1.1: more than one OPT is FORMERR.
#[test]
fn s6_1_1_two_opts_are_a_format_error() {
    let mut message = soa().edns().encode();
    message[11] = 2;
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let reply = host().raw(&message, Transport::Udp).unwrap();
    assert_eq!(reply.rcode(), "FORMERR");
}

/// 6.1.2: the owner of OPT is the root.
#[test]
fn s6_1_2_opt_of_another_owner_is_a_format_error() {
    let mut message = soa().encode();
    message[11] = 1;
    message.extend([0xc0, 12, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let reply = host().raw(&message, Transport::Udp).unwrap();
    assert_eq!(reply.rcode(), "FORMERR");
}

/// 6.1.2: options fill RDATA exactly.
#[test]
fn s6_1_2_an_option_longer_than_its_record_is_a_format_error() {
    for cut in 1..4 {
        let mut message = soa().option(100, b"abc").encode();
        let at = message.len() - 3 - 4 - 1;
        message[at] -= cut;
        message.truncate(message.len() - usize::from(cut));
        let reply = host().raw(&message, Transport::Udp).unwrap();
        assert_eq!(reply.rcode(), "FORMERR", "{cut}");
    }
}

/// 6.1.3: BADVERS before anything else is looked at: class, type, transfer, zone.
#[test]
fn s6_1_3_the_version_is_looked_at_first() {
    let asks = [
        soa(),
        Ask::new("elsewhere.", "A"),
        Ask::new("example.", "TKEY"),
        Ask::new("example.", "AXFR"),
        Ask::new("example.", "IXFR"),
        soa().class(3),
        Ask { opcode: 4, ..soa() },
        Ask { opcode: 5, ..soa() },
    ];
    for ask in asks {
        let ask = ask.edns_with(|edns| edns.version = 1);
        assert_eq!(host().udp(&ask).rcode(), "BADVERS", "{ask:?}");
        assert_eq!(host().tcp(&ask).rcode(), "BADVERS", "{ask:?}");
    }
}

/// 6.2.3: a size below 512 means 512; 6.2.5: the responder names its own.
#[test]
fn s6_2_sizes_below_512_mean_512_and_ours_is_stated() {
    for size in [0, 1, 511, 512] {
        let reply = host().udp(&soa().edns_with(|edns| edns.size = size));
        assert_eq!((reply.set().as_str(), reply.counts[1]), ("aa", 1), "{size}");
        assert_eq!(reply.opt.unwrap().size, 1232);
    }
}
