//! Octets to text: strings, hexadecimal, base64, base32hex, and the generic form of RFC 3597.

use std::fmt::Write as _;

use data_encoding::{BASE32HEX_NOPAD, BASE64, HEXUPPER};

/// A character string in quotes. RFC 1035 5.1: what is not printable ASCII becomes `\DDD`.
pub(super) fn quoted(octets: &[u8], out: &mut String) {
    out.push('"');
    for &octet in octets {
        match octet {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(octet));
            }
            0x20..=0x7e => out.push(char::from(octet)),
            _ => {
                write!(out, "\\{octet:03}").expect("a String takes all text");
            }
        }
    }
    out.push('"');
}

/// Upper-case hexadecimal in one piece.
pub(super) fn hex(octets: &[u8], out: &mut String) {
    HEXUPPER.encode_append(octets, out);
}

/// Base64 in one piece.
pub(super) fn base64(octets: &[u8], out: &mut String) {
    BASE64.encode_append(octets, out);
}

/// Base32 with the extended hex alphabet, without padding (RFC 5155 3.3).
pub(super) fn base32hex(octets: &[u8], out: &mut String) {
    BASE32HEX_NOPAD.encode_append(octets, out);
}

/// RFC 3597 5: `\# length hex`.
pub(super) fn generic(rdata: &[u8], out: &mut String) {
    write!(out, "\\# {}", rdata.len()).expect("a String takes all text");
    if !rdata.is_empty() {
        out.push(' ');
        hex(rdata, out);
    }
}

/// A decimal number.
pub(super) fn number(value: impl std::fmt::Display, out: &mut String) {
    write!(out, "{value}").expect("a String takes all text");
}
