//! When to leave a failing plugin alone.
//!
//! ```text
//!            5 faults in 10 s                   pause over
//!   closed ───────────────────▶ open (1 s) ────────────────▶ half-open
//!      ▲                            ▲                         │     │
//!      │                            └── fault: pause doubled, ┘     │
//!      └──────────────────────── answer ────────────────────────────┘
//! ```
//!
//! Below five faults a new instance is made at once after the first, and after a growing moment for
//! those that follow. Time is an argument, as everywhere.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

/// So many faults …
const FAULTS_MAX: usize = 5;
/// … in this time open it.
const WINDOW: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Before the third instance in a row; doubles from there.
const BACK_OFF: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_millis(100);

/// What the breaker does now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Every question goes through.
    Closed,
    /// None does.
    Open,
    /// One does; what comes of it decides.
    HalfOpen,
}

/// The breaker of one activation.
#[derive(Debug)]
pub(crate) struct Breaker {
    faults: VecDeque<Instant>,
    in_a_row: u32,
    until: Option<Instant>,
    /// Length of the present or last opening; none: closed.
    pause: Option<Duration>,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self {
            faults: VecDeque::new(),
            in_a_row: 0,
            until: None,
            pause: None,
        }
    }

    /// May a question go through? If not, when to come back.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        match self.until {
            Some(until) if until > now => Err(until - now),
            _ => Ok(()),
        }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match (self.pause, self.admit(now)) {
            (None, _) => BreakerState::Closed,
            (Some(_), Err(_)) => BreakerState::Open,
            (Some(_), Ok(())) => BreakerState::HalfOpen,
        }
    }

    pub(crate) fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.until = None;
        if self.pause.take().is_some() {
            self.faults.clear();
        }
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        while self
            .faults
            .front()
            .is_some_and(|fault| now.duration_since(*fault) >= WINDOW)
        {
            self.faults.pop_front();
        }
        self.faults.push_back(now);
        if self.faults.len() > FAULTS_MAX {
            self.faults.pop_front();
        }
        let wait = if let Some(pause) = self.pause {
            let pause = (pause * 2).min(PAUSE_MAX);
            self.pause = Some(pause);
            pause
        } else if self.faults.len() >= FAULTS_MAX {
            self.pause = Some(PAUSE_MIN);
            PAUSE_MIN
        } else {
            match self.in_a_row {
                0 | 1 => return,
                n => (BACK_OFF * 2u32.pow((n - 2).min(8))).min(BACK_OFF_MAX),
            }
        };
        self.until = Some(now + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_faults(n: usize, start: Instant) -> (Breaker, Instant) {
        let mut breaker = Breaker::new();
        let mut now = start;
        for _ in 0..n {
            breaker.failed(now);
            now += breaker.admit(now).err().unwrap_or_default();
        }
        (breaker, now)
    }

    /// RELIABILITY W7: five faults in 10 s open it for 1 s, four do not.
    #[test]
    fn opens_at_the_fifth_fault() {
        let start = Instant::now();
        let (breaker, now) = after_faults(4, start);
        assert_eq!(breaker.state(now), BreakerState::Closed);
        let mut breaker = breaker;
        breaker.failed(now);
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert_eq!(breaker.admit(now), Err(Duration::from_secs(1)));
        assert_eq!(
            breaker.state(now + Duration::from_secs(1)),
            BreakerState::HalfOpen
        );
    }

    /// Faults further apart than the window never open it.
    #[test]
    fn old_faults_are_forgotten() {
        let mut breaker = Breaker::new();
        let mut now = Instant::now();
        for _ in 0..50 {
            breaker.failed(now);
            breaker.succeeded();
            now += Duration::from_secs(3);
        }
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    /// Each failure of a half-open breaker doubles the pause, to 60 s; an answer closes it.
    #[test]
    fn pauses_double_to_a_minute() {
        let (mut breaker, mut now) = after_faults(5, Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..7 {
            breaker.failed(now);
            let pause = breaker.admit(now).unwrap_err();
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        breaker.succeeded();
        assert_eq!(breaker.state(now), BreakerState::Closed);
        breaker.failed(now);
        assert_eq!(breaker.admit(now), Ok(()));
    }

    /// The first new instance is made at once, later ones after a growing moment.
    #[test]
    fn instances_are_made_with_growing_pauses() {
        let start = Instant::now();
        let mut breaker = Breaker::new();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            breaker.failed(start);
            pauses.push(breaker.admit(start).err().unwrap_or_default().as_millis());
        }
        assert_eq!(pauses, [0, 10, 20, 40]);
    }
}
