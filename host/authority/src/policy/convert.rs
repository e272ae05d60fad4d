//! Between the meter's types and the plugins'.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bailiwick_meter as meter;
use bailiwick_plugin::types::{self, abuse, quota};
use bailiwick_zone::{Name, RecordType};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::leases::LEASE_TTL_MAX_MS;

pub(crate) fn usage(usage: &meter::Usage) -> types::Usage {
    types::Usage {
        answered: usage.answered,
        refused: usage.refused,
        malformed: usage.malformed,
        limited: usage.limited,
        attack: usage.attack,
        probe: usage.probe,
        control: usage.control,
        internal: usage.internal,
        suspended: usage.suspended,
        other: 0,
    }
}

pub(crate) fn ask_reason(reason: meter::AskReason) -> quota::AskReason {
    match reason {
        meter::AskReason::FirstUse => quota::AskReason::FirstUse,
        meter::AskReason::LowWater => quota::AskReason::LowWater,
        meter::AskReason::Exhausted => quota::AskReason::Exhausted,
        meter::AskReason::Expired => quota::AskReason::Expired,
    }
}

/// A lease as the meter reads it, within our ceiling of time.
pub(crate) fn lease(
    lease: &quota::Lease,
    on_failure: Option<meter::Fallback>,
) -> meter::LeaseGrant {
    let said = match lease.on_failure {
        quota::Fallback::Native => meter::Fallback::Native,
        quota::Fallback::Last => meter::Fallback::Last,
    };
    meter::LeaseGrant {
        units: lease.units,
        ttl_ms: lease.ttl_ms.min(LEASE_TTL_MAX_MS),
        low_water: lease.low_water,
        weights: meter::Weights {
            base: lease.weights.base,
            nxdomain: lease.weights.nxdomain,
            any: lease.weights.any,
            tcp: lease.weights.tcp,
            signed: lease.weights.signed,
            per_kib_out: lease.weights.per_kib_out,
        },
        on_empty: action(lease.on_empty),
        on_failure: on_failure.unwrap_or(said),
    }
}

pub(crate) fn action(action: types::Action) -> meter::Action {
    match action {
        types::Action::Allow => meter::Action::Allow,
        types::Action::Drop => meter::Action::Drop,
        types::Action::Truncate => meter::Action::Truncate,
        types::Action::Slip(n) => meter::Action::Slip(n),
        types::Action::Deny(denial) => meter::Action::Deny {
            rcode: denial.rcode,
            ede: denial.ede,
        },
    }
}

pub(crate) fn effect(effect: abuse::Effect) -> meter::Effect {
    match effect {
        abuse::Effect::Act(what) => meter::Effect::Act(action(what)),
        abuse::Effect::Limit(limit) => meter::Effect::Limit(meter::Limit {
            per_second: limit.per_second,
            burst: limit.burst,
            v4_len: limit.v4_len,
            v6_len: limit.v6_len,
            over: action(limit.over),
        }),
    }
}

pub(crate) fn prefix(net: &IpNet) -> types::Prefix {
    match net {
        IpNet::V4(net) => types::Prefix {
            family: types::Family::V4,
            hi: u64::from(u32::from(net.network())) << 32,
            lo: 0,
            len: net.prefix_len(),
        },
        IpNet::V6(net) => {
            let bits = u128::from(net.network());
            types::Prefix {
                family: types::Family::V6,
                hi: (bits >> 64) as u64,
                lo: bits as u64,
                len: net.prefix_len(),
            }
        }
    }
}

pub(crate) fn net(prefix: &types::Prefix) -> Option<IpNet> {
    match prefix.family {
        types::Family::V4 => {
            let address = Ipv4Addr::from((prefix.hi >> 32) as u32);
            Ipv4Net::new(address, prefix.len)
                .ok()
                .map(|net| IpNet::V4(net.trunc()))
        }
        types::Family::V6 => {
            let address = Ipv6Addr::from(u128::from(prefix.hi) << 64 | u128::from(prefix.lo));
            Ipv6Net::new(address, prefix.len)
                .ok()
                .map(|net| IpNet::V6(net.trunc()))
        }
    }
}

/// A matcher's parts that are not the zone. `None`: it names something that never comes here.
pub(crate) struct Parts {
    pub(crate) source: Option<IpNet>,
    pub(crate) suffix: Option<Name>,
    pub(crate) rtype: Option<RecordType>,
    pub(crate) transport: Option<meter::Transport>,
}

pub(crate) fn matcher(when: &abuse::Matcher) -> Option<Parts> {
    Some(Parts {
        source: when
            .source
            .as_ref()
            .map(|prefix| net(prefix).ok_or(()))
            .transpose()
            .ok()?,
        suffix: when
            .suffix
            .as_ref()
            .map(|name| Name::parse(name))
            .transpose()
            .ok()?,
        rtype: when.rr_type.map(RecordType),
        transport: match when.transport {
            None => None,
            Some(types::Transport::Udp) => Some(meter::Transport::Udp),
            Some(types::Transport::Tcp) => Some(meter::Transport::Tcp),
            Some(types::Transport::Tls) => Some(meter::Transport::Tls),
            Some(types::Transport::Https) => Some(meter::Transport::Https),
            Some(types::Transport::Http3) => Some(meter::Transport::Http3),
            Some(types::Transport::Quic) => Some(meter::Transport::Quic),
            // One that we have no word for: the rule could never match.
            Some(types::Transport::Other) => return None,
        },
    })
}

