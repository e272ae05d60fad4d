//! What kind of answer one is.

use std::collections::BTreeSet;

use bailiwick_tests::compare::is_referral;
use bailiwick_tests::wire::{CNAME, DNAME, DS, Question, Reply, Rr, SOA};

/// The kinds that are proved each in its own way.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// Records of the name.
    Positive,
    /// Records made from a wildcard (RFC 4035 3.1.3.3).
    Wildcard,
    /// A chain of aliases, to its end.
    Alias,
    /// The name has no such type.
    NoData,
    /// The name has no records at all, others below it do.
    EmptyNonTerminal,
    /// A wildcard stands in for the name and has no such type.
    WildcardNoData,
    /// The name does not exist.
    NxDomain,
    /// The DS RRset of a delegation.
    SecureDelegation,
    /// The proof that a delegation has none.
    InsecureDelegation,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Positive,
        Self::Wildcard,
        Self::Alias,
        Self::NoData,
        Self::EmptyNonTerminal,
        Self::WildcardNoData,
        Self::NxDomain,
        Self::SecureDelegation,
        Self::InsecureDelegation,
    ];

    /// Of our own answer to `question`; `owners` are the names that own records.
    pub(crate) fn of(question: &Question, reply: &Reply, owners: &BTreeSet<Vec<u8>>) -> Self {
        let exists = owners.contains(&question.name);
        if reply.rcode() == 3 {
            return Self::NxDomain;
        }
        if reply.answer.is_empty() {
            let below = owners
                .iter()
                .any(|owner| owner.len() > question.name.len() && owner.ends_with(&question.name));
            return match (exists, below) {
                (true, _) if question.rtype == DS => Self::InsecureDelegation,
                (true, _) => Self::NoData,
                (false, true) => Self::EmptyNonTerminal,
                (false, false) => Self::WildcardNoData,
            };
        }
        let is_alias = |rtype: u16| matches!(rtype, CNAME | DNAME) && rtype != question.rtype;
        if reply.answer.iter().any(|rr| is_alias(rr.rtype)) {
            Self::Alias
        } else if !exists {
            Self::Wildcard
        } else if question.rtype == DS {
            Self::SecureDelegation
        } else {
            Self::Positive
        }
    }

    /// Whether its proof may be a span that opts out, so that nothing is proved (RFC 5155 6): denial of a
    /// name, and what follows from it for wildcards and aliases.
    pub(crate) fn may_rest_on_opt_out(self) -> bool {
        !matches!(self, Self::Positive | Self::NoData | Self::SecureDelegation)
    }
}

/// Whether the answer is ours to the end: authoritative, and no alias leads out of it, round in a circle
/// or to a delegation.
pub(crate) fn ends_here(reply: &Reply) -> bool {
    if !reply.authoritative() || !matches!(reply.rcode(), 0 | 3) || is_referral(reply) {
        return false;
    }
    let asked = reply.question.as_ref().map_or(0, |(_, rtype, _)| *rtype);
    let aliases: Vec<&Rr> = reply.answer.iter().filter(|rr| rr.rtype == CNAME).collect();
    let moved = reply.answer.iter().any(|rr| rr.rtype == DNAME);
    let last = match aliases.last() {
        Some(last) if asked != CNAME => last,
        // A redirection is followed by the resolver even where the alias itself was asked for.
        found => return !(moved && found.is_some()),
    };
    let denied = reply.authority.iter().any(|rr| rr.rtype == SOA);
    let reached = reply
        .answer
        .iter()
        .any(|rr| rr.rtype == asked && rr.owner.eq_ignore_ascii_case(&last.rdata));
    // RFC 1034 3.6.2: resolvers follow only so many.
    (denied || reached) && aliases.len() < 8
}
