//! What all clones of the authority share, and the tasks that work on it.
//!
//! One task owns all timers, one writes states and snapshots in batches; attempts are short-lived tasks.
//! Locks are held for lookups and swaps only, never over a wait. Where two are held, the schedule's comes
//! before that of the live zones.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bailiwick_store::{Store, TransferState};
use bailiwick_transfer::Refresh;
use bailiwick_zone::{Alias, Change, HashKey, Name, Zone};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use crate::alias::Aliases;
use crate::attempt::{self, timers};
use crate::authority::LoadReport;
use crate::clock::Clock;
use crate::dial::Budget;
use crate::hosted::{HostError, Hosted, Loaded, MadeOf, Seen};
use crate::live::{Live, Lock};
use crate::options::TransferLimits;
use crate::policy::{Loops, ZonePolicies};
use crate::schedule::{Job, Outcome, Schedule, Secondary};
use crate::snapshots::{Note, Restored, Snapshots};

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) key: HashKey,
    pub(crate) live: Live,
    pub(crate) limits: TransferLimits,
    pub(crate) budget: Budget,
    pub(crate) snapshots: Snapshots,
    pub(crate) keep_hosted: bool,
    pub(crate) aliases: Aliases,
    pub(crate) schedule: Lock<Schedule>,
    pub(crate) hosted: Lock<HashMap<Name, Hosted>>,
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Secondary zones whose state is to be written to the store.
    pub(crate) dirty: Lock<HashSet<Name>>,
    /// Hosted zones whose snapshot is to be written.
    pub(crate) unsaved: Lock<HashSet<Name>>,
    pub(crate) store_failed: AtomicBool,
    pub(crate) zone_policies: Lock<ZonePolicies>,
    pub(crate) loops: OnceLock<Arc<Loops>>,
    pub(crate) wake: Notify,
    pub(crate) stop: watch::Sender<bool>,
}

