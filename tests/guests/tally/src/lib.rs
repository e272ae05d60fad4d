//! Counts its calls in `kv` and gives the count as the reason of each lease.

use bailiwick_plugin_sdk::quota::{
    Bill, Fallback, Lease, MonthUsage, PlanSpan, Quota, Request, Weights,
};
use bailiwick_plugin_sdk::{Action, Call, Error, Manifest, Month, NoSettings, Plugin, export, kv};

#[derive(Debug)]
struct Tally;

impl Plugin for Tally {
    type Settings = NoSettings;
    const MANIFEST: Manifest = Manifest {
        state_version: 1,
        capabilities: &[("import.kv-read", "the count"), ("import.kv", "the count")],
        ..Manifest::new("tally", "1.0.0", "Counts its calls.")
    };
    fn start(_: &Call<NoSettings>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Quota for Tally {
    fn grant(
        &mut self,
        _: &Call<NoSettings>,
        _: &Month,
        requests: &[Request],
    ) -> Result<Vec<Lease>, Error> {
        let count = kv::add("calls", 1).map_err(|error| Error::Other(format!("{error:?}")))?;
        Ok(requests
            .iter()
            .map(|_| lease(format!("v1 {count}")))
            .collect())
    }
    fn rate(
        &mut self,
        _: &Call<NoSettings>,
        plans: &[PlanSpan],
        _: &MonthUsage,
    ) -> Result<Bill, Error> {
        let currency = plans
            .last()
            .map(|span| span.plan.currency.clone())
            .unwrap_or_default();
        Ok(Bill {
            currency,
            charges: vec![],
            alerts: vec![],
            reason: String::new(),
            extra: vec![],
        })
    }
}

fn lease(reason: String) -> Lease {
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

export!(Tally: quota);
