//! Signing zones with BIND's tools, since the server under test holds no keys.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::place::program;
use crate::process::run;

/// The programs and their Debian package.
pub const PROGRAMS: [(&str, &str); 2] = [
    ("dnssec-keygen", "bind9-utils"),
    ("dnssec-signzone", "bind9-utils"),
];

/// NSEC (RFC 4034).
pub const NSEC: &[&str] = &[];
/// NSEC3 as RFC 9276 asks for.
pub const NSEC3: &[&str] = &["-3", "-", "-H", "0"];
/// NSEC3 with opt-out (RFC 5155 6), salt and iterations as older zones have them.
pub const OPT_OUT: &[&str] = &["-3", "AABBCCDD", "-H", "5", "-A"];

/// A zone that was signed.
pub struct Signed {
    /// Its master file, one record a line.
    pub text: String,
    /// Its key-signing key, as a DNSKEY record.
    pub anchor: String,
}

/// Signs `text`, a zone named `apex`, with one new key that signs everything. `folder` is to work in;
/// zones may share it.
///
/// # Errors
/// A program is missing or refuses the zone.
pub fn sign(folder: &Path, apex: &str, text: &str, denial: &[&str]) -> Result<Signed> {
    let at = folder.display().to_string();
    let [keygen, signzone] = PROGRAMS;
    let args = ["-q", "-K", &at, "-a", "ECDSAP256SHA256", "-f", "KSK", apex];
    let made = run(&program(keygen.0, keygen.1)?, args, None, LIMIT)?;
    ensure!(made.code() == 0, "{}", made.stderr);
    let key = folder.join(made.stdout.trim());
    let file = |name: &str| folder.join(format!("{}{name}", made.stdout.trim()));
    let [plain, out] = ["plain", "signed"].map(file);
    fs::write(&plain, text)?;
    let (plain, out) = (plain.display().to_string(), out.display().to_string());
    // -z: one key for all; -O full: one record a line; -P: what is signed is checked by validators.
    let fixed = [
        "-q", "-P", "-z", "-K", &at, "-d", &at, "-O", "full", "-o", apex, "-f", &out,
    ];
    let key_text = key.display().to_string();
    let args = [&fixed[..], &["-S"], denial, &[&plain]].concat();
    let made = run(&program(signzone.0, signzone.1)?, args, None, LIMIT)?;
    ensure!(made.code() == 0, "{apex}: {}{}", made.stdout, made.stderr);
    Ok(Signed {
        text: fs::read_to_string(&out)?,
        anchor: fs::read_to_string(format!("{key_text}.key"))?,
    })
}

const LIMIT: Duration = Duration::from_secs(60);
