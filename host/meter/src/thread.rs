//! The query path's side of the meter: what one worker thread owns.
//!
//! Per batch: [`ThreadMeter::begin`]. Per query: [`ThreadMeter::decide`] before the answer is made
//! (traffic rules first, then the zone's lease) and [`ThreadMeter::settle`] after it. Nothing here
//! locks, waits or, once a zone's slot has been touched, allocates.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::{ArcSwap, ArcSwapOption, Cache};

use crate::class::Class;
use crate::counters::{Pass, ThreadCells, ZoneCell};
use crate::lease::{ASK_AGAIN_MS, AskReason, FREE, Fallback, GRACE_MS, LeaseChunk, short};
use crate::meter::Shared;
use crate::prefix::PrefixSet;
use crate::query::Query;
use crate::rule::{Action, Effect};
use crate::ruleset::RuleSet;
use crate::sketch::Sampler;
use crate::tick::Tick;
use crate::totals::bump;

/// What is to be done with a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Answer it.
    Answer,
    /// Say nothing.
    Drop,
    /// An empty answer with TC.
    Truncate,
    /// An answer without data.
    Deny {
        /// The response code.
        rcode: u16,
        /// The extended error that explains it (RFC 8914).
        ede: Option<u16>,
    },
}

/// What tables say of a query, and the class it is in because of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// The class, where it does not follow from the answer.
    pub class: Option<Class>,
    /// A lease paid the base weight, and the query may cost more.
    extras: bool,
}

impl Decision {
    /// What holds without any table.
    pub const ANSWER: Self = Self {
        verdict: Verdict::Answer,
        class: None,
        extras: false,
    };

    /// What holds for a query that is limited before any table is asked.
    #[must_use]
    pub const fn limited(verdict: Verdict) -> Self {
        Self {
            verdict,
            class: Some(Class::Limited),
            extras: false,
        }
    }

    /// The same decision for an answer that was made and then not sent.
    #[must_use]
    pub const fn but_limited(self) -> Self {
        Self {
            class: match self.class {
                None => Some(Class::Limited),
                known => known,
            },
            ..self
        }
    }
}

/// What became of a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The class, if tables gave no other.
    pub class: Class,
    /// The response code; 4095 when nothing was sent.
    pub rcode: u16,
    /// The name does not exist.
    pub nxdomain: bool,
    /// The name has no such data.
    pub nodata: bool,
    /// The answer points at another zone's servers.
    pub referral: bool,
    /// TC is set.
    pub truncated: bool,
    /// DNSSEC records were asked for.
    pub signed: bool,
    /// Octets of the query.
    pub bytes_in: u32,
    /// Octets of the answer; none when nothing is sent.
    pub bytes_out: u32,
}

impl Outcome {
    pub(crate) fn is_limited(&self) -> bool {
        self.class == Class::Limited
    }
}

/// The meter of one worker thread.
pub struct ThreadMeter {
    shared: Arc<Shared>,
    cells: Arc<ThreadCells>,
    latest_rules: Cache<Arc<ArcSwap<RuleSet>>, Arc<RuleSet>>,
    /// Those of this batch.
    rules: Arc<RuleSet>,
    latest_probes: Cache<Arc<ArcSwapOption<PrefixSet>>, Option<Arc<PrefixSet>>>,
    probing: bool,
    /// Which of the threads this is.
    index: usize,
    threads: usize,
    leasing: bool,
    /// Some zone is suspended.
    suspending: bool,
    no_rules: bool,
    /// No table says anything of anybody.
    idle: bool,
    epoch: u32,
    slip: u32,
    sampler: Sampler,
    now: Tick,
}

