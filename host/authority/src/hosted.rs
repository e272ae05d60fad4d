//! Zones hosted here: text files, many at once, and again when they change.
//!
//! A bad file never takes a zone away: the version in force stays, and the findings say what is wrong with
//! the file. Over a restart the last good version comes from its snapshot.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::UNIX_EPOCH;

use bailiwick_zone::check::Severity;
use bailiwick_zone::master::{self, Finding, ParseOptions};
use bailiwick_zone::{Alias, BuildError, HashKey, Name, Zone};

use crate::live::Lock;
use crate::verify::WARNINGS_KEPT;

/// A hosted zone and how its file fared.
#[derive(Clone, Debug)]
pub(crate) struct Hosted {
    pub(crate) file: PathBuf,
    /// What the file looked like when it was last read.
    pub(crate) seen: Option<Seen>,
    pub(crate) error: Option<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) last_success: Option<u64>,
    pub(crate) last_failure: Option<u64>,
}

/// Enough of a file's state to see that it has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    len: u64,
    /// Nanoseconds since 1970.
    modified: u128,
    /// It includes other files, which may change without it.
    includes: bool,
}

/// A file that became a zone.
pub(crate) struct Loaded {
    pub(crate) zone: Zone,
    /// What will not work as written.
    pub(crate) warnings: Vec<String>,
    pub(crate) seen: Seen,
    /// Its ALIAS records that can be asked for.
    pub(crate) aliases: Vec<Alias>,
}

/// Why a file did not become a zone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// It cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not a master file; all findings.
    #[error("{}", first_finding(findings))]
    Text {
        /// The file.
        file: PathBuf,
        /// Everything that is wrong, with line and column.
        findings: Vec<Finding>,
    },
    /// It is a master file, and no zone can be built of it.
    #[error("{}: {source}", file.display())]
    Zone {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        #[source]
        source: BuildError,
    },
    /// It would cause too many look-ups.
    #[error("{}: {count} ALIAS records; at most {limit} are looked up for one zone", file.display())]
    Aliases {
        /// The file.
        file: PathBuf,
        /// How many it has.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
}

impl Hosted {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            seen: None,
            error: None,
            warnings: Vec::new(),
            last_success: None,
            last_failure: None,
        }
    }

    pub(crate) fn loaded(&mut self, seen: Seen, warnings: Vec<String>, wall: u64) {
        self.warnings = warnings;
        self.seen = Some(seen);
        self.error = None;
        self.last_success = Some(wall);
    }

    pub(crate) fn refused(&mut self, error: &HostError, wall: u64) {
        self.error = Some(error.to_string());
        self.last_failure = Some(wall);
        // Looked at again only when it changes; a file that was not there has no state to compare.
        self.seen = Seen::now(&self.file, true).ok();
    }

    pub(crate) fn may_have_changed(&self) -> bool {
        let Some(seen) = &self.seen else { return true };
        Seen::now(&self.file, seen.includes()).map_or(true, |now| seen.may_differ(&now))
    }
}

impl Seen {
    /// The file's state now; `includes` as it was found before.
    pub(crate) fn now(file: &Path, includes: bool) -> io::Result<Self> {
        Ok(Self::of(&fs::metadata(file)?, includes))
    }

    fn of(data: &Metadata, includes: bool) -> Self {
        let since = data
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            len: data.len(),
            modified: since.map_or(0, |since| since.as_nanos()),
            includes,
        }
    }

    /// Whether a file that looks like `now` may differ from the one that looked like this.
    pub(crate) fn may_differ(&self, now: &Self) -> bool {
        self.includes || self != now
    }

    pub(crate) fn includes(&self) -> bool {
        self.includes
    }

    /// As a line in a snapshot's note.
    pub(crate) fn line(&self) -> String {
        format!("{} octets, {} ns", self.len, self.modified)
    }
}

/// Reads, checks and builds one zone.
pub(crate) fn load(
    name: &Name,
    file: &Path,
    key: &HashKey,
    aliases_max: usize,
) -> Result<Loaded, HostError> {
    let read = |source| HostError::Read {
        file: file.to_owned(),
        source,
    };
    // The state is taken before the contents: a change in between is seen by the next look.
    let (text, data) =
        bailiwick_zone::file::read_with_metadata(file, master::FILE_SIZE_MAX).map_err(read)?;
    let includes = memchr::memmem::find(&text, b"INCLUDE").is_some()
        || memchr::memmem::find(&text, b"include").is_some();
    let options = ParseOptions {
        origin: Some(name.clone()),
        include_dir: file.parent().map(Path::to_owned),
        file: Some(file.display().to_string()),
        ..ParseOptions::default()
    };
    let parsed = master::parse(&text, &options).map_err(|findings| HostError::Text {
        file: file.to_owned(),
        findings,
    })?;
    drop(text);
    let zone = parsed.build(key).map_err(|source| HostError::Zone {
        file: file.to_owned(),
        source,
    })?;
    let aliases = zone.reachable_aliases(Alias::among(&parsed.records));
    if aliases.len() > aliases_max {
        return Err(HostError::Aliases {
            file: file.to_owned(),
            count: aliases.len(),
            limit: aliases_max,
        });
    }
    let warnings = parsed.warnings.iter().take(WARNINGS_KEPT);
    Ok(Loaded {
        aliases,
        zone,
        warnings: warnings.map(ToString::to_string).collect(),
        seen: Seen::of(&data, includes),
    })
}

/// A zone's name, its file, and what came of loading it.
pub(crate) type LoadedFile = (Name, PathBuf, Result<Loaded, HostError>);

/// Loads many zones on all cores; `each` gets the results in batches, from several threads.
pub(crate) fn load_all(
    zones: &[(Name, PathBuf)],
    key: &HashKey,
    aliases_max: usize,
    each: &(dyn Fn(Vec<LoadedFile>) + Sync),
) {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(zones.len().max(1));
    let batch_size = (zones.len() / (threads * 16)).clamp(1, BATCH_MAX);
    let next = AtomicUsize::new(0);
    // One lock around the hand-over keeps batches whole; loading itself shares nothing.
    let hand_over = Lock::new(());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(batch_size, Ordering::Relaxed);
                    let Some(batch) = zones.get(from..).filter(|rest| !rest.is_empty()) else {
                        return;
                    };
                    let batch = batch.iter().take(batch_size);
                    let results = batch.map(|(name, file)| {
                        (
                            name.clone(),
                            file.clone(),
                            load(name, file, key, aliases_max),
                        )
                    });
                    let results = results.collect();
                    let _turn = hand_over.lock();
                    each(results);
                }
            });
        }
    });
}

fn first_finding(findings: &[Finding]) -> String {
    let error = findings
        .iter()
        .find(|finding| finding.severity == Severity::Error);
    let Some(first) = error.or_else(|| findings.first()) else {
        return "no zone in the file".to_owned();
    };
    match findings.len() {
        0 | 1 => first.to_string(),
        count => format!("{first} (and {} more findings)", count - 1),
    }
}

/// Zones published at one moment; small zones by the hundred thousand would otherwise copy shards of the
/// zone set once each.
const BATCH_MAX: usize = 1024;
