//! Which fields each type has: the one place to add a type.

use super::field::Field::{
    self, Algorithm, Base64, Bitmap, CertType, Eui, Gateway, Hash, Hex, HostIdentity, Ip4, Ip6,
    Location, Locator, Name, Nsap, OptionalText, Params, Prefixes, Salt, Scheme, Tag, Text, Texts,
    Time, Ttl, Type, U8, U16, U32, U64, Value,
};
use super::field::Place::{Folded, Listed, Plain, Rfc1035};
use super::gateway::Kind;
use crate::rtype::RecordType;

/// A type's fields with the names that error messages call them.
pub(super) type Row = &'static [(&'static str, Field)];

const KEY: Row = &[
    ("flags", U16),
    ("protocol", U8),
    ("algorithm", Algorithm),
    ("public key", Base64),
];
const DIGEST: Row = &[
    ("key tag", U16),
    ("algorithm", Algorithm),
    ("digest type", U8),
    ("digest", Hex(1)),
];
const CERTIFICATE_ASSOCIATION: Row = &[
    ("certificate usage", U8),
    ("selector", U8),
    ("matching type", U8),
    ("association data", Hex(1)),
];
const SERVICE_BINDING: Row = &[
    ("priority", U16),
    ("target", Name(Plain)),
    ("parameters", Params),
];
const STRINGS: Row = &[("text", Texts)];

