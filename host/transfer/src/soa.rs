//! Has the primary a newer version? One SOA question and its answer.
//!
//! The question's letters are written in random case ("0x20"); over UDP an answer that does not echo
//! them, or has another id or question, is somebody else's packet and is ignored while the caller
//! keeps waiting. Over TCP the connection itself is the proof, so the case is not compared.
#![warn(clippy::indexing_slicing)]

use bailiwick_zone::{Name, RecordType, Serial, rdata};

use crate::rcode::Rcode;
use crate::wire::{self, CLASS_IN, HEADER_LEN, Header, OPCODE_QUERY};

/// One SOA question in flight.
#[derive(Debug)]
pub struct SoaProbe {
    apex: Name,
    id: u16,
    request: Vec<u8>,
}

/// What a proper answer said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProbeReply {
    /// The primary's serial.
    Serial(Serial),
    /// TC is set: ask again over TCP.
    Truncated,
}

/// Why a message is not a usable answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Another id, question or spelling: keep waiting, it is not the primary who sent this.
    #[error("an answer came that does not belong to our SOA question")]
    NotOurs,
    /// The primary said no.
    #[error("the primary answered the SOA question with {0}")]
    Rcode(Rcode),
    /// The answer is not authoritative: this server does not hold the zone.
    #[error("the primary is not authoritative for the zone (its SOA answer has no AA flag)")]
    NotAuthoritative,
    /// No SOA of the zone in the answer section.
    #[error("the primary's answer holds no SOA record of the zone")]
    NoSoa,
    /// Broken bytes.
    #[error("the primary's SOA answer cannot be read: {0}")]
    Malformed(&'static str),
}

impl SoaProbe {
    /// A question for `apex`; `id` and `case` come from a cryptographic source (RELIABILITY X16).
    pub fn new(apex: &Name, id: u16, case: &[u8]) -> Self {
        let mut request = Vec::with_capacity(HEADER_LEN + apex.as_wire().len() + 4);
        Header {
            id,
            flags: 0,
            questions: 1,
            answers: 0,
            authority: 0,
            additional: 0,
        }
        .write(&mut request);
        wire::write_question(
            &mut request,
            &randomise_case(apex.as_wire(), case),
            RecordType::SOA,
        );
        Self {
            apex: apex.clone(),
            id,
            request,
        }
    }

    /// The message to send.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Judges a datagram: case of the question must be echoed.
    pub fn response_udp(&self, message: &[u8]) -> Result<ProbeReply, ProbeError> {
        let asked = self.request.get(HEADER_LEN..).unwrap_or_default();
        let echoed = message.get(HEADER_LEN..HEADER_LEN.saturating_add(asked.len()));
        if Header::read(message).map(|h| h.questions) != Ok(1) || echoed != Some(asked) {
            return Err(ProbeError::NotOurs);
        }
        self.response_tcp(message)
    }

    /// Judges a message that came over our own TCP connection.
    pub fn response_tcp(&self, message: &[u8]) -> Result<ProbeReply, ProbeError> {
        let header = Header::read(message).map_err(|_| ProbeError::NotOurs)?;
        if header.id != self.id
            || !header.is_response()
            || header.opcode() != OPCODE_QUERY
            || header.questions != 1
        {
            return Err(ProbeError::NotOurs);
        }
        let question = wire::read_question(message, HEADER_LEN).map_err(|_| ProbeError::NotOurs)?;
        if question.name != self.apex
            || question.rtype != RecordType::SOA
            || question.class != CLASS_IN
        {
            return Err(ProbeError::NotOurs);
        }
        if header.rcode() != 0 {
            return Err(ProbeError::Rcode(Rcode(header.rcode())));
        }
        if header.is_truncated() {
            return Ok(ProbeReply::Truncated);
        }
        if !header.is_authoritative() {
            return Err(ProbeError::NotAuthoritative);
        }
        let (mut at, mut owner) = (question.end, Vec::new());
        for _ in 0..header.answers {
            let record =
                wire::read_record(message, at, &mut owner).map_err(ProbeError::Malformed)?;
            at = record.end;
            if record.rtype == RecordType::SOA
                && record.class == CLASS_IN
                && owner.eq_ignore_ascii_case(self.apex.as_wire())
            {
                let mut rdata = Vec::new();
                rdata::read_wire(
                    RecordType::SOA,
                    message,
                    record.rdata_at,
                    record.rdata_len,
                    &mut rdata,
                )
                .map_err(|_| ProbeError::Malformed("its SOA record is broken"))?;
                let serial = wire::soa_serial(&rdata)
                    .ok_or(ProbeError::Malformed("its SOA record is too short"))?;
                return Ok(ProbeReply::Serial(Serial(serial)));
            }
        }
        Err(ProbeError::NoSoa)
    }
}

