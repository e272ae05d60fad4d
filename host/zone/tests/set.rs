//! The zone set against a plain map, and the records that prove denial.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_zone::{HashKey, LookupName, Name, Record, RecordBuf, RecordType, Zone, ZoneSet};
use proptest::prelude::*;

fn key() -> HashKey {
    HashKey::from_bytes([3; 32])
}

fn soa(apex: &Name, serial: u8) -> RecordBuf {
    let rdata = [apex.as_wire(), apex.as_wire(), &[0, 0, 0, serial], &[0; 16]].concat();
    let mut records = RecordBuf::new();
    records.push(Record {
        owner: apex.as_wire(),
        rtype: RecordType::SOA,
        ttl: 5,
        rdata: &rdata,
    });
    records
}

fn zone(apex: &Name, serial: u8) -> Arc<Zone> {
    Arc::new(Zone::build(apex, &soa(apex, serial), &key()).unwrap())
}

fn lookup(name: &Name) -> LookupName {
    let mut lookup = LookupName::new();
    lookup.set_wire(name.as_wire(), &key()).unwrap();
    lookup
}

fn name() -> impl Strategy<Value = Name> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "C", "c"]), 0..5)
        .prop_map(|labels| Name::parse(&(labels.join(".") + ".")).unwrap())
}

proptest! {
    /// RELIABILITY P6: the zone of a name is the longest match by whole labels.
    #[test]
    fn the_longest_suffix_wins(
        steps in prop::collection::vec((name(), any::<bool>(), any::<u8>()), 1..40),
        questions in prop::collection::vec(name(), 1..20),
    ) {
        let (mut set, mut model) = (ZoneSet::new(&key()), BTreeMap::<Name, u8>::new());
        for (apex, put, serial) in steps {
            let before = set.clone();
            let count = before.len();
            if put {
                set = set.with(zone(&apex, serial));
                model.insert(apex, serial);
            } else {
                set = set.without(&apex);
                model.remove(&apex);
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(before.len(), count);
        }
        prop_assert_eq!(set.iter().count(), model.len());
        for question in &questions {
            let longest = |strictly_above: bool| {
                model.iter().filter(|(apex, _)| question.is_at_or_below(apex) && !(strictly_above && *apex == question)).max_by_key(|(apex, _)| apex.label_count())
            };
            let found = |zone: Option<&Arc<Zone>>| zone.map(|zone| (zone.apex().clone(), zone.serial().0 as u8));
            let expected = |strictly| longest(strictly).map(|(apex, serial)| (apex.clone(), *serial));
            prop_assert_eq!(found(set.find(&lookup(question))), expected(false));
            prop_assert_eq!(found(set.find_above(&lookup(question))), expected(true));
            prop_assert_eq!(found(set.get(question)), model.get(question).map(|serial| (question.clone(), *serial)));
        }
    }
}

/// RELIABILITY P6: the same of a million zone sets, each a zone more or less than the one before.
#[test]
fn p6_the_longest_suffix_wins_in_a_million_zone_sets() {
    let labels = ["a", "b", "c"];
    let mut names = vec![Name::root()];
    for at in 0..40 {
        let above: Name = names[at].clone();
        names.extend(labels.map(|label| above.child(label.as_bytes()).unwrap()));
    }
    let zones: Vec<Arc<Zone>> = names.iter().map(|apex| zone(apex, 1)).collect();
    // The number of the name above; the root has itself.
    let above: Vec<usize> = (0..names.len())
        .map(|at| at.saturating_sub(1) / 3)
        .collect();
    let lookups: Vec<LookupName> = names.iter().map(lookup).collect();
    let (mut set, mut is_there) = (ZoneSet::new(&key()), vec![false; names.len()]);
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut found = 0u32;
    for _ in 0..1_000_000 {
        let at = random(names.len());
        is_there[at] = !is_there[at];
        set = if is_there[at] {
            set.with(Arc::clone(&zones[at]))
        } else {
            set.without(&names[at])
        };
        let asked = random(names.len());
        let mut expected = Some(asked);
        while let Some(at) = expected.filter(|at| !is_there[*at]) {
            expected = (at != 0).then(|| above[at]);
        }
        let zone = set.find(&lookups[asked]);
        assert_eq!(
            zone.map(|zone| zone.apex()),
            expected.map(|at| &names[at]),
            "{}",
            names[asked]
        );
        found += u32::from(zone.is_some());
    }
    assert!(found > 100_000, "{found}");
}

/// A label boundary is needed: `notexample.com` is not in `example.com`.
#[test]
fn a_suffix_of_octets_is_not_a_suffix_of_labels() {
    let set = ZoneSet::new(&key()).with(zone(&Name::parse("example.com.").unwrap(), 1));
    assert!(
        set.find(&lookup(&Name::parse("notexample.com.").unwrap()))
            .is_none()
    );
    assert!(
        set.find(&lookup(&Name::parse("WWW.Example.COM.").unwrap()))
            .is_some()
    );
}

/// RFC 4035 3.1.3.2: the NSEC that covers a name is that of the last name before it; glue has none.
#[test]
fn the_covering_nsec_is_the_last_before_the_name() {
    let apex = Name::parse("example.").unwrap();
    let mut records = soa(&apex, 1);
    let mut put = |owner: &str, rtype, rdata: &[u8]| {
        let owner = Name::parse(owner).unwrap();
        records.push(Record {
            owner: owner.as_wire(),
            rtype,
            ttl: 5,
            rdata,
        });
    };
    let next = [apex.as_wire(), &[0, 1, 0x40]].concat();
    for owner in ["example.", "b.example.", "sub.example.", "*.w.example."] {
        put(owner, RecordType::NSEC, &next);
    }
    put(
        "sub.example.",
        RecordType::NS,
        Name::parse("ns.sub.example.").unwrap().as_wire(),
    );
    put("ns.sub.example.", RecordType::A, &[192, 0, 2, 1]);
    let zone = Zone::build(&apex, &records, &key()).unwrap();
    for (question, owner) in [
        ("a.example.", "example."),
        ("b.example.", "b.example."),
        ("a.b.example.", "b.example."),
        ("t.example.", "sub.example."),
        ("zz.example.", "*.w.example."),
        ("z.w.example.", "*.w.example."),
    ] {
        let question = lookup(&Name::parse(question).unwrap());
        let mut found = Vec::new();
        zone.nsec_at_or_before(&question, question.labels())
            .unwrap()
            .write_name(&mut found);
        assert_eq!(
            Name::from_wire(&found).unwrap(),
            Name::parse(owner).unwrap(),
            "{question:?}"
        );
    }
    let question = lookup(&Name::parse("x.w.example.").unwrap());
    let mut found = Vec::new();
    zone.nsec_at_or_before_wildcard(&question, 2)
        .unwrap()
        .write_name(&mut found);
    assert_eq!(found, Name::parse("*.w.example.").unwrap().as_wire());
}

/// RFC 5155 appendix A: H(example) and H(*.w.example) with salt AABBCCDD and 12 iterations.
#[test]
fn nsec3_hashes_are_those_of_the_rfc() {
    let params = bailiwick_zone::Nsec3Params {
        iterations: 12,
        salt: [0xAA, 0xBB, 0xCC, 0xDD].into(),
    };
    let hash = |name: &str| {
        data_encoding::BASE32HEX_NOPAD
            .encode(&params.hash(Name::parse(name).unwrap().as_wire()))
            .to_lowercase()
    };
    assert_eq!(hash("example."), "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom");
    assert_eq!(hash("*.w.example."), "r53bq7cc2uvmubfu5ocmm6pers9tk9en");
}
