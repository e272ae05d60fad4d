//! The shared side of the meter: hands a [`ThreadMeter`] to each worker, puts tables in force and
//! adds up what the workers counted.

use std::collections::HashMap;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use bailiwick_zone::hash::HashKey;
use ipnet::IpNet;

use crate::bucket::Buckets;
use crate::class::{Detail, Usage};
use crate::counters::ThreadCells;
use crate::lease::{FREE, LeaseGrant, LeaseTable, LeaseWant, short};
use crate::prefix::PrefixSet;
use crate::rule::{Effect, TrafficRule};
use crate::ruleset::RuleSet;
use crate::sketch::Sketch;
use crate::thread::ThreadMeter;
use crate::tick::Tick;
use crate::totals::TotalsSnapshot;
use crate::window::{WindowTables, merge};

/// Counters, leases, rules and sketches of one server.
pub struct Meter {
    shared: Arc<Shared>,
    key: HashKey,
    origin: Instant,
    threads: Mutex<Vec<Arc<ThreadCells>>>,
    book: Mutex<HashMap<u32, Account>>,
    window: Mutex<LastWindow>,
}

/// What workers see.
pub(crate) struct Shared {
    pub(crate) leases: LeaseTable,
    pub(crate) leasing: AtomicBool,
    /// Goes up whenever a table changes that a [`crate::counters::Pass`] was given under.
    epoch: AtomicU32,
    /// Set with the first suspension and never unset: a query then looks at its zone's flag.
    pub(crate) suspending: AtomicBool,
    pub(crate) thread_count: AtomicUsize,
    pub(crate) rules: Arc<ArcSwap<RuleSet>>,
    /// Where our own measurements come from; none until some are set.
    pub(crate) probes: Arc<ArcSwapOption<PrefixSet>>,
    pub(crate) secret: u64,
    buckets: OnceLock<Buckets>,
}

impl Shared {
    /// The number of this state of the tables. What was written before it went up is seen by whoever
    /// sees it.
    #[inline]
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Acquire)
    }

    /// Makes every thread look at the tables again. Zero is that of a cell never touched.
    fn next_epoch(&self) {
        if self.epoch.fetch_add(1, Release) == u32::MAX {
            self.epoch.fetch_add(1, Release);
        }
    }

    /// The buckets; made when the first rule with a limit is put in force.
    pub(crate) fn buckets(&self) -> &Buckets {
        self.buckets.get_or_init(|| Buckets::new(self.secret))
    }
}

/// What is remembered of a zone between two wants.
#[derive(Clone, Copy, Default)]
struct Account {
    /// Units spent when the lease was asked for, until it comes.
    asked_at: Option<u64>,
    queries: u64,
    first: Tick,
    at: Tick,
    /// Queries a second, weighted over about a minute.
    rate: f64,
}

#[derive(Default)]
struct LastWindow {
    id: u64,
    end: Tick,
    total: Usage,
    /// Emptied sketches, to be filled again.
    spare: Vec<Sketch>,
}

impl Meter {
    /// A meter for zones hashed with `key`.
    #[must_use]
    pub fn new(key: HashKey) -> Self {
        let shared = Shared {
            leases: LeaseTable::new(),
            leasing: AtomicBool::new(false),
            epoch: AtomicU32::new(1),
            suspending: AtomicBool::new(false),
            thread_count: AtomicUsize::new(0),
            rules: Arc::default(),
            probes: Arc::default(),
            secret: key.below(key.fingerprint(), b"meter"),
            buckets: OnceLock::new(),
        };
        Self {
            shared: Arc::new(shared),
            key,
            origin: Instant::now(),
            threads: Mutex::default(),
            book: Mutex::default(),
            window: Mutex::default(),
        }
    }

    /// Now, in the meter's time.
    #[must_use]
    pub fn now(&self) -> Tick {
        Tick(self.origin.elapsed().as_micros() as u64)
    }

    /// The meter of one more worker.
    #[must_use]
    pub fn register(&self) -> ThreadMeter {
        let cells = Arc::new(ThreadCells::new());
        let mut threads = lock(&self.threads);
        let index = threads.len();
        threads.push(Arc::clone(&cells));
        self.shared.thread_count.store(threads.len(), Relaxed);
        ThreadMeter::new(Arc::clone(&self.shared), cells, index)
    }

