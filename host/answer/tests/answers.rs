//! RFC 1034 4.3.2 step by step, negative answers (RFC 2308), NXDOMAIN (RFC 8020), ANY (RFC 8482).

mod common;

use bailiwick_answer::{Any, Job, Settings, Transport, Workspace, text};
use bailiwick_zone::{LookupName, ZoneSet};
use common::{ask, lines, query, zones};

const ZONE: &str = "
    example. 3600 SOA ns1.example. host.example. 7 2 3 4 900
    example. 3600 NS ns1.example.
    example. 3600 NS ns2.elsewhere.
    example. 300 MX 10 mail.example.
    ns1.example. 300 A 192.0.2.1
    mail.example. 300 A 192.0.2.2
    mail.example. 300 AAAA 2001:db8::2
    _sip._tcp.example. 300 SRV 0 0 5060 mail.example.
    web.example. 300 HTTPS 1 mail.example.
    a.b.example. 300 TXT \"deep\"
";

fn zone() -> ZoneSet {
    zones(&[ZONE])
}

const SOA: &str = "au example. 900 SOA ns1.example. host.example. 7 2 3 4 900";

/// RFC 1034 4.3.2 3a: the node matches, its RRset is the answer.
#[test]
fn a_name_with_the_type_is_answered() {
    assert_eq!(
        ask(&zone(), "ns1.example. A"),
        ["NOERROR aa", "an ns1.example. 300 A 192.0.2.1"]
    );
}

/// RFC 1034 4.3.2 3a: all records of the RRset come.
#[test]
fn every_record_of_the_rrset_comes() {
    let answer = ask(&zone(), "example. NS");
    assert!(answer.contains(&"an example. 3600 NS ns1.example.".into()));
    assert!(answer.contains(&"an example. 3600 NS ns2.elsewhere.".into()));
}

/// RFC 4343 and RFC 1034 4.3.1: names match without case; the question's own spelling is echoed.
#[test]
fn case_of_the_question_comes_back() {
    let message = query("nS1.eXample. A", None);
    let (_, response) = common::exchange(&zone(), &message, Transport::Udp);
    assert_eq!(response[12..message.len()], message[12..]);
    let decoded = text::decode(&response).unwrap();
    assert_eq!(decoded.answer, ["nS1.eXample. 300 IN A 192.0.2.1"]);
}

/// RFC 1034 4.3.2 6: addresses of a mail exchange are added.
#[test]
fn addresses_of_a_mail_exchange_are_added() {
    let expected = [
        "NOERROR aa",
        "an example. 300 MX 10 mail.example.",
        "ad mail.example. 300 A 192.0.2.2",
        "ad mail.example. 300 AAAA 2001:db8::2",
    ];
    assert_eq!(ask(&zone(), "example. MX"), expected);
}

/// RFC 2782: addresses of an SRV target; RFC 9460 4.1: of an HTTPS target.
#[test]
fn addresses_of_service_targets_are_added() {
    for question in ["_sip._tcp.example. SRV", "web.example. HTTPS"] {
        let answer = ask(&zone(), question);
        assert!(
            answer.contains(&"ad mail.example. 300 A 192.0.2.2".into()),
            "{question}"
        );
    }
}

/// RFC 2308 2.2 and 3: NODATA has the SOA with the lesser of TTL and MINIMUM.
#[test]
fn a_type_that_is_missing_is_nodata() {
    assert_eq!(ask(&zone(), "ns1.example. TXT"), ["NOERROR aa", SOA]);
}

