//! What four name servers say to the same question, set side by side.
//!
//! Everything in an answer is compared: RCODE and AA, and the three sections as sets with TTLs. Two
//! things are a server's own choice and are set aside before: the NS RRset that some add to a positive
//! answer (RFC 1034 6.2.1 shows it, RFC 2181 and later do not ask for it), with the addresses of those
//! servers; and the OPT record.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::compare::is_referral;
use crate::wire::{
    A, AAAA, CNAME, DNAME, DS, MX, NS, NSEC, NSEC3, Question, RRSIG, Reply, Rr, SOA, TXT,
    name_to_text, name_to_wire, type_to_text,
};

/// What of an answer is compared.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said {
    /// RCODE.
    pub rcode: u16,
    /// AA.
    pub authoritative: bool,
    /// The sections: answer, authority, additional.
    pub sections: [BTreeSet<Rr>; 3],
}

impl Said {
    /// Out of a whole answer.
    pub fn of(reply: &Reply) -> Self {
        let mut authority: BTreeSet<Rr> = reply.authority.iter().cloned().collect();
        let mut additional: BTreeSet<Rr> = reply.additional.iter().cloned().collect();
        let positive = reply.rcode() == 0 && !reply.answer.is_empty();
        let negative = authority.iter().any(|rr| rr.rtype == SOA);
        if positive && !negative && !is_referral(reply) {
            let is_ns = |rr: &Rr| rr.rtype == NS || (rr.rtype == RRSIG && rr.rdata[..2] == [0, 2]);
            let servers: BTreeSet<Vec<u8>> = authority
                .iter()
                .filter(|rr| rr.rtype == NS)
                .map(|rr| rr.rdata.clone())
                .collect();
            authority.retain(|rr| !is_ns(rr));
            let wanted: BTreeSet<&[u8]> = reply.answer.iter().filter_map(target).collect();
            additional.retain(|rr| !servers.contains(&rr.owner) || wanted.contains(&rr.owner[..]));
        }
        Self {
            rcode: reply.rcode(),
            authoritative: reply.authoritative(),
            sections: [
                reply.answer.iter().cloned().collect(),
                authority,
                additional,
            ],
        }
    }

    /// The first part in which the two differ: 0 for RCODE and AA, then the sections from 1 on.
    pub fn parts_from(&self, other: &Self) -> Option<usize> {
        if (self.rcode, self.authoritative) != (other.rcode, other.authoritative) {
            return Some(0);
        }
        (0..3)
            .find(|i| self.sections[*i] != other.sections[*i])
            .map(|i| i + 1)
    }

    /// The records of a section, by type.
    pub fn of_type(&self, section: usize, rtype: u16) -> impl Iterator<Item = &Rr> {
        let all = self.sections[section].iter();
        all.filter(move |rr| rr.rtype == rtype)
    }
}

/// The name that a record points at, where servers look for additional data.
pub fn target(rr: &Rr) -> Option<&[u8]> {
    let skip = match rr.rtype {
        NS => 0,
        MX | 18 | 36 | 64 | 65 => 2,
        33 => 6,
        35 => {
            let mut at = 4;
            for _ in 0..3 {
                at += 1 + usize::from(*rr.rdata.get(at)?);
            }
            at
        }
        _ => return None,
    };
    let rest = rr.rdata.get(skip..)?;
    let mut len = 0;
    while *rest.get(len)? > 0 {
        len += 1 + usize::from(rest[len]);
    }
    rest.get(..=len)
}

/// A question and what the four say to it.
pub struct Case {
    /// The zone it is about.
    pub apex: Vec<u8>,
    /// The question.
    pub question: Question,
    /// NSD's answer.
    pub nsd: Said,
    /// Knot's.
    pub knot: Said,
    /// BIND's.
    pub bind: Said,
    /// Ours.
    pub ours: Said,
}

