//! One zone of ours, and how it is asked about.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_tests::client;
use bailiwick_tests::http::metric;
use bailiwick_tests::outside::Outside;
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{Question, Reply};

pub(crate) const ZONE: &str = "shop.example.";
pub(crate) const ALIAS: u16 = 65_401;
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
pub(crate) const NOERROR: u16 = 0;
pub(crate) const SERVFAIL: u16 = 2;

pub(crate) fn zone_file(folder: &Path, serial: u32, lines: &str) -> PathBuf {
    let file = folder.join("shop.zone");
    let text = format!(
        "$ORIGIN {ZONE}\n$TTL 300\n@ SOA ns h {serial} 1800 900 604800 30\n@ NS ns\nns A 192.0.2.53\n{lines}"
    );
    fs::write(&file, text).unwrap();
    file
}

pub(crate) fn ask(server: &TestServer, name: &str, rtype: u16) -> Reply {
    server
        .client()
        .unwrap()
        .udp(&Question::new(name, rtype))
        .unwrap()
}

/// The answer section as text, sorted.
pub(crate) fn answers(server: &TestServer, name: &str, rtype: u16) -> Vec<String> {
    let mut lines: Vec<String> = ask(server, name, rtype)
        .answer
        .iter()
        .map(ToString::to_string)
        .collect();
    lines.sort();
    lines
}

/// Waits until the answer is this.
pub(crate) fn wait_answers(server: &TestServer, name: &str, rtype: u16, expected: &[&str]) {
    let begin = std::time::Instant::now();
    loop {
        let reply = ask(server, name, rtype);
        let last = answers(server, name, rtype);
        if reply.rcode() == NOERROR && last == expected {
            return;
        }
        assert!(
            begin.elapsed() < LIMIT,
            "{name} {rtype}: {last:?}, {}",
            reply.rcode()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn wait_rcode(server: &TestServer, name: &str, rtype: u16, rcode: u16) {
    wait_until(&format!("rcode {rcode} for {name}"), LIMIT, || {
        (ask(server, name, rtype).rcode() == rcode).then_some(())
    });
}

pub(crate) fn serial(server: &TestServer) -> u32 {
    client::serial(server.v4(), ZONE).unwrap()
}

/// What `bailiwick status` says of the zone.
pub(crate) fn words(server: &TestServer) -> String {
    let status = server.status().unwrap();
    let zones = status["zones"].as_array().unwrap();
    let zone = zones.iter().find(|zone| zone["name"] == ZONE).unwrap();
    format!(
        "{}: {}",
        zone["state"].as_str().unwrap(),
        zone["words"].as_str().unwrap()
    )
}

pub(crate) fn wait_words(server: &TestServer, part: &str) {
    let begin = std::time::Instant::now();
    while !words(server).contains(part) {
        assert!(
            begin.elapsed() < LIMIT,
            "{part:?} is not in {:?}",
            words(server)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A start whose name servers outside are there, with these lines in our zone.
pub(crate) fn start(outside: &Outside, folder: &Path, lines: &str) -> TestServer {
    let file = zone_file(folder, 7, lines);
    let options = TestServer::options().config(&outside.config()).http();
    let options = options.allow_transfer("127.0.0.0/8");
    options.zone(ZONE, &file).start().unwrap()
}

pub(crate) fn lookups(server: &TestServer) -> f64 {
    metric(
        &server.metrics().unwrap(),
        "bailiwick_alias_lookups_total",
        &[],
    )
    .unwrap()
}
