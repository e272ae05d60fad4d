//! A plugin of every kind that does, where and when its settings say, one thing that a plugin must
//! not do; otherwise it answers sensibly.

mod acts;
mod sensible;

use bailiwick_plugin_sdk::abuse::{Abuse, Change, Subject, Window};
use bailiwick_plugin_sdk::brand_ns::{Ask, BrandNs, Outcome};
use bailiwick_plugin_sdk::dnssec_policy::{Chain, DnssecPolicy, Policy, Step, Steps};
use bailiwick_plugin_sdk::quota::{Bill, Lease, MonthUsage, PlanSpan, Quota, Request};
use bailiwick_plugin_sdk::{Call, Error, Manifest, Month, Plugin, Ruling, ZoneFacts, export};

/// What to do, and where.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// The function to do it in; `start` for `init`.
    pub on: String,
    /// What: see `acts.rs`.
    pub act: String,
    /// How much of it.
    pub amount: u64,
    /// Comes back in the reason of each answer.
    pub mark: String,
}

#[derive(Debug)]
struct Hostile;

impl Plugin for Hostile {
    type Settings = Settings;

    const MANIFEST: Manifest = Manifest {
        capabilities: &[
            ("import.config", "says what to do"),
            ("import.log", "is flooded"),
            ("import.kv-read", "is read where it must not be"),
            ("import.kv", "is written before a trap"),
        ],
        settings_schema: r#"{
            "type": "object",
            "properties": {
                "on": {"type": "string"}, "act": {"type": "string"},
                "amount": {"type": "integer", "minimum": 0}, "mark": {"type": "string"}
            },
            "additionalProperties": false
        }"#,
        ..Manifest::new("hostile", "0.1.0", "Misbehaves on demand.")
    };

    fn start(call: &Call<Settings>) -> Result<Self, Error> {
        acts::act("start", call)?;
        Ok(Self)
    }
}

impl Quota for Hostile {
    fn grant(
        &mut self,
        call: &Call<Settings>,
        _: &Month,
        requests: &[Request],
    ) -> Result<Vec<Lease>, Error> {
        let bad = acts::act("grant", call)?;
        let count = if bad {
            requests.len() + 1
        } else {
            requests.len()
        };
        Ok((0..count)
            .map(|_| sensible::lease(acts::reason(call)))
            .collect())
    }

    fn rate(
        &mut self,
        call: &Call<Settings>,
        _: &[PlanSpan],
        _: &MonthUsage,
    ) -> Result<Bill, Error> {
        let bad = acts::act("rate", call)?;
        Ok(sensible::bill(
            if bad { -1 } else { 500 },
            acts::reason(call),
        ))
    }
}

impl Abuse for Hostile {
    fn admit(&mut self, call: &Call<Settings>, _: &Subject) -> Result<Ruling, Error> {
        let bad = acts::act("admit", call)?;
        Ok(sensible::ruling(bad, acts::reason(call)))
    }

    fn inspect(&mut self, call: &Call<Settings>, _: &Window) -> Result<Vec<Change>, Error> {
        let bad = acts::act("inspect", call)?;
        Ok(vec![sensible::rule(
            if bad { 0 } else { 5000 },
            acts::reason(call),
        )])
    }
}

impl BrandNs for Hostile {
    fn check(&mut self, call: &Call<Settings>, _: &Ask) -> Result<Ruling, Error> {
        let bad = acts::act("check", call)?;
        Ok(sensible::ruling(bad, acts::reason(call)))
    }

    fn plan_zone(&mut self, call: &Call<Settings>, ask: &Ask) -> Result<Outcome, Error> {
        let bad = acts::act("plan-zone", call)?;
        Ok(Outcome::Plan(sensible::plan(ask, bad, acts::reason(call))))
    }
}

impl DnssecPolicy for Hostile {
    fn policy_for(&mut self, call: &Call<Settings>, _: &ZoneFacts) -> Result<Policy, Error> {
        let bad = acts::act("policy-for", call)?;
        let mut policy = Policy::unsigned(acts::reason(call));
        // To sign without a key.
        policy.sign = bad;
        Ok(policy)
    }

    fn next_steps(
        &mut self,
        call: &Call<Settings>,
        _: &ZoneFacts,
        _: &Chain,
    ) -> Result<Steps, Error> {
        let bad = acts::act("next-steps", call)?;
        // A key that nobody has.
        let steps = if bad {
            vec![Step::Remove(u64::MAX)]
        } else {
            vec![]
        };
        Ok(Steps {
            steps,
            next: None,
            reason: acts::reason(call),
        })
    }
}

export!(Hostile: quota, abuse, brand_ns, dnssec_policy);
