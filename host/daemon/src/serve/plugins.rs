//! Plugins: those the configuration names are installed and activated, those the operator swaps at
//! run time stay swapped.
//!
//! The rule for a restart: a component that was never installed here before is what the operator
//! wants now, and is activated. One that was installed before says nothing new; then whatever was
//! active when the server stopped is active again, so that a rollback outlives a restart.

use std::sync::Arc;

use bailiwick_plugin::registry::PluginStatus;
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::{Compiler, Engine, Grants, Registry, RegistryOptions};
use tracing::{error, info};

use super::running::Running;
use crate::clock;
use crate::config::{Config, LimitClass, PluginConfig};

/// Opens the registry (which starts what was active), installs what the configuration names, and
/// starts the loops that ask plugins.
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
    for plugin in &running.config().plugins {
        bring(running, &registry, plugin);
    }
    let _ = running.registry.set(Arc::clone(&registry));
}

/// Follows a changed configuration; what was done, in words.
pub(super) fn apply(running: &Running, older: &Config, newer: &Config) -> Vec<String> {
    let Some(registry) = running.registry.get() else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for plugin in newer.plugins.iter().filter(|p| !older.plugins.contains(p)) {
        words.push(bring(running, registry, plugin));
    }
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
        words.push(format!(
            "{}: no longer named; its plugin stays as it is until another takes its place",
            gone.display()
        ));
    }
    words
}

/// Installs one, activates it where that is due, and gives it its settings.
fn bring(running: &Running, registry: &Registry, plugin: &PluginConfig) -> String {
    let about = about(&plugin.file);
    let file = plugin.file.display();
    match try_bring(registry, plugin) {
        Ok(words) => {
            running.trouble(&about, None);
            info!("{words}");
            words
        }
        Err(failure) => {
            let words = format!("The plugin {file} is not in use as configured: {failure:#}.");
            error!("{words}");
            running.trouble(&about, Some(words.clone()));
            words
        }
    }
}

fn try_bring(registry: &Registry, plugin: &PluginConfig) -> anyhow::Result<String> {
    let bytes = std::fs::read(&plugin.file)?;
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
    let settings = Settings::new(plugin.settings.clone());
    let version = match &active {
        // Somebody chose another version at run time; that stands.
        Some(active) if installed.known_before => active.clone(),
        _ => installed.sha256.clone(),
    };
    let has_them = registry
        .settings(name)
        .is_some_and(|has| has.base == settings.base);
    if has_them && active.as_ref() == Some(&version) {
        return Ok(format!("plugin {name} is active as before"));
    }
    let origin = registry.activate_with(name, Some(&version), settings, now)?;
    Ok(format!("plugin {name} {} is active", origin.version))
}

fn about(file: &std::path::Path) -> String {
    format!("plugin {}", file.display())
}

fn open(running: &Running) -> anyhow::Result<Registry> {
    let (kv, versions, facts) = running.plugin_backing();
    let options = RegistryOptions {
        engine: Engine::new()?,
        dir: running.data.join("plugins"),
        compiler: Compiler::child_of_this_program(crate::cli::PLUGIN_COMPILE)?,
        versions,
        kv,
        facts,
    };
    Ok(Registry::open(options, clock::unix_millis())?)
}

/// The version that a person means: by its own number, or by the beginning of its hash.
pub(super) fn resolve(rows: &[PluginStatus], name: &str, wanted: &str) -> Result<String, String> {
    let Some(row) = rows.iter().find(|row| row.plugin == name) else {
        let known: Vec<&str> = rows.iter().map(|row| row.plugin.as_str()).collect();
        let meant = crate::config::nearest(name, &known)
            .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
        return Err(format!("no plugin `{name}` is installed{meant}"));
    };
    let numbered: Vec<_> = row
        .versions
        .iter()
        .filter(|v| v.version == wanted)
        .collect();
    match numbered.as_slice() {
        [one] => Ok(one.sha256.clone()),
        // Two builds of one version: the hash tells them apart, and the registry says so.
        [] => Ok(wanted.to_owned()),
        several => {
            let hashes: Vec<&str> = several.iter().filter_map(|v| v.sha256.get(..12)).collect();
            Err(format!(
                "version {wanted} of `{name}` is installed more than once; say which by hash: {}",
                hashes.join(", ")
            ))
        }
    }
}
