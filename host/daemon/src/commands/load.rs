//! A master file on its way to a zone, off-line: parsed, checked, built.

use std::path::Path;

use bailiwick_zone::master::{self, Finding, ParseOptions, Parsed, Severity};
use bailiwick_zone::name::Name;
use bailiwick_zone::{HashKey, Zone};

/// A zone that can be served, and what is odd about it all the same.
pub(super) struct Loaded {
    pub(super) zone: Zone,
    pub(super) warnings: Vec<Finding>,
}

/// From a file.
pub(super) fn file(path: &Path, origin: Option<Name>) -> Result<Loaded, Vec<Finding>> {
    build(master::parse_file(path, origin)?)
}

/// From a text, whose first owner is the apex.
pub(super) fn text(text: &[u8]) -> Result<Loaded, Vec<Finding>> {
    build(master::parse(text, &ParseOptions::default())?)
}

/// The hash key of off-line zones: nobody can attack a table that lives for one question.
pub(super) fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn build(parsed: Parsed) -> Result<Loaded, Vec<Finding>> {
    match Zone::build(&parsed.apex, &parsed.records, &key()) {
        Ok(zone) => Ok(Loaded { zone, warnings: parsed.warnings }),
        Err(error) => {
            let mut findings = parsed.warnings;
            findings.extend(error.problems.iter().map(|problem| Finding {
                line: 0,
                column: 0,
                severity: Severity::Error,
                message: problem.to_string(),
                file: None,
            }));
            Err(findings)
        }
    }
}
