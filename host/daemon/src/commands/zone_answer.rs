//! `zone answer`: a question put to a master file through exactly the code that serves.
//!
//! A query message is made, handed to [`Job`] as the sockets hand theirs, and the response message
//! is taken apart again; nothing in between knows that there was no network.

use std::io::{BufRead, Write};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use bailiwick_answer::{Job, Rcode, Settings, Transport, Workspace};
use bailiwick_zone::master::Finding;
use bailiwick_zone::{LookupName, Name, Record, RecordType, Zone, ZoneSet};
use serde::{Deserialize, Serialize};

use super::{load, say};
use crate::cli::ZoneAnswerArgs;
use crate::exit::Outcome;

/// Runs the command.
pub(super) fn run(args: &ZoneAnswerArgs) -> anyhow::Result<Outcome> {
    if args.batch {
        return batch();
    }
    let (Some(file), Some(name), Some(rtype)) = (&args.file, &args.name, &args.rtype) else {
        bail!("FILE, NAME and TYPE are needed");
    };
    let rtype: RecordType = rtype
        .parse()
        .map_err(|e| anyhow!("`{rtype}` is no record type: {e}"))?;
    let zone = match load::file(file, None) {
        Ok((zone, _)) => zone,
        Err(findings) => return refused(&findings, args.json),
    };
    let reply = ask(zone, &name.0, rtype, args.dnssec)?;
    if args.json {
        say(serde_json::to_string(&reply)?)?;
    } else {
        say(reply.text())?;
    }
    Ok(Outcome::Done)
}

fn refused(findings: &[Finding], as_json: bool) -> anyhow::Result<Outcome> {
    if as_json {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        say(
            serde_json::json!({ "ok": false, "error": load::first_error(findings), "findings": lines }),
        )?;
        return Ok(Outcome::Refused);
    }
    for finding in findings {
        eprintln!("{finding}");
    }
    Ok(Outcome::Refused)
}

/// A line of the batch.
#[derive(Debug, Deserialize)]
struct Case {
    id: serde_json::Value,
    zone: String,
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    #[serde(default)]
    dnssec: bool,
}

/// What the server says.
#[derive(Debug, Serialize)]
struct Reply {
    rcode: String,
    aa: bool,
    answer: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
}

/// A line of the batch's output.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Answered {
        id: serde_json::Value,
        #[serde(flatten)]
        reply: Reply,
    },
    Refused {
        id: serde_json::Value,
        error: String,
    },
}

/// Questions from stdin, answers to stdout, in the same order.
fn batch() -> anyhow::Result<Outcome> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (index, line) in std::io::stdin().lock().split(b'\n').enumerate() {
        let line = line.context("stdin")?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        // One bad line costs one answer: the others keep their places.
        let reply = match serde_json::from_slice::<Case>(&line) {
            Ok(case) => answer(case),
            Err(error) => Line::Refused {
                id: serde_json::from_slice(&line)
                    .ok()
                    .and_then(|line: serde_json::Value| line.get("id").cloned())
                    .unwrap_or_default(),
                error: format!("line {}: {error}", index + 1),
            },
        };
        serde_json::to_writer(&mut out, &reply)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn answer(case: Case) -> Line {
    let asked = || -> anyhow::Result<Reply> {
        let name = Name::parse(&case.name)
            .map_err(|e| anyhow!("`{}` is not a domain name: {e}", case.name))?;
        let rtype: RecordType = case
            .rtype
            .parse()
            .map_err(|e| anyhow!("`{}` is no record type: {e}", case.rtype))?;
        let (zone, _) = load::text(case.zone.as_bytes()).map_err(|findings| {
            let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow!("{}", words.join("; "))
        })?;
        ask(zone, &name, rtype, case.dnssec)
    };
    match asked() {
        Ok(reply) => Line::Answered { id: case.id, reply },
        Err(error) => Line::Refused {
            id: case.id,
            error: format!("{error:#}"),
        },
    }
}

/// One question to one zone.
fn ask(zone: Zone, name: &Name, rtype: RecordType, dnssec: bool) -> anyhow::Result<Reply> {
    let zones = ZoneSet::new(&load::key()).with(Arc::new(zone));
    let query = query(name, rtype, dnssec);
    let mut place = LookupName::new();
    let job = Job::prepare(&zones, &query, Transport::Stream, &mut place)
        .context("no answer is ever given to this question")?;
    // A message has no more room than this over any transport.
    let mut response = vec![0; usize::from(u16::MAX)];
    let outcome = job.answer(
        &query,
        &place,
        &mut Workspace::default(),
        &Settings::default(),
        &mut response,
    );
    let message = response
        .get(..outcome.len)
        .context("an answer longer than a message")?;
    Reply::read(message, outcome.rcode)
}

/// A query as a resolver would send it; with EDNS only if DO is wanted.
fn query(name: &Name, rtype: RecordType, dnssec: bool) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(dnssec)];
    message.extend_from_slice(name.as_wire());
    message.extend_from_slice(&rtype.0.to_be_bytes());
    message.extend_from_slice(&CLASS_IN.to_be_bytes());
    if dnssec {
        // RFC 6891 6.1.2, RFC 3225 3: root owner, OPT, payload size, no extended code, version 0, DO.
        message.extend_from_slice(&[0, 0, 41, 0xff, 0xff, 0, 0, 0x80, 0, 0, 0]);
    }
    message
}

