//! Malformed and odd packets (RELIABILITY P1, P3, P4, P21) against the running program:
//! each is answered with the code of the table or with silence, over UDP as over TCP, and the
//! server stays as it was.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;

use bailiwick_tests::client::{Client, connect, receive_framed, send_framed};
use bailiwick_tests::encrypted::Encrypted;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::volley::Volley;
use bailiwick_tests::wire::{A, Question, Reply, SOA, name_to_wire};
use bailiwick_tests::zones;
use hickory_proto::op::Message;
use tempfile::TempDir;

/// P3 (T-HDR): all 65,536 flag words before five bodies. A response gets silence, a kind of message
/// that is not served NOTIMP, and a query what its body deserves, whatever the other bits say.
#[test]
fn every_flag_word_is_answered_by_the_table() {
    let server = Server::start();
    let bodies: [(Vec<u8>, u16); 5] = [
        (Question::new("h-target.gen.example.", A).encode(0), NOERROR),
        (
            Question::new("nothing.gen.example.", A)
                .with_dnssec()
                .encode(0),
            NXDOMAIN,
        ),
        (Question::new("elsewhere.test.", A).encode(0), REFUSED),
        (vec![0; 12], FORMERR),
        (two_questions(), FORMERR),
    ];
    let volley = Volley::new(server.0.v4(), APEX).unwrap();
    for (body, query_rcode) in bodies {
        for high in 0..=255u8 {
            let messages: Vec<Vec<u8>> = (0..=255u8)
                .map(|low| {
                    let mut message = body.clone();
                    message[2..4].copy_from_slice(&[high, low]);
                    message
                })
                .collect();
            let replies = volley.send(&messages).unwrap();
            let opcode = high >> 3 & 15;
            for (message, reply) in messages.iter().zip(replies) {
                let shown = || {
                    format!(
                        "flags {:02x}{:02x} of {:02x?}",
                        message[2],
                        message[3],
                        &message[4..]
                    )
                };
                let Some(reply) = reply else {
                    assert!(high & 0x80 != 0, "no answer: {}", shown());
                    continue;
                };
                // RFC 1035 4.1.1, RELIABILITY P14.
                assert!(high & 0x80 == 0, "a response was answered: {}", shown());
                assert_eq!(reply[2] >> 3 & 15, opcode, "opcode: {}", shown());
                assert_eq!(reply[2] & 1, high & 1, "RD is copied: {}", shown());
                assert_eq!(reply[3] & 0xe0, 0, "RA, Z and AD are 0: {}", shown());
                let rcode = u16::from(reply[3] & 15);
                let allowed: &[u16] = match opcode {
                    0 => &[query_rcode],
                    // A NOTIFY from nobody's primary, and an UPDATE, which is off.
                    4 => &[FORMERR, REFUSED, NOTAUTH],
                    5 => &[FORMERR, NOTIMP, REFUSED, NOTAUTH],
                    _ => &[NOTIMP],
                };
                assert!(
                    allowed.contains(&rcode),
                    "rcode {rcode} of {allowed:?}: {}",
                    shown()
                );
            }
        }
    }
    server.assert_unharmed();
}

