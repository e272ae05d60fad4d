//! The shared Ferret cases: a zone, a question, and what four name servers answered.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::place;
use crate::wire::{Reply, rcode_to_text};

/// A zone and one question (valid zones) or several (invalid ones).
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// `v…` for a valid zone, `i…` for an invalid one.
    pub id: String,
    /// Master file text; the first owner is the apex.
    pub zone: String,
    /// The name asked for, of a valid case.
    #[serde(default)]
    pub name: String,
    /// The type asked for, of a valid case.
    #[serde(default, rename = "type")]
    pub rtype: String,
    /// Who answered what, of a valid case.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Which rule an invalid zone breaks.
    #[serde(default)]
    pub class: u32,
    /// The questions of an invalid case.
    #[serde(default)]
    pub queries: Vec<Query>,
}

/// One of the questions of an invalid case.
#[derive(Clone, Debug, Deserialize)]
pub struct Query {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Who answered what.
    pub groups: Vec<Group>,
}

/// Servers that gave the same answer, and the answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    /// Their names.
    pub servers: Vec<String>,
    /// RCODE as text.
    pub rcode: String,
    /// The AA bit.
    pub aa: bool,
    /// Records as text.
    pub answer: Vec<String>,
    /// Records as text.
    pub authority: Vec<String>,
    /// Records as text.
    pub additional: Vec<String>,
}

impl Case {
    /// The apex of the zone.
    pub fn apex(&self) -> &str {
        self.zone.split_whitespace().next().unwrap_or(".")
    }

    /// The answer of all four servers, where they agree.
    pub fn agreed(&self) -> Option<&Group> {
        match self.groups.as_slice() {
            [group] if group.servers.len() == 4 => Some(group),
            _ => None,
        }
    }
}

/// All cases.
///
/// # Errors
/// The shared data is missing or not what it says.
pub fn cases() -> Result<Vec<Case>> {
    place::unzip(&place::shared("ferret/cases.jsonl.gz")?)?
        .lines()
        .map(|line| serde_json::from_str(line).context("a case"))
        .collect()
}

/// The cases that all four servers answer alike.
///
/// # Errors
/// As [`cases`].
pub fn agreed() -> Result<Vec<Case>> {
    Ok(cases()?
        .into_iter()
        .filter(|case| case.agreed().is_some())
        .collect())
}

/// An answer as text, from the wire or from the program's own output.
#[derive(Clone, Debug)]
pub struct Answer {
    /// RCODE as text.
    pub rcode: String,
    /// The AA bit.
    pub aa: bool,
    /// Records as text.
    pub answer: Vec<String>,
    /// Records as text.
    pub authority: Vec<String>,
}

impl From<&Reply> for Answer {
    fn from(reply: &Reply) -> Self {
        let text = |section: &[crate::wire::Rr]| section.iter().map(ToString::to_string).collect();
        Self {
            rcode: rcode_to_text(reply.rcode()),
            aa: reply.authoritative(),
            answer: text(&reply.answer),
            authority: text(&reply.authority),
        }
    }
}

/// How an answer differs from the agreed one in what must be equal (the rules of
/// [`crate::compare`]); none when it does not.
pub fn difference(apex: &str, expected: &Group, got: &Answer) -> Option<String> {
    let mut found = Vec::new();
    if !expected.rcode.eq_ignore_ascii_case(&got.rcode) {
        found.push(format!("rcode {} not {}", got.rcode, expected.rcode));
    }
    if expected.aa != got.aa {
        found.push(format!("AA {}", got.aa));
    }
    if set(&expected.answer) != set(&got.answer) {
        found.push(format!("answer {:?} not {:?}", got.answer, expected.answer));
    }
    if authority_is_the_answer(apex, expected) && set(&expected.authority) != set(&got.authority) {
        found.push(format!(
            "authority {:?} not {:?}",
            got.authority, expected.authority
        ));
    }
    (!found.is_empty()).then(|| found.join("; "))
}

fn authority_is_the_answer(apex: &str, group: &Group) -> bool {
    // A negative answer has the SOA record, a referral the NS records of a cut.
    group.answer.is_empty()
        || group.authority.iter().any(|record| {
            let mut words = record.split_whitespace();
            let owner = words.next().unwrap_or_default();
            match words.nth(2) {
                Some("SOA") => true,
                Some("NS") => !owner.eq_ignore_ascii_case(apex),
                _ => false,
            }
        })
}

fn set(records: &[String]) -> BTreeSet<String> {
    records
        .iter()
        .map(|record| {
            record
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_ascii_lowercase()
        })
        .collect()
}
