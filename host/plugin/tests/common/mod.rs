//! What the tests of the plugin host share: a registry on a temporary folder, components, questions.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bailiwick_plugin::facts::NoFacts;
use bailiwick_plugin::kv::MemoryKv;
use bailiwick_plugin::question::Question;
use bailiwick_plugin::registry::{Registry, RegistryOptions};
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::store::MemoryVersions;
use bailiwick_plugin::types::quota::{AskReason, Request};
use bailiwick_plugin::types::{Month, Usage};
use bailiwick_plugin::{Compiler, Engine, Grants};

/// 2026-09-01T00:00:00Z.
pub const NOW: u64 = 1_788_220_800_000;

pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().unwrap());

/// A shipped component.
pub fn shipped(name: &str) -> Vec<u8> {
    component("../../plugins/prebuilt", name)
}

/// A component that misbehaves.
pub fn hostile(name: &str) -> Vec<u8> {
    component("../../tests/guests/prebuilt", name)
}

fn component(folder: &str, name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A registry and what is behind it.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub versions: Arc<MemoryVersions>,
    pub kv: Arc<MemoryKv>,
    pub registry: Arc<Registry>,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let versions = Arc::new(MemoryVersions::default());
        let kv = Arc::new(MemoryKv::default());
        let registry = Arc::new(open(&dir, &versions, &kv));
        Self {
            dir,
            versions,
            kv,
            registry,
        }
    }

    /// The same data in a new process, so to speak.
    pub fn reopened(self) -> Self {
        let Self {
            dir,
            versions,
            kv,
            registry,
        } = self;
        drop(registry);
        let registry = Arc::new(open(&dir, &versions, &kv));
        Self {
            dir,
            versions,
            kv,
            registry,
        }
    }

    pub fn install(&self, bytes: &[u8]) -> String {
        self.registry
            .install(bytes, &Grants::default(), NOW)
            .unwrap()
            .sha256
    }

    /// Installs and activates with these settings; gives the plugin's name.
    pub fn put_in_force(&self, bytes: &[u8], settings: serde_json::Value) -> String {
        let installed = self
            .registry
            .install(bytes, &Grants::default(), NOW)
            .unwrap();
        self.registry
            .activate(&installed.plugin, Some(&installed.sha256), NOW)
            .unwrap();
        if settings != serde_json::json!({}) {
            self.registry
                .configure(&installed.plugin, Settings::new(settings), NOW)
                .unwrap();
        }
        installed.plugin
    }
}

fn open(dir: &tempfile::TempDir, versions: &Arc<MemoryVersions>, kv: &Arc<MemoryKv>) -> Registry {
    let options = RegistryOptions {
        engine: ENGINE.clone(),
        dir: dir.path().join("plugins"),
        compiler: Compiler::Thread,
        versions: versions.clone(),
        kv: kv.clone(),
        facts: Arc::new(NoFacts),
    };
    Registry::open(options, NOW).unwrap()
}

pub fn month() -> Month {
    Month {
        id: "2026-09".into(),
        start: NOW,
        end: NOW + 30 * 86_400_000,
    }
}

/// Requests for leases, for zones 1 to n.
pub fn requests(n: u64) -> Vec<Request> {
    (1..=n)
        .map(|zone| Request {
            zone,
            node: 1,
            account: 1,
            plan: "basic".into(),
            reason: AskReason::LowWater,
            remaining: 10,
            rate_milli: 5_000_000,
            pool_rate_milli: 50_000_000,
            zone_month: Usage {
                answered: 900,
                ..Usage::default()
            },
            pool_month: Usage {
                answered: 9000,
                ..Usage::default()
            },
            pool_leased: 0,
            allowance: 1_000_000,
        })
        .collect()
}

/// The hostile guest in force, doing `act` when `on` is called.
pub fn misbehaving(on: &str, act: &str, amount: u64) -> Bench {
    let bench = Bench::new();
    let settings = serde_json::json!({"on": on, "act": act, "amount": amount});
    bench.put_in_force(&hostile("hostile"), settings);
    bench
}

/// A question for the function of that name that any plugin can answer.
pub fn question(call: &str) -> Question {
    let zone = serde_json::json!({
        "zone": 1, "apex": "example.", "kind": "hosted", "account": 1, "plan": "basic",
        "serial": 1, "records": 10, "signed": false, "created": 0
    });
    let account = serde_json::json!({
        "account": 1, "plan": "basic", "created": 0, "activated": true, "zones": 1, "held": 0,
        "cases": 0
    });
    let ask = serde_json::json!({
        "cause": "asked", "zone": zone, "account": account, "wanted": [],
        "servers": [{"node": 1, "fleet-name": "a.fleet.test.", "v4": [3_221_225_985_u32], "v6": []}]
    });
    let policy = serde_json::json!({
        "sign": false, "keys": [], "denial": "nsec", "validity-s": 0, "refresh-s": 0,
        "jitter-s": 0, "inception-offset-s": 0, "dnskey-ttl": 0, "ttl-max": 0,
        "publish-cds": false, "cds-digests": [], "parent-propagation-s": 0,
        "zone-propagation-s": 0
    });
    let plan = serde_json::json!({
        "name": "basic", "queries": 1_000_000, "zones": 10, "currency": "USD"
    });
    let month = serde_json::to_value(month()).unwrap();
    let arguments = match call {
        "grant" => serde_json::json!({"month": month, "requests": requests(1)}),
        "rate" => serde_json::json!({
            "plans": [{"start": NOW, "end": NOW + 1, "plan": plan}],
            "usage": {
                "account": 1, "month": month, "closed": true, "pool": {"answered": 5},
                "zones-peak": 1
            }
        }),
        "admit" => serde_json::json!({"subject": {"other": {"kind": "test"}}}),
        "inspect" => serde_json::json!({
            "window": {"id": 1, "node": 1, "start": NOW, "end": NOW + 1000, "total": {}}
        }),
        "check" | "plan-zone" => serde_json::json!({"ask": ask}),
        "policy-for" => serde_json::json!({"zone": zone}),
        "next-steps" => serde_json::json!({
            "zone": zone,
            "chain": {"policy": policy, "keys": [], "ds-ttl": null, "ttl-longest": 0}
        }),
        other => panic!("no such call: {other}"),
    };
    Question::from_json(call, arguments).unwrap()
}
