//! What a running server tells about itself: plain rows that the status page, `/status.json`,
//! the metrics and `bailiwick status` all read, so that they cannot disagree.

use serde::Serialize;

/// Which zones have a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZonesWanted {
    /// So many at most.
    pub(crate) most: usize,
    /// Only names with this in them; without a list to page through, trouble and the busiest come first.
    pub(crate) name: Option<String>,
    /// Only zones in this state.
    pub(crate) state: Option<String>,
    /// Only names after this one, in canonical order (RFC 4034 6.1).
    pub(crate) after: Option<String>,
}

impl ZonesWanted {
    /// So many, the ones that a person should see first.
    pub(crate) fn first(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Whether it is for certain zones: their rows come in canonical order.
    pub(crate) fn is_list(&self) -> bool {
        self.name.is_some() || self.state.is_some() || self.after.is_some()
    }
}

/// Everything, at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) version: &'static str,
    /// Seconds since 1970.
    pub(crate) now: u64,
    pub(crate) started: u64,
    pub(crate) startup: Startup,
    pub(crate) config: ConfigState,
    pub(crate) listen: Vec<String>,
    pub(crate) zone_count: u64,
    pub(crate) record_count: u64,
    /// Zones by state, all of them.
    pub(crate) zone_states: Vec<(String, u64)>,
    /// Trouble first; not more than a page bears. For the metrics: the busiest.
    pub(crate) zones: Vec<ZoneRow>,
    /// Queries of the zones that have no row; only for the metrics.
    #[serde(skip)]
    pub(crate) other_queries: u64,
    pub(crate) plugins: Vec<PluginRow>,
    pub(crate) traffic: Traffic,
    pub(crate) rate_limit: RateLimitRow,
    pub(crate) leases: Leases,
    /// The busiest; not more than a page bears.
    pub(crate) rules: Vec<RuleRow>,
    pub(crate) rules_more: u64,
    /// Queries that rules have met since the start, those that ended included.
    pub(crate) rule_hits: u64,
    pub(crate) decisions: Vec<DecisionRow>,
    /// Reports of resolvers (RFC 9567), the latest first.
    pub(crate) error_reports: Vec<ErrorReportRow>,
    /// All of them by error (RFC 8914).
    pub(crate) error_codes: Vec<(String, u64)>,
    /// ALIAS records of hosted zones.
    pub(crate) aliases: AliasRow,
    /// What a person should look at, in words.
    pub(crate) troubles: Vec<String>,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Startup {
    /// Queries are not answered yet.
    #[default]
    Starting,
    /// Queries are answered; zones or plugins are still being loaded.
    Loading,
    /// Everything that was asked for has been tried once.
    Ready,
    /// Stopping after a signal.
    Stopping,
}

/// The configuration in force, and what became of the last attempt to change it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ConfigState {
    pub(crate) file: Option<String>,
    /// When the one in force was read.
    pub(crate) loaded: u64,
    pub(crate) reloads_ok: u64,
    pub(crate) reloads_refused: u64,
    /// Why the last one was kept out, if it was.
    pub(crate) error: Option<String>,
    /// Keys that changed in the file and wait for a restart.
    pub(crate) waits_for_restart: Vec<String>,
}

/// One zone.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ZoneRow {
    pub(crate) name: String,
    /// "hosted" or "secondary".
    pub(crate) role: String,
    /// waiting, transferring, ok, failing, expiring, expired, held.
    pub(crate) state: String,
    /// The state as a sentence.
    pub(crate) words: String,
    pub(crate) serial: Option<u32>,
    pub(crate) records: u64,
    pub(crate) signed: bool,
    /// Seconds since 1970.
    pub(crate) last_success: Option<u64>,
    pub(crate) last_error: Option<String>,
    pub(crate) next_try: Option<u64>,
    pub(crate) source: String,
    pub(crate) queries: u64,
}

/// One plugin.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PluginRow {
    pub(crate) name: String,
    pub(crate) kinds: Vec<String>,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) active: bool,
    pub(crate) installed: Vec<PluginVersion>,
    /// "working", "resting after faults until …", "not started": in words.
    pub(crate) state: String,
    pub(crate) breaker_open: bool,
    /// Zones whose own settings are not in force, in words; the first of them.
    pub(crate) settings_kept_out: Vec<String>,
    /// How many there are.
    pub(crate) settings_kept_out_count: u64,
    pub(crate) calls: u64,
    /// By kind of fault.
    pub(crate) faults: Vec<(String, u64)>,
    pub(crate) last_fault: Option<String>,
    pub(crate) memory_high_bytes: u64,
    pub(crate) memory_max_bytes: u64,
    pub(crate) queue: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// What the plugin counts itself.
    pub(crate) counts: Vec<(String, u64)>,
}

