//! The tables of a busy day: a lease, and a thousand traffic rules that few queries meet.

use std::net::Ipv4Addr;

use bailiwick_meter::{
    Action, Effect, Fallback, LeaseGrant, Limit, Meter, Tick, TrafficRule, Weights,
};
use bailiwick_zone::Name;
use ipnet::{IpNet, Ipv4Net};

/// The zone's number where it has a lease and counters …
pub(crate) const SLOT: u32 = 41;
/// … and where it has none: past every table.
pub(crate) const NO_SLOT: u32 = u32::MAX;
/// Where queries come from that a rule by source is about.
pub(crate) const WATCHED: Ipv4Addr = Ipv4Addr::new(127, 77, 7, 7);

/// Puts a lease and rules in force. `names` are those of the queries to come: every four hundredth is
/// one that a rule is about.
pub(crate) fn install(meter: &Meter, names: &[Name]) {
    let lease = LeaseGrant {
        units: 1 << 40,
        ttl_ms: 3_600_000,
        low_water: Some(1 << 20),
        weights: Weights::default(),
        on_empty: Action::Allow,
        on_failure: Fallback::Native,
    };
    meter.set_leasing(true);
    meter.install_leases(meter.now(), &[(SLOT, lease)]);
    let mut random = fastrand::Rng::with_seed(7);
    let by_source = (0..500).map(|n| {
        let address = if n == 0 {
            WATCHED
        } else {
            Ipv4Addr::new(random.u8(1..=223), random.u8(..), random.u8(..), 0)
        };
        let prefix = Ipv4Net::new(address, random.u8(20..=24)).unwrap().trunc();
        TrafficRule {
            source: Some(IpNet::V4(prefix)),
            ..rule(n)
        }
    });
    let by_zone = (500..800).map(|n| TrafficRule {
        zone: Some(SLOT + 1 + n as u32 * 100),
        ..rule(n)
    });
    let met: Vec<&Name> = names.iter().step_by(400).take(50).collect();
    let by_suffix = (800..1000).map(|n| {
        let suffix = met.get(n as usize - 800).map_or_else(
            || Name::parse(&format!("victim{n}.shop.example.")).unwrap(),
            |name| (*name).clone(),
        );
        TrafficRule {
            suffix: Some(suffix),
            ..rule(n)
        }
    });
    meter.install_rules(by_source.chain(by_zone).chain(by_suffix).collect());
}

/// A limit that is never reached, so that every query is answered and costs what answering costs.
fn rule(id: u64) -> TrafficRule {
    TrafficRule {
        id,
        source: None,
        zone: None,
        suffix: None,
        rtype: None,
        transport: None,
        effect: Effect::Limit(Limit {
            per_second: 1_000_000,
            burst: 1_000_000,
            v4_len: 24,
            v6_len: 56,
            over: Action::Slip(2),
        }),
        priority: 0,
        ends: Tick::NEVER,
        attack: false,
        dry_run: false,
    }
}
