//! The window loop: each second's traffic is shown to `abuse`, and its rules are put in force.
//!
//! The book of rules is the truth; the meter's set is compiled from it whenever it changed. A rule ends
//! by itself: a plugin that has died cannot keep one alive, nor end it early.

use std::collections::{BTreeMap, VecDeque};

use bailiwick_meter::{Tick, TrafficRule};
use bailiwick_plugin::Kind;
use bailiwick_plugin::types::UnixMs;
use bailiwick_plugin::types::abuse::{Change, Matter, Rule};
use tracing::{info, warn};

use super::{Loops, convert};
use crate::inner::Inner;

/// No rule holds longer without being put again: a slot rests longer than this before it is reused.
pub(crate) const RULE_TTL_MAX_MS: u32 = 3_600_000;
/// Rules in force at once; the query path is measured with this many.
const RULES_MAX: usize = 1000;
/// Cases kept for people to look at.
const CASES_MAX: usize = 100;

/// Rules in force and cases raised.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    pub(crate) rules: BTreeMap<u64, InForce>,
    pub(crate) cases: VecDeque<(UnixMs, Matter)>,
    pub(crate) generation: u64,
    pub(crate) windows: u64,
    pub(crate) last_error: Option<String>,
    /// Wall clock when the window that runs began.
    began: UnixMs,
    left_out: u64,
}

/// A rule, as it was put and as the meter reads it.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    pub(crate) put: Rule,
    pub(crate) rule: TrafficRule,
}

/// One window.
pub(crate) fn round(inner: &Inner, loops: &Loops) {
    let meter = &loops.options.meter;
    let (now, now_ms) = (meter.now(), inner.clock.wall_ms());
    let tables = meter.close_window(now);
    let mut book = loops.rules.lock();
    let began = std::mem::replace(&mut book.began, now_ms);
    book.windows += 1;
    let mut changed = book.end_rules(now);
    if loops.options.judge.is_bound(Kind::Abuse) && began != 0 {
        let id_of = |slot| inner.live.zone_of(slot).map_or(0, |(id, _)| id);
        let window = convert::window(
            &tables,
            loops.options.node,
            (began.min(now_ms), now_ms),
            &id_of,
        );
        // The plugin takes its time; the status page must not wait for it.
        drop(book);
        let answer = loops.options.judge.inspect(now_ms, window);
        book = loops.rules.lock();
        match answer {
            Ok(changes) => {
                changed |= book.apply(inner, loops, changes, meter.now(), now_ms);
                book.last_error = None;
            }
            // The plugin host has logged and counted it; the rules in force stay.
            Err(error) => book.last_error = Some(error.to_string()),
        }
    }
    if changed {
        book.generation += 1;
        meter.install_rules(
            book.rules
                .values()
                .map(|in_force| in_force.rule.clone())
                .collect(),
        );
    }
}

impl RuleBook {
    /// Takes out rules whose time is over.
    fn end_rules(&mut self, now: Tick) -> bool {
        let before = self.rules.len();
        self.rules.retain(|_, in_force| in_force.rule.ends > now);
        self.rules.len() != before
    }

    fn apply(
        &mut self,
        inner: &Inner,
        loops: &Loops,
        changes: Vec<Change>,
        now: Tick,
        now_ms: UnixMs,
    ) -> bool {
        let mut changed = false;
        for change in changes {
            changed |= match change {
                Change::Put(rule) => self.put(inner, loops, rule, now),
                Change::Remove(id) => self.rules.remove(&id).is_some(),
                Change::Clear => !std::mem::take(&mut self.rules).is_empty(),
                Change::Raise(matter) => {
                    self.raise(inner, loops, matter, now_ms);
                    false
                }
            };
        }
        changed
    }

    fn put(&mut self, inner: &Inner, loops: &Loops, put: Rule, now: Tick) -> bool {
        if !put.when.nodes.is_empty() && !put.when.nodes.contains(&loops.options.node) {
            return self.rules.remove(&put.id).is_some();
        }
        let zone = match put.when.zone {
            None => None,
            Some(id) => match inner.live.slot_of_id(id) {
                Some(slot) => Some(slot),
                // The zone is gone: nothing can match.
                None => return self.rules.remove(&put.id).is_some(),
            },
        };
        let Some(parts) = convert::matcher(&put.when) else {
            return self.rules.remove(&put.id).is_some();
        };
        if self.rules.len() >= RULES_MAX && !self.rules.contains_key(&put.id) {
            self.left_out += 1;
            if self.left_out.is_power_of_two() {
                warn!(
                    "{} traffic rules were left out: {RULES_MAX} are in force already",
                    self.left_out
                );
            }
            return false;
        }
        let rule = TrafficRule {
            id: put.id,
            source: parts.source,
            zone,
            suffix: parts.suffix,
            rtype: parts.rtype,
            transport: parts.transport,
            effect: convert::effect(put.then),
            priority: put.priority,
            ends: now.after_millis(u64::from(put.ttl_ms.min(RULE_TTL_MAX_MS))),
            attack: put.attack,
            dry_run: put.dry_run,
        };
        let new = InForce { put, rule };
        if !self.rules.contains_key(&new.rule.id) {
            info!(
                "traffic rule {} is in force: {}",
                new.rule.id, new.put.reason
            );
        }
        self.rules.insert(new.rule.id, new);
        true
    }

    /// A case for a person; the zone is suspended at once if the plugin says that it cannot wait.
    fn raise(&mut self, inner: &Inner, loops: &Loops, matter: Matter, now_ms: UnixMs) {
        let zone = inner
            .live
            .slot_of_id(matter.zone)
            .and_then(|slot| Some((slot, inner.live.zone_of(slot)?.1)));
        let Some((slot, name)) = zone else { return };
        if matter.suspend {
            loops.options.meter.set_suspended(slot, true);
        }
        let what = if matter.suspend {
            "suspended it"
        } else {
            "raised a case"
        };
        warn!(zone.name = %name, "abuse policy about `{name}`: {what}: {}", matter.reason);
        if self.cases.len() >= CASES_MAX {
            self.cases.pop_front();
        }
        self.cases.push_back((now_ms, matter));
    }
}
