//! Parameters of SVCB and HTTPS (RFC 9460 2.1, 2.2, appendix A).
//!
//! On the wire a list of (key, length, value) in strictly rising order of keys. In text each key has
//! its own form of value. Errors name the key, because one record often carries five of them.
//! Self-consistency (RFC 9460 2.4.3) is asked of text only: section 8 wants zone-file readers to enforce
//! it, while a record that arrives by transfer without it is odd but well-formed.

#![warn(clippy::indexing_slicing)]

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;

use super::encode::{base64, number, quoted};
use super::field::Fault;
use super::print::{big_endian, ip4, ip6};
use super::scan::{parse_number, unescape_into};
use crate::token::{Cursor, TextError, Word};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
const TLS_SUPPORTED_GROUPS: u16 = 9;
/// RFC 9460 14.3.2: reserved as "invalid key".
const INVALID: u16 = 65_535;

const NAMES: &[(u16, &str)] = &[
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6HINT, "ipv6hint"),
    (DOHPATH, "dohpath"),
    (OHTTP, "ohttp"),
    (TLS_SUPPORTED_GROUPS, "tls-supported-groups"),
];

pub(super) fn measure(rest: &[u8]) -> Result<usize, Fault> {
    let mut params = rest;
    let mut last = None;
    while !params.is_empty() {
        let (key, value, after) = split_param(params).ok_or(Fault::Short)?;
        if last.is_some_and(|last| key <= last) {
            return Err(Fault::bad(format!(
                "key `{}` is repeated or out of order",
                key_name(key)
            )));
        }
        check_value(key, value)
            .map_err(|reason| Fault::Bad(format!("key `{}`: {reason}", key_name(key))))?;
        last = Some(key);
        params = after;
    }
    Ok(rest.len())
}

pub(super) fn print(octets: &[u8], out: &mut String) {
    let mut params = octets;
    while let Some((key, value, after)) = split_param(params) {
        if params.len() < octets.len() {
            out.push(' ');
        }
        out.push_str(&key_name(key));
        if !value.is_empty() {
            out.push('=');
            print_value(key, value, out);
        }
        params = after;
    }
}

pub(super) fn scan(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), TextError> {
    let mut params: Vec<(u16, Vec<u8>, Word<'_>)> = Vec::new();
    while let Some(word) = cursor.take() {
        let mut parts = word.raw.splitn(2, |&octet| octet == b'=');
        let name = parts.next().unwrap_or_default();
        let text = parts.next();
        let shown = String::from_utf8_lossy(name);
        let (key, generic) =
            scan_key(name).ok_or_else(|| word.error(format!("unknown key `{shown}`")))?;
        let fail = |reason: &str| word.error(format!("key `{shown}`: {reason}"));
        let value = scan_value(key, generic, text, word).map_err(|reason| fail(&reason))?;
        check_value(key, &value).map_err(|reason| fail(&reason))?;
        if key == DOHPATH && !is_doh_path(&value) {
            return Err(fail(
                "not a path with the variable `dns`, such as /dns-query{?dns}",
            ));
        }
        if params.iter().any(|(other, ..)| *other == key) {
            return Err(fail("given twice"));
        }
        params.push((key, value, word));
    }
    let has = |key: u16| params.iter().any(|(other, ..)| *other == key);
    for (key, value, word) in &params {
        if *key == NO_DEFAULT_ALPN && !has(ALPN) {
            return Err(word.error("key `no-default-alpn` needs the key `alpn` beside it"));
        }
        if *key == MANDATORY
            && let Some(missing) = value
                .chunks(2)
                .map(|key| big_endian(key) as u16)
                .find(|&key| !has(key))
        {
            return Err(word.error(format!(
                "key `mandatory`: `{}` is not there",
                key_name(missing)
            )));
        }
    }
    params.sort_unstable_by_key(|(key, ..)| *key);
    for (key, value, word) in params {
        let length = u16::try_from(value.len())
            .map_err(|_| word.error(format!("key `{}`: value is too long", key_name(key))))?;
        out.extend(key.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(value);
    }
    Ok(())
}

fn split_param(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let [key_high, key_low, high, low, rest @ ..] = octets else {
        return None;
    };
    let (value, after) = rest.split_at_checked(big_endian(&[*high, *low]) as usize)?;
    Some((big_endian(&[*key_high, *key_low]) as u16, value, after))
}

fn key_name(key: u16) -> String {
    match NAMES.iter().find(|(number, _)| *number == key) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("key{key}"),
    }
}

/// The key, and whether it was written as `keyNNN`, whose value is the wire form.
fn scan_key(name: &[u8]) -> Option<(u16, bool)> {
    if let Some((key, _)) = NAMES
        .iter()
        .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name))
    {
        return Some((*key, false));
    }
    let (head, digits) = name.split_at_checked(3)?;
    let key = u16::try_from(parse_number(digits)?).ok()?;
    // RFC 9460 2.1: no leading zeros.
    let canonical = digits.len() == 1 || !digits.starts_with(b"0");
    (head.eq_ignore_ascii_case(b"key") && canonical).then_some((key, true))
}

