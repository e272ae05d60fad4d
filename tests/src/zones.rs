//! Zones to try: the real root zone, zones made from a seed, and what to ask about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::place;
use crate::wire::{A, AAAA, CNAME, DS, MX, NS, RRSIG, Rr, SOA, TXT, name_to_wire};

/// The text of the real root zone, without the SOA record that its file repeats at the end, as a
/// transfer does; NSD refuses that. The file has the zone's keys, DS and NSEC records, but none of
/// its signatures; [`SignedRoot`] has new ones.
///
/// # Errors
/// The shared data is missing.
pub fn root() -> Result<String> {
    let text = place::unzip(&place::shared("zones/root.zone.gz")?)?;
    let body = text.trim_end();
    Ok(match body.rsplit_once('\n') {
        Some((rest, last)) if body.starts_with(last) => format!("{rest}\n"),
        _ => text,
    })
}

/// The real root zone with signatures. The shared file came without its RRSIG records, so it is
/// signed again, unless [`GENUINE`] names a copy that has those of the root itself.
pub struct SignedRoot {
    /// The zone's text.
    pub text: String,
    /// Its key-signing keys, as DNSKEY records.
    pub ksk: String,
    /// A moment at which the signatures hold, as `YYYYMMDDHHMMSS`.
    pub date: String,
}

impl SignedRoot {
    /// The signer and its Debian package.
    pub const PROGRAM: (&str, &str) = ("ldns-signzone", "ldnsutils");

