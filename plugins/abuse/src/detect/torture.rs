//! Water torture: random labels below a suffix, nearly all of them answered NXDOMAIN.
//!
//! If few sources send nearly all of it, each of them is limited below that suffix and nobody else
//! notices. If it comes from everywhere (forged, or through many resolvers), the suffix gets one
//! bucket for all over UDP.

use bailiwick_plugin_sdk::rows::{NameRow, SourceRow};

use super::{Kind, Pattern, Target, Traffic, is_share};
use crate::settings::Torture;

pub(crate) fn find(settings: &Torture, traffic: &Traffic) -> Vec<Pattern> {
    let attacked: Vec<&NameRow> = traffic
        .names
        .iter()
        .filter(|row| is_attacked(settings, traffic, row))
        .collect();
    if attacked.is_empty() {
        return vec![];
    }
    let nxdomain = attacked
        .iter()
        .fold(0_u64, |sum, row| sum.saturating_add(row.nxdomain));
    // Somebody who is trusted measures with random names: no reason to limit the suffix for all.
    if is_share(traffic.excused_nxdomain, nxdomain, settings.sources_percent) {
        return vec![];
    }
    let suspects: Vec<&SourceRow> = traffic
        .sources
        .iter()
        .filter(|row| is_suspect(settings, traffic, row))
        .collect();
    let theirs = suspects
        .iter()
        .fold(0_u64, |sum, row| sum.saturating_add(row.nxdomain));
    if suspects.len() <= settings.sources_max
        && is_share(theirs, nxdomain, settings.sources_percent)
    {
        return suspects
            .into_iter()
            .map(|row| by_source(settings, traffic, row, &attacked))
            .collect();
    }
    attacked
        .into_iter()
        .map(|row| by_suffix(settings, traffic, row))
        .collect()
}

fn is_attacked(settings: &Torture, traffic: &Traffic, row: &NameRow) -> bool {
    traffic.per_second(row.nxdomain) >= settings.nxdomain_per_second
        && is_share(row.nxdomain, row.queries, settings.nxdomain_percent)
        && are_random(settings, row.distinct_labels, row.nxdomain)
}

/// A source with its own part in it. What a limit held back was not looked up, so it is taken off
/// before shares are compared.
fn is_suspect(settings: &Torture, traffic: &Traffic, row: &SourceRow) -> bool {
    let looked_up = row.queries.saturating_sub(row.limited);
    traffic.per_second(row.nxdomain) >= u64::from(settings.source_per_second).max(1)
        && is_share(row.nxdomain, looked_up, settings.nxdomain_percent)
        && are_random(settings, row.distinct_names, row.nxdomain)
}

/// Hardly any name twice. The estimate ends somewhere, so many different ones are enough however many
/// queries there were; and a source that sends little cannot have many.
fn are_random(settings: &Torture, distinct: u64, queries: u64) -> bool {
    distinct >= settings.labels_min || is_share(distinct, queries, 50) && distinct >= RANDOM_MIN
}

fn by_source(
    settings: &Torture,
    traffic: &Traffic,
    row: &SourceRow,
    attacked: &[&NameRow],
) -> Pattern {
    let source = row.source.to_string();
    // One suffix is named in the rule, so that the source's other questions are not its business.
    let suffix = match attacked {
        [one] => Some(one.suffix.clone()),
        _ => None,
    };
    let rate = traffic.per_second(row.nxdomain);
    let below = suffix.as_deref().unwrap_or("several names");
    Pattern {
        reason: format!(
            "{source} asks {rate} names a second that do not exist below {below}, {} different ones",
            row.distinct_names
        ),
        target: Target {
            kind: Kind::TortureSource,
            source: Some(source),
            zone: None,
            suffix,
            rr_type: None,
            udp_only: false,
        },
        per_second: settings.source_per_second,
        burst: settings.source_per_second.saturating_mul(2),
        rate,
    }
}

fn by_suffix(settings: &Torture, traffic: &Traffic, row: &NameRow) -> Pattern {
    let rate = traffic.per_second(row.nxdomain);
    Pattern {
        target: Target {
            kind: Kind::TortureSuffix,
            source: None,
            zone: (row.zone != 0).then_some(row.zone),
            suffix: Some(row.suffix.clone()),
            rr_type: None,
            udp_only: true,
        },
        per_second: settings.suffix_per_second,
        burst: settings.suffix_per_second.saturating_mul(2),
        rate,
        reason: format!(
            "{rate} names a second that do not exist below {}, {} different ones from about {} sources",
            row.suffix, row.distinct_labels, row.distinct_sources
        ),
    }
}

const RANDOM_MIN: u64 = 8;
