//! The clock behind deadlines: a thread that raises the engine's epoch once a millisecond.
//!
//! It ticks only while a call is under way, and for a moment after, so that an idle server is not
//! woken a thousand times a second. Beginning a call costs one atomic add, and an unpark when the
//! thread was asleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::engine::TICK_MS;

/// Owns the thread; it ends with this.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    in_flight: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// While it lives, the epoch rises.
pub(crate) struct Ticking<'t> {
    ticker: &'t Ticker,
}

impl Ticker {
    pub(crate) fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            in_flight: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let thread = thread::Builder::new().name("plugin-ticker".into()).spawn({
            let (shared, engine) = (shared.clone(), engine.weak());
            move || {
                run(&shared, || {
                    engine.upgrade().is_some_and(|engine| {
                        engine.increment_epoch();
                        true
                    })
                })
            }
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Ticks until the guard is dropped.
    pub(crate) fn begin(&self) -> Ticking<'_> {
        // Pairs with the order "asleep, then in_flight" below: one of the two sides sees the other.
        self.shared.in_flight.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Ticking { ticker: self }
    }

    /// Whether the thread sleeps until the next call.
    #[cfg(test)]
    fn is_asleep(&self) -> bool {
        self.shared.asleep.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.ticker.shared.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It holds nothing that could be lost; a panic in it has been reported by std.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, tick: impl Fn() -> bool) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        if shared.in_flight.load(Ordering::SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle > IDLE_TICKS {
            shared.asleep.store(true, Ordering::SeqCst);
            while shared.in_flight.load(Ordering::SeqCst) == 0
                && !shared.stop.load(Ordering::SeqCst)
            {
                thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
        thread::sleep(Duration::from_millis(TICK_MS));
        if !tick() {
            return;
        }
    }
}

/// Calls come in bursts; falling asleep between two of them would cost more than it saves.
const IDLE_TICKS: u32 = 20;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn wait_for(what: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !what() {
            assert!(Instant::now() < end, "did not happen");
            thread::yield_now();
        }
    }

    /// An idle server is not woken; a call finds the clock running.
    #[test]
    fn sleeps_when_idle_and_wakes_for_a_call() {
        let engine = crate::engine::Engine::for_compiling().unwrap();
        let ticker = Ticker::start(&engine).unwrap();
        wait_for(|| ticker.is_asleep());
        let guard = ticker.begin();
        wait_for(|| !ticker.is_asleep());
        drop(guard);
        wait_for(|| ticker.is_asleep());
    }
}
