//! What a component is, before any of it is trusted: its size, its surface, its manifest.
//!
//! Installing and `plugin check` go through the same [`examine`], so what passes off-line passes on
//! a server. Everything found wrong is a [`Problem`], all of them at once where one does not hide
//! the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::cache::LoadError;
use crate::engine::Engine;
use crate::error::PolicyError;
use crate::facts::NoFacts;
use crate::kind::Kind;
use crate::kv::{MemoryKv, Tree};
use crate::limits::{Class, Limits};
use crate::metrics::{Metrics, is_kebab};
use crate::settings::{Schema, Settings};
use crate::state::Environment;
use crate::types::lifecycle::Manifest;
use crate::v0_1::{self, Guest, Program};
use crate::wasi;

/// Something about a component that keeps it out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// For the operator.
    pub message: String,
}

impl Problem {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// What the operator grants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Grants {
    /// The limit class `large`.
    pub large: bool,
    /// Capabilities; none: all that the plugin declares.
    pub capabilities: Option<BTreeSet<String>>,
}

/// Imports and exports of a component.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Surface {
    /// Full names.
    pub imports: Vec<String>,
    /// Full names.
    pub exports: Vec<String>,
}

/// A component that has passed.
pub(crate) struct Examined {
    pub(crate) program: Program,
    pub(crate) surface: Surface,
    pub(crate) manifest: Manifest,
    pub(crate) class: Class,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) capabilities: BTreeSet<String>,
}

/// Checks the bytes alone: nothing is compiled yet.
pub(crate) fn check_bytes(bytes: &[u8], grants: &Grants) -> Result<Limits, Problem> {
    let limits = Limits::of(if grants.large {
        Class::Large
    } else {
        Class::Default
    });
    if bytes.len() > limits.component_bytes {
        let message = format!("{} bytes, at most {}", bytes.len(), limits.component_bytes);
        return Err(Problem::new("too-large", message));
    }
    // Layer 1, version 13: a component. Layer 0, version 1: a core module.
    match bytes.first_chunk() {
        Some(b"\0asm\x0d\0\x01\0") => Ok(limits),
        Some(b"\0asm\x01\0\0\0") => Err(Problem::new(
            "not-a-component",
            "a core module; build it for wasm32-wasip2, or make a component of it",
        )),
        _ => Err(Problem::new(
            "not-a-component",
            "these bytes are no WebAssembly component",
        )),
    }
}

/// Checks everything else. `compile` turns the bytes into a component.
pub(crate) fn examine(
    engine: &Engine,
    bytes: &[u8],
    grants: &Grants,
    compile: impl FnOnce(&Limits) -> Result<Component, LoadError>,
) -> Result<Examined, Vec<Problem>> {
    let limits = check_bytes(bytes, grants).map_err(|problem| vec![problem])?;
    let component = compile(&limits)
        .map_err(|error| vec![Problem::new("does-not-compile", error.to_string())])?;
    let surface = surface(engine, &component);
    let mut problems = check_imports(engine, &component);
    if !problems.is_empty() {
        return Err(problems);
    }
    let program = Program::new(engine, &component)
        .map_err(|error| vec![Problem::new("does-not-link", format!("{error:#}"))])?;
    let manifest = describe(&program, limits)
        .map_err(|error| vec![Problem::new("no-manifest", format!("`describe`: {error}"))])?;
    let class = Class::named(&manifest.class);
    problems.extend(check_manifest(&manifest, &surface));
    match class {
        None => {
            let message = format!(
                "class `{}` is neither `default` nor `large`",
                manifest.class
            );
            problems.push(Problem::new("unknown-class", message));
        }
        Some(Class::Large) if !grants.large => {
            problems.push(Problem::new(
                "class-not-granted",
                "class `large` was not granted",
            ));
        }
        Some(class) if bytes.len() > Limits::of(class).component_bytes => {
            let max = Limits::of(class).component_bytes;
            let message = format!("{} bytes, at most {max} in class `default`", bytes.len());
            problems.push(Problem::new("too-large", message));
        }
        Some(_) => {}
    }
    let declared: BTreeSet<String> = manifest
        .capabilities
        .iter()
        .map(|capability| capability.name.clone())
        .collect();
    if let Some(granted) = &grants.capabilities {
        for name in declared.difference(granted) {
            let message = format!("`{name}` is needed and was not granted");
            problems.push(Problem::new("not-granted", message));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let kinds = manifest
        .kinds
        .iter()
        .filter_map(|kind| Kind::named(kind))
        .collect();
    let class = class.unwrap_or_default();
    Ok(Examined {
        program,
        surface,
        manifest,
        class,
        kinds,
        capabilities: declared,
    })
}

/// Lists imports and exports.
pub(crate) fn surface(engine: &Engine, component: &Component) -> Surface {
    let kind = component.component_type();
    Surface {
        imports: kind
            .imports(engine.wasmtime())
            .map(|(name, _)| name.to_owned())
            .collect(),
        exports: kind
            .exports(engine.wasmtime())
            .map(|(name, _)| name.to_owned())
            .collect(),
    }
}

/// Every import must be an interface that is offered to plugins at all.
fn check_imports(engine: &Engine, component: &Component) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, item) in component.component_type().imports(engine.wasmtime()) {
        let is_interface = matches!(item.ty, ComponentItem::ComponentInstance(_));
        let path = name.split_once('@').map_or(name, |(path, _)| path);
        let ours = v0_1::interface(name)
            .is_some_and(|interface| interface == "types" || v0_1::IMPORTS.contains(&interface));
        if !is_interface || !(ours || wasi::INTERFACES.contains(&path)) {
            let message = format!("imports `{name}`, which plugins are not offered");
            problems.push(Problem::new("forbidden-import", message));
        }
    }
    problems
}