/// P3: all 65,536 types at a name that owns one of them, and all classes.
#[test]
fn every_type_and_class_is_answered_by_the_table() {
    let server = Server::start();
    let volley = Volley::new(server.0.v4(), APEX).unwrap();
    let types: Vec<Vec<u8>> = (0..=u16::MAX)
        .map(|rtype| Question::new("h-target.gen.example.", rtype).encode(0))
        .collect();
    for (rtype, reply) in (0..=u16::MAX).zip(volley.send(&types).unwrap()) {
        let reply =
            Reply::read(&reply.unwrap_or_else(|| panic!("no answer for type {rtype}"))).unwrap();
        let expected = match rtype {
            // Parts of messages (OPT, TSIG), no type at all, and a transfer without a connection.
            0 | 41 | 250 | 252 => FORMERR,
            // RFC 8482.
            255 => NOERROR,
            // RFC 1995 2: over UDP the answer is just the SOA record; but no zone has this name.
            251 => NOTAUTH,
            // RFC 6895 3.1: query and meta types, TKEY among them.
            128..=254 => NOTIMP,
            _ => NOERROR,
        };
        assert_eq!(reply.rcode(), expected, "type {rtype}");
        let owned = [1, 28, 255].contains(&rtype);
        if expected == NOERROR {
            assert_eq!(!reply.answer.is_empty(), owned, "type {rtype}: {reply}");
        }
    }
    let classes: Vec<Vec<u8>> = (0..=u16::MAX)
        .map(|class| {
            let mut message = Question::new("h-target.gen.example.", A).encode(0);
            let at = message.len() - 2;
            message[at..].copy_from_slice(&class.to_be_bytes());
            message
        })
        .collect();
    for (class, reply) in (0..=u16::MAX).zip(volley.send(&classes).unwrap()) {
        let rcode = reply.unwrap_or_else(|| panic!("no answer for class {class}"))[3] & 15;
        let allowed: &[u16] = match class {
            1 => &[NOERROR],
            // NONE belongs into UPDATE (RFC 2136 2.4).
            254 => &[FORMERR, REFUSED],
            // CH has answers of its own in many servers; ANY may mean IN.
            3 => &[NOERROR, REFUSED, NOTIMP],
            255 => &[NOERROR, REFUSED, NOTIMP, FORMERR],
            _ => &[REFUSED, NOTIMP],
        };
        assert!(
            allowed.contains(&u16::from(rcode)),
            "class {class}: rcode {rcode}"
        );
    }
    server.assert_unharmed();
}

/// P1: names in a question that loop, point forward or into the header, are too long or have too
/// many labels, or labels of kinds that do not exist.
#[test]
fn a_question_whose_name_is_none_is_a_format_error() {
    let server = Server::start();
    let mut names: Vec<Vec<u8>> = vec![
        vec![0xc0, 12],
        vec![0xc0, 14],
        vec![0xc0, 0],
        vec![0xc0, 4],
        vec![0xff, 0xff],
        vec![1, b'a', 0xc0, 12],
        vec![1, b'a', 0xc0, 16],
        vec![0x40, b'a', 0],
        vec![0x80, 0],
        vec![0x41, 1, 0],
        // 64 labels of three bytes make 256 and the root one more.
        [[3, b'a', b'b', b'c'].repeat(64), vec![0]].concat(),
        [[1, b'a'].repeat(128), vec![0]].concat(),
        [[63; 64].repeat(4), vec![0]].concat(),
        vec![5, b'a'],
        vec![],
    ];
    // The longest name there may be is a name.
    let longest = [[1, b'a'].repeat(127), vec![0]].concat();
    assert_eq!(longest.len(), 255);
    names.push(longest);
    let messages: Vec<Vec<u8>> = names
        .iter()
        .map(|name| Question::wire(name, A).encode(0))
        .collect();
    let replies = Volley::new(server.0.v4(), APEX)
        .unwrap()
        .send(&messages)
        .unwrap();
    let rcodes: Vec<u16> = replies
        .iter()
        .map(|reply| reply.as_ref().map_or(99, |bytes| u16::from(bytes[3] & 15)))
        .collect();
    let (last, bad) = rcodes.split_last().unwrap();
    assert!(bad.iter().all(|rcode| *rcode == FORMERR), "{bad:?}");
    assert_eq!(*last, REFUSED, "the longest name is in no zone here");
    server.assert_unharmed();
}

