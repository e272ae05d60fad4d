//! The component host: policy plugins as tables of verdicts, never on the query path.
//!
//! A question goes in as plain values ([`question::Question`], [`types`]) and an answer comes out,
//! or a [`error::PolicyError`] that says why not. Between them: one thread and one store per plugin,
//! fed by a bounded queue; limits by class ([`limits`]) and deadlines by epoch; writes to
//! [`kv`] that count only when the call succeeded; answers that are checked before anybody sees
//! them. A plugin that fails is thrown away and made anew, and left alone for a while if it keeps
//! failing.
//!
//! This crate knows neither zones nor sockets nor the clock: what it needs of the service are the
//! traits [`kv::Kv`] and [`facts::Facts`], and each question brings its time along.

mod engine;
pub mod error;
pub mod facts;
pub mod kind;
pub mod kv;
pub mod limits;
pub mod lines;
pub mod metrics;
pub mod question;
pub mod settings;
mod state;
mod ticker;
pub mod types;
mod v0_1;
mod validate;
mod wasi;
