//! How ALIAS records fare, in words and in numbers.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;

use bailiwick_resolver::{Addresses, LookupError};
use bailiwick_zone::Name;

use super::target::Good;
use super::version::Shown;
use crate::inner::Inner;

/// How a look-up ended. A name that does not exist is an answer too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Found,
    Nothing,
    Timeout,
    Failed,
    Refused,
}

/// Words for [`Outcome`], in its order.
pub(super) const OUTCOMES: [&str; 5] = ["found", "nothing", "timeout", "failed", "refused"];

impl Outcome {
    pub(super) fn of(answer: &Result<Addresses, LookupError>) -> Self {
        match answer {
            Ok(Addresses { v4, v6 }) if v4.addresses.is_empty() && v6.addresses.is_empty() => {
                Self::Nothing
            }
            Ok(_) => Self::Found,
            Err(LookupError::Timeout) => Self::Timeout,
            Err(LookupError::NotPublic(_)) => Self::Refused,
            Err(_) => Self::Failed,
        }
    }
}

/// All ALIAS records together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AliasSummary {
    /// Those whose addresses are known and whose last look-up went well.
    pub current: u64,
    /// Those served with what was known before a failure.
    pub stale: u64,
    /// Those whose addresses are not known: questions get SERVFAIL.
    pub unknown: u64,
    /// Look-ups by how they ended: a word from a closed set, and how many.
    pub lookups: Vec<(&'static str, u64)>,
}

/// One zone's ALIAS records that are not well.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct AliasTrouble {
    /// A few of them as sentences.
    pub(crate) words: Vec<String>,
    /// How many there are.
    pub(crate) count: usize,
}

impl Inner {
    /// All ALIAS records together.
    pub(crate) fn alias_summary(&self) -> AliasSummary {
        let lookups = OUTCOMES.into_iter().zip(&self.aliases.lookups);
        let mut summary = AliasSummary {
            lookups: lookups
                .map(|(word, n)| (word, n.load(Ordering::Relaxed)))
                .collect(),
            ..AliasSummary::default()
        };
        let state = self.aliases.state.lock();
        for (apex, version) in &state.zones {
            for (owner, shown) in &version.shown {
                let target = state.outside.get(apex).and_then(|leads| leads.get(owner));
                let target = target.and_then(|target| state.targets.get(target));
                let failed = target.is_some_and(|target| target.error().is_some());
                match shown {
                    Shown::Pending => summary.unknown += 1,
                    Shown::Known(_) if failed => summary.stale += 1,
                    Shown::Known(_) => summary.current += 1,
                }
            }
        }
        summary
    }

    /// Whether some ALIAS of the zone has not been looked up even once. One that cannot be does not hold up
    /// the rest of its zone.
    pub(crate) fn awaits_aliases(&self, apex: &Name) -> bool {
        let state = self.aliases.state.lock();
        let Some(version) = state.zones.get(apex) else {
            return false;
        };
        let leads = state.outside.get(apex);
        let nowhere = state.nowhere.get(apex);
        let mut pending = version
            .shown
            .iter()
            .filter(|(_, shown)| **shown == Shown::Pending);
        pending.any(|(owner, _)| {
            let target = leads.and_then(|leads| state.targets.get(leads.get(owner)?));
            let is_nowhere = nowhere.is_some_and(|all| all.contains_key(owner));
            !is_nowhere && target.is_none_or(|target| target.error().is_none())
        })
    }

    /// The zones of which some ALIAS is not well.
    pub(crate) fn alias_troubled(&self) -> HashSet<Name> {
        let state = self.aliases.state.lock();
        let is_troubled = |apex: &&Name| {
            let mut leads = state
                .outside
                .get(*apex)
                .into_iter()
                .flat_map(BTreeMap::values);
            state.nowhere.contains_key(*apex)
                || leads.any(|target| {
                    let target = state.targets.get(target);
                    target.is_some_and(|target| target.error().is_some())
                })
        };
        state.zones.keys().filter(is_troubled).cloned().collect()
    }

    /// What is not well with a zone's ALIAS records.
    pub(crate) fn alias_trouble(&self, apex: &Name) -> AliasTrouble {
        let mut trouble = AliasTrouble::default();
        let state = self.aliases.state.lock();
        let Some(version) = state.zones.get(apex) else {
            return trouble;
        };
        let now = self.clock.now();
        for alias in &version.aliases {
            let (owner, target) = (&alias.owner, &alias.target);
            let nowhere = state.nowhere.get(apex).and_then(|all| all.get(owner));
            if let Some(words) = nowhere {
                trouble
                    .add(|| format!("the ALIAS at {owner} to {target} is not answered: {words}"));
                continue;
            }
            let end = state.outside.get(apex).and_then(|all| all.get(owner));
            let Some(known) = end.and_then(|end| state.targets.get(end)) else {
                continue;
            };
            let Some(error) = known.error() else { continue };
            let next = known.next.since(now).as_secs();
            let stays = match known.good(now) {
                Some(Good { wall, .. }) => {
                    let age = self.clock.wall().saturating_sub(*wall);
                    format!("the addresses of {age} s ago stay")
                }
                None => "its addresses are answered with SERVFAIL".to_owned(),
            };
            trouble.add(|| {
                format!("the ALIAS at {owner} to {target}: {error}; {stays}; next try in {next} s")
            });
        }
        trouble
    }
}

impl AliasTrouble {
    fn add(&mut self, words: impl FnOnce() -> String) {
        self.count += 1;
        if self.words.len() < WORDS_MAX {
            self.words.push(words());
        }
    }

    /// As the end of a sentence about the zone.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.words.join("; ");
        if self.count > self.words.len() {
            text += &format!("; and {} more", self.count - self.words.len());
        }
        text
    }
}

/// What became of a zone's ALIAS records, for the log.
pub(super) fn changed_words(before: &BTreeMap<Name, Shown>, now: &BTreeMap<Name, Shown>) -> String {
    let changed: Vec<String> = now
        .iter()
        .filter(|(owner, shown)| before.get(*owner) != Some(*shown))
        .map(|(owner, shown)| match shown {
            Shown::Pending => format!("no addresses known for the ALIAS at {owner}"),
            Shown::Known(Addresses { v4, v6 }) => format!(
                "{} addresses for the ALIAS at {owner}",
                v4.addresses.len() + v6.addresses.len()
            ),
        })
        .collect();
    let more = changed.len().saturating_sub(WORDS_MAX);
    let mut text = changed
        .iter()
        .take(WORDS_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text += &format!(", and {more} more");
    }
    text
}

const WORDS_MAX: usize = 3;
