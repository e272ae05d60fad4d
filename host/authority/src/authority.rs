//! The handle: zones are added, removed, reloaded and looked at through it.
//!
//! Behind it stand one task that owns all timers, short-lived tasks for attempts, and the blocking pool for
//! building and syncing. Locks are held for lookups and swaps only, never over a wait.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bailiwick_plugin::facts::Facts;
use bailiwick_resolver::{Resolver, ResolverError};
use bailiwick_transfer::{AxfrOut, RequestError, TransferRequest};
use bailiwick_zone::{Name, Serial, Zone};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::alias::{self, AliasSummary, Aliases};
use crate::clock::Clock;
use crate::dial::Budget;
use crate::hosted::{self, HostError};
use crate::inner::{Inner, run_timers, run_writer};
use crate::live::{Live, Lock};
use crate::options::AuthorityOptions;
use crate::policy::facts::LiveFacts;
use crate::policy::{self, Loops, PolicyOptions, TablesReport, ZonePolicy, zone_id};
use crate::schedule::Schedule;
use crate::snapshots::Snapshots;
use crate::status::{ZoneState, ZoneStatus, ZoneSummary};

/// The only writer of zones. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Authority {
    inner: Arc<Inner>,
}

/// Why an authority could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("the folder for zone snapshots below {} cannot be used: {source}", data.display())]
    Data {
        /// The data folder.
        data: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Targets of ALIAS records cannot be looked up.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
}

/// What came of loading many files.
#[derive(Debug, Default)]
pub struct LoadReport {
    /// Zones put in force.
    pub loaded: usize,
    /// Those of them that came from snapshots, since their files are the same as before the restart.
    pub restored: usize,
    /// Files that had not changed.
    pub unchanged: usize,
    /// Zones whose file was refused; the version in force, if any, stays.
    pub refused: Vec<(Name, HostError)>,
}

/// What to answer to a NOTIFY.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotifyReply {
    /// The zone is looked at now: NOERROR.
    Accepted,
    /// Not from one of the zone's primaries: REFUSED.
    Refused,
    /// Not a secondary zone here: NOTAUTH.
    NotAuth,
}

impl Authority {
    /// Starts the timers on `runtime`. No zones are known yet.
    pub fn start(options: AuthorityOptions, runtime: &Handle) -> Result<Self, StartError> {
        let AuthorityOptions {
            data,
            zones,
            hash_key,
            store,
            limits,
            keep_hosted,
            resolver,
            aliases,
        } = options;
        let resolver = {
            let _within = runtime.enter();
            Resolver::new(resolver)?
        };
        let snapshots =
            Snapshots::open(&data).map_err(|source| StartError::Data { data, source })?;
        let inner = Arc::new(Inner {
            clock: Clock::new(),
            key: hash_key,
            live: Live::new(zones),
            budget: Budget::new(limits.memory_max),
            schedule: Lock::new(Schedule::new(limits.per_primary, limits.at_once)),
            limits,
            snapshots,
            keep_hosted,
            aliases: Aliases::new(resolver, aliases),
            hosted: Lock::default(),
            store,
            dirty: Lock::default(),
            unsaved: Lock::default(),
            store_failed: AtomicBool::new(false),
            zone_policies: Lock::default(),
            loops: OnceLock::new(),
            wake: Notify::new(),
            stop: watch::channel(false).0,
        });
        inner.restore_alias_index();
        runtime.spawn(run_timers(Arc::clone(&inner)));
        runtime.spawn(run_writer(Arc::clone(&inner)));
        runtime.spawn(alias::run(Arc::clone(&inner)));
        Ok(Self { inner })
    }

    /// Ends the timers and writes what is known to the store. Zones in force stay in force.
    pub async fn stop(&self) {
        if let Some(loops) = self.inner.loops.get() {
            loops.stop();
        }
        self.inner.stop.send_replace(true);
        self.inner.wake.notify_one();
        self.inner.write_out().await;
    }

