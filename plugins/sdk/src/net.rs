//! Address prefixes.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::{Family, Ipv6, Prefix};

impl Prefix {
    /// The IPv4 network that `address` is in.
    pub fn v4(address: Ipv4Addr, len: u8) -> Self {
        let bits = u64::from(u32::from(address)) << 32;
        Self::masked(Family::V4, u128::from(bits) << 64, len.min(32))
    }

    /// The IPv6 network that `address` is in.
    pub fn v6(address: Ipv6Addr, len: u8) -> Self {
        Self::masked(Family::V6, u128::from(address), len.min(128))
    }

    fn masked(family: Family, bits: u128, len: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        let kept = bits & mask;
        Self {
            family,
            hi: (kept >> 64) as u64,
            lo: kept as u64,
            len,
        }
    }

    fn bits(&self) -> u128 {
        u128::from(self.hi) << 64 | u128::from(self.lo)
    }

    /// Is all of `other` in this network?
    pub fn contains(&self, other: &Self) -> bool {
        self.family == other.family
            && self.len <= other.len
            && Self::masked(self.family, other.bits(), self.len).bits() == self.bits()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            Family::V4 => write!(f, "{}/{}", Ipv4Addr::from((self.hi >> 32) as u32), self.len),
            Family::V6 => write!(f, "{}/{}", Ipv6Addr::from(self.bits()), self.len),
        }
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not an address prefix");
        let (address, len) = text
            .split_once('/')
            .map_or((text, None), |(a, l)| (a, Some(l)));
        let len = len
            .map(|len| len.parse::<u8>().map_err(|_| bad()))
            .transpose()?;
        if let Ok(address) = address.parse::<Ipv4Addr>() {
            let len = len.unwrap_or(32);
            return if len <= 32 {
                Ok(Self::v4(address, len))
            } else {
                Err(bad())
            };
        }
        let address = address.parse::<Ipv6Addr>().map_err(|_| bad())?;
        let len = len.unwrap_or(128);
        if len <= 128 {
            Ok(Self::v6(address, len))
        } else {
            Err(bad())
        }
    }
}

impl From<Ipv6> for Ipv6Addr {
    fn from(address: Ipv6) -> Self {
        Self::from(u128::from(address.hi) << 64 | u128::from(address.lo))
    }
}

impl From<Ipv6Addr> for Ipv6 {
    fn from(address: Ipv6Addr) -> Self {
        let bits = u128::from(address);
        Self {
            hi: (bits >> 64) as u64,
            lo: bits as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    /// Bits after the length are zero, whatever was written.
    #[test]
    fn prefixes_are_masked_and_print_as_written() {
        assert_eq!(prefix("192.0.2.77/24").to_string(), "192.0.2.0/24");
        assert_eq!(prefix("192.0.2.77/24").hi, 0xC000_0200_0000_0000);
        assert_eq!(prefix("2001:db8::1/56").to_string(), "2001:db8::/56");
        assert_eq!(prefix("0.0.0.0/0").to_string(), "0.0.0.0/0");
        assert!("192.0.2.0/33".parse::<Prefix>().is_err());
    }

    /// Families never contain each other.
    #[test]
    fn containment_is_within_a_family() {
        assert!(prefix("10.0.0.0/8").contains(&prefix("10.1.2.0/24")));
        assert!(!prefix("10.1.2.0/24").contains(&prefix("10.0.0.0/8")));
        assert!(!prefix("::/0").contains(&prefix("10.0.0.0/8")));
        assert!(prefix("::/0").contains(&prefix("2001:db8::/32")));
    }
}
