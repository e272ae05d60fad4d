//! `/metrics`: the report as Prometheus text.
//!
//! A recorder is made for each scrape and filled from the report, so a zone or plugin that is gone
//! leaves no stale series behind. Labels are bounded: classes, types and fault kinds come from
//! closed sets, and at most `zone-series-max` zones have series of their own (RELIABILITY P22).
//!
//! Which zones those are is decided at each scrape by what they were asked: a list that an operator
//! keeps would miss the one zone that is suddenly a problem. The others are in one sum, so that the
//! total is right. Finding the busiest reads a counter for each zone and a name only for those shown.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::report::{Report, Startup};

/// The text of one scrape.
pub(crate) fn render(report: &Report) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        describe();
        fill(report);
    });
    handle.render()
}

fn fill(report: &Report) {
    gauge!("bailiwick_build_info", "version" => report.version).set(1.0);
    gauge!("bailiwick_start_time_seconds").set(report.started as f64);
    gauge!("bailiwick_ready").set(f64::from(u8::from(report.startup == Startup::Ready)));
    gauge!("bailiwick_config_loaded_time_seconds").set(report.config.loaded as f64);
    gauge!("bailiwick_config_error").set(f64::from(u8::from(report.config.error.is_some())));
    counter!("bailiwick_config_reloads_total", "outcome" => "applied")
        .absolute(report.config.reloads_ok);
    counter!("bailiwick_config_reloads_total", "outcome" => "refused")
        .absolute(report.config.reloads_refused);

    let traffic = &report.traffic;
    for (class, n) in &traffic.classes {
        counter!("bailiwick_queries_total", "class" => class.clone()).absolute(*n);
    }
    for (transport, n) in &traffic.transports {
        counter!("bailiwick_queries_by_transport_total", "transport" => transport.clone())
            .absolute(*n);
    }
    for (event, n) in &traffic.encrypted {
        counter!("bailiwick_encrypted_events_total", "event" => event.clone()).absolute(*n);
    }
    for (rcode, n) in &traffic.rcodes {
        counter!("bailiwick_responses_total", "rcode" => rcode.clone()).absolute(*n);
    }
    for (rtype, n) in &traffic.types {
        counter!("bailiwick_queries_by_type_total", "type" => rtype.clone()).absolute(*n);
    }
    counter!("bailiwick_bytes_total", "direction" => "in").absolute(traffic.bytes_in);
    counter!("bailiwick_bytes_total", "direction" => "out").absolute(traffic.bytes_out);
    for (event, n) in &traffic.other {
        counter!("bailiwick_socket_events_total", "event" => event.clone()).absolute(*n);
    }

    let limited = &report.rate_limit;
    for (outcome, n) in [
        ("slipped", limited.slipped),
        ("dropped", limited.dropped),
        ("shortened", limited.shortened),
        ("would-limit", limited.would_limit),
    ] {
        counter!("bailiwick_rate_limit_total", "outcome" => outcome).absolute(n);
    }

    for (state, n) in &report.zone_states {
        gauge!("bailiwick_zones", "state" => state.clone()).set(*n as f64);
    }
    gauge!("bailiwick_records").set(report.record_count as f64);
    zones(report);
    aliases(report);
    plugins(report);

    gauge!("bailiwick_leases_in_force").set(report.leases.in_force as f64);
    counter!("bailiwick_lease_grants_total").absolute(report.leases.grants);
    gauge!("bailiwick_lease_generation").set(report.leases.generation as f64);
    gauge!("bailiwick_traffic_rules").set((report.rules.len() as u64 + report.rules_more) as f64);
    for (code, n) in &report.error_codes {
        counter!("bailiwick_error_reports_total", "code" => code.clone()).absolute(*n);
    }
    counter!("bailiwick_traffic_rule_hits_total").absolute(report.rule_hits);
}

/// The busiest zones; the others in one sum, so that the total is right.
fn zones(report: &Report) {
    for zone in &report.zones {
        counter!("bailiwick_zone_queries_total", "zone" => label(&zone.name))
            .absolute(zone.queries);
        if let Some(serial) = zone.serial {
            gauge!("bailiwick_zone_serial", "zone" => label(&zone.name)).set(f64::from(serial));
        }
    }
    counter!("bailiwick_zone_queries_total", "zone" => "(others)").absolute(report.other_queries);
}

