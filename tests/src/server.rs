//! The program under test, started as an operator starts it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::client::{self, Client};
use crate::http;
use crate::place;
use crate::process::{self, Output, Process, wait_until};

/// How a server is to be started; [`TestServer::options`] begins one.
pub struct Options {
    threads: u32,
    zones: Vec<(String, PathBuf)>,
    secondaries: Vec<(String, SocketAddr)>,
    plugins: Vec<PathBuf>,
    allow_transfer: Vec<String>,
    http: bool,
    wait: Vec<String>,
    data: Option<Arc<TempDir>>,
    port: Option<u16>,
    config: Option<String>,
    extra: Vec<String>,
}

impl Options {
    /// UDP workers.
    #[must_use]
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// A zone hosted from a file; the start waits until it is answered for.
    #[must_use]
    pub fn zone(mut self, name: &str, file: &Path) -> Self {
        self.zones.push((name.to_owned(), file.to_owned()));
        self.wait.push(name.to_owned());
        self
    }

    /// A zone hosted from a file that may not come up.
    #[must_use]
    pub fn zone_unawaited(mut self, name: &str, file: &Path) -> Self {
        self.zones.push((name.to_owned(), file.to_owned()));
        self
    }

    /// A zone transferred in; the start waits until it is answered for.
    #[must_use]
    pub fn secondary(mut self, name: &str, primary: SocketAddr) -> Self {
        self.secondaries.push((name.to_owned(), primary));
        self.wait.push(name.to_owned());
        self
    }

    /// A zone transferred in that may not come up.
    #[must_use]
    pub fn secondary_unawaited(mut self, name: &str, primary: SocketAddr) -> Self {
        self.secondaries.push((name.to_owned(), primary));
        self
    }

    /// A plugin to install and activate.
    #[must_use]
    pub fn plugin(mut self, file: &Path) -> Self {
        self.plugins.push(file.to_owned());
        self
    }

    /// Who may transfer zones out.
    #[must_use]
    pub fn allow_transfer(mut self, prefix: &str) -> Self {
        self.allow_transfer.push(prefix.to_owned());
        self
    }

    /// Serves the status page and the metrics too.
    #[must_use]
    pub fn http(mut self) -> Self {
        self.http = true;
        self
    }

    /// Keeps its data in a folder of the test's, which outlives the server.
    #[must_use]
    pub fn data(mut self, folder: &Arc<TempDir>) -> Self {
        self.data = Some(Arc::clone(folder));
        self
    }

    /// Answers on this port instead of any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// A configuration file beside the flags.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// A further flag or its value, as it is.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.extra.push(arg.to_owned());
        self
    }

    /// Starts the server and waits until it answers for what it was given.
    ///
    /// # Errors
    /// It does not start, or not within [`START_LIMIT`].
    pub fn start(self) -> Result<TestServer> {
        let data = match &self.data {
            Some(folder) => Arc::clone(folder),
            None => Arc::new(
                tempfile::Builder::new()
                    .prefix("bailiwick-data-")
                    .tempdir()?,
            ),
        };
        let port = self.port.unwrap_or_else(place::free_port);
        let http = self.http.then(place::free_port);
        let args = self.arguments(data.path(), port, http)?;
        let process = Process::start("bailiwick", &place::bailiwick()?, &args, data.path())?;
        let mut server = TestServer {
            port,
            http,
            process,
            data,
        };
        server.wait_for(&self.wait)?;
        Ok(server)
    }

    fn arguments(&self, data: &Path, port: u16, http: Option<u16>) -> Result<Vec<String>> {
        let mut args: Vec<String> = vec!["serve".to_owned()];
        let mut flag = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        if let Some(config) = &self.config {
            let path = data.join("bailiwick.toml");
            fs::write(&path, config)?;
            flag("config", path.display().to_string());
        }
        flag("data", data.display().to_string());
        flag("listen", format!("127.0.0.1:{port}"));
        flag("listen", format!("[::1]:{port}"));
        flag("threads", self.threads.to_string());
        flag(
            "http",
            http.map_or_else(|| "off".to_owned(), |http| format!("127.0.0.1:{http}")),
        );
        for (name, file) in &self.zones {
            flag("zone", format!("{name}={}", file.display()));
        }
        for (name, primary) in &self.secondaries {
            flag("secondary", format!("{name}={primary}"));
        }
        for prefix in &self.allow_transfer {
            flag("allow-transfer", prefix.clone());
        }
        for plugin in &self.plugins {
            flag("plugin", plugin.display().to_string());
        }
        args.extend(self.extra.iter().cloned());
        Ok(args)
    }
}

/// A running server. Dropping it ends it.
pub struct TestServer {
    port: u16,
    http: Option<u16>,
    process: Process,
    data: Arc<TempDir>,
}

