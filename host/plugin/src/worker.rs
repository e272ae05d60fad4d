//! One active plugin: a thread that owns its instance, and a bounded queue in front of it.
//!
//! Whoever asks waits for the answer no longer than a call and its turn may take. A failed instance
//! is dropped and a new one made, at once or after the pause its [`Breaker`] demands. The thread
//! ends when nobody holds the [`Worker`] any more and the queue is empty: a version that was
//! replaced answers what it was asked before, and nothing is lost in a swap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::breaker::{Breaker, BreakerState};
use crate::cache::step_back;
use crate::deadline::WALL_FACTOR;
use crate::error::PolicyError;
use crate::limits::Limits;
use crate::lines::{Level, Line};
use crate::metrics::Metrics;
use crate::question::{Question, Reply};
use crate::state::Environment;
use crate::types::UnixMs;
use crate::types::lifecycle::StartReason;
use crate::v0_1::{Guest, Program, Report};
use crate::validate;

/// Which version of which plugin gave an answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The plugin's name.
    pub plugin: String,
    /// The manifest's version, for people.
    pub version: String,
    /// Of the component's bytes.
    pub sha256: String,
    /// Of the activation.
    pub generation: u64,
}

/// Asks one active plugin.
pub(crate) struct Worker {
    origin: Arc<Origin>,
    queue: SyncSender<Job>,
    shared: Arc<Shared>,
}

/// What the thread and those who ask both look at.
struct Shared {
    limits: Limits,
    metrics: Arc<Metrics>,
    breaker: Mutex<Breaker>,
}

struct Job {
    now: UnixMs,
    question: Question,
    /// Nobody waits for the answer after this.
    given_up: Instant,
    reply: SyncSender<Result<Reply, PolicyError>>,
}

impl Worker {
    /// Starts the thread and waits until its instance is initialised.
    pub(crate) fn start(
        program: Program,
        environment: Environment,
        origin: Origin,
        reason: StartReason,
        now: UnixMs,
    ) -> Result<Self, PolicyError> {
        let origin = Arc::new(origin);
        let shared = Arc::new(Shared {
            limits: environment.limits,
            metrics: environment.metrics.clone(),
            breaker: Mutex::new(Breaker::new()),
        });
        let (queue, jobs) = mpsc::sync_channel(environment.limits.queue);
        let (started, ready) = mpsc::sync_channel(1);
        let mut thread = Thread {
            origin: origin.clone(),
            shared: shared.clone(),
            program,
            environment,
            guest: None,
            swept: now,
        };
        thread::Builder::new()
            .name(format!("plugin-{}", short(&origin.plugin)))
            .spawn(move || {
                step_back();
                let outcome = thread.make_instance(reason, now);
                let failed = outcome.is_err();
                // Whoever started us waits for this; there is nobody else to tell.
                let _ = started.send(outcome);
                if !failed {
                    thread.run(&jobs);
                }
            })
            .map_err(|error| PolicyError::Host(format!("no thread: {error}")))?;
        ready
            .recv()
            .unwrap_or_else(|_| Err(PolicyError::Host("the host panicked".into())))?;
        Ok(Self {
            origin,
            queue,
            shared,
        })
    }

    pub(crate) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.shared.breaker().state(Instant::now())
    }

    /// Asks and waits.
    pub(crate) fn ask(&self, now: UnixMs, question: Question) -> Result<Reply, PolicyError> {
        let call = question.call();
        let metrics = &self.shared.metrics;
        let outcome = self.try_ask(now, question);
        // What went wrong in the call itself has been counted and logged by the thread.
        if let Err(
            error
            @ (PolicyError::QueueFull | PolicyError::Refused(_) | PolicyError::Breaker { .. }),
        ) = &outcome
        {
            metrics.fault(now, call, error);
        }
        outcome
    }

    fn try_ask(&self, now: UnixMs, question: Question) -> Result<Reply, PolicyError> {
        validate::question(&question).map_err(PolicyError::Refused)?;
        let asked = Instant::now();
        self.shared.breaker().admit(asked).map_err(resting)?;
        let limits = &self.shared.limits;
        let call_ms = match question {
            Question::Rate { .. } => limits.start_ms,
            _ => limits.call_ms,
        };
        // Its own call, the one before it, and a new instance between them.
        let patience_ms = call_ms
            .saturating_mul(2 * WALL_FACTOR)
            .saturating_add(PATIENCE_MS);
        let patience = Duration::from_millis(patience_ms);
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Job {
            now,
            question,
            given_up: asked + patience,
            reply,
        };
        self.shared.metrics.queued();
        if let Err(error) = self.queue.try_send(job) {
            self.shared.metrics.unqueued();
            return Err(match error {
                TrySendError::Full(_) => PolicyError::QueueFull,
                TrySendError::Disconnected(_) => PolicyError::Host("its thread is gone".into()),
            });
        }
        match answer.recv_timeout(patience) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(PolicyError::Timeout(patience_ms)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(PolicyError::Host("its thread ended in the call".into()))
            }
        }
    }
}

