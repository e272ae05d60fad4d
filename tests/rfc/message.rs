//! Messages as a client writes and reads them, with every field that an RFC has a rule about; and the
//! answer of the code that serves, in process.

use std::net::IpAddr;
use std::sync::Arc;

use bailiwick_answer::text::{self, Response};
use bailiwick_answer::{Job, Settings, Transport, Workspace};
use bailiwick_zone::master::{self, ParseOptions};
use bailiwick_zone::{HashKey, LookupName, Name, Zone, ZoneSet};

/// A query, ready to be made odd.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Everything of the flag word but the opcode.
    pub(crate) flags: u16,
    pub(crate) opcode: u16,
    /// Name, type, class.
    pub(crate) questions: Vec<(String, u16, u16)>,
    pub(crate) edns: Option<Edns>,
    /// Records of the authority section, in wire form.
    pub(crate) authority: Vec<Vec<u8>>,
}

/// The OPT record of a query.
#[derive(Clone, Debug)]
pub(crate) struct Edns {
    pub(crate) size: u16,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

pub(crate) const RD: u16 = 0x100;
pub(crate) const AD: u16 = 0x20;
pub(crate) const CD: u16 = 0x10;
pub(crate) const Z: u16 = 0x40;
pub(crate) const DO: u16 = 0x8000;

impl Ask {
    /// A plain question of class IN without EDNS; the type in words.
    pub(crate) fn new(name: &str, rtype: &str) -> Self {
        let rtype: bailiwick_zone::RecordType = rtype.parse().unwrap();
        Self {
            flags: 0,
            opcode: 0,
            questions: vec![(name.to_owned(), rtype.0, 1)],
            edns: None,
            authority: Vec::new(),
        }
    }

    pub(crate) fn class(mut self, class: u16) -> Self {
        self.questions[0].2 = class;
        self
    }

    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.flags |= flags;
        self
    }

    /// With EDNS, as `dig` sends it.
    pub(crate) fn edns(mut self) -> Self {
        self.edns = Some(Edns {
            size: 1232,
            version: 0,
            flags: 0,
            options: Vec::new(),
        });
        self
    }

    pub(crate) fn edns_with(self, change: impl FnOnce(&mut Edns)) -> Self {
        let mut ask = self.edns();
        if let Some(edns) = &mut ask.edns {
            change(edns);
        }
        ask
    }

    /// With EDNS and one option.
    pub(crate) fn option(self, code: u16, data: &[u8]) -> Self {
        let mut ask = if self.edns.is_some() {
            self
        } else {
            self.edns()
        };
        let options = ask.edns.as_mut().map(|edns| &mut edns.options);
        options.unwrap().push((code, data.to_vec()));
        ask
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = ID.to_be_bytes().to_vec();
        out.extend((self.flags | self.opcode << 11).to_be_bytes());
        let additional = usize::from(self.edns.is_some());
        for count in [self.questions.len(), 0, self.authority.len(), additional] {
            out.extend((count as u16).to_be_bytes());
        }
        for (name, rtype, class) in &self.questions {
            out.extend(Name::parse(name).unwrap().as_wire());
            out.extend(rtype.to_be_bytes());
            out.extend(class.to_be_bytes());
        }
        out.extend(self.authority.iter().flatten());
        if let Some(edns) = &self.edns {
            let mut options = Vec::new();
            for (code, data) in &edns.options {
                options.extend(code.to_be_bytes());
                options.extend((data.len() as u16).to_be_bytes());
                options.extend(data);
            }
            out.extend([0, 0, 41]);
            out.extend(edns.size.to_be_bytes());
            out.extend([0, edns.version]);
            out.extend(edns.flags.to_be_bytes());
            out.extend((options.len() as u16).to_be_bytes());
            out.extend(options);
        }
        out
    }
}

