//! Zones made from a seed, small and full of what name servers get wrong: wildcards and empty
//! non-terminals in each other's way, chains and loops of aliases, DNAME, delegations with every kind
//! of glue and with none, types with additional data, escaped and long labels, RRsets too large for a
//! datagram. A zone obeys the rules of a zone; within them nothing is spared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fastrand::Rng;

/// A zone that was made.
pub struct Generated {
    /// The apex with its last dot.
    pub apex: String,
    /// Its master file, one record a line, SOA first.
    pub text: String,
}

/// The zone of this seed; apexes of different seeds lie apart.
pub fn zone(seed: u64) -> Generated {
    make(Draft::new(seed, NAME_MAX))
}

/// The same with names that leave room for what a signer puts before them.
pub fn zone_to_sign(seed: u64) -> Generated {
    make(Draft::new(seed, NAME_MAX - 40))
}

/// RFC 1035 2.3.4.
const NAME_MAX: usize = 255;

fn make(mut draft: Draft) -> Generated {
    draft.apex_records();
    for _ in 0..draft.rng.usize(4..14) {
        draft.host();
    }
    for _ in 0..draft.rng.usize(1..4) {
        draft.cut();
    }
    for _ in 0..draft.rng.usize(1..5) {
        draft.alias();
    }
    if draft.rng.u8(..4) > 0 {
        draft.dname();
    }
    for _ in 0..draft.rng.usize(1..4) {
        draft.pointing();
    }
    match draft.rng.u8(..4) {
        0 => draft.large(),
        1 => draft.longest_name(),
        2 => draft.chain(),
        _ => draft.loops(),
    }
    draft.finish()
}

/// Owner, as labels before the apex from left to right, and its RRsets.
type Names = BTreeMap<Vec<String>, BTreeMap<&'static str, (u32, Vec<String>)>>;

struct Draft {
    rng: Rng,
    apex: String,
    /// Octets that a name may have.
    name_max: usize,
    names: Names,
}

/// Few labels, so that names meet.
const LABELS: [&str; 14] = [
    "a",
    "b",
    "c",
    "*",
    "www",
    "ns",
    "mail",
    "_tcp",
    "A",
    "Mixed",
    "odd\\.dot",
    "\\000\\255",
    "0",
    "a-label-that-is-sixty-three-octets-long-which-is-as-long-as-one",
];

impl Draft {
    fn new(seed: u64, name_max: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let above = ["example.", "test.", "deep.er.example.", "Mixed.TEST.", ""];
        let apex = format!("z{seed}.{}", rng.choice(above).unwrap());
        Self {
            rng,
            apex,
            name_max,
            names: Names::new(),
        }
    }

    fn apex_records(&mut self) {
        let serial = self.rng.u32(..);
        let soa = format!(
            "ns.{0} Host\\.master.{0} {serial} 3600 600 864000 300",
            self.apex
        );
        let ttl = *self.rng.choice(&[0, 60, 300, 3600]).unwrap();
        self.put_ttl(&[], "SOA", ttl, soa);
        self.put(&[], "NS", "ns".to_owned());
        self.put(&["ns"], "A", "192.0.2.1".to_owned());
        if self.rng.bool() {
            self.put(&[], "NS", "ns.elsewhere.invalid.".to_owned());
        }
        if self.rng.bool() {
            self.put(&[], "MX", "10 mail".to_owned());
            self.put(&[], "TXT", "\"v=spf1 -all\"".to_owned());
        }
    }

