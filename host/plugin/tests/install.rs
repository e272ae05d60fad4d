//! Taking components in: what is refused, and in which words (issue 2, bad input; W9).

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use std::collections::BTreeSet;

use bailiwick_plugin::offline::inspect_component;
use bailiwick_plugin::registry::InstallError;
use bailiwick_plugin::{Compiler, Grants};
use common::{Bench, ENGINE, NOW, hostile, shipped};

fn refusal(bytes: &[u8], grants: &Grants) -> Vec<&'static str> {
    let bench = Bench::new();
    let error = bench.registry.install(bytes, grants, NOW).unwrap_err();
    let InstallError::Refused(problems) = error else {
        panic!("{error}")
    };
    assert!(bench.registry.list().is_empty());
    // Off-line says the same.
    let report = inspect_component(&ENGINE, &Compiler::Thread, bytes, grants);
    assert_eq!(report.problems, problems);
    problems.into_iter().map(|problem| problem.code).collect()
}

/// Bytes that are no component, or only a module, or a compiled one (W9), go no further.
#[test]
fn what_is_no_component_is_refused() {
    let none = Grants::default();
    assert_eq!(refusal(b"", &none), ["not-a-component"]);
    assert_eq!(refusal(b"no component", &none), ["not-a-component"]);
    assert_eq!(
        refusal(b"\x7fELF\x02\x01\x01\0", &none),
        ["not-a-component"]
    );
    assert_eq!(refusal(b"\0asm\x01\0\0\0", &none), ["not-a-component"]);
    assert_eq!(
        refusal(b"\0asm\x0d\0\x01\0garbage", &none),
        ["does-not-compile"]
    );
}

/// An empty component compiles and says nothing of itself.
#[test]
fn a_component_without_lifecycle_is_refused() {
    assert_eq!(
        refusal(b"\0asm\x0d\0\x01\0", &Grants::default()),
        ["does-not-link"]
    );
}

/// 2 MiB, and one byte more: a custom section pads a good component.
#[test]
fn size_is_limited() {
    let good = shipped("quota");
    let pad = |total: usize| {
        let mut bytes = good.clone();
        // Section 0, its size in five LEB bytes, an empty name, zeros.
        let body = total - good.len() - 6;
        bytes.push(0);
        let mut size = body as u32;
        for i in 0..5 {
            bytes.push((size & 0x7f) as u8 | if i < 4 { 0x80 } else { 0 });
            size >>= 7;
        }
        bytes.resize(total, 0);
        bytes
    };
    let bench = Bench::new();
    bench
        .registry
        .install(&pad(2 << 20), &Grants::default(), NOW)
        .unwrap();
    assert_eq!(
        refusal(&pad((2 << 20) + 1), &Grants::default()),
        ["too-large"]
    );
    // Granting the large class does not help a component that says it is of the default one.
    let large = Grants {
        large: true,
        ..Grants::default()
    };
    assert_eq!(refusal(&pad((2 << 20) + 1), &large), ["too-large"]);
}

/// Undeclared imports fail at load, not at call (FEATURES 1.6).
#[test]
fn undeclared_imports_are_refused() {
    assert_eq!(
        refusal(&hostile("undeclared"), &Grants::default()),
        ["undeclared-import"]
    );
}

/// Sockets are not offered at all.
#[test]
fn sockets_are_refused() {
    let codes: BTreeSet<_> = refusal(&hostile("sockets"), &Grants::default())
        .into_iter()
        .collect();
    assert_eq!(codes, BTreeSet::from(["forbidden-import"]));
}

/// W1: a start function that loops is stopped before anything is asked.
#[test]
fn a_component_that_never_starts_is_refused() {
    assert_eq!(
        refusal(&hostile("stuck"), &Grants::default()),
        ["no-manifest"]
    );
}

/// What is declared must also be granted.
#[test]
fn capabilities_that_were_not_granted_are_named() {
    let grants = Grants {
        capabilities: Some(BTreeSet::new()),
        ..Grants::default()
    };
    assert_eq!(
        refusal(&hostile("tally"), &grants),
        ["not-granted", "not-granted"]
    );
}

/// The same component twice is one version.
#[test]
fn installing_again_changes_nothing() {
    let bench = Bench::new();
    let first = bench
        .registry
        .install(&shipped("quota"), &Grants::default(), NOW)
        .unwrap();
    let again = bench
        .registry
        .install(&shipped("quota"), &Grants::default(), NOW + 5)
        .unwrap();
    assert!(!first.known_before && again.known_before);
    assert_eq!(first.sha256, again.sha256);
    assert_eq!(bench.registry.list()[0].versions.len(), 1);
}
