//! CNAME (RFC 1034 3.6.2, 4.3.2), DNAME (RFC 6672), the code of a chain (RFC 6604), and the bounds of
//! RELIABILITY P10.

mod common;

use bailiwick_zone::ZoneSet;
use common::{ask, zones};

fn zone(records: &str) -> ZoneSet {
    zones(&[&format!(
        "example. 60 SOA ns.test. host.test. 1 2 3 4 60
         example. 60 NS ns.test.
         {records}"
    )])
}

const SOA: &str = "au example. 60 SOA ns.test. host.test. 1 2 3 4 60";

/// RFC 1034 4.3.2 3a: the answer goes on at the target.
#[test]
fn a_chain_is_followed_to_its_end() {
    let zone = zone(
        "a.example. 60 CNAME b.example.
         b.example. 60 CNAME c.example.
         c.example. 60 A 192.0.2.3",
    );
    let expected = [
        "NOERROR aa",
        "an a.example. 60 CNAME b.example.",
        "an b.example. 60 CNAME c.example.",
        "an c.example. 60 A 192.0.2.3",
    ];
    assert_eq!(ask(&zone, "a.example. A"), expected);
}

/// RFC 1034 3.6.2: asked for itself, a CNAME is not followed.
#[test]
fn a_cname_asked_for_is_not_followed() {
    let zone = zone("a.example. 60 CNAME b.example.\n b.example. 60 A 192.0.2.3");
    assert_eq!(
        ask(&zone, "a.example. CNAME"),
        ["NOERROR aa", "an a.example. 60 CNAME b.example."]
    );
}

/// A target outside the zone ends the answer, even in another zone of ours.
#[test]
fn a_target_outside_the_zone_ends_the_answer() {
    let here = "
        example. 60 SOA ns.test. host.test. 1 2 3 4 60
        example. 60 NS ns.test.
        a.example. 60 CNAME b.other.";
    let other = "
        other. 60 SOA ns.test. host.test. 1 2 3 4 60
        other. 60 NS ns.test.
        b.other. 60 A 192.0.2.3";
    let expected = ["NOERROR aa", "an a.example. 60 CNAME b.other."];
    assert_eq!(ask(&zones(&[here, other]), "a.example. A"), expected);
}

/// RFC 6604 3: NXDOMAIN is said of the chain's last name.
#[test]
fn a_chain_to_a_missing_name_is_nxdomain() {
    let zone = zone("a.example. 60 CNAME b.example.");
    assert_eq!(
        ask(&zone, "a.example. A"),
        ["NXDOMAIN aa", "an a.example. 60 CNAME b.example.", SOA]
    );
}

/// RFC 2308 2.2.1: NODATA at the end of a chain has the SOA.
#[test]
fn a_chain_to_a_name_without_the_type_is_nodata() {
    let zone = zone("a.example. 60 CNAME b.example.\n b.example. 60 A 192.0.2.3");
    assert_eq!(
        ask(&zone, "a.example. MX"),
        ["NOERROR aa", "an a.example. 60 CNAME b.example.", SOA]
    );
}

/// RFC 1034 4.3.2 3b: a chain into a delegation ends in a referral; AA speaks of the first name.
#[test]
fn a_chain_into_a_delegation_ends_in_a_referral() {
    let zone = zone(
        "a.example. 60 CNAME www.sub.example.
         sub.example. 60 NS ns.sub.example.
         ns.sub.example. 60 A 192.0.2.3",
    );
    let expected = [
        "NOERROR aa",
        "an a.example. 60 CNAME www.sub.example.",
        "au sub.example. 60 NS ns.sub.example.",
        "ad ns.sub.example. 60 A 192.0.2.3",
    ];
    assert_eq!(ask(&zone, "a.example. A"), expected);
}

/// RELIABILITY P10: a loop is written once round.
#[test]
fn a_loop_ends_where_it_meets_itself() {
    let zone = zone("a.example. 60 CNAME b.example.\n b.example. 60 CNAME a.example.");
    let expected = [
        "NOERROR aa",
        "an a.example. 60 CNAME b.example.",
        "an b.example. 60 CNAME a.example.",
    ];
    assert_eq!(ask(&zone, "a.example. A"), expected);
}

/// RELIABILITY P10: a chain of 10,000 gives at most 17 CNAMEs.
#[test]
fn a_long_chain_is_cut() {
    let links: String = (0..10_000)
        .map(|i| format!("n{i}.example. 60 CNAME n{}.example.\n", i + 1))
        .collect();
    let answer = ask(&zone(&links), "n0.example. A");
    assert_eq!(answer[0], "NOERROR aa");
    assert!((2..=18).contains(&answer.len()), "{} lines", answer.len());
}

