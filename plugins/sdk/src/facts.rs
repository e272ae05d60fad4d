//! Zones and accounts as they were when the call began; needs `import.dns-facts`.

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::dns_facts as imports;
#[cfg(target_arch = "wasm32")]
use crate::wit::base::bailiwick::policy::dns_facts as imports;

use crate::{AccountFacts, AccountId, RrType, ZoneFacts, ZoneId};

pub use crate::wit::base::bailiwick::policy::dns_facts::{Rrset, Version};

/// A zone that the plugin is bound to.
pub fn zone(zone: ZoneId) -> Option<ZoneFacts> {
    imports::zone(zone)
}

/// An account that the plugin is bound to.
pub fn account(account: AccountId) -> Option<AccountFacts> {
    imports::account(account)
}

/// The served zone that a name is in.
pub fn find_zone(name: &str) -> Option<ZoneId> {
    imports::find_zone(name)
}

/// What is stored under exactly this name and type.
pub fn lookup(zone: ZoneId, version: Version, name: &str, rr_type: RrType) -> Option<Rrset> {
    imports::lookup(zone, version, name, rr_type)
}
