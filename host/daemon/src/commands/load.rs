//! A master file on its way to a zone, off-line: parsed, checked, built.

use std::path::Path;

use bailiwick_zone::master::{self, Finding, ParseOptions, Parsed, Severity};
use bailiwick_zone::{Alias, BuildError, HashKey, Name, Zone};

/// A zone that can be served and what is odd about it all the same; or why it cannot.
pub(super) type Loaded = Result<(Zone, Vec<Finding>), Vec<Finding>>;

/// From a file.
pub(super) fn file(path: &Path, origin: Option<Name>) -> Loaded {
    build(master::parse_file(path, origin)?)
}

/// From a text, whose first owner is the apex.
pub(super) fn text(text: &[u8]) -> Loaded {
    build(master::parse(text, &ParseOptions::default())?)
}

/// The hash key of off-line zones: nobody can attack a table that lives for one question.
pub(super) fn key() -> HashKey {
    HashKey::from_bytes([7; 32])
}

/// Nothing is looked up off-line: as a server that has just begun, we do not know what an ALIAS brings.
fn pending(zone: Zone, parsed: &Parsed) -> Result<Zone, BuildError> {
    let aliases = zone.reachable_aliases(Alias::among(&parsed.records));
    if aliases.is_empty() {
        return Ok(zone);
    }
    let owners: Vec<Name> = aliases.into_iter().map(|alias| alias.owner).collect();
    zone.with_pending(&owners)
}

/// What keeps a zone from being served, in a line: its first error and how many there are.
pub(super) fn first_error(findings: &[Finding]) -> String {
    let mut errors = findings.iter().filter(|f| f.severity == Severity::Error);
    let first = errors.next().map(ToString::to_string).unwrap_or_default();
    match errors.count() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}

fn build(parsed: Parsed) -> Loaded {
    match Zone::build(&parsed.apex, &parsed.records, &key()).and_then(|zone| pending(zone, &parsed))
    {
        Ok(zone) => Ok((zone, parsed.warnings)),
        Err(error) => {
            let mut findings = parsed.warnings;
            findings.push(Finding {
                line: 0,
                column: 0,
                severity: Severity::Error,
                message: error.to_string(),
                file: None,
            });
            Err(findings)
        }
    }
}
