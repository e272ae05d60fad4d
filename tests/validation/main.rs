//! Issue 3 point 3, RELIABILITY P24 (T-DENIAL): Unbound, which trusts the zones' own keys and knows no
//! other server than ours, validates our answers of every kind, and none is bogus.
//!
//! Generated zones, a third each with NSEC, with NSEC3 and with opt-out. Every question is asked of us
//! too: Unbound must come to the same RCODE, with AD wherever that is due. Where it does not, BIND's
//! validator is asked, and must; what no chain of denials can prove to anybody is counted and left out.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod kind;
mod tree;

use std::collections::BTreeMap;
use std::fs;

use bailiwick_tests::differ::questions;
use bailiwick_tests::generate;
use bailiwick_tests::peers::delv;
use bailiwick_tests::peers::unbound::{self, Unbound};
use bailiwick_tests::pipeline;
use bailiwick_tests::place::have;
use bailiwick_tests::server::TestServer;
use bailiwick_tests::sign::{self, sign};
use bailiwick_tests::wire::{DS, Question, Reply, Rr, name_to_text, type_to_text};
use kind::Kind;
use tree::Tree;

/// All of issue 3 point 3.
#[test]
fn a_hundred_thousand_answers_of_every_kind_are_validated_p24() {
    validate(66, 100_000, false);
}

/// As before by a resolver that also denies from what it was told about other names (RFC 8198): a
/// denial that covers too much would hide names that exist.
#[test]
fn no_denial_hides_what_exists_from_a_resolver_that_reuses_it_p24() {
    validate(3, 4000, true);
}

/// Makes `count` zones, has Unbound ask all there is to ask about them, and judges what it says.
fn validate(count: u64, answers_min: usize, aggressive: bool) {
    let mut programs = sign::PROGRAMS.to_vec();
    programs.extend([unbound::PROGRAM, delv::PROGRAM]);
    if !have(&programs) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = TestServer::options().allow_transfer("127.0.0.0/8");
    let (mut anchors, mut zones) = (String::new(), Vec::new());
    for seed in 2000..2000 + count {
        let zone = generate::zone_to_sign(seed);
        let denial = [sign::NSEC, sign::NSEC3, sign::OPT_OUT][seed as usize % 3];
        let signed = sign(folder.path(), &zone.apex, &zone.text, denial).unwrap();
        let file = folder.path().join(format!("{seed}.served"));
        fs::write(&file, &signed.text).unwrap();
        options = options.zone(&zone.apex, &file);
        anchors += &signed.anchor;
        zones.push((zone.apex, signed.anchor, denial == sign::OPT_OUT));
    }
    let server = options.start().unwrap();
    // Nobody but us is there to be asked, however often.
    let lines = format!(
        " aggressive-nsec: {}\n do-not-query-address: 192.0.2.0/24\n do-not-query-address: 198.51.100.0/24\n \
         do-not-query-address: 203.0.113.0/24\n do-not-query-address: 2001:db8::/32\n \
         incoming-num-tcp: 100\n \
         local-zone: \"test.\" nodefault\n local-zone: \"invalid.\" nodefault\n \
         domain-insecure: \"invalid.\"",
        if aggressive { "yes" } else { "no" }
    );
    let names: Vec<&str> = zones.iter().map(|(apex, ..)| apex.as_str()).collect();
    let resolver = Unbound::start_with(server.v4(), &names, &anchors, "0", &lines).unwrap();
    let mut tally = Tally::default();
    for (apex, anchor, opt_out) in &zones {
        let records = bailiwick_tests::client::axfr(server.v4(), apex).unwrap();
        tally.zone(&records, anchor, *opt_out, &server, &resolver);
    }
    let bogus = resolver.counter("num.answer.bogus").unwrap();
    let secure = resolver.counter("num.answer.secure").unwrap();
    eprintln!(
        "{} answers of {count} zones, {secure} secure and {bogus} bogus by Unbound's count, AD {}; {} that BIND \
         validates and Unbound does not; {} that cannot be proved to them, left out; {:#?}",
        tally.answers, tally.authentic, tally.by_delv, tally.unprovable, tally.kinds
    );
    assert!(
        tally.wrong.is_empty(),
        "{}\n{}",
        tally.report(),
        resolver.log()
    );
    // What Unbound takes for bogus was looked at one by one above.
    let explained = tally.by_delv + tally.unprovable;
    assert!(bogus <= explained as u64, "{}", resolver.log());
    assert!(
        tally.answers >= answers_min,
        "only {} answers",
        tally.answers
    );
    for kind in Kind::ALL {
        assert!(
            tally.kinds.contains_key(&kind),
            "no answer of kind {kind:?}"
        );
    }
}

