//! Presigned zones with NSEC3: the zone of RFC 5155 appendix A and the answers of its appendix B
//! (signatures shortened).

mod common;

use bailiwick_zone::ZoneSet;
use common::{ask, signed, zones};

/// RFC 5155 appendix A without signatures. Opt-out is set: c.example. is not in the chain.
const ZONE: &str = "\
example. 3600 SOA ns1.example. bugs.x.w.example. 1 3600 300 3600000 3600
example. 3600 NS ns1.example.
example. 3600 NS ns2.example.
example. 3600 MX 1 xx.example.
example. 3600 DNSKEY 256 3 7 AAAA
example. 3600 NSEC3PARAM 1 0 12 AABBCCDD
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 3600 NSEC3 1 1 12 AABBCCDD 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG
2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 3600 A 192.0.2.127
2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 3600 NSEC3 1 1 12 AABBCCDD 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG
2vptu5timamqttgl4luu9kg21e0aor3s.example. 3600 NSEC3 1 1 12 AABBCCDD 35mthgpgcu1qg68fab165klnsnk3dpvl MX RRSIG
35mthgpgcu1qg68fab165klnsnk3dpvl.example. 3600 NSEC3 1 1 12 AABBCCDD b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG
a.example. 3600 NS ns1.a.example.
a.example. 3600 NS ns2.a.example.
a.example. 3600 DS 58470 5 1 3079F1593EBAD6DC121E202A8B766A6A4837206C
ns1.a.example. 3600 A 192.0.2.5
ns2.a.example. 3600 A 192.0.2.6
ai.example. 3600 A 192.0.2.9
ai.example. 3600 HINFO \"KLH-10\" \"ITS\"
ai.example. 3600 AAAA 2001:db8::f00:baa9
b4um86eghhds6nea196smvmlo4ors995.example. 3600 NSEC3 1 1 12 AABBCCDD gjeqe526plbf1g8mklp59enfd789njgi MX RRSIG
c.example. 3600 NS ns1.c.example.
c.example. 3600 NS ns2.c.example.
ns1.c.example. 3600 A 192.0.2.7
ns2.c.example. 3600 A 192.0.2.8
gjeqe526plbf1g8mklp59enfd789njgi.example. 3600 NSEC3 1 1 12 AABBCCDD ji6neoaepv8b5o6k4ev33abha8ht9fgc HINFO A AAAA RRSIG
ji6neoaepv8b5o6k4ev33abha8ht9fgc.example. 3600 NSEC3 1 1 12 AABBCCDD k8udemvp1j2f7eg6jebps17vp3n8i58h
k8udemvp1j2f7eg6jebps17vp3n8i58h.example. 3600 NSEC3 1 1 12 AABBCCDD kohar7mbb8dc2ce8a9qvl8hon4k53uhi
kohar7mbb8dc2ce8a9qvl8hon4k53uhi.example. 3600 NSEC3 1 1 12 AABBCCDD q04jkcevqvmu85r014c7dkba38o0ji5r A RRSIG
ns1.example. 3600 A 192.0.2.1
ns2.example. 3600 A 192.0.2.2
q04jkcevqvmu85r014c7dkba38o0ji5r.example. 3600 NSEC3 1 1 12 AABBCCDD r53bq7cc2uvmubfu5ocmm6pers9tk9en A RRSIG
r53bq7cc2uvmubfu5ocmm6pers9tk9en.example. 3600 NSEC3 1 1 12 AABBCCDD t644ebqk9bibcna874givr6joj62mlhv MX RRSIG
t644ebqk9bibcna874givr6joj62mlhv.example. 3600 NSEC3 1 1 12 AABBCCDD 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom HINFO A AAAA RRSIG
*.w.example. 3600 MX 1 ai.example.
x.w.example. 3600 MX 1 xx.example.
x.y.w.example. 3600 MX 1 xx.example.
xx.example. 3600 A 192.0.2.10
xx.example. 3600 HINFO \"KLH-10\" \"TOPS-20\"
xx.example. 3600 AAAA 2001:db8::f00:baaa";

fn zone() -> ZoneSet {
    zones(&[&signed(ZONE)])
}

