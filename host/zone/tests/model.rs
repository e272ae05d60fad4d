//! The zone against a model: whatever history led to a zone (built at once, changed step by step,
//! rebuilt, written to disk and read back), every look-up says what a naive walk over a map says.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bailiwick_zone::{
    Change, HashKey, Lookup, LookupName, Name, Node, Record, RecordBuf, RecordType, Zone,
};
use proptest::prelude::*;

const TYPES: [RecordType; 6] = [
    RecordType::NS,
    RecordType::CNAME,
    RecordType::A,
    RecordType::DNAME,
    RecordType::DS,
    RecordType::TXT,
];

type Model = BTreeMap<Name, BTreeMap<RecordType, BTreeSet<Vec<u8>>>>;

#[derive(Debug, Eq, PartialEq)]
enum Outcome {
    Answer(Name, RecordType, BTreeSet<Vec<u8>>, bool),
    Cname(Name, bool),
    Dname(Name),
    Delegation(Name),
    NoData(bool),
    NxDomain(usize),
}

fn apex() -> Name {
    Name::parse("zone.example.").unwrap()
}

fn key() -> HashKey {
    HashKey::from_bytes([3; 32])
}

/// RFC 1034 4.3.2, RFC 4592 and RFC 6672, word by word.
fn naive(model: &Model, name: &Name, rtype: RecordType) -> Outcome {
    let exists = |at: &Name| {
        model
            .iter()
            .any(|(own, sets)| !sets.is_empty() && own.is_at_or_below(at))
    };
    let has = |at: &Name, rtype| model.get(at).and_then(|sets| sets.get(&rtype));
    let depth = name.label_count() - apex().label_count();
    let mut path = vec![name.clone()];
    while path.last().unwrap() != &apex() {
        path.push(path.last().unwrap().parent().unwrap());
    }
    path.reverse();
    let mut encloser = apex();
    for (k, at) in path.iter().enumerate() {
        if !exists(at) {
            let wildcard = encloser.child(b"*").unwrap();
            if !exists(&wildcard) {
                return Outcome::NxDomain(k - 1);
            }
            return here(model, &wildcard, rtype, true);
        }
        if k > 0 && has(at, RecordType::NS).is_some() && !(k == depth && rtype == RecordType::DS) {
            return Outcome::Delegation(at.clone());
        }
        if k < depth && has(at, RecordType::DNAME).is_some() {
            return Outcome::Dname(at.clone());
        }
        encloser = at.clone();
    }
    here(model, name, rtype, false)
}

fn here(model: &Model, at: &Name, rtype: RecordType, wildcard: bool) -> Outcome {
    let sets = model.get(at);
    let found = sets.and_then(|sets| sets.get(&rtype));
    if rtype != RecordType::CNAME && sets.is_some_and(|sets| sets.contains_key(&RecordType::CNAME))
    {
        return Outcome::Cname(at.clone(), wildcard);
    }
    found.map_or(Outcome::NoData(wildcard), |rdatas| {
        let rdatas = rdatas.iter().map(|rdata| rdata.to_ascii_lowercase());
        Outcome::Answer(at.clone(), rtype, rdatas.collect(), wildcard)
    })
}

fn ours(zone: &Zone, name: &Name, rtype: RecordType) -> Outcome {
    let mut lookup = LookupName::new();
    lookup.set_wire(name.as_wire(), &key()).unwrap();
    let owner = |node: Node<'_>| {
        let mut wire = Vec::new();
        node.write_name(&mut wire);
        Name::from_wire(&wire).unwrap()
    };
    match zone.lookup(&lookup, rtype) {
        Lookup::Answer {
            rrset,
            node,
            wildcard,
        } => {
            let owner = owner(node);
            let rdatas = rrset.spans().map(|span| {
                let mut rdata = Vec::new();
                rrset.rdata(span, owner.as_wire(), zone.apex().as_wire(), &mut rdata);
                // A name that equals its owner is stored as the owner, in the owner's case.
                rdata.make_ascii_lowercase();
                rdata
            });
            Outcome::Answer(owner.clone(), rrset.rtype(), rdatas.collect(), wildcard)
        }
        Lookup::Cname { node, wildcard, .. } => Outcome::Cname(owner(node), wildcard),
        Lookup::Dname { node, .. } => Outcome::Dname(owner(node)),
        Lookup::Delegation { cut } => Outcome::Delegation(owner(cut)),
        Lookup::NoData { wildcard, .. } => Outcome::NoData(wildcard),
        Lookup::Pending { .. } => unreachable!("nothing is pending in these zones"),
        Lookup::NxDomain { closest_encloser } => Outcome::NxDomain(closest_encloser.depth()),
    }
}

fn name() -> impl Strategy<Value = Name> {
    let label = prop::sample::select(vec!["a", "B", "b", "*", "c\\000", "ab"]);
    prop::collection::vec(label, 0..4).prop_map(|labels| {
        let text = labels
            .iter()
            .chain(&["zone.example."])
            .copied()
            .collect::<Vec<_>>()
            .join(".");
        Name::parse(&text).unwrap()
    })
}

