//! Components from source: the shipped policies of `plugins/` and the misbehaving guests of
//! `tests/guests/`.
//!
//! Each of the two is a cargo workspace of its own, built for `wasm32-wasip2`. Their components are
//! committed in its `prebuilt/` beside a `manifest.json`, so that building and running the server
//! needs no WebAssembly compiler. The manifest holds a hash of every source file, so a component that
//! no longer belongs to its sources is found by reading alone ([`verify_prebuilt`]); [`rebuild`]
//! compiles again and compares bytes, and [`build_all`] renews what is committed.
//!
//! ```json
//! { "format": 1, "rustc": "rustc 1.95.0 (…)", "target": "wasm32-wasip2",
//!   "components": [ { "name": "quota", "version": "0.1.0", "file": "quota.wasm", "bytes": 152842,
//!                     "sha256": "… of the component", "sources_sha256": "… of what it is made of",
//!                     "sources": ["wit/types.wit", …] } ],
//!   "sources": { "wit/types.wit": "sha256 …", … } }
//! ```
//!
//! A component is made of `wit/`, the SDK, its own folder, the workspace's `Cargo.toml` and
//! `Cargo.lock`, and the compiler that is named.

mod compiler;
mod manifest;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use self::compiler::Compiler;
use self::manifest::{Component, Manifest};

/// Where guest workspaces are, relative to the repository.
const WORKSPACES: [&str; 2] = ["plugins", TEST_GUESTS];
/// The one whose components only tests load.
const TEST_GUESTS: &str = "tests/guests";

/// What the host accepts without the limit class `large`.
const COMPONENT_BYTES_MAX: u64 = 2 << 20;

/// The target triple of all guests.
const TARGET: &str = "wasm32-wasip2";

/// Compiles all guests and replaces the committed components and their manifests.
pub(crate) fn build_all(root: &Path) -> Result<()> {
    let compiler = Compiler::find(root)?;
    for workspace in workspaces(root) {
        let built = build(root, workspace, &compiler)?;
        let manifest = Manifest::of(root, workspace, &compiler.version, &built)?;
        let folder = root.join(workspace).join("prebuilt");
        fs::create_dir_all(&folder)?;
        for component in &built {
            fs::write(folder.join(component.file()), &component.bytes)?;
            eprintln!(
                "   {workspace}/prebuilt/{}: {} KiB",
                component.file(),
                component.bytes.len().div_ceil(1024)
            );
        }
        remove_strangers(&folder, &manifest)?;
        fs::write(folder.join("manifest.json"), manifest.to_json()?)?;
    }
    Ok(())
}

/// Refuses committed components that are not made of the sources beside them, naming each file that
/// differs. Compiles nothing.
pub(crate) fn verify_prebuilt(root: &Path) -> Result<()> {
    let mut problems = Vec::new();
    for workspace in workspaces(root) {
        let folder = root.join(workspace).join("prebuilt");
        let manifest = Manifest::read(&folder)?;
        problems.extend(manifest.stale_sources(root, workspace)?);
        problems.extend(manifest.damaged_components(&folder));
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!(
        "prebuilt components do not belong to the sources: run `cargo xtask guests` and commit what it changes\n   {}",
        problems.join("\n   ")
    )
}

/// Compiles all guests again, beside the committed ones. With the compiler of the manifest each
/// byte of a shipped plugin must be the same; another compiler makes other bytes, so then compiling
/// is all that is shown, as it is for the guests of the tests, which are tied to their sources by hash.
pub(crate) fn rebuild(root: &Path) -> Result<()> {
    let compiler = Compiler::find(root)?;
    for workspace in workspaces(root) {
        let manifest = Manifest::read(&root.join(workspace).join("prebuilt"))?;
        let built = build(root, workspace, &compiler)?;
        if compiler.version != manifest.rustc {
            eprintln!(
                "   {workspace}: built; bytes not compared, since the committed ones come from {} and this is {}",
                manifest.rustc, compiler.version
            );
            continue;
        }
        let different: Vec<_> = built
            .iter()
            .filter(|component| !manifest.has(component))
            .map(|component| component.name.as_str())
            .collect();
        if !different.is_empty() && workspace == TEST_GUESTS {
            eprintln!(
                "   {workspace}: built; other bytes than committed for {}",
                different.join(", ")
            );
            continue;
        }
        if !different.is_empty() {
            bail!(
                "{workspace}: the same compiler and sources gave other bytes for {}",
                different.join(", ")
            );
        }
        eprintln!(
            "   {workspace}: {} components, byte for byte as committed",
            built.len()
        );
    }
    Ok(())
}

/// Formatting, lints and the native tests of the guest workspaces: decisions are plain functions, so
/// they are tested without WebAssembly.
pub(crate) fn check_sources(root: &Path) -> Result<()> {
    for workspace in workspaces(root) {
        let steps: [&[&str]; 3] = [
            &["fmt", "--all", "--check"],
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ],
            &["test", "--workspace", "--quiet"],
        ];
        // Hostile guests have nothing to test off WebAssembly, and loop or trap on purpose.
        let steps = if workspace == "plugins" {
            &steps[..]
        } else {
            &steps[..1]
        };
        for step in steps {
            compiler::run(compiler::cargo(&root.join(workspace)).args(*step))?;
        }
    }
    Ok(())
}

