//! `zone check`: every problem of a master file, with its place and its reason.

use std::path::Path;

use bailiwick_zone::master::{Finding, Severity};
use serde_json::json;

use super::{load, say, with_error};
use crate::config::ZoneName;
use crate::exit::Outcome;

/// Runs the command.
pub(super) fn run(origin: Option<ZoneName>, file: &Path, as_json: bool) -> anyhow::Result<Outcome> {
    let loaded = load::file(file, origin.map(|o| o.0));
    let (zone, findings) = match &loaded {
        Ok((zone, warnings)) => (Some(zone), warnings),
        Err(findings) => (None, findings),
    };
    if as_json {
        let rows: Vec<_> = findings.iter().map(row).collect();
        let zone = zone.map(|z| json!({ "apex": z.apex().to_string(), "serial": z.serial().0, "records": z.record_count() }));
        let said = json!({ "ok": loaded.is_ok(), "zone": zone, "findings": rows });
        let error = loaded.is_err().then(|| load::first_error(findings));
        say(with_error(said, error))?;
    } else {
        for finding in findings {
            say(finding)?;
        }
        let file = file.display();
        let errors = findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count();
        match zone {
            Some(z) => say(format!(
                "{file}: ok, {} at serial {}, {} records, {} warnings",
                z.apex(),
                z.serial(),
                z.record_count(),
                findings.len()
            ))?,
            None => say(format!("{file}: cannot be served, {errors} errors"))?,
        }
    }
    Ok(Outcome::of(loaded.is_ok()))
}

fn row(finding: &Finding) -> serde_json::Value {
    json!({
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": finding.message,
    })
}
