//! NOTIFY: "look, my zone has changed" (RFC 1996), read and written.
//!
//! The serial in a NOTIFY is a hint (RFC 1996 3.7): nobody has proved that the sender is the primary, so
//! it only makes us look; what the SOA answer says decides.
#![warn(clippy::indexing_slicing)]

use bailiwick_zone::{Name, RecordType, Serial, rdata};

use crate::rcode::Rcode;
use crate::wire::{self, CLASS_IN, FLAG_AA, FLAG_QR, HEADER_LEN, Header, OPCODE_NOTIFY};

/// A NOTIFY request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notify {
    /// Message id, echoed in the reply.
    pub id: u16,
    /// The zone that is said to have changed.
    pub zone: Name,
    /// The serial the sender claims, if any.
    pub serial: Option<Serial>,
}

/// Why a message is no usable NOTIFY; each has the RCODE to answer with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// Not a request, or not even a header: no answer at all.
    #[error("not a NOTIFY request")]
    NotNotify,
    /// Broken: FORMERR.
    #[error("the NOTIFY cannot be read: {0}")]
    Malformed(&'static str),
    /// Another type than SOA: NOTIMP (RFC 1996 3.3 allows others, none is in use).
    #[error("the NOTIFY is for a type other than SOA")]
    NotSoa,
}

impl NotifyError {
    /// What to answer, if anything.
    pub fn rcode(self) -> Option<Rcode> {
        match self {
            Self::NotNotify => None,
            Self::Malformed(_) => Some(Rcode::FORMERR),
            Self::NotSoa => Some(Rcode::NOTIMP),
        }
    }
}

impl Notify {
    /// Reads a request.
    pub fn parse(message: &[u8]) -> Result<Self, NotifyError> {
        let header = Header::read(message).map_err(|_| NotifyError::NotNotify)?;
        if header.is_response() || header.opcode() != OPCODE_NOTIFY {
            return Err(NotifyError::NotNotify);
        }
        if header.questions != 1 {
            return Err(NotifyError::Malformed("it must have exactly one question"));
        }
        let question = wire::read_question(message, HEADER_LEN).map_err(NotifyError::Malformed)?;
        if question.class != CLASS_IN {
            return Err(NotifyError::Malformed("its class is not IN"));
        }
        if question.rtype != RecordType::SOA {
            return Err(NotifyError::NotSoa);
        }
        let mut serial = None;
        let (mut at, mut owner) = (question.end, Vec::new());
        for _ in 0..header.answers {
            let record =
                wire::read_record(message, at, &mut owner).map_err(NotifyError::Malformed)?;
            at = record.end;
            if record.rtype == RecordType::SOA
                && record.class == CLASS_IN
                && owner.eq_ignore_ascii_case(question.name.as_wire())
            {
                let mut rdata = Vec::new();
                rdata::read_wire(
                    RecordType::SOA,
                    message,
                    record.rdata_at,
                    record.rdata_len,
                    &mut rdata,
                )
                .map_err(|_| NotifyError::Malformed("its SOA record is broken"))?;
                serial = wire::soa_serial(&rdata).map(Serial);
            }
        }
        Ok(Self {
            id: header.id,
            zone: question.name,
            serial,
        })
    }

    /// The request as a message, for our own secondaries. Without a serial hint: they will ask.
    pub fn to_message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER_LEN + 260);
        // RFC 1996 3.3: AA is set in a NOTIFY.
        let flags = u16::from(OPCODE_NOTIFY) << 11 | FLAG_AA;
        Header {
            id: self.id,
            flags,
            questions: 1,
            answers: 0,
            authority: 0,
            additional: 0,
        }
        .write(&mut message);
        wire::write_question(&mut message, self.zone.as_wire(), RecordType::SOA);
        message
    }

    /// The reply: the question back with QR, AA and `rcode` (RFC 1996 4.7).
    pub fn reply(&self, rcode: Rcode) -> Vec<u8> {
        let mut message = self.to_message();
        let flags = u16::from(OPCODE_NOTIFY) << 11 | FLAG_AA | FLAG_QR | u16::from(rcode.0 & 0xF);
        if let Some(field) = message.get_mut(2..4) {
            field.copy_from_slice(&flags.to_be_bytes());
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notify() -> Notify {
        Notify {
            id: 9,
            zone: Name::parse("example.org.").unwrap(),
            serial: None,
        }
    }

    /// RFC 1996 3.7: what we write, we read.
    #[test]
    fn request_reads_back() {
        assert_eq!(Notify::parse(&notify().to_message()), Ok(notify()));
    }

    /// RFC 1996 3.7: the SOA in the answer section is a hint.
    #[test]
    fn serial_hint_is_read() {
        let mut message = notify().to_message();
        message[7] = 1;
        message.extend_from_slice(&[0xC0, 12, 0, 6, 0, 1, 0, 0, 1, 0, 0, 24, 0xC0, 12, 0xC0, 12]);
        for number in [41u32, 1, 2, 3, 4] {
            message.extend_from_slice(&number.to_be_bytes());
        }
        assert_eq!(Notify::parse(&message).unwrap().serial, Some(Serial(41)));
    }

    /// RELIABILITY P14: a reply is never answered.
    #[test]
    fn reply_is_not_taken_for_a_request() {
        let error = Notify::parse(&notify().reply(Rcode::NOERROR)).unwrap_err();
        assert_eq!((error, error.rcode()), (NotifyError::NotNotify, None));
    }

    /// RFC 1996 4.7: the reply repeats id and question and says NOTAUTH for a zone that is not served.
    #[test]
    fn reply_carries_the_rcode() {
        let reply = notify().reply(Rcode::NOTAUTH);
        assert_eq!(reply[..4], [0, 9, 0xA4, 9]);
        assert_eq!(reply[12..], notify().to_message()[12..]);
    }

    /// RELIABILITY P1: no prefix of a NOTIFY may panic or pass.
    #[test]
    fn cut_requests_never_pass() {
        let whole = notify().to_message();
        for end in 0..whole.len() {
            assert!(Notify::parse(&whole[..end]).is_err(), "{end}");
        }
    }
}
