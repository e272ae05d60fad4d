//! The shipped policies, as components, through the whole host.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use bailiwick_plugin::offline::Offline;
use bailiwick_plugin::question::{Question, Reply};
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::{Compiler, Grants};
use common::{Bench, NOW, month, question, requests, shipped};
use serde_json::json;

/// `quota` in force gives one lease for each request, in order.
#[test]
fn quota_grants_leases() {
    let bench = Bench::new();
    bench.put_in_force(&shipped("quota"), json!({}));
    let decided = bench
        .registry
        .policies()
        .grant(NOW, month(), requests(64))
        .unwrap();
    assert_eq!(decided.value.len(), 64);
    assert_eq!(decided.by.plugin, "quota");
}

/// All four in force at a time answer every question, by the version that is active.
#[test]
fn every_shipped_policy_answers() {
    let bench = Bench::new();
    for name in ["quota", "abuse", "brand-ns", "dnssec-policy"] {
        bench.put_in_force(&shipped(name), json!({}));
    }
    let policies = bench.registry.policies();
    for call in Question::CALLS {
        let question = question(call);
        let kind = question.kind();
        let decided = policies
            .ask(NOW, question)
            .unwrap_or_else(|e| panic!("{call}: {e}"));
        assert_eq!(decided.by.plugin, kind.as_str());
    }
}

/// P1.2: off-line, a month of 100,001 queries above the allowance costs two blocks.
#[test]
fn a_month_is_rated_off_line() {
    let mut arguments = serde_json::to_value(question("rate")).unwrap()["rate"].take();
    arguments["usage"]["pool"]["answered"] = json!(1_100_001);
    let question = Question::from_json("rate", arguments).unwrap();
    let (engine, compiler) = (&common::ENGINE, Compiler::Thread);
    let (grants, settings) = (Grants::default(), Settings::default());
    let bytes = shipped("quota");
    let mut quota = Offline::start(engine, &compiler, &bytes, &grants, settings, NOW).unwrap();
    let run = quota.ask(NOW, question);
    let Ok(Reply::Rate(bill)) = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!(
        bill.charges.iter().map(|charge| charge.amount).sum::<i64>(),
        1000
    );
    assert!(run.host_calls <= run.host_calls_max && run.memory_bytes > 0);
}
