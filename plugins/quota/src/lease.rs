//! How much of the pool a zone gets on a node, and for how long.

use std::collections::BTreeMap;

use bailiwick_plugin_sdk::quota::{Fallback, Lease, Request};
use bailiwick_plugin_sdk::{AccountId, Month};

use crate::settings::{OnFailure, Settings};

/// Answers a batch; rows of one account share what its pool has left.
pub(crate) fn grant(
    settings: &Settings,
    now: u64,
    month: &Month,
    requests: &[Request],
) -> Vec<Lease> {
    let mut asking = BTreeMap::<AccountId, Asking>::new();
    for request in requests {
        let account = asking.entry(request.account).or_default();
        account.rows = account.rows.saturating_add(1);
        account.rate_milli = account.rate_milli.saturating_add(request.rate_milli);
    }
    requests
        .iter()
        .map(|request| {
            let account = asking.get(&request.account).copied().unwrap_or_default();
            lease(settings, now, month, request, account)
        })
        .collect()
}

/// What the rows of one account in this batch come to.
#[derive(Clone, Copy, Default)]
struct Asking {
    rows: u64,
    rate_milli: u64,
}

fn lease(
    settings: &Settings,
    now: u64,
    month: &Month,
    request: &Request,
    account: Asking,
) -> Lease {
    let ttl_ms = ttl_ms(settings, now, month, request);
    let second = request.rate_milli.div_ceil(1000);
    let floor = second.max(settings.units_min);
    let left = left(request);
    let units = match left {
        // Charged from here on; a small lease keeps an eye on it without holding anything back.
        Some(0) => floor,
        Some(left) => need(request.rate_milli, ttl_ms)
            .min(share(left, request, account))
            .max(floor),
        None => need(request.rate_milli, ttl_ms).max(floor),
    }
    .min(UNITS_MAX);
    Lease {
        // Always there: a lease without it would be all there is until it ends.
        low_water: Some(low_water(settings, units, second)),
        on_failure: match settings.on_failure {
            OnFailure::Native => Fallback::Native,
            OnFailure::Last => Fallback::Last,
        },
        reason: reason(request, left),
        ..Lease::open(units, ttl_ms)
    }
}

/// What the account's allowance still holds for new leases; none: there is no limit. The lease that
/// this one replaces gives back what is left of it.
fn left(request: &Request) -> Option<u64> {
    if request.allowance == u64::MAX {
        return None;
    }
    let others = request.pool_leased.saturating_sub(request.remaining);
    Some(
        request
            .allowance
            .saturating_sub(request.pool_month.answered)
            .saturating_sub(others),
    )
}

/// The traffic of `ttl_ms`, and half as much again, since rates rise.
fn need(rate_milli: u64, ttl_ms: u32) -> u64 {
    let units = u128::from(rate_milli) * u128::from(ttl_ms) * 3 / 2 / 1_000_000;
    u64::try_from(units).unwrap_or(u64::MAX)
}

/// A fair part of what is left: by rate among all the account's zones, equal among those asking as
/// long as nobody has a rate.
fn share(left: u64, request: &Request, account: Asking) -> u64 {
    let all = request.pool_rate_milli.max(account.rate_milli);
    if all == 0 {
        return left / account.rows.max(1);
    }
    let part = u128::from(left) * u128::from(request.rate_milli) / u128::from(all);
    u64::try_from(part).unwrap_or(left)
}

/// A share of the lease, but at least a quarter second's traffic: time enough for the answer to come.
fn low_water(settings: &Settings, units: u64, second: u64) -> u64 {
    let percent = u128::from(units) * u128::from(settings.low_water_percent) / 100;
    u64::try_from(percent)
        .unwrap_or(units)
        .max(second / 4)
        .clamp(1, units)
}

/// Shortened by up to a tenth, differently for each zone and node, lest all ask at once; and not past
/// the end of the month, where a new allowance begins.
fn ttl_ms(settings: &Settings, now: u64, month: &Month, request: &Request) -> u32 {
    let tenth = u64::from(settings.lease_ms / 10).max(1);
    let spread = scatter(request.zone ^ u64::from(request.node).rotate_left(32)) % tenth;
    let ttl = u64::from(settings.lease_ms) - spread;
    let ttl = match month.end.checked_sub(now) {
        Some(rest) if rest > 0 => ttl.min(rest),
        _ => ttl,
    };
    u32::try_from(ttl).unwrap_or(u32::MAX).max(TTL_MIN_MS)
}

