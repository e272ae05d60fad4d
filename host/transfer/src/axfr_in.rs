//! A zone coming in: messages of one AXFR answer are pushed in, records come out (RFC 5936).
//!
//! The machine believes nothing. Every record is checked as it arrives and counted against the limits
//! while it streams, so that an endless or giant transfer costs at most its limit plus one message
//! (RELIABILITY X1). One bad record spoils the whole transfer (X5): the old version stays, and the error
//! says which record it was.
//!
//! ```text
//!   Start ──SOA──► Inside ──any record of the zone──► Inside ──the same SOA──► Done
//! ```
#![warn(clippy::indexing_slicing)]

use bailiwick_zone::name::{Name, is_at_or_below_wire};
use bailiwick_zone::{Record, RecordBuf, RecordType, Serial, rdata};

use crate::rcode::Rcode;
use crate::wire::{self, CLASS_IN, HEADER_LEN, Header, OPCODE_QUERY, RecordFrame};

/// How much one transfer may bring.
#[derive(Clone, Copy, Debug)]
pub struct AxfrLimits {
    /// Bytes of all messages together.
    pub bytes_max: u64,
    /// Records.
    pub records_max: u64,
}

impl Default for AxfrLimits {
    /// Room for zones like `com` once had, not for an attack: 4 GiB, 50 million records.
    fn default() -> Self {
        Self {
            bytes_max: 1 << 30,
            records_max: 50_000_000,
        }
    }
}

/// One AXFR being received.
#[derive(Debug)]
pub struct AxfrIn {
    apex: Name,
    id: u16,
    limits: AxfrLimits,
    state: Stage,
    first_soa: Vec<u8>,
    records: RecordBuf,
    bytes: u64,
    messages: u64,
    /// Owner and RDATA of the record being read.
    owner: Vec<u8>,
    scratch: Vec<u8>,
}

/// Whether more messages are needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Read on.
    More,
    /// The closing SOA has come; call [`AxfrIn::finish`].
    Done,
}

/// A complete transfer.
#[derive(Debug)]
pub struct Transferred {
    /// Every record once, the SOA first.
    pub records: RecordBuf,
    /// The zone's serial.
    pub serial: Serial,
    /// Bytes received.
    pub bytes: u64,
    /// Messages received.
    pub messages: u64,
}

/// Why a transfer was thrown away. The texts are for the zone's owner.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AxfrError {
    /// The primary said no.
    #[error("the primary answered the transfer request with {0}")]
    Rcode(Rcode),
    /// Message id does not match.
    #[error("the primary answered with message id {found} instead of {expected}")]
    WrongId {
        /// What we sent.
        expected: u16,
        /// What came.
        found: u16,
    },
    /// QR is missing or the opcode is another.
    #[error("the primary sent something that is not an answer to a query")]
    NotAnAnswer,
    /// The question section differs from ours.
    #[error("the primary answered another question than the one asked")]
    WrongQuestion,
    /// TC over TCP makes no sense (RFC 5936 2.2.1).
    #[error("the primary marked a transfer message as truncated")]
    Truncated,
    /// The bytes make no message.
    #[error("transfer message {message} cannot be read: {reason}")]
    Malformed {
        /// Which message, counted from 1.
        message: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// RDATA that its type does not allow.
    #[error("the {rtype} record at {owner} is broken: {reason}")]
    BadRdata {
        /// Its owner.
        owner: Name,
        /// Its type.
        rtype: RecordType,
        /// What is wrong.
        reason: String,
    },
    /// The transfer does not begin with the SOA (RFC 5936 2.2).
    #[error("the transfer begins with {rtype} at {owner} instead of the zone's SOA")]
    FirstNotSoa {
        /// Owner of the first record.
        owner: Name,
        /// Its type.
        rtype: RecordType,
    },
    /// First and last SOA differ: the zone changed underway, or somebody is playing.
    #[error(
        "the transfer begins with SOA serial {first} and ends with another SOA (serial {last})"
    )]
    SoaMismatch {
        /// Serial of the first.
        first: u32,
        /// Serial of the last.
        last: u32,
    },
    /// A SOA below the apex.
    #[error("a SOA record at {0}, which is not the apex of the zone")]
    StraySoa(Name),
    /// Something after the closing SOA.
    #[error("records follow the closing SOA")]
    AfterEnd,
    /// A class other than IN.
    #[error("the {rtype} record at {owner} has class {class} instead of IN")]
    WrongClass {
        /// Its owner.
        owner: Name,
        /// Its type.
        rtype: RecordType,
        /// Its class.
        class: u16,
    },
    /// An owner that is not in the zone.
    #[error("the {rtype} record at {owner} lies outside the zone")]
    OutOfZone {
        /// Its owner.
        owner: Name,
        /// Its type.
        rtype: RecordType,
    },
    /// A type that no zone can hold.
    #[error("type {0} cannot be zone data")]
    MetaType(RecordType),
    /// Too many messages without any record.
    #[error("the primary sends messages without records")]
    Empty,
    /// Over the byte limit.
    #[error("the transfer is larger than the limit of {0} bytes")]
    TooManyBytes(u64),
    /// Over the record limit.
    #[error("the transfer has more records than the limit of {0}")]
    TooManyRecords(u64),
    /// The stream ended too early.
    #[error("the transfer was cut off after {records} records: the closing SOA never came")]
    CutOff {
        /// Records received until then.
        records: u64,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Start,
    Inside,
    Done,
}

