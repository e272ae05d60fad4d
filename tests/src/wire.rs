//! DNS messages as bytes: questions to send, answers to compare. Written for the tests alone, so
//! that they do not ask the code under test what it meant.

use std::fmt::{self, Write as _};

use anyhow::{Context, Result, bail, ensure};

/// A question and how it is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Owner name in wire form.
    pub name: Vec<u8>,
    /// Type asked for.
    pub rtype: u16,
    /// UDP size to announce in an OPT record; none without.
    pub edns: Option<u16>,
    /// The DO bit; needs `edns`.
    pub dnssec: bool,
    /// The RD bit.
    pub recursion: bool,
}

impl Question {
    /// A plain question without EDNS.
    pub fn new(name: &str, rtype: u16) -> Self {
        Self::wire(&name_to_wire(name), rtype)
    }

    /// The same from a name in wire form.
    pub fn wire(name: &[u8], rtype: u16) -> Self {
        Self {
            name: name.to_vec(),
            rtype,
            edns: None,
            dnssec: false,
            recursion: false,
        }
    }

    /// Asks for DNSSEC records too.
    #[must_use]
    pub fn with_dnssec(mut self) -> Self {
        self.edns = Some(1232);
        self.dnssec = true;
        self
    }

    /// The message, class IN.
    pub fn encode(&self, id: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend(id.to_be_bytes());
        out.extend(u16::from(self.recursion).wrapping_shl(8).to_be_bytes());
        for count in [1, 0, 0, u16::from(self.edns.is_some())] {
            out.extend(count.to_be_bytes());
        }
        out.extend(&self.name);
        out.extend(self.rtype.to_be_bytes());
        out.extend(1u16.to_be_bytes());
        if let Some(size) = self.edns {
            out.push(0);
            out.extend(41u16.to_be_bytes());
            out.extend(size.to_be_bytes());
            out.extend([0, 0, if self.dnssec { 0x80 } else { 0 }, 0]);
            out.extend(0u16.to_be_bytes());
        }
        out
    }
}

/// One record of an answer; names in owner and RDATA uncompressed and in lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rr {
    /// Owner name in wire form.
    pub owner: Vec<u8>,
    /// Type.
    pub rtype: u16,
    /// Time to live.
    pub ttl: u32,
    /// RDATA, names in it expanded.
    pub rdata: Vec<u8>,
}

