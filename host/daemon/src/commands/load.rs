//! A master file on its way to a zone, off-line: parsed, checked, built.

use std::path::Path;

use anyhow::Context;
use bailiwick_zone::master::{self, FileError, Finding, ParseOptions, Parsed, Severity};
use bailiwick_zone::{HashKey, Name, Zone};

/// A zone that can be served and what is odd about it all the same; or why it cannot.
pub(super) type Loaded = Result<(Zone, Vec<Finding>), Vec<Finding>>;

/// From a file. A file that cannot be read is no finding about a zone.
pub(super) fn file(path: &Path, origin: Option<Name>) -> anyhow::Result<Loaded> {
    match master::parse_file(path, origin) {
        Ok(parsed) => Ok(build(parsed)),
        Err(FileError::Findings(findings)) => Ok(Err(findings)),
        Err(other) => Err(other).with_context(|| path.display().to_string()),
    }
}

/// From a text, whose first owner is the apex.
pub(super) fn text(text: &[u8]) -> Loaded {
    build(master::parse(text, &ParseOptions::default())?)
}

/// The hash key of off-line zones: nobody can attack a table that lives for one question.
pub(super) fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

fn build(parsed: Parsed) -> Loaded {
    match Zone::build(&parsed.apex, &parsed.records, &key()) {
        Ok(zone) => Ok((zone, parsed.warnings)),
        Err(error) => {
            let mut findings = parsed.warnings;
            findings.push(Finding {
                line: 0,
                column: 0,
                severity: Severity::Error,
                message: error.to_string(),
                text: String::new(),
                file: None,
            });
            Err(findings)
        }
    }
}
