//! `plugin check`, `plugin inspect` and `plugin run`: a component without a server.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use bailiwick_plugin::offline::{ComponentReport, Offline, inspect_component};
use bailiwick_plugin::question::Question;
use bailiwick_plugin::settings::Settings;
use bailiwick_plugin::{Compiler, Engine, Grants, Kind};

use super::{say, with_error};
use crate::cli::{LimitClassArg, PluginFileArgs, PluginRunArgs};
use crate::clock;
use crate::exit::Outcome;

/// `plugin check`: what keeps it out, if anything.
pub(super) fn check(args: &PluginFileArgs) -> anyhow::Result<Outcome> {
    let report = look(args)?;
    let mut problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    // Settings only mean something to a component that can be run at all.
    if problems.is_empty() && args.settings.is_some() {
        problems.extend(start(args).err().map(|error| format!("{error:#}")));
    }
    let is_good = problems.is_empty();
    if args.json {
        let error = (!is_good).then(|| problems.join("; "));
        let said = serde_json::json!({ "ok": is_good, "problems": problems, "report": report });
        say(with_error(said, error))?;
    } else if is_good {
        let name = report.manifest.as_ref().map_or("", |m| m.name.as_str());
        say(format!(
            "{}: ok, plugin {name}, {} octets, sha256 {}",
            args.file.display(),
            report.size,
            report.sha256
        ))?;
    } else {
        for problem in &problems {
            say(format!("{}: {problem}", args.file.display()))?;
        }
    }
    Ok(Outcome::of(is_good))
}

/// `plugin inspect`: everything there is to know about it.
pub(super) fn inspect(args: &PluginFileArgs) -> anyhow::Result<Outcome> {
    let report = look(args)?;
    if args.json {
        let words = report.problems.iter().map(ToString::to_string);
        let words = words.collect::<Vec<_>>().join("; ");
        let error = (!words.is_empty()).then_some(words);
        say(with_error(serde_json::to_value(&report)?, error))?;
    } else {
        say(words(&report))?;
    }
    Ok(Outcome::of(report.problems.is_empty()))
}

/// `plugin run`: one call, JSON in, JSON out.
pub(super) fn run(args: &PluginRunArgs) -> anyhow::Result<Outcome> {
    let input = serde_json::from_str(&input(&args.input)?).context("the input is not JSON")?;
    if !Question::CALLS.contains(&args.call.as_str()) {
        bail!(
            "there is no call `{}`; there are {}",
            args.call,
            Question::CALLS.join(", ")
        );
    }
    let question = Question::from_json(&args.call, input)
        .with_context(|| format!("this is not what `{}` takes", args.call))?;
    let asked = question.kind();
    if let Some(kind) = &args.kind
        && asked.as_str() != kind
    {
        let known = Kind::ALL.iter().any(|known| known.as_str() == kind);
        if !known {
            let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            bail!("there is no kind `{kind}`; there are {}", all.join(", "));
        }
        bail!(
            "`{}` is a call of `{asked}`, not of `{kind}`; ask with --kind {asked}, or leave --kind out",
            args.call
        );
    }
    let report = look(&args.component)?;
    if let Some(manifest) = &report.manifest
        && !manifest.kinds.iter().any(|kind| kind == asked.as_str())
    {
        bail!(
            "{} decides {}; `{}` is a call of `{asked}`",
            manifest.name,
            manifest.kinds.join(", "),
            args.call
        );
    }
    let done = start(&args.component)?.ask(clock::unix_millis(), question);
    if args.component.json {
        let error = done.outcome.as_ref().err().map(ToString::to_string);
        say(with_error(serde_json::to_value(&done)?, error))?;
        return Ok(Outcome::of(done.outcome.is_ok()));
    }
    for line in &done.lines {
        eprintln!("{:?}: {}", line.level, line.text);
    }
    eprintln!(
        "took {:.0} µs, {} of {} host calls, {} KiB of memory",
        done.took_us,
        done.host_calls,
        done.host_calls_max,
        done.memory_bytes / 1024
    );
    match done.outcome {
        Ok(reply) => {
            say(serde_json::to_string_pretty(&reply)?)?;
            Ok(Outcome::Done)
        }
        Err(error) => bail!("{error}"),
    }
}

fn look(args: &PluginFileArgs) -> anyhow::Result<ComponentReport> {
    let bytes = component(&args.file)?;
    Ok(inspect_component(
        &Engine::new()?,
        &compiler()?,
        &bytes,
        &grants(args),
    ))
}

fn start(args: &PluginFileArgs) -> anyhow::Result<Offline> {
    let settings = match &args.settings {
        Some(file) => serde_json::from_str(&input(file)?)
            .with_context(|| format!("{} is not JSON", file.display()))?,
        None => serde_json::json!({}),
    };
    let bytes = component(&args.file)?;
    let now = clock::unix_millis();
    Ok(Offline::start(
        &Engine::new()?,
        &compiler()?,
        &bytes,
        &grants(args),
        Settings::new(settings),
        now,
    )?)
}

/// A component's octets, no more than any class allows.
pub(crate) fn component(file: &Path) -> anyhow::Result<Vec<u8>> {
    bailiwick_zone::file::read(file, COMPONENT_BYTES_MAX)
        .with_context(|| file.display().to_string())
}

/// What the class `large` allows.
const COMPONENT_BYTES_MAX: u64 = 32 << 20;

fn input(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("stdin")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// In a child, as the server does it: a hostile component can keep a compiler busy.
pub(super) fn compiler() -> anyhow::Result<Compiler> {
    Compiler::child_of_this_program(crate::cli::PLUGIN_COMPILE)
        .context("where does this program lie?")
}

fn grants(args: &PluginFileArgs) -> Grants {
    Grants {
        large: matches!(args.class, LimitClassArg::Large),
        capabilities: None,
    }
}

/// A report for a person.
fn words(report: &ComponentReport) -> String {
    let mut lines = vec![
        format!("sha256   {}", report.sha256),
        format!(
            "size     {} of at most {} octets",
            report.size, report.limits.component_bytes
        ),
    ];
    if let Some(manifest) = &report.manifest {
        lines.push(format!("plugin   {} {}", manifest.name, manifest.version));
        lines.extend(
            manifest
                .extra
                .iter()
                .map(|(key, value)| format!("{key:<8} {value}")),
        );
        lines.push(format!("kinds    {}", manifest.kinds.join(", ")));
        for capability in &manifest.capabilities {
            lines.push(format!(
                "asks for {}: {}",
                capability.name, capability.reason
            ));
        }
    }
    if let Some(surface) = &report.surface {
        lines.extend(
            surface
                .imports
                .iter()
                .map(|name| format!("imports  {name}")),
        );
        lines.extend(
            surface
                .exports
                .iter()
                .map(|name| format!("exports  {name}")),
        );
    }
    let limits = &report.limits;
    lines.push(format!(
        "limits   {} MiB memory, {} ms a call, {} host calls + {} a row",
        limits.memory_bytes >> 20,
        limits.call_ms,
        limits.host_calls,
        limits.host_calls_per_row
    ));
    if let Some(measured) = &report.measured {
        lines.push(format!(
            "measured {:.0} ms to compile, {:.0} µs to the first answer, {} KiB of memory",
            measured.compile_ms,
            measured.first_call_us,
            measured.memory_bytes / 1024
        ));
    }
    lines.extend(
        report
            .problems
            .iter()
            .map(|problem| format!("problem  {problem}")),
    );
    lines.join("\n")
}
