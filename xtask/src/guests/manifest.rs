//! The manifest beside committed components: what they are made of, and whether that is still so.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Built, TARGET, sha256};

const FORMAT: u64 = 1;

/// Parsed `manifest.json`; its head in `guests.rs` shows the file.
pub(crate) struct Manifest {
    pub(crate) rustc: String,
    pub(crate) components: Vec<Component>,
    /// Path relative to the repository, and hash, of every file that went in.
    sources: BTreeMap<String, String>,
}

/// One committed component.
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) file: String,
    version: String,
    bytes: u64,
    sha256: String,
    sources_sha256: String,
    sources: Vec<String>,
}

impl Manifest {
    /// Describes what has just been built.
    pub(crate) fn of(root: &Path, workspace: &str, rustc: &str, built: &[Built]) -> Result<Self> {
        let shared = shared_sources(root, workspace)?;
        let mut sources = shared.clone();
        let mut components = Vec::new();
        for guest in built {
            let mut own = shared.clone();
            collect(root, &guest.folder, &mut own)?;
            components.push(Component {
                name: guest.name.clone(),
                file: guest.file(),
                version: guest.version.clone(),
                bytes: guest.bytes.len() as u64,
                sha256: sha256(&guest.bytes),
                sources_sha256: hash_of(&own, rustc),
                sources: own.keys().cloned().collect(),
            });
            sources.extend(own);
        }
        Ok(Self {
            rustc: rustc.into(),
            components,
            sources,
        })
    }

    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("manifest.json");
        let bytes = fs::read(&path).with_context(|| {
            format!(
                "{} is missing; `cargo xtask guests` writes it",
                path.display()
            )
        })?;
        let value: Value = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not JSON", path.display()))?;
        if value["format"] != FORMAT {
            bail!("{} has a format that is not known here", path.display());
        }
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let components = list(&value["components"])
            .iter()
            .map(|component| Component {
                name: text(component, "name"),
                file: text(component, "file"),
                version: text(component, "version"),
                bytes: component["bytes"].as_u64().unwrap_or_default(),
                sha256: text(component, "sha256"),
                sources_sha256: text(component, "sources_sha256"),
                sources: list(&component["sources"])
                    .iter()
                    .filter_map(|path| Some(path.as_str()?.to_owned()))
                    .collect(),
            })
            .collect();
        let sources = value["sources"].as_object().into_iter().flatten();
        Ok(Self {
            rustc: text(&value, "rustc"),
            components,
            sources: sources
                .map(|(path, hash)| (path.clone(), hash.as_str().unwrap_or_default().to_owned()))
                .collect(),
        })
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        let components: Vec<_> = self
            .components
            .iter()
            .map(|component| {
                json!({
                    "name": component.name,
                    "version": component.version,
                    "file": component.file,
                    "bytes": component.bytes,
                    "sha256": component.sha256,
                    "sources_sha256": component.sources_sha256,
                    "sources": component.sources,
                })
            })
            .collect();
        let manifest = json!({
            "format": FORMAT,
            "rustc": self.rustc,
            "target": TARGET,
            "components": components,
            "sources": self.sources,
        });
        Ok(serde_json::to_string_pretty(&manifest)? + "\n")
    }

    /// Is this exactly the committed component?
    pub(crate) fn has(&self, built: &Built) -> bool {
        self.components.iter().any(|component| {
            component.name == built.name && component.sha256 == sha256(&built.bytes)
        })
    }

    /// One line for each source file that is not as it was, and for each guest without a component.
    pub(crate) fn stale_sources(&self, root: &Path, workspace: &str) -> Result<Vec<String>> {
        let mut now = shared_sources(root, workspace)?;
        let mut problems = Vec::new();
        for guest in super::guests(root, &root.join(workspace))? {
            collect(root, &guest.folder, &mut now)?;
            if !self
                .components
                .iter()
                .any(|component| component.name == guest.name)
            {
                problems.push(format!("{} was never built", guest.folder));
            }
        }
        for (path, hash) in &now {
            match self.sources.get(path) {
                None => problems.push(format!("{path} is new")),
                Some(known) if known != hash => problems.push(format!("{path} has changed")),
                Some(_) => {}
            }
        }
        problems.extend(
            self.sources
                .keys()
                .filter(|path| !now.contains_key(*path))
                .map(|path| format!("{path} is gone")),
        );
        Ok(problems)
    }

    /// One line for each component that is missing, damaged, or not made of what is listed.
    pub(crate) fn damaged_components(&self, folder: &Path) -> Vec<String> {
        let mut problems = Vec::new();
        for component in &self.components {
            let path = folder.join(&component.file);
            match fs::read(&path) {
                Err(error) => problems.push(format!("{}: {error}", path.display())),
                Ok(bytes) if sha256(&bytes) != component.sha256 => {
                    problems.push(format!("{} is not the file that was built", path.display()));
                }
                Ok(_) => {}
            }
            let own: BTreeMap<_, _> = component
                .sources
                .iter()
                .filter_map(|path| Some((path.clone(), self.sources.get(path)?.clone())))
                .collect();
            if hash_of(&own, &self.rustc) != component.sources_sha256 {
                problems.push(format!(
                    "{}: the list of sources was edited",
                    component.name
                ));
            }
        }
        problems
    }
}

