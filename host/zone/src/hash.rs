//! Names as a look-up needs them: folded to lower case, cut into labels, hashed label by label
//! from the root.
//!
//! One pass over the question gives the hash of every suffix, so finding the zone, the name and
//! each ancestor costs one probe apiece and no further hashing. The hash is a folded multiply with
//! keys drawn when the server starts, so nobody outside can aim names at one bucket.
#![warn(clippy::indexing_slicing)]

use crate::name::NameError;

/// The random keys of one server's name hashes. Snapshots carry the key's fingerprint: under
/// another key their index is made anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HashKey([u64; 4]);

impl HashKey {
    /// A key from 32 random octets.
    #[must_use]
    pub fn from_bytes(seed: [u8; 32]) -> Self {
        let mut words = [0u64; 4];
        for (word, octets) in words.iter_mut().zip(seed.chunks_exact(8)) {
            let mut eight = [0u8; 8];
            eight.copy_from_slice(octets);
            // An even multiplier would lose its top bit.
            *word = u64::from_le_bytes(eight) | 1;
        }
        Self(words)
    }

    /// The hash of the root, from which every chain starts.
    #[inline]
    #[must_use]
    pub fn root(&self) -> u64 {
        self.0[0]
    }

    /// The hash of `label` below a name whose hash is `above`. The label is folded already.
    #[must_use]
    pub fn below(&self, above: u64, label: &[u8]) -> u64 {
        let mut hash = above;
        for chunk in label.chunks(8) {
            let mut eight = [0u8; 8];
            for (to, from) in eight.iter_mut().zip(chunk) {
                *to = from.to_ascii_lowercase();
            }
            hash = mix(hash ^ u64::from_le_bytes(eight), self.0[1]);
        }
        mix(hash ^ label.len() as u64, self.0[2])
    }

    /// A short value by which two keys are told apart without showing either.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        mix(mix(self.0[0], self.0[3]) ^ self.0[1], self.0[2])
    }
}

/// Multiplies to 128 bits and folds the halves together.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a).wrapping_mul(u128::from(b));
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Longest name in wire form (RFC 1035 3.1).
const NAME_MAX: usize = 255;
/// Room behind the name so that eight octets can be read from any position in it.
const PADDED: usize = NAME_MAX + 9;
/// Most labels a name can have, the root not counted.
const LABELS_MAX: usize = 127;

/// A name prepared for look-ups. Meant to be kept and filled again: it is large, and only the part
/// a name needs is touched.
pub struct LookupName {
    wire: [u8; PADDED],
    folded: [u8; PADDED],
    len: usize,
    labels: usize,
    /// Where each label starts, counted from the left.
    starts: [u8; LABELS_MAX + 1],
    /// The hash of the last `i` labels, at `i`.
    hashes: [u64; LABELS_MAX + 1],
}

impl Default for LookupName {
    fn default() -> Self {
        Self {
            wire: [0; PADDED],
            folded: [0; PADDED],
            len: 1,
            labels: 0,
            starts: [0; LABELS_MAX + 1],
            hashes: [0; LABELS_MAX + 1],
        }
    }
}

impl LookupName {
    /// The root, until it is filled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a question's name at `at` and returns where it ends.
    ///
    /// A question is the first name of its message, so it has nothing to point at: a compression
    /// pointer here is an error.
    ///
    /// # Errors
    /// When the name is cut off, too long, or not made of plain labels.
    #[inline]
    pub fn read(&mut self, message: &[u8], at: usize, key: &HashKey) -> Result<usize, NameError> {
        let rest = message.get(at..).ok_or(NameError::Truncated)?;
        let mut position = 0usize;
        let mut labels = 0usize;
        loop {
            let Some(&len) = rest.get(position) else {
                return Err(NameError::Truncated);
            };
            if len == 0 {
                break;
            }
            if len > 63 {
                return Err(if len >= 0xC0 {
                    NameError::BadPointer
                } else {
                    NameError::BadLabelKind
                });
            }
            if let Some(start) = self.starts.get_mut(labels) {
                *start = position as u8;
            }
            labels += 1;
            position += usize::from(len) + 1;
            if position >= NAME_MAX {
                return Err(NameError::NameTooLong);
            }
        }
        let len = position + 1;
        let name = rest.get(..len).ok_or(NameError::Truncated)?;
        if let Some(wire) = self.wire.get_mut(..len) {
            wire.copy_from_slice(name);
        }
        self.len = len;
        self.labels = labels;
        self.fold();
        self.hash(key);
        Ok(at + len)
    }

    /// Takes a whole name in uncompressed wire form, such as an alias target.
    ///
    /// # Errors
    /// As [`Self::read`]; octets after the name are not looked at.
    pub fn set_wire(&mut self, name: &[u8], key: &HashKey) -> Result<(), NameError> {
        self.read(name, 0, key).map(|_| ())
    }

    /// Lower case by eights. Length octets are below 64, so they pass through unchanged.
    #[inline]
    fn fold(&mut self) {
        let (from, _) = self.wire.as_chunks::<8>();
        let (to, _) = self.folded.as_chunks_mut::<8>();
        for (to, from) in to.iter_mut().zip(from).take(self.len.div_ceil(8)) {
            *to = lower(u64::from_le_bytes(*from)).to_le_bytes();
        }
    }

