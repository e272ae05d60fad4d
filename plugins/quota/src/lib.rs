//! The shipped quota policy.
//!
//! **Leases** follow what a zone is asked: enough for its traffic until the lease ends, but no more
//! than its share, by rate, of what the account's pool has left, and never less than a second's
//! traffic or `units_min`. So a busy zone cannot take the pool from the others, the plugin is asked
//! seldom, and answering never stops: above the allowance leases go on and queries are charged.
//!
//! **Rating** prices a month from the host's totals alone: blocks of queries begun above the pooled
//! allowance, zones above the plan's number at the month's peak. Attack traffic is shown, not billed.
//!
//! Nothing is kept between calls, so there is nothing to lose.

mod alerts;
mod lease;
mod rating;
mod settings;

use bailiwick_plugin_sdk::quota::{Bill, Lease, MonthUsage, PlanSpan, Quota, Request};
use bailiwick_plugin_sdk::{Call, Error, Manifest, Month, Plugin, export};

use crate::settings::Settings;

/// The plugin; without memory.
#[derive(Debug)]
struct Policy;

const SCHEMA: &str = include_str!("../settings.schema.json");

impl Plugin for Policy {
    type Settings = Settings;

    const MANIFEST: Manifest = Manifest {
        capabilities: &[(
            "import.config",
            "prices, rounding and the length of leases are settings",
        )],
        settings_schema: SCHEMA,
        ..Manifest::new(
            "quota",
            env!("CARGO_PKG_VERSION"),
            "Leases by pool, allowance and rate; a month is charged by the block begun.",
        )
    };

    fn start(_: &Call<Settings>) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Quota for Policy {
    fn grant(
        &mut self,
        call: &Call<Settings>,
        month: &Month,
        requests: &[Request],
    ) -> Result<Vec<Lease>, Error> {
        Ok(lease::grant(call.settings(), call.now, month, requests))
    }

    fn rate(
        &mut self,
        call: &Call<Settings>,
        plans: &[PlanSpan],
        usage: &MonthUsage,
    ) -> Result<Bill, Error> {
        rating::rate(call.settings(), call.now, plans, usage)
    }
}

export!(Policy: quota);
