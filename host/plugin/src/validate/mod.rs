//! Is what a plugin gave something the host can take (RELIABILITY W8)? And does what it is given
//! keep the interface's limits?
//!
//! A value that is too long, out of range, about something else than was asked, or beyond what the
//! plugin was granted is a fault of the plugin, whoever wrote it. Texts for people are cut instead.
//! Each kind has a file of its own; this one holds what they share.

mod abuse;
mod brand_ns;
mod dnssec_policy;
mod quota;

use std::collections::BTreeSet;

use bailiwick_zone::name::Name;

use crate::metrics::is_kebab;
use crate::question::{Question, Reply};
use crate::types::{
    Action, Column, Difference, Extra, Family, Finding, Prefix, RequiredAction, Ruling, Verdict,
};

/// The outcome of a check; the words say which part is wrong.
pub(crate) type Checked = Result<(), String>;

/// What is remembered of a question until its answer is checked.
pub(crate) enum Expected {
    Grant(usize),
    Rate(quota::Billed),
    Inspect,
    Ruling,
    PlanZone(Box<crate::types::brand_ns::Ask>),
    PolicyFor,
    NextSteps(BTreeSet<u64>),
}

impl Expected {
    pub(crate) fn of(question: &Question) -> Self {
        match question {
            Question::Grant { requests, .. } => Self::Grant(requests.len()),
            Question::Rate { plans, usage } => Self::Rate(quota::Billed::of(plans, usage)),
            Question::Admit { .. } | Question::Check { .. } => Self::Ruling,
            Question::Inspect { .. } => Self::Inspect,
            Question::PlanZone { ask } => Self::PlanZone(ask.clone()),
            Question::PolicyFor { .. } => Self::PolicyFor,
            Question::NextSteps { chain, .. } => {
                Self::NextSteps(chain.keys.iter().map(|key| key.id).collect())
            }
        }
    }

    /// Checks the answer, and cuts its texts.
    pub(crate) fn check(&self, reply: &mut Reply, capabilities: &BTreeSet<String>) -> Checked {
        match (self, reply) {
            (Self::Grant(count), Reply::Grant(leases)) => {
                quota::leases(leases, *count, capabilities)
            }
            (Self::Rate(billed), Reply::Rate(bill)) => billed.check(bill),
            (Self::Inspect, Reply::Inspect(changes)) => abuse::changes(changes, capabilities),
            (Self::Ruling, Reply::Admit(ruling) | Reply::Check(ruling)) => self::ruling(ruling),
            (Self::PlanZone(ask), Reply::PlanZone(outcome)) => brand_ns::outcome(outcome, ask),
            (Self::PolicyFor, Reply::PolicyFor(policy)) => dnssec_policy::policy(policy),
            (Self::NextSteps(keys), Reply::NextSteps(steps)) => dnssec_policy::steps(steps, keys),
            _ => Err("the answer belongs to another question".into()),
        }
    }
}

/// Checks that a question keeps the limits of its interface.
pub(crate) fn question(question: &Question) -> Checked {
    match question {
        Question::Grant { requests, .. } => at_most("requests", requests.len(), 1024),
        Question::Rate { plans, usage } => quota::month_usage(plans, usage),
        Question::Admit { subject } => abuse::subject(subject),
        Question::Inspect { window } => abuse::window(window),
        Question::Check { ask } | Question::PlanZone { ask } => brand_ns::ask(ask),
        Question::PolicyFor { zone } => tags(&zone.tags),
        Question::NextSteps { chain, .. } => at_most("keys", chain.keys.len(), 64),
    }
}

/// RFC 2181 8: the top bit of a TTL is zero.
const TTL_MAX: u32 = i32::MAX as u32;

fn at_most(what: &str, count: usize, max: usize) -> Checked {
    ensure(count <= max, || format!("{count} {what}, at most {max}"))
}

fn ensure(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(words()) }
}

/// Cuts a text for people.
fn text(text: &mut String) {
    text.truncate(text.floor_char_boundary(1024));
}

/// A name as `types` describes it: absolute, lower case, escaped.
fn name(what: &str, text: &str) -> Result<Name, String> {
    let shown = || text.chars().take(80).collect::<String>();
    ensure(text.len() <= 1024 && text.is_ascii(), || {
        format!("{what} is no name: {}", shown())
    })?;
    ensure(
        text.ends_with('.') && !text.bytes().any(|b| b.is_ascii_uppercase()),
        || format!("{what} is not absolute and lower-case: {}", shown()),
    )?;
    Name::parse(text).map_err(|e| format!("{what} is no name ({e}): {}", shown()))
}

fn code(what: &str, text: &str) -> Checked {
    ensure(is_kebab(text), || {
        format!(
            "{what} is not kebab-case: {}",
            text.chars().take(80).collect::<String>()
        )
    })
}

fn ttl(what: &str, seconds: u32) -> Checked {
    ensure(seconds <= TTL_MAX, || format!("{what} {seconds} is no TTL"))
}

/// Keys without a dot belong to the host, which knows none in what plugins give.
fn extra(extra: &Extra) -> Checked {
    at_most("extra pairs", extra.len(), 16)?;
    for (key, value) in extra {
        ensure(key.len() <= 64 && value.len() <= 1024, || {
            "an extra pair is too long".into()
        })?;
        ensure(key.contains('.'), || {
            format!("extra key `{key}` is not the plugin's own")
        })?;
    }
    Ok(())
}

