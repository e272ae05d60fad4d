//! RFC 8906 (BCP 231): the battery of section 8, over UDP and over streams, for ordinary questions and
//! for requests to transfer. Each test is one probe, with the `dig` line of the text in words.

use super::message::{AD, Ask, CD, DO, Host, RD, Reply, Z};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.example.
ns.example. 60 A 192.0.2.1
big.example. 60 TXT \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big.example. 60 TXT \"1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big.example. 60 TXT \"2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
big.example. 60 TXT \"3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
";

/// Asks over both transports and gives the answers, which must say the same.
fn both(ask: &Ask) -> [Reply; 2] {
    let host = Host::new(&[ZONE]);
    let replies = [host.udp(ask), host.tcp(ask)];
    assert_eq!(replies[0].rcode(), replies[1].rcode(), "{ask:?}");
    replies
}

/// A SOA answered as it should be, without octets of EDNS.
fn is_plain_soa(reply: &Reply, set: &str) {
    assert_eq!(reply.rcode(), "NOERROR");
    assert_eq!(reply.set(), set);
    assert_eq!(reply.counts[1], 1);
    assert!(reply.opt.is_none());
}

/// The same with EDNS: version 0, no flag but DO, no option.
fn is_edns_soa(reply: &Reply, set: &str) {
    assert_eq!(
        (reply.rcode().as_str(), reply.set().as_str()),
        ("NOERROR", set)
    );
    let opt = reply.opt.as_ref().expect("OPT comes back");
    assert_eq!((reply.counts[1], opt.version, opt.flags), (1, 0, 0));
    assert!(opt.options.is_empty(), "{opt:?}");
}

fn soa() -> Ask {
    Ask::new("example.", "SOA")
}

/// 8.1.1: is the server configured for the zone (`+noedns +noad +norec soa`).
#[test]
fn s8_1_1_the_server_answers_for_the_zone() {
    both(&soa())
        .iter()
        .for_each(|reply| is_plain_soa(reply, "aa"));
}

/// 8.1.2: unknown types (`type1000`): NODATA, and no error; at a name that is not there NXDOMAIN.
#[test]
fn s8_1_2_unknown_types_are_ordinary_types() {
    for rtype in ["TYPE1000", "TYPE65534", "TYPE65535", "TYPE127", "TYPE256"] {
        for reply in both(&Ask::new("example.", rtype)) {
            assert_eq!(
                (reply.rcode().as_str(), reply.set().as_str()),
                ("NOERROR", "aa"),
                "{rtype}"
            );
            assert_eq!(reply.counts[1..], [0, 1, 0]);
        }
    }
}

/// 8.1.3.1: CD set in a query does not come back from an authoritative server that does not validate.
#[test]
fn s8_1_3_1_cd_is_ignored() {
    both(&soa().flags(CD))
        .iter()
        .for_each(|reply| is_plain_soa(reply, "aa"));
}

/// 8.1.3.2: AD set in a query is ignored.
#[test]
fn s8_1_3_2_ad_is_ignored() {
    both(&soa().flags(AD))
        .iter()
        .for_each(|reply| is_plain_soa(reply, "aa"));
}

/// 8.1.3.3: the last reserved bit is ignored and is not sent.
#[test]
fn s8_1_3_3_the_reserved_bit_is_ignored_and_cleared() {
    both(&soa().flags(Z))
        .iter()
        .for_each(|reply| is_plain_soa(reply, "aa"));
}

/// 8.1.3.4: RD comes back; RA is never set, since there is no recursion here.
#[test]
fn s8_1_3_4_rd_comes_back_and_ra_is_not_set() {
    both(&soa().flags(RD))
        .iter()
        .for_each(|reply| is_plain_soa(reply, "aa rd"));
}

/// 8.1.4: unknown opcodes, with and without a question (`+opcode=15 +header-only`): NOTIMP, and
/// nothing else but the header.
#[test]
fn s8_1_4_unknown_opcodes_are_not_implemented() {
    for opcode in [1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] {
        for questions in [soa().questions, Vec::new()] {
            for reply in both(&Ask {
                opcode,
                questions,
                ..soa()
            }) {
                assert_eq!(
                    (reply.rcode().as_str(), reply.set().as_str()),
                    ("NOTIMP", "")
                );
                assert_eq!(reply.flags >> 11 & 0xf, opcode);
                assert_eq!(reply.counts, [0; 4]);
            }
        }
    }
}

/// RFC 6891 6.1.1, which the battery leaves to opcode QUERY: OPT comes back with NOTIMP too.
#[test]
fn opt_comes_back_with_an_unknown_opcode() {
    for questions in [soa().questions, Vec::new()] {
        for reply in both(&Ask {
            opcode: 15,
            questions,
            ..soa().edns()
        }) {
            assert_eq!(reply.rcode(), "NOTIMP");
            assert_eq!(reply.opt.expect("OPT").version, 0);
        }
    }
}

