//! Name compression for outgoing transfers, with bounded work per name (RELIABILITY P2).
//!
//! Names already written form a trie: each entry is a label under an entry (the root is entry 0). Looking
//! a name up walks its labels from the right, one hash probe each, so a name costs time in proportion to
//! its own length, never to the message (quadratic compressors are a known attack).
//!
//! RFC 5936 3.4: a transfer preserves the case of names, so labels are compared byte for byte.

use std::collections::HashMap;

/// Where a compression pointer can point: 14 bits (RFC 1035 4.1.4).
const OFFSET_MAX: usize = 0x3FFF;

/// The names of one message.
#[derive(Debug, Default)]
pub(crate) struct Compressor {
    entries: HashMap<Step, Place>,
}

/// A label under an entry.
type Step = (u16, Box<[u8]>);
/// The entry it leads to, and where in the message that name starts.
type Place = (u16, u16);

impl Compressor {
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Appends `name` (uncompressed wire form), using and remembering what came before.
    pub(crate) fn write(&mut self, name: &[u8], out: &mut Vec<u8>) {
        let labels = label_offsets(name);
        let (mut parent, mut known, mut pointer) = (0u16, labels.len(), None);
        for (i, &(at, end)) in labels.iter().enumerate().rev() {
            let label = name.get(at..end).unwrap_or_default();
            match self.entries.get(&(parent, label.into())) {
                Some(&(entry, offset)) => (parent, known, pointer) = (entry, i, Some(offset)),
                None => break,
            }
        }
        let start = out.len();
        let root_at = name.len().saturating_sub(1);
        let prefix_end = labels.get(known).map_or(root_at, |&(at, _)| at);
        out.extend_from_slice(name.get(..prefix_end).unwrap_or_default());
        match pointer {
            Some(offset) => out.extend_from_slice(&(0xC000 | offset).to_be_bytes()),
            None => out.push(0),
        }
        // Remember the new labels, from the right, as long as pointers can reach them.
        for &(at, end) in labels.iter().take(known).rev() {
            let offset = start + at;
            let Some(entry) = u16::try_from(self.entries.len() + 1)
                .ok()
                .filter(|_| offset <= OFFSET_MAX)
            else {
                return;
            };
            let label = name.get(at..end).unwrap_or_default();
            self.entries
                .insert((parent, label.into()), (entry, offset as u16));
            parent = entry;
        }
    }
}

/// Start and end of each label, the length octet included.
fn label_offsets(name: &[u8]) -> Vec<(usize, usize)> {
    let mut labels = Vec::with_capacity(8);
    let mut at = 0;
    while let Some(&len) = name.get(at).filter(|&&len| len != 0) {
        let end = at + 1 + usize::from(len);
        labels.push((at, end));
        at = end;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_zone::name::Name;

    fn round_trip(names: &[&str]) -> Vec<u8> {
        let (mut compressor, mut out) = (Compressor::default(), vec![0; 12]);
        let mut at = Vec::new();
        for name in names {
            at.push(out.len());
            compressor.write(Name::parse(name).unwrap().as_wire(), &mut out);
        }
        for (name, at) in names.iter().zip(at) {
            let read = Name::read(&out, at).unwrap().0;
            assert_eq!(read.as_wire(), Name::parse(name).unwrap().as_wire());
        }
        out
    }

    /// RFC 1035 4.1.4: a known suffix becomes a pointer.
    #[test]
    fn known_suffix_is_a_pointer() {
        let out = round_trip(&["example.org.", "www.example.org.", "www.example.org.", "."]);
        assert_eq!(out.len(), 12 + 13 + 6 + 2 + 1);
    }

    /// RFC 5936 3.4: case is preserved, so a suffix in other case is not reused.
    #[test]
    fn other_case_is_written_out() {
        let out = round_trip(&["example.org.", "Example.org."]);
        assert_eq!(out.len(), 12 + 13 + 10);
    }

    /// RELIABILITY P2 (RUSTSEC-2026-0119): eight times the names, up to 4,000 in a message of the longest
    /// kind and each with a suffix of its own, take about eight times as long; looked for one by one they
    /// would take 64 times. The shortest of many rounds in turn is compared.
    #[test]
    fn p2_work_grows_with_the_names_and_not_with_their_pairs() {
        let names: Vec<Name> = (0..4000)
            .map(|n| Name::parse(&format!("a{n}.b{n}.")).unwrap())
            .collect();
        let (mut compressor, mut out) = (Compressor::default(), Vec::with_capacity(1 << 16));
        let mut shortest = [std::time::Duration::MAX; 2];
        for _ in 0..40 {
            for (names, shortest) in [&names[..500], &names[..]].into_iter().zip(&mut shortest) {
                let start = std::time::Instant::now();
                compressor.clear();
                out.clear();
                for name in names {
                    compressor.write(name.as_wire(), &mut out);
                }
                *shortest = start.elapsed().min(*shortest);
            }
        }
        assert!((45_000..1 << 16).contains(&out.len()), "{}", out.len());
        let times = shortest[1].as_secs_f64() / shortest[0].as_secs_f64();
        assert!(times < 24.0, "{times} times");
    }

    /// Beyond 16383 bytes nothing can be pointed at.
    #[test]
    fn far_names_are_not_remembered() {
        let (mut compressor, mut out) = (Compressor::default(), vec![0; 0x4000]);
        let name = Name::parse("example.org.").unwrap();
        compressor.write(name.as_wire(), &mut out);
        compressor.write(name.as_wire(), &mut out);
        assert_eq!(out.len(), 0x4000 + 26);
    }
}
