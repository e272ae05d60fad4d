//! Every type, text to wire and back, against independent readers (FEATURES 1.3: whatever a primary
//! or a customer writes is understood and given on unchanged).
//!
//! A master file with samples of each type is loaded by BIND, Knot and NSD, and by us; what they and
//! we give away by AXFR must be the same octets. Then the text that we print for those records is
//! loaded by the same peers, and must come out as the same octets again: nobody's reader but theirs
//! says what our text means.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bailiwick_tests::client::axfr;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{bailiwick, have, program};
use bailiwick_tests::process::run;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::Rr;
use serde_json::Value;

#[test]
fn three_readers_make_the_same_octets_of_every_type_and_of_what_we_print() {
    if !have(&CHECKERS.map(|(_, program)| program)) || !have(&KINDS.map(Kind::program)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let known: BTreeMap<&str, Vec<usize>> = CHECKERS
        .iter()
        .map(|(kind, checker)| (name(*kind), known_to(*checker, folder.path())))
        .collect();
    let unread: Vec<&str> = (0..SAMPLES.len())
        .filter(|sample| known.values().all(|known| !known.contains(sample)))
        .map(|sample| SAMPLES[sample].split(' ').next().unwrap())
        .collect();
    assert_eq!(unread, UNREAD, "samples that no peer reads");

    let file = folder.path().join("ours.zone");
    let all: Vec<usize> = (0..SAMPLES.len()).collect();
    fs::write(&file, zone(&all, |sample| SAMPLES[sample].to_owned())).unwrap();
    let server = TestServer::options()
        .zone(APEX, &file)
        .allow_transfer("127.0.0.0/8")
        .start()
        .unwrap();
    let ours = axfr(server.v4(), APEX).unwrap();
    let printed = printed(&file);

    for kind in KINDS {
        let known = &known[name(kind)];
        let ours: Vec<Rr> = known.iter().map(|sample| of(&ours, *sample)).collect();
        for (what, text) in [
            ("as written", zone(known, |i| SAMPLES[i].to_owned())),
            ("as we print it", zone(known, |i| printed[i].clone())),
        ] {
            let peer = Peer::start(kind, &[PeerZone::new(APEX, text)], None).unwrap();
            let theirs = axfr(peer.v4(), APEX).unwrap();
            for (sample, ours) in known.iter().zip(&ours) {
                let theirs = of(&theirs, *sample);
                let text = (SAMPLES[*sample], &printed[*sample]);
                assert_eq!(ours, &theirs, "{kind:?}, {what}: {text:?}");
            }
        }
    }
    let counts: Vec<_> = known
        .iter()
        .map(|(kind, known)| (kind, known.len()))
        .collect();
    eprintln!("of {} samples, read by: {counts:?}", SAMPLES.len());
}

/// The samples that a peer's own checker takes.
fn known_to(checker: (&str, &str), folder: &Path) -> Vec<usize> {
    let path = program(checker.0, checker.1).unwrap();
    let file = folder.join(format!("{}.zone", checker.0));
    let takes = |sample: &usize| {
        fs::write(&file, zone(&[*sample], |i| SAMPLES[i].to_owned())).unwrap();
        let file = file.to_str().unwrap();
        let args = match checker.0 {
            "kzonecheck" => vec!["-o", APEX, file],
            _ => vec![APEX, file],
        };
        run(&path, args, None, Duration::from_secs(10))
            .unwrap()
            .code()
            == 0
    };
    (0..SAMPLES.len()).filter(takes).collect()
}

/// A zone with these samples, each at a name of its own.
fn zone(samples: &[usize], text: impl Fn(usize) -> String) -> String {
    let mut zone = format!(
        "{APEX} 60 IN SOA ns.{APEX} host.{APEX} 1 3600 600 864000 60\n$ORIGIN {APEX}\n$TTL 60\n{APEX} NS ns.{APEX}\nns A 192.0.2.1\n"
    );
    for sample in samples {
        writeln!(zone, "t{sample} 60 IN {}", text(*sample)).unwrap();
    }
    zone
}

/// The record of a sample.
fn of(records: &[Rr], sample: usize) -> Rr {
    let owner = bailiwick_tests::wire::name_to_wire(&format!("t{sample}.{APEX}"));
    let mut found = records.iter().filter(|rr| rr.owner == owner);
    let record = found.next().unwrap_or_else(|| panic!("no t{sample}"));
    assert_eq!(found.next(), None, "t{sample} comes twice");
    record.clone()
}

/// "TYPE rdata" of each sample, as `zone answer` prints it.
fn printed(file: &Path) -> Vec<String> {
    let zone = fs::read_to_string(file).unwrap();
    let questions: String = (0..SAMPLES.len())
        .map(|sample| {
            let rtype = SAMPLES[sample].split(' ').next().unwrap();
            let question = serde_json::json!({
                "id": sample, "zone": zone, "name": format!("t{sample}.{APEX}"), "type": rtype,
            });
            format!("{question}\n")
        })
        .collect();
    let output = run(
        &bailiwick().unwrap(),
        ["zone", "answer", "--batch"],
        Some(questions.as_bytes()),
        Duration::from_secs(30),
    )
    .unwrap();
    let answers: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), SAMPLES.len(), "{}", output.stderr);
    answers
        .iter()
        .map(|answer| {
            let record = answer["answer"][0]
                .as_str()
                .unwrap_or_else(|| panic!("{answer}"));
            let (_, text) = record.split_once(" IN ").unwrap();
            text.to_owned()
        })
        .collect()
}

