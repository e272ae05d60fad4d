//! From the file and the flags to a [`Config`], or to every problem at once.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use bailiwick_server::CertificateFiles;

use super::answers::Wrong;
use super::problem::{Problem, Problems, nearest};
use super::spec::{AccountSpec, Spec, ZoneSpec};
use super::{
    AccountConfig, Config, DATA_DIR_DEFAULT, NodeConfig, PluginConfig, ZoneConfig, ZoneSource,
    schema,
};
use crate::cli::ServeArgs;

impl Config {
    /// The configuration of one file, without flags.
    pub(crate) fn read(path: &Path) -> Result<Self, Problems> {
        let text = std::fs::read(path)
            .map_err(|e| one(Problem::outside(format!("{}: {e}", path.display()))))?;
        let text = String::from_utf8(text).map_err(|e| {
            one(Problem::outside(format!(
                "{}: not UTF-8 text: {e}",
                path.display()
            )))
        })?;
        Self::parse(path, &text)
    }

    /// The configuration in a text; `path` is for messages and for relative paths.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let spec = schema::read(path, text)?;
        let mut reading = Reading {
            path,
            text,
            base: path.parent().unwrap_or_else(|| Path::new("")).to_owned(),
            problems: Vec::new(),
        };
        let config = reading.config(spec);
        match reading.problems.is_empty() {
            true => Ok(config),
            false => Err(Problems(reading.problems)),
        }
    }

    /// What `serve` runs with: defaults, then the file, then the flags.
    pub(crate) fn for_serve(args: &ServeArgs) -> Result<Self, Problems> {
        let mut config = match &args.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        if !args.listen.is_empty() {
            config.server.listen.clone_from(&args.listen);
        }
        for (flags, place) in [
            (&args.listen_tls, &mut config.server.listen_tls),
            (&args.listen_quic, &mut config.server.listen_quic),
            (&args.listen_https, &mut config.server.listen_https),
        ] {
            if !flags.is_empty() {
                place.clone_from(flags);
            }
        }
        if let (Some(certificate), Some(key)) = (&args.tls_certificate, &args.tls_key) {
            config.certificate = Some(CertificateFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            });
        }
        if let Some(threads) = args.threads {
            config.server.threads = threads;
        }
        if args.data.is_some() {
            config.server.data.clone_from(&args.data);
        }
        if let Some(http) = args.http {
            config.http.listen = http;
        }
        if let Some(level) = &args.log {
            config.log.level.clone_from(level);
        }
        if let Some(format) = args.log_format {
            config.log.format = format;
        }
        config.transfer_allow.extend(&args.allow_transfer);
        config
            .plugins
            .extend(args.plugin.iter().cloned().map(PluginConfig::from_flag));
        config.zones.extend(flag_zones(args)?);
        let mut problems = Vec::new();
        if let Err(e) = check_level(&config.log.level) {
            problems.push(Problem::outside(e));
        }
        if let Err(e) = check_threads(config.server.threads) {
            problems.push(Problem::outside(e));
        }
        refuse_twice(&config.zones, &mut problems);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems(problems))
        }
    }
}

