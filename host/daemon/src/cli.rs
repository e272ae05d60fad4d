//! The command line, as clap reads it. What each command does is in `commands` and `serve`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::config::{HttpListen, ListenAddr, LogFormat, ZoneFlag, ZoneName, ZonePrimaryFlag};

/// Managed DNS whose business rules are WebAssembly components.
#[derive(Debug, Parser)]
#[command(
    name = "bailiwick",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done · 1 refused or failed, with the reason on stderr (with --json as `error` of an object on stdout) · 2 bad command line · \
                  3 no server answers on the control socket.\n\n\
                  Try it: bailiwick serve --listen 127.0.0.1:5300 --http 127.0.0.1:8080 --zone example.org=./example.org.zone"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Everything the binary can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer queries, follow primaries, run the policy plugins
    Serve(Box<ServeArgs>),
    /// Read a configuration file and name everything wrong with it
    CheckConfig(CheckConfigArgs),
    /// Check a master file, or ask one a question without a server
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// Look at components off-line, or manage those of a running server
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Show what a running server is doing
    Status(RemoteArgs),
    /// Ask a running server to read its configuration again (as SIGHUP does) and say what came of it
    Reload(RemoteArgs),
    /// Compile one component in a process of its own, so that a hostile one can only hurt itself
    #[command(name = PLUGIN_COMPILE, hide = true)]
    PluginCompile {
        /// As `plugin` passes them.
        arguments: Vec<std::ffi::OsString>,
    },
}

impl Command {
    /// Whether the outcome, a failure too, is for a program to read.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Serve(_) | Self::PluginCompile { .. } => false,
            Self::CheckConfig(args) => args.json,
            Self::Zone(ZoneCommand::Check { json, .. }) => *json,
            Self::Zone(ZoneCommand::Answer(args)) => args.json,
            Self::Plugin(PluginCommand::Check(args) | PluginCommand::Inspect(args)) => args.json,
            Self::Plugin(PluginCommand::Run(args)) => args.component.json,
            Self::Plugin(
                PluginCommand::Install { remote, .. }
                | PluginCommand::List(remote)
                | PluginCommand::Activate { remote, .. }
                | PluginCommand::Rollback { remote, .. },
            )
            | Self::Status(remote)
            | Self::Reload(remote) => remote.json,
        }
    }
}

/// The name under which the server calls itself to compile a component.
pub(crate) const PLUGIN_COMPILE: &str = "plugin-compile";

/// `serve`: flags stand above the file, the file above the defaults.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Signals: SIGHUP reads the configuration and the zone files again; a bad configuration is kept out and named in the log, \
on the status page and in the metrics. SIGTERM and SIGINT stop after the answers under way are sent.\n\n\
Nothing listens anywhere but where --listen and --http (or the file) say; without either, DNS is answered on \
127.0.0.1:5300 and [::1]:5300 and there is no status page.")]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML, version = "v1"); `bailiwick check-config` checks it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where state is kept: snapshots, store, plugins, control socket. Without it (and without a file
    /// that names one): a temporary directory, removed at the end
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Addresses to answer DNS on, UDP and TCP
    #[arg(long, value_name = "ADDR:PORT", num_args = 1..)]
    pub(crate) listen: Vec<ListenAddr>,
    /// Addresses to answer DNS over TLS on (port 853 by custom)
    #[arg(long, value_name = "ADDR:PORT", num_args = 1..)]
    pub(crate) listen_tls: Vec<ListenAddr>,
    /// Addresses to answer DNS over QUIC on (port 853 by custom)
    #[arg(long, value_name = "ADDR:PORT", num_args = 1..)]
    pub(crate) listen_quic: Vec<ListenAddr>,
    /// Addresses to answer DNS over HTTPS on, HTTP/2 and HTTP/3 (port 443 by custom)
    #[arg(long, value_name = "ADDR:PORT", num_args = 1..)]
    pub(crate) listen_https: Vec<ListenAddr>,
    /// Certificate for them, with those that lead to its authority (PEM); without it one is made that
    /// proves nothing. Read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Worker threads; 0 is one for each core
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Where the status page and the metrics are, or `off`
    #[arg(long, value_name = "ADDR:PORT|off")]
    pub(crate) http: Option<HttpListen>,
    /// A zone hosted here, from a master file
    #[arg(long, value_name = "NAME=FILE", num_args = 1..)]
    pub(crate) zone: Vec<ZoneFlag>,
    /// A file of "origin file" lines, one hosted zone each; paths are relative to that file
    #[arg(long, value_name = "LISTFILE", num_args = 1..)]
    pub(crate) zones: Vec<PathBuf>,
    /// A zone followed from its primary; several addresses are separated by commas
    #[arg(long, value_name = "NAME=ADDR:PORT", num_args = 1..)]
    pub(crate) secondary: Vec<ZonePrimaryFlag>,
    /// Who may transfer zones out; nobody by default
    #[arg(long, value_name = "PREFIX", num_args = 1..)]
    pub(crate) allow_transfer: Vec<IpNet>,
    /// Plugin components to install and activate at start
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) plugin: Vec<PathBuf>,
    /// Least severe log lines shown: error, warn, info, debug, trace, or a filter such as `info,bailiwick_authority=debug`
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// How log lines look on stderr
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// `check-config`.
#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// The file to check
    pub(crate) file: PathBuf,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with a zone and no server.
