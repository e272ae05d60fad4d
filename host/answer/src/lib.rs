//! Question and zone set in, response bytes out.
//!
//! Pure and synchronous: no clock, no socket, no lock, and no allocation once warm. A message is read
//! ([`request`]) into what it asks ([`kind`]) or into what is wrong with it ([`rcode`]); a [`Job`] takes
//! it from there in two steps, so that a batch can be prepared before its first answer is written. What
//! the zone says is one `Lookup`; composing matches on it, encoding copies stored RRsets.

mod additional;
mod alias;
mod chaos;
mod compose;
pub mod cookie;
mod encode;
pub mod job;
pub mod kind;
mod opt;
mod options;
mod proof;
pub mod rcode;
mod report;
pub mod request;
pub mod settings;
mod spell;
pub mod text;

pub use alias::CHAIN_MAX;
pub use cookie::{Cookie, Cookies, Secret, Secrets};
pub use job::{Job, Outcome, Step, Verdict, Workspace};
pub use kind::{Kind, Transport};
pub use opt::ExtendedError;
pub use options::{Asked, carries_keepalive};
pub use rcode::{Fault, Rcode};
pub use report::ErrorReport;
pub use request::{Edns, Reading, Request};
pub use settings::{Any, Settings};
