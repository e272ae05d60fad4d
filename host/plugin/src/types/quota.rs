//! Leases and bills: how much a zone may be asked, and what a month costs.

use serde::{Deserialize, Serialize};

use super::{AccountId, Action, Column, Extra, Month, NodeId, UnixMs, Usage, ZoneId};

/// Why a node asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskReason {
    /// The zone has no lease here.
    FirstUse,
    /// The lease's low-water mark was reached.
    LowWater,
    /// The lease is used up.
    Exhausted,
    /// The lease's time is over.
    Expired,
    /// The account has another plan.
    PlanChanged,
    /// A month began.
    MonthBegan,
    /// Something that a plugin of this version has no word for.
    Other,
}

/// A node asks for one zone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// Which zone.
    pub zone: ZoneId,
    /// Which node asks.
    pub node: NodeId,
    /// Whose zone.
    pub account: AccountId,
    /// That account's plan.
    pub plan: String,
    /// Why now.
    pub reason: AskReason,
    /// Units left of the lease in force here.
    pub remaining: u64,
    /// Weighted mean over about a minute here, in thousandths of a query/s.
    pub rate_milli: u64,
    /// The same for all zones of the account on all nodes.
    pub pool_rate_milli: u64,
    /// This month so far, over all nodes.
    pub zone_month: Usage,
    /// The same over all zones of the account.
    pub pool_month: Usage,
    /// Units that other leases of the account still hold.
    pub pool_leased: u64,
    /// Queries a month that the plan includes; `u64::MAX` is no limit.
    pub allowance: u64,
}

/// Units that one answered query takes, added up. It shapes the lease alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Weights {
    /// Every query.
    pub base: u16,
    /// More for NXDOMAIN.
    pub nxdomain: u16,
    /// More for type ANY.
    pub any: u16,
    /// More over TCP.
    pub tcp: u16,
    /// More where signatures were sent.
    pub signed: u16,
    /// More for each KiB sent.
    pub per_kib_out: u16,
}

/// What holds when the host has asked and no answer came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// As where no plugin is bound: answer and count.
    Native,
    /// What held last goes on.
    Last,
}

/// So many units, until then, and what then.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lease {
    /// Counted from the moment of the request.
    pub units: u64,
    /// How long it holds.
    pub ttl_ms: u32,
    /// Ask again once this much is left; none: there is no more before the lease ends.
    pub low_water: Option<u64>,
    /// What a query takes.
    pub weights: Weights,
    /// From when the units are used up until the lease ends.
    pub on_empty: Action,
    /// When the host asked and got no answer.
    pub on_failure: Fallback,
    /// For the decision record.
    pub reason: String,
}

/// What the customer's plan says. Amounts are in minor units of `currency`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Queries a month that it includes.
    pub queries: u64,
    /// Zones that it includes.
    pub zones: u32,
    /// ISO 4217.
    pub currency: String,
    /// The customer's ceiling for what is charged above the plan.
    pub spend_cap: Option<u64>,
    /// More about the plan.
    #[serde(default)]
    pub extra: Extra,
}

/// A plan in force for a part of the month.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanSpan {
    /// Its first moment.
    pub start: UnixMs,
    /// The first moment after it.
    pub end: UnixMs,
    /// What held.
    pub plan: Plan,
}

/// More about the answered queries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Detail {
    /// Answered NXDOMAIN.
    pub nxdomain: u64,
    /// Answered without data.
    pub nodata: u64,
    /// Over TCP.
    pub tcp: u64,
    /// Over an encrypted transport.
    pub encrypted: u64,
    /// With signatures.
    pub signed: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// Every zone that the account had in the month, as columns of one length.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ZoneColumns {
    /// The rows' keys.
    pub zone: Vec<ZoneId>,
    /// See [`Usage`].
    pub answered: Vec<u64>,
    /// See [`Usage`].
    pub limited: Vec<u64>,
    /// See [`Usage`].
    pub attack: Vec<u64>,
    /// Zones beyond the host's limit.
    pub left_out: u64,
    /// More columns.
    pub extra: Vec<Column>,
}

/// Came in after its month had been billed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LateUsage {
    /// When it was used.
    pub month: Month,
    /// How much.
    pub pool: Usage,
}

/// What an account used in a month.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MonthUsage {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub month: Month,
    /// False: a running month, or a question; what comes back is shown and not charged.
    pub closed: bool,
    /// Over all zones.
    pub pool: Usage,
    /// More about the answered ones.
    #[serde(default)]
    pub detail: Detail,
    /// Most zones held at once.
    pub zones_peak: u32,
    /// One row a zone.
    #[serde(default)]
    pub zones: ZoneColumns,
    /// Answered on each day so far.
    #[serde(default)]
    pub days: Vec<u64>,
    /// Of months already billed.
    #[serde(default)]
    pub late: Vec<LateUsage>,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// One line of a bill.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Charge {
    /// Stable kebab-case, such as `queries-over`.
    pub code: String,
    /// Which zone it is for, if one.
    pub zone: Option<ZoneId>,
    /// The total it was taken from, such as `pool.answered`.
    pub basis: String,
    /// How many are charged.
    pub quantity: u64,
    /// How many the price is for.
    pub per: u64,
    /// Minor units; negative is a discount.
    pub unit_price: i64,
    /// Between `quantity / per` rounded down and rounded up, times `unit_price`.
    pub amount: i64,
    /// For the customer.
    pub explanation: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// Something the customer should hear of before the bill.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alert {
    /// `threshold` or `forecast`.
    pub code: String,
    /// Which share.
    pub percent: u32,
    /// Of what.
    pub basis: String,
    /// When a forecast says so.
    pub expected: Option<UnixMs>,
    /// For the customer.
    pub message: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// What a month costs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bill {
    /// The last plan's.
    pub currency: String,
    /// Its lines.
    pub charges: Vec<Charge>,
    /// Sent once a month each.
    pub alerts: Vec<Alert>,
    /// For the decision record.
    pub reason: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}
