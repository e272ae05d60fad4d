//! How large an answer over UDP may be: RELIABILITY P16, RFC 9715, RFC 6891.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;

use bailiwick_tests::client::Client;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::Question;

/// RELIABILITY P16, RFC 9715 3.1: whatever size a sender says it takes, an answer over UDP has at most
/// 1,232 octets, which no path of 1,280 cuts in pieces; what does not fit says so and is had over TCP.
/// (That the kernel is told to leave path MTUs alone is shown beside the sockets, in `server::bind`.)
#[test]
fn p16_no_answer_over_udp_is_longer_than_1232_octets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    let mut text = String::from(
        "$ORIGIN big.example.\n@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.1\n",
    );
    // Answers of every size between 100 octets and some 3,000.
    for owner in 1..=300 {
        for n in 0..owner / 20 + 1 {
            let len = 10 + owner % 20 * 10;
            text.push_str(&format!("n{owner} 300 TXT \"{n:02}{}\"\n", "x".repeat(len)));
        }
    }
    fs::write(&file, text).unwrap();
    let server = TestServer::options()
        .zone("big.example.", &file)
        .start()
        .unwrap();
    for at in [server.v4(), server.v6()] {
        let mut client = Client::new(at).unwrap();
        let (mut whole, mut cut) = (0, 0);
        for owner in 1..=300 {
            for size in [
                None,
                Some(0),
                Some(512),
                Some(1231),
                Some(1232),
                Some(1233),
                Some(4096),
                Some(65_535),
            ] {
                let mut question = Question::new(&format!("n{owner}.big.example."), TXT);
                question.edns = size;
                let most = size.map_or(512, |size| usize::from(size.clamp(512, 1232)));
                let reply = client.udp(&question).unwrap();
                assert!(
                    reply.bytes.len() <= most,
                    "{} octets where {most} may be sent",
                    reply.bytes.len()
                );
                if reply.truncated() {
                    cut += 1;
                    let over_tcp = client.tcp(&question).unwrap();
                    assert!(
                        !over_tcp.truncated() && over_tcp.bytes.len() > most,
                        "{} octets fit {most}",
                        over_tcp.bytes.len()
                    );
                } else {
                    whole += 1;
                }
            }
        }
        assert!(whole > 300 && cut > 300, "{whole} whole, {cut} cut");
    }
}

const TXT: u16 = 16;
