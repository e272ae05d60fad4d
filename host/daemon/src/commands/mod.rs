//! The commands, one file each; here only who is called.

mod check_config;
mod load;
mod remote;
mod zone_answer;
mod zone_check;

use std::fmt::Display;
use std::io::Write;

use crate::cli::{Cli, Command, PluginCommand, ZoneCommand};
use crate::control::Request;
use crate::exit::Outcome;

/// Does what the command line asks.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Zone(ZoneCommand::Check { origin, file, json }) => {
            zone_check::run(origin, &file, json)
        }
        Command::Zone(ZoneCommand::Answer(args)) => zone_answer::run(&args),
        Command::Plugin(command) => plugin(command),
        Command::Status(to) => remote::run(&to, &Request::Status),
        Command::Reload(to) => remote::run(&to, &Request::Reload),
        _ => anyhow::bail!("later"),
    }
}

fn plugin(command: PluginCommand) -> anyhow::Result<Outcome> {
    match command {
        PluginCommand::Install {
            file,
            activate,
            remote,
        } => remote::install(&remote, &file, activate),
        PluginCommand::List(to) => remote::run(&to, &Request::PluginList),
        PluginCommand::Activate {
            name,
            version,
            remote,
        } => remote::run(&remote, &Request::PluginActivate { name, version }),
        PluginCommand::Rollback { name, remote } => {
            remote::run(&remote, &Request::PluginRollback { name })
        }
        _ => anyhow::bail!("later"),
    }
}

/// A line on stdout; an error when nobody reads it any more.
fn say(line: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
