//! The public Ferret cases: generated zones and questions with what BIND, Knot, NSD and PowerDNS say.
//! Issue 2, point 3.
//!
//! Where the four agree, we must agree with them. Where they differ, each case falls in one class of
//! [`DISPUTED`], which names what we do and why. Zones that break a rule are refused, or answered as
//! one of the four does.

#![allow(
    clippy::unwrap_used,
    reason = "a case that does not parse fails the test"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bailiwick_answer::text::{self, Response};
use bailiwick_zone::{Name, ZoneSet};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    id: String,
    zone: String,
    #[serde(flatten)]
    query: Option<Query>,
    #[serde(default)]
    queries: Vec<Query>,
}

#[derive(Deserialize)]
struct Query {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    servers: Vec<String>,
    rcode: String,
    aa: bool,
    answer: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
}

/// An answer in the form in which two are compared.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    rcode: String,
    aa: bool,
    answer: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
}

impl Answer {
    fn of_group(group: &Group) -> Self {
        Self::new(
            &group.rcode,
            group.aa,
            [&group.answer, &group.authority, &group.additional],
        )
    }

    fn of_response(response: &Response) -> Self {
        let Response {
            answer,
            authority,
            additional,
            ..
        } = response;
        Self::new(
            &response.rcode.to_string(),
            response.aa,
            [answer, authority, additional],
        )
    }

    /// Records become sets without case; what the cases call optional in a positive answer goes.
    fn new(rcode: &str, aa: bool, sections: [&[String]; 3]) -> Self {
        let [answer, mut authority, mut additional] = sections.map(|records| {
            let mut set: Vec<String> = records
                .iter()
                .map(|record| record.to_ascii_lowercase())
                .collect();
            set.sort();
            set.dedup();
            set
        });
        if !answer.is_empty() && rcode == "NOERROR" {
            authority.retain(|record| field(record, 3) != "ns");
            additional.clear();
        }
        Self {
            rcode: rcode.to_owned(),
            aa,
            answer,
            authority,
            additional,
        }
    }

    /// The same with all TTLs 0.
    fn without_ttls(mut self) -> Self {
        for section in [&mut self.answer, &mut self.authority, &mut self.additional] {
            for record in section.iter_mut() {
                let mut words: Vec<&str> = record.split(' ').collect();
                words[1] = "0";
                *record = words.join(" ");
            }
            section.sort();
        }
        self
    }

    /// How many CNAME records the answer has.
    fn links(&self) -> usize {
        self.answer
            .iter()
            .filter(|record| field(record, 3) == "cname")
            .count()
    }
}

fn field(record: &str, index: usize) -> &str {
    record.split(' ').nth(index).unwrap_or_default()
}

fn cases(valid: bool) -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/ferret/cases.jsonl.gz");
    assert!(
        file.exists(),
        "the Ferret cases belong at ../shared/ferret from the project's root: no {}",
        file.display()
    );
    let output = Command::new("zcat")
        .arg(&file)
        .stderr(Stdio::inherit())
        .output()
        .expect("zcat (package gzip) starts");
    assert!(
        output.status.success(),
        "zcat cannot read {}",
        file.display()
    );
    let text = String::from_utf8(output.stdout).expect("the cases are UTF-8");
    let cases = text
        .lines()
        .map(|line| serde_json::from_str::<Case>(line).expect("a case is JSON"));
    cases
        .filter(|case| case.id.starts_with('v') == valid)
        .collect()
}

/// Our answer, by the path that serves; nothing where the zone is refused.
fn zones(case: &Case) -> Option<ZoneSet> {
    let zone = common::build(&case.zone).ok()?;
    Some(ZoneSet::new(&common::key()).with(Arc::new(zone)))
}

fn ours(zones: &ZoneSet, query: &Query) -> Answer {
    let (name, rtype) = (
        Name::parse(&query.name).unwrap(),
        query.rtype.parse().unwrap(),
    );
    Answer::of_response(&text::respond(zones, &name, rtype, false).unwrap())
}

/// Issue 2, point 3: every agreed case of a valid zone is answered as agreed.
#[test]
fn agreed_cases_are_answered_as_agreed() {
    let mut count = 0;
    for case in cases(true) {
        let query = case
            .query
            .as_ref()
            .expect("a valid zone's case has one question");
        let [group] = &query.groups[..] else { continue };
        let zones = zones(&case).unwrap_or_else(|| panic!("{} is refused", case.id));
        assert_eq!(
            ours(&zones, query),
            Answer::of_group(group),
            "{} {} {}\n{}",
            case.id,
            query.name,
            query.rtype,
            case.zone
        );
        count += 1;
    }
    assert!(count >= 5112, "only {count} agreed cases were found");
}

/// A kind of question on which the four differ.
struct Class {
    name: &'static str,
    /// What we do and why.
    decision: &'static str,
    /// Whether a case is of this kind, from what the four say.
    is: fn(&[Answer]) -> bool,
    /// Whether our answer is what was decided.
    holds: fn(&Answer, &[(&Group, Answer)]) -> bool,
}

