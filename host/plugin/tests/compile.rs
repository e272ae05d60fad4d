//! Compiling in a child process that limits itself (RELIABILITY W9).
//!
//! The child is this very test binary: called with four more arguments, it is a compiler.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use std::ffi::OsString;
use std::sync::Arc;

use bailiwick_plugin::facts::NoFacts;
use bailiwick_plugin::kv::MemoryKv;
use bailiwick_plugin::registry::{Registry, RegistryOptions};
use bailiwick_plugin::store::MemoryVersions;
use bailiwick_plugin::{Compiler, Grants, compile_child};
use common::{ENGINE, NOW, month, requests, shipped};

/// What the test harness is told to run in the child.
const CHILD: &str = "the_child_compiles_within_its_limits";

fn child() -> Compiler {
    let arguments = [CHILD, "--exact", "--nocapture"]
        .map(OsString::from)
        .to_vec();
    Compiler::Child {
        program: std::env::current_exe().unwrap(),
        arguments,
    }
}

/// As the child: compiles. As a test: a component that the child compiled runs here, and one that
/// does not compile is refused in the compiler's words.
#[test]
fn the_child_compiles_within_its_limits() {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let as_child = arguments
        .iter()
        .position(|argument| argument == "--nocapture");
    if let Some(rest) = as_child
        .and_then(|at| arguments.get(at + 1..))
        .filter(|r| r.len() == 4)
    {
        if let Err((code, words)) = compile_child(rest) {
            eprintln!("{words}");
            std::process::exit(code);
        }
        std::process::exit(0);
    }
    let dir = tempfile::tempdir().unwrap();
    let options = RegistryOptions {
        engine: ENGINE.clone(),
        dir: dir.path().into(),
        compiler: child(),
        versions: Arc::new(MemoryVersions::default()),
        kv: Arc::new(MemoryKv::default()),
        facts: Arc::new(NoFacts),
    };
    let registry = Registry::open(options, NOW).unwrap();
    registry
        .install(&shipped("quota"), &Grants::default(), NOW)
        .unwrap();
    registry.activate("quota", None, NOW).unwrap();
    assert_eq!(
        registry
            .policies()
            .grant(NOW, month(), requests(3))
            .unwrap()
            .value
            .len(),
        3
    );
    let error = registry
        .install(b"\0asm\x0d\0\x01\0garbage", &Grants::default(), NOW)
        .unwrap_err();
    assert!(error.to_string().contains("does not compile: "), "{error}");
}
