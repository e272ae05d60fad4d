//! A zone going out: messages for a secondary, made one at a time (RFC 5936 2.2, RFC 1995 2).
//!
//! Many records share a message, names are compressed with work in proportion to their own length, and
//! memory stays flat whatever the zone's size: the next message is made when the last one is gone. The
//! zone is immutable, so a transfer sees one version from its first SOA to its last.
//!
//! There is no history yet: IXFR is answered by a single SOA when the asker is up to date, else by the
//! whole zone, as RFC 1995 4 allows.
#![warn(clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use bailiwick_zone::{Name, Record, RecordType, Serial, Zone, rdata};

use crate::compress::Compressor;
use crate::wire::{self, CLASS_IN, FLAG_AA, FLAG_QR, HEADER_LEN, Header, OPCODE_QUERY};

/// What a secondary asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransferRequest {
    /// Message id, echoed in every message.
    pub id: u16,
    /// The zone.
    pub zone: Name,
    /// AXFR or IXFR.
    pub rtype: RecordType,
    /// For IXFR: the version the asker has.
    pub have: Option<Serial>,
    /// RD is copied into the answer (RFC 5936 2.2.1).
    recursion_desired: bool,
    /// An OPT in the request earns one in the first message (RFC 5936 2.2.5), with its DO bit (RFC 3225 3).
    edns: Option<bool>,
}

