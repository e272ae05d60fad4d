//! What the control socket can do with a running server.

use serde_json::json;

use super::plugins;
use super::reload;
use super::running::Running;
use crate::clock;
use crate::control::server::Commands;
use crate::control::{Reply, Request};
use crate::http::Source;
use crate::http::report::{PluginRow, Report, ZonesWanted};

impl Commands for Running {
    fn execute(&self, request: Request, attached: Vec<u8>) -> Reply {
        let done = match request {
            Request::Status => return status(&self.report(&ZonesWanted::first(STATUS_ZONES_MAX))),
            Request::PluginList => return list(&self.report(&ZonesWanted::default()).plugins),
            Request::Reload => reload::reload(self).map(|text| Reply::done(text, json!({}))),
            Request::PluginInstall {
                activate, large, ..
            } => self.install(&attached, large, activate),
            Request::PluginActivate { name, version } => self.activate(&name, version.as_deref()),
            Request::PluginRollback { name } => self.rollback(&name),
        };
        done.unwrap_or_else(Reply::refused)
    }
}

impl Running {
    fn install(&self, component: &[u8], large: bool, activate: bool) -> Result<Reply, String> {
        let registry = self.registry()?;
        let grants = bailiwick_plugin::Grants {
            large,
            capabilities: None,
        };
        let installed = registry
            .install(component, &grants, clock::unix_millis())
            .map_err(|e| chain(&e))?;
        let data = serde_json::to_value(&installed).unwrap_or_default();
        if activate {
            return self.activate(&installed.plugin, Some(&installed.sha256));
        }
        let (name, version, sha256) = (&installed.plugin, &installed.version, &installed.sha256);
        let before = if installed.known_before {
            "was installed already"
        } else {
            "is installed"
        };
        Ok(Reply::done(
            format!(
                "{name} {version} {before}, sha256 {sha256}\nuse it with: bailiwick plugin activate {name} {version}"
            ),
            data,
        ))
    }

    fn activate(&self, name: &str, version: Option<&str>) -> Result<Reply, String> {
        let registry = self.registry()?;
        let rows = registry.list();
        let row = plugins::known(&rows, name)?;
        let wanted = version
            .map(|wanted| plugins::resolve(row, wanted))
            .transpose()?;
        let origin = registry
            .activate(name, wanted.as_deref(), clock::unix_millis())
            .map_err(|e| chain(&e))?;
        Ok(in_force(&origin))
    }

    fn rollback(&self, name: &str) -> Result<Reply, String> {
        let registry = self.registry()?;
        plugins::known(&registry.list(), name)?;
        let origin = registry
            .rollback(name, clock::unix_millis())
            .map_err(|e| chain(&e))?;
        Ok(in_force(&origin))
    }

    fn registry(&self) -> Result<&bailiwick_plugin::Registry, String> {
        let registry = self.registry.get();
        registry.map(AsRef::as_ref).ok_or_else(|| {
            "plugins are not loaded yet, or cannot be used; `bailiwick status` says which"
                .to_owned()
        })
    }
}

fn in_force(origin: &bailiwick_plugin::Origin) -> Reply {
    Reply::done(
        format!("{} {} is active", origin.plugin, origin.version),
        json!({ "name": origin.plugin, "version": origin.version, "sha256": origin.sha256, "generation": origin.generation }),
    )
}

/// An error with its causes, unless its words have them already.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = inner.source();
    }
    words
}

fn list(rows: &[PluginRow]) -> Reply {
    let mut lines = Vec::new();
    for row in rows {
        let kinds = row.kinds.join(", ");
        let faults = if row.fault_count() == 0 {
            String::new()
        } else {
            format!("; faults: {}", row.fault_words())
        };
        lines.push(format!(
            "{:<16} {:<20} {} ({} calls{faults})",
            row.name, kinds, row.state, row.calls
        ));
        for version in &row.installed {
            let mark = if version.active { "*" } else { " " };
            lines.push(format!(
                "  {mark} {:<12} sha256 {}",
                version.version, version.sha256
            ));
        }
    }
    if lines.is_empty() {
        lines.push(
            "no plugins; install one with: bailiwick plugin install FILE --activate".to_owned(),
        );
    }
    Reply::done(
        lines.join("\n"),
        serde_json::to_value(rows).unwrap_or_default(),
    )
}

fn status(report: &Report) -> Reply {
    let mut lines = vec![
        format!(
            "bailiwick {}, up {}, {:?}",
            report.version,
            report.uptime(),
            report.startup
        )
        .to_lowercase(),
        format!("DNS on {}", report.listen.join(" ")),
    ];
    lines.extend(report.troubles.iter().map(|words| format!("! {words}")));
    let states: Vec<String> = report
        .zone_states
        .iter()
        .map(|(state, n)| format!("{n} {state}"))
        .collect();
    lines.push(format!(
        "{} zones ({}), {} records",
        report.zone_count,
        states.join(", "),
        report.record_count
    ));
    for zone in &report.zones {
        let serial = zone
            .serial
            .map_or_else(|| "-".to_owned(), |s| s.to_string());
        lines.push(format!(
            "  {} {:<30} {:>10}  {}",
            zone.shape(),
            zone.name,
            serial,
            zone.words
        ));
    }
    let classes: Vec<String> = report
        .traffic
        .classes
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(class, n)| format!("{n} {class}"))
        .collect();
    lines.push(format!(
        "queries: {}",
        if classes.is_empty() {
            "none yet".to_owned()
        } else {
            classes.join(", ")
        }
    ));
    lines.push(format!(
        "leases in force: {}, traffic rules: {}",
        report.leases.in_force,
        report.rules.len() as u64 + report.rules_more
    ));
    for plugin in &report.plugins {
        lines.push(format!(
            "plugin {} {}: {}",
            plugin.name, plugin.version, plugin.state
        ));
    }
    Reply::done(
        lines.join("\n"),
        serde_json::to_value(report).unwrap_or_default(),
    )
}

/// Zones that fit a terminal; trouble comes first.
const STATUS_ZONES_MAX: usize = 40;
