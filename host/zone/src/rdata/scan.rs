//! Fields from text to wire.

#![warn(clippy::indexing_slicing)]

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXLOWER_PERMISSIVE};

use super::field::{Field, check_tag};
use super::{apl, bitmap, gateway, hip, loc, svcb, time};
use crate::name::text::{name_from_text, unescape};
use crate::rtype::RecordType;
use crate::token::{Cursor, TextError, Word};

/// Appends one field. `what` is its name for error messages.
pub(super) fn field(
    what: &str,
    kind: Field,
    cursor: &mut Cursor<'_>,
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    match kind {
        Field::Name(_) => name(what, cursor, origin, out)?,
        Field::U8 => out.push(number(what, cursor.expect(what)?, u8::MAX.into())? as u8),
        Field::U16 => push_u16(
            number(what, cursor.expect(what)?, u16::MAX.into())? as u16,
            out,
        ),
        Field::U32 => push_u32(
            number(what, cursor.expect(what)?, u32::MAX.into())? as u32,
            out,
        ),
        Field::U64 => out.extend(number(what, cursor.expect(what)?, u64::MAX)?.to_be_bytes()),
        Field::Ttl => {
            let word = cursor.expect(what)?;
            let seconds = parse_ttl(word.raw).ok_or_else(|| {
                word.error(format!(
                    "{what} is not a time in seconds or like 1h30m, below 2^32"
                ))
            })?;
            push_u32(seconds, out);
        }
        Field::Time => {
            let word = cursor.expect(what)?;
            let seconds = time::parse(word.raw).ok_or_else(|| {
                word.error(format!(
                    "{what} is not a time like 20260131235959 or in seconds"
                ))
            })?;
            push_u32(seconds, out);
        }
        Field::Type => {
            let word = cursor.expect(what)?;
            let rtype = RecordType::from_mnemonic(word.raw)
                .ok_or_else(|| word.error(format!("{what} is not a record type")))?;
            push_u16(rtype.0, out);
        }
        Field::Algorithm => out.push(mnemonic(what, cursor, ALGORITHMS, u8::MAX.into())? as u8),
        Field::CertType => push_u16(
            mnemonic(what, cursor, CERT_TYPES, u16::MAX.into())? as u16,
            out,
        ),
        Field::Scheme => out.push(mnemonic(what, cursor, &[("NOTIFY", 1)], u8::MAX.into())? as u8),
        Field::Ip4 => out.extend(address::<Ipv4Addr>("an IPv4 address", what, cursor)?.octets()),
        Field::Ip6 => out.extend(address::<Ipv6Addr>("an IPv6 address", what, cursor)?.octets()),
        Field::Eui(length) => {
            let word = cursor.expect(what)?;
            let octets = groups(word.raw, b'-', 2, length).ok_or_else(|| {
                word.error(format!(
                    "{what} is not {length} pairs of hex digits with hyphens"
                ))
            })?;
            out.extend(octets.iter().map(|&group| group as u8));
        }
        Field::Locator => {
            let word = cursor.expect(what)?;
            let octets = groups(word.raw, b':', 4, 4).ok_or_else(|| {
                word.error(format!(
                    "{what} is not four groups of hex digits with colons"
                ))
            })?;
            out.extend(octets.iter().flat_map(|group| group.to_be_bytes()));
        }
        Field::Text => text(what, cursor.expect(what)?, out)?,
        Field::OptionalText => {
            if let Some(word) = cursor.take() {
                text(what, word, out)?;
            }
        }
        Field::Texts => {
            text(what, cursor.expect(what)?, out)?;
            while let Some(word) = cursor.take() {
                text(what, word, out)?;
            }
        }
        Field::Value(least) => {
            let word = cursor.expect(what)?;
            let start = out.len();
            unescape_into(word, out)?;
            if out.len() - start < least {
                return Err(word.error(format!("{what} is empty")));
            }
        }
        Field::Tag => {
            let word = cursor.expect(what)?;
            check_tag(word.raw).map_err(|reason| word.error(reason))?;
            let length = u8::try_from(word.raw.len())
                .map_err(|_| word.error(format!("{what} is longer than 255 octets")))?;
            out.push(length);
            out.extend_from_slice(word.raw);
        }
        Field::Hex(least) => hex(what, least, cursor, out)?,
        Field::Base64 => base64(what, cursor, out)?,
        Field::Salt => {
            let word = cursor.expect(what)?;
            let salt = if word.raw == b"-" {
                Vec::new()
            } else {
                hex_octets(what, word)?
            };
            push_counted(what, word, &salt, out)?;
        }
        Field::Hash => {
            let word = cursor.expect(what)?;
            let hash = BASE32HEX_NOPAD
                .decode(&word.raw.to_ascii_uppercase())
                .ok()
                .filter(|hash| !hash.is_empty())
                .ok_or_else(|| word.error(format!("{what} is not base32hex")))?;
            push_counted(what, word, &hash, out)?;
        }
        Field::Bitmap => bitmap::scan(cursor, out)?,
        Field::Params => svcb::scan(cursor, out)?,
        Field::Location => loc::scan(cursor, out)?,
        Field::Prefixes => apl::scan(cursor, out)?,
        Field::Gateway(kind) => gateway::scan(kind, cursor, origin, out)?,
        Field::HostIdentity => hip::scan(cursor, origin, out)?,
        Field::Nsap => {
            let word = cursor.expect(what)?;
            let digits = word
                .raw
                .strip_prefix(b"0x")
                .or_else(|| word.raw.strip_prefix(b"0X"));
            let digits: Vec<u8> = digits
                .unwrap_or_default()
                .iter()
                .copied()
                .filter(|&digit| digit != b'.')
                .collect();
            let octets = HEXLOWER_PERMISSIVE
                .decode(&digits)
                .ok()
                .filter(|octets| !octets.is_empty());
            out.extend(
                octets.ok_or_else(|| word.error(format!("{what} is not 0x and hex digits")))?,
            );
        }
    }
    Ok(())
}

