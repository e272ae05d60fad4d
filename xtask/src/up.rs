//! `cargo xtask up`: from a fresh clone to a server that answers, with ten things to try.
//!
//! The process becomes the server (so Ctrl-C and SIGTERM reach it directly); a small child waits
//! until it is ready, prints the greeting and ends. Needs no WebAssembly compiler: the shipped
//! components lie prebuilt in `plugins/prebuilt`.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::machine;
use crate::step::{cargo, has_program, root, step, tool};

/// Builds, checks, starts; returns only when something is wrong.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let wanted = Wanted::parse(args)?;
    machine::need_c_compiler()?;
    // Asked before the build, which may replace the file that we were started from.
    let us = std::env::current_exe()?;
    let listen = wanted.addresses()?;
    let built = step(
        "building (the first time about ten minutes on two cores, most of it the WebAssembly compiler; then seconds)",
        || {
            tool(&mut cargo(&[
                "build",
                "--release",
                "--workspace",
                "--exclude",
                "xtask",
                "--bins",
            ]))?;
            server_binary(&us)
        },
    )?;
    let config = prepare(&wanted.data)?;
    println!(
        "\n== starting {} serve --config {}",
        shown(&built),
        shown(&config)
    );

    let http = wanted.http().to_string();
    Command::new(&us)
        .args([
            GREET,
            &http,
            &wanted.port.to_string(),
            &wanted.data.to_string_lossy(),
            &built.to_string_lossy(),
        ])
        .spawn()
        .context("cannot start the greeter")?;
    let mut server = Command::new(&built);
    server
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .arg("--data")
        .arg(&wanted.data);
    server
        .arg("--http")
        .arg(&http)
        .arg("--listen")
        .args(listen.iter().map(ToString::to_string));
    Err(server.current_dir(root()).exec())
        .with_context(|| format!("cannot start {}", built.display()))
}

/// The flags.
struct Wanted {
    port: u16,
    http_port: u16,
    data: PathBuf,
}

impl Wanted {
    fn parse(args: &[&str]) -> anyhow::Result<Self> {
        let mut wanted = Self {
            port: 5300,
            http_port: 8080,
            data: root().join("var/up"),
        };
        for pair in args.chunks(2) {
            match *pair {
                ["--port", n] => wanted.port = n.parse().context("--port takes a number")?,
                ["--http-port", n] => {
                    wanted.http_port = n.parse().context("--http-port takes a number")?
                }
                ["--data", dir] => wanted.data = std::path::absolute(dir)?,
                _ => bail!("`cargo xtask up` takes --port N, --http-port N and --data DIR"),
            }
        }
        Ok(wanted)
    }

    fn http(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.http_port))
    }

    /// Where DNS will be answered; every port is tried first, to explain what is in the way.
    fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let mut ips = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
        if machine::has_ipv6_loopback() {
            ips.push(Ipv6Addr::LOCALHOST.into());
        } else {
            println!(
                "note: this machine has no ::1, so only IPv4 is served. To have it: sysctl -w net.ipv6.conf.lo.disable_ipv6=0"
            );
        }
        for ip in &ips {
            machine::need_dns_port(*ip, self.port)?;
        }
        machine::need_http_port(self.http())?;
        Ok(ips
            .into_iter()
            .map(|ip| SocketAddr::new(ip, self.port))
            .collect())
    }
}

/// The configuration and the sample zone, written once; what is there is kept, edits included.
fn prepare(data: &Path) -> anyhow::Result<PathBuf> {
    let sample = root().join("packaging/sample");
    fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
    let prebuilt = root()
        .join("plugins/prebuilt")
        .to_string_lossy()
        .into_owned();
    let config = data.join("bailiwick.toml");
    for (name, to) in [
        ("up.toml", &config),
        ("example.org.zone", &data.join("example.org.zone")),
        ("example.net.zone", &data.join("example.net.zone")),
    ] {
        if to.exists() {
            println!("keeping {} (delete it to get the sample again)", shown(to));
            continue;
        }
        let text = fs::read_to_string(sample.join(name))
            .with_context(|| format!("packaging/sample/{name}"))?;
        fs::write(to, text.replace("@PREBUILT@", &prebuilt))?;
    }
    Ok(config)
}

fn server_binary(us: &Path) -> anyhow::Result<PathBuf> {
    let binary = us.with_file_name("bailiwick");
    if binary.is_file() {
        Ok(binary)
    } else {
        bail!("the build left no {}", binary.display())
    }
}

/// Waits for the server to be ready, then prints what to try. Runs as a process of its own.
pub(crate) fn greet(args: &[&str]) -> anyhow::Result<()> {
    let &[http, port, data, binary] = args else {
        bail!("this is for `up` only")
    };
    let server = parent_id();
    let start = Instant::now();
    while !is_ready(http) {
        // The server ended (and said why), or something else took its place.
        if parent_id() != server || start.elapsed() > Duration::from_secs(120) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let (data, bailiwick) = (shown(Path::new(data)), shown(Path::new(binary)));
    let seconds = start.elapsed().as_secs_f32();
    let mut text = format!(
        "\n== ready after {seconds:.1} s: http://{http} shows zones, plugins, leases and rules. Try this in another terminal:\n\n"
    );
    for line in [
        format!(
            "dig @127.0.0.1 -p {port} www.example.org AAAA +tcp +norec     # over TCP, through a CNAME"
        ),
        format!("dig @127.0.0.1 -p {port} any.name.wild.example.org TXT +norec # a wildcard"),
        format!(
            "dig @127.0.0.1 -p {port} host.shop.example.org A +norec       # a referral with glue"
        ),
        format!(
            "dig @127.0.0.1 -p {port} example.net NS +norec                # a brand, decided by a plugin"
        ),
        format!(
            "dig @127.0.0.1 -p {port} nowhere.example.org A +norec         # NXDOMAIN with the SOA"
        ),
        format!(
            "dig @127.0.0.1 -p {port} example.org AXFR                     # transfer out, allowed for loopback"
        ),
        format!("curl -s http://{http}/metrics | grep bailiwick_queries"),
        format!("{bailiwick} plugin list --data {data}"),
        format!("{bailiwick} status --data {data}"),
        format!(
            "sed -i 's/192.0.2.80/192.0.2.81/; s/2026010101/2026010102/' {data}/example.org.zone && {bailiwick} reload --data {data}"
        ),
    ] {
        text.push_str("    ");
        text.push_str(&line);
        text.push('\n');
    }
    if !has_program("dig") {
        text.push_str("\n(dig is not installed. On Debian: apt-get install bind9-dnsutils)\n");
    }
    text.push_str("\nCtrl-C stops the server; its data stays and the next start takes seconds.\n");
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn is_ready(http: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(http)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// A path as a person in the repository would type it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The hidden command of the greeter.
pub(crate) const GREET: &str = "greet-when-ready";
