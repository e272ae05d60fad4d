//! What belongs to one instance on the host's side: its budgets, its memory limit, and the call it
//! is in.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::deadline::Deadline;
use crate::error::StoreFault;
use crate::facts::Facts;
use crate::kv::overlay::Overlay;
use crate::kv::{Kv, Tree};
use crate::limits::Limits;
use crate::lines::{Line, Lines};
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::types::UnixMs;
use crate::{engine, wasi};

/// What an instance works with; the same for all instances of one activation.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) tree: Tree,
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) facts: Arc<dyn Facts>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    /// What was declared and granted.
    pub(crate) capabilities: Arc<BTreeSet<String>>,
    /// From the component's hash: what a guest takes for randomness.
    pub(crate) seed: [u8; 32],
}

/// What a call may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Between calls, in a start function, in `describe`: every import traps.
    Closed,
    /// `quota.rate`: a bill must follow from arguments and settings, so `kv` traps.
    Rate,
    /// Everything.
    Open,
}

/// Data of one store.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) limiter: Limiter,
    pub(crate) environment: Environment,
    phase: Phase,
    calls_left: u32,
    calls_given: u32,
    read_left: usize,
    overlay: Option<Overlay>,
    pub(crate) deadline: Deadline,
    now: Arc<AtomicU64>,
    lines: Arc<Mutex<Lines>>,
}

/// The call cost more than it may.
#[derive(Debug, thiserror::Error)]
#[error("too many {0}")]
pub(crate) struct Overspent(pub(crate) &'static str);

/// The call did what its phase forbids.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` may not be called here")]
pub(crate) struct Forbidden(pub(crate) &'static str);

/// The store behind `kv` failed: the host's fault, not the guest's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HostFault(pub(crate) String);

impl State {
    pub(crate) fn new(environment: Environment) -> Self {
        let now = Arc::new(AtomicU64::new(0));
        let lines = Arc::new(Mutex::new(Lines::new()));
        Self {
            wasi: wasi::context(&now, &lines, environment.seed),
            table: wasi::table(),
            limiter: Limiter::new(&environment.limits),
            environment,
            phase: Phase::Closed,
            calls_left: 0,
            calls_given: 0,
            read_left: 0,
            overlay: None,
            deadline: Deadline::new(0),
            now,
            lines,
        }
    }

    /// Opens the budgets of a call; `migrating_from` names the tree to read from, if not its own.
    pub(crate) fn begin(
        &mut self,
        phase: Phase,
        now: UnixMs,
        rows: usize,
        migrating_from: Option<Tree>,
    ) {
        let environment = &self.environment;
        let limits = &environment.limits;
        self.calls_given = limits.host_calls_for(rows);
        self.calls_left = self.calls_given;
        self.read_left = limits.read_bytes;
        self.limiter.denied = false;
        self.phase = phase;
        self.now.store(now, Ordering::Relaxed);
        self.lines().begin(limits, self.calls_given);
        let overlay = Overlay::new(
            environment.kv.clone(),
            environment.tree.clone(),
            now,
            limits.kv_bytes,
        );
        self.overlay = Some(match migrating_from {
            Some(tree) => overlay.reading_from(tree),
            None => overlay,
        });
    }

    /// Closes the call; its writes are the caller's to commit or drop.
    pub(crate) fn end(&mut self) -> Ended {
        self.phase = Phase::Closed;
        let (lines, lines_dropped) = self.lines().take();
        Ended {
            overlay: self.overlay.take(),
            host_calls: self.calls_given - self.calls_left,
            read_bytes: self.environment.limits.read_bytes - self.read_left,
            lines,
            lines_dropped,
            memory_bytes: self.limiter.memory_bytes,
        }
    }

    /// Pays for one host call.
    pub(crate) fn spend(&mut self, function: &'static str) -> wasmtime::Result<()> {
        if self.phase == Phase::Closed {
            return Err(wasmtime::Error::new(Forbidden(function)));
        }
        self.calls_left = self
            .calls_left
            .checked_sub(1)
            .ok_or_else(|| wasmtime::Error::new(Overspent("host calls")))?;
        Ok(())
    }

    /// Pays for bytes that a host call hands to the guest.
    pub(crate) fn spend_read(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.read_left = self
            .read_left
            .checked_sub(bytes)
            .ok_or_else(|| wasmtime::Error::new(Overspent("bytes read")))?;
        Ok(())
    }

    /// Pays for a `kv` call and gives the view it works on.
    pub(crate) fn kv(&mut self, function: &'static str) -> wasmtime::Result<&mut Overlay> {
        self.spend(function)?;
        match (self.phase, &mut self.overlay) {
            (Phase::Open, Some(overlay)) => Ok(overlay),
            _ => Err(wasmtime::Error::new(Forbidden(function))),
        }
    }

    pub(crate) fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        // Lines are only text; half-written ones do no harm.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store's failure on its way through the guest.
pub(crate) fn host_fault(fault: StoreFault) -> wasmtime::Error {
    wasmtime::Error::new(HostFault(fault.0))
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// What a call left behind.
pub(crate) struct Ended {
    pub(crate) overlay: Option<Overlay>,
    pub(crate) host_calls: u32,
    pub(crate) read_bytes: usize,
    pub(crate) lines: Vec<Line>,
    pub(crate) lines_dropped: u64,
    pub(crate) memory_bytes: usize,
}

/// Bounds all memories and tables of an instance together; a single one could be split.
pub(crate) struct Limiter {
    memory_max: usize,
    table_max: usize,
    memory_bytes: usize,
    table_entries: usize,
    /// The guest was refused memory in this call: what follows is usually a trap.
    pub(crate) denied: bool,
}

impl Limiter {
    fn new(limits: &Limits) -> Self {
        Self {
            memory_max: limits.memory_bytes,
            table_max: limits.table_entries,
            memory_bytes: 0,
            table_entries: 0,
            denied: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .memory_bytes
            .saturating_add(desired.saturating_sub(current));
        if total > self.memory_max {
            self.denied = true;
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_entries
            .saturating_add(desired.saturating_sub(current));
        if total > self.table_max {
            self.denied = true;
            return Ok(false);
        }
        self.table_entries = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        engine::CORE_INSTANCES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Class;

    /// W2: memories and tables are bounded all together, at the limit and not one before it.
    #[test]
    fn memories_and_tables_are_bounded_together() {
        let limits = Limits::of(Class::Default);
        let mut limiter = Limiter::new(&limits);
        let half = limits.memory_bytes / 2;
        assert!(limiter.memory_growing(0, half, None).unwrap());
        assert!(limiter.memory_growing(0, half, None).unwrap());
        assert!(!limiter.denied);
        assert!(!limiter.memory_growing(half, half + 1, None).unwrap());
        assert!(limiter.denied);
        assert!(
            limiter
                .table_growing(0, limits.table_entries - 1, None)
                .unwrap()
        );
        assert!(limiter.table_growing(0, 1, None).unwrap());
        assert!(!limiter.table_growing(1, 2, None).unwrap());
    }
}
