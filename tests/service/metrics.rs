//! What is counted, and that counting stays small: RELIABILITY P22.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use bailiwick_tests::http::metric;
use bailiwick_tests::load::{Load, queries};
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::A;

/// Alone: a million queries want the machine.
mod alone {
    use super::*;

    /// RELIABILITY P22: names, types and clients are no labels. A million queries of random names, over
    /// three hundred zones, leave no more series than there were, every label is one of few, and what
    /// was asked is all in the sums.
    #[test]
    fn p22_a_million_random_queries_add_no_series() {
        let folder = tempfile::tempdir().unwrap();
        let mut list = String::new();
        for zone in 0..ZONES {
            let file = folder.path().join(format!("{zone}"));
            fs::write(&file, format!("$ORIGIN z{zone}.example.\n@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.1\n")).unwrap();
            writeln!(list, "z{zone}.example. {}", file.display()).unwrap();
        }
        let listed = folder.path().join("list");
        fs::write(&listed, list).unwrap();
        let options = TestServer::options()
            .http()
            .arg("--zones")
            .arg(&listed.display().to_string());
        let server = options.start().unwrap();
        wait_until("all zones are loaded", Duration::from_secs(20), || {
            let ok = metric(
                &server.metrics().unwrap(),
                "bailiwick_zones",
                &["state=\"ok\""],
            );
            (ok == Some(ZONES as f64)).then_some(())
        });
        // Every kind of query once, so that every series is there.
        flood(&server, 20_000);
        let before = series(&server);
        let outcome = flood(&server, 1_000_000);
        let text = server.metrics().unwrap();
        let after = series(&server);
        let new: Vec<_> = after
            .difference(&before)
            .filter(|one| !one.starts_with("bailiwick_zone_"))
            .collect();
        assert!(new.is_empty(), "{new:?}");
        assert_eq!(after.len(), before.len());
        assert!(after.len() <= 5000, "{} series", after.len());
        let zones = after
            .iter()
            .filter(|one| one.starts_with("bailiwick_zone_queries_total"));
        assert_eq!(zones.count(), 101, "the busiest hundred and the others");
        let by_class = metric(&text, "bailiwick_queries_total", &[]).unwrap();
        assert!(by_class >= outcome as f64, "{by_class} of {outcome}");
        let by_zone = metric(&text, "bailiwick_zone_queries_total", &[]).unwrap();
        let answered = metric(&text, "bailiwick_queries_total", &["class=\"answered\""]).unwrap();
        assert!(
            (by_zone - answered).abs() < 1.0,
            "{by_zone} by zone, {answered} answered"
        );
    }
}

/// Queries of random names and types below all zones and none; gives how many were answered.
fn flood(server: &TestServer, count: usize) -> u64 {
    let mut rng = fastrand::Rng::with_seed(count as u64);
    let mut names =
        (0..count).map(|_| format!("{:x}.z{}.example.", rng.u64(..), rng.usize(..ZONES + 20)));
    let names: Vec<String> = names.by_ref().collect();
    let mut queries = queries(names.iter().map(String::as_str), A);
    for query in &mut queries {
        let at = query.len() - 4;
        query[at..at + 2].copy_from_slice(&rng.u16(1..400).to_be_bytes());
    }
    let load = Load {
        server: server.v4(),
        sources: (1..=16)
            .map(|host| Ipv4Addr::new(127, 5, host, 1))
            .collect(),
        rate: RATE,
        queries,
    };
    let outcome = load
        .run(Duration::from_secs_f64(count as f64 / f64::from(RATE)))
        .unwrap();
    eprintln!("{} sent, {} answered", outcome.sent, outcome.answered);
    assert!(
        outcome.answered * 10 >= outcome.sent * 9,
        "the flood did not get through"
    );
    outcome.answered
}

/// Every series, without its value.
fn series(server: &TestServer) -> BTreeSet<String> {
    let text = server.metrics().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.rsplit_once(' '));
    names.map(|(name, _)| name.to_owned()).collect()
}

const ZONES: usize = 300;
const RATE: u32 = 50_000;
