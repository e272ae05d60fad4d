//! RFC 7828, how long a connection may be idle; RFC 7830 and 8467, padding. Which transport grants what
//! is the server's matter: `host/server/tests/options.rs`.

use bailiwick_answer::{Job, Transport, Workspace};
use bailiwick_zone::LookupName;

use super::message::{Ask, Host, Reply};

const ZONE: &str = "\
example. 60 SOA ns.example. host.example. 1 2 3 4 60
example. 60 NS ns.test.
";
const KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;

/// The answer over a stream that grants both.
fn granted(ask: &Ask) -> Reply {
    let host = Host::new(&[ZONE]);
    let (message, mut name) = (ask.encode(), LookupName::new());
    let job = Job::prepare(&host.zones, &message, Transport::Stream, &mut name).unwrap();
    let asked = job.heed(&message, host.client, host.now, &host.settings);
    let asked = asked.granting(Some(100), true);
    let job = job.heeding(&asked, &host.settings);
    let (mut work, mut out) = (Workspace::default(), vec![0; 65_535]);
    let len = job
        .answer(&message, &name, &mut work, &host.settings, &mut out)
        .len;
    Reply::read(&out[..len])
}

/// RFC 7828 3.1, 3.3.2: who asks is told, in tenths of a second; who does not ask is not.
#[test]
fn s3_3_2_who_asks_is_told_how_long() {
    let soa = Ask::new("example.", "SOA");
    let reply = granted(&soa.clone().option(KEEPALIVE, &[]));
    assert_eq!(reply.option(KEEPALIVE), Some(&[0, 100][..]));
    assert_eq!(granted(&soa.option(3, &[])).option(KEEPALIVE), None);
}

/// RFC 7828 3.2.1, RFC 7830 6: where nothing is granted, as over UDP, the options are ignored.
#[test]
fn s3_2_1_where_nothing_is_granted_the_options_are_ignored() {
    let ask = Ask::new("example.", "SOA")
        .option(KEEPALIVE, &[])
        .option(PADDING, &[0; 9]);
    let reply = Host::new(&[ZONE]).udp(&ask);
    assert_eq!(reply.rcode(), "NOERROR");
    assert!(reply.opt.unwrap().options.is_empty());
}

/// RFC 8467 4.1: padded answers are multiples of 468 octets, and the padding is zeros (RFC 7830 3).
#[test]
fn rfc8467_s4_1_answers_are_padded_to_468() {
    let labels = [
        "",
        "a.",
        "abcdefghijklmnopqrstuvwxyz.",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.",
    ];
    for label in labels {
        let reply = granted(&Ask::new(&format!("{label}example."), "SOA").option(PADDING, &[]));
        assert_eq!(reply.octets.len(), 468, "{label}");
        assert!(
            reply
                .option(PADDING)
                .unwrap()
                .iter()
                .all(|octet| *octet == 0)
        );
    }
}