/// One compiled guest.
pub(crate) struct Built {
    name: String,
    version: String,
    /// Relative to the repository.
    folder: String,
    bytes: Vec<u8>,
}

impl Built {
    fn file(&self) -> String {
        format!("{}.wasm", self.name)
    }
}

fn workspaces(root: &Path) -> impl Iterator<Item = &'static str> {
    WORKSPACES
        .into_iter()
        .filter(move |workspace| root.join(workspace).join("Cargo.toml").is_file())
}

fn build(root: &Path, workspace: &str, compiler: &Compiler) -> Result<Vec<Built>> {
    let folder = root.join(workspace);
    eprintln!(
        "   {workspace}: {}, about half a minute the first time",
        compiler.version
    );
    compiler.build(root, &folder)?;
    let mut built = Vec::new();
    for guest in guests(root, &folder)? {
        let file = format!("{}.wasm", guest.name.replace('-', "_"));
        let path = folder
            .join("target")
            .join(TARGET)
            .join("release")
            .join(file);
        let bytes =
            fs::read(&path).with_context(|| format!("no component at {}", path.display()))?;
        if bytes.len() as u64 > COMPONENT_BYTES_MAX {
            bail!(
                "{} has {} bytes, the host takes {COMPONENT_BYTES_MAX}",
                guest.name,
                bytes.len()
            );
        }
        built.push(Built { bytes, ..guest });
    }
    Ok(built)
}

/// The packages of a guest workspace that become components, as cargo sees them.
fn guests(root: &Path, folder: &Path) -> Result<Vec<Built>> {
    let output = compiler::cargo(folder)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let mut guests = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let is_guest = package["targets"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|target| target["kind"].as_array().into_iter().flatten())
            .any(|kind| kind == "cdylib");
        if !is_guest {
            continue;
        }
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let manifest = PathBuf::from(text("manifest_path"));
        let folder = manifest.parent().context("a package has a folder")?;
        guests.push(Built {
            name: text("name"),
            version: text("version"),
            folder: relative(root, folder)?,
            bytes: vec![],
        });
    }
    guests.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(guests)
}

/// Components of guests that are no more.
fn remove_strangers(folder: &Path, manifest: &Manifest) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let known = |component: &Component| component.file == name;
        if name.ends_with(".wasm") && !manifest.components.iter().any(known) {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> Result<String> {
    // cargo resolves links, so both sides must.
    let (root, path) = (root.canonicalize()?, path.canonicalize()?);
    let below = path
        .strip_prefix(&root)
        .context("a guest lies outside the repository")?;
    Ok(below.to_string_lossy().replace('\\', "/"))
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a string takes all that is written");
    }
    hex
}