/// Why a request for a transfer cannot be read; the answer is FORMERR.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the transfer request cannot be read: {0}")]
pub struct RequestError(pub &'static str);

impl TransferRequest {
    /// Reads an AXFR or IXFR request.
    pub fn parse(message: &[u8]) -> Result<Self, RequestError> {
        let header = Header::read(message).map_err(RequestError)?;
        if header.is_response()
            || header.opcode() != OPCODE_QUERY
            || header.questions != 1
            || header.answers != 0
        {
            return Err(RequestError("it is not a query with one question"));
        }
        let question = wire::read_question(message, HEADER_LEN).map_err(RequestError)?;
        if question.class != CLASS_IN
            || !matches!(question.rtype, RecordType::AXFR | RecordType::IXFR)
        {
            return Err(RequestError("it is neither AXFR nor IXFR of class IN"));
        }
        let (mut at, mut owner, mut have) = (question.end, Vec::new(), None);
        for _ in 0..header.authority {
            let record = wire::read_record(message, at, &mut owner).map_err(RequestError)?;
            at = record.end;
            // RFC 1995 3: the asker's SOA stands in the authority section.
            if record.rtype == RecordType::SOA && question.rtype == RecordType::IXFR {
                let mut soa = Vec::new();
                rdata::read_wire(
                    RecordType::SOA,
                    message,
                    record.rdata_at,
                    record.rdata_len,
                    &mut soa,
                )
                .map_err(|_| RequestError("the SOA in it is broken"))?;
                have = wire::soa_serial(&soa).map(Serial);
            }
        }
        let mut edns = None;
        for _ in 0..header.additional {
            let (rtype, ttl, end) = wire::skip_record(message, at).map_err(RequestError)?;
            if rtype == RecordType::OPT {
                edns = Some(ttl & 0x8000 != 0);
            }
            at = end;
        }
        if question.rtype == RecordType::IXFR && have.is_none() {
            return Err(RequestError("an IXFR must carry the SOA the asker has"));
        }
        Ok(Self {
            id: header.id,
            zone: question.name,
            rtype: question.rtype,
            have,
            recursion_desired: header.flags & FLAG_RD != 0,
            edns,
        })
    }

    /// Whether the asker is up to date with `serial`: the answer is then the SOA alone (RFC 1995 2).
    pub fn is_current(&self, serial: Serial) -> bool {
        self.have.is_some_and(|have| have >= serial)
    }
}

/// Packs records into the messages of one answer.
#[derive(Debug)]
pub struct MessageWriter {
    request: TransferRequest,
    compressor: Compressor,
    message: Vec<u8>,
    answers: u16,
    first: bool,
}

impl MessageWriter {
    /// A writer whose first message repeats the question.
    pub fn new(request: TransferRequest) -> Self {
        let mut writer = Self {
            request,
            compressor: Compressor::default(),
            message: Vec::new(),
            answers: 0,
            first: true,
        };
        writer.begin();
        writer
    }

    /// Adds a record; gives the message before it when that one is full. A record that fits into no
    /// message at all (RDATA near 64 KiB) is an error and ends the transfer.
    pub fn push(&mut self, record: Record<'_>) -> Result<Option<Vec<u8>>, TooLarge> {
        let before = self.message.len();
        self.write_record(record);
        let room = MESSAGE_SIZE_MAX
            - if self.first && self.request.edns.is_some() {
                OPT.len()
            } else {
                0
            };
        if self.message.len() <= room
            && (self.message.len() <= MESSAGE_SIZE_AIM || self.answers == 0)
        {
            self.answers += 1;
            return Ok(None);
        }
        if self.answers == 0 {
            return Err(TooLarge);
        }
        // Names written by the record that did not fit must not be pointed at: the next message starts clean.
        self.message.truncate(before);
        let full = self.finish_message();
        self.write_record(record);
        if self.message.len() > MESSAGE_SIZE_MAX {
            return Err(TooLarge);
        }
        self.answers = 1;
        Ok(Some(full))
    }

    /// The last message, if there is anything in it.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        (self.answers > 0).then(|| self.finish_message())
    }

    fn begin(&mut self) {
        self.message = Vec::with_capacity(MESSAGE_SIZE_AIM + 512);
        self.compressor.clear();
        self.answers = 0;
        self.message.resize(HEADER_LEN, 0);
        if self.first {
            self.compressor
                .write(self.request.zone.as_wire(), &mut self.message);
            self.message
                .extend_from_slice(&self.request.rtype.0.to_be_bytes());
            self.message.extend_from_slice(&CLASS_IN.to_be_bytes());
        }
    }

    fn finish_message(&mut self) -> Vec<u8> {
        let mut flags = FLAG_QR | FLAG_AA;
        if self.request.recursion_desired {
            flags |= FLAG_RD;
        }
        let opt = self.request.edns.filter(|_| self.first);
        let header = Header {
            id: self.request.id,
            flags,
            questions: u16::from(self.first),
            answers: self.answers,
            authority: 0,
            additional: u16::from(opt.is_some()),
        };
        let mut head = Vec::with_capacity(HEADER_LEN);
        header.write(&mut head);
        if let Some(place) = self.message.get_mut(..HEADER_LEN) {
            place.copy_from_slice(&head);
        }
        if let Some(dnssec_ok) = opt {
            let start = self.message.len();
            self.message.extend_from_slice(&OPT);
            if let Some(flags) = self.message.get_mut(start + 7) {
                *flags = u8::from(dnssec_ok) << 7;
            }
        }
        let full = std::mem::take(&mut self.message);
        self.first = false;
        self.begin();
        full
    }

    fn write_record(&mut self, record: Record<'_>) {
        self.compressor.write(record.owner, &mut self.message);
        self.message
            .extend_from_slice(&record.rtype.0.to_be_bytes());
        self.message.extend_from_slice(&CLASS_IN.to_be_bytes());
        self.message.extend_from_slice(&record.ttl.to_be_bytes());
        let length_at = self.message.len();
        self.message.extend_from_slice(&[0, 0]);
        let mut copied = 0;
        for name in rdata::names(record.rtype, record.rdata).filter(|name| name.compress) {
            let end = name.offset + name.len;
            self.message
                .extend_from_slice(record.rdata.get(copied..name.offset).unwrap_or_default());
            self.compressor.write(
                record.rdata.get(name.offset..end).unwrap_or_default(),
                &mut self.message,
            );
            copied = end;
        }
        self.message
            .extend_from_slice(record.rdata.get(copied..).unwrap_or_default());
        let length = u16::try_from(self.message.len() - length_at - 2).unwrap_or(u16::MAX);
        if let Some(place) = self.message.get_mut(length_at..length_at + 2) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// The messages of one transfer, made one at a time.
#[derive(Debug)]
pub struct AxfrOut {
    zone: Arc<Zone>,
    writer: MessageWriter,
    ready: VecDeque<Vec<u8>>,
    /// The last owner written; the walk goes on after it.
    after: Option<Vec<u8>>,
    soa: Option<(u32, Vec<u8>)>,
    state: Walk,
    failed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Walk {
    Records,
    Closing,
    Done,
}

impl AxfrOut {
    /// The answer to `request` from this version of the zone: everything, or the SOA alone.
    pub fn new(zone: Arc<Zone>, request: TransferRequest) -> Self {
        let current = request.is_current(zone.serial());
        let mut out = Self {
            writer: MessageWriter::new(request),
            ready: VecDeque::new(),
            after: None,
            soa: None,
            state: if current {
                Walk::Closing
            } else {
                Walk::Records
            },
            failed: false,
            zone,
        };
        out.soa = first_soa(&out.zone);
        out
    }

    /// Whether it ended early, because a record fits into no message: the asker sees a cut-off transfer.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Walks on until a message is full, and then to the end of that owner.
    fn walk(&mut self) {
        let (writer, ready, after) = (&mut self.writer, &mut self.ready, &mut self.after);
        let (mut failed, mut full) = (false, false);
        let mut last: Vec<u8> = Vec::new();
        self.zone
            .for_each_record_after(after.as_deref(), &mut |record| {
                if record.owner != last {
                    if full {
                        return ControlFlow::Break(());
                    }
                    last.clear();
                    last.extend_from_slice(record.owner);
                }
                match writer.push(record) {
                    Ok(Some(message)) => {
                        ready.push_back(message);
                        full = true;
                    }
                    Ok(None) => {}
                    Err(TooLarge) => {
                        failed = true;
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
        *after = Some(last);
        self.failed = failed;
        self.state = match (failed, full) {
            (true, _) => Walk::Done,
            (false, true) => Walk::Records,
            (false, false) => Walk::Closing,
        };
    }

    fn close(&mut self) {
        self.state = Walk::Done;
        let Some((ttl, rdata)) = &self.soa else {
            return;
        };
        let soa = Record {
            owner: self.zone.apex().as_wire(),
            rtype: RecordType::SOA,
            ttl: *ttl,
            rdata,
        };
        match self.writer.push(soa) {
            Ok(before) => self.ready.extend(before),
            Err(TooLarge) => self.failed = true,
        }
        self.ready.extend(self.writer.finish());
    }
}

impl Iterator for AxfrOut {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            match self.state {
                Walk::Records => self.walk(),
                Walk::Closing => self.close(),
                Walk::Done => return None,
            }
        }
    }
}

fn first_soa(zone: &Zone) -> Option<(u32, Vec<u8>)> {
    let mut soa = None;
    zone.for_each_record(&mut |record| {
        if record.rtype == RecordType::SOA {
            soa = Some((record.ttl, record.rdata.to_vec()));
        }
        ControlFlow::Break(())
    });
    soa
}

/// A record is too large for any message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a record of the zone is too large for a DNS message")]
pub struct TooLarge;

const FLAG_RD: u16 = 0x0100;
/// What two length octets can say (RFC 1035 4.2.2).
const MESSAGE_SIZE_MAX: usize = 0xFFFF;
/// Messages are closed near the reach of compression pointers: beyond it they would only grow.
const MESSAGE_SIZE_AIM: usize = 0x4000;
/// Our OPT: root, type 41, payload 1232, no flags, no options (RFC 6891 6.1.2).
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0];

#[cfg(test)]
mod tests;