impl Shared {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // A breaker is a few numbers, each change of which is complete.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a swap, a new instance and a busy machine may add to a wait.
const PATIENCE_MS: u64 = 100;

fn resting(pause: Duration) -> PolicyError {
    let retry_ms = u64::try_from(pause.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    PolicyError::Breaker { retry_ms }
}

/// Time between two removals of ended values.
const SWEEP_MS: u64 = 600_000;

/// Linux keeps 15 bytes of a thread's name.
fn short(plugin: &str) -> &str {
    plugin.get(..8).unwrap_or(plugin)
}

struct Thread {
    origin: Arc<Origin>,
    shared: Arc<Shared>,
    program: Program,
    environment: Environment,
    guest: Option<Guest>,
    /// When values that had ended were last removed.
    swept: UnixMs,
}

impl Thread {
    fn run(&mut self, jobs: &Receiver<Job>) {
        for Job {
            now,
            question,
            given_up,
            reply,
        } in jobs
        {
            self.shared.metrics.unqueued();
            let call = question.call();
            if Instant::now() >= given_up {
                // Its effects must not appear after the caller was told that there are none. The
                // plugin is not at fault: it was never asked.
                let late = PolicyError::Timeout(0);
                self.shared.metrics.fault(now, call, &late);
                continue;
            }
            let outcome = self.answer(now, question);
            let failed = self.note(now, call, &outcome);
            // The caller may have given up in the meantime.
            let _ = reply.send(outcome);
            if failed {
                self.recover(now);
            }
            self.sweep(now);
        }
    }

    fn answer(&mut self, now: UnixMs, question: Question) -> Result<Reply, PolicyError> {
        self.shared
            .breaker()
            .admit(Instant::now())
            .map_err(resting)?;
        if self.guest.is_none() {
            self.make_instance(StartReason::RecoveredFromTrap, now)?;
        }
        let guest = self.guest.as_mut().expect("it was made above");
        let began = Instant::now();
        let outcome = guarded(|| guest.ask(now, question));
        let took = began.elapsed();
        let report = guest.report().clone();
        self.shared
            .metrics
            .call(took, report.host_calls, report.memory_bytes);
        self.log(&report);
        outcome
    }

    /// Counts and logs an outcome; says whether the instance is lost.
    fn note(
        &mut self,
        now: UnixMs,
        call: &'static str,
        outcome: &Result<Reply, PolicyError>,
    ) -> bool {
        let metrics = &self.shared.metrics;
        let Err(error) = outcome else {
            metrics.ok();
            self.shared.breaker().succeeded();
            return false;
        };
        if !matches!(error, PolicyError::Breaker { .. }) {
            metrics.fault(now, call, error);
            tracing::warn!(
                policy.name = %self.origin.plugin,
                policy.version = %self.origin.version,
                policy.call = call,
                fault = error.fault().as_str(),
                "policy `{}` gave no answer to `{call}`: {error}",
                self.origin.plugin,
            );
        }
        if error.is_fault() {
            self.shared.breaker().failed(Instant::now());
        }
        if error.ends_instance() {
            self.guest = None;
        }
        error.ends_instance()
    }

    /// Makes the next instance before it is needed, unless the breaker wants a pause first.
    fn recover(&mut self, now: UnixMs) {
        if self.shared.breaker().admit(Instant::now()).is_err() {
            return;
        }
        if let Err(error) = self.make_instance(StartReason::RecoveredFromTrap, now) {
            self.shared.metrics.fault(now, "init", &error);
            self.shared.breaker().failed(Instant::now());
            tracing::warn!(
                policy.name = %self.origin.plugin,
                fault = error.fault().as_str(),
                "policy `{}` does not start again: {error}",
                self.origin.plugin,
            );
        }
    }

    /// Removes values of `kv` that have ended, now and then and when nobody waits.
    fn sweep(&mut self, now: UnixMs) {
        if now.saturating_sub(self.swept) < SWEEP_MS {
            return;
        }
        self.swept = now;
        if let Err(fault) = self.environment.kv.purge(&self.environment.tree, now) {
            tracing::warn!(
                policy.name = %self.origin.plugin,
                "ended values of policy `{}` are not removed: {fault}",
                self.origin.plugin,
            );
        }
    }

    fn make_instance(&mut self, reason: StartReason, now: UnixMs) -> Result<(), PolicyError> {
        let mut guest = guarded(|| self.program.instantiate(self.environment.clone()))?;
        let outcome = guarded(|| guest.init(reason, now));
        self.log(guest.report());
        outcome?;
        if reason == StartReason::RecoveredFromTrap {
            self.shared.metrics.restarted();
        }
        self.guest = Some(guest);
        Ok(())
    }

    fn log(&self, report: &Report) {
        self.shared.metrics.lines_dropped(report.lines_dropped);
        for line in &report.lines {
            emit(&self.origin.plugin, line);
        }
    }
}

/// A bug of ours or of the runtime's, met through a guest, costs that guest and nothing else.
fn guarded<T>(work: impl FnOnce() -> Result<T, PolicyError>) -> Result<T, PolicyError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(PolicyError::Host("the host panicked in the call".into())))
}

/// Writes a plugin's line to the log.
pub(crate) fn emit(plugin: &str, line: &Line) {
    let text = line.text.as_str();
    match line.level {
        Level::Trace => tracing::trace!(policy.name = plugin, "{plugin}: {text}"),
        Level::Debug => tracing::debug!(policy.name = plugin, "{plugin}: {text}"),
        Level::Info => tracing::info!(policy.name = plugin, "{plugin}: {text}"),
        Level::Warn => tracing::warn!(policy.name = plugin, "{plugin}: {text}"),
        Level::Error => tracing::error!(policy.name = plugin, "{plugin}: {text}"),
    }
}
