//! The one wasmtime engine of a process, and how it is set.
//!
//! Compilation and loading must agree on these settings, in this process and in the compiling
//! child, so they are made in one place: [`Engine::new`] for running (instances from a pool),
//! [`Engine::for_compiling`] for the child (which instantiates nothing). Everything that a policy
//! has no use for is switched off, since each feature of the runtime has had bugs of its own.

use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::{Class, Limits};
use crate::state::State;
use crate::ticker::Ticker;
use crate::{v0_1, wasi};

/// Why the runtime could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly runtime does not start: {0}")]
pub struct EngineError(String);

/// Engine, linker and ticker. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    engine: wasmtime::Engine,
    linker: wasmtime::component::Linker<State>,
    ticker: Ticker,
}

impl Engine {
    /// An engine that can run plugins.
    pub fn new() -> Result<Self, EngineError> {
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let engine = wasmtime::Engine::new(&config).map_err(words)?;
        let mut linker = wasmtime::component::Linker::new(&engine);
        wasi::link(&mut linker).map_err(words)?;
        v0_1::link(&mut linker).map_err(words)?;
        let ticker = Ticker::start(&engine).map_err(|e| EngineError(e.to_string()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                linker,
                ticker,
            }),
        })
    }

    /// An engine that only compiles: it reserves no address space for instances.
    pub(crate) fn for_compiling() -> Result<wasmtime::Engine, EngineError> {
        wasmtime::Engine::new(&config()).map_err(words)
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.engine
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.inner.ticker
    }

    /// Resolves every import, so that what is missing shows before anything runs.
    pub(crate) fn instance_pre(
        &self,
        component: &Component,
    ) -> wasmtime::Result<wasmtime::component::InstancePre<State>> {
        self.inner.linker.instantiate_pre(component)
    }
}

/// Length of one epoch.
pub(crate) const TICK_MS: u64 = 1;
/// A guest's own stack comes on top; this is what compiled code may take of the thread's.
pub(crate) const WASM_STACK_BYTES: usize = 256 << 10;
/// Instances, over all plugins, that live at one time.
const INSTANCES_MAX: u32 = 64;
/// Core instances inside one component: the module, its adapters, and a runtime's.
pub(crate) const CORE_INSTANCES_MAX: u32 = 20;
const MEMORIES_MAX: u32 = 4;
const TABLES_MAX: u32 = 10;

fn words(error: wasmtime::Error) -> EngineError {
    EngineError(format!("{error:#}"))
}

fn config() -> Config {
    let memory_max = Limits::of(Class::Large).memory_bytes as u64;
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        // The same inputs give the same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // No async guests: it halves the price of a call, and keeps a whole class of bugs out.
        .concurrency_support(false)
        .memory_reservation(memory_max)
        .memory_guard_size(64 << 10)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        // A trap's message goes to a log line; twenty frames say enough.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    config
}

fn pool() -> PoolingAllocationConfig {
    let large = Limits::of(Class::Large);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX * CORE_INSTANCES_MAX)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX * 4)
        .max_memory_size(large.memory_bytes)
        .table_elements(large.table_entries)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        // Nothing of one plugin's memory is left lying about for the next.
        .linear_memory_keep_resident(0)
        .table_keep_resident(0);
    pool
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    fn compatibility(engine: &wasmtime::Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    /// What the child compiles is loaded by an engine with a pool: the settings must agree.
    #[test]
    fn compiling_and_running_engines_agree() {
        let running = Engine::new().unwrap();
        let compiling = Engine::for_compiling().unwrap();
        assert_eq!(compatibility(running.wasmtime()), compatibility(&compiling));
    }

    /// RELIABILITY W0: proposals that no policy needs are refused.
    #[test]
    fn needless_proposals_are_off() {
        let engine = Engine::for_compiling().unwrap();
        let refused = [
            // (memory i64 1), memory64
            b"\0asm\x01\0\0\0\x05\x03\x01\x04\x01".as_slice(),
            // (memory 1 1 shared), threads
            b"\0asm\x01\0\0\0\x05\x04\x01\x03\x01\x01".as_slice(),
            // (type (struct)), gc
            b"\0asm\x01\0\0\0\x01\x03\x01\x5f\0".as_slice(),
        ];
        for module in refused {
            assert!(
                wasmtime::Module::new(&engine, module).is_err(),
                "{module:?} is accepted"
            );
        }
        // The same without a proposal, so that the list above fails for the right reason.
        assert!(wasmtime::Module::new(&engine, b"\0asm\x01\0\0\0\x05\x03\x01\0\x01").is_ok());
    }
}
