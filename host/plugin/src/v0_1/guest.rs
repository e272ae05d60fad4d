//! A component of version 0.1 as something that can be asked.
//!
//! [`Program`] is a component with its imports resolved and its exports found; [`Guest`] is one
//! instance of it in a store of its own. Every call goes through [`Guest::call`]: open the budgets,
//! set the deadline, enter, close, and turn whatever went wrong into a [`PolicyError`].

use wasmtime::component::{Component, InstancePre};
use wasmtime::{Store, Trap, UpdateDeadline};

use super::bindings::bailiwick::policy::types as w;
use super::bindings::exports::bailiwick::policy as exports;
use super::convert::To;
use crate::deadline::Deadline;
use crate::engine::Engine;
use crate::error::{GuestError, PolicyError};
use crate::kind::Kind;
use crate::kv::Tree;
use crate::limits::Limits;
use crate::lines::Line;
use crate::question::{Question, Reply};
use crate::state::{Ended, Environment, Forbidden, HostFault, Overspent, Phase, State};
use crate::types::UnixMs;
use crate::types::lifecycle::{Manifest, StartReason};
use crate::validate::Expected;
use crate::wasi::Waits;

/// A component that can be instantiated.
#[derive(Clone)]
pub(crate) struct Program {
    engine: Engine,
    pre: InstancePre<State>,
    lifecycle: exports::lifecycle::GuestIndices,
    quota: Option<exports::quota::GuestIndices>,
    abuse: Option<exports::abuse::GuestIndices>,
    brand_ns: Option<exports::brand_ns::GuestIndices>,
    dnssec_policy: Option<exports::dnssec_policy::GuestIndices>,
}

impl Program {
    /// Resolves imports and finds exports; the error says which did not fit.
    pub(crate) fn new(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let pre = engine.instance_pre(component)?;
        let exported: Vec<String> = component
            .component_type()
            .exports(engine.wasmtime())
            .filter_map(|(name, _)| super::interface(name).map(str::to_owned))
            .collect();
        let has = |kind: Kind| exported.iter().any(|name| name == kind.as_str());
        Ok(Self {
            engine: engine.clone(),
            lifecycle: exports::lifecycle::GuestIndices::new(&pre)?,
            quota: has(Kind::Quota)
                .then(|| exports::quota::GuestIndices::new(&pre))
                .transpose()?,
            abuse: has(Kind::Abuse)
                .then(|| exports::abuse::GuestIndices::new(&pre))
                .transpose()?,
            brand_ns: has(Kind::BrandNs)
                .then(|| exports::brand_ns::GuestIndices::new(&pre))
                .transpose()?,
            dnssec_policy: has(Kind::DnssecPolicy)
                .then(|| exports::dnssec_policy::GuestIndices::new(&pre))
                .transpose()?,
            pre,
        })
    }

    /// Makes an instance; its start functions run under the limits too, with every import closed.
    pub(crate) fn instantiate(&self, environment: Environment) -> Result<Guest, PolicyError> {
        let limits = environment.limits;
        let mut store = Store::new(self.engine.wasmtime(), State::new(environment));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.host_call_bytes);
        store.data_mut().begin(Phase::Closed, 0, 0, None);
        store.epoch_deadline_callback(|mut store| {
            Ok(match store.data_mut().deadline.more_ticks() {
                Some(ticks) => UpdateDeadline::Continue(ticks),
                None => UpdateDeadline::Interrupt,
            })
        });
        set_deadline(&mut store, limits.start_ms);
        let ticking = self.engine.ticker().begin();
        let bound = self.bind(&mut store);
        drop(ticking);
        match bound {
            Ok(exports) => {
                let report = Report::of(store.data_mut().end()).0;
                Ok(Guest {
                    engine: self.engine.clone(),
                    store,
                    exports,
                    limits,
                    report,
                })
            }
            Err(error) => {
                let error = classify(&error, &store.data().limiter.denied, limits.start_ms, &[]);
                // No value was given yet: what is no trap is a pool without room.
                Err(match error {
                    PolicyError::BadValue(words) => PolicyError::Host(words),
                    other => other,
                })
            }
        }
    }

    fn bind(&self, store: &mut Store<State>) -> wasmtime::Result<Exports> {
        let instance = self.pre.instantiate(&mut *store)?;
        macro_rules! load {
            ($indices:expr) => {
                match &$indices {
                    Some(indices) => Some(indices.load(&mut *store, &instance)?),
                    None => None,
                }
            };
        }
        Ok(Exports {
            lifecycle: self.lifecycle.load(&mut *store, &instance)?,
            quota: load!(self.quota),
            abuse: load!(self.abuse),
            brand_ns: load!(self.brand_ns),
            dnssec_policy: load!(self.dnssec_policy),
        })
    }
}