fn name(kind: Kind) -> &'static str {
    kind.program().0
}

const APEX: &str = "types.test.";
const KINDS: [Kind; 3] = [Kind::Bind, Kind::Knot, Kind::Nsd];
/// The programs that say what a peer reads.
const CHECKERS: [(Kind, (&str, &str)); 3] = [
    (Kind::Bind, ("named-checkzone", "bind9-utils")),
    (Kind::Knot, ("kzonecheck", "knot")),
    (Kind::Nsd, ("nsd-checkzone", "nsd")),
];
/// Types too new for all three, as Debian 12 has them.
const UNREAD: [&str; 0] = [];
/// At least one of each type that has a form of its own, and those with the hardest texts.
const SAMPLES: [&str; 73] = [
    "A 192.0.2.1",
    "AAAA 2001:DB8:0:0:1::1",
    "AFSDB 1 afs",
    "AMTRELAY 10 0 1 203.0.113.15",
    "AMTRELAY 10 1 2 2001:db8::15",
    "AMTRELAY 128 1 3 relay",
    "APL 1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8",
    "AVC app-name:WOLFGANG|app-class:OAM",
    "CAA 0 issue \"ca.example.net; policy=ev\"",
    "CAA 128 iodef \"mailto:security@example.com\"",
    "CDNSKEY 257 3 13 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    "CDS 12345 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE49FD46E6C4B45C55D4AC69CB",
    "CERT PGP 0 0 AQID",
    "CNAME ns",
    "CSYNC 66 3 A NS AAAA",
    "DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
    "DNAME other.example.",
    "DNSKEY 256 3 13 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    "EUI48 00-00-5E-00-53-2a",
    "EUI64 00-00-5e-ef-10-00-00-2a",
    "GPOS -32.6882 116.8652 10.0",
    "HINFO \"Generic PC clone\" \"NetBSD-1.4\"",
    "HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p rvs rvs2.example.",
    "HTTPS 0 svc",
    "HTTPS 1 . alpn=h3,h2 no-default-alpn port=8443 ipv4hint=192.0.2.1,192.0.2.2 ech=AEP+DQ== ipv6hint=2001:db8::1",
    "IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
    "IPSECKEY 10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
    "IPSECKEY 10 2 2 2001:db8:0:8002::2000:1 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
    "IPSECKEY 10 3 2 gateway AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
    "ISDN \"150862028003217\" \"004\"",
    "KEY 256 3 8 AwEAAQ==",
    "KX 1 kx",
    "L32 10 10.1.2.0",
    "L64 10 2001:0DB8:1140:1000",
    "LOC 42 21 54 N 71 06 18 W -24m 30m",
    "LOC 60 9 0.123 S 24 39 0 E 10m 20m 2000m 20m",
    "LP 10 l64-subnet1",
    "MB a.example.",
    "MG a.example.",
    "MINFO a b.example.",
    "MR a.example.",
    "MX 10 mail",
    "NAPTR 100 50 \"s\" \"http+I2L+I2C+I2R\" \"!^.*$!sip:a@b.example!\" _http._tcp",
    "NID 10 0014:4fff:ff20:ee64",
    "NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
    "OPENPGPKEY AQIDBAUGBwg=",
    "PTR host",
    "PX 10 a b",
    "RP mbox text.example.",
    "RT 2 relay",
    "SMIMEA 0 0 0 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971",
    "SPF \"v=spf1 -all\"",
    "SRV 0 5 5060 sip",
    "SSHFP 2 1 123456789abcdef67890123456789abcdef67890",
    "SVCB 0 target.example.",
    "SVCB 1 . port=53",
    "SVCB 1 foo key667=\"hello\\210qoo\"",
    "SVCB 16 foo mandatory=alpn,ipv4hint ipv4hint=192.0.2.1 alpn=h2,h3-19",
    "SVCB 16 foo alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
    "SVCB 1 dns alpn=h2 dohpath=/q{?dns}",
    "TALINK a b",
    "TLSA 3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6",
    "TXT plain \"two words\" \"q\\\"\\\\\\009\\;\" \"\"",
    "TXT \"\\000\\255\"",
    "URI 10 1 \"ftp://ftp1.example.com/public\"",
    "X25 \"311061700956\"",
    "EID e32c6f78",
    "NIMLOC 32251a030067",
    "RKEY 0 0 8 AQID",
    "NINFO \"ok\" \"or not\"",
    "TYPE65280 \\# 4 0A000001",
    "DSYNC CDS NOTIFY 5359 scanner",
    "RESINFO qnamemin exterr=15-17",
];
