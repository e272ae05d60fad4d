//! Response rate limiting: how much is sent to one place over UDP, whoever says to be there.
//!
//! The source of a datagram proves nothing, so a server can be made to send its answers to a victim.
//! What goes out is therefore counted by where it goes: to a host about one zone, to a network about
//! one zone, and to a network about all zones. A query that finds any of the three over its rate gets
//! an empty answer with TC (it "slips"), so that whoever really asked comes back over TCP, where the
//! source is proven; or it gets nothing.
//!
//! **Which prefixes.** BIND counts by /24 and /56 alone: then a flood in the name of one host silences
//! its neighbours. Knot counts by four or five prefix lengths at once, of all zones together: then a
//! flood about one zone silences a resolver that asks about another, and here a resolver may well ask
//! about a thousand. So: host and zone (rate × 1), network and zone (× 8), network (× 32). The first
//! stops the plain attack and touches nobody beside the victim; the second stops one that changes its
//! host; the third one that goes through our zones.
//!
//! **What an answer costs.** One token; more where it is larger than four times its query and no
//! cookie proved the source: one for each further four times. A sender who wants amplification runs
//! out that much sooner, and when the tokens do not suffice the large answer goes out as an empty one
//! with TC. So what is sent stays within (rate × four queries' length) whatever is asked for.
//!
//! **Slip 1 is the default**, as in Knot: every limited query is told to come over TCP. It sends back
//! no more octets than came in, a resolver in the flooded network is served at its second try, and a
//! forger is given no silence to answer in first. Errors that answer nothing (FORMERR and its like)
//! are dropped.
//!
//! **Limiting is on by default**, as in NSD: an authority that can be abused is a danger to others,
//! and the rate is one that few resolvers reach. Loopback is exempt by default, since whoever sends from
//! there is on this machine, and measures.
//!
//! One table for all threads: a client with several ports is seen by several threads, and a table for
//! each would multiply its rate by their number. A query costs up to three look-ups of one cache line
//! each; an exempt one a comparison.

mod log;
mod table;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{
    AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Cache};
use bailiwick_meter::{PrefixSet, Source, Tick};
use ipnet::IpNet;

pub(crate) use self::log::Reporter;
use self::table::{Price, Table};

/// What is done with what is over its rate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RateLimitMode {
    /// Nothing is counted.
    Off,
    /// It is counted and logged, and answered all the same.
    Log,
    /// It is limited.
    #[default]
    Limit,
}

/// What an operator may choose about rates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// Limit, only look, or neither.
    pub mode: RateLimitMode,
    /// Answers a second to one host about one zone; at least 1.
    pub rate: u32,
    /// Answers that one host may get at once after it was quiet; at least 1, at most a minute's.
    pub burst: u32,
    /// Of the queries over the rate, one in so many gets an empty answer with TC; 0: none does.
    pub slip: u8,
    /// Addresses that share so many bits are a network (IPv4).
    pub v4_prefix: u8,
    /// The same for IPv6, where a host is a /64.
    pub v6_prefix: u8,
    /// Who is not limited and not counted.
    pub exempt: Vec<IpNet>,
}

impl Default for RateLimit {
    fn default() -> Self {
        let loopback = [
            IpNet::new_assert([127, 0, 0, 0].into(), 8),
            IpNet::new_assert([0, 0, 0, 0, 0, 0, 0, 1].into(), 128),
        ];
        Self {
            mode: RateLimitMode::default(),
            rate: 200,
            burst: 200,
            slip: 1,
            v4_prefix: 24,
            v6_prefix: 56,
            exempt: loopback.into(),
        }
    }
}

/// What the limiter has done since the server started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RateLimitCounts {
    /// Queries over the rate that got nothing.
    pub dropped: u64,
    /// Queries over the rate that were told to come over TCP.
    pub slipped: u64,
    /// Answers too large for what was left, sent empty with TC.
    pub shortened: u64,
    /// Queries that would have been limited, in [`RateLimitMode::Log`].
    pub would_limit: u64,
}

/// The limiter of a server: one table, the rules in force, and what each thread counted.
pub struct RateLimiter {
    table: Table,
    hasher: RandomState,
    rules: Arc<ArcSwap<Rules>>,
    threads: Mutex<Vec<Arc<Counters>>>,
}

/// [`RateLimit`] as a query looks at it.
struct Rules {
    settings: RateLimit,
    levels: [Level; 3],
    exempt: PrefixSet,
}

