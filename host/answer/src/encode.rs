//! Writes a response: header, question, whole RRsets, OPT.
//!
//! RRsets come as stored answer bytes (`zone::Rrset`): one copy, then the listed places are turned
//! into pointers. What they can point at is always at hand: the question's name (whose tail is the
//! apex), the owner just written, or a name inside the records themselves; so there is no table of
//! names and no search (RELIABILITY P2). An RRset goes in whole or not at all. Room for the OPT
//! record is put aside first, so that it always fits.
//!
//! A pointer reaches octet 16,383. What would have to point further, in long answers over a stream,
//! is written out by [`crate::spell`].

use bailiwick_zone::rrset::{OWNER, POINTER, Rrset, WITHIN};

use crate::rcode::Rcode;
use crate::request::{Edns, HEADER_LEN};

/// Where an RRset goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Answer = 0,
    Authority = 1,
    Additional = 2,
}

/// The owner name of the records to write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'n> {
    /// It stands at this octet of the message already.
    At(u16),
    /// A name of the zone: its labels below the apex, without the closing root.
    Below(&'n [u8]),
}

/// The question's name is the first thing after the header.
pub(crate) const QNAME: Owner<'static> = Owner::At(HEADER_LEN as u16);

/// The RRset did not fit and nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Where an RRset came to stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// Octet of the message at which its records start, when they are a copy of the stored ones
    /// (then a name at place `p` of the records is at `records_at + p`); 0 when they are not.
    pub(crate) records_at: usize,
    /// Octet at which the owner name can be pointed at.
    pub(crate) owner_at: usize,
}

/// The last octet a compression pointer can name.
pub(crate) const POINTER_MAX: usize = 0x3fff;

/// An Extended DNS Error (RFC 8914) for the OPT record of a response.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedError<'t> {
    /// The code of the IANA registry.
    pub code: u16,
    /// Text for people; cut to what fits 100 octets.
    pub text: &'t str,
}

/// A response being written.
pub(crate) struct Message<'m> {
    out: &'m mut [u8],
    at: usize,
    /// No RRset may end after this.
    limit: usize,
    /// Where the question's name ends: apex placeholders count back from here.
    qname_end: usize,
    /// Octets of the apex name, which the question's name ends in.
    pub(crate) apex_len: usize,
    counts: [u16; 3],
    /// Something that had to be there did not fit.
    pub(crate) truncated: bool,
}

impl<'m> Message<'m> {
    /// Starts a response to `message`: copies its header and question. `size_max` bounds the whole
    /// response, of which `reserve` octets are kept for [`Self::finish`].
    ///
    /// Returns nothing if `out` cannot hold even that.
    pub(crate) fn start(
        out: &'m mut [u8],
        message: &[u8],
        question_len: usize,
        size_max: usize,
        reserve: usize,
    ) -> Option<Self> {
        let at = HEADER_LEN + question_len;
        let limit = size_max.min(out.len()).checked_sub(reserve)?;
        if at > limit {
            return None;
        }
        out.get_mut(..at)?.copy_from_slice(message.get(..at)?);
        Some(Self {
            out,
            at,
            limit,
            qname_end: at.saturating_sub(4),
            apex_len: 0,
            counts: [0; 3],
            truncated: false,
        })
    }

    /// Octet of the message at which the last `len` octets of the question's name start.
    pub(crate) fn suffix_at(&self, len: usize) -> usize {
        self.qname_end.wrapping_sub(len)
    }

    /// Octets written so far.
    pub(crate) fn len(&self) -> usize {
        self.at
    }

    /// How many records a section has.
    #[inline]
    pub(crate) fn count(&self, section: Section) -> u16 {
        self.counts[section as usize]
    }

    /// What is written so far, for looking back at names.
    pub(crate) fn written(&self) -> &[u8] {
        self.out.get(..self.at).unwrap_or(&[])
    }

