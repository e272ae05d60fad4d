//! What is counted about a plugin, from its first call to its last, over all its versions.
//!
//! Written by the plugin's thread and by whoever asks, read by the status page; a snapshot is a
//! plain value. Latencies go into a histogram of powers of two, which is enough for a percentile to
//! within a factor of two and costs one add.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::error::{Fault, PolicyError};

/// Buckets of the latency histogram: bucket i holds calls below 2^i microseconds.
const BUCKETS: usize = 24;

/// The counters of one plugin.
#[derive(Debug, Default)]
pub struct Metrics {
    calls: AtomicU64,
    ok: AtomicU64,
    faults: [AtomicU64; Fault::ALL.len()],
    latency: [AtomicU64; BUCKETS],
    latency_sum_us: AtomicU64,
    host_calls: AtomicU64,
    lines_dropped: AtomicU64,
    restarts: AtomicU64,
    memory_high: AtomicUsize,
    queue: AtomicUsize,
    counters_dropped: AtomicU64,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    counters: BTreeMap<String, u64>,
    last_fault: Option<LastFault>,
}

/// The latest failure, for the status page.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastFault {
    /// The call's own time.
    pub at: u64,
    /// Which function.
    pub call: String,
    /// What is counted of it.
    pub fault: Fault,
    /// In words.
    pub words: String,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MetricsSnapshot {
    /// Questions that reached the plugin.
    pub calls: u64,
    /// Those that gave an answer.
    pub ok: u64,
    /// Those that did not, and questions turned away, by reason; zeros included.
    pub faults: BTreeMap<&'static str, u64>,
    /// The latest of these.
    pub last_fault: Option<LastFault>,
    /// Half of the calls took less, in microseconds (a power of two).
    pub latency_p50_us: u64,
    /// 99 of 100 calls took less.
    pub latency_p99_us: u64,
    /// Number of calls below 2^i microseconds and not below 2^(i-1), by i.
    pub latency_buckets: Vec<u64>,
    /// Of all calls together.
    pub latency_sum_us: u64,
    /// Calls that the plugin made to the host.
    pub host_calls: u64,
    /// Log lines over the budget.
    pub lines_dropped: u64,
    /// Instances made after a failure.
    pub restarts: u64,
    /// The most linear memory any instance had.
    pub memory_high_bytes: usize,
    /// Questions that wait now.
    pub queue: usize,
    /// Counters of its own that were over the budget or badly named.
    pub counters_dropped: u64,
    /// Counters of its own (`log.count`).
    pub counters: BTreeMap<String, u64>,
}

impl Metrics {
    fn own(&self) -> MutexGuard<'_, Own> {
        // Counters are complete after each change.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call is over.
    pub(crate) fn call(&self, took: Duration, host_calls: u32, memory_bytes: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency[bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.latency_sum_us.fetch_add(us, Ordering::Relaxed);
        self.host_calls
            .fetch_add(u64::from(host_calls), Ordering::Relaxed);
        self.memory_high.fetch_max(memory_bytes, Ordering::Relaxed);
    }

    pub(crate) fn ok(&self) {
        self.ok.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fault(&self, at: u64, call: &str, error: &PolicyError) {
        let fault = error.fault();
        self.faults[fault.index()].fetch_add(1, Ordering::Relaxed);
        self.own().last_fault = Some(LastFault {
            at,
            call: call.to_owned(),
            fault,
            words: error.to_string(),
        });
    }

    pub(crate) fn lines_dropped(&self, lines: u64) {
        self.lines_dropped.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn queued(&self) {
        self.queue.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unqueued(&self) {
        self.queue.fetch_sub(1, Ordering::Relaxed);
    }

    /// `log.count`: names are kebab-case of at most 64 bytes, and only so many are kept.
    pub(crate) fn count(&self, counter: &str, delta: u64, counters_max: usize) {
        let mut own = self.own();
        if let Some(value) = own.counters.get_mut(counter) {
            *value = value.saturating_add(delta);
        } else if is_kebab(counter) && own.counters.len() < counters_max {
            own.counters.insert(counter.to_owned(), delta);
        } else {
            self.counters_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counters now.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let own = self.own();
        let latency: Vec<u64> = self
            .latency
            .iter()
            .map(|n| n.load(Ordering::Relaxed))
            .collect();
        MetricsSnapshot {
            calls: self.calls.load(Ordering::Relaxed),
            ok: self.ok.load(Ordering::Relaxed),
            faults: Fault::ALL
                .into_iter()
                .map(|f| (f.as_str(), self.faults[f.index()].load(Ordering::Relaxed)))
                .collect(),
            last_fault: own.last_fault.clone(),
            latency_p50_us: percentile(&latency, 50),
            latency_p99_us: percentile(&latency, 99),
            latency_buckets: latency,
            latency_sum_us: self.latency_sum_us.load(Ordering::Relaxed),
            host_calls: self.host_calls.load(Ordering::Relaxed),
            lines_dropped: self.lines_dropped.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
            memory_high_bytes: self.memory_high.load(Ordering::Relaxed),
            queue: self.queue.load(Ordering::Relaxed),
            counters_dropped: self.counters_dropped.load(Ordering::Relaxed),
            counters: own.counters.clone(),
        }
    }
}

/// Lower-case letters, digits and hyphens, at most 64 bytes.
pub(crate) fn is_kebab(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn bucket(us: u64) -> usize {
    (u64::BITS - us.leading_zeros()).min(BUCKETS as u32 - 1) as usize
}

/// The upper end of the bucket in which the percentile lies.
fn percentile(latency: &[u64], percent: u64) -> u64 {
    let total: u64 = latency.iter().sum();
    let rank = (total * percent).div_ceil(100);
    let mut seen = 0;
    for (i, calls) in latency.iter().enumerate() {
        seen += calls;
        if total > 0 && seen >= rank {
            return 1 << i;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A percentile is the power of two above it.
    #[test]
    fn percentiles_come_from_the_histogram() {
        let metrics = Metrics::default();
        for _ in 0..99 {
            metrics.call(Duration::from_micros(5), 0, 0);
        }
        metrics.call(Duration::from_millis(3), 0, 0);
        let snapshot = metrics.snapshot();
        assert_eq!((snapshot.latency_p50_us, snapshot.latency_p99_us), (8, 8));
        metrics.call(Duration::from_millis(3), 0, 0);
        assert_eq!(metrics.snapshot().latency_p99_us, 4096);
    }

    /// `log.count` in the WIT: 64 counters a plugin, kebab-case names.
    #[test]
    fn own_counters_are_bounded() {
        let metrics = Metrics::default();
        for i in 0..70 {
            metrics.count(&format!("c-{i}"), 1, 64);
        }
        metrics.count("c-0", 4, 64);
        metrics.count("No Such Name", 1, 64);
        let snapshot = metrics.snapshot();
        assert_eq!(snapshot.counters.len(), 64);
        assert_eq!(snapshot.counters["c-0"], 5);
        assert_eq!(snapshot.counters_dropped, 7);
    }
}
