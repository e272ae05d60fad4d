//! The report: what zones, plugins, tables and counters say, gathered into plain rows.

use std::collections::HashSet;

use bailiwick_authority::{
    AliasSummary, RuleReport, TablesReport, ZoneKind, ZoneState, ZoneStatus, ZoneSummary,
};
use bailiwick_meter::{Class, QTYPE_LABELS, TotalsSnapshot, Transport};
use bailiwick_plugin::BreakerState;
use bailiwick_plugin::registry::PluginStatus;
use bailiwick_server::{EncryptedEvents, RateLimitMode};
use bailiwick_zone::{Name, Zone};

use super::running::Running;
use crate::clock;
use crate::http::Source;
use crate::http::report::{
    AliasRow, DecisionRow, Leases, PluginRow, PluginVersion, RateLimitRow, Report, RuleRow,
    Startup, Traffic, ZoneRow, ZonesWanted,
};

impl Source for Running {
    fn report(&self, wanted: &ZonesWanted) -> Report {
        let summary = self.authority.summary();
        let tables = self.authority.tables();
        let mut report = Report {
            zone_count: summary.zones,
            record_count: summary.records,
            zone_states: states(&summary),
            decisions: decisions(&tables),
            ..self.without_zones(&tables)
        };
        let bad = self
            .authority
            .select(TROUBLES_MAX, |_, state| is_trouble(state));
        let bad_count = summary.states().filter(|(state, _)| is_trouble(*state));
        let bad_count = bad_count.map(|(_, n)| n).sum();
        add_troubles(&mut report, &bad, bad_count, &tables);
        report.zones = if wanted.is_list() {
            self.zone_list(report.now, wanted)
        } else {
            self.zone_rows(report.now, wanted.most)
        };
        report
    }

    fn figures(&self, zones_max: usize) -> Report {
        let summary = self.authority.summary();
        let (busiest, other_queries) = self.busiest(zones_max);
        Report {
            zone_count: summary.zones,
            record_count: summary.records,
            zone_states: states(&summary),
            zones: busiest,
            other_queries,
            ..self.without_zones(&self.authority.tables())
        }
    }

    fn startup(&self) -> Startup {
        self.startup()
    }

    fn zone_series_max(&self) -> usize {
        self.config().http.zone_series_max
    }
}