impl Inner {
    /// Puts loaded zones in force and notes what was refused.
    pub(crate) fn take_loaded(
        &self,
        batch: Vec<(Name, PathBuf, Result<Loaded, HostError>)>,
        report: &mut LoadReport,
    ) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut fresh = Vec::with_capacity(batch.len());
        let kept = self.keep_before(&batch);
        let mut hosted = self.hosted.lock();
        for (name, file, result) in batch {
            let entry = hosted
                .entry(name.clone())
                .or_insert_with(|| Hosted::new(file.clone()));
            entry.file = file;
            match result {
                Ok(loaded) => {
                    report.restored += usize::from(loaded.kept);
                    entry.loaded(&loaded, wall);
                    let Loaded { zone, aliases, .. } = loaded;
                    self.adopt_aliases(&zone, aliases);
                    if self.keep_hosted && !kept {
                        self.unsaved.lock().insert(name);
                    }
                    fresh.push(zone);
                }
                Err(error) => {
                    warn!(zone.name = %name, "the file of `{name}` was refused: {error}");
                    entry.refused(&error, wall);
                    if self.live.get(&name).is_none() {
                        let restored = self.last_good(&name).map(|restored| restored.zone);
                        if let Some(zone) = &restored {
                            let aliases = Alias::among(&zone.to_records());
                            self.adopt_aliases(zone, zone.reachable_aliases(aliases));
                        }
                        fresh.extend(restored);
                    }
                    report.refused.push((name, error));
                }
            }
        }
        report.loaded += fresh.len();
        self.live.publish(fresh, now);
        self.aliases.zones_changed();
        self.live.hold(report.refused.iter().map(|(name, _)| name));
    }

    /// A secondary zone begins: from its snapshot if there is a sound one, else with a transfer.
    pub(crate) fn restore(&self, name: &Name, primaries: Vec<SocketAddr>, together: usize) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let state = self.stored_state(name);
        let mut secondary = match self.last_good(name) {
            None => {
                self.live.hold([name]);
                Secondary::new(name.clone(), primaries, Refresh::new(now))
            }
            Some(restored) => {
                let confirmed = state.as_ref().and_then(|state| state.last_success);
                let confirmed =
                    confirmed.map_or(restored.confirmed, |at| at.max(restored.note.saved));
                // RELIABILITY R7: a clock that went back makes an age of nothing, not of centuries.
                let age = Duration::from_secs(wall.saturating_sub(confirmed));
                let spread = self
                    .limits
                    .restart_spread
                    .max(Duration::from_millis(together as u64 * LOOK_SPACING_MS));
                let refresh =
                    Refresh::restored(timers(&restored.zone), age, now, spread, fastrand::f64());
                let mut secondary = Secondary::new(name.clone(), primaries, refresh);
                secondary.serial = Some(restored.zone.serial());
                secondary.last_success = Some(confirmed);
                self.live.publish(vec![restored.zone], now);
                secondary
            }
        };
        if let Some(state) = state {
            secondary.last_failure = state.last_failure;
            secondary.last_error = state.last_error;
        }
        self.schedule.lock().add(secondary, now);
    }

    /// A sound snapshot of the zone; a damaged one is named and set aside.
    fn last_good(&self, name: &Name) -> Option<Restored> {
        match self.snapshots.read(name, &self.key) {
            Ok(restored) => restored,
            Err(fault) => {
                match self.snapshots.set_aside(name) {
                    Ok(aside) => {
                        error!(zone.name = %name, "{fault}; it was set aside as {}", aside.display())
                    }
                    Err(error) => {
                        error!(zone.name = %name, "{fault}; it could not be set aside: {error}")
                    }
                }
                None
            }
        }
    }

    fn stored_state(&self, name: &Name) -> Option<TransferState> {
        let state = self
            .store
            .as_ref()?
            .zone_state(name.to_lowercase().as_wire());
        match state {
            Ok(state) => state,
            Err(error) => {
                self.note_store(Err(error.to_string()));
                None
            }
        }
    }

    /// Puts a transferred version in force, unless the zone was removed or replaced meanwhile.
    pub(crate) fn publish_secondary(&self, job: &Job, zone: Zone) -> bool {
        let schedule = self.schedule.lock();
        if schedule.by_id(job.id).is_some() {
            self.live.publish(vec![zone], self.clock.now());
            self.aliases.zones_changed();
            return true;
        }
        if schedule.get(&job.apex).is_none() {
            let _ = self.snapshots.remove(&job.apex);
        }
        false
    }

    /// The end of an attempt.
    pub(crate) fn finish(&self, job: &Job, outcome: &Outcome) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        self.schedule
            .lock()
            .done(job.id, outcome, now, wall, fastrand::f64());
        if matches!(outcome, Outcome::Confirmed(_)) {
            if let Err(error) = self.snapshots.confirm(&job.apex, wall) {
                warn!(zone.name = %job.apex, "the snapshot of `{}` could not be confirmed: {error}", job.apex);
            }
            self.set_expired(&job.apex, false);
        }
        self.dirty.lock().insert(job.apex.clone());
        self.wake.notify_one();
    }

    /// Whether a zone is loaded from a file here.
    pub(crate) fn is_hosted(&self, name: &Name) -> bool {
        self.hosted.lock().contains_key(name)
    }

    /// Lays a policy's RRsets over a zone.
    pub(crate) fn set_overlay(&self, name: &Name, changes: Vec<Change>) {
        self.live.set_overlay(name, changes);
    }

    /// Numbers of an account's zones.
    pub(crate) fn slots_of_account(&self, account: &str) -> Vec<u32> {
        let policies = self.zone_policies.lock();
        self.live
            .slots_where(|name| policies.of(name).account == account)
    }

    /// A small value that was kept in the store, if it can be read.
    pub(crate) fn stored_document<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = self.store.as_ref()?.document(name);
        match bytes {
            Ok(bytes) => serde_json::from_slice(&bytes?).ok(),
            Err(error) => {
                self.note_store(Err(error.to_string()));
                None
            }
        }
    }

    /// Keeps a small value in the store.
    pub(crate) fn put_stored_document<T: Serialize>(&self, name: &str, value: &T) {
        let Some(store) = &self.store else { return };
        let written = serde_json::to_vec(value)
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                store
                    .put_document(name, Some(&bytes))
                    .map_err(|error| error.to_string())
            });
        self.note_store(written);
    }

    fn set_expired(&self, name: &Name, expired: bool) {
        let changed = self.live.replace(name, |zone| {
            (zone.is_expired() != expired).then(|| zone.clone().with_expired(expired))
        });
        if changed && expired {
            error!(zone.name = %name, "`{name}` has expired and is answered with SERVFAIL");
        } else if changed {
            info!(zone.name = %name, "`{name}` is current again");
        }
    }

    /// Writes states and snapshots that are waiting.
    pub(crate) async fn write_out(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        // A panic in there is logged by the runtime; the next round finds what is still waiting.
        let _ = tokio::task::spawn_blocking(move || {
            inner.write_states();
            inner.write_hosted();
        })
        .await;
    }

    fn write_states(&self) {
        let names = std::mem::take(&mut *self.dirty.lock());
        let Some(store) = self.store.as_ref().filter(|_| !names.is_empty()) else {
            return;
        };
        let rows: Vec<_> = {
            let schedule = self.schedule.lock();
            names
                .iter()
                .filter_map(|name| {
                    Some((
                        name.to_lowercase().as_wire().to_vec(),
                        schedule.get(name)?.row(),
                    ))
                })
                .collect()
        };
        let written = store
            .put_zone_states(&rows)
            .map_err(|error| error.to_string());
        if written.is_err() {
            self.dirty.lock().extend(names);
        }
        self.note_store(written);
    }

    /// Durable before visible: a zone that comes alone is written first. Where many come at once, as
    /// at a first start, a sync each would keep them from being answered; they are written behind.
    fn keep_before(&self, batch: &[(Name, PathBuf, Result<Loaded, HostError>)]) -> bool {
        let [(name, _, Ok(loaded))] = batch else {
            return false;
        };
        self.keep_hosted && self.write_snapshot(name, &loaded.zone, Some(loaded.made_of()))
    }

    /// The zone as it was made of the same file before, from its snapshot: nothing is read again.
    pub(crate) fn kept_of(&self, name: &Name, file: &Path) -> Option<Loaded> {
        if !self.keep_hosted {
            return None;
        }
        let seen = Seen::now(file, false).ok()?;
        let note = self.snapshots.note(name)?;
        let warnings = note.warnings.filter(|_| note.source == Some(seen.line()))?;
        let zone = self.last_good(name)?.zone;
        Some(Loaded {
            zone,
            warnings,
            seen,
            aliases: Vec::new(),
            kept: true,
        })
    }

    /// Writes a hosted zone's snapshot, unless the one there is of the same file; true if it is there.
    fn write_snapshot(&self, name: &Name, zone: &Zone, made_of: Option<MadeOf>) -> bool {
        let (source, warnings) = made_of
            .map(|made_of| (made_of.line, made_of.warnings))
            .unzip();
        let note = Note {
            zone: name.to_string(),
            saved: self.clock.wall(),
            primary: None,
            source,
            warnings: warnings.flatten(),
        };
        let is_that = |there: Note| there.source == note.source && there.warnings == note.warnings;
        if note.source.is_some() && self.snapshots.note(name).is_some_and(is_that) {
            return true;
        }
        let written = self.snapshots.write(zone, &note);
        if let Err(error) = &written {
            warn!(zone.name = %name, "the snapshot of `{name}` could not be written: {error}");
        }
        written.is_ok()
    }

    /// Snapshots of hosted zones, one at a time: they are for the day their files are bad.
    fn write_hosted(&self) {
        let names = std::mem::take(&mut *self.unsaved.lock());
        if names.len() > HOSTED_SNAPSHOTS_MAX {
            return;
        }
        for name in names {
            let made_of = match self.hosted.lock().get(&name) {
                Some(hosted) => hosted.made_of(),
                None => continue,
            };
            let Some(zone) = self.live.plain(&name) else {
                continue;
            };
            self.write_snapshot(&name, &zone, made_of);
            if self.hosted.lock().get(&name).is_none() {
                let _ = self.snapshots.remove(&name);
            }
        }
    }

    /// One line when the store begins to fail and one when it recovers.
    pub(crate) fn note_store(&self, written: Result<(), String>) {
        let failed = self.store_failed.swap(written.is_err(), Ordering::Relaxed);
        match written {
            Err(reason) if !failed => {
                error!("the store failed: {reason}; zones are answered all the same")
            }
            Ok(()) if failed => info!("the store works again"),
            _ => {}
        }
    }
}

