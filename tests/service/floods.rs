//! Floods over UDP: what they may not take from others, and what is sent back to them.
//! RELIABILITY P11, P12, P13, P14, P23.
//!
//! Loopback is exempt from response rate limiting unless the configuration says otherwise; here it does,
//! so that every address of 127.0.0.0/8 is a stranger with a network of its own.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_tests::http::metric;
use bailiwick_tests::load::{Load, queries};
use bailiwick_tests::server::{Options, TestServer};
use bailiwick_tests::well::Watch;
use bailiwick_tests::wire::{A, Question};
use bailiwick_tests::zones;
use tempfile::TempDir;

/// With nothing beside them: they look at latency and memory.
mod alone {
    use super::*;

    /// RELIABILITY P11: names that nobody asked for before, as many as the machine gives, cost no
    /// memory, no row in any table, and nobody else's answers.
    #[test]
    fn p11_random_names_cost_no_memory_and_no_row() {
        let scene = Scene::new();
        let mut server = scene.options().http().start().unwrap();
        // Everything that is made at a first use is made before.
        torture(&server, 10_000)
            .run(Duration::from_secs(2))
            .unwrap();
        let rows = |server: &TestServer| (zone_rows(server), series(server));
        let before = rows(&server);
        let resident = server.process().resident_bytes();
        let watch = Watch::begin(&mut server, &quiet_question()).unwrap();
        let flood = torture(&server, 40_000).run(FLOOD).unwrap();
        let well = watch.end(&mut server);
        eprintln!(
            "{} random names, {} answered; {well:?}",
            flood.sent, flood.answered
        );
        let grown = server.process().resident_bytes().saturating_sub(resident);
        assert!(grown < 8 << 20, "memory grew by {grown} bytes");
        assert_eq!(rows(&server), before);
    }

    /// RELIABILITY P12: a reflector's flood in the name of one network, asking for what is largest. What
    /// goes out is no more than half again what came in, and who really lives in that network is served
    /// at the second try, over TCP.
    #[test]
    fn p12_a_forged_flood_is_not_amplified_and_its_victim_is_served() {
        let scene = Scene::new();
        let mut server = scene.options().http().config(LIMITED).start().unwrap();
        let watch = Watch::begin(&mut server, &quiet_question()).unwrap();
        let victims = (1..=8).map(|host| Ipv4Addr::new(127, 66, 0, host));
        let mut ask = Question::new(&format!("big.{APEX}"), TXT);
        ask.edns = Some(4096);
        let flood = Load {
            server: server.v4(),
            sources: victims.collect(),
            rate: 20_000,
            queries: vec![ask.encode(0)],
        };
        let flood = flood.start().unwrap();
        thread::sleep(Duration::from_secs(2));
        let [before_in, before_out] = octets(&server);
        let mut neighbour = server.client_from(Ipv4Addr::new(127, 66, 0, 77)).unwrap();
        let served = (0..200).filter(|_| {
            let reply = neighbour.ask(&quiet_question());
            reply.is_ok_and(|reply| reply.rcode() == 0 && reply.answer.len() == 1)
        });
        let served = served.count();
        thread::sleep(Duration::from_secs(2));
        let [after_in, after_out] = octets(&server);
        let outcome = flood.stop();
        let factor = (after_out - before_out) / (after_in - before_in);
        let limited = limited(&server);
        eprintln!(
            "{outcome_sent} forged, amplified {factor:.2} times; {served} of 200 served; {limited} limited; {:?}",
            watch.end(&mut server),
            outcome_sent = outcome.sent
        );
        assert!(factor <= 1.5, "amplified {factor} times");
        assert!(served >= 190, "{served} of 200");
        assert!(limited > 0.0);
    }

    /// RELIABILITY P13: a flood from as many sources as there are limits nobody who is quiet: not one
    /// of a thousand clients that ask once, and not the one that asks all the time.
    #[test]
    fn p13_a_flood_of_sources_limits_no_quiet_client() {
        let scene = Scene::new();
        let mut server = scene.options().http().config(LIMITED).start().unwrap();
        // The table takes its memory as it is used: a first wave uses it all.
        wave(&server, 0..20_000);
        let watch = Watch::begin(&mut server, &quiet_question()).unwrap();
        let truncated = thread::scope(|scope| {
            let flood = scope.spawn(|| wave(&server, 20_000..220_000));
            let mut truncated = 0;
            for n in 0..1000u32 {
                let host = Ipv4Addr::new(127, 130, (n >> 8) as u8, n as u8);
                let reply = server
                    .client_from(host)
                    .unwrap()
                    .udp(&quiet_question())
                    .unwrap();
                truncated += u32::from(reply.truncated());
            }
            flood.join().unwrap();
            truncated
        });
        assert_eq!(truncated, 0, "of 1,000 quiet clients");
        eprintln!("{:?}", watch.end(&mut server));
    }

