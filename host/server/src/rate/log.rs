//! Says in the log that answers are being limited: to whom, about what, and how many.
//!
//! Each thread leaves a note of the query it limited first; a thread of its own looks once a second.
//! A flood is told at once and then at growing pauses, with the sum of what was done meanwhile, so a
//! flood that lasts costs a line a minute for each thread it meets (RELIABILITY: at most ten lines a
//! second whatever happens).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bailiwick_zone::SharedZones;
use ipnet::IpNet;

use super::{Level, Noted, RateLimitCounts, RateLimitMode, RateLimiter, Rules};

/// The thread that logs; it ends when this is dropped.
pub(crate) struct Reporter {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reporter {
    pub(crate) fn start(
        limiter: Arc<RateLimiter>,
        zones: Arc<SharedZones>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("rate-log".to_owned())
            .spawn(move || run(&limiter, &zones, &stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only ever logs: there is nothing to clean up after it.
            let _ = thread.join();
        }
    }
}

fn run(limiter: &RateLimiter, zones: &SharedZones, stop: &Receiver<()>) {
    let mut pauses = Pauses::default();
    let mut told = RateLimitCounts::default();
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(LOOK) {
        let counts = limiter.counts();
        if !pauses.is_due(counts != told) {
            continue;
        }
        let rules = limiter.rules.load_full();
        let notes: Vec<Noted> = limiter
            .threads()
            .iter()
            .filter_map(|thread| thread.note.take())
            .take(LINES_MAX)
            .collect();
        for noted in notes {
            tell(&rules, &noted, zones, &since(&counts, &told));
        }
        told = counts;
    }
}

fn tell(rules: &Rules, noted: &Noted, zones: &SharedZones, done: &RateLimitCounts) {
    let Some(level) = rules.levels.get(noted.level) else {
        return;
    };
    let (network, rate) = (network(level, noted), level.rate);
    let about = match (level.by_zone, noted.zone) {
        (false, _) => "all zones together".to_owned(),
        (true, None) => "no zone of ours".to_owned(),
        (true, Some(slot)) => zones
            .load()
            .iter()
            .find(|zone| zone.slot() == slot)
            .map_or_else(
                || "a zone that is gone".to_owned(),
                |zone| zone.apex().to_string(),
            ),
    };
    let RateLimitCounts {
        dropped,
        slipped,
        shortened,
        would_limit,
    } = *done;
    if rules.settings.mode == RateLimitMode::Log {
        tracing::warn!(
            peer.addr = %network,
            "more than {rate} answers a second go to {network} about {about}; \
             {would_limit} queries would have been limited since this was said last"
        );
    } else {
        let limited = slipped + shortened;
        tracing::warn!(
            peer.addr = %network,
            "more than {rate} answers a second go to {network} about {about}; since this was said last \
             {limited} queries were told to come over TCP and {dropped} got nothing"
        );
    }
}

/// The prefix that shares the bucket.
fn network(level: &Level, noted: &Noted) -> IpNet {
    let (bits, offset) = if noted.source.is_v4() {
        (level.v4_bits, super::V4_IN_V6)
    } else {
        (level.v6_bits, 0)
    };
    let address: IpAddr = noted.source.masked(bits).to_ip();
    IpNet::new(address, bits.saturating_sub(offset)).unwrap_or_else(|_| address.into())
}

fn since(now: &RateLimitCounts, then: &RateLimitCounts) -> RateLimitCounts {
    RateLimitCounts {
        dropped: now.dropped.wrapping_sub(then.dropped),
        slipped: now.slipped.wrapping_sub(then.slipped),
        shortened: now.shortened.wrapping_sub(then.shortened),
        would_limit: now.would_limit.wrapping_sub(then.would_limit),
    }
}

/// When to speak: at once, then after 1, 2, 4 … looks, at once again after a quiet spell.
#[derive(Default)]
struct Pauses {
    /// Looks until the next line.
    wait: u32,
    /// What `wait` will be set to.
    next: u32,
    quiet: u32,
}

impl Pauses {
    fn is_due(&mut self, busy: bool) -> bool {
        self.wait = self.wait.saturating_sub(1);
        if !busy {
            self.quiet = self.quiet.saturating_add(1);
            if self.quiet > PAUSE_MAX {
                *self = Self::default();
            }
            return false;
        }
        self.quiet = 0;
        if self.wait > 0 {
            return false;
        }
        self.next = (self.next * 2).clamp(1, PAUSE_MAX);
        self.wait = self.next;
        true
    }
}

const LOOK: Duration = Duration::from_secs(1);
/// Lines at a time.
const LINES_MAX: usize = 8;
/// Looks, which are seconds, between two lines at most.
const PAUSE_MAX: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    /// SSW: at most ten lines a second; in a flood of an hour, about one look in a minute speaks.
    #[test]
    fn a_flood_is_told_at_once_and_then_rarely() {
        let mut pauses = Pauses::default();
        let told: Vec<u32> = (0..3600).filter(|_| pauses.is_due(true)).collect();
        assert_eq!(told[..5], [0, 1, 3, 7, 15]);
        assert!((60..70).contains(&told.len()), "{}", told.len());
        assert!(LINES_MAX as f64 / LOOK.as_secs_f64() <= 10.0);
        assert!((0..100).all(|_| !pauses.is_due(false)));
        assert!(pauses.is_due(true), "another flood is told at once");
    }
}
