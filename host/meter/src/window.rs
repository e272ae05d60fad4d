//! A closed window of traffic: all threads' sketches as one table, largest first.

use std::cmp::Reverse;
use std::net::IpAddr;

use bailiwick_zone::name::Name;
use ipnet::IpNet;

use crate::class::Usage;
use crate::query::Source;
use crate::sketch::{About, Counts, Entry, Hitters, NameEntry, Sketch, SourceEntry, ZoneEntry};
use crate::tick::Tick;

/// Traffic between two moments. Totals are exact, rows are estimates.
#[derive(Clone, Debug, Default)]
pub struct WindowTables {
    /// Counts the windows of this meter.
    pub id: u64,
    /// When the one before was closed.
    pub start: Tick,
    /// When this one was.
    pub end: Tick,
    /// Queries by class.
    pub total: Usage,
    /// Source prefixes: /24 of IPv4, /56 of IPv6.
    pub sources: Vec<SourceRow>,
    /// Apexes, and names one label below them.
    pub names: Vec<NameRow>,
    /// Zones.
    pub zones: Vec<ZoneRow>,
    /// How often each rule in force matched in the window.
    pub hits: Vec<RuleHits>,
}

/// What came from one prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "counts named after what they count")]
pub struct SourceRow {
    pub prefix: IpNet,
    pub queries: u64,
    pub nxdomain: u64,
    pub limited: u64,
    pub any: u64,
    pub tcp: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub distinct_names: u64,
    pub distinct_zones: u64,
}

/// What was asked for at or below one name.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "counts named after what they count")]
pub struct NameRow {
    pub slot: u32,
    pub suffix: Name,
    pub queries: u64,
    pub nxdomain: u64,
    pub distinct_sources: u64,
    /// Different labels right below the suffix.
    pub distinct_labels: u64,
}

/// What was asked of one zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "counts named after what they count")]
pub struct ZoneRow {
    pub slot: u32,
    pub queries: u64,
    pub nxdomain: u64,
    pub limited: u64,
    pub distinct_sources: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

/// How often a rule matched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RuleHits {
    /// The rule.
    pub rule: u64,
    /// Its matches.
    pub matched: u64,
}

/// Rows of one table.
const ROWS_MAX: usize = 256;

/// Adds up the sketches of all threads.
pub(crate) fn merge(sketches: &[Sketch]) -> (Vec<SourceRow>, Vec<NameRow>, Vec<ZoneRow>) {
    let sources = sum(
        sketches.iter().map(|sketch| &sketch.sources),
        |to: &mut SourceEntry, from| {
            to.names.merge(&from.names);
            to.zones.merge(&from.zones);
        },
    );
    let names = sum(
        sketches.iter().map(|sketch| &sketch.names),
        |to: &mut NameEntry, from| {
            to.sources.merge(&from.sources);
            to.labels.merge(&from.labels);
        },
    );
    let zones = sum(
        sketches.iter().map(|sketch| &sketch.zones),
        |to: &mut ZoneEntry, from| {
            to.sources.merge(&from.sources);
        },
    );
    (
        sources
            .into_iter()
            .filter_map(|(counts, entry)| source_row(&counts, &entry))
            .collect(),
        names
            .into_iter()
            .filter_map(|(counts, entry)| name_row(&counts, &entry))
            .collect(),
        zones
            .into_iter()
            .map(|(counts, entry)| zone_row(&counts, &entry))
            .collect(),
    )
}

/// Joins the entries that several tables have of one key, and keeps the largest.
fn sum<'a, E: About + 'a>(
    tables: impl Iterator<Item = &'a Hitters<E>>,
    join: impl Fn(&mut E, &E),
) -> Vec<(Counts, E)> {
    let mut entries: Vec<&Entry<E>> = tables.flat_map(Hitters::iter).collect();
    entries.sort_unstable_by_key(|entry| entry.key);
    let mut keys: Vec<(u64, &[&Entry<E>])> = entries
        .chunk_by(|one, other| one.key == other.key)
        .map(|same| {
            let queries = same.iter().map(|entry| entry.counts.queries);
            (queries.fold(0, u64::wrapping_add), same)
        })
        .collect();
    // Equal counts in an order of their own, so that a replayed window is the same window.
    keys.sort_unstable_by_key(|(queries, same)| (Reverse(*queries), same.first().map(|e| e.key)));
    keys.truncate(ROWS_MAX);
    let joined = |(_, same): (u64, &[&Entry<E>])| {
        let (first, rest) = same.split_first()?;
        let (mut counts, mut what) = (first.counts, first.what.clone());
        for entry in rest {
            counts.merge(&entry.counts);
            join(&mut what, &entry.what);
        }
        Some((counts, what))
    };
    keys.into_iter().filter_map(joined).collect()
}

fn source_row(counts: &Counts, entry: &SourceEntry) -> Option<SourceRow> {
    Some(SourceRow {
        prefix: prefix_of(entry.prefix?),
        queries: counts.queries,
        nxdomain: counts.nxdomain,
        limited: counts.limited,
        any: counts.any,
        tcp: counts.tcp,
        bytes_in: counts.bytes_in,
        bytes_out: counts.bytes_out,
        distinct_names: entry.names.estimate(counts),
        distinct_zones: entry.zones.estimate(counts),
    })
}

fn name_row(counts: &Counts, entry: &NameEntry) -> Option<NameRow> {
    Some(NameRow {
        slot: entry.slot,
        suffix: Name::from_wire(entry.wire()).ok()?,
        queries: counts.queries,
        nxdomain: counts.nxdomain,
        distinct_sources: entry.sources.estimate(counts),
        distinct_labels: entry.labels.estimate(counts),
    })
}

fn zone_row(counts: &Counts, entry: &ZoneEntry) -> ZoneRow {
    ZoneRow {
        slot: entry.slot,
        queries: counts.queries,
        nxdomain: counts.nxdomain,
        limited: counts.limited,
        distinct_sources: entry.sources.estimate(counts),
        bytes_in: counts.bytes_in,
        bytes_out: counts.bytes_out,
    }
}

fn prefix_of(prefix: Source) -> IpNet {
    match prefix.to_ip() {
        IpAddr::V4(v4) => IpNet::V4(ipnet::Ipv4Net::new_assert(v4, 24)),
        IpAddr::V6(v6) => IpNet::V6(ipnet::Ipv6Net::new_assert(v6, 56)),
    }
}
