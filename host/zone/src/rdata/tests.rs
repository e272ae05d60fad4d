//! Every type goes text → wire → text; arbitrary octets go through every function without a panic.

use proptest::prelude::*;

use super::*;

fn origin() -> Name {
    Name::parse("example.com").unwrap()
}

/// Type, text as a person may write it, text as it is printed.
const SAMPLES: &[(&str, &str, &str)] = &[
    ("A", "192.0.2.1", "192.0.2.1"),
    ("NS", "ns1", "ns1.example.com."),
    ("MD", "a.", "a."),
    ("MF", "a.", "a."),
    ("CNAME", "@", "example.com."),
    (
        "SOA",
        "ns1 host\\.master 2026112201 1h 15m 4W ( 1d )",
        "ns1.example.com. host\\.master.example.com. 2026112201 3600 900 2419200 86400",
    ),
    ("MB", "a.", "a."),
    ("MG", "a.", "a."),
    ("MR", "a.", "a."),
    ("NULL", "\\# 0", "\\# 0"),
    ("WKS", "\\# 5 C0000201 06", "\\# 5 C000020106"),
    ("PTR", "host", "host.example.com."),
    ("HINFO", "RFC8482 \"\"", "\"RFC8482\" \"\""),
    ("MINFO", "a b.", "a.example.com. b."),
    ("MX", "10 mail", "10 mail.example.com."),
    (
        "TXT",
        "plain \"two words\" \"q\\\"\\\\\\009\\;\" \"\"",
        "\"plain\" \"two words\" \"q\\\"\\\\\\009;\" \"\"",
    ),
    ("RP", "mbox .", "mbox.example.com. ."),
    ("AFSDB", "1 afs", "1 afs.example.com."),
    ("X25", "311061700956", "\"311061700956\""),
    ("ISDN", "150862028003217 004", "\"150862028003217\" \"004\""),
    ("ISDN", "150862028003217", "\"150862028003217\""),
    ("RT", "2 relay", "2 relay.example.com."),
    ("NSAP", "0x47.0005.80", "0x47000580"),
    ("NSAP-PTR", "foo.", "foo."),
    (
        "SIG",
        "A RSASHA256 2 1h 20260101000000 20251201000000 1 @ AAAA",
        "A 8 2 3600 20260101000000 20251201000000 1 example.com. AAAA",
    ),
    ("KEY", "256 3 8 AwEA AQ==", "256 3 8 AwEAAQ=="),
    ("PX", "10 a b", "10 a.example.com. b.example.com."),
    (
        "GPOS",
        "-32.6882 116.8652 10.0",
        "\"-32.6882\" \"116.8652\" \"10.0\"",
    ),
    ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
    (
        "LOC",
        "42 21 54 N 71 06 18 W -24m 30m",
        "42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m",
    ),
    (
        "LOC",
        "90 N 180 W 42849672.95 0.01m 90000000 0",
        "90 0 0.000 N 180 0 0.000 W 42849672.95m 0.01m 90000000.00m 0.00m",
    ),
    ("EID", "e32c 6f78", "E32C6F78"),
    ("NIMLOC", "abcd", "ABCD"),
    ("SRV", "0 5 5060 sip", "0 5 5060 sip.example.com."),
    ("ATMA", "\\# 2 abcd", "\\# 2 ABCD"),
    (
        "NAPTR",
        "100 50 \"s\" \"http+I2L\" \"!^.*$!sip:a@b!\" .",
        "100 50 \"s\" \"http+I2L\" \"!^.*$!sip:a@b!\" .",
    ),
    ("KX", "1 kx", "1 kx.example.com."),
    ("CERT", "PGP 0 0 AQID", "3 0 0 AQID"),
    ("DNAME", "other.", "other."),
    ("SINK", "\\# 1 00", "\\# 1 00"),
    (
        "APL",
        "1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8",
        "1:192.168.32.0/21 !1:192.168.38.0/28 2:ff00::/8",
    ),
    ("APL", "", ""),
    (
        "DS",
        "60485 RSASHA1 1 2BB183AF5F22588179A53B0A 98631FAD1A292118",
        "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    ),
    (
        "SSHFP",
        "2 1 123456789abcdef67890123456789abcdef67890",
        "2 1 123456789ABCDEF67890123456789ABCDEF67890",
    ),
    (
        "IPSECKEY",
        "10 1 2 192.0.2.38 AQNRU3mG 7TVTO2Bk",
        "10 1 2 192.0.2.38 AQNRU3mG7TVTO2Bk",
    ),
    ("IPSECKEY", "10 0 0 .", "10 0 0 ."),
    (
        "IPSECKEY",
        "10 2 2 2001:db8::1 AQNR",
        "10 2 2 2001:db8::1 AQNR",
    ),
    ("IPSECKEY", "10 3 2 gw AQNR", "10 3 2 gw.example.com. AQNR"),
    (
        "RRSIG",
        "SOA 8 1 86400 20260101000000 1764547200 60955 @ qEmG MQ==",
        "SOA 8 1 86400 20260101000000 20251201000000 60955 example.com. qEmGMQ==",
    ),
    (
        "NSEC",
        "host TYPE1234 A MX RRSIG NSEC A",
        "host.example.com. A MX RRSIG NSEC TYPE1234",
    ),
    ("DNSKEY", "257 3 13 AAEC", "257 3 13 AAEC"),
    (
        "DHCID",
        "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
        "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
    ),
    (
        "NSEC3",
        "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA",
        "1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR NS SOA",
    ),
    (
        "NSEC3",
        "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr",
        "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR",
    ),
    ("NSEC3PARAM", "1 0 0 -", "1 0 0 -"),
    (
        "TLSA",
        "3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6",
        "3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6",
    ),
    ("SMIMEA", "0 0 0 d2", "0 0 0 D2"),
    (
        "HIP",
        "2 200100107B1A74DF365639CC39F1D578 AwEAAbdx rvs rvs2.",
        "2 200100107B1A74DF365639CC39F1D578 AwEAAbdx rvs.example.com. rvs2.",
    ),
    ("NINFO", "ok", "\"ok\""),
    ("RKEY", "0 0 8 AQID", "0 0 8 AQID"),
    ("TALINK", "a .", "a.example.com. ."),
    ("CDS", "0 0 0 00", "0 0 0 00"),
    ("CDNSKEY", "0 3 0 AA==", "0 3 0 AA=="),
    ("OPENPGPKEY", "AQ ID", "AQID"),
    ("CSYNC", "66 3 A NS AAAA", "66 3 A NS AAAA"),
    (
        "ZONEMD",
        "2018031500 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E552",
        "2018031500 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E552",
    ),
    (
        "SVCB",
        "1 foo.example.org. port=53",
        "1 foo.example.org. port=53",
    ),
    (
        "SVCB",
        "1 . key667=\"hello\\210qoo\"",
        "1 . key667=\"hello\\210qoo\"",
    ),
    (
        "SVCB",
        "16 foo mandatory=alpn,ipv4hint ipv4hint=192.0.2.1,192.0.2.2 alpn=h2,h3-19",
        "16 foo.example.com. mandatory=alpn,ipv4hint alpn=\"h2,h3-19\" ipv4hint=192.0.2.1,192.0.2.2",
    ),
    (
        "SVCB",
        "16 foo alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
        "16 foo.example.com. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
    ),
    (
        "HTTPS",
        "1 @ alpn=h3 no-default-alpn ech=AEP+DQ== ipv6hint=2001:db8::1 dohpath=/q{?dns} ohttp tls-supported-groups=29,23",
        "1 example.com. alpn=\"h3\" no-default-alpn ech=AEP+DQ== ipv6hint=2001:db8::1 dohpath=\"/q{?dns}\" ohttp tls-supported-groups=29,23",
    ),
    ("HTTPS", "0 svc", "0 svc.example.com."),
    (
        "DSYNC",
        "CDS NOTIFY 5359 cds-scanner",
        "CDS 1 5359 cds-scanner.example.com.",
    ),
    ("SPF", "\"v=spf1 -all\"", "\"v=spf1 -all\""),
    ("NID", "10 0014:4fff:ff20:ee64", "10 0014:4fff:ff20:ee64"),
    ("L32", "10 10.1.2.0", "10 10.1.2.0"),
    ("L64", "10 2001:DB8:1140:1000", "10 2001:0db8:1140:1000"),
    ("LP", "10 l64-subnet1", "10 l64-subnet1.example.com."),
    ("EUI48", "00-00-5E-00-53-2a", "00-00-5e-00-53-2a"),
    (
        "EUI64",
        "00-00-5e-ef-10-00-00-2a",
        "00-00-5e-ef-10-00-00-2a",
    ),
    (
        "URI",
        "10 1 \"ftp://ftp1.example.com/public\"",
        "10 1 \"ftp://ftp1.example.com/public\"",
    ),
    (
        "CAA",
        "0 issue \"ca.example.net; policy=ev\"",
        "0 issue \"ca.example.net; policy=ev\"",
    ),
    ("CAA", "128 iodef \"\"", "128 iodef \"\""),
    ("AVC", "app-name:WOLFGANG", "\"app-name:WOLFGANG\""),
    ("AMTRELAY", "10 0 1 203.0.113.15", "10 0 1 203.0.113.15"),
    ("AMTRELAY", "10 1 3 relay", "10 1 3 relay.example.com."),
    ("AMTRELAY", "128 1 0 .", "128 1 0 ."),
    (
        "RESINFO",
        "qnamemin exterr=15-17",
        "\"qnamemin\" \"exterr=15-17\"",
    ),
    ("WALLET", "BTC abc", "\"BTC\" \"abc\""),
    ("CLA", "TCP-v4", "\"TCP-v4\""),
    ("IPN", "18446744073709551615", "18446744073709551615"),
    ("TA", "1 8 2 AB", "1 8 2 AB"),
    ("DLV", "1 8 2 AB", "1 8 2 AB"),
    ("ALIAS", "www.example.net.", "www.example.net."),
    ("ALIAS", "@", "example.com."),
    ("TYPE65280", "\\# 4 0A 000001", "\\# 4 0A000001"),
    ("TYPE1", "\\# 4 0A000001", "10.0.0.1"),
];

#[test]
fn every_type_round_trips_from_text() {
    for &(rtype, text, printed) in SAMPLES.iter() {
        let rtype: RecordType = rtype.parse().unwrap();
        let wire =
            from_text(rtype, text, &origin()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut out = String::new();
        to_text(rtype, &wire, &mut out);
        assert_eq!(out, printed, "{rtype}");
        assert_eq!(check(rtype, &wire), Ok(()), "{rtype} {text}");
        assert_eq!(
            from_text(rtype, &out, &Name::root()).as_ref(),
            Ok(&wire),
            "{rtype} {out}"
        );
        let mut copied = Vec::new();
        read_wire(rtype, &wire, 0, wire.len(), &mut copied).unwrap();
        assert_eq!(copied, wire, "{rtype} {text}");
    }
}

/// FEATURES 1.3: whoever adds a row adds a sample.
#[test]
fn every_row_has_a_sample() {
    for &rtype in RecordType::REGISTERED {
        let sampled = SAMPLES
            .iter()
            .any(|(sample, ..)| sample.parse() == Ok(rtype));
        assert!(table::row(rtype).is_none() || sampled, "{rtype}");
    }
}

/// RFC 3597 5: the generic form gives the same octets for every type, known or not.
#[test]
fn every_type_reads_the_generic_form() {
    for &(rtype, text, _) in SAMPLES.iter() {
        let rtype: RecordType = rtype.parse().unwrap();
        let wire = from_text(rtype, text, &origin()).unwrap();
        let mut generic = String::new();
        encode::generic(&wire, &mut generic);
        assert_eq!(
            from_text(rtype, &generic, &origin()).as_ref(),
            Ok(&wire),
            "{rtype} {generic}"
        );
    }
}

/// No prefix of valid RDATA makes anything panic, and none longer than it is accepted silently.
#[test]
fn octets_after_fixed_rdata_are_refused() {
    for (rtype, text) in [
        ("A", "192.0.2.1"),
        ("MX", "1 ."),
        ("SOA", ". . 1 2 3 4 5"),
        ("CNAME", "."),
    ] {
        let rtype: RecordType = rtype.parse().unwrap();
        let mut wire = from_text(rtype, text, &origin()).unwrap();
        wire.push(0);
        assert_eq!(check(rtype, &wire), Err(RdataError::TrailingData { rtype }));
        for length in 0..wire.len() - 1 {
            assert!(check(rtype, wire.get(..length).unwrap()).is_err());
        }
    }
}

#[test]
fn text_errors_name_place_and_reason() {
    for (rtype, text, column, reason) in [
        ("A", "192.0.2", 1, "not an IPv4 address"),
        ("MX", "10", 3, "exchange is missing"),
        (
            "MX",
            "70000 a",
            1,
            "preference is not a number from 0 to 65535",
        ),
        ("A", "192.0.2.1 x", 11, "unexpected text"),
        ("TXT", "\"abc", 1, "quote is not closed"),
        ("CAA", "0 is-sue x", 3, "letters and digits"),
        ("SVCB", "1 . port=x", 5, "key `port`: not a port number"),
        ("SVCB", "1 . alpn=a alpn=b", 12, "key `alpn`: given twice"),
        ("SVCB", "1 . mandatory=port", 5, "`port` is not there"),
        ("SVCB", "1 . no-default-alpn", 5, "needs the key `alpn`"),
        ("SVCB", "1 . key65535=x", 5, "reserved"),
        ("SVCB", "1 . prot=1", 5, "unknown key `prot`"),
        ("SVCB", "1 . dohpath=/q", 5, "variable `dns`"),
        ("SVCB", "1 . dohpath=q{?dns}", 5, "variable `dns`"),
        ("SVCB", "1 . dohpath=/q{?dns", 5, "variable `dns`"),
        ("SVCB", "1 . dohpath=/q{?dns}{", 5, "variable `dns`"),
        ("SVCB", "1 . dohpath=/q{?adns}", 5, "variable `dns`"),
        ("SVCB", "1 . dohpath=/\\255{?dns}", 5, "variable `dns`"),
        ("SVCB", "1 . key7=/q", 5, "variable `dns`"),
        ("A", "\\# 3 010203", 1, "RDATA ends inside its address"),
        ("TYPE999", "x", 1, "RFC 3597"),
        ("TYPE999", "\\# 2 010203", 4, "3 octets follow, not 2"),
        ("OPT", "\\# 0", 1, "cannot stand in a zone"),
        ("LOC", "91 N 0 E 0m", 1, "latitude"),
        ("LOC", "52 x", 4, "latitude"),
        (
            "LOC",
            "52 N 5 E 184467440737095516.15m",
            10,
            "altitude is not metres",
        ),
        (
            "RRSIG",
            "A 8 1 1 20260231000000 1 1 . AA==",
            9,
            "expiration is not a time",
        ),
        ("DS", "1 8 2 ABC", 7, "even number of hex digits"),
    ] {
        let rtype: RecordType = rtype.parse().unwrap();
        match from_text(rtype, text, &origin()) {
            Err(RdataError::Text {
                column: at,
                reason: why,
                ..
            }) => {
                assert!(
                    at == column && why.contains(reason),
                    "{rtype} {text}: {at} {why}"
                );
            }
            other => panic!("{rtype} {text}: {other:?}"),
        }
    }
}

#[test]
fn long_strings_are_refused_with_advice() {
    let text = format!("\"{}\"", "x".repeat(256));
    let error = from_text(RecordType::TXT, &text, &origin()).unwrap_err();
    assert!(error.to_string().contains("several strings"), "{error}");
}

/// RFC 3597 4: names in types of RFC 1035 may be compressed in a message.
#[test]
fn compressed_names_are_decompressed() {
    let message = b"\x07example\x00\x00\x0a\x04mail\xc0\x00";
    let mut out = Vec::new();
    read_wire(RecordType::MX, message, 9, 9, &mut out).unwrap();
    assert_eq!(out, b"\x00\x0a\x04mail\x07example\x00");
}

/// RFC 9460 2.2, RFC 6672 2.1: names in newer types may not.
#[test]
fn compression_is_refused_where_it_is_not_allowed() {
    let message = b"\x07example\x00\x00\x01\xc0\x00";
    for (rtype, at, len) in [(RecordType::SVCB, 9, 4), (RecordType::DNAME, 11, 2)] {
        assert!(
            read_wire(rtype, message, at, len, &mut Vec::new()).is_err(),
            "{rtype}"
        );
    }
}

/// A name may not run past its RDATA into the next record.
#[test]
fn names_end_inside_rdata() {
    let message = b"\x03abc\x00";
    assert!(read_wire(RecordType::NS, message, 0, 4, &mut Vec::new()).is_err());
    assert!(read_wire(RecordType::NS, message, 0, 9, &mut Vec::new()).is_err());
    assert!(read_wire(RecordType::NS, message, usize::MAX, 1, &mut Vec::new()).is_err());
}

#[test]
fn names_are_listed_with_what_may_be_done_to_them() {
    let list = |rtype: RecordType, text: &str| {
        let wire = from_text(rtype, text, &origin()).unwrap();
        names(rtype, &wire)
            .map(|name| (name.offset, name.len, name.compress, name.fold))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(RecordType::SOA, "a. b. 1 2 3 4 5"),
        [(0, 3, true, true), (3, 3, true, true)]
    );
    assert_eq!(list(RecordType::SRV, "1 2 3 a."), [(6, 3, false, true)]);
    assert_eq!(list(RecordType::NSEC, "a. A"), [(0, 3, false, false)]);
    assert_eq!(
        list(RecordType::HTTPS, "1 a. port=1"),
        [(2, 3, false, false)]
    );
    assert_eq!(
        list(RecordType::NAPTR, "1 2 s x \"\" a."),
        [(9, 3, false, true)]
    );
    assert_eq!(list(RecordType::A, "192.0.2.1"), []);
}

/// RDATA that some other software stored wrongly is still printed, and nothing of it is lost.
#[test]
fn invalid_rdata_prints_in_the_generic_form() {
    let mut out = String::new();
    to_text(RecordType::A, &[1, 2, 3], &mut out);
    assert_eq!(out, "\\# 3 010203");
}

fn rtypes() -> impl Strategy<Value = RecordType> {
    prop_oneof![
        proptest::sample::select(RecordType::REGISTERED),
        any::<u16>().prop_map(RecordType),
    ]
}

/// RDATA that often gets past the first fields of many types.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..12),
        proptest::collection::vec(0u8..4, 0..12),
        Just(b"\x03www\x07example\x00".to_vec()),
        Just(b"\x00\x01\x00\x03\x02h2".to_vec()),
        Just(b"\x00\x02\x60\x01".to_vec()),
        Just(b"\xc0\x00".to_vec()),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// P2: whatever arrives, nothing panics; what is accepted prints and reads back to the same octets.
    #[test]
    fn accepted_octets_round_trip(rtype in rtypes(), rdata in octets()) {
        let accepted = check(rtype, &rdata).is_ok();
        let mut text = String::new();
        to_text(rtype, &rdata, &mut text);
        names(rtype, &rdata).for_each(drop);
        let mut copied = Vec::new();
        let read = read_wire(rtype, &rdata, 0, rdata.len(), &mut copied);
        if accepted {
            prop_assert_eq!(read, Ok(()));
            prop_assert_eq!(&copied, &rdata);
            match from_text(rtype, &text, &Name::root()) {
                Ok(again) if rtype == RecordType::LOC => prop_assert_eq!(again.len(), rdata.len()),
                Ok(again) => prop_assert_eq!(again, rdata, "{} {}", rtype, text),
                // Self-consistency is asked of text only.
                Err(error) => prop_assert!(
                    error.to_string().contains("needs the key") || error.to_string().contains("is not there"),
                    "{} {} {}", rtype, text, error
                ),
            }
        }
    }

    /// P1: RDATA anywhere in any message.
    #[test]
    fn reading_from_any_message_never_panics(rtype in rtypes(), message in octets(), at in 0usize..40, len in 0usize..40) {
        let mut out = Vec::new();
        if read_wire(rtype, &message, at, len, &mut out).is_ok() {
            prop_assert_eq!(check(rtype, &out), Ok(()));
        }
    }

    /// Any text is either RDATA that passes the check, or an error.
    #[test]
    fn any_text_is_rdata_or_an_error(rtype in rtypes(), text in "[ -~]{0,40}|([0-9]{1,3} ){0,4}[a-zA-Z0-9./:=\",\\\\-]{0,20}") {
        if let Ok(wire) = from_text(rtype, &text, &origin()) {
            prop_assert_eq!(check(rtype, &wire), Ok(()));
        }
    }
}

/// RFC 9461 5, RFC 6570 2: the variable `dns` may stand in any kind of expression, among others. BIND
/// takes these too.
#[test]
fn a_doh_path_is_a_template_with_the_variable_dns() {
    for path in [
        "/q{?dns}",
        "/q{?other,dns}",
        "/q?a=b{&dns}",
        "/q{dns}",
        "/{+a}/{?dns:9}",
    ] {
        let text = format!("1 . dohpath=\"{path}\"");
        let wire = from_text(RecordType::SVCB, &text, &Name::root());
        assert!(wire.is_ok(), "{path}: {wire:?}");
    }
}
