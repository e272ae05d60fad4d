//! What the ALIAS records of one zone come to: changes to its file, and the serial that goes with them.
//!
//! The serial that is served is the file's until addresses have come; each time they differ it rises by
//! one, as for any other change (RFC 1035 3.3.13 by way of RFC 1982). A file that is loaded with a higher
//! one takes over; with a lower one, or an equal, the serial that secondaries have seen is passed: it never
//! goes back, also over a restart, for which it is kept.

use std::collections::BTreeMap;

use bailiwick_resolver::{Addresses, Found};
use bailiwick_zone::{Alias, Change, Name, RecordType, Serial};

use crate::live::Flat;

/// What is served at one owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// No answer for addresses.
    Pending,
    /// These, the TTL of each type the least of the way to it.
    Known(Addresses),
}

/// The ALIAS records of one zone and what is served of them.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) aliases: Vec<Alias>,
    pub(crate) shown: BTreeMap<Name, Shown>,
    /// What the file says.
    pub(crate) file_serial: Serial,
    /// What is served.
    pub(crate) serial: Serial,
    /// Seconds since 1970 when this was last kept for a restart.
    pub(crate) kept: u64,
}

impl Version {
    /// A zone as it was loaded. What was served before stays for those of its ALIAS records that have not
    /// changed.
    pub(crate) fn adopt(aliases: Vec<Alias>, file_serial: Serial, before: Option<Self>) -> Self {
        let of = |alias: &Alias| {
            let before = before.as_ref()?;
            let same = before.aliases.iter().any(|known| known == alias);
            before.shown.get(&alias.owner).filter(|_| same).cloned()
        };
        let shown: BTreeMap<Name, Shown> = aliases
            .iter()
            .map(|alias| (alias.owner.clone(), of(alias).unwrap_or(Shown::Pending)))
            .collect();
        let serial = match &before {
            None => file_serial,
            Some(before) if before.file_serial == file_serial && before.shown == shown => {
                before.serial
            }
            Some(before) if file_serial > before.serial => file_serial,
            Some(before) => before.serial.next(),
        };
        Self {
            aliases,
            shown,
            file_serial,
            serial,
            kept: before.map_or(0, |before| before.kept),
        }
    }

    /// Takes what is known now; says whether that is something new.
    pub(crate) fn show(&mut self, shown: BTreeMap<Name, Shown>) -> bool {
        let is_new = self.shown != shown;
        if is_new {
            self.shown = shown;
            self.serial = self.serial.next();
        }
        is_new
    }

    /// Nothing is different from the file, and nothing needs to be remembered.
    pub(crate) fn is_plain(&self) -> bool {
        self.aliases.is_empty() && self.serial == self.file_serial
    }

    /// As changes to the file's version. `keeps_name` says of an owner whether something beside the ALIAS
    /// is there.
    pub(crate) fn flat(&self, keeps_name: impl Fn(&Name) -> bool) -> Flat {
        let mut flat = Flat {
            changes: Vec::new(),
            pending: Vec::new(),
            serial: self.serial,
        };
        for (owner, shown) in &self.shown {
            let Shown::Known(Addresses { v4, v6 }) = shown else {
                flat.pending.push(owner.clone());
                continue;
            };
            let mut change = |rtype, rrset| {
                flat.changes.push(Change {
                    owner: owner.clone(),
                    rtype,
                    rrset,
                });
            };
            change(RecordType::A, rrset(v4, |ip| ip.octets().into()));
            change(RecordType::AAAA, rrset(v6, |ip| ip.octets().into()));
            if !v4.addresses.is_empty() || !v6.addresses.is_empty() || keeps_name(owner) {
                change(RecordType::ALIAS, None);
            } else if let Some(alias) = self.aliases.iter().find(|alias| alias.owner == *owner) {
                // A name that has nothing else goes on to exist by the ALIAS itself, here and at every
                // secondary, to which it is a type like any unknown one (RFC 3597). Otherwise a wildcard
                // might stand in for it.
                let rdata = alias.target.as_wire().into();
                change(RecordType::ALIAS, Some((alias.ttl, vec![rdata])));
            }
        }
        flat
    }
}

/// The least TTL of the way, and none where there is no address: it would differ and mean nothing.
pub(crate) fn bounded(addresses: &Addresses, ttl: u32) -> Addresses {
    fn one<T: Clone>(found: &Found<T>, ttl: u32) -> Found<T> {
        Found {
            addresses: found.addresses.clone(),
            ttl: if found.addresses.is_empty() {
                0
            } else {
                // RFC 2181 8: the highest bit means nothing good.
                found.ttl.min(ttl).min(i32::MAX as u32)
            },
        }
    }
    Addresses {
        v4: one(&addresses.v4, ttl),
        v6: one(&addresses.v6, ttl),
    }
}

