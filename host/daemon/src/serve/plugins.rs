//! Plugins: those the configuration names are installed and activated, those the operator swaps at
//! run time stay swapped.
//!
//! The rule for a restart: a component that was never installed here before is what the operator
//! wants now, and is activated. One that was installed before says nothing new; then whatever was
//! active when the server stopped is active again, so that a rollback outlives a restart.

use std::sync::Arc;

use bailiwick_authority::{FleetServer, PluginStore, PolicyOptions, zone_id};
use bailiwick_meter::Fallback;
use bailiwick_plugin::registry::{PluginStatus, VersionStatus};
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::{Compiler, Engine, Grants, Registry, RegistryOptions};
use tracing::{error, info};

use super::running::Running;
use crate::clock;
use crate::config::{Config, LimitClass, NodeConfig, OnFailure, PluginConfig};

/// Opens the registry (which starts what was active), starts the loops that ask plugins, and installs
/// what the configuration names.
pub(super) fn start(running: &Arc<Running>) {
    let registry = match open(running) {
        Ok(registry) => Arc::new(registry),
        Err(failure) => {
            let words =
                format!("Plugins cannot be used: {failure:#}. Queries are answered all the same.");
            error!("{words}");
            running.trouble("plugins", Some(words));
            return;
        }
    };
    let _ = running.registry.set(Arc::clone(&registry));
    if let Err(failure) = start_loops(running, &registry) {
        let words = format!("Plugins are not asked: {failure}.");
        error!("{words}");
        running.trouble("plugins", Some(words));
    }
    // A failure is told where it happens.
    let _ = bring_all(running, &registry, |_| true);
}

/// Follows a changed configuration; what was done, in words.
pub(super) fn apply(
    running: &Running,
    older: &Config,
    newer: &Config,
) -> Vec<Result<String, String>> {
    let Some(registry) = running.registry.get() else {
        return Vec::new();
    };
    let differing = |config: &Config| {
        let zones = config.zones.iter().filter(|zone| !zone.settings.is_empty());
        zones
            .map(|zone| (zone.name.clone(), zone.settings.clone()))
            .collect::<Vec<_>>()
    };
    let touched = differing(older) != differing(newer);
    let mut words = bring_all(running, registry, |plugin| {
        touched || !older.plugins.contains(plugin)
    });
    let names = |config: &Config| {
        config
            .plugins
            .iter()
            .map(|p| p.file.clone())
            .collect::<Vec<_>>()
    };
    let left = names(newer);
    for gone in names(older).into_iter().filter(|file| !left.contains(file)) {
        running.trouble(&about(&gone), None);
        words.push(Ok(format!(
            "{}: no longer named; its plugin stays as it is until another takes its place",
            gone.display()
        )));
    }
    words
}

/// Installs, activates and sets those plugins of the configuration that are meant; what was done, or
/// what is not as configured, in words.
fn bring_all(
    running: &Running,
    registry: &Registry,
    is_meant: impl Fn(&PluginConfig) -> bool,
) -> Vec<Result<String, String>> {
    let config = running.config();
    let meant = config.plugins.iter().filter(|plugin| is_meant(plugin));
    let mut words: Vec<_> = meant.map(|p| bring(running, registry, p)).collect();
    let known = registry.list();
    let nobodys = zones_with_settings_of_nobody(&config, &known);
    if let Some(nobodys) = &nobodys {
        error!("{nobodys}");
        words.push(Err(nobodys.clone()));
    }
    running.trouble("zone settings", nobodys);
    words
}

/// Settings of zones for plugins that are not installed: a misspelt name, most likely.
fn zones_with_settings_of_nobody(config: &Config, known: &[PluginStatus]) -> Option<String> {
    let known: Vec<&str> = known.iter().map(|row| row.plugin.as_str()).collect();
    let mut lost = config.zones.iter().flat_map(|zone| {
        let names = zone.settings.keys().map(String::as_str);
        let unknown = names.filter(|name| !known.contains(name));
        unknown.map(|name| (&zone.name, name))
    });
    let (zone, name) = lost.next()?;
    let meant = crate::config::nearest(name, &known)
        .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
    let more = match lost.count() {
        0 => String::new(),
        n => format!(" ({n} more such settings)"),
    };
    Some(format!(
        "Zone {zone} has settings for the plugin `{name}`, and no such plugin is installed{meant}{more}"
    ))
}

/// Installs one, activates it where that is due, and gives it its settings.
fn bring(running: &Running, registry: &Registry, plugin: &PluginConfig) -> Result<String, String> {
    let about = about(&plugin.file);
    let file = plugin.file.display();
    match try_bring(&running.config(), registry, plugin) {
        Ok(brought) => {
            // What is kept out of single zones is shown from the registry, which has it after a restart too.
            running.trouble(&about, None);
            info!("{}", brought.words);
            if brought.kept_out.is_empty() {
                return Ok(brought.words);
            }
            Err(format!(
                "{}, but {}",
                brought.words,
                brought.kept_out.join("\n")
            ))
        }
        Err(failure) => {
            let words = format!("The plugin {file} is not in use as configured: {failure:#}.");
            error!("{words}");
            running.trouble(&about, Some(words.clone()));
            Err(words)
        }
    }
}

