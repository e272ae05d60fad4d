//! The key of the name hashes, kept with the data: the index in a snapshot is good under the key it
//! was made with, so a restart takes it as it is instead of hashing every name again.
//!
//! Whoever knows the key can choose names that collide. The file is its owner's alone, like the
//! directory it lies in; one that cannot be read or kept costs only time at the next start.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use bailiwick_zone::HashKey;
use tracing::warn;

/// The key of the data directory `data`, made where there is none.
pub(crate) fn hash_key(data: &Path) -> anyhow::Result<HashKey> {
    let path = data.join("names.key");
    match bailiwick_zone::file::read(&path, KEY_SIZE_MAX).map(<[u8; 32]>::try_from) {
        Ok(Ok(seed)) => return Ok(HashKey::from_bytes(seed)),
        Ok(Err(_)) => warn!("{} is not a key and is made anew", path.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => warn!(%error, "{} cannot be read: {error}", path.display()),
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random numbers")?;
    if let Err(error) = keep(&path, &seed) {
        warn!(%error, "{} cannot be kept, so the next start takes longer: {error}", path.display());
    }
    Ok(HashKey::from_bytes(seed))
}

/// More is no key.
const KEY_SIZE_MAX: u64 = 1024;

/// Whole or not at all, whenever the process ends.
fn keep(path: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(seed)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// RELIABILITY R13: a restart finds the key its snapshots were written under.
    #[test]
    fn the_key_stays_over_a_restart_and_is_nobody_elses() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = hash_key(one.path()).unwrap();
        assert_eq!(hash_key(one.path()).unwrap(), first);
        assert_ne!(hash_key(other.path()).unwrap(), first);
        let file = fs::metadata(one.path().join("names.key")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("names.key"), b"short").unwrap();
        let made = hash_key(folder.path()).unwrap();
        assert_eq!(hash_key(folder.path()).unwrap(), made);
    }
}
