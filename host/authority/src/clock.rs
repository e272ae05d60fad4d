//! The authority's clock: the one place here that asks what time it is.
//!
//! Durations are measured on the monotonic clock, which no correction of the system time moves; the wall
//! clock is only read to note when something happened and to learn how long the process was down. Months
//! of the service are those of one fixed offset (P7.7), so no daylight saving can make one an hour short.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bailiwick_transfer::Moment;

/// A clock that began when the process did.
#[derive(Clone, Debug)]
pub struct Clock {
    began: Instant,
    wall_at_start: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// Starts now.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            wall_at_start: wall(),
        }
    }

    /// Milliseconds since the start, never going back.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The instant of a moment, for sleeping until it.
    pub fn instant(&self, moment: Moment) -> Instant {
        let far = Duration::from_secs(365 * 86_400);
        self.began + Duration::from_millis(moment.0).min(self.began.elapsed() + far)
    }

    /// Seconds since 1970 by the system's clock.
    pub fn wall(&self) -> u64 {
        wall()
    }

    /// Milliseconds since 1970 by the system's clock.
    pub fn wall_ms(&self) -> u64 {
        u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
    }

    /// Seconds since 1970 of a moment, as the clock showed at the start plus what has passed: a later jump
    /// of the system time does not move it (RELIABILITY R7).
    pub fn wall_of(&self, moment: Moment) -> u64 {
        self.wall_at_start.saturating_add(moment.0 / 1000)
    }
}

fn wall() -> u64 {
    since_1970().as_secs()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RELIABILITY R7: moments never go back.
    #[test]
    fn moments_grow() {
        let clock = Clock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
        assert!(clock.wall_of(Moment(5_000)) >= clock.wall_at_start + 5);
    }

    /// A moment at the end of time is far, not a panic.
    #[test]
    fn far_moment_is_an_instant() {
        let clock = Clock::new();
        assert!(clock.instant(Moment(u64::MAX)) > Instant::now());
    }
}