/// One of the three ways to look at a query.
struct Level {
    /// Bits of the address that count, as IPv6 counts them.
    v4_bits: u8,
    v6_bits: u8,
    by_zone: bool,
    price: Price,
    /// Answers a second, for the log.
    rate: u32,
}

/// One thread's numbers, and a place for one thing to be said.
#[derive(Default)]
struct Counters {
    dropped: AtomicU64,
    slipped: AtomicU64,
    shortened: AtomicU64,
    would_limit: AtomicU64,
    note: Note,
}

/// The query that was limited first since somebody last looked: written by its thread while empty, read
/// by the one that logs while full, so that neither waits.
#[derive(Default)]
struct Note {
    full: AtomicBool,
    /// Source, and level with zone.
    words: [AtomicU64; 3],
}

/// A note that was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Noted {
    source: Source,
    level: usize,
    zone: Option<u32>,
}

/// The limiter of one worker thread.
pub(crate) struct ThreadLimiter {
    shared: Arc<RateLimiter>,
    latest: Cache<Arc<ArcSwap<Rules>>, Arc<Rules>>,
    /// Those of this batch.
    rules: Arc<Rules>,
    counters: Arc<Counters>,
    on: bool,
    now: Tick,
    /// An address that was found to be exempt: a forwarder, or a measurement, asks again at once.
    exempt: Option<Source>,
    slip: u8,
}

/// What may be sent to whom a query says it comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admission {
    /// Anything: the source is exempt, or nothing is limited.
    Free,
    /// An answer, which has cost one token; a large one costs more.
    Charged,
    /// An empty answer with TC.
    Slip,
    /// Nothing.
    Drop,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(&RateLimit::default())
    }
}

impl RateLimiter {
    /// A limiter under these rules, with a secret of its own.
    #[must_use]
    pub fn new(settings: &RateLimit) -> Self {
        Self {
            table: Table::new(),
            hasher: RandomState::new(),
            rules: Arc::new(ArcSwap::from_pointee(Rules::new(settings))),
            threads: Mutex::default(),
        }
    }

