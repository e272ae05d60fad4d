//! Encrypted transports as operators and resolvers meet them: the clients of Knot and BIND, certificates
//! that are renewed, transfers under TLS.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bailiwick_tests::client::Client;
use bailiwick_tests::encrypted::{CERTIFICATE, Encrypted, KEY, write_certificate};
use bailiwick_tests::process::{Output, run, wait_until};
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{A, Question, Reply};
use tempfile::TempDir;

const ZONE: &str = "example.org. 300 IN SOA ns hostmaster 7 3600 600 86400 300\n\
                    example.org. 300 IN NS ns\n\
                    ns.example.org. 300 IN A 192.0.2.53\n\
                    www.example.org. 300 IN A 192.0.2.1\n";

struct Scene {
    folder: TempDir,
    encrypted: Encrypted,
    server: TestServer,
}

impl Scene {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("zone"), ZONE).unwrap();
        let encrypted = Encrypted::new(folder.path()).unwrap();
        let options = TestServer::options()
            .zone("example.org", &folder.path().join("zone"))
            .allow_transfer("127.0.0.1/32")
            .http();
        let server = encrypted.options(options, folder.path()).start().unwrap();
        Self {
            folder,
            encrypted,
            server,
        }
    }

    /// A client program asks; what it printed.
    fn ask(&self, program: &str, at: SocketAddr, args: &[&str]) -> String {
        let (ip, port) = (format!("@{}", at.ip()), at.port().to_string());
        let mut all = vec![ip.as_str(), "-p", &port];
        all.extend(args);
        let output: Output = run(program.as_ref(), &all, None, Duration::from_secs(20)).unwrap();
        assert_eq!(
            output.code(),
            0,
            "{program} {all:?}: {}{}",
            output.stdout,
            output.stderr
        );
        output.stdout
    }
}

const QUESTION: [&str; 2] = ["www.example.org", "A"];

/// RFC 7858, RFC 8484, RFC 9250: the clients that Debian brings get their answer.
#[test]
fn kdig_and_dig_are_answered_over_tls_https_and_quic() {
    let scene = Scene::start();
    let ca = scene.folder.path().join(CERTIFICATE);
    let (tls, https) = (scene.encrypted.tls, scene.encrypted.https);
    let ca_of_kdig = format!("+tls-ca={}", ca.display());
    let ca_of_dig = format!("+tls-ca={}", ca.display());
    for (program, at, args) in [
        // Strict: the certificate is checked against the name (RFC 8310).
        (
            "kdig",
            tls,
            vec![ca_of_kdig.as_str(), "+tls-hostname=localhost"],
        ),
        ("kdig", tls, vec!["+tls"]),
        ("kdig", https, vec!["+https"]),
        ("kdig", https, vec!["+https-get"]),
        ("kdig", scene.encrypted.quic, vec!["+quic"]),
        ("dig", tls, vec!["+tls"]),
        ("dig", tls, vec![&ca_of_dig, "+tls-hostname=localhost"]),
        ("dig", https, vec!["+https"]),
        ("dig", https, vec!["+https-get"]),
    ] {
        let told = scene.ask(program, at, &[&args[..], &QUESTION].concat());
        assert!(told.contains("192.0.2.1"), "{program} {args:?}:\n{told}");
    }
}

/// RFC 9103: a zone goes out over TLS as over TCP, to whoever may have it and to nobody else.
#[test]
fn a_zone_is_transferred_over_tls() {
    let scene = Scene::start();
    let transfer = |extra: &[&str]| {
        let args = [&["+tls", "+noall", "+answer", "example.org", "AXFR"], extra].concat();
        scene.ask("kdig", scene.encrypted.tls, &args)
    };
    let told = transfer(&[]);
    assert!(
        told.matches("SOA").count() == 2 && told.contains("192.0.2.1"),
        "{told}"
    );
    let refused = scene.ask(
        "dig",
        scene.encrypted.tls,
        &["-b", "127.0.0.9", "+tls", "example.org", "AXFR"],
    );
    assert!(!refused.contains("192.0.2.1"), "{refused}");
}

