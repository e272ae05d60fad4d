//! What an authority is started with, and the limits of its transfers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_resolver::ResolverOptions;
use bailiwick_store::Store;
use bailiwick_transfer::AxfrLimits;
use bailiwick_zone::{HashKey, SharedZones};

use crate::alias::AliasLimits;

/// Everything [`crate::Authority::start`] needs.
#[derive(Clone)]
pub struct AuthorityOptions {
    /// Where snapshots of zones are kept (`DATA/zones` is made below it).
    pub data: PathBuf,
    /// The zone set that the data path reads.
    pub zones: Arc<SharedZones>,
    /// The key of this process's name hashes.
    pub hash_key: HashKey,
    /// Where transfer states are kept; without it they live in the snapshots alone.
    pub store: Option<Arc<dyn Store>>,
    /// Limits of transfers.
    pub limits: TransferLimits,
    /// Keep snapshots of hosted zones too, so that a bad file does not cost the last good version over a
    /// restart. Pointless where the data folder is a temporary one.
    pub keep_hosted: bool,
    /// How targets of ALIAS records are looked up.
    pub resolver: ResolverOptions,
    /// How often, and how much of that.
    pub aliases: AliasLimits,
}

impl AuthorityOptions {
    /// Defaults around a data folder and a zone set.
    pub fn new(data: PathBuf, zones: Arc<SharedZones>, hash_key: HashKey) -> Self {
        Self {
            data,
            zones,
            hash_key,
            store: None,
            limits: TransferLimits::default(),
            keep_hosted: true,
            resolver: ResolverOptions::default(),
            aliases: AliasLimits::default(),
        }
    }
}

/// How long and how much, of one transfer and of all together. Each has a test that it bites.
#[derive(Clone, Copy, Debug)]
pub struct TransferLimits {
    /// Bytes and records of one transfer.
    pub axfr: AxfrLimits,
    /// Waiting for an answer to an SOA question over UDP, each try.
    pub probe_timeout: Duration,
    /// Tries over UDP before TCP.
    pub probe_tries: u32,
    /// Connecting over TCP.
    pub connect_timeout: Duration,
    /// Waiting for the next whole message.
    pub message_timeout: Duration,
    /// A whole transfer.
    pub total_timeout: Duration,
    /// In each of these spans at least `rate_min` bytes must come (RELIABILITY X2).
    pub rate_span: Duration,
    /// Bytes per `rate_span`.
    pub rate_min: u64,
    /// Attempts at once at one primary: so many for zones whose last look went well, and so many for
    /// the others.
    pub per_primary: usize,
    /// Attempts at once in all.
    pub at_once: usize,
    /// Bytes of memory that one transfer's records may take (RELIABILITY X1).
    pub memory_each: u64,
    /// Bytes of memory that the records of all running transfers may take.
    pub memory_max: u64,
    /// Restored zones are looked at spread over this time, longer with many zones (RELIABILITY R10).
    pub restart_spread: Duration,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            axfr: AxfrLimits::default(),
            probe_timeout: Duration::from_secs(2),
            probe_tries: 3,
            connect_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(2 * 3600),
            rate_span: Duration::from_secs(60),
            rate_min: 60 * 10 * 1024,
            per_primary: 2,
            at_once: 64,
            memory_each: 512 << 20,
            memory_max: 2 << 30,
            restart_spread: Duration::from_secs(5),
        }
    }
}