/// What RFC 9460 7 and its followers ask of a value, on the wire.
fn check_value(key: u16, value: &[u8]) -> Result<(), String> {
    let (ok, form) = match key {
        MANDATORY => (
            is_mandatory_list(value),
            "not a list of other keys in rising order",
        ),
        ALPN => (alpn_ids(value).is_some(), "not a list of protocol names"),
        NO_DEFAULT_ALPN | OHTTP => (value.is_empty(), "takes no value"),
        PORT => (value.len() == 2, "not a port number"),
        IPV4HINT => (is_list_of(value, 4), "not a list of IPv4 addresses"),
        IPV6HINT => (is_list_of(value, 16), "not a list of IPv6 addresses"),
        ECH => (!value.is_empty(), "empty"),
        TLS_SUPPORTED_GROUPS => (is_list_of(value, 2), "not a list of group numbers"),
        INVALID => (false, "this key is reserved"),
        _ => (true, ""),
    };
    if ok { Ok(()) } else { Err(form.to_owned()) }
}

fn is_list_of(value: &[u8], size: usize) -> bool {
    !value.is_empty() && value.len().is_multiple_of(size)
}

fn is_mandatory_list(value: &[u8]) -> bool {
    let keys: Vec<u64> = value.chunks(2).map(big_endian).collect();
    // RFC 9460 8: not itself, sorted, none twice.
    is_list_of(value, 2) && !keys.contains(&u64::from(MANDATORY)) && keys.is_sorted_by(|a, b| a < b)
}

fn alpn_ids(mut value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut ids = Vec::new();
    while let Some((&length, rest)) = value.split_first() {
        let (id, after) = rest.split_at_checked(usize::from(length))?;
        if id.is_empty() {
            return None;
        }
        ids.push(id);
        value = after;
    }
    (!ids.is_empty()).then_some(ids)
}

fn print_value(key: u16, value: &[u8], out: &mut String) {
    match key {
        MANDATORY => print_list(value, 2, out, |key, out| {
            out.push_str(&key_name(big_endian(key) as u16))
        }),
        PORT => number(big_endian(value), out),
        IPV4HINT => print_list(value, 4, out, |address, out| number(ip4(address), out)),
        IPV6HINT => print_list(value, 16, out, |address, out| number(ip6(address), out)),
        TLS_SUPPORTED_GROUPS => {
            print_list(value, 2, out, |group, out| number(big_endian(group), out))
        }
        ECH => base64(value, out),
        ALPN => {
            // RFC 9460 A.1: commas and backslashes inside an item are escaped once more.
            let mut list = Vec::with_capacity(value.len());
            for (index, id) in alpn_ids(value).unwrap_or_default().into_iter().enumerate() {
                if index > 0 {
                    list.push(b',');
                }
                for &octet in id {
                    if matches!(octet, b',' | b'\\') {
                        list.push(b'\\');
                    }
                    list.push(octet);
                }
            }
            quoted(&list, out);
        }
        _ => quoted(value, out),
    }
}

fn print_list(value: &[u8], size: usize, out: &mut String, item: impl Fn(&[u8], &mut String)) {
    for (index, octets) in value.chunks(size).enumerate() {
        if index > 0 {
            out.push(',');
        }
        item(octets, out);
    }
}

