//! How often and how much.

use std::time::Duration;

/// Limits on the look-ups that ALIAS records cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AliasLimits {
    /// ALIAS records of one zone; a file with more is refused.
    pub per_zone: usize,
    /// The shortest pause between two looks at a target that answers, however short its TTL.
    pub refresh_min: Duration,
    /// The longest, however long its TTL.
    pub refresh_max: Duration,
    /// The pause after the first failure; it doubles with each further one.
    pub retry_min: Duration,
    /// The longest pause after failures.
    pub retry_max: Duration,
    /// How long the last good addresses are served when no newer ones come (RFC 8767 5: 1 to 3 days).
    pub stale_max: Duration,
    /// Look-ups under way at once.
    pub at_once: usize,
    /// Look-ups begun in a second.
    pub per_second: u32,
}

impl AliasLimits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        per_zone: 1000,
        refresh_min: Duration::from_secs(30),
        refresh_max: Duration::from_secs(3600),
        retry_min: Duration::from_secs(5),
        retry_max: Duration::from_secs(300),
        stale_max: Duration::from_secs(86_400),
        at_once: 32,
        per_second: 50,
    };
}

impl AliasLimits {
    /// How often what is known is written down again though it is the same: its age counts after a restart.
    pub(crate) fn keep_again(&self) -> Duration {
        (self.stale_max / 4).max(Duration::from_secs(1))
    }
}

impl Default for AliasLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
