//! Zones hosted here: text files, many at once, and again when they change.
//!
//! A bad file never takes a zone away: the version in force stays, and the findings say what is wrong with
//! the file. Over a restart the last good version comes from its snapshot; where the file is still the one
//! that the snapshot was made of, nothing is parsed again.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

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
    /// Some of its data are looked up elsewhere.
    has_aliases: bool,
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
    /// When its contents or its place were last touched, which no tool can set back: seconds and
    /// nanoseconds.
    changed: (i64, i64),
    /// Which file it is, on which device.
    inode: (u64, u64),
    /// It includes other files, which may change without it.
    includes: bool,
    /// It had been left alone for [`SETTLED`] when it was looked at. File systems tell time in steps; within
    /// one, a second change would not show.
    settled: bool,
}

/// A file that became a zone.
pub(crate) struct Loaded {
    pub(crate) zone: Zone,
    /// What will not work as written.
    pub(crate) warnings: Vec<String>,
    pub(crate) seen: Seen,
    /// Its ALIAS records that can be asked for.
    pub(crate) aliases: Vec<Alias>,
    /// It was not read: its snapshot was made of the very same file.
    pub(crate) kept: bool,
}

impl Loaded {
    /// What its snapshot has to note.
    pub(crate) fn made_of(&self) -> MadeOf {
        MadeOf::new(&self.seen, &self.warnings, !self.aliases.is_empty())
    }
}

/// What a snapshot notes of the file that it was made of.
pub(crate) struct MadeOf {
    /// Which file, and in what state.
    pub(crate) line: String,
    /// What the check warned of; nothing where the zone cannot be had from its snapshot alone.
    pub(crate) warnings: Option<Vec<String>>,
}

impl MadeOf {
    fn new(seen: &Seen, warnings: &[String], has_aliases: bool) -> Self {
        Self {
            line: seen.line(),
            warnings: (seen.settled && !seen.includes && !has_aliases).then(|| warnings.to_vec()),
        }
    }
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
            has_aliases: false,
            error: None,
            warnings: Vec::new(),
            last_success: None,
            last_failure: None,
        }
    }

    pub(crate) fn loaded(&mut self, loaded: &Loaded, wall: u64) {
        self.warnings.clone_from(&loaded.warnings);
        self.seen = Some(loaded.seen);
        self.has_aliases = !loaded.aliases.is_empty();
        self.error = None;
        self.last_success = Some(wall);
    }

    /// What the snapshot of the version that was loaded last has to note.
    pub(crate) fn made_of(&self) -> Option<MadeOf> {
        Some(MadeOf::new(
            self.seen.as_ref()?,
            &self.warnings,
            self.has_aliases,
        ))
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
            changed: (data.ctime(), data.ctime_nsec()),
            inode: (data.dev(), data.ino()),
            includes,
            settled: data.modified().is_ok_and(|modified| {
                let changed = Duration::from_secs(data.ctime().try_into().unwrap_or(0));
                let latest = modified.max(UNIX_EPOCH + changed);
                latest.elapsed().is_ok_and(|since| since > SETTLED)
            }),
        }
    }

    /// Whether a file that looks like `now` may differ from the one that looked like this.
    pub(crate) fn may_differ(&self, now: &Self) -> bool {
        let Self { settled, .. } = *self;
        self.includes || *self != Self { settled, ..*now }
    }

    pub(crate) fn includes(&self) -> bool {
        self.includes
    }

    /// As a line in a snapshot's note. Another release may read the same text otherwise, so it is part of
    /// the line.
    pub(crate) fn line(&self) -> String {
        let ((dev, ino), (changed, nanos)) = (self.inode, self.changed);
        format!(
            "{}: file {dev}:{ino}, {} octets, {} ns, touched {changed}.{nanos:09}",
            env!("CARGO_PKG_VERSION"),
            self.len,
            self.modified,
        )
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
    let includes = has_include(&text);
    let options = ParseOptions {
        origin: Some(name.clone()),
        include_dir: Some(folder_of(file)),
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
        kept: false,
        zone,
        warnings: warnings.map(ToString::to_string).collect(),
        seen: Seen::of(&data, includes),
    })
}

/// Where the file lies; a bare name lies in the working folder.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// May the text have a $INCLUDE directive (RFC 1035 5.1)?
fn has_include(text: &[u8]) -> bool {
    memchr::memchr_iter(b'$', text).any(|at| {
        let word = text.get(at + 1..at + 8);
        word.is_some_and(|word| word.eq_ignore_ascii_case(b"INCLUDE"))
    })
}

/// A zone's name, its file, and what came of loading it.
pub(crate) type LoadedFile = (Name, PathBuf, Result<Loaded, HostError>);

/// Loads many zones on all cores; `kept` gives what is there already of a file that has not changed, and
/// `each` gets the results in batches, both from several threads.
pub(crate) fn load_all(
    zones: &[(Name, PathBuf)],
    key: &HashKey,
    aliases_max: usize,
    kept: &(dyn Fn(&Name, &Path) -> Option<Loaded> + Sync),
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
                        let loaded = match kept(name, file) {
                            Some(kept) => Ok(kept),
                            None => load(name, file, key, aliases_max),
                        };
                        (name.clone(), file.clone(), loaded)
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
/// Longer than the steps in which any file system tells time.
pub(crate) const SETTLED: Duration = Duration::from_secs(2);