    /// Signs the zone with new keys, NSEC and RSA/SHA-256 as the root zone has them, valid at its own
    /// time. `folder` is to work in.
    ///
    /// # Errors
    /// The signer is missing or fails; the file that [`GENUINE`] names has no signed zone.
    pub fn new(folder: &Path) -> Result<Self> {
        if let Some(file) = std::env::var_os(GENUINE) {
            return Self::genuine(&fs::read_to_string(file)?);
        }
        let unsigned: String = root()?
            .lines()
            .filter(|line| {
                let rtype = line.split_whitespace().nth(3).unwrap_or_default();
                !matches!(rtype, "DNSKEY" | "NSEC" | "RRSIG")
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let file = folder.join("unsigned.zone");
        fs::write(&file, unsigned)?;
        let key = |args: &[&str]| -> Result<String> {
            let all = [&["-a", "RSASHA256", "-r", "/dev/urandom"], args, &["."]].concat();
            Ok(ldns("ldns-keygen", folder, &all)?.trim().to_owned())
        };
        let ksk = key(&["-b", "2048", "-k"])?;
        let zsk = key(&["-b", "1024"])?;
        let dates = ["-i", "20180312000000", "-e", "20180326000000"];
        let zone = ["-o", ".", "-f", "signed.zone", "unsigned.zone", &ksk, &zsk];
        ldns(Self::PROGRAM.0, folder, &[&dates[..], &zone].concat())?;
        Ok(Self {
            text: fs::read_to_string(folder.join("signed.zone"))?,
            ksk: fs::read_to_string(folder.join(format!("{ksk}.key")))?,
            date: "20180313000000".to_owned(),
        })
    }

    /// The zone as the root's own keys signed it; these are the anchor.
    fn genuine(text: &str) -> Result<Self> {
        let has = |line: &str, wanted: &[&str]| {
            let fields: Vec<&str> = line.split_whitespace().skip(3).collect();
            fields.starts_with(wanted)
        };
        let of_soa = text.lines().find(|line| has(line, &["RRSIG", "SOA"]));
        let inception = of_soa.and_then(|line| line.split_whitespace().nth(9));
        let day = inception.and_then(|time| time.get(..8));
        // The key-signing keys (RFC 4034 2.1.1: bit 15 is the secure entry point flag).
        let keys = text.lines().filter(|line| has(line, &["DNSKEY", "257"]));
        Ok(Self {
            text: text.to_owned(),
            ksk: keys.collect::<Vec<_>>().join("\n"),
            date: format!("{}235959", day.context("no RRSIG of SOA")?),
        })
    }
}

fn ldns(name: &str, folder: &Path, args: &[&str]) -> Result<String> {
    let output = std::process::Command::new(place::program(name, SignedRoot::PROGRAM.1)?)
        .args(args)
        .current_dir(folder)
        .output()?;
    ensure!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Environment variable: a master file of the root zone with its own signatures, any day's, one record
/// a line, SOA first.
pub const GENUINE: &str = "BAILIWICK_SIGNED_ROOT";

/// The same zone text with another SOA serial; every text here keeps the serial in a line of its
/// own apex SOA record, first in the file.
pub fn with_serial(text: &str, serial: u32) -> String {
    let (first, rest) = text.split_once('\n').expect("a zone has lines");
    let mut words: Vec<&str> = first.split_whitespace().collect();
    let soa = words
        .iter()
        .position(|word| *word == "SOA")
        .expect("SOA comes first");
    let serial = serial.to_string();
    words[soa + 3] = &serial;
    format!("{}\n{rest}", words.join(" "))
}

/// A zone with the hard cases in it, made from a seed: wildcards, empty non-terminals, chains of
/// aliases, DNAME, delegations with and without glue, names below a cut, many types, odd octets.
pub fn generated(apex: &str, seed: u64, hosts: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut zone = format!(
        "{apex} 3600 IN SOA ns1.{apex} hostmaster.{apex} {serial} 3600 600 864000 300\n$ORIGIN {apex}\n$TTL 3600\n",
        serial = 1 + seed % 1000
    );
    zone += FIXED;
    for number in 0..hosts {
        let label = format!("h{number}-{}", rng.alphanumeric().to_ascii_lowercase());
        let owner = match number % 7 {
            // The middle name owns nothing.
            0 => format!("{label}.ent{}", rng.u8(..20)),
            1 => format!("{label}.deep.er.ent{}", rng.u8(..20)),
            _ => label,
        };
        record(&mut zone, &owner, &mut rng);
    }
    for cut in 0..hosts / 10 + 1 {
        write!(
            zone,
            "cut{cut} 7200 NS ns1.cut{cut}\ncut{cut} 7200 NS ns.elsewhere.example.\n"
        )
        .expect("a string");
        writeln!(zone, "ns1.cut{cut} 7200 A 192.0.2.{}", rng.u8(..)).expect("a string");
        if rng.bool() {
            writeln!(zone, "ns1.cut{cut} 7200 AAAA 2001:db8::{:x}", rng.u16(..)).expect("a string");
        }
        if rng.bool() {
            // Below the cut and no glue: not the zone's to answer.
            writeln!(zone, "occluded.cut{cut} TXT \"never seen\"").expect("a string");
        }
    }
    zone
}

fn record(zone: &mut String, owner: &str, rng: &mut fastrand::Rng) {
    let ttl = 60 * (1 + rng.u32(..100));
    let n = rng.u8(1..);
    let line = match rng.u8(..12) {
        0 | 1 => format!("{owner} {ttl} A 198.51.100.{n}\n{owner} {ttl} A 203.0.113.{n}\n"),
        2 => format!("{owner} {ttl} AAAA 2001:db8::{n:x}\n"),
        3 => format!("{owner} {ttl} CNAME h-target\n"),
        4 => format!("{owner} {ttl} MX {n} mail.{owner}\nmail.{owner} {ttl} A 192.0.2.{n}\n"),
        5 => format!("{owner} {ttl} TXT \"n={n}\" \"second string; with a semicolon\"\n"),
        6 => format!("_sip._udp.{owner} {ttl} SRV {n} 5 5060 h-target\n"),
        7 => format!("{owner} {ttl} CAA 0 issue \"ca{n}.example\"\n"),
        8 => format!("_443._tcp.{owner} {ttl} TLSA 3 1 1 {}\n", "a5".repeat(32)),
        9 => format!("*.{owner} {ttl} A 198.51.100.{n}\n"),
        10 => format!("{owner} {ttl} HTTPS {n} h-target alpn=h2,h3 ipv4hint=192.0.2.{n}\n"),
        _ => {
            format!("{owner} {ttl} NAPTR {n} 10 \"u\" \"E2U+sip\" \"!^.*$!sip:i@example.com!\" .\n")
        }
    };
    *zone += &line;
}

/// One of everything that answers are apt to get wrong.
const FIXED: &str = r#"@ NS ns1
@ NS ns2
@ MX 10 mail
@ TXT "v=spf1 -all"
@ CAA 0 issue "ca.example"
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
ns2 A 192.0.2.2
mail A 192.0.2.25
h-target A 192.0.2.80
h-target AAAA 2001:db8::80
alias CNAME h-target
alias2 CNAME alias
alias3 CNAME alias2
out CNAME www.example.net.
dangling CNAME nothing.here
loop-a CNAME loop-b
loop-b CNAME loop-a
into-cut CNAME www.cut0
into-wild CNAME some.wild
moved DNAME wild
away DNAME example.net.
*.wild A 192.0.2.77
*.wild TXT "wild"
real.wild AAAA 2001:db8::77
a.ent.wild A 192.0.2.78
*.alias-wild CNAME h-target
*.deep.wild2 MX 5 mail
under._tcp SRV 0 0 443 h-target
odd\.dot TXT "a dot in a label"
odd\000null TXT "a zero"
odd\"quote TXT "quoted \"text\" and \\ and \255"
UPPER.Case A 192.0.2.90
unknown TYPE65300 \# 4 0A000001
rp RP hostmaster.rp info.rp
ptr PTR h-target
hinfo HINFO "PC" "Linux"
sshfp SSHFP 1 1 0123456789abcdef0123456789abcdef01234567
loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
uri URI 10 1 "https://example.net/"
svcb SVCB 1 h-target port=853
empty-cut-ds NS ns.elsewhere.example.
signed-cut NS ns1.signed-cut
signed-cut DS 12345 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE49FD46E6C4B45C55D4AC69CB
ns1.signed-cut A 192.0.2.99
sibling NS ns1.signed-cut
"#;

/// What to ask about a zone: each RRset once, and names and types that are not there.
pub struct Questions {
    /// Every (owner, type), RRSIG left out since it is no RRset of its own.
    pub present: Vec<(Vec<u8>, u16)>,
    /// Missing types at names that exist, missing names at every level, names below cuts and
    /// wildcards.
    pub missing: Vec<(Vec<u8>, u16)>,
}

impl Questions {
    /// From the records of a zone; `missing` is bounded by `missing_max`, spread over the zone.
    pub fn about(records: &[Rr], missing_max: usize) -> Self {
        let mut names: BTreeMap<&[u8], BTreeSet<u16>> = BTreeMap::new();
        for rr in records.iter().filter(|rr| rr.rtype != RRSIG) {
            names.entry(&rr.owner).or_default().insert(rr.rtype);
        }
        let present = names
            .iter()
            .flat_map(|(owner, types)| types.iter().map(|rtype| (owner.to_vec(), *rtype)))
            .collect();
        let mut missing = Vec::new();
        for (number, (owner, types)) in names.iter().enumerate() {
            let asked = [A, AAAA, TXT, MX, DS, NS, SOA, CNAME];
            missing.extend(
                asked
                    .iter()
                    .filter(|rtype| !types.contains(rtype))
                    .map(|rtype| (owner.to_vec(), *rtype)),
            );
            for prefix in ["nothing", "0", "zzz.nothing", "*", "\\000"] {
                let mut name = name_to_wire(prefix);
                name.pop();
                name.extend(*owner);
                if name.len() <= 255 && !names.contains_key(name.as_slice()) {
                    missing.push((name, asked[number % asked.len()]));
                }
            }
            // A name just beside this one, and the name above it, which may own nothing.
            if let Some((&len, rest)) = owner
                .split_first()
                .filter(|(len, _)| **len > 0 && **len < 63)
            {
                let mut beside = vec![len + 1];
                beside.extend(&rest[..usize::from(len)]);
                beside.push(b'0');
                beside.extend(&rest[usize::from(len)..]);
                if beside.len() <= 255 && !names.contains_key(beside.as_slice()) {
                    missing.push((beside, A));
                }
                let above = &rest[usize::from(len)..];
                if !names.contains_key(above) && names.keys().any(|name| above.ends_with(name)) {
                    missing.push((above.to_vec(), A));
                }
            }
        }
        // Names above the apex are nobody's here.
        let apex = &records[0].owner;
        missing.retain(|(name, _)| name.ends_with(apex));
        missing.sort();
        missing.dedup();
        let step = missing.len().div_ceil(missing_max.max(1)).max(1);
        let missing = missing.into_iter().step_by(step).collect();
        Self { present, missing }
    }
}