    /// Some labels below the apex.
    fn owner(&mut self) -> Vec<&'static str> {
        let count = *self.rng.choice(&[1, 1, 1, 2, 2, 3]).unwrap();
        (0..count)
            .map(|_| *self.rng.choice(&LABELS).unwrap())
            .collect()
    }

    /// A name that something points at: mostly one of the zone, which may own nothing.
    fn target(&mut self) -> String {
        match self.rng.u8(..8) {
            0 => "host.elsewhere.invalid.".to_owned(),
            1 => "@".to_owned(),
            2 | 3 => self.owner().join("."),
            _ => {
                let count = self.names.len();
                let owner = self.names.keys().nth(self.rng.usize(..count)).unwrap();
                if owner.is_empty() {
                    "@".to_owned()
                } else {
                    owner.join(".")
                }
            }
        }
    }

    /// Plain data of one to three types.
    fn host(&mut self) {
        let owner = self.owner();
        for _ in 0..self.rng.u8(1..4) {
            let n = self.rng.u8(1..);
            let (rtype, data) = match self.rng.u8(..12) {
                0..=2 => ("A", format!("198.51.100.{n}")),
                3 | 4 => ("AAAA", format!("2001:db8::{n:x}")),
                5 => ("TXT", format!("\"n={n}; \\\"quoted\\\"\" \"\\000\\255\"")),
                6 => ("CAA", format!("0 issue \"ca{n}.example\"")),
                7 => ("TLSA", format!("3 1 1 {}", "a5".repeat(32))),
                8 => ("URI", format!("{n} 1 \"https://example.net/{n}\"")),
                9 => ("TYPE65280", format!("\\# 4 0A0000{n:02X}")),
                10 => ("HINFO", "\"PC\" \"Linux\"".to_owned()),
                _ => ("SSHFP", format!("1 1 {}", "0f".repeat(20))),
            };
            self.put(&owner, rtype, data);
        }
    }

    /// A delegation: servers in, beside and outside of it, with and without glue, DS or not, data that
    /// it hides.
    fn cut(&mut self) {
        let mut owner = self.owner();
        if owner.contains(&"*") {
            owner = vec!["cut"];
        }
        let below = |label: &'static str| [&[label][..], &owner].concat();
        for number in 0..self.rng.u8(1..4) {
            match self.rng.u8(..6) {
                0 => self.put(&owner, "NS", format!("ns{number}.elsewhere.invalid.")),
                1 => {
                    let target = self.target();
                    self.put(&owner, "NS", target);
                }
                // Glue of a server below a delegation that may be another (sibling).
                2 => {
                    self.put(&owner, "NS", "ns.sibling".to_owned());
                    self.put(&["sibling"], "NS", "ns.sibling".to_owned());
                    self.put(&["ns", "sibling"], "A", "192.0.2.98".to_owned());
                }
                kind => {
                    let label = ["ns1", "ns2", "ns3"][usize::from(number)];
                    let server = below(label);
                    self.put(&owner, "NS", server.join("."));
                    if kind != 3 {
                        self.put(&server, "A", format!("192.0.2.{}", 100 + number));
                    }
                    if kind == 5 {
                        self.put(&server, "AAAA", format!("2001:db8::{number}:53"));
                    }
                }
            }
        }
        if self.rng.bool() {
            let digest = "49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE49FD46E6C4B45C55D4AC69CB";
            self.put(&owner, "DS", format!("12345 13 2 {digest}"));
        }
        if self.rng.bool() {
            self.put(&below("hidden"), "TXT", "\"below a cut\"".to_owned());
        }
    }

    fn alias(&mut self) {
        let (owner, target) = (self.owner(), self.target());
        self.put(&owner, "CNAME", target);
    }

    /// A redirected subtree, sometimes to a target so long that names below do not fit.
    fn dname(&mut self) {
        let mut owner = self.owner();
        owner.retain(|label| *label != "*");
        owner.insert(0, "moved");
        let target = match self.rng.u8(..5) {
            0 => ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join("."),
            1 => format!("deeper.{}", owner.join(".")),
            2 => "elsewhere.invalid.".to_owned(),
            _ => self.target(),
        };
        self.put(&owner, "DNAME", target);
        if self.rng.bool() {
            self.put(&owner, "TXT", "\"beside a DNAME\"".to_owned());
        }
        let into = [&["x"][..], &owner].concat().join(".");
        self.put(&["into-dname"], "CNAME", into);
    }

    /// Types whose targets' addresses come along.
    fn pointing(&mut self) {
        let (owner, target, n) = (self.owner(), self.target(), self.rng.u8(1..));
        let second = self.target();
        match self.rng.u8(..8) {
            0 | 1 => {
                self.put(&owner, "MX", format!("{n} {target}"));
                self.put(&owner, "MX", format!("{n} {second}"));
            }
            2 => self.put(&owner, "SRV", format!("0 {n} 5060 {target}")),
            3 => self.put(&owner, "NAPTR", format!("{n} 10 \"a\" \"\" \"\" {target}")),
            4 => self.put(&owner, "SVCB", format!("0 {target}")),
            5 => self.put(&owner, "HTTPS", format!("{n} {target} alpn=h2 port=8443")),
            6 => self.put(&owner, "HTTPS", format!("{n} . ipv4hint=192.0.2.{n}")),
            _ => self.put(&owner, "PTR", target),
        }
    }

    /// RRsets that no datagram holds, and one that some do.
    fn large(&mut self) {
        let owner = self.owner();
        for number in 0..self.rng.u8(5..30) {
            let text = format!("\"{number} {}\"", "large ".repeat(15));
            self.put(&owner, "TXT", text);
        }
        for number in 0..40 {
            self.put(&["many"], "A", format!("198.51.100.{number}"));
        }
        for number in 0..13 {
            let labels = [
                "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "na", "nb", "nc",
            ];
            let server = [labels[number], "big-cut"];
            self.put(&["big-cut"], "NS", server.join("."));
            self.put(&server, "A", format!("203.0.113.{number}"));
            self.put(&server, "AAAA", format!("2001:db8::113:{number:x}"));
        }
    }

    /// A name as long as there may be, and one of as many labels.
    fn longest_name(&mut self) {
        let room = self.name_max - crate::wire::name_to_wire(&self.apex).len();
        let labels = vec!["l"; room / 2];
        self.put(&labels, "A", "192.0.2.255".to_owned());
        let mut labels = vec!["m".repeat(63); room / 64];
        let rest = room % 64;
        if rest > 1 {
            labels.push("n".repeat(rest - 1));
        }
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        self.put(&labels, "TXT", "\"long\"".to_owned());
    }

    /// A chain of aliases, of a length that some follow to the end and some do not.
    fn chain(&mut self) {
        let length = self.rng.usize(2..9);
        for number in 0..length {
            let owner = format!("link{number}");
            self.put(&[&owner], "CNAME", format!("link{}", number + 1));
        }
        let end = format!("link{length}");
        self.put(&[&end], "A", "192.0.2.111".to_owned());
    }

    fn loops(&mut self) {
        self.put(&["loop-a"], "CNAME", "loop-b".to_owned());
        self.put(&["loop-b"], "CNAME", "loop-a".to_owned());
        self.put(&["self"], "CNAME", "self".to_owned());
    }

    fn put(&mut self, owner: &[&str], rtype: &'static str, data: String) {
        let ttl = *self.rng.choice(&[60, 300, 3600, 86_400]).unwrap();
        self.put_ttl(owner, rtype, ttl, data);
    }

    /// Adds a record unless the rules forbid it beside what is there.
    fn put_ttl(&mut self, owner: &[&str], rtype: &'static str, ttl: u32, data: String) {
        let key: Vec<String> = owner.iter().map(|label| (*label).to_owned()).collect();
        // Names differ without their case (RFC 4343).
        let same = |other: &&Vec<String>| other.join(".").eq_ignore_ascii_case(&key.join("."));
        let key = self.names.keys().find(same).cloned().unwrap_or(key);
        let wire_len: usize = key.iter().map(|label| label.len() + 1).sum();
        if wire_len + self.apex.len() > self.name_max {
            return;
        }
        let sets = self.names.entry(key).or_default();
        let alone = |rtype: &str| rtype == "CNAME";
        let clash = sets.keys().any(|other| {
            (alone(rtype) != alone(other))
                // RFC 6672 2.4, RFC 1912 2.4, RFC 4035 2.5.
                || matches!((rtype, *other), ("DNAME", "NS") | ("NS", "DNAME"))
        });
        let single = matches!(rtype, "CNAME" | "DNAME" | "SOA");
        if clash || (single && sets.contains_key(rtype)) {
            return;
        }
        let set = sets.entry(rtype).or_insert((ttl, Vec::new()));
        if !set.1.iter().any(|other| other.eq_ignore_ascii_case(&data)) {
            set.1.push(data);
        }
    }

    fn finish(mut self) -> Generated {
        self.obey();
        let mut text = String::new();
        let mut names: Vec<_> = self.names.into_iter().collect();
        names.sort_by_key(|(owner, _)| owner.len());
        for (owner, sets) in names {
            let owner = if owner.is_empty() {
                self.apex.clone()
            } else {
                format!("{}.{}", owner.join("."), self.apex)
            };
            for pass in [true, false] {
                for (rtype, (ttl, set)) in
                    sets.iter().filter(|(rtype, _)| (**rtype == "SOA") == pass)
                {
                    for data in set {
                        writeln!(text, "{owner} {ttl} IN {rtype} {data}").unwrap();
                    }
                }
            }
        }
        let (soa, rest) = text.split_once('\n').unwrap();
        Generated {
            text: format!("{soa}\n$ORIGIN {}\n{rest}", self.apex),
            apex: self.apex,
        }
    }

    /// Takes out what may not be: anything below a DNAME (RFC 6672 2.4), DS without NS, and aliases
    /// or redirections as name servers' neighbours at a cut.
    fn obey(&mut self) {
        let moved: Vec<Vec<String>> = self
            .names
            .iter()
            .filter(|(_, sets)| sets.contains_key("DNAME"))
            .map(|(owner, _)| owner.clone())
            .collect();
        let is_below = |name: &Vec<String>, above: &Vec<String>| {
            name.len() > above.len()
                && name[name.len() - above.len()..]
                    .join(".")
                    .eq_ignore_ascii_case(&above.join("."))
        };
        self.names
            .retain(|owner, _| !moved.iter().any(|above| is_below(owner, above)));
        for sets in self.names.values_mut() {
            if !sets.contains_key("NS") {
                sets.remove("DS");
            }
        }
        self.names.retain(|_, sets| !sets.is_empty());
    }
}
