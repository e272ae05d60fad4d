//! Reads a message up to the point where it is known what is asked, by whom, and how large the
//! answer may be.
//!
//! One pass over header, question and records, without allocation. The question's name is handed to
//! the caller's reader (which copies, folds and hashes it in the same pass). Whatever was understood
//! before a fault is kept, so that the error can echo the question. RELIABILITY P3 is the decision
//! table here: every message is silence, a fault with its code, or a [`Request`].

#![warn(clippy::indexing_slicing)]

use bailiwick_zone::RecordType;

use crate::kind::{Kind, Transport};
use crate::options::COOKIE;
use crate::rcode::Fault;

/// Octets of a message header.
pub const HEADER_LEN: usize = 12;

/// The EDNS part of a request (RFC 6891 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// What the sender says it can take over UDP, as sent.
    pub udp_size: u16,
    /// The sender wants DNSSEC records (RFC 3225).
    pub dnssec_ok: bool,
    /// Where its options start in the message.
    pub options_at: u16,
    /// How many octets they take.
    pub options_len: u16,
}

/// What a message asks; small enough to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done with it.
    pub kind: Kind,
    /// The type asked for.
    pub qtype: RecordType,
    /// The class asked for.
    pub qclass: u16,
    /// Octets of the question, type and class included; 0 when there is none to echo.
    pub question_len: u16,
    /// EDNS, when the sender speaks it.
    pub edns: Option<Edns>,
    /// Where a TSIG record starts, when there is one.
    pub tsig_at: Option<u16>,
}

impl Request {
    /// Octets of the question's name.
    #[must_use]
    pub fn qname_len(&self) -> usize {
        usize::from(self.question_len).saturating_sub(4)
    }

    /// DNSSEC records are wanted.
    #[must_use]
    pub fn dnssec_ok(&self) -> bool {
        matches!(self.edns, Some(edns) if edns.dnssec_ok)
    }

    /// Its OPT record has options, which the usual one has not.
    #[inline]
    #[must_use]
    pub fn has_options(&self) -> bool {
        matches!(self.edns, Some(edns) if edns.options_len != 0)
    }

