//! Issue point 3: the shared Ferret cases, through the program and over the network. The decisions
//! about the disputed ones are frozen beside the code that answers (`host/answer/tests`).

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bailiwick_tests::agreement::assert_none;
use bailiwick_tests::ferret::{self, Answer, Case, difference};
use bailiwick_tests::peers::{Kind, Peer, PeerZone};
use bailiwick_tests::place::{bailiwick, have};
use bailiwick_tests::process::run;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::wire::{Question, type_from_text};
use serde::Deserialize;
use serde_json::json;

/// What `zone answer --batch` prints for a question.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    rcode: String,
    #[serde(default)]
    aa: bool,
    #[serde(default)]
    answer: Vec<String>,
    #[serde(default)]
    authority: Vec<String>,
}

impl Line {
    fn answer(&self) -> Answer {
        Answer {
            rcode: self.rcode.clone(),
            aa: self.aa,
            answer: self.answer.clone(),
            authority: self.authority.clone(),
        }
    }
}

/// Every case that four name servers answer alike is answered so by `zone answer --batch`.
#[test]
fn the_program_answers_every_agreed_case_as_all_four_servers_do() {
    let cases = ferret::agreed().unwrap();
    assert!(cases.len() > 5000, "only {} agreed cases", cases.len());
    let lines = batch(
        cases
            .iter()
            .map(|case| (case.id.clone(), &case.zone, &case.name, &case.rtype)),
    );
    let mut found = Vec::new();
    for (case, line) in cases.iter().zip(&lines) {
        assert_eq!(case.id, line.id, "the order of the lines");
        if let Some(error) = &line.error {
            found.push(format!("{}: refused: {error}", case.id));
        } else if let Some(what) = difference(case.apex(), case.agreed().unwrap(), &line.answer()) {
            found.push(format!("{} {} {}: {what}", case.id, case.name, case.rtype));
        }
    }
    assert_none("agreed cases", &found);
}

/// Every line that goes in comes out, in order, also those of zones that break the rules: such a
/// zone is refused for a reason in words, or answered.
#[test]
fn the_program_outlives_every_invalid_zone() {
    let cases: Vec<Case> = ferret::cases()
        .unwrap()
        .into_iter()
        .filter(|case| case.id.starts_with('i'))
        .collect();
    let questions = cases.iter().flat_map(|case| {
        let numbered = case.queries.iter().enumerate();
        numbered.map(move |(number, query)| {
            (
                format!("{}/{number}", case.id),
                &case.zone,
                &query.name,
                &query.rtype,
            )
        })
    });
    let ids: Vec<String> = questions.clone().map(|(id, ..)| id).collect();
    assert!(ids.len() > 4000, "only {} questions", ids.len());
    let lines = batch(questions);
    assert_eq!(
        ids,
        lines.iter().map(|line| line.id.clone()).collect::<Vec<_>>()
    );
    for line in &lines {
        let refused = line.error.as_ref().is_some_and(|error| error.len() > 5);
        assert!(
            refused || !line.rcode.is_empty(),
            "neither an answer nor a reason: {line:?}"
        );
    }
}

/// 500 of the agreed cases over UDP, their zones transferred from NSD and from Knot.
#[test]
fn five_hundred_agreed_cases_are_answered_so_after_a_transfer() {
    if !have(&[Kind::Nsd.program(), Kind::Knot.program()]) {
        return;
    }
    let mut left = ferret::agreed().unwrap();
    let mut asked = 0;
    let mut found = Vec::new();
    for (kind, most) in [(Kind::Nsd, 300), (Kind::Knot, 200)] {
        let cases = take_side_by_side(&mut left, most);
        asked += cases.len();
        found.extend(over_the_network(kind, &cases));
        // Other apexes in the second round: those with many labels, which lie below the others.
        left.sort_by_key(|case| usize::MAX - case.apex().matches('.').count());
    }
    assert_eq!(asked, 500);
    assert_none("cases after a transfer", &found);
}

fn over_the_network(kind: Kind, cases: &[Case]) -> Vec<String> {
    let zones: BTreeMap<String, &str> = cases
        .iter()
        .map(|case| (case.apex().to_ascii_lowercase(), case.zone.as_str()))
        .collect();
    let zones: Vec<PeerZone> = zones
        .iter()
        .map(|(name, text)| PeerZone::new(name, *text))
        .collect();
    let primary = Peer::start(kind, &zones, None).unwrap();
    let mut options = TestServer::options();
    for zone in &zones {
        options = options.secondary(&zone.name, primary.v4());
    }
    let server = options.start().unwrap();
    let mut client = server.client().unwrap();
    let mut found = Vec::new();
    for case in cases {
        let reply = client
            .ask(&Question::new(&case.name, type_from_text(&case.rtype)))
            .unwrap();
        let got = Answer::from(&reply);
        if let Some(what) = difference(case.apex(), case.agreed().unwrap(), &got) {
            found.push(format!(
                "{} {} {} from {kind:?}: {what}",
                case.id, case.name, case.rtype
            ));
        }
    }
    found
}

/// Takes cases whose zones can be served side by side: no apex above or below another.
fn take_side_by_side(left: &mut Vec<Case>, most: usize) -> Vec<Case> {
    let mut taken: Vec<Case> = Vec::new();
    let mut apexes: BTreeSet<String> = BTreeSet::new();
    let mut above: BTreeSet<String> = BTreeSet::new();
    left.retain(|case| {
        let apex = case.apex().to_ascii_lowercase();
        let ancestors: Vec<String> = apex
            .match_indices('.')
            .map(|(at, _)| apex[at + 1..].to_owned())
            .collect();
        let apart = !apexes.contains(&apex)
            && !above.contains(&apex)
            && !ancestors.iter().any(|name| apexes.contains(name));
        if taken.len() == most || !apart {
            return true;
        }
        apexes.insert(apex);
        above.extend(ancestors);
        taken.push(case.clone());
        false
    });
    taken
}

fn batch<'a>(
    questions: impl Iterator<Item = (String, &'a String, &'a String, &'a String)>,
) -> Vec<Line> {
    let mut input = String::new();
    for (id, zone, name, rtype) in questions {
        input += &json!({ "id": id, "zone": zone, "name": name, "type": rtype }).to_string();
        input.push('\n');
    }
    let program = bailiwick().unwrap();
    let limit = Duration::from_secs(60);
    let output = run(
        &program,
        ["zone", "answer", "--batch"],
        Some(input.as_bytes()),
        limit,
    )
    .unwrap();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
