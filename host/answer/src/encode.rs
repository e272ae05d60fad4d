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

use bailiwick_zone::name;
use bailiwick_zone::rrset::{OWNER, OWNER_POINTER, POINTER, Rrset, WITHIN};

use crate::opt::Opt;
use crate::rcode::Rcode;
use crate::request::HEADER_LEN;

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
    #[inline]
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
        let mut target = pointer(first);
        // As they are stored, records belong to the question's name.
        let is_as_stored = target == OWNER_POINTER && again == target && ttl.is_none();
        let mut place = if is_as_stored { block.len() } else { 0 };
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
    #[inline]
    pub(crate) fn finish(mut self, flags: Flags, edns: Option<Opt<'_>>) -> usize {
        self.put_opt(edns);
        self.close(flags)
    }

    /// Adds OPT, in the room that was kept for it.
    #[inline]
    pub(crate) fn put_opt(&mut self, edns: Option<Opt<'_>>) {
        let Some(mut opt) = edns else {
            return;
        };
        let len = opt.len();
        self.limit = self.limit.wrapping_add(len);
        let more = if opt.has_more() {
            self.fit_more(&mut opt, len)
        } else {
            0
        };
        if let Ok(space) = self.reserve(len.wrapping_add(more)) {
            opt.write(space);
            self.add_count(Section::Additional, 1);
        }
    }

    /// Octets of report channel and padding behind an OPT of `opt_len`, as far as there is room. No
    /// channel where it does not fit (RFC 9567 6.2: nothing is cut for it), nor in the answer to a
    /// report, lest reports are made of reports.
    #[cold]
    fn fit_more(&self, opt: &mut Opt<'_>, opt_len: usize) -> usize {
        let end = self.at + opt_len;
        let room = self.limit.saturating_sub(end);
        let question = self.out.get(HEADER_LEN..self.qname_end).unwrap_or(&[0]);
        let mut more = 4 + opt.channel.len();
        if more > room || name::is_at_or_below_wire(question, opt.channel) {
            opt.channel = &[];
        }
        if opt.channel.is_empty() {
            more = 0;
        }
        if opt.asked.is_some_and(|asked| asked.padding) && more + 4 <= room {
            let padded = (end + more + 4).next_multiple_of(PADDED_TO) - end;
            more = padded.min(room);
        }
        more
    }

    /// Fills in the header and returns the length of the response.
    #[inline]
    pub(crate) fn close(self, flags: Flags) -> usize {
        let [answer, authority, additional] = self.counts;
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

/// RFC 8467 4.1: the sizes of padded answers are multiples of this.
const PADDED_TO: usize = 468;

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

/// A compression pointer to an octet of the message (RFC 1035 4.1.4).
#[inline(always)]
pub(crate) fn pointer(at: usize) -> [u8; 2] {
    (POINTER | (at & POINTER_MAX) as u16).to_be_bytes()
}