/// Finaliser of splitmix64: neighbours in, strangers out.
fn scatter(id: u64) -> u64 {
    let id = (id ^ (id >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let id = (id ^ (id >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    id ^ (id >> 31)
}

fn reason(request: &Request, left: Option<u64>) -> String {
    match left {
        None => "no limit".into(),
        Some(0) if request.pool_month.answered >= request.allowance => {
            "above the allowance: answered and charged".into()
        }
        Some(0) => "the rest of the allowance is out in leases".into(),
        Some(left) => format!("{left} of {} left", request.allowance),
    }
}

/// The WIT's bounds.
const UNITS_MAX: u64 = 1 << 53;
const TTL_MIN_MS: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_plugin_sdk::quota::AskReason;
    use bailiwick_plugin_sdk::{Action, Usage};

    fn month() -> Month {
        Month {
            id: "2026-11".into(),
            start: 0,
            end: 30 * 86_400_000,
        }
    }

    fn request(zone: u64, rate: u64, answered: u64, allowance: u64) -> Request {
        Request {
            zone,
            node: 1,
            account: 1,
            plan: "basic".into(),
            reason: AskReason::LowWater,
            remaining: 0,
            rate_milli: rate * 1000,
            pool_rate_milli: rate * 1000,
            zone_month: Usage::none(),
            pool_month: Usage {
                answered,
                ..Usage::none()
            },
            pool_leased: 0,
            allowance,
        }
    }

    fn one(request: Request) -> Lease {
        let leases = grant(&Settings::default(), 1000, &month(), &[request]);
        leases.into_iter().next().unwrap()
    }

    /// One lease per request, in order, so that the host can pair them.
    #[test]
    fn each_request_gets_its_lease() {
        let settings = Settings::default();
        assert_eq!(grant(&settings, 0, &month(), &[]), []);
        let rates = [5, 50_000, 500];
        let requests = rates.map(|rate| request(rate, rate, 0, u64::MAX));
        let units: Vec<_> = grant(&settings, 0, &month(), &requests)
            .iter()
            .map(|lease| lease.units)
            .collect();
        assert!(units[0] < units[2] && units[2] < units[1], "{units:?}");
    }

    /// A lease is worth a second of traffic or 1000 units, whichever is more, and has a low water.
    #[test]
    fn lease_is_worth_a_second_or_a_thousand_units() {
        for rate in [0, 1, 999, 1000, 20_000, 3_000_000] {
            for (answered, allowance) in [(0, 0), (10, 10), (0, 50), (0, u64::MAX)] {
                let lease = one(request(1, rate, answered, allowance));
                assert!(lease.units >= rate.max(1000), "{rate} {allowance}");
                let low = lease.low_water.unwrap();
                assert!((1..=lease.units).contains(&low), "{low} of {}", lease.units);
            }
        }
    }

    /// Quota never stops answering: far above the allowance leases still come, and empty ones allow.
    #[test]
    fn above_the_allowance_answering_goes_on() {
        let lease = one(request(1, 100, u64::MAX, 1_000_000));
        assert_eq!(lease.on_empty, Action::Allow);
        assert!(lease.units >= 1000);
        assert_eq!(lease.reason, "above the allowance: answered and charged");
    }

    /// Two zones of one account, one ten times as busy: each gets its part of what is left, and
    /// together no more than that.
    #[test]
    fn zones_share_the_pool_by_rate() {
        let settings = Settings {
            units_min: 1,
            ..Settings::default()
        };
        let mut requests = [request(1, 1000, 0, 11_000), request(2, 100, 0, 11_000)];
        for request in &mut requests {
            request.pool_rate_milli = 1_100_000;
        }
        let leases = grant(&settings, 1000, &month(), &requests);
        assert_eq!([leases[0].units, leases[1].units], [10_000, 1000]);
    }

    /// The pool's rate counts zones that are not in this batch: what they need is not given away.
    #[test]
    fn absent_zones_keep_their_share() {
        let mut request = request(1, 1000, 0, 20_000);
        request.pool_rate_milli = 2_000_000;
        assert_eq!(one(request).units, 10_000);
    }

    /// Nobody has a rate yet: equal parts.
    #[test]
    fn first_use_shares_equally() {
        let settings = Settings {
            units_min: 1,
            ..Settings::default()
        };
        let mut requests = [request(1, 0, 0, 9000), request(2, 0, 0, 9000)];
        requests[0].rate_milli = 0;
        let leases = grant(&settings, 1000, &month(), &requests);
        // No traffic needs nothing: the floor decides, and the share is no less than that.
        assert!(
            leases
                .iter()
                .all(|lease| lease.units >= 1 && lease.units <= 4500)
        );
    }

    /// What other leases hold is not granted twice, and what this one gives back counts.
    #[test]
    fn outstanding_leases_are_taken_off() {
        let mut request = request(1, 1000, 0, 30_000);
        request.pool_leased = 25_000;
        request.remaining = 5000;
        assert_eq!(one(request).units, 10_000);
    }

    /// `lease_ms` is the longest a lease lasts; the spread only shortens it, by a tenth at most.
    #[test]
    fn short_leases_stay_within_their_setting() {
        let settings = Settings {
            lease_ms: 1000,
            ..Settings::default()
        };
        let requests: Vec<_> = (0..500)
            .map(|zone| request(zone, 100, 0, u64::MAX))
            .collect();
        let leases = grant(&settings, 1000, &month(), &requests);
        assert!(
            leases
                .iter()
                .all(|lease| (901..=1000).contains(&lease.ttl_ms))
        );
        assert!(leases.iter().any(|lease| lease.ttl_ms < 950), "all at once");
    }

    /// A new month has a new allowance, so no lease reaches into it.
    #[test]
    fn leases_end_with_the_month() {
        let month = month();
        let now = month.end - 5000;
        let leases = grant(&Settings::default(), now, &month, &[request(1, 1, 0, 10)]);
        assert_eq!(leases[0].ttl_ms, 5000);
    }

    /// Figures at the end of the range neither trap nor leave it.
    #[test]
    fn huge_figures_stay_in_range() {
        let mut request = request(1, 0, u64::MAX, u64::MAX - 1);
        request.rate_milli = u64::MAX;
        request.pool_rate_milli = u64::MAX;
        request.pool_leased = u64::MAX;
        let twice = [request.clone(), request];
        for lease in grant(&Settings::default(), u64::MAX, &month(), &twice) {
            assert!(lease.units <= UNITS_MAX && lease.ttl_ms >= TTL_MIN_MS);
        }
    }
}
