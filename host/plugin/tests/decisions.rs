//! The four shipped components, asked as `bailiwick plugin run` asks them: JSON in, JSON out. What
//! they decide is tested natively beside their sources; here it is shown that the components decide
//! the same, within the default limits, and that the host takes what they say.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::PathBuf;
use std::sync::LazyLock;

use bailiwick_plugin::offline::{Offline, inspect_component};
use bailiwick_plugin::question::Question;
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::{Compiler, Engine, Grants};
use serde_json::{Value, json};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().unwrap());

/// 2026-09-01T00:00:00Z.
const NOW: u64 = 1_788_220_800_000;
const DAY_MS: u64 = 86_400_000;

fn component(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins/prebuilt");
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap()
}

fn start(name: &str, settings: Value) -> Offline {
    let settings = Settings::new(settings);
    let grants = Grants::default();
    Offline::start(
        &ENGINE,
        &Compiler::Thread,
        &component(name),
        &grants,
        settings,
        NOW,
    )
    .unwrap()
}

/// The answer as JSON, without the name of the call.
fn ask(plugin: &mut Offline, now: u64, call: &str, arguments: Value) -> Value {
    let question = Question::from_json(call, arguments).unwrap();
    let reply = plugin.ask(now, question).outcome.unwrap();
    serde_json::to_value(reply).unwrap()[call].clone()
}

fn usage(answered: u64, attack: u64) -> Value {
    json!({
        "answered": answered, "refused": 0, "malformed": 0, "limited": 0, "attack": attack,
        "probe": 0, "control": 0, "internal": 0, "suspended": 0, "other": 0,
    })
}

fn month() -> Value {
    json!({"id": "2026-09", "start": NOW, "end": NOW + 30 * DAY_MS})
}

/// Small, quick, and nothing imported that is not declared: each would be installed.
#[test]
fn shipped_components_are_installable_and_small() {
    for name in ["quota", "abuse", "brand-ns", "dnssec-policy"] {
        let bytes = component(name);
        let report = inspect_component(&ENGINE, &Compiler::Thread, &bytes, &Grants::default());
        assert_eq!(report.problems, [], "{name}");
        assert!(report.size <= 2 << 20, "{name}: {} bytes", report.size);
        let measured = report.measured.unwrap();
        assert!(measured.memory_bytes <= 16 << 20, "{name}: {measured:?}");
        assert_eq!(report.manifest.unwrap().kinds, [name]);
    }
}

fn requests(number: u64) -> Vec<Value> {
    let request = |zone| {
        json!({
            "zone": zone, "node": 1, "account": zone % 7, "plan": "basic", "reason": "low-water",
            "remaining": 10, "rate-milli": zone * 1000, "pool-rate-milli": 9_000_000,
            "zone-month": usage(5, 0), "pool-month": usage(5, 0), "pool-leased": 0,
            "allowance": u64::MAX,
        })
    };
    (1..=number).map(request).collect()
}

/// A full batch gets a lease each, within the length that was set.
#[test]
fn quota_grants_full_batches() {
    let mut quota = start("quota", json!({"lease_ms": 900}));
    let arguments = json!({"month": month(), "requests": requests(1024)});
    let leases = ask(&mut quota, NOW, "grant", arguments);
    let leases = leases.as_array().unwrap();
    assert_eq!(leases.len(), 1024);
    for lease in leases {
        assert!(lease["ttl-ms"].as_u64().unwrap() <= 900);
        assert!(lease["units"].as_u64().unwrap() >= 1000);
        assert_eq!(lease["on-empty"], "allow");
    }
}

