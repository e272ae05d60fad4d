//! RFC 4592: the example zone of section 2.2.1 and what it says about it.

mod common;

use bailiwick_zone::ZoneSet;
use common::{ask, zones};

const SOA: &str = "au example. 60 SOA ns.example.com. host.example. 1 2 3 4 60";

fn zone() -> ZoneSet {
    zones(&["
        example. 3600 SOA ns.example.com. host.example. 1 2 3 4 60
        example. 3600 NS ns.example.com.
        example. 3600 NS ns.example.net.
        *.example. 3600 TXT \"this is a wildcard\"
        *.example. 3600 MX 10 host1.example.
        sub.*.example. 3600 TXT \"this is not a wildcard\"
        host1.example. 3600 A 192.0.2.1
        _ssh._tcp.host1.example. 3600 SRV 0 0 22 host1.example.
        _ssh._tcp.host2.example. 3600 SRV 0 0 22 host2.example.
        subdel.example. 3600 NS ns.example.com.
        subdel.example. 3600 NS ns.example.net."])
}

/// RFC 4592 2.2.1: the wildcard's records come under the name that was asked for.
#[test]
fn the_wildcard_stands_in_for_missing_names() {
    let expected = [
        "NOERROR aa",
        "an host3.example. 3600 MX 10 host1.example.",
        "ad host1.example. 3600 A 192.0.2.1",
    ];
    assert_eq!(ask(&zone(), "host3.example. MX"), expected);
    let expected = [
        "NOERROR aa",
        "an foo.bar.example. 3600 TXT \"this is a wildcard\"",
    ];
    assert_eq!(ask(&zone(), "foo.bar.example. TXT"), expected);
}

/// RFC 4592 2.2.1: NODATA where the wildcard lacks the type.
#[test]
fn a_type_the_wildcard_lacks_is_nodata() {
    assert_eq!(ask(&zone(), "host3.example. A"), ["NOERROR aa", SOA]);
}

/// RFC 4592 2.2.1: a name that exists is not the wildcard's, even without the type.
#[test]
fn a_name_that_exists_blocks_the_wildcard() {
    assert_eq!(ask(&zone(), "host1.example. MX"), ["NOERROR aa", SOA]);
}

/// RFC 4592 2.2.1: neither is a name with a wildcard label inside.
#[test]
fn a_name_below_the_wildcard_is_an_ordinary_name() {
    assert_eq!(ask(&zone(), "sub.*.example. MX"), ["NOERROR aa", SOA]);
}

/// RFC 4592 2.2.2: an existing empty non-terminal stops the wildcard.
#[test]
fn an_empty_non_terminal_blocks_the_wildcard() {
    assert_eq!(ask(&zone(), "host2.example. TXT"), ["NOERROR aa", SOA]);
    assert_eq!(
        ask(&zone(), "_telnet._tcp.host1.example. SRV"),
        ["NXDOMAIN aa", SOA]
    );
}

/// RFC 4592 2.2.1: below a cut the child answers.
#[test]
fn a_delegation_blocks_the_wildcard() {
    let expected = [
        "NOERROR",
        "au subdel.example. 3600 NS ns.example.com.",
        "au subdel.example. 3600 NS ns.example.net.",
    ];
    assert_eq!(ask(&zone(), "host.subdel.example. A"), expected);
}

/// RFC 4592 2.2.1: `*` asked for by name is the node itself, and there is no synthesis below it.
#[test]
fn the_wildcard_itself_can_be_asked_for() {
    let expected = [
        "NOERROR aa",
        "an *.example. 3600 TXT \"this is a wildcard\"",
    ];
    assert_eq!(ask(&zone(), "*.example. TXT"), expected);
    assert_eq!(ask(&zone(), "ghost.*.example. MX"), ["NXDOMAIN aa", SOA]);
}

/// RFC 4592 4.3: a CNAME at a wildcard is followed.
#[test]
fn a_wildcard_alias_is_followed() {
    let zones = zones(&["
        example. 60 SOA ns.test. host.test. 1 2 3 4 60
        example. 60 NS ns.test.
        *.w.example. 60 CNAME host.example.
        host.example. 60 A 192.0.2.9"]);
    let expected = [
        "NOERROR aa",
        "an a.b.w.example. 60 CNAME host.example.",
        "an host.example. 60 A 192.0.2.9",
    ];
    assert_eq!(ask(&zones, "a.b.w.example. A"), expected);
}

/// Names inside a wildcard's RDATA that lie below the wildcard keep their own asterisk.
#[test]
fn rdata_of_a_wildcard_is_not_expanded() {
    let zones = zones(&["
        example. 60 SOA ns.test. host.test. 1 2 3 4 60
        example. 60 NS ns.test.
        *.w.example. 60 MX 5 mail.*.w.example."]);
    let expected = ["NOERROR aa", "an x.w.example. 60 MX 5 mail.*.w.example."];
    assert_eq!(ask(&zones, "x.w.example. MX"), expected);
}

/// RFC 1034 4.3.2 step 6, RFC 4592 3.3: a wildcard stands in for the target of an MX record too, as NSD,
/// Knot and BIND have it.
#[test]
fn a_wildcard_gives_the_addresses_of_a_target() {
    let zones = zones(&["z. 60 SOA ns host 1 2 3 4 5
        z. 60 MX 1 mail.in.z.
        z. 60 NS ns.cut.z.
        *.in.z. 60 A 192.0.2.1
        cut.z. 60 NS x.in.z.
        *.cut.z. 60 A 192.0.2.2"]);
    assert_eq!(
        ask(&zones, "z. MX"),
        [
            "NOERROR aa",
            "an z. 60 MX 1 mail.in.z.",
            "ad mail.in.z. 60 A 192.0.2.1"
        ]
    );
    // Below a cut nothing stands in.
    assert_eq!(
        ask(&zones, "z. NS"),
        ["NOERROR aa", "an z. 60 NS ns.cut.z."]
    );
}
