//! What a person wants to know about a zone: state in words, when, why, what next.

use bailiwick_transfer::{Moment, State};
use bailiwick_zone::Zone;
use serde::Serialize;

use crate::alias::AliasTrouble;
use crate::clock::Clock;
use crate::hosted::Hosted;
use crate::schedule::Secondary;

/// Where a zone comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneKind {
    /// Loaded from a text file here.
    Hosted,
    /// Transferred from a primary.
    Secondary,
}

/// How a zone fares, for sorting and colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneState {
    /// All is well.
    Ok,
    /// Never had; being tried.
    Waiting,
    /// An attempt is under way.
    Transferring,
    /// Answered, but the last attempt or reload failed.
    Failing,
    /// Failing for more than half of the expire time.
    Expiring,
    /// Not answered any more.
    Expired,
    /// The primary's serial went back.
    Held,
}

/// One zone's line on the status page.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ZoneStatus {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub kind: ZoneKind,
    /// How it fares.
    pub state: ZoneState,
    /// The same as a sentence.
    pub words: String,
    /// The serial that is answered, if any version is.
    pub serial: Option<u32>,
    /// Records of that version.
    pub records: u64,
    /// Octets of memory it holds.
    pub size_bytes: u64,
    /// Whether it carries DNSSEC records.
    pub signed: bool,
    /// The number under which tables know it.
    pub slot: Option<u32>,
    /// The file it is loaded from.
    pub file: Option<String>,
    /// Its primaries.
    pub primaries: Vec<String>,
    /// Seconds since 1970 of the last success.
    pub last_success: Option<u64>,
    /// Seconds since 1970 of the last failure.
    pub last_failure: Option<u64>,
    /// Why it failed, in words.
    pub last_error: Option<String>,
    /// What will not work as written in its file; at most a few lines.
    pub warnings: Vec<String>,
    /// Seconds until the next try.
    pub next_try_seconds: Option<u64>,
    /// Seconds until it expires, if nothing succeeds until then.
    pub expires_seconds: Option<u64>,
}

/// All zones together: how many are in each state and what they hold. Counting takes no memory and says
/// no words, so it is cheap enough for a scrape with a hundred thousand zones.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ZoneSummary {
    /// Zones that are configured.
    pub zones: u64,
    /// Records of the versions that are answered.
    pub records: u64,
    states: [u64; ZoneState::ALL.len()],
}

impl ZoneSummary {
    /// How many zones are in each state.
    pub fn states(&self) -> impl Iterator<Item = (ZoneState, u64)> {
        ZoneState::ALL.into_iter().zip(self.states)
    }

    pub(crate) fn of_records(records: u64) -> Self {
        Self {
            records,
            ..Self::default()
        }
    }

    pub(crate) fn count(&mut self, state: ZoneState) {
        self.zones += 1;
        self.states[state as usize] += 1;
    }
}

impl ZoneState {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Waiting,
        Self::Transferring,
        Self::Failing,
        Self::Expiring,
        Self::Expired,
        Self::Held,
    ];

    pub(crate) fn of_hosted(hosted: &Hosted, is_answered: impl FnOnce() -> bool) -> Self {
        match &hosted.error {
            Some(_) => Self::Failing,
            None if hosted.last_success.is_some() || is_answered() => Self::Ok,
            None => Self::Waiting,
        }
    }

    pub(crate) fn of_secondary(secondary: &Secondary, clock: &Clock) -> Self {
        state_of(secondary.refresh.state(clock.now()))
    }
}

impl ZoneStatus {
    pub(crate) fn secondary(secondary: &Secondary, zone: Option<&Zone>, clock: &Clock) -> Self {
        let now = clock.now();
        let refresh = &secondary.refresh;
        let state = refresh.state(now);
        let next_try =
            (state != State::Transferring).then(|| seconds_until(refresh.next_look(), now));
        let mut status = Self {
            name: secondary.apex.to_string(),
            kind: ZoneKind::Secondary,
            state: state_of(state),
            words: String::new(),
            file: None,
            primaries: secondary
                .primaries
                .iter()
                .map(ToString::to_string)
                .collect(),
            last_success: secondary.last_success,
            last_failure: secondary.last_failure,
            last_error: secondary.last_error.clone(),
            next_try_seconds: next_try,
            expires_seconds: refresh.expiry().map(|at| seconds_until(at, now)),
            ..Self::of_zone(zone)
        };
        status.words = secondary_words(&status, state, zone.is_some(), refresh.failures());
        status
    }