/// Asks for the manifest in an instance of its own, which sees nothing and keeps nothing.
fn describe(program: &Program, limits: Limits) -> Result<Manifest, PolicyError> {
    on_own_thread(|| isolated(program, limits, [0; 32])?.describe())
}

/// An instance with an empty store, default settings and no facts.
pub(crate) fn isolated(
    program: &Program,
    limits: Limits,
    seed: [u8; 32],
) -> Result<Guest, PolicyError> {
    program.instantiate(Environment {
        tree: Tree {
            plugin: String::new(),
            state_version: 0,
        },
        kv: Arc::new(MemoryKv::default()),
        facts: Arc::new(NoFacts),
        settings: Arc::new(Settings::default()),
        limits,
        metrics: Arc::new(Metrics::default()),
        capabilities: Arc::new(BTreeSet::new()),
        seed,
    })
}

/// wasmtime-wasi may block on a runtime of its own, which panics inside another runtime: whatever
/// thread calls us, guests run on one that has none.
pub(crate) fn on_own_thread<T: Send>(
    work: impl FnOnce() -> Result<T, PolicyError> + Send,
) -> Result<T, PolicyError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("plugin-start".into())
            .spawn_scoped(scope, work)
            .map_err(|error| PolicyError::Host(format!("no thread: {error}")))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(PolicyError::Host("the host panicked".into())))
    })
}

/// Capabilities that do not belong to an import.
const CAPABILITIES: [&str; 11] = [
    "answer.qname",
    "answer.rr-type",
    "answer.source",
    "answer.ecs",
    "answer.transport",
    "answer.dnssec-ok",
    "answer.node",
    "answer.country",
    "answer.synthesise",
    "quota.stop",
    "abuse.suspend",
];

fn check_manifest(manifest: &Manifest, surface: &Surface) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut bad = |code, message: String| problems.push(Problem::new(code, message));
    if !is_kebab(&manifest.name) {
        bad(
            "bad-name",
            format!("`{}` is no plugin name", short(&manifest.name)),
        );
    }
    if manifest.version.is_empty() || manifest.version.len() > 64 {
        bad(
            "bad-version",
            format!("`{}` is no version", short(&manifest.version)),
        );
    }
    if manifest.extra.len() > 16 {
        bad("bad-manifest", "more than 16 extra pairs".into());
    }
    let exported: BTreeSet<&str> = surface
        .exports
        .iter()
        .filter_map(|name| v0_1::interface(name))
        .filter(|interface| *interface != "lifecycle" && *interface != "timer")
        .collect();
    let declared: BTreeSet<&str> = manifest.kinds.iter().map(String::as_str).collect();
    if declared.is_empty() {
        bad("no-kind", "the manifest names no kind".into());
    }
    for kind in declared.difference(&exported) {
        bad(
            "kind-not-exported",
            format!("kind `{}` is declared, not exported", short(kind)),
        );
    }
    for kind in exported.difference(&declared) {
        bad(
            "kind-not-declared",
            format!("kind `{}` is exported, not declared", short(kind)),
        );
    }
    for kind in declared.iter().filter(|kind| Kind::named(kind).is_none()) {
        bad(
            "unknown-kind",
            format!("this host does not ask for `{}`", short(kind)),
        );
    }
    check_capabilities(manifest, surface, &mut bad);
    if manifest.settings_schema.len() > 64 << 10 {
        bad("bad-schema", "a settings schema of more than 64 KiB".into());
    } else if let Err(words) = Schema::read(&manifest.settings_schema) {
        bad("bad-schema", words);
    }
    problems
}

fn check_capabilities(
    manifest: &Manifest,
    surface: &Surface,
    bad: &mut impl FnMut(&'static str, String),
) {
    if manifest.capabilities.len() > 32 {
        bad("bad-manifest", "more than 32 capabilities".into());
    }
    let mut declared = BTreeSet::new();
    for capability in &manifest.capabilities {
        let name = capability.name.as_str();
        let import = name.strip_prefix("import.");
        if !CAPABILITIES.contains(&name) && !import.is_some_and(|i| v0_1::IMPORTS.contains(&i)) {
            bad(
                "unknown-capability",
                format!("`{}` is no capability", short(name)),
            );
        }
        if capability.reason.trim().is_empty() {
            bad(
                "no-reason",
                format!("`{}` is asked for without a reason", short(name)),
            );
        }
        declared.insert(name);
    }
    for import in surface
        .imports
        .iter()
        .filter_map(|name| v0_1::interface(name))
    {
        if import != "types" && !declared.contains(format!("import.{import}").as_str()) {
            bad(
                "undeclared-import",
                format!("imports `{import}` without declaring it"),
            );
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
