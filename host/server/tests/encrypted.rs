//! The same answers on every transport: DoT (RFC 7858), DoH on HTTP/2 and HTTP/3 (RFC 8484), DoQ
//! (RFC 9250), beside UDP and TCP. Real sockets, clients by other hands (rustls, h2, h3, quinn).

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod common;

use common::clients::{Client, Encrypted, get, over_http2, over_http3, over_quic, pipeline, post};
use common::{Setup, query, read_frame, send_frame};

/// Questions of every outcome, faults among them: what DNS says does not depend on what carries it.
fn questions() -> Vec<Vec<u8>> {
    let mut all = vec![
        query(0, "www.example.com", 1),
        query(0, "WwW.eXample.com", 28),
        query(0, "example.com", 6),
        query(0, "big.example.com", 16),
        query(0, "nothing.example.com", 1),
        query(0, "www.example.com", 15),
        query(0, "www.example.net", 1),
        query(0, "www.example.com", 255),
        // A type that is none, a class that is none of ours.
        query(0, "www.example.com", 128),
    ];
    let mut chaos = query(0, "version.bind", 16);
    *chaos.last_mut().unwrap() = 3;
    all.push(chaos);
    // A question that is cut off, and an opcode nobody has.
    all.push(query(0, "www.example.com", 1)[..20].to_vec());
    let mut status = query(0, "www.example.com", 1);
    status[2] = 0x10;
    all.push(status);
    // With EDNS, DO and an option.
    let mut edns = query(0, "www.example.com", 1);
    edns[11] = 1;
    edns.extend_from_slice(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x05\xff\xf0\x00\x01x");
    all.push(edns);
    // RELIABILITY P3: flags, types and classes all over their range. What not every transport may be asked
    // for, transfers and NOTIFY, is the table's of `authorisation`.
    for flags in (0..0x8000u16)
        .step_by(0x151)
        .filter(|flags| flags >> 11 != 4)
    {
        let mut odd = query(0, "www.example.com", 1);
        odd[2..4].copy_from_slice(&flags.to_be_bytes());
        all.push(odd);
    }
    for number in (0..=u16::MAX).step_by(0x2ab).chain(240..=256) {
        if !matches!(number, 251 | 252) {
            all.push(query(0, "www.example.com", number));
        }
        let mut class = query(0, "www.example.com", 1);
        let at = class.len() - 2;
        class[at..].copy_from_slice(&number.to_be_bytes());
        all.push(class);
    }
    all
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        tokio::time::timeout(common::PATIENCE, future)
            .await
            .expect("no answer")
    })
}

/// What TCP says, the measure of all others.
fn over_tcp(server: &Encrypted, questions: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut stream = server.fixture.tcp();
    let ask = |question: &Vec<u8>| {
        send_frame(&mut stream, question);
        read_frame(&mut stream).unwrap()
    };
    questions.iter().map(ask).collect()
}

fn setting() -> (Encrypted, Client, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let server = Encrypted::start(Setup::default());
    let client = server.client();
    let questions = questions();
    let expected = over_tcp(&server, &questions);
    (server, client, questions, expected)
}

/// RFC 7858 3.3: the frames of TCP. Octet for octet, pipelined on one connection.
#[test]
fn dot_says_what_tcp_says() {
    let (_server, client, questions, expected) = setting();
    let answers = block_on(async { pipeline(&mut client.dot().await, &questions).await });
    assert_eq!(answers, expected);
}

/// RFC 9250 4.2: a stream a query, all on one connection.
#[test]
fn doq_says_what_tcp_says() {
    let (_server, client, questions, expected) = setting();
    block_on(async {
        let (_endpoint, connection) = client.doq().await;
        for (question, expected) in questions.iter().zip(expected) {
            assert_eq!(over_quic(&connection, question).await.unwrap(), [expected]);
        }
    });
}

/// RFC 8484 4.1: GET and POST carry the same message, and the answer is the same.
#[test]
fn doh_says_what_tcp_says() {
    let (_server, client, questions, expected) = setting();
    block_on(async {
        let requests = client.http2().await;
        for (question, expected) in questions.iter().zip(expected) {
            let got = over_http2(&requests, get(question), &[]).await.unwrap();
            assert_eq!(got.status(), 200);
            assert_eq!(got.headers()["content-type"], "application/dns-message");
            let posted = over_http2(&requests, post(question.len()), question).await;
            assert_eq!(*got.body(), expected);
            assert_eq!(*posted.unwrap().body(), expected);
        }
    });
}

/// RFC 8484 over RFC 9114: as over HTTP/2.
#[test]
fn doh3_says_what_tcp_says() {
    let (_server, client, questions, expected) = setting();
    block_on(async {
        // A connection a request: as many as a client may have at once, and not too many handshakes.
        for (question, expected) in questions.iter().zip(expected).step_by(9) {
            let got = over_http3(&client, get(question), &[]).await;
            assert_eq!(*got.body(), expected);
            let posted = over_http3(&client, post(question.len()), question).await;
            assert_eq!((posted.status().as_u16(), posted.body()), (200, &expected));
        }
    });
}