impl ThreadMeter {
    pub(crate) fn new(shared: Arc<Shared>, cells: Arc<ThreadCells>, index: usize) -> Self {
        let latest_probes = Cache::new(Arc::clone(&shared.probes));
        let mut latest_rules = Cache::new(Arc::clone(&shared.rules));
        let rules = Arc::clone(latest_rules.load());
        let sampler =
            Sampler::new(shared.secret ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self {
            shared,
            cells,
            latest_probes,
            probing: false,
            latest_rules,
            rules,
            index,
            threads: 1,
            leasing: false,
            suspending: false,
            no_rules: true,
            idle: true,
            epoch: 0,
            slip: 0,
            sampler,
            now: Tick(0),
        }
    }

    /// Starts a batch: takes the tables in force and the time.
    #[inline]
    pub fn begin(&mut self, now: Tick) {
        self.now = now;
        self.sampler.look_at_clock(now);
        // First: what a table says is at least as new as this.
        self.epoch = self.shared.epoch();
        self.leasing = self.shared.leasing.load(Relaxed);
        self.suspending = self.shared.suspending.load(Relaxed);
        self.threads = self.shared.thread_count.load(Relaxed);
        let latest = self.latest_rules.load();
        if !Arc::ptr_eq(latest, &self.rules) {
            self.rules = Arc::clone(latest);
        }
        self.no_rules = self.rules.is_empty();
        self.idle = self.no_rules && !self.leasing && !self.suspending;
        self.probing = self.latest_probes.load().is_some();
    }

    /// The moment of this batch.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// What rules, suspensions and leases say of a query.
    #[inline]
    pub fn decide(&mut self, query: &Query<'_>) -> Decision {
        if self.idle {
            return Decision::ANSWER;
        }
        if !self.no_rules && self.rules.may_match(query) {
            return self.consult(query);
        }
        let Some(slot) = query.slot else {
            return Decision::ANSWER;
        };
        let Some(mine) = self.cells.zone(slot) else {
            return self.consult(query);
        };
        let (pass, left) = (Pass(mine.pass.load(Relaxed)), mine.left.load(Relaxed));
        let base = pass.base();
        if left < base || mine.epoch.load(Relaxed) != self.epoch || !pass.holds_at(self.now) {
            return self.consult(query);
        }
        mine.left.store(left.wrapping_sub(base), Relaxed);
        bump(&mine.units, base);
        Decision {
            extras: pass.extras(),
            ..Decision::ANSWER
        }
    }

    /// Asks every table, and gives the zone a pass where its lease alone decides for some time.
    #[cold]
    #[inline(never)]
    fn consult(&mut self, query: &Query<'_>) -> Decision {
        let mut decision = Decision::ANSWER;
        if !self.no_rules && self.apply_rules(query, &mut decision) {
            return decision;
        }
        let Some(slot) = query.slot else {
            return decision;
        };
        if self.suspending && self.is_suspended(slot) {
            let verdict = Verdict::Deny {
                rcode: REFUSED,
                ede: Some(BLOCKED),
            };
            return Decision {
                verdict,
                class: Some(Class::Suspended),
                extras: false,
            };
        }
        // Slots past the directory are answered and counted in the totals alone.
        let (Some(chunk), Some(mine)) = (self.shared.leases.chunk(slot), self.cells.zone(slot))
        else {
            return decision;
        };
        if self.leasing {
            self.apply_lease(query, chunk, mine, &mut decision);
        } else {
            mine.pass.store(Pass::FREE.0, Relaxed);
        }
        // What is about the zone as a whole, and what costs nothing, is looked at every time.
        if decision.verdict == Verdict::Answer
            && !self.rules.is_about_zone(slot)
            && (!self.leasing || Pass(mine.pass.load(Relaxed)).base() > 0)
        {
            mine.epoch.store(self.epoch, Relaxed);
        } else {
            mine.epoch.store(0, Relaxed);
        }
        decision
    }

    fn is_suspended(&self, slot: u32) -> bool {
        let cell = self.shared.leases.cell_if_there(slot);
        cell.is_some_and(|cell| cell.suspended.load(Relaxed) != 0)
    }

    /// Asks the rules; true when the query is not to be answered.
    fn apply_rules(&mut self, query: &Query<'_>, decision: &mut Decision) -> bool {
        let Some(rule) = self.rules.find(query, self.now, self.index) else {
            return false;
        };
        let attack = rule.attack;
        let action = match &rule.effect {
            Effect::Act(action) => *action,
            Effect::Limit(limit)
                if self
                    .shared
                    .buckets()
                    .take(rule.id, limit, query.source, self.now) =>
            {
                Action::Allow
            }
            Effect::Limit(limit) => limit.over,
        };
        decision.verdict = verdict_of(action, query, &mut self.slip);
        let limited = decision.verdict != Verdict::Answer;
        decision.class = match (attack, limited) {
            (true, _) => Some(Class::Attack),
            (false, true) => Some(Class::Limited),
            (false, false) => None,
        };
        limited
    }

    fn apply_lease(
        &self,
        query: &Query<'_>,
        chunk: &LeaseChunk,
        mine: &ZoneCell,
        decision: &mut Decision,
    ) {
        let slot = query.slot.unwrap_or_default();
        let Some(action) = look_at_lease(chunk, mine, slot, self.now, self.threads) else {
            decision.extras = chunk.cell(slot).weighs_more();
            return;
        };
        let mut slip = u32::from(mine.slip.load(Relaxed));
        decision.verdict = verdict_of(action, query, &mut slip);
        mine.slip.store(slip as u16, Relaxed);
        if decision.verdict != Verdict::Answer {
            decision.class = decision.class.or(Some(Class::Limited));
        }
    }

    /// Counts a query and what became of it.
    #[inline]
    pub fn settle(&mut self, query: &Query<'_>, decision: &Decision, outcome: &Outcome) {
        let mut class = decision.class.unwrap_or(outcome.class);
        if self.probing && class == Class::Answered && self.is_probe(query) {
            class = Class::Probe;
        }
        let stream = !query.transport.is_datagram();
        let (bytes_in, bytes_out) = (u64::from(outcome.bytes_in), u64::from(outcome.bytes_out));
        let totals = &self.cells.totals;
        let v6 = !query.source.is_v4();
        totals.count(class, query.transport, v6, query.qtype);
        bump(&totals.bytes_in, bytes_in);
        if bytes_out == 0 {
            bump(&totals.silent, 1);
        } else {
            totals.count_answer(outcome.rcode, bytes_out);
        }
        if outcome.truncated {
            bump(&totals.truncated, 1);
        }
        if outcome.nxdomain {
            bump(&totals.nxdomain, 1);
        } else if outcome.nodata {
            bump(&totals.nodata, 1);
        } else if outcome.referral {
            bump(&totals.referrals, 1);
        }
        if let Some(slot) = query.slot
            && let Some(mine) = self.cells.zone(slot)
        {
            mine.count(class);
            bump(&mine.bytes_in, bytes_in);
            bump(&mine.bytes_out, bytes_out);
            // Most answers are none of these.
            if outcome.nxdomain | outcome.nodata | outcome.signed | stream | decision.extras {
                self.settle_rest(query, slot, mine, outcome, decision.extras);
            }
        }
        if self.sampler.due() {
            let outcome = Outcome { class, ..*outcome };
            self.sampler.record(
                &self.cells.sketch,
                self.shared.secret,
                query,
                &outcome,
                self.now,
            );
        }
    }

    /// What a zone's counters note of some queries only.
    #[inline]
    fn settle_rest(
        &self,
        query: &Query<'_>,
        slot: u32,
        mine: &ZoneCell,
        outcome: &Outcome,
        extras: bool,
    ) {
        let stream = !query.transport.is_datagram();
        for (counter, due) in [
            (&mine.nxdomain, outcome.nxdomain),
            (&mine.nodata, outcome.nodata),
            (&mine.tcp, stream),
            (&mine.signed, outcome.signed),
        ] {
            if due {
                bump(counter, 1);
            }
        }
        if extras {
            self.pay_extras(query, slot, mine, outcome, stream);
        }
    }

    #[cold]
    fn is_probe(&mut self, query: &Query<'_>) -> bool {
        let probes = self.latest_probes.load().as_ref();
        probes.is_some_and(|probes| probes.contains(query.source))
    }

    /// Takes what a query costs beyond the base weight off its lease.
    #[inline]
    fn pay_extras(
        &self,
        query: &Query<'_>,
        slot: u32,
        mine: &ZoneCell,
        outcome: &Outcome,
        stream: bool,
    ) {
        let Some(chunk) = self.shared.leases.chunk(slot) else {
            return;
        };
        let cell = chunk.cell(slot);
        let (weights, rest) = (cell.weights.load(Relaxed), cell.rest.load(Relaxed));
        let part = |word: u64, place: u32| word >> (16 * place) & 0xffff;
        let mut extra = part(rest, 1) * (u64::from(outcome.bytes_out) / 1024);
        for (weight, due) in [
            (part(weights, 1), outcome.nxdomain),
            (part(weights, 2), query.qtype.0 == 255),
            (part(weights, 3), stream),
            (part(rest, 0), outcome.signed),
        ] {
            extra += if due { weight } else { 0 };
        }
        if extra == 0 {
            return;
        }
        bump(&mine.units, extra);
        let left = mine.left.load(Relaxed);
        mine.left.store(left.saturating_sub(extra), Relaxed);
        if extra > left {
            cell.take_up_to(mine.seq.load(Relaxed), extra - left);
        }
    }

    /// Counts a batch received.
    #[inline]
    pub fn count_batch(&self) {
        bump(&self.cells.totals.batches, 1);
    }

    /// Counts datagrams that no answer is due to and that are no queries.
    #[inline]
    pub fn count_silent(&self, datagrams: u64) {
        bump(&self.cells.totals.silent, datagrams);
    }

    /// Counts answers that the system did not take.
    pub fn count_unsent(&self, answers: u64) {
        bump(&self.cells.totals.unsent, answers);
    }

    /// Counts a panic that was caught.
    pub fn count_panic(&self) {
        bump(&self.cells.totals.panics, 1);
    }
}

/// The way of a query whose lease needs a look: no lease, another lease, none left, or its time has
/// come. None: it goes on.
#[cold]
#[inline(never)]
fn look_at_lease(
    chunk: &LeaseChunk,
    mine: &ZoneCell,
    slot: u32,
    now: Tick,
    threads: usize,
) -> Option<Action> {
    let cell = chunk.cell(slot);
    let base = cell.weights.load(Relaxed) & 0xffff;
    let until = |until: Tick| {
        let pass = Pass::new(until, base, cell.weighs_more());
        mine.pass.store(pass.0, Relaxed);
    };
    let go_free = |end: Tick| {
        mine.left.store(FREE, Relaxed);
        until(end);
        bump(&mine.units, base);
        None
    };
    // Says once a second what is wanted.
    let ask = |reason: AskReason| {
        if now >= Pass(mine.pass.load(Relaxed)).until() {
            chunk.want(slot, reason);
            until(now.after_millis(ASK_AGAIN_MS));
        }
    };
    // Given while leases were off, or under another lease.
    let pass = Pass(mine.pass.load(Relaxed));
    if pass.0 == Pass::FREE.0 || pass.base() != base {
        mine.pass.store(0, Relaxed);
    }
    let Some(terms) = cell.terms().filter(|terms| !terms.vacant) else {
        // Terms that are being written this moment are there for the next query.
        if cell.seq().is_multiple_of(2) {
            if mine.seq.swap(short(cell.seq()), Relaxed) != short(cell.seq()) {
                mine.pass.store(0, Relaxed);
            }
            ask(AskReason::FirstUse);
            return go_free(now.after_millis(ASK_AGAIN_MS));
        }
        bump(&mine.units, base);
        return None;
    };
    if mine.seq.load(Relaxed) != short(terms.seq) {
        mine.seq.store(short(terms.seq), Relaxed);
        mine.left.store(0, Relaxed);
        mine.pass.store(0, Relaxed);
    }
    if mine.pass.load(Relaxed) == 0 {
        until(terms.ends);
    }
    if now >= terms.ends {
        ask(AskReason::Expired);
        let had_come_to_it = terms.low_water.is_none() && cell.left_in_pool() < base.max(1);
        let still = terms.on_failure == Fallback::Last || now < terms.ends.after_millis(GRACE_MS);
        if had_come_to_it && still {
            return Some(terms.on_empty);
        }
        return go_free(now.after_millis(ASK_AGAIN_MS));
    }
    let left = mine.left.load(Relaxed);
    let need = base.max(1);
    let left = if left >= need {
        left
    } else {
        let (taken, rest) = cell.take(terms.seq, need, threads)?;
        if terms.low_water.is_some_and(|low_water| rest <= low_water) && taken > 0 {
            chunk.want(slot, AskReason::LowWater);
        }
        left + taken
    };
    if left >= need {
        mine.left.store(left - base, Relaxed);
        bump(&mine.units, base);
        return None;
    }
    if terms.low_water.is_none() {
        return Some(terms.on_empty);
    }
    // More was asked for and has not come: `native` and `last` both answer, for that is what held.
    chunk.want(slot, AskReason::Exhausted);
    let again = now.after_millis(ASK_AGAIN_MS).min(terms.ends);
    go_free(again)
}

/// A suspended zone is refused (RFC 1035 4.1.1) …
const REFUSED: u16 = 5;
/// … with the reason that the operator blocks it (RFC 8914 4.16).
const BLOCKED: u16 = 15;

/// An action as it applies to this query.
fn verdict_of(action: Action, query: &Query<'_>, slip: &mut u32) -> Verdict {
    // Over a stream the source is proven: there is nobody to protect from our answer.
    let is_proven = !query.transport.is_datagram();
    match action {
        Action::Allow => Verdict::Answer,
        Action::Drop => Verdict::Drop,
        Action::Truncate | Action::Slip(_) if is_proven => Verdict::Answer,
        Action::Truncate => Verdict::Truncate,
        Action::Slip(0) => Verdict::Drop,
        Action::Slip(n) => {
            *slip = slip.wrapping_add(1);
            if slip.is_multiple_of(u32::from(n)) {
                Verdict::Truncate
            } else {
                Verdict::Drop
            }
        }
        Action::Deny { rcode, ede } => Verdict::Deny { rcode, ede },
    }
}
