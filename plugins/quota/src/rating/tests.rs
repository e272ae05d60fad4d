use super::*;
use bailiwick_plugin_sdk::Month;
use bailiwick_plugin_sdk::quota::{Detail, LateUsage, Plan, ZoneColumns};
use bailiwick_plugin_sdk::rows::MonthRow;

const DAY_MS: u64 = 86_400_000;

fn month() -> Month {
    Month {
        id: "2026-11".into(),
        start: 0,
        end: 30 * DAY_MS,
    }
}

fn plan(queries: u64, zones: u32) -> PlanSpan {
    PlanSpan {
        start: 0,
        end: 30 * DAY_MS,
        plan: Plan {
            name: "basic".into(),
            queries,
            zones,
            currency: "USD".into(),
            spend_cap: None,
            extra: vec![],
        },
    }
}

fn answered(answered: u64) -> Usage {
    Usage {
        answered,
        ..Usage::none()
    }
}

fn usage(pool: Usage, zones_peak: u32) -> MonthUsage {
    MonthUsage {
        account: 1,
        month: month(),
        closed: true,
        pool,
        detail: Detail {
            nxdomain: 0,
            nodata: 0,
            tcp: 0,
            encrypted: 0,
            signed: 0,
            bytes_in: 0,
            bytes_out: 0,
        },
        zones_peak,
        zones: ZoneColumns::empty(),
        days: vec![],
        late: vec![],
        extra: vec![],
    }
}

fn bill(settings: &Settings, plans: &[PlanSpan], usage: &MonthUsage) -> Bill {
    rate(settings, 30 * DAY_MS, plans, usage).unwrap()
}

fn owed(settings: &Settings, used: u64) -> i64 {
    let bill = bill(settings, &[plan(1_000_000, 10)], &usage(answered(used), 1));
    bill.charges.iter().map(|charge| charge.amount).sum()
}

/// What the host checks: `amount` lies between the rounded bounds.
fn is_within_bounds(charge: &Charge) -> bool {
    let quantity = i128::from(charge.quantity);
    let per = i128::from(charge.per);
    let price = i128::from(charge.unit_price);
    let (low, high) = (quantity / per * price, (quantity + per - 1) / per * price);
    let amount = i128::from(charge.amount);
    (low..=high).contains(&amount) || charge.amount == i64::MAX
}

/// P1.2: excess 0 → $0, 1 → $5, 100,000 → $5, 100,001 → $10.
#[test]
fn a_block_begun_is_charged() {
    let owed = |excess: u64| owed(&Settings::default(), 1_000_000 + excess);
    assert_eq!([0, 1, 100_000, 100_001].map(owed), [0, 500, 500, 1000]);
    assert_eq!(amount(&Settings::default(), 0), 0);
}

/// P1.2: below the allowance nothing is owed.
#[test]
fn within_the_allowance_nothing_is_charged() {
    let bill = bill(
        &Settings::default(),
        &[plan(1_000_000, 10)],
        &usage(answered(999_999), 10),
    );
    assert_eq!(bill.charges, []);
    assert_eq!(bill.currency, "USD");
}

/// P1.2: other roundings are settings.
#[test]
fn floor_and_pro_rata_are_selectable() {
    let with = |query_rounding| Settings {
        query_rounding,
        ..Settings::default()
    };
    let floor = |excess: u64| owed(&with(Rounding::Floor), 1_000_000 + excess);
    assert_eq!([1, 99_999, 100_000, 100_001].map(floor), [0, 0, 500, 500]);
    let exact = |excess: u64| owed(&with(Rounding::ProRata), 1_000_000 + excess);
    assert_eq!([1, 100, 50_000, 100_001].map(exact), [0, 1, 250, 500]);
}

/// P1.3: $25 for each zone above the plan, on the month's peak.
#[test]
fn zones_above_the_plan_are_charged_on_the_peak() {
    let settings = Settings::default();
    for (peak, amount) in [(10, None), (11, Some(2500)), (12, Some(5000))] {
        let bill = bill(&settings, &[plan(1000, 10)], &usage(answered(0), peak));
        let charged = bill.charges.first().map(|charge| charge.amount);
        assert_eq!(charged, amount, "{peak}");
    }
}

/// P1.2: attack traffic is shown and not billed unless the operator says so.
#[test]
fn attack_traffic_is_not_billed_by_default() {
    let pool = Usage {
        attack: 200_000_000,
        ..answered(1_000_000)
    };
    let plans = [plan(1_000_000, 10)];
    let shown = bill(&Settings::default(), &plans, &usage(pool, 1));
    assert_eq!(shown.charges, []);
    assert!(shown.reason.contains("200000000 attack queries not billed"));
    let settings = Settings {
        bill_attack: true,
        ..Settings::default()
    };
    assert_eq!(
        bill(&settings, &plans, &usage(pool, 1)).charges[0].amount,
        1_000_000
    );
}

/// Only `answered` is billed: every other class leaves the bill as it is.
#[test]
fn other_classes_cost_nothing() {
    let many = u64::MAX / 16;
    let pool = Usage {
        answered: 0,
        refused: many,
        malformed: many,
        limited: many,
        attack: many,
        probe: many,
        control: many,
        internal: many,
        suspended: many,
        other: many,
    };
    let bill = bill(&Settings::default(), &[plan(0, 1)], &usage(pool, 1));
    assert_eq!(bill.charges, []);
}

