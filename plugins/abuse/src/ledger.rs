//! The rules in force, and when each is renewed or left to end.
//!
//! ```text
//! found ──> in force ──(still matching, half its life over)──> renewed for twice as long
//!              └────(quiet)──> ends at its time ──(found again within memory)──> twice as long
//!                                   └──(memory over)──> forgotten
//! ```
//!
//! Once a rule holds an attack back, the window no longer shows it: what is limited is not looked up.
//! So renewal goes by the rule's own matches. The ledger is kept in `kv` too, so that a new version or
//! an instance after a trap goes on with the rules of the one before, with limits of its own.

use std::collections::BTreeMap;

use bailiwick_plugin_sdk::abuse::{Change, Effect, Limit, Matcher, Matter, Rule, Window};
use bailiwick_plugin_sdk::{AbuseCategory, Action, Error, Finding, Transport, kv, log};
use serde::{Deserialize, Serialize};

use crate::detect::{self, Kind, Pattern, Target};
use crate::settings::{Rules, Settings};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<u64, Entry>,
}

/// One rule, in force or remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    target: Target,
    /// How often its life has been doubled.
    level: u8,
    put: u64,
    ends: u64,
    /// Matches a second that made it.
    rate: u64,
    per_second: u32,
    burst: u32,
    reason: String,
    /// A person has been told.
    raised: bool,
    /// Made by an instance before this one.
    #[serde(skip_deserializing, default = "yes")]
    inherited: bool,
}

fn yes() -> bool {
    true
}

impl Ledger {
    /// What the instance before this one left.
    pub(crate) fn remembered() -> Self {
        let entries = kv::read_all::<Entry>(KEYS, ENTRIES_MAX)
            .into_iter()
            .map(|(_, entry)| (entry.target.id(), entry))
            .collect();
        Self { entries }
    }

    /// Brings the rules up to date with a window.
    pub(crate) fn window(
        &mut self,
        settings: &Settings,
        now: u64,
        window: &Window,
        found: Vec<Pattern>,
    ) -> Result<Vec<Change>, Error> {
        let rules = &settings.rules;
        self.forget(rules, now);
        let mut put = Vec::new();
        for pattern in found {
            put.extend(self.found(rules, now, pattern));
        }
        for hit in window.hits.rows()? {
            let rate = detect::per_second(hit.matched, detect::duration_ms(window));
            put.extend(self.matched(settings, now, hit.rule, rate));
        }
        put.sort_unstable();
        put.dedup();
        put.truncate(CHANGES_MAX);
        let mut changes = Vec::new();
        for id in put {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            log::count(entry.target.kind.code(), 1);
            changes.push(Change::Put(entry.rule(rules, id)));
            changes.extend(entry.matter().map(Change::Raise));
            remember(rules, now, id, entry);
        }
        Ok(changes)
    }

    /// A pattern that shows. Gives the rule's id if it has to be put.
    fn found(&mut self, rules: &Rules, now: u64, pattern: Pattern) -> Option<u64> {
        let id = pattern.target.id();
        let in_force = self
            .entries
            .values()
            .filter(|entry| entry.ends > now)
            .count();
        let level = match self.entries.get(&id) {
            // Shows although a rule is in force: perhaps what is within its limit. As it is until
            // half its life is over.
            Some(entry) if entry.ends > now => {
                if !entry.is_half_over(now) && !entry.inherited {
                    return None;
                }
                entry.level.saturating_add(1)
            }
            Some(entry) => entry.level.saturating_add(1),
            None if in_force >= rules.rules_max => {
                log::count("rules-left-out", 1);
                return None;
            }
            None => 0,
        };
        let entry = Entry {
            level: level.min(LEVEL_MAX),
            put: now,
            ends: now.saturating_add(life(rules, level)),
            rate: pattern.rate,
            per_second: pattern.per_second,
            burst: pattern.burst,
            reason: pattern.reason,
            raised: self.entries.get(&id).is_some_and(|entry| entry.raised),
            target: pattern.target,
            inherited: false,
        };
        self.entries.insert(id, entry);
        Some(id)
    }

