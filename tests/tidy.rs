//! The house rules that a compiler does not know: who imports whom, where `unsafe` may stand, how
//! long a file gets, what must not be in the repository.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bailiwick_tests::place::project;

/// A crate and the only crates of ours that it may import. Siblings do not import each other; what
/// one needs of another is a trait it defines itself, and `authority` joins them.
const MAY_IMPORT: [(&str, &[&str]); 10] = [
    ("zone", &[]),
    ("answer", &["zone"]),
    ("transfer", &["zone"]),
    ("store", &["zone"]),
    ("plugin", &["zone"]),
    ("meter", &["zone"]),
    (
        "authority",
        &[
            "zone", "answer", "transfer", "store", "plugin", "meter", "resolver",
        ],
    ),
    ("resolver", &["zone"]),
    ("server", &["zone", "answer", "meter"]),
    (
        "daemon",
        &[
            "zone",
            "answer",
            "transfer",
            "store",
            "plugin",
            "meter",
            "resolver",
            "authority",
            "server",
        ],
    ),
];

/// A heavy dependency and the only crates that may have it.
const ONLY_IN: [(&str, &[&str]); 13] = [
    ("wasmtime", &["plugin"]),
    ("wasmtime-wasi", &["plugin"]),
    ("redb", &["store"]),
    ("axum", &["daemon"]),
    ("clap", &["daemon"]),
    ("socket2", &["server", "authority"]),
    // No clock, no socket, no runtime in zone, answer and transfer: that is what makes them testable.
    (
        "tokio",
        &["authority", "resolver", "server", "daemon", "plugin"],
    ),
    ("hickory-resolver", &["resolver"]),
    ("anyhow", &["daemon"]),
    // Encrypted transports are sockets.
    ("rustls", &["server"]),
    ("h2", &["server"]),
    ("h3", &["server"]),
    ("quinn", &["server"]),
];

/// Where `unsafe` may stand, and why.
const UNSAFE: [(&str, &str); 3] = [
    (
        "host/server/src/sys",
        "recvmmsg and sendmmsg, which std does not have",
    ),
    (
        "host/zone/src/mem",
        "prefetching and unchecked reads inside a block that was checked when built",
    ),
    (
        "host/plugin/src/cache",
        "loading machine code that this server compiled and checksummed",
    ),
];

/// Crates import only what their layer allows.
#[test]
fn layers_are_kept() {
    for (name, allowed) in MAY_IMPORT {
        let dependencies = dependencies(&format!("host/{name}/Cargo.toml"));
        let allowed: BTreeSet<String> = allowed.iter().map(|a| format!("bailiwick-{a}")).collect();
        let ours = dependencies
            .into_iter()
            .filter(|d| d.starts_with("bailiwick-"));
        let wrong: Vec<String> = ours.filter(|d| !allowed.contains(d)).collect();
        assert!(wrong.is_empty(), "host/{name} may not import {wrong:?}");
    }
}

/// Every crate under `host/` has its layer: a new one is added to the table with thought.
#[test]
fn every_crate_has_a_layer() {
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    for folder in fs::read_dir(project().join("host")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(name.as_str()),
            "host/{name} has no place in MAY_IMPORT"
        );
    }
}

/// One crate for each heavy dependency.
#[test]
fn heavy_dependencies_stay_in_their_crate() {
    for (dependency, allowed) in ONLY_IN {
        for (name, _) in MAY_IMPORT {
            let has = dependencies(&format!("host/{name}/Cargo.toml")).contains(dependency);
            assert!(
                !has || allowed.contains(&name),
                "host/{name} may not depend on {dependency}"
            );
        }
    }
}

/// `unsafe` stands only where the list says, with its reason.
#[test]
fn unsafe_code_is_listed() {
    for file in sources() {
        let name = relative(&file);
        // Guests export through generated code, and hostile guests are hostile.
        let is_guest = name.starts_with("plugins/") || name.starts_with("tests/guests/");
        let is_listed = UNSAFE.iter().any(|(place, _)| name.starts_with(place));
        if is_guest || is_listed || name == "tests/tidy.rs" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let is_unsafe = code.contains("unsafe {")
                || code.contains("unsafe fn")
                || code.contains("unsafe impl")
                || code.contains("unsafe extern");
            assert!(
                !is_unsafe,
                "{name}:{}: `unsafe` outside the listed files",
                index + 1
            );
        }
    }
}

/// Something left to do says whose it is: `TODO(name): what is missing`.
#[test]
fn no_orphan_is_left_to_do() {
    for file in sources() {
        let name = relative(&file);
        if name == "tests/tidy.rs" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (index, line) in text.lines().enumerate() {
            let orphan = line.contains("TODO") && !line.contains("TODO(");
            assert!(
                !orphan && !line.contains("FIXME") && !line.contains("XXX:"),
                "{name}:{}: an orphan: {line}",
                index + 1
            );
        }
    }
}

/// A file answers one question; past this many lines it surely holds two.
#[test]
fn files_stay_readable() {
    let too_long: Vec<String> = sources()
        .into_iter()
        .filter(|file| fs::read_to_string(file).unwrap().lines().count() > LINES_MAX)
        .map(|file| relative(&file))
        .collect();
    assert!(
        too_long.is_empty(),
        "longer than {LINES_MAX} lines: {too_long:?}"
    );
}

/// What is in the repository works on any machine: no path of the one it was written on.
#[test]
fn no_path_of_one_machine_is_written_down() {
    let homes = ["/root/", "/home/", "/work/", "/Users/"];
    for file in tracked(&[
        "rs", "toml", "md", "sh", "wit", "zone", "service", "html", "css", "json",
    ]) {
        if relative(&file) == "tests/tidy.rs" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for home in homes {
            assert!(!text.contains(home), "{} mentions {home}", relative(&file));
        }
    }
}

/// The names under `[dependencies]` of a manifest; what only tests need is not a layer's matter.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(project().join(manifest)).unwrap();
    let section = text
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', '=', ' ']).next());
    names
        .map(str::to_owned)
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

/// Every Rust file of the repository.
fn sources() -> Vec<PathBuf> {
    tracked(&["rs"])
}

/// Files with one of these endings, build products left out.
fn tracked(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![project().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|e| endings.contains(&e.to_string_lossy().as_ref()))
            {
                found.push(path);
            }
        }
    }
    assert!(
        !found.is_empty(),
        "no {endings:?} found: the walk is broken"
    );
    found
}

fn relative(file: &Path) -> String {
    file.strip_prefix(project())
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

const LINES_MAX: usize = 600;
const SKIPPED: [&str; 4] = ["target", ".git", "var", "prebuilt"];
