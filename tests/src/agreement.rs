//! Asking two servers the same about a whole zone and listing where they part.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use crate::client::{Client, axfr};
use crate::compare::{by_owner, difference, missing_glue};
use crate::peers::{Kind, Peer};
use crate::wire::{DS, NS, NSEC, Question, Reply, Rr, name_to_text, name_to_wire, type_to_text};
use crate::zones::Questions;

/// A zone as its primary gives it away, and what to ask about it.
pub struct Survey {
    kind: Kind,
    apex: Vec<u8>,
    records: Vec<Rr>,
    questions: Questions,
}

impl Survey {
    /// Of one of the primary's zones; `missing_max` bounds the questions about what is not there.
    ///
    /// # Errors
    /// The primary refuses the transfer.
    pub fn of(primary: &Peer, zone: &str, missing_max: usize) -> Result<Self> {
        let records = axfr(primary.v4(), zone).context("the survey's transfer")?;
        let questions = Questions::about(&records, missing_max);
        Ok(Self {
            kind: primary.kind(),
            apex: name_to_wire(zone),
            records,
            questions,
        })
    }

    /// The questions, each without and with DNSSEC.
    pub fn questions(&self) -> impl Iterator<Item = Question> {
        let cuts: BTreeSet<&[u8]> = self
            .records
            .iter()
            .filter(|rr| rr.rtype == NS && rr.owner != self.apex)
            .map(|rr| rr.owner.as_slice())
            .collect();
        self.questions
            .present
            .iter()
            .chain(&self.questions.missing)
            .filter(move |(name, rtype)| !self.servers_differ(&cuts, name, *rtype))
            .flat_map(|(name, rtype)| {
                let plain = Question::wire(name, *rtype);
                [plain.clone(), plain.with_dnssec()]
            })
    }

    /// Asks all of it, and lists how the answers of `ours` differ from the primary's. Each
    /// question goes to every one of `ours`.
    ///
    /// # Errors
    /// A server gives no answer.
    pub fn differences(&self, theirs: &mut Client, ours: &mut [Ask<'_>]) -> Result<Differences> {
        let records = by_owner(&self.records);
        let mut found = Differences::default();
        for question in self.questions() {
            let expected = theirs.ask(&question)?;
            for (number, ask) in ours.iter_mut().enumerate() {
                let reply = ask(&question)?;
                let glue = missing_glue(&records, &reply);
                let about = || {
                    let dnssec = if question.dnssec { " +dnssec" } else { "" };
                    format!(
                        "{} {}{dnssec}, way {number}",
                        name_to_text(&question.name),
                        type_to_text(question.rtype)
                    )
                };
                if let Some(what) = difference(&self.apex, &expected, &reply) {
                    found.answers.push(format!("{}: {what}", about()));
                }
                if let Some(rr) = glue.first() {
                    found.glue.push(format!("{}: glue lacks {rr}", about()));
                }
            }
        }
        Ok(found)
    }

    /// How many records the zone has.
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// What name servers themselves differ in: the DS record of an apex whose parent they serve
    /// too, the NSEC record of a cut (BIND answers, the others refer), and a loop of aliases (BIND
    /// gives up with SERVFAIL).
    fn servers_differ(&self, cuts: &BTreeSet<&[u8]>, name: &[u8], rtype: u16) -> bool {
        let bind = self.kind == Kind::Bind;
        (rtype == DS && name == self.apex)
            || (bind && rtype == NSEC && cuts.contains(name))
            || (bind && name.starts_with(b"\x06loop-"))
    }
}

/// Where two servers part.
#[derive(Debug, Default)]
pub struct Differences {
    /// In what [`difference`] looks at.
    pub answers: Vec<String>,
    /// Referrals with less glue than RFC 9471 asks for; older servers give less.
    pub glue: Vec<String>,
}

/// One way of asking.
pub type Ask<'a> = &'a mut dyn FnMut(&Question) -> Result<Reply>;

/// Fails with the first of the differences, and how many there are.
///
/// # Panics
/// There are some.
pub fn assert_none(what: &str, differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{what}: {} differences, among them\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n")
    );
}
