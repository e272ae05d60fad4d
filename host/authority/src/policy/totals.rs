//! What zones and accounts have used this month, as requests for leases tell it.
//!
//! The counters of the meter are the truth; here is only where they stood when the month began. Totals of
//! an account are added up at most once a second, however many of its zones ask.

use std::collections::HashMap;
use std::time::Duration;

use bailiwick_meter::{Meter, Tick, Usage};
use bailiwick_plugin::types::{AccountId, Month, UnixMs};

use super::month::month_of;

/// Counters as they stood at the beginning of the month.
#[derive(Debug)]
pub(crate) struct Totals {
    offset_hours: i8,
    month: Option<Month>,
    at_start: HashMap<u32, Usage>,
    accounts: HashMap<AccountId, Pool>,
}

/// An account's zones together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pool {
    pub(crate) month: Usage,
    pub(crate) rate_milli: u64,
    counted: Option<Tick>,
    /// All queries when it was last counted, for the rate.
    before: u64,
    rate: f64,
}

impl Totals {
    pub(crate) fn new(offset_hours: i8) -> Self {
        Self {
            offset_hours,
            month: None,
            at_start: HashMap::new(),
            accounts: HashMap::new(),
        }
    }

    /// The month now. With a new one the counters are noted anew.
    pub(crate) fn month(&mut self, now: UnixMs, meter: &Meter, slots: u32) -> Month {
        let month = month_of(now, self.offset_hours);
        if self
            .month
            .as_ref()
            .is_some_and(|before| before.id != month.id)
        {
            self.at_start = (0..slots).map(|slot| (slot, meter.zone(slot).0)).collect();
            self.accounts.clear();
        }
        self.month = Some(month.clone());
        month
    }

    /// A number now belongs to another zone: what was counted under it is not that zone's.
    pub(crate) fn begin_slot(&mut self, slot: u32, meter: &Meter) {
        self.at_start.insert(slot, meter.zone(slot).0);
    }

    /// This month's queries of a zone.
    pub(crate) fn zone(&self, slot: u32, meter: &Meter) -> Usage {
        let now = meter.zone(slot).0;
        self.at_start
            .get(&slot)
            .map_or(now, |start| now.since(start))
    }

    /// An account's pool; `slots` gives the numbers of its zones if they have to be added up.
    pub(crate) fn pool(
        &mut self,
        account: AccountId,
        meter: &Meter,
        now: Tick,
        slots: impl FnOnce() -> Vec<u32>,
    ) -> Pool {
        let known = self.accounts.get(&account).copied().unwrap_or_default();
        if known.counted.is_some_and(|at| now.since(at) < POOL_AGE_MAX) {
            return known;
        }
        let mut month = Usage::default();
        for slot in slots() {
            month += self.zone(slot, meter);
        }
        let seconds = known.counted.map_or(0.0, |at| now.since(at).as_secs_f64());
        let all = month.total();
        let rate = if seconds > 0.0 {
            let recent = all.saturating_sub(known.before) as f64 / seconds;
            // A minute ago weighs a third of now, as in the meter.
            let keep = (-seconds / 60.0).exp();
            known.rate * keep + recent * (1.0 - keep)
        } else {
            known.rate
        };
        let pool = Pool {
            month,
            rate_milli: (rate * 1000.0) as u64,
            counted: Some(now),
            before: all,
            rate,
        };
        self.accounts.insert(account, pool);
        pool
    }
}

const POOL_AGE_MAX: Duration = Duration::from_secs(1);