    /// Queries of one zone by class, and more about them, since the server started.
    #[must_use]
    pub fn zone(&self, slot: u32) -> (Usage, Detail) {
        self.zone_over(&lock(&self.threads), slot)
    }

    /// How many queries each of these zones had, since the server started.
    pub fn each_zone(&self, slots: impl Iterator<Item = u32>, mut found: impl FnMut(u32, u64)) {
        let threads = lock(&self.threads);
        for slot in slots {
            let cells = threads.iter().filter_map(|cells| cells.zone_if_there(slot));
            found(slot, cells.map(|cell| cell.usage().total()).sum());
        }
    }

    /// What all workers did since the server started.
    #[must_use]
    pub fn totals(&self) -> TotalsSnapshot {
        let mut sum = TotalsSnapshot::default();
        for cells in lock(&self.threads).iter() {
            cells.totals.add_to(&mut sum);
        }
        sum
    }

    /// Switches leases on (a `quota` policy is bound) or off (answer and count).
    pub fn set_leasing(&self, on: bool) {
        self.shared.leasing.store(on, Relaxed);
        self.shared.next_epoch();
    }

    /// Says where our own measurements come from: what would be `answered` is then `probe`.
    pub fn set_probes(&self, prefixes: &[IpNet]) {
        let set = (!prefixes.is_empty()).then(|| prefixes.iter().copied().collect());
        self.shared.probes.store(set.map(Arc::new));
    }

    /// Suspends a zone, or ends that: the server refuses its queries.
    pub fn set_suspended(&self, slot: u32, suspended: bool) {
        self.shared.suspending.fetch_or(suspended, Relaxed);
        if let Some(chunk) = self.shared.leases.chunk(slot) {
            chunk.cell(slot).suspended.store(suspended.into(), Relaxed);
        }
        self.shared.next_epoch();
    }

    /// Zones that want a lease and have not been told of since they last said so.
    #[must_use]
    pub fn lease_wants(&self, now: Tick) -> Vec<LeaseWant> {
        let mut wants = Vec::new();
        let mut book = lock(&self.book);
        let threads = lock(&self.threads);
        self.shared.leases.drain_wants(|slot, reason| {
            let (usage, detail) = self.zone_over(&threads, slot);
            let account = book.entry(slot).or_default();
            account.asked_at = Some(detail.units);
            account.follow(usage.total(), now);
            let remaining = self.remaining(&threads, slot, now);
            wants.push(LeaseWant {
                slot,
                reason,
                remaining,
                rate_milli: (account.rate * 1000.0) as u64,
            });
        });
        wants
    }

    /// Puts leases in force, each in place of the one its zone has.
    pub fn install_leases(&self, now: Tick, grants: &[(u32, LeaseGrant)]) {
        let mut book = lock(&self.book);
        let threads = lock(&self.threads);
        for (slot, grant) in grants {
            let Some(chunk) = self.shared.leases.chunk(*slot) else {
                continue;
            };
            let asked_at = book
                .get_mut(slot)
                .and_then(|account| account.asked_at.take());
            // What was spent while the policy thought is part of what it granted.
            let spent = asked_at.map_or(0, |then| {
                let (_, detail) = self.zone_over(&threads, *slot);
                detail.units.wrapping_sub(then)
            });
            let ends = now.after_millis(u64::from(grant.ttl_ms));
            chunk.cell(*slot).install(
                Some(grant),
                grant.units.saturating_sub(spent),
                ends,
                threads.len(),
            );
        }
        self.shared.next_epoch();
    }

    /// Ends a zone's lease as if there had never been one, before its slot goes to another zone.
    pub fn forget_lease(&self, slot: u32) {
        let mut book = lock(&self.book);
        book.remove(&slot);
        if let Some(cell) = self.shared.leases.cell_if_there(slot) {
            cell.install(None, 0, Tick(0), 1);
        }
        self.shared.next_epoch();
    }

