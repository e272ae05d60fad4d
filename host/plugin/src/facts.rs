//! What `dns-facts` answers from; the host's side of it is a trait that `authority` implements.

use crate::types::{AccountFacts, AccountId, ZoneFacts, ZoneId};

/// Which version of a zone is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// What is answered now.
    Served,
    /// What the call is about, if it is about a version.
    Proposed,
}

/// One RRset as stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FactRrset {
    /// Owner name in presentation form.
    pub name: String,
    /// Its type.
    pub rr_type: u16,
    /// Its TTL.
    pub ttl: u32,
    /// Uncompressed wire form, at most 256.
    pub rdata: Vec<Vec<u8>>,
}

/// Zones and accounts as a plugin may see them. Answers come from memory: a call waits for them.
pub trait Facts: Send + Sync {
    /// A zone by id.
    fn zone(&self, zone: ZoneId) -> Option<ZoneFacts>;
    /// An account by id.
    fn account(&self, account: AccountId) -> Option<AccountFacts>;
    /// The served zone with the longest apex that the name is at or below.
    fn find_zone(&self, name: &str) -> Option<ZoneId>;
    /// What is stored under exactly this name.
    fn lookup(&self, zone: ZoneId, version: Version, name: &str, rr_type: u16)
    -> Option<FactRrset>;
}

/// Knows nothing: for off-line use and where no zones exist yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFacts;

impl Facts for NoFacts {
    fn zone(&self, _zone: ZoneId) -> Option<ZoneFacts> {
        None
    }
    fn account(&self, _account: AccountId) -> Option<AccountFacts> {
        None
    }
    fn find_zone(&self, _name: &str) -> Option<ZoneId> {
        None
    }
    fn lookup(&self, _: ZoneId, _: Version, _: &str, _: u16) -> Option<FactRrset> {
        None
    }
}
