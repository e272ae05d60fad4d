//! Source prefixes: an index from prefixes to values, asked once per query.
//!
//! A bitmap over the first bits of the address turns nearly every query away after one bit test;
//! only what passes is hashed, once for each prefix length in use. Keys come from operators and
//! plugins, never from clients, so a plain multiplicative hash will do.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use ipnet::IpNet;

use crate::query::{Source, mask};
use crate::ruleset::Bits;

/// A set of prefixes, such as the addresses of our own probes.
#[derive(Debug, Default)]
pub struct PrefixSet(PrefixIndex<()>);

impl PrefixSet {
    /// Is the address inside any of them?
    #[inline]
    #[must_use]
    pub fn contains(&self, source: Source) -> bool {
        let mut found = false;
        self.0.each(source, |()| found = true);
        found
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(prefixes: I) -> Self {
        let mut index = PrefixIndex::default();
        for prefix in prefixes {
            index.entry(prefix);
        }
        Self(index)
    }
}

/// Values by prefix.
#[derive(Debug, Default)]
pub(crate) struct PrefixIndex<V> {
    v4: Family<V>,
    v6: Family<V>,
}

impl<V: Default> PrefixIndex<V> {
    /// The value of exactly this prefix, made if there is none.
    pub(crate) fn entry(&mut self, prefix: IpNet) -> &mut V {
        let base = Source::from(prefix.network());
        let bits = match prefix {
            IpNet::V4(_) => prefix.prefix_len() + 96,
            IpNet::V6(_) => prefix.prefix_len(),
        };
        let family = if base.is_v4() && bits >= 96 {
            &mut self.v4
        } else {
            &mut self.v6
        };
        family.entry(base.masked(bits), bits)
    }
}

impl<V> PrefixIndex<V> {
    /// Whether some prefix may hold `source`: one bit looked at.
    #[inline]
    pub(crate) fn may_hold(&self, source: Source) -> bool {
        if source.is_v4() {
            self.v4.coarse.has(v4_bit(source))
        } else {
            self.v6.coarse.has(v6_bit(source))
        }
    }

    /// Calls `found` with the value of every prefix that holds `source`.
    #[inline]
    pub(crate) fn each<'a>(&'a self, source: Source, found: impl FnMut(&'a V)) {
        let family = if source.is_v4() { &self.v4 } else { &self.v6 };
        if family.may_hold(source) {
            family.each(source, found);
        }
    }
}

#[derive(Debug)]
struct Family<V> {
    coarse: Bits,
    lengths: Vec<u8>,
    table: HashMap<Key, V, BuildHasherDefault<MultiplyHasher>>,
}

impl<V> Default for Family<V> {
    fn default() -> Self {
        Self {
            coarse: Bits::default(),
            lengths: Vec::new(),
            table: HashMap::default(),
        }
    }
}

impl<V> Family<V> {
    #[inline]
    fn may_hold(&self, source: Source) -> bool {
        self.coarse.has(coarse_bit(source))
    }