/// Zones and settings to answer from, and the client that asks.
pub(crate) struct Host {
    pub(crate) zones: ZoneSet,
    pub(crate) settings: Settings,
    pub(crate) client: IpAddr,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

impl Host {
    /// Answers from the zones written in these texts, each with its apex as first owner.
    pub(crate) fn new(texts: &[&str]) -> Self {
        let key = HashKey::from_bytes([0x5a; 32]);
        let zones = texts.iter().map(|text| {
            let parsed = master::parse(text.as_bytes(), &ParseOptions::default());
            let parsed = parsed.unwrap_or_else(|findings| panic!("{findings:?}"));
            Arc::new(Zone::build(&parsed.apex, &parsed.records, &key).unwrap())
        });
        Self {
            zones: ZoneSet::new(&key).with_all(zones),
            settings: Settings::default(),
            client: [192, 0, 2, 7].into(),
            now: 1_700_000_000,
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The answer over UDP.
    pub(crate) fn udp(&self, ask: &Ask) -> Reply {
        self.raw(&ask.encode(), Transport::Udp).expect("an answer")
    }

    /// The answer over a stream.
    pub(crate) fn tcp(&self, ask: &Ask) -> Reply {
        self.raw(&ask.encode(), Transport::Stream)
            .expect("an answer")
    }

    /// The answer to these octets; none when nothing may be sent.
    pub(crate) fn raw(&self, message: &[u8], transport: Transport) -> Option<Reply> {
        let mut name = LookupName::new();
        let job = Job::prepare(&self.zones, message, transport, &mut name)?;
        let asked;
        let job = if job.request.has_options() {
            asked = job.heed(message, self.client, self.now, &self.settings);
            job.heeding(&asked, &self.settings)
        } else {
            job
        };
        let (mut work, mut out) = (Workspace::default(), vec![0; 65_535]);
        let outcome = job.answer(message, &name, &mut work, &self.settings, &mut out);
        out.truncate(outcome.len);
        (!out.is_empty()).then(|| Reply::read(&out))
    }
}

/// An answer, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) octets: Vec<u8>,
    pub(crate) flags: u16,
    /// The question section as it came back.
    pub(crate) question: Vec<u8>,
    pub(crate) counts: [u16; 4],
    pub(crate) opt: Option<ReplyOpt>,
}

/// The OPT record of an answer.
#[derive(Clone, Debug)]
pub(crate) struct ReplyOpt {
    pub(crate) size: u16,
    pub(crate) rcode_high: u8,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Reply {
    pub(crate) fn read(octets: &[u8]) -> Self {
        let word = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
        assert_eq!(word(0), ID, "the id comes back");
        assert!(word(2) & 0x8000 != 0, "QR is set");
        let counts = [word(4), word(6), word(8), word(10)];
        let mut at = 12;
        for _ in 0..counts[0] {
            at = Name::skip(octets, at).unwrap() + 4;
        }
        let question = octets[12..at].to_vec();
        let mut opt = None;
        let records = counts[1..].iter().map(|count| usize::from(*count)).sum();
        for n in 0..records {
            let fixed = Name::skip(octets, at).unwrap();
            let (start, len) = (fixed + 10, usize::from(word(fixed + 8)));
            if word(fixed) == 41 {
                let first = usize::from(counts[1]) + usize::from(counts[2]);
                assert!(
                    opt.is_none() && n >= first,
                    "one OPT, in the additional section"
                );
                opt = Some(ReplyOpt {
                    size: word(fixed + 2),
                    rcode_high: octets[fixed + 4],
                    version: octets[fixed + 5],
                    flags: word(fixed + 6),
                    options: split(&octets[start..start + len]),
                });
            }
            at = start + len;
        }
        assert_eq!(at, octets.len(), "every octet belongs to a record");
        Self {
            octets: octets.to_vec(),
            flags: word(2),
            question,
            counts,
            opt,
        }
    }

    /// The code, extended by OPT, in words.
    pub(crate) fn rcode(&self) -> String {
        let high = self.opt.as_ref().map_or(0, |opt| u16::from(opt.rcode_high));
        bailiwick_answer::Rcode(high << 4 | self.flags & 0xf).to_string()
    }

    /// Which of `aa tc rd ra z ad cd` are set, in this order.
    pub(crate) fn set(&self) -> String {
        let bits = [
            (0x400, "aa"),
            (0x200, "tc"),
            (0x100, "rd"),
            (0x80, "ra"),
            (Z, "z"),
        ];
        let bits = bits.into_iter().chain([(AD, "ad"), (CD, "cd")]);
        let set: Vec<&str> = bits
            .filter(|(bit, _)| self.flags & bit != 0)
            .map(|(_, name)| name)
            .collect();
        set.join(" ")
    }

    /// The data of an option of this code.
    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        let options = &self.opt.as_ref()?.options;
        let found: Vec<_> = options.iter().filter(|(c, _)| *c == code).collect();
        assert!(found.len() < 2, "an option comes once");
        found.first().map(|(_, data)| data.as_slice())
    }

    /// Records in words; class IN only.
    pub(crate) fn text(&self) -> Response {
        text::decode(&self.octets).unwrap()
    }

    /// Code, flags, and the records by section: what most rules are about.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.text();
        let mut lines = vec![format!("{} {}", self.rcode(), self.set()).trim().to_owned()];
        let sections = [
            ("an", text.answer),
            ("au", text.authority),
            ("ad", text.additional),
        ];
        for (section, records) in sections {
            let record = |record: &String| format!("{section} {}", record.replacen(" IN ", " ", 1));
            lines.extend(records.iter().map(record));
        }
        lines
    }
}

fn split(mut options: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    while !options.is_empty() {
        let len = usize::from(u16::from_be_bytes([options[2], options[3]]));
        let code = u16::from_be_bytes([options[0], options[1]]);
        all.push((code, options[4..4 + len].to_vec()));
        options = &options[4 + len..];
    }
    all
}

const ID: u16 = 0xbeef;
