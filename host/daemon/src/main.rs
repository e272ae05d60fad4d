//! The binary `bailiwick`: command line, configuration, wiring, signals, status page, metrics.
//!
//! Nothing here decides anything about DNS. A command parses its arguments, calls the crate that
//! knows, and turns the outcome into text (or JSON) and an exit code. `serve` is the one long
//! walk: [`serve::run`] reads top to bottom what starts when, and why in that order.

mod cli;
mod clock;
mod commands;
mod config;
mod control;
mod exit;
mod http;
mod logs;
mod serve;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let cli = cli::Cli::parse();
    let as_json = cli.command.wants_json();
    exit::code(commands::run(cli), as_json)
}