fn findings(found: &mut [Finding], at_least: usize) -> Checked {
    at_most("findings", found.len(), 64)?;
    ensure(found.len() >= at_least, || "no finding says why".into())?;
    for finding in found {
        code("a finding's code", &finding.code)?;
        text(&mut finding.message);
        if let Some(about) = &mut finding.about {
            text(about);
        }
        extra(&finding.extra)?;
    }
    Ok(())
}

fn ruling(ruling: &mut Ruling) -> Checked {
    match &mut ruling.verdict {
        Verdict::Accept => {}
        Verdict::Hold(found) | Verdict::Refuse(found) => findings(found, 1)?,
    }
    findings(&mut ruling.notes, 0)?;
    text(&mut ruling.reason);
    extra(&ruling.extra)
}

fn actions(actions: &mut [RequiredAction]) -> Checked {
    at_most("actions", actions.len(), 16)?;
    for action in actions {
        code("an action's code", &action.code)?;
        text(&mut action.message);
        extra(&action.extra)?;
    }
    Ok(())
}

/// SERVFAIL or REFUSED: anything else would be a statement about the zone's contents.
fn action(action: &Action) -> Checked {
    match action {
        Action::Deny(denial) => ensure(matches!(denial.rcode, 2 | 5), || {
            format!("rcode {} is no denial", denial.rcode)
        }),
        Action::Allow | Action::Drop | Action::Truncate | Action::Slip(_) => Ok(()),
    }
}

fn prefix(prefix: &Prefix) -> Checked {
    let bits = (u128::from(prefix.hi) << 64) | u128::from(prefix.lo);
    let max = match prefix.family {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    ensure(prefix.len <= max, || {
        format!("a prefix of {} bits", prefix.len)
    })?;
    let past = u128::MAX.checked_shr(u32::from(prefix.len)).unwrap_or(0);
    ensure(bits & past == 0, || {
        "a prefix with bits past its end".into()
    })
}

fn tags(tags: &Extra) -> Checked {
    at_most("tags", tags.len(), 16)
}

fn columns(what: &str, rows: usize, lengths: &[usize], extra: &[Column]) -> Checked {
    at_most("extra columns", extra.len(), 8)?;
    let extra = extra.iter().map(|column| column.values.len());
    ensure(
        lengths
            .iter()
            .copied()
            .chain(extra)
            .all(|length| length == rows),
        || format!("the columns of `{what}` differ in length"),
    )
}

fn difference(difference: &Difference) -> Checked {
    at_most("added names", difference.names_added.len(), 1024)?;
    at_most("removed names", difference.names_removed.len(), 1024)?;
    at_most("rows of the difference", difference.name.len(), 1024)?;
    let lengths = [difference.rr_type.len(), difference.edit.len()];
    columns(
        "difference",
        difference.name.len(),
        &lengths,
        &difference.extra,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `types.name`: absolute, lower case, at most 1024 bytes, and a name at all.
    #[test]
    fn names_are_absolute_and_lower_case() {
        assert!(name("n", "ns1.example.").is_ok());
        assert!(name("n", ".").is_ok());
        assert!(name("n", "\\000\\.x.example.").is_ok());
        for bad in [
            "",
            "ns1.example",
            "NS1.example.",
            "a..b.",
            "ü.example.",
            "\\300.example.",
        ] {
            assert!(name("n", bad).is_err(), "{bad:?} is accepted");
        }
        assert!(name("n", &format!("{}.", "a".repeat(64))).is_err());
    }

    /// `types.prefix`: at most 32 or 128 bits, zero after its end.
    #[test]
    fn prefixes_end_where_they_say() {
        let v4 = |hi: u64, len| Prefix {
            family: Family::V4,
            hi,
            lo: 0,
            len,
        };
        assert!(prefix(&v4(0xc000_0200_0000_0000, 24)).is_ok());
        assert!(prefix(&v4(0xc000_0201_0000_0000, 24)).is_err());
        assert!(prefix(&v4(0xc000_0201_0000_0000, 33)).is_err());
        assert!(prefix(&v4(0xc000_0201_0000_0001, 32)).is_err());
        let v6 = |hi, lo, len| Prefix {
            family: Family::V6,
            hi,
            lo,
            len,
        };
        assert!(prefix(&v6(1 << 61, 1, 128)).is_ok());
        assert!(prefix(&v6(1 << 61, 1, 127)).is_err());
        assert!(prefix(&v6(0, 0, 0)).is_ok());
    }

    /// `types.extra`: a plugin's keys carry a dot; at most 16 pairs.
    #[test]
    fn undotted_extra_keys_are_the_hosts() {
        assert!(extra(&vec![("quota.note".into(), "x".into())]).is_ok());
        assert!(extra(&vec![("note".into(), "x".into())]).is_err());
        assert!(extra(&vec![("a.b".into(), String::new()); 17]).is_err());
    }

    /// `types`: a text for people is cut at 1 KiB, at a character's boundary.
    #[test]
    fn long_texts_are_cut() {
        let mut long = "é".repeat(600);
        text(&mut long);
        assert_eq!(long.len(), 1024);
        let mut odd = format!("x{}", "é".repeat(600));
        text(&mut odd);
        assert_eq!(odd.len(), 1023);
    }
}
