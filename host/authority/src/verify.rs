//! May these records be put in force? The rules of a good zone, then the build.

use bailiwick_zone::check::{self, Problem};
use bailiwick_zone::{BuildError, HashKey, Name, RecordBuf, Zone};

/// A zone that passed, and what is still worth telling its owner.
pub(crate) struct Verified {
    pub(crate) zone: Zone,
    pub(crate) warnings: Vec<String>,
}

/// Why records make no zone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It breaks rules; the first is quoted.
    #[error("{first}{}", more(*.count))]
    Problems {
        /// The first problem in words.
        first: String,
        /// How many there are.
        count: usize,
    },
    /// It cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Checks and builds. Takes a second for a million records: not for the threads of the runtime.
pub(crate) fn verify(
    apex: &Name,
    mut records: RecordBuf,
    key: &HashKey,
) -> Result<Verified, VerifyError> {
    let review = check::check(apex, &records);
    // What the primary means by ALIAS is its own: they are served as they came.
    let mut errors = review
        .errors()
        .filter(|problem| !problem.rule.is_about_editing());
    if let Some(first) = errors.next() {
        return Err(VerifyError::Problems {
            first: first.message.clone(),
            count: 1 + errors.count(),
        });
    }
    let warnings = review
        .problems
        .iter()
        .map(|Problem { message, .. }| message.clone())
        .take(WARNINGS_KEPT)
        .collect();
    review.repair(&mut records);
    let zone = Zone::build(apex, &records, key)?;
    Ok(Verified { zone, warnings })
}

fn more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " (and one more problem)".to_owned(),
        _ => format!(" (and {} more problems)", count - 1),
    }
}

/// A hundred thousand zones with warnings must not fill the memory with words.
pub(crate) const WARNINGS_KEPT: usize = 8;
