//! Master files (RFC 1035 5): text in, records out, and records back to text.
//!
//! [`parse`] reads the whole text, reports everything that is wrong with it at once, and then asks
//! [`crate::check`] what the records are together. Nothing is handed out while there is an error, so a
//! caller cannot take over half a zone by mistake. Work is done on octets, without an allocation per
//! record for the types that zones are full of.

use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use crate::check;
use crate::hash::HashKey;
use crate::image::build::{BuildError, Order};
use crate::name::Name;
use crate::name::text::name_to_text;
use crate::rdata;
use crate::record::{Record, RecordBuf};
use crate::zone::Zone;

mod include;
mod reader;
mod report;

pub use crate::check::Severity;

/// Findings beyond this many of a kind are counted, not listed: a picture read as a zone file has an
/// error on every line.
pub const FINDINGS_MAX: usize = 1000;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The line, counted from 1; 0 when it is about the zone as a whole.
    pub line: u32,
    /// The character in the line, counted from 1; 0 when it is about the zone as a whole.
    pub column: u32,
    /// Whether it refuses the zone.
    pub severity: Severity,
    /// What is wrong, in words, with the offending text.
    pub message: String,
    /// The file, when it is known: the zone's own or an included one.
    pub file: Option<String>,
}

impl fmt::Display for Finding {
    /// `file:line:column: error: message`, as compilers write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let space = if self.file.is_some() || self.line > 0 {
            " "
        } else {
            ""
        };
        write!(f, "{space}{severity}: {}", self.message)
    }
}

/// What [`parse`] should know beside the text.
#[derive(Clone, Debug, Default)]
pub struct ParseOptions {
    /// The apex, which is also the first origin. Without it the first owner is the apex, and names
    /// before it must be absolute.
    pub origin: Option<Name>,
    /// The TTL of records when neither the text nor a record before says one.
    pub default_ttl: Option<u32>,
    /// The folder that `$INCLUDE` may read from; without it `$INCLUDE` is refused.
    pub include_dir: Option<PathBuf>,
    /// What to call the text in findings.
    pub file: Option<String>,
}

/// A zone that was read without an error.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The apex.
    pub apex: Name,
    /// The records in the order of the text, repaired as [`check`] describes.
    pub records: RecordBuf,
    /// What will not work as written.
    pub warnings: Vec<Finding>,
    /// The canonical order of `records`, where it was found while they were being checked.
    order: Option<Order>,
}

impl Parsed {
    /// Builds the zone of these records.
    ///
    /// # Errors
    /// As [`Zone::build`].
    pub fn build(&self, key: &HashKey) -> Result<Zone, BuildError> {
        match &self.order {
            // A caller may have changed the records since.
            Some(order) if order.len() == self.records.len() => {
                Zone::build_in(order, &self.apex, &self.records, key)
            }
            _ => Zone::build(&self.apex, &self.records, key),
        }
    }
}

/// Reads master-file text. All findings come at once, errors before warnings of the zone as a whole.
pub fn parse(text: &[u8], options: &ParseOptions) -> Result<Parsed, Vec<Finding>> {
    let read = reader::read(text, options);
    let mut report = read.report;
    let mut records = read.records;
    // RFC 1035 5.2 has the SOA name the zone; the first owner is where it stands in practice.
    let Some(apex) = options.origin.clone().or(read.apex) else {
        if report.errors() == 0 {
            report.add_whole(Severity::Error, "there is no record".to_owned());
        }
        return Err(report.into_findings());
    };
    let (review, order) = review_and_sort(&apex, &records);
    let unreadable = report.errors() > 0;
    for problem in &review.problems {
        // While lines could not be read, what seems to be missing may stand in one of them.
        if unreadable && problem.rule.is_about_absence() {
            continue;
        }
        match problem.record.and_then(|index| read.places.get(index)) {
            Some(place) => report.add_line(*place, problem.severity(), problem.message.clone()),
            None => report.add_whole(problem.severity(), problem.message.clone()),
        }
    }
    report.add_left_out(review.left_out);
    if report.errors() > 0 {
        return Err(report.into_findings());
    }
    review.repair(&mut records);
    Ok(Parsed {
        apex,
        // Records that were taken out have left gaps in it.
        order: order.filter(|order| order.len() == records.len()),
        records,
        warnings: report.into_findings(),
    })
}

/// Checks the records; those of a large zone are put in order meanwhile, on another thread.
fn review_and_sort(apex: &Name, records: &RecordBuf) -> (check::Review, Option<Order>) {
    if records.len() < SORT_BESIDE_MIN {
        return (check::check(apex, records), None);
    }
    thread::scope(|scope| {
        // Without another thread, and where records cannot be sorted, whoever builds finds out.
        let sorting = thread::Builder::new()
            .name("zone-sort".to_owned())
            .spawn_scoped(scope, || Order::of(apex, records).ok());
        let review = check::check(apex, records);
        let order = sorting.ok().and_then(|thread| thread.join().ok()).flatten();
        (review, order)
    })
}

/// Fewer records are sorted sooner than a thread starts.
const SORT_BESIDE_MIN: usize = 50_000;

/// Reads a master file; `$INCLUDE` is bound to the folder the file lies in. A file that cannot be read,
/// or is no regular file, is a finding too.
pub fn parse_file(path: &Path, origin: Option<Name>) -> Result<Parsed, Vec<Finding>> {
    let file = Some(path.display().to_string());
    let text = crate::file::read(path, FILE_SIZE_MAX).map_err(|error| {
        let message = format!("the file cannot be read: {error}");
        vec![Finding {
            line: 0,
            column: 0,
            severity: Severity::Error,
            message,
            file: file.clone(),
        }]
    })?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let include_dir = Some(folder.unwrap_or_else(|| Path::new(".")).to_owned());
    parse(
        &text,
        &ParseOptions {
            origin,
            default_ttl: None,
            include_dir,
            file,
        },
    )
}

/// Octets of a master file: some hundred million records.
pub const FILE_SIZE_MAX: u64 = u32::MAX as u64;

/// Appends `owner TTL IN TYPE rdata`, names absolute, no line end.
pub fn write_record(record: Record<'_>, out: &mut String) {
    name_to_text(record.owner, out).expect("a String takes all text");
    write!(out, " {} IN {} ", record.ttl, record.rtype).expect("a String takes all text");
    rdata::to_text(record.rtype, record.rdata, out);
    if out.ends_with(' ') {
        out.pop();
    }
}

#[cfg(test)]
mod tests;
