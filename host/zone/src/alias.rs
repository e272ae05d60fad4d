//! ALIAS: a name that is to have the addresses of another one.
//!
//! It is no type of the DNS but an order to the server that has the zone: look up the A and AAAA RRsets of
//! the target and serve them here, as data like any other. So it may stand where a CNAME may not, at an
//! apex or beside MX. Others know it by the same private number (65401) and nobody needs to: what is
//! answered and transferred are addresses.
//!
//! While they are not known the owner is *pending*: a question for its addresses gets no answer
//! ([`Lookup::Pending`]), because "there are none" would be false and is remembered by resolvers.

use crate::hash::LookupName;
use crate::lookup::Lookup;
use crate::name::Name;
use crate::overlay::Change;
use crate::record::RecordBuf;
use crate::rtype::RecordType;
use crate::serial::Serial;
use crate::zone::Zone;

/// One ALIAS record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alias {
    /// Where the addresses are to be; may be a wildcard.
    pub owner: Name,
    /// The longest that they may be kept, in seconds.
    pub ttl: u32,
    /// Whose addresses they are.
    pub target: Name,
}

impl Alias {
    /// The ALIAS records among `records`, in their order.
    #[must_use]
    pub fn among(records: &RecordBuf) -> Vec<Self> {
        let aliases = records
            .iter()
            .filter(|record| record.rtype == RecordType::ALIAS);
        let read = aliases.filter_map(|record| {
            Some(Self {
                owner: Name::from_wire(record.owner).ok()?,
                ttl: record.ttl,
                target: Name::from_wire(record.rdata).ok()?,
            })
        });
        read.collect()
    }
}

impl Zone {
    /// Those of `aliases` whose owner can be asked for: not below a zone cut or a DNAME. The zone must be
    /// the version that they were read from.
    #[must_use]
    pub fn reachable_aliases(&self, aliases: Vec<Alias>) -> Vec<Alias> {
        let mut name = LookupName::new();
        let mut is_reachable = |alias: &Alias| {
            name.set_wire(alias.owner.as_wire(), &self.key).is_ok()
                && matches!(self.lookup(&name, RecordType::ALIAS), Lookup::Answer { .. })
        };
        aliases
            .into_iter()
            .filter(|alias| is_reachable(alias))
            .collect()
    }
}

