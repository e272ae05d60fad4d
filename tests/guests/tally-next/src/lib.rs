//! The next version of `tally`: it keeps its count as JSON under another key, and takes over what the
//! version before has counted.

use bailiwick_plugin_sdk::quota::{
    Bill, Fallback, Lease, MonthUsage, PlanSpan, Quota, Request, Weights,
};
use bailiwick_plugin_sdk::{
    Action, Call, Error, Manifest, Month, NoSettings, Plugin, UnixMs, export, kv,
};

#[derive(Debug)]
struct Tally;

impl Plugin for Tally {
    type Settings = NoSettings;
    const MANIFEST: Manifest = Manifest {
        state_version: 2,
        capabilities: &[("import.kv-read", "the count"), ("import.kv", "the count")],
        ..Manifest::new("tally", "2.0.0", "Counts its calls, in another form.")
    };
    fn start(_: &Call<NoSettings>) -> Result<Self, Error> {
        Ok(Self)
    }
    fn migrate(_: u32, _: UnixMs) -> Result<(), Error> {
        let count = kv::add("calls", 0).map_err(failed)?;
        kv::remove("calls");
        kv::write("count", &count, 0).map_err(failed)
    }
}

impl Quota for Tally {
    fn grant(
        &mut self,
        _: &Call<NoSettings>,
        _: &Month,
        requests: &[Request],
    ) -> Result<Vec<Lease>, Error> {
        let count = kv::read::<i64>("count").unwrap_or_default() + 1;
        kv::write("count", &count, 0).map_err(failed)?;
        Ok(requests
            .iter()
            .map(|_| lease(format!("v2 {count}")))
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

fn failed(error: kv::KvError) -> Error {
    Error::Other(format!("{error:?}"))
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
