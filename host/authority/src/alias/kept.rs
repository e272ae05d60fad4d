//! What outlives a restart: the serial that secondaries have seen, and the addresses.
//!
//! One small document for each zone, and one that names these zones: a hundred thousand zones without an
//! ALIAS are not looked for one by one. It is written before a version is served, so that a kill between the
//! two makes a serial too high at worst, never one that goes back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use bailiwick_resolver::{Addresses, Found};
use bailiwick_zone::{Alias, Name, Serial};
use serde::{Deserialize, Serialize};

use super::target::Good;
use super::version::{Shown, Version};

/// The zones that have a document.
#[derive(Debug, Default)]
pub(crate) struct Index {
    zones: HashSet<Name>,
    is_changed: bool,
}

impl Index {
    pub(crate) const DOCUMENT: &'static str = "alias zones";

    pub(crate) fn of(names: Vec<String>) -> Self {
        Self {
            zones: names
                .iter()
                .filter_map(|name| Name::parse(name).ok())
                .collect(),
            is_changed: false,
        }
    }

    pub(crate) fn contains(&self, name: &Name) -> bool {
        self.zones.contains(name)
    }

    pub(crate) fn insert(&mut self, name: &Name) {
        self.is_changed |= self.zones.insert(name.clone());
    }

    pub(crate) fn remove(&mut self, name: &Name) -> bool {
        let was_there = self.zones.remove(name);
        self.is_changed |= was_there;
        was_there
    }

    /// The names, if they changed since they were written.
    pub(crate) fn take_changed(&mut self) -> Option<Vec<String>> {
        let is_changed = std::mem::take(&mut self.is_changed);
        is_changed.then(|| self.zones.iter().map(ToString::to_string).collect())
    }
}

/// The document of one zone.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Kept {
    file_serial: u32,
    serial: u32,
    /// Seconds since 1970.
    saved: u64,
    aliases: Vec<KeptAlias>,
    /// What is known of names outside.
    targets: Vec<KeptTarget>,
}

#[derive(Debug, Deserialize, Serialize)]
struct KeptAlias {
    owner: String,
    ttl: u32,
    target: String,
    shown: Option<KeptAddresses>,
}

#[derive(Debug, Deserialize, Serialize)]
struct KeptTarget {
    name: String,
    /// Seconds since 1970 of the answer.
    wall: u64,
    addresses: KeptAddresses,
}

#[derive(Debug, Deserialize, Serialize)]
struct KeptAddresses {
    v4: Vec<Ipv4Addr>,
    v4_ttl: u32,
    v6: Vec<Ipv6Addr>,
    v6_ttl: u32,
}

impl Kept {
    /// The name of a zone's document.
    pub(crate) fn document(zone: &Name) -> String {
        format!("alias {}", zone.to_lowercase())
    }

    pub(crate) fn of(version: &Version, targets: &HashMap<Name, Good>, wall: u64) -> Self {
        let alias = |alias: &Alias| KeptAlias {
            owner: alias.owner.to_string(),
            ttl: alias.ttl,
            target: alias.target.to_string(),
            shown: match version.shown.get(&alias.owner) {
                Some(Shown::Known(addresses)) => Some(addresses.into()),
                Some(Shown::Pending) | None => None,
            },
        };
        let target = |(name, good): (&Name, &Good)| KeptTarget {
            name: name.to_string(),
            wall: good.wall,
            addresses: (&good.addresses).into(),
        };
        Self {
            file_serial: version.file_serial.0,
            serial: version.serial.0,
            saved: wall,
            aliases: version.aliases.iter().map(alias).collect(),
            targets: targets.iter().map(target).collect(),
        }
    }

    /// The version that was served, and the targets with the time of their answer.
    pub(crate) fn restore(self) -> (Version, Vec<(Name, Addresses, u64)>) {
        let (mut aliases, mut shown) = (Vec::new(), BTreeMap::new());
        for kept in self.aliases {
            let (Ok(owner), Ok(target)) = (Name::parse(&kept.owner), Name::parse(&kept.target))
            else {
                continue;
            };
            let addresses = kept.shown.map(Addresses::from);
            shown.insert(
                owner.clone(),
                addresses.map_or(Shown::Pending, Shown::Known),
            );
            aliases.push(Alias {
                owner,
                ttl: kept.ttl,
                target,
            });
        }
        let targets = self.targets.into_iter().filter_map(|kept| {
            let name = Name::parse(&kept.name).ok()?;
            Some((name, kept.addresses.into(), kept.wall))
        });
        let version = Version {
            aliases,
            shown,
            file_serial: Serial(self.file_serial),
            serial: Serial(self.serial),
            kept: self.saved,
        };
        (version, targets.collect())
    }
}

impl From<&Addresses> for KeptAddresses {
    fn from(addresses: &Addresses) -> Self {
        Self {
            v4: addresses.v4.addresses.clone(),
            v4_ttl: addresses.v4.ttl,
            v6: addresses.v6.addresses.clone(),
            v6_ttl: addresses.v6.ttl,
        }
    }
}

impl From<KeptAddresses> for Addresses {
    fn from(kept: KeptAddresses) -> Self {
        Self {
            v4: Found {
                addresses: kept.v4,
                ttl: kept.v4_ttl,
            },
            v6: Found {
                addresses: kept.v6,
                ttl: kept.v6_ttl,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    /// What was written comes back, names with odd octets too.
    #[test]
    fn document_round_trips() {
        let addresses = Addresses {
            v4: Found {
                addresses: vec![[192, 0, 2, 1].into()],
                ttl: 60,
            },
            v6: Found {
                addresses: Vec::new(),
                ttl: 0,
            },
        };
        let alias = |owner: &str| Alias {
            owner: name(owner),
            ttl: 300,
            target: name("a\\.b\\000.example.net."),
        };
        let version = Version {
            aliases: vec![alias("*.example."), alias("b.example.")],
            shown: [
                (name("*.example."), Shown::Known(addresses.clone())),
                (name("b.example."), Shown::Pending),
            ]
            .into(),
            file_serial: Serial(7),
            serial: Serial(9),
            kept: 1000,
        };
        let good = Good {
            addresses: addresses.clone(),
            wall: 900,
            end: bailiwick_transfer::Moment(5),
        };
        let target = name("a\\.b\\000.example.net.");
        let kept = Kept::of(&version, &[(target.clone(), good)].into(), 1000);
        let bytes = serde_json::to_vec(&kept).unwrap();
        let (restored, targets) = serde_json::from_slice::<Kept>(&bytes).unwrap().restore();
        assert_eq!(
            (restored.serial, restored.file_serial, restored.kept),
            (Serial(9), Serial(7), 1000)
        );
        assert_eq!(
            (&restored.aliases, &restored.shown),
            (&version.aliases, &version.shown)
        );
        assert_eq!(targets, [(target, addresses, 900)]);
    }

    /// The list of documents is written when it changes.
    #[test]
    fn index_is_written_when_it_changes() {
        let mut index = Index::of(vec!["a.example.".to_owned()]);
        index.insert(&name("A.example."));
        assert_eq!(index.take_changed(), None);
        index.insert(&name("b.example."));
        assert_eq!(index.take_changed().map(|names| names.len()), Some(2));
        assert!(index.remove(&name("b.example.")) && !index.contains(&name("b.example.")));
        assert_eq!(index.take_changed(), Some(vec!["a.example.".to_owned()]));
    }
}
