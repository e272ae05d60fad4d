//! The rows that are kept, as plain values, and their encoding.
//!
//! A row is one version octet and postcard. A field is added by a new version that still reads the old.

use serde::{Deserialize, Serialize};

use crate::StoreError;

/// What is known about the transfers of one secondary zone.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TransferState {
    /// When the zone was last confirmed or transferred; seconds since 1970.
    pub last_success: Option<u64>,
    /// When an attempt last failed.
    pub last_failure: Option<u64>,
    /// Why, in words.
    pub last_error: Option<String>,
    /// The serial in force.
    pub serial: Option<u32>,
    /// Who gave it.
    pub primary: Option<String>,
}

/// One installed version of a plugin.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VersionRow {
    /// The component's SHA-256, in hexadecimal.
    pub sha256: String,
    /// What the plugin host wants to remember about it; its own encoding.
    pub record: Vec<u8>,
}

pub(crate) fn encode<T: Serialize>(table: &'static str, row: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(row, vec![ROW_VERSION]).map_err(|error| StoreError::Row {
        table,
        reason: error.to_string(),
    })
}

pub(crate) fn decode<'a, T: Deserialize<'a>>(
    table: &'static str,
    bytes: &'a [u8],
) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&ROW_VERSION, row)) => postcard::from_bytes(row).map_err(|error| StoreError::Row {
            table,
            reason: error.to_string(),
        }),
        Some((version, _)) => Err(StoreError::Row {
            table,
            reason: format!("its version is {version}"),
        }),
        None => Err(StoreError::Row {
            table,
            reason: "it is empty".to_owned(),
        }),
    }
}

const ROW_VERSION: u8 = 1;
