//! What an account owes for a month besides its plan. All arithmetic is whole numbers in 128 bits, so
//! that totals beyond 2^63 are priced and not wrapped.

use bailiwick_plugin_sdk::quota::{Bill, Charge, MonthUsage, PlanSpan};
use bailiwick_plugin_sdk::{Error, Usage, ZoneId};

use crate::alerts;
use crate::settings::{PlanChange, Rounding, Scope, Settings};

/// Prices the month; follows from its arguments alone.
pub(crate) fn rate(
    settings: &Settings,
    now: u64,
    plans: &[PlanSpan],
    usage: &MonthUsage,
) -> Result<Bill, Error> {
    let Some(last) = plans.last() else {
        return Err(Error::other("a month without a plan cannot be rated"));
    };
    let included = Included::of(settings, plans);
    let used = billed(settings, &usage.pool);
    // Counted after their month was closed: they belong to the month in which they arrived.
    let late = usage
        .late
        .iter()
        .map(|late| billed(settings, &late.pool))
        .fold(0, u64::saturating_add);
    let over = used.saturating_sub(included.queries);
    let over_late = used
        .saturating_add(late)
        .saturating_sub(included.queries)
        .saturating_sub(over);

    let mut charges = match settings.query_scope {
        Scope::Account => Vec::from_iter(query_charge(settings, None, used, over, &included)),
        Scope::Zone => by_zone(settings, used, over, usage, &included)?,
    };
    charges.extend(late_charge(settings, over, over_late, late));
    charges.extend(zone_charge(settings, usage.zones_peak, included.zones));
    Ok(Bill {
        currency: last.plan.currency.clone(),
        alerts: alerts::alerts(settings, now, usage, used, included.queries),
        charges,
        reason: reason(settings, &usage.pool, &included),
        extra: vec![],
    })
}

/// What the plans of the month include, after changes of plan and the buffer.
pub(crate) struct Included {
    queries: u64,
    zones: u64,
}

impl Included {
    fn of(settings: &Settings, plans: &[PlanSpan]) -> Self {
        let weigh = |amount: fn(&PlanSpan) -> u64| match settings.plan_change {
            PlanChange::Best => plans.iter().map(amount).max().unwrap_or(0),
            PlanChange::ProRata => pro_rata(plans, amount),
        };
        let queries = weigh(|span| span.plan.queries);
        let buffer = u128::from(queries) * u128::from(settings.buffer_percent) / 100;
        Self {
            queries: to_u64(u128::from(queries) + buffer),
            zones: weigh(|span| span.plan.zones.into()),
        }
    }
}

/// Each plan's amount for its part of the time, rounded up: in the customer's favour. An unlimited
/// part makes the month unlimited.
fn pro_rata(plans: &[PlanSpan], amount: fn(&PlanSpan) -> u64) -> u64 {
    let length = |span: &PlanSpan| u128::from(span.end.saturating_sub(span.start));
    let whole: u128 = plans.iter().map(length).sum();
    if plans.iter().any(|span| amount(span) == u64::MAX) {
        return u64::MAX;
    }
    let Some(last) = plans.last() else { return 0 };
    if whole == 0 {
        return amount(last);
    }
    let mut weighed = 0_u128;
    for span in plans {
        // Amounts below 2^64 times lengths below 2^64; a sum of 32 of them could pass 2^128.
        weighed = weighed.saturating_add(u128::from(amount(span)).saturating_mul(length(span)));
    }
    to_u64(weighed.div_ceil(whole))
}

/// The classes that count against the allowance.
pub(crate) fn billed(settings: &Settings, usage: &Usage) -> u64 {
    if settings.bill_attack {
        return usage.answered.saturating_add(usage.attack);
    }
    usage.answered
}

