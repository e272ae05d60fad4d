//! The zone that is asked and the questions: from files, or made here with the same mixture.
//!
//! The made zone is one of an ordinary customer, large: hosts, mail domains, text, aliases,
//! delegations with glue, wildcards. Everything follows from one seed.

use std::fmt::Write;
use std::path::Path;

use bailiwick_zone::{HashKey, Name, Zone, master};

/// What is asked for: names that exist, none that do, names below cuts, names that a wildcard
/// stands in for, and all of them (70, 15, 10 and 5 %).
pub(crate) const MIXES: [&str; 5] = ["hit", "nxdomain", "referral", "wildcard", "mixed"];

/// A zone, and queries about it in wire form with id 0.
pub(crate) struct World {
    pub(crate) key: HashKey,
    pub(crate) zone: Zone,
    pub(crate) queries: Vec<Vec<u8>>,
    /// The names of `queries`.
    pub(crate) names: Vec<Name>,
}

impl World {
    pub(crate) fn new(data: Option<&Path>, mix: &str, do_bit: bool) -> Self {
        let (zone, questions) = match data {
            Some(folder) => (
                std::fs::read_to_string(folder.join("big.zone")).unwrap(),
                std::fs::read_to_string(folder.join(format!("big.{mix}.q"))).unwrap(),
            ),
            None => Made::new().zone_and_questions(mix),
        };
        let key = HashKey::from_bytes(*b"an ordinary key of 32 octets <-!");
        let parsed = master::parse(zone.as_bytes(), &master::ParseOptions::default())
            .unwrap_or_else(|findings| panic!("{findings:?}"));
        let zone = Zone::build(&parsed.apex, &parsed.records, &key).unwrap();
        let (mut queries, mut names) = (Vec::new(), Vec::new());
        for line in questions.lines() {
            let (name, rtype) = line.split_once(' ').expect("a name and a type");
            let name = Name::parse(name).unwrap();
            queries.push(query(&name, rtype, do_bit));
            names.push(name);
        }
        Self {
            key,
            zone,
            queries,
            names,
        }
    }
}

fn query(name: &Name, rtype: &str, do_bit: bool) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, do_bit.into()];
    message.extend_from_slice(name.as_wire());
    let rtype: bailiwick_zone::RecordType = rtype.parse().expect("a type");
    message.extend_from_slice(&rtype.0.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    if do_bit {
        message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
    }
    message
}

const RECORDS: usize = 20_000;
const QUESTIONS: usize = 20_000;
const APEX: &str = "big.test.";

/// A zone in the making, and the questions it can answer.
struct Made {
    random: fastrand::Rng,
    text: String,
    records: usize,
    hit: Vec<String>,
    referral: Vec<String>,
    wildcard: Vec<String>,
}

impl Made {
    fn new() -> Self {
        let mut made = Self {
            random: fastrand::Rng::with_seed(2026),
            text: String::new(),
            records: 0,
            hit: Vec::new(),
            referral: Vec::new(),
            wildcard: Vec::new(),
        };
        let fields = "2026112201 7200 3600 1209600 3600";
        made.record(&format!(
            "{APEX} 3600 IN SOA ns1.{APEX} hostmaster.{APEX} {fields}"
        ));
        for server in ["ns1", "ns2"] {
            made.record(&format!("{APEX} 3600 IN NS {server}.{APEX}"));
            made.address(&format!("{server}.{APEX}"), 3600);
        }
        let mut host = format!("ns1.{APEX}");
        while made.records < RECORDS {
            let name = format!("{}.{APEX}", made.label());
            match made.random.u32(..100) {
                0..60 => {
                    made.address(&name, 300);
                    made.hit.push(format!("{name} A"));
                    host = name;
                }
                60..70 => {
                    made.record(&format!("{name} 600 IN MX 10 {host}"));
                    made.address(&name, 600);
                    made.hit.push(format!("{name} MX"));
                }
                70..78 => {
                    made.record(&format!("{name} 600 IN TXT \"v=spf1 include:{host} -all\""));
                    made.hit.push(format!("{name} TXT"));
                }
                78..87 => {
                    made.record(&format!("{name} 600 IN CNAME {host}"));
                    made.hit.push(format!("{name} A"));
                }
                87..97 => {
                    for server in ["ns1", "ns2"] {
                        made.record(&format!("{name} 86400 IN NS {server}.{name}"));
                        made.address(&format!("{server}.{name}"), 86400);
                    }
                    made.referral.push(format!("www.{name} A"));
                }
                _ => {
                    made.address(&format!("*.{name}"), 300);
                    made.wildcard
                        .push(format!("x{}.{name} A", made.random.u32(..999_999)));
                }
            }
        }
        made
    }

    fn zone_and_questions(mut self, mix: &str) -> (String, String) {
        let mut questions = String::new();
        for _ in 0..QUESTIONS {
            let kind = match mix {
                "mixed" => match self.random.u32(..100) {
                    0..70 => "hit",
                    70..85 => "nxdomain",
                    85..95 => "referral",
                    _ => "wildcard",
                },
                one => one,
            };
            let absent = format!("{}-nx.{APEX} A", self.label());
            let pool = match kind {
                "hit" => &self.hit,
                "referral" => &self.referral,
                "wildcard" => &self.wildcard,
                _ => std::slice::from_ref(&absent),
            };
            let _ = writeln!(questions, "{}", pool[self.random.usize(..pool.len())]);
        }
        (self.text, questions)
    }

    fn record(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
        self.records += 1;
    }

    fn address(&mut self, name: &str, ttl: u32) {
        let [_, b, c, d] = self.random.u32(..).to_be_bytes();
        self.record(&format!("{name} {ttl} IN A 10.{b}.{c}.{d}"));
    }

    /// A label that can be spoken, with a number that makes it one of its kind.
    fn label(&mut self) -> String {
        let mut label = String::new();
        for _ in 0..self.random.usize(2..=5) {
            label.push(*self.random.choice(b"bcdfghjklmnprstvwz").unwrap() as char);
            label.push(*self.random.choice(b"aeiou").unwrap() as char);
        }
        let _ = write!(label, "{:x}", self.random.u32(..0xf_ffff));
        label
    }
}
