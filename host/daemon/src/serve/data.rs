//! The data directory: one server at a time, private to its user, or temporary.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// A data directory that is ours for as long as this lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The lock goes before the directory it lies in.
    _lock: File,
    /// Removed when the server ends.
    temporary: Option<TempDir>,
}

impl DataDir {
    /// Makes the directory if need be and locks it; without a path, a temporary one.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            let temporary = tempfile::Builder::new().prefix("bailiwick-").tempdir();
            let temporary = temporary.context("cannot make a temporary data directory")?;
            let lock = lock(temporary.path())?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                _lock: lock,
                temporary: Some(temporary),
            });
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| {
            format!(
                "cannot make the data directory {}; choose another with --data",
                path.display()
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock(path)?,
            temporary: None,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes when the server ends.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// A process that was killed keeps its lock until the system has taken it apart, which takes a moment
/// where it held much memory.
fn lock_within(file: &File, limit: Duration) -> Result<(), TryLockError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < limit => thread::sleep(LOCK_PAUSE),
            done => return done,
        }
    }
}

const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Two servers on one directory would overwrite each other's zones. The system drops the lock with
/// the process, however it ends.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let open = fs::OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path);
    let mut file =
        open.with_context(|| format!("cannot write in the data directory {}", data.display()))?;
    match lock_within(&file, LOCK_WAIT) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Without the number the message is still true.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim();
            let who = if holder.is_empty() {
                String::new()
            } else {
                format!(" (process {holder})")
            };
            bail!(
                "the data directory {} is in use by another bailiwick{who}; stop it, or choose another with --data",
                data.display()
            );
        }
        Err(TryLockError::Error(e)) => {
            return Err(e).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two servers never share a directory; the second is told who has it.
    #[test]
    fn a_directory_in_use_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let _first = DataDir::open(Some(folder.path())).unwrap();
        let second = DataDir::open(Some(folder.path())).unwrap_err().to_string();
        assert!(
            second.contains(&format!("process {}", std::process::id())),
            "{second}"
        );
    }

    /// A server that has ended leaves its directory free, whatever file it left.
    #[test]
    fn a_directory_is_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataDir::open(Some(folder.path())).unwrap());
        assert!(DataDir::open(Some(folder.path())).is_ok());
    }

    /// Without a directory nothing is left behind.
    #[test]
    fn a_temporary_directory_goes_at_the_end() {
        let data = DataDir::open(None).unwrap();
        let path = data.path().to_owned();
        assert!(data.is_temporary() && path.is_dir());
        drop(data);
        assert!(!path.exists());
    }
}
