//! The test runner: the machine's own cargo-nextest, or one that is built into `target/tools`.
//!
//! Plain `cargo test` would not do: what the tests may do beside each other, and which of them need
//! the machine for themselves, stands in `.config/nextest.toml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::step::{cargo, has_program, root, tool};

/// `cargo nextest` with these arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    if has_program(PROGRAM) {
        return cargo(&[&["nextest"], args].concat());
    }
    let mut command = Command::new(folder().join("bin").join(PROGRAM));
    command.arg("nextest").args(args).current_dir(root());
    command
}

/// Builds the runner if the machine has none: some minutes, once.
pub(crate) fn install() -> anyhow::Result<()> {
    if has_program(PROGRAM) {
        println!("cargo-nextest is installed");
        return Ok(());
    }
    if folder().join("bin").join(PROGRAM).is_file() {
        println!("cargo-nextest lies in {}", folder().display());
        return Ok(());
    }
    println!("cargo-nextest is built into {}", folder().display());
    let version = format!("{PROGRAM}@{VERSION}");
    let mut install = cargo(&["install", "--locked", "--quiet", &version, "--root"]);
    tool(install.arg(folder())).context("cargo-nextest could not be built")
}

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| root().join("target"))
        .join("tools")
}

const PROGRAM: &str = "cargo-nextest";
/// The last that was tried here; the machine's own may be any.
const VERSION: &str = "0.9.143";
