//! When to look at the primary again: the refresh, retry and expire timers of one secondary zone
//! (RFC 1035 3.3.13, RFC 1996 4.3) as a machine without a clock.
//!
//! ```text
//!             due                    newer                  done
//!  Waiting ─────────► Transferring ◄──────── (probe) ──────────► Ok ──refresh──► (probe)
//!     ▲                    │ failed                               ▲
//!     └── growing pauses ──┴──► Failing ──half of expire──► Expiring ──expire──► Expired
//!                          └──► Held (the primary's serial went back)
//! ```
//!
//! The caller gives the moment and a number between 0 and 1 for jitter, and is told when to come back.
//! A failed zone is tried for ever, with pauses that double (SERVICE S6, RELIABILITY X6).

use std::time::Duration;

use bailiwick_zone::Serial;

/// A point on a clock that never goes back, in milliseconds since the owner of the clock began.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment `pause` later.
    pub fn after(self, pause: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The SOA's timers, clamped to what a sane world allows (RELIABILITY X7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timers {
    /// Between looks when all is well.
    pub refresh: Duration,
    /// Between looks after a failure, to begin with.
    pub retry: Duration,
    /// Without any success for this long, the zone is no longer answered.
    pub expire: Duration,
}

impl Timers {
    /// Clamps: refresh 60 s to 1 d, retry 60 s to 6 h, expire 1 d to 90 d.
    pub fn from_soa(refresh: u32, retry: u32, expire: u32) -> Self {
        let clamp = |value: u32, least: u64, most: u64| {
            Duration::from_secs(u64::from(value).clamp(least, most))
        };
        Self {
            refresh: clamp(refresh, MINUTE, DAY),
            retry: clamp(retry, MINUTE, 6 * HOUR),
            expire: clamp(expire, DAY, 90 * DAY),
        }
    }
}

/// Why an attempt failed; decides how long to stay away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// No connection, no answer, a refusal: cheap to try again.
    Unreachable,
    /// It sent a zone that cannot be used: the next transfer would cost as much.
    Content,
}

/// What a person wants to know about the zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Never transferred, and no attempt has failed yet.
    Waiting,
    /// An attempt is under way.
    Transferring,
    /// The last attempt succeeded.
    Ok,
    /// The last attempts failed; the zone, if there is one, is answered.
    Failing,
    /// Failing for more than half of the expire time.
    Expiring,
    /// Not answered any more (RFC 1035 3.3.13).
    Expired,
    /// The primary offers an older serial than the one in force; the newer one stays.
    Held {
        /// What is in force.
        ours: Serial,
        /// What the primary offers.
        theirs: Serial,
    },
}

/// What is to be done at this moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Nothing until then.
    Wait(Moment),
    /// Ask the primary for its serial, and call [`Refresh::begin`].
    Look,
    /// Stop answering the zone. Said once; looking goes on.
    Expire,
}

/// The timers of one zone.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// None until the zone has been transferred for the first time.
    loaded: Option<Loaded>,
    next_look: Moment,
    busy: bool,
    failures: u32,
    held: Option<(Serial, Serial)>,
    /// A NOTIFY came while an attempt was running: look once more afterwards (RFC 1996 4.3, X8).
    again: bool,
    /// When the last attempt ended: NOTIFY brings no look closer to it than the gaps below.
    last_end: Option<Moment>,
    expired: bool,
}

#[derive(Clone, Copy, Debug)]
struct Loaded {
    timers: Timers,
    last_success: Moment,
}

impl Refresh {
    /// A zone that was never transferred: due at once (SERVICE S6).
    pub fn new(now: Moment) -> Self {
        Self {
            loaded: None,
            next_look: now,
            busy: false,
            failures: 0,
            held: None,
            again: false,
            last_end: None,
            expired: false,
        }
    }

    /// A zone that came back from its snapshot, last confirmed `age` ago. Its look is spread over
    /// `spread`, so that a restart does not ask for all zones at once (RELIABILITY R10).
    pub fn restored(
        timers: Timers,
        age: Duration,
        now: Moment,
        spread: Duration,
        jitter: f64,
    ) -> Self {
        // A moment before the clock began is not expressible; the age is carried by moving expiry forward.
        let mut refresh = Self::new(now);
        let timers_left = Timers {
            expire: timers.expire.saturating_sub(age),
            ..timers
        };
        refresh.loaded = Some(Loaded {
            timers: timers_left,
            last_success: now,
        });
        refresh.next_look = now.after(spread.mul_f64(jitter.clamp(0.0, 1.0)));
        refresh
    }