impl Running {
    /// Everything that is not about zones.
    fn without_zones(&self, tables: &TablesReport) -> Report {
        let now = clock::unix_now();
        let plugins = self.registry.get().map(|r| r.list()).unwrap_or_default();
        let mut rules: Vec<&RuleReport> = tables.rules.iter().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.hits));
        Report {
            version: env!("CARGO_PKG_VERSION"),
            now,
            started: self.started,
            startup: self.startup(),
            config: self.config_state().clone(),
            listen: self.listening(),
            plugins: plugins.iter().map(plugin_row).collect(),
            traffic: self.traffic(),
            rate_limit: self.rate_limit(),
            leases: Leases {
                generation: tables.lease_generation,
                in_force: tables.leases as u64,
                grants: tables.leases_granted,
            },
            rule_hits: tables.rule_hits,
            rules_more: rules.len().saturating_sub(RULES_MAX) as u64,
            rules: rules
                .into_iter()
                .take(RULES_MAX)
                .map(|rule| rule_row(now, rule))
                .collect(),
            error_reports: self.error_reports.rows(),
            error_codes: self.error_reports.by_code(),
            aliases: alias_row(self.authority.alias_summary()),
            troubles: self.troubles(),
            ..Report::default()
        }
    }

    /// The zones that were asked most, and the queries of all others together.
    fn busiest(&self, most: usize) -> (Vec<ZoneRow>, u64) {
        let (busiest, other_queries) = self.busiest_names(most);
        let zones = self.zones.load();
        let rows = busiest.into_iter().map(|(name, queries)| ZoneRow {
            name: name.to_string(),
            serial: zones.get(&name).map(|zone| zone.serial().0),
            queries,
            ..ZoneRow::default()
        });
        (rows.collect(), other_queries)
    }

    /// The same by name, with their queries.
    fn busiest_names(&self, most: usize) -> (Vec<(Name, u64)>, u64) {
        let zones = self.zones.load();
        let mut asked: Vec<(u64, &Zone)> = Vec::with_capacity(zones.len());
        let mut each = zones.iter();
        let slots = zones.iter().map(|zone| zone.slot());
        self.meter.each_zone(slots, |_, queries| {
            asked.extend(each.next().map(|zone| (queries, &**zone)));
        });
        let order = |a: &(u64, &Zone), b: &(u64, &Zone)| {
            b.0.cmp(&a.0).then_with(|| a.1.slot().cmp(&b.1.slot()))
        };
        let rest = if asked.len() > most {
            asked.select_nth_unstable_by(most, order);
            asked.split_off(most)
        } else {
            Vec::new()
        };
        asked.sort_unstable_by(order);
        let names = asked
            .into_iter()
            .map(|(queries, zone)| (zone.apex().clone(), queries));
        (
            names.collect(),
            rest.iter().map(|(queries, _)| queries).sum(),
        )
    }

    /// Trouble first, then what is under way, then the busiest. Words are made for these only: for a hundred
    /// thousand zones they would take seconds.
    fn zone_rows(&self, now: u64, most: usize) -> Vec<ZoneRow> {
        let mut zones = self.authority.select(most, |_, state| is_trouble(state));
        let left = most - zones.len();
        let is_on_its_way = |state| !is_trouble(state) && state != ZoneState::Ok;
        zones.extend(self.authority.select(left, |_, state| is_on_its_way(state)));
        let listed = zones.iter().map(|zone| zone.name.clone());
        let listed: HashSet<String> = listed.collect();
        let (busiest, _) = self.busiest_names(most);
        let others = busiest.into_iter().filter_map(|(name, _)| {
            (!listed.contains(&name.to_string())).then(|| self.authority.zone_status(&name))?
        });
        let left = most - zones.len();
        zones.extend(others.take(left));
        zones
            .into_iter()
            .map(|zone| self.zone_row(now, zone))
            .collect()
    }

    /// Those that are asked for, in canonical order.
    fn zone_list(&self, now: u64, wanted: &ZonesWanted) -> Vec<ZoneRow> {
        let after = wanted
            .after
            .as_ref()
            .and_then(|name| Name::parse(name).ok());
        let part = wanted.name.as_ref().map(|part| part.to_lowercase());
        let is_wanted = |name: &Name, state: ZoneState| {
            wanted
                .state
                .as_ref()
                .is_none_or(|word| state_word(state) == word)
                && after.as_ref().is_none_or(|after| name > after)
                && part
                    .as_ref()
                    .is_none_or(|part| name.to_lowercase().to_string().contains(part))
        };
        let zones = self.authority.select(wanted.most, is_wanted);
        zones
            .into_iter()
            .map(|zone| self.zone_row(now, zone))
            .collect()
    }

    fn zone_row(&self, now: u64, zone: ZoneStatus) -> ZoneRow {
        let queries = zone.slot.map_or(0, |slot| self.meter.zone(slot).0.total());
        ZoneRow {
            queries,
            state: state_word(zone.state).to_owned(),
            role: match zone.kind {
                ZoneKind::Hosted => "hosted",
                ZoneKind::Secondary => "secondary",
            }
            .to_owned(),
            source: zone.file.unwrap_or_else(|| zone.primaries.join(", ")),
            name: zone.name,
            words: zone.words,
            serial: zone.serial,
            records: zone.records,
            signed: zone.signed,
            last_success: zone.last_success,
            last_error: zone.last_error,
            next_try: zone
                .next_try_seconds
                .map(|seconds| now.saturating_add(seconds)),
        }
    }

    fn rate_limit(&self) -> RateLimitRow {
        let counts = self.rate_limiter.counts();
        RateLimitRow {
            mode: match self.config().rate_limit.mode {
                RateLimitMode::Off => "off",
                RateLimitMode::Log => "log",
                RateLimitMode::Limit => "limit",
            },
            slipped: counts.slipped,
            dropped: counts.dropped,
            shortened: counts.shortened,
            would_limit: counts.would_limit,
        }
    }

    fn traffic(&self) -> Traffic {
        let totals = self.meter.totals();
        let named = |names: &[&str], counts: &[u64]| -> Vec<(String, u64)> {
            let rows = names.iter().zip(counts).filter(|(_, n)| **n > 0);
            rows.map(|(name, n)| ((*name).to_owned(), *n)).collect()
        };
        let rcodes = totals.rcodes.iter().enumerate().filter(|(_, n)| **n > 0);
        let rcodes = rcodes.map(|(code, n)| {
            // Codes fit 12 bits.
            let name = bailiwick_answer::Rcode(u16::try_from(code).unwrap_or(u16::MAX)).to_string();
            (name, *n)
        });
        let mut other = vec![
            ("NXDOMAIN answers".to_owned(), totals.nxdomain),
            ("NODATA answers".to_owned(), totals.nodata),
            ("referrals".to_owned(), totals.referrals),
            ("truncated".to_owned(), totals.truncated),
            ("not answered".to_owned(), totals.silent),
            ("not sent".to_owned(), totals.unsent),
            ("panics caught".to_owned(), totals.panics),
        ];
        other.retain(|(_, n)| *n > 0);
        Traffic {
            classes: Class::ALL
                .iter()
                .map(|class| (class.label().to_owned(), totals.classes.of(*class)))
                .collect(),
            transports: transports(&totals),
            rcodes: rcodes.collect(),
            types: named(&QTYPE_LABELS, &totals.qtypes),
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
            encrypted: named_events(self.encrypted_events()),
            other,
        }
    }
}

