//! The kinds of field, and how long each is on the wire.
//!
//! [`Field::measure`] is the only place where wire data is judged: what it accepts can be printed,
//! searched for names and served.

#![warn(clippy::indexing_slicing)]

use super::{RdataError, apl, bitmap, gateway, hip, loc, svcb};
use crate::name::{self, NameError};
use crate::rtype::RecordType;

/// One field of a type's row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    /// A domain name.
    Name(Place),
    U8,
    U16,
    U32,
    U64,
    /// Seconds, in text also with units (`1h30m`).
    Ttl,
    /// Seconds since 1970 modulo 2^32, in text `YYYYMMDDHHmmSS` (RFC 4034 3.2).
    Time,
    /// A record type.
    Type,
    /// A DNSSEC algorithm, in text a number or a mnemonic (RFC 4034 A.1).
    Algorithm,
    /// A certificate type, in text a number or a mnemonic (RFC 4398 2.1).
    CertType,
    /// A DSYNC scheme, in text a number or a mnemonic (RFC 9859 2.1).
    Scheme,
    Ip4,
    Ip6,
    /// So many octets, in text hexadecimal with hyphens (RFC 7043).
    Eui(usize),
    /// Eight octets, in text four groups with colons (RFC 6742).
    Locator,
    /// A character string.
    Text,
    /// A character string that may be left out.
    OptionalText,
    /// One or more character strings up to the end.
    Texts,
    /// Octets up to the end without a length, in text one string; at least so many.
    Value(usize),
    /// A CAA property tag (RFC 8659 4.1).
    Tag,
    /// Octets up to the end, at least so many; in text hexadecimal.
    Hex(usize),
    /// Octets up to the end, at least one; in text base64.
    Base64,
    /// NSEC3 salt: length and octets; in text hexadecimal or `-`.
    Salt,
    /// NSEC3 next hashed owner: length and octets; in text base32hex.
    Hash,
    /// The types at a name (RFC 4034 4.1.2).
    Bitmap,
    /// SVCB parameters (RFC 9460 2.1).
    Params,
    /// The whole of LOC.
    Location,
    /// The whole of APL.
    Prefixes,
    /// The whole of IPSECKEY or AMTRELAY.
    Gateway(gateway::Kind),
    /// The whole of HIP.
    HostIdentity,
    /// The whole of NSAP, in text `0x` and hexadecimal with dots (RFC 1706).
    Nsap,
}

/// What may be done to a name in this place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In a type of RFC 1035: compressed both ways, folded when signed.
    Rfc1035,
    /// In a type listed by RFC 3597 4: may arrive compressed, never leaves so; folded.
    Listed,
    /// Never compressed; folded (RFC 4034 6.2).
    Folded,
    /// Never compressed, never changed.
    Plain,
}

impl Place {
    pub(super) fn may_arrive_compressed(self) -> bool {
        matches!(self, Self::Rfc1035 | Self::Listed)
    }

    pub(super) fn may_leave_compressed(self) -> bool {
        self == Self::Rfc1035
    }

    pub(super) fn is_folded(self) -> bool {
        self != Self::Plain
    }
}

/// Why octets are not a field.
#[derive(Debug)]
pub(super) enum Fault {
    /// The data ends too early.
    Short,
    /// What is there must not be.
    Bad(String),
}

impl Fault {
    pub(super) fn bad(reason: impl Into<String>) -> Self {
        Self::Bad(reason.into())
    }

    pub(super) fn of(self, rtype: RecordType, field: &'static str) -> RdataError {
        match self {
            Self::Short => RdataError::Truncated { rtype, field },
            Self::Bad(reason) => RdataError::Invalid {
                rtype,
                field,
                reason,
            },
        }
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Truncated => Self::Short,
            error => Self::Bad(error.to_string()),
        }
    }
}

impl Field {
    /// How many octets at the start of `rest` (all that is left of the RDATA) are this field.
    pub(super) fn measure(self, rest: &[u8]) -> Result<usize, Fault> {
        match self {
            Self::Name(_) => Ok(name::wire_len(rest)?),
            Self::U8 | Self::Algorithm | Self::Scheme => fixed(rest, 1),
            Self::U16 | Self::Type | Self::CertType => fixed(rest, 2),
            Self::U32 | Self::Ttl | Self::Time | Self::Ip4 => fixed(rest, 4),
            Self::U64 | Self::Locator => fixed(rest, 8),
            Self::Ip6 => fixed(rest, 16),
            Self::Eui(length) => fixed(rest, length),
            Self::Text | Self::Salt => counted(rest),
            Self::OptionalText if rest.is_empty() => Ok(0),
            Self::OptionalText => counted(rest),
            Self::Texts => {
                let mut at = counted(rest)?;
                while at < rest.len() {
                    at += counted(rest.get(at..).unwrap_or_default())?;
                }
                Ok(at)
            }
            Self::Value(least) | Self::Hex(least) => at_least(rest, least),
            Self::Base64 => at_least(rest, 1),
            Self::Tag => {
                let length = counted(rest)?;
                let tag = rest.get(1..length).unwrap_or_default();
                check_tag(tag).map_err(Fault::bad)?;
                Ok(length)
            }
            Self::Hash => match counted(rest)? {
                1 => Err(Fault::bad("empty hash")),
                length => Ok(length),
            },
            Self::Bitmap => bitmap::measure(rest),
            Self::Params => svcb::measure(rest),
            Self::Location => loc::measure(rest),
            Self::Prefixes => apl::measure(rest),
            Self::Gateway(kind) => gateway::measure(kind, rest),
            Self::HostIdentity => hip::measure(rest),
            Self::Nsap => at_least(rest, 1),
        }
    }
}

/// RFC 8659 4.1: a tag is one or more ASCII letters and digits.
pub(super) fn check_tag(tag: &[u8]) -> Result<(), &'static str> {
    if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
        return Err("a tag is one or more letters and digits");
    }
    Ok(())
}

fn fixed(rest: &[u8], length: usize) -> Result<usize, Fault> {
    if rest.len() < length {
        Err(Fault::Short)
    } else {
        Ok(length)
    }
}

fn at_least(rest: &[u8], least: usize) -> Result<usize, Fault> {
    if rest.len() < least {
        Err(Fault::Short)
    } else {
        Ok(rest.len())
    }
}

fn counted(rest: &[u8]) -> Result<usize, Fault> {
    let length = usize::from(*rest.first().ok_or(Fault::Short)?);
    fixed(rest, 1 + length)
}
