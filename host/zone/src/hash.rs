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

    /// The hash of `label` (63 octets at most) below a name whose hash is `above`.
    #[must_use]
    pub fn below(&self, above: u64, label: &[u8]) -> u64 {
        let mut octets = [0u8; 64];
        octets[0] = label.len() as u8;
        for (to, from) in octets.iter_mut().skip(1).zip(label) {
            *to = from.to_ascii_lowercase();
        }
        // The length comes first, so no label is the beginning of another.
        let (words, _) = octets.as_chunks::<8>();
        let words = words.iter().take(label.len() / 8 + 1);
        words.fold(above, |hash, word| {
            mix(hash ^ u64::from_le_bytes(*word), self.0[1])
        })
    }

    /// A short value by which two keys are told apart without showing either.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        mix(mix(self.0[0], self.0[3]) ^ self.0[1], self.0[2] ^ VERSION)
    }
}

/// Multiplies to 128 bits and folds the halves together.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a).wrapping_mul(u128::from(b));
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Part of every fingerprint, so that an index made with another kind of hash is made anew.
const VERSION: u64 = 2;
/// Longest name in wire form (RFC 1035 3.1).
const NAME_MAX: usize = 255;
/// Octets are copied and folded by so many at a time.
const CHUNK: usize = 16;
/// Room for the longest name in whole chunks, and so that eight octets can be read from any
/// position in it.
const ROOM: usize = (NAME_MAX + 8).next_multiple_of(CHUNK);
/// Label counts, 0 to 127: a power of two, so that a masked count needs no check.
const COUNTS: usize = 128;

/// A name prepared for look-ups. Meant to be kept and filled again: it is large, and only the part
/// a name needs is touched.
pub struct LookupName {
    wire: [u8; ROOM],
    folded: [u8; ROOM],
    len: u8,
    labels: u8,
    /// Where each label starts, counted from the left.
    starts: [u8; COUNTS],
    /// Where the last `i` labels start, at `i`.
    suffixes: [u8; COUNTS],
    /// The hash of the last `i` labels, at `i`.
    hashes: [u64; COUNTS],
}

