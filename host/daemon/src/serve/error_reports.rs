//! What resolvers report about names of ours that they cannot resolve (RFC 9567): counts by error, and
//! the last hundred different reports.
//!
//! Reports come from the Internet, on threads that answer queries. So the list is bounded, a report
//! that finds it being read is only counted, and the sender's address was proven before.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, TryLockError};

use bailiwick_answer::ErrorReport;
use bailiwick_zone::name::Name;

use crate::http::report::ErrorReportRow;

/// The reports so far.
pub(crate) struct ErrorReports {
    by_code: [AtomicU64; CODES + 1],
    last: Mutex<HashMap<Key, Seen>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    labels: Box<[u8]>,
    qtype: u16,
    code: u16,
}

struct Seen {
    count: u64,
    /// Seconds since 1970.
    last: u64,
    from: IpAddr,
}

impl Default for ErrorReports {
    fn default() -> Self {
        Self {
            by_code: std::array::from_fn(|_| AtomicU64::new(0)),
            last: Mutex::default(),
        }
    }
}

impl ErrorReports {
    /// Notes a report; waits for nothing.
    pub(crate) fn note(&self, report: &ErrorReport<'_>, from: IpAddr, now: u64) {
        let code = usize::from(report.code).min(CODES);
        self.by_code[code].fetch_add(1, Relaxed);
        let mut last = match self.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let key = Key {
            labels: report.labels.into(),
            qtype: report.qtype.0,
            code: report.code,
        };
        if !last.contains_key(&key) && last.len() >= LISTED_MAX {
            let oldest = last.iter().min_by_key(|(_, seen)| seen.last);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                last.remove(&oldest);
            }
        }
        let seen = last.entry(key).or_insert(Seen {
            count: 0,
            last: 0,
            from,
        });
        seen.count += 1;
        (seen.last, seen.from) = (now, from);
    }

    /// Counts by error, those that came at all.
    pub(crate) fn by_code(&self) -> Vec<(String, u64)> {
        let counts = self.by_code.iter().enumerate();
        let counts = counts.map(|(code, count)| (code, count.load(Relaxed)));
        let label = |code: usize| match code {
            CODES => "other".to_owned(),
            code => code.to_string(),
        };
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(code, count)| (label(code), count))
            .collect()
    }

    /// The last different reports, the latest first.
    pub(crate) fn rows(&self) -> Vec<ErrorReportRow> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = last.iter().map(|(key, seen)| key.row(seen)).collect();
        drop(last);
        rows.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.name.cmp(&b.name)));
        rows
    }
}

impl Key {
    fn row(&self, seen: &Seen) -> ErrorReportRow {
        let wire = [&self.labels[..], &[0]].concat();
        let name = Name::from_wire(&wire).map_or_else(|_| "?".to_owned(), |name| name.to_string());
        ErrorReportRow {
            name,
            rtype: bailiwick_zone::RecordType(self.qtype).to_string(),
            code: self.code,
            count: seen.count,
            last: seen.last,
            from: seen.from.to_string(),
        }
    }
}

/// Different reports that are listed.
const LISTED_MAX: usize = 100;
/// Codes of RFC 8914 and its registry, with room; others are counted together.
const CODES: usize = 48;

#[cfg(test)]
mod tests {
    use bailiwick_zone::RecordType;

    use super::*;

    fn note(reports: &ErrorReports, labels: &[u8], code: u16, now: u64) {
        let report = ErrorReport {
            qtype: RecordType::A,
            labels,
            code,
        };
        reports.note(&report, [192, 0, 2, 1].into(), now);
    }

    /// Equal reports are one row with a count; the latest stands first.
    #[test]
    fn equal_reports_are_counted_in_one_row() {
        let reports = ErrorReports::default();
        note(&reports, b"\x01a", 7, 1);
        note(&reports, b"\x01b", 7, 2);
        note(&reports, b"\x01a", 7, 3);
        note(&reports, b"\x01a", 900, 0);
        let rows: Vec<_> = reports
            .rows()
            .into_iter()
            .map(|r| (r.name, r.code, r.count))
            .collect();
        assert_eq!(
            rows,
            [
                ("a.".into(), 7, 2),
                ("b.".into(), 7, 1),
                ("a.".into(), 900, 1)
            ]
        );
        assert_eq!(reports.by_code(), [("7".into(), 3), ("other".into(), 1)]);
    }

    /// A flood of different reports costs a hundred rows and no more; the oldest go.
    #[test]
    fn the_list_is_bounded_and_the_oldest_go() {
        let reports = ErrorReports::default();
        for n in 0..1000u16 {
            let [high, low] = n.to_be_bytes();
            note(&reports, &[2, high, low], 1, u64::from(n));
        }
        let rows = reports.rows();
        assert_eq!(
            (rows.len(), rows[0].last, rows[99].last),
            (LISTED_MAX, 999, 900)
        );
    }
}