    /// What to do now.
    pub fn step(&mut self, now: Moment) -> Step {
        if let Some(expiry) = self.expiry()
            && !self.expired
            && now >= expiry
        {
            self.expired = true;
            return Step::Expire;
        }
        if self.busy {
            return Step::Wait(self.expiry_ahead().unwrap_or(Moment(u64::MAX)));
        }
        if now >= self.next_look {
            return Step::Look;
        }
        Step::Wait(
            self.next_look
                .min(self.expiry_ahead().unwrap_or(self.next_look)),
        )
    }

    /// An attempt starts.
    pub fn begin(&mut self) {
        self.busy = true;
        self.again = false;
    }

    /// The primary has what we have.
    pub fn confirmed(&mut self, timers: Timers, now: Moment, jitter: f64) {
        self.succeeded(timers, now, jitter);
    }

    /// A new version is in force.
    pub fn transferred(&mut self, timers: Timers, now: Moment, jitter: f64) {
        self.succeeded(timers, now, jitter);
    }

    /// The attempt failed.
    pub fn failed(&mut self, failure: Failure, now: Moment, jitter: f64) {
        self.held = None;
        self.pause(failure, now, jitter);
    }

    /// The primary's serial is older than ours. Not a success: expiry runs on (as in BIND), and the
    /// state says why.
    pub fn held(&mut self, ours: Serial, theirs: Serial, now: Moment, jitter: f64) {
        self.held = Some((ours, theirs));
        self.pause(Failure::Content, now, jitter);
    }

    /// An order to look now. While an attempt runs it is remembered, once.
    pub fn look_now(&mut self, now: Moment) {
        if self.busy {
            self.again = true;
        } else {
            self.next_look = self.next_look.min(now);
        }
    }

    /// A NOTIFY. Anybody can send one under a primary's address, so however many come, looks keep a
    /// gap between them (RELIABILITY X8).
    pub fn notified(&mut self, now: Moment) {
        if self.busy {
            self.again = true;
        } else {
            let earliest = self
                .last_end
                .map_or(now, |end| end.after(self.gap()).max(now));
            self.next_look = self.next_look.min(earliest);
        }
    }

    fn gap(&self) -> Duration {
        if self.failures == 0 {
            NOTIFY_GAP
        } else {
            NOTIFY_GAP_FAILING
        }
    }

    /// The attempt was not made for lack of a free slot or in a shutdown: nothing is learnt.
    pub fn put_back(&mut self, now: Moment, pause: Duration) {
        self.busy = false;
        self.next_look = now.after(pause);
    }

    /// For people and their status page.
    pub fn state(&self, now: Moment) -> State {
        if self.expired {
            return State::Expired;
        }
        if self.busy {
            return State::Transferring;
        }
        if let Some((ours, theirs)) = self.held {
            return State::Held { ours, theirs };
        }
        match (&self.loaded, self.failures) {
            (None, 0) => State::Waiting,
            (None, _) => State::Failing,
            (Some(_), 0) => State::Ok,
            (Some(loaded), _) if now.since(loaded.last_success) > loaded.timers.expire / 2 => {
                State::Expiring
            }
            (Some(_), _) => State::Failing,
        }
    }

    /// When the next attempt is due.
    pub fn next_look(&self) -> Moment {
        self.next_look
    }

    /// When the zone stops being answered, if nothing succeeds until then.
    pub fn expiry(&self) -> Option<Moment> {
        self.loaded
            .map(|loaded| loaded.last_success.after(loaded.timers.expire))
    }

    /// Whether the zone has expired.
    pub fn is_expired(&self) -> bool {
        self.expired
    }