/// What happened on encrypted transports, if anything did.
fn named_events(events: EncryptedEvents) -> Vec<(String, u64)> {
    let happened = events.named().into_iter().filter(|(_, n)| *n > 0);
    happened
        .map(|(name, n)| (name.replace('_', " "), n))
        .collect()
}

/// Queries by transport and family, those that were used.
fn transports(totals: &TotalsSnapshot) -> Vec<(String, u64)> {
    let families = [("IPv4", false), ("IPv6", true)];
    let each = Transport::ALL
        .into_iter()
        .flat_map(|transport| families.map(|family| (transport, family)));
    each.map(|(transport, (family, v6))| {
        let name = format!("{} {family}", transport.label());
        (name, totals.by_transport(transport, v6))
    })
    .filter(|(_, n)| *n > 0)
    .collect()
}

fn alias_row(summary: AliasSummary) -> AliasRow {
    AliasRow {
        current: summary.current,
        stale: summary.stale,
        unknown: summary.unknown,
        lookups: summary.lookups,
    }
}

fn rule_row(now: u64, rule: &RuleReport) -> RuleRow {
    RuleRow {
        id: rule.id.to_string(),
        what: rule.matches.clone(),
        action: rule.effect.clone(),
        reason: rule.reason.clone(),
        ends: now.saturating_add(rule.ends_in_ms / 1000),
        hits: rule.hits,
        attack: rule.attack,
        dry_run: rule.dry_run,
    }
}

/// Brands, signing and cases for a person: what plugins decided beside traffic.
fn decisions(tables: &TablesReport) -> Vec<DecisionRow> {
    let row = |about: &str, kind: &str, outcome: String| DecisionRow {
        about: about.to_owned(),
        kind: kind.to_owned(),
        outcome,
    };
    let brands = tables.brands.iter().map(|brand| match &brand.refused {
        Some(reason) => row(&brand.zone, "brand-ns", format!("refused: {reason}")),
        None => {
            let todo = if brand.actions.is_empty() {
                String::new()
            } else {
                format!("; to do at the parent: {}", brand.actions.join("; "))
            };
            row(
                &brand.zone,
                "brand-ns",
                format!(
                    "served by {} at {}{todo}",
                    brand.ns.join(", "),
                    brand.addresses.join(", ")
                ),
            )
        }
    });
    let signing = tables.signing.iter().map(|zone| {
        let mut numbers = zone.algorithms.clone();
        numbers.dedup();
        let algorithms: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let outcome = if zone.sign {
            format!(
                "to be signed with algorithm {}: {}",
                algorithms.join(", "),
                zone.reason
            )
        } else {
            format!("not to be signed: {}", zone.reason)
        };
        row(&zone.zone, "dnssec-policy", outcome)
    });
    let cases = tables
        .cases
        .iter()
        .map(|case| row(&case.zone, "abuse", case.reason.clone()));
    brands
        .chain(signing)
        .chain(cases)
        .take(DECISIONS_MAX)
        .collect()
}

