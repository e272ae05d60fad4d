//! What is not a question: NOTIFY, transfers out, UPDATE. One table for all transports
//! (RELIABILITY P5): the transport is only a field.

#![warn(clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::sync::Arc;

use bailiwick_answer::request::HEADER_LEN;
use bailiwick_answer::{ExtendedError, Job, Kind, Outcome, Rcode};
use bailiwick_zone::{Name, RecordType, Serial, Zone};

use crate::acl;
use crate::control::NotifyReply;
use crate::worker::{Arrived, Core};

/// What became of a message.
pub(crate) enum Dispatched {
    /// It is answered.
    Answer(Outcome),
    /// Its sender may have this zone.
    Transfer(Arc<Zone>),
}

/// Answers a message whose step is `Dispatch`, or tells which zone it gets.
pub(crate) fn reply(
    core: &Core,
    job: &Job<'_>,
    arrived: &Arrived<'_>,
    peer: SocketAddr,
    out: &mut [u8],
) -> Dispatched {
    let refuse = |rcode, reason, out: &mut [u8]| {
        Dispatched::Answer(job.refuse(arrived.message, rcode, reason, &core.settings, out))
    };
    let kind = job.request.kind;
    if acl::authorise(kind, arrived.transport, peer.ip(), &core.transfers).is_err() {
        return refuse(Rcode::REFUSED, Some(PROHIBITED), out);
    }
    match kind {
        Kind::Notify => {
            let rcode = notified(core, arrived, job, peer);
            refuse(rcode, (rcode == Rcode::REFUSED).then_some(PROHIBITED), out)
        }
        // RFC 1995 3: the authority section says which version the asker has.
        Kind::Ixfr if authority_count(arrived.message) == 0 => refuse(Rcode::FORMERR, None, out),
        Kind::Axfr | Kind::Ixfr => match zone_named(job, arrived) {
            // What must not be answered must not be passed on either.
            Some(zone) if zone.is_expired() => refuse(Rcode::SERVFAIL, None, out),
            Some(zone) => Dispatched::Transfer(Arc::clone(zone)),
            // RFC 5936 2.2.1: not authoritative for the zone.
            None => refuse(Rcode::NOTAUTH, None, out),
        },
        // RFC 2136 is not served yet; a `Query` never comes here.
        Kind::Update | Kind::Query => refuse(Rcode::NOTIMP, None, out),
    }
}

fn authority_count(message: &[u8]) -> u16 {
    let header = message.first_chunk::<HEADER_LEN>();
    header.map_or(0, |header| u16::from_be_bytes([header[8], header[9]]))
}

/// The zone whose apex is the question's name.
fn zone_named<'z>(job: &Job<'z>, arrived: &Arrived<'_>) -> Option<&'z Arc<Zone>> {
    job.zone
        .filter(|zone| zone.apex_labels() == arrived.name.labels())
}

fn notified(core: &Core, arrived: &Arrived<'_>, job: &Job<'_>, peer: SocketAddr) -> Rcode {
    // RFC 1996 3.7: the question says which zone, by its SOA.
    if job.request.qtype != RecordType::SOA {
        return Rcode::FORMERR;
    }
    let Ok(zone) = Name::from_wire(arrived.name.wire()) else {
        return Rcode::FORMERR;
    };
    let serial = announced_serial(
        arrived.message,
        HEADER_LEN + usize::from(job.request.question_len),
    );
    match core.control.notify(&zone, serial, peer) {
        NotifyReply::Accepted => Rcode::NOERROR,
        NotifyReply::Refused => Rcode::REFUSED,
        NotifyReply::NotAuthoritative => Rcode::NOTAUTH,
    }
}

/// The serial of the SOA that a NOTIFY may carry as a hint (RFC 1996 3.7), from the first answer.
fn announced_serial(message: &[u8], at: usize) -> Option<Serial> {
    let [_, _, _, _, _, _, high, low, ..] = *message.first_chunk::<HEADER_LEN>()?;
    if u16::from_be_bytes([high, low]) == 0 {
        return None;
    }
    let fixed_at = Name::skip(message, at).ok()?;
    let fixed = message.get(fixed_at..)?.first_chunk::<10>()?;
    let [t1, t0, ..] = *fixed;
    if RecordType(u16::from_be_bytes([t1, t0])) != RecordType::SOA {
        return None;
    }
    let rname_at = Name::skip(message, fixed_at + fixed.len()).ok()?;
    let numbers_at = Name::skip(message, rname_at).ok()?;
    let serial = message.get(numbers_at..)?.first_chunk::<4>()?;
    Some(Serial(u32::from_be_bytes(*serial)))
}

/// RFC 8914 4.19.
const PROHIBITED: ExtendedError<'static> = ExtendedError {
    code: 18,
    text: "not permitted from here",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn notify(answer: &[u8]) -> Vec<u8> {
        let mut message = vec![
            0,
            1,
            0x24,
            0,
            0,
            1,
            0,
            u8::from(!answer.is_empty()),
            0,
            0,
            0,
            0,
        ];
        message.extend_from_slice(b"\x07example\x00\x00\x06\x00\x01");
        message.extend_from_slice(answer);
        message
    }

    #[test]
    fn the_serial_of_a_notify_is_its_soas() {
        let soa = [
            b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x0e\x10\x00\x1a".as_slice(),
            b"\x01a\xc0\x0c\xc0\x0c",
            &[0, 0, 3, 7],
        ]
        .concat();
        let message = notify(&[&soa[..], &[0; 16]].concat());
        assert_eq!(announced_serial(&message, 25), Some(Serial(775)));
        assert_eq!(announced_serial(&notify(&[]), 25), None);
    }

    #[test]
    fn a_hint_that_is_cut_off_is_no_hint() {
        let soa = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x0e\x10\x00\x1a\x01a\xc0\x0c\xc0\x0c\x00\x00\x03\x07";
        let message = notify(soa);
        for len in 25..message.len() {
            assert_eq!(
                announced_serial(message.get(..len).unwrap(), 25),
                None,
                "{len}"
            );
        }
    }
}
