//! Traffic rules compiled for the query path.
//!
//! Each rule is filed under the part of it that turns most queries away: its source prefix, else its
//! suffix, else its zone; what has none of these is tried for every query. A query tests one bit for
//! each file and goes on its way; only a hit looks further. Suffixes are found with the label hashes
//! that reading the name produced anyway. Rules are kept in the order in which they are to be
//! tried, so the smallest index that matches is the one that counts.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use bailiwick_zone::hash::{HashKey, LookupName};

use crate::hits::Hits;
use crate::prefix::{MultiplyHasher, PrefixIndex, holds};
use crate::query::Query;
use crate::rule::TrafficRule;
use crate::tick::Tick;
use crate::window::RuleHits;

type Filed<K> = HashMap<K, Vec<u32>, BuildHasherDefault<MultiplyHasher>>;

/// A set of rules as the query path reads it.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Compiled>,
    by_source: PrefixIndex<Vec<u32>>,
    by_suffix: Filed<u64>,
    suffix_bits: Bits,
    /// How many labels the suffixes have: bit `n` for `n` labels.
    suffix_labels: u128,
    by_zone: Filed<u32>,
    zone_bits: Bits,
    /// Rules that every query is tried against.
    general: Vec<u32>,
    /// There are some, or suffixes of more labels than a word has bits.
    always: bool,
    /// Matches of rules that the set before had and this one has not. A thread may still be counting one.
    left: Vec<Arc<Hits>>,
    /// Matches of all rules that went before those.
    past: u64,
}

impl RuleSet {
    /// Files the rules. Matches of a rule that `earlier` had too go on being counted where they
    /// were; `threads` is how many count.
    #[must_use]
    pub fn compile(
        mut rules: Vec<TrafficRule>,
        key: &HashKey,
        earlier: &Self,
        threads: usize,
    ) -> Self {
        rules.sort_by_key(|rule| (std::cmp::Reverse(rule.priority), rule.id));
        let known: HashMap<u64, &Arc<Hits>> = earlier
            .rules
            .iter()
            .map(|rule| (rule.rule.id, &rule.hits))
            .collect();
        let stays: HashSet<u64> = rules.iter().map(|rule| rule.id).collect();
        let left = earlier.rules.iter();
        let left = left.filter(|rule| !stays.contains(&rule.rule.id));
        let mut set = Self {
            left: left.map(|rule| Arc::clone(&rule.hits)).collect(),
            // Nobody has the set before the earlier one any more, so these do not change.
            past: earlier
                .left
                .iter()
                .fold(earlier.past, |past, hits| past.wrapping_add(hits.sum())),
            ..Self::default()
        };
        let mut name = LookupName::new();
        for (rank, rule) in (0u32..).zip(rules) {
            let suffix = rule.suffix.as_ref().map(|suffix| {
                name.set_wire(suffix.as_wire(), key)
                    .expect("a Name is valid wire form");
                (
                    name.labels() as u8,
                    name.suffix_hash(name.labels()),
                    name.folded().into(),
                )
            });
            if let Some(prefix) = rule.source {
                set.by_source.entry(prefix).push(rank);
            } else if let Some((labels, hash, _)) = &suffix {
                set.by_suffix.entry(*hash).or_default().push(rank);
                set.suffix_bits.set(*hash);
                set.suffix_labels |= 1 << (labels & 127);
            } else if let Some(zone) = rule.zone {
                set.by_zone.entry(zone).or_default().push(rank);
                set.zone_bits.set(u64::from(zone));
            } else {
                set.general.push(rank);
            }
            let hits = match known.get(&rule.id) {
                Some(hits) if hits.by_thread.len() >= threads => Arc::clone(hits),
                Some(hits) => Arc::new(hits.widened(threads)),
                None => Arc::new(Hits::new(threads)),
            };
            let suffix = suffix.map(|(labels, _, folded)| (labels, folded));
            set.rules.push(Compiled { rule, suffix, hits });
        }
        set.always = !set.general.is_empty() || set.suffix_labels >> 64 != 0;
        set
    }

    /// How many rules, ended ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// No rule at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &TrafficRule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// How often each rule has matched since it was first put, over all threads.
    pub fn hits(&self) -> impl Iterator<Item = (u64, u64)> {
        self.rules
            .iter()
            .map(|compiled| (compiled.rule.id, compiled.hits.sum()))
    }