const DISPUTED: &[Class] = &[
    Class {
        name: "addresses of a name server that is not below the cut",
        decision: "All addresses we have of a referral's name servers are given, as Knot, NSD and PowerDNS do: \
                   RFC 1034 4.3.2 3b says to put whatever addresses are available into the additional section, and \
                   RFC 9471 3.2 adds that sibling glue should come if it fits. BIND gives in-domain glue only.",
        is: |theirs| {
            theirs
                .iter()
                .all(|answer| !answer.aa && answer.answer.is_empty())
        },
        holds: |ours, theirs| as_all_of(ours, theirs, &["knot", "nsd", "powerdns"]),
    },
    Class {
        name: "apex NS and their addresses in a positive answer",
        decision: "Optional by the cases' own rules. They are left out, as Knot does: RFC 1034 4.3.2 does not ask \
                   for them, and every answer is shorter.",
        is: |theirs| theirs.windows(2).all(|pair| pair[0] == pair[1]),
        holds: |ours, theirs| as_all_of(ours, theirs, &["bind", "knot", "nsd", "powerdns"]),
    },
    Class {
        name: "an alias that leads to itself",
        decision: "The links are given once and the answer is NOERROR, as BIND, Knot and NSD do: RFC 1034 3.6.2 has \
                   loops signalled by whoever follows them, and the data given are right. PowerDNS says SERVFAIL.",
        is: |theirs| theirs.iter().all(|answer| answer.links() <= 1),
        holds: |ours, theirs| as_all_of(ours, theirs, &["bind", "knot", "nsd"]),
    },
    Class {
        name: "a DNAME whose target lies below itself",
        decision: "Each substitution is a right answer (RFC 6672 3.2), and each makes the name longer: the walk ends after \
                   17 links, or earlier with YXDOMAIN when the name would pass 255 octets (RFC 6672 2.2), as BIND's does. \
                   Knot ends after 5, NSD after 1; PowerDNS says SERVFAIL.",
        is: |theirs| theirs.iter().any(|answer| answer.links() > 1),
        holds: |ours, theirs| {
            let ended = (ours.rcode == "NOERROR" && ours.links() == 17) || ours.rcode == "YXDOMAIN";
            ended
                && theirs.iter().any(|(group, theirs)| {
                    group.servers.iter().any(|own| own == "bind")
                        && (theirs == ours || is_cut_of(theirs, ours))
                })
        },
    },
];

/// Our answer is that of each of these servers.
fn as_all_of(ours: &Answer, theirs: &[(&Group, Answer)], servers: &[&str]) -> bool {
    servers.iter().all(|server| {
        theirs
            .iter()
            .any(|(group, answer)| group.servers.iter().any(|own| own == server) && answer == ours)
    })
}

/// The four were asked over UDP without EDNS, so their answers were cut at 512 octets: theirs is the
/// beginning of ours, and what comes next in ours had no room.
fn is_cut_of(theirs: &Answer, ours: &Answer) -> bool {
    let same_start = theirs.rcode == ours.rcode
        && theirs.aa == ours.aa
        && theirs
            .answer
            .iter()
            .all(|record| ours.answer.contains(record));
    // The first name of a chain is the one that was asked for: no link leads to it.
    let is_target = |name: &str| {
        ours.answer
            .iter()
            .any(|record| field(record, 3) == "cname" && field(record, 4) == name)
    };
    let owners = ours.answer.iter().map(|record| field(record, 0));
    let question = owners.filter(|name| !is_target(name)).map(str::len).max();
    // Uncompressed, as some of the four send it.
    let room = |record: &String| record.len() + 10;
    let used: usize = theirs.answer.iter().map(room).sum();
    let mut left_out = ours
        .answer
        .iter()
        .chain(&ours.authority)
        .filter(|record| !theirs.answer.contains(record))
        .map(room);
    same_start
        && theirs.authority.is_empty()
        && left_out.any(|next| 12 + question.unwrap_or(0) + 6 + used + next > 512)
}

/// Issue 2, point 3: each disputed case has one frozen decision.
#[test]
fn disputed_cases_are_answered_as_decided() {
    let mut counts = BTreeMap::new();
    for case in cases(true) {
        let query = case
            .query
            .as_ref()
            .expect("a valid zone's case has one question");
        if query.groups.len() == 1 {
            continue;
        }
        let theirs: Vec<Answer> = query.groups.iter().map(Answer::of_group).collect();
        let what = format!("{} {} {}\n{}", case.id, query.name, query.rtype, case.zone);
        let class = DISPUTED
            .iter()
            .find(|class| (class.is)(&theirs))
            .unwrap_or_else(|| panic!("of no class: {what}"));
        let ours = ours(&zones(&case).expect("a valid zone"), query);
        let pairs: Vec<_> = query.groups.iter().zip(theirs).collect();
        assert!(
            (class.holds)(&ours, &pairs),
            "{what}\nis {ours:#?}\nbut: {}",
            class.decision
        );
        *counts.entry(class.name).or_insert(0) += 1;
    }
    assert_eq!(
        counts.len(),
        DISPUTED.len(),
        "a class without a case: {counts:?}"
    );
}

/// Issue 2, point 3: a zone that breaks a rule makes no panic, and is refused or answered as a peer
/// does. TTLs are not compared: these files leave them out, and the four fill in different ones. A peer's
/// answer that was cut is compared as far as it goes.
#[test]
fn invalid_zones_are_refused_or_answered_as_a_peer_does() {
    let (mut refused, mut alike, mut cut) = (0, 0, 0);
    for case in cases(false) {
        let Some(zones) = zones(&case) else {
            refused += 1;
            continue;
        };
        for query in &case.queries {
            let ours = ours(&zones, query).without_ttls();
            let theirs: Vec<_> = query
                .groups
                .iter()
                .map(|group| Answer::of_group(group).without_ttls())
                .collect();
            if theirs.contains(&ours) {
                alike += 1;
                continue;
            }
            assert!(
                theirs.iter().any(|theirs| is_cut_of(theirs, &ours)),
                "{} {} {}\n{}\nis {ours:#?}, like nobody's: {theirs:#?}",
                case.id,
                query.name,
                query.rtype,
                case.zone
            );
            cut += 1;
        }
    }
    eprintln!(
        "{refused} zones refused; {alike} answers as a peer's, {cut} as a peer's until it was cut"
    );
    assert!(
        refused > 100 && alike > 19_000,
        "refused {refused}, alike {alike}"
    );
}
