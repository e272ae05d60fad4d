//! Presigned zones with NSEC: the zone of RFC 4035 appendix A and the answers of its appendix B
//! (signatures shortened), and RFC 4035 3.1 beyond the examples.

mod common;

use bailiwick_zone::ZoneSet;
use common::{ask, signed, zones};

/// RFC 4035 appendix A without signatures.
const ZONE: &str = "\
example. 3600 SOA ns1.example. bugs.x.w.example. 1081539377 3600 300 3600000 3600
example. 3600 NS ns1.example.
example. 3600 NS ns2.example.
example. 3600 MX 1 xx.example.
example. 3600 NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY
example. 3600 DNSKEY 256 3 13 AAAA
a.example. 3600 NS ns1.a.example.
a.example. 3600 NS ns2.a.example.
a.example. 3600 DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B
a.example. 3600 NSEC ai.example. NS DS RRSIG NSEC
ns1.a.example. 3600 A 192.0.2.5
ns2.a.example. 3600 A 192.0.2.6
ai.example. 3600 A 192.0.2.9
ai.example. 3600 HINFO \"KLH-10\" \"ITS\"
ai.example. 3600 AAAA 2001:db8::f00:baa9
ai.example. 3600 NSEC b.example. A HINFO AAAA RRSIG NSEC
b.example. 3600 NS ns1.b.example.
b.example. 3600 NS ns2.b.example.
b.example. 3600 NSEC ns1.example. NS RRSIG NSEC
ns1.b.example. 3600 A 192.0.2.7
ns2.b.example. 3600 A 192.0.2.8
ns1.example. 3600 A 192.0.2.1
ns1.example. 3600 NSEC ns2.example. A RRSIG NSEC
ns2.example. 3600 A 192.0.2.2
ns2.example. 3600 NSEC *.w.example. A RRSIG NSEC
*.w.example. 3600 MX 1 ai.example.
*.w.example. 3600 NSEC x.w.example. MX RRSIG NSEC
x.w.example. 3600 MX 1 xx.example.
x.w.example. 3600 NSEC x.y.w.example. MX RRSIG NSEC
x.y.w.example. 3600 MX 1 xx.example.
x.y.w.example. 3600 NSEC xx.example. MX RRSIG NSEC
xx.example. 3600 A 192.0.2.10
xx.example. 3600 HINFO \"KLH-10\" \"TOPS-20\"
xx.example. 3600 AAAA 2001:db8::f00:baaa
xx.example. 3600 NSEC example. A HINFO AAAA RRSIG NSEC";

fn zone() -> ZoneSet {
    zones(&[&signed(ZONE)])
}

/// Code and, by section, `owner type` of the records; `owner RRSIG(type)` for signatures. The
/// additional section is left out.
fn short(zones: &ZoneSet, question: &str) -> Vec<String> {
    let mut lines: Vec<String> = ask(zones, question)
        .iter()
        .filter(|line| !line.starts_with("ad "))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                [section, owner, _, "RRSIG", covered, ..] => {
                    format!("{section} {owner} RRSIG({covered})")
                }
                [section, owner, _, rtype, ..] => format!("{section} {owner} {rtype}"),
                _ => line.clone(),
            }
        })
        .collect();
    lines.dedup();
    lines
}

/// RFC 4035 B.1: an answer with its signature, addresses with theirs.
#[test]
fn an_answer_comes_with_its_signature() {
    assert_eq!(
        short(&zone(), "x.w.example. MX DO"),
        [
            "NOERROR aa",
            "an x.w.example. MX",
            "an x.w.example. RRSIG(MX)"
        ]
    );
    let answer = ask(&zone(), "x.w.example. MX DO");
    let signatures = answer
        .iter()
        .filter(|line| line.starts_with("ad xx.example. 3600 RRSIG"));
    assert_eq!(signatures.count(), 2, "{answer:#?}");
}

/// RFC 4035 3.1 and RFC 3225 3: without DO there is nothing of DNSSEC.
#[test]
fn without_do_there_is_no_dnssec() {
    for question in [
        "x.w.example. MX",
        "ml.example. A",
        "mc.a.example. MX",
        "a.z.w.example. MX",
    ] {
        let answer = ask(&zone(), question).join("\n");
        assert!(
            !answer.contains("RRSIG") && !answer.contains("NSEC") && !answer.contains("DS "),
            "{answer}"
        );
    }
}