/// Flips the case of letters by the bits of `case`, taken round and round. Length octets are at most 63
/// and thus never letters.
fn randomise_case(name: &[u8], case: &[u8]) -> Vec<u8> {
    let bits = case
        .iter()
        .cycle()
        .flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1));
    name.iter()
        .zip(bits.chain(std::iter::repeat(false)))
        .map(|(&octet, flip)| {
            if flip && octet.is_ascii_alphabetic() {
                octet ^ 0x20
            } else {
                octet
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> SoaProbe {
        SoaProbe::new(&Name::parse("example.org.").unwrap(), 0x1234, &[0xA5, 0x5A])
    }

    /// An answer to `probe` with the given flags and SOA owner.
    fn answer(probe: &SoaProbe, flags: u16, answers: u16) -> Vec<u8> {
        let mut message = Vec::new();
        Header {
            id: 0x1234,
            flags,
            questions: 1,
            answers,
            authority: 0,
            additional: 0,
        }
        .write(&mut message);
        message.extend_from_slice(&probe.request()[HEADER_LEN..]);
        for _ in 0..answers {
            // Owner, type SOA, class IN, TTL, then "ns" and "admin" under the apex and five numbers.
            message.extend_from_slice(&[0xC0, 12, 0, 6, 0, 1, 0, 0, 1, 0, 0, 33]);
            message.extend_from_slice(b"\x02ns\xC0\x0C\x05admin\xC0\x0C");
            for number in [77u32, 3600, 600, 86400, 300] {
                message.extend_from_slice(&number.to_be_bytes());
            }
        }
        message
    }

    /// RFC 1035 4.3.5: the serial of the SOA in the answer section decides.
    #[test]
    fn serial_is_read_from_an_authoritative_answer() {
        let probe = probe();
        assert_eq!(
            probe.response_udp(&answer(&probe, 0x8400, 1)),
            Ok(ProbeReply::Serial(Serial(77)))
        );
    }

    /// RELIABILITY X16: a forged answer must guess the id.
    #[test]
    fn wrong_id_is_not_ours() {
        let probe = probe();
        let mut message = answer(&probe, 0x8400, 1);
        message[0] ^= 1;
        assert_eq!(probe.response_udp(&message), Err(ProbeError::NotOurs));
    }

    /// RELIABILITY X16: a forged answer must guess the spelling too; over TCP the spelling is free.
    #[test]
    fn question_in_other_case_is_not_ours_over_udp() {
        let probe = probe();
        let mut message = answer(&probe, 0x8400, 1);
        message[HEADER_LEN + 1] ^= 0x20;
        assert_eq!(probe.response_udp(&message), Err(ProbeError::NotOurs));
        assert_eq!(
            probe.response_tcp(&message),
            Ok(ProbeReply::Serial(Serial(77)))
        );
    }

    /// The spelling is mixed: otherwise the echo proves nothing.
    #[test]
    fn question_is_spelled_in_mixed_case() {
        let spelled = randomise_case(b"\x07example\x03org\x00", &[0xFF]);
        assert_eq!(spelled, b"\x07EXAMPLE\x03ORG\x00");
    }

    /// A server without AA holds no copy of the zone.
    #[test]
    fn answer_without_aa_is_refused() {
        let probe = probe();
        assert_eq!(
            probe.response_udp(&answer(&probe, 0x8000, 1)),
            Err(ProbeError::NotAuthoritative)
        );
    }

    /// The reason comes in words.
    #[test]
    fn refused_says_that_the_access_list_is_to_blame() {
        let probe = probe();
        let error = probe.response_udp(&answer(&probe, 0x8005, 0)).unwrap_err();
        assert!(error.to_string().contains("access list"), "{error}");
    }

    /// RFC 1035 4.2.1: truncated means ask over TCP.
    #[test]
    fn truncated_answer_asks_for_tcp() {
        let probe = probe();
        assert_eq!(
            probe.response_udp(&answer(&probe, 0x8600, 0)),
            Ok(ProbeReply::Truncated)
        );
    }

    /// An empty answer is no SOA.
    #[test]
    fn missing_soa_is_named() {
        let probe = probe();
        assert_eq!(
            probe.response_udp(&answer(&probe, 0x8400, 0)),
            Err(ProbeError::NoSoa)
        );
    }

    /// RELIABILITY P1: no prefix of an answer may panic or pass.
    #[test]
    fn cut_answers_never_pass() {
        let probe = probe();
        let whole = answer(&probe, 0x8400, 1);
        for end in 0..whole.len() {
            assert!(probe.response_udp(&whole[..end]).is_err(), "{end}");
        }
    }
}
