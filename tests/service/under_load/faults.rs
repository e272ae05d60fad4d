//! A plugin that is swapped and fails in turn, under load.
//!
//! A fault may cost no more than two calm spells cost each other: five rounds, each two calm spells
//! and one spell of every fault in turn, and the difference of the medians is held against what calm
//! spells differ by.
//!
//! That the last leases stay in force is seen in answers: one zone belongs to an account without an
//! allowance, which the shipped plugin answers for (and charges) and the other version refuses. While
//! a version fails, what the version before it granted must go on to be refused.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_tests::client::Client;
use bailiwick_tests::http;
use bailiwick_tests::load::{Outcome, Running};
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{A, Question};
use serde_json::Value;

use crate::scene::{LIMIT, SPENT, Scene, activate};

pub(super) fn cost_no_answer() {
    let scene = Scene::new(10);
    // Leases of at most a second keep the plugin busy.
    let server = scene.server("quota", "lease_ms = 1000");
    for mood in ["calm", "trap", "loop", "hogs"] {
        let component = scene.variant("moods", "9.0.0-calm", &format!("9.0.0-{mood}"));
        server
            .must(&["plugin", "install", component.to_str().unwrap()])
            .unwrap();
    }
    let first = plugin(&server, "quota")["version"]
        .as_str()
        .unwrap()
        .to_owned();

    let mut spent = Spent::new(&server);
    spent.wait_for(NOERROR, "the shipped version answers above the allowance");

    let load = scene.steady(&server).start().unwrap();
    settle(&load);
    let (started, calls_before) = (load.elapsed(), calls(&server));
    let mut spells: BTreeMap<&str, Vec<Range<Duration>>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for name in ["calm", "calm again"] {
            let before = calls(&server);
            let window = spent.spell(&load, NOERROR);
            spells.entry(name).or_default().push(window);
            assert!(calls(&server) > before, "no plugin call in a calm spell");
        }
        for mood in ["trap", "loop", "hogs"] {
            activate(&server, "quota", "9.0.0-calm");
            fresh_leases(&server, "another version");
            spent.wait_for(REFUSED, "the other version's lease refuses");
            let before = calls(&server);
            let window = spent.spell(&load, REFUSED);
            spells.entry("another version").or_default().push(window);
            assert!(calls(&server) > before, "no call of the other version");

            let before = faults(&server);
            activate(&server, "quota", &format!("9.0.0-{mood}"));
            // No lease can be granted any more, and what was in force stays so: all through the
            // spell, which is longer than a lease.
            let window = spent.spell(&load, REFUSED);
            spells.entry(mood).or_default().push(window);
            wait_until(&format!("the {mood} is counted"), LIMIT, || {
                (faults(&server) > before).then_some(())
            });
            let row = plugin(&server, "quota");
            let words = row["last_fault"].as_str().unwrap_or_default();
            assert!(words.len() > 5, "{mood} in words: {row}");
            let metrics = http::metric(&server.metrics().unwrap(), FAULTS, &["quota"]);
            assert!(
                metrics.unwrap_or(0.0) > before as f64,
                "{mood} in the metrics"
            );
            spent.expect(REFUSED, mood);

            let recovered = Instant::now();
            activate(&server, "quota", &first);
            fresh_leases(&server, mood);
            spent.wait_for(NOERROR, "the shipped version decides again");
            let took = recovered.elapsed();
            assert!(
                took <= Duration::from_secs(1),
                "decided afresh {took:?} after {mood}"
            );
        }
        settle(&load);
    }
    let (called, lasted) = (calls(&server) - calls_before, load.elapsed() - started);
    assert!(
        called as f64 >= lasted.as_secs_f64(),
        "the plugin was called {called} times in {lasted:?}"
    );
    let outcome = load.stop();
    assert_eq!(
        outcome.lost(),
        0,
        "of {}; by socket:\n{}",
        outcome.sent,
        kernel_drops(&server)
    );
    assert_eq!(outcome.good, outcome.answered, "some answers were refusals");
    compare_spells(&outcome, &spells);
}

/// The zone whose answers show whose leases are in force.
struct Spent(Client);

impl Spent {
    fn new(server: &TestServer) -> Self {
        Self(Client::new(server.v4()).unwrap())
    }