/// The code, whether each NSEC3 is signed, and the first four characters of the NSEC3 owners.
fn proof(question: &str) -> (String, Vec<String>) {
    let lines = ask(&zone(), question);
    let is = |line: &&String, what: &str| line.contains(&format!(" 3600 {what}"));
    let owners = |what: &str| -> Vec<String> {
        lines
            .iter()
            .filter(|line| is(line, what))
            .map(|line| line[3..7].to_owned())
            .collect()
    };
    assert_eq!(owners("NSEC3 "), owners("RRSIG NSEC3 "), "{lines:#?}");
    (lines[0].clone(), owners("NSEC3 "))
}

fn expected(code: &str, owners: &[&str]) -> (String, Vec<String>) {
    (
        code.to_owned(),
        owners.iter().map(|owner| (*owner).to_owned()).collect(),
    )
}

/// RFC 5155 B.1, 7.2.2: closest encloser, next closer name and wildcard.
#[test]
fn a_missing_name_is_proved() {
    assert_eq!(
        proof("a.c.x.w.example. A DO"),
        expected("NXDOMAIN aa", &["0p9m", "35mt", "b4um"])
    );
}

/// RFC 5155 B.2, 7.2.3: the NSEC3 of the name.
#[test]
fn a_missing_type_is_proved() {
    assert_eq!(
        proof("ns1.example. MX DO"),
        expected("NOERROR aa", &["2t7b"])
    );
}

/// RFC 5155 B.2.1: an empty non-terminal has an NSEC3 of its own.
#[test]
fn an_empty_non_terminal_is_proved() {
    assert_eq!(
        proof("y.w.example. A DO"),
        expected("NOERROR aa", &["ji6n"])
    );
}

/// RFC 5155 B.3, 7.2.7: opt-out: closest provable encloser and the span that covers the cut.
#[test]
fn an_unsigned_delegation_in_an_opt_out_span_is_proved() {
    assert_eq!(
        proof("mc.c.example. MX DO"),
        expected("NOERROR", &["0p9m", "35mt"])
    );
}

/// RFC 5155 7.2.4: so is its missing DS.
#[test]
fn no_ds_in_an_opt_out_span_is_proved() {
    assert_eq!(
        proof("c.example. DS DO"),
        expected("NOERROR aa", &["0p9m", "35mt"])
    );
}

/// RFC 5155 7.2.7: a signed delegation needs no proof.
#[test]
fn a_signed_delegation_has_ds() {
    assert_eq!(proof("mc.a.example. MX DO"), expected("NOERROR", &[]));
    let answer = ask(&zone(), "mc.a.example. MX DO").join("\n");
    assert!(answer.contains("au a.example. 3600 DS ") && answer.contains("RRSIG DS "));
}

/// RFC 5155 B.4, 7.2.6: the next closer name of a wildcard answer.
#[test]
fn a_wildcard_answer_proves_that_the_name_is_missing() {
    assert_eq!(
        proof("a.z.w.example. MX DO"),
        expected("NOERROR aa", &["q04j"])
    );
}

/// RFC 5155 B.5, 7.2.5: closest encloser, next closer name, and the wildcard's own NSEC3.
#[test]
fn a_wildcard_without_the_type_is_proved() {
    assert_eq!(
        proof("a.z.w.example. AAAA DO"),
        expected("NOERROR aa", &["k8ud", "q04j", "r53b"])
    );
}

/// RFC 5155 B.6: DS asked of the child.
#[test]
fn ds_asked_of_the_child_is_proved_missing() {
    assert_eq!(proof("example. DS DO"), expected("NOERROR aa", &["0p9m"]));
}

/// RFC 5155 7.2.8: an NSEC3 owner is not a name; a question for it is a question for what is not there.
#[test]
fn the_owner_of_an_nsec3_is_not_a_name() {
    let (code, _) = proof("b4um86eghhds6nea196smvmlo4ors995.example. NSEC3 DO");
    assert_eq!(code, "NXDOMAIN aa");
}

/// RFC 5155 7.2.8: where the owner has data of its own, those are answered, NSEC3 is not.
#[test]
fn an_nsec3_owner_with_data_answers_for_the_data() {
    let answer = ask(&zone(), "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. A");
    assert_eq!(
        answer[0..2],
        [
            "NOERROR aa",
            "an 2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. 3600 A 192.0.2.127"
        ]
    );
    // Its own hash starts with "koha".
    let (code, owners) = proof("2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. MX DO");
    assert_eq!(
        (code.as_str(), owners),
        ("NOERROR aa", vec!["koha".to_owned()])
    );
}