    /// How often any rule has matched since the start, those that ended included: it never falls.
    pub fn hits_ever(&self) -> u64 {
        let present = self.rules.iter().map(|compiled| &compiled.hits);
        let counted = present.chain(&self.left).map(|hits| hits.sum());
        counted.fold(self.past, u64::wrapping_add)
    }

    /// How often each has matched since this was last asked.
    pub(crate) fn new_hits(&self) -> impl Iterator<Item = RuleHits> {
        self.rules.iter().map(|compiled| RuleHits {
            rule: compiled.rule.id,
            matched: compiled.hits.unshown(),
        })
    }

    /// Whether a rule may match that is not about a whole zone: false for nearly every query.
    #[inline]
    pub(crate) fn may_match(&self, query: &Query<'_>) -> bool {
        if self.by_source.may_hold(query.source) {
            return true;
        }
        if let Some(name) = query.name {
            // A name of more labels is looked at in full.
            let labels = name.labels().min(63);
            let mut counts = self.suffix_labels as u64 & (u64::MAX >> (63 - labels));
            while counts != 0 {
                if self
                    .suffix_bits
                    .has(name.suffix_hash(counts.trailing_zeros() as usize))
                {
                    return true;
                }
                counts &= counts - 1;
            }
        }
        self.always
    }

    /// Whether some rule is about this zone, with nothing else that turns queries away.
    #[inline]
    pub(crate) fn is_about_zone(&self, zone: u32) -> bool {
        self.zone_bits.has(u64::from(zone))
    }

    /// The first rule that matches, counted as a hit by `thread`.
    pub(crate) fn find(&self, query: &Query<'_>, now: Tick, thread: usize) -> Option<&TrafficRule> {
        let mut best = u32::MAX;
        for rank in &self.general {
            self.consider(&mut best, *rank, query, now, thread);
        }
        self.by_source.each(query.source, |ranks| {
            for rank in ranks {
                self.consider(&mut best, *rank, query, now, thread);
            }
        });
        if let Some(name) = query.name {
            for labels in 0..=name.labels() {
                if self.suffix_bits.has(name.suffix_hash(labels)) {
                    self.try_suffix(&mut best, name.suffix_hash(labels), query, now, thread);
                }
            }
        }
        if let Some(zone) = query.slot
            && self.is_about_zone(zone)
        {
            self.try_zone(&mut best, zone, query, now, thread);
        }
        let winner = self.rules.get(best as usize)?;
        winner.hits.count(thread);
        Some(&winner.rule)
    }

    #[cold]
    fn try_suffix(&self, best: &mut u32, hash: u64, query: &Query<'_>, now: Tick, thread: usize) {
        for rank in self.by_suffix.get(&hash).into_iter().flatten() {
            self.consider(best, *rank, query, now, thread);
        }
    }

    #[cold]
    fn try_zone(&self, best: &mut u32, zone: u32, query: &Query<'_>, now: Tick, thread: usize) {
        for rank in self.by_zone.get(&zone).into_iter().flatten() {
            self.consider(best, *rank, query, now, thread);
        }
    }

    /// Takes the rule if it comes before the best so far and matches in full. A dry run is counted
    /// and never taken: what it would have hidden must show.
    fn consider(&self, best: &mut u32, rank: u32, query: &Query<'_>, now: Tick, thread: usize) {
        let Some(compiled) = self.rules.get(rank as usize) else {
            return;
        };
        if !compiled.matches(query, now) {
            return;
        }
        if compiled.rule.dry_run {
            compiled.hits.count(thread);
        } else if rank < *best {
            *best = rank;
        }
    }
}

#[derive(Debug)]
struct Compiled {
    rule: TrafficRule,
    /// Label count and folded wire form of the suffix.
    suffix: Option<(u8, Box<[u8]>)>,
    hits: Arc<Hits>,
}

impl Compiled {
    fn matches(&self, query: &Query<'_>, now: Tick) -> bool {
        let rule = &self.rule;
        now < rule.ends
            && rule.zone.is_none_or(|zone| query.slot == Some(zone))
            && rule.rtype.is_none_or(|rtype| query.qtype == rtype)
            && rule
                .transport
                .is_none_or(|transport| query.transport == transport)
            && rule.source.is_none_or(|prefix| holds(prefix, query.source))
            && self.suffix.as_ref().is_none_or(|(labels, folded)| {
                query.name.is_some_and(|name| {
                    name.labels() >= usize::from(*labels)
                        && name.suffix(usize::from(*labels)) == &**folded
                })
            })
    }
}

/// A bitmap over the low 16 bits of a number.
#[derive(Debug)]
pub(crate) struct Bits(Box<[u64; 1 << 10]>);

