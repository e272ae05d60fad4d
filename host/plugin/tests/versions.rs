//! Versions: hot swap, rollback, settings, restart, and the cache of compiled code.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use bailiwick_plugin::Grants;
use bailiwick_plugin::registry::ActivateError;
use bailiwick_plugin::settings::Settings;
use common::{Bench, NOW, hostile, month, requests, shipped};
use serde_json::json;

fn reason(bench: &Bench) -> String {
    let decided = bench
        .registry
        .policies()
        .grant(NOW, month(), requests(1))
        .unwrap();
    decided.value[0].reason.clone()
}

/// A component with other bytes and the same behaviour: a custom section more.
fn sibling(bytes: &[u8], byte: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.extend([0, 2, 0, byte]);
    bytes
}

/// FEATURES 1.6: swaps under concurrent calls lose no call, and each answer is of the version that
/// it says it is of.
#[test]
fn a_swap_loses_no_call_and_mixes_no_versions() {
    let bench = Bench::new();
    let component = hostile("hostile");
    bench.put_in_force(&component, json!({"mark": "0"}));
    let policies = bench.registry.policies();
    let stop = AtomicBool::new(false);
    let answered = AtomicU64::new(0);
    let marks: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (policies, stop, answered) = (policies.clone(), &stop, &answered);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let decided = policies.grant(NOW, month(), requests(8)).unwrap();
                    let reasons: BTreeSet<_> = decided.value.iter().map(|l| &l.reason).collect();
                    assert_eq!(reasons.len(), 1, "leases of two versions in one answer");
                    // The mark is set together with the activation: generation 2 has mark 0.
                    let mark: u64 = decided.value[0].reason.parse().unwrap();
                    assert_eq!(decided.by.generation, mark + 2);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for mark in &marks[1..] {
            let before = answered.load(Ordering::Relaxed);
            bench
                .registry
                .configure("hostile", Settings::new(json!({"mark": mark})), NOW)
                .unwrap();
            while answered.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let metrics = &bench.registry.list()[0].metrics;
    assert_eq!(metrics.ok, answered.load(Ordering::Relaxed));
    assert_eq!(metrics.calls, metrics.ok);
    assert!(
        metrics.faults.values().all(|count| *count == 0),
        "{:?}",
        metrics.faults
    );
}

/// A new version takes over the state in its own form; the one before finds its own as it left it.
#[test]
fn migration_and_rollback_keep_both_states() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("tally"), json!({}));
    assert_eq!(
        (reason(&bench), reason(&bench)),
        ("v1 1".into(), "v1 2".into())
    );
    bench.put_in_force(&hostile("tally-next"), json!({}));
    assert_eq!(
        (reason(&bench), reason(&bench)),
        ("v2 3".into(), "v2 4".into())
    );
    let back = bench.registry.rollback("tally", NOW).unwrap();
    assert_eq!(back.version, "1.0.0");
    assert_eq!(reason(&bench), "v1 3");
    let forth = bench.registry.rollback("tally", NOW).unwrap();
    assert_eq!(forth.version, "2.0.0");
    assert_eq!(reason(&bench), "v2 5");
}

/// There is nothing to go back to after the first activation.
#[test]
fn the_first_version_cannot_be_rolled_back() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("tally"), json!({}));
    let error = bench.registry.rollback("tally", NOW).unwrap_err();
    assert!(matches!(error, ActivateError::NothingBefore(_)), "{error}");
    assert_eq!(reason(&bench), "v1 1");
}

/// Another plugin of a kind takes it over; the one before is no longer active.
#[test]
fn a_kind_has_one_plugin() {
    let bench = Bench::new();
    bench.put_in_force(&shipped("quota"), json!({}));
    bench.put_in_force(&hostile("tally"), json!({}));
    assert_eq!(reason(&bench), "v1 1");
    let list = bench.registry.list();
    let active: Vec<_> = list
        .iter()
        .map(|plugin| (plugin.plugin.as_str(), plugin.active.is_some()))
        .collect();
    assert_eq!(active, [("quota", false), ("tally", true)]);
    bench.registry.activate("quota", None, NOW).unwrap();
    assert_eq!(
        bench
            .registry
            .policies()
            .origin(bailiwick_plugin::Kind::Quota)
            .unwrap()
            .plugin,
        "quota"
    );
}

/// A restart finds versions, what was active, its settings and its state.
#[test]
fn everything_survives_a_restart() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("tally"), json!({}));
    bench.install(&hostile("tally-next"));
    reason(&bench);
    let before = bench.registry.list();
    let bench = bench.reopened();
    assert_eq!(reason(&bench), "v1 2");
    let after = bench.registry.list();
    assert_eq!(after[0].versions, before[0].versions);
    assert_eq!(
        (&after[0].active, after[0].generation),
        (&before[0].active, before[0].generation)
    );
}

