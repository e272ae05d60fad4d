//! How often rules have matched: written by the threads that answer, summed by whoever asks.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::totals::bump;

/// How often a rule matched: one counter a thread, each on a line of its own.
#[derive(Debug)]
pub(crate) struct Hits {
    pub(crate) by_thread: Box<[Counter]>,
    /// How many of them windows have shown.
    shown: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Counter(AtomicU64);

impl Hits {
    pub(crate) fn new(threads: usize) -> Self {
        let counters = std::iter::repeat_with(Counter::default);
        Self {
            by_thread: counters.take(threads.max(1)).collect(),
            shown: AtomicU64::new(0),
        }
    }

    /// The same counts with room for more threads.
    pub(crate) fn widened(&self, threads: usize) -> Self {
        let wider = Self::new(threads);
        for (new, old) in wider.by_thread.iter().zip(&self.by_thread) {
            new.0.store(old.0.load(Relaxed), Relaxed);
        }
        wider.shown.store(self.shown.load(Relaxed), Relaxed);
        wider
    }

    /// Only the thread itself writes its counter, so a plain addition is enough.
    pub(crate) fn count(&self, thread: usize) {
        if let Some(counter) = self.by_thread.get(thread) {
            bump(&counter.0, 1);
        }
    }

    pub(crate) fn sum(&self) -> u64 {
        let counts = self.by_thread.iter().map(|counter| counter.0.load(Relaxed));
        counts.fold(0, u64::wrapping_add)
    }

    /// Those that no window has shown.
    pub(crate) fn unshown(&self) -> u64 {
        let sum = self.sum();
        sum.wrapping_sub(self.shown.swap(sum, Relaxed))
    }
}
