//! Where NSD 4.6, Knot 3.2 and BIND 9.18 differ.

use bailiwick_tests::differ::{Case, Said, target};
use bailiwick_tests::wire::{A, AAAA, CNAME, DNAME, MX, NS, NSEC, RRSIG};

/// A kind of question on which the three differ.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// Met in signed zones, or in unsigned ones.
    pub(crate) signed: bool,
    /// Who is right, by which RFC, and what we do.
    #[expect(dead_code, reason = "for who reads the table")]
    pub(crate) decision: &'static str,
    /// Whether a case is of this kind. The first class that says so has it.
    pub(crate) is: fn(&Case) -> bool,
    /// Whether our answer is what was decided.
    pub(crate) holds: fn(&Case) -> bool,
}

/// Asked for an NSEC, NSD follows an alias that has none; Knot and BIND do not.
pub(crate) fn is_nsec_of_an_alias(case: &Case) -> bool {
    case.question.rtype == NSEC && links(&case.nsd) > links(&case.knot)
}

pub(crate) const ALL: &[Class] = &[
    Class {
        name: "a DNAME whose target lies below itself",
        signed: false,
        decision: "Each substitution is right (RFC 6672 3.2) and makes the name longer. Ours ends after 17 links or \
                   with YXDOMAIN where the name would pass 255 octets (RFC 6672 2.2); NSD stops after one, Knot after \
                   five, BIND after eleven with SERVFAIL. Every link that NSD and Knot give, we give.",
        is: |case| links(&case.bind) > 5 && case.bind.of_type(0, DNAME).next().is_some(),
        holds: |case| {
            let given = [&case.nsd, &case.knot]
                .map(|said| said.sections[0].is_subset(&case.ours.sections[0]));
            given == [true; 2] && case.ours.authoritative && matches!(case.ours.rcode, 0 | 6)
        },
    },
    Class {
        name: "an alias that leads back to itself",
        signed: false,
        decision: "The links are given once, with NOERROR, as NSD and Knot do: RFC 1034 3.6.2 has loops signalled by \
                   whoever follows them, and the data given are right. BIND says SERVFAIL.",
        is: |case| case.bind.rcode == 2 && links(&case.bind) > 0,
        holds: |case| case.as_nsd() || case.as_knot(),
    },
    Class {
        name: "a chain of more than five aliases",
        signed: false,
        decision: "Followed to its end (RFC 1034 4.3.2 3a), up to 17 links, as NSD and BIND do. Knot stops after five.",
        is: |case| links(&case.nsd) > links(&case.knot) && links(&case.knot) >= 5,
        holds: |case| case.as_nsd() || case.as_bind(),
    },
    Class {
        name: "NSEC of an alias that has none",
        signed: false,
        decision: "The alias is followed, as NSD has it: RFC 1034 4.3.2 3a makes an exception only for a type that is \
                   there. Knot and BIND say NODATA, which in a zone with NSEC3 no validator takes (RFC 5155 8.5: the \
                   CNAME bit must be clear).",
        is: is_nsec_of_an_alias,
        holds: |case| case.as_nsd() || (links(&case.ours) > 0 && links(&case.nsd) > 0),
    },
    Class {
        name: "addresses of a referral's servers that are not below the cut",
        signed: false,
        decision: "All that the zone has are given, as NSD and Knot do: RFC 1034 4.3.2 3b asks for whatever is available, \
                   and RFC 9471 3.2 adds that sibling glue should come if it fits. BIND gives less.",
        is: |case| case.disputed() == Some(3) && is_referral(&case.knot),
        holds: |case| case.as_knot() || case.as_nsd(),
    },
    Class {
        name: "addresses beside the apex's own name servers",
        signed: false,
        decision: "Given, as NSD and Knot do (RFC 1034 4.3.2 step 6); BIND leaves some away.",
        is: |case| case.disputed() == Some(3) && case.question.rtype == NS,
        holds: |case| case.as_knot() || case.as_nsd(),
    },
    Class {
        name: "addresses beside SVCB and HTTPS",
        signed: false,
        decision: "RFC 9460 4.1: addresses of the target should come, in both modes. We give all that the zone has, \
                   glue too; Knot also the denial and the alias's own records, BIND follows aliases, NSD gives few. \
                   What we give, one of them gives or is an address of the target.",
        is: |case| has(case, &[64, 65]) && (case.disputed() == Some(3) || case.adds()),
        holds: |case| adds_addresses_of_targets(case),
    },
    Class {
        name: "TLSA beside MX and SRV",
        signed: false,
        decision: "BIND adds the TLSA records of the exchange's port; no RFC asks for them, and they cost room. Left out, \
                   as NSD and Knot do.",
        is: |case| case.disputed() == Some(3) && case.bind.of_type(2, 52).next().is_some(),
        holds: |case| case.as_knot() || case.as_nsd(),
    },
    Class {
        name: "addresses below a cut beside a positive answer",
        signed: false,
        decision: "RFC 1034 4.3.2 step 6 uses local data, and glue is that; Knot and we give it, NSD and BIND do not.",
        is: |case| has(case, &[MX, 33, 35]) && (case.disputed() == Some(3) || case.adds()),
        holds: |case| adds_addresses_of_targets(case),
    },
    Class {
        name: "a name below one that opt-out left without NSEC3",
        signed: true,
        decision: "NXDOMAIN with the proof from the closest encloser that has an NSEC3 record (RFC 5155 7.2.1, 6), as BIND \
                   has it. Knot gives an empty NXDOMAIN, NSD a proof that lacks the encloser.",
        is: |case| {
            let empty = case.knot.sections.iter().all(|section| section.is_empty());
            case.question.dnssec && empty && case.knot.rcode == 3
        },
        holds: Case::as_bind,
    },
    Class {
        name: "NSEC of a delegation",
        signed: true,
        decision: "A referral, as NSD and Knot have it: at a cut the parent answers for DS alone (RFC 4035 3.1.4.1). BIND \
                   answers, since the record is the parent's too.",
        is: |case| case.question.rtype == NSEC && is_referral(&case.nsd),
        holds: |case| case.as_nsd() || case.as_knot(),
    },
    Class {
        name: "more of a proof than is needed",
        signed: true,
        decision: "RFC 4035 3.1.3 and RFC 5155 7.2 say what a denial must prove; some add a record that proves nothing \
                   more. Ours is that of one of the three at least, and Unbound takes it (`validation`).",
        is: |case| case.question.dnssec && case.disputed() == Some(2),
        holds: |case| case.peers().iter().any(|(_, said)| **said == case.ours),
    },
];

/// The answer's records, aliases aside, are of one of these types.
fn has(case: &Case, types: &[u16]) -> bool {
    case.nsd.sections[0]
        .iter()
        .any(|rr| types.contains(&rr.rtype))
}

/// Our additional section has nothing but addresses of the targets of the answer, with signatures.
fn adds_addresses_of_targets(case: &Case) -> bool {
    let [answer, _, additional] = &case.ours.sections;
    additional.iter().all(|rr| {
        matches!(rr.rtype, A | AAAA | RRSIG)
            && answer.iter().any(|other| target(other) == Some(&rr.owner))
    })
}

/// How many aliases are followed.
fn links(said: &Said) -> usize {
    said.of_type(0, CNAME).count()
}

fn is_referral(said: &Said) -> bool {
    said.of_type(1, NS).next().is_some()
}
