//! Answers as text, through the very path that serves: a query message is built, answered with the
//! limits of a stream, and what came out is decoded again.
//!
//! For the command line and for tests; nothing here is fast.

#![warn(clippy::indexing_slicing)]

use bailiwick_zone::name::text::name_to_text;
use bailiwick_zone::{LookupName, Name, NameError, RecordType, ZoneSet, rdata};

use crate::job::{Job, Workspace};
use crate::kind::Transport;
use crate::rcode::Rcode;
use crate::request::HEADER_LEN;
use crate::settings::Settings;

/// A response in words. Records are `owner TTL IN TYPE rdata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The code, its EDNS part included.
    pub rcode: Rcode,
    /// The answer is authoritative.
    pub aa: bool,
    /// The answer is cut short.
    pub tc: bool,
    /// The answer section.
    pub answer: Vec<String>,
    /// The authority section.
    pub authority: Vec<String>,
    /// The additional section, OPT left out.
    pub additional: Vec<String>,
}

/// Why a message cannot be put into words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It ends too early.
    #[error("the message ends too early")]
    CutOff,
    /// Octets follow the last record.
    #[error("octets after the last record")]
    Trailing,
    /// A name in it is none.
    #[error("a name in the message cannot be read")]
    Name(#[from] NameError),
    /// The RDATA of a record does not fit its type.
    #[error("the RDATA of a {0} record cannot be read")]
    Rdata(RecordType),
}

/// Asks `zones` for a name and a type, with DO if `dnssec`.
///
/// # Errors
/// When a zone holds RDATA that does not fit its type; checked zones do not.
pub fn respond(
    zones: &ZoneSet,
    name: &Name,
    rtype: RecordType,
    dnssec: bool,
) -> Result<Response, DecodeError> {
    let message = query(name, rtype, dnssec);
    let mut lookup = LookupName::new();
    let job =
        Job::prepare(zones, &message, Transport::Stream, &mut lookup).ok_or(DecodeError::CutOff)?;
    let mut out = vec![0; usize::from(u16::MAX)];
    let outcome = job.answer(
        &message,
        &lookup,
        &mut Workspace::default(),
        &Settings::default(),
        &mut out,
    );
    decode(out.get(..outcome.len).unwrap_or(&[]))
}

/// A query message.
#[must_use]
pub fn query(name: &Name, rtype: RecordType, dnssec: bool) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(dnssec)];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&rtype.0.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    if dnssec {
        message.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]);
    }
    message
}

/// Puts a response into words.
///
/// # Errors
/// When it is no well-formed message.
pub fn decode(message: &[u8]) -> Result<Response, DecodeError> {
    let header = message
        .first_chunk::<HEADER_LEN>()
        .ok_or(DecodeError::CutOff)?;
    let [_, _, flags, low, counts @ ..] = *header;
    let count = |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low]));
    let mut response = Response {
        rcode: Rcode(u16::from(low & 0xf)),
        aa: flags & 4 != 0,
        tc: flags & 2 != 0,
        answer: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
    };
    let mut at = HEADER_LEN;
    for _ in 0..count(counts[0], counts[1]) {
        at = Name::skip(message, at)? + 4;
    }
    for _ in 0..count(counts[2], counts[3]) {
        at = record(message, at, &mut response, |response| &mut response.answer)?;
    }
    for _ in 0..count(counts[4], counts[5]) {
        at = record(message, at, &mut response, |response| {
            &mut response.authority
        })?;
    }
    for _ in 0..count(counts[6], counts[7]) {
        at = record(message, at, &mut response, |response| {
            &mut response.additional
        })?;
    }
    if at == message.len() {
        Ok(response)
    } else {
        Err(DecodeError::Trailing)
    }
}

/// Reads the record at `at` into the section that `section` picks; returns where the next starts.
fn record(
    message: &[u8],
    at: usize,
    response: &mut Response,
    section: fn(&mut Response) -> &mut Vec<String>,
) -> Result<usize, DecodeError> {
    let (owner, at) = Name::read(message, at)?;
    let fixed = message
        .get(at..)
        .and_then(|rest| rest.first_chunk::<10>())
        .ok_or(DecodeError::CutOff)?;
    let [t1, t0, _, _, l3, l2, l1, l0, n1, n0] = *fixed;
    let rtype = RecordType(u16::from_be_bytes([t1, t0]));
    let ttl = u32::from_be_bytes([l3, l2, l1, l0]);
    let len = usize::from(u16::from_be_bytes([n1, n0]));
    let start = at + 10;
    let end = start + len;
    if end > message.len() {
        return Err(DecodeError::CutOff);
    }
    if rtype == RecordType::OPT {
        // RFC 6891 6.1.3: the first octet of the TTL is the upper part of the code.
        response.rcode = Rcode(response.rcode.0 | u16::from(l3) << 4);
        return Ok(end);
    }
    if rtype == RecordType::TSIG {
        // RFC 8945 4.2: about the message, like OPT.
        return Ok(end);
    }
    let mut octets = Vec::new();
    rdata::read_wire(rtype, message, start, len, &mut octets)
        .map_err(|_| DecodeError::Rdata(rtype))?;
    let mut line = String::new();
    name_to_text(owner.as_wire(), &mut line).map_err(|_| DecodeError::CutOff)?;
    line.push_str(&format!(" {ttl} IN {rtype} "));
    rdata::to_text(rtype, &octets, &mut line);
    section(response).push(line);
    Ok(end)
}
