//! Host identities (RFC 8005 5): lengths in front, then tag, key and rendezvous servers.

#![warn(clippy::indexing_slicing)]

use super::encode::{base64, hex, number};
use super::field::Fault;
use super::print::big_endian;
use super::scan as text;
use crate::name;
use crate::name::text::name_to_text;
use crate::token::{Cursor, TextError};

pub(super) fn measure(rest: &[u8]) -> Result<usize, Fault> {
    let parts = split(rest).ok_or(Fault::Short)?;
    if parts.tag.is_empty() || parts.key.is_empty() {
        return Err(Fault::bad("host identity tag or public key is empty"));
    }
    let mut servers = parts.servers;
    while !servers.is_empty() {
        let length = name::wire_len(servers)?;
        servers = servers.get(length..).unwrap_or_default();
    }
    Ok(rest.len())
}

pub(super) fn print(octets: &[u8], out: &mut String) {
    let Some(parts) = split(octets) else { return };
    number(parts.algorithm, out);
    out.push(' ');
    hex(parts.tag, out);
    out.push(' ');
    base64(parts.key, out);
    let mut servers = parts.servers;
    while let Ok(length) = name::wire_len(servers) {
        out.push(' ');
        name_to_text(servers, out).expect("a String takes all text");
        servers = servers.get(length..).unwrap_or_default();
    }
}

pub(super) fn scan(
    cursor: &mut Cursor<'_>,
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let algorithm = text::number(
        "public key algorithm",
        cursor.expect("public key algorithm")?,
        255,
    )? as u8;
    let word = cursor.expect("host identity tag")?;
    let tag = text::hex_octets("host identity tag", word)?;
    let tag_len = u8::try_from(tag.len()).ok().filter(|&length| length > 0);
    let tag_len = tag_len.ok_or_else(|| word.error("host identity tag has 1 to 255 octets"))?;
    let word = cursor.expect("public key")?;
    let key = text::base64_octets("public key", word, word.raw)?;
    let key_len = u16::try_from(key.len())
        .map_err(|_| word.error("public key is longer than 65535 octets"))?;
    out.extend([tag_len, algorithm]);
    out.extend(key_len.to_be_bytes());
    out.extend(tag);
    out.extend(key);
    while !cursor.is_empty() {
        text::name("rendezvous server", cursor, origin, out)?;
    }
    Ok(())
}

struct Parts<'a> {
    algorithm: u8,
    tag: &'a [u8],
    key: &'a [u8],
    servers: &'a [u8],
}

fn split(octets: &[u8]) -> Option<Parts<'_>> {
    let [tag_len, algorithm, high, low, rest @ ..] = octets else {
        return None;
    };
    let (tag, rest) = rest.split_at_checked(usize::from(*tag_len))?;
    let (key, servers) = rest.split_at_checked(big_endian(&[*high, *low]) as usize)?;
    Some(Parts {
        algorithm: *algorithm,
        tag,
        key,
        servers,
    })
}