    /// Goes back to an earlier state; for groups of RRsets that stand together or not at all.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            counts: self.counts,
        }
    }

    /// Undoes everything written since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
    }

    /// Counts records that were written by [`Self::reserve`].
    pub(crate) fn add_count(&mut self, section: Section, records: u16) {
        let count = &mut self.counts[section as usize];
        *count = count.wrapping_add(records);
    }

    /// Takes the next `len` octets of the response to be filled by the caller.
    #[inline]
    pub(crate) fn reserve(&mut self, len: usize) -> Result<&mut [u8], Full> {
        let end = self.at.wrapping_add(len);
        if end > self.limit {
            return Err(Full);
        }
        let space = self.out.get_mut(self.at..end).ok_or(Full)?;
        self.at = end;
        Ok(space)
    }

    /// Writes a whole RRset. `ttl` replaces the stored one.
    #[inline]
    pub(crate) fn put(
        &mut self,
        section: Section,
        rrset: &Rrset<'_>,
        owner: Owner<'_>,
        ttl: Option<u32>,
    ) -> Result<Placed, Full> {
        let records = rrset.records();
        // Labels of the owner that have to be written before the first record's pointer.
        let (labels, first) = match owner {
            Owner::At(at) => (&[][..], usize::from(at)),
            Owner::Below(labels) => (labels, self.suffix_at(self.apex_len)),
        };
        let start = self.at;
        let base = start.wrapping_add(labels.len());
        let end = base.wrapping_add(records.len());
        if end > self.limit {
            return Err(Full);
        }
        let owner_at = if labels.is_empty() { first } else { start };
        if end > POINTER_MAX {
            return crate::spell::put(self, section, rrset, owner, ttl);
        }
        if !labels.is_empty() {
            self.out
                .get_mut(start..base)
                .ok_or(Full)?
                .copy_from_slice(labels);
        }
        let block = self.out.get_mut(base..end).ok_or(Full)?;
        block.copy_from_slice(records);
        let again = pointer(owner_at);
        let mut place = 0usize;
        let mut target = pointer(first);
        while let Some(head) = block
            .get_mut(place..)
            .and_then(|rest| rest.first_chunk_mut::<12>())
        {
            [head[0], head[1]] = target;
            if let Some(ttl) = ttl {
                [head[6], head[7], head[8], head[9]] = ttl.to_be_bytes();
            }
            target = again;
            place = place.wrapping_add(12 + usize::from(u16::from_be_bytes([head[10], head[11]])));
        }
        for place in rrset.places() {
            let Some(slot) = block
                .get_mut(place..)
                .and_then(|rest| rest.first_chunk_mut::<2>())
            else {
                continue;
            };
            let value = u16::from_be_bytes(*slot) & !POINTER;
            *slot = pointer(if value & WITHIN != 0 {
                base.wrapping_add(usize::from(value & !WITHIN))
            } else if value == OWNER {
                owner_at
            } else {
                self.qname_end.wrapping_sub(usize::from(value))
            });
        }
        self.at = end;
        self.add_count(section, rrset.count());
        Ok(Placed {
            records_at: base,
            owner_at,
        })
    }

    /// Adds OPT, fills in the header and returns the length of the response.
    pub(crate) fn finish(mut self, flags: Flags, edns: Option<Opt<'_>>) -> usize {
        let mut additional = self.count(Section::Additional);
        if let Some(opt) = edns {
            self.limit = self.limit.wrapping_add(opt.len());
            if let Ok(space) = self.reserve(opt.len()) {
                opt.write(space);
                additional = additional.wrapping_add(1);
            }
        }
        let [answer, authority, _] = self.counts;
        let questions = u16::from(self.qname_end > HEADER_LEN);
        if let Some(header) = self.out.first_chunk_mut::<HEADER_LEN>() {
            // Opcode and RD come back as they were sent; CD and AD are cleared (RFC 4035 3.1.6).
            header[2] = 0x80
                | (header[2] & 0x79)
                | (u8::from(flags.authoritative) << 2)
                | (u8::from(self.truncated) << 1);
            header[3] = flags.rcode.low();
            [header[4], header[5]] = questions.to_be_bytes();
            [header[6], header[7]] = answer.to_be_bytes();
            [header[8], header[9]] = authority.to_be_bytes();
            [header[10], header[11]] = additional.to_be_bytes();
        }
        self.at
    }
}

/// A state of a [`Message`] to return to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    at: usize,
    counts: [u16; 3],
}

/// What the header says about a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub(crate) rcode: Rcode,
    pub(crate) authoritative: bool,
}

/// The OPT record of a response (RFC 6891 6.1.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt<'t> {
    pub(crate) udp_size: u16,
    pub(crate) dnssec_ok: bool,
    pub(crate) rcode_high: u8,
    pub(crate) error: Option<ExtendedError<'t>>,
}

/// Octets of an OPT record without options.
pub(crate) const OPT_LEN: usize = 11;
/// Longest text of an Extended DNS Error that is sent.
const ERROR_TEXT_MAX: usize = 100;

impl<'t> Opt<'t> {
    /// The OPT that answers `edns`.
    pub(crate) fn answering(
        edns: &Edns,
        udp_size: u16,
        rcode: Rcode,
        error: Option<ExtendedError<'t>>,
    ) -> Self {
        Self {
            udp_size,
            dnssec_ok: edns.dnssec_ok,
            rcode_high: rcode.high(),
            error,
        }
    }

    /// Octets of the record.
    pub(crate) fn len(&self) -> usize {
        OPT_LEN
            + self
                .error
                .map_or(0, |error| 6 + error_text(error.text).len())
    }

    fn write(&self, space: &mut [u8]) {
        let Some((fixed, options)) = space.split_first_chunk_mut::<OPT_LEN>() else {
            return;
        };
        let [s1, s0] = self.udp_size.to_be_bytes();
        // RFC 3225 3: DO comes back as it was sent.
        let dnssec_ok = if self.dnssec_ok { 0x80 } else { 0 };
        let [n1, n0] = (options.len() as u16).to_be_bytes();
        *fixed = [0, 0, 41, s1, s0, self.rcode_high, 0, dnssec_ok, 0, n1, n0];
        if let (Some(error), Some((head, text))) =
            (self.error, options.split_first_chunk_mut::<6>())
        {
            let [c1, c0] = error.code.to_be_bytes();
            let [l1, l0] = (text.len() as u16 + 2).to_be_bytes();
            // RFC 8914 2: option 15.
            *head = [0, 15, l1, l0, c1, c0];
            text.copy_from_slice(error_text(error.text));
        }
    }
}

/// The text of an error as it is sent, cut between characters.
fn error_text(text: &str) -> &[u8] {
    let mut end = text.len().min(ERROR_TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.as_bytes().get(..end).unwrap_or(&[])
}

/// A compression pointer to an octet of the message (RFC 1035 4.1.4).
#[inline(always)]
pub(crate) fn pointer(at: usize) -> [u8; 2] {
    (POINTER | (at & POINTER_MAX) as u16).to_be_bytes()
}