const CLASS_IN: u16 = 1;

impl Reply {
    fn read(message: &[u8], rcode: Rcode) -> anyhow::Result<Self> {
        let mut reader = Reader { message, at: 12 };
        let [_, _, flags, _, qd1, qd2, counts @ ..] = message else {
            bail!("short response")
        };
        for _ in 0..u16::from_be_bytes([*qd1, *qd2]) {
            reader.at = Name::skip(message, reader.at)? + 4;
        }
        let mut sections = counts.chunks_exact(2).take(3).map(|pair| {
            let count = pair
                .iter()
                .fold(0, |n, &octet| (n << 8) | usize::from(octet));
            (0..count)
                .filter_map(|_| reader.record().transpose())
                .collect::<anyhow::Result<Vec<_>>>()
        });
        let mut section = || sections.next().context("short response")?;
        Ok(Self {
            rcode: rcode.to_string(),
            aa: flags & 0x04 != 0,
            answer: section()?,
            authority: section()?,
            additional: section()?,
        })
    }

    /// As `dig` lays it out, without the decoration.
    fn text(&self) -> String {
        let mut text = format!(
            ";; {}{}",
            self.rcode,
            if self.aa { ", authoritative" } else { "" }
        );
        for (title, records) in [
            ("ANSWER", &self.answer),
            ("AUTHORITY", &self.authority),
            ("ADDITIONAL", &self.additional),
        ] {
            if !records.is_empty() {
                text.push_str(&format!("\n;; {title}\n{}", records.join("\n")));
            }
        }
        text
    }
}

/// The records of a response, one after the other.
struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next record as text; nothing for the OPT record, which is no data.
    fn record(&mut self) -> anyhow::Result<Option<String>> {
        let (owner, at) = Name::read(self.message, self.at)?;
        let fixed = self.message.get(at..at + 10).context("short response")?;
        let [t1, t2, _, _, ttl @ .., l1, l2] = fixed else {
            bail!("short response")
        };
        let rtype = RecordType(u16::from_be_bytes([*t1, *t2]));
        let ttl = ttl.iter().fold(0, |n, &octet| (n << 8) | u32::from(octet));
        let len = usize::from(u16::from_be_bytes([*l1, *l2]));
        self.at = at + 10 + len;
        if rtype == RecordType::OPT {
            return Ok(None);
        }
        let mut rdata = Vec::with_capacity(len);
        bailiwick_zone::rdata::read_wire(rtype, self.message, at + 10, len, &mut rdata)?;
        let record = Record {
            owner: owner.as_wire(),
            rtype,
            ttl,
            rdata: &rdata,
        };
        let mut text = String::new();
        bailiwick_zone::master::write_record(record, &mut text);
        Ok(Some(text.trim_end().to_owned()))
    }
}
