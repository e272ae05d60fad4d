//! One target: what is known of its addresses, and when to ask again.
//!
//! ```text
//!   unknown ──answer──► known ──failure──► stale ──answer──► known
//!      ▲                                     │
//!      └──────────── too old ────────────────┘
//! ```
//!
//! Addresses are asked for again before their TTL ends, so what is served is seldom older than it. A
//! failure leaves them in force for [`AliasLimits::stale_max`]: RFC 8767 5 has a day or more for it,
//! because an outage of somebody's name servers is seldom also one of their web servers, while an
//! answer that is older than that is more likely wrong than none is harmful.

use std::time::Duration;

use bailiwick_resolver::Addresses;
use bailiwick_transfer::Moment;

use super::AliasLimits;

/// A name outside whose addresses are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    good: Option<Good>,
    /// When to ask, unless somebody is asking.
    pub(crate) next: Moment,
    pub(crate) is_being_asked: bool,
    /// Since the last answer.
    failures: u32,
    error: Option<String>,
}

/// The last good answer.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) addresses: Addresses,
    /// Seconds since 1970.
    pub(crate) wall: u64,
    /// When it is too old to be served.
    pub(crate) end: Moment,
}

impl Target {
    /// Not known; to be asked for at once.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            good: None,
            next: now,
            is_being_asked: false,
            failures: 0,
            error: None,
        }
    }

    /// Known from before a restart; to be asked for at once all the same.
    pub(crate) fn restored(
        addresses: Addresses,
        wall: u64,
        age: Duration,
        now: Moment,
        limits: &AliasLimits,
    ) -> Self {
        let end = now.after(limits.stale_max.saturating_sub(age));
        Self {
            good: Some(Good {
                addresses,
                wall,
                end,
            }),
            ..Self::new(now)
        }
    }

    /// The addresses to serve, old ones too while they are not too old.
    pub(crate) fn good(&self, now: Moment) -> Option<&Good> {
        self.good.as_ref().filter(|good| now < good.end)
    }

    /// Why the last attempt failed, if it did.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// An answer came; says whether it is another one than before. `jitter` is between 0 and 1.
    pub(crate) fn succeed(
        &mut self,
        addresses: Addresses,
        now: Moment,
        wall: u64,
        jitter: f64,
        limits: &AliasLimits,
    ) -> bool {
        let ttl = addresses.v4.ttl.min(addresses.v6.ttl);
        // Before the TTL ends, and not all at one moment.
        let pause = Duration::from_secs(ttl.into()).mul_f64(0.75 + 0.2 * jitter);
        self.next = now.after(pause.clamp(limits.refresh_min, limits.refresh_max));
        let is_news = self
            .good(now)
            .is_none_or(|good| good.addresses != addresses);
        self.good = Some(Good {
            addresses,
            wall,
            end: now.after(limits.stale_max),
        });
        self.is_being_asked = false;
        self.failures = 0;
        self.error = None;
        is_news
    }

    /// No answer, in words; says whether nothing is left to be served. `jitter` is between 0 and 1.
    pub(crate) fn fail(
        &mut self,
        words: String,
        now: Moment,
        jitter: f64,
        limits: &AliasLimits,
    ) -> bool {
        let doubled = limits.retry_min.saturating_mul(1 << self.failures.min(16));
        self.next = now.after(doubled.min(limits.retry_max).mul_f64(0.75 + 0.5 * jitter));
        self.is_being_asked = false;
        self.failures = self.failures.saturating_add(1);
        self.error = Some(words);
        self.good(now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_resolver::Found;

    use super::*;

    const LIMITS: AliasLimits = AliasLimits::DEFAULT;

    fn addresses(ttl: u32) -> Addresses {
        Addresses {
            v4: Found {
                addresses: vec![[9, 9, 9, 9].into()],
                ttl,
            },
            v6: Found {
                addresses: Vec::new(),
                ttl: ttl.max(3600),
            },
        }
    }

    fn seconds(n: u64) -> Moment {
        Moment(n * 1000)
    }

    /// It is asked again before the TTL ends, at different times for different targets.
    #[test]
    fn answer_is_renewed_before_its_ttl_ends() {
        let mut target = Target::new(seconds(0));
        target.succeed(addresses(300), seconds(0), 0, 0.0, &LIMITS);
        assert_eq!(target.next, seconds(225));
        target.succeed(addresses(300), seconds(0), 0, 1.0, &LIMITS);
        assert_eq!(target.next, seconds(285));
    }

    /// A TTL of 0 makes no flood, one of a year no address for ever.
    #[test]
    fn pauses_have_a_floor_and_a_ceiling() {
        let mut target = Target::new(seconds(0));
        target.succeed(addresses(0), seconds(0), 0, 0.5, &LIMITS);
        assert_eq!(target.next, Moment(0).after(LIMITS.refresh_min));
        target.succeed(addresses(u32::MAX), seconds(0), 0, 0.5, &LIMITS);
        assert_eq!(target.next, Moment(0).after(LIMITS.refresh_max));
    }

    /// RFC 8767 5: the last good addresses outlive a failure, for a bounded time.
    #[test]
    fn failure_keeps_the_last_good_addresses_for_a_day() {
        let mut target = Target::new(seconds(0));
        target.succeed(addresses(300), seconds(0), 0, 0.5, &LIMITS);
        target.fail("silence".to_owned(), seconds(300), 0.5, &LIMITS);
        assert_eq!(target.error(), Some("silence"));
        assert!(target.good(seconds(86_399)).is_some());
        assert!(target.good(seconds(86_400)).is_none());
    }

    /// Retries become rarer and never stop.
    #[test]
    fn retries_become_rarer() {
        let mut target = Target::new(seconds(0));
        let pauses: Vec<u64> = (0..12)
            .map(|_| {
                target.fail(String::new(), seconds(0), 0.5, &LIMITS);
                target.next.0 / 1000
            })
            .collect();
        assert_eq!(pauses.get(..5), Some(&[5, 10, 20, 40, 80][..]));
        assert_eq!(pauses.last(), Some(&LIMITS.retry_max.as_secs()));
    }

    /// Over a restart the age counts on.
    #[test]
    fn restored_addresses_are_as_old_as_they_are() {
        let hour = Duration::from_secs(3600);
        let target = Target::restored(addresses(60), 5, hour, seconds(0), &LIMITS);
        assert!(target.good(seconds(82_799)).is_some() && target.good(seconds(82_800)).is_none());
        assert_eq!(target.next, seconds(0));
    }
}
