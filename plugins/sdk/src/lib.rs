//! Everything a policy needs besides its decision.
//!
//! A plugin is a type with settings ([`Plugin`]), one trait per kind that it decides
//! ([`quota::Quota`], [`abuse::Abuse`] …) and one line, [`export!`]. Reading settings, keeping the
//! instance between calls, the manifest and the component's exports are done here. All decisions are
//! plain functions of plain values, so `cargo test` runs them on the developer's own machine: off
//! WebAssembly the imports ([`log`], [`kv`], [`facts`], settings) answer from [`testing`].
//!
//! ```
//! use bailiwick_plugin_sdk::dnssec_policy::{DenialKind, DnssecPolicy, Policy, Chain, Steps};
//! use bailiwick_plugin_sdk::{Call, Error, Manifest, NoSettings, Plugin, ZoneFacts};
//!
//! struct Unsigned;
//!
//! impl Plugin for Unsigned {
//!     type Settings = NoSettings;
//!     const MANIFEST: Manifest = Manifest::new("unsigned", "0.1.0", "Signs nothing.");
//!     fn start(_: &Call<NoSettings>) -> Result<Self, Error> {
//!         Ok(Unsigned)
//!     }
//! }
//!
//! impl DnssecPolicy for Unsigned {
//!     fn policy_for(&mut self, _: &Call<NoSettings>, zone: &ZoneFacts) -> Result<Policy, Error> {
//!         Ok(Policy::unsigned(format!("{} is not signed by this policy", zone.apex)))
//!     }
//!     fn next_steps(&mut self, _: &Call<NoSettings>, _: &ZoneFacts, _: &Chain) -> Result<Steps, Error> {
//!         Ok(Steps { steps: vec![], next: None, reason: String::new() })
//!     }
//! }
//!
//! bailiwick_plugin_sdk::export!(Unsigned: dnssec_policy);
//! # fn main() { assert_eq!(DenialKind::Nsec, Policy::unsigned("").denial) }
//! ```

/// The example of the plugins' README, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod export;
mod kinds;
mod plugin;
pub mod rows;
mod ruling;
#[doc(hidden)]
pub mod wit;

pub mod facts;
pub mod kv;
pub mod log;
pub mod name;
pub mod net;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use crate::export::{Adapter, Exported, Slot};
pub use crate::kinds::{abuse, answer, brand_ns, dnssec_policy, quota, timer, zone_accept};
pub use crate::plugin::{Call, Manifest, NoSettings, Plugin, StartReason};
pub use crate::rows::Uneven;
pub use crate::wit::base::bailiwick::policy::types::*;

/// Milliseconds since the Unix epoch.
pub type UnixMs = u64;
