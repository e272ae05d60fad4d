//! What is wrong with a configuration: where, why, and what was probably meant.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing to correct.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Problem {
    /// The file; empty for the command line.
    pub(crate) file: PathBuf,
    /// Counted from 1; 0 when the problem has no place in the file.
    pub(crate) line: usize,
    /// Counted from 1, in characters.
    pub(crate) column: usize,
    /// For a person.
    pub(crate) message: String,
}

impl Problem {
    /// A problem with something the command line or the surroundings brought.
    pub(crate) fn outside(message: impl Into<String>) -> Self {
        Self {
            file: PathBuf::new(),
            line: 0,
            column: 0,
            message: message.into(),
        }
    }

    /// A problem at a place in a file.
    pub(crate) fn at(
        file: &Path,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |s| s.chars().count()) + 1,
            message: message.into(),
        }
    }

    /// What serde and the TOML parser say, with "did you mean" where a key or value is unknown.
    pub(crate) fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = with_suggestion(error.message());
        match error.span() {
            Some(span) => Self::at(file, text, span, message),
            None => Self {
                file: file.to_owned(),
                line: 0,
                column: 0,
                message,
            },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}:", self.file.display())?;
            if self.line > 0 {
                write!(f, "{}:{}:", self.line, self.column)?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything wrong with a configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// serde says "unknown field `lisen`, expected one of `listen`, `threads`": name the nearest.
fn with_suggestion(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let [wrong, known @ ..] = quoted.as_slice() else {
        return message.to_owned();
    };
    if !message.starts_with("unknown ") {
        return message.to_owned();
    }
    match nearest(wrong, known) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message.to_owned(),
    }
}

/// The known word nearest to a wrong one, if any is near enough to be meant.
pub(crate) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let near_enough = |word: &&str| {
        let far = (word.len().max(wrong.len()) / 3).max(1);
        strsim::osa_distance(wrong, word) <= far
    };
    let candidates = known.iter().copied().filter(near_enough);
    candidates.min_by_key(|word| strsim::osa_distance(wrong, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key with two letters swapped is recognised; one that resembles nothing is left alone.
    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        assert_eq!(nearest("lsiten", &["listen", "threads"]), Some("listen"));
        assert_eq!(
            nearest("primary", &["primaries", "file"]),
            Some("primaries")
        );
        assert_eq!(nearest("colour", &["listen", "threads"]), None);
    }

    /// Columns count characters, so that an editor's cursor lands on the mistake.
    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let text = "a = 1\nß = bad\n";
        let problem = Problem::at(
            Path::new("f"),
            text,
            text.find("bad").unwrap()..text.len(),
            "no",
        );
        assert_eq!(problem.to_string(), "f:2:5: no");
    }
}
