//! Patterns in a window of traffic.

mod flood;
mod reflection;
mod torture;

use bailiwick_plugin_sdk::abuse::Window;
use bailiwick_plugin_sdk::rows::{NameRow, SourceRow};
use bailiwick_plugin_sdk::{Error, Prefix, RrType, ZoneId};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// One pattern, and what would hold it back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) target: Target,
    /// What is left to it.
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
    /// Queries a second that belong to it.
    pub(crate) rate: u64,
    pub(crate) reason: String,
}

/// What a rule is about. The parts that make up its id say what the pattern is; the rest narrows the
/// match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) source: Option<String>,
    pub(crate) zone: Option<ZoneId>,
    pub(crate) suffix: Option<String>,
    pub(crate) rr_type: Option<RrType>,
    pub(crate) udp_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    TortureSource,
    TortureSuffix,
    Reflection,
    Flood,
}

impl Kind {
    /// As counted and as a finding's code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TortureSource | Self::TortureSuffix => "water-torture",
            Self::Reflection => "reflection",
            Self::Flood => "flood",
        }
    }

    /// The narrower the match, the earlier it is tried.
    pub(crate) fn priority(self) -> i16 {
        match self {
            Self::Reflection => 40,
            Self::TortureSource => 30,
            Self::Flood => 20,
            Self::TortureSuffix => 10,
        }
    }
}

impl Target {
    /// The same pattern has the same id in every window, on every node and in every version, so that
    /// putting a rule again replaces it. FNV-1a, 64 bits.
    pub(crate) fn id(&self) -> u64 {
        let kind = match self.kind {
            Kind::TortureSource => "torture-source",
            Kind::TortureSuffix => "torture-suffix",
            Kind::Reflection => "reflection",
            Kind::Flood => "flood",
        };
        let key = match self.kind {
            Kind::TortureSuffix => self.suffix.as_deref(),
            _ => self.source.as_deref(),
        };
        let bytes = kind.bytes().chain([0]).chain(key.unwrap_or("").bytes());
        bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    }
}

/// The tables of a window with what all detectors need.
pub(crate) struct Traffic {
    pub(crate) sources: Vec<SourceRow>,
    pub(crate) names: Vec<NameRow>,
    /// NXDOMAIN answers to sources that are trusted, which are not among `sources`.
    pub(crate) excused_nxdomain: u64,
    duration_ms: u64,
}

impl Traffic {
    fn of(settings: &Settings, window: &Window) -> Result<Self, Error> {
        let trusted: Vec<Prefix> = settings
            .rules
            .trusted
            .iter()
            .filter_map(|prefix| prefix.parse().ok())
            .collect();
        let (excused, sources): (Vec<_>, Vec<_>) = window
            .sources
            .rows()?
            .into_iter()
            .partition(|row| trusted.iter().any(|prefix| prefix.contains(&row.source)));
        Ok(Self {
            sources,
            excused_nxdomain: excused
                .iter()
                .fold(0, |sum: u64, row| sum.saturating_add(row.nxdomain)),
            names: window.names.rows()?,
            duration_ms: duration_ms(window),
        })
    }

    /// A count of the window as a rate.
    pub(crate) fn per_second(&self, count: u64) -> u64 {
        per_second(count, self.duration_ms)
    }
}

/// All patterns, the strongest first.
pub(crate) fn patterns(settings: &Settings, window: &Window) -> Result<Vec<Pattern>, Error> {
    let traffic = Traffic::of(settings, window)?;
    let mut found = reflection::find(&settings.reflection, &traffic);
    found.extend(torture::find(&settings.torture, &traffic));
    let explained: Vec<String> = found
        .iter()
        .filter_map(|pattern| pattern.target.source.clone())
        .collect();
    found.extend(flood::find(&settings.flood, &traffic, &explained));
    found.sort_by_key(|pattern| std::cmp::Reverse(pattern.rate));
    Ok(found)
}

/// A window is never shorter than this when rates are taken from it: a sliver of one would make a
/// flood of a few queries.
const WINDOW_MIN_MS: u64 = 100;

pub(crate) fn duration_ms(window: &Window) -> u64 {
    window.end.saturating_sub(window.start).max(WINDOW_MIN_MS)
}

pub(crate) fn per_second(count: u64, duration_ms: u64) -> u64 {
    let rate = u128::from(count) * 1000 / u128::from(duration_ms.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Is `part` at least so many percent of `whole`? Nothing is no share of nothing.
pub(crate) fn is_share(part: u64, whole: u64, percent: u64) -> bool {
    part > 0 && u128::from(part) * 100 >= u128::from(whole) * u128::from(percent)
}
