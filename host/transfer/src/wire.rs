//! Reading the parts of a message that every machine here needs: header, question, record frames.
//!
//! Positions are checked with `get`; a short message is an error, never a panic.
#![warn(clippy::indexing_slicing)]

use bailiwick_zone::RecordType;
use bailiwick_zone::name::{self, Name};

/// Class IN, the only one served (RFC 1035 3.2.4).
pub(crate) const CLASS_IN: u16 = 1;
pub(crate) const HEADER_LEN: usize = 12;
pub(crate) const FLAG_QR: u16 = 0x8000;
pub(crate) const FLAG_AA: u16 = 0x0400;
pub(crate) const FLAG_TC: u16 = 0x0200;
pub(crate) const OPCODE_QUERY: u8 = 0;
pub(crate) const OPCODE_NOTIFY: u8 = 4;

/// What could not be read, for error texts.
pub(crate) type Malformed = &'static str;

/// The twelve bytes of RFC 1035 4.1.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) questions: u16,
    pub(crate) answers: u16,
    pub(crate) authority: u16,
    pub(crate) additional: u16,
}

impl Header {
    pub(crate) fn read(message: &[u8]) -> Result<Self, Malformed> {
        let field = |at| u16_at(message, at).ok_or("it is shorter than a header");
        Ok(Self {
            id: field(0)?,
            flags: field(2)?,
            questions: field(4)?,
            answers: field(6)?,
            authority: field(8)?,
            additional: field(10)?,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for field in [
            self.id,
            self.flags,
            self.questions,
            self.answers,
            self.authority,
            self.additional,
        ] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }

    pub(crate) fn is_response(&self) -> bool {
        self.flags & FLAG_QR != 0
    }

    pub(crate) fn is_authoritative(&self) -> bool {
        self.flags & FLAG_AA != 0
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.flags & FLAG_TC != 0
    }

    pub(crate) fn opcode(&self) -> u8 {
        (self.flags >> 11 & 0xF) as u8
    }

    pub(crate) fn rcode(&self) -> u8 {
        (self.flags & 0xF) as u8
    }
}

/// A question: where its name lies and what it asks.
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    pub(crate) class: u16,
    pub(crate) end: usize,
}

pub(crate) fn read_question(message: &[u8], at: usize) -> Result<Question, Malformed> {
    let (name, at) = Name::read(message, at).map_err(|_| "the name in its question is broken")?;
    let rtype = u16_at(message, at).ok_or("its question is cut off")?;
    let class = u16_at(message, at.saturating_add(2)).ok_or("its question is cut off")?;
    Ok(Question {
        name,
        rtype: RecordType(rtype),
        class,
        end: at.saturating_add(4),
    })
}

/// A record's frame; the owner went to the caller's buffer, the RDATA is still compressed and unread.
pub(crate) struct RecordFrame {
    pub(crate) rtype: RecordType,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) rdata_at: usize,
    pub(crate) rdata_len: usize,
    pub(crate) end: usize,
}

pub(crate) fn read_record(
    message: &[u8],
    at: usize,
    owner: &mut Vec<u8>,
) -> Result<RecordFrame, Malformed> {
    owner.clear();
    let at = name::read_into(message, at, owner).map_err(|_| "an owner name is broken")?;
    let (rtype, class, ttl, rdata_len, rdata_at) = read_fixed(message, at)?;
    Ok(RecordFrame {
        rtype,
        class,
        ttl,
        rdata_at,
        rdata_len,
        end: rdata_at.saturating_add(rdata_len),
    })
}

/// Walks over a record without looking inside; for sections that must only be well-formed.
pub(crate) fn skip_record(
    message: &[u8],
    at: usize,
) -> Result<(RecordType, u32, usize), Malformed> {
    let at = Name::skip(message, at).map_err(|_| "an owner name is broken")?;
    let (rtype, _, ttl, rdata_len, rdata_at) = read_fixed(message, at)?;
    Ok((rtype, ttl, rdata_at.saturating_add(rdata_len)))
}

fn read_fixed(
    message: &[u8],
    at: usize,
) -> Result<(RecordType, u16, u32, usize, usize), Malformed> {
    const CUT: Malformed = "a record is cut off";
    let rtype = u16_at(message, at).ok_or(CUT)?;
    let class = u16_at(message, at.saturating_add(2)).ok_or(CUT)?;
    let ttl = u32_at(message, at.saturating_add(4)).ok_or(CUT)?;
    let rdata_len = usize::from(u16_at(message, at.saturating_add(8)).ok_or(CUT)?);
    let rdata_at = at.saturating_add(10);
    if rdata_at.saturating_add(rdata_len) > message.len() {
        return Err("a record claims more data than the message has");
    }
    // RFC 2181 8: a TTL with the top bit set is taken as zero.
    let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
    Ok((RecordType(rtype), class, ttl, rdata_len, rdata_at))
}

pub(crate) fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

pub(crate) fn u32_at(message: &[u8], at: usize) -> Option<u32> {
    let bytes = message.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// A question section with one entry, as every request here has.
pub(crate) fn write_question(out: &mut Vec<u8>, name: &[u8], rtype: RecordType) {
    out.extend_from_slice(name);
    out.extend_from_slice(&rtype.0.to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
}

/// The serial inside uncompressed SOA RDATA: the first of the five numbers at its end (RFC 1035 3.3.13).
pub(crate) fn soa_serial(rdata: &[u8]) -> Option<u32> {
    u32_at(rdata, rdata.len().checked_sub(20)?)
}
