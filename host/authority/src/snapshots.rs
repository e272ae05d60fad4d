//! Zones as files, so that a start needs neither a primary nor the store (RELIABILITY R13).
//!
//! ```text
//! DATA/zones/<hash of the name>.zone
//!   "BWSNAP01" | header length u32 | header (JSON) | SHA-256 of the header | the zone's own snapshot
//! ```
//!
//! A file is written beside its place, synced, and renamed over the old one, then the folder is synced:
//! after a crash at any point there is the old version or the new one. Names never become paths
//! (RELIABILITY X11). A confirmation that the zone is still current only touches the file's time.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bailiwick_zone::{HashKey, Name, SnapshotError, Zone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is noted beside a zone.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Note {
    /// The zone's name, as text.
    pub(crate) zone: String,
    /// When it was had from the primary; seconds since 1970.
    pub(crate) saved: u64,
    /// From whom.
    pub(crate) primary: Option<String>,
    /// For a hosted zone: what its file looked like.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// What the check of that file warned of. Only then is it known that the zone can be had from here
    /// alone, without its file: it has no ALIAS records to look up and includes no other file.
    #[serde(default)]
    pub(crate) warnings: Option<Vec<String>>,
}

/// A zone read back.
pub(crate) struct Restored {
    pub(crate) zone: Zone,
    pub(crate) note: Note,
    /// When the zone was last known to be current, as far as the file tells.
    pub(crate) confirmed: u64,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotFault {
    /// The disk.
    #[error("the snapshot of {zone} cannot be read: {source}")]
    Read {
        /// Whose.
        zone: Name,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The frame around the zone is not ours.
    #[error("the snapshot of {zone} is damaged: {reason}")]
    Frame {
        /// Whose.
        zone: Name,
        /// What is wrong.
        reason: &'static str,
    },
    /// The zone inside is damaged.
    #[error("the snapshot of {zone} is damaged: {source}")]
    Zone {
        /// Whose.
        zone: Name,
        /// What is wrong.
        #[source]
        source: SnapshotError,
    },
}

/// The folder of snapshots.
#[derive(Debug)]
pub(crate) struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    /// Makes the folder; what a crash left half-written is removed.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("zones");
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "new") {
                fs::remove_file(&path)?;
            }
        }
        Ok(Self { folder })
    }

    /// Writes a zone durably in the place of any older version.
    pub(crate) fn write(&self, zone: &Zone, note: &Note) -> io::Result<()> {
        let place = self.place(zone.apex());
        let new = place.with_extension("new");
        let header = serde_json::to_vec(note)?;
        let mut file = BufWriter::with_capacity(1 << 18, File::create(&new)?);
        file.write_all(&frame(&header, &[]))?;
        zone.write_snapshot(&mut file)?;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&new, &place)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Reads a zone, if there is one.
    pub(crate) fn read(
        &self,
        name: &Name,
        key: &HashKey,
    ) -> Result<Option<Restored>, SnapshotFault> {
        let read = |source| SnapshotFault::Read {
            zone: name.clone(),
            source,
        };
        let place = self.place(name);
        let mut file = match File::open(&place) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        let data = file.metadata().map_err(read)?;
        let touched = data.modified().map_err(read)?;
        let touched = touched
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut front = Vec::new();
        (&mut file)
            .take(NOTE_SIZE_MAX)
            .read_to_end(&mut front)
            .map_err(read)?;
        let (note, body) = split(&front).map_err(|reason| SnapshotFault::Frame {
            zone: name.clone(),
            reason,
        })?;
        // The front holds the beginning of the zone too; the rest goes straight to where it stays.
        let size = data.len().saturating_sub((front.len() - body.len()) as u64);
        let zone =
            Zone::read_snapshot_from(&mut body.chain(file), size, key).map_err(|source| {
                SnapshotFault::Zone {
                    zone: name.clone(),
                    source,
                }
            })?;
        if zone.apex() != name {
            return Err(SnapshotFault::Frame {
                zone: name.clone(),
                reason: "it holds another zone",
            });
        }
        Ok(Some(Restored {
            zone,
            confirmed: note.saved.max(touched),
            note,
        }))
    }

    /// The note of a snapshot alone, if it can be read.
    pub(crate) fn note(&self, name: &Name) -> Option<Note> {
        let mut file = File::open(self.place(name)).ok()?;
        let mut octets = Vec::new();
        (&mut file)
            .take(NOTE_SIZE_MAX)
            .read_to_end(&mut octets)
            .ok()?;
        split(&octets).ok().map(|(note, _)| note)
    }

    /// Notes that the zone was current at `wall`. Not synced: what is lost by a power cut is only that the
    /// zone counts as older than it is.
    pub(crate) fn confirm(&self, name: &Name, wall: u64) -> io::Result<()> {
        let file = File::options().append(true).open(self.place(name))?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(wall))
    }

    /// Moves a damaged snapshot out of the way and says where it is now.
    pub(crate) fn set_aside(&self, name: &Name) -> io::Result<PathBuf> {
        let place = self.place(name);
        let aside = place.with_extension("damaged");
        fs::rename(&place, &aside)?;
        Ok(aside)
    }

    /// Forgets a zone.
    pub(crate) fn remove(&self, name: &Name) -> io::Result<()> {
        match fs::remove_file(self.place(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn place(&self, name: &Name) -> PathBuf {
        let hash = Sha256::digest(name.to_lowercase().as_wire());
        let mut file = String::with_capacity(40);
        for octet in hash.iter().take(16) {
            file.push_str(&format!("{octet:02x}"));
        }
        self.folder.join(file).with_extension("zone")
    }
}

/// Header and body as they stand in the file.
pub(crate) fn frame(header: &[u8], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(header.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    [MAGIC, &len[..], header, &Sha256::digest(header)[..], body].concat()
}

pub(crate) fn split(octets: &[u8]) -> Result<(Note, &[u8]), &'static str> {
    const SHORT: &str = "it is cut short";
    let rest = octets.strip_prefix(MAGIC).ok_or("it is not a snapshot")?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let (header, rest) = rest
        .split_at_checked(u32::from_le_bytes(*len) as usize)
        .ok_or(SHORT)?;
    let (sum, body) = rest.split_first_chunk::<32>().ok_or(SHORT)?;
    if Sha256::digest(header)[..] != sum[..] {
        return Err("the checksum of its header does not match");
    }
    let note = serde_json::from_slice(header).map_err(|_| "its header cannot be read")?;
    Ok((note, body))
}

const MAGIC: &[u8; 8] = b"BWSNAP01";
/// Frame, header and its checksum are well below.
const NOTE_SIZE_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, name, zone};

    fn note() -> Note {
        Note {
            zone: "example.org.".to_owned(),
            saved: 1_800_000_000,
            primary: Some("192.0.2.1:53".to_owned()),
            source: None,
            warnings: None,
        }
    }

    fn snapshots() -> (tempfile::TempDir, Snapshots) {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::open(folder.path()).unwrap();
        (folder, snapshots)
    }

    /// RELIABILITY R13: a zone comes back from its file alone.
    #[test]
    fn zone_comes_back() {
        let (_folder, snapshots) = snapshots();
        snapshots.write(&zone("example.org.", 9), &note()).unwrap();
        let restored = snapshots
            .read(&name("EXAMPLE.org."), &key())
            .unwrap()
            .unwrap();
        assert_eq!((restored.zone.serial().0, restored.note), (9, note()));
    }

    #[test]
    fn missing_snapshot_is_no_fault() {
        let (_folder, snapshots) = snapshots();
        assert!(
            snapshots
                .read(&name("example.org."), &key())
                .unwrap()
                .is_none()
        );
    }

    /// RELIABILITY S6: no single flipped octet gives a zone.
    #[test]
    fn flipped_octets_are_noticed() {
        let (_folder, snapshots) = snapshots();
        snapshots.write(&zone("example.org.", 9), &note()).unwrap();
        let place = snapshots.place(&name("example.org."));
        let whole = fs::read(&place).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&place, damaged).unwrap();
            assert!(
                snapshots.read(&name("example.org."), &key()).is_err(),
                "{at}"
            );
        }
    }

    /// A crash in the middle of writing leaves the old version and no litter.
    #[test]
    fn half_written_file_is_removed_at_the_next_start() {
        let (folder, snapshots) = snapshots();
        snapshots.write(&zone("example.org.", 9), &note()).unwrap();
        let new = snapshots.place(&name("example.org.")).with_extension("new");
        fs::write(&new, b"BWSN").unwrap();
        let snapshots = Snapshots::open(folder.path()).unwrap();
        assert!(!new.exists());
        assert_eq!(
            snapshots
                .read(&name("example.org."), &key())
                .unwrap()
                .unwrap()
                .zone
                .serial()
                .0,
            9
        );
    }

    /// RELIABILITY X11: whatever a name holds, its file lies in the folder under a plain name.
    #[test]
    fn names_never_become_paths() {
        let (folder, snapshots) = snapshots();
        for text in [
            "\\047\\046\\046\\047\\046\\046\\047etc.",
            "a\\000b.",
            "$(x).\"y\".@.",
        ] {
            let place = snapshots.place(&name(text));
            assert_eq!(place.parent(), Some(folder.path().join("zones").as_path()));
            let stem = place.file_stem().unwrap().to_str().unwrap();
            assert!(stem.len() == 32 && stem.bytes().all(|octet| octet.is_ascii_hexdigit()));
        }
    }

    /// The age of a zone survives a restart even without the store.
    #[test]
    fn confirmation_is_remembered_by_the_file() {
        let (_folder, snapshots) = snapshots();
        snapshots.write(&zone("example.org.", 9), &note()).unwrap();
        snapshots
            .confirm(&name("example.org."), 1_900_000_000)
            .unwrap();
        let restored = snapshots
            .read(&name("example.org."), &key())
            .unwrap()
            .unwrap();
        assert_eq!(restored.confirmed, 1_900_000_000);
    }
}