    /// The clock that all moments here are of.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Hosts a zone from a text file. When the file is refused the zone is kept in mind (a reload tries
    /// again) and its last good version is answered, if there is one.
    pub fn add_hosted(&self, name: &Name, file: &Path) -> Result<(), HostError> {
        let report = self.add_hosted_all(&[(name.clone(), file.to_owned())]);
        report
            .refused
            .into_iter()
            .next()
            .map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Hosts many zones, loading on all cores.
    pub fn add_hosted_all(&self, zones: &[(Name, PathBuf)]) -> LoadReport {
        let report = Lock::new(LoadReport::default());
        let aliases_max = self.inner.aliases.limits.per_zone;
        let (inner, key) = (&self.inner, &self.inner.key);
        let kept = |name: &Name, file: &Path| inner.kept_of(name, file);
        hosted::load_all(zones, key, aliases_max, &kept, &|batch| {
            inner.take_loaded(batch, &mut report.lock());
        });
        let report = std::mem::take(&mut *report.lock());
        self.inner.wake.notify_one();
        report
    }

    /// Transfers a zone from the first of `primaries` that has it, and again whenever it changes. A version
    /// from before a restart is answered at once.
    pub fn add_secondary(&self, name: &Name, primaries: &[SocketAddr]) {
        self.add_secondary_all(&[(name.clone(), primaries.to_vec())]);
    }

    /// The same for many zones. Those that are there already with the same primaries stay as they are.
    pub fn add_secondary_all(&self, zones: &[(Name, Vec<SocketAddr>)]) {
        for (name, primaries) in zones {
            let mut schedule = self.inner.schedule.lock();
            match schedule.get(name) {
                Some(known) if known.primaries == *primaries => {}
                Some(_) => {
                    let now = self.inner.clock.now();
                    schedule.change_primaries(name, primaries.clone(), now);
                }
                None => {
                    drop(schedule);
                    self.inner.restore(name, primaries.clone(), zones.len());
                }
            }
        }
        self.inner.wake.notify_one();
    }

    /// Forgets a zone: it is not answered any more and its snapshot goes. False if there was none.
    pub fn remove(&self, name: &Name) -> bool {
        let now = self.inner.clock.now();
        let hosted = self.inner.hosted.lock().remove(name).is_some();
        if hosted {
            self.inner.forget_aliases(name);
        }
        let mut schedule = self.inner.schedule.lock();
        let known = schedule.remove(name).is_some() | hosted;
        if known {
            self.inner.live.withdraw(name, now);
            if let Err(error) = self.inner.snapshots.remove(name) {
                warn!(zone.name = %name, "the snapshot of `{name}` could not be removed: {error}");
            }
        }
        drop(schedule);
        if known && let Some(store) = &self.inner.store {
            let forgotten = store.remove_zone_state(name.to_lowercase().as_wire());
            self.inner
                .note_store(forgotten.map_err(|error| error.to_string()));
        }
        self.inner.wake.notify_one();
        known
    }

    /// Loads hosted zones whose files have changed; `only` limits it to one zone, which is then loaded in
    /// any case. A bad file leaves the version in force.
    pub fn reload(&self, only: Option<&Name>) -> LoadReport {
        let (mut changed, mut unchanged) = (Vec::new(), 0);
        for (name, zone) in self.inner.hosted.lock().iter() {
            match only {
                Some(only) if only == name => changed.push((name.clone(), zone.file.clone())),
                Some(_) => {}
                None if zone.may_have_changed() => changed.push((name.clone(), zone.file.clone())),
                None => unchanged += 1,
            }
        }
        let mut report = self.add_hosted_all(&changed);
        report.unchanged = unchanged;
        report
    }

    /// Looks at a secondary zone's primary now and takes what it has, even if its serial went back. False
    /// if there is no such zone.
    pub fn retransfer(&self, name: &Name) -> bool {
        let known = self
            .inner
            .schedule
            .lock()
            .look_now(name, None, true, self.inner.clock.now());
        self.inner.wake.notify_one();
        known
    }

    /// Looks at a secondary zone's primary now. False if there is no such zone.
    pub fn refresh(&self, name: &Name) -> bool {
        let known = self
            .inner
            .schedule
            .lock()
            .look_now(name, None, false, self.inner.clock.now());
        self.inner.wake.notify_one();
        known
    }

    /// A NOTIFY came. Only a configured primary is listened to, and what it says is only that we should
    /// look (RFC 1996 3.10, 3.11).
    pub fn notify(&self, zone: &Name, serial: Option<Serial>, from: SocketAddr) -> NotifyReply {
        let from = from.ip().to_canonical();
        let mut schedule = self.inner.schedule.lock();
        let Some(secondary) = schedule.get(zone) else {
            return NotifyReply::NotAuth;
        };
        if !secondary
            .primaries
            .iter()
            .any(|primary| primary.ip().to_canonical() == from)
        {
            return NotifyReply::Refused;
        }
        // The same serial again is news to nobody.
        if serial.is_none() || serial != secondary.serial || secondary.refresh.failures() > 0 {
            schedule.look_now(zone, Some(from), false, self.inner.clock.now());
            self.inner.wake.notify_one();
        }
        NotifyReply::Accepted
    }

    /// The messages that answer an AXFR or IXFR request for `zone`, made one at a time. None while its
    /// ALIAS records are being looked up for the first time: then the answer is SERVFAIL.
    pub fn transfer_out(
        &self,
        zone: Arc<Zone>,
        request: &[u8],
    ) -> Result<Box<dyn Iterator<Item = Vec<u8>> + Send>, RequestError> {
        let request = TransferRequest::parse(request)?;
        // A secondary would answer "none" where we do not know yet.
        if self.inner.awaits_aliases(zone.apex()) {
            return Ok(Box::new(std::iter::empty()));
        }
        Ok(Box::new(AxfrOut::new(zone, request)))
    }

    /// All zones and how they fare, in order of names.
    pub fn status(&self) -> Vec<ZoneStatus> {
        let zones = self.inner.live.zones().load();
        let mut status: Vec<(Name, ZoneStatus)> = Vec::new();
        for (name, hosted) in self.inner.hosted.lock().iter() {
            let zone = zones
                .get(name)
                .filter(|zone| !zone.is_absent())
                .map(AsRef::as_ref);
            status.push((
                name.clone(),
                ZoneStatus::hosted(name.to_string(), hosted, zone)
                    .with_aliases(&self.inner.alias_trouble(name)),
            ));
        }
        for secondary in self.inner.schedule.lock().iter() {
            let zone = zones
                .get(&secondary.apex)
                .filter(|zone| !zone.is_absent())
                .map(AsRef::as_ref);
            status.push((
                secondary.apex.clone(),
                ZoneStatus::secondary(secondary, zone, &self.inner.clock),
            ));
        }
        status.sort_by(|a, b| a.0.cmp(&b.0));
        status.into_iter().map(|(_, status)| status).collect()
    }

    /// All zones together.
    pub fn summary(&self) -> ZoneSummary {
        let zones = self.inner.live.zones().load();
        let present = zones.iter().filter(|zone| !zone.is_absent());
        let records = present.map(|zone| zone.record_count());
        let mut summary = ZoneSummary::of_records(records.sum());
        let troubled = self.inner.alias_troubled();
        for (name, hosted) in self.inner.hosted.lock().iter() {
            let state = ZoneState::of_hosted(hosted, || {
                zones.get(name).is_some_and(|zone| !zone.is_absent())
            });
            summary.count(match state {
                ZoneState::Ok if troubled.contains(name) => ZoneState::Failing,
                state => state,
            });
        }
        for secondary in self.inner.schedule.lock().iter() {
            summary.count(ZoneState::of_secondary(secondary, &self.inner.clock));
        }
        summary
    }

    /// The first `most` zones in canonical order that are `wanted`, and how they fare. What is not listed
    /// costs a look at its state and no words.
    pub fn select(
        &self,
        most: usize,
        wanted: impl Fn(&Name, ZoneState) -> bool,
    ) -> Vec<ZoneStatus> {
        let zones = self.inner.live.zones().load();
        let present = |name: &Name| zones.get(name).filter(|zone| !zone.is_absent());
        let mut found: Vec<(Name, ZoneStatus)> = Vec::new();
        {
            let hosted = self.inner.hosted.lock();
            let all = hosted.iter().filter(|(name, hosted)| {
                wanted(
                    name,
                    ZoneState::of_hosted(hosted, || present(name).is_some()),
                )
            });
            let first = first_of(all.collect(), most, |(name, _)| name);
            found.extend(first.into_iter().map(|(name, hosted)| {
                let zone = present(name).map(AsRef::as_ref);
                let status = ZoneStatus::hosted(name.to_string(), hosted, zone);
                (name.clone(), status)
            }));
        }
        {
            let schedule = self.inner.schedule.lock();
            let clock = &self.inner.clock;
            let all = schedule.iter().filter(|secondary| {
                wanted(&secondary.apex, ZoneState::of_secondary(secondary, clock))
            });
            let first = first_of(all.collect(), most, |secondary| &secondary.apex);
            found.extend(first.into_iter().map(|secondary| {
                let zone = present(&secondary.apex).map(AsRef::as_ref);
                let status = ZoneStatus::secondary(secondary, zone, clock);
                (secondary.apex.clone(), status)
            }));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.truncate(most);
        found.into_iter().map(|(_, status)| status).collect()
    }

    /// One zone and how it fares.
    pub fn zone_status(&self, name: &Name) -> Option<ZoneStatus> {
        let zone = self.inner.live.get(name).filter(|zone| !zone.is_absent());
        if let Some(hosted) = self.inner.hosted.lock().get(name) {
            let status = ZoneStatus::hosted(name.to_string(), hosted, zone.as_deref());
            return Some(status.with_aliases(&self.inner.alias_trouble(name)));
        }
        let schedule = self.inner.schedule.lock();
        let secondary = schedule.get(name)?;
        Some(ZoneStatus::secondary(
            secondary,
            zone.as_deref(),
            &self.inner.clock,
        ))
    }

    /// All ALIAS records of hosted zones together.
    pub fn alias_summary(&self) -> AliasSummary {
        self.inner.alias_summary()
    }

    /// Whether the store took the last write; if not, states live on in memory and in snapshots.
    pub fn store_is_well(&self) -> bool {
        !self.inner.store_failed.load(Ordering::Relaxed)
    }

    /// Starts the loops that ask policies and put in force what they say. Once; a second call changes
    /// nothing.
    pub fn start_policies(&self, options: PolicyOptions) -> std::io::Result<()> {
        if self.inner.loops.get().is_none() {
            let loops = Loops::start(&self.inner, options)?;
            if let Err(second) = self.inner.loops.set(loops) {
                second.stop();
            }
        }
        Ok(())
    }

    /// What policies shall know and do about a zone. Takes effect within a second.
    pub fn set_zone_policy(&self, name: &Name, policy: ZonePolicy) {
        self.inner.zone_policies.lock().set(name.clone(), policy);
    }

    /// Ends or begins the suspension of a zone. False if there is no such zone or no policies run.
    pub fn set_suspended(&self, name: &Name, suspended: bool) -> bool {
        let slot = self.inner.live.slot_of_id(zone_id(name));
        let (Some(slot), Some(loops)) = (slot, self.inner.loops.get()) else {
            return false;
        };
        loops.options.meter.set_suspended(slot, suspended);
        true
    }

    /// The tables that policies have put in force.
    pub fn tables(&self) -> TablesReport {
        let loops = self.inner.loops.get();
        loops.map_or_else(TablesReport::default, |loops| {
            policy::report(&self.inner, loops)
        })
    }

    #[cfg(test)]
    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// What plugins may look up about zones and accounts.
    pub fn facts(&self) -> Arc<dyn Facts> {
        Arc::new(LiveFacts(Arc::downgrade(&self.inner)))
    }
}

/// The first `most` by name, in any order.
fn first_of<T>(mut all: Vec<T>, most: usize, name: impl Fn(&T) -> &Name) -> Vec<T> {
    if most == 0 {
        return Vec::new();
    }
    if all.len() > most {
        all.select_nth_unstable_by(most - 1, |a, b| name(a).cmp(name(b)));
        all.truncate(most);
    }
    all
}
