//! Record types and classes with their mnemonics (IANA registry, RFC 6895, RFC 3597).

use std::fmt;
use std::str::FromStr;

/// A record type by number. Any number is valid; unknown ones print as `TYPEnnn`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordType(pub u16);

/// A class by number. Zones here are of class IN only.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Class(pub u16);

/// A mnemonic that is not in the registry and is not of the RFC 3597 form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown mnemonic `{0}`")]
pub struct UnknownMnemonic(pub String);

macro_rules! record_types {
    ($($constant:ident $text:literal $number:literal $doc:literal;)*) => {
        impl RecordType {
            $(#[doc = $doc] pub const $constant: Self = Self($number);)*

            /// The mnemonic, if the registry has one.
            pub const fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)*
                    _ => None,
                }
            }

            /// Every type that has a mnemonic here.
            pub const REGISTERED: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

record_types! {
    A "A" 1 "IPv4 address (RFC 1035).";
    NS "NS" 2 "Name server (RFC 1035).";
    MD "MD" 3 "Mail destination, obsolete (RFC 1035).";
    MF "MF" 4 "Mail forwarder, obsolete (RFC 1035).";
    CNAME "CNAME" 5 "Alias (RFC 1035).";
    SOA "SOA" 6 "Start of authority (RFC 1035).";
    MB "MB" 7 "Mailbox, experimental (RFC 1035).";
    MG "MG" 8 "Mail group, experimental (RFC 1035).";
    MR "MR" 9 "Mail rename, experimental (RFC 1035).";
    NULL "NULL" 10 "Anything, experimental (RFC 1035).";
    WKS "WKS" 11 "Well-known services (RFC 1035).";
    PTR "PTR" 12 "Pointer (RFC 1035).";
    HINFO "HINFO" 13 "Host information (RFC 1035, RFC 8482).";
    MINFO "MINFO" 14 "Mailbox information (RFC 1035).";
    MX "MX" 15 "Mail exchange (RFC 1035).";
    TXT "TXT" 16 "Text (RFC 1035).";
    RP "RP" 17 "Responsible person (RFC 1183).";
    AFSDB "AFSDB" 18 "AFS database (RFC 1183, RFC 5864).";
    X25 "X25" 19 "X.25 address (RFC 1183).";
    ISDN "ISDN" 20 "ISDN address (RFC 1183).";
    RT "RT" 21 "Route through (RFC 1183).";
    NSAP "NSAP" 22 "NSAP address (RFC 1706).";
    NSAP_PTR "NSAP-PTR" 23 "NSAP pointer (RFC 1348).";
    SIG "SIG" 24 "Signature of RFC 2535, SIG(0) (RFC 2931).";
    KEY "KEY" 25 "Key of RFC 2535.";
    PX "PX" 26 "X.400 mapping (RFC 2163).";
    GPOS "GPOS" 27 "Geographical position (RFC 1712).";
    AAAA "AAAA" 28 "IPv6 address (RFC 3596).";
    LOC "LOC" 29 "Location (RFC 1876).";
    NXT "NXT" 30 "Next domain of RFC 2535.";
    EID "EID" 31 "Endpoint identifier.";
    NIMLOC "NIMLOC" 32 "Nimrod locator.";
    SRV "SRV" 33 "Service (RFC 2782).";
    ATMA "ATMA" 34 "ATM address.";
    NAPTR "NAPTR" 35 "Naming authority pointer (RFC 3403).";
    KX "KX" 36 "Key exchanger (RFC 2230).";
    CERT "CERT" 37 "Certificate (RFC 4398).";
    A6 "A6" 38 "IPv6 address, historic (RFC 6563).";
    DNAME "DNAME" 39 "Alias of a subtree (RFC 6672).";
    SINK "SINK" 40 "Kitchen sink.";
    OPT "OPT" 41 "EDNS pseudo-record (RFC 6891).";
    APL "APL" 42 "Address prefixes (RFC 3123).";
    DS "DS" 43 "Delegation signer (RFC 4034).";
    SSHFP "SSHFP" 44 "SSH key fingerprint (RFC 4255).";
    IPSECKEY "IPSECKEY" 45 "`IPsec` key (RFC 4025).";
    RRSIG "RRSIG" 46 "Signature (RFC 4034).";
    NSEC "NSEC" 47 "Denial of existence (RFC 4034).";
    DNSKEY "DNSKEY" 48 "Zone key (RFC 4034).";
    DHCID "DHCID" 49 "DHCP identifier (RFC 4701).";
    NSEC3 "NSEC3" 50 "Hashed denial of existence (RFC 5155).";
    NSEC3PARAM "NSEC3PARAM" 51 "Parameters of NSEC3 (RFC 5155).";
    TLSA "TLSA" 52 "TLS certificate association (RFC 6698).";
    SMIMEA "SMIMEA" 53 "S/MIME certificate association (RFC 8162).";
    HIP "HIP" 55 "Host identity (RFC 8005).";
    NINFO "NINFO" 56 "Zone status.";
    RKEY "RKEY" 57 "Key for NAPTR.";
    TALINK "TALINK" 58 "Trust anchor link.";
    CDS "CDS" 59 "Child copy of DS (RFC 7344).";
    CDNSKEY "CDNSKEY" 60 "Child copy of DNSKEY (RFC 7344).";
    OPENPGPKEY "OPENPGPKEY" 61 "`OpenPGP` key (RFC 7929).";
    CSYNC "CSYNC" 62 "Child-to-parent synchronisation (RFC 7477).";
    ZONEMD "ZONEMD" 63 "Digest of the zone (RFC 8976).";
    SVCB "SVCB" 64 "Service binding (RFC 9460).";
    HTTPS "HTTPS" 65 "Service binding of HTTPS (RFC 9460).";
    DSYNC "DSYNC" 66 "Where to send a generalised NOTIFY (RFC 9859).";
    SPF "SPF" 99 "Sender policy, obsolete (RFC 7208).";
    NID "NID" 104 "ILNP node identifier (RFC 6742).";
    L32 "L32" 105 "ILNP locator of 32 bits (RFC 6742).";
    L64 "L64" 106 "ILNP locator of 64 bits (RFC 6742).";
    LP "LP" 107 "ILNP pointer (RFC 6742).";
    EUI48 "EUI48" 108 "EUI-48 address (RFC 7043).";
    EUI64 "EUI64" 109 "EUI-64 address (RFC 7043).";
    NXNAME "NXNAME" 128 "Meta-type inside NSEC bitmaps of compact denial (RFC 9824).";
    TKEY "TKEY" 249 "Transaction key (RFC 2930).";
    TSIG "TSIG" 250 "Transaction signature (RFC 8945).";
    IXFR "IXFR" 251 "Question type: incremental transfer (RFC 1995).";
    AXFR "AXFR" 252 "Question type: whole transfer (RFC 5936).";
    MAILB "MAILB" 253 "Question type: mailbox records (RFC 1035).";
    MAILA "MAILA" 254 "Question type: mail agents, obsolete (RFC 1035).";
    ANY "ANY" 255 "Question type: everything (RFC 1035, RFC 8482).";
    URI "URI" 256 "Uniform resource identifier (RFC 7553).";
    CAA "CAA" 257 "Certification authority authorisation (RFC 8659).";
    AVC "AVC" 258 "Application visibility and control.";
    DOA "DOA" 259 "Digital object architecture.";
    AMTRELAY "AMTRELAY" 260 "Multicast tunnelling relay (RFC 8777).";
    RESINFO "RESINFO" 261 "What a resolver can do (RFC 9606).";
    WALLET "WALLET" 262 "Public wallet address.";
    CLA "CLA" 263 "BP convergence layer adapter.";
    IPN "IPN" 264 "BP node number.";
    TA "TA" 32768 "Trust anchor.";
    DLV "DLV" 32769 "Look-aside validation, historic (RFC 4431).";
    ALIAS "ALIAS" 65401 "Addresses of another name, looked up here; of private use, numbered as others number it.";
}

impl RecordType {
    /// Types that exist only in questions or messages and may not stand in a zone
    /// (RFC 6895 3.1: 128 to 255, and OPT).
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }

    /// Types that RFC 4035 2.5 and RFC 4034 3 let stand beside a CNAME.
    pub const fn may_accompany_cname(self) -> bool {
        matches!(
            self,
            Self::RRSIG | Self::NSEC | Self::SIG | Self::KEY | Self::NXT
        )
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(text) => f.pad(text),
            // RFC 3597 5
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

impl FromStr for RecordType {
    type Err = UnknownMnemonic;

    /// Case does not matter; `TYPEnnn` and the question type `*` are known.
    fn from_str(text: &str) -> Result<Self, UnknownMnemonic> {
        Self::from_mnemonic(text.as_bytes())
            .ok_or_else(|| UnknownMnemonic(text.chars().take(80).collect()))
    }
}

impl RecordType {
    /// As [`FromStr`], for octets of a master file.
    pub fn from_mnemonic(text: &[u8]) -> Option<Self> {
        // The few types that make up most of every zone, before the search.
        match text {
            b"A" => return Some(Self::A),
            b"NS" => return Some(Self::NS),
            b"AAAA" => return Some(Self::AAAA),
            b"CNAME" => return Some(Self::CNAME),
            b"MX" => return Some(Self::MX),
            b"TXT" => return Some(Self::TXT),
            b"DS" => return Some(Self::DS),
            b"NSEC" => return Some(Self::NSEC),
            b"NSEC3" => return Some(Self::NSEC3),
            b"RRSIG" => return Some(Self::RRSIG),
            b"*" => return Some(Self::ANY),
            _ => {}
        }
        if text.len() > 10 {
            return None;
        }
        let registered = Self::REGISTERED.iter().find(|rtype| {
            rtype
                .mnemonic()
                .is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(text))
        });
        registered
            .copied()
            .or_else(|| number_after(b"TYPE", text).map(Self))
    }
}

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);
    /// Chaos, used for questions to the server itself.
    pub const CH: Self = Self(3);
    /// Hesiod.
    pub const HS: Self = Self(4);
    /// None (RFC 2136).
    pub const NONE: Self = Self(254);
    /// Any class, in questions.
    pub const ANY: Self = Self(255);

    /// The class of a mnemonic or `CLASSnnn`, case ignored.
    pub fn from_mnemonic(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"IN" | b"in" | b"In" | b"iN" => Self::IN,
            _ if text.eq_ignore_ascii_case(b"CH") => Self::CH,
            _ if text.eq_ignore_ascii_case(b"HS") => Self::HS,
            _ if text.eq_ignore_ascii_case(b"NONE") => Self::NONE,
            _ if text.eq_ignore_ascii_case(b"ANY") => Self::ANY,
            _ => Self(number_after(b"CLASS", text)?),
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IN => f.pad("IN"),
            Self::CH => f.pad("CH"),
            Self::HS => f.pad("HS"),
            Self::NONE => f.pad("NONE"),
            Self::ANY => f.pad("ANY"),
            Self(number) => f.pad(&format!("CLASS{number}")),
        }
    }
}

