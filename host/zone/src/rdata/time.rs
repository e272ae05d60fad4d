//! The times of signatures: `YYYYMMDDHHmmSS` in UTC (RFC 4034 3.2).

use super::encode::number;
use super::scan::parse_number;

/// Seconds since 1970 modulo 2^32 from fourteen digits or a plain number.
pub(super) fn parse(text: &[u8]) -> Option<u32> {
    let value = parse_number(text)?;
    // RFC 4034 3.2: exactly fourteen digits are a date, fewer are seconds.
    if text.len() != 14 {
        return u32::try_from(value).ok();
    }
    let (date, clock) = (value / 1_000_000, value % 1_000_000);
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    // RFC 4034 3.1.5 compares with serial arithmetic, so the number wraps in 2106.
    Some(seconds as u32)
}

/// Appends fourteen digits. A number before 1970 + 2^31 could also mean 2106 and later; without a clock
/// here, the earlier reading is printed, which reads back to the same number.
pub(super) fn print(seconds: u32, out: &mut String) {
    let (mut days, clock) = (u64::from(seconds) / 86_400, u64::from(seconds) % 86_400);
    let mut year = 1970;
    while days >= year_days(year) {
        days -= year_days(year);
        year += 1;
    }
    let mut month = 1;
    while days >= month_days(year, month) {
        days -= month_days(year, month);
        month += 1;
    }
    let date = year * 10_000 + month * 100 + days + 1;
    number(
        date * 1_000_000 + clock / 3600 * 10_000 + clock / 60 % 60 * 100 + clock % 60,
        out,
    );
}

/// Days from 1970-01-01 to the given day.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    years + (1..month).map(|month| month_days(year, month)).sum::<u64>() + day - 1
}

fn year_days(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(seconds: u32) -> String {
        let mut out = String::new();
        print(seconds, &mut out);
        out
    }

    /// RFC 4034 3.2
    #[test]
    fn dates_and_seconds_are_the_same_instant() {
        for (text, seconds) in [
            ("19700101000000", 0),
            ("20000229235959", 951_868_799),
            ("20240301000000", 1_709_251_200),
            ("21060207062815", u32::MAX),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(seconds), "{text}");
            assert_eq!(printed(seconds), text);
        }
        assert_eq!(parse(b"1709251200"), Some(1_709_251_200));
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in [
            "20230229000000",
            "20230101240000",
            "20231301000000",
            "20230100000000",
            "19691231235959",
            "x",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
