//! Issue point 7: `kill -9` at any moment. What was once visible is there after the restart, within
//! two seconds, with no primary to ask, and every zone is one version, never a mix of two.
//!
//! A writer changes everything all the time: a secondary's primary announces new versions, a hosted
//! zone's file is replaced and reloaded (sometimes by a broken one), another `quota` version is
//! activated. A watcher asks for the serials all the time and so knows what was visible. Then the
//! server is killed, the primary is stopped in its tracks, and a new server must show, at once and
//! from its own files alone, at least that.
//!
//! The moment is random, and most blows are aimed: at a transfer, a reload or a plugin swap that the
//! server's log shows to have begun. Where the log ends before that was done, the blow fell inside,
//! and enough of each kind must have.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_tests::client::{Client, serial};
use bailiwick_tests::guests;
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{bailiwick, free_port, have};
use bailiwick_tests::server::{Options, TestServer};
use bailiwick_tests::wire::{Question, TXT};
use tempfile::TempDir;

/// 25 kills, and more until enough have fallen inside of each kind of work; seeds printed on failure.
#[test]
fn a_killed_server_comes_back_with_what_was_visible_within_two_seconds() {
    if !have(&[Kind::Knot.program()]) {
        return;
    }
    let world = World::new();
    let mut visible: Serials = [(SMALL, 1), (LARGE, 1), (HOSTED, 1)].into();
    let mut given = visible.clone();
    let mut rng = fastrand::Rng::new();
    let mut inside: BTreeMap<&str, usize> = AIMS.iter().map(|aim| (aim.name, 0)).collect();
    let enough = |inside: &BTreeMap<&str, usize>| inside.values().all(|count| *count >= INSIDE_MIN);
    for round in 0..ROUNDS_MAX {
        if round >= ROUNDS && enough(&inside) {
            break;
        }
        let seed = rng.u64(..);
        let about = format!("round {round}, seed {seed}");
        let aim = AIMS.get(round % (AIMS.len() + 1));
        let server = world.options().start().unwrap();
        for name in world.disturb_and_kill(server, aim, &mut given, &mut visible, seed) {
            *inside.entry(name).or_default() += 1;
        }

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
    eprintln!("blows that fell inside: {inside:?}; serials {visible:?}");
    assert!(enough(&inside), "blows that fell inside: {inside:?}");
    assert!(visible[SMALL] > 25 && visible[HOSTED] > 25, "{visible:?}");
}

/// Work to hit the server in.
struct Aim {
    name: &'static str,
    /// The line of the log that it begins with, and those that it is done with.
    begins: &'static str,
    ends: &'static [&'static str],
    /// How long the blow waits at most after the beginning, in microseconds.
    within_us: u64,
}

const AIMS: [Aim; 3] = [
    Aim {
        name: "transfer",
        begins: "fetching `large.test.`",
        ends: &[
            "published `large.test.`",
            "`large.test.` was not transferred",
            "`large.test.` is current",
        ],
        within_us: 60_000,
    },
    Aim {
        name: "reload",
        begins: "reading the configuration again",
        ends: &[
            "configuration applied",
            "the configuration was not taken over",
        ],
        within_us: 5000,
    },
    Aim {
        name: "swap",
        begins: "is being started",
        ends: &["is active (generation"],
        within_us: 5000,
    },
];

impl Aim {
    /// Has it begun and not ended, by this log?
    fn is_under_way(&self, log: &str) -> bool {
        let last = |words: &str| log.rfind(words);
        let ended = self.ends.iter().filter_map(|words| last(words)).max();
        last(self.begins).is_some_and(|began| ended.is_none_or(|ended| began > ended))
    }
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
            .arg("--log")
            .arg("info,bailiwick=debug,bailiwick_authority=debug,bailiwick_plugin=debug")
            .plugin(&self.quota[0])
    }

    fn hosted_file(&self) -> PathBuf {
        self.files.path().join("zone")
    }

    /// Changes everything for a random while, counting on in `given`, and kills the server, in the
    /// middle of what `aim` says if it can; notes what became visible, and gives the names of what
    /// was under way.
    fn disturb_and_kill(
        &self,
        mut server: TestServer,
        aim: Option<&Aim>,
        given: &mut Serials,
        visible: &mut Serials,
        seed: u64,
    ) -> Vec<&'static str> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let stop = AtomicBool::new(false);
        let at = server.v4();
        let end = Instant::now() + Duration::from_millis(rng.u64(50..500));
        // The log goes on where the server before left it.
        let earlier = server.process().log().len();
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
                    _ => drop(self.swap(&server, &mut rng).wait()),
                }
                thread::sleep(Duration::from_millis(rng.u64(..20)));
            }
            let begun = server.process().log().len();
            let swap = match aim.map(|aim| aim.name) {
                Some("transfer") => {
                    self.primary.replace(LARGE, &next(LARGE)).unwrap();
                    None
                }
                Some("reload") => {
                    self.put(&next(HOSTED), &mut server);
                    None
                }
                Some("swap") => Some(self.swap(&server, &mut rng)),
                _ => None,
            };
            if let Some(aim) = aim {
                let limit = Instant::now() + Duration::from_secs(2);
                while !server.process().log()[begun..].contains(aim.begins)
                    && Instant::now() < limit
                {
                    thread::sleep(Duration::from_micros(100));
                }
                thread::sleep(Duration::from_micros(rng.u64(..aim.within_us)));
            }
            server.kill();
            stop.store(true, Ordering::Relaxed);
            watcher.join().expect("the watcher only asks");
            // It has nobody to talk to any more.
            drop(swap.map(|mut swap| swap.wait()));
        });
        let log = server.process().log();
        let under_way = AIMS.iter().filter(|aim| aim.is_under_way(&log[earlier..]));
        under_way.map(|aim| aim.name).collect()
    }

    /// Starts to put one of the two versions of the plugin in force. It may be refused, such as a
    /// rollback with nothing to go back to.
    fn swap(&self, server: &TestServer, rng: &mut fastrand::Rng) -> Child {
        let verb = if rng.bool() { "activate" } else { "rollback" };
        Command::new(bailiwick().unwrap())
            .args(["plugin", verb, "quota", "--data"])
            .arg(server.data().path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
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
    let hosts = match zone {
        LARGE => 20_000,
        HOSTED => 2000,
        _ => 20,
    };
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
/// Kills, as many as the issue asks for.
const ROUNDS: usize = 25;
/// At most, if few of them fell inside.
const ROUNDS_MAX: usize = 60;
/// Kills that must have fallen inside of each kind of work.
const INSIDE_MIN: usize = 3;
