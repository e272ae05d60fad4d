//! Plugins that misbehave (RELIABILITY W1 to W5, W7): each is stopped, in words that say why, and
//! the next question is answered.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use bailiwick_plugin::error::{Fault, GuestError};
use bailiwick_plugin::kv::{Kv as _, Tree};
use bailiwick_plugin::question::{Question, Reply};
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::{BreakerState, Kind, PolicyError};
use common::{Bench, NOW, hostile, misbehaving, month, question, requests};
use serde_json::json;

fn outcome(bench: &Bench, call: &str) -> Result<Reply, PolicyError> {
    bench
        .registry
        .policies()
        .ask(NOW, question(call))
        .map(|decided| decided.value)
}

/// Fails as told in one function, answers in another afterwards.
fn fails(act: &str, amount: u64) -> PolicyError {
    let bench = misbehaving("admit", act, amount);
    let error = outcome(&bench, "admit").unwrap_err();
    outcome(&bench, "grant").unwrap();
    error
}

fn reason(reply: Reply) -> String {
    match reply {
        Reply::Grant(leases) => leases[0].reason.clone(),
        Reply::Admit(ruling) => ruling.reason,
        other => panic!("{other:?}"),
    }
}

/// W7: every function × every failure gives the error from which the rule of its kind follows, and
/// the plugin's other functions go on answering.
#[test]
fn each_failure_of_each_function_has_its_name() {
    let bench = misbehaving("none", "", 0);
    let none = Bench::new();
    for call in Question::CALLS {
        let other = if call == "grant" { "admit" } else { "grant" };
        for (act, fault) in [
            ("panic", Fault::Trap),
            ("loop", Fault::Timeout),
            ("memory", Fault::Memory),
            ("bad", Fault::BadValue),
            ("err", Fault::GuestError),
        ] {
            let settings = Settings::new(json!({"on": call, "act": act}));
            bench.registry.configure("hostile", settings, NOW).unwrap();
            let error = outcome(&bench, call).unwrap_err();
            assert_eq!(error.fault(), fault, "{call} {act}: {error}");
            outcome(&bench, other).unwrap_or_else(|e| panic!("{other} after {call} {act}: {e}"));
        }
        assert_eq!(
            outcome(&none, call),
            Err(PolicyError::NoPlugin(question(call).kind()))
        );
    }
}

/// W1: an endless loop is stopped at its deadline.
#[test]
fn a_loop_is_stopped_at_its_deadline() {
    let bench = misbehaving("admit", "loop", 0);
    let began = Instant::now();
    assert_eq!(outcome(&bench, "admit"), Err(PolicyError::Timeout(100)));
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(90) && took < Duration::from_millis(1500),
        "{took:?}"
    );
}

/// W1: endless recursion ends in a trap, not in ours.
#[test]
fn recursion_is_a_trap() {
    assert_eq!(fails("recurse", 0).fault(), Fault::Trap);
}

/// W1: bulk operations are not interrupted one by one, but their loop is.
#[test]
fn repeated_bulk_operations_are_stopped() {
    assert_eq!(fails("fill", 0), PolicyError::Timeout(100));
}

/// W2: memory ends at its limit, and the guest with it.
#[test]
fn memory_is_limited() {
    let bench = misbehaving("admit", "memory", 0);
    assert_eq!(outcome(&bench, "admit").unwrap_err().fault(), Fault::Memory);
    let high = bench.registry.list()[0].metrics.memory_high_bytes;
    assert!((8 << 20..=16 << 20).contains(&high), "{high}");
}

/// W3: a result of more bytes than a host call may carry is not copied.
#[test]
fn a_huge_result_is_refused() {
    let bench = misbehaving("none", "huge", 2 << 20);
    assert_eq!(outcome(&bench, "admit").unwrap_err().fault(), Fault::Budget);
}

/// W3 and `types`: a text within the bytes of a call is cut at 1 KiB.
#[test]
fn a_long_reason_is_cut() {
    let bench = misbehaving("none", "huge", 100_000);
    assert_eq!(reason(outcome(&bench, "admit").unwrap()).len(), 1024);
}

/// W4: 64 host calls and 8 for each row; one more is a fault. The SDK itself reads the settings'
/// generation in each call.
#[test]
fn host_calls_are_limited() {
    let bench = misbehaving("admit", "host-calls", 64 + 8 - 1);
    outcome(&bench, "admit").unwrap();
    assert_eq!(fails("host-calls", 64 + 8).fault(), Fault::Budget);
}

/// W4: a line of more bytes than a host call may carry is not copied; 64 lines a call are kept.
#[test]
fn log_floods_are_limited() {
    assert_eq!(fails("log-bytes", 2 << 20).fault(), Fault::Budget);
    let bench = misbehaving("admit", "log", 70);
    outcome(&bench, "admit").unwrap();
    assert_eq!(bench.registry.list()[0].metrics.lines_dropped, 6);
}