/// RFC 8484 5.1: an answer is not kept longer than its records, an error not at all.
#[test]
fn doh_says_how_long_an_answer_holds() {
    let (_server, client, ..) = setting();
    block_on(async {
        let requests = client.http2().await;
        for (name, age) in [
            ("www.example.com", "max-age=300"),
            ("nothing.example.com", "max-age=300"),
            ("example.net", "max-age=0"),
        ] {
            let got = over_http2(&requests, get(&query(0, name, 1)), &[]).await;
            assert_eq!(got.unwrap().headers()["cache-control"], age);
        }
    });
}

/// RFC 8484 4.2.1: what is wrong with the HTTP is said in HTTP, and the connection goes on.
#[test]
fn doh_tells_what_is_wrong_with_a_request() {
    let (_server, client, questions, expected) = setting();
    block_on(async {
        let requests = client.http2().await;
        let mut answer = questions[0].clone();
        answer[2] |= 0x80;
        assert_eq!(
            over_http2(&requests, get(&answer), &[])
                .await
                .unwrap()
                .status(),
            400
        );
        assert_eq!(
            over_http2(&requests, get(&[0; 11]), &[])
                .await
                .unwrap()
                .status(),
            400
        );
        let mut elsewhere = get(&questions[0]);
        *elsewhere.uri_mut() = "https://localhost/".parse().unwrap();
        assert_eq!(
            over_http2(&requests, elsewhere, &[])
                .await
                .unwrap()
                .status(),
            404
        );
        let good = over_http2(&requests, get(&questions[0]), &[])
            .await
            .unwrap();
        assert_eq!(*good.body(), expected[0]);
    });
}

/// RFC 9250 4.2.1, 4.2: an ID other than 0, a length that is not the message's, end the connection with
/// `DOQ_PROTOCOL_ERROR`.
#[test]
fn doq_ends_a_connection_that_does_not_speak_it() {
    let (_server, client, questions, _) = setting();
    let mut with_id = questions[0].clone();
    with_id[1] = 1;
    block_on(async {
        let (_endpoint, connection) = client.doq().await;
        over_quic(&connection, &with_id).await.unwrap_err();
        assert_closed_with(&connection, 2).await;

        let (_endpoint, connection) = client.doq().await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&[0, 200, 0, 0]).await.unwrap();
        send.finish().unwrap();
        assert_closed_with(&connection, 2).await;

        // RFC 9250 4.3.3, 5.5.2: how long TCP may be idle is not for QUIC. Another option is no offence.
        for (option, breaks) in [(11, true), (12, false)] {
            let (_endpoint, connection) = client.doq().await;
            let mut query = query(0, "www.example.com", 1);
            query[11] = 1;
            query.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, option, 0, 0]);
            let answered = over_quic(&connection, &query).await;
            assert_eq!(answered.is_err(), breaks, "option {option}");
            if breaks {
                assert_closed_with(&connection, 2).await;
            }
        }
    });
}

async fn assert_closed_with(connection: &quinn::Connection, code: u32) {
    match connection.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            assert_eq!(close.error_code, quinn::VarInt::from_u32(code));
        }
        other => panic!("{other}"),
    }
}

/// RFC 9250 4.5: nothing that may be replayed is taken: there is no 0-RTT at all (RELIABILITY P20).
#[test]
fn early_data_is_not_offered() {
    let (_server, client, ..) = setting();
    block_on(async {
        let config = client.config(&[b"doq"]);
        let config = quinn::crypto::rustls::QuicClientConfig::try_from({
            let mut config = config;
            config.enable_early_data = true;
            config
        });
        let config = quinn::ClientConfig::new(std::sync::Arc::new(config.unwrap()));
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connect = || {
            endpoint
                .connect_with(config.clone(), client.quic, "localhost")
                .unwrap()
        };
        let first = connect().await.unwrap();
        // A ticket comes with or after the first answer.
        over_quic(&first, &query(0, "www.example.com", 1))
            .await
            .unwrap();
        first.close(0u32.into(), b"");
        assert!(connect().into_0rtt().is_err());
    });
}

/// A client that names protocols has to name ours; one that names none is served (RFC 7858 3.1).
#[test]
fn the_protocol_is_negotiated() {
    let (_server, client, questions, expected) = setting();
    block_on(async {
        let mut plain = client.tls_stream(client.tls, &[]).await.unwrap();
        assert_eq!(pipeline(&mut plain, &questions[..1]).await, expected[..1]);
        assert!(client.tls_stream(client.tls, &[b"http/1.1"]).await.is_err());
        assert!(client.quic(client.quic, b"h3").await.is_err());
    });
}

/// Each transport has its own count, and one of each question is counted once.
#[test]
fn queries_are_counted_by_transport() {
    let (server, client, questions, _) = setting();
    let question = &questions[0];
    block_on(async {
        pipeline(&mut client.dot().await, &questions[..1]).await;
        over_quic(&client.doq().await.1, question).await.unwrap();
        over_http2(&client.http2().await, get(question), &[])
            .await
            .unwrap();
        over_http3(&client, get(question), &[]).await;
    });
    use bailiwick_meter::Transport::{Http3, Https, Quic, Tcp, Tls, Udp};
    let totals = server.fixture.meter.totals();
    let count = |transport| totals.by_transport(transport, false);
    assert_eq!([Udp, Tls, Https, Http3, Quic].map(count), [0, 1, 1, 1, 1]);
    assert_eq!(count(Tcp), questions.len() as u64);
    assert_eq!(server.fixture.server.encrypted_events().handshakes, 4);
}