    /// A rule in force that matched. It is renewed while it matches at least its share of the rate
    /// that made it; what an earlier version put is put again at once, with limits of this one.
    fn matched(&mut self, settings: &Settings, now: u64, id: u64, rate: u64) -> Option<u64> {
        let rules = &settings.rules;
        let entry = self.entries.get_mut(&id)?;
        let goes_on = u128::from(rate) * 100
            >= u128::from(entry.rate.max(1)) * u128::from(rules.release_percent);
        if entry.ends <= now || !goes_on || !(entry.inherited || entry.is_half_over(now)) {
            return None;
        }
        if entry.inherited {
            (entry.per_second, entry.burst) = limits(settings, entry.target.kind);
        } else {
            entry.level = entry.level.saturating_add(1).min(LEVEL_MAX);
        }
        entry.inherited = false;
        entry.put = now;
        entry.ends = now.saturating_add(life(rules, entry.level));
        Some(id)
    }

    fn forget(&mut self, rules: &Rules, now: u64) {
        self.entries.retain(|id, entry| {
            let keep = entry.ends.saturating_add(rules.memory_ms) > now;
            if !keep {
                kv::remove(&key(*id));
            }
            keep
        });
    }
}

impl Entry {
    fn is_half_over(&self, now: u64) -> bool {
        let life = self.ends.saturating_sub(self.put);
        now.saturating_sub(self.put) >= life / 2
    }

    fn rule(&self, rules: &Rules, id: u64) -> Rule {
        let target = &self.target;
        let ttl_ms = self.ends.saturating_sub(self.put).max(1);
        Rule {
            id,
            when: Matcher {
                source: target.source.as_deref().and_then(|text| text.parse().ok()),
                zone: target.zone,
                suffix: target.suffix.clone(),
                rr_type: target.rr_type,
                transport: target.udp_only.then_some(Transport::Udp),
                nodes: vec![],
                extra: vec![],
            },
            then: Effect::Limit(Limit {
                per_second: self.per_second,
                burst: self.burst.max(1),
                v4_len: 0,
                v6_len: 0,
                over: over(rules, target.kind),
            }),
            priority: target.kind.priority(),
            ttl_ms: u32::try_from(ttl_ms).unwrap_or(u32::MAX),
            attack: true,
            dry_run: rules.dry_run,
            category: Some(AbuseCategory::DenialOfService),
            reason: self.reason.clone(),
            extra: vec![],
        }
    }

    /// What keeps coming back is a matter for a person, once.
    fn matter(&mut self) -> Option<Matter> {
        let zone = self.target.zone?;
        if self.raised || self.level < RAISE_LEVEL {
            return None;
        }
        self.raised = true;
        let finding = Finding::new(self.target.kind.code(), self.reason.clone())
            .about(self.target.suffix.clone().unwrap_or_default())
            .category(AbuseCategory::DenialOfService);
        Some(Matter {
            zone,
            findings: vec![finding],
            suspend: false,
            reason: format!("renewed {} times", self.level),
        })
    }
}

/// Doubles with each level, up to the longest.
fn life(rules: &Rules, level: u8) -> u64 {
    let doubled = u64::from(rules.ttl_ms) << level.min(LEVEL_MAX);
    doubled.min(u64::from(rules.ttl_max_ms))
}

/// What is above the limit. A suffix is asked for by everybody, so everybody is shown the way to TCP;
/// a source that is the trouble gets mostly silence, but not only: a genuine client in it that tries
/// again comes through.
fn over(rules: &Rules, kind: Kind) -> Action {
    match kind {
        Kind::TortureSuffix => Action::Truncate,
        Kind::TortureSource | Kind::Reflection | Kind::Flood => Action::Slip(rules.slip),
    }
}

fn limits(settings: &Settings, kind: Kind) -> (u32, u32) {
    let per_second = match kind {
        Kind::TortureSource => settings.torture.source_per_second,
        Kind::TortureSuffix => settings.torture.suffix_per_second,
        Kind::Reflection => settings.reflection.per_second,
        Kind::Flood => return (settings.flood.per_second, settings.flood.per_second),
    };
    (per_second, per_second.saturating_mul(2))
}

/// A full store costs only memory over reloads, so it is counted and nothing more.
fn remember(rules: &Rules, now: u64, id: u64, entry: &Entry) {
    let kept_ms = entry
        .ends
        .saturating_sub(now)
        .saturating_add(rules.memory_ms);
    if kv::write(&key(id), entry, kept_ms.max(1)).is_err() {
        log::count("rules-not-remembered", 1);
    }
}

fn key(id: u64) -> String {
    format!("{KEYS}{id:016x}")
}

const KEYS: &str = "rule/";
const ENTRIES_MAX: usize = 2048;
/// A window may change 256 things; each rule may raise a matter, too.
const CHANGES_MAX: usize = 120;
/// From here on doubling would only meet the longest life.
const LEVEL_MAX: u8 = 16;
const RAISE_LEVEL: u8 = 4;
