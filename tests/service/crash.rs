//! Issue point 7: `kill -9` at any moment. What was once visible is there after the restart, within
//! two seconds, with no primary to ask, and every zone is one version, never a mix of two.
//!
//! A writer changes everything all the time: a secondary's primary announces new versions, a hosted
//! zone's file is replaced and reloaded (sometimes by a broken one), another `quota` version is
//! activated. A watcher asks for the serials all the time and so knows what was visible. Then the
//! server is killed, the primary is stopped in its tracks, and a new server must show, at once and
//! from its own files alone, at least that.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_tests::client::{Client, serial};
use bailiwick_tests::guests;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{free_port, have};
use bailiwick_tests::server::{Options, TestServer};
use bailiwick_tests::wire::{Question, TXT};
use tempfile::TempDir;

/// 25 kills at random moments, seeds printed on failure.
#[test]
fn a_killed_server_comes_back_with_what_was_visible_within_two_seconds() {
    if !have(&[Kind::Knot.program()]) {
        return;
    }
    let world = World::new();
    let mut visible: Serials = [(SMALL, 1), (LARGE, 1), (HOSTED, 1)].into();
    let mut given = visible.clone();
    let mut rng = fastrand::Rng::new();
    let mut swaps = 0;
    for round in 0..25 {
        let seed = rng.u64(..);
        let about = format!("round {round}, seed {seed}");
        let server = world.options().start().unwrap();
        swaps += world.disturb_and_kill(server, &mut given, &mut visible, seed);

        // No primary to ask: what is served now was kept here.
        world.primary.signal("STOP").unwrap();
        let start = Instant::now();
        let revived = world.options().start().unwrap();
        let took = start.elapsed();
        for (zone, before) in &mut visible {
            let now = serial(revived.v4(), zone).unwrap();
            assert!(
                now >= *before,
                "{about}: {zone} went back from {before} to {now}"
            );
            assert_whole(revived.v4(), zone, now);
            *before = now;
        }
        assert!(
            took <= Duration::from_secs(2),
            "{about}: back after {took:?}"
        );
        let quota = revived.wait_plugin("quota", Duration::from_secs(20));
        let versions = quota["installed"].as_array().unwrap();
        assert_eq!(versions.len(), 2, "{about}: {quota}");
        drop(revived);
        world.primary.signal("CONT").unwrap();
    }
    // Otherwise nothing was under way when the blows fell.
    assert!(visible[SMALL] > 25 && visible[HOSTED] > 25, "{visible:?}");
    assert!(
        visible[LARGE] > 3 && swaps > 10,
        "{visible:?}, {swaps} swaps"
    );
}

/// Serials by zone.
type Serials = BTreeMap<&'static str, u32>;

/// What stays between the restarts.
struct World {
    primary: Peer,
    port: u16,
    data: Arc<TempDir>,
    files: TempDir,
    quota: [PathBuf; 2],
}

impl World {
    fn new() -> Self {
        let port = free_port();
        let zones = [
            PeerZone::new(SMALL, version(SMALL, 1)),
            PeerZone::new(LARGE, version(LARGE, 1)),
        ];
        let primary = Peer::start(Kind::Knot, &zones, Some(port)).unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("zone"), version(HOSTED, 1)).unwrap();
        let world = Self {
            primary,
            port,
            data: Arc::new(tempfile::tempdir().unwrap()),
            files,
            quota: [
                guests::shipped("quota").unwrap(),
                guests::hostile("moods").unwrap(),
            ],
        };
        // The first start transfers; the later ones must not need to.
        let server = world.options().start().unwrap();
        server.wait_plugin("quota", Duration::from_secs(20));
        server
            .must(&["plugin", "install", world.quota[1].to_str().unwrap()])
            .unwrap();
        world
    }

    fn options(&self) -> Options {
        TestServer::options()
            .port(self.port)
            .data(&self.data)
            .secondary(SMALL, self.primary.v4())
            .secondary(LARGE, self.primary.v4())
            .zone(HOSTED, &self.hosted_file())
            .plugin(&self.quota[0])
    }

    fn hosted_file(&self) -> PathBuf {
        self.files.path().join("zone")
    }

    /// Changes everything for a random while, counting on in `given`, and kills the server; notes
    /// what became visible, and gives the number of plugin swaps.
    fn disturb_and_kill(
        &self,
        mut server: TestServer,
        given: &mut Serials,
        visible: &mut Serials,
        seed: u64,
    ) -> usize {
        let mut rng = fastrand::Rng::with_seed(seed);
        let stop = AtomicBool::new(false);
        let at = server.v4();
        let end = Instant::now() + Duration::from_millis(rng.u64(50..700));
        let mut swaps = 0;
        let mut next = |zone| {
            let serial = given.get_mut(zone).expect("one of the three");
            *serial += 1;
            version(zone, *serial)
        };
        thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(at, visible, &stop));
            while Instant::now() < end {
                match rng.u8(..10) {
                    0..3 => self.primary.replace(SMALL, &next(SMALL)).unwrap(),
                    3 => self.primary.replace(LARGE, &next(LARGE)).unwrap(),
                    4..7 => self.put(&next(HOSTED), &mut server),
                    7 => self.put("not a zone (", &mut server),
                    _ => {
                        let verb = if rng.bool() { "activate" } else { "rollback" };
                        // It may be refused, such as a rollback with nothing to go back to.
                        let output = server.command(&["plugin", verb, "quota"]).unwrap();
                        swaps += usize::from(output.code() == 0);
                    }
                }
                thread::sleep(Duration::from_millis(rng.u64(..20)));
            }
            server.kill();
            stop.store(true, Ordering::Relaxed);
            watcher.join().expect("the watcher only asks");
        });
        swaps
    }

    fn put(&self, text: &str, server: &mut TestServer) {
        let fresh = self.files.path().join("fresh");
        fs::write(&fresh, text).unwrap();
        fs::rename(&fresh, self.hosted_file()).unwrap();
        server.process().signal("HUP").unwrap();
    }
}

fn watch(at: SocketAddr, visible: &mut Serials, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for (zone, highest) in &mut *visible {
            *highest = serial(at, zone).map_or(*highest, |now| now.max(*highest));
        }
    }
}

/// Every record that names its version names the same one.
fn assert_whole(at: SocketAddr, zone: &str, serial: u32) {
    let mut client = Client::new(at).unwrap();
    for label in ["aaa", "mmm", "zzz"] {
        let reply = client
            .udp(&Question::new(&format!("{label}.{zone}"), TXT))
            .unwrap();
        let text = reply
            .answer
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            text.ends_with(&format!("\"{serial}\"")),
            "{zone} at {serial} is a mix: {text}"
        );
    }
}

fn version(zone: &str, serial: u32) -> String {
    use std::fmt::Write as _;

    let mut text = format!(
        "{zone} 60 IN SOA ns.{zone} host.{zone} {serial} 3600 600 864000 60\n{zone} 60 NS ns.{zone}\nns.{zone} 60 A 192.0.2.1\n"
    );
    for label in ["aaa", "mmm", "zzz"] {
        writeln!(text, "{label}.{zone} 60 TXT \"{serial}\"").unwrap();
    }
    let hosts = if zone == LARGE { 20_000 } else { 20 };
    for number in 0..hosts {
        writeln!(
            text,
            "h{number}.{zone} 60 A 192.0.2.{}",
            (number + serial) % 256
        )
        .unwrap();
    }
    text
}

const SMALL: &str = "small.test.";
const LARGE: &str = "large.test.";
const HOSTED: &str = "hosted.test.";
