//! What plugins may know of zones and accounts.

use std::sync::Weak;

use bailiwick_plugin::facts::{FactRrset, Facts, Version};
use bailiwick_plugin::types::{AccountFacts, AccountId, ZoneFacts, ZoneId, ZoneKind};
use bailiwick_zone::{LookupName, Name, RecordType, Zone};

use super::{ZonePolicy, account_id, zone_id};
use crate::inner::Inner;

/// Facts from the live zones. Does not keep the authority alive.
pub(crate) struct LiveFacts(pub(crate) Weak<Inner>);

impl Facts for LiveFacts {
    fn zone(&self, id: ZoneId) -> Option<ZoneFacts> {
        let inner = self.0.upgrade()?;
        let live = inner.live.by_id(id)?;
        let policy = inner.zone_policies.lock().of(live.apex());
        Some(zone(&inner, &live, &policy))
    }

    fn account(&self, id: AccountId) -> Option<AccountFacts> {
        let inner = self.0.upgrade()?;
        let own = ZonePolicy::default();
        if account_id(&own.account) == id {
            return Some(account(&inner, &own));
        }
        let policies = inner.zone_policies.lock();
        let policy = policies
            .iter()
            .map(|(_, policy)| policy)
            .find(|p| account_id(&p.account) == id)?
            .clone();
        drop(policies);
        Some(account(&inner, &policy))
    }

    fn find_zone(&self, name: &str) -> Option<ZoneId> {
        let inner = self.0.upgrade()?;
        let zones = inner.live.zones().load();
        let name = Name::parse(name).ok()?;
        let mut lookup = LookupName::new();
        lookup.set_wire(name.as_wire(), zones.key()).ok()?;
        zones.find(&lookup).map(|zone| zone_id(zone.apex()))
    }

    /// Proposed versions come with the change pipeline; until then there is only what is served.
    fn lookup(&self, id: ZoneId, version: Version, name: &str, rr_type: u16) -> Option<FactRrset> {
        let inner = self.0.upgrade()?;
        let zone = inner
            .live
            .by_id(id)
            .filter(|_| version == Version::Served)?;
        let name = Name::parse(name).ok()?;
        let mut lookup = LookupName::new();
        lookup.set_wire(name.as_wire(), &inner.key).ok()?;
        let rrset = zone.node(&lookup)?.rrset(RecordType(rr_type))?;
        let mut rdata = Vec::new();
        for span in rrset.spans().take(RDATA_MAX) {
            let mut one = Vec::new();
            rrset.rdata(span, name.as_wire(), zone.apex().as_wire(), &mut one);
            rdata.push(one);
        }
        Some(FactRrset {
            name: name.to_string(),
            rr_type,
            ttl: rrset.ttl(),
            rdata,
        })
    }
}

pub(crate) fn zone(inner: &Inner, zone: &Zone, policy: &ZonePolicy) -> ZoneFacts {
    ZoneFacts {
        zone: zone_id(zone.apex()),
        apex: zone.apex().to_string(),
        kind: if inner.is_hosted(zone.apex()) {
            ZoneKind::Hosted
        } else {
            ZoneKind::Secondary
        },
        account: account_id(&policy.account),
        plan: policy.plan.clone(),
        serial: zone.serial().0,
        records: zone.record_count(),
        signed: zone.is_signed(),
        created: 0,
        tags: Vec::new(),
        extra: Vec::new(),
    }
}

pub(crate) fn account(inner: &Inner, policy: &ZonePolicy) -> AccountFacts {
    AccountFacts {
        account: account_id(&policy.account),
        plan: policy.plan.clone(),
        created: 0,
        activated: true,
        zones: u32::try_from(inner.slots_of_account(&policy.account).len()).unwrap_or(u32::MAX),
        held: 0,
        cases: 0,
        tags: Vec::new(),
        extra: Vec::new(),
    }
}

/// The WIT's bound.
const RDATA_MAX: usize = 256;
