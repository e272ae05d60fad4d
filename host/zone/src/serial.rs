//! SOA serials and their arithmetic (RFC 1982).

use std::cmp::Ordering;
use std::fmt;

/// An SOA serial. Compares as RFC 1982 says, so it is only partially ordered.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Serial(pub u32);

impl Serial {
    /// The serial after this one, past the end back to zero.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Adds up to 2^31 - 1, which RFC 1982 3.1 defines; more gives `None`.
    pub fn checked_add(self, count: u32) -> Option<Self> {
        (count < 1 << 31).then(|| Self(self.0.wrapping_add(count)))
    }
}

impl PartialOrd for Serial {
    /// RFC 1982 3.2; two serials exactly 2^31 apart have no order.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.0.wrapping_sub(other.0) {
            0 => Some(Ordering::Equal),
            0x8000_0000 => None,
            1..=0x7fff_ffff => Some(Ordering::Greater),
            _ => Some(Ordering::Less),
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Serial {
    fn from(value: u32) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1982 3.2: after the largest number comes zero.
    #[test]
    fn zero_follows_the_largest() {
        assert_eq!(Serial(u32::MAX).next(), Serial(0));
        assert!(Serial(0) > Serial(u32::MAX));
        assert!(Serial(u32::MAX) < Serial(5));
    }

    /// RFC 1982 3.2: 2^31 apart is undefined, so there is no order.
    #[test]
    fn opposite_serials_have_no_order() {
        assert_eq!(Serial(0).partial_cmp(&Serial(1 << 31)), None);
    }

    /// RFC 1982 3.1: addition is defined up to 2^31 - 1.
    #[test]
    fn addition_has_a_bound() {
        assert_eq!(Serial(u32::MAX).checked_add(2), Some(Serial(1)));
        assert_eq!(Serial(0).checked_add(1 << 31), None);
    }
}
