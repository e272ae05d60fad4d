//! The loop: which targets are due, what their answers change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bailiwick_resolver::{Addresses, LookupError};
use bailiwick_transfer::Moment;
use bailiwick_zone::Name;
use tracing::{info, warn};

use super::report::{Outcome, changed_words};
use super::target::Target;
use super::version::{Shown, Version, bounded};
use super::walk::{Definitions, End, walk};
use super::{State, keeps_name};
use crate::inner::Inner;

/// Looks after all ALIAS records until the authority stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut stop = inner.stop.subscribe();
    let mut budget = Budget::new(inner.clock.now());
    while !*stop.borrow() {
        let publishing = Arc::clone(&inner);
        // Walking and syncing are not for the threads of the runtime. A panic in it is logged there, and
        // the next round begins anew.
        let _ = tokio::task::spawn_blocking(move || publishing.flatten()).await;
        let wake = inner.ask_due(&mut budget);
        // Many wake-ups at once are one round.
        tokio::time::sleep(ROUND_PAUSE).await;
        let sleep = async {
            match wake {
                Some(at) => {
                    let at = tokio::time::Instant::from_std(inner.clock.instant(at));
                    tokio::time::sleep_until(at).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = inner.aliases.wake.notified() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Look-ups that may begin now.
struct Budget {
    left: f64,
    at: Moment,
}

impl Budget {
    fn new(now: Moment) -> Self {
        Self { left: 1.0, at: now }
    }

    fn refill(&mut self, now: Moment, per_second: u32) {
        let per_second = f64::from(per_second);
        self.left = (self.left + now.since(self.at).as_secs_f64() * per_second).min(per_second);
        self.at = now;
    }

    fn take(&mut self) -> bool {
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

impl Inner {
    /// Follows every ALIAS and puts in force what came of it.
    fn flatten(&self) {
        let _turn = self.aliases.turn.lock();
        let now = self.clock.now();
        let zones = self.live.zones().load();
        // Walks look at zones, not at targets: no lock is held meanwhile.
        let mut versions = self.aliases.state.lock().zones.clone();
        let definitions = versions.iter().flat_map(|(apex, version)| {
            let of_zone = version.aliases.iter();
            of_zone.map(move |alias| ((apex, &alias.owner), alias))
        });
        let definitions = Definitions(definitions.collect());
        let ways: Vec<(Name, Vec<Way>)> = versions
            .iter()
            .map(|(apex, version)| {
                let of_zone = version.aliases.iter().map(|alias| Way {
                    owner: alias.owner.clone(),
                    ttl: alias.ttl,
                    end: walk(alias, &zones, &definitions),
                });
                (apex.clone(), of_zone.collect())
            })
            .collect();
        drop(definitions);
        for (apex, ways) in ways {
            let shown = self.aliases.state.lock().take_ways(&apex, ways, now);
            if let Some(version) = versions.get_mut(&apex) {
                self.publish_aliases(&apex, version, shown);
            }
        }
        let mut state = self.aliases.state.lock();
        let wanted: HashSet<Name> = state
            .outside
            .values()
            .flat_map(BTreeMap::values)
            .cloned()
            .collect();
        state.targets.retain(|name, _| wanted.contains(name));
    }

    /// One zone: durable before visible.
    fn publish_aliases(&self, apex: &Name, version: &mut Version, shown: BTreeMap<Name, Shown>) {
        let before = version.shown.clone();
        let is_new = version.show(shown);
        let wall = self.clock.wall();
        let keep_again = self.aliases.limits.stale_max.as_secs() / 4;
        if !is_new && wall.saturating_sub(version.kept) < keep_again {
            return;
        }
        version.kept = wall;
        self.keep_aliases(apex, version);
        if is_new && let Some(plain) = self.live.plain(apex) {
            let flat = version.flat(|owner| keeps_name(&plain, owner));
            self.live.set_flat(apex, Some(flat));
            info!(zone.name = %apex, zone.serial = %version.serial,
                "published `{apex}` at serial {}: {}", version.serial, changed_words(&before, &version.shown));
        }
        let mut state = self.aliases.state.lock();
        if let Some(place) = state.zones.get_mut(apex) {
            place.clone_from(version);
        }
    }

    /// Begins look-ups that are due; when to come back, unless woken.
    fn ask_due(self: &Arc<Self>, budget: &mut Budget) -> Option<Moment> {
        let now = self.clock.now();
        let limits = self.aliases.limits;
        budget.refill(now, limits.per_second);
        let mut state = self.aliases.state.lock();
        let mut under_way = state.targets.values().filter(|t| t.is_being_asked).count();
        let waiting = state.targets.iter().filter(|(_, t)| !t.is_being_asked);
        let mut waiting: BinaryHeap<Reverse<(Moment, Name)>> = waiting
            .map(|(name, target)| Reverse((target.next, name.clone())))
            .collect();
        while let Some(Reverse((next, name))) = waiting.pop() {
            if next > now {
                return Some(next);
            }
            // Whoever comes back wakes the loop.
            if under_way >= limits.at_once {
                return None;
            }
            if !budget.take() {
                return Some(now.after(BUDGET_PAUSE));
            }
            under_way += 1;
            if let Some(target) = state.targets.get_mut(&name) {
                target.is_being_asked = true;
                tokio::spawn(ask(Arc::clone(self), name));
            }
        }
        None
    }

    fn answered(&self, name: &Name, answer: Result<Addresses, LookupError>) {
        let (now, wall, jitter) = (self.clock.now(), self.clock.wall(), fastrand::f64());
        let outcome = Outcome::of(&answer);
        if let Some(count) = self.aliases.lookups.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut state = self.aliases.state.lock();
        if let Some(target) = state.targets.get_mut(name) {
            let limits = &self.aliases.limits;
            match answer {
                Ok(addresses) => target.succeed(addresses, now, wall, jitter, limits),
                Err(error) => {
                    if target.error().is_none() {
                        warn!("the ALIAS target {name} could not be looked up: {error}");
                    }
                    target.fail(error.to_string(), now, jitter, limits);
                }
            }
        }
        drop(state);
        self.aliases.wake();
    }
}

async fn ask(inner: Arc<Inner>, name: Name) {
    let (resolver, asked) = (inner.aliases.resolver.clone(), name.clone());
    // A panic in foreign code is a failed look-up.
    let answer = tokio::spawn(async move { resolver.addresses(&asked).await }).await;
    let answer = answer.unwrap_or_else(|_| {
        let words = "an internal error; the log has more".to_owned();
        Err(LookupError::Failed(words))
    });
    inner.answered(&name, answer);
}

/// Where one ALIAS leads.
struct Way {
    owner: Name,
    ttl: u32,
    end: End,
}

impl State {
    /// What is known at the ends of the ways of one zone's ALIAS records.
    fn take_ways(&mut self, apex: &Name, ways: Vec<Way>, now: Moment) -> BTreeMap<Name, Shown> {
        let (mut nowhere, mut outside) = (BTreeMap::new(), BTreeMap::new());
        let mut shown = BTreeMap::new();
        for Way { owner, ttl, end } in ways {
            let known = match end {
                End::Here(addresses) => Some(bounded(&addresses, ttl)),
                End::Outside(target, ttl) => {
                    let known = self
                        .targets
                        .entry(target.clone())
                        .or_insert_with(|| Target::new(now));
                    outside.insert(owner.clone(), target);
                    known.good(now).map(|good| bounded(&good.addresses, ttl))
                }
                End::Nowhere(words) => {
                    nowhere.insert(owner.clone(), words);
                    None
                }
            };
            shown.insert(owner, known.map_or(Shown::Pending, Shown::Known));
        }
        put(&mut self.nowhere, apex, nowhere);
        put(&mut self.outside, apex, outside);
        shown
    }
}

fn put<T>(map: &mut HashMap<Name, BTreeMap<Name, T>>, apex: &Name, value: BTreeMap<Name, T>) {
    if value.is_empty() {
        map.remove(apex);
    } else {
        map.insert(apex.clone(), value);
    }
}

/// Rounds at most ten times a second.
const ROUND_PAUSE: Duration = Duration::from_millis(100);
const BUDGET_PAUSE: Duration = Duration::from_millis(100);