    /// How long an answer may be (RFC 6891 6.2.3; `udp_size_max` keeps clear of fragments, RFC 9715).
    #[must_use]
    pub fn answer_size_max(&self, transport: Transport, udp_size_max: u16) -> usize {
        match (transport, self.edns) {
            (Transport::Stream, _) => usize::from(u16::MAX),
            (Transport::Udp, None) => 512,
            // RFC 6891 6.2.3: values below 512 mean 512.
            (Transport::Udp, Some(edns)) => {
                usize::from(edns.udp_size.max(512).min(udp_size_max.max(512)))
            }
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nothing may be sent back: shorter than a header, or itself a response (RELIABILITY P14).
    Silence,
    /// An error is due; the request holds what was understood until then.
    Faulty(Request, Fault),
    /// Understood.
    Good(Request),
}

/// Reads `message`. `read_name` is given the message and the position of the question's name and
/// returns where the name ends, or nothing if it is no name.
#[inline]
pub fn read(
    message: &[u8],
    transport: Transport,
    read_name: impl FnOnce(&[u8], usize) -> Option<usize>,
) -> Reading {
    let Some(header) = message.first_chunk::<HEADER_LEN>() else {
        return Reading::Silence;
    };
    let [_, _, flags, _, qd1, qd0, an1, an0, ns1, ns0, ar1, ar0] = *header;
    if flags & 0x80 != 0 {
        return Reading::Silence;
    }
    let mut request = Request {
        kind: Kind::Query,
        qtype: RecordType(0),
        qclass: 0,
        question_len: 0,
        edns: None,
        tsig_at: None,
    };
    let counts = Counts {
        questions: u16::from_be_bytes([qd1, qd0]),
        front: u32::from(u16::from_be_bytes([an1, an0]))
            + u32::from(u16::from_be_bytes([ns1, ns0])),
        additional: u32::from(u16::from_be_bytes([ar1, ar0])),
    };
    match read_body(
        message,
        flags >> 3 & 0xf,
        &counts,
        transport,
        read_name,
        &mut request,
    ) {
        Ok(()) => Reading::Good(request),
        Err(fault) => Reading::Faulty(request, fault),
    }
}

/// The header's counts; answer and authority are alike to us.
struct Counts {
    questions: u16,
    front: u32,
    additional: u32,
}

#[inline]
fn read_body(
    message: &[u8],
    opcode: u8,
    counts: &Counts,
    transport: Transport,
    read_name: impl FnOnce(&[u8], usize) -> Option<usize>,
    request: &mut Request,
) -> Result<(), Fault> {
    request.kind = match Kind::of_opcode(opcode) {
        Ok(kind) => kind,
        Err(fault) => {
            look_for_opt(message, counts, read_name, request);
            return Err(fault);
        }
    };
    // RFC 9619: a QUERY has exactly one question; NOTIFY and UPDATE always had (RFC 1996 3.7, 2136 2.3).
    if counts.questions != 1 {
        look_for_opt(message, counts, read_name, request);
        return Err(Fault::QuestionCount);
    }
    let end = read_name(message, HEADER_LEN).ok_or(Fault::Question)?;
    let fixed = message
        .get(end..)
        .and_then(|rest| rest.first_chunk::<4>())
        .ok_or(Fault::Question)?;
    request.qtype = RecordType(u16::from_be_bytes([fixed[0], fixed[1]]));
    request.qclass = u16::from_be_bytes([fixed[2], fixed[3]]);
    let at = end + 4;
    // A name has at most 255 octets, so this fits.
    request.question_len = (at - HEADER_LEN) as u16;
    let at = if counts.front == 0 {
        at
    } else {
        skip_records(message, at, counts.front)?
    };
    let mut sig0 = false;
    if counts.additional == 1
        && let Some(Ok(&[0, 0, TYPE_OPT_LOW, s1, s0, _, 0, z1, _, 0, 0])) =
            message.get(at..).map(<&[u8; OPT_LEN]>::try_from)
    {
        // What nearly every resolver sends: one OPT of version 0 without options, and nothing else.
        request.edns = Some(Edns {
            udp_size: u16::from_be_bytes([s1, s0]),
            dnssec_ok: z1 & 0x80 != 0,
            options_at: message.len() as u16,
            options_len: 0,
        });
    } else if counts.additional > 0 || at != message.len() {
        let end;
        (end, sig0) = read_additional(message, at, counts.additional, request)?;
        if end != message.len() {
            return Err(Fault::Trailing);
        }
        // RFC 6891 6.1.3: answered before anything else is looked at.
        if let Some(edns) = request.edns {
            if edns_version(message, &edns) != 0 {
                return Err(Fault::EdnsVersion);
            }
            check_options(message, &edns)?;
        }
    }
    if sig0 {
        return Err(Fault::Sig0);
    }
    match request.qclass {
        CLASS_IN => {}
        CLASS_NONE => return Err(Fault::ClassNone),
        _ => return Err(Fault::Class),
    }
    if request.kind == Kind::Query {
        request.kind = Kind::of_question(request.qtype, transport)?;
    }
    if request.tsig_at.is_some() {
        return Err(Fault::TsigKey);
    }
    Ok(())
}

/// RFC 6891 6.1.1: a request with OPT gets a response with OPT, and RFC 7873 5.4 asks for a cookie
/// without a question. So OPT is looked for even where the message is refused, if it has at most one
/// question and everything in it can be stepped over.
#[cold]
fn look_for_opt(
    message: &[u8],
    counts: &Counts,
    read_name: impl FnOnce(&[u8], usize) -> Option<usize>,
    request: &mut Request,
) {
    let question_end = match counts.questions {
        0 => Some(HEADER_LEN),
        1 => read_name(message, HEADER_LEN).map(|end| end + 4),
        _ => None,
    };
    let mut found = *request;
    let end = question_end
        .ok_or(Fault::Question)
        .and_then(|at| skip_records(message, at, counts.front))
        .and_then(|at| read_additional(message, at, counts.additional, &mut found));
    if let (Ok((end, _)), Some(edns)) = (end, found.edns)
        && end == message.len()
        && edns_version(message, &edns) == 0
        && check_options(message, &edns).is_ok()
    {
        request.edns = Some(edns);
    }
}

/// Steps over answer and authority records; an OPT may not be among them.
fn skip_records(message: &[u8], mut at: usize, count: u32) -> Result<usize, Fault> {
    for _ in 0..count {
        let record = RecordHead::read(message, at)?;
        if record.rtype == TYPE_OPT {
            return Err(Fault::Opt);
        }
        at = record.end;
    }
    Ok(at)
}

/// Reads the additional section; returns where it ends and whether a SIG(0) was in it.
fn read_additional(
    message: &[u8],
    mut at: usize,
    count: u32,
    request: &mut Request,
) -> Result<(usize, bool), Fault> {
    let mut sig0 = false;
    for left in (0..count).rev() {
        let record = RecordHead::read(message, at)?;
        match record.rtype {
            TYPE_OPT => {
                // RFC 6891 6.1.1: a second OPT is FORMERR; 6.1.2: its owner is the root.
                let first = request.edns.take().is_none();
                if !first || record.fixed_at != at + 1 {
                    return Err(Fault::Opt);
                }
                request.edns = Some(Edns {
                    udp_size: record.class,
                    dnssec_ok: record.ttl & 0x8000 != 0,
                    options_at: (record.end - record.len) as u16,
                    options_len: record.len as u16,
                });
            }
            TYPE_TSIG => {
                // RFC 8945 5.1: anywhere else but last, and a second one, are FORMERR.
                if left != 0 {
                    return Err(Fault::TsigPlace);
                }
                request.tsig_at = Some(at as u16);
            }
            // RFC 2931 3: type covered 0 makes it a signature over the message.
            TYPE_SIG => {
                sig0 |= message
                    .get(record.end - record.len..)
                    .is_some_and(|r| r.starts_with(&[0, 0]))
            }
            _ => {}
        }
        at = record.end;
    }
    Ok((at, sig0))
}

/// The octet before last of the four that stand where a TTL would (RFC 6891 6.1.3).
fn edns_version(message: &[u8], edns: &Edns) -> u8 {
    // Type, class, TTL and length precede the options: the version is 5 octets before them.
    usize::from(edns.options_at)
        .checked_sub(5)
        .and_then(|at| message.get(at))
        .copied()
        .unwrap_or(0)
}

/// RFC 6891 6.1.2: options are code, length, data, and fill RDATA exactly.
fn check_options(message: &[u8], edns: &Edns) -> Result<(), Fault> {
    let mut rest = options(message, edns).ok_or(Fault::Opt)?;
    while !rest.is_empty() {
        let (code, data, after) = split_option(rest).ok_or(Fault::Opt)?;
        // RFC 7873 5.2.2: 8 octets of the client, and none or 8 to 32 of a server.
        if code == COOKIE && !matches!(data.len(), 8 | 16..=40) {
            return Err(Fault::Cookie);
        }
        rest = after;
    }
    Ok(())
}

/// The octets of the options of a message.
pub(crate) fn options<'m>(message: &'m [u8], edns: &Edns) -> Option<&'m [u8]> {
    let start = usize::from(edns.options_at);
    message.get(start..start + usize::from(edns.options_len))
}

