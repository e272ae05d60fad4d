//! IPSECKEY (RFC 4025) and AMTRELAY (RFC 8777): types whose second octet says what kind of address
//! follows.

#![warn(clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::encode::{base64, number};
use super::field::Fault;
use super::print::{ip4, ip6};
use super::scan as text;
use crate::name;
use crate::name::text::name_to_text;
use crate::token::{Cursor, TextError};

/// Which of the two types.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Precedence, gateway type, algorithm, gateway, key.
    IpsecKey,
    /// Precedence, discovery bit and relay type, relay.
    AmtRelay,
}

impl Kind {
    fn head_len(self) -> usize {
        match self {
            Self::IpsecKey => 3,
            Self::AmtRelay => 2,
        }
    }

    /// The address type within the second octet.
    fn address_type(self, octet: u8) -> u8 {
        match self {
            Self::IpsecKey => octet,
            Self::AmtRelay => octet & 0x7f,
        }
    }
}

pub(super) fn measure(kind: Kind, rest: &[u8]) -> Result<usize, Fault> {
    let (head, after) = rest.split_at_checked(kind.head_len()).ok_or(Fault::Short)?;
    let &second = head.get(1).ok_or(Fault::Short)?;
    let length = match kind.address_type(second) {
        0 => 0,
        1 => 4,
        2 => 16,
        3 => name::wire_len(after)?,
        other => return Err(Fault::bad(format!("unknown gateway type {other}"))),
    };
    if after.len() < length {
        return Err(Fault::Short);
    }
    match kind {
        // The rest is the key, which may be absent.
        Kind::IpsecKey => Ok(rest.len()),
        Kind::AmtRelay => Ok(head.len() + length),
    }
}

pub(super) fn print(kind: Kind, octets: &[u8], out: &mut String) {
    let (head, after) = octets
        .split_at_checked(kind.head_len())
        .unwrap_or((octets, &[]));
    let &[precedence, second, ..] = head else {
        return;
    };
    let address_type = kind.address_type(second);
    match (kind, head) {
        (Kind::IpsecKey, [.., algorithm]) => {
            write!(out, "{precedence} {address_type} {algorithm} ")
        }
        _ => write!(out, "{precedence} {} {address_type} ", second >> 7),
    }
    .expect("a String takes all text");
    let length = match address_type {
        1 => 4,
        2 => 16,
        3 => name::wire_len(after).unwrap_or(0),
        _ => 0,
    };
    let (address, key) = after.split_at_checked(length).unwrap_or((after, &[]));
    match address_type {
        1 => number(ip4(address), out),
        2 => number(ip6(address), out),
        3 => name_to_text(address, out).expect("a String takes all text"),
        _ => out.push('.'),
    }
    if !key.is_empty() {
        out.push(' ');
        base64(key, out);
    }
}

pub(super) fn scan(
    kind: Kind,
    cursor: &mut Cursor<'_>,
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    out.push(text::number("precedence", cursor.expect("precedence")?, 255)? as u8);
    let address_type = match kind {
        Kind::IpsecKey => {
            let address_type =
                text::number("gateway type", cursor.expect("gateway type")?, 3)? as u8;
            out.push(address_type);
            out.push(text::number("algorithm", cursor.expect("algorithm")?, 255)? as u8);
            address_type
        }
        Kind::AmtRelay => {
            let optional = text::number("discovery bit", cursor.expect("discovery bit")?, 1)? as u8;
            let address_type = text::number("relay type", cursor.expect("relay type")?, 3)? as u8;
            out.push(optional << 7 | address_type);
            address_type
        }
    };
    if address_type == 3 {
        text::name("gateway", cursor, origin, out)?;
    } else {
        let word = cursor.expect("gateway")?;
        let written = std::str::from_utf8(word.raw).unwrap_or_default();
        let fits = match address_type {
            0 => written == ".",
            1 => written
                .parse::<Ipv4Addr>()
                .map(|address| out.extend(address.octets()))
                .is_ok(),
            _ => written
                .parse::<Ipv6Addr>()
                .map(|address| out.extend(address.octets()))
                .is_ok(),
        };
        if !fits {
            return Err(word.error(format!("not a gateway of type {address_type}")));
        }
    }
    if kind == Kind::IpsecKey
        && let Some(word) = cursor.take()
    {
        let mut digits = word.raw.to_vec();
        while let Some(more) = cursor.take() {
            digits.extend_from_slice(more.raw);
        }
        out.extend(text::base64_octets("public key", word, &digits)?);
    }
    Ok(())
}
