//! Leases and bills.

use std::collections::BTreeSet;

use super::{Checked, action, at_most, code, columns, ensure, extra, text};
use crate::types::quota::{Bill, Charge, Lease, MonthUsage, PlanSpan};
use crate::types::{Action, ZoneId};

/// Units and their sums stay exact in every language, and far from overflow in ours.
const UNITS_MAX: u64 = 1 << 53;
const TTL_MS: std::ops::RangeInclusive<u32> = 50..=86_400_000;

pub(super) fn leases(
    leases: &mut [Lease],
    count: usize,
    capabilities: &BTreeSet<String>,
) -> Checked {
    ensure(leases.len() == count, || {
        format!("{} leases for {count} requests", leases.len())
    })?;
    let may_stop = capabilities.contains("quota.stop");
    for lease in leases {
        ensure(lease.units <= UNITS_MAX, || {
            format!("a lease of {} units", lease.units)
        })?;
        ensure(TTL_MS.contains(&lease.ttl_ms), || {
            format!("a lease of {} ms", lease.ttl_ms)
        })?;
        ensure(lease.low_water.is_none_or(|low| low <= lease.units), || {
            "a low-water mark above the lease".into()
        })?;
        action(&lease.on_empty)?;
        ensure(may_stop || lease.on_empty == Action::Allow, || {
            "an `on-empty` that stops answers, without the capability `quota.stop`".into()
        })?;
        text(&mut lease.reason);
    }
    Ok(())
}

pub(super) fn month_usage(plans: &[PlanSpan], usage: &MonthUsage) -> Checked {
    ensure(!plans.is_empty(), || "no plan".into())?;
    at_most("plans", plans.len(), 32)?;
    at_most("zones", usage.zones.zone.len(), 4096)?;
    at_most("days", usage.days.len(), 31)?;
    at_most("late months", usage.late.len(), 12)?;
    let zones = &usage.zones;
    let lengths = [
        zones.answered.len(),
        zones.limited.len(),
        zones.attack.len(),
    ];
    columns("zones", zones.zone.len(), &lengths, &zones.extra)
}

/// What a bill is held against.
pub(crate) struct Billed {
    currency: String,
    /// None: not all of the account's zones were listed.
    zones: Option<BTreeSet<ZoneId>>,
}

impl Billed {
    pub(super) fn of(plans: &[PlanSpan], usage: &MonthUsage) -> Self {
        Self {
            currency: plans
                .last()
                .map(|span| span.plan.currency.clone())
                .unwrap_or_default(),
            zones: (usage.zones.left_out == 0).then(|| usage.zones.zone.iter().copied().collect()),
        }
    }

    pub(super) fn check(&self, bill: &mut Bill) -> Checked {
        ensure(bill.currency == self.currency, || {
            format!(
                "a bill in another currency than the plan's {}",
                self.currency
            )
        })?;
        at_most("charges", bill.charges.len(), 256)?;
        for charge in &mut bill.charges {
            self.charge(charge)?;
        }
        at_most("alerts", bill.alerts.len(), 16)?;
        for alert in &mut bill.alerts {
            code("an alert's code", &alert.code)?;
            basis(&alert.basis)?;
            ensure(alert.percent <= PERCENT_MAX, || {
                format!("{} percent", alert.percent)
            })?;
            text(&mut alert.message);
            extra(&alert.extra)?;
        }
        text(&mut bill.reason);
        extra(&bill.extra)
    }

    fn charge(&self, charge: &mut Charge) -> Checked {
        code("a charge's code", &charge.code)?;
        basis(&charge.basis)?;
        if let (Some(zone), Some(zones)) = (charge.zone, &self.zones) {
            ensure(zones.contains(&zone), || {
                format!("a charge for zone {zone} of somebody else")
            })?;
        }
        ensure(charge.per > 0, || "a price for 0".into())?;
        let price = i128::from(charge.unit_price);
        let down = price * i128::from(charge.quantity / charge.per);
        let up = price * i128::from(charge.quantity.div_ceil(charge.per));
        let amount = i128::from(charge.amount);
        ensure(down.min(up) <= amount && amount <= down.max(up), || {
            format!(
                "{} of {} per {} at {} does not make {}",
                charge.code, charge.quantity, charge.per, charge.unit_price, charge.amount
            )
        })?;
        text(&mut charge.explanation);
        extra(&charge.extra)
    }
}

/// Ten thousand times the allowance is an alert no less than 10,001 times.
const PERCENT_MAX: u32 = 1_000_000;

