//! Error reports of resolvers (RFC 9567): the report is the name that is asked for.
//!
//! `_er.1.broken.example.com.7._er.agent.example.` says: the A record of `broken.example.com.` failed
//! with Extended DNS Error 7.

use bailiwick_zone::{LookupName, Name, RecordType, name};

/// A report, as it stands in a question's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorReport<'n> {
    /// The type that failed.
    pub qtype: RecordType,
    /// The labels of the name that failed, in wire form and lower case, without the closing root.
    pub labels: &'n [u8],
    /// The Extended DNS Error (RFC 8914).
    pub code: u16,
}

impl<'n> ErrorReport<'n> {
    /// Reads the report in `name` to the agent domain `agent`; none if it is another name.
    #[must_use]
    pub fn read(name: &'n LookupName, agent: &Name) -> Option<Self> {
        let agent = agent.as_wire();
        let folded = name.folded();
        if !name::is_at_or_below_wire(folded, agent) {
            return None;
        }
        let report = folded.get(..folded.len() - agent.len())?;
        let rest = report.strip_prefix(MARK)?;
        let (qtype, rest) = number(rest)?;
        let rest = rest.strip_suffix(MARK)?;
        // RFC 9567 6.1.1: the code is the label before the second mark. Labels are read from the
        // front, since their ends cannot be told from behind.
        let mut at = 0;
        loop {
            let label = usize::from(*rest.get(at)?);
            let next = at + 1 + label;
            if next == rest.len() {
                let (code, _) = number(rest.get(at..)?)?;
                let labels = rest.get(..at)?;
                return Some(Self {
                    qtype: RecordType(qtype),
                    labels,
                    code,
                });
            }
            at = next;
        }
    }
}

/// The first label as a decimal number, and what follows it.
fn number(labels: &[u8]) -> Option<(u16, &[u8])> {
    let (len, rest) = labels.split_first()?;
    let (digits, rest) = rest.split_at_checked(usize::from(*len))?;
    if digits.is_empty() || digits.iter().any(|digit| !digit.is_ascii_digit()) {
        return None;
    }
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// RFC 9567 6.1.1: both ends of a report are marked, so that a name cut short is not taken for one.
const MARK: &[u8] = b"\x03_er";

#[cfg(test)]
mod tests {
    use bailiwick_zone::HashKey;

    use super::*;

    fn read(name: &str) -> Option<(u16, Vec<u8>, u16)> {
        let mut lookup = LookupName::new();
        let key = HashKey::from_bytes([1; 32]);
        lookup
            .set_wire(Name::parse(name).unwrap().as_wire(), &key)
            .unwrap();
        let agent = Name::parse("a01.agent-domain.example").unwrap();
        ErrorReport::read(&lookup, &agent).map(|r| (r.qtype.0, r.labels.to_vec(), r.code))
    }

    /// RFC 9567 4.2: the example of the text.
    #[test]
    fn the_example_of_rfc_9567_is_read() {
        let report = read("_er.1.broken.test.7._er.a01.agent-domain.example");
        assert_eq!(report, Some((1, b"\x06broken\x04test".to_vec(), 7)));
    }

    /// RFC 4343: the marks are names, so their case does not matter; the root has no labels.
    #[test]
    fn case_does_not_matter_and_the_root_has_no_labels() {
        let report = read("_ER.48.9._Er.A01.agent-domain.example");
        assert_eq!(report, Some((48, Vec::new(), 9)));
    }

    /// RFC 9567 6.1.1: a name that lacks a part is no report.
    #[test]
    fn names_that_lack_a_part_are_no_reports() {
        for name in [
            "a01.agent-domain.example",
            "_er.a01.agent-domain.example",
            "_er.1.broken.test.7.a01.agent-domain.example",
            "1.broken.test.7._er.a01.agent-domain.example",
            "broken.test.7._er.a01.agent-domain.example",
            "_er.x.broken.test.7._er.a01.agent-domain.example",
            "_er.1.broken.test._er.a01.agent-domain.example",
            "_er.1._er.a01.agent-domain.example",
            "_er.65536.broken.test.7._er.a01.agent-domain.example",
            "_er.1.broken.test.7._er.a02.agent-domain.example",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
