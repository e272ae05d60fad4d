//! `check-config`: every problem of a configuration file, or a summary of what it asks for.

use serde_json::json;

use super::say;
use crate::cli::CheckConfigArgs;
use crate::config::{Config, ZoneSource};
use crate::exit::Outcome;

/// Runs the command.
pub(super) fn run(args: &CheckConfigArgs) -> anyhow::Result<Outcome> {
    let read = Config::read(&args.file);
    if args.json {
        let problems = read.as_ref().err().map_or(&[][..], |p| &p.0);
        say(json!({ "ok": read.is_ok(), "problems": problems }))?;
    } else {
        match &read {
            Ok(config) => say(summary(config))?,
            Err(problems) => say(problems)?,
        }
    }
    Ok(Outcome::of(read.is_ok()))
}

fn summary(config: &Config) -> String {
    let is_hosted = |zone: &&crate::config::ZoneConfig| matches!(zone.source, ZoneSource::File(_));
    let hosted = config.zones.iter().filter(is_hosted).count();
    let listen: Vec<String> = config
        .server
        .listen
        .iter()
        .map(ToString::to_string)
        .collect();
    format!(
        "ok: DNS on {}, HTTP {}, {hosted} hosted and {} transferred zones, {} plugins",
        listen.join(" "),
        config.http.listen,
        config.zones.len() - hosted,
        config.plugins.len()
    )
}