/// RFC 6672 3.1: DNAME and a CNAME with its TTL, then the chain goes on.
#[test]
fn a_name_below_a_dname_is_substituted() {
    let zone = zone(
        "old.example. 77 DNAME new.example.
         www.new.example. 60 A 192.0.2.3",
    );
    let expected = [
        "NOERROR aa",
        "an old.example. 77 DNAME new.example.",
        "an www.new.example. 60 A 192.0.2.3",
        "an www.old.example. 77 CNAME www.new.example.",
    ];
    assert_eq!(ask(&zone, "www.old.example. A"), expected);
}

/// RFC 6672 2.3: the owner of a DNAME is not redirected.
#[test]
fn the_owner_of_a_dname_is_itself() {
    let zone = zone("old.example. 60 DNAME new.example.\n old.example. 60 A 192.0.2.3");
    assert_eq!(
        ask(&zone, "old.example. A"),
        ["NOERROR aa", "an old.example. 60 A 192.0.2.3"]
    );
    assert_eq!(
        ask(&zone, "old.example. DNAME"),
        ["NOERROR aa", "an old.example. 60 DNAME new.example."]
    );
    assert_eq!(ask(&zone, "old.example. MX"), ["NOERROR aa", SOA]);
}

/// RFC 6672 2.2: a name that would pass 255 octets is YXDOMAIN, with the DNAME as the reason.
#[test]
fn a_substitution_that_grows_too_long_is_yxdomain() {
    let long = [&"x".repeat(60), &"y".repeat(60), &"z".repeat(60)]
        .map(|label| label.as_str())
        .join(".");
    let zone = zone(&format!("old.example. 60 DNAME {long}.example."));
    let question = format!("{}.old.example. A", "w".repeat(63));
    let dname = format!("an old.example. 60 DNAME {long}.example.");
    let answer = ask(&zone, &question);
    assert_eq!(answer, ["YXDOMAIN aa", dname.as_str()]);
}

/// RFC 6672 2.2: 255 octets exactly is still a name.
#[test]
fn a_substitution_of_255_octets_is_a_name() {
    let label = |octets: usize| "x".repeat(octets);
    // 61 + 62 + 63 + 14 octets and the root make 201; 54 more are the prefix.
    let target = format!(
        "{}.{}.{}.{}.example.",
        label(60),
        label(61),
        label(62),
        label(4)
    );
    let zone = zone(&format!("old.example. 60 DNAME {target}"));
    let target_len = bailiwick_zone::Name::parse(&target)
        .unwrap()
        .as_wire()
        .len();
    let fits = label(255 - target_len - 1);
    assert_eq!(
        ask(&zone, &format!("{fits}.old.example. A"))[0],
        "NXDOMAIN aa"
    );
    assert_eq!(
        ask(&zone, &format!("{fits}x.old.example. A"))[0],
        "YXDOMAIN aa"
    );
}

/// RELIABILITY P10: a DNAME that leads below itself ends too, by length or by links.
#[test]
fn a_dname_into_itself_ends() {
    let zone = zone("d.example. 60 DNAME a.d.example.");
    let answer = ask(&zone, "x.d.example. A");
    assert!(answer.len() <= 19, "{answer:#?}");
    assert_eq!(
        answer
            .iter()
            .filter(|line| line.contains(" DNAME "))
            .count(),
        1
    );
}

/// RFC 6672 3.2: a CNAME that was asked for below a DNAME is the synthesised one.
#[test]
fn a_cname_question_below_a_dname_gets_the_synthesised_one() {
    let zone = zone("old.example. 60 DNAME new.example.\n www.new.example. 60 CNAME x.example.");
    let expected = [
        "NOERROR aa",
        "an old.example. 60 DNAME new.example.",
        "an www.old.example. 60 CNAME www.new.example.",
    ];
    assert_eq!(ask(&zone, "www.old.example. CNAME"), expected);
}

/// RFC 6672 2.4: data below a DNAME are not seen.
#[test]
fn data_below_a_dname_are_not_seen() {
    let zone = zone("old.example. 60 DNAME new.example.\n www.old.example. 60 A 192.0.2.3");
    let answer = ask(&zone, "www.old.example. A");
    assert_eq!(answer[0], "NXDOMAIN aa");
    assert!(answer.contains(&"an www.old.example. 60 CNAME www.new.example.".into()));
}