fn aliases(report: &Report) {
    let aliases = &report.aliases;
    for (state, n) in [
        ("current", aliases.current),
        ("stale", aliases.stale),
        ("unknown", aliases.unknown),
    ] {
        gauge!("bailiwick_aliases", "state" => state).set(n as f64);
    }
    for (outcome, n) in &aliases.lookups {
        counter!("bailiwick_alias_lookups_total", "outcome" => *outcome).absolute(*n);
    }
}

/// A name as a label. The exporter takes a backslash for an escape that was made already, and names
/// have such of their own (`a\\.b.example.`).
fn label(name: &str) -> String {
    name.replace('\\', r"\\")
}

fn plugins(report: &Report) {
    for plugin in &report.plugins {
        let name = plugin.name.clone();
        gauge!("bailiwick_plugin_active", "plugin" => name.clone(), "version" => plugin.version.clone(), "sha256" => plugin.sha256.clone())
            .set(f64::from(u8::from(plugin.active)));
        counter!("bailiwick_plugin_calls_total", "plugin" => name.clone()).absolute(plugin.calls);
        for (kind, n) in &plugin.faults {
            counter!("bailiwick_plugin_faults_total", "plugin" => name.clone(), "kind" => kind.clone()).absolute(*n);
        }
        gauge!("bailiwick_plugin_breaker_open", "plugin" => name.clone())
            .set(f64::from(u8::from(plugin.breaker_open)));
        gauge!("bailiwick_plugin_zone_settings_kept_out", "plugin" => name.clone())
            .set(plugin.settings_kept_out_count as f64);
        gauge!("bailiwick_plugin_memory_high_bytes", "plugin" => name.clone())
            .set(plugin.memory_high_bytes as f64);
        gauge!("bailiwick_plugin_memory_max_bytes", "plugin" => name.clone())
            .set(plugin.memory_max_bytes as f64);
        gauge!("bailiwick_plugin_queue", "plugin" => name.clone()).set(plugin.queue as f64);
        for (quantile, us) in [("0.5", plugin.p50_us), ("0.99", plugin.p99_us)] {
            gauge!("bailiwick_plugin_call_seconds", "plugin" => name.clone(), "quantile" => quantile).set(us as f64 / 1e6);
        }
        for (counted, n) in plugin.counts.iter().take(PLUGIN_COUNTS_MAX) {
            counter!("bailiwick_plugin_counted_total", "plugin" => name.clone(), "name" => counted.clone()).absolute(*n);
        }
    }
}

