//! Zones, a server with a plugin, and what there is to ask of them.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use bailiwick_tests::guests;
use bailiwick_tests::load::{Load, queries};
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::A;
use tempfile::TempDir;

/// Zones with names to ask for, and their files.
pub(super) struct Scene {
    folder: TempDir,
    zones: Vec<(String, PathBuf)>,
}

impl Scene {
    pub(super) fn new(zones: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let zones = (0..zones).map(|number| {
            let zone = format!("z{number}.load.test.");
            let file = folder.path().join(&zone);
            fs::write(&file, text(&zone)).unwrap();
            (zone, file)
        });
        let zones = zones.collect();
        Self { folder, zones }
    }

    pub(super) fn server(&self, plugin: &str, settings: &str) -> TestServer {
        let file = guests::shipped(plugin).unwrap();
        let spent = self.folder.path().join(SPENT);
        fs::write(&spent, text(SPENT)).unwrap();
        let config = format!(
            r#"version = "v1"
[[account]]
name = "spent"
queries-a-month = 0
[[zone]]
name = "{SPENT}"
file = "{}"
account = "spent"
[[plugin]]
file = "{}"
[plugin.settings]
{settings}
"#,
            spent.display(),
            file.display()
        );
        let mut options = TestServer::options().config(&config).http();
        for (zone, file) in &self.zones {
            options = options.zone(zone, file);
        }
        let server = options.start().unwrap();
        server.wait_plugin(plugin, LIMIT);
        server
    }

    pub(super) fn variant(&self, guest: &str, from: &str, to: &str) -> PathBuf {
        guests::rewritten(
            &guests::hostile(guest).unwrap(),
            from,
            to,
            self.folder.path(),
        )
        .unwrap()
    }

    pub(super) fn existing(&self) -> Vec<Vec<u8>> {
        let names: Vec<String> = (0..NAMES)
            .flat_map(|number| {
                self.zones
                    .iter()
                    .map(move |(zone, _)| format!("h{number}.{zone}"))
            })
            .collect();
        queries(names.iter().map(String::as_str), A)
    }

    pub(super) fn steady(&self, server: &TestServer) -> Load {
        Load {
            server: server.v4(),
            sources: vec![Ipv4Addr::LOCALHOST],
            rate: 20_000,
            queries: self.existing(),
        }
    }

    /// Labels that nobody asked for before, from a few addresses of one prefix.
    pub(super) fn flood(&self, server: &TestServer) -> Load {
        let mut rng = fastrand::Rng::new();
        let zone = &self.zones[0].0;
        let names: Vec<String> = (0..50_000)
            .map(|_| format!("{:x}.{zone}", rng.u64(..)))
            .collect();
        Load {
            server: server.v4(),
            sources: (1..9).map(|host| Ipv4Addr::new(127, 1, 1, host)).collect(),
            rate: 5000,
            queries: queries(names.iter().map(String::as_str), A),
        }
    }
}

fn text(zone: &str) -> String {
    let mut text = format!(
        "{zone} 60 IN SOA ns.{zone} host.{zone} 1 3600 600 864000 60\n{zone} 60 NS ns.{zone}\nns.{zone} 60 A 192.0.2.1\n"
    );
    for number in 0..NAMES {
        writeln!(text, "h{number}.{zone} 60 A 192.0.2.{number}").unwrap();
    }
    text
}

pub(super) fn activate(server: &TestServer, name: &str, version: &str) {
    server.must(&["plugin", "activate", name, version]).unwrap();
}

/// The zone of an account whose allowance is nothing at all; it takes no part in the load.
pub(super) const SPENT: &str = "spent.load.test.";
/// How long anything may take to show.
pub(super) const LIMIT: Duration = Duration::from_secs(20);
const NAMES: u32 = 250;
