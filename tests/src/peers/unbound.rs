//! Unbound as a validating resolver that knows one authority for everything.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::client::Client;
use crate::place;
use crate::process::{Process, run, wait_until};
use crate::wire::{Question, SOA};

/// The program and its Debian package.
pub const PROGRAM: (&str, &str) = ("unbound", "unbound");

/// A running resolver. Dropping it ends it.
pub struct Unbound {
    port: u16,
    process: Process,
    folder: TempDir,
}

impl Unbound {
    /// Starts a resolver that asks `authority` about everything, trusts `anchors` (DNSKEY or DS
    /// records as text) and believes that it is `date` (`YYYYMMDDHHMMSS`).
    ///
    /// # Errors
    /// It is missing or does not start.
    pub fn start(authority: SocketAddr, anchors: &str, date: &str) -> Result<Self> {
        Self::start_with(authority, &[], anchors, date, "")
    }

    /// The same where the authority has these zones and not the root, with further lines for the `server:`
    /// clause. The date `0` is the real one.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        authority: SocketAddr,
        zones: &[&str],
        anchors: &str,
        date: &str,
        lines: &str,
    ) -> Result<Self> {
        let program = place::program(PROGRAM.0, PROGRAM.1)?;
        let folder = tempfile::Builder::new()
            .prefix("bailiwick-unbound-")
            .tempdir()?;
        let (port, path) = (place::free_port(), folder.path().display());
        fs::write(folder.path().join("anchors"), anchors)?;
        let (ip, at) = (authority.ip(), authority.port());
        let stubs: String = zones
            .iter()
            // Whatever else: nobody outside is ever asked.
            .chain(&["."])
            .map(|zone| {
                format!("stub-zone:\n name: \"{zone}\"\n stub-addr: {ip}@{at}\n stub-prime: no\n")
            })
            .collect();
        fs::write(
            folder.path().join("unbound.conf"),
            format!(
                r#"server:
 interface: 127.0.0.1@{port}
 access-control: 127.0.0.0/8 allow
 do-not-query-localhost: no
 num-threads: 1
 username: ""
 chroot: ""
 directory: "{path}"
 pidfile: "{path}/unbound.pid"
 use-syslog: no
 logfile: ""
 verbosity: 1
 val-log-level: 2
 do-ip6: yes
 module-config: "validator iterator"
 trust-anchor-file: "{path}/anchors"
 val-override-date: "{date}"
 qname-minimisation: no
 target-fetch-policy: "0 0 0 0 0"
 extended-statistics: yes
{lines}
remote-control:
 control-enable: yes
 control-interface: "{path}/control"
 control-use-cert: no
{stubs}"#
            ),
        )?;
        let process = Process::start(
            "unbound",
            &program,
            ["-d", "-c", "unbound.conf"],
            folder.path(),
        )?;
        let mut resolver = Self {
            port,
            process,
            folder,
        };
        let mut client = resolver.client()?;
        let process = &mut resolver.process;
        wait_until("Unbound answers", Duration::from_secs(20), || {
            assert!(
                process.ended().is_none(),
                "Unbound ended at once:\n{}",
                process.log_tail()
            );
            let question = Question {
                recursion: true,
                ..Question::new(".", SOA)
            };
            client
                .udp_once(&question, Duration::from_millis(500))
                .ok()?
        });
        Ok(resolver)
    }

    /// A client of it.
    ///
    /// # Errors
    /// No socket.
    pub fn client(&self) -> Result<Client> {
        Client::new((Ipv4Addr::LOCALHOST, self.port).into())
    }

    /// Where it answers.
    pub fn at(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// One of its counters, such as `num.answer.bogus`, without setting it back.
    ///
    /// # Errors
    /// It does not answer, or has no such counter.
    pub fn counter(&self, name: &str) -> Result<u64> {
        let config = self.folder.path().join("unbound.conf");
        let program = place::program("unbound-control", PROGRAM.1)?;
        let args = ["-c", &config.display().to_string(), "stats_noreset"];
        let output = run(&program, args, None, Duration::from_secs(10))?;
        let value = output
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let shown = || format!("{name} among {}{}", output.stdout, output.stderr);
        value
            .and_then(|value| value.parse().ok())
            .with_context(shown)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
