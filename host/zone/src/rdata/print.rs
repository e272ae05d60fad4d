//! Fields from wire to text. What comes in was measured, so its length is right.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::encode::{base32hex, base64, hex, number, quoted};
use super::field::Field;
use super::{apl, bitmap, gateway, hip, loc, svcb, time};
use crate::name::text::name_to_text;
use crate::rtype::RecordType;

/// Appends the text of one field. Lists that are empty append nothing.
pub(super) fn field(kind: Field, octets: &[u8], out: &mut String) {
    match kind {
        Field::Name(_) => name_to_text(octets, out).expect("a String takes all text"),
        Field::U8
        | Field::U16
        | Field::U32
        | Field::U64
        | Field::Ttl
        | Field::Algorithm
        | Field::CertType
        | Field::Scheme => number(big_endian(octets), out),
        Field::Time => time::print(big_endian(octets) as u32, out),
        Field::Type => number(RecordType(big_endian(octets) as u16), out),
        Field::Ip4 => number(ip4(octets), out),
        Field::Ip6 => number(ip6(octets), out),
        Field::Eui(_) => {
            for (index, octet) in octets.iter().enumerate() {
                let separator = if index == 0 { "" } else { "-" };
                write!(out, "{separator}{octet:02x}").expect("a String takes all text");
            }
        }
        Field::Locator => {
            for (index, group) in octets.chunks(2).enumerate() {
                let separator = if index == 0 { "" } else { ":" };
                write!(out, "{separator}{:04x}", big_endian(group))
                    .expect("a String takes all text");
            }
        }
        Field::Text | Field::OptionalText => texts(octets, out),
        Field::Texts => texts(octets, out),
        Field::Value(_) => quoted(octets, out),
        Field::Tag => out.extend(octets.iter().skip(1).map(|&octet| char::from(octet))),
        Field::Hex(_) => hex(octets, out),
        Field::Base64 => base64(octets, out),
        Field::Salt => match octets {
            [_, salt @ ..] if !salt.is_empty() => hex(salt, out),
            _ => out.push('-'),
        },
        Field::Hash => base32hex(octets.get(1..).unwrap_or_default(), out),
        Field::Bitmap => bitmap::print(octets, out),
        Field::Params => svcb::print(octets, out),
        Field::Location => loc::print(octets, out),
        Field::Prefixes => apl::print(octets, out),
        Field::Gateway(kind) => gateway::print(kind, octets, out),
        Field::HostIdentity => hip::print(octets, out),
        Field::Nsap => {
            out.push_str("0x");
            hex(octets, out);
        }
    }
}

fn texts(mut octets: &[u8], out: &mut String) {
    let mut first = true;
    while let Some((&length, rest)) = octets.split_first() {
        if !first {
            out.push(' ');
        }
        first = false;
        let (text, rest) = rest
            .split_at_checked(usize::from(length))
            .unwrap_or((rest, &[]));
        quoted(text, out);
        octets = rest;
    }
}

/// The number that up to eight octets spell.
pub(super) fn big_endian(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |value, &octet| value << 8 | u64::from(octet))
}

/// The IPv4 address of four octets.
pub(super) fn ip4(octets: &[u8]) -> Ipv4Addr {
    Ipv4Addr::from_bits(big_endian(octets) as u32)
}

/// The IPv6 address of sixteen octets.
pub(super) fn ip6(octets: &[u8]) -> Ipv6Addr {
    let bits = octets
        .iter()
        .fold(0u128, |value, &octet| value << 8 | u128::from(octet));
    Ipv6Addr::from_bits(bits)
}
