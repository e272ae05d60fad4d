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

mod breaker;
mod cache;
mod component;
mod deadline;
mod engine;
pub mod error;
pub mod facts;
pub mod kind;
pub mod kv;
pub mod limits;
pub mod lines;
pub mod metrics;
pub mod offline;
mod policies;
pub mod question;
pub mod registry;
pub mod settings;
mod state;
pub mod store;
mod ticker;
pub mod types;
mod v0_1;
mod validate;
mod wasi;
mod worker;

pub use breaker::BreakerState;
pub use cache::{CompileError, Compiler, LoadError, compile_child, hex_digest};
pub use component::{Grants, Problem, Surface};
pub use engine::{Engine, EngineError};
pub use error::PolicyError;
pub use kind::Kind;
pub use policies::{Decided, Policies};
pub use registry::{Registry, RegistryOptions};
pub use worker::Origin;