struct Exports {
    lifecycle: exports::lifecycle::Guest,
    quota: Option<exports::quota::Guest>,
    abuse: Option<exports::abuse::Guest>,
    brand_ns: Option<exports::brand_ns::Guest>,
    dnssec_policy: Option<exports::dnssec_policy::Guest>,
}

/// One live instance.
pub(crate) struct Guest {
    engine: Engine,
    store: Store<State>,
    exports: Exports,
    limits: Limits,
    report: Report,
}

/// What the last call cost and said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) host_calls: u32,
    pub(crate) read_bytes: usize,
    pub(crate) memory_bytes: usize,
    pub(crate) lines: Vec<Line>,
    pub(crate) lines_dropped: u64,
}

impl Report {
    fn of(ended: Ended) -> (Self, Option<crate::kv::overlay::Overlay>) {
        let report = Self {
            host_calls: ended.host_calls,
            read_bytes: ended.read_bytes,
            memory_bytes: ended.memory_bytes,
            lines: ended.lines,
            lines_dropped: ended.lines_dropped,
        };
        (report, ended.overlay)
    }
}

/// How one call is made.
struct Manner {
    phase: Phase,
    now: UnixMs,
    rows: usize,
    deadline_ms: u64,
    migrating_from: Option<Tree>,
    /// Whether its writes are kept when it is over.
    keeps: bool,
}

impl Guest {
    /// What the last call cost and said.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// `lifecycle.describe`.
    pub(crate) fn describe(&mut self) -> Result<Manifest, PolicyError> {
        let manner = self.starting(Phase::Closed, 0, false);
        self.call(
            manner,
            |e, s| Ok(Ok(e.lifecycle.call_describe(s)?.to())),
            |_| Ok(()),
        )
    }

    /// `lifecycle.init`.
    pub(crate) fn init(&mut self, reason: StartReason, now: UnixMs) -> Result<(), PolicyError> {
        let manner = self.starting(Phase::Open, now, true);
        self.call(
            manner,
            |e, s| e.lifecycle.call_init(s, reason.to(), now),
            |()| Ok(()),
        )
    }

    /// `lifecycle.check`; nothing it writes is kept.
    pub(crate) fn check(&mut self, now: UnixMs) -> Result<(), PolicyError> {
        let manner = self.starting(Phase::Open, now, false);
        self.call(manner, |e, s| e.lifecycle.call_check(s, now), |()| Ok(()))
    }

    /// `lifecycle.migrate`: reads `old`, writes the tree of this version.
    pub(crate) fn migrate(&mut self, old: Tree, now: UnixMs) -> Result<(), PolicyError> {
        let stored = old.state_version;
        let manner = Manner {
            deadline_ms: self.limits.migrate_ms,
            migrating_from: Some(old),
            // One call moves a whole tree, page by page.
            rows: MIGRATE_ROWS,
            ..self.starting(Phase::Open, now, true)
        };
        self.call(
            manner,
            |e, s| e.lifecycle.call_migrate(s, stored, now),
            |()| Ok(()),
        )
    }

