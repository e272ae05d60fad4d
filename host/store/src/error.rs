//! Why the store could not do what was asked, by whose fault.

use std::path::PathBuf;

/// Errors of opening, reading and writing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file.
    #[error("the store {} is in use by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file exists and is no sound store.
    #[error("the store {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What redb says.
        reason: String,
    },
    /// The file is older than what was last written: a restored backup, or a lost write.
    #[error("the store {} is at generation {found}, yet generation {expected} was written before", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Generation inside.
        found: u64,
        /// Generation noted beside it.
        expected: u64,
    },
    /// The disk or its rights.
    #[error("the store {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// A read failed.
    #[error("reading the store failed: {0}")]
    Read(String),
    /// A write failed; nothing of it is kept.
    #[error("writing the store failed: {0}")]
    Write(String),
    /// A row that this version cannot read.
    #[error("a row of table {table} cannot be read: {reason}")]
    Row {
        /// Which table.
        table: &'static str,
        /// Why.
        reason: String,
    },
}
