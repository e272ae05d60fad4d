//! The WASI that a guest built with `std` finds: linked, and empty.
//!
//! No environment, arguments, directories or standard input. The clocks stand still at the time the
//! call came with, randomness follows from the component's own hash, and what is printed goes to
//! the log within its budget. Sockets are not linked at all. Whatever could wait traps, since a
//! guest that sleeps in a host call is out of reach of its deadline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sync};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{
    Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiView,
};

use crate::lines::Lines;
use crate::state::{Overspent, State};

/// Interfaces of WASI that are linked, whatever their 0.2.x.
pub(crate) const INTERFACES: [&str; 19] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure-seed",
];

/// A random number costs nothing, a gigabyte of them does.
const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// Handles that a guest may hold at one time.
const HANDLES_MAX: usize = 256;

struct HasIo;
impl HasData for HasIo {
    type Data<'a> = &'a mut ResourceTable;
}

/// Adds the interfaces above.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let l = linker;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    sync::filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    random::random::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    sync::io::error::add_to_linker::<State, HasIo>(l, |s| s.ctx().table)?;
    sync::io::poll::add_to_linker::<State, HasIo>(l, |s| s.ctx().table)?;
    sync::io::streams::add_to_linker::<State, HasIo>(l, |s| s.ctx().table)?;
    forbid_waiting(l)
}

/// The version under which wasmtime-wasi defines its interfaces.
const WASI_VERSION: &str = "0.2.12";

/// Puts a trap in the place of what makes something to wait for. Nothing else that a guest can hold
/// waits: its streams are always ready, and there are no sockets.
fn forbid_waiting(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut clock = linker.instance(&format!("wasi:clocks/monotonic-clock@{WASI_VERSION}"))?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        clock.func_wrap(name, |_, (_,): (u64,)| trap::<(Resource<DynPollable>,)>())?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

fn trap<T>() -> wasmtime::Result<T> {
    Err(wasmtime::Error::new(Waits))
}

/// A guest tried to wait for something.
#[derive(Debug, thiserror::Error)]
#[error("a plugin may not wait")]
pub(crate) struct Waits;

/// The context of one instance.
pub(crate) fn context(now: &Arc<AtomicU64>, lines: &Arc<Mutex<Lines>>, seed: [u8; 32]) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    let number = u128::from_le_bytes(*seed.first_chunk().expect("32 bytes hold 16"));
    builder
        .wall_clock(Clock(now.clone()))
        .monotonic_clock(Clock(now.clone()))
        .secure_random(Deterministic::new(seed.to_vec()))
        .insecure_random(Deterministic::new(seed.to_vec()))
        .insecure_random_seed(number)
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .stdout(Output {
            lines: lines.clone(),
            error: false,
        })
        .stderr(Output {
            lines: lines.clone(),
            error: true,
        });
    builder.build()
}

/// The table behind a guest's handles.
pub(crate) fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    table
}

/// Stands at the time of the call.
struct Clock(Arc<AtomicU64>);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1_000_000
    }
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed).saturating_mul(1_000_000)
    }
}

/// Standard output or error: lines for the log.
#[derive(Clone)]
struct Output {
    lines: Arc<Mutex<Lines>>,
    error: bool,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not linked.
        Box::new(tokio::io::sink())
    }
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.spend_write() {
            let spent = wasmtime::Error::new(Overspent("writes to standard output"));
            return Err(wasmtime_wasi::p2::StreamError::Trap(spent));
        }
        lines.print(self.error, &bytes);
        Ok(())
    }
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(4096)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}
