//! Answers that a host takes, or just does not.

use bailiwick_plugin_sdk::abuse::{Change, Effect, Limit, Matcher, Rule};
use bailiwick_plugin_sdk::brand_ns::{Ask, Host, Plan};
use bailiwick_plugin_sdk::quota::{Bill, Charge, Fallback, Lease, Weights};
use bailiwick_plugin_sdk::{Action, Ruling, Verdict};

pub(crate) fn lease(reason: String) -> Lease {
    Lease {
        units: 1000,
        ttl_ms: 1000,
        low_water: Some(100),
        weights: Weights {
            base: 1,
            nxdomain: 0,
            any: 0,
            tcp: 0,
            signed: 0,
            per_kib_out: 0,
        },
        on_empty: Action::Allow,
        on_failure: Fallback::Native,
        reason,
    }
}

pub(crate) fn bill(amount: i64, reason: String) -> Bill {
    Bill {
        currency: "USD".into(),
        charges: vec![Charge {
            code: "queries-over".into(),
            zone: None,
            basis: "pool.answered".into(),
            quantity: 1,
            per: 100_000,
            unit_price: 500,
            amount,
            explanation: "one block begun".into(),
            extra: vec![],
        }],
        alerts: vec![],
        reason,
        extra: vec![],
    }
}

pub(crate) fn ruling(bad: bool, reason: String) -> Ruling {
    // To refuse without saying why.
    let verdict = if bad {
        Verdict::Refuse(vec![])
    } else {
        Verdict::Accept
    };
    Ruling {
        verdict,
        notes: vec![],
        reason,
        extra: vec![],
    }
}

pub(crate) fn rule(ttl_ms: u32, reason: String) -> Change {
    Change::Put(Rule {
        id: 1,
        when: Matcher {
            source: None,
            zone: Some(1),
            suffix: None,
            rr_type: None,
            transport: None,
            nodes: vec![],
            extra: vec![],
        },
        then: Effect::Limit(Limit {
            per_second: 10,
            burst: 10,
            v4_len: 24,
            v6_len: 56,
            over: Action::Drop,
        }),
        priority: 0,
        ttl_ms,
        attack: true,
        dry_run: false,
        category: None,
        reason,
        extra: vec![],
    })
}

pub(crate) fn plan(ask: &Ask, bad: bool, reason: String) -> Plan {
    let name = if bad {
        "ns1.elsewhere.test.".to_owned()
    } else {
        format!("ns1.{}", ask.zone.apex)
    };
    let node = ask.servers.first().map_or(0, |server| server.node);
    Plan {
        ns: vec![name.clone()],
        ns_ttl: 3600,
        mname: name.clone(),
        rname: format!("hostmaster.{}", ask.zone.apex),
        hosts: vec![Host {
            name,
            node,
            ttl: 3600,
        }],
        actions: vec![],
        reason,
        extra: vec![],
    }
}
