//! `zone check`: every problem of a master file, with its place and its reason.

use std::path::Path;

use anyhow::Context;
use bailiwick_zone::master::{Finding, Severity};
use serde_json::json;

use super::{load, say};
use crate::config::ZoneName;
use crate::exit::Outcome;

/// Runs the command.
pub(super) fn run(origin: Option<ZoneName>, file: &Path, as_json: bool) -> anyhow::Result<Outcome> {
    // A file that is not there is a mistake of the command line, not a finding about a zone.
    std::fs::metadata(file).with_context(|| file.display().to_string())?;
    let loaded = load::file(file, origin.map(|o| o.0));
    let findings = match &loaded {
        Ok(loaded) => &loaded.warnings,
        Err(findings) => findings,
    };
    if as_json {
        let rows: Vec<_> = findings.iter().map(row).collect();
        let zone = loaded.as_ref().ok().map(|l| {
            json!({ "apex": l.zone.apex().to_string(), "serial": l.zone.serial().0, "records": l.zone.record_count() })
        });
        say(json!({ "ok": loaded.is_ok(), "zone": zone, "findings": rows }))?;
    } else {
        for finding in findings {
            say(line(finding, file))?;
        }
        match &loaded {
            Ok(l) => say(format!(
                "{}: ok, {} at serial {}, {} records, {} warnings",
                file.display(),
                l.zone.apex(),
                l.zone.serial().0,
                l.zone.record_count(),
                findings.len()
            ))?,
            Err(_) => {
                let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
                say(format!("{}: not servable, {errors} errors", file.display()))?;
            }
        }
    }
    Ok(Outcome::of(loaded.is_ok()))
}

/// `file:line:column: error: reason`, which editors can follow.
pub(super) fn line(finding: &Finding, file: &Path) -> String {
    let place = finding.file.as_deref().map_or_else(|| file.display().to_string(), |f| f.to_owned());
    let (line, column) = (finding.line, finding.column);
    let severity = word(finding);
    match line {
        0 => format!("{place}: {severity}: {}", finding.message),
        _ => format!("{place}:{line}:{column}: {severity}: {}", finding.message),
    }
}

fn row(finding: &Finding) -> serde_json::Value {
    json!({
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": word(finding),
        "message": finding.message,
    })
}

fn word(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