fn describe() {
    describe_gauge!(
        "bailiwick_aliases",
        "ALIAS records: with current addresses, with those from before a failure, with none (SERVFAIL)."
    );
    describe_counter!(
        "bailiwick_alias_lookups_total",
        "Targets of ALIAS records that were looked up, by outcome."
    );
    describe_gauge!(
        "bailiwick_build_info",
        "Always 1; the labels say what runs."
    );
    describe_gauge!(
        "bailiwick_start_time_seconds",
        Unit::Seconds,
        "When the process started."
    );
    describe_gauge!(
        "bailiwick_ready",
        "1 when everything that was asked for has been loaded or tried."
    );
    describe_gauge!(
        "bailiwick_config_error",
        "1 while the last reload was refused; the older configuration is in force."
    );
    describe_counter!(
        "bailiwick_config_reloads_total",
        "Configuration reloads by outcome."
    );
    describe_counter!(
        "bailiwick_queries_total",
        "Queries by class; the classes partition the total."
    );
    describe_counter!(
        "bailiwick_queries_by_transport_total",
        "Queries by transport."
    );
    describe_counter!(
        "bailiwick_encrypted_events_total",
        "Handshakes, refusals and cut connections under TLS and QUIC."
    );
    describe_counter!(
        "bailiwick_queries_by_type_total",
        "Queries by type; rare types together."
    );
    describe_counter!("bailiwick_responses_total", "Responses by RCODE.");
    describe_counter!("bailiwick_bytes_total", "Octets of DNS messages.");
    describe_counter!(
        "bailiwick_socket_events_total",
        "Dropped, truncated and other events at the sockets."
    );
    describe_counter!(
        "bailiwick_rate_limit_total",
        "Queries over the response rate, by what was done: told to come over TCP, not answered, answer too large and sent empty, or only counted."
    );
    describe_gauge!("bailiwick_zones", "Zones by state.");
    describe_gauge!("bailiwick_records", "Records in all zones served.");
    describe_counter!(
        "bailiwick_zone_queries_total",
        "Queries by zone: the busiest zones, the others in one sum."
    );
    describe_gauge!("bailiwick_zone_serial", "SOA serial being served.");
    describe_gauge!("bailiwick_plugin_active", "1 for the version in use.");
    describe_counter!("bailiwick_plugin_calls_total", "Calls into the plugin.");
    describe_counter!(
        "bailiwick_plugin_faults_total",
        "Calls that failed, by kind of fault."
    );
    describe_gauge!(
        "bailiwick_plugin_breaker_open",
        "1 while the plugin rests after faults; its last tables are in force."
    );
    describe_gauge!(
        "bailiwick_plugin_zone_settings_kept_out",
        "Zones whose own settings do not fit the plugin; its last good ones hold, or the plugin's."
    );
    describe_gauge!(
        "bailiwick_plugin_memory_high_bytes",
        Unit::Bytes,
        "Most memory the plugin ever had."
    );
    describe_gauge!(
        "bailiwick_plugin_memory_max_bytes",
        Unit::Bytes,
        "Most memory the plugin may have."
    );
    describe_gauge!("bailiwick_plugin_queue", "Calls waiting.");
    describe_gauge!(
        "bailiwick_plugin_call_seconds",
        Unit::Seconds,
        "Call latency, recent quantiles."
    );
    describe_counter!(
        "bailiwick_plugin_counted_total",
        "What the plugin counts itself."
    );
    describe_gauge!(
        "bailiwick_leases_in_force",
        "Zones with a lease that has not ended."
    );
    describe_counter!(
        "bailiwick_lease_grants_total",
        "Leases granted by the quota plugin."
    );
    describe_gauge!(
        "bailiwick_lease_generation",
        "Number of the lease table in force."
    );
    describe_counter!(
        "bailiwick_error_reports_total",
        "Errors in our zones that resolvers reported (RFC 9567), by Extended DNS Error."
    );
    describe_gauge!("bailiwick_traffic_rules", "Traffic rules in force.");
    describe_counter!(
        "bailiwick_traffic_rule_hits_total",
        "Queries that traffic rules matched, those that ended included."
    );
}

/// A plugin names its own counters; more than this many would be its bug, not our series.
const PLUGIN_COUNTS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::report::ZoneRow;
    use super::*;

    /// Zones with a row have series of their own, and nothing is lost from the sum.
    #[test]
    fn zones_without_a_row_are_summed() {
        let report = Report {
            zones: vec![ZoneRow {
                name: "b.".into(),
                queries: 30,
                ..ZoneRow::default()
            }],
            other_queries: 6,
            ..Report::default()
        };
        let text = render(&report);
        assert!(
            text.contains("bailiwick_zone_queries_total{zone=\"b.\"} 30"),
            "{text}"
        );
        assert!(
            text.contains("bailiwick_zone_queries_total{zone=\"(others)\"} 6"),
            "{text}"
        );
    }

    /// Prometheus text format: a backslash of the name comes out as two, a quote as an escaped one.
    #[test]
    fn names_with_escapes_are_whole_in_labels() {
        let zone = ZoneRow {
            name: r#"a\.b\"c."#.into(),
            ..ZoneRow::default()
        };
        let report = Report {
            zones: vec![zone],
            ..Report::default()
        };
        let text = render(&report);
        assert!(text.contains(r#"{zone="a\\.b\\\"c."} 0"#), "{text}");
    }
}