/// What every guest of a workspace is made of.
fn shared_sources(root: &Path, workspace: &str) -> Result<BTreeMap<String, String>> {
    let mut sources = BTreeMap::new();
    for path in ["Cargo.toml", "Cargo.lock"] {
        add(root, &format!("{workspace}/{path}"), &mut sources)?;
    }
    for entry in sorted(&root.join("wit"))? {
        if entry.ends_with(".wit") {
            add(root, &format!("wit/{entry}"), &mut sources)?;
        }
    }
    collect(root, "plugins/sdk", &mut sources)?;
    Ok(sources)
}

/// All files below a folder, except what building leaves there.
fn collect(root: &Path, folder: &str, sources: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in sorted(&root.join(folder))? {
        let path = format!("{folder}/{entry}");
        if entry.starts_with('.') || entry == "target" {
            continue;
        }
        if root.join(&path).is_dir() {
            collect(root, &path, sources)?;
        } else {
            add(root, &path, sources)?;
        }
    }
    Ok(())
}

fn add(root: &Path, path: &str, sources: &mut BTreeMap<String, String>) -> Result<()> {
    let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    sources.insert(path.into(), sha256(&bytes));
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn hash_of(sources: &BTreeMap<String, String>, rustc: &str) -> String {
    let mut lines = format!("{rustc}\n");
    for (path, hash) in sources {
        lines.push_str(&format!("{hash}  {path}\n"));
    }
    sha256(lines.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::{WORKSPACES, verify_prebuilt};
    use super::*;

    /// A small repository with one guest and a manifest that fits it.
    fn repository(name: &str) -> std::path::PathBuf {
        let root =
            std::env::temp_dir().join(format!("bailiwick-guests-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("wit/types.wit", "package a:b;");
        write(
            "plugins/Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"one\"]\n",
        );
        write(
            "plugins/Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"one\"\nversion = \"0.1.0\"\n",
        );
        write("plugins/sdk/src/lib.rs", "");
        write(
            "plugins/one/Cargo.toml",
            "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
        );
        write("plugins/one/src/lib.rs", "");
        write("plugins/prebuilt/one.wasm", "component");
        let built = Built {
            name: "one".into(),
            version: "0.1.0".into(),
            folder: "plugins/one".into(),
            bytes: b"component".into(),
        };
        let manifest = Manifest::of(&root, WORKSPACES[0], "rustc 1", &[built]).unwrap();
        write(
            "plugins/prebuilt/manifest.json",
            &manifest.to_json().unwrap(),
        );
        root
    }

    fn problem(root: &Path) -> String {
        verify_prebuilt(root).unwrap_err().to_string()
    }

    /// What fits is accepted, and the manifest reads back as it was written.
    #[test]
    fn fitting_components_are_accepted() {
        let root = repository("fits");
        verify_prebuilt(&root).unwrap();
        let folder = root.join("plugins/prebuilt");
        let read = Manifest::read(&folder).unwrap().to_json().unwrap();
        assert_eq!(
            read,
            fs::read_to_string(folder.join("manifest.json")).unwrap()
        );
        fs::remove_dir_all(root).unwrap();
    }

    /// A stale manifest is refused by the name of the file that changed, came or went.
    #[test]
    fn stale_sources_are_named() {
        let root = repository("stale");
        fs::write(root.join("wit/types.wit"), "package a:c;").unwrap();
        assert!(problem(&root).contains("wit/types.wit has changed"));
        fs::write(root.join("wit/types.wit"), "package a:b;").unwrap();
        fs::write(root.join("plugins/one/src/new.rs"), "").unwrap();
        assert!(problem(&root).contains("plugins/one/src/new.rs is new"));
        fs::remove_file(root.join("plugins/one/src/new.rs")).unwrap();
        fs::remove_file(root.join("plugins/sdk/src/lib.rs")).unwrap();
        assert!(problem(&root).contains("plugins/sdk/src/lib.rs is gone"));
        fs::remove_dir_all(root).unwrap();
    }

    /// A component that is not the one that was built is refused.
    #[test]
    fn changed_components_are_refused() {
        let root = repository("changed");
        fs::write(root.join("plugins/prebuilt/one.wasm"), "another").unwrap();
        assert!(problem(&root).contains("is not the file that was built"));
        fs::remove_dir_all(root).unwrap();
    }

    /// What is released is frozen: the package in `wit/` equals its copy.
    #[test]
    fn released_wit_is_frozen() {
        let wit = crate::step::root().join("wit");
        let released = wit.join("released/0.1.0");
        let files = |folder: &Path| -> Vec<String> {
            let names = sorted(folder).unwrap().into_iter();
            names.filter(|name| name.ends_with(".wit")).collect()
        };
        assert_eq!(files(&wit), files(&released));
        for file in files(&wit) {
            let read = |folder: &Path| fs::read_to_string(folder.join(&file)).unwrap();
            assert!(
                read(&wit).starts_with("package bailiwick:policy@0.1.0;"),
                "{file}"
            );
            assert_eq!(read(&wit), read(&released), "{file}");
        }
    }
}
