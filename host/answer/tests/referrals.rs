//! Delegations: RFC 1034 4.3.2 3b, glue of RFC 9471, DS at the cut of RFC 4035 3.1.4.

mod common;

use bailiwick_answer::{Transport, text};
use bailiwick_zone::ZoneSet;
use common::{ask, exchange, query, zones};

fn zone(records: &str) -> ZoneSet {
    zones(&[&format!(
        "example. 60 SOA ns.test. host.test. 1 2 3 4 60
         example. 60 NS ns.test.
         {records}"
    )])
}

/// RFC 1034 4.3.2 3b: NS of the cut in authority, no AA, no answer; at the cut and below it.
#[test]
fn a_name_at_or_below_a_cut_is_referred() {
    let zone = zone("sub.example. 60 NS ns.elsewhere.");
    for question in [
        "sub.example. A",
        "sub.example. NS",
        "a.b.sub.example. TXT",
        "sub.example. ANY",
    ] {
        assert_eq!(
            ask(&zone, question),
            ["NOERROR", "au sub.example. 60 NS ns.elsewhere."],
            "{question}"
        );
    }
}

/// RFC 9471 2.1, 2.2: addresses of in-domain and of sibling name servers.
#[test]
fn in_domain_and_sibling_glue_come() {
    let zone = zone(
        "sub.example. 60 NS ns.sub.example.
         sub.example. 60 NS ns.sister.example.
         sister.example. 60 NS ns.sister.example.
         ns.sub.example. 60 A 192.0.2.1
         ns.sub.example. 60 AAAA 2001:db8::1
         ns.sister.example. 60 A 192.0.2.2",
    );
    let expected = [
        "NOERROR",
        "au sub.example. 60 NS ns.sister.example.",
        "au sub.example. 60 NS ns.sub.example.",
        "ad ns.sister.example. 60 A 192.0.2.2",
        "ad ns.sub.example. 60 A 192.0.2.1",
        "ad ns.sub.example. 60 AAAA 2001:db8::1",
    ];
    assert_eq!(ask(&zone, "www.sub.example. A"), expected);
}

/// Thirteen name servers with long names below the cut: more than 512 octets.
fn wide(in_domain: bool) -> ZoneSet {
    let place = if in_domain {
        "sub.example."
    } else {
        "sister.example."
    };
    let records: String = (0..13)
        .map(|i| {
            let host = format!("a-name-server-{i}.{place}");
            format!(
                "sub.example. 60 NS {host}\n{host} 60 A 192.0.2.{i}\n{host} 60 AAAA 2001:db8::{i}\n"
            )
        })
        .collect();
    zone(&records)
}

/// RFC 9471 3.1: in-domain glue that does not fit sets TC.
#[test]
fn in_domain_glue_that_does_not_fit_sets_tc() {
    let (outcome, response) = exchange(
        &wide(true),
        &query("www.sub.example. A", None),
        Transport::Udp,
    );
    assert!(outcome.truncated && response.len() <= 512);
    let (outcome, response) = exchange(
        &wide(true),
        &query("www.sub.example. A", Some((4096, false))),
        Transport::Udp,
    );
    assert!(!outcome.truncated && response.len() <= 1232);
    assert_eq!(text::decode(&response).unwrap().additional.len(), 26);
}

/// RFC 9471 3.1: that holds for any number of name servers.
#[test]
fn every_in_domain_name_server_has_its_glue() {
    let records: String = (0..30)
        .map(|i| {
            format!("sub.example. 60 NS n{i}.sub.example.\nn{i}.sub.example. 60 A 192.0.2.{i}\n")
        })
        .collect();
    let answer = ask(&zone(&records), "www.sub.example. A");
    assert_eq!(
        answer.iter().filter(|line| line.starts_with("ad ")).count(),
        30
    );
}

/// RELIABILITY P9: other names give at most 13 names' addresses.
#[test]
fn additional_names_are_bounded() {
    let records: String = (0..30)
        .map(|i| format!("many.example. 60 MX {i} n{i}.example.\nn{i}.example. 60 A 192.0.2.{i}\n"))
        .collect();
    let answer = ask(&zone(&records), "many.example. MX");
    assert_eq!(
        answer.iter().filter(|line| line.starts_with("an ")).count(),
        30
    );
    assert_eq!(
        answer.iter().filter(|line| line.starts_with("ad ")).count(),
        13
    );
}

