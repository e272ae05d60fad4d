//! What has changed since the base was made: an ordered persistent map from name to its new node.
//!
//! A changed node carries all its RRsets as they are now, so it simply stands in for the base's; one
//! without RRsets says that the base's are gone. A change copies the path to it and shares the rest
//! with the version before. Beside the map lies the set of hashes that names on the way to a change
//! have, so that a look-up for any other name never leaves the base.

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, OrdMap};

use crate::canon;
use crate::hash::{HashKey, LookupName};
use crate::image::Head;
use crate::image::build;
use crate::image::encode::Place;
use crate::lookup::{MIXED_CASE, PENDING};
use crate::name::{Name, labels};
use crate::record::{Record, RecordBuf};
use crate::rtype::RecordType;
use crate::zone::{Zone, read_soa};

/// One RRset as it shall be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Its owner.
    pub owner: Name,
    /// Its type.
    pub rtype: RecordType,
    /// TTL and RDATA in uncompressed wire form; `None` removes the RRset.
    pub rrset: Option<(u32, Vec<Box<[u8]>>)>,
}

/// Changed nodes by canonical key.
#[derive(Clone, Default)]
pub(crate) struct Overlay {
    names: OrdMap<Box<[u8]>, Arc<Changed>>,
    /// How many changed names lie at or below the name with this hash.
    on_the_way: GenericHashMap<u64, u32, BuildHasherDefault<Itself>, DefaultSharedPtr>,
    /// Labels of the deepest changed name.
    depth_max: usize,
    /// A wildcard or DNAME right at the apex changed: any name may be concerned.
    everywhere: bool,
    pub(crate) records_added: i64,
    pub(crate) size_bytes: usize,
}

/// A node as it is now.
pub(crate) struct Changed {
    relative: Box<[u8]>,
    depth: u8,
    flags: u8,
    entries: Box<[u8]>,
    records: u64,
}

impl Changed {
    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            link: 0,
            flags: self.flags,
            depth: self.depth,
            relative: &self.relative,
            entries: &self.entries,
        }
    }
}

/// Hashes are random already.
#[derive(Default)]
pub(crate) struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

impl Overlay {
    /// Whether what `name` looks up may differ from the base.
    #[inline]
    pub(crate) fn touches(&self, name: &LookupName, apex_labels: usize, depth: usize) -> bool {
        if self.everywhere || depth == 0 {
            return true;
        }
        (1..=depth.min(self.depth_max)).any(|k| {
            self.on_the_way
                .contains_key(&name.suffix_hash(apex_labels + k))
        })
    }

    /// The changed node with this key.
    pub(crate) fn changed(&self, key: &[u8]) -> Option<Head<'_>> {
        self.names.get(key).map(|changed| changed.head())
    }

    /// Whether a changed name below `key` has records.
    pub(crate) fn has_below(&self, key: &[u8]) -> bool {
        self.names
            .range::<_, [u8]>((Bound::Excluded(key), Bound::Unbounded))
            .take_while(|(own, _)| own.starts_with(key))
            .any(|(_, changed)| !changed.entries.is_empty())
    }

    /// Changed nodes in canonical order, those after `key` if there is one.
    pub(crate) fn iter_after(&self, key: Option<&[u8]>) -> impl Iterator<Item = (&[u8], &Changed)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.names
            .range::<_, [u8]>((from, Bound::Unbounded))
            .map(|(key, changed)| (&**key, &**changed))
    }

    /// The last changed name before or at `key`, backwards from there.
    pub(crate) fn back_from(&self, key: &[u8]) -> impl Iterator<Item = (&[u8], &Changed)> {
        self.names
            .range::<_, [u8]>((Bound::Unbounded, Bound::Included(key)))
            .rev()
            .map(|(key, changed)| (&**key, &**changed))
    }

    fn put(&mut self, key: &HashKey, apex: &Name, base_records: u64, changed: Changed) {
        let mut own = Vec::new();
        canon::key(&changed.relative, &mut own);
        let before = self.names.get(own.as_slice()).map(|old| old.records);
        if before.is_none() {
            let mut hash = apex
                .labels()
                .rev()
                .fold(key.root(), |hash, label| key.below(hash, label));
            for label in labels(&changed.relative).rev() {
                hash = key.below(hash, label);
                let count = self.on_the_way.get(&hash).copied().unwrap_or(0);
                self.on_the_way.insert(hash, count + 1);
            }
        }
        self.depth_max = self.depth_max.max(usize::from(changed.depth));
        self.everywhere |= labels(&changed.relative).next_back() == Some(b"*");
        self.records_added += changed.records as i64 - before.unwrap_or(base_records) as i64;
        self.size_bytes += own.len() + changed.relative.len() + changed.entries.len() + 128;
        self.names.insert(own.into(), Arc::new(changed));
    }
}

impl Zone {
    /// The zone after `changes`, which share one moment: all of them or, on an error, none.
    ///
    /// # Errors
    /// As [`Zone::build`]: the SOA must stay, and owners must be in the zone.
    pub fn with_changes(&self, changes: &[Change]) -> Result<Self, build::BuildError> {
        self.changed(changes, &[])
    }

    /// The zone in which the addresses of `owners` cannot be told ([`crate::alias`]): until a change to
    /// their ALIAS RRset, if only that it goes.
    ///
    /// # Errors
    /// An owner that is not in the zone.
    pub fn with_pending(&self, owners: &[Name]) -> Result<Self, build::BuildError> {
        self.changed(&[], owners)
    }