#[derive(Debug, Subcommand)]
pub(crate) enum ZoneCommand {
    /// Name every problem of a master file with line, column and reason; exit 1 when it cannot be served
    Check {
        /// Origin for relative names, and the apex; otherwise taken from the file
        #[arg(long, value_name = "NAME")]
        origin: Option<ZoneName>,
        /// The master file
        file: PathBuf,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Answer one question from a master file, through the code that serves
    #[command(after_help = "\
With --batch: JSON lines in, {\"id\",\"zone\",\"name\",\"type\",\"dnssec\"?} where \"zone\" is master-file text whose first owner\n\
is the apex; JSON lines out in the same order, {\"id\",\"rcode\",\"aa\",\"answer\",\"authority\",\"additional\"} with records as\n\
\"owner TTL IN TYPE rdata\", or {\"id\",\"error\"} when the zone is refused.")]
    Answer(ZoneAnswerArgs),
}

/// `zone answer`.
#[derive(Debug, Args)]
pub(crate) struct ZoneAnswerArgs {
    /// The master file
    #[arg(required_unless_present = "batch")]
    pub(crate) file: Option<PathBuf>,
    /// The name asked for
    #[arg(required_unless_present = "batch")]
    pub(crate) name: Option<ZoneName>,
    /// The type asked for
    #[arg(value_name = "TYPE", required_unless_present = "batch")]
    pub(crate) rtype: Option<String>,
    /// Set the DO bit: signatures and proofs of a signed zone come along
    #[arg(long)]
    pub(crate) dnssec: bool,
    /// Read questions as JSON lines from stdin
    #[arg(long, conflicts_with_all = ["file", "name", "rtype"])]
    pub(crate) batch: bool,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with components.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Off-line: everything an installation would check, each finding named; exit 1 when it would be refused
    Check(PluginFileArgs),
    /// Off-line: what a component is, imports, exports and declares, and the limits it would live under
    Inspect(PluginFileArgs),
    /// Off-line: call one function of a component with JSON input and print its JSON output
    Run(PluginRunArgs),
    /// Running server: store a component, checked and compiled, without using it yet
    Install {
        /// The component
        file: PathBuf,
        /// Use it at once
        #[arg(long)]
        activate: bool,
        /// Limits it may live under
        #[arg(long, value_name = "CLASS", default_value = "default")]
        class: LimitClassArg,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Running server: the plugins, their versions, faults and limits
    List(RemoteArgs),
    /// Running server: use an installed version (by version, or by the beginning of its sha256)
    Activate {
        /// The plugin's name
        name: String,
        /// Version or the first digits of the sha256; without it: the version installed last
        version: Option<String>,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Running server: go back to the version that was active before
    Rollback {
        /// The plugin's name
        name: String,
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

/// A component on disk.
#[derive(Debug, Args)]
pub(crate) struct PluginFileArgs {
    /// The component
    pub(crate) file: PathBuf,
    /// Settings as a JSON file; otherwise those the component's own defaults give
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Limits to check against
    #[arg(long, value_name = "CLASS", default_value = "default")]
    pub(crate) class: LimitClassArg,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `plugin run`.
#[derive(Debug, Args)]
pub(crate) struct PluginRunArgs {
    #[command(flatten)]
    pub(crate) component: PluginFileArgs,
    /// The interface, to be sure: quota, abuse, brand-ns or dnssec-policy
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// The function: grant, rate, admit, inspect, check, plan-zone, policy-for or next-steps
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) call: String,
    /// Its argument as a JSON file; `-` is stdin
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
}

/// How a running server is found.
#[derive(Clone, Debug, Args)]
pub(crate) struct RemoteArgs {
    /// The server's data directory; its control socket is DIR/control.sock
    #[arg(long, value_name = "DIR", default_value = crate::config::DATA_DIR_DEFAULT)]
    pub(crate) data: PathBuf,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// The limit classes an operator can grant.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LimitClassArg {
    /// 2 MiB component, 16 MiB memory, 10 s to compile
    #[default]
    Default,
    /// 32 MiB component, 64 MiB memory, 120 s to compile
    Large,
}
