//! Why a question to a policy got no answer.
//!
//! Whoever asks turns it into `native`, `last`, `hold` or `refuse` by the rule of that kind, which
//! stands beside each export in `wit/`. What is the plugin's own fault also counts against its
//! breaker ([`PolicyError::is_fault`]).

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// Why a question to a policy got no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PolicyError {
    /// No plugin is active for this kind.
    #[error("no plugin is active for `{0}`")]
    NoPlugin(Kind),
    /// More questions wait than the queue holds.
    #[error("the plugin's queue is full")]
    QueueFull,
    /// The call ran past its deadline, or its turn did not come in time.
    #[error("no answer within {0} ms")]
    Timeout(u64),
    /// The plugin failed too often and is left alone for a while.
    #[error("the plugin failed too often, next try in {retry_ms} ms")]
    Breaker {
        /// How long it is left alone.
        retry_ms: u64,
    },
    /// The guest trapped.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// The guest wanted more memory than it may have, and trapped.
    #[error("the plugin ran out of memory: {0}")]
    OutOfMemory(String),
    /// More host calls, or more bytes in them, than one call may cost.
    #[error("the plugin overspent: {0}")]
    Budget(String),
    /// The answer is not one that the host can take.
    #[error("the plugin gave a bad value: {0}")]
    BadValue(String),
    /// The plugin itself reported an error.
    #[error("the plugin reported: {0}")]
    Guest(GuestError),
    /// The question breaks a limit of the interface; it never reached the plugin.
    #[error("the question was refused: {0}")]
    Refused(String),
    /// The host's own side failed, such as the store behind `kv`.
    #[error("the plugin host failed: {0}")]
    Host(String),
}

/// What a plugin reports by `err`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestError {
    /// Ask again after so many milliseconds; 0: whenever.
    #[error("ask again in {0} ms")]
    Retry(u32),
    /// The settings make no sense.
    #[error("settings not usable: {0}")]
    Config(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl PolicyError {
    /// What is counted of it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoPlugin(_) => Fault::NoPlugin,
            Self::QueueFull => Fault::QueueFull,
            Self::Timeout(_) => Fault::Timeout,
            Self::Breaker { .. } => Fault::Breaker,
            Self::Trap(_) => Fault::Trap,
            Self::OutOfMemory(_) => Fault::Memory,
            Self::Budget(_) => Fault::Budget,
            Self::BadValue(_) => Fault::BadValue,
            Self::Guest(_) => Fault::GuestError,
            Self::Refused(_) => Fault::Refused,
            Self::Host(_) => Fault::Host,
        }
    }

    /// Whether the instance is worth nothing any more. An `err` keeps it (`types` in `wit/`).
    pub fn ends_instance(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_)
                | Self::Trap(_)
                | Self::OutOfMemory(_)
                | Self::Budget(_)
                | Self::BadValue(_)
                | Self::Host(_)
        )
    }

    /// Whether it counts against the plugin's breaker.
    pub fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_)
                | Self::Trap(_)
                | Self::OutOfMemory(_)
                | Self::Budget(_)
                | Self::BadValue(_)
        )
    }
}

/// The kinds of failure, for counters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// See [`PolicyError::Trap`].
    Trap,
    /// See [`PolicyError::Timeout`].
    Timeout,
    /// See [`PolicyError::OutOfMemory`].
    Memory,
    /// See [`PolicyError::Budget`].
    Budget,
    /// See [`PolicyError::BadValue`].
    BadValue,
    /// See [`PolicyError::Guest`].
    GuestError,
    /// See [`PolicyError::QueueFull`].
    QueueFull,
    /// See [`PolicyError::Breaker`].
    Breaker,
    /// See [`PolicyError::NoPlugin`].
    NoPlugin,
    /// See [`PolicyError::Refused`].
    Refused,
    /// See [`PolicyError::Host`].
    Host,
}

impl Fault {
    /// All of them, in the order of [`Fault::index`].
    pub const ALL: [Self; 11] = [
        Self::Trap,
        Self::Timeout,
        Self::Memory,
        Self::Budget,
        Self::BadValue,
        Self::GuestError,
        Self::QueueFull,
        Self::Breaker,
        Self::NoPlugin,
        Self::Refused,
        Self::Host,
    ];

    /// Its place in [`Fault::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Label of counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Budget => "budget",
            Self::BadValue => "bad-value",
            Self::GuestError => "guest-error",
            Self::QueueFull => "queue-full",
            Self::Breaker => "breaker",
            Self::NoPlugin => "no-plugin",
            Self::Refused => "refused",
            Self::Host => "host",
        }
    }
}

/// The store or file system behind the host failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct StoreFault(pub String);

impl StoreFault {
    /// Keeps the words of what failed.
    pub fn new(source: impl std::fmt::Display) -> Self {
        Self(source.to_string())
    }
}