    /// Asks a policy.
    pub(crate) fn ask(&mut self, now: UnixMs, question: Question) -> Result<Reply, PolicyError> {
        let expected = Expected::of(&question);
        let capabilities = self.store.data().environment.capabilities.clone();
        let check = move |reply: &mut Reply| expected.check(reply, &capabilities);
        let manner = Manner {
            phase: Phase::Open,
            now,
            rows: question.rows(),
            deadline_ms: self.limits.call_ms,
            migrating_from: None,
            keeps: true,
        };
        match question {
            Question::Grant { month, requests } => {
                let (month, requests): (w::Month, Vec<exports::quota::Request>) =
                    (month.to(), requests.to());
                self.call(
                    manner,
                    |e, s| {
                        let leases = here(&e.quota)?.call_grant(s, now, &month, &requests)?;
                        Ok(leases.map(|leases| Reply::Grant(leases.to())))
                    },
                    check,
                )
            }
            Question::Rate { plans, usage } => {
                let (plans, usage): (Vec<exports::quota::PlanSpan>, exports::quota::MonthUsage) =
                    (plans.to(), usage.to());
                let deadline_ms = self.limits.start_ms;
                self.call(
                    Manner {
                        phase: Phase::Rate,
                        deadline_ms,
                        ..manner
                    },
                    |e, s| {
                        let bill = here(&e.quota)?.call_rate(s, now, &plans, &usage)?;
                        Ok(bill.map(|bill| Reply::Rate(bill.to())))
                    },
                    check,
                )
            }
            Question::Admit { subject } => {
                let subject: exports::abuse::Subject = subject.to();
                self.call(
                    manner,
                    |e, s| {
                        let ruling = here(&e.abuse)?.call_admit(s, now, &subject)?;
                        Ok(ruling.map(|ruling| Reply::Admit(ruling.to())))
                    },
                    check,
                )
            }
            Question::Inspect { window } => {
                let window: exports::abuse::Window = window.to();
                self.call(
                    manner,
                    |e, s| {
                        let changes = here(&e.abuse)?.call_inspect(s, now, &window)?;
                        Ok(changes.map(|changes| Reply::Inspect(changes.to())))
                    },
                    check,
                )
            }
            Question::Check { ask } => {
                let ask: exports::brand_ns::Ask = ask.to();
                self.call(
                    manner,
                    |e, s| {
                        let ruling = here(&e.brand_ns)?.call_check(s, now, &ask)?;
                        Ok(ruling.map(|ruling| Reply::Check(ruling.to())))
                    },
                    check,
                )
            }
            Question::PlanZone { ask } => {
                let ask: exports::brand_ns::Ask = ask.to();
                self.call(
                    manner,
                    |e, s| {
                        let outcome = here(&e.brand_ns)?.call_plan_zone(s, now, &ask)?;
                        Ok(outcome.map(|outcome| Reply::PlanZone(outcome.to())))
                    },
                    check,
                )
            }
            Question::PolicyFor { zone } => {
                let zone: w::ZoneFacts = zone.to();
                self.call(
                    manner,
                    |e, s| {
                        let policy = here(&e.dnssec_policy)?.call_policy_for(s, now, &zone)?;
                        Ok(policy.map(|policy| Reply::PolicyFor(policy.to())))
                    },
                    check,
                )
            }
            Question::NextSteps { zone, chain } => {
                let (zone, chain): (w::ZoneFacts, exports::dnssec_policy::Chain) =
                    (zone.to(), chain.to());
                self.call(
                    manner,
                    |e, s| {
                        let steps =
                            here(&e.dnssec_policy)?.call_next_steps(s, now, &zone, &chain)?;
                        Ok(steps.map(|steps| Reply::NextSteps(steps.to())))
                    },
                    check,
                )
            }
        }
    }

    fn starting(&self, phase: Phase, now: UnixMs, keeps: bool) -> Manner {
        Manner {
            phase,
            now,
            rows: 0,
            deadline_ms: self.limits.start_ms,
            migrating_from: None,
            keeps,
        }
    }

