//! One fact a rule.

use super::*;
use crate::rdata::from_text;

/// The rules that a zone `example` with these lines (`owner TYPE rdata`) breaks.
fn broken(text: &str) -> Vec<Rule> {
    broken_with(
        "example SOA ns.other. h.other. 1 2 3 4 5\nexample NS ns.other.\n",
        text,
    )
}

fn broken_with(head: &str, text: &str) -> Vec<Rule> {
    check(
        &Name::parse("example").unwrap(),
        &records(&format!("{head}{text}")),
    )
    .problems
    .iter()
    .map(|problem| problem.rule)
    .collect()
}

fn records(text: &str) -> RecordBuf {
    let mut records = RecordBuf::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let owner = Name::parse(words.next().unwrap()).unwrap();
        let rtype: RecordType = words.next().unwrap().parse().unwrap();
        let rdata = from_text(rtype, words.next().unwrap(), &Name::root()).unwrap();
        records.push(Record {
            owner: owner.as_wire(),
            rtype,
            ttl: 300,
            rdata: &rdata,
        });
    }
    records
}

#[test]
fn sound_zone_has_no_problem() {
    let text = "a.example A 192.0.2.1\n*.example TXT x\nsub.example NS ns.sub.example\nns.sub.example A 192.0.2.1\n\
        sub.example DS 1 8 2 AB\nsub.example NSEC z.example NS DS\nc.example CNAME a.example\nd.example DNAME e.example\n\
        d.example A 192.0.2.1\nexample MX 10 a.example";
    assert_eq!(broken(text), []);
}

/// RFC 1035 5.2, RFC 1034 4.2.1
#[test]
fn apex_needs_soa_and_ns() {
    assert_eq!(
        broken_with("", "a.example A 192.0.2.1"),
        [Rule::NoSoa, Rule::NoApexNs]
    );
}

/// RFC 1035 5.2; a repetition of the same record is no second one.
#[test]
fn one_soa_is_enough() {
    assert_eq!(broken("example SOA NS.other. h.other. 1 2 3 4 5"), []);
    assert_eq!(
        broken("example SOA ns.other. h.other. 9 2 3 4 5"),
        [Rule::SeveralSoa]
    );
    assert_eq!(
        broken("a.example SOA ns.other. h.other. 1 2 3 4 5"),
        [Rule::SoaBelowApex]
    );
}

/// RFC 1034 3.6.2; RFC 4035 2.5 lets its proof and signature stand there.
#[test]
fn cname_stands_alone_but_for_dnssec() {
    assert_eq!(
        broken("a.example CNAME b.\nA.example TXT x"),
        [Rule::CnameAndOther]
    );
    assert_eq!(
        broken("a.example CNAME b.\na.example DNAME c."),
        [Rule::CnameAndOther]
    );
    assert_eq!(
        broken("a.example CNAME b.\na.example NSEC b.example CNAME RRSIG NSEC"),
        []
    );
}

/// RFC 2181 10.1
#[test]
fn two_different_cnames_are_refused() {
    assert_eq!(broken("a.example CNAME b.\na.example CNAME B."), []);
    assert_eq!(
        broken("a.example CNAME b.\na.example CNAME c."),
        [Rule::SeveralCname]
    );
}

/// RFC 6672 2.4
#[test]
fn two_different_dnames_are_refused() {
    assert_eq!(
        broken("a.example DNAME b.\na.example DNAME c."),
        [Rule::SeveralDname]
    );
}

/// RFC 6672 2.4: a server may refuse or occlude; we occlude, as BIND does.
#[test]
fn names_below_a_dname_are_warned_about() {
    assert_eq!(
        broken("a.example DNAME b.\nx.y.a.example A 192.0.2.1"),
        [Rule::BelowDname]
    );
    assert_eq!(
        broken("example DNAME b.\nx.example A 192.0.2.1"),
        [Rule::BelowDname]
    );
    assert_eq!(Rule::BelowDname.severity(), Severity::Warning);
}

/// RFC 6672 2.3
#[test]
fn dname_beside_a_delegation_is_warned_about() {
    assert_eq!(
        broken("a.example DNAME b.\na.example NS ns.other."),
        [Rule::DnameAtCut]
    );
}

/// RFC 2136 7.18
#[test]
fn data_below_a_cut_is_warned_about() {
    assert_eq!(
        broken("a.example NS ns.other.\nb.a.example TXT x"),
        [Rule::Occluded]
    );
    assert_eq!(
        broken("a.example NS ns.other.\na.example TXT x"),
        [Rule::Occluded]
    );
    assert_eq!(
        broken("a.example NS ns.other.\nb.a.example NS ns.other."),
        [Rule::Occluded]
    );
}

/// RFC 9471 2.1
#[test]
fn name_server_below_its_own_cut_needs_glue() {
    assert_eq!(broken("a.example NS ns.a.example"), [Rule::NoGlue]);
    assert_eq!(broken("a.example NS ns.b.example"), []);
}

#[test]
fn name_server_of_the_apex_needs_an_address() {
    assert_eq!(broken("example NS ns.example"), [Rule::NoServerAddress]);
    assert_eq!(broken("example NS ns.example\n*.example A 192.0.2.1"), []);
    assert_eq!(
        broken("example NS ns.sub.example\nsub.example NS ns.other."),
        []
    );
}

/// RFC 1034 4.2.1: refused as by BIND and Knot; one server that can be found is enough.
#[test]
fn a_zone_whose_name_servers_nobody_can_find_is_refused() {
    let head = "example SOA ns.other. h.other. 1 2 3 4 5\nexample NS ns.example\n";
    let lost = [
        Rule::NoServerFindable,
        Rule::NoServerAddress,
        Rule::NoServerAddress,
    ];
    assert_eq!(broken_with(head, "example NS n2.example"), lost);
    assert_eq!(
        broken_with(head, "example NS ns.other."),
        [Rule::NoServerAddress]
    );
    assert_eq!(broken_with(head, "ns.example AAAA 2001:db8::1"), []);
    assert_eq!(Rule::NoServerFindable.severity(), Severity::Error);
}