    fn changed(&self, changes: &[Change], pending: &[Name]) -> Result<Self, build::BuildError> {
        let mut overlay = self.overlay.as_deref().cloned().unwrap_or_default();
        let owners = changes.iter().map(|change| &change.owner).chain(pending);
        let mut owners: Vec<&Name> = owners.collect();
        owners.sort();
        owners.dedup();
        let mut sorted: Vec<&Change> = changes.iter().collect();
        sorted.sort_by(|a, b| a.owner.cmp(&b.owner));
        let mut name = LookupName::new();
        for owner in owners {
            if !owner.is_at_or_below(&self.apex)
                || name.set_wire(owner.as_wire(), &self.key).is_err()
            {
                return Err(build::BuildError::OutOfZone {
                    owner: owner.clone(),
                    apex: self.apex.clone(),
                });
            }
            // Changes may be many: each owner's stand together.
            let own = sorted.partition_point(|change| change.owner < *owner);
            let own = sorted.get(own..).unwrap_or_default();
            let own_len = own.partition_point(|change| change.owner == *owner);
            let of_owner = || own.iter().take(own_len).copied();
            let mut records = RecordBuf::new();
            let old = self.node(&name);
            let mut base_records = 0;
            if let Some(node) = old {
                node.for_each_record(owner.as_wire(), &mut Vec::new(), &mut |record| {
                    base_records += 1;
                    if !of_owner().any(|change| change.rtype == record.rtype) {
                        records.push(record);
                    }
                });
            }
            for change in of_owner() {
                for (ttl, rdata) in change
                    .rrset
                    .iter()
                    .flat_map(|(ttl, all)| all.iter().map(move |rdata| (*ttl, rdata)))
                {
                    records.push(Record {
                        owner: owner.as_wire(),
                        rtype: change.rtype,
                        ttl,
                        rdata,
                    });
                }
            }
            overlay.everywhere |=
                *owner == self.apex && of_owner().any(|change| change.rtype == RecordType::DNAME);
            let mut changed = self.changed_node(owner, &records);
            let was_pending = old.is_some_and(|node| node.flags & PENDING != 0);
            let is_decided = of_owner().any(|change| change.rtype == RecordType::ALIAS);
            if pending.contains(owner) || (was_pending && !is_decided) {
                changed.flags |= PENDING;
            }
            overlay.put(&self.key, &self.apex, base_records, changed);
        }
        if let Some(head) = overlay.changed(&[]) {
            let soa = read_soa(&self.apex, head)?;
            return Ok(Self {
                overlay: Some(Arc::new(overlay)),
                soa,
                // Read anew: it stands at the apex.
                nsec3: OnceLock::new(),
                ..self.clone()
            });
        }
        Ok(Self {
            overlay: Some(Arc::new(overlay)),
            ..self.clone()
        })
    }

    fn changed_node(&self, owner: &Name, records: &RecordBuf) -> Changed {
        let mut sorted: Vec<Record<'_>> = records.iter().collect();
        sorted.sort_by(|a, b| {
            build::rank(a)
                .cmp(&build::rank(b))
                .then_with(|| a.rdata.cmp(b.rdata))
        });
        let mut entries = Vec::new();
        let place = Place {
            owner: owner.as_wire(),
            apex: self.apex.as_wire(),
        };
        let contents = build::entries(sorted.into_iter(), place, &mut entries, &mut Vec::new());
        let relative = &owner.as_wire()[..owner.as_wire().len() - self.apex.as_wire().len()];
        let depth = owner.label_count() - self.apex_labels;
        let mixed = if relative.iter().any(u8::is_ascii_uppercase) {
            MIXED_CASE
        } else {
            0
        };
        Changed {
            relative: relative.into(),
            depth: depth as u8,
            flags: contents.flags(depth == 0) | mixed,
            entries: entries.into(),
            records: contents.records,
        }
    }

    /// Whether the overlay has grown so far that a new base is worth making: about 2 % of it.
    #[must_use]
    pub fn wants_rebuild(&self) -> bool {
        self.overlay.as_ref().is_some_and(|overlay| {
            overlay.names.len() > 64 && overlay.size_bytes > self.image.size() / 50
        })
    }

    /// The same zone with everything in its base.
    ///
    /// # Errors
    /// None that a zone which exists can meet, but for its size.
    pub fn rebuilt(&self) -> Result<Self, build::BuildError> {
        Ok(Self::build(&self.apex, &self.to_records(), &self.key)?.with_slot(self.slot))
    }
}

/// The canonical keys of a name and its ancestors down from the apex, in one buffer: the key of an
/// ancestor is the start of the name's own.
pub(crate) struct PathKey {
    key: Vec<u8>,
    /// Where the key of each depth ends.
    ends: Vec<usize>,
}

impl PathKey {
    pub(crate) fn new(name: &LookupName, apex_labels: usize) -> Self {
        let relative = name.relative(apex_labels, name.labels().saturating_sub(apex_labels));
        let (mut key, mut ends) = (Vec::with_capacity(relative.len() * 2), vec![0]);
        for label in labels(relative).rev() {
            let mut one = Vec::with_capacity(label.len() + 1);
            one.push(label.len() as u8);
            one.extend_from_slice(label);
            canon::key(&one, &mut key);
            ends.push(key.len());
        }
        Self { key, ends }
    }

    /// The key of the ancestor at `depth`.
    pub(crate) fn at(&self, depth: usize) -> &[u8] {
        self.ends
            .get(depth)
            .and_then(|end| self.key.get(..*end))
            .unwrap_or(&self.key)
    }

    /// The key of the wildcard right below that ancestor.
    pub(crate) fn wildcard(&self, depth: usize) -> Vec<u8> {
        let mut key = self.at(depth).to_vec();
        canon::key(b"\x01*", &mut key);
        key
    }
}