/// The fields of a type; `None` for what is opaque here.
pub(super) fn row(rtype: RecordType) -> Option<Row> {
    Some(match rtype {
        RecordType::A => &[("address", Ip4)],
        RecordType::AAAA => &[("address", Ip6)],
        RecordType::NS => &[("name server", Name(Rfc1035))],
        RecordType::CNAME | RecordType::PTR => &[("target", Name(Rfc1035))],
        // RFC 3597 4: names of types that came later are never compressed.
        RecordType::ALIAS => &[("target", Name(Plain))],
        RecordType::MD | RecordType::MF | RecordType::MB | RecordType::MG | RecordType::MR => {
            &[("name", Name(Rfc1035))]
        }
        RecordType::SOA => &[
            ("primary", Name(Rfc1035)),
            ("mailbox", Name(Rfc1035)),
            ("serial", U32),
            ("refresh", Ttl),
            ("retry", Ttl),
            ("expire", Ttl),
            ("minimum", Ttl),
        ],
        RecordType::HINFO => &[("CPU", Text), ("operating system", Text)],
        RecordType::MINFO => &[("mailbox", Name(Rfc1035)), ("error mailbox", Name(Rfc1035))],
        RecordType::MX => &[("preference", U16), ("exchange", Name(Rfc1035))],
        RecordType::TXT
        | RecordType::SPF
        | RecordType::AVC
        | RecordType::NINFO
        | RecordType::RESINFO
        | RecordType::WALLET
        | RecordType::CLA => STRINGS,
        RecordType::RP => &[("mailbox", Name(Listed)), ("text name", Name(Listed))],
        RecordType::AFSDB => &[("subtype", U16), ("host", Name(Listed))],
        RecordType::X25 => &[("address", Text)],
        RecordType::ISDN => &[("address", Text), ("subaddress", OptionalText)],
        RecordType::RT => &[("preference", U16), ("host", Name(Listed))],
        RecordType::NSAP => &[("address", Nsap)],
        RecordType::NSAP_PTR => &[("name", Name(Folded))],
        RecordType::PX => &[
            ("preference", U16),
            ("map 822", Name(Listed)),
            ("map X.400", Name(Listed)),
        ],
        RecordType::GPOS => &[("longitude", Text), ("latitude", Text), ("altitude", Text)],
        RecordType::EID | RecordType::NIMLOC => &[("data", Hex(1))],
        RecordType::LOC => &[("location", Location)],
        RecordType::SRV => &[
            ("priority", U16),
            ("weight", U16),
            ("port", U16),
            ("target", Name(Listed)),
        ],
        RecordType::NAPTR => &[
            ("order", U16),
            ("preference", U16),
            ("flags", Text),
            ("services", Text),
            ("regular expression", Text),
            ("replacement", Name(Listed)),
        ],
        RecordType::KX => &[("preference", U16), ("exchanger", Name(Folded))],
        RecordType::CERT => &[
            ("type", CertType),
            ("key tag", U16),
            ("algorithm", Algorithm),
            ("certificate", Base64),
        ],
        RecordType::DNAME => &[("target", Name(Folded))],
        RecordType::APL => &[("prefixes", Prefixes)],
        RecordType::DS | RecordType::CDS | RecordType::DLV | RecordType::TA => DIGEST,
        RecordType::SSHFP => &[
            ("algorithm", U8),
            ("fingerprint type", U8),
            ("fingerprint", Hex(1)),
        ],
        RecordType::IPSECKEY => &[("IPSECKEY data", Gateway(Kind::IpsecKey))],
        RecordType::AMTRELAY => &[("AMTRELAY data", Gateway(Kind::AmtRelay))],
        RecordType::RRSIG => &[
            ("type covered", Type),
            ("algorithm", Algorithm),
            ("labels", U8),
            ("original TTL", Ttl),
            ("expiration", Time),
            ("inception", Time),
            ("key tag", U16),
            ("signer", Name(Folded)),
            ("signature", Base64),
        ],
        // The form of RRSIG's ancestor, except that its name may arrive compressed (RFC 3597 4).
        RecordType::SIG => &[
            ("type covered", Type),
            ("algorithm", Algorithm),
            ("labels", U8),
            ("original TTL", Ttl),
            ("expiration", Time),
            ("inception", Time),
            ("key tag", U16),
            ("signer", Name(Listed)),
            ("signature", Base64),
        ],
        // RFC 6840 5.1: the next name is not folded when signed.
        RecordType::NSEC => &[("next name", Name(Plain)), ("types", Bitmap)],
        RecordType::DNSKEY | RecordType::CDNSKEY | RecordType::KEY | RecordType::RKEY => KEY,
        RecordType::DHCID | RecordType::OPENPGPKEY => &[("data", Base64)],
        RecordType::NSEC3 => &[
            ("hash algorithm", U8),
            ("flags", U8),
            ("iterations", U16),
            ("salt", Salt),
            ("next hash", Hash),
            ("types", Bitmap),
        ],
        RecordType::NSEC3PARAM => &[
            ("hash algorithm", U8),
            ("flags", U8),
            ("iterations", U16),
            ("salt", Salt),
        ],
        RecordType::TLSA | RecordType::SMIMEA => CERTIFICATE_ASSOCIATION,
        RecordType::HIP => &[("HIP data", HostIdentity)],
        RecordType::TALINK => &[("previous", Name(Plain)), ("next", Name(Plain))],
        RecordType::CSYNC => &[("serial", U32), ("flags", U16), ("types", Bitmap)],
        // RFC 8976 2.2.4: a digest has at least 12 octets.
        RecordType::ZONEMD => &[
            ("serial", U32),
            ("scheme", U8),
            ("hash algorithm", U8),
            ("digest", Hex(12)),
        ],
        RecordType::SVCB | RecordType::HTTPS => SERVICE_BINDING,
        RecordType::DSYNC => &[
            ("type", Type),
            ("scheme", Scheme),
            ("port", U16),
            ("target", Name(Plain)),
        ],
        RecordType::NID => &[("preference", U16), ("node identifier", Locator)],
        RecordType::L32 => &[("preference", U16), ("locator", Ip4)],
        RecordType::L64 => &[("preference", U16), ("locator", Locator)],
        RecordType::LP => &[("preference", U16), ("name", Name(Plain))],
        RecordType::EUI48 => &[("address", Eui(6))],
        RecordType::EUI64 => &[("address", Eui(8))],
        RecordType::URI => &[("priority", U16), ("weight", U16), ("target", Value(1))],
        RecordType::CAA => &[("flags", U8), ("tag", Tag), ("value", Value(0))],
        RecordType::IPN => &[("node number", U64)],
        _ => return None,
    })
}