/// RFC 4035 B.2 and 3.1.3.2: the NSEC that covers the name and the one that covers the wildcard.
#[test]
fn a_missing_name_is_proved() {
    let expected = [
        "NXDOMAIN aa",
        "au b.example. NSEC",
        "au b.example. RRSIG(NSEC)",
        "au example. NSEC",
        "au example. RRSIG(NSEC)",
        "au example. RRSIG(SOA)",
        "au example. SOA",
    ];
    assert_eq!(short(&zone(), "ml.example. A DO"), expected);
}

/// RFC 4035 3.1.3.2: one NSEC that covers both comes once.
#[test]
fn an_nsec_comes_once() {
    // Below ai.example. the name and the wildcard lie between ai.example. and b.example.
    let expected = [
        "NXDOMAIN aa",
        "au ai.example. NSEC",
        "au ai.example. RRSIG(NSEC)",
        "au example. RRSIG(SOA)",
        "au example. SOA",
    ];
    assert_eq!(short(&zone(), "x.ai.example. A DO"), expected);
}

/// RFC 4035 B.3 and 3.1.3.1: the NSEC of the name itself.
#[test]
fn a_missing_type_is_proved() {
    let expected = [
        "NOERROR aa",
        "au example. RRSIG(SOA)",
        "au example. SOA",
        "au ns1.example. NSEC",
        "au ns1.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone(), "ns1.example. MX DO"), expected);
}

/// RFC 4035 3.1.3.2: an empty non-terminal has no NSEC; the one before it shows what lies below.
#[test]
fn an_empty_non_terminal_is_proved_by_the_nsec_before_it() {
    let expected = [
        "NOERROR aa",
        "au example. RRSIG(SOA)",
        "au example. SOA",
        "au x.w.example. NSEC",
        "au x.w.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone(), "y.w.example. A DO"), expected);
}

/// RFC 4035 B.4 and 3.1.4: a signed delegation has DS and its signature; NS are not signed.
#[test]
fn a_signed_delegation_has_ds() {
    let expected = [
        "NOERROR",
        "au a.example. DS",
        "au a.example. NS",
        "au a.example. RRSIG(DS)",
    ];
    assert_eq!(short(&zone(), "mc.a.example. MX DO"), expected);
    let answer = ask(&zone(), "mc.a.example. MX DO");
    assert!(answer.contains(&"ad ns1.a.example. 3600 A 192.0.2.5".into()));
}

/// RFC 4035 B.5 and 3.1.4: an unsigned one has the NSEC that shows that there is no DS.
#[test]
fn an_unsigned_delegation_is_proved() {
    let expected = [
        "NOERROR",
        "au b.example. NS",
        "au b.example. NSEC",
        "au b.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone(), "mc.b.example. MX DO"), expected);
}

/// RFC 4035 B.6 and 3.1.3.3: the answer from the wildcard, and that the name itself is not there.
#[test]
fn a_wildcard_answer_proves_that_the_name_is_missing() {
    let expected = [
        "NOERROR aa",
        "an a.z.w.example. MX",
        "an a.z.w.example. RRSIG(MX)",
        "au x.y.w.example. NSEC",
        "au x.y.w.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone(), "a.z.w.example. MX DO"), expected);
}

/// RFC 4035 B.7 and 3.1.3.4: the wildcard's NSEC, and the one that covers the name.
#[test]
fn a_wildcard_without_the_type_is_proved() {
    let expected = [
        "NOERROR aa",
        "au *.w.example. NSEC",
        "au *.w.example. RRSIG(NSEC)",
        "au example. RRSIG(SOA)",
        "au example. SOA",
        "au x.y.w.example. NSEC",
        "au x.y.w.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone(), "a.z.w.example. AAAA DO"), expected);
}

/// RFC 4035 B.8 and 3.1.4.1: DS asked of the child is NODATA with the apex NSEC.
#[test]
fn ds_asked_of_the_child_is_proved_missing() {
    let expected = [
        "NOERROR aa",
        "au example. NSEC",
        "au example. RRSIG(NSEC)",
        "au example. RRSIG(SOA)",
        "au example. SOA",
    ];
    assert_eq!(short(&zone(), "example. DS DO"), expected);
}

/// RFC 4035 3.1.4.1: no DS at an unsigned cut is NODATA with the cut's NSEC.
#[test]
fn no_ds_at_a_cut_is_proved() {
    let expected = [
        "NOERROR aa",
        "au b.example. NSEC",
        "au b.example. RRSIG(NSEC)",
        "au example. RRSIG(SOA)",
        "au example. SOA",
    ];
    assert_eq!(short(&zone(), "b.example. DS DO"), expected);
}

/// RFC 4035 3.1.1: NSEC can be asked for at any name, even an alias, and at the parent's side of a cut.
#[test]
fn nsec_can_be_asked_for() {
    let expected = [
        "NOERROR aa",
        "an ns1.example. NSEC",
        "an ns1.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone(), "ns1.example. NSEC DO"), expected);
}

/// RFC 8482 7: RRSIG gets the signatures of one RRset.
#[test]
fn rrsig_gets_the_signatures_of_one_rrset() {
    assert_eq!(
        short(&zone(), "ns1.example. RRSIG"),
        ["NOERROR aa", "an ns1.example. RRSIG(A)"]
    );
}

/// The proof that a wildcard inside a chain owes comes behind the whole answer section, and so does
/// the proof for the end of the chain.
#[test]
fn a_wildcard_inside_a_chain_owes_its_proof() {
    let zone = zones(&[&signed(
        "\
example. 60 SOA ns.test. host.test. 1 2 3 4 60
example. 60 NS ns.test.
example. 60 DNSKEY 256 3 13 AAAA
example. 60 NSEC *.example. NS SOA RRSIG NSEC DNSKEY
*.example. 60 CNAME b.example.
*.example. 60 NSEC b.example. CNAME RRSIG NSEC
b.example. 60 A 192.0.2.1
b.example. 60 NSEC example. A RRSIG NSEC",
    )]);
    let expected = [
        "NOERROR aa",
        "an b.example. A",
        "an b.example. RRSIG(A)",
        "an x.example. CNAME",
        "an x.example. RRSIG(CNAME)",
        "au b.example. NSEC",
        "au b.example. RRSIG(NSEC)",
    ];
    assert_eq!(short(&zone, "x.example. A DO"), expected);
    let answer = short(&zone, "x.example. MX DO");
    assert!(
        answer.contains(&"au b.example. NSEC".into()) && answer.contains(&"au example. SOA".into())
    );
}

/// RFC 6672 5.3.1: the DNAME is signed, the CNAME made from it is not.
#[test]
fn a_synthesised_cname_is_not_signed() {
    let zone = zones(&[&signed(
        "\
example. 60 SOA ns.test. host.test. 1 2 3 4 60
example. 60 NS ns.test.
example. 60 DNSKEY 256 3 13 AAAA
example. 60 NSEC d.example. NS SOA RRSIG NSEC DNSKEY
d.example. 60 DNAME elsewhere.test.
d.example. 60 NSEC example. DNAME RRSIG NSEC",
    )]);
    let expected = [
        "NOERROR aa",
        "an d.example. DNAME",
        "an d.example. RRSIG(DNAME)",
        "an x.d.example. CNAME",
    ];
    assert_eq!(short(&zone, "x.d.example. A DO"), expected);
}

/// A zone with keys and without a chain gives no proof, and looks for none.
#[test]
fn a_zone_without_a_chain_gives_no_proof() {
    let zone = zones(&[&signed(
        "\
example. 60 SOA ns.test. host.test. 1 2 3 4 60
example. 60 NS ns.test.
example. 60 DNSKEY 256 3 13 AAAA
a.example. 60 A 192.0.2.1",
    )]);
    let expected = ["NXDOMAIN aa", "au example. RRSIG(SOA)", "au example. SOA"];
    assert_eq!(short(&zone, "x.example. A DO"), expected);
}

/// Keys and a chain without signatures prove nothing, so nothing of them is given unasked.
#[test]
fn a_zone_without_signatures_is_unsigned() {
    assert_eq!(
        short(&zones(&[ZONE]), "ml.example. A DO"),
        ["NXDOMAIN aa", "au example. SOA"]
    );
    let referral = ["NOERROR", "au a.example. NS"];
    assert_eq!(short(&zones(&[ZONE]), "mc.a.example. MX DO"), referral);
}
