//! The Debian packages that tests compare against, installed without starting any service.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::step::{has_program, tool};

/// A program that tests start, and the package that brings it.
const NEEDED: [(&str, &str); 12] = [
    ("nsd", "nsd"),
    ("knotd", "knot"),
    ("named", "bind9"),
    ("named-checkzone", "bind9-utils"),
    ("dig", "bind9-dnsutils"),
    ("ldns-verify-zone", "ldnsutils"),
    ("kdig", "knot-dnsutils"),
    ("dnsperf", "dnsperf"),
    ("unbound", "unbound"),
    ("unbound-host", "unbound-host"),
    ("gzip", "gzip"),
    ("curl", "curl"),
];

/// Installs what is missing when root; otherwise says which line would, and fails unless missing
/// peers are allowed.
pub(crate) fn install(allow_missing: bool) -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        println!(
            "all there: {}",
            NEEDED.map(|(program, _)| program).join(" ")
        );
        return Ok(());
    }
    if !has_program("apt-get") {
        println!("missing, and this is no Debian: {}", missing.join(" "));
    } else if !is_root() {
        println!(
            "missing; install them with:\n    sudo apt-get install --no-install-recommends {}",
            missing.join(" ")
        );
        println!("(their services need not run; the tests start their own)");
    } else {
        return apt_install(&missing);
    }
    if allow_missing {
        println!("going on without: tests that need them say \"skipped\"");
        return Ok(());
    }
    bail!("name servers to compare with are missing; install them or give --allow-missing")
}

fn missing() -> Vec<&'static str> {
    let missing = NEEDED.iter().filter(|(program, _)| !has_program(program));
    missing.map(|&(_, package)| package).collect()
}

fn apt_install(packages: &[&str]) -> anyhow::Result<()> {
    println!("installing {} (one minute or two)", packages.join(" "));
    let _kept_from_starting = ServicesHeld::new()?;
    // The lists may be old or absent on a fresh machine; a failed update shows in the install.
    let _ = apt(&["update", "-q"]);
    let mut args = vec!["install", "-q", "-y", "--no-install-recommends"];
    args.extend(packages);
    apt(&args)?;
    match missing() {
        left if left.is_empty() => Ok(()),
        left => bail!("installed, but still not found: {}", left.join(" ")),
    }
}

fn apt(args: &[&str]) -> anyhow::Result<()> {
    tool(
        Command::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn is_root() -> bool {
    // /proc/self belongs to whoever runs us.
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

/// While this lives, package scripts do not start services: Debian asks `policy-rc.d` first.
struct ServicesHeld {
    ours: bool,
}

impl ServicesHeld {
    fn new() -> anyhow::Result<Self> {
        let policy = Path::new(POLICY);
        if policy.exists() {
            return Ok(Self { ours: false });
        }
        fs::write(policy, "#!/bin/sh\nexit 101\n").context("cannot write /usr/sbin/policy-rc.d")?;
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        Ok(Self { ours: true })
    }
}

impl Drop for ServicesHeld {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

const POLICY: &str = "/usr/sbin/policy-rc.d";