    fn rcode(&mut self) -> u16 {
        let question = Question::new(&format!("h1.{SPENT}"), A);
        self.0.udp(&question).unwrap().rcode()
    }

    fn wait_for(&mut self, rcode: u16, why: &str) {
        wait_until(why, LIMIT, || (self.rcode() == rcode).then_some(()));
    }

    fn expect(&mut self, rcode: u16, when: &str) {
        assert_eq!(
            self.rcode(),
            rcode,
            "{when}: the last leases are not in force"
        );
    }

    /// A stretch of the load to look at; all through it this zone is answered with `rcode`.
    fn spell(&mut self, load: &Running, rcode: u16) -> Range<Duration> {
        let start = load.elapsed();
        let mut asked = 0;
        while load.elapsed() < start + SPELL {
            self.expect(rcode, "during a spell");
            asked += 1;
            thread::sleep(Duration::from_millis(10));
        }
        assert!(asked > 20, "asked only {asked} times");
        start..load.elapsed()
    }
}

/// Until what was started has come to rest: half a second's worth of answers.
fn settle(load: &Running) {
    let answered = load.answered();
    wait_until("the load is answered", LIMIT, || {
        (load.answered() > answered + 10_000).then_some(())
    });
}

/// The difference a fault makes is held against what calm spells differ by.
fn compare_spells(outcome: &Outcome, spells: &BTreeMap<&str, Vec<Range<Duration>>>) {
    let p99: BTreeMap<&str, Vec<u32>> = spells
        .iter()
        .map(|(name, windows)| {
            (
                *name,
                windows
                    .iter()
                    .map(|window| outcome.percentile(99.0, window))
                    .collect(),
            )
        })
        .collect();
    let pairs = p99["calm"].iter().zip(&p99["calm again"]);
    let apart = pairs
        .map(|(one, other)| one.abs_diff(*other))
        .max()
        .unwrap();
    let calm: Vec<u32> = p99["calm"]
        .iter()
        .chain(&p99["calm again"])
        .copied()
        .collect();
    eprintln!("p99 in us by spell, calm spells differ by {apart}: {p99:?}");
    for (name, values) in &p99 {
        let slower = median(values).saturating_sub(median(&calm));
        assert!(
            slower <= apart.max(RESOLUTION_US),
            "{name}: p99 {slower} us above calm: {p99:?}"
        );
    }
}

fn median(values: &[u32]) -> u32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// New leases within a second.
fn fresh_leases(server: &TestServer, after: &str) {
    let grants = || {
        server.status().unwrap()["leases"]["grants"]
            .as_u64()
            .unwrap()
    };
    let (before, start) = (grants(), Instant::now());
    wait_until(&format!("fresh leases after {after}"), LIMIT, || {
        (grants() > before).then_some(())
    });
    let took = start.elapsed();
    assert!(
        took <= Duration::from_secs(1),
        "fresh leases {took:?} after {after}"
    );
}

/// The row of a plugin.
fn plugin(server: &TestServer, name: &str) -> Value {
    let status = server.status().unwrap();
    let rows = status["plugins"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("no {name}: {rows:?}")).clone()
}

fn calls(server: &TestServer) -> u64 {
    plugin(server, "quota")["calls"].as_u64().unwrap()
}

/// Faults so far, by the status page.
fn faults(server: &TestServer) -> u64 {
    let row = plugin(server, "quota");
    row["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|fault| fault[1].as_u64())
        .sum()
}

/// Datagrams that the kernel threw away at the server's sockets, for the message of a failure.
fn kernel_drops(server: &TestServer) -> String {
    let port = format!(":{:04X} ", server.port());
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    table
        .lines()
        .filter(|line| line.contains(&port))
        .collect::<Vec<_>>()
        .join("\n")
}

const NOERROR: u16 = 0;
const REFUSED: u16 = 5;
const ROUNDS: usize = 5;
/// Longer than a lease, so that what a faulty version was left with ends within it.
const SPELL: Duration = Duration::from_millis(1200);
/// Faults by plugin, as the metrics have them.
const FAULTS: &str = "bailiwick_plugin_faults_total";
/// What the load generator cannot tell apart: its receiver looks this often.
const RESOLUTION_US: u32 = 200;