fn rdata(rtype: RecordType, target: &Name, n: u8) -> Vec<u8> {
    match rtype {
        RecordType::A => vec![192, 0, 2, n],
        RecordType::TXT => vec![1, n],
        RecordType::DS => [&[0, n, 13, 2], [n; 32].as_slice()].concat(),
        _ => target.as_wire().to_vec(),
    }
}

prop_compose! {
    fn rrset()(owner in name(), rtype in prop::sample::select(TYPES.as_slice()), target in name(), n in 0u8..4) -> (Name, RecordType, Vec<u8>) {
        (owner, rtype, rdata(rtype, &target, n))
    }
}

fn base() -> (Model, RecordBuf) {
    let soa = [apex().as_wire(), apex().as_wire(), &[0; 19], &[9]].concat();
    let mut records = RecordBuf::new();
    records.push(Record {
        owner: apex().as_wire(),
        rtype: RecordType::SOA,
        ttl: 5,
        rdata: &soa,
    });
    let model = BTreeMap::from([(
        apex(),
        BTreeMap::from([(RecordType::SOA, BTreeSet::from([soa]))]),
    )]);
    (model, records)
}

/// Whether a record may stand in the model's zone: what `check` would refuse is left out.
fn admissible(model: &Model, owner: &Name, rtype: RecordType) -> bool {
    let Some(sets) = model.get(owner) else {
        return *owner != apex() || rtype != RecordType::CNAME;
    };
    let alone = |rtype| matches!(rtype, RecordType::CNAME | RecordType::DNAME);
    !(sets.contains_key(&RecordType::CNAME)
        || (rtype == RecordType::CNAME && !sets.is_empty())
        || (alone(rtype) && sets.contains_key(&rtype)))
}

fn dump(zone: &Zone) -> Vec<(Vec<u8>, RecordType, Vec<u8>)> {
    let mut all = Vec::new();
    zone.for_each_record(&mut |record| {
        all.push((
            record.owner.to_ascii_lowercase(),
            record.rtype,
            record.rdata.to_ascii_lowercase(),
        ));
        ControlFlow::Continue(())
    });
    all
}

fn compare(zone: &Zone, model: &Model, questions: &[Name]) -> Result<(), TestCaseError> {
    for question in questions.iter().chain(model.keys()) {
        for rtype in TYPES {
            let fold = |outcome: Outcome| format!("{outcome:?}").to_ascii_lowercase();
            prop_assert_eq!(
                fold(ours(zone, question, rtype)),
                fold(naive(model, question, rtype)),
                "{} {}",
                question,
                rtype
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_zone_says_what_the_model_says(
        first in prop::collection::vec(rrset(), 0..14),
        changes in prop::collection::vec((rrset(), any::<bool>()), 0..10),
        questions in prop::collection::vec(name(), 1..12),
    ) {
        let (mut model, mut records) = base();
        for (owner, rtype, rdata) in &first {
            if admissible(&model, owner, *rtype) {
                records.push(Record { owner: owner.as_wire(), rtype: *rtype, ttl: 5, rdata });
                model.entry(owner.clone()).or_default().entry(*rtype).or_default().insert(rdata.clone());
            }
        }
        let mut zone = Zone::build(&apex(), &records, &key()).unwrap();
        compare(&zone, &model, &questions)?;

        for ((owner, rtype, rdata), put) in &changes {
            let others_ok = {
                let mut without = model.clone();
                without.entry(owner.clone()).or_default().remove(rtype);
                admissible(&without, owner, *rtype)
            };
            if *put && !others_ok {
                continue;
            }
            let sets = model.entry(owner.clone()).or_default();
            if *put {
                sets.insert(*rtype, BTreeSet::from([rdata.clone()]));
            } else {
                sets.remove(rtype);
            }
            let rrset = put.then(|| (5, vec![rdata.clone().into()]));
            zone = zone.with_changes(&[Change { owner: owner.clone(), rtype: *rtype, rrset }]).unwrap();
            compare(&zone, &model, &questions)?;
        }
        model.retain(|_, sets| !sets.is_empty());
        prop_assert_eq!(zone.record_count() as usize, dump(&zone).len());

        let rebuilt = zone.rebuilt().unwrap();
        compare(&rebuilt, &model, &questions)?;
        prop_assert_eq!(dump(&zone), dump(&rebuilt));

        let mut file = Vec::new();
        zone.write_snapshot(&mut file).unwrap();
        let restored = Zone::read_snapshot(&file, &key()).unwrap();
        compare(&restored, &model, &questions)?;
        let other_key = HashKey::from_bytes([99; 32]);
        prop_assert_eq!(dump(&Zone::read_snapshot(&file, &other_key).unwrap()), dump(&rebuilt));
    }

    /// A damaged snapshot is refused, wherever the damage is.
    #[test]
    fn a_flipped_bit_is_noticed(at in 0usize..400, bit in 0u8..8) {
        let zone = Zone::build(&apex(), &base().1, &key()).unwrap();
        let mut file = Vec::new();
        zone.write_snapshot(&mut file).unwrap();
        let at = at % file.len();
        file[at] ^= 1 << bit;
        prop_assert!(Zone::read_snapshot(&file, &key()).is_err());
        prop_assert!(Zone::read_snapshot(&file[..at], &key()).is_err());
    }
}