impl Default for Bits {
    fn default() -> Self {
        Self(Box::new([0; 1 << 10]))
    }
}

impl Bits {
    pub(crate) fn set(&mut self, value: u64) {
        let bit = usize::from(value as u16);
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    #[inline]
    pub(crate) fn has(&self, value: u64) -> bool {
        let bit = usize::from(value as u16);
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use bailiwick_zone::name::Name;
    use bailiwick_zone::rtype::RecordType;

    use super::*;
    use crate::query::{Source, Transport};
    use crate::rule::{Action, Effect};

    fn key() -> HashKey {
        HashKey::from_bytes([3; 32])
    }

    fn rule(id: u64) -> TrafficRule {
        TrafficRule {
            id,
            source: None,
            zone: None,
            suffix: None,
            rtype: None,
            transport: None,
            effect: Effect::Act(Action::Drop),
            priority: 0,
            ends: Tick::NEVER,
            attack: false,
            dry_run: false,
        }
    }

    fn compile(rules: Vec<TrafficRule>) -> RuleSet {
        RuleSet::compile(rules, &key(), &RuleSet::default(), 1)
    }

    /// The id of the rule that a query from `source` for `name` in zone 7 meets.
    fn ask(set: &RuleSet, source: &str, name: &str) -> Option<u64> {
        ask_at(set, source, name, Tick(1))
    }

    fn ask_at(set: &RuleSet, source: &str, name: &str, now: Tick) -> Option<u64> {
        let mut lookup = LookupName::new();
        lookup
            .set_wire(Name::parse(name).unwrap().as_wire(), &key())
            .unwrap();
        let query = Query {
            source: Source::from(source.parse::<IpAddr>().unwrap()),
            slot: Some(7),
            apex_labels: 2,
            name: Some(&lookup),
            qtype: RecordType::A,
            transport: Transport::Udp,
        };
        set.find(&query, now, 0).map(|rule| rule.id)
    }

    #[test]
    fn each_part_of_a_match_must_hold() {
        let full = TrafficRule {
            source: Some("192.0.2.0/24".parse().unwrap()),
            zone: Some(7),
            suffix: Some(Name::parse("www.example.com").unwrap()),
            rtype: Some(RecordType::A),
            transport: Some(Transport::Udp),
            ..rule(1)
        };
        assert_eq!(
            ask(
                &compile(vec![full.clone()]),
                "192.0.2.1",
                "a.WWW.example.com"
            ),
            Some(1)
        );
        assert_eq!(
            ask(
                &compile(vec![full.clone()]),
                "192.0.3.1",
                "a.www.example.com"
            ),
            None
        );
        assert_eq!(
            ask(
                &compile(vec![full.clone()]),
                "192.0.2.1",
                "awww.example.com"
            ),
            None
        );
        for other in [
            TrafficRule {
                zone: Some(8),
                ..full.clone()
            },
            TrafficRule {
                rtype: Some(RecordType::AAAA),
                ..full.clone()
            },
            TrafficRule {
                transport: Some(Transport::Tcp),
                ..full
            },
        ] {
            assert_eq!(
                ask(&compile(vec![other]), "192.0.2.1", "www.example.com"),
                None
            );
        }
    }

    #[test]
    fn highest_priority_goes_first_then_lowest_id() {
        let zone = TrafficRule {
            zone: Some(7),
            priority: 5,
            ..rule(9)
        };
        let source = TrafficRule {
            source: Some("192.0.2.0/24".parse().unwrap()),
            priority: 9,
            ..rule(30)
        };
        let twin = TrafficRule {
            priority: 9,
            ..rule(20)
        };
        let set = compile(vec![zone.clone(), source.clone()]);
        assert_eq!(ask(&set, "192.0.2.1", "a.example.com"), Some(30));
        assert_eq!(ask(&set, "198.51.100.1", "a.example.com"), Some(9));
        assert_eq!(
            ask(
                &compile(vec![zone, source, twin]),
                "192.0.2.1",
                "a.example.com"
            ),
            Some(20)
        );
    }

    #[test]
    fn a_rule_ends_at_its_time() {
        let set = compile(vec![TrafficRule {
            zone: Some(7),
            ends: Tick(100),
            ..rule(1)
        }]);
        assert_eq!(
            ask_at(&set, "192.0.2.1", "a.example.com", Tick(99)),
            Some(1)
        );
        assert_eq!(ask_at(&set, "192.0.2.1", "a.example.com", Tick(100)), None);
    }

    #[test]
    fn a_dry_run_is_counted_and_hides_nothing() {
        let dry = TrafficRule {
            priority: 9,
            dry_run: true,
            ..rule(1)
        };
        let set = compile(vec![
            dry,
            TrafficRule {
                zone: Some(7),
                ..rule(2)
            },
        ]);
        assert_eq!(ask(&set, "192.0.2.1", "a.example.com"), Some(2));
        assert_eq!(set.hits().collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    }

    #[test]
    fn hits_go_on_when_a_set_is_replaced() {
        let first = compile(vec![TrafficRule {
            zone: Some(7),
            ..rule(1)
        }]);
        ask(&first, "192.0.2.1", "a.example.com");
        let changed = TrafficRule {
            zone: Some(7),
            attack: true,
            ..rule(1)
        };
        let second = RuleSet::compile(vec![changed], &key(), &first, 1);
        ask(&second, "192.0.2.1", "a.example.com");
        assert_eq!(second.hits().collect::<Vec<_>>(), [(1, 2)]);
    }

    /// A Prometheus counter falls at a restart only: what ended rules matched stays in the sum.
    #[test]
    fn hits_of_rules_that_ended_stay_in_the_sum() {
        let zone = |id| TrafficRule {
            zone: Some(7),
            ..rule(id)
        };
        let first = compile(vec![zone(1)]);
        ask(&first, "192.0.2.1", "a.example.com");
        let second = RuleSet::compile(vec![zone(2)], &key(), &first, 1);
        assert_eq!(second.hits_ever(), 1);
        // A thread that still has the set before counts there; nothing is lost.
        ask(&first, "192.0.2.1", "a.example.com");
        ask(&second, "192.0.2.1", "a.example.com");
        assert_eq!(second.hits_ever(), 3);
        let third = RuleSet::compile(Vec::new(), &key(), &second, 2);
        let fourth = RuleSet::compile(vec![zone(1)], &key(), &third, 2);
        assert_eq!((third.hits_ever(), fourth.hits_ever()), (3, 3));
        ask(&fourth, "192.0.2.1", "a.example.com");
        assert_eq!(fourth.hits_ever(), 4);
    }

    #[test]
    fn a_rule_for_the_root_matches_every_name() {
        let set = compile(vec![TrafficRule {
            suffix: Some(Name::root()),
            ..rule(1)
        }]);
        assert_eq!(ask(&set, "192.0.2.1", "a.example.com"), Some(1));
    }

    /// The files find what trying every rule in turn finds.
    #[test]
    fn filed_rules_agree_with_trying_all() {
        let mut state = 9u64;
        let mut random = move |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let names = [
            "example.com",
            "b.example.com",
            "a.b.example.com",
            "example.net",
            "com",
        ];
        let rules: Vec<TrafficRule> = (0..30)
            .map(|id| TrafficRule {
                source: (random(2) == 0).then(|| {
                    format!("10.{}.0.0/{}", random(12), 13 + random(4))
                        .parse()
                        .unwrap()
                }),
                zone: (random(3) == 0).then(|| 5 + random(4) as u32),
                suffix: (random(2) == 0).then(|| Name::parse(names[random(4) as usize]).unwrap()),
                rtype: (random(4) > 0)
                    .then_some([RecordType::A, RecordType::MX][random(2) as usize]),
                priority: random(5) as i16,
                ..rule(id)
            })
            .filter(|rule| rule.source.is_some() || rule.zone.is_some() || rule.suffix.is_some())
            .collect();
        let set = compile(rules);
        let mut met = 0;
        for _ in 0..2000 {
            let mut lookup = LookupName::new();
            lookup
                .set_wire(
                    Name::parse(names[random(5) as usize]).unwrap().as_wire(),
                    &key(),
                )
                .unwrap();
            let query = Query {
                source: Source::from_v4(
                    0x0a00_0000 | (random(14) as u32) << 16 | random(65536) as u32,
                ),
                slot: Some(4 + random(6) as u32),
                apex_labels: 2,
                name: Some(&lookup),
                qtype: [RecordType::A, RecordType::TXT][random(2) as usize],
                transport: Transport::Udp,
            };
            let plain = set
                .rules
                .iter()
                .find(|rule| rule.matches(&query, Tick(1)))
                .map(|rule| rule.rule.id);
            assert_eq!(set.find(&query, Tick(1), 0).map(|rule| rule.id), plain);
            met += u32::from(plain.is_some());
        }
        assert!((200..2000).contains(&met), "both outcomes are tried: {met}");
    }
}