    /// How many leases are in force.
    #[must_use]
    pub fn leases_in_force(&self, now: Tick) -> usize {
        self.shared.leases.in_force(now)
    }

    /// The lease of a zone: units left and when it ends; none when it has none.
    #[must_use]
    pub fn lease(&self, slot: u32) -> Option<(u64, Tick)> {
        let terms = self
            .shared
            .leases
            .cell_if_there(slot)?
            .terms()
            .filter(|terms| !terms.vacant)?;
        Some((
            self.remaining(&lock(&self.threads), slot, Tick(0)),
            terms.ends,
        ))
    }

    /// Puts a whole set of rules in force in place of the one before.
    pub fn install_rules(&self, rules: Vec<TrafficRule>) {
        if rules
            .iter()
            .any(|rule| matches!(rule.effect, Effect::Limit(_)))
        {
            self.shared.buckets();
        }
        // Held over the swap, so that two callers cannot both build on the same set.
        let threads = lock(&self.threads);
        let set = RuleSet::compile(rules, &self.key, &self.shared.rules.load(), threads.len());
        self.shared.rules.store(Arc::new(set));
        self.shared.next_epoch();
    }

    /// The rules in force; those past their end are still listed.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleSet> {
        self.shared.rules.load_full()
    }

    /// Closes the window of traffic that runs, and starts the next.
    #[must_use]
    pub fn close_window(&self, now: Tick) -> WindowTables {
        let mut last = lock(&self.window);
        let threads: Vec<_> = lock(&self.threads).clone();
        let mut taken = Vec::with_capacity(threads.len());
        for cells in &threads {
            let fresh = last.spare.pop().unwrap_or_else(Sketch::new);
            taken.push(std::mem::replace(&mut *lock(&cells.sketch), fresh));
        }
        let (sources, names, zones) = merge(&taken);
        for mut sketch in taken {
            sketch.clear();
            last.spare.push(sketch);
        }
        let total = self.totals().classes;
        let window = WindowTables {
            id: last.id,
            start: last.end,
            end: now,
            total: total.since(&last.total),
            sources,
            names,
            zones,
            hits: self.shared.rules.load().new_hits().collect(),
        };
        last.id = last.id.wrapping_add(1);
        last.end = now;
        last.total = total;
        window
    }

    fn zone_over(&self, threads: &[Arc<ThreadCells>], slot: u32) -> (Usage, Detail) {
        let mut sum = (Usage::default(), Detail::default());
        for cell in threads.iter().filter_map(|cells| cells.zone_if_there(slot)) {
            sum.0 += cell.usage();
            sum.1 += cell.detail();
        }
        sum
    }

    /// Units of the lease in force, in the pool and with the threads.
    fn remaining(&self, threads: &[Arc<ThreadCells>], slot: u32, now: Tick) -> u64 {
        let Some(cell) = self.shared.leases.cell_if_there(slot) else {
            return 0;
        };
        let Some(terms) = cell
            .terms()
            .filter(|terms| !terms.vacant && now < terms.ends)
        else {
            return 0;
        };
        let held = threads
            .iter()
            .filter_map(|cells| cells.zone_if_there(slot))
            .filter(|mine| mine.seq.load(Relaxed) == short(terms.seq))
            .map(|mine| mine.left.load(Relaxed))
            .filter(|left| *left < FREE / 2);
        held.fold(cell.left_in_pool(), u64::saturating_add)
    }
}

impl Account {
    /// Brings the rate up to date: a mean in which a minute ago weighs a third of now.
    fn follow(&mut self, queries: u64, now: Tick) {
        let seconds = now.since(self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let recent = queries.saturating_sub(self.queries) as f64 / seconds;
        // In its first minute, the plain mean.
        let share = seconds / now.since(self.first).as_secs_f64();
        let keep = if self.first == Tick(0) {
            0.0
        } else {
            (-seconds / 60.0).exp().min(1.0 - share)
        };
        if self.first == Tick(0) {
            self.first = now;
        }
        self.rate = self.rate * keep + recent * (1.0 - keep);
        self.queries = queries;
        self.at = now;
    }
}

/// Whoever panicked while holding a lock left whole values behind: they are plain numbers.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