/// What is printed counts as lines, and a flood of it is stopped.
#[test]
fn printing_is_limited() {
    let bench = misbehaving("admit", "print", 70);
    outcome(&bench, "admit").unwrap();
    assert_eq!(bench.registry.list()[0].metrics.lines_dropped, 6);
    assert_eq!(fails("print", 100_000).fault(), Fault::Budget);
}

/// `log.count`: 64 counters a plugin.
#[test]
fn own_counters_are_limited() {
    let bench = misbehaving("admit", "counters", 70);
    outcome(&bench, "admit").unwrap();
    let metrics = &bench.registry.list()[0].metrics;
    assert_eq!((metrics.counters.len(), metrics.counters_dropped), (64, 6));
}

/// `kv`: a plugin's quota is 16 MiB; the guest is told when it is full, and it is no fault.
#[test]
fn kv_is_limited() {
    let bench = misbehaving("admit", "kv-full", 70);
    let policies = bench.registry.policies();
    // 70 values of 60 kB a call, under keys made of the call's time.
    let outcomes: Vec<_> = (0..4)
        .map(|i| policies.ask(NOW + i, question("admit")).map(|_| ()))
        .collect();
    assert_eq!(outcomes[..3], [Ok(()), Ok(()), Ok(())]);
    let Err(PolicyError::Guest(GuestError::Other(words))) = &outcomes[3] else {
        panic!("{outcomes:?}")
    };
    assert!(words.starts_with("refused at "), "{words}");
    // What the refused call had written before is gone: there is room for less, not for none.
    let tree = Tree {
        plugin: "hostile".into(),
        state_version: 0,
    };
    let size = bench.kv.size(&tree).unwrap();
    assert!((3 * 70 * 60_000..4 * 70 * 60_000).contains(&size), "{size}");
}

/// Answers to host calls have 16 MiB a call, all together.
#[test]
fn bytes_read_are_limited() {
    let bench = misbehaving("admit", "kv-full", 70);
    outcome(&bench, "admit").unwrap();
    let settings = Settings::new(json!({"on": "grant", "act": "kv-read-all"}));
    bench.registry.configure("hostile", settings, NOW).unwrap();
    // Ten rows, so that host calls do not run out first.
    let error = bench
        .registry
        .policies()
        .grant(NOW, month(), requests(10))
        .unwrap_err();
    assert_eq!(error, PolicyError::Budget("too many bytes read".into()));
}

/// The queue holds 64 questions; one more is turned away at once.
#[test]
fn the_queue_is_bounded() {
    let bench = misbehaving("admit", "loop", 0);
    let policies = bench.registry.policies();
    let start = Barrier::new(100);
    let full = thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    policies.ask(NOW, question("admit")).unwrap_err()
                })
            })
            .collect();
        let errors = asking.into_iter().map(|thread| thread.join().unwrap());
        errors
            .filter(|error| *error == PolicyError::QueueFull)
            .count()
    });
    // 64 wait and one may be at work already.
    assert!((1..=36).contains(&full), "{full} turned away");
    assert_eq!(bench.registry.list()[0].metrics.queue, 0);
}

/// wasm notes, the sleeping guest: nothing that waits is linked to anything but a trap.
#[test]
fn sleeping_is_a_trap() {
    assert_eq!(
        fails("sleep", 3000),
        PolicyError::Trap("a plugin may not wait".into())
    );
}

/// A guest that ends its process ends its call.
#[test]
fn exiting_is_a_trap() {
    assert_eq!(fails("exit", 0).fault(), Fault::Trap);
}

/// The panic's own words reach the operator.
#[test]
fn a_panic_is_reported_in_its_own_words() {
    let PolicyError::Trap(words) = fails("panic", 0) else {
        panic!("not a trap")
    };
    assert!(words.contains("on purpose"), "{words}");
}

/// `types`: an `err` keeps the instance.
#[test]
fn an_err_is_no_fault_of_the_instance() {
    let bench = misbehaving("admit", "retry", 250);
    for _ in 0..10 {
        let error = outcome(&bench, "admit").unwrap_err();
        assert_eq!(error, PolicyError::Guest(GuestError::Retry(250)));
    }
    let status = &bench.registry.list()[0];
    assert_eq!(
        (status.metrics.restarts, status.breaker),
        (0, BreakerState::Closed)
    );
}