/// P3: OPT cut short, twice, out of place, of another version; TKEY; SIG(0); a message cut at every
/// byte.
#[test]
fn odd_additional_records_get_their_codes() {
    let server = Server::start();
    let volley = Volley::new(server.0.v4(), APEX).unwrap();
    let plain = Question::new("h-target.gen.example.", A);
    let opt: &[u8] = &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let version1: &[u8] = &[0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0];
    let option_cut: &[u8] = &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 10, 0, 9];
    let named_opt: &[u8] = &[1, b'a', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    // SIG over the message: type 24, class ANY, type covered 0.
    let sig0: Vec<u8> = [&[0u8, 0, 24, 0, 255, 0, 0, 0, 0, 0, 19][..], &[0; 19]].concat();
    let tsig_first: Vec<u8> = [&[0u8, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0][..], opt].concat();
    let with = |section: usize, count: u8, records: &[u8]| {
        let mut message = plain.encode(0);
        message[7 + 2 * section] = count;
        message.extend(records);
        message
    };
    let mut tkey = Question::new("key.gen.example.", 249).encode(0);
    tkey[11] = 0;
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("one OPT", with(2, 1, opt), NOERROR),
        ("two OPT", with(2, 2, &[opt, opt].concat()), FORMERR),
        ("OPT in the answer section", with(0, 1, opt), FORMERR),
        ("OPT in the authority section", with(1, 1, opt), FORMERR),
        ("OPT with an owner", with(2, 1, named_opt), FORMERR),
        (
            "an option longer than its OPT",
            with(2, 1, option_cut),
            FORMERR,
        ),
        ("fewer records than counted", with(2, 2, opt), FORMERR),
        (
            "bytes after the last record",
            [plain.encode(0), vec![0; 5]].concat(),
            FORMERR,
        ),
        ("EDNS version 1", with(2, 1, version1), BADVERS),
        ("TKEY", tkey, NOTIMP),
        ("SIG(0)", with(2, 1, &sig0), NOTIMP),
        ("TSIG before OPT", with(2, 2, &tsig_first), FORMERR),
    ];
    let messages: Vec<Vec<u8>> = cases
        .iter()
        .map(|(_, message, _)| message.clone())
        .collect();
    for ((what, _, rcode), reply) in cases.iter().zip(volley.send(&messages).unwrap()) {
        let reply = Reply::read(&reply.unwrap_or_else(|| panic!("{what}: silence"))).unwrap();
        assert_eq!(reply.rcode(), *rcode, "{what}: {reply}");
        assert!(
            *rcode == NOERROR || reply.answer.is_empty(),
            "{what}: {reply}"
        );
    }
    let whole = plain.with_dnssec().encode(0);
    let cut: Vec<Vec<u8>> = (12..whole.len()).map(|len| whole[..len].to_vec()).collect();
    for (message, reply) in cut.iter().zip(volley.send(&cut).unwrap()) {
        let rcode = reply.map_or(99, |bytes| u16::from(bytes[3] & 15));
        assert_eq!(rcode, FORMERR, "cut to {} bytes", message.len());
    }
    // Less than a header is no message, and gets nothing (P14).
    let client = server.0.client().unwrap();
    for len in 0..12 {
        client
            .udp_raw(&whole[..len], std::time::Duration::from_millis(1))
            .unwrap();
    }
    let silence = client
        .udp_raw(&[0; 11], std::time::Duration::from_millis(200))
        .unwrap();
    assert_eq!(silence, None);
    server.assert_unharmed();
}

/// P3: what UDP is told, TCP is told; what neither can read, neither answers with records. Whatever
/// comes back is a DNS message to hickory's reader as well as to ours.
#[test]
fn mutated_queries_get_the_same_code_over_udp_and_tcp() {
    let server = Server::start();
    let volley = Volley::new(server.0.v4(), APEX).unwrap();
    let mut rng = fastrand::Rng::with_seed(8);
    let good: Vec<Vec<u8>> = [
        "h-target",
        "some.wild",
        "alias3",
        "www.cut0",
        "nothing",
        "x.moved",
        "",
    ]
    .iter()
    .flat_map(|label| {
        let question = Question::new(
            &format!("{label}.{APEX}"),
            [A, SOA, 15, 255][label.len() % 4],
        );
        [question.encode(0), question.with_dnssec().encode(0)]
    })
    .collect();
    let messages: Vec<Vec<u8>> = (0..20_000)
        .map(|_| {
            let mut message = good[rng.usize(..good.len())].clone();
            for _ in 0..=rng.usize(..3) {
                let at = rng.usize(2..message.len());
                match rng.u8(..4) {
                    0 => message[at] = rng.u8(..),
                    1 => message[at] ^= 1 << rng.u8(..8),
                    2 => message.insert(at, rng.u8(..)),
                    _ if message.len() > 13 => drop(message.remove(at)),
                    _ => {}
                }
            }
            message
        })
        // What a stream answers otherwise than a datagram: transfers.
        .filter(|message| {
            !message
                .windows(4)
                .any(|four| matches!(four, [0, 251 | 252, 0, 1]))
        })
        .collect();
    let udp = volley.send(&messages).unwrap();
    let mut stream = connect(server.0.v4()).unwrap();
    for (message, reply) in messages.iter().zip(&udp) {
        let Some(reply) = reply else {
            assert!(message[2] & 0x80 != 0, "silence for {message:02x?}");
            continue;
        };
        Reply::read(reply)
            .unwrap_or_else(|error| panic!("{error}: {reply:02x?} for {message:02x?}"));
        let ours = Message::from_vec(reply);
        // hickory knows no question of these classes; the echo is right all the same.
        assert!(
            ours.is_ok() || reply[3] & 15 == REFUSED as u8,
            "{ours:?} for {message:02x?}"
        );
        if send_framed(&mut stream, message).is_err() {
            stream = connect(server.0.v4()).unwrap();
            send_framed(&mut stream, message).unwrap();
        }
        let over_tcp = receive_framed(&mut stream)
            .unwrap_or_else(|error| panic!("{error}: TCP for {message:02x?}"));
        let truncated = reply[2] & 2 != 0;
        assert!(
            truncated || reply[3] & 15 == over_tcp[3] & 15,
            "codes differ for {message:02x?}"
        );
        assert_eq!(
            reply[2] & !2,
            over_tcp[2],
            "flags differ for {message:02x?}"
        );
    }
    server.assert_unharmed();
}