    /// RELIABILITY P23: a resolver that goes round a loop of delegations asks two zones without end. Each
    /// is answered at its rate and no faster.
    #[test]
    fn p23_a_loop_of_delegations_is_limited() {
        let scene = Scene::new();
        let pair = |zone: &str, other: &str| {
            let file = scene.folder.path().join(zone);
            fs::write(&file, format!("$ORIGIN {zone}.example.\n@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.1\nloop 300 NS ns.loop.{other}.example.\n")).unwrap();
            file
        };
        let (one, two) = (pair("one", "two"), pair("two", "one"));
        let options = scene.options().http().config(LIMITED);
        let options = options
            .zone("one.example.", &one)
            .zone("two.example.", &two);
        let mut server = options.start().unwrap();
        let watch = Watch::begin(&mut server, &quiet_question()).unwrap();
        let names = ["ns.loop.one.example.", "ns.loop.two.example."];
        let looping = Load {
            server: server.v4(),
            sources: vec![Ipv4Addr::new(127, 67, 0, 1)],
            rate: 5000,
            queries: queries(names, A),
        };
        let time = Duration::from_secs(4);
        let outcome = looping.run(time).unwrap();
        watch.end(&mut server);
        // Two zones, the rate for each second and one burst.
        let most = 2 * RATE * (time.as_secs() + 2);
        assert!(
            outcome.good <= most,
            "{} answered in full of {}, {most} are due",
            outcome.good,
            outcome.sent
        );
        assert!(
            outcome.good >= 2 * RATE,
            "{outcome_good} answered in full",
            outcome_good = outcome.good
        );
    }
}

/// RELIABILITY P14: two servers whose answers reach each other. Whatever the one is sent, the other
/// has nothing to say to its answer.
#[test]
fn p14_two_servers_wired_together_fall_silent() {
    let scene = Scene::new();
    let [one, two] = [(); 2].map(|()| scene.options().start().unwrap());
    let good = quiet_question().encode(1);
    let mut crafted = vec![good.clone(), vec![0; 12], vec![0; 11], vec![0xff; 40]];
    for flags in [0x8180u16, 0x8181, 0x8005, 0x2800, 0x7800, 0xf800] {
        let mut message = good.clone();
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        crafted.push(message.clone());
        message.truncate(14);
        crafted.push(message);
    }
    for first in crafted {
        let wires = [&one, &two].map(|server| {
            let wire = UdpSocket::bind("127.68.0.1:0").unwrap();
            wire.connect(server.v4()).unwrap();
            wire.set_read_timeout(Some(Duration::from_millis(150)))
                .unwrap();
            wire
        });
        wires[0].send(&first).unwrap();
        let mut passed = 0;
        let mut buffer = [0; 4096];
        // In turn: what one says is sent to the other.
        for at in [0, 1].into_iter().cycle().take(10) {
            let Ok(len) = wires[at].recv(&mut buffer) else {
                break;
            };
            passed += 1;
            wires[1 - at].send(&buffer[..len]).unwrap();
        }
        assert!(passed <= 1, "{passed} packets after {first:02x?}");
    }
}

/// Asks once from each of the numbered addresses, and does not wait for answers: as many a second as
/// make a million in 30 seconds.
fn wave(server: &TestServer, numbers: Range<u32>) {
    let query = quiet_question().encode(9);
    let (begin, first) = (Instant::now(), numbers.start);
    for number in numbers {
        let due = Duration::from_micros(30) * (number - first);
        if let Some(early) = due
            .checked_sub(begin.elapsed())
            .filter(|early| *early > STEP)
        {
            thread::sleep(early);
        }
        let [_, high, middle, low] = number.to_be_bytes();
        let host = Ipv4Addr::new(127, 140 + high, middle, low);
        let socket = UdpSocket::bind((host, 0)).unwrap();
        // A full buffer, or news of an answer that nobody took.
        let _ = socket.send_to(&query, server.v4());
    }
}

/// Octets of DNS messages that came in and went out.
fn octets(server: &TestServer) -> [f64; 2] {
    let text = server.metrics().unwrap();
    ["direction=\"in\"", "direction=\"out\""]
        .map(|label| metric(&text, "bailiwick_bytes_total", &[label]).unwrap())
}

/// Queries that response rate limiting did something about.
fn limited(server: &TestServer) -> f64 {
    metric(
        &server.metrics().unwrap(),
        "bailiwick_rate_limit_total",
        &[],
    )
    .unwrap()
}

/// Random labels below a zone, from one prefix.
fn torture(server: &TestServer, rate: u32) -> Load {
    let mut rng = fastrand::Rng::new();
    let names: Vec<String> = (0..rate as usize * 10)
        .map(|_| format!("{:016x}.{APEX}", rng.u64(..)))
        .collect();
    Load {
        server: server.v4(),
        sources: (1..=16)
            .map(|host| Ipv4Addr::new(127, 1, 1, host))
            .collect(),
        rate,
        queries: queries(names.iter().map(String::as_str), A),
    }
}

/// Rows that the status page has of zones.
fn zone_rows(server: &TestServer) -> usize {
    server.status().unwrap()["zones"].as_array().unwrap().len()
}

/// Time series that the metrics have.
fn series(server: &TestServer) -> usize {
    let text = server.metrics().unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

fn quiet_question() -> Question {
    Question::new(&format!("h-target.{APEX}"), A)
}

/// A zone and its file.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = zones::generated(APEX, 1, 60);
        for n in 0..5 {
            text.push_str(&format!(
                "\nbig.{APEX} 300 IN TXT \"{n}{}\"",
                "x".repeat(200)
            ));
        }
        text.push('\n');
        fs::write(folder.path().join("zone"), text).unwrap();
        Self { folder }
    }

    fn options(&self) -> Options {
        TestServer::options().zone(APEX, &self.folder.path().join("zone"))
    }
}

const APEX: &str = "gen.example.";
const FLOOD: Duration = Duration::from_secs(10);
/// What a paced sender may be ahead of its time.
const STEP: Duration = Duration::from_millis(1);
const TXT: u16 = 16;
/// Loopback is limited as anybody is.
const LIMITED: &str = "version = \"v1\"\n[rate-limit]\nexempt = []\n";
/// Answers a second to one host about one zone, by default.
const RATE: u64 = 200;
