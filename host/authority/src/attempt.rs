//! One look at one primary: ask for the serial, fetch, verify, write, put in force.
//!
//! The order is the promise: a version is on disk before anyone can see it, and it is in force before the
//! status says so. A kill between any two steps leaves the old version or the new one.

use std::cmp::Ordering;
use std::sync::Arc;

use bailiwick_transfer::{Failure, Timers, Transferred};
use bailiwick_zone::{Serial, Zone};
use tracing::{debug, info, warn};

use crate::dial::{self, DialError};
use crate::inner::Inner;
use crate::schedule::{Job, Outcome};
use crate::snapshots::Note;
use crate::verify::verify;

/// Makes the attempt and reports it to the schedule. A panic in it is an attempt that failed.
pub(crate) async fn run(inner: Arc<Inner>, job: Job) {
    let outcome = match tokio::spawn(look(Arc::clone(&inner), job.clone())).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Failed(
            Failure::Content,
            "an internal error; the log has more".to_owned(),
        ),
    };
    if let Outcome::Failed(_, words) = &outcome {
        warn!(zone.name = %job.apex, peer.addr = %job.primary, "`{}` was not transferred: {words}", job.apex);
    }
    if let Outcome::Older { ours, theirs } = &outcome {
        warn!(zone.name = %job.apex, peer.addr = %job.primary, zone.serial = %ours,
            "`{}` is held: the primary's serial went back from {ours} to {theirs}", job.apex);
    }
    inner.finish(&job, &outcome);
}

async fn look(inner: Arc<Inner>, job: Job) -> Outcome {
    match try_look(&inner, &job).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(error.failure(), error.to_string()),
    }
}

async fn try_look(inner: &Arc<Inner>, job: &Job) -> Result<Outcome, DialError> {
    if let Some(have) = job.have.filter(|_| !job.force) {
        let theirs = dial::serial(&job.apex, job.primary, &inner.limits).await?;
        if let Some(outcome) = without_transfer(inner, job, have, theirs) {
            return Ok(outcome);
        }
    }
    debug!(zone.name = %job.apex, peer.addr = %job.primary, "fetching `{}` from {}", job.apex, job.primary);
    let transferred = dial::transfer(&job.apex, job.primary, &inner.limits, &inner.budget).await?;
    if let Some(have) = job.have.filter(|_| !job.force)
        && let Some(outcome) = without_transfer(inner, job, have, transferred.serial)
    {
        return Ok(outcome);
    }
    let (inner, job) = (Arc::clone(inner), job.clone());
    let accepted = tokio::task::spawn_blocking(move || accept(&inner, &job, transferred)).await;
    Ok(accepted.unwrap_or_else(|_| {
        Outcome::Failed(
            Failure::Content,
            "an internal error while the zone was built; the log has more".to_owned(),
        )
    }))
}

/// The outcome that the two serials decide, if no new version is to be fetched.
fn without_transfer(inner: &Inner, job: &Job, have: Serial, theirs: Serial) -> Option<Outcome> {
    match theirs.partial_cmp(&have) {
        Some(Ordering::Greater) => None,
        Some(Ordering::Equal) => {
            let zone = inner.live.get(&job.apex)?;
            debug!(zone.name = %job.apex, zone.serial = %have, "`{}` is current", job.apex);
            Some(Outcome::Confirmed(timers(&zone)))
        }
        // RFC 1982 3.2: without an order, and older, neither is newer.
        Some(Ordering::Less) | None => Some(Outcome::Older { ours: have, theirs }),
    }
}

/// Off the runtime's threads: building and syncing take their time.
fn accept(inner: &Inner, job: &Job, transferred: Transferred) -> Outcome {
    let began = inner.clock.now();
    let Transferred { records, bytes, .. } = transferred;
    let verified = match verify(&job.apex, records, &inner.key) {
        Ok(verified) => verified,
        Err(error) => {
            let words = format!("the zone that {} sent was refused: {error}", job.primary);
            return Outcome::Failed(Failure::Content, words);
        }
    };
    let zone = verified.zone;
    let (timers, serial, records) = (timers(&zone), zone.serial(), zone.record_count());
    let note = Note {
        zone: job.apex.to_string(),
        saved: inner.clock.wall(),
        primary: Some(job.primary.to_string()),
        source: None,
        warnings: None,
    };
    if let Err(error) = inner.snapshots.write(&zone, &note) {
        // Durable before visible: a version that cannot be kept is not shown.
        return Outcome::Failed(
            Failure::Unreachable,
            format!("our disk refused the new version: {error}"),
        );
    }
    if !inner.publish_secondary(job, zone) {
        return Outcome::Failed(
            Failure::Unreachable,
            "the zone was removed meanwhile".to_owned(),
        );
    }
    for warning in verified.warnings {
        debug!(zone.name = %job.apex, "`{}`: {warning}", job.apex);
    }
    let duration_ms = inner.clock.now().since(began).as_millis() as u64;
    info!(zone.name = %job.apex, zone.serial = %serial, peer.addr = %job.primary, size_bytes = bytes, duration_ms,
        "published `{}` at serial {serial} with {records} records from {}", job.apex, job.primary);
    Outcome::Transferred(timers, serial)
}

pub(crate) fn timers(zone: &Zone) -> Timers {
    let soa = zone.soa();
    Timers::from_soa(soa.refresh, soa.retry, soa.expire)
}