impl fmt::Display for Rr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} IN {} ",
            name_to_text(&self.owner),
            self.ttl,
            type_to_text(self.rtype)
        )?;
        match rdata_to_text(self.rtype, &self.rdata) {
            Some(text) => f.write_str(&text),
            None => {
                write!(f, "\\# {} ", self.rdata.len())?;
                self.rdata
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The message as it arrived.
    pub bytes: Vec<u8>,
    /// Message id.
    pub id: u16,
    /// The flag word: QR, opcode, AA, TC, RD, RA, Z, AD, CD, RCODE.
    pub flags: u16,
    /// The question section as sent: name, type, class.
    pub question: Option<(Vec<u8>, u16, u16)>,
    /// Answer section.
    pub answer: Vec<Rr>,
    /// Authority section.
    pub authority: Vec<Rr>,
    /// Additional section without OPT.
    pub additional: Vec<Rr>,
    /// The OPT record: UDP size, the 32 bits in TTL's place, options.
    pub opt: Option<(u16, u32, Vec<u8>)>,
}

impl Reply {
    /// Reads a whole message; every byte must belong to it.
    ///
    /// # Errors
    /// It is no well-formed DNS message.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        ensure!(bytes.len() >= 12, "{} bytes are no message", bytes.len());
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let mut reply = Self {
            bytes: bytes.to_vec(),
            id: word(0),
            flags: word(2),
            question: None,
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            opt: None,
        };
        let mut at = 12;
        for _ in 0..word(4) {
            let name = read_name(bytes, &mut at)?;
            ensure!(at + 4 <= bytes.len(), "question cut off");
            reply.question = Some((name, word(at), word(at + 2)));
            at += 4;
        }
        for section in 0..3 {
            for _ in 0..word(6 + 2 * section) {
                let owner = read_name(bytes, &mut at)?;
                ensure!(at + 10 <= bytes.len(), "record cut off");
                let (rtype, class) = (word(at), word(at + 2));
                let ttl = u32::from(word(at + 4)) << 16 | u32::from(word(at + 6));
                let len = usize::from(word(at + 8));
                at += 10;
                ensure!(at + len <= bytes.len(), "RDATA cut off");
                if rtype == 41 {
                    ensure!(section == 2 && reply.opt.is_none(), "OPT out of place");
                    reply.opt = Some((class, ttl, bytes[at..at + len].to_vec()));
                } else {
                    ensure!(class == 1, "a record of class {class}");
                    let rdata = read_rdata(rtype, bytes, at, len)?;
                    let rr = Rr {
                        owner,
                        rtype,
                        ttl,
                        rdata,
                    };
                    match section {
                        0 => reply.answer.push(rr),
                        1 => reply.authority.push(rr),
                        _ => reply.additional.push(rr),
                    }
                }
                at += len;
            }
        }
        ensure!(
            at == bytes.len(),
            "{} bytes after the message",
            bytes.len() - at
        );
        Ok(reply)
    }

    /// RCODE, with the upper bits of the OPT record.
    pub fn rcode(&self) -> u16 {
        let upper = self
            .opt
            .as_ref()
            .map_or(0, |(_, ttl, _)| (ttl >> 24) as u16);
        upper << 4 | self.flags & 15
    }

    /// The AA bit.
    pub fn authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// The TC bit.
    pub fn truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// The AD bit.
    pub fn authentic(&self) -> bool {
        self.flags & 0x0020 != 0
    }

    /// The serial of the first SOA record in the answer section.
    pub fn soa_serial(&self) -> Option<u32> {
        let soa = self.answer.iter().find(|rr| rr.rtype == SOA)?;
        let tail = soa.rdata.get(soa.rdata.len().checked_sub(20)?..)?;
        Some(u32::from_be_bytes([tail[0], tail[1], tail[2], tail[3]]))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "rcode {} flags {:04x}",
            rcode_to_text(self.rcode()),
            self.flags
        )?;
        for (name, section) in [
            ("answer", &self.answer),
            ("authority", &self.authority),
            ("additional", &self.additional),
        ] {
            section
                .iter()
                .try_for_each(|rr| writeln!(f, "  {name}: {rr}"))?;
        }
        Ok(())
    }
}

/// A name from its text form, absolute with or without the last dot, into lower-case wire form.
///
/// # Panics
/// The text is no name; the tests write their own.
pub fn name_to_wire(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut label = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => {
                if !label.is_empty() {
                    out.push(u8::try_from(label.len()).expect("a label is short"));
                    out.append(&mut label);
                }
            }
            b'\\' => {
                let first = bytes.next().expect("something is escaped");
                if first.is_ascii_digit() {
                    let digits = [first, bytes.next().unwrap(), bytes.next().unwrap()];
                    label.push(
                        std::str::from_utf8(&digits)
                            .unwrap()
                            .parse()
                            .expect("\\DDD"),
                    );
                } else {
                    label.push(first);
                }
            }
            other => label.push(other),
        }
    }
    if !label.is_empty() {
        out.push(u8::try_from(label.len()).expect("a label is short"));
        out.append(&mut label);
    }
    out.push(0);
    out.make_ascii_lowercase();
    out
}

/// A name in text form, with the last dot.
pub fn name_to_text(wire: &[u8]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while let Some(&len) = wire.get(at).filter(|len| **len > 0) {
        for &byte in &wire[at + 1..=at + usize::from(len)] {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                    out.push('\\');
                    out.push(char::from(byte));
                }
                0x21..=0x7e => out.push(char::from(byte)),
                _ => write!(out, "\\{byte:03}").expect("strings take everything"),
            }
        }
        out.push('.');
        at += 1 + usize::from(len);
    }
    if out.is_empty() { ".".to_owned() } else { out }
}