impl AxfrIn {
    /// A transfer of `apex`; `id` comes from a cryptographic source.
    pub fn new(apex: &Name, id: u16, limits: AxfrLimits) -> Self {
        Self {
            apex: apex.clone(),
            id,
            limits,
            state: Stage::Start,
            first_soa: Vec::new(),
            records: RecordBuf::new(),
            bytes: 0,
            messages: 0,
            owner: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The request to send, without the two length octets of TCP.
    pub fn request(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER_LEN + self.apex.as_wire().len() + 4);
        Header {
            id: self.id,
            flags: 0,
            questions: 1,
            answers: 0,
            authority: 0,
            additional: 0,
        }
        .write(&mut message);
        wire::write_question(&mut message, self.apex.as_wire(), RecordType::AXFR);
        message
    }

    /// Takes the next message of the answer. After an error the machine is of no further use.
    pub fn push(&mut self, message: &[u8]) -> Result<Progress, AxfrError> {
        if self.state == Stage::Done {
            return Err(AxfrError::AfterEnd);
        }
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(message.len() as u64);
        if self.bytes > self.limits.bytes_max {
            return Err(AxfrError::TooManyBytes(self.limits.bytes_max));
        }
        let header = Header::read(message).map_err(|reason| self.malformed(reason))?;
        self.check_header(&header)?;
        let mut at = self.check_question(&header, message)?;
        if header.answers == 0
            && self.messages > EMPTY_MESSAGES_MAX.saturating_add(self.records.len() as u64)
        {
            return Err(AxfrError::Empty);
        }
        for _ in 0..header.answers {
            let record = wire::read_record(message, at, &mut self.owner).map_err(|reason| {
                AxfrError::Malformed {
                    message: self.messages,
                    reason,
                }
            })?;
            at = record.end;
            self.take(message, &record)?;
        }
        // RFC 5936 2.2.5: only OPT, TSIG and SIG(0) have a place in the additional section.
        for _ in 0..header.additional {
            let (rtype, _, end) =
                wire::skip_record(message, at).map_err(|reason| self.malformed(reason))?;
            if !ADDITIONAL_TYPES.contains(&rtype.0) {
                return Err(self.malformed("it has zone data in its additional section"));
            }
            at = end;
        }
        if at != message.len() {
            return Err(self.malformed("bytes follow its last record"));
        }
        Ok(if self.state == Stage::Done {
            Progress::Done
        } else {
            Progress::More
        })
    }

    /// Records received so far; for progress and minimum-rate rules.
    pub fn records(&self) -> u64 {
        self.records.len() as u64
    }

    /// Bytes of memory that the records take: with compression in the messages, a multiple of what was
    /// received.
    pub fn memory(&self) -> u64 {
        self.records.memory() as u64
    }

    /// Bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The zone, if it came to its end.
    pub fn finish(self) -> Result<Transferred, AxfrError> {
        if self.state != Stage::Done {
            return Err(AxfrError::CutOff {
                records: self.records.len() as u64,
            });
        }
        let serial = Serial(wire::soa_serial(&self.first_soa).unwrap_or_default());
        Ok(Transferred {
            records: self.records,
            serial,
            bytes: self.bytes,
            messages: self.messages,
        })
    }

    fn check_header(&self, header: &Header) -> Result<(), AxfrError> {
        if !header.is_response() || header.opcode() != OPCODE_QUERY {
            return Err(AxfrError::NotAnAnswer);
        }
        if header.id != self.id {
            return Err(AxfrError::WrongId {
                expected: self.id,
                found: header.id,
            });
        }
        if header.rcode() != 0 {
            return Err(AxfrError::Rcode(Rcode(header.rcode())));
        }
        if header.is_truncated() {
            return Err(AxfrError::Truncated);
        }
        // RFC 5936 2.2.1 wants AA, but Knot leaves it out of transfers: nobody checks it.
        // RFC 5936 2.2.4: the authority section is empty.
        if header.authority != 0 {
            return Err(self.malformed("it has an authority section"));
        }
        Ok(())
    }

    /// RFC 5936 2.2.2: the first message repeats the question; later ones may leave it out.
    fn check_question(&self, header: &Header, message: &[u8]) -> Result<usize, AxfrError> {
        match header.questions {
            0 if self.messages > 1 => Ok(HEADER_LEN),
            1 => {
                let question = wire::read_question(message, HEADER_LEN)
                    .map_err(|reason| self.malformed(reason))?;
                let same = question.name == self.apex
                    && question.rtype == RecordType::AXFR
                    && question.class == CLASS_IN;
                if same {
                    Ok(question.end)
                } else {
                    Err(AxfrError::WrongQuestion)
                }
            }
            _ => Err(AxfrError::WrongQuestion),
        }
    }

    fn take(&mut self, message: &[u8], record: &RecordFrame) -> Result<(), AxfrError> {
        let rtype = record.rtype;
        if self.state == Stage::Done {
            return Err(AxfrError::AfterEnd);
        }
        if record.class != CLASS_IN {
            return Err(AxfrError::WrongClass {
                owner: self.owner_name(),
                rtype,
                class: record.class,
            });
        }
        if rtype.is_meta() {
            return Err(AxfrError::MetaType(rtype));
        }
        if self.state == Stage::Start && (rtype != RecordType::SOA || !self.owner_is_apex()) {
            return Err(AxfrError::FirstNotSoa {
                owner: self.owner_name(),
                rtype,
            });
        }
        if !is_at_or_below_wire(&self.owner, self.apex.as_wire()) {
            return Err(AxfrError::OutOfZone {
                owner: self.owner_name(),
                rtype,
            });
        }
        self.scratch.clear();
        rdata::read_wire(
            rtype,
            message,
            record.rdata_at,
            record.rdata_len,
            &mut self.scratch,
        )
        .map_err(|error| AxfrError::BadRdata {
            owner: self.owner_name(),
            rtype,
            reason: error.to_string(),
        })?;
        if rtype == RecordType::SOA && self.state == Stage::Inside {
            return self.close();
        }
        if self.records.len() as u64 >= self.limits.records_max {
            return Err(AxfrError::TooManyRecords(self.limits.records_max));
        }
        if self.state == Stage::Start {
            self.first_soa.clone_from(&self.scratch);
            self.state = Stage::Inside;
        }
        self.records.push(Record {
            owner: &self.owner,
            rtype,
            ttl: record.ttl,
            rdata: &self.scratch,
        });
        Ok(())
    }

    /// A SOA inside the stream: the end, or an error.
    fn close(&mut self) -> Result<(), AxfrError> {
        if !self.owner_is_apex() {
            return Err(AxfrError::StraySoa(self.owner_name()));
        }
        // Names compare without case; the numbers behind them bytewise. No octet of a number may be folded.
        let (first, last) = (&self.first_soa, &self.scratch);
        let same = match (split_soa(first), split_soa(last)) {
            (Some((a_names, a_numbers)), Some((b_names, b_numbers))) => {
                a_names.eq_ignore_ascii_case(b_names) && a_numbers == b_numbers
            }
            _ => false,
        };
        if !same {
            let serial = |soa: &[u8]| wire::soa_serial(soa).unwrap_or_default();
            return Err(AxfrError::SoaMismatch {
                first: serial(first),
                last: serial(last),
            });
        }
        self.state = Stage::Done;
        Ok(())
    }

    fn owner_is_apex(&self) -> bool {
        self.owner.eq_ignore_ascii_case(self.apex.as_wire())
    }

    /// For error texts only.
    fn owner_name(&self) -> Name {
        Name::from_wire(&self.owner).unwrap_or_else(|_| Name::root())
    }

    fn malformed(&self, reason: &'static str) -> AxfrError {
        AxfrError::Malformed {
            message: self.messages,
            reason,
        }
    }
}

fn split_soa(rdata: &[u8]) -> Option<(&[u8], &[u8])> {
    rdata.split_at_checked(rdata.len().checked_sub(20)?)
}

/// OPT, TSIG, SIG.
const ADDITIONAL_TYPES: [u16; 3] = [41, 250, 24];

/// RFC 5936 2.2 wants records in every message; a few without are borne, not a flood of them.
const EMPTY_MESSAGES_MAX: u64 = 16;

#[cfg(test)]
mod tests;