/// The one task that owns all timers.
pub(crate) async fn run_timers(inner: Arc<Inner>) {
    let mut stop = inner.stop.subscribe();
    while !*stop.borrow() {
        let due = inner.schedule.lock().due(inner.clock.now());
        for name in &due.expired {
            inner.set_expired(name, true);
        }
        for job in due.jobs {
            tokio::spawn(attempt::run(Arc::clone(&inner), job));
        }
        let wake = due
            .wake
            .map(|at| tokio::time::Instant::from_std(inner.clock.instant(at)));
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = inner.wake.notified() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Writes states and snapshots in batches: thousands of zones confirmed in a second are one transaction.
pub(crate) async fn run_writer(inner: Arc<Inner>) {
    let mut stop = inner.stop.subscribe();
    let mut ticks = tokio::time::interval(WRITE_PAUSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => {}
        }
        if !inner.dirty.lock().is_empty() || !inner.unsaved.lock().is_empty() {
            inner.write_out().await;
        }
    }
}

/// Above so many hosted zones at once their files are the only copy: a sync each would take minutes.
const HOSTED_SNAPSHOTS_MAX: usize = 1000;
/// After a restart at most twenty looks a second (RELIABILITY R10).
const LOOK_SPACING_MS: u64 = 50;
const WRITE_PAUSE: Duration = Duration::from_millis(200);