/// 8.1.5 (and RFC 7766 5): the same over TCP: every probe here runs over both.
#[test]
fn s8_1_5_a_stream_gives_the_whole_answer() {
    let host = Host::new(&[ZONE]);
    let ask = Ask::new("big.example.", "TXT");
    assert_eq!(
        (host.udp(&ask).set(), host.tcp(&ask).set()),
        ("aa tc".into(), "aa".into())
    );
    assert_eq!(host.tcp(&ask).counts[1], 4);
}

/// 8.2.1: minimal EDNS (`+edns=0`).
#[test]
fn s8_2_1_edns_is_answered_with_edns() {
    both(&soa().edns())
        .iter()
        .for_each(|reply| is_edns_soa(reply, "aa"));
}

/// 8.2.2: version 1 (`+edns=1 +noednsneg`): BADVERS, version 0, and no answer.
#[test]
fn s8_2_2_unknown_versions_are_badvers() {
    for version in [1, 100, 255] {
        for reply in both(&soa().edns_with(|edns| edns.version = version)) {
            assert_eq!(
                (reply.rcode().as_str(), reply.set().as_str()),
                ("BADVERS", "")
            );
            assert_eq!(reply.counts[1..], [0, 0, 1]);
            assert_eq!(reply.opt.map(|opt| (opt.version, opt.flags)), Some((0, 0)));
        }
    }
}

/// 8.2.3: unknown options (`+ednsopt=100`) are ignored and do not come back.
#[test]
fn s8_2_3_unknown_options_are_ignored() {
    for data in [&[][..], b"x", &[0; 300]] {
        both(&soa().option(100, data))
            .iter()
            .for_each(|reply| is_edns_soa(reply, "aa"));
    }
}

/// 8.2.4: unknown flags (`+ednsflags=0x80`) are ignored and do not come back.
#[test]
fn s8_2_4_unknown_flags_are_ignored() {
    for bit in 0..15 {
        let replies = both(&soa().edns_with(|edns| edns.flags = 1 << bit));
        replies.iter().for_each(|reply| is_edns_soa(reply, "aa"));
    }
}

/// 8.2.5: version 1 with unknown flags: BADVERS, no flags.
#[test]
fn s8_2_5_unknown_flags_do_not_hide_the_version() {
    for reply in both(&soa().edns_with(|edns| (edns.version, edns.flags) = (1, 0x80))) {
        assert_eq!(reply.rcode(), "BADVERS");
        assert_eq!(reply.opt.map(|opt| (opt.version, opt.flags)), Some((0, 0)));
    }
}

/// 8.2.6: version 1 with an unknown option: BADVERS, and the option does not come back.
#[test]
fn s8_2_6_unknown_options_do_not_hide_the_version() {
    let mut ask = soa().option(100, b"x");
    ask.edns.as_mut().unwrap().version = 1;
    for reply in both(&ask) {
        assert_eq!(reply.rcode(), "BADVERS");
        assert!(reply.opt.unwrap().options.is_empty());
    }
}

/// 8.2.7: a truncated answer has OPT (`+bufsize=512 +ignore`), and DO comes back in it.
#[test]
fn s8_2_7_a_truncated_answer_has_opt() {
    let ask = Ask::new("big.example.", "TXT").edns_with(|edns| (edns.size, edns.flags) = (512, DO));
    let reply = Host::new(&[ZONE]).udp(&ask);
    assert_eq!(
        (reply.rcode().as_str(), reply.set().as_str()),
        ("NOERROR", "aa tc")
    );
    assert_eq!(reply.opt.map(|opt| opt.flags), Some(DO));
}

/// 8.2.8: DO=1 (`+dnssec`) is answered, and comes back (RFC 3225 3).
#[test]
fn s8_2_8_do_comes_back() {
    for reply in both(&soa().edns_with(|edns| edns.flags = DO)) {
        assert_eq!(
            (reply.rcode().as_str(), reply.set().as_str()),
            ("NOERROR", "aa")
        );
        assert_eq!(reply.opt.map(|opt| (opt.version, opt.flags)), Some((0, DO)));
    }
}

/// 8.2.9: version 1 with DO: BADVERS.
#[test]
fn s8_2_9_do_does_not_hide_the_version() {
    for reply in both(&soa().edns_with(|edns| (edns.version, edns.flags) = (1, DO))) {
        assert_eq!((reply.rcode().as_str(), reply.counts[1]), ("BADVERS", 0));
    }
}

/// 8.2.10: several defined options at once (`+nsid +cookie +expire +subnet=0/0`) do no harm, whether
/// they are served or not.
#[test]
fn s8_2_10_many_options_at_once_are_answered() {
    let ask = soa()
        .option(3, &[])
        .option(10, b"a cookie")
        .option(9, &[])
        .option(8, &[0, 1, 0, 0]);
    both(&ask).iter().for_each(|reply| is_edns_soa(reply, "aa"));
}
