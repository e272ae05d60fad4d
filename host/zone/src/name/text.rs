//! The text form of names: dots, `\X`, `\DDD` (RFC 1035 5.1).

use std::fmt;
use std::str::FromStr;

use super::{LABEL_SIZE_MAX, NAME_SIZE_MAX, Name, NameError, labels};

impl Name {
    /// Reads text as an absolute name; the dot at the end may be left out.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(text.len() + 2);
        name_from_text(text.as_bytes(), Some(&[0]), &mut wire)?;
        Ok(Self(wire.into_boxed_slice()))
    }

    /// Reads text as a master file does: without a dot at the end it is relative to `origin`, and
    /// `@` is the origin.
    pub fn parse_relative(text: &str, origin: &Self) -> Result<Self, NameError> {
        if text == "@" {
            return Ok(origin.clone());
        }
        let mut wire = Vec::with_capacity(text.len() + 2 + origin.0.len());
        name_from_text(text.as_bytes(), Some(&origin.0), &mut wire)?;
        Ok(Self(wire.into_boxed_slice()))
    }
}

/// Appends the wire form of a text name; a relative one is completed by `origin` (a wire name).
/// `@` is not special here. On an error `out` may hold part of the name.
pub fn name_from_text(
    text: &[u8],
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), NameError> {
    match text {
        [] => return Err(NameError::Empty),
        b"." => {
            out.push(0);
            return Ok(());
        }
        _ => {}
    }
    let start = out.len();
    let mut length_at = out.len();
    out.push(0);
    let mut rest = text.iter();
    let mut absolute = false;
    while let Some(&octet) = rest.next() {
        absolute = false;
        match octet {
            b'.' => {
                finish_label(out, length_at)?;
                length_at = out.len();
                out.push(0);
                absolute = true;
            }
            b'\\' => {
                let (octet, used) = unescape(rest.as_slice()).ok_or(NameError::BadEscape)?;
                rest.nth(used - 1);
                out.push(octet);
            }
            _ => out.push(octet),
        }
        // Also keeps a hostile line of a gigabyte from being copied before it is refused.
        if out.len() - start > NAME_SIZE_MAX + LABEL_SIZE_MAX {
            return Err(too_long(out, length_at));
        }
    }
    if !absolute {
        finish_label(out, length_at)?;
        out.extend_from_slice(origin.ok_or(NameError::NoOrigin)?);
    }
    if out.len() - start > NAME_SIZE_MAX {
        return Err(NameError::NameTooLong);
    }
    Ok(())
}

/// The octet that follows a backslash, and how many characters it took.
pub(crate) fn unescape(after: &[u8]) -> Option<(u8, usize)> {
    match *after {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let value = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            Some((u8::try_from(value).ok()?, 3))
        }
        // RFC 1035 5.1 knows \X for any X but a digit.
        [b'0'..=b'9', ..] => None,
        [octet, ..] => Some((octet, 1)),
        [] => None,
    }
}

fn finish_label(out: &mut [u8], length_at: usize) -> Result<(), NameError> {
    match out.len() - length_at - 1 {
        0 => Err(NameError::EmptyLabel),
        length if length > LABEL_SIZE_MAX => Err(NameError::LabelTooLong),
        length => {
            if let Some(slot) = out.get_mut(length_at) {
                *slot = length as u8;
            }
            Ok(())
        }
    }
}

fn too_long(out: &[u8], length_at: usize) -> NameError {
    if out.len() - length_at - 1 > LABEL_SIZE_MAX {
        NameError::LabelTooLong
    } else {
        NameError::NameTooLong
    }
}

/// Appends the text form of an uncompressed wire name, with the dot at the end.
pub fn name_to_text(wire: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let labels = labels(wire);
    if labels.len() == 0 {
        return out.write_char('.');
    }
    for label in labels {
        for &octet in label {
            match octet {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                    out.write_char('\\')?;
                    out.write_char(char::from(octet))?;
                }
                0x21..=0x7e => out.write_char(char::from(octet))?,
                _ => write!(out, "\\{octet:03}")?,
            }
        }
        out.write_char('.')?;
    }
    Ok(())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_none() {
            return name_to_text(&self.0, f);
        }
        let mut text = String::new();
        name_to_text(&self.0, &mut text)?;
        f.pad(&text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name_to_text(&self.0, f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1035 5.1: an escaped dot is part of a label, `\DDD` is any octet.
    #[test]
    fn escapes_round_trip() {
        let name = Name::parse(r"a\.b\\.\000\255\032x.example").unwrap();
        assert_eq!(name.as_wire(), b"\x04a.b\\\x04\x00\xff x\x07example\x00");
        assert_eq!(name.to_string(), r"a\.b\\.\000\255\032x.example.");
    }

    #[test]
    fn bad_text_is_refused() {
        for (text, error) in [
            ("", NameError::Empty),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("..", NameError::EmptyLabel),
            (r"a\256", NameError::BadEscape),
            (r"a\12", NameError::BadEscape),
            ("a\\", NameError::BadEscape),
        ] {
            assert_eq!(Name::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn relative_names_end_in_the_origin() {
        let origin = Name::parse("example").unwrap();
        assert_eq!(
            Name::parse_relative("www", &origin),
            Name::parse("www.example")
        );
        assert_eq!(Name::parse_relative("www.", &origin), Name::parse("www"));
        assert_eq!(Name::parse_relative("@", &origin), Name::parse("example"));
        assert_eq!(
            Name::parse_relative(r"\@", &origin).unwrap().to_string(),
            r"\@.example."
        );
    }

    #[test]
    fn endless_names_are_refused_early() {
        assert_eq!(
            Name::parse(&"a.".repeat(100_000)),
            Err(NameError::NameTooLong)
        );
        assert_eq!(
            Name::parse(&"a".repeat(100_000)),
            Err(NameError::LabelTooLong)
        );
    }
}