    fn call<T>(
        &mut self,
        manner: Manner,
        enter: impl FnOnce(&Exports, &mut Store<State>) -> wasmtime::Result<Result<T, w::Error>>,
        check: impl FnOnce(&mut T) -> Result<(), String>,
    ) -> Result<T, PolicyError> {
        let Manner {
            phase,
            now,
            rows,
            deadline_ms,
            migrating_from,
            keeps,
        } = manner;
        self.store
            .data_mut()
            .begin(phase, now, rows, migrating_from);
        set_deadline(&mut self.store, deadline_ms);
        let ticking = self.engine.ticker().begin();
        let result = enter(&self.exports, &mut self.store);
        drop(ticking);
        let (report, overlay) = Report::of(self.store.data_mut().end());
        self.report = report;
        let mut value = match result {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => return Err(PolicyError::Guest(cut(error.to()))),
            Err(error) => {
                let denied = self.store.data().limiter.denied;
                return Err(classify(&error, &denied, deadline_ms, &self.report.lines));
            }
        };
        check(&mut value).map_err(PolicyError::BadValue)?;
        if let Some(overlay) = overlay.filter(|_| keeps) {
            overlay
                .commit()
                .map_err(|fault| PolicyError::Host(fault.0))?;
        }
        Ok(value)
    }
}

/// The whole tree is one call's work: 64 + 8 × this many host calls.
const MIGRATE_ROWS: usize = 100_000;

/// The registry never asks a plugin for a kind it does not export; a slip must not panic.
fn here<T>(exports: &Option<T>) -> wasmtime::Result<&T> {
    exports
        .as_ref()
        .ok_or_else(|| wasmtime::Error::new(HostFault("kind not exported".into())))
}

fn set_deadline(store: &mut Store<State>, limit_ms: u64) {
    let deadline = Deadline::new(limit_ms);
    store.data_mut().deadline = deadline;
    store.set_epoch_deadline(deadline.first_ticks());
}

/// What a panicking guest printed last: where, and why.
fn last_words(lines: &[Line]) -> Option<String> {
    let mut words: Vec<&str> = lines
        .iter()
        .rev()
        .map(|line| line.text.as_str())
        .filter(|line| !line.starts_with("note: run with"))
        .take(2)
        .collect();
    words.reverse();
    (!words.is_empty()).then(|| words.join(" "))
}

fn cut(error: GuestError) -> GuestError {
    let cut = |mut text: String| {
        text.truncate(text.floor_char_boundary(1024));
        text
    };
    match error {
        GuestError::Retry(ms) => GuestError::Retry(ms),
        GuestError::Config(text) => GuestError::Config(cut(text)),
        GuestError::Other(text) => GuestError::Other(cut(text)),
    }
}

/// Says what ended a call. A guest that was refused memory ends in some trap of its allocator, so
/// the refusal goes before the trap; its last line often says more than the trap does.
fn classify(
    error: &wasmtime::Error,
    denied: &bool,
    deadline_ms: u64,
    lines: &[Line],
) -> PolicyError {
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        return PolicyError::Timeout(deadline_ms);
    }
    if let Some(overspent) = error.downcast_ref::<Overspent>() {
        return PolicyError::Budget(overspent.to_string());
    }
    if let Some(fault) = error.downcast_ref::<HostFault>() {
        return PolicyError::Host(fault.to_string());
    }
    let cause = error.root_cause().to_string();
    if cause.contains(FUEL_WORDS) {
        return PolicyError::Budget("too many bytes in one host call or result".into());
    }
    let said = last_words(lines);
    let said = said.as_deref();
    if *denied {
        return PolicyError::OutOfMemory(said.unwrap_or(&cause).to_owned());
    }
    if error.is::<Waits>() || error.is::<Forbidden>() {
        return PolicyError::Trap(cause);
    }
    match (trap, said) {
        // Lifting a result that is no value: a pointer out of bounds, a text that is not UTF-8.
        (None, _) if !error.is::<wasmtime_wasi::I32Exit>() => PolicyError::BadValue(cause),
        (Some(Trap::InvalidDiscriminant | Trap::InvalidChar | Trap::ListOutOfBounds), _) => {
            PolicyError::BadValue(cause)
        }
        (_, Some(said)) => PolicyError::Trap(format!("{cause}: {said}")),
        (_, None) => PolicyError::Trap(cause),
    }
}

/// wasmtime keeps this error's type to itself; a test would notice other words.
const FUEL_WORDS: &str = "fuel allocated for hostcalls has been exhausted";