/// A renewed certificate is shown to new connections, and no connection that stands is lost: by itself
/// when the files change, at once on SIGHUP.
#[test]
fn a_certificate_is_renewed_without_the_loss_of_a_connection() {
    let mut scene = Scene::start();
    let question = Question::new("www.example.org", A).encode(7);
    let mut standing = scene
        .encrypted
        .connect(Ipv4Addr::LOCALHOST, scene.encrypted.tls, b"dot")
        .unwrap();
    let renewed = write_certificate(scene.folder.path()).unwrap();
    scene.server.process().signal("HUP").unwrap();
    scene.encrypted.believe(renewed);
    wait_until(
        "the new certificate is shown",
        Duration::from_secs(20),
        || scene.encrypted.ask(Ipv4Addr::LOCALHOST, &question).ok(),
    );
    exchange(&mut standing, &question);

    // Nobody says anything this time.
    let renewed = write_certificate(scene.folder.path()).unwrap();
    scene.encrypted.believe(renewed);
    wait_until("the files were looked at", Duration::from_secs(30), || {
        scene.encrypted.ask(Ipv4Addr::LOCALHOST, &question).ok()
    });
    exchange(&mut standing, &question);
}

/// A pair that cannot be used is kept out and named; what was in force goes on.
#[test]
fn a_bad_certificate_is_kept_out_and_named() {
    let scene = Scene::start();
    fs::write(scene.folder.path().join(KEY), "no key").unwrap();
    let told = scene.server.command(&["reload"]).unwrap();
    assert_eq!(told.code(), 1);
    assert!(told.stderr.contains("key.pem"), "{}", told.stderr);
    let status = scene.server.status().unwrap();
    assert!(
        status["troubles"].to_string().contains("key.pem"),
        "{status}"
    );
    let question = Question::new("www.example.org", A).encode(7);
    let answer = scene.encrypted.ask(Ipv4Addr::LOCALHOST, &question).unwrap();
    assert_eq!(Reply::read(&answer).unwrap().answer.len(), 1);
}

/// A certificate that cannot be used at the start is said with its file, and nothing is started.
#[test]
fn a_start_with_a_bad_certificate_names_the_file() {
    let folder = TempDir::new().unwrap();
    let encrypted = Encrypted::new(folder.path()).unwrap();
    fs::write(folder.path().join(CERTIFICATE), "").unwrap();
    let started = encrypted
        .options(TestServer::options(), folder.path())
        .start();
    let words = format!("{:#}", started.err().unwrap());
    assert!(words.contains("cert.pem: no certificate"), "{words}");
}

/// Without a certificate one is made: whoever does not check is served (RFC 7858 4.1, RFC 9539).
#[test]
fn without_a_certificate_opportunistic_clients_are_served() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("zone"), ZONE).unwrap();
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, bailiwick_tests::place::free_port()));
    let server = TestServer::options()
        .zone("example.org", &folder.path().join("zone"))
        .arg("--listen-tls")
        .arg(&at.to_string())
        .start()
        .unwrap();
    let (port, to) = (at.port().to_string(), format!("@{}", at.ip()));
    let args = [to.as_str(), "-p", &port, "+tls", "www.example.org", "A"];
    let told = run("kdig".as_ref(), args, None, Duration::from_secs(20)).unwrap();
    assert!(
        told.stdout.contains("192.0.2.1"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    drop(server);
}

/// The metrics tell transports apart and count what happened on them, with closed sets of labels.
#[test]
fn metrics_tell_the_transports_apart() {
    let scene = Scene::start();
    scene.ask(
        "kdig",
        scene.encrypted.tls,
        &[&["+tls"][..], &QUESTION].concat(),
    );
    scene.ask(
        "kdig",
        scene.encrypted.https,
        &[&["+https"][..], &QUESTION].concat(),
    );
    let mut client = Client::new(scene.server.v4()).unwrap();
    client.udp(&Question::new("www.example.org", A)).unwrap();
    let metrics = scene.server.metrics().unwrap();
    for line in [
        "bailiwick_queries_by_transport_total{transport=\"TLS IPv4\"} 1",
        "bailiwick_queries_by_transport_total{transport=\"HTTPS IPv4\"} 1",
        "bailiwick_encrypted_events_total{event=\"handshakes\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}:\n{metrics}");
    }
}

fn exchange(stream: &mut bailiwick_tests::encrypted::Stream, message: &[u8]) {
    use std::io::{Read, Write};
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    stream.write_all(&frame).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(Reply::read(&answer).unwrap().answer.len(), 1);
}
