//! From the file and the flags to a [`Config`], or to every problem at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bailiwick_server::CertificateFiles;
use bailiwick_zone::Name;
use toml::Spanned;

use super::addresses::Listener;
use super::answers::Wrong;
use super::flags::{flag_zones, refuse_twice};
use super::problem::{Problem, Problems, nearest};
use super::schema::Taken;
use super::spec::{AccountSpec, NodeSpec, Spec, ZoneSpec};
use super::{
    AccountConfig, Config, DATA_DIR_DEFAULT, NodeConfig, PluginConfig, ZoneConfig, ZoneSource,
    addresses, schema,
};
use crate::cli::ServeArgs;

impl Config {
    /// The configuration of one file, without flags.
    pub(crate) fn read(path: &Path) -> Result<Self, Problems> {
        Self::parse(path, &text_of(path)?)
    }

    /// The configuration in a text; `path` is for messages and for relative paths.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let read = Examined::of(path, text);
        match read.config {
            Some(config) if read.problems.is_empty() => Ok(config),
            _ => Err(Problems(read.problems)),
        }
    }

    /// What `serve` runs with: defaults, then the file, then the flags.
    pub(crate) fn for_serve(args: &ServeArgs) -> Result<Self, Problems> {
        let mut config = match &args.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        for (flags, place) in [
            (&args.listen, &mut config.server.listen),
            (&args.listen_tls, &mut config.server.listen_tls),
            (&args.listen_quic, &mut config.server.listen_quic),
            (&args.listen_https, &mut config.server.listen_https),
        ] {
            if !flags.is_empty() {
                *place = flags.iter().map(|flag| flag.0).collect();
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
        // Those of the file alone have been looked at, with their places.
        let listeners = addresses::listeners(&config.server, &config.http);
        let clashes = addresses::clashes(&listeners).into_iter();
        problems.extend(clashes.map(|(_, words)| Problem::outside(words)));
        refuse_twice(&config.zones, &mut problems);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems(problems))
        }
    }
}

/// A file as far as it could be read.
pub(crate) struct Examined {
    /// What it asks for, without what does not fit; none where not even that can be told.
    pub(crate) config: Option<Config>,
    /// By place.
    pub(crate) problems: Vec<Problem>,
    /// Where the file of each plugin of `config` is named.
    pub(crate) plugin_places: Vec<Range<usize>>,
    /// Settings of plugins, with their places.
    pub(crate) settings: Vec<SettingsGiven>,
}

/// A table with settings for a plugin.
pub(crate) struct SettingsGiven {
    /// For which plugin.
    pub(crate) of: SettingsOf,
    /// Of the table.
    pub(crate) place: Range<usize>,
}

/// Whose settings they are.
pub(crate) enum SettingsOf {
    /// Of the plugin with this number in the configuration.
    Plugin(usize),
    /// Of a zone, for a plugin by name.
    Zone(Name, String),
}

impl Examined {
    /// Looks at a text; `path` is for messages and for relative paths.
    pub(crate) fn of(path: &Path, text: &str) -> Self {
        let read = schema::read(path, text);
        let mut reading = Reading {
            path,
            text,
            base: path.parent().unwrap_or_else(|| Path::new("")).to_owned(),
            problems: read.problems,
            taken: read.taken,
            plugin_places: Vec::new(),
            settings: Vec::new(),
        };
        let config = read.spec.map(|spec| reading.config(spec));
        let mut problems = reading.problems;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Self {
            config,
            problems,
            plugin_places: reading.plugin_places,
            settings: reading.settings,
        }
    }
}

/// One file on its way to a [`Config`].
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    base: PathBuf,
    problems: Vec<Problem>,
    /// What is left out, because it was a problem by itself.
    taken: Vec<Taken>,
    plugin_places: Vec<Range<usize>>,
    settings: Vec<SettingsGiven>,
}