    /// Failed attempts since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn expiry_ahead(&self) -> Option<Moment> {
        self.expiry().filter(|_| !self.expired)
    }

    fn succeeded(&mut self, timers: Timers, now: Moment, jitter: f64) {
        self.loaded = Some(Loaded {
            timers,
            last_success: now,
        });
        self.failures = 0;
        self.held = None;
        self.expired = false;
        self.busy = false;
        self.last_end = Some(now);
        self.next_look = now.after(jittered(timers.refresh, jitter));
        self.apply_again(now);
    }

    fn pause(&mut self, failure: Failure, now: Moment, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        self.busy = false;
        self.last_end = Some(now);
        self.next_look = now.after(jittered(self.pause_after(failure), jitter));
        self.apply_again(now);
    }

    /// One NOTIFY during an attempt earns one more look; it does not undo the growing pauses of a
    /// primary that notifies with every failed transfer (X6).
    fn apply_again(&mut self, now: Moment) {
        if std::mem::take(&mut self.again) && self.failures < LOOKS_AFTER_NOTIFY {
            self.next_look = self.next_look.min(now.after(self.gap()));
        }
    }

    fn pause_after(&self, failure: Failure) -> Duration {
        let first = match (&self.loaded, failure) {
            (None, Failure::Unreachable) => FIRST_PAUSE_UNREACHABLE,
            (None, Failure::Content) => FIRST_PAUSE_CONTENT,
            (Some(loaded), _) => loaded.timers.retry,
        };
        let doublings = self.failures.saturating_sub(1).min(16);
        let grown = first.saturating_mul(1 << doublings);
        let most = match &self.loaded {
            // A primary that is away must not be forgotten longer than its own refresh says.
            Some(loaded) => loaded
                .timers
                .refresh
                .max(loaded.timers.retry)
                .min(PAUSE_MAX),
            None => PAUSE_MAX,
        };
        match failure {
            // What costs a whole transfer each time may grow to the full pause.
            Failure::Content => grown.max(FIRST_PAUSE_CONTENT).min(PAUSE_MAX),
            Failure::Unreachable => grown.min(most),
        }
    }
}