/// Code and data of the first option, and the options after it.
pub(crate) fn split_option(options: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([c1, c0, n1, n0], rest) = options.split_first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([*n1, *n0]));
    let (data, after) = rest.split_at_checked(len)?;
    Some((u16::from_be_bytes([*c1, *c0]), data, after))
}

/// The parts of a record that decide how to step over it.
struct RecordHead {
    rtype: u16,
    class: u16,
    ttl: u32,
    /// Where type, class, TTL and length start: the owner name ends here.
    fixed_at: usize,
    /// RDATA length.
    len: usize,
    /// Where the next record starts.
    end: usize,
}

impl RecordHead {
    fn read(message: &[u8], at: usize) -> Result<Self, Fault> {
        let fixed_at = skip_name(message, at).ok_or(Fault::Record)?;
        let fixed = message
            .get(fixed_at..)
            .and_then(|rest| rest.first_chunk::<10>())
            .ok_or(Fault::Record)?;
        let [t1, t0, c1, c0, l3, l2, l1, l0, n1, n0] = *fixed;
        let len = usize::from(u16::from_be_bytes([n1, n0]));
        let end = fixed_at + 10 + len;
        if end > message.len() {
            return Err(Fault::Record);
        }
        Ok(Self {
            rtype: u16::from_be_bytes([t1, t0]),
            class: u16::from_be_bytes([c1, c0]),
            ttl: u32::from_be_bytes([l3, l2, l1, l0]),
            fixed_at,
            len,
            end,
        })
    }
}

/// Steps over a name that nobody will read: labels up to the root or a pointer backwards.
fn skip_name(message: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += usize::from(length) + 1,
            0xc0.. => {
                let target = usize::from(length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                return (target >= HEADER_LEN && target < start).then_some(at + 2);
            }
            // RFC 6891 5: the extended label type is gone; 10 was never defined.
            _ => return None,
        }
        if at - start > 254 {
            return None;
        }
    }
}

const CLASS_IN: u16 = 1;
const CLASS_NONE: u16 = 254;
const TYPE_SIG: u16 = 24;
const TYPE_OPT: u16 = 41;
const TYPE_OPT_LOW: u8 = 41;
/// Octets of an OPT record without options.
const OPT_LEN: usize = 11;
const TYPE_TSIG: u16 = 250;