/// Totals beyond 2^63 are priced and stay within the bounds the host checks.
#[test]
fn totals_beyond_two_to_the_63_are_priced() {
    let settings = Settings::default();
    for used in [1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX] {
        let bill = bill(&settings, &[plan(0, 1)], &usage(answered(used), u32::MAX));
        assert_eq!(bill.charges[0].quantity, used);
        assert_eq!(
            bill.charges[0].amount,
            i64::try_from(u128::from(used).div_ceil(100_000) * 500).unwrap()
        );
        assert!(bill.charges.iter().all(is_within_bounds));
    }
    let dear = Settings {
        query_price: 1_000_000_000,
        query_block: 1,
        ..settings
    };
    assert_eq!(owed(&dear, u64::MAX), i64::MAX);
}

/// No limit means no excess.
#[test]
fn unlimited_plans_have_no_excess() {
    let bill = bill(
        &Settings::default(),
        &[plan(u64::MAX, 1)],
        &usage(answered(u64::MAX), 1),
    );
    assert_eq!(bill.charges, []);
    assert_eq!(bill.alerts, []);
}

/// The buffer is free on top of the allowance.
#[test]
fn buffer_is_free() {
    let settings = Settings {
        buffer_percent: 10,
        ..Settings::default()
    };
    assert_eq!(
        [1_100_000, 1_100_001].map(|used| owed(&settings, used)),
        [0, 500]
    );
}

/// A change of plan within the month: the better allowance for all of it, or each for its part.
#[test]
fn plan_changes_are_best_or_pro_rata() {
    let mut small = plan(1_000_000, 10);
    small.end = 15 * DAY_MS;
    let mut large = plan(3_000_000, 30);
    large.start = 15 * DAY_MS;
    let plans = [large, small];
    let month = usage(answered(3_000_000), 20);
    assert_eq!(bill(&Settings::default(), &plans, &month).charges, []);
    let settings = Settings {
        plan_change: PlanChange::ProRata,
        ..Settings::default()
    };
    let charges = bill(&settings, &plans, &month).charges;
    assert_eq!(charges.len(), 1, "20 zones are half of 10 and half of 30");
    assert_eq!((charges[0].quantity, charges[0].amount), (1_000_000, 5000));
}

/// Rounding for each zone: the excess is split by what each was asked, nothing is lost or doubled.
#[test]
fn zone_scope_splits_the_excess() {
    let settings = Settings {
        query_scope: Scope::Zone,
        ..Settings::default()
    };
    let row = |zone, answered| MonthRow {
        zone,
        answered,
        limited: 0,
        attack: 0,
    };
    let mut month = usage(answered(1_150_001), 3);
    month.zones = ZoneColumns::of([row(1, 1_000_000), row(2, 100_001), row(3, 50_000)]);
    let charges = bill(&settings, &[plan(1_000_000, 10)], &month).charges;
    assert_eq!(
        charges.iter().map(|charge| charge.quantity).sum::<u64>(),
        150_001
    );
    let amounts: Vec<_> = charges.iter().map(|c| (c.zone, c.amount)).collect();
    assert_eq!(amounts, [(Some(1), 1000), (Some(2), 500), (Some(3), 500)]);
    assert!(charges.iter().all(is_within_bounds));
}

/// Zones beyond the table are charged in a line without a zone.
#[test]
fn zones_left_out_are_charged_together() {
    let settings = Settings {
        query_scope: Scope::Zone,
        ..Settings::default()
    };
    let mut month = usage(answered(400_000), 3);
    month.zones = ZoneColumns::of([MonthRow {
        zone: 1,
        answered: 100_000,
        limited: 0,
        attack: 0,
    }]);
    month.zones.left_out = 2;
    let charges = bill(&settings, &[plan(0, 10)], &month).charges;
    let lines: Vec<_> = charges
        .iter()
        .map(|c| (c.zone, c.quantity, c.amount))
        .collect();
    assert_eq!(lines, [(Some(1), 100_000, 500), (None, 300_000, 1500)]);
}

/// Late records are a line of their own and begin no block that the month has begun already.
#[test]
fn late_records_are_a_line_of_their_own() {
    let mut month = usage(answered(1_000_001), 1);
    month.late.push(LateUsage {
        month: Month {
            id: "2026-10".into(),
            start: 0,
            end: 0,
        },
        pool: answered(100_000),
    });
    let charges = bill(&Settings::default(), &[plan(1_000_000, 10)], &month).charges;
    let lines: Vec<_> = charges
        .iter()
        .map(|c| (c.code.as_str(), c.amount))
        .collect();
    assert_eq!(lines, [("queries-over", 500), ("queries-late", 500)]);
    assert!(charges.iter().all(is_within_bounds));
    month.late[0].pool = answered(99_999);
    let charges = bill(&Settings::default(), &[plan(1_000_000, 10)], &month).charges;
    assert_eq!(charges[1].amount, 0, "fits into the block begun");
}

/// The same totals give the same bill, and a month without a plan is an error, not a guess.
#[test]
fn rating_follows_from_its_arguments() {
    let settings = Settings::default();
    let month = usage(answered(5_000_000), 99);
    let plans = [plan(1_000_000, 10)];
    assert_eq!(
        bill(&settings, &plans, &month),
        bill(&settings, &plans, &month)
    );
    assert!(rate(&settings, 0, &[], &month).is_err());
}