impl Case {
    /// The three that are not ours, by name.
    pub fn peers(&self) -> [(&'static str, &Said); 3] {
        [
            ("NSD", &self.nsd),
            ("Knot", &self.knot),
            ("BIND", &self.bind),
        ]
    }

    /// The first part in which the three do not all agree.
    pub fn disputed(&self) -> Option<usize> {
        let [a, b] = [&self.knot, &self.bind].map(|other| self.nsd.parts_from(other));
        a.into_iter().chain(b).min()
    }

    /// The first part in which the three agree, with nothing disputed before it, and ours differs.
    pub fn alone(&self) -> Option<usize> {
        let ours = self.nsd.parts_from(&self.ours)?;
        (self.disputed().is_none_or(|disputed| ours < disputed)).then_some(ours)
    }

    /// Ours is the answer of all three and has more in the additional section of a positive answer, which
    /// is room that a server may use (RFC 1034 4.3.2 step 6).
    pub fn adds(&self) -> bool {
        let [answer, _, additional] = &self.ours.sections;
        self.alone() == Some(3)
            && !answer.is_empty()
            && additional.is_superset(&self.nsd.sections[2])
    }

    /// Whether ours is that of this server, in everything.
    pub fn as_nsd(&self) -> bool {
        self.ours == self.nsd
    }

    /// As [`Self::as_nsd`], Knot.
    pub fn as_knot(&self) -> bool {
        self.ours == self.knot
    }

    /// As [`Self::as_nsd`], BIND.
    pub fn as_bind(&self) -> bool {
        self.ours == self.bind
    }

    /// The question in words.
    pub fn about(&self) -> String {
        let dnssec = if self.question.dnssec { " DO" } else { "" };
        format!(
            "{} {}{dnssec}",
            name_to_text(&self.question.name),
            type_to_text(self.question.rtype)
        )
    }

    /// Who agrees with whom, and the first part where they do not, for a person who has to judge.
    pub fn pattern(&self) -> String {
        let mut groups: Vec<(Vec<&str>, &Said)> = Vec::new();
        let all = self.peers().into_iter().chain([("ours", &self.ours)]);
        for (name, said) in all {
            match groups.iter_mut().find(|(_, other)| *other == said) {
                Some((names, _)) => names.push(name),
                None => groups.push((vec![name], said)),
            }
        }
        let names: Vec<String> = groups.iter().map(|(names, _)| names.join("=")).collect();
        let part = self.disputed().or_else(|| self.alone());
        format!("{} part {part:?}", names.join(" / "))
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}: {}", self.about(), self.pattern())?;
        let all = self.peers().into_iter().chain([("ours", &self.ours)]);
        for (name, said) in all {
            let aa = if said.authoritative { " aa" } else { "" };
            let mut text = format!("  {name}: rcode {}{aa}", said.rcode);
            for (section, label) in said.sections.iter().zip(["an", "au", "ad"]) {
                for rr in section {
                    let shown: String = rr.to_string().chars().take(160).collect();
                    write!(text, "\n    {label} {shown}")?;
                }
            }
            writeln!(f, "{text}")?;
        }
        Ok(())
    }
}

/// What to ask about a zone of these records: every name in it, empty non-terminals too, for every type
/// that it has and some that it has not; and names made from them (below, beside, wildcards) for a few.
pub fn questions(records: &[Rr]) -> Vec<Question> {
    let apex = &records[0].owner;
    let mut types: BTreeSet<u16> = records.iter().map(|rr| rr.rtype).collect();
    types.extend([A, AAAA, NS, SOA, CNAME, DNAME, DS, MX, TXT, NSEC, 65_281]);
    types.remove(&RRSIG);
    let hashed: BTreeSet<&[u8]> = records
        .iter()
        .filter(|rr| rr.rtype == NSEC3)
        .map(|rr| rr.owner.as_slice())
        .collect();
    let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
    for rr in records
        .iter()
        .filter(|rr| !hashed.contains(rr.owner.as_slice()))
    {
        let mut name = &rr.owner[..];
        while name.len() >= apex.len() {
            names.insert(name.to_vec());
            name = &name[1 + usize::from(name[0])..];
        }
    }
    let mut made: BTreeSet<Vec<u8>> = BTreeSet::new();
    for name in &names {
        for prefix in ["x", "*", "x.y", "\\000"] {
            let mut below = name_to_wire(prefix);
            below.pop();
            below.extend(name);
            made.insert(below);
        }
        let len = name[0];
        if name.len() > apex.len() && len < 63 {
            let (label, rest) = name[1..].split_at(usize::from(len));
            made.insert([&[len + 1][..], label, b"0", rest].concat());
        }
    }
    // RFC 5155 7.2.8: the owner of an NSEC3 record is a name like any other that is not there.
    made.extend(hashed.iter().take(2).map(|owner| owner.to_vec()));
    made.retain(|name| name.len() <= 255 && !names.contains(name));
    let types: Vec<u16> = types.into_iter().collect();
    let all = names
        .iter()
        .flat_map(|name| types.iter().map(move |rtype| (name, *rtype)));
    let few = made.iter().enumerate().flat_map(|(number, name)| {
        let other = types[number % types.len()];
        let few = BTreeSet::from([A, DS, MX, NS, other]);
        few.into_iter().map(move |rtype| (name, rtype))
    });
    all.chain(few)
        .filter(|(_, rtype)| *rtype != NSEC3)
        .flat_map(|(name, rtype)| {
            let plain = Question::wire(name, rtype);
            [plain.clone(), plain.with_dnssec()]
        })
        .collect()
}
