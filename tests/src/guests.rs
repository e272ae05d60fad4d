//! Components to run: the shipped plugins and those that misbehave.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::place;

/// A shipped plugin, such as `quota`.
///
/// # Errors
/// It is not among the prebuilt ones.
pub fn shipped(name: &str) -> Result<PathBuf> {
    component("plugins/prebuilt", name)
}

/// A component made for tests.
///
/// # Errors
/// It is not among the prebuilt ones.
pub fn hostile(name: &str) -> Result<PathBuf> {
    component("tests/guests/prebuilt", name)
}

fn component(folder: &str, name: &str) -> Result<PathBuf> {
    let path = place::project().join(folder).join(format!("{name}.wasm"));
    ensure!(
        path.is_file(),
        "{} is not there; build it: cargo xtask guests",
        path.display()
    );
    Ok(path)
}