/// A version in the registry.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PluginVersion {
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) active: bool,
}

/// Queries by class and by what they were.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Traffic {
    /// answered, refused, malformed, limited, attack, …
    pub(crate) classes: Vec<(String, u64)>,
    pub(crate) transports: Vec<(String, u64)>,
    /// What happened on encrypted transports beside queries.
    pub(crate) encrypted: Vec<(String, u64)>,
    pub(crate) rcodes: Vec<(String, u64)>,
    pub(crate) types: Vec<(String, u64)>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Other totals of the sockets: dropped, truncated, panics caught …
    pub(crate) other: Vec<(String, u64)>,
}

/// What response rate limiting has done.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RateLimitRow {
    /// "off", "log" or "limit".
    pub(crate) mode: &'static str,
    /// Over the rate: told to come over TCP.
    pub(crate) slipped: u64,
    /// Over the rate: no answer.
    pub(crate) dropped: u64,
    /// Answers too large for what was left of the rate, sent empty with TC.
    pub(crate) shortened: u64,
    /// Over the rate, but only looked at.
    pub(crate) would_limit: u64,
}

/// ALIAS records and what was looked up for them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AliasRow {
    /// Their addresses are known, and the last look-up went well.
    pub(crate) current: u64,
    /// Served with what was known before a failure.
    pub(crate) stale: u64,
    /// Not known: SERVFAIL.
    pub(crate) unknown: u64,
    /// Look-ups by how they ended.
    pub(crate) lookups: Vec<(&'static str, u64)>,
}

/// The lease table.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Leases {
    pub(crate) generation: u64,
    pub(crate) in_force: u64,
    pub(crate) grants: u64,
}

/// A traffic rule in force.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RuleRow {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) action: String,
    pub(crate) reason: String,
    pub(crate) ends: u64,
    pub(crate) hits: u64,
    /// What it matches counts as attack.
    pub(crate) attack: bool,
    pub(crate) dry_run: bool,
}

/// What plugins decided about something that is not traffic: brands, signing policies.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct DecisionRow {
    pub(crate) about: String,
    pub(crate) kind: String,
    pub(crate) outcome: String,
}

/// What a resolver reported about a name of ours (RFC 9567).
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ErrorReportRow {
    pub(crate) name: String,
    pub(crate) rtype: String,
    /// The Extended DNS Error (RFC 8914).
    pub(crate) code: u16,
    pub(crate) count: u64,
    /// Seconds since 1970.
    pub(crate) last: u64,
    /// Who sent the last one.
    pub(crate) from: String,
}

impl Report {
    /// How long the server has been up, for a reader.
    pub(crate) fn uptime(&self) -> String {
        crate::clock::words(self.now.saturating_sub(self.started))
    }

    /// "12 s ago" for a moment in the past.
    pub(crate) fn ago(&self, then: &u64) -> String {
        format!(
            "{} ago",
            crate::clock::words(self.now.saturating_sub(*then))
        )
    }

    /// "in 12 s" for a moment to come.
    pub(crate) fn ahead(&self, then: &u64) -> String {
        match then.saturating_sub(self.now) {
            0 => "now".to_owned(),
            seconds => format!("in {}", crate::clock::words(seconds)),
        }
    }

    /// The exact time, for `datetime` attributes.
    pub(crate) fn exact(&self, then: &u64) -> String {
        crate::clock::rfc3339(*then)
    }
}

impl ZoneRow {
    /// A shape for the state, so that colour is never the only sign.
    pub(crate) fn shape(&self) -> &'static str {
        match self.state.as_str() {
            "ok" => "●",
            "waiting" => "○",
            "transferring" => "◐",
            "failing" => "▲",
            "expiring" => "▲!",
            "expired" => "■",
            _ => "‖",
        }
    }
}

impl PluginRow {
    /// All faults together.
    pub(crate) fn fault_count(&self) -> u64 {
        self.faults.iter().map(|(_, n)| n).sum()
    }

    /// "trap 2, timeout 1"
    pub(crate) fn fault_words(&self) -> String {
        let words: Vec<String> = self
            .faults
            .iter()
            .map(|(kind, n)| format!("{kind} {n}"))
            .collect();
        words.join(", ")
    }
}

/// 12345678 as "12 345 678", with the thin spaces that keep a number together.
pub(crate) fn grouped(number: &u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// "1.4 MiB"
pub(crate) fn bytes(number: &u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if *number < 1024 {
        return format!("{number} B");
    }
    let mut value = *number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are grouped from the right.
    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(&1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(&999), "999");
    }

    /// The unit follows the size.
    #[test]
    fn sizes_are_shown_in_their_unit() {
        assert_eq!(bytes(&100), "100 B");
        assert_eq!(bytes(&1_572_864), "1.5 MiB");
    }
}
