//! Components to run: the shipped plugins and those that misbehave.

use std::fs;
use std::path::{Path, PathBuf};

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

/// A component with the same bytes but for `from`, which becomes `to` wherever it stands: another
/// version of the same plugin, made without a compiler. Written into `folder`, named after `to`.
///
/// # Errors
/// The component does not contain `from`, or the lengths differ.
pub fn rewritten(component: &Path, from: &str, to: &str, folder: &Path) -> Result<PathBuf> {
    ensure!(
        from.len() == to.len(),
        "the length of what is replaced cannot change"
    );
    let mut bytes = fs::read(component)?;
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    ensure!(
        !places.is_empty(),
        "{} does not contain {from}",
        component.display()
    );
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    let path = folder.join(format!("{to}.wasm"));
    fs::write(&path, bytes)?;
    Ok(path)
}
