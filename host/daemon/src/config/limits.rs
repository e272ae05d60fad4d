//! `[rate-limit]` and `[tcp]`: how much one place may ask of the server.

use std::ops::RangeInclusive;
use std::time::Duration;

use bailiwick_server::{Limits, RateLimit, RateLimitMode};
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

/// `[rate-limit]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RateLimitSpec {
    mode: Option<Mode>,
    rate: Option<Spanned<u32>>,
    burst: Option<Spanned<u32>>,
    slip: Option<u8>,
    v4_prefix: Option<Spanned<u32>>,
    v6_prefix: Option<Spanned<u32>>,
    exempt: Option<Vec<IpNet>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Off,
    Log,
    Limit,
}

/// `[tcp]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TcpSpec {
    connections: Option<Spanned<u32>>,
    connections_per_address: Option<Spanned<u32>>,
    idle_ms: Option<Spanned<u32>>,
    write_stall_ms: Option<Spanned<u32>>,
}

/// What is wrong, and where.
pub(super) type Complaint = (std::ops::Range<usize>, String);

impl RateLimitSpec {
    pub(super) fn read(self, complain: &mut impl FnMut(Complaint)) -> RateLimit {
        let default = RateLimit::default();
        let rate = within(self.rate, default.rate, 1..=RATE_MAX, complain);
        RateLimit {
            mode: match self.mode {
                None => default.mode,
                Some(Mode::Off) => RateLimitMode::Off,
                Some(Mode::Log) => RateLimitMode::Log,
                Some(Mode::Limit) => RateLimitMode::Limit,
            },
            // A second's worth, unless said otherwise.
            burst: within(self.burst, rate, 1..=rate.saturating_mul(60), complain),
            rate,
            slip: self.slip.unwrap_or(default.slip),
            // The range is within an octet's.
            v4_prefix: within(self.v4_prefix, default.v4_prefix.into(), 8..=32, complain) as u8,
            v6_prefix: within(self.v6_prefix, default.v6_prefix.into(), 16..=64, complain) as u8,
            exempt: self.exempt.unwrap_or(default.exempt),
        }
    }
}

impl TcpSpec {
    pub(super) fn read(self, complain: &mut impl FnMut(Complaint)) -> Limits {
        let default = Limits::default();
        let ms = |time: Duration| time.as_millis() as u32;
        let all = within(
            self.connections,
            default.connections as u32,
            1..=CONNECTIONS_MAX,
            complain,
        );
        let each = default.connections_per_address as u32;
        let idle = within(self.idle_ms, ms(default.idle), 200..=600_000, complain);
        let stall = within(
            self.write_stall_ms,
            ms(default.write_stall),
            50..=60_000,
            complain,
        );
        Limits {
            connections: all as usize,
            connections_per_address: within(
                self.connections_per_address,
                each,
                1..=CONNECTIONS_MAX,
                complain,
            ) as usize,
            idle: Duration::from_millis(idle.into()),
            write_stall: Duration::from_millis(stall.into()),
            ..default
        }
    }
}

pub(super) fn within(
    value: Option<Spanned<u32>>,
    default: u32,
    range: RangeInclusive<u32>,
    complain: &mut impl FnMut(Complaint),
) -> u32 {
    let Some(value) = value else {
        return default;
    };
    if !range.contains(value.get_ref()) {
        let (from, to) = (range.start(), range.end());
        complain((value.span(), format!("must be between {from} and {to}")));
        return default;
    }
    value.into_inner()
}

const RATE_MAX: u32 = 100_000;
const CONNECTIONS_MAX: u32 = 1_000_000;
