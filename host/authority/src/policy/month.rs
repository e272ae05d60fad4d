//! Months of the service: half-open, in one fixed-offset zone (P7.7, RELIABILITY R8).

use bailiwick_plugin::types::{Month, UnixMs};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// The month that a moment lies in.
pub(crate) fn month_of(now: UnixMs, offset_hours: i8) -> Month {
    let zone = TimeZone::fixed(Offset::from_hours(offset_hours).unwrap_or(Offset::UTC));
    let at = i64::try_from(now)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let date = at.unwrap_or_default().to_zoned(zone.clone()).date();
    let first = date.first_of_month();
    let next = first.checked_add(1.month()).unwrap_or(first);
    let moment = |date: Date| {
        let start = date
            .to_zoned(zone.clone())
            .map(|start| start.timestamp().as_millisecond());
        start
            .ok()
            .and_then(|ms| u64::try_from(ms).ok())
            .unwrap_or(0)
    };
    Month {
        id: format!("{:04}-{:02}", first.year(), first.month()),
        start: moment(first),
        end: moment(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    /// P7.7: a month of UTC+10 begins ten hours before that of UTC.
    #[test]
    fn month_begins_at_midnight_of_its_zone() {
        // 2026-11-01T00:00 at UTC+10 is 2026-10-31T14:00 UTC.
        let start = 1_793_455_200_000;
        assert_eq!(
            month_of(start, 10),
            Month {
                id: "2026-11".into(),
                start,
                end: start + 30 * DAY_MS
            }
        );
        assert_eq!(month_of(start - 1, 10).id, "2026-10");
        assert_eq!(month_of(start, 0).id, "2026-10");
    }

    /// RELIABILITY R8: months follow one another without gap or overlap, for 80 years.
    #[test]
    fn months_join_up() {
        let mut month = month_of(1_704_067_200_000, 10);
        for _ in 0..80 * 12 {
            let next = month_of(month.end, 10);
            assert_eq!(next.start, month.end);
            assert_eq!(month_of(month.end - 1, 10), month);
            assert!((28..=31).contains(&((next.end - next.start) / DAY_MS)));
            month = next;
        }
        assert_eq!(month.id, "2104-01");
    }
}