impl TestServer {
    /// A server with nothing in it yet: two workers, its own data folder, no status page.
    pub fn options() -> Options {
        Options {
            threads: 2,
            zones: Vec::new(),
            secondaries: Vec::new(),
            plugins: Vec::new(),
            allow_transfer: Vec::new(),
            http: false,
            wait: Vec::new(),
            data: None,
            port: None,
            config: None,
            extra: Vec::new(),
        }
    }

    /// Where it answers, over IPv4.
    pub fn v4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where it answers, over IPv6.
    pub fn v6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.port).into()
    }

    /// The port it answers on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A client of it whose answers hickory-proto reads too.
    ///
    /// # Errors
    /// No socket.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(self.v4())?.strict())
    }

    /// A client that asks from another loopback address.
    ///
    /// # Errors
    /// No socket.
    pub fn client_from(&self, source: Ipv4Addr) -> Result<Client> {
        Ok(Client::from(IpAddr::V4(source), self.v4())?.strict())
    }

    /// Where the status page is.
    ///
    /// # Panics
    /// It was started without.
    pub fn http(&self) -> SocketAddr {
        (
            Ipv4Addr::LOCALHOST,
            self.http.expect("started with `http()`"),
        )
            .into()
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// It is not served.
    pub fn metrics(&self) -> Result<String> {
        http::get(self.http(), "/metrics")
    }

    /// `/status.json`.
    ///
    /// # Errors
    /// It is not served, or is no JSON.
    pub fn status(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&http::get(self.http(), "/status.json")?).context("status.json")
    }

    /// Its data folder.
    pub fn data(&self) -> &Arc<TempDir> {
        &self.data
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Errors
    /// It did not stop by itself.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.process.stop(Duration::from_secs(10))
    }

    /// Runs `bailiwick <args>` against this server's control socket.
    ///
    /// # Errors
    /// It could not be run.
    pub fn command(&self, args: &[&str]) -> Result<Output> {
        let data = self.data.path().display().to_string();
        let mut all = args.to_vec();
        all.extend(["--data", &data]);
        bailiwick(&all)
    }

    /// The same, which must succeed; gives standard output.
    ///
    /// # Errors
    /// It failed; with what it said.
    pub fn must(&self, args: &[&str]) -> Result<String> {
        let output = self.command(args)?;
        ensure!(
            output.code() == 0,
            "bailiwick {args:?}: {}{}",
            output.stdout,
            output.stderr
        );
        Ok(output.stdout)
    }

    /// Waits until every one of `zones` is answered for.
    ///
    /// # Errors
    /// The server ended, or a zone did not come up in time.
    pub fn wait_for(&mut self, zones: &[String]) -> Result<()> {
        let (at, process) = (self.v4(), &mut self.process);
        // Any answer at all shows that the port is open, when there is no zone to ask for.
        let all: Vec<&str> = if zones.is_empty() {
            vec!["."]
        } else {
            zones.iter().map(String::as_str).collect()
        };
        let end = Instant::now() + START_LIMIT;
        for zone in all {
            loop {
                if let Some(status) = process.ended() {
                    anyhow::bail!(
                        "bailiwick ended at once ({status}):\n{}",
                        process.log_tail()
                    );
                }
                let answered = if zones.is_empty() {
                    let question = crate::wire::Question::new(zone, crate::wire::SOA);
                    Client::new(at)?
                        .udp_once(&question, Duration::from_millis(200))?
                        .is_some()
                } else {
                    client::serial(at, zone).is_some()
                };
                if answered {
                    break;
                }
                ensure!(
                    Instant::now() < end,
                    "no answer for {zone} within {START_LIMIT:?}:\n{}",
                    process.log_tail()
                );
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// Waits until a plugin is active: answers do not wait for plugins, so a server that answers may
    /// still be loading them. Gives the row of `plugin list`.
    ///
    /// # Panics
    /// Not within `limit`.
    pub fn wait_plugin(&self, name: &str, limit: Duration) -> serde_json::Value {
        let find = || {
            let list = self.must(&["plugin", "list", "--json"]).ok()?;
            let list: serde_json::Value = serde_json::from_str(&list).ok()?;
            let mut rows = list["data"].as_array()?.iter();
            rows.find(|row| row["name"] == name && row["active"] == true)
                .cloned()
        };
        wait_until(&format!("plugin {name} is active"), limit, find).0
    }

    /// Waits until the zone is answered with this serial, and says how long that took.
    ///
    /// # Panics
    /// Not within `limit`.
    pub fn wait_serial(&self, zone: &str, serial: u32, limit: Duration) -> Duration {
        wait_until(&format!("serial {serial} of {zone}"), limit, || {
            (client::serial(self.v4(), zone) == Some(serial)).then_some(())
        })
        .1
    }
}

/// Runs the program to its end, as a user does.
///
/// # Errors
/// It could not be started or did not end within a minute.
pub fn bailiwick(args: &[&str]) -> Result<Output> {
    process::run(&place::bailiwick()?, args, None, Duration::from_secs(60))
}

/// How long a start may take before the test fails.
pub const START_LIMIT: Duration = Duration::from_secs(60);