impl Reading<'_> {
    fn config(&mut self, spec: Spec) -> Config {
        let mut config = Config::default();
        match spec.version {
            Some(version) if version.get_ref() != VERSION => {
                let wrong = version.get_ref();
                self.problem(
                    version.span(),
                    format!("version `{wrong}` is not known; this program reads `{VERSION}`"),
                );
            }
            Some(_) => {}
            None if self
                .taken
                .iter()
                .any(|out| nearest(&out.under, &["version"]).is_some()) => {}
            None => self.problem(
                0..0,
                format!("the version is missing: begin the file with version = \"{VERSION}\""),
            ),
        }
        if let Some(listen) = &spec.server.listen
            && listen.get_ref().is_empty()
            && !self.is_incomplete(&listen.span())
        {
            self.problem(
                listen.span(),
                "no address to listen on; leave the key out for the default",
            );
        }
        let listen = spec.server.listen.map(Spanned::into_inner);
        let mut listeners = Vec::new();
        for (key, list, place) in [
            (addresses::LISTEN, listen, &mut config.server.listen),
            (
                addresses::LISTEN_TLS,
                Some(spec.server.listen_tls),
                &mut config.server.listen_tls,
            ),
            (
                addresses::LISTEN_QUIC,
                Some(spec.server.listen_quic),
                &mut config.server.listen_quic,
            ),
            (
                addresses::LISTEN_HTTPS,
                Some(spec.server.listen_https),
                &mut config.server.listen_https,
            ),
        ] {
            if let Some(list) = list {
                *place = list.iter().map(|each| each.get_ref().0).collect();
                listeners.extend(list.into_iter().map(|each| Listener {
                    key,
                    address: each.get_ref().0,
                    place: Some(each.span()),
                }));
            }
        }
        if let Some(http) = spec.http.listen {
            config.http.listen = *http.get_ref();
            listeners.extend(http.get_ref().0.map(|address| Listener {
                key: addresses::HTTP,
                address,
                place: Some(http.span()),
            }));
        }
        for (place, words) in addresses::clashes(&listeners) {
            self.problem(place.unwrap_or_default(), words);
        }
        if let Some(threads) = spec.server.threads {
            if let Err(e) = check_threads(*threads.get_ref()) {
                self.problem(threads.span(), e);
            }
            config.server.threads = threads.into_inner();
        }
        config.certificate = spec.tls.map(|tls| CertificateFiles {
            certificate: self.resolve(&tls.certificate.0),
            key: self.resolve(&tls.key.0),
        });
        let data = spec
            .server
            .data
            .map_or_else(|| DATA_DIR_DEFAULT.into(), |data| data.0);
        config.server.data = Some(self.resolve(&data));
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
        self.nodes(spec.nodes, &mut config);
        let accounts = self.accounts(spec.accounts);
        let mut first = Firsts::default();
        for zone in spec.zones {
            first.refuse_second(self, &zone.get_ref().name, |name| {
                format!("zone `{}`", name.0.to_lowercase())
            });
            let has_all = !self.is_incomplete(&zone.span());
            let zone = self.zone(
                zone.into_inner(),
                &accounts,
                has_all,
                !config.nodes.is_empty(),
            );
            config.zones.extend(zone);
        }
        let mut first = Firsts::default();
        for plugin in spec.plugins {
            first.refuse_second(self, &plugin.file, |file| {
                format!("plugin {}", file.0.display())
            });
            let file = self.resolve(&plugin.file.get_ref().0);
            if let Err(e) = bailiwick_zone::file::must_be_regular(&file) {
                let words = match e.kind() {
                    std::io::ErrorKind::NotFound => format!("there is no file {}", file.display()),
                    _ => format!("{}: {e}", file.display()),
                };
                self.problem(plugin.file.span(), words);
            }
            self.plugin_places.push(plugin.file.span());
            let settings = plugin.settings.map_or_else(
                || serde_json::Value::Object(serde_json::Map::new()),
                |table| self.settings(SettingsOf::Plugin(config.plugins.len()), &table),
            );
            config.plugins.push(PluginConfig {
                file,
                class: plugin.class,
                on_failure: plugin.on_failure,
                settings,
            });
        }
        config
    }

    fn nodes(&mut self, specs: Vec<NodeSpec>, config: &mut Config) {
        let mut first = Firsts::default();
        let mut first_address = Firsts::default();
        for node in specs {
            first.refuse_second(self, &node.name, |name| {
                format!("node `{}`", name.0.to_lowercase())
            });
            if node.addresses.get_ref().is_empty() && !self.is_incomplete(&node.addresses.span()) {
                self.problem(node.addresses.span(), "a node needs at least one address");
            }
            for address in node.addresses.get_ref() {
                first_address.refuse_second(self, address, |ip| format!("the address {}", ip.0));
            }
            let addresses = node.addresses.into_inner().into_iter();
            config.nodes.push(NodeConfig {
                name: node.name.into_inner().0,
                addresses: addresses.map(|address| address.into_inner().0).collect(),
            });
        }
    }

    fn accounts(&mut self, specs: Vec<AccountSpec>) -> BTreeMap<String, AccountConfig> {
        let mut accounts = BTreeMap::new();
        let mut first = Firsts::default();
        for spec in specs {
            first.refuse_second(self, &spec.name, |name| format!("account `{}`", name.0));
            let name = spec.name.into_inner().0;
            let account = AccountConfig {
                name: name.clone(),
                plan: spec
                    .plan
                    .map_or_else(|| "default".to_owned(), |plan| plan.0),
                queries_a_month: spec.queries_a_month,
            };
            accounts.entry(name).or_insert(account);
        }
        accounts
    }

    fn zone(
        &mut self,
        spec: ZoneSpec,
        accounts: &BTreeMap<String, AccountConfig>,
        has_all: bool,
        has_nodes: bool,
    ) -> Option<ZoneConfig> {
        let account = spec.account.and_then(|wanted| {
            let found = accounts.get(wanted.get_ref()).cloned();
            // An account that could not be read may be the one that is meant.
            if found.is_none() && !self.is_incomplete_at("account") {
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
        let name = &spec.name.get_ref().0;
        let settings = spec.settings.iter().map(|(plugin, table)| {
            let of = SettingsOf::Zone(name.clone(), plugin.clone());
            (plugin.clone(), self.settings(of, table))
        });
        let settings = settings.collect();
        let span = spec.name.span();
        let mut first = Firsts::default();
        for name in &spec.brand {
            first.refuse_second(self, name, |name| format!("`{}`", name.0.to_lowercase()));
        }
        if let Some(name) = spec.brand.first()
            && !has_nodes
            && !self.is_incomplete_at("node")
        {
            let words = "a brand's names stand for the name servers of [[node]], and there is none";
            self.problem(name.span(), words);
        }
        let source = match (spec.file, spec.primaries) {
            (Some(file), None) => ZoneSource::File(self.resolve(&file.0)),
            (None, Some(primaries)) => {
                if primaries.get_ref().is_empty() && !self.is_incomplete(&primaries.span()) {
                    self.problem(primaries.span(), "the list of primaries is empty");
                }
                let mut first = Firsts::default();
                for primary in primaries.get_ref() {
                    first.refuse_second(self, primary, |primary| {
                        format!("the primary {}", primary.0)
                    });
                }
                let primaries = primaries.into_inner().into_iter();
                ZoneSource::Primaries(primaries.map(|p| p.into_inner().0).collect())
            }
            (None, None) if !has_all => return None,
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
            brand: spec
                .brand
                .into_iter()
                .map(|name| name.into_inner().0)
                .collect(),
            signing: spec.signing,
            settings,
        })
    }

    fn settings(&mut self, of: SettingsOf, table: &Spanned<toml::Table>) -> serde_json::Value {
        let place = table.span();
        self.settings.push(SettingsGiven { of, place });
        let value = serde_json::to_value(table.get_ref());
        value.expect("a TOML table has string keys and finite depth")
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// Whether something of the table or array at this place was a problem by itself.
    fn is_incomplete(&self, place: &Range<usize>) -> bool {
        self.taken.iter().any(|out| out.place == *place)
    }

    /// Whether something under this key of the file was a problem by itself.
    fn is_incomplete_at(&self, under: &str) -> bool {
        self.taken.iter().any(|out| out.under == under)
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.problems
            .push(Problem::at(self.path, self.text, span, message));
    }
}

/// Where names, files or addresses were given first.
#[derive(Default)]
struct Firsts(HashMap<String, usize>);

impl Firsts {
    /// Notes a value by its `words`; if they were there before it is a problem.
    fn refuse_second<T>(
        &mut self,
        reading: &mut Reading<'_>,
        value: &Spanned<T>,
        words: impl FnOnce(&T) -> String,
    ) {
        let (words, place) = (words(value.get_ref()), value.span());
        match self.0.entry(words) {
            Entry::Vacant(free) => {
                free.insert(place.start);
            }
            Entry::Occupied(first) => {
                let before = reading.text.get(..*first.get()).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let words = format!("{} is given twice; first on line {line}", first.key());
                reading.problem(place, words);
            }
        }
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

/// The text of a configuration or of a list of zones.
pub(crate) fn text_of(path: &Path) -> Result<String, Problems> {
    bailiwick_zone::file::read_text(path, TEXT_SIZE_MAX).map_err(|e| {
        let words = format!("{}: {e}", path.display());
        Problems(vec![Problem::outside(words)])
    })
}

/// Some million zones.
const TEXT_SIZE_MAX: u64 = 1 << 28;

const VERSION: &str = "v1";
/// Each thread has sockets and counters of its own; no machine has more cores than this.
const THREADS_MAX: usize = 1024;
