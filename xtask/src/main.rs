//! The two commands of the README, `cargo xtask up` and `cargo xtask test`, and what they are made of.
//!
//! Dependency-light on purpose: it is compiled first on a fresh machine, and everything it does is
//! run the tools that are there, say what it is doing, and say what to do when something is missing.

#![allow(clippy::print_stdout, reason = "a build tool talks to a person")]

mod guests;
mod machine;
mod nextest;
mod packages;
mod step;
mod test;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["up", rest @ ..] => up::run(rest),
        ["test", rest @ ..] => test::run(rest),
        ["guests"] => guests::build_all(&step::root()),
        ["guests", "--check"] => guests::verify_prebuilt(&step::root()),
        ["packages"] => packages::install(false),
        [up::GREET, rest @ ..] => up::greet(rest),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(anyhow::anyhow!("unknown command\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

const HELP: &str = "\
cargo xtask up [--port N] [--http-port N] [--data DIR]
    Build, then start a server with a sample zone and the shipped plugins: DNS on 127.0.0.1:5300 and [::1]:5300,
    status page on http://127.0.0.1:8080. Data stays in var/up. Ctrl-C stops it.
cargo xtask test [--allow-missing]
    Install what the tests need (as root; otherwise print the line), build, check and run everything.
    --allow-missing: skip tests whose name servers are not installed.
cargo xtask guests [--check]
    Compile plugins and test guests for wasm32-wasip2 and renew the committed components.
    --check: compile nothing, only say which components do not belong to their sources.
cargo xtask packages
    Only install the Debian packages that the tests need.";
