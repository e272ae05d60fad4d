//! The meter's time: microseconds since the meter was made.
//!
//! Monotonic, so a jump of the wall clock (RELIABILITY R7) moves no lease and no bucket. A worker
//! reads it once per batch and passes it in.

use std::time::Duration;

/// A moment, in microseconds since the meter was made.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tick(pub u64);

impl Tick {
    /// The end of time: what never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `ms` milliseconds after the meter was made.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// Whole milliseconds since the meter was made.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// This much later; never past [`Self::NEVER`].
    #[must_use]
    pub const fn after_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }

    /// How long ago `earlier` was; nothing if it is still to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