/// RFC 2308 3: the SOA's own TTL where that is the lesser.
#[test]
fn the_ttl_of_the_soa_caps_its_minimum() {
    let zones = zones(&["
        example. 60 SOA ns1.example. host.example. 7 2 3 4 900
        example. 60 NS ns1.elsewhere."]);
    let soa = "au example. 60 SOA ns1.example. host.example. 7 2 3 4 900";
    assert_eq!(ask(&zones, "www.example. A"), ["NXDOMAIN aa", soa]);
}

/// The SOA that was asked for keeps its TTL.
#[test]
fn an_soa_that_was_asked_for_keeps_its_ttl() {
    let soa = "an example. 3600 SOA ns1.example. host.example. 7 2 3 4 900";
    assert_eq!(ask(&zone(), "example. SOA"), ["NOERROR aa", soa]);
}

/// RFC 2308 2.1: a missing name.
#[test]
fn a_missing_name_is_nxdomain() {
    assert_eq!(ask(&zone(), "nothing.example. A"), ["NXDOMAIN aa", SOA]);
}

/// RFC 8020 2: below a missing name there is nothing; at an empty non-terminal there is NODATA.
#[test]
fn an_empty_non_terminal_exists() {
    assert_eq!(ask(&zone(), "b.example. A"), ["NOERROR aa", SOA]);
    assert_eq!(ask(&zone(), "x.b.example. A"), ["NXDOMAIN aa", SOA]);
}

/// RFC 1034 4.3.2 2: the nearest zone answers.
#[test]
fn the_longest_zone_answers() {
    let child = "
        b.example. 60 SOA ns1.example. host.example. 1 2 3 4 5
        b.example. 60 NS ns1.example.
        a.b.example. 60 TXT \"child\"";
    let both = zones(&[ZONE, child]);
    assert_eq!(
        ask(&both, "a.b.example. TXT"),
        ["NOERROR aa", "an a.b.example. 60 TXT \"child\""]
    );
}

/// RFC 4035 3.1.4.1: DS at a zone's apex is the parent's to answer, where the parent is here too.
#[test]
fn ds_at_an_apex_is_asked_of_the_parent() {
    let parent = "
        example. 60 SOA ns1.example. host.example. 1 2 3 4 5
        example. 60 NS ns1.elsewhere.
        b.example. 60 NS ns1.elsewhere.
        b.example. 60 DS 1 13 2 9184AB";
    let child = "
        b.example. 60 SOA ns1.b.example. host.example. 1 2 3 4 5
        b.example. 60 NS ns1.elsewhere.";
    let ds = "an b.example. 60 DS 1 13 2 9184AB";
    assert_eq!(
        ask(&zones(&[parent, child]), "b.example. DS"),
        ["NOERROR aa", ds]
    );
    // Without the parent the child says that it has none.
    let soa = "au b.example. 5 SOA ns1.b.example. host.example. 1 2 3 4 5";
    assert_eq!(ask(&zones(&[child]), "b.example. DS"), ["NOERROR aa", soa]);
}

/// A name in no zone of ours is refused, with the reason for who speaks EDNS (RFC 8914 4.21).
#[test]
fn a_name_in_no_zone_is_refused() {
    let (outcome, response) = common::exchange(
        &zone(),
        &query("www.test. A", Some((1232, false))),
        Transport::Udp,
    );
    assert_eq!(lines(&text::decode(&response).unwrap()), ["REFUSED"]);
    assert_eq!(response[outcome.len - 6..], [0, 15, 0, 2, 0, 20]);
}

/// RFC 8482 4.1: ANY gets one RRset of the name, not all.
#[test]
fn any_gets_one_rrset() {
    assert_eq!(
        ask(&zone(), "mail.example. ANY"),
        ["NOERROR aa", "an mail.example. 300 A 192.0.2.2"]
    );
}

/// RFC 8482 4.2: ANY gets HINFO where that is chosen.
#[test]
fn any_gets_hinfo_where_chosen() {
    let (zones, message) = (zone(), query("mail.example. ANY", None));
    let mut name = LookupName::new();
    let job = Job::prepare(&zones, &message, Transport::Udp, &mut name).unwrap();
    let mut out = [0; 512];
    let settings = Settings {
        any: Any::Hinfo,
        ..Settings::default()
    };
    let outcome = job.answer(
        &message,
        &name,
        &mut Workspace::default(),
        &settings,
        &mut out,
    );
    let response = text::decode(&out[..outcome.len]).unwrap();
    assert_eq!(
        response.answer,
        ["mail.example. 3600 IN HINFO \"RFC8482\" \"\""]
    );
}

/// ANY is no way round NODATA, NXDOMAIN and referrals.
#[test]
fn any_of_an_empty_name_is_nodata() {
    assert_eq!(ask(&zone(), "b.example. ANY"), ["NOERROR aa", SOA]);
    assert_eq!(ask(&zone(), "nothing.example. ANY"), ["NXDOMAIN aa", SOA]);
}

/// RRSIG of an unsigned name is NODATA.
#[test]
fn rrsig_of_an_unsigned_name_is_nodata() {
    assert_eq!(ask(&zone(), "mail.example. RRSIG"), ["NOERROR aa", SOA]);
}

/// RFC 1995 2: IXFR over UDP gets the current SOA alone, so that the client comes over a stream.
#[test]
fn ixfr_over_udp_gets_the_soa() {
    let (_, response) = common::exchange(&zone(), &query("example. IXFR", None), Transport::Udp);
    let response = text::decode(&response).unwrap();
    assert_eq!(
        response.answer,
        ["example. 3600 IN SOA ns1.example. host.example. 7 2 3 4 900"]
    );
    let (outcome, _) = common::exchange(&zone(), &query("ns1.example. IXFR", None), Transport::Udp);
    assert_eq!(outcome.rcode.to_string(), "NOTAUTH");
}

/// The root zone is a zone like others, and so are questions for the root (RELIABILITY P3).
#[test]
fn the_root_zone_answers_for_the_root_name() {
    let zones = zones(&["
        . 60 SOA a.root. host.root. 1 2 3 4 5
        . 60 NS a.root.
        a.root. 60 A 192.0.2.7
        test. 60 NS ns.test.
        ns.test. 60 A 192.0.2.8"]);
    let expected = [
        "NOERROR aa",
        "an . 60 NS a.root.",
        "ad a.root. 60 A 192.0.2.7",
    ];
    assert_eq!(ask(&zones, ". NS"), expected);
    let soa = "au . 5 SOA a.root. host.root. 1 2 3 4 5";
    assert_eq!(ask(&zones, "nothing. A"), ["NXDOMAIN aa", soa]);
    assert_eq!(ask(&zones, ". A"), ["NOERROR aa", soa]);
    let expected = [
        "NOERROR",
        "au test. 60 NS ns.test.",
        "ad ns.test. 60 A 192.0.2.8",
    ];
    assert_eq!(ask(&zones, "www.test. A"), expected);
}
