//! `check-config`: every problem of a configuration file, or a summary of what it asks for.
//!
//! Beside what a server looks at before it starts, the plugins that the file names are looked at as an
//! installation would, and all settings are held against their schemas: a server finds these out while it
//! runs, and keeps serving without; whoever writes a file wants to know before.

use std::collections::BTreeMap;
use std::path::Path;

use bailiwick_plugin::offline::inspect_component;
use bailiwick_plugin::settings::{Schema, SettingsProblem, with_patch};
use bailiwick_plugin::{Compiler, Engine, Grants};
use serde_json::{Value, json};

use super::{say, with_error};
use crate::cli::CheckConfigArgs;
use crate::config::{
    Config, Examined, LimitClass, PluginConfig, Problem, SettingsGiven, SettingsOf, ZoneSource,
    inside, nearest, text_of,
};
use crate::exit::Outcome;

/// Runs the command.
pub(super) fn run(args: &CheckConfigArgs) -> anyhow::Result<Outcome> {
    let (config, problems) = match text_of(&args.file) {
        Err(problems) => (None, problems.0),
        Ok(text) => {
            let mut read = Examined::of(&args.file, &text);
            let more = Plugins::of(&args.file, &text, &read)?.problems();
            read.problems.extend(more);
            read.problems
                .sort_by_key(|problem| (problem.line, problem.column));
            (read.config, read.problems)
        }
    };
    let config = config.filter(|_| problems.is_empty());
    if args.json {
        let said = json!({ "ok": config.is_some(), "problems": problems });
        let error = problems.first().map(|first| match problems.len() {
            1 => first.to_string(),
            all => format!("{first} (and {} more)", all - 1),
        });
        say(with_error(said, error))?;
    } else if let Some(config) = &config {
        say(summary(config))?;
    } else {
        for problem in &problems {
            say(problem)?;
        }
    }
    Ok(Outcome::of(config.is_some()))
}

/// The plugins of a configuration and what is set for them.
struct Plugins<'a> {
    file: &'a Path,
    text: &'a str,
    read: &'a Examined,
    config: Option<&'a Config>,
    /// By number in the configuration.
    known: Vec<Option<Known>>,
    problems: Vec<Problem>,
}

/// What is known of a plugin whose component can be installed.
struct Known {
    name: String,
    schema: Schema,
}

impl<'a> Plugins<'a> {
    fn of(file: &'a Path, text: &'a str, read: &'a Examined) -> anyhow::Result<Self> {
        let mut plugins = Self {
            file,
            text,
            read,
            config: read.config.as_ref(),
            known: Vec::new(),
            problems: Vec::new(),
        };
        let named = plugins.config.map_or(&[][..], |config| &config.plugins);
        if named.is_empty() {
            return Ok(plugins);
        }
        let engine = Engine::new()?;
        let compiler = super::plugin_file::compiler()?;
        let mut seen: BTreeMap<&Path, usize> = BTreeMap::new();
        for (number, plugin) in named.iter().enumerate() {
            let known = match seen.insert(&plugin.file, number) {
                // Named twice, which is a problem that has been told.
                Some(_) => None,
                None => plugins.look(number, plugin, &engine, &compiler),
            };
            plugins.known.push(known);
        }
        Ok(plugins)
    }

    fn look(
        &mut self,
        number: usize,
        plugin: &PluginConfig,
        engine: &Engine,
        compiler: &Compiler,
    ) -> Option<Known> {
        // A file that cannot be read has been told.
        let bytes = super::component(&plugin.file).ok()?;
        let grants = Grants {
            large: plugin.class == LimitClass::Large,
            capabilities: None,
        };
        let report = inspect_component(engine, compiler, &bytes, &grants);
        let manifest = report.manifest.filter(|_| report.problems.is_empty());
        let known = manifest.and_then(|manifest| {
            let schema = Schema::read(&manifest.settings_schema).ok()?;
            let name = manifest.name;
            Some(Known { name, schema })
        });
        if known.is_none() {
            let words: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
            let words = format!(
                "{} cannot be installed: {}",
                plugin.file.display(),
                words.join("; ")
            );
            let place = self.read.plugin_places.get(number).cloned();
            self.problem(place.unwrap_or_default(), words);
        }
        known
    }

    /// Everything that is wrong with plugins and their settings.
    fn problems(mut self) -> Vec<Problem> {
        let Some(config) = self.config else {
            return self.problems;
        };
        let empty = json!({});
        let given = |number: usize| {
            let settings = self.read.settings.iter();
            settings.filter(move |given| matches!(given.of, SettingsOf::Plugin(n) if n == number))
        };
        let mut wrong = Vec::new();
        for (number, plugin) in config.plugins.iter().enumerate() {
            let Some(Some(known)) = self.known.get(number) else {
                continue;
            };
            let place = given(number).next().map(|given| given.place.clone());
            let place = place.or_else(|| self.read.plugin_places.get(number).cloned());
            for problem in known.schema.problems(&plugin.settings) {
                wrong.push((place.clone().unwrap_or_default(), problem));
            }
        }
        for SettingsGiven { of, place } in &self.read.settings {
            let SettingsOf::Zone(zone, name) = of else {
                continue;
            };
            let found = self.known.iter().position(|known| {
                let known = known.as_ref();
                known.is_some_and(|known| known.name == *name)
            });
            let Some(number) = found else {
                wrong.extend(self.nobodys(name).map(|problem| (place.clone(), problem)));
                continue;
            };
            let base = config
                .plugins
                .get(number)
                .map_or(&empty, |plugin| &plugin.settings);
            let Some(Some(known)) = self.known.get(number) else {
                continue;
            };
            // What is wrong for everybody has been told.
            if !known.schema.problems(base).is_empty() {
                continue;
            }
            let own = config.zones.iter().find(|config| config.name == *zone);
            let patch: &Value = own
                .and_then(|zone| zone.settings.get(name))
                .unwrap_or(&empty);
            for problem in known.schema.problems(&with_patch(base, patch)) {
                wrong.push((place.clone(), problem));
            }
        }
        for (place, problem) in wrong {
            let place = inside(self.text, &place, &problem.pointer);
            self.problem(place, problem.to_string());
        }
        self.problems
    }

    /// Settings of a zone for a plugin that no `[[plugin]]` is; nothing if that cannot be told.
    fn nobodys(&self, name: &str) -> Option<SettingsProblem> {
        let known: Option<Vec<&str>> = self
            .known
            .iter()
            .map(|known| known.as_ref().map(|known| known.name.as_str()))
            .collect();
        let known = known?;
        let meant = match nearest(name, &known) {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None if known.is_empty() => "; there is no [[plugin]] at all".to_owned(),
            None => format!("; there are {}", known.join(", ")),
        };
        Some(SettingsProblem {
            pointer: String::new(),
            words: format!("no [[plugin]] of this file is called `{name}`{meant}"),
        })
    }

    fn problem(&mut self, place: std::ops::Range<usize>, words: String) {
        self.problems
            .push(Problem::at(self.file, self.text, place, words));
    }
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