/// The amount for `quantity`: whole blocks times the price, or the exact part of it.
fn amount(settings: &Settings, quantity: u64) -> i64 {
    let block = u128::from(settings.query_block.max(1));
    let price = u128::from(settings.query_price);
    let quantity = u128::from(quantity);
    let amount = match settings.query_rounding {
        Rounding::Ceil => quantity.div_ceil(block) * price,
        Rounding::Floor => quantity / block * price,
        Rounding::ProRata => (quantity * price + block / 2) / block,
    };
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn blocks(settings: &Settings, quantity: u64) -> String {
    let block = settings.query_block.max(1);
    match settings.query_rounding {
        Rounding::Ceil => format!("{} × {block} begun", quantity.div_ceil(block)),
        Rounding::Floor => format!("{} × {block} full", quantity / block),
        Rounding::ProRata => format!("{quantity} / {block}"),
    }
}

fn charge(settings: &Settings, code: &str, quantity: u64, explanation: String) -> Charge {
    Charge {
        code: code.into(),
        zone: None,
        basis: "pool.answered".into(),
        quantity,
        per: settings.query_block.max(1),
        unit_price: to_i64(settings.query_price),
        amount: amount(settings, quantity),
        explanation,
        extra: vec![],
    }
}

/// P1.2: what goes beyond the pooled allowance.
fn query_charge(
    settings: &Settings,
    zone: Option<ZoneId>,
    used: u64,
    over: u64,
    included: &Included,
) -> Option<Charge> {
    if over == 0 {
        return None;
    }
    let explanation = format!(
        "{used} queries, {} included, {over} above: {}",
        included.queries,
        blocks(settings, over)
    );
    let charge = charge(settings, "queries-over", over, explanation);
    Some(Charge { zone, ..charge })
}

/// The same excess, split over the zones by what each was asked; each part is rounded by itself.
/// Zones that the table leaves out, and what rounding down left over, are one more line.
fn by_zone(
    settings: &Settings,
    used: u64,
    over: u64,
    usage: &MonthUsage,
    included: &Included,
) -> Result<Vec<Charge>, Error> {
    let mut charges = Vec::new();
    let mut rest = over;
    for row in usage.zones.rows()?.into_iter().take(ZONE_LINES_MAX) {
        let asked = if settings.bill_attack {
            row.answered.saturating_add(row.attack)
        } else {
            row.answered
        };
        let part = u128::from(over) * u128::from(asked) / u128::from(used.max(1));
        let part = to_u64(part).min(rest);
        if part == 0 {
            continue;
        }
        rest -= part;
        let explanation = format!(
            "{asked} of {used} queries, {} included for all, {part} of the {over} above: {}",
            included.queries,
            blocks(settings, part)
        );
        let charge = charge(settings, "queries-over", part, explanation);
        charges.push(Charge {
            zone: Some(row.zone),
            ..charge
        });
    }
    // Less than one query a line was lost by dividing; a block for that would be begun by nobody.
    if rest > charges.len() as u64 {
        charges.extend(query_charge(settings, None, used, rest, included));
    } else if let Some(first) = charges.first_mut() {
        first.quantity = first.quantity.saturating_add(rest);
        first.amount = amount(settings, first.quantity);
    }
    Ok(charges)
}

/// What late records add to the blocks of the month, so that one query never begins two blocks.
fn late_charge(settings: &Settings, over: u64, over_late: u64, late: u64) -> Option<Charge> {
    if over_late == 0 {
        return None;
    }
    let with = amount(settings, over.saturating_add(over_late));
    let explanation = format!("{late} queries of closed months came in late; {over_late} above");
    let mut charge = charge(settings, "queries-late", over_late, explanation);
    charge.basis = "late.pool.answered".into();
    charge.amount = with.saturating_sub(amount(settings, over));
    Some(charge)
}

/// P1.3: zones above the plan, at the month's peak.
fn zone_charge(settings: &Settings, peak: u32, included: u64) -> Option<Charge> {
    let over = u64::from(peak).saturating_sub(included);
    if over == 0 {
        return None;
    }
    let amount = u128::from(over) * u128::from(settings.zone_price);
    Some(Charge {
        code: "zones-over".into(),
        zone: None,
        basis: "zones-peak".into(),
        quantity: over,
        per: 1,
        unit_price: to_i64(settings.zone_price),
        amount: i64::try_from(amount).unwrap_or(i64::MAX),
        explanation: format!("{peak} zones at the most, {included} included, {over} above"),
        extra: vec![],
    })
}

fn reason(settings: &Settings, pool: &Usage, included: &Included) -> String {
    let mut reason = format!("{} answered, {} included", pool.answered, included.queries);
    if pool.attack > 0 {
        let what = if settings.bill_attack {
            "billed"
        } else {
            "not billed"
        };
        reason.push_str(&format!("; {} attack queries {what}", pool.attack));
    }
    reason
}

fn to_u64(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A bill has at most 256 charges; other lines need room too.
const ZONE_LINES_MAX: usize = 240;

#[cfg(test)]
mod tests;