/// Reads a name that may be compressed, in lower case.
fn read_name(message: &[u8], at: &mut usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut here = *at;
    let mut end = None;
    loop {
        let len = *message.get(here).context("name cut off")?;
        match len {
            0 => {
                out.push(0);
                *at = end.unwrap_or(here + 1);
                ensure!(out.len() <= 255, "name of {} bytes", out.len());
                out.make_ascii_lowercase();
                return Ok(out);
            }
            1..=63 => {
                let label = message
                    .get(here..=here + usize::from(len))
                    .context("label cut off")?;
                out.extend(label);
                here += 1 + usize::from(len);
            }
            192.. => {
                let low = *message.get(here + 1).context("pointer cut off")?;
                let target = usize::from(len & 63) << 8 | usize::from(low);
                ensure!(
                    target < here && target >= 12,
                    "pointer from {here} to {target}"
                );
                end.get_or_insert(here + 2);
                here = target;
            }
            _ => bail!("label type {len:#x}"),
        }
    }
}

/// What a type's RDATA is made of, where names are in it; they may be compressed in answers of
/// older servers, and are compared without case.
fn layout(rtype: u16) -> &'static [Part] {
    use Part::{Bytes, Name, Strings};
    match rtype {
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 39 => &[Name],
        6 => &[Name, Name, Bytes(20)],
        14 | 17 => &[Name, Name],
        // SVCB's target never arrives compressed; its case means nothing either (RFC 4343).
        15 | 18 | 21 | 36 | 64 | 65 => &[Bytes(2), Name],
        26 => &[Bytes(2), Name, Name],
        33 => &[Bytes(6), Name],
        35 => &[Bytes(4), Strings(3), Name],
        24 | 46 => &[Bytes(18), Name],
        30 | 47 => &[Name],
        _ => &[],
    }
}

#[derive(Clone, Copy)]
enum Part {
    Bytes(usize),
    Name,
    Strings(usize),
}

fn read_rdata(rtype: u16, message: &[u8], start: usize, len: usize) -> Result<Vec<u8>> {
    let (mut at, end) = (start, start + len);
    let mut out = Vec::with_capacity(len);
    for part in layout(rtype) {
        match *part {
            Part::Bytes(count) => {
                out.extend(message.get(at..at + count).context("RDATA cut off")?);
                at += count;
            }
            Part::Name => out.extend(read_name(message, &mut at)?),
            Part::Strings(count) => {
                for _ in 0..count {
                    let size = 1 + usize::from(*message.get(at).context("RDATA cut off")?);
                    out.extend(message.get(at..at + size).context("RDATA cut off")?);
                    at += size;
                }
            }
        }
    }
    ensure!(at <= end, "RDATA of type {rtype} is longer than its length");
    out.extend(&message[at..end]);
    Ok(out)
}

/// The text form of the types that the frozen cases are written with.
fn rdata_to_text(rtype: u16, rdata: &[u8]) -> Option<String> {
    let mut at = 0;
    Some(match rtype {
        A => std::net::Ipv4Addr::from(<[u8; 4]>::try_from(rdata).ok()?).to_string(),
        AAAA => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(rdata).ok()?).to_string(),
        NS | CNAME | DNAME | PTR => name_to_text(rdata),
        SOA => {
            let mname = read_name(rdata, &mut at).ok()?;
            let rname = read_name(rdata, &mut at).ok()?;
            let numbers: Vec<String> = rdata[at..]
                .chunks_exact(4)
                .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]).to_string())
                .collect();
            format!(
                "{} {} {}",
                name_to_text(&mname),
                name_to_text(&rname),
                numbers.join(" ")
            )
        }
        TXT => {
            let mut strings = Vec::new();
            while at < rdata.len() {
                let end = at + 1 + usize::from(rdata[at]);
                let text = String::from_utf8_lossy(rdata.get(at + 1..end)?);
                strings.push(format!("\"{text}\""));
                at = end;
            }
            strings.join(" ")
        }
        _ => return None,
    })
}

