//! Warnings before the invoice: shares of the allowance that are used, and when it will be.

use bailiwick_plugin_sdk::quota::{Alert, MonthUsage};

use crate::settings::Settings;

/// The host sends each (code, percent, basis) once a month, so all that hold are given each time.
pub(crate) fn alerts(
    settings: &Settings,
    now: u64,
    usage: &MonthUsage,
    used: u64,
    included: u64,
) -> Vec<Alert> {
    // Of nothing, and of no limit, there are no shares.
    if matches!(included, 0 | u64::MAX) {
        return vec![];
    }
    let mut alerts: Vec<_> = settings
        .alert_percent
        .iter()
        .filter(|&&percent| u128::from(used) * 100 >= u128::from(included) * u128::from(percent))
        .map(|&percent| {
            let message = format!(
                "{percent} % of the {included} queries of {} are used",
                usage.month.id
            );
            alert("threshold", percent, None, message)
        })
        .collect();
    alerts.extend(forecast(settings, now, usage, used, included));
    alerts
}

/// When the allowance will be used up if things go on as in the last week, or as in the whole month
/// where a week is not known.
fn forecast(
    settings: &Settings,
    now: u64,
    usage: &MonthUsage,
    used: u64,
    included: u64,
) -> Option<Alert> {
    let month = &usage.month;
    let spent = now.checked_sub(month.start)?;
    if usage.closed || now >= month.end || used >= included || spent < settings.forecast_after_ms {
        return None;
    }
    let (queries, during) = pace(usage, used, spent);
    if queries == 0 {
        return None;
    }
    let left = u128::from(included - used) * u128::from(during) / u128::from(queries);
    let expected = u64::try_from(u128::from(now) + left).ok()?;
    if expected >= month.end {
        return None;
    }
    let days = (month.end - expected) / DAY_MS;
    let message = format!(
        "at the present pace the allowance of {} is used up about {days} days before its end",
        month.id
    );
    Some(alert("forecast", 100, Some(expected), message))
}

/// (queries, milliseconds) to reckon with. The day that runs is not over, so it does not count.
fn pace(usage: &MonthUsage, used: u64, spent: u64) -> (u64, u64) {
    let full = usize::try_from(spent / DAY_MS)
        .unwrap_or(usize::MAX)
        .min(usage.days.len());
    if full < WEEK {
        return (used, spent);
    }
    let week = usage.days[full - WEEK..full]
        .iter()
        .fold(0_u64, |sum, &day| sum.saturating_add(day));
    (week, WEEK as u64 * DAY_MS)
}

fn alert(code: &str, percent: u32, expected: Option<u64>, message: String) -> Alert {
    Alert {
        code: code.into(),
        percent,
        basis: "pool.answered".into(),
        expected,
        message,
        extra: vec![],
    }
}

const DAY_MS: u64 = 86_400_000;
const WEEK: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_plugin_sdk::quota::{Detail, ZoneColumns};
    use bailiwick_plugin_sdk::{Month, Usage};

    fn usage(days: Vec<u64>) -> MonthUsage {
        MonthUsage {
            account: 1,
            month: Month {
                id: "2026-11".into(),
                start: 0,
                end: 30 * DAY_MS,
            },
            closed: false,
            pool: Usage::none(),
            detail: Detail {
                nxdomain: 0,
                nodata: 0,
                tcp: 0,
                encrypted: 0,
                signed: 0,
                bytes_in: 0,
                bytes_out: 0,
            },
            zones_peak: 0,
            zones: ZoneColumns::empty(),
            days,
            late: vec![],
            extra: vec![],
        }
    }

    fn reached(used: u64) -> Vec<u32> {
        alerts(&Settings::default(), 0, &usage(vec![]), used, 1000)
            .iter()
            .map(|alert| alert.percent)
            .collect()
    }

    /// 50, 75, 90, 100 and 120 %, each from exactly there on.
    #[test]
    fn thresholds_are_reached_exactly() {
        assert_eq!(reached(499), [0; 0]);
        assert_eq!(reached(500), [50]);
        assert_eq!(reached(900), [50, 75, 90]);
        assert_eq!(reached(1199), [50, 75, 90, 100]);
        assert_eq!(reached(u64::MAX), [50, 75, 90, 100, 120]);
    }

    /// Half used after ten of thirty days: gone after twenty.
    #[test]
    fn forecast_follows_the_pace_of_the_month() {
        let now = 10 * DAY_MS;
        let found = alerts(&Settings::default(), now, &usage(vec![]), 500, 1000);
        let forecast = found.last().unwrap();
        assert_eq!(forecast.code, "forecast");
        assert_eq!(forecast.expected, Some(20 * DAY_MS));
    }

    /// A busy first week that is over does not alarm; a busy last week does.
    #[test]
    fn forecast_follows_the_last_week_where_it_is_known() {
        let now = 14 * DAY_MS;
        let calm_now = usage([vec![100; 7], vec![1; 7]].concat());
        assert_eq!(
            forecast(&Settings::default(), now, &calm_now, 707, 1000),
            None
        );
        let busy_now = usage([vec![1; 7], vec![100; 7]].concat());
        let found = forecast(&Settings::default(), now, &busy_now, 707, 1000).unwrap();
        assert!(found.expected.unwrap() < 17 * DAY_MS);
    }

    /// An hour of a month says nothing about the rest of it.
    #[test]
    fn first_hours_forecast_nothing() {
        let month = usage(vec![]);
        assert_eq!(
            forecast(&Settings::default(), 3_600_000, &month, 500, 1000),
            None
        );
    }
}