/// A name; `@` is the origin (RFC 1035 5.1), in any RDATA.
pub(super) fn name(
    what: &str,
    cursor: &mut Cursor<'_>,
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let word = cursor.expect(what)?;
    scan_name(word, origin, out).map_err(|error| word.error(format!("{what}: {error}")))
}

/// A name of a master file, without a description of what it is for.
pub(crate) fn scan_name(
    word: Word<'_>,
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), crate::name::NameError> {
    if word.raw == b"@" && !word.quoted {
        out.extend_from_slice(origin.ok_or(crate::name::NameError::NoOrigin)?);
        return Ok(());
    }
    name_from_text(word.raw, origin, out)
}

/// The generic form after its `\#` (RFC 3597 5).
pub(super) fn generic(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let word = cursor.expect("RDATA length")?;
    let length = number("RDATA length", word, u16::MAX.into())? as usize;
    let start = out.len();
    if length > 0 || !cursor.is_empty() {
        hex("RDATA", 0, cursor, out)?;
    }
    match out.len() - start {
        found if found == length => Ok(()),
        found => Err(word.error(format!("{found} octets follow, not {length}"))),
    }
}

/// A decimal number up to `most`.
pub(super) fn number(what: &str, word: Word<'_>, most: u64) -> Result<u64, TextError> {
    parse_number(word.raw)
        .filter(|&value| value <= most)
        .ok_or_else(|| word.error(format!("{what} is not a number from 0 to {most}")))
}

