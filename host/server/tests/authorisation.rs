//! RELIABILITY P5: what is asked of whom does not depend on how it came. Every transport, every kind of
//! message, whoever is on the list and whoever is not: one golden table.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod common;

use common::clients::{Client, Encrypted, over_http2, over_http3, over_quic, pipeline, post};
use common::{FakeControl, Setup, exchange, query, rcode, read_frame, send_frame};

/// Rows: the transport. Columns: query, AXFR, IXFR, NOTIFY, UPDATE; first by whoever is on the list, then
/// by a stranger. `zone` is a transfer.
///
/// AXFR over UDP is not defined (RFC 5936 4.2), IXFR over UDP gets one SOA (RFC 1995 2), HTTP carries
/// questions only (RFC 8484), UPDATE is not served.
const GOLDEN: &str = "\
UDP    listed    NOERROR FORMERR NOERROR NOERROR NOTIMP
UDP    stranger  NOERROR FORMERR NOERROR REFUSED NOTIMP
TCP    listed    NOERROR zone    zone    NOERROR NOTIMP
TCP    stranger  NOERROR REFUSED REFUSED REFUSED NOTIMP
DoT    listed    NOERROR zone    zone    NOERROR NOTIMP
DoT    stranger  NOERROR REFUSED REFUSED REFUSED NOTIMP
DoQ    listed    NOERROR zone    zone    NOERROR NOTIMP
DoQ    stranger  NOERROR REFUSED REFUSED REFUSED NOTIMP
DoH    listed    NOERROR REFUSED REFUSED REFUSED NOTIMP
DoH    stranger  NOERROR REFUSED REFUSED REFUSED NOTIMP
DoH3   listed    NOERROR REFUSED REFUSED REFUSED NOTIMP
DoH3   stranger  NOERROR REFUSED REFUSED REFUSED NOTIMP
";

/// RELIABILITY P5 (CVE-2026-35579: transports that skipped a check).
#[test]
fn p5_authorisation_is_the_same_on_every_transport() {
    let listed = row_of(&["127.0.0.0/8"], false);
    let stranger = row_of(&["192.0.2.0/24"], true);
    let mut table = String::new();
    for (place, (transport, cells)) in listed.iter().enumerate() {
        for (who, cells) in [("listed", cells), ("stranger", &stranger[place].1)] {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<7}")).collect();
            let line = format!("{transport:<6} {who:<9} {}", cells.join(" "));
            table.push_str(line.trim_end());
            table.push('\n');
        }
    }
    assert_eq!(table, GOLDEN, "\n{table}");
}

/// Octets of the message that a transfer is here.
const ZONE_SIZE: usize = 77;

type Rows = Vec<(&'static str, Vec<String>)>;

fn row_of(allow_transfer: &[&'static str], is_strict: bool) -> Rows {
    let server = Encrypted::start(Setup {
        allow_transfer: allow_transfer.to_vec(),
        control: FakeControl {
            messages: 1,
            message_size: ZONE_SIZE,
            is_strict,
            ..FakeControl::default()
        },
        ..Setup::default()
    });
    let client = server.client();
    let messages = messages();
    let udp = server.fixture.udp();
    let mut tcp = server.fixture.tcp();
    let mut over_tcp = |message: &Vec<u8>| {
        send_frame(&mut tcp, message);
        read_frame(&mut tcp).unwrap()
    };
    let told = |answers: Vec<Vec<u8>>| answers.iter().map(|answer| word(answer)).collect();
    let mut rows: Rows = vec![
        (
            "UDP",
            told(messages.iter().map(|m| exchange(&udp, m)).collect()),
        ),
        ("TCP", told(messages.iter().map(&mut over_tcp).collect())),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let encrypted = runtime.unwrap().block_on(async {
        let all = ask_encrypted(&client, &messages);
        tokio::time::timeout(common::PATIENCE, all)
            .await
            .expect("no answer")
    });
    rows.extend(
        encrypted
            .into_iter()
            .map(|(name, answers)| (name, told(answers))),
    );
    rows
}

async fn ask_encrypted(client: &Client, messages: &[Vec<u8>]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let dot = pipeline(&mut client.dot().await, messages).await;
    let (_endpoint, connection) = client.doq().await;
    let requests = client.http2().await;
    let (mut doq, mut doh, mut doh3) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        doq.extend(over_quic(&connection, message).await.unwrap());
        let posted = over_http2(&requests, post(message.len()), message).await;
        doh.push(posted.unwrap().into_body());
        doh3.push(
            over_http3(client, post(message.len()), message)
                .await
                .into_body(),
        );
    }
    vec![("DoT", dot), ("DoQ", doq), ("DoH", doh), ("DoH3", doh3)]
}

fn messages() -> Vec<Vec<u8>> {
    let with_opcode = |opcode: u8| {
        let mut message = query(0, "example.com", 6);
        message[2] |= opcode << 3;
        message
    };
    vec![
        query(0, "www.example.com", 1),
        query(0, "example.com", 252),
        ixfr(),
        with_opcode(4),
        with_opcode(5),
    ]
}

/// RFC 1995 3: the version that the asker has stands in the authority section.
fn ixfr() -> Vec<u8> {
    let mut message = query(0, "example.com", 251);
    message[9] = 1;
    message.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22]);
    message.extend([0; 22]);
    message
}

fn word(answer: &[u8]) -> String {
    let word = match rcode(answer) {
        0 if answer.len() == ZONE_SIZE && answer[20..].contains(&0xab) => "zone",
        0 => "NOERROR",
        1 => "FORMERR",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => "other",
    };
    word.to_owned()
}
