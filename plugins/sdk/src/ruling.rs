//! Short ways to say what policies say most.

use crate::quota::{Bill, Fallback, Lease, PlanSpan, Weights};
use crate::wit::base::bailiwick::policy::types::{
    AbuseCategory, Action, Error, Finding, Ruling, Usage, Verdict,
};
use crate::wit::dnssec_policy::exports::bailiwick::policy::dnssec_policy::{DenialKind, Policy};

impl Finding {
    /// A finding about nothing in particular.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            about: None,
            category: None,
            extra: vec![],
        }
    }

    /// Names the owner name or form field.
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }

    /// Says what kind of abuse it is, for the case.
    pub fn category(mut self, category: AbuseCategory) -> Self {
        self.category = Some(category);
        self
    }

    /// Gives a value of the message by name, for translations. The key begins with the plugin's name
    /// and a dot, or the host refuses the whole answer.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        debug_assert!(key.contains('.'), "`{key}` belongs to the host");
        self.extra.push((key.into(), value.to_string()));
        self
    }
}

impl Ruling {
    /// Nothing against it.
    pub fn accept() -> Self {
        Self {
            verdict: Verdict::Accept,
            notes: vec![],
            reason: String::new(),
            extra: vec![],
        }
    }

    /// The strictest of three piles decides: anything to refuse refuses, else anything to hold holds;
    /// what did not decide becomes a note. The reason is the codes, so that a record can be searched.
    pub fn of(refuse: Vec<Finding>, hold: Vec<Finding>, mut notes: Vec<Finding>) -> Self {
        let verdict = if !refuse.is_empty() {
            notes.splice(0..0, hold);
            Verdict::Refuse(cut(refuse))
        } else if !hold.is_empty() {
            Verdict::Hold(cut(hold))
        } else {
            Verdict::Accept
        };
        let deciding = match &verdict {
            Verdict::Accept => &[][..],
            Verdict::Hold(findings) | Verdict::Refuse(findings) => findings,
        };
        let codes: Vec<_> = deciding
            .iter()
            .map(|finding| finding.code.as_str())
            .collect();
        Self {
            reason: codes.join(", "),
            verdict,
            notes: cut(notes),
            extra: vec![],
        }
    }
}

/// The WIT's limit for findings.
fn cut(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.truncate(64);
    findings
}

impl Error {
    /// A failure with a text for the operator.
    pub fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}

impl Usage {
    /// No query at all.
    pub fn none() -> Self {
        Self {
            answered: 0,
            refused: 0,
            malformed: 0,
            limited: 0,
            attack: 0,
            probe: 0,
            control: 0,
            internal: 0,
            suspended: 0,
            other: 0,
        }
    }

    /// All classes together. Saturates: nothing is billed from it.
    pub fn total(&self) -> u64 {
        [
            self.answered,
            self.refused,
            self.malformed,
            self.limited,
            self.attack,
            self.probe,
            self.control,
            self.internal,
            self.suspended,
            self.other,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

impl Lease {
    /// So many units for so long; asked for again at a quarter, and answering goes on whatever happens.
    pub fn open(units: u64, ttl_ms: u32) -> Self {
        Self {
            units,
            ttl_ms,
            low_water: Some((units / 4).max(1).min(units)),
            weights: Weights {
                base: 1,
                nxdomain: 0,
                any: 0,
                tcp: 0,
                signed: 0,
                per_kib_out: 0,
            },
            on_empty: Action::Allow,
            on_failure: Fallback::Native,
            reason: String::new(),
        }
    }
}

impl Bill {
    /// No charges and no alerts, in the currency of the plan in force.
    pub fn nothing(plans: &[PlanSpan]) -> Self {
        let currency = plans.last().map(|span| span.plan.currency.clone());
        Self {
            currency: currency.unwrap_or_default(),
            charges: vec![],
            alerts: vec![],
            reason: String::new(),
            extra: vec![],
        }
    }
}

impl Policy {
    /// The zone is served as it came.
    pub fn unsigned(reason: impl Into<String>) -> Self {
        Self {
            sign: false,
            keys: vec![],
            denial: DenialKind::Nsec,
            validity_s: 0,
            refresh_s: 0,
            jitter_s: 0,
            inception_offset_s: 0,
            dnskey_ttl: 0,
            ttl_max: 0,
            publish_cds: false,
            cds_digests: vec![],
            parent_propagation_s: 0,
            zone_propagation_s: 0,
            notes: vec![],
            reason: reason.into(),
            extra: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strictest finding decides and none is lost.
    #[test]
    fn strictest_pile_decides_and_the_rest_are_notes() {
        let finding = |code| Finding::new(code, "");
        let ruling = Ruling::of(vec![finding("r")], vec![finding("h")], vec![finding("n")]);
        assert_eq!(ruling.verdict, Verdict::Refuse(vec![finding("r")]));
        assert_eq!(ruling.notes, [finding("h"), finding("n")]);
        assert_eq!(ruling.reason, "r");
    }
}
