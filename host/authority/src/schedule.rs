//! Which secondary zone is looked at next, and by how many at once: one queue for all timers.
//!
//! Every zone stands in the queue at the moment its own machine ([`Refresh`]) wants to be asked. A due
//! zone goes to the waiting line of its primary; lines are served in turn, a few attempts per line and
//! a bounded number in all, so that ten thousand zones of one dead primary cannot hold up the one zone of
//! another (RELIABILITY X2, X15). A primary has two lines ([`Line`]): zones whose last look went well do
//! not wait behind those that hang or were never had. The state is plain data and time is an argument.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bailiwick_store::TransferState;
use bailiwick_transfer::{Failure, Moment, Refresh, Step, Timers};
use bailiwick_zone::{Name, Serial};

/// One attempt to make.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) apex: Name,
    pub(crate) primary: SocketAddr,
    /// The serial in force; none means there is nothing to compare with.
    pub(crate) have: Option<Serial>,
    /// Take what the primary has, even if its serial is older.
    pub(crate) force: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The primary has what we have.
    Confirmed(Timers),
    /// A new version is in force.
    Transferred(Timers, Serial),
    /// The primary has an older version.
    Older { ours: Serial, theirs: Serial },
    /// Nothing usable; the reason in words.
    Failed(Failure, String),
}

/// A secondary zone and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Secondary {
    pub(crate) apex: Name,
    pub(crate) primaries: Vec<SocketAddr>,
    pub(crate) refresh: Refresh,
    pub(crate) serial: Option<Serial>,
    /// Wall clock of the last success and failure.
    pub(crate) last_success: Option<u64>,
    pub(crate) last_failure: Option<u64>,
    pub(crate) last_error: Option<String>,
    /// Who answered last.
    pub(crate) primary: Option<SocketAddr>,
    force: bool,
    /// Which primary of the list is asked now; all are asked before an attempt counts as failed.
    first: usize,
    round: usize,
    queued: Option<Moment>,
    place: Place,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Idle,
    Waiting,
    Running(Line),
}

/// Whom a zone waits for, and with whom.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Line {
    primary: IpAddr,
    /// The last look went well, so the next one will hardly take long.
    sound: bool,
}

impl Secondary {
    pub(crate) fn new(apex: Name, primaries: Vec<SocketAddr>, refresh: Refresh) -> Self {
        Self {
            apex,
            primaries,
            refresh,
            serial: None,
            last_success: None,
            last_failure: None,
            last_error: None,
            primary: None,
            force: false,
            first: 0,
            round: 0,
            queued: None,
            place: Place::Idle,
        }
    }

    fn current_primary(&self) -> Option<SocketAddr> {
        let count = self.primaries.len();
        self.primaries
            .get((self.first + self.round) % count.max(1))
            .copied()
    }
}

/// What is to be done now.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) jobs: Vec<Job>,
    pub(crate) expired: Vec<Name>,
    /// When to ask again, unless something happens before.
    pub(crate) wake: Option<Moment>,
}

/// All secondary zones.
#[derive(Debug)]
pub(crate) struct Schedule {
    zones: HashMap<u64, Secondary>,
    ids: HashMap<Name, u64>,
    queue: BTreeSet<(Moment, u64)>,
    lines: HashMap<Line, VecDeque<u64>>,
    /// Lines with somebody in them, in turn.
    turns: VecDeque<Line>,
    running: HashMap<Line, usize>,
    running_all: usize,
    per_primary: usize,
    at_once: usize,
    next_id: u64,
}

impl Schedule {
    pub(crate) fn new(per_primary: usize, at_once: usize) -> Self {
        Self {
            zones: HashMap::new(),
            ids: HashMap::new(),
            queue: BTreeSet::new(),
            lines: HashMap::new(),
            turns: VecDeque::new(),
            running: HashMap::new(),
            running_all: 0,
            per_primary,
            at_once,
            next_id: 0,
        }
    }

    /// Adds a zone, in the place of any of the same name.
    pub(crate) fn add(&mut self, zone: Secondary, now: Moment) -> u64 {
        self.remove(&zone.apex);
        let id = self.next_id;
        self.next_id += 1;
        self.ids.insert(zone.apex.clone(), id);
        self.zones.insert(id, zone);
        // Asked in the next round at the latest.
        self.queue_at(id, now);
        id
    }

