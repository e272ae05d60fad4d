//! A query as rules, leases and the sketch look at it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bailiwick_zone::hash::LookupName;
use bailiwick_zone::rtype::RecordType;

/// How a query came in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs, reason = "the names of the transports")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Https,
    Http3,
    Quic,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Udp,
        Self::Tcp,
        Self::Tls,
        Self::Https,
        Self::Http3,
        Self::Quic,
    ];

    /// What people call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Https => "HTTPS",
            Self::Http3 => "HTTP/3",
            Self::Quic => "QUIC",
        }
    }

    /// Truncation means something only where a retry over a stream is possible.
    #[must_use]
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp)
    }
}

/// A client address as two words; IPv4 as its IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), so that
/// one kind of prefix serves both families.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Source {
    pub(crate) hi: u64,
    pub(crate) lo: u64,
}

impl Source {
    /// An IPv4 address given as a number.
    #[inline]
    #[must_use]
    pub const fn from_v4(address: u32) -> Self {
        Self {
            hi: 0,
            lo: V4_MAPPED | address as u64,
        }
    }

    /// An IPv6 address given as its octets; a mapped one counts as IPv4.
    #[inline]
    #[must_use]
    pub const fn from_v6(octets: [u8; 16]) -> Self {
        let all = u128::from_be_bytes(octets);
        Self {
            hi: (all >> 64) as u64,
            lo: all as u64,
        }
    }

    /// Is it IPv4?
    #[inline]
    #[must_use]
    pub const fn is_v4(self) -> bool {
        self.hi == 0 && self.lo >> 32 == V4_MAPPED >> 32
    }

    /// The first `bits` bits, counted as IPv6 counts them (add 96 for an IPv4 prefix length).
    #[inline]
    #[must_use]
    pub const fn masked(self, bits: u8) -> Self {
        let (hi, lo) = mask(bits);
        Self {
            hi: self.hi & hi,
            lo: self.lo & lo,
        }
    }

    /// The two halves of the address.
    #[inline]
    #[must_use]
    pub const fn words(self) -> (u64, u64) {
        (self.hi, self.lo)
    }

    /// The address that has these halves.
    #[inline]
    #[must_use]
    pub const fn from_words(hi: u64, lo: u64) -> Self {
        Self { hi, lo }
    }

    /// The address in the usual type.
    #[must_use]
    pub const fn to_ip(self) -> IpAddr {
        if self.is_v4() {
            let [a, b, c, d] = (self.lo as u32).to_be_bytes();
            IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(
                (self.hi as u128) << 64 | self.lo as u128,
            ))
        }
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::from_v4(v4.to_bits()),
            IpAddr::V6(v6) => Self::from_v6(v6.octets()),
        }
    }
}

impl From<SocketAddr> for Source {
    fn from(address: SocketAddr) -> Self {
        Self::from(address.ip())
    }
}

/// What is known of a query before it is answered.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Where it says it comes from.
    pub source: Source,
    /// The slot of the zone it is for; none when it is outside every zone.
    pub slot: Option<u32>,
    /// The labels of that zone's apex.
    pub apex_labels: usize,
    /// The name asked for; none when the question could not be read.
    pub name: Option<&'a LookupName>,
    /// The type asked for.
    pub qtype: RecordType,
    /// How it came in.
    pub transport: Transport,
}

const V4_MAPPED: u64 = 0xffff_0000_0000;

/// The two halves of a mask of `bits` leading ones.
pub(crate) const fn mask(bits: u8) -> (u64, u64) {
    match bits {
        0 => (0, 0),
        1..=63 => (u64::MAX << (64 - bits), 0),
        64 => (u64::MAX, 0),
        65..=127 => (u64::MAX, u64::MAX << (128 - bits)),
        _ => (u64::MAX, u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_there_and_back() {
        for text in ["192.0.2.77", "::", "2001:db8::1", "127.0.0.1"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(Source::from(ip).to_ip(), ip);
        }
    }

    /// RFC 4291 2.5.5.2: a mapped address is the IPv4 node it names.
    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let plain: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(Source::from(mapped), Source::from(plain));
    }

    #[test]
    fn masks_cut_where_they_say() {
        let ip: IpAddr = "192.0.2.255".parse().unwrap();
        let cut: IpAddr = "192.0.2.0".parse().unwrap();
        assert_eq!(Source::from(ip).masked(96 + 24), Source::from(cut));
        let ip: IpAddr = "2001:db8:1:2ff::1".parse().unwrap();
        let cut: IpAddr = "2001:db8:1:200::".parse().unwrap();
        assert_eq!(Source::from(ip).masked(56), Source::from(cut));
    }
}
