//! The lines that one call leaves for the log.
//!
//! They are kept until the call is over, then written to the log or, off-line, shown. What is over
//! the budget is counted and forgotten: a line too many is no failure.

use crate::limits::Limits;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Hunting.
    Trace,
    /// Hunting.
    Debug,
    /// Something happened.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Somebody must act.
    Error,
}

/// One line of a plugin.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Cut to 1 KiB.
    pub text: String,
}

/// What a call has said so far.
#[derive(Debug)]
pub(crate) struct Lines {
    kept: Vec<Line>,
    dropped: u64,
    partial: [Vec<u8>; 2],
    lines_max: usize,
    bytes_max: usize,
    writes_left: u32,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self {
            kept: Vec::new(),
            dropped: 0,
            partial: [Vec::new(), Vec::new()],
            lines_max: 0,
            bytes_max: 0,
            writes_left: 0,
        }
    }

    /// Opens the budget of a call.
    pub(crate) fn begin(&mut self, limits: &Limits, host_calls: u32) {
        self.lines_max = limits.log_lines as usize;
        self.bytes_max = limits.log_line_bytes;
        // A panic message alone is a dozen writes of a few bytes, so these count apart.
        self.writes_left = host_calls.saturating_mul(4);
    }

    pub(crate) fn spend_write(&mut self) -> bool {
        match self.writes_left.checked_sub(1) {
            Some(left) => {
                self.writes_left = left;
                true
            }
            None => false,
        }
    }

    /// `log.write`.
    pub(crate) fn write(&mut self, level: Level, mut text: String) {
        if self.kept.len() >= self.lines_max {
            self.dropped += 1;
            return;
        }
        text.truncate(text.floor_char_boundary(self.bytes_max));
        self.kept.push(Line { level, text });
    }

    /// Standard output or error: bytes that become lines.
    pub(crate) fn print(&mut self, error: bool, bytes: &[u8]) {
        for (i, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if i > 0 {
                self.end_line(error);
            }
            let bytes_max = self.bytes_max;
            let partial = &mut self.partial[usize::from(error)];
            let room = bytes_max.saturating_sub(partial.len());
            partial.extend(piece.iter().take(room));
        }
    }

    fn end_line(&mut self, error: bool) {
        let bytes = std::mem::take(&mut self.partial[usize::from(error)]);
        if !bytes.is_empty() {
            let level = if error { Level::Warn } else { Level::Info };
            self.write(level, String::from_utf8_lossy(&bytes).into_owned());
        }
    }

    /// Ends the call: its lines, and how many were over the budget.
    pub(crate) fn take(&mut self) -> (Vec<Line>, u64) {
        self.end_line(false);
        self.end_line(true);
        (
            std::mem::take(&mut self.kept),
            std::mem::take(&mut self.dropped),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Class;

    fn lines() -> Lines {
        let mut lines = Lines::new();
        lines.begin(&Limits::of(Class::Default), 64);
        lines
    }

    /// `log` in the WIT: 64 lines a call are kept, 1 KiB of each.
    #[test]
    fn lines_and_bytes_are_bounded() {
        let mut lines = lines();
        for _ in 0..65 {
            lines.write(Level::Info, "ä".repeat(600));
        }
        let (kept, dropped) = lines.take();
        assert_eq!((kept.len(), dropped), (64, 1));
        assert_eq!(kept[0].text.len(), 1024);
    }

    /// What a guest prints in pieces comes out in lines; an endless line is cut.
    #[test]
    fn printed_bytes_become_lines() {
        let mut lines = lines();
        lines.print(false, b"one");
        lines.print(false, b" line\nand ");
        lines.print(true, &[b'x'; 5000]);
        let (kept, _) = lines.take();
        let texts: Vec<&str> = kept.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one line", "and ", &"x".repeat(1024)]);
    }
}
