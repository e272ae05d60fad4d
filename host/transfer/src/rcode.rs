//! Response codes of other servers, in words a zone's owner understands.

use std::fmt;

/// The four-bit RCODE of a message header (RFC 1035 4.1.1, RFC 2136 2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rcode(pub u8);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The request could not be parsed.
    pub const FORMERR: Self = Self(1);
    /// The server failed.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The kind of request is not implemented.
    pub const NOTIMP: Self = Self(4);
    /// Refused by policy.
    pub const REFUSED: Self = Self(5);
    /// Not authoritative for the zone.
    pub const NOTAUTH: Self = Self(9);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("NOERROR"),
            1 => f.write_str("FORMERR: it could not read our request"),
            2 => f.write_str("SERVFAIL: it has a problem with the zone itself"),
            3 => f.write_str("NXDOMAIN: it does not know the name"),
            4 => f.write_str("NOTIMP: it does not do this kind of request"),
            5 => f.write_str("REFUSED: its access list does not allow our address"),
            9 => f.write_str("NOTAUTH: it does not serve this zone"),
            other => write!(f, "error code {other}"),
        }
    }
}
