//! The loop: which targets are due, what their answers change.

use std::collections::{BTreeMap, HashMap, HashSet};
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
    let mut all_again = tokio::time::interval(inner.aliases.limits.keep_again());
    all_again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
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
            // What is kept for a restart says when it was known.
            _ = all_again.tick() => inner.aliases.zones_changed(),
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
    /// Follows each ALIAS that there is news about and puts in force what came of it.
    fn flatten(&self) {
        let _turn = self.aliases.turn.lock();
        let now = self.clock.now();
        let zones = self.live.zones().load();
        let (versions, concerned) = self.aliases.state.lock().take_news();
        if concerned.is_empty() {
            return;
        }
        // Walks look at zones, not at targets: no lock is held meanwhile.
        let definitions = versions.iter().flat_map(|(apex, version)| {
            let of_zone = version.aliases.iter();
            of_zone.map(move |alias| ((apex, &alias.owner), alias))
        });
        let definitions = Definitions(definitions.collect());
        for apex in &concerned {
            let Some(version) = versions.get(apex) else {
                continue;
            };
            let ways = version.aliases.iter().map(|alias| Way {
                owner: alias.owner.clone(),
                ttl: alias.ttl,
                end: walk(alias, &zones, &definitions),
            });
            let ways = ways.collect();
            let shown = self.aliases.state.lock().take_ways(apex, ways, now);
            self.publish_aliases(apex, version, shown);
        }
        self.aliases.state.lock().forget_targets();
    }

    /// One zone: durable before visible.
    fn publish_aliases(&self, apex: &Name, before: &Version, shown: BTreeMap<Name, Shown>) {
        let mut version = before.clone();
        let is_new = version.show(shown);
        let wall = self.clock.wall();
        let keep_again = self.aliases.limits.keep_again().as_secs();
        if !is_new && wall.saturating_sub(version.kept) < keep_again {
            return;
        }
        version.kept = wall;
        self.keep_aliases(apex, &version);
        if is_new && let Some(plain) = self.live.plain(apex) {
            let flat = version.flat(|owner| keeps_name(&plain, owner));
            self.live.set_flat(apex, Some(flat));
            info!(zone.name = %apex, zone.serial = %version.serial,
                "published `{apex}` at serial {}: {}", version.serial, changed_words(&before.shown, &version.shown));
        }
        let mut state = self.aliases.state.lock();
        if let Some(place) = state.zones.get_mut(apex) {
            *place = Arc::new(version);
        }
    }

    /// Begins look-ups that are due; when to come back, unless woken.
    fn ask_due(self: &Arc<Self>, budget: &mut Budget) -> Option<Moment> {
        let now = self.clock.now();
        let limits = self.aliases.limits;
        budget.refill(now, limits.per_second);
        let mut state = self.aliases.state.lock();
        let under_way = state.targets.values().filter(|t| t.is_being_asked).count();
        let waiting = || state.targets.iter().filter(|(_, t)| !t.is_being_asked);
        let later = waiting()
            .map(|(_, target)| target.next)
            .filter(|next| *next > now)
            .min();
        let due = waiting().filter(|(_, target)| target.next <= now);
        let mut due: Vec<(Moment, Name)> = due
            .map(|(name, target)| (target.next, name.clone()))
            .collect();
        due.sort_unstable();
        let room = limits.at_once.saturating_sub(under_way);
        // Whoever comes back wakes the loop.
        let later = if due.len() > room { None } else { later };
        for (_, name) in due.into_iter().take(room) {
            if !budget.take() {
                return Some(now.after(BUDGET_PAUSE));
            }
            if let Some(target) = state.targets.get_mut(&name) {
                target.is_being_asked = true;
                tokio::spawn(ask(Arc::clone(self), name));
            }
        }
        later
    }

    fn answered(&self, name: &Name, answer: Result<Addresses, LookupError>) {
        let (now, wall, jitter) = (self.clock.now(), self.clock.wall(), fastrand::f64());
        let outcome = Outcome::of(&answer);
        if let Some(count) = self.aliases.lookups.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut state = self.aliases.state.lock();
        let mut is_news = false;
        if let Some(target) = state.targets.get_mut(name) {
            let limits = &self.aliases.limits;
            is_news = match answer {
                Ok(addresses) => target.succeed(addresses, now, wall, jitter, limits),
                Err(error) => {
                    if target.error().is_none() {
                        warn!("the ALIAS target {name} could not be looked up: {error}");
                    }
                    target.fail(error.to_string(), now, jitter, limits)
                }
            };
        }
        if is_news {
            state.news.insert(name.clone());
        }
        drop(state);
        // Also for the next look-up that is due.
        self.aliases.wake.notify_one();
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
    /// All versions, and the zones that there is news about.
    fn take_news(&mut self) -> (BTreeMap<Name, Arc<Version>>, Vec<Name>) {
        let news = std::mem::take(&mut self.news);
        if std::mem::take(&mut self.look_at_all) {
            return (self.zones.clone(), self.zones.keys().cloned().collect());
        }
        if news.is_empty() {
            return Default::default();
        }
        let concerned = self
            .outside
            .iter()
            .filter(|(_, leads)| leads.values().any(|target| news.contains(target)));
        let concerned = concerned.map(|(apex, _)| apex.clone()).collect();
        (self.zones.clone(), concerned)
    }

    /// Targets that no ALIAS leads to any more.
    fn forget_targets(&mut self) {
        let wanted: HashSet<&Name> = self.outside.values().flat_map(BTreeMap::values).collect();
        self.targets.retain(|name, _| wanted.contains(name));
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// However many targets are due, so many look-ups begin in a second.
    #[test]
    fn lookups_begin_at_a_bounded_rate() {
        let mut budget = Budget::new(Moment(0));
        let mut begun = |now: u64| {
            budget.refill(Moment(now), 50);
            (0..1000).filter(|_| budget.take()).count()
        };
        assert_eq!(begun(0), 1);
        assert_eq!(begun(100), 5);
        assert_eq!(begun(1100), 50);
        assert_eq!(begun(3_600_000), 50, "a quiet hour is no credit");
    }
}
