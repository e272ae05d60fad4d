//! The commands, one file each; here only who is called.

mod check_config;

use std::fmt::Display;
use std::io::Write;

use crate::cli::{Cli, Command};
use crate::exit::Outcome;

/// Does what the command line asks.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        Command::CheckConfig(args) => check_config::run(&args),
        _ => anyhow::bail!("later"),
    }
}

/// A line on stdout; an error when nobody reads it any more.
fn say(line: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
