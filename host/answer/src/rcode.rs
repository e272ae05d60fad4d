//! Response codes, and the one place where a fault becomes one.
//!
//! Codes above 15 need EDNS: their upper eight bits travel in the OPT record (RFC 6891 6.1.3).

use std::fmt;

/// A response code, extended ones included (RFC 6895 2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// Success, also for NODATA and referrals.
    pub const NOERROR: Self = Self(0);
    /// The message could not be understood.
    pub const FORMERR: Self = Self(1);
    /// Something broke on our side.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// This kind of message is not served.
    pub const NOTIMP: Self = Self(4);
    /// Policy: above all, a name in no zone of ours.
    pub const REFUSED: Self = Self(5);
    /// A DNAME substitution made a name longer than 255 octets (RFC 6672 2.2).
    pub const YXDOMAIN: Self = Self(6);
    /// Not authoritative for the zone of a NOTIFY or UPDATE, or a TSIG key we do not have.
    pub const NOTAUTH: Self = Self(9);
    /// An EDNS version above 0 (RFC 6891 6.1.3).
    pub const BADVERS: Self = Self(16);
    /// A server cookie is missing or not good; a good one comes with this (RFC 7873 5.2.3).
    pub const BADCOOKIE: Self = Self(23);
    /// The name of a TSIG key is not known; lives in the TSIG record's own error field (RFC 8945 3).
    pub const BADKEY: Self = Self(17);

    /// The four bits that fit the header.
    #[must_use]
    pub fn low(self) -> u8 {
        (self.0 & 0xf) as u8
    }

    /// The eight bits that the OPT record carries.
    #[must_use]
    pub fn high(self) -> u8 {
        (self.0 >> 4) as u8
    }
}

impl fmt::Display for Rcode {
    /// The mnemonic of the IANA registry, or `RCODEnn`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NOERROR => "NOERROR",
            Self::FORMERR => "FORMERR",
            Self::SERVFAIL => "SERVFAIL",
            Self::NXDOMAIN => "NXDOMAIN",
            Self::NOTIMP => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self::YXDOMAIN => "YXDOMAIN",
            Self(7) => "YXRRSET",
            Self(8) => "NXRRSET",
            Self::NOTAUTH => "NOTAUTH",
            Self(10) => "NOTZONE",
            Self::BADVERS => "BADVERS",
            Self::BADCOOKIE => "BADCOOKIE",
            Self(other) => return write!(f, "RCODE{other}"),
        };
        f.write_str(name)
    }
}

impl fmt::Debug for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a message that still gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// RFC 9619: exactly one question, no more, no fewer.
    #[error("QDCOUNT is not 1")]
    QuestionCount,
    /// The question's name or its four octets after it do not parse.
    #[error("the question does not parse")]
    Question,
    /// A record is cut short, or its owner name does not parse.
    #[error("a record does not parse")]
    Record,
    /// Octets after the last counted record.
    #[error("octets after the last record")]
    Trailing,
    /// RFC 6891 6.1.1: at most one OPT, in the additional section, owned by the root.
    #[error("an OPT record that may not stand there")]
    Opt,
    /// RFC 7873 5.2.2: a cookie has 8 octets, or 16 to 40.
    #[error("a cookie of an impossible length")]
    Cookie,
    /// RFC 8945 5.1: a TSIG record is the last one of the additional section.
    #[error("a TSIG record that is not the last")]
    TsigPlace,
    /// A type that only makes sense inside messages was asked for.
    #[error("this type cannot be asked for")]
    MetaType,
    /// AXFR without a connection.
    #[error("AXFR over UDP")]
    AxfrOverUdp,
    /// Class NONE is for UPDATE sections only (RFC 2136 2.4).
    #[error("class NONE in a question")]
    ClassNone,
    /// An opcode that is not served.
    #[error("opcode is not served")]
    Opcode,
    /// A query type that is not served (MAILA, MAILB, TKEY …).
    #[error("query type is not served")]
    QueryType,
    /// Signed with SIG(0): no public-key work is done for strangers.
    #[error("SIG(0) is not served")]
    Sig0,
    /// A class in which we have no zone.
    #[error("no zone in this class")]
    Class,
    /// EDNS version above 0.
    #[error("EDNS version above 0")]
    EdnsVersion,
    /// A good cookie is asked for before anything is answered.
    #[error("no good cookie")]
    BadCookie,
    /// Signed with a TSIG key that is not known here.
    #[error("unknown TSIG key")]
    TsigKey,
}

impl Fault {
    /// The code the sender is told.
    #[must_use]
    pub fn rcode(self) -> Rcode {
        match self {
            Self::QuestionCount
            | Self::Question
            | Self::Record
            | Self::Trailing
            | Self::Opt
            | Self::Cookie
            | Self::TsigPlace
            | Self::MetaType
            | Self::AxfrOverUdp
            | Self::ClassNone => Rcode::FORMERR,
            Self::Opcode | Self::QueryType | Self::Sig0 => Rcode::NOTIMP,
            Self::Class => Rcode::REFUSED,
            Self::EdnsVersion => Rcode::BADVERS,
            Self::BadCookie => Rcode::BADCOOKIE,
            Self::TsigKey => Rcode::NOTAUTH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6891 6.1.3: BADVERS is 16, so its header part is 0 and its OPT part 1.
    #[test]
    fn badvers_splits_into_header_and_opt_parts() {
        assert_eq!((Rcode::BADVERS.low(), Rcode::BADVERS.high()), (0, 1));
    }
}
