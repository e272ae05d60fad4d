//! Bulk data crosses the component boundary as columns, which is many times cheaper than records.
//! Here they become rows again.

use std::fmt;

use crate::abuse::{HitColumns, NameColumns, SourceColumns, ZoneColumns as TrafficColumns};
use crate::quota::ZoneColumns as MonthColumns;
use crate::{Difference, Edit, Error, Name, Prefix, RrType, ZoneId};

/// Columns of one table differ in length. The host checks that, so it is seen in tests only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Uneven {
    /// Rows of the first column.
    pub expected: usize,
    /// Rows of the one that differs.
    pub found: usize,
}

impl fmt::Display for Uneven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "columns of one table have {} and {} rows",
            self.expected, self.found
        )
    }
}

impl std::error::Error for Uneven {}

impl From<Uneven> for Error {
    fn from(uneven: Uneven) -> Self {
        Self::Other(uneven.to_string())
    }
}

/// Declares a row type and the method that zips a table's columns into such rows.
macro_rules! rows {
    (
        $(#[$about:meta])*
        $columns:ty => $row:ident { $( $(#[$doc:meta])* $field:ident : $kind:ty ),+ $(,)? }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $row { $( $(#[$doc])* pub $field: $kind ),+ }

        impl $columns {
            /// The table row by row.
            pub fn rows(&self) -> Result<Vec<$row>, Uneven> {
                let lengths = [$(self.$field.len()),+];
                let expected = lengths[0];
                if let Some(&found) = lengths.iter().find(|&&found| found != expected) {
                    return Err(Uneven { expected, found });
                }
                $( let mut $field = self.$field.iter(); )+
                let mut rows = Vec::with_capacity(expected);
                while let ($(Some($field)),+,) = ($($field.next()),+,) {
                    rows.push($row { $($field: $field.clone()),+ });
                }
                Ok(rows)
            }

            /// A table of these rows, as the host would give it.
            pub fn of(rows: impl IntoIterator<Item = $row>) -> Self {
                let mut table = Self::empty();
                for row in rows {
                    $( table.$field.push(row.$field); )+
                }
                table
            }
        }
    };
}

rows! {
    /// One busy source of a window.
    SourceColumns => SourceRow {
        /// IPv4 /24 or IPv6 /56, as the operator has set.
        source: Prefix,
        /// All of them.
        queries: u64,
        /// Answered NXDOMAIN.
        nxdomain: u64,
        /// Held back by a limit.
        limited: u64,
        /// Of type ANY.
        any: u64,
        /// Over TCP.
        tcp: u64,
        /// Octets of queries.
        bytes_in: u64,
        /// Octets of answers.
        bytes_out: u64,
        /// Estimate of different names asked for.
        distinct_names: u64,
        /// Estimate of different zones asked in.
        distinct_zones: u64,
        /// Asked most; 0 where that is not known.
        main_zone: ZoneId,
    }
}

rows! {
    /// Queries of a window by what their names end in.
    NameColumns => NameRow {
        /// The zone the suffix is in.
        zone: ZoneId,
        /// At or below this name.
        suffix: Name,
        /// All of them.
        queries: u64,
        /// Answered NXDOMAIN.
        nxdomain: u64,
        /// Estimate of different sources.
        distinct_sources: u64,
        /// Estimate of different labels below the suffix.
        distinct_labels: u64,
    }
}

rows! {
    /// One busy zone of a window.
    TrafficColumns => ZoneRow {
        /// Which one.
        zone: ZoneId,
        /// All of them.
        queries: u64,
        /// Answered NXDOMAIN.
        nxdomain: u64,
        /// Held back by a limit.
        limited: u64,
        /// Estimate of different sources.
        distinct_sources: u64,
        /// Octets of queries.
        bytes_in: u64,
        /// Octets of answers.
        bytes_out: u64,
    }
}

rows! {
    /// How often a rule in force matched in a window.
    HitColumns => HitRow {
        /// Its id.
        rule: u64,
        /// Matches, whether limited or let pass.
        matched: u64,
    }
}

rows! {
    /// One zone's part in an account's month.
    MonthColumns => MonthRow {
        /// Which one.
        zone: ZoneId,
        /// Billing class `answered`.
        answered: u64,
        /// Billing class `limited`.
        limited: u64,
        /// Billing class `attack`.
        attack: u64,
    }
}

rows! {
    /// One RRset that a change touches.
    Difference => DifferenceRow {
        /// Its owner name.
        name: Name,
        /// Its type.
        rr_type: RrType,
        /// What happened to it.
        edit: Edit,
    }
}

impl SourceColumns {
    /// A table without rows.
    pub fn empty() -> Self {
        Self {
            source: vec![],
            queries: vec![],
            nxdomain: vec![],
            limited: vec![],
            any: vec![],
            tcp: vec![],
            bytes_in: vec![],
            bytes_out: vec![],
            distinct_names: vec![],
            distinct_zones: vec![],
            main_zone: vec![],
            extra: vec![],
        }
    }
}

impl NameColumns {
    /// A table without rows.
    pub fn empty() -> Self {
        Self {
            zone: vec![],
            suffix: vec![],
            queries: vec![],
            nxdomain: vec![],
            distinct_sources: vec![],
            distinct_labels: vec![],
            extra: vec![],
        }
    }
}

impl TrafficColumns {
    /// A table without rows.
    pub fn empty() -> Self {
        Self {
            zone: vec![],
            queries: vec![],
            nxdomain: vec![],
            limited: vec![],
            distinct_sources: vec![],
            bytes_in: vec![],
            bytes_out: vec![],
            extra: vec![],
        }
    }
}

impl HitColumns {
    /// A table without rows.
    pub fn empty() -> Self {
        Self {
            rule: vec![],
            matched: vec![],
        }
    }
}

impl MonthColumns {
    /// A table without rows.
    pub fn empty() -> Self {
        Self {
            zone: vec![],
            answered: vec![],
            limited: vec![],
            attack: vec![],
            left_out: 0,
            extra: vec![],
        }
    }
}

impl Difference {
    /// Nothing differs.
    pub fn empty() -> Self {
        Self {
            rrsets_added: 0,
            rrsets_removed: 0,
            rrsets_changed: 0,
            names_added: vec![],
            names_removed: vec![],
            names_left_out: 0,
            name: vec![],
            rr_type: vec![],
            edit: vec![],
            rows_left_out: 0,
            extra: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns that do not fit together are an error, not a shorter table.
    #[test]
    fn uneven_columns_are_refused() {
        let mut hits = HitColumns::of([HitRow {
            rule: 1,
            matched: 2,
        }]);
        hits.matched.push(3);
        let uneven = Uneven {
            expected: 1,
            found: 2,
        };
        assert_eq!(hits.rows(), Err(uneven));
    }

    /// Zipping and unzipping lose nothing.
    #[test]
    fn rows_survive_the_way_through_columns() {
        let rows = vec![
            MonthRow {
                zone: 1,
                answered: 2,
                limited: 3,
                attack: 4,
            },
            MonthRow {
                zone: 5,
                answered: 6,
                limited: 7,
                attack: u64::MAX,
            },
        ];
        assert_eq!(MonthColumns::of(rows.clone()).rows(), Ok(rows));
    }
}
