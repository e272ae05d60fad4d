//! Domain names (RFC 1035 3.1), absolute and uncompressed.
//!
//! A [`Name`] holds the wire form as it was written, case kept, because a server answers with the case
//! of the zone. Equality and hashing ignore ASCII case (RFC 4343), order is the canonical one of
//! RFC 4034 6.1. Free functions work on borrowed wire names, so that a name inside a zone image or a
//! packet needs no copy. The text form lives in [`text`].

#![warn(clippy::indexing_slicing)]

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

pub mod text;

/// RFC 1035 2.3.4: a name is at most 255 octets, its length octets and the root included.
pub const NAME_SIZE_MAX: usize = 255;
/// RFC 1035 2.3.4: a label is at most 63 octets.
pub const LABEL_SIZE_MAX: usize = 63;
/// 255 octets hold at most 127 labels, so a chain of more pointers than labels only wastes time.
const POINTER_JUMPS_MAX: usize = 126;

/// An absolute domain name in uncompressed wire form, with the case it was written in.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why octets or text are not a domain name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The octets end inside the name.
    #[error("name runs past the end of the data")]
    Truncated,
    /// More octets follow where exactly one name was expected.
    #[error("data follows the name")]
    TrailingData,
    /// A label of more than 63 octets.
    #[error("label is longer than 63 octets")]
    LabelTooLong,
    /// A name of more than 255 octets.
    #[error("name is longer than 255 octets")]
    NameTooLong,
    /// Two dots in a row, or a dot in front.
    #[error("empty label")]
    EmptyLabel,
    /// No text at all.
    #[error("empty name")]
    Empty,
    /// `\DDD` above 255, or a backslash at the end.
    #[error("bad escape")]
    BadEscape,
    /// A relative name where no origin is known.
    #[error("relative name without an origin")]
    NoOrigin,
    /// A compression pointer that does not point strictly backwards, or one too many.
    #[error("bad compression pointer")]
    BadPointer,
    /// A compression pointer where RFC 3597 4 allows none.
    #[error("compression pointer where none is allowed")]
    Compressed,
    /// Label kinds 01 and 10 (RFC 6891 5 withdrew the only use).
    #[error("unknown label kind")]
    BadLabelKind,
}

impl Name {
    /// The root name.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Takes octets that are exactly one uncompressed name.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        if wire_len(wire)? != wire.len() {
            return Err(NameError::TrailingData);
        }
        Ok(Self(wire.into()))
    }

    /// Reads a possibly compressed name of a message; gives the name and the position after it.
    ///
    /// Pointers must go strictly backwards, so that no message can make us walk in circles.
    pub fn read(message: &[u8], at: usize) -> Result<(Self, usize), NameError> {
        let mut wire = Vec::with_capacity(64);
        let next = read_into(message, at, &mut wire)?;
        Ok((Self(wire.into_boxed_slice()), next))
    }

    /// The position after the name at `at`, without following pointers.
    pub fn skip(message: &[u8], mut at: usize) -> Result<usize, NameError> {
        let start = at;
        loop {
            let &octet = message.get(at).ok_or(NameError::Truncated)?;
            match octet >> 6 {
                0 => at += 1 + usize::from(octet),
                3 if at + 1 < message.len() => return Ok(at + 2),
                3 => return Err(NameError::Truncated),
                _ => return Err(NameError::BadLabelKind),
            }
            if octet == 0 {
                return Ok(at);
            }
            if at - start >= NAME_SIZE_MAX {
                return Err(NameError::NameTooLong);
            }
        }
    }

    /// The uncompressed wire form, root octet included.
    #[inline]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from left to right, without the root.
    pub fn labels(&self) -> Labels<'_> {
        labels(&self.0)
    }

    /// How many labels there are, without the root.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// The name without its leftmost label; the root has none.
    pub fn parent(&self) -> Option<Self> {
        parent_wire(&self.0).map(|wire| Self(wire.into()))
    }

    /// The name with one more label in front.
    pub fn child(&self, label: &[u8]) -> Result<Self, NameError> {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if label.len() > LABEL_SIZE_MAX {
            return Err(NameError::LabelTooLong);
        }
        if 1 + label.len() + self.0.len() > NAME_SIZE_MAX {
            return Err(NameError::NameTooLong);
        }
        let mut wire = Vec::with_capacity(1 + label.len() + self.0.len());
        wire.push(label.len() as u8);
        wire.extend_from_slice(label);
        wire.extend_from_slice(&self.0);
        Ok(Self(wire.into_boxed_slice()))
    }

    /// Whether this name equals `other` or lies below it.
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        is_at_or_below_wire(&self.0, &other.0)
    }

    /// The same name with ASCII letters in lower case.
    pub fn to_lowercase(&self) -> Self {
        // Length octets are at most 63, below 'A', so the whole form can be folded.
        Self(self.0.to_ascii_lowercase().into_boxed_slice())
    }

    /// RFC 4592 2.1.1: the leftmost label is a single asterisk.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }
}