    /// Removes a zone. A running attempt ends by itself; its result finds nobody (RELIABILITY X17).
    pub(crate) fn remove(&mut self, name: &Name) -> Option<Secondary> {
        let id = self.ids.remove(name)?;
        let zone = self.zones.remove(&id)?;
        if let Some(at) = zone.queued {
            self.queue.remove(&(at, id));
        }
        if let Place::Running(line) = zone.place {
            self.free(line);
        }
        Some(zone)
    }

    pub(crate) fn get(&self, name: &Name) -> Option<&Secondary> {
        self.zones.get(self.ids.get(name)?)
    }

    /// Gives a zone other primaries and looks at them at once.
    pub(crate) fn change_primaries(
        &mut self,
        name: &Name,
        primaries: Vec<SocketAddr>,
        now: Moment,
    ) {
        let Some(id) = self.ids.get(name).copied() else {
            return;
        };
        // A new id: what a running attempt learns from an old primary finds nobody.
        if let Some(mut zone) = self.zones.remove(&id) {
            self.ids.remove(name);
            if let Some(at) = zone.queued.take() {
                self.queue.remove(&(at, id));
            }
            if let Place::Running(line) = zone.place {
                self.free(line);
            }
            if zone.place != Place::Idle {
                zone.refresh.put_back(now, Duration::ZERO);
            }
            zone.place = Place::Idle;
            (zone.first, zone.round) = (0, 0);
            zone.primaries = primaries;
            zone.refresh.look_now(now);
            self.add(zone, now);
        }
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<&Secondary> {
        self.zones.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Secondary> {
        self.zones.values()
    }

    /// Looks at a zone at once. `from`: the primary that said so is asked first. `force`: its version is
    /// taken whatever its serial. False if there is no such zone.
    pub(crate) fn look_now(
        &mut self,
        name: &Name,
        from: Option<IpAddr>,
        force: bool,
        now: Moment,
    ) -> bool {
        let Some(&id) = self.ids.get(name) else {
            return false;
        };
        let Some(zone) = self.zones.get_mut(&id) else {
            return false;
        };
        zone.force |= force;
        match from {
            Some(_) => zone.refresh.notified(now),
            None => zone.refresh.look_now(now),
        }
        let due = zone.refresh.next_look();
        if zone.place == Place::Idle {
            let said =
                from.and_then(|ip| zone.primaries.iter().position(|primary| primary.ip() == ip));
            zone.first = said.unwrap_or(zone.first);
            zone.round = 0;
            self.queue_at(id, due);
        }
        true
    }

    /// Everything due at `now`.
    pub(crate) fn due(&mut self, now: Moment) -> Due {
        let mut due = Due::default();
        while let Some(&(at, id)) = self.queue.first() {
            if at > now {
                break;
            }
            self.queue.pop_first();
            self.ask(id, now, &mut due.expired);
        }
        self.start(&mut due.jobs);
        due.wake = self.queue.first().map(|&(at, _)| at);
        due
    }

    /// An attempt has ended. Says whether the zone is still there and the round of its primaries over.
    pub(crate) fn done(
        &mut self,
        id: u64,
        outcome: &Outcome,
        now: Moment,
        wall: u64,
        jitter: f64,
    ) -> bool {
        let Some(zone) = self.zones.get_mut(&id) else {
            return false;
        };
        let Place::Running(line) = zone.place else {
            return false;
        };
        zone.place = Place::Idle;
        let asked = zone.current_primary();
        let last_of_round = zone.round + 1 >= zone.primaries.len();
        let over = match outcome {
            Outcome::Confirmed(timers) => {
                zone.refresh.confirmed(*timers, now, jitter);
                zone.succeeded(asked, wall);
                true
            }
            Outcome::Transferred(timers, serial) => {
                zone.serial = Some(*serial);
                zone.force = false;
                zone.refresh.transferred(*timers, now, jitter);
                zone.succeeded(asked, wall);
                true
            }
            Outcome::Older { ours, theirs } => {
                zone.last_failure = Some(wall);
                zone.last_error = Some(format!(
                    "held: the primary's serial went back from {ours} to {theirs}"
                ));
                if last_of_round {
                    zone.refresh.held(*ours, *theirs, now, jitter);
                }
                last_of_round
            }
            Outcome::Failed(failure, words) => {
                zone.last_failure = Some(wall);
                zone.last_error = Some(words.clone());
                if last_of_round {
                    zone.refresh.failed(*failure, now, jitter);
                }
                last_of_round
            }
        };
        if over {
            zone.round = 0;
        } else {
            zone.round += 1;
        }
        self.free(line);
        if over {
            self.queue_at(id, now);
        } else {
            self.wait_in_line(id);
        }
        over
    }

    /// Asks a zone's machine what it wants.
    fn ask(&mut self, id: u64, now: Moment, expired: &mut Vec<Name>) {
        let Some(zone) = self.zones.get_mut(&id) else {
            return;
        };
        zone.queued = None;
        loop {
            match zone.refresh.step(now) {
                Step::Expire => expired.push(zone.apex.clone()),
                Step::Wait(Moment(u64::MAX)) => return,
                Step::Wait(at) => return self.queue_at(id, at),
                Step::Look => {
                    zone.refresh.begin();
                    let expiry = zone.refresh.expiry().filter(|_| !zone.refresh.is_expired());
                    if zone.place == Place::Idle {
                        self.wait_in_line(id);
                    }
                    if let Some(expiry) = expiry {
                        self.queue_at(id, expiry);
                    }
                    return;
                }
            }
        }
    }

    fn wait_in_line(&mut self, id: u64) {
        let Some(zone) = self.zones.get_mut(&id) else {
            return;
        };
        let Some(primary) = zone.current_primary() else {
            return;
        };
        zone.place = Place::Waiting;
        let line = Line {
            primary: primary.ip(),
            sound: zone.serial.is_some() && zone.last_error.is_none(),
        };
        let waiting = self.lines.entry(line).or_default();
        waiting.push_back(id);
        if waiting.len() == 1 {
            self.turns.push_back(line);
        }
    }

    /// Gives free places to the lines in turn.
    fn start(&mut self, jobs: &mut Vec<Job>) {
        let mut full = VecDeque::new();
        while self.running_all < self.at_once
            && let Some(line) = self.turns.pop_front()
        {
            if self.running.get(&line).copied().unwrap_or(0) >= self.per_primary {
                full.push_back(line);
                continue;
            }
            let waiting = self.lines.entry(line).or_default();
            let id = waiting.pop_front();
            if waiting.is_empty() {
                self.lines.remove(&line);
            } else {
                self.turns.push_back(line);
            }
            // A removed zone leaves its id in line; it is skipped here.
            let Some((id, zone)) = id.and_then(|id| Some((id, self.zones.get_mut(&id)?))) else {
                continue;
            };
            let Some(address) = zone.current_primary() else {
                continue;
            };
            zone.place = Place::Running(line);
            *self.running.entry(line).or_default() += 1;
            self.running_all += 1;
            let have = zone.serial;
            jobs.push(Job {
                id,
                apex: zone.apex.clone(),
                primary: address,
                have,
                force: zone.force,
            });
        }
        // Those without a free place keep their turn.
        full.append(&mut self.turns);
        self.turns = full;
    }

    fn free(&mut self, line: Line) {
        self.running_all = self.running_all.saturating_sub(1);
        if let Some(running) = self.running.get_mut(&line) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                self.running.remove(&line);
            }
        }
    }

    fn queue_at(&mut self, id: u64, at: Moment) {
        let Some(zone) = self.zones.get_mut(&id) else {
            return;
        };
        if let Some(before) = zone.queued.replace(at) {
            self.queue.remove(&(before, id));
        }
        self.queue.insert((at, id));
    }
}

impl Secondary {
    /// What the store keeps of it.
    pub(crate) fn row(&self) -> TransferState {
        TransferState {
            last_success: self.last_success,
            last_failure: self.last_failure,
            last_error: self.last_error.clone(),
            serial: self.serial.map(|serial| serial.0),
            primary: self.primary.map(|primary| primary.to_string()),
        }
    }

    fn succeeded(&mut self, primary: Option<SocketAddr>, wall: u64) {
        self.last_success = Some(wall);
        self.last_error = None;
        self.primary = primary;
    }
}

#[cfg(test)]
mod tests;