/// P3 (T-HDR): what UDP says of all flag words, types and classes, TCP and TLS say, octet for octet. (The
/// other transports, over a part of them: host/server/tests/encrypted.rs.)
#[test]
fn every_flag_word_type_and_class_is_the_same_over_streams() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    fs::write(&file, zones::generated(APEX, 1, 60)).unwrap();
    let encrypted = Encrypted::new(folder.path()).unwrap();
    let options = encrypted.options(TestServer::options().zone(APEX, &file), folder.path());
    let server = options.start().unwrap();
    let good = Question::new("h-target.gen.example.", A);
    let mut messages = Vec::new();
    for body in [good.encode(0), vec![0; 12], two_questions()] {
        // With QR there is no answer.
        for flags in 0..0x8000u16 {
            let mut message = body.clone();
            message[2..4].copy_from_slice(&flags.to_be_bytes());
            messages.push(message);
        }
    }
    for number in 0..=u16::MAX {
        // Transfers are for streams.
        if !matches!(number, 251 | 252) {
            messages.push(Question::new("h-target.gen.example.", number).encode(0));
        }
        let mut message = good.encode(0);
        let at = message.len() - 2;
        message[at..].copy_from_slice(&number.to_be_bytes());
        messages.push(message);
    }
    let udp = Volley::new(server.v4(), APEX)
        .unwrap()
        .send(&messages)
        .unwrap();
    let mut tcp = connect(server.v4()).unwrap();
    let local = Ipv4Addr::LOCALHOST;
    let mut tls = encrypted.connect(local, encrypted.tls, b"dot").unwrap();
    for (messages, udp) in messages.chunks(100).zip(udp.chunks(100)) {
        let over_tcp = in_frames(&mut tcp, messages);
        let over_tls = in_frames(&mut tls, messages);
        for (n, message) in messages.iter().enumerate() {
            let datagram = udp[n].as_deref().map(|reply| &reply[2..]);
            assert_eq!(datagram, Some(&over_tcp[n][2..]), "TCP: {message:02x?}");
            assert_eq!(over_tcp[n], over_tls[n], "TLS: {message:02x?}");
        }
    }
}

/// Answers to messages that are sent at once.
fn in_frames(stream: &mut (impl Read + Write), messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let frame = |message: &Vec<u8>| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let frames: Vec<u8> = messages.iter().flat_map(frame).collect();
    stream.write_all(&frames).unwrap();
    stream.flush().unwrap();
    let answer = |_| {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        answer
    };
    messages.iter().map(answer).collect()
}