/// Canonical order (RFC 4034 6.1) of two uncompressed wire names: from the right, label by label,
/// ASCII case folded, a missing label first.
pub fn compare_wire(a: &[u8], b: &[u8]) -> Ordering {
    let (a_count, b_count) = (count_labels(a), count_labels(b));
    let (mut a_rest, mut b_rest) = (a, b);
    for _ in b_count..a_count {
        a_rest = split_label(a_rest).map_or(&[][..], |(_, rest)| rest);
    }
    for _ in a_count..b_count {
        b_rest = split_label(b_rest).map_or(&[][..], |(_, rest)| rest);
    }
    // Left to right costs no list of labels; the rightmost pair that differs decides.
    let mut last: Option<(&[u8], &[u8])> = None;
    while let (Some((x, a_next)), Some((y, b_next))) = (split_label(a_rest), split_label(b_rest)) {
        if x != y && !x.eq_ignore_ascii_case(y) {
            last = Some((x, y));
        }
        (a_rest, b_rest) = (a_next, b_next);
    }
    match last {
        Some((x, y)) => compare_folded(x, y),
        None => a_count.cmp(&b_count),
    }
}

fn count_labels(wire: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(&length) = wire.get(at) {
        if length == 0 {
            break;
        }
        at += 1 + usize::from(length);
        count += 1;
    }
    count
}

/// The leftmost label and what follows it; `None` at the root.
fn split_label(wire: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = wire.split_first()?;
    if length == 0 {
        None
    } else {
        rest.split_at_checked(usize::from(length))
    }
}

/// Whether wire name `name` equals `apex` or lies below it, ASCII case ignored.
pub fn is_at_or_below_wire(name: &[u8], apex: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > apex.len() {
        match parent_wire(rest) {
            Some(parent) => rest = parent,
            None => return false,
        }
    }
    rest.eq_ignore_ascii_case(apex)
}

/// The wire name without its leftmost label; `None` for the root.
pub fn parent_wire(name: &[u8]) -> Option<&[u8]> {
    match name.first() {
        None | Some(0) => None,
        Some(&length) => name.get(1 + usize::from(length)..),
    }
}

/// The labels of an uncompressed wire name, without the root.
pub fn labels(wire: &[u8]) -> Labels<'_> {
    let mut starts = [0u8; 128];
    let mut count = 0usize;
    let mut at = 0usize;
    while let Some(&length) = wire.get(at) {
        let Some(slot) = starts.get_mut(count) else {
            break;
        };
        if length == 0 || at > NAME_SIZE_MAX {
            break;
        }
        *slot = at as u8;
        count += 1;
        at += 1 + usize::from(length);
    }
    Labels {
        wire,
        starts,
        front: 0,
        back: count,
    }
}

/// Iterates over the labels of a name, from either end.
#[derive(Clone)]
pub struct Labels<'a> {
    wire: &'a [u8],
    starts: [u8; 128],
    front: usize,
    back: usize,
}

impl<'a> Labels<'a> {
    fn label(&self, index: usize) -> Option<&'a [u8]> {
        let at = usize::from(*self.starts.get(index)?);
        let length = usize::from(*self.wire.get(at)?);
        self.wire.get(at + 1..at + 1 + length)
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.front >= self.back {
            return None;
        }
        self.front += 1;
        self.label(self.front - 1)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Labels<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back -= 1;
        self.label(self.back)
    }
}

impl ExactSizeIterator for Labels<'_> {}

/// Length of the uncompressed name at the start of `wire`; pointers are refused.
pub fn wire_len(wire: &[u8]) -> Result<usize, NameError> {
    let mut at = 0usize;
    loop {
        let &octet = wire.get(at).ok_or(NameError::Truncated)?;
        match octet >> 6 {
            0 => at += 1 + usize::from(octet),
            3 => return Err(NameError::Compressed),
            _ => return Err(NameError::BadLabelKind),
        }
        if at > NAME_SIZE_MAX {
            return Err(NameError::NameTooLong);
        }
        if octet == 0 {
            return Ok(at);
        }
    }
}

/// Appends the possibly compressed name at `at` to `out`, uncompressed; gives the position after it.
/// On an error `out` may hold part of the name.
pub fn read_into(message: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, NameError> {
    let start = out.len();
    let mut position = at;
    // A pointer must go before the start of the labels it ends, or a loop would be possible.
    let mut limit = at;
    let mut next = None;
    let mut jumps = 0;
    loop {
        let &octet = message.get(position).ok_or(NameError::Truncated)?;
        match octet >> 6 {
            0 => {
                let end = position + 1 + usize::from(octet);
                let label = message.get(position..end).ok_or(NameError::Truncated)?;
                if out.len() - start + label.len() > NAME_SIZE_MAX {
                    return Err(NameError::NameTooLong);
                }
                out.extend_from_slice(label);
                position = end;
                if octet == 0 {
                    return Ok(next.unwrap_or(position));
                }
            }
            3 => {
                let &low = message.get(position + 1).ok_or(NameError::Truncated)?;
                let target = usize::from(octet & 0x3f) << 8 | usize::from(low);
                jumps += 1;
                if target >= limit || jumps > POINTER_JUMPS_MAX {
                    return Err(NameError::BadPointer);
                }
                next.get_or_insert(position + 2);
                limit = target;
                position = target;
            }
            _ => return Err(NameError::BadLabelKind),
        }
    }
}

fn compare_folded(a: &[u8], b: &[u8]) -> Ordering {
    for (x, y) in a.iter().zip(b) {
        let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut folded = [0u8; NAME_SIZE_MAX];
        let folded = folded
            .get_mut(..self.0.len())
            .expect("a name has at most 255 octets");
        folded.copy_from_slice(&self.0);
        folded.make_ascii_lowercase();
        state.write(folded);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_wire(&self.0, &other.0)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