fn try_bring(
    config: &Config,
    registry: &Registry,
    plugin: &PluginConfig,
) -> anyhow::Result<Brought> {
    let bytes = crate::commands::component(&plugin.file)?;
    let grants = Grants {
        large: plugin.class == LimitClass::Large,
        capabilities: None,
    };
    let now = clock::unix_millis();
    let installed = registry.install(&bytes, &grants, now)?;
    let name = &installed.plugin;
    let row = registry.list().into_iter().find(|row| row.plugin == *name);
    let active = row
        .filter(|row| row.start_error.is_none())
        .and_then(|row| row.active);
    let settings = settings(config, name, plugin);
    let version = match &active {
        // Somebody chose another version at run time; that stands.
        Some(active) if installed.known_before => active.clone(),
        _ => installed.sha256.clone(),
    };
    let has_them = registry
        .settings(name)
        .is_some_and(|has| has.asks_as(&settings));
    let words = if has_them && active.as_ref() == Some(&version) {
        format!("plugin {name} is active as before")
    } else {
        let origin = registry.activate_with(name, Some(&version), settings, now)?;
        format!("plugin {name} {} is active", origin.version)
    };
    let mut kept_out = Vec::new();
    if let Some(settings) = registry.settings(name) {
        kept_out.extend(settings.kept_out_words().take(KEPT_OUT_MAX));
        let more = settings.kept_out.len().saturating_sub(kept_out.len());
        if more > 0 {
            kept_out.push(format!("and the settings of {more} more zones"));
        }
    }
    Ok(Brought { words, kept_out })
}

/// A plugin that is in use.
struct Brought {
    words: String,
    /// Zones whose own settings are not in force, in words.
    kept_out: Vec<String>,
}

/// Zones named one by one in what a reload says.
const KEPT_OUT_MAX: usize = 20;

/// The plugin's settings, and what differs for single zones.
fn settings(config: &Config, name: &str, plugin: &PluginConfig) -> Settings {
    let mut settings = Settings::new(plugin.settings.clone());
    for zone in &config.zones {
        if let Some(patch) = zone.settings.get(name) {
            let id = zone_id(&zone.name);
            settings.zones.insert(id, patch.clone());
            settings.names.insert(id, zone.name.to_string());
        }
    }
    settings
}

fn about(file: &std::path::Path) -> String {
    format!("plugin {}", file.display())
}

fn open(running: &Running) -> anyhow::Result<Registry> {
    let backing = Arc::new(PluginStore::new(Arc::clone(&running.store)));
    let options = RegistryOptions {
        engine: Engine::new()?,
        dir: running.data.join("plugins"),
        compiler: Compiler::child_of_this_program(crate::cli::PLUGIN_COMPILE)?,
        versions: Arc::clone(&backing) as _,
        kv: backing,
        facts: running.authority.facts(),
    };
    Ok(Registry::open(options, clock::unix_millis())?)
}

/// The loops that ask plugins and put in force what they say.
fn start_loops(running: &Running, registry: &Registry) -> std::io::Result<()> {
    let config = running.config();
    let server = |(index, node): (usize, &NodeConfig)| FleetServer {
        // Counted from 1: 0 means "not known".
        node: u32::try_from(index).unwrap_or(u32::MAX - 1) + 1,
        name: node.name.to_string(),
        addresses: node.addresses.clone(),
    };
    let options = PolicyOptions {
        fleet: config.nodes.iter().enumerate().map(server).collect(),
        on_failure: on_failure(&config),
        month_offset_hours: config.month_offset_hours,
        ..PolicyOptions::new(Arc::new(registry.policies()), Arc::clone(&running.meter))
    };
    running.authority.start_policies(options)
}

/// What the operator wants when a lease has ended; said at the plugin that grants leases.
fn on_failure(config: &Config) -> Option<Fallback> {
    config
        .plugins
        .iter()
        .find_map(|plugin| match plugin.on_failure {
            OnFailure::AsGranted => None,
            OnFailure::Native => Some(Fallback::Native),
            OnFailure::Last => Some(Fallback::Last),
        })
}

/// The plugin that a person means, or which there are.
pub(super) fn known<'r>(rows: &'r [PluginStatus], name: &str) -> Result<&'r PluginStatus, String> {
    if let Some(row) = rows.iter().find(|row| row.plugin == name) {
        return Ok(row);
    }
    let known: Vec<&str> = rows.iter().map(|row| row.plugin.as_str()).collect();
    let advice = match crate::config::nearest(name, &known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => {
            "there is none yet: bailiwick plugin install FILE --activate".to_owned()
        }
        None => format!(
            "there are {}; another is added by: bailiwick plugin install FILE",
            known.join(", ")
        ),
    };
    Err(format!("no plugin `{name}` is installed; {advice}"))
}

/// The version that a person means: by its own number, or by the beginning of its hash.
pub(super) fn resolve(row: &PluginStatus, wanted: &str) -> Result<String, String> {
    let name = &row.plugin;
    let short = |sha256: &str| sha256.get(..12).unwrap_or(sha256).to_owned();
    let numbered: Vec<_> = row
        .versions
        .iter()
        .filter(|v| v.version == wanted)
        .collect();
    let by_hash = |v: &&VersionStatus| !wanted.is_empty() && v.sha256.starts_with(wanted);
    match numbered.as_slice() {
        [one] => Ok(one.sha256.clone()),
        [] if row.versions.iter().any(|v| by_hash(&v)) => Ok(wanted.to_owned()),
        [] => {
            let versions = row.versions.iter();
            let versions: Vec<String> = versions
                .map(|v| format!("{} ({})", v.version, short(&v.sha256)))
                .collect();
            Err(format!(
                "`{name}` has no version `{wanted}`; installed are {}",
                versions.join(", ")
            ))
        }
        // Two builds of one version: the hash tells them apart, and the registry says so.
        several => {
            let hashes: Vec<String> = several.iter().map(|v| short(&v.sha256)).collect();
            Err(format!(
                "version {wanted} of `{name}` is installed more than once; say which by hash: {}",
                hashes.join(", ")
            ))
        }
    }
}