type Set = (u32, Vec<Box<[u8]>>);

fn rrset<T>(found: &Found<T>, octets: impl Fn(&T) -> Box<[u8]>) -> Option<Set> {
    let rdata: Vec<_> = found.addresses.iter().map(octets).collect();
    (!rdata.is_empty()).then_some((found.ttl, rdata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    fn alias(owner: &str) -> Alias {
        Alias {
            owner: name(owner),
            ttl: 300,
            target: name("cdn.example.net."),
        }
    }

    fn known(last: u8, ttl: u32) -> Shown {
        let addresses = Addresses {
            v4: Found {
                addresses: vec![[192, 0, 2, last].into()],
                ttl,
            },
            v6: Found {
                addresses: Vec::new(),
                ttl: 5,
            },
        };
        Shown::Known(bounded(&addresses, 300))
    }

    fn shown(last: u8) -> BTreeMap<Name, Shown> {
        [(name("example."), known(last, 60))].into()
    }

    fn adopt(serial: u32, before: Option<Version>) -> Version {
        Version::adopt(vec![alias("example.")], Serial(serial), before)
    }

    /// RFC 1982: the serial rises with every change and with nothing else.
    #[test]
    fn serial_rises_with_every_change() {
        let mut version = adopt(u32::MAX, None);
        assert_eq!(
            (version.serial, version.is_plain()),
            (Serial(u32::MAX), false)
        );
        assert!(version.show(shown(1)));
        assert_eq!(version.serial, Serial(0));
        assert!(!version.show(shown(1)));
        assert!(version.show(shown(2)));
        assert_eq!(version.serial, Serial(1));
    }

    /// What secondaries have seen is never passed back: a file's serial counts while it is higher.
    #[test]
    fn serial_of_a_file_counts_while_it_is_higher() {
        let mut version = adopt(7, None);
        version.show(shown(1));
        version.show(shown(2));
        assert_eq!(version.serial, Serial(9));
        assert_eq!(
            adopt(7, Some(version.clone())).serial,
            Serial(9),
            "the same file"
        );
        assert_eq!(adopt(8, Some(version.clone())).serial, Serial(10));
        assert_eq!(adopt(9, Some(version.clone())).serial, Serial(10));
        assert_eq!(adopt(20, Some(version.clone())).serial, Serial(20));
        let without = Version::adopt(Vec::new(), Serial(8), Some(version.clone()));
        assert_eq!((without.serial, without.is_plain()), (Serial(10), false));
        let higher = Version::adopt(Vec::new(), Serial(20), Some(version));
        assert!(higher.is_plain());
    }

    /// A reload keeps the addresses of what did not change, and of nothing else.
    #[test]
    fn addresses_stay_with_their_alias() {
        let mut version = adopt(7, None);
        version.show(shown(1));
        let other = Alias {
            target: name("other.example.net."),
            ..alias("example.")
        };
        assert_eq!(adopt(8, Some(version.clone())).shown, shown(1));
        let changed = Version::adopt(vec![other], Serial(8), Some(version));
        assert_eq!(changed.flat(|_| true).pending, [name("example.")]);
    }

    /// "None" has no TTL that could differ from one look to the next.
    #[test]
    fn ttl_of_nothing_is_no_change() {
        let nothing = |ttl| Addresses {
            v4: Found {
                addresses: Vec::new(),
                ttl,
            },
            v6: Found {
                addresses: Vec::new(),
                ttl,
            },
        };
        assert_eq!(bounded(&nothing(5), 300), bounded(&nothing(60), 300));
    }

    /// A name with nothing else goes on to exist by the ALIAS itself.
    #[test]
    fn name_without_anything_keeps_its_alias() {
        let mut version = adopt(7, None);
        let Shown::Known(mut none) = known(1, 60) else {
            unreachable!()
        };
        none.v4.addresses.clear();
        version.show([(name("example."), Shown::Known(none))].into());
        let kept = |keeps_name: bool| {
            let flat = version.flat(|_| keeps_name);
            let alias = flat
                .changes
                .into_iter()
                .find(|change| change.rtype == RecordType::ALIAS);
            alias.is_some_and(|change| change.rrset.is_some())
        };
        assert!(kept(false) && !kept(true));
    }
}
