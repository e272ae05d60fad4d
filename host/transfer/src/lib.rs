//! SOA refresh, AXFR and NOTIFY as message machines.
//!
//! Everything here takes bytes and gives bytes; who sends them, when, and what a second is, is the
//! caller's business. That makes each rule of RFC 5936, 1996 and 1982 testable without a socket, and
//! a hostile primary is a list of messages in a test.
//!
//! ```text
//!   refresh ── when? ──►  soa ── newer? ──►  axfr_in ── records ──►  (zone built by the caller)
//!      ▲                                                                   │
//!      └───────────── ok / failed / held ◄─────────────────────────────────┘
//!   notify ── "look now" ──► refresh            axfr_out: a zone ──► messages for a secondary
//! ```
//!
//! Nothing that came from the network may panic; the readers here index nothing.

pub mod axfr_in;
pub mod axfr_out;
mod compress;
pub mod notify;
pub mod rcode;
pub mod refresh;
pub mod soa;
mod wire;

pub use axfr_in::{AxfrError, AxfrIn, AxfrLimits, Progress, Transferred};
pub use axfr_out::{AxfrOut, RequestError, TransferRequest};
pub use notify::{Notify, NotifyError};
pub use rcode::Rcode;
pub use refresh::{Failure, Moment, Refresh, State, Step, Timers};
pub use soa::{ProbeError, ProbeReply, SoaProbe};
