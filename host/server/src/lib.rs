//! Sockets: the UDP and TCP loops, what is done with each kind of message, and who may do it.
//!
//! ```text
//!  UDP: a plain thread per core          TCP: a few threads, each an async runtime of its own
//!  ┌─ receive a batch ────────────┐      accept ─ limits ─ read frames ─┐
//!  │  read, hash, find the zone   │                                     │
//!  │  prefetch                    │  the same `Worker` answers both     │
//!  │  rules, lease, answer, count │◀────────────────────────────────────┘
//!  └─ send the batch ─────────────┘      AXFR: streamed by `Control`, with back-pressure
//! ```
//!
//! A UDP worker blocks in `recvmmsg`, takes up to 64 queries, answers them from one snapshot of the
//! zone set and sends the answers with one call. It holds no lock, awaits nothing, and allocates
//! nothing once warm. TCP never blocks it: streams have threads of their own. What is not a question
//! (NOTIFY, transfers) goes to a [`Control`] that the daemon passes in; this crate edits no zone.
//!
//! A panic while answering is caught and counted, and costs the one query that caused it.

mod acl;
mod bind;
mod connections;
mod control;
mod dispatch;
mod encrypted;
mod error;
mod offline;
mod options;
mod rate;
mod reports;
mod server;
mod stream;
mod sys;
mod tcp;
mod transfer;
mod udp;
mod worker;

pub use control::{Control, NotifyReply};
pub use encrypted::{
    CertificateError, CertificateFiles, Certificates, EncryptedAddresses, EncryptedEvents,
    EncryptedOptions,
};
pub use error::StartError;
pub use offline::Offline;
pub use options::{Limits, ServerOptions};
pub use rate::{RateLimit, RateLimitCounts, RateLimitMode, RateLimiter};
pub use server::{Server, ServerStatus};
