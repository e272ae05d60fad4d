//! Writes the seeds of every target into folders that libFuzzer can start from:
//!
//! ```text
//! cargo run --release -p bailiwick-targets --example seeds -- tests/fuzz/corpus
//! ```
#![allow(clippy::unwrap_used, reason = "a tool for the terminal")]

use std::fs;
use std::path::PathBuf;

fn main() {
    let corpora = PathBuf::from(std::env::args().nth(1).expect("a folder to write to"));
    for target in bailiwick_targets::ALL {
        let folder = corpora.join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed).unwrap();
        }
    }
}
