//! The lease loop: what the meter wants is asked of `quota` in batches and put in force.
//!
//! A want that got no answer is kept and asked again, at most half a second later, so that a plugin that
//! has recovered gives fresh leases within a second. Meanwhile the lease in force, or its fallback, holds:
//! the meter sees to that by itself.

use std::collections::HashMap;
use std::time::Duration;

use bailiwick_meter::{LeaseGrant, LeaseWant, Tick};
use bailiwick_plugin::types::quota::{Lease, Request};
use bailiwick_plugin::types::{AccountId, ZoneId};
use bailiwick_plugin::{Kind, PolicyError};

use super::{Loops, account_id, convert};
use crate::inner::Inner;

/// No lease holds longer, whatever a plugin says: a slot rests longer than this before it is reused.
pub(crate) const LEASE_TTL_MAX_MS: u32 = 3_600_000;
/// Requests in one call (the WIT's bound).
const BATCH_MAX: usize = 1024;
const RETRY_PAUSE: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_millis(500);

/// What the loop remembers between rounds.
#[derive(Debug, Default)]
pub(crate) struct LeaseBook {
    /// Wants without an answer yet.
    open: HashMap<u32, LeaseWant>,
    /// Units and end of leases handed out, by slot.
    given: HashMap<u32, Given>,
    failures: u32,
    not_before: Tick,
    /// How many tables of leases were put in force.
    pub(crate) generation: u64,
    pub(crate) granted: u64,
    pub(crate) last_error: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Given {
    account: AccountId,
    units: u64,
    ends: Tick,
}

impl LeaseBook {
    /// Units that leases of each account still hold, as far as was handed out.
    fn leased(&self, now: Tick) -> HashMap<AccountId, u64> {
        let mut leased = HashMap::<AccountId, u64>::new();
        for given in self.given.values().filter(|given| given.ends > now) {
            let sum = leased.entry(given.account).or_default();
            *sum = sum.saturating_add(given.units);
        }
        leased
    }

    fn failed(&mut self, error: &PolicyError, now: Tick) {
        self.failures = self.failures.saturating_add(1);
        let pause = RETRY_PAUSE
            .saturating_mul(1 << self.failures.min(4))
            .min(RETRY_PAUSE_MAX);
        self.not_before = now.after_millis(pause.as_millis() as u64);
        self.last_error = Some(error.to_string());
    }
}

/// One round: at most one batch for each call of this.
pub(crate) fn round(inner: &Inner, loops: &Loops) {
    let meter = &loops.options.meter;
    let now = meter.now();
    for slot in inner.live.take_reused() {
        meter.forget_lease(slot);
        meter.set_suspended(slot, false);
        loops.totals.lock().begin_slot(slot, meter);
    }
    let bound = loops.options.judge.is_bound(Kind::Quota);
    meter.set_leasing(bound);
    let mut book = loops.leases.lock();
    if !bound {
        // Leases in force end by themselves; nobody is asked, so nobody waits.
        book.open.clear();
        return;
    }
    for want in meter.lease_wants(now) {
        book.open.insert(want.slot, want);
    }
    book.given.retain(|_, given| given.ends > now);
    if now < book.not_before {
        return;
    }
    while !book.open.is_empty() {
        let batch: Vec<LeaseWant> = book.open.values().take(BATCH_MAX).copied().collect();
        let leased = book.leased(now);
        let (requests, wants): (Vec<_>, Vec<_>) = batch
            .iter()
            .filter_map(|want| request(inner, loops, &leased, want, now))
            .unzip();
        // A zone that is gone wants nothing.
        for want in &batch {
            if !wants.contains(&want.slot) {
                book.open.remove(&want.slot);
            }
        }
        if requests.is_empty() {
            continue;
        }
        let now_ms = inner.clock.wall_ms();
        let month = loops
            .totals
            .lock()
            .month(now_ms, meter, inner.live.slot_count());
        let accounts: Vec<AccountId> = requests.iter().map(|request| request.account).collect();
        // The plugin takes its time; the status page must not wait for it.
        drop(book);
        let answer = loops.options.judge.grant(now_ms, month, requests);
        book = loops.leases.lock();
        match answer {
            Ok(leases) => install(loops, &mut book, &wants, &accounts, &leases),
            // The plugin host has logged and counted it.
            Err(error) => return book.failed(&error, meter.now()),
        }
    }
}

fn install(
    loops: &Loops,
    book: &mut LeaseBook,
    slots: &[u32],
    accounts: &[AccountId],
    leases: &[Lease],
) {
    let meter = &loops.options.meter;
    let now = meter.now();
    let mut grants: Vec<(u32, LeaseGrant)> = Vec::with_capacity(leases.len());
    for ((slot, account), lease) in slots.iter().zip(accounts).zip(leases) {
        let grant = convert::lease(lease, loops.options.on_failure);
        let ends = now.after_millis(u64::from(grant.ttl_ms));
        book.given.insert(
            *slot,
            Given {
                account: *account,
                units: grant.units,
                ends,
            },
        );
        book.open.remove(slot);
        grants.push((*slot, grant));
    }
    meter.install_leases(now, &grants);
    book.generation += 1;
    book.granted += grants.len() as u64;
    book.failures = 0;
    book.last_error = None;
}

fn request(
    inner: &Inner,
    loops: &Loops,
    leased: &HashMap<AccountId, u64>,
    want: &LeaseWant,
    now: Tick,
) -> Option<(Request, u32)> {
    let meter = &loops.options.meter;
    let (zone, name): (ZoneId, _) = inner.live.zone_of(want.slot)?;
    let policy = inner.zone_policies.lock().of(&name);
    let account = account_id(&policy.account);
    let mut totals = loops.totals.lock();
    let zone_month = totals.zone(want.slot, meter);
    let pool = totals.pool(account, meter, now, || {
        inner.slots_of_account(&policy.account)
    });
    let request = Request {
        zone,
        node: loops.options.node,
        account,
        plan: policy.plan.clone(),
        reason: convert::ask_reason(want.reason),
        remaining: want.remaining,
        rate_milli: want.rate_milli,
        pool_rate_milli: pool.rate_milli.max(want.rate_milli),
        zone_month: convert::usage(&zone_month),
        pool_month: convert::usage(&pool.month),
        pool_leased: leased.get(&account).copied().unwrap_or(0),
        allowance: policy.allowance,
    };
    Some((request, want.slot))
}
