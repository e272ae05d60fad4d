//! RDATA of every type, in both directions: wire and text.
//!
//! Each type is a row of fields (`table`), and one walker serves all rows: it checks wire data, copies
//! it out of a message with its names decompressed, lists the names in it, prints it, and reads it
//! from text. A field kind is three functions: how long it is on the wire (which is where it is
//! validated), how it prints, how it is read. What needs more than a few lines (LOC, APL, SVCB, HIP,
//! gateways, type bitmaps) has a file of its own and is one field to the walker. Types without a row
//! are opaque (RFC 3597).

#![warn(clippy::indexing_slicing)]

use crate::name::{self, Name, NameError};
use crate::rtype::RecordType;
use crate::token::{Cursor, Lexer, TextError};

mod apl;
mod bitmap;
mod encode;
mod field;
mod gateway;
mod hip;
mod loc;
mod print;
mod scan;
mod svcb;
mod table;
mod time;

use field::Field;
pub(crate) use scan::{parse_ttl, scan_name};

/// RDLENGTH is 16 bits.
pub const RDATA_SIZE_MAX: usize = 65_535;

/// Why octets or text are not RDATA of a type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RdataError {
    /// RDATA ends inside a field.
    #[error("{rtype} RDATA ends inside its {field}")]
    Truncated {
        /// The type.
        rtype: RecordType,
        /// The field that is cut off.
        field: &'static str,
    },
    /// Octets follow the last field.
    #[error("{rtype} RDATA has octets after its last field")]
    TrailingData {
        /// The type.
        rtype: RecordType,
    },
    /// A field that must not have this value.
    #[error("{rtype} {field}: {reason}")]
    Invalid {
        /// The type.
        rtype: RecordType,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// More than 65,535 octets once names are decompressed.
    #[error("RDATA is longer than 65535 octets")]
    TooLong,
    /// Question types and pseudo-records are no zone data.
    #[error("type {0} cannot stand in a zone")]
    Meta(RecordType),
    /// Text that is not the presentation form of the type.
    #[error("{rtype} at column {column}: {reason}")]
    Text {
        /// The type.
        rtype: RecordType,
        /// Where, counted from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
}

/// Where a name lies inside RDATA, and what may be done to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RdataName {
    /// Offset of its first octet.
    pub offset: usize,
    /// Its length, root octet included.
    pub len: usize,
    /// RFC 3597 4: only names in types of RFC 1035 may be compressed.
    pub compress: bool,
    /// RFC 4034 6.2 (with RFC 6840 5.1): lower case in the form that is signed.
    pub fold: bool,
}

/// Appends the RDATA at `at..at + len` of a message to `out`, checked and with names decompressed where
/// RFC 3597 4 lets a sender compress. On an error `out` may hold a part.
pub fn read_wire(
    rtype: RecordType,
    message: &[u8],
    at: usize,
    len: usize,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    let start = out.len();
    let end = at.checked_add(len).filter(|&end| end <= message.len());
    let within = end.and_then(|end| message.get(..end));
    let Some(within) = within else {
        return Err(RdataError::Truncated {
            rtype,
            field: "RDATA",
        });
    };
    let Some(row) = row(rtype)? else {
        out.extend_from_slice(within.get(at..).unwrap_or_default());
        return Ok(());
    };
    let mut at = at;
    for &(field, kind) in row {
        if let Field::Name(place) = kind
            && place.may_arrive_compressed()
        {
            // The pointer's target lies before RDATA, so the name is read from the message.
            at = name::read_into(within, at, out).map_err(|error| bad_name(rtype, field, error))?;
            continue;
        }
        let rest = within.get(at..).unwrap_or_default();
        let length = kind.measure(rest).map_err(|fault| fault.of(rtype, field))?;
        out.extend_from_slice(rest.get(..length).unwrap_or_default());
        at += length;
    }
    if at != within.len() {
        return Err(RdataError::TrailingData { rtype });
    }
    if out.len() - start > RDATA_SIZE_MAX {
        return Err(RdataError::TooLong);
    }
    Ok(())
}

/// Checks uncompressed RDATA.
pub fn check(rtype: RecordType, rdata: &[u8]) -> Result<(), RdataError> {
    if rdata.len() > RDATA_SIZE_MAX {
        return Err(RdataError::TooLong);
    }
    let Some(row) = row(rtype)? else {
        return Ok(());
    };
    let mut rest = rdata;
    for &(field, kind) in row {
        let length = kind.measure(rest).map_err(|fault| fault.of(rtype, field))?;
        rest = rest.get(length..).unwrap_or_default();
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(RdataError::TrailingData { rtype })
    }
}

