//! Reflection: answers many times larger than the queries, to somebody who did not ask. Forged
//! sources show as UDP only, with type ANY or the same few names over and over: a real resolver would
//! have them in its cache.

use bailiwick_plugin_sdk::RrType;
use bailiwick_plugin_sdk::rows::SourceRow;

use super::{Kind, Pattern, Target, Traffic, is_share};
use crate::settings::Reflection;

pub(crate) fn find(settings: &Reflection, traffic: &Traffic) -> Vec<Pattern> {
    traffic
        .sources
        .iter()
        .filter(|row| is_reflection(settings, traffic, row))
        .map(|row| pattern(settings, traffic, row))
        .collect()
}

fn is_reflection(settings: &Reflection, traffic: &Traffic, row: &SourceRow) -> bool {
    let large = u128::from(row.bytes_out)
        >= u128::from(row.bytes_in.max(1)) * u128::from(settings.amplification);
    let repeated = row.distinct_names <= settings.names_max;
    traffic.per_second(row.bytes_out) >= settings.bytes_per_second
        && large
        && !is_share(row.tcp, row.queries, TCP_PERCENT_MAX)
        && (repeated || is_share(row.any, row.queries, settings.any_percent))
}

fn pattern(settings: &Reflection, traffic: &Traffic, row: &SourceRow) -> Pattern {
    let source = row.source.to_string();
    // Nearly only ANY: then the type is part of the match, and the victim's own questions go through.
    let rr_type = is_share(row.any, row.queries, 80).then_some(ANY);
    Pattern {
        reason: format!(
            "{} bytes a second towards {source} for {} received, {} names",
            traffic.per_second(row.bytes_out),
            traffic.per_second(row.bytes_in),
            row.distinct_names
        ),
        target: Target {
            kind: Kind::Reflection,
            source: Some(source),
            zone: None,
            suffix: None,
            rr_type,
            udp_only: true,
        },
        per_second: settings.per_second,
        burst: settings.per_second.saturating_mul(2),
        rate: traffic.per_second(row.queries),
    }
}

/// RFC 1035 3.2.3, QTYPE `*`.
const ANY: RrType = 255;

/// Who completes connections is who he says he is.
const TCP_PERCENT_MAX: u64 = 10;
