//! The zones that the configuration names, given to the authority.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bailiwick_authority::ZonePolicy;
use bailiwick_zone::Name;
use tokio::task::JoinHandle;
use tracing::info;

use super::running::Running;
use crate::config::{Config, ZoneConfig, ZoneSource};

/// Puts secondary zones in force from their snapshots, and starts to load files.
pub(super) fn begin(running: &Arc<Running>) -> JoinHandle<()> {
    let config = running.config();
    set_policies(running, &config);
    running.authority.add_secondary_all(&secondaries(&config));
    let running = Arc::clone(running);
    tokio::task::spawn_blocking(move || {
        let report = running.authority.add_hosted_all(&hosted(&running.config()));
        if report.loaded + report.refused.len() > 0 {
            info!(
                "loaded {} zones from files, {} of them unchanged from their snapshots; {} were refused",
                report.loaded,
                report.restored,
                report.refused.len()
            );
        }
    })
}

/// What a changed configuration did to the zones.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) reloaded: usize,
    /// Files that were refused, in words; their last good version goes on.
    pub(super) refused: Vec<String>,
}

/// Follows a changed configuration: zones added, removed or fed from elsewhere, and files that
/// have changed.
pub(super) fn apply(running: &Running, older: &Config, newer: &Config) -> Applied {
    let mut applied = Applied::default();
    set_policies(running, newer);
    let before: HashMap<&Name, &ZoneConfig> = older.zones.iter().map(|z| (&z.name, z)).collect();
    let after: HashMap<&Name, &ZoneConfig> = newer.zones.iter().map(|z| (&z.name, z)).collect();
    for zone in older.zones.iter().filter(|z| !after.contains_key(&z.name)) {
        running.authority.remove(&zone.name);
        applied.removed += 1;
    }
    for zone in &newer.zones {
        let Some(was) = before.get(&zone.name) else {
            applied.added += 1;
            continue;
        };
        // A zone that changes its kind starts anew; one that changes its file or primaries goes on.
        let same_kind = std::mem::discriminant(&was.source) == std::mem::discriminant(&zone.source);
        if !same_kind {
            running.authority.remove(&zone.name);
        }
    }
    running.authority.add_secondary_all(&secondaries(newer));
    let fresh = |zone: &&ZoneConfig| {
        before
            .get(&zone.name)
            .is_none_or(|was| was.source != zone.source)
    };
    let mut reports = vec![running.authority.reload(None)];
    reports.push(
        running
            .authority
            .add_hosted_all(&files(newer.zones.iter().filter(fresh))),
    );
    for report in reports {
        applied.reloaded += report.loaded;
        applied.refused.extend(
            report
                .refused
                .iter()
                .map(|(name, error)| format!("{name}: {error}")),
        );
    }
    applied
}

/// What plugins go by: whose each zone is, and what it asks for.
fn set_policies(running: &Running, config: &Config) {
    for zone in &config.zones {
        let own = ZonePolicy::default();
        let policy = match &zone.account {
            None => own,
            Some(account) => ZonePolicy {
                account: account.name.clone(),
                plan: account.plan.clone(),
                allowance: account.queries_a_month.unwrap_or(u64::MAX),
                ..own
            },
        };
        let policy = ZonePolicy {
            brand: zone.brand.clone(),
            signing: zone.signing,
            ..policy
        };
        running.authority.set_zone_policy(&zone.name, policy);
    }
}

fn hosted(config: &Config) -> Vec<(Name, PathBuf)> {
    files(config.zones.iter())
}

fn files<'a>(zones: impl Iterator<Item = &'a ZoneConfig>) -> Vec<(Name, PathBuf)> {
    let hosted = zones.filter_map(|zone| match &zone.source {
        ZoneSource::File(file) => Some((zone.name.clone(), file.clone())),
        ZoneSource::Primaries(_) => None,
    });
    hosted.collect()
}

fn secondaries(config: &Config) -> Vec<(Name, Vec<SocketAddr>)> {
    let secondary = config.zones.iter().filter_map(|zone| match &zone.source {
        ZoneSource::Primaries(primaries) => Some((zone.name.clone(), primaries.clone())),
        ZoneSource::File(_) => None,
    });
    secondary.collect()
}
