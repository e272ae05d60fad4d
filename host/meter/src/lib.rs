//! What the query path counts and obeys: classes, counters, leases, traffic rules, and the sketch
//! of a window's traffic.
//!
//! The shape is always the same. A worker thread owns a [`ThreadMeter`] and is the only one that
//! writes its numbers; whoever wants totals sums over the threads. What policies decided reaches the
//! worker as tables: leases are a few atomics per zone slot, rules an immutable set swapped whole.
//! So a query takes no lock, waits for nobody, and costs some 200 instructions here; a table
//! stays in force when everything that could renew it is gone.
//!
//! Time is a [`Tick`] passed in, read once per batch.

mod bucket;
mod class;
mod counters;
mod hits;
mod lease;
mod meter;
mod prefix;
mod query;
mod rule;
mod ruleset;
mod sketch;
mod slots;
mod thread;
mod tick;
mod totals;
mod window;

pub use class::{Class, Detail, Usage};
pub use lease::{AskReason, Fallback, LeaseGrant, LeaseWant, Weights};
pub use meter::Meter;
pub use prefix::PrefixSet;
pub use query::{Query, Source, Transport};
pub use rule::{Action, Effect, Limit, TrafficRule};
pub use ruleset::RuleSet;
pub use thread::{Decision, Outcome, ThreadMeter, Verdict};
pub use tick::Tick;
pub use totals::{QTYPE_LABELS, TotalsSnapshot};
pub use window::{NameRow, RuleHits, SourceRow, WindowTables, ZoneRow};
