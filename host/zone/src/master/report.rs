//! Collects findings and turns offsets into lines and columns.

use super::{FINDINGS_MAX, Finding, Severity};
use crate::token::TextError;

/// Where a record stands: its line in the file of this index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) file: u32,
}

/// The findings so far.
pub(super) struct Report {
    findings: Vec<Finding>,
    files: Vec<Option<String>>,
    errors: usize,
    left_out: usize,
}

impl Report {
    /// Starts with the name of the zone's own file, which has index 0.
    pub(super) fn new(file: Option<String>) -> Self {
        Self {
            findings: Vec::new(),
            files: vec![file],
            errors: 0,
            left_out: 0,
        }
    }

    /// Registers an included file; gives its index.
    pub(super) fn file(&mut self, name: String) -> u32 {
        self.files.push(Some(name));
        self.files.len() as u32 - 1
    }

    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether there are so many that nobody would read more.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= FINDINGS_MAX
    }

    /// A finding at an offset of a text.
    pub(super) fn add_at(
        &mut self,
        lines: &mut Lines<'_>,
        file: u32,
        severity: Severity,
        error: TextError,
    ) {
        let (line, column) = lines.place(error.at);
        let message = match lines.word(error.at) {
            word if word.is_empty() => error.reason,
            word => format!("{} (at `{word}`)", error.reason),
        };
        self.push(line, column, severity, message, file);
    }

    /// A finding about the record of a line.
    pub(super) fn add_line(&mut self, place: Place, severity: Severity, message: String) {
        self.push(place.line, 1, severity, message, place.file);
    }

    /// A finding about the zone.
    pub(super) fn add_whole(&mut self, severity: Severity, message: String) {
        self.push(0, 0, severity, message, 0);
    }

    pub(super) fn add_left_out(&mut self, count: usize) {
        self.left_out += count;
    }

    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        // Errors and warnings about one line belong together; what has no line comes last.
        self.findings
            .sort_by_key(|finding| (finding.line == 0, finding.severity == Severity::Warning));
        if self.left_out > 0 {
            let severity = if self.errors > 0 {
                Severity::Error
            } else {
                Severity::Warning
            };
            let message = format!("{} more findings are not listed", self.left_out);
            self.push(0, 0, severity, message, 0);
        }
        self.findings
    }

    fn push(&mut self, line: u32, column: u32, severity: Severity, message: String, file: u32) {
        if severity == Severity::Error {
            self.errors += 1;
        } else if self.findings.len() > FINDINGS_MAX {
            self.left_out += 1;
            return;
        }
        let file = self.files.get(file as usize).cloned().flatten();
        self.findings.push(Finding {
            line,
            column,
            severity,
            message,
            file,
        });
    }
}

/// Counts the lines of one text. Offsets mostly rise, so counting goes on from the last one.
pub(super) struct Lines<'t> {
    text: &'t [u8],
    line: u32,
    /// Where that line starts.
    start: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            line: 1,
            start: 0,
        }
    }

    /// Line and column of an offset, both counted from 1, the column in characters.
    fn place(&mut self, at: usize) -> (u32, u32) {
        let at = at.min(self.text.len());
        if at < self.start {
            *self = Self::new(self.text);
        }
        while let Some(skip) = memchr::memchr(b'\n', &self.text[self.start..at]) {
            self.start += skip + 1;
            self.line += 1;
        }
        let before = &self.text[self.start..at];
        // Octets that go on with a UTF-8 character do not start one.
        let characters = before.iter().filter(|&&octet| octet & 0xc0 != 0x80).count();
        (self.line, characters as u32 + 1)
    }

    /// The word at an offset, for a person to recognise it.
    fn word(&self, at: usize) -> String {
        const SHOWN_MAX: usize = 60;
        let rest = self.text.get(at..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|octet| octet.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (shown, dots) = if end > SHOWN_MAX {
            (SHOWN_MAX, "...")
        } else {
            (end, "")
        };
        let text = String::from_utf8_lossy(&rest[..shown]);
        // Control characters could rewrite a terminal.
        text.chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .chain(dots.chars())
            .collect()
    }
}
