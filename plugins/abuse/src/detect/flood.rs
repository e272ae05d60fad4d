//! A source that asks more than any resolver would, whatever it asks.

use super::{Kind, Pattern, Target, Traffic};
use crate::settings::Flood;

/// Sources in `explained` have a rule that fits them better.
pub(crate) fn find(settings: &Flood, traffic: &Traffic, explained: &[String]) -> Vec<Pattern> {
    if settings.per_second == 0 {
        return vec![];
    }
    traffic
        .sources
        .iter()
        .filter_map(|row| {
            let rate = traffic.per_second(row.queries);
            let source = row.source.to_string();
            let is_flood = rate >= u64::from(settings.per_second) && !explained.contains(&source);
            is_flood.then(|| Pattern {
                reason: format!("{rate} queries a second from {source}"),
                target: Target {
                    kind: Kind::Flood,
                    source: Some(source),
                    zone: None,
                    suffix: None,
                    rr_type: None,
                    udp_only: true,
                },
                per_second: settings.per_second,
                burst: settings.per_second,
                rate,
            })
        })
        .collect()
}