#[derive(Default)]
struct Tally {
    answers: usize,
    authentic: usize,
    by_delv: usize,
    unprovable: usize,
    kinds: BTreeMap<Kind, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// Asks about one zone.
    fn zone(
        &mut self,
        records: &[Rr],
        anchor: &str,
        opt_out: bool,
        server: &TestServer,
        resolver: &Unbound,
    ) {
        let tree = Tree::new(records);
        let all: Vec<Question> = questions(records)
            .into_iter()
            .filter(|question| question.dnssec)
            .collect();
        let apex = &records[0].owner;
        let direct = pipeline::ask(server.v4(), &all).unwrap();
        // What leads to other servers is not ours to prove, and the DS of an apex is the parent's.
        let (asked, direct): (Vec<Question>, Vec<Reply>) = all
            .into_iter()
            .zip(direct)
            .filter(|(question, reply)| {
                let of_parent = |name: &Vec<u8>| question.rtype == DS && name == apex;
                let leads_up = reply.answer.iter().any(|rr| of_parent(&rr.rdata));
                kind::ends_here(reply) && !of_parent(&question.name) && !leads_up
            })
            .map(|(question, reply)| {
                let recursion = true;
                (
                    Question {
                        recursion,
                        ..question
                    },
                    reply,
                )
            })
            .unzip();
        let validated = pipeline::ask(resolver.at(), &asked).unwrap();
        for ((question, direct), validated) in asked.iter().zip(&direct).zip(&validated) {
            let kind = Kind::of(question, direct, &tree.owners);
            if opt_out && kind == Kind::NxDomain && tree.is_unprovable(&question.name) {
                self.unprovable += 1;
                continue;
            }
            self.answers += 1;
            self.authentic += usize::from(validated.authentic());
            *self.kinds.entry(kind).or_default() += 1;
            // RFC 5155 9.2: what a span with opt-out denies is not authentic.
            let due = !(opt_out && kind.may_rest_on_opt_out());
            let same = validated.rcode() == direct.rcode()
                && validated.answer.is_empty() == direct.answer.is_empty();
            if !same || (due && !validated.authentic()) {
                // Unbound 1.17 overlooks wildcards that are empty non-terminals (RFC 4592 2.2.2) where its
                // cache answers for DS, and behind aliases; BIND's validator has to know better.
                let apex = (name_to_text(apex), anchor);
                let second = delv::validated(server.v4(), (&apex.0, apex.1), question).unwrap();
                if second == Some(direct.rcode()) {
                    self.by_delv += 1;
                    continue;
                }
                if kind == Kind::Alias && tree.is_starred(direct) {
                    self.unprovable += 1;
                    continue;
                }
                self.wrong.push(format!(
                    "{} {} ({kind:?}, opt-out {opt_out}): we say {direct}Unbound says {validated}",
                    name_to_text(&question.name),
                    type_to_text(question.rtype),
                ));
            }
        }
    }

    fn report(&self) -> String {
        let step = self.wrong.len().div_ceil(10);
        let shown: Vec<&str> = self
            .wrong
            .iter()
            .step_by(step)
            .map(String::as_str)
            .collect();
        format!(
            "{} answers are wrong, such as\n{}",
            self.wrong.len(),
            shown.join("\n")
        )
    }
}