/// A component that is gone from the disk keeps its plugin from starting, and nothing else.
#[test]
fn a_missing_component_does_not_keep_the_server_from_starting() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("hostile"), json!({}));
    let tally = bench.put_in_force(&hostile("tally"), json!({}));
    for folder in ["components", "cache"] {
        let folder = bench.dir.path().join("plugins").join(folder);
        let active = bench
            .registry
            .list()
            .into_iter()
            .find(|p| p.plugin == tally)
            .unwrap()
            .active;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with(active.as_deref().unwrap()) {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    let bench = bench.reopened();
    let list = bench.registry.list();
    let status = list.iter().find(|plugin| plugin.plugin == tally).unwrap();
    assert!(status.start_error.is_some());
    assert!(
        !bench
            .registry
            .policies()
            .is_bound(bailiwick_plugin::Kind::Quota)
    );
    assert!(
        bench
            .registry
            .policies()
            .is_bound(bailiwick_plugin::Kind::Abuse)
    );
}

/// W9: compiled code on disk that is not what this server wrote is never run, but made again.
#[test]
fn a_changed_byte_of_compiled_code_is_noticed() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("tally"), json!({}));
    let folder = bench.dir.path().join("plugins/cache");
    let files = || -> Vec<_> {
        std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    };
    let [path] = files().try_into().unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    let bench = bench.reopened();
    assert_eq!(reason(&bench), "v1 1");
    assert_eq!(std::fs::read(&path).unwrap(), good, "not compiled again");
}

/// Components and code are for this server's user alone.
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.install(&hostile("tally"));
    for folder in ["plugins/components", "plugins/cache"] {
        let folder = bench.dir.path().join(folder);
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
        for entry in std::fs::read_dir(folder).unwrap() {
            assert_eq!(
                entry.unwrap().metadata().unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }
}

/// Settings that the schema does not take never reach the plugin.
#[test]
fn settings_must_fit_the_schema() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("hostile"), json!({"mark": "old"}));
    for bad in [json!({"amount": -1}), json!({"no-such": 1}), json!([])] {
        let error = bench
            .registry
            .configure("hostile", Settings::new(bad), NOW)
            .unwrap_err();
        assert!(matches!(error, ActivateError::Settings(_)), "{error}");
    }
    assert_eq!(reason(&bench), "old");
}

/// Issue 2: a zone's wrong setting is named by the zone, kept out for it alone and counted; everybody
/// else is served as configured, and a correction is taken.
#[test]
fn settings_of_one_zone_that_do_not_fit_are_that_zones_alone() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("hostile"), json!({"mark": "old"}));
    let asking = |amount| Settings {
        zones: [(7, json!({ "amount": amount })), (8, json!({"amount": 8}))].into(),
        names: [(7, "wrong.example.".into()), (8, "right.example.".into())].into(),
        ..Settings::new(json!({"mark": "new"}))
    };
    bench
        .registry
        .configure("hostile", asking(-1), NOW)
        .unwrap();
    assert_eq!(reason(&bench), "new");
    let status = || bench.registry.list().remove(0);
    assert_eq!(status().settings_kept_out_count, 1);
    let words = &status().settings_kept_out[0];
    assert!(words.contains("zone wrong.example."), "{words}");
    assert!(words.contains("/amount: -1"), "{words}");
    let in_force = bench.registry.settings("hostile").unwrap();
    assert_eq!(in_force.zones.keys().collect::<Vec<_>>(), [&8]);
    assert!(in_force.asks_as(&asking(-1)));
    let bench = bench.reopened();
    assert_eq!(reason(&bench), "new");
    bench.registry.configure("hostile", asking(7), NOW).unwrap();
    assert_eq!(bench.registry.list()[0].settings_kept_out_count, 0);
}

/// A version is named by the beginning of its hash; one that fits two is refused.
#[test]
fn versions_are_named_by_hash() {
    let bench = Bench::new();
    let first = bench.install(&hostile("tally"));
    let other = bench.install(&sibling(&hostile("tally"), 1));
    assert_ne!(first, other);
    bench
        .registry
        .activate("tally", Some(&first[..12]), NOW)
        .unwrap();
    assert_eq!(bench.registry.list()[0].active.as_ref(), Some(&first));
    assert!(matches!(
        bench.registry.activate("tally", Some("zz"), NOW),
        Err(ActivateError::Unknown { .. })
    ));
    // The active version and the one before stay; any other can go.
    bench.registry.activate("tally", Some(&other), NOW).unwrap();
    assert!(matches!(
        bench.registry.remove("tally", &first),
        Err(ActivateError::InUse(_))
    ));
    let third = bench.install(&sibling(&hostile("tally"), 2));
    bench.registry.remove("tally", &third).unwrap();
    assert_eq!(bench.registry.list()[0].versions.len(), 2);
}

/// Taking a plugin out of force leaves its kinds to the native rule.
#[test]
fn a_deactivated_plugin_is_not_asked() {
    let bench = Bench::new();
    bench.put_in_force(&hostile("tally"), json!({}));
    bench.registry.deactivate("tally").unwrap();
    assert!(
        !bench
            .registry
            .policies()
            .is_bound(bailiwick_plugin::Kind::Quota)
    );
    bench.registry.rollback("tally", NOW).unwrap();
    assert_eq!(reason(&bench), "v1 1");
}

/// A component granted less than before is examined anew.
#[test]
fn grants_are_those_of_the_last_install() {
    let bench = Bench::new();
    bench.install(&hostile("tally"));
    let less = Grants {
        capabilities: Some(BTreeSet::new()),
        ..Grants::default()
    };
    assert!(
        bench
            .registry
            .install(&hostile("tally"), &less, NOW)
            .is_err()
    );
}
