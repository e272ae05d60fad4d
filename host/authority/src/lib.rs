//! The live zones: transfers in, timers, publishing, policy tables.
//!
//! The authority is the only writer of zones. Whatever makes a new version (a transfer, a file, a policy's
//! overlay) goes through it in the same order: checked, written, put in force, reported. Readers hold one
//! pointer and never wait for it.
//!
//! ```text
//!   files ── hosted ──┐                         ┌── policy (leases, rules, brands)
//!                     ├─► verify ─► live ◄──────┘
//!   primaries ─ dial ─┘    │          └─► the data path
//!      ▲                snapshots
//!   schedule ◄── NOTIFY
//! ```

mod alias;
mod attempt;
mod authority;
mod clock;
mod dial;
mod hosted;
mod inner;
mod live;
mod options;
mod plugin_store;
mod policy;
mod schedule;
mod slots;
mod snapshots;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verify;

pub use alias::{AliasLimits, AliasSummary};
pub use authority::{Authority, LoadReport, NotifyReply, StartError};
pub use bailiwick_resolver::ResolverOptions;
pub use clock::Clock;
pub use dial::DialError;
pub use hosted::HostError;
pub use options::{AuthorityOptions, TransferLimits};
pub use plugin_store::PluginStore;
pub use policy::{
    BrandReport, CaseReport, FleetServer, Judge, PolicyOptions, RuleReport, SigningReport,
    TablesReport, ZonePolicy, account_id, zone_id,
};
pub use snapshots::SnapshotFault;
pub use status::{ZoneKind, ZoneState, ZoneStatus, ZoneSummary};
pub use verify::VerifyError;