/// RFC 9471 3.2: sibling glue that does not fit is left out, without TC.
#[test]
fn sibling_glue_that_does_not_fit_is_left_out() {
    let (outcome, response) = exchange(
        &wide(false),
        &query("www.sub.example. A", None),
        Transport::Udp,
    );
    assert!(!outcome.truncated && response.len() <= 512);
    let response = text::decode(&response).unwrap();
    assert_eq!(response.authority.len(), 13);
    assert!(!response.additional.is_empty() && response.additional.len() < 26);
}

/// RFC 9471 3: sibling addresses never take the room of in-domain ones.
#[test]
fn in_domain_glue_goes_before_sibling_glue() {
    let mut records =
        String::from("sub.example. 60 NS z.sub.example.\nz.sub.example. 60 A 192.0.2.99\n");
    for i in 0..12 {
        let host = format!("a-name-server-{i:02}.sister.example.");
        records.push_str(&format!(
            "sub.example. 60 NS {host}\n{host} 60 A 192.0.2.{i}\n{host} 60 AAAA 2001:db8::{i}\n"
        ));
    }
    let (outcome, response) = exchange(
        &zone(&records),
        &query("www.sub.example. A", None),
        Transport::Udp,
    );
    assert!(!outcome.truncated);
    let response = text::decode(&response).unwrap();
    assert!(
        response
            .additional
            .contains(&"z.sub.example. 60 IN A 192.0.2.99".to_owned())
    );
}

/// RFC 2181 9: an NS RRset that does not fit sets TC and is not sent in part.
#[test]
fn an_ns_rrset_goes_whole_or_not_at_all() {
    let records: String = (0..20)
        .map(|i| {
            format!("sub.example. 60 NS a-rather-long-name-server-name-{i}.sister-{i}.test.\n")
        })
        .collect();
    let (outcome, response) = exchange(
        &zone(&records),
        &query("www.sub.example. A", None),
        Transport::Udp,
    );
    assert!(outcome.truncated);
    assert!(text::decode(&response).unwrap().authority.is_empty());
}

/// RFC 4035 3.1.4.1: DS at the cut is answered here, with authority.
#[test]
fn ds_at_a_cut_is_answered_by_the_parent() {
    let zone = zone("sub.example. 60 NS ns.elsewhere.\n sub.example. 60 DS 1 13 2 9184AB");
    assert_eq!(
        ask(&zone, "sub.example. DS"),
        ["NOERROR aa", "an sub.example. 60 DS 1 13 2 9184AB"]
    );
    assert_eq!(
        ask(&zone, "x.sub.example. DS"),
        ["NOERROR", "au sub.example. 60 NS ns.elsewhere."]
    );
}

/// RFC 4035 3.1.4.1: no DS at the cut is NODATA, not a referral.
#[test]
fn no_ds_at_a_cut_is_nodata() {
    let zone = zone("sub.example. 60 NS ns.elsewhere.");
    let soa = "au example. 60 SOA ns.test. host.test. 1 2 3 4 60";
    assert_eq!(ask(&zone, "sub.example. DS"), ["NOERROR aa", soa]);
}

/// Without DO a referral has no DS (RFC 3225 3).
#[test]
fn ds_comes_only_with_do() {
    let zone = zone("sub.example. 60 NS ns.elsewhere.\n sub.example. 60 DS 1 13 2 9184AB");
    assert_eq!(
        ask(&zone, "www.sub.example. A"),
        ["NOERROR", "au sub.example. 60 NS ns.elsewhere."]
    );
}

/// A cut below a cut is the child's business.
#[test]
fn the_highest_cut_refers() {
    let zone = zone("sub.example. 60 NS ns.elsewhere.\n a.sub.example. 60 NS ns.other.");
    assert_eq!(
        ask(&zone, "x.a.sub.example. A"),
        ["NOERROR", "au sub.example. 60 NS ns.elsewhere."]
    );
}
