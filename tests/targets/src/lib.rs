//! What is fuzzed. Each target is a function from any octets to nothing: it hands them to the code
//! that meets untrusted octets in the running program, and panics when a promise of that code does
//! not hold.
//!
//! The functions live here and not in the fuzzing crate (`tests/fuzz`, a workspace of its own because
//! libFuzzer needs another compiler) so that the ordinary test run can replay what fuzzing found
//! worth keeping and mutate it a little further (`tests/replay.rs`).

#![allow(
    clippy::unwrap_used,
    reason = "the whole crate is test code; a panic is a finding"
)]

mod edns;
mod frames;
mod master;
mod message;
mod name;
mod rdata;
mod seeds;
mod server;
mod snapshot;
mod world;

/// A thing to fuzz.
pub struct Target {
    /// Its name: that of its corpus and of its binary.
    pub name: &'static str,
    /// Takes any octets; panics when something is wrong.
    pub run: fn(&[u8]),
    /// Good inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Everything that is fuzzed.
pub const ALL: [Target; 9] = [
    Target {
        name: "name",
        run: name::run,
        seeds: name::seeds,
    },
    Target {
        name: "message",
        run: message::run,
        seeds: message::seeds,
    },
    Target {
        name: "server",
        run: server::run,
        seeds: server::seeds,
    },
    Target {
        name: "frames",
        run: frames::run,
        seeds: frames::seeds,
    },
    Target {
        name: "edns",
        run: edns::run,
        seeds: edns::seeds,
    },
    Target {
        name: "master",
        run: master::run,
        seeds: master::seeds,
    },
    Target {
        name: "rdata_wire",
        run: rdata::wire,
        seeds: rdata::wire_seeds,
    },
    Target {
        name: "rdata_text",
        run: rdata::text,
        seeds: rdata::text_seeds,
    },
    Target {
        name: "snapshot",
        run: snapshot::run,
        seeds: snapshot::seeds,
    },
];

/// The target of this name.
///
/// # Panics
/// There is none.
pub fn target(name: &str) -> &'static Target {
    ALL.iter()
        .find(|target| target.name == name)
        .unwrap_or_else(|| panic!("no target {name}"))
}