fn plugin_row(plugin: &PluginStatus) -> PluginRow {
    let metrics = &plugin.metrics;
    let resting = plugin.breaker != BreakerState::Closed;
    let state = match (&plugin.start_error, &plugin.active, plugin.breaker) {
        (Some(error), ..) => format!("does not start: {error}"),
        (None, None, _) => "installed, not active".to_owned(),
        (None, Some(_), BreakerState::Closed) => "working".to_owned(),
        (None, Some(_), BreakerState::Open) => {
            "resting after faults; its last tables stay in force".to_owned()
        }
        (None, Some(_), BreakerState::HalfOpen) => "being tried again after faults".to_owned(),
    };
    let version = |v: &bailiwick_plugin::registry::VersionStatus| PluginVersion {
        active: plugin.active.as_ref() == Some(&v.sha256),
        version: v.version.clone(),
        sha256: v.sha256.clone(),
    };
    PluginRow {
        name: plugin.plugin.clone(),
        kinds: plugin.kinds.iter().map(ToString::to_string).collect(),
        version: plugin.active_version.clone().unwrap_or_default(),
        sha256: plugin.active.clone().unwrap_or_default(),
        active: plugin.active.is_some() && plugin.start_error.is_none(),
        installed: plugin.versions.iter().map(version).collect(),
        state,
        breaker_open: resting,
        settings_kept_out: plugin.settings_kept_out.clone(),
        settings_kept_out_count: plugin.settings_kept_out_count as u64,
        calls: metrics.calls,
        faults: metrics
            .faults
            .iter()
            .filter(|(_, n)| **n > 0)
            .map(|(kind, n)| ((*kind).to_owned(), *n))
            .collect(),
        last_fault: metrics.last_fault.as_ref().map(|fault| {
            format!(
                "{} in `{}`: {}",
                fault.fault.as_str(),
                fault.call,
                fault.words
            )
        }),
        memory_high_bytes: metrics.memory_high_bytes as u64,
        memory_max_bytes: plugin.limits.memory_bytes as u64,
        queue: metrics.queue as u64,
        p50_us: metrics.latency_p50_us,
        p99_us: metrics.latency_p99_us,
        counts: metrics
            .counters
            .iter()
            .map(|(name, n)| (name.clone(), *n))
            .collect(),
    }
}

/// Zones and plugins that need a person, in words; many of a kind in one line.
fn add_troubles(report: &mut Report, bad: &[ZoneStatus], bad_count: u64, tables: &TablesReport) {
    for zone in bad {
        report
            .troubles
            .push(format!("Zone {}: {}.", zone.name, zone.words));
    }
    let more = bad_count.saturating_sub(bad.len() as u64);
    if more > 0 {
        report
            .troubles
            .push(format!("{more} more zones have trouble."));
    }
    for plugin in &report.plugins {
        if plugin.breaker_open || plugin.state.starts_with("does not start") {
            report
                .troubles
                .push(format!("Plugin {}: {}.", plugin.name, plugin.state));
        }
        if let Some(words) = plugin.settings_kept_out.first() {
            let more = match plugin.settings_kept_out_count {
                1 => String::new(),
                n => format!("; {} more zones have such settings", n - 1),
            };
            report
                .troubles
                .push(format!("Plugin {}: {words}{more}.", plugin.name));
        }
    }
    let failures = [
        ("leases", &tables.lease_error),
        ("traffic", &tables.rule_error),
        ("zones", &tables.zone_error),
    ];
    for (about, failure) in failures {
        if let Some(words) = failure {
            report.troubles.push(format!("The last question to a plugin about {about} failed: {words}. What it said before stays in force."));
        }
    }
    if report.config.error.is_some() {
        report.troubles.push(
            "The last configuration was not taken over; the one before it is in force.".to_owned(),
        );
    }
}

fn is_trouble(state: ZoneState) -> bool {
    match state {
        ZoneState::Ok | ZoneState::Waiting | ZoneState::Transferring => false,
        ZoneState::Failing | ZoneState::Expiring | ZoneState::Expired | ZoneState::Held => true,
    }
}

fn states(summary: &ZoneSummary) -> Vec<(String, u64)> {
    let some = summary.states().filter(|(_, n)| *n > 0);
    some.map(|(state, n)| (state_word(state).to_owned(), n))
        .collect()
}

fn state_word(state: ZoneState) -> &'static str {
    match state {
        ZoneState::Ok => "ok",
        ZoneState::Waiting => "waiting",
        ZoneState::Transferring => "transferring",
        ZoneState::Failing => "failing",
        ZoneState::Expiring => "expiring",
        ZoneState::Expired => "expired",
        ZoneState::Held => "held",
    }
}

const DECISIONS_MAX: usize = 200;
const RULES_MAX: usize = 100;
const TROUBLES_MAX: usize = 5;
