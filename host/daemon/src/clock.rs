//! The daemon's clock: the only place in this crate that asks the system for the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as status pages and records show them.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}

/// Milliseconds since 1970, as plugins are told the time.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
}

/// `2026-11-22T19:30:05Z` for seconds since 1970.
pub(crate) fn rfc3339(unix: u64) -> String {
    let second = i64::try_from(unix).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(second).map_or_else(|_| format!("@{unix}"), |t| t.to_string())
}

/// "12 s", "3 min", "5 h", "8 days": how long something has been so, for a reader.
pub(crate) fn words(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time out of the calendar's reach is shown as a number instead of a panic.
    #[test]
    fn any_number_of_seconds_can_be_shown() {
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(u64::MAX), format!("@{}", u64::MAX));
    }

    /// The largest unit that still tells something is used.
    #[test]
    fn durations_read_like_speech() {
        assert_eq!(words(59), "59 s");
        assert_eq!(words(600), "10 min");
        assert_eq!(words(7200), "2 h");
        assert_eq!(words(864_000), "10 days");
    }
}
