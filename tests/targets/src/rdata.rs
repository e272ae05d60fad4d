//! RDATA of every type, wire to text and text to wire.

use bailiwick_zone::rdata;
use bailiwick_zone::{Name, RecordType};

/// A type, then RDATA; and the same octets as a part of a message.
pub(crate) fn wire(octets: &[u8]) {
    let Some((&[high, low], octets)) = octets.split_first_chunk::<2>() else {
        return;
    };
    let rtype = RecordType(u16::from_be_bytes([high, low]));
    let accepted = rdata::check(rtype, octets).is_ok();
    let mut text = String::new();
    rdata::to_text(rtype, octets, &mut text);
    for name in rdata::names(rtype, octets) {
        assert!(octets.get(name.offset..name.offset + name.len).is_some());
    }
    let mut copied = Vec::new();
    let read = rdata::read_wire(rtype, octets, 0, octets.len(), &mut copied);
    if accepted {
        assert_eq!(read, Ok(()), "{rtype}");
        assert_eq!(copied, octets, "{rtype}");
        match rdata::from_text(rtype, &text, &Name::root()) {
            // LOC keeps sizes with one digit; several pairs mean the same.
            Ok(again) if rtype == RecordType::LOC => assert_eq!(again.len(), octets.len()),
            Ok(again) => assert_eq!(again, octets, "{rtype} {text}"),
            // RFC 9460 8, RFC 9461 5: of text more is asked than of the wire.
            Err(error) => {
                let error = error.to_string();
                let odd = ["needs the key", "is not there", "not a path with"];
                let odd = odd.iter().any(|words| error.contains(words));
                assert!(odd, "{rtype} {text}: {error}");
            }
        }
    }
    for (at, len) in [(2, octets.len().saturating_sub(2)), (0, octets.len() / 2)] {
        let mut copied = Vec::new();
        if rdata::read_wire(rtype, octets, at, len, &mut copied).is_ok() {
            assert_eq!(rdata::check(rtype, &copied), Ok(()), "{rtype}");
        }
    }
}

/// A type, then its text.
pub(crate) fn text(octets: &[u8]) {
    let Some((&[high, low], text)) = octets.split_first_chunk::<2>() else {
        return;
    };
    let rtype = RecordType(u16::from_be_bytes([high, low]));
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let origin = Name::parse("Example.").unwrap();
    if let Ok(wire) = rdata::from_text(rtype, text, &origin) {
        assert_eq!(rdata::check(rtype, &wire), Ok(()), "{rtype} {text}");
        let mut printed = String::new();
        rdata::to_text(rtype, &wire, &mut printed);
        let again = rdata::from_text(rtype, &printed, &Name::root());
        assert_eq!(
            again.as_ref(),
            Ok(&wire),
            "{rtype} {text} prints as {printed}"
        );
    }
}

/// One of each kind of field, as text.
const SAMPLES: [(&str, &str); 34] = [
    ("A", "192.0.2.1"),
    ("AAAA", "2001:db8::1"),
    ("SOA", "ns1 host\\.master 1 1h 15m 4W 1d"),
    ("MX", "10 mail"),
    ("TXT", "plain \"two words\" \"\\009\""),
    ("SRV", "0 5 5060 @"),
    ("NAPTR", "100 50 \"s\" \"http\" \"!^.*$!sip:a@b!\" ."),
    ("LOC", "42 21 54 N 71 06 18 W -24m 30m"),
    ("APL", "1:192.168.32.0/21 !2:ff00::/8"),
    ("CERT", "PGP 0 0 AQID"),
    (
        "DS",
        "60485 RSASHA1 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    ),
    ("SSHFP", "2 1 1234"),
    ("IPSECKEY", "10 1 2 192.0.2.38 AQNRU3mG"),
    ("IPSECKEY", "10 3 2 gw AQNRU3mG"),
    ("AMTRELAY", "10 1 3 relay"),
    ("RRSIG", "A 13 2 1h 20260101000000 20251201000000 1 @ AAAA"),
    ("NSEC", "host A MX RRSIG NSEC TYPE1234"),
    (
        "NSEC3",
        "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA",
    ),
    ("DNSKEY", "257 3 13 AAEC"),
    ("HIP", "2 200100107B1A74DF365639CC39F1D578 AwEAAbdx rvs"),
    ("CSYNC", "66 3 A NS AAAA"),
    ("ZONEMD", "1 1 1 FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E552"),
    (
        "SVCB",
        "16 foo mandatory=alpn,port alpn=\"f\\\\\\\\oo,h2\" port=53",
    ),
    (
        "HTTPS",
        "1 @ alpn=h3 no-default-alpn ech=AEP+DQ== ipv6hint=::1 dohpath=/q{?dns}",
    ),
    ("DSYNC", "CDS NOTIFY 5359 x"),
    ("NID", "10 0014:4fff:ff20:ee64"),
    ("EUI48", "00-00-5E-00-53-2a"),
    ("URI", "10 1 \"ftp://a/b\""),
    ("CAA", "0 issue \"ca.example; policy=ev\""),
    ("NSAP", "0x47.0005.80"),
    ("GPOS", "-32.6882 116.8652 10.0"),
    ("IPN", "18446744073709551615"),
    ("TYPE65280", "\\# 4 0A 000001"),
    ("ISDN", "150862028003217 004"),
];

pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    let samples = SAMPLES.iter().map(|(rtype, text)| {
        let rtype: RecordType = rtype.parse().unwrap();
        [&rtype.0.to_be_bytes()[..], text.as_bytes()].concat()
    });
    samples.collect()
}

pub(crate) fn wire_seeds() -> Vec<Vec<u8>> {
    let origin = Name::parse("example.").unwrap();
    let samples = SAMPLES.iter().map(|(rtype, text)| {
        let rtype: RecordType = rtype.parse().unwrap();
        let wire = rdata::from_text(rtype, text, &origin).unwrap();
        [&rtype.0.to_be_bytes()[..], &wire].concat()
    });
    samples.collect()
}
