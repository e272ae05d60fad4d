//! A flood from one prefix, and a quiet client elsewhere.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use bailiwick_tests::load::Load;
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::TestServer;
use serde_json::Value;

use crate::scene::{LIMIT, Scene, activate};

pub(super) fn is_limited() {
    let scene = Scene::new(1);
    let server = scene.server("abuse", "");
    let strict = scene.variant("strict", "9.0.0-strict", "9.0.1-strict");
    server
        .must(&["plugin", "install", strict.to_str().unwrap()])
        .unwrap();
    assert_eq!(
        rules(&server),
        Vec::<Value>::new(),
        "rules before the flood"
    );

    let quiet = |rate| Load {
        server: server.v4(),
        sources: vec![Ipv4Addr::new(127, 2, 0, 9)],
        rate,
        queries: scene.existing(),
    };
    let calm = quiet(200).start().unwrap();
    let flood = scene.flood(&server).start().unwrap();
    let (first, _) = wait_until("a rule against the flood", LIMIT, || {
        rules(&server).into_iter().next()
    });
    assert!(
        first["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{first}"
    );
    // While the rule is in force, the flood gets little.
    let (sent, answered) = (flood.sent(), flood.answered());
    thread::sleep(Duration::from_secs(2));
    let share = (flood.answered() - answered) as f64 / (flood.sent() - sent) as f64;
    assert!(
        share < 0.5,
        "the flood still gets {:.0} % answered",
        share * 100.0
    );
    flood.stop();
    let calm = calm.stop();
    assert!(
        calm.good * 100 >= calm.sent * 99,
        "the quiet client got {} of {}",
        calm.good,
        calm.sent
    );
    let apart = class(&server, "limited") + class(&server, "attack");
    assert!(apart > 1000, "only {apart} of the flood are counted apart");

    // The rule ends at its time, and its prefix is answered again.
    let mut ends = 0;
    wait_until("the rule has ended", LIMIT * 3, || {
        let Some(rule) = rules(&server).into_iter().next() else {
            return Some(());
        };
        ends = rule["ends"].as_u64().unwrap();
        None
    });
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(
        now.abs_diff(ends) <= 3,
        "announced for {ends}, gone at {now}"
    );
    let again = Load {
        sources: vec![Ipv4Addr::new(127, 1, 1, 1)],
        ..quiet(50)
    };
    let again = again.run(Duration::from_secs(1)).unwrap();
    assert_eq!(again.good, again.sent, "the prefix is still limited");

    // Another version, another rule, no restart.
    activate(&server, "abuse", "9.0.1-strict");
    let flood = scene.flood(&server).start().unwrap();
    let (second, _) = wait_until("the other version's rule", LIMIT, || {
        rules(&server)
            .into_iter()
            .find(|rule| rule["reason"].as_str() == Some("strict"))
    });
    flood.stop();
    assert_ne!(first["reason"], second["reason"]);
}

fn rules(server: &TestServer) -> Vec<Value> {
    server.status().unwrap()["rules"]
        .as_array()
        .unwrap()
        .clone()
}

fn class(server: &TestServer, name: &str) -> u64 {
    let status = server.status().unwrap();
    let classes = status["traffic"]["classes"].as_array().unwrap();
    classes
        .iter()
        .find(|row| row[0] == name)
        .and_then(|row| row[1].as_u64())
        .unwrap_or(0)
}
