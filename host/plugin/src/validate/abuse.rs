//! Subjects, windows, traffic rules.

use std::collections::BTreeSet;

use super::{
    Checked, action, at_most, columns, difference, ensure, extra, findings, name, prefix, text,
};
use crate::types::abuse::{Change, Effect, Limit, Matcher, Rule, Subject, Window};

pub(super) fn subject(subject: &Subject) -> Checked {
    match subject {
        Subject::SignUp(sign_up) => {
            at_most("bytes of the hash", sign_up.email_local_hash.len(), 64)
        }
        Subject::ZoneClaim(claim) => {
            at_most("primaries", claim.primaries.len(), 16)?;
            at_most("parent name servers", claim.parent_ns.len(), 32)
        }
        Subject::ZoneChange(change) => {
            at_most("findings", change.findings.len(), 64)?;
            difference(&change.difference)
        }
        Subject::Other(_) => Ok(()),
    }
}

/// Rows of each table of a window.
const ROWS_MAX: usize = 256;

pub(super) fn window(window: &Window) -> Checked {
    let s = &window.sources;
    at_most("sources", s.source.len(), ROWS_MAX)?;
    let lengths = [
        s.queries.len(),
        s.nxdomain.len(),
        s.limited.len(),
        s.any.len(),
        s.tcp.len(),
        s.bytes_in.len(),
        s.bytes_out.len(),
        s.distinct_names.len(),
        s.distinct_zones.len(),
        s.main_zone.len(),
    ];
    columns("sources", s.source.len(), &lengths, &s.extra)?;
    let n = &window.names;
    at_most("names", n.zone.len(), ROWS_MAX)?;
    let lengths = [
        n.suffix.len(),
        n.queries.len(),
        n.nxdomain.len(),
        n.distinct_sources.len(),
        n.distinct_labels.len(),
    ];
    columns("names", n.zone.len(), &lengths, &n.extra)?;
    let z = &window.zones;
    at_most("zones", z.zone.len(), ROWS_MAX)?;
    let lengths = [
        z.queries.len(),
        z.nxdomain.len(),
        z.limited.len(),
        z.distinct_sources.len(),
        z.bytes_in.len(),
        z.bytes_out.len(),
    ];
    columns("zones", z.zone.len(), &lengths, &z.extra)?;
    at_most("hits", window.hits.rule.len(), 1024)?;
    columns(
        "hits",
        window.hits.rule.len(),
        &[window.hits.matched.len()],
        &[],
    )
}

pub(super) fn changes(changes: &mut [Change], capabilities: &BTreeSet<String>) -> Checked {
    at_most("changes", changes.len(), 256)?;
    for change in changes {
        match change {
            Change::Put(rule) => self::rule(rule)?,
            Change::Remove(_) | Change::Clear => {}
            Change::Raise(matter) => {
                findings(&mut matter.findings, 1)?;
                ensure(
                    !matter.suspend || capabilities.contains("abuse.suspend"),
                    || "a suspension without the capability `abuse.suspend`".into(),
                )?;
                text(&mut matter.reason);
            }
        }
    }
    Ok(())
}

fn rule(rule: &mut Rule) -> Checked {
    matcher(&rule.when)?;
    match &rule.then {
        Effect::Act(act) => action(act)?,
        Effect::Limit(limit) => self::limit(limit)?,
    }
    ensure(rule.ttl_ms >= 1, || "a rule that ends at once".into())?;
    text(&mut rule.reason);
    extra(&rule.extra)
}

fn matcher(matcher: &Matcher) -> Checked {
    if let Some(source) = &matcher.source {
        prefix(source)?;
    }
    if let Some(suffix) = &matcher.suffix {
        name("a rule's suffix", suffix)?;
    }
    at_most("nodes", matcher.nodes.len(), 64)?;
    extra(&matcher.extra)
}

fn limit(limit: &Limit) -> Checked {
    ensure(limit.burst >= 1, || "a bucket that holds nothing".into())?;
    ensure(limit.v4_len <= 32 && limit.v6_len <= 128, || {
        format!("buckets of {} and {} bits", limit.v4_len, limit.v6_len)
    })?;
    action(&limit.over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::abuse::Matter;
    use crate::types::{Action, Denial, Finding};

    fn rule() -> Rule {
        Rule {
            id: 1,
            when: Matcher {
                suffix: Some("example.".into()),
                ..Matcher::default()
            },
            then: Effect::Limit(Limit {
                per_second: 0,
                burst: 1,
                v4_len: 32,
                v6_len: 128,
                over: Action::Slip(2),
            }),
            priority: 0,
            ttl_ms: 1,
            attack: true,
            dry_run: false,
            category: None,
            reason: String::new(),
            extra: vec![],
        }
    }

    fn check(change: impl Fn(&mut Rule)) -> Checked {
        let mut rule = rule();
        change(&mut rule);
        changes(&mut [Change::Put(rule)], &BTreeSet::new())
    }

    fn with(limit: Limit) -> Effect {
        Effect::Limit(limit)
    }

    /// W8: each part of a rule at its limit and one past it.
    #[test]
    fn rules_are_ranged() {
        assert_eq!(check(|_| ()), Ok(()));
        assert!(check(|r| r.ttl_ms = 0).is_err());
        assert!(check(|r| r.when.suffix = Some("Example.".into())).is_err());
        assert!(check(|r| r.when.nodes = vec![1; 64]).is_ok());
        assert!(check(|r| r.when.nodes = vec![1; 65]).is_err());
        let limit = Limit {
            per_second: 1,
            burst: 1,
            v4_len: 24,
            v6_len: 56,
            over: Action::Drop,
        };
        assert!(check(|r| r.then = with(Limit { burst: 0, ..limit })).is_err());
        assert!(
            check(|r| r.then = with(Limit {
                v4_len: 33,
                ..limit
            }))
            .is_err()
        );
        assert!(
            check(|r| r.then = with(Limit {
                v6_len: 129,
                ..limit
            }))
            .is_err()
        );
        let deny = |rcode| Effect::Act(Action::Deny(Denial { rcode, ede: None }));
        assert!(check(|r| r.then = deny(5)).is_ok());
        assert!(check(|r| r.then = deny(3)).is_err());
        assert!(changes(&mut vec![Change::Clear; 256], &BTreeSet::new()).is_ok());
        assert!(changes(&mut vec![Change::Clear; 257], &BTreeSet::new()).is_err());
    }

    /// `lifecycle.capability`: suspending before a person looked needs `abuse.suspend`.
    #[test]
    fn suspending_needs_its_capability() {
        let finding = Finding {
            code: "x".into(),
            message: String::new(),
            about: None,
            category: None,
            extra: vec![],
        };
        let matter = Matter {
            zone: 1,
            findings: vec![finding],
            suspend: true,
            reason: String::new(),
        };
        let mut raise = [Change::Raise(matter)];
        assert!(changes(&mut raise, &BTreeSet::new()).is_err());
        assert!(changes(&mut raise, &BTreeSet::from(["abuse.suspend".to_owned()])).is_ok());
    }
}
