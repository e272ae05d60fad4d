//! The commands, one file each; here only who is called.

mod check_config;
mod load;
mod plugin_file;
mod remote;
mod zone_answer;
mod zone_check;

pub(crate) use plugin_file::component;

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
        Command::Serve(args) => crate::serve::run(*args),
        Command::PluginCompile { arguments } => compile(&arguments),
    }
}

/// The child in which the server compiles a component; its exit code tells the parent what happened.
fn compile(arguments: &[std::ffi::OsString]) -> anyhow::Result<Outcome> {
    match bailiwick_plugin::compile_child(arguments) {
        Ok(()) => Ok(Outcome::Done),
        Err((code, words)) => {
            eprintln!("{words}");
            std::process::exit(code)
        }
    }
}

fn plugin(command: PluginCommand) -> anyhow::Result<Outcome> {
    match command {
        PluginCommand::Install {
            file,
            activate,
            class,
            remote,
        } => remote::install(&remote, &file, activate, class),
        PluginCommand::List(to) => remote::run(&to, &Request::PluginList),
        PluginCommand::Activate {
            name,
            version,
            remote,
        } => remote::run(&remote, &Request::PluginActivate { name, version }),
        PluginCommand::Rollback { name, remote } => {
            remote::run(&remote, &Request::PluginRollback { name })
        }
        PluginCommand::Check(args) => plugin_file::check(&args),
        PluginCommand::Inspect(args) => plugin_file::inspect(&args),
        PluginCommand::Run(args) => plugin_file::run(&args),
    }
}

/// What a program is told of a failure: `error` in words, beside whatever else there is to say.
fn with_error(mut said: serde_json::Value, error: Option<String>) -> serde_json::Value {
    if let (Some(members), Some(error)) = (said.as_object_mut(), error) {
        members.insert("error".to_owned(), error.into());
    }
    said
}

/// A line on stdout; an error when nobody reads it any more.
fn say(line: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
