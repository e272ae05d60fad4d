//! Policies and the tables they fill: the loops that ask plugins and put in force what they say.
//!
//! ```text
//!   meter ── wants ──► leases ──► quota ──► leases in force     (every 50 ms)
//!   meter ── window ─► window ──► abuse ──► rules in force      (every second)
//!   zones ───────────► zones ───► brand-ns, dnssec-policy ──► NS sets, signing policies
//! ```
//!
//! Each loop has a thread of its own, so that a slow `abuse` never delays a lease. When a plugin fails
//! nothing is taken away: leases and rules go on until they end by themselves, an NS set stays, and the
//! loop asks again soon. The query path knows nothing of all this; it reads tables.

mod brand;
mod convert;
pub(crate) mod facts;
mod judge;
mod leases;
mod month;
mod report;
#[cfg(test)]
mod tests;
mod totals;
mod window;
mod zones;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bailiwick_meter::{Fallback, Meter};
use bailiwick_plugin::types::{AccountId, NodeId, ZoneId};
use bailiwick_zone::Name;
use sha2::{Digest, Sha256};

use crate::inner::Inner;
use crate::live::Lock;

pub use judge::Judge;
pub(crate) use report::report;
pub use report::{BrandReport, CaseReport, RuleReport, SigningReport, TablesReport};

/// What the policy loops need.
pub struct PolicyOptions {
    /// Whom to ask.
    pub judge: Arc<dyn Judge>,
    /// Where traffic is counted and tables are read.
    pub meter: Arc<Meter>,
    /// This node.
    pub node: NodeId,
    /// The name servers that brands may stand for.
    pub fleet: Vec<FleetServer>,
    /// What holds when a lease ended and no other came; none: as the plugin's lease said.
    pub on_failure: Option<Fallback>,
    /// Hours east of UTC of the service's months (P7.7).
    pub month_offset_hours: i8,
}

impl PolicyOptions {
    /// One node, no fleet, months of UTC+10.
    pub fn new(judge: Arc<dyn Judge>, meter: Arc<Meter>) -> Self {
        Self {
            judge,
            meter,
            node: 1,
            fleet: Vec::new(),
            on_failure: None,
            month_offset_hours: 10,
        }
    }
}

/// A name server of ours under its own name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FleetServer {
    /// Its number in requests and plans.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What the operator says about a zone, for policies to go by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ZonePolicy {
    /// Whose it is: zones of one account share its pool.
    pub account: String,
    /// That account's plan.
    pub plan: String,
    /// Queries a month that the plan includes; `u64::MAX` is no limit.
    pub allowance: u64,
    /// Names of its name servers under its own name, relative to the apex; empty: no brand.
    pub brand: Vec<String>,
    /// Ask how it is to be signed.
    pub signing: bool,
}

impl Default for ZonePolicy {
    /// The operator's own zone: no limit, no brand.
    fn default() -> Self {
        Self {
            account: "operator".to_owned(),
            plan: "default".to_owned(),
            allowance: u64::MAX,
            brand: Vec::new(),
            signing: false,
        }
    }
}

/// The number by which plugins know a zone. It is the same after a restart.
pub fn zone_id(name: &Name) -> ZoneId {
    stable_id(b"zone", name.to_lowercase().as_wire())
}

/// The number by which plugins know an account. It is the same after a restart.
pub fn account_id(name: &str) -> AccountId {
    stable_id(b"account", name.as_bytes())
}

/// The first 63 bits of a hash; never zero, which means "not known".
fn stable_id(domain: &[u8], name: &[u8]) -> u64 {
    let hash = Sha256::new()
        .chain_update(domain)
        .chain_update([0])
        .chain_update(name)
        .finalize();
    let first = hash
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (first >> 1).max(1)
}

/// The loops and what they know.
pub(crate) struct Loops {
    pub(crate) options: PolicyOptions,
    pub(crate) totals: Lock<totals::Totals>,
    pub(crate) leases: Lock<leases::LeaseBook>,
    pub(crate) rules: Lock<window::RuleBook>,
    pub(crate) zones: Lock<zones::ZoneTables>,
    stop: AtomicBool,
    pause: (Mutex<()>, Condvar),
}

impl Loops {
    /// Starts the loops on threads of their own.
    pub(crate) fn start(inner: &Arc<Inner>, options: PolicyOptions) -> std::io::Result<Arc<Self>> {
        let loops = Arc::new(Self {
            totals: Lock::new(totals::Totals::new(options.month_offset_hours)),
            leases: Lock::default(),
            rules: Lock::default(),
            zones: Lock::new(zones::ZoneTables::load(inner)),
            options,
            stop: AtomicBool::new(false),
            pause: (Mutex::new(()), Condvar::new()),
        });
        loops.spawn(inner, "leases", LEASE_PAUSE, leases::round)?;
        loops.spawn(inner, "windows", WINDOW_PAUSE, window::round)?;
        loops.spawn(inner, "zone-policies", ZONE_PAUSE, zones::round)?;
        Ok(loops)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.pause.1.notify_all();
    }

    fn spawn(
        self: &Arc<Self>,
        inner: &Arc<Inner>,
        name: &str,
        pause: Duration,
        round: fn(&Inner, &Self),
    ) -> std::io::Result<()> {
        let (loops, inner) = (Arc::clone(self), Arc::downgrade(inner));
        let run = move || {
            while !loops.stop.load(Ordering::Relaxed) {
                let Some(inner) = inner.upgrade() else { return };
                // A panic in one round is a bug, and no reason to never hand out a lease again.
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    round(&inner, &loops)
                }));
                if done.is_err() {
                    tracing::error!("a round of a policy loop panicked; the next one goes on");
                }
                drop(inner);
                loops.rest(pause);
            }
        };
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map(drop)
    }

    /// Sleeps, unless the end has come.
    fn rest(&self, pause: Duration) {
        let guard = self.pause.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.stop.load(Ordering::Relaxed) {
            drop(self.pause.1.wait_timeout(guard, pause));
        }
    }
}

/// What the operator said about zones; those not listed are the operator's own.
#[derive(Debug, Default)]
pub(crate) struct ZonePolicies {
    by_name: BTreeMap<Name, Arc<ZonePolicy>>,
    own: Arc<ZonePolicy>,
}

impl ZonePolicies {
    pub(crate) fn set(&mut self, name: Name, policy: ZonePolicy) -> bool {
        if policy == ZonePolicy::default() {
            return self.by_name.remove(&name).is_some();
        }
        let before = self.by_name.insert(name, Arc::new(policy.clone()));
        before.is_none_or(|before| *before != policy)
    }

    pub(crate) fn of(&self, name: &Name) -> Arc<ZonePolicy> {
        Arc::clone(self.by_name.get(name).unwrap_or(&self.own))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<ZonePolicy>)> {
        self.by_name.iter()
    }
}

/// A lease is there within this and the plugin's own time.
const LEASE_PAUSE: Duration = Duration::from_millis(50);
const WINDOW_PAUSE: Duration = Duration::from_secs(1);
const ZONE_PAUSE: Duration = Duration::from_millis(250);
