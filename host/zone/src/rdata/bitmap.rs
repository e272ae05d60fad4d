//! Type bitmaps of NSEC, NSEC3 and CSYNC (RFC 4034 4.1.2).

#![warn(clippy::indexing_slicing)]

use super::encode::number;
use super::field::Fault;
use crate::rtype::RecordType;
use crate::token::{Cursor, TextError};

/// Windows of up to 32 octets, in strictly rising order, none empty, no zero octet at the end.
pub(super) fn measure(rest: &[u8]) -> Result<usize, Fault> {
    let mut windows = rest;
    let mut last = None;
    while !windows.is_empty() {
        let (window, bits, after) = split_window(windows).ok_or(Fault::Short)?;
        if last.is_some_and(|last| window <= last) {
            return Err(Fault::bad("bitmap windows are not in rising order"));
        }
        if bits.is_empty() || bits.len() > 32 {
            return Err(Fault::bad("a bitmap window has 1 to 32 octets"));
        }
        if bits.ends_with(&[0]) {
            return Err(Fault::bad("a bitmap window ends in a zero octet"));
        }
        last = Some(window);
        windows = after;
    }
    Ok(rest.len())
}

/// The types of a valid bitmap, in rising order.
pub(super) fn types(mut windows: &[u8]) -> impl Iterator<Item = RecordType> {
    let mut window = 0u8;
    let mut bits: &[u8] = &[];
    let mut at = 0u16;
    std::iter::from_fn(move || {
        loop {
            while usize::from(at) < bits.len() * 8 {
                let octet = bits.get(usize::from(at / 8))?;
                at += 1;
                if octet & 0x80 >> ((at - 1) % 8) != 0 {
                    return Some(RecordType(u16::from(window) << 8 | (at - 1)));
                }
            }
            (window, bits, windows) = split_window(windows)?;
            at = 0;
        }
    })
}

/// Appends mnemonics with blanks between.
pub(super) fn print(octets: &[u8], out: &mut String) {
    for (index, rtype) in types(octets).enumerate() {
        if index > 0 {
            out.push(' ');
        }
        number(rtype, out);
    }
}

/// Reads mnemonics up to the end of the entry, in any order.
pub(super) fn scan(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let mut types = Vec::with_capacity(16);
    while let Some(word) = cursor.take() {
        let rtype =
            RecordType::from_mnemonic(word.raw).ok_or_else(|| word.error("not a record type"))?;
        types.push(rtype.0);
    }
    types.sort_unstable();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0u8; 32];
        let mut used = 0;
        for rtype in window {
            let octet = usize::from(rtype & 0xff) / 8;
            if let Some(slot) = bits.get_mut(octet) {
                *slot |= 0x80 >> (rtype % 8);
            }
            used = octet + 1;
        }
        let number = window.first().map_or(0, |rtype| rtype >> 8);
        out.push(number as u8);
        out.push(used as u8);
        out.extend_from_slice(bits.get(..used).unwrap_or_default());
    }
    Ok(())
}

fn split_window(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [window, length, rest @ ..] = octets else {
        return None;
    };
    let (bits, after) = rest.split_at_checked(usize::from(*length))?;
    Some((*window, bits, after))
}
