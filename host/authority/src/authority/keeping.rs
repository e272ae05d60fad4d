//! What of the zones is written down, and when: a hosted zone's snapshot and the states of secondaries.
//! (A transferred zone is written by the attempt that brought it, before it is visible.)

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bailiwick_zone::{Name, Zone};
use tracing::{error, info, warn};

use super::{Inner, LoadReport};
use crate::hosted::{HostError, Hosted, Loaded};
use crate::snapshots::Note;

impl Inner {
    /// Puts loaded zones in force and notes what was refused.
    pub(super) fn take_loaded(
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
                Ok(Loaded {
                    zone,
                    warnings,
                    seen,
                }) => {
                    entry.loaded(seen, warnings, wall);
                    if self.keep_hosted && !kept {
                        self.unsaved.lock().insert(name);
                    }
                    fresh.push(zone);
                }
                Err(error) => {
                    warn!(zone.name = %name, "the file of `{name}` was refused: {error}");
                    entry.refused(&error, wall);
                    if self.live.get(&name).is_none() {
                        fresh.extend(self.last_good(&name).map(|restored| restored.zone));
                    }
                    report.refused.push((name, error));
                }
            }
        }
        report.loaded += fresh.len();
        self.live.publish(fresh, now);
    }

    /// Durable before visible: a zone that comes alone is written first. Where many come at once, as
    /// at a first start, a sync each would keep them from being answered; they are written behind.
    fn keep_before(&self, batch: &[(Name, PathBuf, Result<Loaded, HostError>)]) -> bool {
        let [(name, _, Ok(loaded))] = batch else {
            return false;
        };
        self.keep_hosted && self.write_snapshot(name, &loaded.zone, Some(loaded.seen.line()))
    }

    /// Writes a hosted zone's snapshot, unless the one there is of the same file; true if it is there.
    fn write_snapshot(&self, name: &Name, zone: &Zone, source: Option<String>) -> bool {
        let there = self.snapshots.note(name).map(|note| note.source);
        if source.is_some() && there.is_some_and(|there| there == source) {
            return true;
        }
        let note = Note {
            zone: name.to_string(),
            saved: self.clock.wall(),
            primary: None,
            source,
        };
        let written = self.snapshots.write(zone, &note);
        if let Err(error) = &written {
            warn!(zone.name = %name, "the snapshot of `{name}` could not be written: {error}");
        }
        written.is_ok()
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

    /// Snapshots of hosted zones, one at a time: they are for the day their files are bad.
    fn write_hosted(&self) {
        let names = std::mem::take(&mut *self.unsaved.lock());
        if names.len() > HOSTED_SNAPSHOTS_MAX {
            return;
        }
        for name in names {
            let source = match self.hosted.lock().get(&name) {
                Some(hosted) => hosted.seen.map(|seen| seen.line()),
                None => continue,
            };
            let Some(zone) = self.live.plain(&name) else {
                continue;
            };
            self.write_snapshot(&name, &zone, source);
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

/// Writes states and snapshots in batches: thousands of zones confirmed in a second are one transaction.
pub(super) async fn run_writer(inner: Arc<Inner>) {
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
const WRITE_PAUSE: Duration = Duration::from_millis(200);
