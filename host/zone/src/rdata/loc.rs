//! Locations (RFC 1876): `d m s N|S d m s E|W altitude size horizontal vertical`.

#![warn(clippy::indexing_slicing)]

use std::fmt::Write as _;

use super::field::Fault;
use super::print::big_endian;
use super::scan::parse_number;
use crate::token::{Cursor, TextError, Word};

/// Thousandths of an arc second are counted from here, the equator or the prime meridian.
const MIDDLE: u32 = 1 << 31;
const DEGREE: u32 = 3_600_000;
/// RFC 1876 2: altitude is counted from 100,000 m below the reference spheroid, in centimetres.
const BELOW_SPHEROID_CM: u64 = 10_000_000;

pub(super) fn measure(rest: &[u8]) -> Result<usize, Fault> {
    let octets = rest.get(..16).ok_or(Fault::Short)?;
    // RFC 1876 2: what another version means is unknown.
    if !octets.starts_with(&[0]) {
        return Err(Fault::bad("unknown version"));
    }
    let sizes = octets.get(1..4).unwrap_or_default();
    if sizes.iter().any(|size| size >> 4 > 9 || size & 0x0f > 9) {
        return Err(Fault::bad("a size is not two decimal digits"));
    }
    if angle(octets, 4).abs_diff(MIDDLE) > 90 * DEGREE
        || angle(octets, 8).abs_diff(MIDDLE) > 180 * DEGREE
    {
        return Err(Fault::bad("no place on Earth"));
    }
    Ok(16)
}

pub(super) fn print(octets: &[u8], out: &mut String) {
    print_angle(angle(octets, 4), 'N', 'S', out);
    print_angle(angle(octets, 8), 'E', 'W', out);
    let altitude = i64::from(angle(octets, 12)) - BELOW_SPHEROID_CM as i64;
    let sign = if altitude < 0 { "-" } else { "" };
    let altitude = altitude.unsigned_abs();
    write!(out, "{sign}{}.{:02}m", altitude / 100, altitude % 100)
        .expect("a String takes all text");
    for &size in octets.get(1..4).unwrap_or_default() {
        let cm = u64::from(size >> 4) * 10u64.pow(u32::from(size & 0x0f));
        write!(out, " {}.{:02}m", cm / 100, cm % 100).expect("a String takes all text");
    }
}

pub(super) fn scan(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let latitude = scan_angle("latitude", 90, b"N", b"S", cursor)?;
    let longitude = scan_angle("longitude", 180, b"E", b"W", cursor)?;
    let word = cursor.expect("altitude")?;
    let altitude = match word.raw.strip_prefix(b"-") {
        Some(below) => metres(below).and_then(|cm| BELOW_SPHEROID_CM.checked_sub(cm)),
        None => metres(word.raw).and_then(|cm| cm.checked_add(BELOW_SPHEROID_CM)),
    };
    let altitude = altitude
        .and_then(|cm| u32::try_from(cm).ok())
        .ok_or_else(|| word.error("altitude is not metres from -100000.00 to 42849672.95"))?;
    // RFC 1876 3: the sizes that are taken when they are left out.
    let mut sizes = [0x12, 0x16, 0x13];
    for slot in &mut sizes {
        if let Some(word) = cursor.take() {
            *slot = scan_size(word)?;
        }
    }
    out.push(0);
    out.extend(sizes);
    for value in [latitude, longitude, altitude] {
        out.extend(value.to_be_bytes());
    }
    Ok(())
}

fn angle(octets: &[u8], at: usize) -> u32 {
    big_endian(octets.get(at..at + 4).unwrap_or_default()) as u32
}

fn print_angle(value: u32, positive: char, negative: char, out: &mut String) {
    let side = if value < MIDDLE { negative } else { positive };
    let value = value.abs_diff(MIDDLE);
    let (degrees, minutes, thousandths) = (value / DEGREE, value / 60_000 % 60, value % 60_000);
    write!(
        out,
        "{degrees} {minutes} {}.{:03} {side} ",
        thousandths / 1000,
        thousandths % 1000
    )
    .expect("a String takes all text");
}

fn scan_angle(
    what: &str,
    degrees_max: u64,
    positive: &[u8],
    negative: &[u8],
    cursor: &mut Cursor<'_>,
) -> Result<u32, TextError> {
    let mut total = 0u64;
    // Degrees, minutes, seconds; the last two may be left out (RFC 1876 3).
    let parts = [
        (degrees_max, u64::from(DEGREE), false),
        (59, 60_000, false),
        (59, 1000, true),
    ];
    for (index, (most, unit, fraction)) in parts.into_iter().enumerate() {
        let word = cursor.expect(what)?;
        if index > 0
            && let Some(value) = finish(word, positive, negative, total)
        {
            return Ok(value);
        }
        let value = match fraction {
            true => decimal(word.raw, 3).filter(|&value| value < (most + 1) * unit),
            false => parse_number(word.raw)
                .filter(|&value| value <= most)
                .map(|value| value * unit),
        };
        total += value.ok_or_else(|| word.error(format!("{what} is out of range")))?;
    }
    let word = cursor.expect(what)?;
    finish(word, positive, negative, total)
        .filter(|_| total <= degrees_max * u64::from(DEGREE))
        .ok_or_else(|| {
            word.error(format!(
                "{what} is out of range or has no side like N, S, E, W"
            ))
        })
}

fn finish(word: Word<'_>, positive: &[u8], negative: &[u8], total: u64) -> Option<u32> {
    let total = u32::try_from(total).ok()?;
    if word.is(positive) {
        MIDDLE.checked_add(total)
    } else if word.is(negative) {
        MIDDLE.checked_sub(total)
    } else {
        None
    }
}

/// Centimetres of `12`, `12m`, `12.5m`.
fn metres(text: &[u8]) -> Option<u64> {
    decimal(text.strip_suffix(b"m").unwrap_or(text), 2)
}

/// A decimal number times 10^`places`; no more digits after the point than that.
fn decimal(text: &[u8], places: usize) -> Option<u64> {
    let mut parts = text.splitn(2, |&octet| octet == b'.');
    let whole = parse_number(parts.next()?)?;
    let fraction = parts.next().unwrap_or_default();
    if fraction.len() > places || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let scale = 10u64.pow(places as u32);
    let mut value = if fraction.is_empty() {
        0
    } else {
        parse_number(fraction)?
    };
    for _ in fraction.len()..places {
        value *= 10;
    }
    if fraction.is_empty() {
        value = 0;
    }
    whole.checked_mul(scale)?.checked_add(value)
}

/// RFC 1876 2: one digit and one power of ten, in centimetres.
fn scan_size(word: Word<'_>) -> Result<u8, TextError> {
    let cm = metres(word.raw)
        .filter(|&cm| cm <= 9_000_000_000)
        .ok_or_else(|| word.error("size is not metres from 0 to 90000000.00"))?;
    let mut mantissa = cm;
    let mut exponent = 0;
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    Ok((mantissa as u8) << 4 | exponent)
}