    #[inline]
    fn hash(&mut self, key: &HashKey) {
        let mut hash = key.root();
        self.hashes[0] = hash;
        for i in 1..=self.labels {
            let start = usize::from(self.starts.get(self.labels - i).copied().unwrap_or(0));
            let mut left = usize::from(self.folded.get(start).copied().unwrap_or(0));
            let label_len = left as u64;
            let mut at = start + 1;
            while left > 0 {
                let mut word = self.eight(at);
                if left < 8 {
                    word &= (1u64 << (left * 8)) - 1;
                    left = 8;
                }
                hash = mix(hash ^ word, key.0[1]);
                left -= 8;
                at += 8;
            }
            hash = mix(hash ^ label_len, key.0[2]);
            if let Some(slot) = self.hashes.get_mut(i) {
                *slot = hash;
            }
        }
    }

    /// Eight octets of the folded name from `at`; past its end they mean nothing.
    #[inline(always)]
    fn eight(&self, at: usize) -> u64 {
        self.folded
            .get(at..at + 8)
            .and_then(|bytes| bytes.first_chunk::<8>())
            .map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// The name as it was asked for.
    #[inline]
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.wire.get(..self.len).unwrap_or(&[0])
    }

    /// The name in lower case.
    #[inline]
    #[must_use]
    pub fn folded(&self) -> &[u8] {
        self.folded.get(..self.len).unwrap_or(&[0])
    }

    /// How many labels, the root not counted.
    #[inline]
    #[must_use]
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The hash of the suffix of `labels` labels; of the whole name where there are fewer.
    #[inline]
    #[must_use]
    pub fn suffix_hash(&self, labels: usize) -> u64 {
        self.hashes
            .get(labels.min(self.labels))
            .copied()
            .unwrap_or(0)
    }

    /// Where the suffix of `labels` labels starts in [`Self::wire`] and [`Self::folded`].
    #[inline]
    #[must_use]
    pub fn suffix_start(&self, labels: usize) -> usize {
        if labels == 0 {
            return self.len - 1;
        }
        self.starts
            .get(self.labels.saturating_sub(labels))
            .map_or(0, |start| usize::from(*start))
    }

    /// The folded suffix of `labels` labels, with the closing root.
    #[inline]
    #[must_use]
    pub fn suffix(&self, labels: usize) -> &[u8] {
        self.folded
            .get(self.suffix_start(labels)..self.len)
            .unwrap_or(&[0])
    }
}

impl LookupName {
    /// The folded labels of the ancestor `depth` labels below an apex of `apex_labels`, without the
    /// apex.
    #[inline]
    #[must_use]
    pub fn relative(&self, apex_labels: usize, depth: usize) -> &[u8] {
        self.folded
            .get(self.suffix_start(apex_labels + depth)..self.suffix_start(apex_labels))
            .unwrap_or(&[])
    }
}

impl std::fmt::Debug for LookupName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LookupName({:?})", String::from_utf8_lossy(self.wire()))
    }
}

/// ASCII lower case of eight octets at once.
#[inline(always)]
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let low7 = word & !HIGH;
    // High bit set where the octet is at least 'A', and where it is above 'Z'.
    let from_a = low7.wrapping_add(ONES * (0x80 - b'A' as u64));
    let above_z = low7.wrapping_add(ONES * (0x80 - b'Z' as u64 - 1));
    let upper = from_a & !above_z & !word & HIGH;
    word | (upper >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> HashKey {
        HashKey::from_bytes([7; 32])
    }

    fn name(text: &[u8]) -> LookupName {
        let mut name = LookupName::new();
        let mut wire = Vec::new();
        for label in text.split(|b| *b == b'.').filter(|l| !l.is_empty()) {
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        name.set_wire(&wire, &key()).unwrap();
        name
    }

    /// RFC 4343: names compare without regard to ASCII case, and only to that.
    #[test]
    fn case_folds_only_letters() {
        for byte in 0..=255u8 {
            let word = u64::from_le_bytes([byte; 8]);
            assert_eq!(
                lower(word),
                u64::from_le_bytes([byte.to_ascii_lowercase(); 8]),
                "{byte}"
            );
        }
    }

    #[test]
    fn case_does_not_change_the_hash() {
        let (a, b) = (name(b"wWw.ExAmPlE.cOm"), name(b"www.example.com"));
        assert_eq!(a.suffix_hash(3), b.suffix_hash(3));
        assert_eq!(a.wire().get(1..4), Some(&b"wWw"[..]));
    }

    #[test]
    fn suffix_hashes_equal_those_of_the_suffix_itself() {
        let (long, short) = (
            name(b"a.b.averylonglabelindeed.example.com"),
            name(b"averylonglabelindeed.example.com"),
        );
        assert_eq!(long.suffix_hash(3), short.suffix_hash(3));
        assert_eq!(long.suffix(3), short.folded());
        let below = key().below(short.suffix_hash(3), b"B");
        assert_eq!(below, long.suffix_hash(4));
    }

    #[test]
    fn a_stale_longer_name_leaves_no_trace() {
        let mut reused = name(b"zzzzzzzzzzzzzzzzzzzzzzzz.example");
        reused.set_wire(b"\x01a\x07example\x00", &key()).unwrap();
        assert_eq!(reused.suffix_hash(2), name(b"a.example").suffix_hash(2));
    }

    #[test]
    fn pointers_and_odd_labels_are_refused() {
        let mut name = LookupName::new();
        assert_eq!(
            name.set_wire(&[0xC0, 0], &key()),
            Err(NameError::BadPointer)
        );
        assert_eq!(
            name.set_wire(&[0x41, 0], &key()),
            Err(NameError::BadLabelKind)
        );
        assert_eq!(name.set_wire(&[3, b'a'], &key()), Err(NameError::Truncated));
        let long = [[63u8; 64].as_slice(), &[63; 64], &[63; 64], &[63; 64], &[0]].concat();
        assert_eq!(name.set_wire(&long, &key()), Err(NameError::NameTooLong));
    }
}
