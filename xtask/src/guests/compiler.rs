//! Finding a compiler for `wasm32-wasip2`, and using it so that the bytes depend on sources and
//! compiler alone.
//!
//! First choice is rustup's target. Where rustup cannot fetch it, Debian's `rustc-web` with its std
//! source does; that builds std anew and takes minutes instead of seconds.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::TARGET;

/// A way to compile guests.
pub(crate) struct Compiler {
    /// What `rustc --version` says.
    pub(crate) version: String,
    kind: Kind,
}

enum Kind {
    /// std for the target comes with the toolchain.
    Rustup,
    /// `/usr/bin/rustc` of `rustc-web`; std is built from `rust-web-src`.
    Debian,
}

impl Compiler {
    /// Takes what is there, else installs what can be, else says all that was tried.
    pub(crate) fn find(root: &Path) -> Result<Self> {
        let mut tried = Vec::new();
        if let Some(found) = Self::rustup(root) {
            return Ok(found);
        }
        tried.push(format!("rustc has no std for {TARGET}"));
        match run(Command::new("rustup")
            .args(["target", "add", TARGET])
            .current_dir(root))
        {
            Ok(()) => match Self::rustup(root) {
                Some(found) => return Ok(found),
                None => tried.push("rustup added the target, but rustc does not see it".into()),
            },
            Err(error) => tried.push(format!("{error:#}")),
        }
        if let Some(found) = Self::debian() {
            return Ok(found);
        }
        tried.push(format!("no {DEBIAN_STD} (rust-web-src)"));
        let install = format!("apt-get install -y --no-install-recommends {DEBIAN_PACKAGES}");
        match run(Command::new("sh").args(["-c", &install])) {
            Ok(()) => match Self::debian() {
                Some(found) => return Ok(found),
                None => tried.push("the Debian packages are there, their compiler is not".into()),
            },
            Err(error) => tried.push(format!("{error:#}")),
        }
        bail!(
            "no compiler for {TARGET}. Tried:\n   {}\nOne of these helps:\n   rustup target add {TARGET}\n   {install}",
            tried.join("\n   ")
        )
    }

    fn rustup(root: &Path) -> Option<Self> {
        let rustc = || {
            let mut rustc = Command::new("rustc");
            rustc.current_dir(root);
            rustc
        };
        let libraries =
            output(rustc().args(["--print", "target-libdir", "--target", TARGET])).ok()?;
        let has_std = fs::read_dir(libraries)
            .ok()?
            .flatten()
            .any(|file| file.file_name().to_string_lossy().starts_with("libstd-"));
        has_std.then_some(())?;
        Some(Self {
            version: output(rustc().arg("--version")).ok()?,
            kind: Kind::Rustup,
        })
    }

    fn debian() -> Option<Self> {
        Path::new(DEBIAN_STD).is_dir().then_some(())?;
        Some(Self {
            version: output(Command::new(DEBIAN_RUSTC).arg("--version")).ok()?,
            kind: Kind::Debian,
        })
    }

    /// Compiles a guest workspace.
    pub(crate) fn build(&self, root: &Path, workspace: &Path) -> Result<()> {
        let mut flags = remapped(root)?;
        let mut cargo = match self.kind {
            Kind::Rustup => cargo(workspace),
            Kind::Debian => {
                flags.push(remap(Path::new(DEBIAN_STD), "/rust"));
                flags.push("-Clink-arg=-L/usr/lib/wasm32-wasi".into());
                debian_cargo(workspace)
            }
        };
        // The encoded form takes paths with spaces; it also goes before any flags of the user, which
        // would change the bytes.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}".as_ref()));
        cargo.args([
            "build",
            "--release",
            "--locked",
            "--workspace",
            "--target",
            TARGET,
        ]);
        if matches!(self.kind, Kind::Debian) {
            cargo.args(["-Zbuild-std=std,panic_abort", "--ignore-rust-version"]);
        }
        run(&mut cargo)
    }
}

/// Cargo in a guest workspace, with its own target folder whatever the caller's environment says.
pub(crate) fn cargo(workspace: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    prepare(&mut command, workspace);
    command
}

fn debian_cargo(workspace: &Path) -> Command {
    let mut command = Command::new("/usr/bin/cargo");
    prepare(&mut command, workspace);
    command
        .env("RUSTC", DEBIAN_RUSTC)
        // -Zbuild-std wants a nightly or this.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_WASIP2_LINKER", DEBIAN_LINKER);
    command
}

fn prepare(command: &mut Command, workspace: &Path) {
    command
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET");
}

/// Paths left in panic messages would make the bytes depend on the machine: the repository, cargo's
/// home, and the folder in it that is named after the registry.
fn remapped(root: &Path) -> Result<Vec<OsString>> {
    let mut flags = vec![remap(root, "/bailiwick")];
    let Some(home) = cargo_home() else {
        return Ok(flags);
    };
    flags.push(remap(&home, "/cargo"));
    let mut registries: Vec<_> = fs::read_dir(home.join("registry/src"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path())
        .collect();
    registries.sort();
    flags.extend(registries.iter().map(|folder| remap(folder, "/crates")));
    Ok(flags)
}

fn remap(from: &Path, to: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(from);
    flag.push("=");
    flag.push(to);
    flag
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// Runs with our terminal; a failure says what was run.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command
        .status()
        .with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

const DEBIAN_PACKAGES: &str = "rustc-web cargo-web rust-web-src rust-web-llvm wasi-libc";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust";
const DEBIAN_LINKER: &str = "/usr/lib/rustlib/x86_64-unknown-linux-gnu/bin/wasm-component-ld";