fn scan_value(
    key: u16,
    generic: bool,
    text: Option<&[u8]>,
    word: Word<'_>,
) -> Result<Vec<u8>, String> {
    let raw = text.unwrap_or_default();
    let raw = raw
        .strip_prefix(b"\"")
        .and_then(|raw| raw.strip_suffix(b"\""))
        .unwrap_or(raw);
    let mut octets = Vec::with_capacity(raw.len());
    unescape_into(Word { raw, ..word }, &mut octets).map_err(|error| error.reason)?;
    if generic {
        return Ok(octets);
    }
    match key {
        MANDATORY => {
            let mut keys = list(&octets, |item| scan_key(item).map(|(key, _)| key))
                .ok_or("not a list of keys")?;
            keys.sort_unstable();
            Ok(keys.iter().flat_map(|key| key.to_be_bytes()).collect())
        }
        ALPN => alpn_from_list(&octets),
        PORT => {
            let port = parse_number(&octets).and_then(|port| u16::try_from(port).ok());
            Ok(port.ok_or("not a port number")?.to_be_bytes().to_vec())
        }
        IPV4HINT => {
            let addresses = list(&octets, |item| {
                std::str::from_utf8(item).ok()?.parse::<Ipv4Addr>().ok()
            });
            let addresses = addresses.ok_or("not a list of IPv4 addresses")?;
            Ok(addresses.iter().flat_map(Ipv4Addr::octets).collect())
        }
        IPV6HINT => {
            let addresses = list(&octets, |item| {
                std::str::from_utf8(item).ok()?.parse::<Ipv6Addr>().ok()
            });
            let addresses = addresses.ok_or("not a list of IPv6 addresses")?;
            Ok(addresses.iter().flat_map(Ipv6Addr::octets).collect())
        }
        TLS_SUPPORTED_GROUPS => {
            let groups = list(&octets, |item| u16::try_from(parse_number(item)?).ok());
            let groups = groups.ok_or("not a list of group numbers")?;
            Ok(groups
                .iter()
                .flat_map(|group| group.to_be_bytes())
                .collect())
        }
        ECH => BASE64.decode(&octets).map_err(|_| "not base64".to_owned()),
        _ => Ok(octets),
    }
}

/// RFC 9461 5: a URI Template (RFC 6570) in relative form, UTF-8, that contains the variable `dns`; what
/// becomes of it is a `:path`, so it starts with a slash. BIND asks for the same.
fn is_doh_path(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let mut rest = text;
    let mut has_dns = false;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((expression, tail)) = after.split_once('}') else {
            return false;
        };
        if literal.contains('}') || expression.contains('{') {
            return false;
        }
        // RFC 6570 2.2: one operator, then variables, each with a prefix length or a star behind it.
        let variables = expression.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
        let mut names = variables.split(',').map(|variable| {
            let name = variable.split(':').next().unwrap_or_default();
            name.strip_suffix('*').unwrap_or(name)
        });
        has_dns |= names.any(|name| name == "dns");
        rest = tail;
    }
    has_dns && text.starts_with('/') && !rest.contains('}')
}

fn list<T>(octets: &[u8], item: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    octets.split(|&octet| octet == b',').map(item).collect()
}

/// RFC 9460 A.1: items between commas; `\,` and `\\` are a comma and a backslash inside an item.
fn alpn_from_list(octets: &[u8]) -> Result<Vec<u8>, String> {
    let mut value = Vec::with_capacity(octets.len() + 1);
    let mut id = Vec::new();
    let mut rest = octets.iter().copied().chain([b',']);
    while let Some(octet) = rest.next() {
        match octet {
            b'\\' => id.push(rest.next().unwrap_or(b'\\')),
            b',' => {
                let length = u8::try_from(id.len()).ok().filter(|&length| length > 0);
                value.push(length.ok_or("a protocol name has 1 to 255 octets")?);
                value.append(&mut id);
            }
            octet => id.push(octet),
        }
    }
    if id.is_empty() {
        Ok(value)
    } else {
        Err("a backslash escapes nothing".to_owned())
    }
}