/// One file on its way to a [`Config`].
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    base: PathBuf,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn config(&mut self, spec: Spec) -> Config {
        let mut config = Config::default();
        if spec.version.get_ref() != VERSION {
            let wrong = spec.version.get_ref();
            self.problem(
                spec.version.span(),
                format!("version `{wrong}` is not known; this program reads `{VERSION}`"),
            );
        }
        if let Some(listen) = spec.server.listen {
            if listen.get_ref().is_empty() {
                self.problem(
                    listen.span(),
                    "no address to listen on; leave the key out for the default",
                );
            }
            config.server.listen = listen.into_inner();
        }
        if let Some(threads) = spec.server.threads {
            if let Err(e) = check_threads(*threads.get_ref()) {
                self.problem(threads.span(), e);
            }
            config.server.threads = threads.into_inner();
        }
        config.server.listen_tls = spec.server.listen_tls;
        config.server.listen_quic = spec.server.listen_quic;
        config.server.listen_https = spec.server.listen_https;
        config.certificate = spec.tls.map(|tls| CertificateFiles {
            certificate: self.resolve(&tls.certificate),
            key: self.resolve(&tls.key),
        });
        let data = spec.server.data.unwrap_or_else(|| DATA_DIR_DEFAULT.into());
        config.server.data = Some(self.resolve(&data));
        config.http.listen = spec.http.listen.unwrap_or(config.http.listen);
        config.http.zone_series_max = spec
            .http
            .zone_series_max
            .unwrap_or(config.http.zone_series_max);
        if let Some(level) = spec.log.level {
            if let Err(e) = check_level(level.get_ref()) {
                self.problem(level.span(), e);
            }
            config.log.level = level.into_inner();
        }
        config.log.format = spec.log.format.unwrap_or_default();
        config.transfer_allow = spec.transfer.allow;
        let (answers, wrong) = spec.answers.config(&self.base);
        config.answers = answers;
        for wrong in wrong {
            match wrong {
                Wrong::Here(span, words) => self.problem(span, words),
                Wrong::In(problem) => self.problems.push(problem),
            }
        }
        let mut complain = |(span, message): super::limits::Complaint| self.problem(span, message);
        config.rate_limit = spec.rate_limit.read(&mut complain);
        config.limits = spec.tcp.read(&mut complain);
        config.resolver = spec.resolver.read(&mut complain);
        config.aliases = spec.alias.read(&mut complain);
        if let Some(offset) = spec.policy.month_offset_hours {
            if !(-12..=14).contains(offset.get_ref()) {
                self.problem(
                    offset.span(),
                    "time zones lie between -12 and 14 hours east of UTC",
                );
            }
            config.month_offset_hours = offset.into_inner();
        }
        for node in spec.nodes {
            if node.addresses.is_empty() {
                self.problem(node.name.span(), "a node needs at least one address");
            }
            config.nodes.push(NodeConfig {
                name: node.name.into_inner().0,
                addresses: node.addresses,
            });
        }
        let accounts = self.accounts(spec.accounts);
        for zone in spec.zones {
            config.zones.extend(self.zone(zone, &accounts));
        }
        for plugin in spec.plugins {
            let file = self.resolve(plugin.file.get_ref());
            if !file.is_file() {
                self.problem(
                    plugin.file.span(),
                    format!("there is no file {}", file.display()),
                );
            }
            let settings = serde_json::to_value(&plugin.settings);
            let settings = settings.expect("a TOML table has string keys and finite depth");
            config.plugins.push(PluginConfig {
                file,
                class: plugin.class,
                on_failure: plugin.on_failure,
                settings,
            });
        }
        let mut twice = Vec::new();
        refuse_twice(&config.zones, &mut twice);
        self.problems.extend(twice.into_iter().map(|p| Problem {
            file: self.path.to_owned(),
            ..p
        }));
        config
    }

    fn accounts(&mut self, specs: Vec<AccountSpec>) -> BTreeMap<String, AccountConfig> {
        let mut accounts = BTreeMap::new();
        for spec in specs {
            let (span, name) = (spec.name.span(), spec.name.into_inner());
            let account = AccountConfig {
                name: name.clone(),
                plan: spec.plan.unwrap_or_else(|| "default".to_owned()),
                queries_a_month: spec.queries_a_month,
            };
            if accounts.insert(name.clone(), account).is_some() {
                self.problem(span, format!("account `{name}` is given twice"));
            }
        }
        accounts
    }

    fn zone(
        &mut self,
        spec: ZoneSpec,
        accounts: &BTreeMap<String, AccountConfig>,
    ) -> Option<ZoneConfig> {
        let account = spec.account.and_then(|wanted| {
            let found = accounts.get(wanted.get_ref()).cloned();
            if found.is_none() {
                let known: Vec<&str> = accounts.keys().map(String::as_str).collect();
                let meant = nearest(wanted.get_ref(), &known)
                    .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
                self.problem(
                    wanted.span(),
                    format!("there is no [[account]] `{}`{meant}", wanted.get_ref()),
                );
            }
            found
        });
        let settings = spec.settings.iter().map(|(plugin, table)| {
            let value = serde_json::to_value(table);
            (
                plugin.clone(),
                value.expect("a TOML table has string keys and finite depth"),
            )
        });
        let settings = settings.collect();
        let span = spec.name.span();
        let source = match (spec.file, spec.primaries) {
            (Some(file), None) => ZoneSource::File(self.resolve(&file)),
            (None, Some(primaries)) if !primaries.is_empty() => {
                ZoneSource::Primaries(primaries.into_iter().map(|p| p.0).collect())
            }
            (None, Some(_)) => {
                self.problem(span, "the list of primaries is empty");
                return None;
            }
            _ => {
                self.problem(
                    span,
                    "a zone has either `file` (hosted here) or `primaries` (transferred in)",
                );
                return None;
            }
        };
        Some(ZoneConfig {
            name: spec.name.into_inner().0,
            source,
            account,
            brand: spec.brand,
            signing: spec.signing,
            settings,
        })
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    fn problem(&mut self, span: std::ops::Range<usize>, message: impl Into<String>) {
        self.problems
            .push(Problem::at(self.path, self.text, span, message));
    }
}

