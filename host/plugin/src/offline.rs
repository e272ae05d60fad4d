//! Looking at a plugin, and asking it, without a server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cache::{Compiler, LoadError, compile_once, hex_digest, seed};
use crate::component::{Examined, Grants, Problem, Surface, examine, isolated, on_own_thread};
use crate::engine::Engine;
use crate::error::PolicyError;
use crate::facts::NoFacts;
use crate::kv::{MemoryKv, Tree};
use crate::limits::Limits;
use crate::lines::Line;
use crate::metrics::Metrics;
use crate::question::{Question, Reply};
use crate::settings::{Schema, Settings};
use crate::state::Environment;
use crate::types::UnixMs;
use crate::types::lifecycle::{Manifest, StartReason};
use crate::v0_1::Guest;
use crate::validate;

/// Everything there is to know about a component before it is installed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComponentReport {
    /// Of the bytes.
    pub sha256: String,
    /// Their number.
    pub size: usize,
    /// What keeps it out; empty: it can be installed.
    pub problems: Vec<Problem>,
    /// None where it did not come so far.
    pub surface: Option<Surface>,
    /// What it says it is.
    pub manifest: Option<Manifest>,
    /// What it may cost.
    pub limits: Limits,
    /// What it cost here.
    pub measured: Option<Measured>,
}

/// What compiling and starting took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// Time to compile.
    pub compile_ms: f64,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Time for an instance and its first call.
    pub first_call_us: f64,
    /// Linear memory after it.
    pub memory_bytes: usize,
}

/// Checks a component as installing would, and measures it.
pub fn inspect_component(
    engine: &Engine,
    compiler: &Compiler,
    bytes: &[u8],
    grants: &Grants,
) -> ComponentReport {
    let class = if grants.large {
        crate::limits::Class::Large
    } else {
        Default::default()
    };
    let mut report = ComponentReport {
        sha256: hex_digest(bytes),
        size: bytes.len(),
        problems: Vec::new(),
        surface: None,
        manifest: None,
        limits: Limits::of(class),
        measured: None,
    };
    let began = Instant::now();
    let mut compiled = (Duration::ZERO, 0);
    let mut seen = None;
    let examined = examine(engine, bytes, grants, |limits| {
        let (component, code_bytes) = compile_once(engine, compiler, bytes, limits)?;
        compiled = (began.elapsed(), code_bytes);
        seen = Some(crate::component::surface(engine, &component));
        Ok::<_, LoadError>(component)
    });
    report.surface = seen;
    match examined {
        Err(problems) => report.problems = problems,
        Ok(examined) => {
            report.limits = Limits::of(examined.class);
            report.measured = measure(&examined, compiled).ok();
            report.surface = Some(examined.surface);
            report.manifest = Some(examined.manifest);
        }
    }
    report
}

fn measure(examined: &Examined, compiled: (Duration, usize)) -> Result<Measured, PolicyError> {
    let limits = Limits::of(examined.class);
    on_own_thread(|| {
        let began = Instant::now();
        let mut guest = isolated(&examined.program, limits, [0; 32])?;
        guest.describe()?;
        let first_call_us = began.elapsed().as_secs_f64() * 1e6;
        Ok(Measured {
            compile_ms: compiled.0.as_secs_f64() * 1e3,
            code_bytes: compiled.1,
            first_call_us,
            memory_bytes: guest.report().memory_bytes,
        })
    })
}

/// A plugin that is run without a server: its `kv` is empty at first and lives as long as this.
pub struct Offline {
    guest: Guest,
    plugin: String,
    limits: Limits,
}

/// Why a plugin could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// It could not be installed either.
    #[error("the component is refused: {}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// The settings do not fit its schema.
    #[error("the settings do not fit: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// It does not start.
    #[error("{step}: {source}")]
    Start {
        /// `check` or `init`.
        step: &'static str,
        /// What it gave.
        source: PolicyError,
    },
}

/// One answer and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// The answer, or why there is none.
    pub outcome: Result<Reply, PolicyError>,
    /// Time of the call.
    pub took_us: f64,
    /// Calls that the plugin made to the host.
    pub host_calls: u32,
    /// So many it may make.
    pub host_calls_max: u32,
    /// Bytes that they brought in.
    pub read_bytes: usize,
    /// Linear memory after it.
    pub memory_bytes: usize,
    /// What it had to say.
    pub lines: Vec<Line>,
}

impl Offline {
    /// Checks and starts a component with these settings.
    pub fn start(
        engine: &Engine,
        compiler: &Compiler,
        bytes: &[u8],
        grants: &Grants,
        settings: Settings,
        now: UnixMs,
    ) -> Result<Self, OfflineError> {
        let examined = examine(engine, bytes, grants, |limits| {
            Ok(compile_once(engine, compiler, bytes, limits)?.0)
        })
        .map_err(OfflineError::Refused)?;
        let manifest = &examined.manifest;
        let schema = Schema::read(&manifest.settings_schema);
        let schema = schema.map_err(|words| OfflineError::Settings(vec![words]))?;
        let settings = settings.sieved(None, &schema).map_err(|problems| {
            OfflineError::Settings(problems.iter().map(ToString::to_string).collect())
        })?;
        let limits = Limits::of(examined.class);
        let environment = Environment {
            tree: Tree {
                plugin: manifest.name.clone(),
                state_version: manifest.state_version,
            },
            kv: Arc::new(MemoryKv::default()),
            facts: Arc::new(NoFacts),
            settings: Arc::new(settings),
            limits,
            metrics: Arc::new(Metrics::default()),
            capabilities: Arc::new(
                examined
                    .capabilities
                    .iter()
                    .cloned()
                    .collect::<BTreeSet<_>>(),
            ),
            seed: seed(&hex_digest(bytes)),
        };
        let start = |step| move |source| OfflineError::Start { step, source };
        let program = &examined.program;
        on_own_thread(|| program.instantiate(environment.clone())?.check(now))
            .map_err(start("check"))?;
        let guest = on_own_thread(|| {
            let mut guest = program.instantiate(environment)?;
            guest.init(StartReason::First, now)?;
            Ok(guest)
        })
        .map_err(start("init"))?;
        Ok(Self {
            guest,
            plugin: manifest.name.clone(),
            limits,
        })
    }

    /// The plugin's name.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Asks it. After an error that ends an instance, further questions fail too.
    pub fn ask(&mut self, now: UnixMs, question: Question) -> Run {
        let host_calls_max = self.limits.host_calls_for(question.rows());
        let began = Instant::now();
        let outcome = match validate::question(&question) {
            Err(words) => Err(PolicyError::Refused(words)),
            Ok(()) => on_own_thread(|| self.guest.ask(now, question)),
        };
        let took_us = began.elapsed().as_secs_f64() * 1e6;
        let report = self.guest.report().clone();
        Run {
            outcome,
            took_us,
            host_calls: report.host_calls,
            host_calls_max,
            read_bytes: report.read_bytes,
            memory_bytes: report.memory_bytes,
            lines: report.lines,
        }
    }
}
