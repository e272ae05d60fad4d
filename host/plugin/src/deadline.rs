//! How long a call may take: CPU time of its thread, with an end in wall time.
//!
//! An epoch counts milliseconds of the wall clock, and on a busy machine a thread may get few of
//! them; a plugin is not at fault for that. So when the first stretch is over the thread's own CPU
//! time is asked for, and what counts from there is what the guest has used. A call shorter than that
//! stretch, which is nearly every call, pays nothing.

use std::time::{Duration, Instant};

use crate::engine::TICK_MS;

/// Until then nobody asks for CPU time.
const FIRST_MS: u64 = 10;
/// So many times its CPU time a call may last by the wall clock.
pub(crate) const WALL_FACTOR: u64 = 10;

/// The deadline of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    limit_ms: u64,
    /// CPU time of the thread when the first stretch was over.
    base: Option<Duration>,
}

impl Deadline {
    pub(crate) fn new(limit_ms: u64) -> Self {
        Self {
            began: Instant::now(),
            limit_ms,
            base: None,
        }
    }

    /// Epochs until it is asked again for the first time.
    pub(crate) fn first_ticks(&self) -> u64 {
        ticks(self.limit_ms.min(FIRST_MS))
    }

    /// Epochs until it is asked again; none: it is over.
    pub(crate) fn more_ticks(&mut self) -> Option<u64> {
        self.left(self.began.elapsed(), cpu_time())
    }

    fn left(&mut self, wall: Duration, cpu: Option<Duration>) -> Option<u64> {
        let limit = Duration::from_millis(self.limit_ms);
        let used = match cpu {
            Some(cpu) => {
                let base = *self.base.get_or_insert(cpu);
                cpu.saturating_sub(base) + limit.min(Duration::from_millis(FIRST_MS))
            }
            // Where the kernel keeps no such figures, the wall clock has to do.
            None => wall,
        };
        let end = limit * WALL_FACTOR as u32;
        if used >= limit || wall >= end {
            return None;
        }
        let left = (limit - used).min(end - wall);
        Some(ticks(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The epoch may be about to rise, so one tick more than asked for.
fn ticks(ms: u64) -> u64 {
    ms / TICK_MS + 1
}

/// CPU time of this thread: the first figure of its `schedstat`, in nanoseconds.
fn cpu_time() -> Option<Duration> {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns = figures.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A guest that has the processor for itself is stopped when its time is over.
    #[test]
    fn cpu_time_counts() {
        let mut deadline = Deadline::new(100);
        assert_eq!(deadline.first_ticks(), 11);
        assert_eq!(deadline.left(ms(11), Some(ms(500))), Some(91));
        assert_eq!(deadline.left(ms(60), Some(ms(550))), Some(41));
        assert_eq!(deadline.left(ms(101), Some(ms(590))), None);
    }

    /// On a busy machine it has its time all the same, up to ten times as long by the wall clock.
    #[test]
    fn a_busy_machine_is_not_the_guests_fault() {
        let mut deadline = Deadline::new(100);
        assert_eq!(deadline.left(ms(200), Some(ms(500))), Some(91));
        assert_eq!(deadline.left(ms(990), Some(ms(520))), Some(11));
        assert_eq!(deadline.left(ms(1000), Some(ms(521))), None);
    }

    /// Without figures of the kernel the wall clock counts.
    #[test]
    fn the_wall_clock_has_to_do_where_there_is_nothing_else() {
        let mut deadline = Deadline::new(100);
        assert_eq!(deadline.left(ms(40), None), Some(61));
        assert_eq!(deadline.left(ms(100), None), None);
    }
}