/// ARCHITECTURE 4: the clock stands at the call's time, and there is nothing else to see.
#[test]
fn the_world_of_a_guest_is_empty_and_repeatable() {
    let bench = misbehaving("none", "world", 0);
    let first = reason(outcome(&bench, "admit").unwrap());
    assert!(
        first.starts_with(&format!("time={NOW} env=0 args=0 dir=false stdin=")),
        "{first}"
    );
    let again = misbehaving("none", "world", 0);
    assert_eq!(reason(outcome(&again, "admit").unwrap()), first);
}

/// `kv`: what a failed call wrote is gone, whether it trapped or said `err`.
#[test]
fn a_failed_call_writes_nothing() {
    for (act, kept) in [
        ("kv-write", "Some(1)"),
        ("kv-write-err", "None"),
        ("kv-write-panic", "None"),
    ] {
        let bench = misbehaving("admit", act, 0);
        assert_eq!(outcome(&bench, "admit").is_ok(), act == "kv-write");
        bench
            .registry
            .configure("hostile", Settings::new(json!({"act": "kv-show"})), NOW)
            .unwrap();
        assert_eq!(
            reason(outcome(&bench, "admit").unwrap()),
            kept,
            "after {act}"
        );
    }
}

/// `quota.rate`: a bill must follow from its arguments, so `kv` traps in it.
#[test]
fn rating_may_not_touch_kv() {
    for act in ["kv-read", "kv-write"] {
        let bench = misbehaving("rate", act, 0);
        let error = outcome(&bench, "rate").unwrap_err();
        assert_eq!(error.fault(), Fault::Trap, "{error}");
        let bench = misbehaving("grant", act, 0);
        outcome(&bench, "grant").unwrap();
    }
}

/// W7: after five faults in a row the plugin is left alone, and callers are told at once.
#[test]
fn the_breaker_opens() {
    let bench = misbehaving("admit", "panic", 0);
    let end = Instant::now() + Duration::from_secs(20);
    while bench.registry.list()[0].breaker == BreakerState::Closed {
        assert!(outcome(&bench, "admit").is_err());
        assert!(Instant::now() < end, "it never opens");
    }
    let began = Instant::now();
    let error = outcome(&bench, "grant").unwrap_err();
    assert!(
        matches!(error, PolicyError::Breaker { retry_ms: 1..=1001 }),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_millis(50));
    let metrics = &bench.registry.list()[0].metrics;
    assert_eq!(metrics.faults["trap"], 5);
    assert!(metrics.faults["breaker"] >= 1);
    let last = metrics.last_fault.as_ref().unwrap();
    assert_eq!((last.call.as_str(), last.at), ("grant", NOW));
}

/// A half-open breaker lets one question through, and an answer closes it.
#[test]
fn the_breaker_closes_after_its_pause() {
    let bench = misbehaving("admit", "panic", 0);
    while bench.registry.list()[0].breaker == BreakerState::Closed {
        assert!(outcome(&bench, "admit").is_err());
    }
    let end = Instant::now() + Duration::from_secs(20);
    while outcome(&bench, "grant").is_err() {
        assert!(Instant::now() < end, "it never closes");
        thread::yield_now();
    }
    assert_eq!(bench.registry.list()[0].breaker, BreakerState::Closed);
}

/// A plugin that fails in `init` with new settings does not take over; the old settings stay.
#[test]
fn settings_that_do_not_start_do_not_take_over() {
    let bench = misbehaving("none", "", 0);
    for act in ["panic", "loop", "err"] {
        let settings = Settings::new(json!({"on": "start", "act": act}));
        assert!(bench.registry.configure("hostile", settings, NOW).is_err());
        outcome(&bench, "admit").unwrap();
    }
    assert!(bench.registry.policies().is_bound(Kind::Quota));
}

/// W5: thousands of traps and new instances leak nothing that is pooled.
#[test]
fn instances_are_given_back() {
    // More failures than the pool has instances; each settings change makes a fresh breaker.
    let bench = misbehaving("admit", "panic", 0);
    for i in 0..100 {
        assert!(outcome(&bench, "admit").is_err());
        let settings = json!({"on": "admit", "act": "panic", "amount": i});
        bench
            .registry
            .configure("hostile", Settings::new(settings), NOW)
            .unwrap();
    }
    outcome(&bench, "grant").unwrap();
}

/// FEATURES 1.6: every limit, and what the component uses of it, is known before activation.
#[test]
fn limits_are_shown_before_activation() {
    let report = bailiwick_plugin::offline::inspect_component(
        &common::ENGINE,
        &bailiwick_plugin::Compiler::Thread,
        &hostile("hostile"),
        &bailiwick_plugin::Grants::default(),
    );
    assert_eq!(report.problems, []);
    let limits = serde_json::to_value(report.limits).unwrap();
    assert_eq!(limits["memory-bytes"], 16 << 20);
    assert_eq!(limits["call-ms"], 100);
    assert!(report.measured.unwrap().memory_bytes > 0);
}