/// A type's number.
///
/// # Panics
/// The tests use no such type.
pub fn type_from_text(text: &str) -> u16 {
    TYPES
        .iter()
        .find(|(_, name)| *name == text)
        .map(|(number, _)| *number)
        .or_else(|| text.strip_prefix("TYPE")?.parse().ok())
        .unwrap_or_else(|| panic!("no type {text}"))
}

/// A type's name.
pub fn type_to_text(rtype: u16) -> String {
    TYPES
        .iter()
        .find(|(number, _)| *number == rtype)
        .map_or_else(|| format!("TYPE{rtype}"), |(_, name)| (*name).to_owned())
}

/// An RCODE's name.
pub fn rcode_to_text(rcode: u16) -> String {
    const NAMES: [&str; 11] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",
    ];
    NAMES.get(usize::from(rcode)).map_or_else(
        || {
            if rcode == 16 {
                "BADVERS".to_owned()
            } else {
                format!("RCODE{rcode}")
            }
        },
        |&name| name.to_owned(),
    )
}

/// Type numbers that tests name.
pub const A: u16 = 1;
/// Name server.
pub const NS: u16 = 2;
/// Alias.
pub const CNAME: u16 = 5;
/// Start of authority.
pub const SOA: u16 = 6;
/// Pointer.
pub const PTR: u16 = 12;
/// Mail exchange.
pub const MX: u16 = 15;
/// Text.
pub const TXT: u16 = 16;
/// IPv6 address.
pub const AAAA: u16 = 28;
/// Alias of a whole subtree.
pub const DNAME: u16 = 39;
/// Delegation signer.
pub const DS: u16 = 43;
/// Signature.
pub const RRSIG: u16 = 46;
/// Denial of existence.
pub const NSEC: u16 = 47;
/// Hashed denial of existence.
pub const NSEC3: u16 = 50;
/// Zone key.
pub const DNSKEY: u16 = 48;
/// Whole-zone transfer.
pub const AXFR: u16 = 252;
/// Any type.
pub const ANY: u16 = 255;

const TYPES: &[(u16, &str)] = &[
    (A, "A"),
    (NS, "NS"),
    (CNAME, "CNAME"),
    (SOA, "SOA"),
    (PTR, "PTR"),
    (13, "HINFO"),
    (MX, "MX"),
    (TXT, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (AAAA, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (DNAME, "DNAME"),
    (DS, "DS"),
    (44, "SSHFP"),
    (RRSIG, "RRSIG"),
    (NSEC, "NSEC"),
    (DNSKEY, "DNSKEY"),
    (NSEC3, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (61, "OPENPGPKEY"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (AXFR, "AXFR"),
    (ANY, "ANY"),
    (256, "URI"),
    (257, "CAA"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_text_and_wire() {
        for text in [
            ".",
            "example.",
            "a\\.b.example.",
            "\\000\\255.example.",
            "*.net.",
        ] {
            assert_eq!(name_to_text(&name_to_wire(text)), text);
        }
    }

    #[test]
    fn hickory_reads_the_questions_we_write() {
        let question = Question::new("www.example.", AAAA).with_dnssec();
        let message = hickory_proto::op::Message::from_vec(&question.encode(7)).unwrap();
        assert_eq!(message.queries[0].name().to_ascii(), "www.example.");
        assert!(message.edns.unwrap().flags().dnssec_ok);
    }

    #[test]
    fn a_pointer_to_itself_is_refused() {
        let mut bytes = Question::new("a.example.", A).encode(1);
        bytes[6..8].copy_from_slice(&1u16.to_be_bytes());
        let at = bytes.len() as u16;
        bytes.extend((0xc000 | at).to_be_bytes());
        bytes.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert!(Reply::read(&bytes).is_err());
    }
}