impl PluginConfig {
    fn from_flag(file: PathBuf) -> Self {
        Self {
            file,
            class: super::LimitClass::default(),
            on_failure: super::OnFailure::default(),
            settings: serde_json::Value::Object(serde_json::Map::new()),
        }
    }
}

/// The zones that `--zone`, `--zones` and `--secondary` name.
fn flag_zones(args: &ServeArgs) -> Result<Vec<ZoneConfig>, Problems> {
    let mut zones = Vec::new();
    for flag in &args.zone {
        zones.push(ZoneConfig::new(
            flag.name.clone(),
            ZoneSource::File(flag.file.clone()),
        ));
    }
    for list in &args.zones {
        zones.extend(zone_list(list)?);
    }
    for flag in &args.secondary {
        zones.push(ZoneConfig::new(
            flag.name.clone(),
            ZoneSource::Primaries(flag.primaries.clone()),
        ));
    }
    Ok(zones)
}

/// "origin file" lines; empty ones and those that start with `#` are skipped.
fn zone_list(path: &Path) -> Result<Vec<ZoneConfig>, Problems> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| one(Problem::outside(format!("{}: {e}", path.display()))))?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let mut zones = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = match line.split_once(char::is_whitespace) {
            Some((name, file)) => name
                .parse::<super::ZoneName>()
                .map(|n| (n.0, file.trim_start())),
            None => Err(format!("`{line}` is not \"origin file\"")),
        };
        match parsed {
            Ok((name, file)) => {
                zones.push(ZoneConfig::new(name, ZoneSource::File(base.join(file))))
            }
            Err(message) => {
                problems.push(Problem {
                    file: path.to_owned(),
                    line: index + 1,
                    column: 1,
                    message,
                });
            }
        }
    }
    if problems.is_empty() {
        Ok(zones)
    } else {
        Err(Problems(problems))
    }
}

impl ZoneConfig {
    fn new(name: bailiwick_zone::name::Name, source: ZoneSource) -> Self {
        Self {
            name,
            source,
            account: None,
            brand: Vec::new(),
            signing: false,
            settings: BTreeMap::new(),
        }
    }
}

fn refuse_twice(zones: &[ZoneConfig], problems: &mut Vec<Problem>) {
    let mut seen = HashSet::with_capacity(zones.len());
    for zone in zones {
        if !seen.insert(&zone.name) {
            problems.push(Problem::outside(format!(
                "zone `{}` is given twice",
                zone.name
            )));
        }
    }
}

/// `Targets` takes any word for the name of a target, and `target=` for all of it; nobody means that.
fn check_level(level: &str) -> Result<(), String> {
    let is_level = |word: &str| {
        word.parse::<tracing_subscriber::filter::LevelFilter>()
            .is_ok()
    };
    let is_part = |part: &str| match part.trim().split_once('=') {
        Some((target, level)) => !target.is_empty() && !level.is_empty() && is_level(level),
        None => !part.trim().is_empty() && is_level(part.trim()),
    };
    let parsed = level.parse::<tracing_subscriber::filter::Targets>();
    if level.split(',').all(is_part) && parsed.is_ok() {
        return Ok(());
    }
    Err(format!(
        "`{level}` is no log level: error, warn, info, debug, trace, or target=level pairs"
    ))
}

fn check_threads(threads: usize) -> Result<(), String> {
    if threads <= THREADS_MAX {
        return Ok(());
    }
    Err(format!(
        "{threads} threads are more than {THREADS_MAX}; 0 is one for each core"
    ))
}

fn one(problem: Problem) -> Problems {
    Problems(vec![problem])
}

const VERSION: &str = "v1";
/// Each thread has sockets and counters of its own; no machine has more cores than this.
const THREADS_MAX: usize = 1024;
