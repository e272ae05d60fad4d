//! Address prefix lists (RFC 3123): `[!]family:address/prefix`.

#![warn(clippy::indexing_slicing)]

use std::net::{Ipv4Addr, Ipv6Addr};

use super::encode::number;
use super::field::Fault;
use super::print::{big_endian, ip4, ip6};
use super::scan::parse_number;
use crate::token::{Cursor, TextError};

/// Items of IPv4 and IPv6 (the families that have a text form), each as short as it can be.
pub(super) fn measure(rest: &[u8]) -> Result<usize, Fault> {
    let mut items = rest;
    while !items.is_empty() {
        let (item, after) = split_item(items).ok_or(Fault::Short)?;
        let Some((bits, octets)) = size(item.family) else {
            return Err(Fault::bad(format!(
                "unknown address family {}",
                item.family
            )));
        };
        if item.prefix > bits || item.address.len() > octets {
            return Err(Fault::bad("prefix or address is too long for its family"));
        }
        // RFC 3123 4: trailing zero octets must not be sent.
        if item.address.ends_with(&[0]) {
            return Err(Fault::bad("address part ends in a zero octet"));
        }
        items = after;
    }
    Ok(rest.len())
}

pub(super) fn print(octets: &[u8], out: &mut String) {
    let mut items = octets;
    while let Some((item, after)) = split_item(items) {
        if items.len() < octets.len() {
            out.push(' ');
        }
        if item.negated {
            out.push('!');
        }
        number(item.family, out);
        out.push(':');
        let mut address = [0u8; 16];
        for (slot, octet) in address.iter_mut().zip(item.address) {
            *slot = *octet;
        }
        match item.family {
            1 => number(ip4(address.get(..4).unwrap_or_default()), out),
            _ => number(ip6(&address), out),
        }
        out.push('/');
        number(item.prefix, out);
        items = after;
    }
}

pub(super) fn scan(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    while let Some(word) = cursor.take() {
        let item = scan_item(word.raw)
            .ok_or_else(|| word.error("not a prefix like 1:192.0.2.0/24 or !2:2001:db8::/32"))?;
        out.extend(item);
    }
    Ok(())
}

struct Item<'a> {
    family: u16,
    prefix: u8,
    negated: bool,
    address: &'a [u8],
}

fn split_item(octets: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let [high, low, prefix, length, rest @ ..] = octets else {
        return None;
    };
    let (address, after) = rest.split_at_checked(usize::from(length & 0x7f))?;
    let family = big_endian(&[*high, *low]) as u16;
    Some((
        Item {
            family,
            prefix: *prefix,
            negated: length & 0x80 != 0,
            address,
        },
        after,
    ))
}

/// Bits and octets of a whole address.
fn size(family: u16) -> Option<(u8, usize)> {
    match family {
        1 => Some((32, 4)),
        2 => Some((128, 16)),
        _ => None,
    }
}

fn scan_item(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let (negated, text) = match text.strip_prefix('!') {
        Some(text) => (0x80, text),
        None => (0, text),
    };
    let (family, text) = text.split_once(':')?;
    let (address, prefix) = text.split_once('/')?;
    let family = u16::try_from(parse_number(family.as_bytes())?).ok()?;
    let (bits, _) = size(family)?;
    let prefix = u8::try_from(parse_number(prefix.as_bytes())?)
        .ok()
        .filter(|&prefix| prefix <= bits)?;
    let mut address = match family {
        1 => address.parse::<Ipv4Addr>().ok()?.octets().to_vec(),
        _ => address.parse::<Ipv6Addr>().ok()?.octets().to_vec(),
    };
    while address.ends_with(&[0]) {
        address.pop();
    }
    let mut item = family.to_be_bytes().to_vec();
    item.extend([prefix, negated | address.len() as u8]);
    item.append(&mut address);
    Some(item)
}