/// Such as `pool.answered` or `zones-peak`.
fn basis(basis: &str) -> Checked {
    let fits = basis.len() <= 64 && basis.split('.').all(crate::metrics::is_kebab);
    ensure(fits, || {
        format!(
            "`{}` is no total",
            basis.chars().take(80).collect::<String>()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::quota::{Fallback, Weights};

    fn lease() -> Lease {
        let weights = Weights {
            base: 1,
            nxdomain: 0,
            any: 0,
            tcp: 0,
            signed: 0,
            per_kib_out: 0,
        };
        Lease {
            units: 1000,
            ttl_ms: 1000,
            low_water: Some(100),
            weights,
            on_empty: Action::Allow,
            on_failure: Fallback::Native,
            reason: String::new(),
        }
    }

    fn check(change: impl Fn(&mut Lease)) -> Checked {
        let mut one = [lease()];
        change(&mut one[0]);
        leases(&mut one, 1, &BTreeSet::new())
    }

    /// W8: each figure of a lease at its limit and one past it.
    #[test]
    fn leases_are_ranged() {
        assert_eq!(check(|_| ()), Ok(()));
        assert!(check(|l| l.units = 1 << 53).is_ok());
        assert!(check(|l| l.units = (1 << 53) + 1).is_err());
        assert!(check(|l| l.ttl_ms = 50).is_ok());
        assert!(check(|l| l.ttl_ms = 49).is_err());
        assert!(check(|l| l.ttl_ms = 86_400_000).is_ok());
        assert!(check(|l| l.ttl_ms = 86_400_001).is_err());
        assert!(check(|l| l.low_water = Some(1000)).is_ok());
        assert!(check(|l| l.low_water = Some(1001)).is_err());
        assert!(leases(&mut [lease(), lease()], 1, &BTreeSet::new()).is_err());
        assert!(leases(&mut [], 1, &BTreeSet::new()).is_err());
    }

    /// `lifecycle.capability`: a lease that stops answers needs `quota.stop`.
    #[test]
    fn stopping_needs_its_capability() {
        assert!(check(|l| l.on_empty = Action::Drop).is_err());
        let granted = BTreeSet::from(["quota.stop".to_owned()]);
        let mut one = [Lease {
            on_empty: Action::Drop,
            ..lease()
        }];
        assert_eq!(leases(&mut one, 1, &granted), Ok(()));
    }

    fn charge(quantity: u64, unit_price: i64, amount: i64) -> Checked {
        let billed = Billed {
            currency: "USD".into(),
            zones: Some(BTreeSet::from([1])),
        };
        let charge = Charge {
            code: "queries-over".into(),
            zone: Some(1),
            basis: "pool.answered".into(),
            quantity,
            per: 100_000,
            unit_price,
            amount,
            explanation: String::new(),
            extra: vec![],
        };
        let mut bill = Bill {
            currency: "USD".into(),
            charges: vec![charge],
            alerts: vec![],
            reason: String::new(),
            extra: vec![],
        };
        billed.check(&mut bill)
    }

    /// `quota.charge`: any way of rounding fits, a mistake does not, and no figure overflows.
    #[test]
    fn amounts_lie_between_both_roundings() {
        assert!(charge(100_001, 500, 500).is_ok());
        assert!(charge(100_001, 500, 1000).is_ok());
        assert!(charge(100_001, 500, 499).is_err());
        assert!(charge(100_001, 500, 1001).is_err());
        assert!(charge(100_001, -500, -1000).is_ok());
        assert!(charge(100_001, -500, 500).is_err());
        assert!(charge(u64::MAX, i64::MAX, i64::MAX).is_err());
    }

    /// W8: a bill in another currency, or for another account's zone.
    #[test]
    fn a_bill_is_about_what_was_asked() {
        let billed = Billed {
            currency: "EUR".into(),
            zones: None,
        };
        let mut bill = Bill {
            currency: "USD".into(),
            charges: vec![],
            alerts: vec![],
            reason: String::new(),
            extra: vec![],
        };
        assert!(billed.check(&mut bill).is_err());
        let billed = Billed {
            currency: "USD".into(),
            zones: Some(BTreeSet::from([2])),
        };
        bill.charges.push(Charge {
            code: "x".into(),
            zone: Some(1),
            basis: "pool.answered".into(),
            quantity: 0,
            per: 1,
            unit_price: 0,
            amount: 0,
            explanation: String::new(),
            extra: vec![],
        });
        assert!(billed.check(&mut bill).is_err());
    }
}