pub(crate) fn window(
    tables: &meter::WindowTables,
    node: u32,
    (start, end): (u64, u64),
    id_of: &dyn Fn(u32) -> u64,
) -> abuse::Window {
    let sources = abuse::SourceColumns {
        source: tables
            .sources
            .iter()
            .map(|row| prefix(&row.prefix))
            .collect(),
        queries: tables.sources.iter().map(|row| row.queries).collect(),
        nxdomain: tables.sources.iter().map(|row| row.nxdomain).collect(),
        limited: tables.sources.iter().map(|row| row.limited).collect(),
        any: tables.sources.iter().map(|row| row.any).collect(),
        tcp: tables.sources.iter().map(|row| row.tcp).collect(),
        bytes_in: tables.sources.iter().map(|row| row.bytes_in).collect(),
        bytes_out: tables.sources.iter().map(|row| row.bytes_out).collect(),
        distinct_names: tables
            .sources
            .iter()
            .map(|row| row.distinct_names)
            .collect(),
        distinct_zones: tables
            .sources
            .iter()
            .map(|row| row.distinct_zones)
            .collect(),
        main_zone: vec![0; tables.sources.len()],
        extra: Vec::new(),
    };
    let names = abuse::NameColumns {
        zone: tables.names.iter().map(|row| id_of(row.slot)).collect(),
        suffix: tables
            .names
            .iter()
            .map(|row| row.suffix.to_string())
            .collect(),
        queries: tables.names.iter().map(|row| row.queries).collect(),
        nxdomain: tables.names.iter().map(|row| row.nxdomain).collect(),
        distinct_sources: tables
            .names
            .iter()
            .map(|row| row.distinct_sources)
            .collect(),
        distinct_labels: tables.names.iter().map(|row| row.distinct_labels).collect(),
        extra: Vec::new(),
    };
    let zones = abuse::ZoneColumns {
        zone: tables.zones.iter().map(|row| id_of(row.slot)).collect(),
        queries: tables.zones.iter().map(|row| row.queries).collect(),
        nxdomain: tables.zones.iter().map(|row| row.nxdomain).collect(),
        limited: tables.zones.iter().map(|row| row.limited).collect(),
        distinct_sources: tables
            .zones
            .iter()
            .map(|row| row.distinct_sources)
            .collect(),
        bytes_in: tables.zones.iter().map(|row| row.bytes_in).collect(),
        bytes_out: tables.zones.iter().map(|row| row.bytes_out).collect(),
        extra: Vec::new(),
    };
    let hits = tables.hits.iter().take(HITS_MAX);
    let hits = abuse::HitColumns {
        rule: hits.clone().map(|row| row.rule).collect(),
        matched: hits.map(|row| row.matched).collect(),
    };
    let total = usage(&tables.total);
    abuse::Window {
        id: tables.id,
        node,
        start,
        end,
        total,
        sources,
        names,
        zones,
        hits,
    }
}

pub(crate) fn server(server: &super::FleetServer) -> types::brand_ns::Server {
    let v6 = |address: Ipv6Addr| {
        let bits = u128::from(address);
        types::Ipv6 {
            hi: (bits >> 64) as u64,
            lo: bits as u64,
        }
    };
    types::brand_ns::Server {
        node: server.node,
        fleet_name: server.name.clone(),
        v4: server
            .addresses
            .iter()
            .filter_map(|ip| {
                if let IpAddr::V4(v4) = ip {
                    Some(u32::from(*v4))
                } else {
                    None
                }
            })
            .collect(),
        v6: server
            .addresses
            .iter()
            .filter_map(|ip| {
                if let IpAddr::V6(ip) = ip {
                    Some(v6(*ip))
                } else {
                    None
                }
            })
            .collect(),
    }
}

/// The WIT's bound on rows of hits.
const HITS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A prefix that goes to a plugin and comes back in a rule is the same.
    #[test]
    fn prefixes_round_trip() {
        for text in [
            "192.0.2.0/24",
            "0.0.0.0/0",
            "2001:db8:1:200::/56",
            "2001:db8::1/128",
        ] {
            let prefix_net: IpNet = text.parse().unwrap();
            assert_eq!(net(&prefix(&prefix_net)), Some(prefix_net));
        }
    }

    /// RELIABILITY W8: a prefix longer than its family is no prefix.
    #[test]
    fn impossible_prefixes_are_refused() {
        let wrong = types::Prefix {
            family: types::Family::V4,
            hi: 0,
            lo: 0,
            len: 33,
        };
        assert_eq!(net(&wrong), None);
    }

    /// A rule for a transport that we have no word for is left out instead of matching everything.
    #[test]
    fn rule_for_an_unknown_transport_is_left_out() {
        let when = abuse::Matcher {
            transport: Some(types::Transport::Other),
            ..abuse::Matcher::default()
        };
        assert!(matcher(&when).is_none());
    }
}