fn owed(quota: &mut Offline, answered: u64, zones_peak: u32) -> Vec<(String, i64)> {
    let plan = json!({
        "name": "basic", "queries": 1_000_000, "zones": 10, "currency": "USD", "spend-cap": null,
        "extra": [],
    });
    let detail = json!({
        "nxdomain": 0, "nodata": 0, "tcp": 0, "encrypted": 0, "signed": 0, "bytes-in": 0,
        "bytes-out": 0,
    });
    let zones = json!({
        "zone": [1], "answered": [answered], "limited": [0], "attack": [7], "left-out": 0,
        "extra": [],
    });
    let month_usage = json!({
        "account": 1, "month": month(), "closed": true, "pool": usage(answered, 7_000_000),
        "detail": detail, "zones-peak": zones_peak, "zones": zones, "days": [], "late": [],
        "extra": [],
    });
    let plans = json!([{"start": NOW, "end": NOW + 30 * DAY_MS, "plan": plan}]);
    let bill = ask(
        quota,
        NOW + 30 * DAY_MS,
        "rate",
        json!({"plans": plans, "usage": month_usage}),
    );
    assert_eq!(bill["currency"], "USD");
    let charges = bill["charges"].as_array().unwrap();
    let line = |charge: &Value| {
        (
            charge["code"].as_str().unwrap().to_owned(),
            charge["amount"].as_i64().unwrap(),
        )
    };
    charges.iter().map(line).collect()
}

/// P1.2, P1.3: excess 0 → $0, 1 → $5, 100,000 → $5, 100,001 → $10; $25 for a zone above; attack
/// traffic costs nothing.
#[test]
fn quota_rates_a_month_exactly() {
    let mut quota = start("quota", json!({}));
    let mut queries = |excess: u64| owed(&mut quota, 1_000_000 + excess, 10);
    let over = |amount| vec![("queries-over".to_owned(), amount)];
    assert_eq!(queries(0), []);
    assert_eq!(queries(1), over(500));
    assert_eq!(queries(100_000), over(500));
    assert_eq!(queries(100_001), over(1000));
    assert_eq!(owed(&mut quota, 0, 12), [("zones-over".to_owned(), 5000)]);
    let huge = owed(&mut quota, 1 << 63, 1);
    assert_eq!(
        huge[0].1,
        i64::try_from(((1_u128 << 63) - 1_000_000).div_ceil(100_000) * 500).unwrap()
    );
}

/// A window of one second with a flood of random names from one prefix.
fn window(start: u64) -> Value {
    let v4 = |a: u64, b: u64| json!({"family": "v4", "hi": (a << 24 | b << 16) << 32, "lo": 0, "len": 24});
    json!({"window": {
        "id": 1, "node": 1, "start": start, "end": start + 1000, "total": usage(5050, 0),
        "sources": {
            "source": [v4(127, 1), v4(127, 2)], "queries": [5000, 50], "nxdomain": [5000, 2],
            "limited": [0, 0], "any": [0, 0], "tcp": [0, 0], "bytes-in": [200_000, 2000],
            "bytes-out": [550_000, 5000], "distinct-names": [3000, 40], "distinct-zones": [1, 1],
            "main-zone": [0, 0], "extra": [],
        },
        "names": {
            "zone": [7], "suffix": ["example."], "queries": [5050], "nxdomain": [5002],
            "distinct-sources": [2], "distinct-labels": [3000], "extra": [],
        },
        "zones": {
            "zone": [7], "queries": [5050], "nxdomain": [5002], "limited": [0],
            "distinct-sources": [2], "bytes-in": [202_000], "bytes-out": [555_000], "extra": [],
        },
        "hits": {"rule": [], "matched": []},
    }})
}

/// The source gets a rule with an end, the quiet client none; and the plugin remembers it, so the
/// next window does not put it again.
#[test]
fn abuse_limits_the_source_of_a_flood() {
    let mut abuse = start("abuse", json!({}));
    let changes = ask(&mut abuse, NOW + 1000, "inspect", window(NOW));
    let [change] = &changes.as_array().unwrap()[..] else {
        panic!("{changes}")
    };
    let rule = &change["put"];
    assert_eq!(
        rule["when"]["source"]["hi"],
        (127_u64 << 24 | 1 << 16) << 32
    );
    assert_eq!(rule["when"]["suffix"], "example.");
    assert_eq!(rule["attack"], true);
    assert_eq!(rule["ttl-ms"], 10_000);
    assert_eq!(
        ask(&mut abuse, NOW + 2000, "inspect", window(NOW + 1000)),
        json!([])
    );
}