/// RFC 2181 10.3, RFC 6672 2.4: refused as by BIND, because the whole zone would be out of reach.
#[test]
fn name_server_of_the_apex_below_a_dname_is_refused() {
    let below = [Rule::ServerBelowDname, Rule::BelowDname];
    assert_eq!(
        broken("example NS ns.a.example\na.example DNAME b.\nns.a.example A 192.0.2.1"),
        below
    );
    assert_eq!(
        broken("example NS ns.example\nexample DNAME b.\nns.example A 192.0.2.1"),
        below
    );
    assert_eq!(Rule::ServerBelowDname.severity(), Severity::Error);
    // The DNAME is not answered from here: its place is delegated.
    assert_eq!(
        broken("example NS ns.x.a.example\na.example NS ns.other.\nx.a.example DNAME b."),
        [Rule::Occluded]
    );
}

/// RFC 2181 10.3
#[test]
fn ns_and_mx_must_not_point_to_an_alias() {
    assert_eq!(
        broken("example MX 5 m.example\nm.example CNAME x."),
        [Rule::TargetIsAlias]
    );
    assert_eq!(
        broken("example NS m.example\nm.example CNAME x."),
        [Rule::TargetIsAlias]
    );
}

/// RFC 4592 4.2
#[test]
fn wildcard_delegation_is_warned_about() {
    assert_eq!(broken("*.example NS ns.other."), [Rule::WildcardNs]);
}

/// RFC 4035 2.4
#[test]
fn ds_without_a_delegation_is_warned_about() {
    assert_eq!(broken("a.example DS 1 8 2 AB"), [Rule::StrayDs]);
    assert_eq!(broken("example DS 1 8 2 AB"), [Rule::StrayDs]);
}

#[test]
fn more_than_a_hundred_records_in_an_rrset_are_warned_about() {
    let text = |count: u32| {
        (0..count)
            .map(|i| format!("a.example TXT t{i}\n"))
            .collect::<String>()
    };
    assert_eq!(broken(&text(100)), []);
    assert_eq!(broken(&text(101)), [Rule::LargeRrset]);
}

/// RFC 2181 5, RFC 4343: the case of names makes no second record; the case of other octets does.
#[test]
fn records_that_differ_in_the_case_of_a_name_are_one() {
    let text = "example SOA ns.other. h.other. 1 2 3 4 5\nexample SOA NS.other. h.OTHER. 1 2 3 4 5\n\
                example NS ns.other.\nexample NS NS.OTHER.\na.example CNAME b.\na.example CNAME B.\n\
                t.example TXT x\nt.example TXT X";
    let mut records = records(text);
    let review = check(&Name::parse("example").unwrap(), &records);
    assert_eq!(review.problems, []);
    review.repair(&mut records);
    assert_eq!(records.len(), 5);
}

/// RFC 1035 4.2.2: what no message can carry is refused, many short records or few long ones.
#[test]
fn an_rrset_larger_than_a_message_is_refused() {
    let short: String = (0..4000)
        .map(|i| format!("example TXT \"number {i:05}\"\n"))
        .collect();
    assert_eq!(broken(&short), [Rule::OversizeRrset, Rule::LargeRrset]);
    let string = format!(" \"{}\"", "x".repeat(250));
    let long = |strings: usize| format!("example TXT{}\n", string.repeat(strings));
    assert_eq!(broken(&long(261)), [Rule::OversizeRrset]);
    assert_eq!(broken(&long(260)), []);
    assert_eq!(Rule::OversizeRrset.severity(), Severity::Error);
}

/// RFC 2181 5.2, and RFC 4034 3: signatures of different RRsets are not one RRset.
#[test]
fn rrsets_get_one_ttl() {
    let mut buf = records(
        "example SOA ns.other. h.other. 1 2 3 4 5\nexample NS ns.other.\na.example A 192.0.2.1\na.example A 192.0.2.2",
    );
    for (covered, ttl) in [("A", 300), ("NSEC", 5)] {
        let rdata = format!("{covered} 8 2 300 0 0 1 example. AAAA");
        let rdata = from_text(RecordType::RRSIG, &rdata, &Name::root()).unwrap();
        buf.push(Record {
            owner: b"\x01a\x07example\x00",
            rtype: RecordType::RRSIG,
            ttl,
            rdata: &rdata,
        });
    }
    buf.set_ttl(2, 9);
    let review = check(&Name::parse("example").unwrap(), &buf);
    assert_eq!(review.problems.len(), 1);
    review.repair(&mut buf);
    assert_eq!(
        buf.iter().map(|record| record.ttl).collect::<Vec<_>>(),
        [300, 300, 9, 9, 300, 5]
    );
}

#[test]
fn records_outside_are_taken_out() {
    let mut buf = records(
        "example SOA ns.other. h.other. 1 2 3 4 5\nother A 192.0.2.1\nexample NS ns.other.",
    );
    let review = check(&Name::parse("example").unwrap(), &buf);
    assert_eq!(review.problems[0].rule, Rule::OutOfZone);
    review.repair(&mut buf);
    assert_eq!(buf.len(), 2);
}

#[test]
fn a_million_problems_make_a_thousand_sentences() {
    let text: String = (0..1500)
        .map(|i| format!("a{i}.example DS 1 8 2 AB\n"))
        .collect();
    let review = check(&Name::parse("example").unwrap(), &records(&text));
    assert_eq!(review.left_out, 500);
    assert!(review.has_errors());
}
