//! RFC 2308, negative answers; RFC 2181 where answers are concerned; RFC 8020, below what is missing
//! there is nothing; RFC 8482, ANY; RFC 3597, types nobody knows; RFC 4592 in one table.

use super::message::{Ask, Host};

const ZONE: &str = "\
example. 3600 SOA ns.example. host.example. 1 2 3 4 600
example. 3600 NS ns.example.
ns.example. 60 A 192.0.2.1
a.b.ent.example. 60 A 192.0.2.2
*.w.example. 60 TXT \"any\"
x.y.w.example. 60 A 192.0.2.3
new.example. 60 TYPE65280 \\# 4 0A000001
two.example. 60 A 192.0.2.4
two.example. 60 TXT \"two\"
sub.*.w2.example. 60 A 192.0.2.5
\\000\\255\\046.example. 60 A 192.0.2.6
";
const SOA: &str = "au example. 600 SOA ns.example. host.example. 1 2 3 4 600";

fn lines(name: &str, rtype: &str) -> Vec<String> {
    Host::new(&[ZONE]).udp(&Ask::new(name, rtype)).lines()
}

/// 2.1, 3: NXDOMAIN has the SOA in the authority section, its TTL the lesser of TTL and MINIMUM.
#[test]
fn s3_nxdomain_has_the_soa() {
    assert_eq!(lines("none.example.", "A"), ["NXDOMAIN aa", SOA]);
}

/// 2.2, 3: NODATA is NOERROR with the SOA.
#[test]
fn s2_2_nodata_has_the_soa() {
    assert_eq!(lines("ns.example.", "MX"), ["NOERROR aa", SOA]);
}

/// RFC 8020 2: an empty non-terminal is NODATA at every depth, so that NXDOMAIN of a name means that
/// nothing is below it.
#[test]
fn rfc8020_s2_nxdomain_means_nothing_below() {
    for name in [
        "ent.example.",
        "b.ent.example.",
        "y.w.example.",
        "*.w2.example.",
        "w2.example.",
    ] {
        assert_eq!(lines(name, "A"), ["NOERROR aa", SOA], "{name}");
    }
    // And where it is NXDOMAIN, so is everything below.
    for name in [
        "none.example.",
        "x.none.example.",
        "a.b.c.none.example.",
        "x.ns.example.",
    ] {
        assert_eq!(lines(name, "A")[0], "NXDOMAIN aa", "{name}");
    }
}

/// RFC 4592 2.2.1, 2.2.2, 3.3.1: the closest encloser's wildcard answers, and only it.
#[test]
fn rfc4592_s3_3_1_only_the_closest_enclosers_wildcard_answers() {
    assert_eq!(
        lines("q.w.example.", "TXT")[1],
        "an q.w.example. 60 TXT \"any\""
    );
    assert_eq!(
        lines("a.b.w.example.", "TXT")[1],
        "an a.b.w.example. 60 TXT \"any\""
    );
    assert_eq!(lines("q.w.example.", "A"), ["NOERROR aa", SOA]);
    // `y.w.example.` exists, though empty: its missing children are missing.
    assert_eq!(lines("q.y.w.example.", "TXT"), ["NXDOMAIN aa", SOA]);
    assert_eq!(lines("w.example.", "TXT"), ["NOERROR aa", SOA]);
    assert_eq!(
        lines("*.w.example.", "TXT")[1],
        "an *.w.example. 60 TXT \"any\""
    );
    // RFC 4592 4.9: an empty wildcard name is a name.
    assert_eq!(lines("q.w2.example.", "A"), ["NOERROR aa", SOA]);
}

/// RFC 2181 11: any octet may stand in a label.
#[test]
fn rfc2181_s11_labels_hold_any_octet() {
    assert_eq!(lines("\\000\\255\\046.example.", "A")[0], "NOERROR aa");
}

/// RFC 8482 4.1: ANY gets one RRset.
#[test]
fn rfc8482_s4_1_any_gets_one_rrset() {
    let lines = lines("two.example.", "ANY");
    assert_eq!(lines, ["NOERROR aa", "an two.example. 60 A 192.0.2.4"]);
}

/// RFC 3597 2, 3: a type that is not known is stored, found and sent like others.
#[test]
fn rfc3597_s3_unknown_types_are_answered() {
    let answer = lines("new.example.", "TYPE65280");
    assert_eq!(
        answer,
        ["NOERROR aa", "an new.example. 60 TYPE65280 \\# 4 0A000001"]
    );
}