fn account() -> Value {
    json!({
        "account": 1, "plan": "basic", "created": 0, "activated": true, "zones": 1, "held": 0,
        "cases": 0, "tags": [], "extra": [],
    })
}

/// S10: a look-alike is held under its category; a public suffix is refused; the rest is let in.
#[test]
fn abuse_judges_claims() {
    let mut abuse = start("abuse", json!({}));
    let mut claim = |apex: &str, registrable: Option<&str>| {
        let claim = json!({
            "zone": 1, "apex": apex, "registrable": registrable, "kind": "hosted",
            "account": account(),
            "network": {"family": "v4", "hi": 0, "lo": 0, "len": 24}, "primaries": [], "rivals": 0,
            "parent-ns": [], "extra": [],
        });
        ask(
            &mut abuse,
            NOW,
            "admit",
            json!({"subject": {"zone-claim": claim}}),
        )["verdict"]
            .clone()
    };
    let held = claim("paypa1-login.com.", Some("paypa1-login.com."));
    assert_eq!(held["hold"][0]["code"], "name-with-keyword");
    assert_eq!(held["hold"][0]["category"], "trademark-copyright");
    assert_eq!(claim("co.uk.", None)["refuse"][0]["code"], "public-suffix");
    assert_eq!(
        claim("little-shop.com.", Some("little-shop.com.")),
        "accept"
    );
}

fn zone() -> Value {
    json!({
        "zone": 1, "apex": "example.com.", "kind": "hosted", "account": 1, "plan": "basic",
        "serial": 1, "records": 101, "signed": false, "created": 0, "tags": [], "extra": [],
    })
}

/// P4.1, P4.2: names below the apex with the nodes' addresses, or the name of the rule.
#[test]
fn brand_ns_plans_and_refuses() {
    let mut brand = start("brand-ns", json!({}));
    let server = |node: u32| {
        json!({
            "node": node, "fleet-name": format!("n{node}.fleet.net."), "v4": [3_221_225_984_u32 + node],
            "v6": [{"hi": 0x2001_0DB8_0000_0000_u64, "lo": node}],
        })
    };
    let mut plan = |wanted: Value| {
        let ask_for = json!({
            "cause": "asked", "zone": zone(), "account": account(), "wanted": wanted,
            "servers": [server(1), server(2)], "taken": [], "present": null,
            "present-servers": [], "parent-ns": [], "extra": [],
        });
        ask(&mut brand, NOW, "plan-zone", json!({"ask": ask_for}))
    };
    let planned = plan(json!([]));
    assert_eq!(
        planned["plan"]["ns"],
        json!(["ns1.example.com.", "ns2.example.com."])
    );
    assert_eq!(planned["plan"]["hosts"][1]["node"], 2);
    let refused = plan(json!(["ns1.example.com.", "ns1.example.org."]));
    assert_eq!(refused["refuse"][0]["code"], "outside-zone");
}

/// P3.1, P3.3: each preset gives its algorithm, and the first keys are proposed.
#[test]
fn dnssec_policy_gives_policies_and_steps() {
    for (preset, algorithm) in [
        ("standard", 13),
        ("conservative", 8),
        ("large-delegation", 15),
    ] {
        let mut dnssec = start("dnssec-policy", json!({"preset": preset}));
        let policy = ask(&mut dnssec, NOW, "policy-for", json!({"zone": zone()}));
        assert_eq!(policy["keys"][0]["algorithm"], algorithm);
        assert_eq!(policy["notes"][0]["code"], "slower-changes");
        let chain = json!({
            "policy": policy, "keys": [], "ds-ttl": null, "ttl-longest": 3600, "extra": [],
        });
        let steps = ask(
            &mut dnssec,
            NOW,
            "next-steps",
            json!({"zone": zone(), "chain": chain}),
        );
        assert_eq!(steps["steps"].as_array().unwrap().len(), 2);
        assert_eq!(steps["steps"][0]["generate"]["algorithm"], algorithm);
    }
}
