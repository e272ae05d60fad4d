//! On the stable compiler: what fuzzing found worth keeping, and a seeded run of mutations of it, through
//! every target (issue 3 point 5). The same inputs in every run, so a failure repeats.
//!
//! A finding of libFuzzer becomes a file in `tests/fuzz/corpus/<target>` and is thereby tested here for
//! ever after.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use bailiwick_targets::{ALL, target};
use fastrand::Rng;

/// RELIABILITY P1.
#[test]
fn name_p1() {
    replay("name", 500_000);
}

/// RELIABILITY P3.
#[test]
fn message_p3() {
    replay("message", 50_000);
}

/// RELIABILITY P3, P14.
#[test]
fn server_p3_p14() {
    replay("server", 200_000);
}

/// RELIABILITY P17: framing alone.
#[test]
fn frames_p17() {
    replay("frames", 5000);
}

/// RFC 6891 6.1.2, RFC 7873: options of every kind and length.
#[test]
fn edns() {
    replay("edns", 200_000);
}

/// RFC 1035 5.
#[test]
fn master() {
    replay("master", 3000);
}

/// FEATURES 1.3: types as they arrive.
#[test]
fn rdata_wire() {
    replay("rdata_wire", 300_000);
}

/// FEATURES 1.3: types as they are written.
#[test]
fn rdata_text() {
    replay("rdata_text", 300_000);
}

/// RELIABILITY R13: a nameserver starts from its snapshot alone, whatever has become of the file.
#[test]
fn snapshot() {
    replay("snapshot", 3000);
}

/// A target that is added is replayed: its name stands in this file, and so does its binary's.
#[test]
fn every_target_is_replayed_and_has_its_binary() {
    let here = include_str!("replay.rs");
    for target in ALL {
        let call = format!("replay(\"{}\",", target.name);
        assert!(here.contains(&call), "nobody calls {call} …)");
        let binary = fuzz().join(format!("fuzz_targets/{}.rs", target.name));
        assert!(binary.is_file(), "no {}", binary.display());
    }
}

/// Hands the target its seeds, its corpus and `count` mutations of both.
fn replay(name: &str, count: u32) {
    let target = target(name);
    let mut inputs = (target.seeds)();
    let corpus = fuzz().join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    inputs.extend(files.iter().map(|file| fs::read(file).unwrap()));
    let run = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
            eprintln!("the input, which belongs in the corpus: {input:02x?}");
            resume_unwind(panic);
        }
    };
    inputs.iter().for_each(|input| run(input));
    let mut rng = Rng::with_seed(3);
    for _ in 0..count {
        run(&mutated(&inputs, &mut rng));
    }
}

/// An input with one to four changes: octets altered, put in, taken out, repeated, taken from another.
fn mutated(inputs: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = inputs[rng.usize(..inputs.len())].clone();
    for _ in 0..rng.u8(1..5) {
        let at = rng.usize(..=input.len());
        let end = (at + rng.usize(..8)).min(input.len());
        match rng.u8(..8) {
            0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
            1 if at < input.len() => input[at] = [0, 1, 0x3f, 0xc0, 0xff][rng.usize(..5)],
            2 if at < input.len() => input[at] = rng.u8(..),
            3 => input.insert(at, rng.u8(..)),
            4 => drop(input.drain(at..end)),
            5 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            6 => input.truncate(at),
            _ => {
                let other = &inputs[rng.usize(..inputs.len())];
                let from = rng.usize(..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(16_384);
    input
}

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz"))
}
