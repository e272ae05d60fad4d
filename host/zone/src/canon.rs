//! Canonical order (RFC 4034 6.1) over names relative to an apex.
//!
//! A relative name is its labels in wire form without the closing root. [`crate::compare_wire`]
//! compares such names as they are; [`key`] makes octet strings that compare the same way, for where a
//! container wants keys and where "is below" should be "starts with".

use crate::name::labels;

/// Appends the key of `relative`: labels from the right, folded, each closed by `00 00`, with the
/// octet 00 written as `00 01`. A name's key starts with the key of each of its ancestors.
pub(crate) fn key(relative: &[u8], out: &mut Vec<u8>) {
    for label in labels(relative).rev() {
        for octet in label {
            match octet.to_ascii_lowercase() {
                0 => out.extend_from_slice(&[0, 1]),
                octet => out.push(octet),
            }
        }
        out.extend_from_slice(&[0, 0]);
    }
}

/// The first eight octets of the key, as a number that compares the same way: a cheap first look
/// when sorting.
pub(crate) fn prefix(relative: &[u8]) -> u64 {
    let label = last_label(relative);
    // Nearly every name: its last label fills the word, or is all there is; and has no octet 00.
    if (label.len() >= 8 || label.len() + 1 == relative.len())
        && !label.iter().take(8).any(|octet| *octet == 0)
    {
        let mut octets = [0; 8];
        for (to, from) in octets.iter_mut().zip(label) {
            *to = from.to_ascii_lowercase();
        }
        return u64::from_be_bytes(octets);
    }
    let (mut word, mut room) = (0u64, 8u32);
    let mut push = |octet: u8| {
        if room > 0 {
            room -= 1;
            word |= u64::from(octet) << (room * 8);
        }
        room > 0
    };
    'labels: for label in labels(relative).rev() {
        for octet in label {
            let octet = octet.to_ascii_lowercase();
            if !push(octet) || (octet == 0 && !push(1)) {
                break 'labels;
            }
        }
        if !push(0) || !push(0) {
            break;
        }
    }
    word
}

/// The label nearest to the apex; empty at the apex.
fn last_label(relative: &[u8]) -> &[u8] {
    let mut rest = relative;
    let mut last: &[u8] = &[];
    while let Some((len, behind)) = rest.split_first() {
        let Some((label, next)) = behind.split_at_checked(usize::from(*len)) else {
            break;
        };
        (last, rest) = (label, next);
    }
    last
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::name::compare_wire as compare;

    fn relative(text: &str) -> Vec<u8> {
        text.split('.')
            .filter(|l| !l.is_empty())
            .flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat())
            .collect()
    }

    fn key_of(name: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        key(name, &mut out);
        out
    }

    /// RFC 4034 6.1, its own example (relative to `example.`).
    #[test]
    fn order_is_that_of_the_rfc_example() {
        let mut names: Vec<Vec<u8>> = [
            "",
            "a",
            "yljkjljk.a",
            "Z.a",
            "zABC.a",
            "z",
            "\u{1}.z",
            "*.z",
        ]
        .iter()
        .map(|n| relative(n))
        .collect();
        names.push(vec![1, 0xC8, 1, b'z']);
        for (i, a) in names.iter().enumerate() {
            for (j, b) in names.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a:?} {b:?}");
                assert_eq!(key_of(a).cmp(&key_of(b)), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn key_and_prefix_agree_with_compare(
            a in proptest::collection::vec(proptest::collection::vec(0u8..4, 1..11), 0..4),
            b in proptest::collection::vec(proptest::collection::vec(0u8..4, 1..11), 0..4),
        ) {
            let wire = |labels: &[Vec<u8>]| labels.iter().flat_map(|l| [&[l.len() as u8], l.as_slice()].concat()).collect::<Vec<u8>>();
            let (a, b) = (wire(&a), wire(&b));
            let order = compare(&a, &b);
            proptest::prop_assert_eq!(key_of(&a).cmp(&key_of(&b)), order);
            let by_prefix = prefix(&a).cmp(&prefix(&b));
            proptest::prop_assert!(by_prefix == Ordering::Equal || by_prefix == order);
        }
    }
}