    /// Puts other rules in force; what was spent under the old ones stays spent.
    pub fn set(&self, settings: &RateLimit) {
        self.rules.store(Arc::new(Rules::new(settings)));
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> RateLimitCounts {
        let mut sum = RateLimitCounts::default();
        for thread in self.threads().iter() {
            sum.dropped += thread.dropped.load(Relaxed);
            sum.slipped += thread.slipped.load(Relaxed);
            sum.shortened += thread.shortened.load(Relaxed);
            sum.would_limit += thread.would_limit.load(Relaxed);
        }
        sum
    }

    pub(crate) fn register(self: &Arc<Self>) -> ThreadLimiter {
        let counters = Arc::<Counters>::default();
        self.threads().push(Arc::clone(&counters));
        let mut latest = Cache::new(Arc::clone(&self.rules));
        let rules = Arc::clone(latest.load());
        ThreadLimiter {
            shared: Arc::clone(self),
            latest,
            on: rules.is_on(),
            rules,
            counters,
            now: Tick(0),
            exempt: None,
            slip: 0,
        }
    }

    /// The list is whole between any two statements that could panic.
    fn threads(&self) -> MutexGuard<'_, Vec<Arc<Counters>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ThreadLimiter {
    /// Starts a batch: the rules in force and the time are taken once for all of it.
    #[inline]
    pub(crate) fn begin(&mut self, now: Tick) {
        self.now = now;
        let latest = self.latest.load();
        if !Arc::ptr_eq(latest, &self.rules) {
            self.rules = Arc::clone(latest);
            self.on = self.rules.is_on();
            self.exempt = None;
        }
    }

    /// May an answer go to `source`, about the zone in this slot or about none?
    #[inline]
    pub(crate) fn admit(&mut self, source: Source, zone: Option<u32>) -> Admission {
        if !self.on || self.exempt == Some(source) {
            return Admission::Free;
        }
        self.look(source, zone)
    }

    /// May the answer that was made go out, or has it to be shortened? Asked for what was
    /// [`Admission::Charged`].
    #[inline]
    pub(crate) fn affords(
        &mut self,
        source: Source,
        zone: Option<u32>,
        query_len: usize,
        answer_len: usize,
    ) -> bool {
        answer_len <= query_len * AMPLIFIES || self.pay_more(source, zone, query_len, answer_len)
    }

    #[inline(never)]
    fn look(&mut self, source: Source, zone: Option<u32>) -> Admission {
        if self.rules.exempt.contains(source) {
            self.exempt = Some(source);
            return Admission::Free;
        }
        let Some(level) = self.first_over(source, zone, 1) else {
            return Admission::Charged;
        };
        self.counters.note.leave(source, level, zone);
        if self.rules.settings.mode == RateLimitMode::Log {
            bump(&self.counters.would_limit);
            return Admission::Charged;
        }
        self.slip = self.slip.wrapping_add(1);
        if self.rules.settings.slip != 0 && self.slip >= self.rules.settings.slip {
            self.slip = 0;
            bump(&self.counters.slipped);
            Admission::Slip
        } else {
            bump(&self.counters.dropped);
            Admission::Drop
        }
    }

    #[cold]
    #[inline(never)]
    fn pay_more(
        &mut self,
        source: Source,
        zone: Option<u32>,
        query_len: usize,
        answer_len: usize,
    ) -> bool {
        let more = (answer_len / (query_len * AMPLIFIES).max(1)).min(PRICE_MAX) as u32;
        let Some(level) = self.first_over(source, zone, more) else {
            return true;
        };
        self.counters.note.leave(source, level, zone);
        if self.rules.settings.mode == RateLimitMode::Log {
            bump(&self.counters.would_limit);
            return true;
        }
        bump(&self.counters.shortened);
        false
    }

    /// Takes tokens from one level after the other; the first that has not enough ends it. Narrow before wide: a
    /// host that is over its rate costs its network nothing.
    #[inline]
    fn first_over(&self, source: Source, zone: Option<u32>, tokens: u32) -> Option<usize> {
        self.rules.levels.iter().enumerate().position(|(n, level)| {
            let bits = if source.is_v4() {
                level.v4_bits
            } else {
                level.v6_bits
            };
            let (hi, lo) = source.masked(bits).words();
            let zone = zone.filter(|_| level.by_zone);
            let key = self.shared.hasher.hash_one((hi, lo, word(n, zone)));
            !self.shared.table.take(key, self.now, &level.price, tokens)
        })
    }
}

impl Rules {
    fn new(settings: &RateLimit) -> Self {
        let host = (V4_HOST, V6_HOST);
        let net = (
            settings.v4_prefix.min(32) + V4_IN_V6,
            settings.v6_prefix.min(128),
        );
        let level = |(v4_bits, v6_bits), by_zone, times| Level {
            v4_bits,
            v6_bits,
            by_zone,
            price: Price::new(
                settings.rate.saturating_mul(times),
                settings.burst.saturating_mul(times),
            ),
            rate: settings.rate.saturating_mul(times),
        };
        Self {
            levels: [
                level(host, true, 1),
                level(net, true, NET_AND_ZONE_TIMES),
                level(net, false, NET_TIMES),
            ],
            exempt: settings.exempt.iter().copied().collect(),
            settings: settings.clone(),
        }
    }

    fn is_on(&self) -> bool {
        self.settings.mode != RateLimitMode::Off
    }
}

impl Note {
    /// Only the thread that owns it calls this.
    fn leave(&self, source: Source, level: usize, zone: Option<u32>) {
        if self.full.load(Acquire) {
            return;
        }
        let (hi, lo) = source.words();
        for (place, value) in self.words.iter().zip([hi, lo, word(level, zone)]) {
            place.store(value, Relaxed);
        }
        self.full.store(true, Release);
    }

    /// Only the one that logs calls this.
    fn take(&self) -> Option<Noted> {
        if !self.full.load(Acquire) {
            return None;
        }
        let [hi, lo, rest] = [0, 1, 2].map(|n| self.words[n].load(Relaxed));
        self.full.store(false, Release);
        Some(Noted {
            source: Source::from_words(hi, lo),
            level: rest as usize & 0xff,
            zone: u32::try_from(rest >> 8).ok()?.checked_sub(1),
        })
    }
}

/// Level and zone in one number.
#[inline]
fn word(level: usize, zone: Option<u32>) -> u64 {
    zone.map_or(0, |slot| u64::from(slot) + 1) << 8 | level as u64
}

/// Adds to a counter that nobody else writes.
#[inline]
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

/// RELIABILITY P12: an answer that is longer than this many times its query costs more.
const AMPLIFIES: usize = 4;
/// Tokens beyond the first that an answer may cost.
const PRICE_MAX: usize = 64;
const V4_IN_V6: u8 = 96;
const V4_HOST: u8 = 128;
const V6_HOST: u8 = 64;
const NET_AND_ZONE_TIMES: u32 = 8;
const NET_TIMES: u32 = 32;

#[cfg(test)]
mod tests;
