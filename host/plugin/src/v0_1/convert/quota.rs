//! Conversions of `quota`.

use super::{To, cases, record};
use crate::types::quota as p;
use crate::v0_1::bindings::exports::bailiwick::policy::quota as w;

cases!(inward p::AskReason, w::AskReason {
    FirstUse, LowWater, Exhausted, Expired, PlanChanged, MonthBegan, Other,
});
record!(inward p::Request, w::Request {
    zone, node, account, plan, reason, remaining, rate_milli, pool_rate_milli, zone_month,
    pool_month, pool_leased, allowance,
});
record!(outward p::Weights, w::Weights { base, nxdomain, any, tcp, signed, per_kib_out });
cases!(outward p::Fallback, w::Fallback { Native, Last });
record!(outward p::Lease, w::Lease {
    units, ttl_ms, low_water, weights, on_empty, on_failure, reason,
});
record!(inward p::Plan, w::Plan { name, queries, zones, currency, spend_cap, extra });
record!(inward p::PlanSpan, w::PlanSpan { start, end, plan });
record!(inward p::Detail, w::Detail {
    nxdomain, nodata, tcp, encrypted, signed, bytes_in, bytes_out,
});
record!(inward p::ZoneColumns, w::ZoneColumns {
    zone, answered, limited, attack, left_out, extra,
});
record!(inward p::LateUsage, w::LateUsage { month, pool });
record!(inward p::MonthUsage, w::MonthUsage {
    account, month, closed, pool, detail, zones_peak, zones, days, late, extra,
});
record!(outward p::Charge, w::Charge {
    code, zone, basis, quantity, per, unit_price, amount, explanation, extra,
});
record!(outward p::Alert, w::Alert { code, percent, basis, expected, message, extra });
record!(outward p::Bill, w::Bill { currency, charges, alerts, reason, extra });
