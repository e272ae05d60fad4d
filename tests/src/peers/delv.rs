//! BIND's `delv`, a second validator to ask where the first is in doubt.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::place::program;
use crate::process::run;
use crate::wire::{Question, name_to_text, type_to_text};

/// The program and its Debian package.
pub const PROGRAM: (&str, &str) = ("delv", "bind9-dnsutils");

/// Does it validate what `server` answers to `question`, up to `apex`, whose key is `anchor` (a DNSKEY
/// record as text)? Gives the RCODE that it believes in.
///
/// # Errors
/// It is missing, or the anchor is no DNSKEY record.
pub fn validated(
    server: SocketAddr,
    (apex, anchor): (&str, &str),
    question: &Question,
) -> Result<Option<u16>> {
    let record = anchor.lines().find(|line| !line.starts_with(';'));
    let (_, key) = record
        .and_then(|line| line.split_once("DNSKEY"))
        .context("no DNSKEY")?;
    let mut fields = key.split_whitespace();
    let mut field = || fields.next().context("a DNSKEY has four fields");
    let (flags, protocol, algorithm) = (field()?, field()?, field()?);
    let key: String = fields.collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("anchor.conf");
    fs::write(
        &file,
        format!(
            "trust-anchors {{ \"{apex}\" static-key {flags} {protocol} {algorithm} \"{key}\"; }};\n"
        ),
    )?;
    let args = [
        format!("@{}", server.ip()),
        "-p".to_owned(),
        server.port().to_string(),
        "-a".to_owned(),
        file.display().to_string(),
        format!("+root={apex}"),
        name_to_text(&question.name),
        type_to_text(question.rtype),
    ];
    let limit = Duration::from_secs(20);
    let output = run(&program(PROGRAM.0, PROGRAM.1)?, args, None, limit)?;
    let said = format!("{}{}", output.stdout, output.stderr);
    let nxdomain = said.contains("ncache nxdomain");
    let whole = said.contains("fully validated") && !said.contains("unsigned answer");
    Ok(whole.then_some(if nxdomain { 3 } else { 0 }))
}