impl Default for LookupName {
    fn default() -> Self {
        Self {
            wire: [0; ROOM],
            folded: [0; ROOM],
            len: 1,
            labels: 0,
            starts: [0; COUNTS],
            suffixes: [0; COUNTS],
            hashes: [0; COUNTS],
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
    /// When the name is cut off, too long, or not made of plain labels. The name is then no name:
    /// only reading another one is allowed.
    #[inline]
    pub fn read(&mut self, message: &[u8], at: usize, key: &HashKey) -> Result<usize, NameError> {
        let rest = message.get(at..).ok_or(NameError::Truncated)?;
        self.copy_and_fold(rest);
        let (mut position, mut labels) = (0u8, 0usize);
        // Where the message ends inside the name, this runs into what was here before; the length
        // tells in the end.
        loop {
            let len = octet(&self.folded, position);
            if len == 0 {
                break;
            }
            let next = usize::from(position) + usize::from(len) + 1;
            if len > 63 || next >= NAME_MAX {
                return Err(fault(len, position, rest.len()));
            }
            if let Some(start) = self.starts.get_mut(labels % COUNTS) {
                *start = position;
            }
            labels += 1;
            position = next as u8;
        }
        let len = usize::from(position) + 1;
        if len > rest.len() {
            return Err(NameError::Truncated);
        }
        self.len = len as u8;
        self.labels = labels as u8;
        self.hash(key, position);
        Ok(at + len)
    }

    /// Takes a whole name in uncompressed wire form, such as an alias target.
    ///
    /// # Errors
    /// As [`Self::read`]; octets after the name are not looked at.
    pub fn set_wire(&mut self, name: &[u8], key: &HashKey) -> Result<(), NameError> {
        self.read(name, 0, key).map(|_| ())
    }

    /// Takes as much as a name can be. Length octets of labels are below 64, so folding passes
    /// them through unchanged.
    #[inline]
    fn copy_and_fold(&mut self, rest: &[u8]) {
        let (wire, _) = self.wire.as_chunks_mut::<CHUNK>();
        let (folded, _) = self.folded.as_chunks_mut::<CHUNK>();
        let (chunks, tail) = rest.as_chunks::<CHUNK>();
        for ((from, wire), folded) in chunks.iter().zip(wire).zip(folded) {
            *wire = *from;
            *folded = lower(from);
        }
        // The last octets lie across two chunks: they are taken once more, whole.
        if let (Some(last), Some(at)) = (rest.last_chunk::<CHUNK>(), rest.len().checked_sub(CHUNK))
        {
            if let (Some(wire), Some(folded)) = (
                self.wire.get_mut(at..at + CHUNK),
                self.folded.get_mut(at..at + CHUNK),
            ) {
                wire.copy_from_slice(last);
                folded.copy_from_slice(&lower(last));
            }
            return;
        }
        for ((from, wire), folded) in tail.iter().zip(&mut self.wire).zip(&mut self.folded) {
            (*wire, *folded) = (*from, from.to_ascii_lowercase());
        }
    }

    /// Hashes label by label from the root, whose length octet is at `root`.
    #[inline]
    fn hash(&mut self, key: &HashKey, root: u8) {
        let (mut hash, multiplier) = (key.0[0], key.0[1]);
        self.hashes[0] = hash;
        self.suffixes[0] = root;
        let labels = usize::from(self.labels);
        for count in 1..=labels {
            let start = self.starts.get((labels - count) % COUNTS).copied();
            let start = start.unwrap_or(0);
            let mut word = eight(&self.folded, start);
            // The length octet is the first of them.
            let (mut at, mut left) = (start, (word as u8).wrapping_add(1));
            while left > 8 {
                hash = mix(hash ^ word, multiplier);
                at = at.wrapping_add(8);
                left -= 8;
                word = eight(&self.folded, at);
            }
            let beyond = 64u32.wrapping_sub(u32::from(left) * 8);
            hash = mix(hash ^ (word & (u64::MAX >> (beyond & 63))), multiplier);
            if let (Some(slot), Some(suffix)) = (
                self.hashes.get_mut(count % COUNTS),
                self.suffixes.get_mut(count % COUNTS),
            ) {
                (*slot, *suffix) = (hash, start);
            }
        }
    }

    /// The name as it was asked for.
    #[inline]
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        self.wire.get(..usize::from(self.len)).unwrap_or(&[0])
    }

    /// The name in lower case.
    #[inline]
    #[must_use]
    pub fn folded(&self) -> &[u8] {
        self.folded.get(..usize::from(self.len)).unwrap_or(&[0])
    }

    /// How many labels, the root not counted.
    #[inline]
    #[must_use]
    pub fn labels(&self) -> usize {
        usize::from(self.labels)
    }

    /// The hash of the suffix of `labels` labels; of the whole name where there are fewer.
    #[inline]
    #[must_use]
    pub fn suffix_hash(&self, labels: usize) -> u64 {
        let count = labels.min(self.labels());
        self.hashes.get(count % COUNTS).copied().unwrap_or(0)
    }

    /// Where the suffix of `labels` labels starts in [`Self::wire`] and [`Self::folded`].
    #[inline]
    #[must_use]
    pub fn suffix_start(&self, labels: usize) -> usize {
        let count = labels.min(self.labels());
        usize::from(self.suffixes.get(count % COUNTS).copied().unwrap_or(0))
    }

    /// The folded suffix of `labels` labels, with the closing root.
    #[inline]
    #[must_use]
    pub fn suffix(&self, labels: usize) -> &[u8] {
        self.folded
            .get(self.suffix_start(labels)..usize::from(self.len))
            .unwrap_or(&[0])
    }

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

/// ASCII lower case of a chunk: written so that the processor does it at once.
#[inline(always)]
fn lower(octets: &[u8; CHUNK]) -> [u8; CHUNK] {
    octets.map(|octet| octet | (u8::from(octet.wrapping_sub(b'A') < 26) << 5))
}

/// The octet at `at`: there is room behind whatever an octet can count.
#[inline(always)]
fn octet(octets: &[u8; ROOM], at: u8) -> u8 {
    octets.get(usize::from(at)).copied().unwrap_or(0)
}

/// Eight octets from `at`; past the end of the name they mean nothing.
#[inline(always)]
fn eight(octets: &[u8; ROOM], at: u8) -> u64 {
    octets
        .get(usize::from(at)..usize::from(at) + 8)
        .and_then(|bytes| bytes.first_chunk::<8>())
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Why there is no name: the length octet `len` at `position` of `rest` octets cannot be.
#[cold]
fn fault(len: u8, position: u8, rest: usize) -> NameError {
    match len {
        _ if usize::from(position) >= rest => NameError::Truncated,
        0xC0.. => NameError::BadPointer,
        64.. => NameError::BadLabelKind,
        // The label itself may be cut off: shorter than a name can be.
        _ if usize::from(position) + usize::from(len) + 1 > rest => NameError::Truncated,
        _ => NameError::NameTooLong,
    }
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
            assert_eq!(lower(&[byte; CHUNK]), [byte.to_ascii_lowercase(); CHUNK]);
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

    /// However the name lies in the sixteens that are copied at once, and whatever follows it.
    #[test]
    fn every_length_is_read_as_octet_by_octet() {
        let mut read = LookupName::new();
        for len in 1..=63usize {
            for behind in 0..40 {
                let mut wire = vec![len as u8];
                wire.extend((0..len).map(|i| b'A' + (i % 60) as u8));
                wire.extend(b"\x03CoM\x00");
                let name_len = wire.len();
                wire.extend((0..behind).map(|_| b'Z'));
                assert_eq!(read.read(&wire, 0, &key()), Ok(name_len));
                assert_eq!(read.wire(), &wire[..name_len]);
                assert_eq!(read.folded(), wire[..name_len].to_ascii_lowercase());
                let com = key().below(key().root(), b"com");
                assert_eq!(read.suffix_hash(2), key().below(com, &wire[1..=len]));
            }
        }
    }

    #[test]
    fn a_name_that_is_cut_off_anywhere_is_no_name() {
        let mut name = LookupName::new();
        let whole = b"\x03www\x07example\x14averyverylonglabel20\x03com\x00";
        name.set_wire(whole, &key()).unwrap();
        for end in 0..whole.len() {
            assert_eq!(
                name.set_wire(&whole[..end], &key()),
                Err(NameError::Truncated),
                "{end}"
            );
        }
    }

    #[test]
    fn the_longest_name_is_read_and_one_octet_more_is_not() {
        let mut wire: Vec<u8> = [63, 63, 63, 61]
            .into_iter()
            .flat_map(|len: u8| std::iter::once(len).chain(std::iter::repeat_n(b'a', len.into())))
            .collect();
        wire.push(0);
        assert_eq!(wire.len(), 255);
        let mut name = LookupName::new();
        assert_eq!(name.set_wire(&wire, &key()), Ok(()));
        assert_eq!((name.wire(), name.labels()), (&wire[..], 4));
        wire[192] = 62;
        wire.insert(193, b'a');
        assert_eq!(name.set_wire(&wire, &key()), Err(NameError::NameTooLong));
        let most: Vec<u8> = [1, b'a'].repeat(127).into_iter().chain([0]).collect();
        assert_eq!(name.set_wire(&most, &key()), Ok(()));
        assert_eq!((name.labels(), name.suffix_start(127)), (127, 0));
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