    #[cold]
    #[inline(never)]
    fn each<'a>(&'a self, source: Source, mut found: impl FnMut(&'a V)) {
        for &bits in &self.lengths {
            if let Some(value) = self.table.get(&Key {
                prefix: source.masked(bits),
                bits,
            }) {
                found(value);
            }
        }
    }
}

impl<V: Default> Family<V> {
    fn entry(&mut self, prefix: Source, bits: u8) -> &mut V {
        let (first, count) = coarse_range(prefix, bits);
        for bit in first..first + count {
            self.coarse.set(bit);
        }
        if !self.lengths.contains(&bits) {
            self.lengths.push(bits);
        }
        self.table.entry(Key { prefix, bits }).or_default()
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Key {
    prefix: Source,
    bits: u8,
}

/// Bits of the first bitmap: one for each value of an IPv4 address's first half.
const COARSE_BITS: u64 = 1 << 16;

/// Which bit an address looks at: the first 16 bits of an IPv4 address, a fold of the first 32 of
/// an IPv6 one (all of the Internet shares its first few).
#[inline]
fn coarse_bit(source: Source) -> u64 {
    if source.is_v4() {
        v4_bit(source)
    } else {
        v6_bit(source)
    }
}

#[inline]
fn v4_bit(source: Source) -> u64 {
    source.lo >> 16 & (COARSE_BITS - 1)
}

#[inline]
fn v6_bit(source: Source) -> u64 {
    (source.hi >> 32).wrapping_mul(MULTIPLIER) >> 48
}

/// Which bits the addresses of a prefix may look at: the first, and how many.
fn coarse_range(prefix: Source, bits: u8) -> (u64, u64) {
    if prefix.is_v4() && bits >= 96 {
        let spread = 1 << (16 - usize::from(bits - 96).min(16));
        (coarse_bit(prefix) & !(spread - 1), spread)
    } else if bits >= 32 {
        (coarse_bit(prefix), 1)
    } else {
        (0, COARSE_BITS)
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash for keys that no client chooses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MultiplyHasher(u64);

impl Hasher for MultiplyHasher {
    fn finish(&self) -> u64 {
        // The table takes its tag from the top and its bucket from the bottom.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(MULTIPLIER);
    }
}

/// Does `prefix` hold `source`?
pub(crate) fn holds(prefix: IpNet, source: Source) -> bool {
    let (base, bits) = match prefix {
        IpNet::V4(v4) => (
            Source::from_v4(v4.network().to_bits()),
            v4.prefix_len() + 96,
        ),
        IpNet::V6(v6) => (
            Source::from(std::net::IpAddr::V6(v6.network())),
            v6.prefix_len(),
        ),
    };
    let (hi, lo) = mask(bits);
    source.hi & hi == base.hi && source.lo & lo == base.lo
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn set(prefixes: &[&str]) -> PrefixSet {
        prefixes
            .iter()
            .map(|text| text.parse::<IpNet>().unwrap())
            .collect()
    }

    fn source(text: &str) -> Source {
        Source::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn the_edges_of_a_prefix_are_inside_and_their_neighbours_outside() {
        let set = set(&["192.0.2.64/26", "2001:db8::/33", "10.0.0.0/7"]);
        for inside in [
            "192.0.2.64",
            "192.0.2.127",
            "2001:db8::",
            "2001:db8:7fff::1",
            "11.255.255.255",
        ] {
            assert!(set.contains(source(inside)), "{inside}");
        }
        for outside in [
            "192.0.2.63",
            "192.0.2.128",
            "2001:db8:8000::",
            "12.0.0.0",
            "9.255.255.255",
        ] {
            assert!(!set.contains(source(outside)), "{outside}");
        }
    }

    #[test]
    fn everything_is_inside_the_empty_prefix_of_its_own_family_only() {
        let (v4, v6) = (set(&["0.0.0.0/0"]), set(&["::/0"]));
        assert!(v4.contains(source("198.51.100.1")) && !v4.contains(source("2001:db8::1")));
        assert!(v6.contains(source("2001:db8::1")) && !v6.contains(source("198.51.100.1")));
    }

    /// The index answers what comparing with every prefix answers.
    #[test]
    fn the_index_agrees_with_plain_comparison() {
        let mut random = fastrand_like(7);
        let prefixes: Vec<IpNet> = (0..300)
            .map(|_| {
                let bits = (random() % 33) as u8;
                let address = std::net::Ipv4Addr::from_bits(random() as u32 & 0x0fff_ffff);
                IpNet::V4(ipnet::Ipv4Net::new_assert(address, bits)).trunc()
            })
            .filter(|prefix| prefix.prefix_len() > 6)
            .collect();
        let set: PrefixSet = prefixes.iter().copied().collect();
        let mut inside = 0;
        for _ in 0..20_000 {
            let source = Source::from_v4(random() as u32 & 0x0fff_ffff);
            let plain = prefixes.iter().any(|prefix| holds(*prefix, source));
            assert_eq!(set.contains(source), plain, "{source:?}");
            inside += u32::from(plain);
        }
        assert!(
            (100..19_900).contains(&inside),
            "both outcomes are tried: {inside}"
        );
    }

    fn fastrand_like(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }
}