impl Zone {
    /// The change that gives the zone another serial and leaves the rest of its SOA.
    #[must_use]
    pub fn serial_change(&self, serial: Serial) -> Option<Change> {
        let soa = self.soa_rrset()?;
        let (apex, mut rdata) = (self.apex.as_wire(), Vec::new());
        soa.rdata(soa.spans().next()?, apex, apex, &mut rdata);
        // RFC 1035 3.3.13: five numbers end the RDATA, the serial is the first.
        let at = rdata.len().checked_sub(20)?;
        rdata
            .get_mut(at..at + 4)?
            .copy_from_slice(&serial.0.to_be_bytes());
        Some(Change {
            owner: self.apex.clone(),
            rtype: RecordType::SOA,
            rrset: Some((soa.ttl(), vec![rdata.into()])),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HashKey;
    use crate::master::{ParseOptions, parse};

    fn key() -> HashKey {
        HashKey::from_bytes([7; 32])
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn zone(text: &str) -> (Zone, Vec<Alias>) {
        let options = ParseOptions {
            origin: Some(name("example.")),
            ..ParseOptions::default()
        };
        let text = format!("$TTL 300\n@ SOA ns h 7 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n{text}");
        let parsed = parse(text.as_bytes(), &options).unwrap();
        let zone = parsed.build(&key()).unwrap();
        let aliases = zone.reachable_aliases(Alias::among(&parsed.records));
        (zone, aliases)
    }

    fn find<'z>(zone: &'z Zone, owner: &str, rtype: RecordType) -> Lookup<'z> {
        let mut lookup = LookupName::new();
        lookup.set_wire(name(owner).as_wire(), &key()).unwrap();
        zone.lookup(&lookup, rtype)
    }

    fn addresses(owner: &str) -> Vec<Change> {
        let change = |rtype, rrset| Change {
            owner: name(owner),
            rtype,
            rrset,
        };
        vec![
            change(RecordType::A, Some((60, vec![[9, 9, 9, 9].into()]))),
            change(RecordType::ALIAS, None),
        ]
    }

    #[test]
    fn aliases_are_read_with_owner_ttl_and_target() {
        let (_, aliases) = zone("@ 60 ALIAS cdn.example.net.\n*.w ALIAS b\n");
        let of = |owner: &str, ttl, target: &str| Alias {
            owner: name(owner),
            ttl,
            target: name(target),
        };
        assert_eq!(
            aliases,
            [
                of("example.", 60, "cdn.example.net."),
                of("*.w.example.", 300, "b.example.")
            ]
        );
    }

    /// What lies below a zone cut is the child's to answer.
    #[test]
    fn aliases_below_a_cut_are_left_alone() {
        let (_, aliases) =
            zone("sub NS ns.sub\nns.sub A 192.0.2.2\nwww.sub ALIAS a.example.net.\n");
        assert!(aliases.is_empty());
    }

    /// "There is no address" would be false and be remembered (RFC 2308): while it is not known, addresses
    /// have no answer. Other types have.
    #[test]
    fn a_pending_alias_has_no_answer_for_addresses_alone() {
        let (plain, _) = zone("@ ALIAS a.example.net.\n@ MX 1 ns\n*.w ALIAS a.example.net.\n");
        let pending = plain
            .with_pending(&[name("example."), name("*.w.example.")])
            .unwrap();
        for (owner, rtype) in [
            ("example.", RecordType::A),
            ("example.", RecordType::AAAA),
            ("x.w.example.", RecordType::A),
        ] {
            assert!(
                matches!(find(&pending, owner, rtype), Lookup::Pending { .. }),
                "{owner}"
            );
        }
        assert!(matches!(
            find(&pending, "example.", RecordType::MX),
            Lookup::Answer { .. }
        ));
        assert!(matches!(
            find(&pending, "example.", RecordType::TXT),
            Lookup::NoData { .. }
        ));
        assert!(matches!(
            find(&pending, "ns.example.", RecordType::A),
            Lookup::Answer { .. }
        ));
        // A change of something else at the owner decides nothing.
        let change = Change {
            owner: name("example."),
            rtype: RecordType::MX,
            rrset: None,
        };
        let still = pending.with_changes(&[change]).unwrap();
        assert!(matches!(
            find(&still, "example.", RecordType::A),
            Lookup::Pending { .. }
        ));
    }

    /// Flattened addresses are data like any other: found, expanded from a wildcard, and no ALIAS is
    /// left.
    #[test]
    fn addresses_that_came_are_ordinary_data() {
        let (plain, _) = zone("@ ALIAS a.example.net.\n*.w ALIAS a.example.net.\n");
        let pending = plain
            .with_pending(&[name("example."), name("*.w.example.")])
            .unwrap();
        let changes = [addresses("example."), addresses("*.w.example.")].concat();
        let flat = pending.with_changes(&changes).unwrap();
        for owner in ["example.", "x.w.example."] {
            let Lookup::Answer { rrset, .. } = find(&flat, owner, RecordType::A) else {
                panic!("{owner}");
            };
            assert_eq!((rrset.ttl(), rrset.count()), (60, 1));
            assert!(matches!(
                find(&flat, owner, RecordType::AAAA),
                Lookup::NoData { .. }
            ));
            assert!(matches!(
                find(&flat, owner, RecordType::ALIAS),
                Lookup::NoData { .. }
            ));
        }
        let left = Alias::among(&flat.to_records());
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn only_the_serial_of_the_soa_changes() {
        let (plain, _) = zone("");
        let change = plain.serial_change(Serial(8)).unwrap();
        let newer = plain.with_changes(&[change]).unwrap();
        let expected = crate::Soa {
            serial: Serial(8),
            ..plain.soa().clone()
        };
        assert_eq!(newer.soa(), &expected);
    }
}
