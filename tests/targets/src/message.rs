//! The request reader and the answer, without a server around them.

use bailiwick_answer::{Job, Transport, Workspace, text};
use bailiwick_zone::LookupName;

use crate::seeds;
use crate::world::{self, ZONES};

/// A message as it arrives, over both kinds of transport.
pub(crate) fn run(message: &[u8]) {
    let (mut name, mut work) = (LookupName::new(), Workspace::default());
    let settings = world::answers();
    let mut out = vec![0; usize::from(u16::MAX)];
    for transport in [Transport::Udp, Transport::Stream] {
        let Some(job) = Job::prepare(&ZONES, message, transport, &mut name) else {
            assert!(
                message.len() < 12 || message[2] & 0x80 != 0,
                "only what is no query is met with silence"
            );
            continue;
        };
        let asked;
        let job = if job.request.has_options() {
            asked = job.heed(message, [192, 0, 2, 7].into(), world::NOW, &settings);
            job.heeding(&asked, &settings)
        } else {
            job
        };
        let len = job
            .answer(message, &name, &mut work, &settings, &mut out)
            .len;
        let most = job
            .request
            .answer_size_max(transport, settings.udp_size_max);
        check(message, &out[..len], most);
        // A rate limit's short answer fits wherever its question did.
        let len = job.truncate(message, &settings, &mut out).len;
        check(message, &out[..len], most);
    }
}

/// What holds for every response: it echoes what it must (RFC 1035 4.1.1), it can be read, and it is
/// no longer than `size_max`.
pub(crate) fn check(message: &[u8], response: &[u8], size_max: usize) {
    assert!(
        response.len() <= size_max,
        "{} of {size_max}",
        response.len()
    );
    assert!(
        response.len() >= 12,
        "{} octets are no response",
        response.len()
    );
    assert_eq!(response[..2], message[..2], "the id");
    assert_eq!(response[2] & 0x80, 0x80, "QR");
    assert_eq!(response[2] & 0x79, message[2] & 0x79, "opcode and RD");
    assert_eq!(response[3] & 0xe0, 0, "RA, Z and AD");
    let questions = u16::from_be_bytes([response[4], response[5]]);
    assert!(questions <= 1);
    if questions == 1 {
        let end = bailiwick_zone::Name::skip(response, 12).unwrap() + 4;
        assert_eq!(
            response[12..end],
            message[12..end],
            "the question, its case kept"
        );
    }
    // TSIG's class ANY and its like are read as any other record.
    text::decode(response).expect("our own answer can be read");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    seeds::questions()
}