/// P4: each octet of a signed question in all its values. Nobody has a key, so whatever is left of the
/// signature, nothing is answered that bears one.
#[test]
fn p4_no_change_of_a_signed_question_is_accepted() {
    let server = Server::start();
    let mut signed = Question::new(APEX, SOA).with_dnssec().encode(0);
    signed[11] += 1;
    let begin = signed.len();
    signed.extend(b"\x01k\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x3d\x0bhmac-sha256\x00");
    signed.extend([0, 0, 0x65, 0, 0, 0, 1, 44, 0, 32]);
    signed.extend([7; 32]);
    signed.extend([0xbe, 0xef, 0, 0, 0, 0]);
    let messages: Vec<Vec<u8>> = (2..signed.len())
        .flat_map(|at| (1..=255u8).map(move |change| (at, change)))
        .map(|(at, change)| {
            let mut message = signed.clone();
            message[at] ^= change;
            message
        })
        .chain([signed.clone()])
        .collect();
    let replies = Volley::new(server.0.v4(), APEX)
        .unwrap()
        .send(&messages)
        .unwrap();
    let mut without = 0;
    for (message, reply) in messages.iter().zip(replies) {
        let Some(reply) = reply else {
            assert!(message[2] & 0x80 != 0, "silence for {message:02x?}");
            continue;
        };
        // With its type changed it is a record like others, and the question has no signature.
        if message[begin + 3..begin + 5] == [0, 250] {
            assert_eq!(reply[6..8], [0, 0], "answered: {message:02x?}");
        } else {
            without += usize::from(reply[6..8] != [0, 0]);
        }
    }
    assert!(without > 400, "{without}");
    server.assert_unharmed();
}

/// P21 (CVE-2026-62309): there is no PROXY protocol, so its header is no header: 28 octets that name
/// another source, each in all its values, before a question. It is a broken message from whoever sent it.
#[test]
fn p21_a_proxy_header_is_a_broken_message() {
    let server = Server::start();
    let question = Question::new("h-target.gen.example.", A).encode(0);
    let header =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x12\x00\x0c\x7f\x00\x00\x09\x7f\x00\x00\x01\x30\x39\x00\x35";
    let mut messages = Vec::new();
    for at in 2..header.len() {
        for octet in 0..=255u8 {
            let mut message = [&header[..], &question].concat();
            message[at] = octet;
            messages.push(message);
        }
    }
    // A header alone, and one that is cut.
    messages.extend((12..=header.len()).map(|len| header[..len].to_vec()));
    let replies = Volley::new(server.0.v4(), APEX)
        .unwrap()
        .send(&messages)
        .unwrap();
    for (message, reply) in messages.iter().zip(replies) {
        let Some(reply) = reply else {
            assert!(message[2] & 0x80 != 0, "silence for {message:02x?}");
            continue;
        };
        let rcode = u16::from(reply[3] & 15);
        assert!(
            [FORMERR, NOTIMP].contains(&rcode),
            "rcode {rcode}: {message:02x?}"
        );
        assert_eq!(reply[6..8], [0, 0], "{message:02x?}");
    }
    server.assert_unharmed();
}

const APEX: &str = "gen.example.";
const NOERROR: u16 = 0;
const FORMERR: u16 = 1;
const NXDOMAIN: u16 = 3;
const NOTIMP: u16 = 4;
const REFUSED: u16 = 5;
const NOTAUTH: u16 = 9;
const BADVERS: u16 = 16;

fn two_questions() -> Vec<u8> {
    let mut message = Question::new("h-target.gen.example.", A).encode(0);
    message[5] = 2;
    message.extend(name_to_wire("h-target.gen.example."));
    message.extend([0, 1, 0, 1]);
    message
}

/// A server and how it was before it was mistreated.
struct Server(
    TestServer,
    (usize, u64),
    #[expect(dead_code, reason = "kept for its files")] TempDir,
);

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zone");
        fs::write(&file, zones::generated(APEX, 1, 60)).unwrap();
        let mut server = TestServer::options().zone(APEX, &file).start().unwrap();
        let before = (
            server.process().thread_count(),
            server.process().resident_bytes(),
        );
        Self(server, before, folder)
    }

    /// No thread lost, no memory grown, and every good question answered.
    fn assert_unharmed(mut self) {
        let (threads, bytes) = self.1;
        assert!(self.0.process().ended().is_none(), "the server ended");
        assert!(
            self.0.process().thread_count() >= threads,
            "a thread is lost"
        );
        let grown = self.0.process().resident_bytes().saturating_sub(bytes);
        assert!(grown < 64 << 20, "memory grew by {grown} bytes");
        assert!(
            !self.0.process().log().contains("panicked"),
            "{}",
            self.0.process().log_tail()
        );
        for at in [self.0.v4(), self.0.v6()] {
            let mut client = Client::new(at).unwrap();
            let question = Question::new("h-target.gen.example.", A);
            assert_eq!(client.udp(&question).unwrap().answer.len(), 1);
            assert_eq!(client.tcp(&question).unwrap().answer.len(), 1);
        }
    }
}