fn number_after(prefix: &[u8], text: &[u8]) -> Option<u16> {
    let (head, digits) = text.split_at_checked(prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3597 5: unknown types are TYPE and a decimal number.
    #[test]
    fn mnemonics_round_trip() {
        for number in 0..=u16::MAX {
            let rtype = RecordType(number);
            assert_eq!(rtype.to_string().parse(), Ok(rtype));
        }
    }

    #[test]
    fn mnemonics_ignore_case_and_refuse_rubbish() {
        assert_eq!("aAaA".parse(), Ok(RecordType::AAAA));
        assert_eq!("type1".parse(), Ok(RecordType::A));
        assert_eq!("*".parse(), Ok(RecordType::ANY));
        for bad in [
            "",
            "TYPE",
            "TYPE65536",
            "TYPE+1",
            "TYPE-1",
            "BOGUS",
            "NSEC33",
        ] {
            assert!(bad.parse::<RecordType>().is_err(), "{bad}");
        }
        assert_eq!(Class::from_mnemonic(b"class1"), Some(Class::IN));
        assert_eq!(Class::from_mnemonic(b"XX"), None);
    }

    /// RFC 6895 3.1
    #[test]
    fn question_types_are_meta() {
        assert!(
            RecordType::ANY.is_meta() && RecordType::OPT.is_meta() && RecordType::TSIG.is_meta()
        );
        assert!(!RecordType::A.is_meta() && !RecordType::CAA.is_meta());
    }
}
