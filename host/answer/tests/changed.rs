//! A zone that was changed answers as one that was built with the change (ARCHITECTURE 3: base and
//! overlay are one zone).

mod common;

use bailiwick_zone::{Name, RecordType};
use common::{ask, random};
use proptest::prelude::*;

type Set = (String, &'static str);

/// The rows with the sets of `gone` taken out and `new` put in.
fn changed(rows: &[random::Row], gone: &[Set], new: &[random::Row]) -> Vec<random::Row> {
    let is = |row: &random::Row, set: &Set| row.0.eq_ignore_ascii_case(&set.0) && row.1 == set.1;
    let replaced: Vec<Set> = new.iter().map(|row| (row.0.clone(), row.1)).collect();
    let stays = |row: &&random::Row| !gone.iter().chain(&replaced).any(|set| is(row, set));
    rows.iter().filter(stays).chain(new).cloned().collect()
}

/// The same as changes of RRsets.
fn changes(gone: &[Set], new: &[random::Row]) -> Vec<bailiwick_zone::Change> {
    let change = |set: &Set, of: &[&random::Row]| {
        let rtype: RecordType = set.1.parse().expect("a type");
        let data = of
            .iter()
            .map(|row| random::wire(rtype, &row.2).into())
            .collect::<Vec<Box<[u8]>>>();
        bailiwick_zone::Change {
            owner: Name::parse(&set.0).expect("a name"),
            rtype,
            rrset: (!data.is_empty()).then_some((60, data)),
        }
    };
    let mut sets: Vec<Set> = Vec::new();
    for set in gone
        .iter()
        .cloned()
        .chain(new.iter().map(|row| (row.0.clone(), row.1)))
    {
        if !sets
            .iter()
            .any(|own| own.0.eq_ignore_ascii_case(&set.0) && own.1 == set.1)
        {
            sets.push(set);
        }
    }
    sets.iter()
        .map(|set| {
            let of: Vec<&random::Row> = new
                .iter()
                .filter(|row| row.0.eq_ignore_ascii_case(&set.0) && row.1 == set.1)
                .collect();
            change(set, &of)
        })
        .collect()
}

/// Case is that of whichever record came first, in one way of building as in the other not.
fn folded(lines: Vec<String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.iter().map(|line| line.to_lowercase()).collect();
    lines[1..].sort();
    lines.dedup();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn a_changed_zone_answers_as_one_built_so(
        rows in prop::collection::vec(random::row(), 0..30),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        new in prop::collection::vec(random::row(), 0..8),
        questions in prop::collection::vec((random::name(), random::qtype()), 1..12),
    ) {
        let gone: Vec<Set> = gone
            .iter()
            .filter(|_| !rows.is_empty())
            .map(|index| { let row = index.get(&rows); (row.0.clone(), row.1) })
            .collect();
        let built = random::only(random::zone(&changed(&rows, &gone, &new)));
        let overlaid = random::zone(&rows).with_changes(&changes(&gone, &new)).expect("changes of the zone");
        let overlaid = random::only(overlaid);
        for (qname, qtype) in &questions {
            let question = format!("{qname} {qtype}");
            prop_assert_eq!(folded(ask(&overlaid, &question)), folded(ask(&built, &question)), "{}", question);
        }
    }
}