/// Ten per cent either way, as Knot does.
fn jittered(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0))
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A new zone's owner is watching: the first tries come quickly.
const FIRST_PAUSE_UNREACHABLE: Duration = Duration::from_secs(5);
const FIRST_PAUSE_CONTENT: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(6 * HOUR);
/// Between the end of one look and the next that NOTIFY asks for, while all is well: a change is
/// still followed within a second.
const NOTIFY_GAP: Duration = Duration::from_millis(500);
/// The same after a failure.
const NOTIFY_GAP_FAILING: Duration = Duration::from_secs(2);
/// A NOTIFY is believed for this many failed looks.
const LOOKS_AFTER_NOTIFY: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const MID: f64 = 0.5;

    fn seconds(n: u64) -> Moment {
        Moment(n * 1000)
    }

    fn timers() -> Timers {
        Timers::from_soa(3600, 600, 7 * 86400)
    }

    fn loaded() -> Refresh {
        let mut refresh = Refresh::new(Moment(0));
        refresh.begin();
        refresh.transferred(timers(), Moment(0), MID);
        refresh
    }

    /// SERVICE S6: a new zone is looked at within a second.
    #[test]
    fn new_zone_is_due_at_once() {
        let mut refresh = Refresh::new(seconds(7));
        assert_eq!(refresh.step(seconds(7)), Step::Look);
        assert_eq!(refresh.state(seconds(7)), State::Waiting);
    }

    /// RFC 1035 3.3.13: after a success the next look is one refresh away.
    #[test]
    fn success_waits_for_refresh() {
        let mut refresh = loaded();
        assert_eq!(refresh.step(seconds(10)), Step::Wait(seconds(3600)));
        assert_eq!(refresh.step(seconds(3600)), Step::Look);
        assert_eq!(refresh.state(seconds(10)), State::Ok);
    }

    /// RELIABILITY R10: jitter is ten per cent either way.
    #[test]
    fn refresh_is_spread_by_jitter() {
        for (jitter, due) in [(0.0, 3240), (1.0, 3960)] {
            let mut refresh = Refresh::new(Moment(0));
            refresh.transferred(timers(), Moment(0), jitter);
            assert_eq!(refresh.next_look(), seconds(due));
        }
    }

    /// RELIABILITY X7: no field of the SOA can make us spin or sleep for years.
    #[test]
    fn timers_are_clamped() {
        for wild in [0, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            let timers = Timers::from_soa(wild, wild, wild);
            assert!((60..=86_400).contains(&timers.refresh.as_secs()));
            assert!((60..=21_600).contains(&timers.retry.as_secs()));
            assert!((86_400..=90 * 86_400).contains(&timers.expire.as_secs()));
        }
    }

    /// SERVICE S6: tried for ever, with growing pauses.
    #[test]
    fn pauses_double_up_to_six_hours() {
        let mut refresh = Refresh::new(Moment(0));
        let mut now = Moment(0);
        let mut pauses = Vec::new();
        for _ in 0..15 {
            refresh.begin();
            refresh.failed(Failure::Unreachable, now, MID);
            pauses.push(refresh.next_look().since(now).as_secs());
            now = refresh.next_look();
        }
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses[14], 21_600);
    }

    /// RELIABILITY X6: a primary that always sends a bad zone gets at most 12 transfers a day, even when it
    /// sends a NOTIFY during each of them.
    #[test]
    fn lying_primary_gets_few_transfers_a_day() {
        let mut refresh = Refresh::new(Moment(0));
        let (mut now, mut transfers) = (Moment(0), 0);
        while now < seconds(86_400) {
            match refresh.step(now) {
                Step::Look => {
                    transfers += 1;
                    refresh.begin();
                    refresh.look_now(now);
                    refresh.failed(Failure::Content, now, MID);
                }
                Step::Wait(until) => now = until,
                Step::Expire => unreachable!("never loaded"),
            }
        }
        assert!(transfers <= 13, "{transfers}");
    }

    /// RFC 1035 3.3.13: without success for `expire`, the zone is no longer answered; said once.
    #[test]
    fn zone_expires_once_and_is_looked_for_further() {
        let mut refresh = loaded();
        refresh.begin();
        refresh.failed(Failure::Unreachable, seconds(7 * 86_400 - 1), MID);
        assert_eq!(refresh.state(seconds(7 * 86_400 - 1)), State::Expiring);
        assert_eq!(refresh.step(seconds(7 * 86_400)), Step::Expire);
        assert_eq!(refresh.state(seconds(7 * 86_400)), State::Expired);
        assert_eq!(refresh.step(refresh.next_look()), Step::Look);
    }

    /// An expired zone lives again with the first success.
    #[test]
    fn success_ends_expiry() {
        let mut refresh = loaded();
        assert_eq!(refresh.step(seconds(8 * 86_400)), Step::Expire);
        refresh.begin();
        refresh.confirmed(timers(), seconds(8 * 86_400), MID);
        assert_eq!(refresh.state(seconds(8 * 86_400)), State::Ok);
    }

    /// RELIABILITY R7, D9: the time a server was down counts towards expiry.
    #[test]
    fn restored_zone_keeps_its_age() {
        let age = Duration::from_secs(6 * 86_400);
        let mut refresh = Refresh::restored(timers(), age, Moment(0), Duration::from_secs(60), MID);
        assert_eq!(refresh.expiry(), Some(seconds(86_400)));
        assert_eq!(refresh.step(Moment(0)), Step::Wait(seconds(30)));
    }

    /// RFC 1996 4.3: NOTIFY is as if refresh had come.
    #[test]
    fn notify_brings_the_look_forward() {
        let mut refresh = loaded();
        refresh.notified(seconds(5));
        assert_eq!(refresh.step(seconds(5)), Step::Look);
    }

    /// RELIABILITY X8: a flood of NOTIFYs is two looks a second, and one in two seconds at a primary
    /// that fails.
    #[test]
    fn notifies_keep_looks_apart() {
        let mut refresh = loaded();
        let mut looks = 0;
        for ms in 0..10_000 {
            let now = Moment(5_000 + ms);
            refresh.notified(now);
            if refresh.step(now) == Step::Look {
                looks += 1;
                refresh.begin();
                if ms < 5_000 {
                    refresh.confirmed(timers(), now, MID);
                } else {
                    refresh.failed(Failure::Unreachable, now, MID);
                }
            }
        }
        assert_eq!(looks, 10 + 3);
    }

    /// RELIABILITY X8: a hundred NOTIFYs during a transfer are one more look.
    #[test]
    fn notifies_during_an_attempt_are_one_look() {
        let mut refresh = loaded();
        refresh.begin();
        for _ in 0..100 {
            refresh.notified(seconds(1));
        }
        refresh.confirmed(timers(), seconds(2), MID);
        assert_eq!(
            refresh.step(seconds(2)),
            Step::Wait(seconds(2).after(NOTIFY_GAP))
        );
        assert_eq!(refresh.step(seconds(3)), Step::Look);
        refresh.begin();
        refresh.confirmed(timers(), seconds(3), MID);
        assert_eq!(refresh.step(seconds(3)), Step::Wait(seconds(3603)));
    }

    /// FEATURES 1.4: "held: serial went back", and expiry runs on.
    #[test]
    fn held_state_names_both_serials() {
        let mut refresh = loaded();
        refresh.begin();
        refresh.held(Serial(9), Serial(5), seconds(60), MID);
        assert_eq!(
            refresh.state(seconds(60)),
            State::Held {
                ours: Serial(9),
                theirs: Serial(5)
            }
        );
        assert_eq!(refresh.expiry(), Some(seconds(7 * 86_400)));
    }

    /// While an attempt runs nothing else is started, yet expiry is still noticed.
    #[test]
    fn busy_zone_waits_for_expiry_only() {
        let mut refresh = loaded();
        refresh.begin();
        assert_eq!(refresh.step(seconds(4000)), Step::Wait(seconds(7 * 86_400)));
        assert_eq!(refresh.step(seconds(7 * 86_400)), Step::Expire);
    }
}