/// Digits only, no sign.
pub(super) fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// Seconds, or parts with the units s, m, h, d, w as in `1h30m`.
pub(crate) fn parse_ttl(text: &[u8]) -> Option<u32> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    let mut total = 0u64;
    let mut value: Option<u64> = None;
    for &octet in text {
        let unit = match octet.to_ascii_lowercase() {
            b'0'..=b'9' => {
                let next = value.unwrap_or(0) * 10 + u64::from(octet - b'0');
                value = (next <= u32::MAX.into()).then_some(next);
                value?;
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(value.take()? * unit)?;
    }
    u32::try_from(total.checked_add(value.unwrap_or(0))?).ok()
}

/// A character string with its length octet.
pub(super) fn text(what: &str, word: Word<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let length_at = out.len();
    out.push(0);
    unescape_into(word, out)?;
    let length = u8::try_from(out.len() - length_at - 1).map_err(|_| {
        word.error(format!(
            "{what} is longer than 255 octets; write it as several strings"
        ))
    })?;
    if let Some(slot) = out.get_mut(length_at) {
        *slot = length;
    }
    Ok(())
}

/// The octets of a word, escapes resolved.
pub(super) fn unescape_into(word: Word<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let mut rest = word.raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let after = after.get(1..).unwrap_or_default();
        let (octet, used) = unescape(after)
            .ok_or_else(|| word.error("bad escape: `\\DDD` goes from 000 to 255"))?;
        out.push(octet);
        rest = after.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Hexadecimal in as many words as there are left, at least `least` octets.
pub(super) fn hex(
    what: &str,
    least: usize,
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let first = cursor.expect(what)?;
    let digits = joined(first, cursor);
    let octets = HEXLOWER_PERMISSIVE
        .decode(&digits)
        .map_err(|_| first.error(format!("{what} is not an even number of hex digits")))?;
    if octets.len() < least {
        return Err(first.error(format!("{what} is shorter than {least} octets")));
    }
    out.extend(octets);
    Ok(())
}

/// The octets of one hexadecimal word.
pub(super) fn hex_octets(what: &str, word: Word<'_>) -> Result<Vec<u8>, TextError> {
    HEXLOWER_PERMISSIVE
        .decode(word.raw)
        .map_err(|_| word.error(format!("{what} is not an even number of hex digits")))
}

fn base64(what: &str, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let first = cursor.expect(what)?;
    let digits = joined(first, cursor);
    out.extend(base64_octets(what, first, &digits)?);
    Ok(())
}

/// Decodes base64 of at least one octet.
pub(super) fn base64_octets(
    what: &str,
    word: Word<'_>,
    digits: &[u8],
) -> Result<Vec<u8>, TextError> {
    // RFC 4648 3.3: padding ends the text; the decoder would take another piece behind it.
    let padding = digits
        .iter()
        .rev()
        .take_while(|digit| **digit == b'=')
        .count();
    let body = digits.get(..digits.len() - padding).unwrap_or(digits);
    match BASE64.decode(digits) {
        Ok(octets) if !octets.is_empty() && !body.contains(&b'=') => Ok(octets),
        _ => Err(word.error(format!("{what} is not base64"))),
    }
}

fn joined<'t>(first: Word<'t>, cursor: &mut Cursor<'t>) -> std::borrow::Cow<'t, [u8]> {
    let mut digits = std::borrow::Cow::Borrowed(first.raw);
    while let Some(word) = cursor.take() {
        digits.to_mut().extend_from_slice(word.raw);
    }
    digits
}

fn address<A: std::str::FromStr>(
    form: &str,
    what: &str,
    cursor: &mut Cursor<'_>,
) -> Result<A, TextError> {
    let word = cursor.expect(what)?;
    let address = std::str::from_utf8(word.raw)
        .ok()
        .and_then(|text| text.parse().ok());
    address.ok_or_else(|| word.error(format!("{what} is not {form}")))
}

/// Exactly `count` groups of exactly `digits` (for colons: up to `digits`) hex digits.
fn groups(text: &[u8], separator: u8, digits: usize, count: usize) -> Option<Vec<u16>> {
    let mut found = Vec::with_capacity(count);
    for group in text.split(|&octet| octet == separator) {
        let exact =
            group.len() == digits || separator == b':' && (1..digits).contains(&group.len());
        if !exact || !group.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        found.push(u16::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()?);
    }
    (found.len() == count).then_some(found)
}

fn mnemonic(
    what: &str,
    cursor: &mut Cursor<'_>,
    known: &[(&str, u64)],
    most: u64,
) -> Result<u64, TextError> {
    let word = cursor.expect(what)?;
    match known.iter().find(|(name, _)| word.is(name.as_bytes())) {
        Some(&(_, value)) => Ok(value),
        None => number(what, word, most),
    }
}

fn push_counted(
    what: &str,
    word: Word<'_>,
    octets: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let length = u8::try_from(octets.len())
        .map_err(|_| word.error(format!("{what} is longer than 255 octets")))?;
    out.push(length);
    out.extend_from_slice(octets);
    Ok(())
}

fn push_u16(value: u16, out: &mut Vec<u8>) {
    out.extend(value.to_be_bytes());
}

fn push_u32(value: u32, out: &mut Vec<u8>) {
    out.extend(value.to_be_bytes());
}

/// IANA's DNS security algorithm mnemonics.
const ALGORITHMS: &[(&str, u64)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// RFC 4398 2.1.
const CERT_TYPES: &[(&str, u64)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];
