//! How much a plugin may cost, by the class it was granted.
//!
//! Every figure is shown before a plugin is activated (`plugin inspect`), and each has a test that
//! it bites: a limit that is read and then ignored is worse than none.

use serde::{Deserialize, Serialize};

/// The class named in a manifest.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Compiled languages.
    #[default]
    Default,
    /// Languages that bring their own runtime along; granted by the operator.
    Large,
}

impl Class {
    /// Its name in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Large => "large",
        }
    }

    /// The class of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Default, Self::Large]
            .into_iter()
            .find(|class| class.as_str() == name)
    }
}

/// What a plugin of one class may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// Size of the component.
    pub component_bytes: usize,
    /// All linear memories of one instance together.
    pub memory_bytes: usize,
    /// Entries of all tables of one instance together.
    pub table_entries: usize,
    /// Time to compile: CPU in the child, wall clock otherwise.
    pub compile_ms: u64,
    /// Address space of the compiling child.
    pub compile_bytes: u64,
    /// One call of a policy: CPU time, and ten times as much by the wall clock.
    pub call_ms: u64,
    /// `describe`, `check`, `init`, and `quota.rate`, which nobody waits for.
    pub start_ms: u64,
    /// `migrate`.
    pub migrate_ms: u64,
    /// Host calls in one call.
    pub host_calls: u32,
    /// And so many more for each row of its arguments.
    pub host_calls_per_row: u32,
    /// Bytes a single host call may bring in, or a result may carry out of the guest.
    pub host_call_bytes: usize,
    /// Bytes that all answers to the host calls of one call may have.
    pub read_bytes: usize,
    /// Lines kept of one call.
    pub log_lines: u32,
    /// Bytes kept of one line.
    pub log_line_bytes: usize,
    /// Counters of its own.
    pub counters: usize,
    /// Everything in `kv`, keys and values.
    pub kv_bytes: u64,
    /// Questions that may wait.
    pub queue: usize,
}

impl Limits {
    /// The limits of a class.
    pub const fn of(class: Class) -> Self {
        let default = Self {
            component_bytes: 2 * MIB,
            memory_bytes: 16 * MIB,
            table_entries: 10_000,
            compile_ms: 10_000,
            compile_bytes: 1 << 30,
            call_ms: 100,
            start_ms: 1_000,
            migrate_ms: 10_000,
            host_calls: 64,
            host_calls_per_row: 8,
            host_call_bytes: MIB,
            read_bytes: 16 * MIB,
            log_lines: 64,
            log_line_bytes: 1024,
            counters: 64,
            kv_bytes: 16 * MIB as u64,
            queue: 64,
        };
        match class {
            Class::Default => default,
            Class::Large => Self {
                component_bytes: 32 * MIB,
                memory_bytes: 64 * MIB,
                table_entries: 50_000,
                compile_ms: 120_000,
                compile_bytes: 8 << 30,
                call_ms: 400,
                start_ms: 5_000,
                ..default
            },
        }
    }

    /// Host calls that a call with so many rows may make.
    pub fn host_calls_for(&self, rows: usize) -> u32 {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.host_calls
            .saturating_add(self.host_calls_per_row.saturating_mul(rows))
    }
}

const MIB: usize = 1 << 20;