    pub(crate) fn hosted(name: String, hosted: &Hosted, zone: Option<&Zone>) -> Self {
        let error = hosted.error.clone();
        let (state, words) = match (&error, zone) {
            (None, Some(zone)) => (
                ZoneState::Ok,
                format!("serial {} is answered", zone.serial()),
            ),
            (None, None) => (ZoneState::Waiting, "not loaded yet".to_owned()),
            (Some(error), Some(zone)) => {
                let words = format!(
                    "the file was refused: {error}; serial {} stays in force",
                    zone.serial()
                );
                (ZoneState::Failing, words)
            }
            (Some(error), None) => (ZoneState::Failing, format!("not answered: {error}")),
        };
        Self {
            name,
            kind: ZoneKind::Hosted,
            state,
            words,
            file: Some(hosted.file.display().to_string()),
            last_success: hosted.last_success,
            last_failure: hosted.last_failure,
            last_error: error,
            warnings: hosted.warnings.clone(),
            ..Self::of_zone(zone)
        }
    }

    /// The same with what is not well with its ALIAS records.
    pub(crate) fn with_aliases(mut self, trouble: &AliasTrouble) -> Self {
        if trouble.count > 0 {
            self.words += &format!("; {}", trouble.sentence());
            if self.state == ZoneState::Ok {
                self.state = ZoneState::Failing;
            }
        }
        self
    }

    fn of_zone(zone: Option<&Zone>) -> Self {
        Self {
            name: String::new(),
            kind: ZoneKind::Hosted,
            state: ZoneState::Waiting,
            words: String::new(),
            serial: zone.map(|zone| zone.serial().0),
            records: zone.map_or(0, Zone::record_count),
            size_bytes: zone.map_or(0, |zone| zone.size_bytes() as u64),
            signed: zone.is_some_and(Zone::is_signed),
            slot: zone.map(Zone::slot),
            file: None,
            primaries: Vec::new(),
            last_success: None,
            last_failure: None,
            last_error: None,
            warnings: Vec::new(),
            next_try_seconds: None,
            expires_seconds: None,
        }
    }
}

fn state_of(state: State) -> ZoneState {
    match state {
        State::Waiting => ZoneState::Waiting,
        State::Transferring => ZoneState::Transferring,
        State::Ok => ZoneState::Ok,
        State::Failing => ZoneState::Failing,
        State::Expiring => ZoneState::Expiring,
        State::Expired => ZoneState::Expired,
        State::Held { .. } => ZoneState::Held,
    }
}

fn secondary_words(status: &ZoneStatus, state: State, answered: bool, failures: u32) -> String {
    let error = status.last_error.as_deref().unwrap_or("no reason is known");
    let next = status
        .next_try_seconds
        .map_or_else(String::new, |s| format!("; next try in {}", duration(s)));
    let serial = status.serial.unwrap_or_default();
    match state {
        State::Waiting => "waiting for its first transfer".to_owned(),
        State::Transferring if answered => {
            format!("asking the primary; serial {serial} is answered")
        }
        State::Transferring => "first transfer under way".to_owned(),
        State::Ok => format!(
            "serial {serial} is answered{}",
            next.replace("next try", "next look")
        ),
        State::Failing if answered => {
            format!("serial {serial} is answered, but {failures} attempts failed: {error}{next}")
        }
        State::Failing => format!("not transferred yet, {failures} attempts failed: {error}{next}"),
        State::Expiring => {
            let left = duration(status.expires_seconds.unwrap_or_default());
            format!("serial {serial} is answered for another {left} only: {error}{next}")
        }
        State::Expired => format!("expired, answered with SERVFAIL: {error}{next}"),
        State::Held { ours, theirs } => {
            format!(
                "held: serial went back from {ours} to {theirs} at the primary; {ours} is answered{next}"
            )
        }
    }
}

fn seconds_until(at: Moment, now: Moment) -> u64 {
    at.since(now).as_secs()
}

/// "90 s", "15 min", "6 h", "3 d".
fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