/// The names inside valid, uncompressed RDATA, from left to right. Names in HIP, IPSECKEY and AMTRELAY
/// are left out: they are never compressed and never folded.
pub fn names(rtype: RecordType, rdata: &[u8]) -> impl Iterator<Item = RdataName> {
    let row = table::row(rtype).unwrap_or_default();
    // Most types have no name at all; those that have one have it within the row.
    let has_names = row.iter().any(|(_, kind)| matches!(kind, Field::Name(_)));
    let mut fields = if has_names { row.iter() } else { [].iter() };
    let mut offset = 0;
    std::iter::from_fn(move || {
        for &(_, kind) in fields.by_ref() {
            let len = kind.measure(rdata.get(offset..)?).ok()?;
            let start = offset;
            offset += len;
            if let Field::Name(place) = kind {
                let compress = place.may_leave_compressed();
                return Some(RdataName {
                    offset: start,
                    len,
                    compress,
                    fold: place.is_folded(),
                });
            }
        }
        None
    })
}

/// Appends the presentation form, names absolute. What is not valid RDATA of its type is written in
/// the generic form of RFC 3597 5, so that nothing is ever lost.
pub fn to_text(rtype: RecordType, rdata: &[u8], out: &mut String) {
    let start = out.len();
    let Some(row) = table::row(rtype) else {
        return encode::generic(rdata, out);
    };
    let mut rest = rdata;
    for &(_, kind) in row {
        if out.len() > start && !out.ends_with(' ') {
            out.push(' ');
        }
        let Ok(length) = kind.measure(rest) else {
            out.truncate(start);
            return encode::generic(rdata, out);
        };
        let (field, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        print::field(kind, field, out);
        rest = after;
    }
    if !rest.is_empty() {
        out.truncate(start);
        return encode::generic(rdata, out);
    }
    if out.len() > start && out.ends_with(' ') {
        out.pop();
    }
}

/// Reads the presentation form, or the generic form of RFC 3597 5. Relative names end in `origin`.
pub fn from_text(rtype: RecordType, text: &str, origin: &Name) -> Result<Vec<u8>, RdataError> {
    let mut tokens = Vec::new();
    let mut lexer = Lexer::new(text.as_bytes());
    let mut out = Vec::new();
    let result = lexer.next_entry(&mut tokens).and_then(|_| {
        let mut cursor = Cursor::new(text.as_bytes(), &tokens);
        scan(rtype, &mut cursor, Some(origin.as_wire()), &mut out)?;
        match lexer.next_entry(&mut Vec::new())? {
            Some(_) => Err(cursor.end_error("more text after the end of the line")),
            None => Ok(()),
        }
    });
    match result {
        Ok(()) => Ok(out),
        Err(error) => {
            let column = text
                .get(..error.at)
                .map_or(error.at, |before| before.chars().count())
                + 1;
            Err(RdataError::Text {
                rtype,
                column,
                reason: error.reason,
            })
        }
    }
}

/// Appends the RDATA that the words of `cursor` spell; every word must be used.
pub(crate) fn scan(
    rtype: RecordType,
    cursor: &mut Cursor<'_>,
    origin: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let start = out.len();
    let first = cursor.peek();
    if rtype.is_meta() {
        return Err(first.map_or_else(
            || cursor.end_error(RdataError::Meta(rtype).to_string()),
            |word| word.error(RdataError::Meta(rtype).to_string()),
        ));
    }
    let generic = first.filter(|word| !word.quoted && word.raw == b"\\#");
    let row = table::row(rtype);
    if let Some(word) = generic {
        cursor.take();
        scan::generic(cursor, out)?;
        // RFC 3597 5: the octets of a known type must still be of that type.
        let rdata = out.get(start..).unwrap_or_default();
        check(rtype, rdata).map_err(|error| word.error(error.to_string()))?;
    } else if let Some(row) = row {
        for &(name, kind) in row {
            scan::field(name, kind, cursor, origin, out)?;
        }
    } else {
        let reason = format!("type {rtype} is only known in the form `\\# length hex` (RFC 3597)");
        return Err(first.map_or_else(
            || cursor.end_error(reason.clone()),
            |word| word.error(reason.clone()),
        ));
    }
    if let Some(word) = cursor.take() {
        return Err(word.error(format!("unexpected text after the {rtype} data")));
    }
    if out.len() - start > RDATA_SIZE_MAX {
        return Err(cursor.end_error(RdataError::TooLong.to_string()));
    }
    Ok(())
}

fn row(rtype: RecordType) -> Result<Option<&'static [(&'static str, Field)]>, RdataError> {
    if rtype.is_meta() {
        return Err(RdataError::Meta(rtype));
    }
    Ok(table::row(rtype))
}

fn bad_name(rtype: RecordType, field: &'static str, error: NameError) -> RdataError {
    match error {
        NameError::Truncated => RdataError::Truncated { rtype, field },
        error => RdataError::Invalid {
            rtype,
            field,
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
