//! A zone: an immutable base, a small overlay of changes, and what every answer about it needs.
//!
//! The base is one block made once (`image`); a change makes a new `Zone` that shares the
//! base and differs in its overlay alone, so it costs memory and time in proportion to itself.
//! Zones are values: whoever holds one sees one version, however many are published meanwhile.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use crate::canon;
use crate::hash::{HashKey, LookupName};
use crate::image::build::{self, BuildError, Order};
use crate::image::{APEX, Head, Image};
use crate::lookup::{Lookup, Node};
use crate::name::{Name, is_at_or_below_wire};
use crate::overlay::Overlay;
use crate::proof::Nsec3Params;
use crate::record::{Record, RecordBuf};
use crate::rrset::{Rrset, Target};
use crate::rtype::RecordType;
use crate::serial::Serial;

/// An immutable version of a zone.
#[derive(Clone)]
pub struct Zone {
    pub(crate) apex: Name,
    pub(crate) apex_labels: usize,
    pub(crate) slot: u32,
    pub(crate) expired: bool,
    /// It stands for data that are not there yet.
    pub(crate) absent: bool,
    pub(crate) key: HashKey,
    pub(crate) image: Arc<Image>,
    pub(crate) overlay: Option<Arc<Overlay>>,
    pub(crate) soa: Soa,
    /// Read when the first proof needs it.
    pub(crate) nsec3: OnceLock<Option<Nsec3Params>>,
}

/// The fields of an SOA record (RFC 1035 3.3.13), its TTL with them. Times are in seconds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Soa {
    /// The primary's name.
    pub mname: Name,
    /// The mailbox of who is responsible, as a name.
    pub rname: Name,
    /// The version.
    pub serial: Serial,
    /// How often a secondary asks.
    pub refresh: u32,
    /// How long it waits after a failure.
    pub retry: u32,
    /// How long it answers without hearing from a primary.
    pub expire: u32,
    /// TTL of negative answers, with the record's own as a ceiling (RFC 2308 5).
    pub minimum: u32,
    /// The record's own TTL.
    pub ttl: u32,
}

impl Soa {
    /// Reads SOA RDATA in uncompressed wire form.
    #[must_use]
    pub fn from_rdata(rdata: &[u8], ttl: u32) -> Option<Self> {
        let (mname, at) = Name::read(rdata, 0).ok()?;
        let (rname, at) = Name::read(rdata, at).ok()?;
        let numbers: &[u8; 20] = rdata.get(at..)?.try_into().ok()?;
        let number = |i: usize| {
            u32::from_be_bytes([numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]])
        };
        Some(Self {
            mname,
            rname,
            serial: Serial(number(0)),
            refresh: number(4),
            retry: number(8),
            expire: number(12),
            minimum: number(16),
            ttl,
        })
    }

    /// TTL of the SOA in negative answers (RFC 2308 3).
    #[must_use]
    pub fn negative_ttl(&self) -> u32 {
        self.ttl.min(self.minimum)
    }
}

impl Zone {
    /// The key of its names' hashes.
    #[must_use]
    pub fn key(&self) -> &HashKey {
        &self.key
    }

    /// Builds a zone from its records, in any order. Equal records count once.
    ///
    /// # Errors
    /// When there is not exactly one SOA at the apex, or a record lies outside. Other rules of a
    /// good zone are [`crate::check`]'s.
    pub fn build(apex: &Name, records: &RecordBuf, key: &HashKey) -> Result<Self, BuildError> {
        Self::from_image(apex, build::image(apex, records, key)?, key)
    }

    /// The same where the order of the records is known already.
    pub(crate) fn build_in(
        order: &Order,
        apex: &Name,
        records: &RecordBuf,
        key: &HashKey,
    ) -> Result<Self, BuildError> {
        Self::from_image(apex, build::image_in(order, apex, records, key)?, key)
    }

    pub(crate) fn from_image(apex: &Name, image: Image, key: &HashKey) -> Result<Self, BuildError> {
        let soa = read_soa(apex, image.head(APEX))?;
        Ok(Self {
            apex: apex.clone(),
            apex_labels: apex.label_count(),
            slot: 0,
            expired: false,
            absent: false,
            key: *key,
            image: Arc::new(image),
            overlay: None,
            soa,
            nsec3: OnceLock::new(),
        })
    }

    /// Its name.
    #[inline]
    #[must_use]
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// How many labels its name has, the root not counted.
    #[inline]
    #[must_use]
    pub fn apex_labels(&self) -> usize {
        self.apex_labels
    }

    /// Its version.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.soa.serial
    }

    /// The SOA's fields.
    #[inline]
    #[must_use]
    pub fn soa(&self) -> &Soa {
        &self.soa
    }

    /// The dense number under which counters, leases and rules know this zone.
    #[inline]
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The same zone under another number.
    #[must_use]
    pub fn with_slot(mut self, slot: u32) -> Self {
        self.slot = slot;
        self
    }

    /// Whether its primary was silent for longer than the SOA's expire: it must not be answered any
    /// more (RFC 1035 3.3.13), and nobody else answers for it.
    #[inline]
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expired
    }

    /// What stands for a zone whose data are not there yet: it keeps a zone above it from denying names
    /// that are not its own (RFC 1034 4.3.2 step 2), and is answered as an expired one is.
    ///
    /// # Panics
    /// Never: one SOA at the apex makes a zone.
    #[must_use]
    pub fn absent(apex: &Name, key: &HashKey) -> Self {
        let mut records = RecordBuf::new();
        records.push(Record {
            owner: apex.as_wire(),
            rtype: RecordType::SOA,
            ttl: 0,
            // Two root names and five numbers.
            rdata: &[0; 22],
        });
        let zone = Self::build(apex, &records, key).expect("one SOA at the apex makes a zone");
        Self {
            expired: true,
            absent: true,
            ..zone
        }
    }

    /// Whether it stands for data that are not there yet.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// The same zone, expired or alive again.
    #[must_use]
    pub fn with_expired(mut self, expired: bool) -> Self {
        self.expired = expired;
        self
    }

    /// How many records it has.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        match &self.overlay {
            None => self.image.records,
            Some(overlay) => self
                .image
                .records
                .saturating_add_signed(overlay.records_added),
        }
    }

    /// Octets of memory that it holds.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.image.size()
            + self
                .overlay
                .as_ref()
                .map_or(0, |overlay| overlay.size_bytes)
    }

    /// Whether the SOA is signed, so that proofs are given to whoever asks. A zone with keys and no
    /// signatures is unsigned, as it is to every name server.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.soa_rrset()
            .is_some_and(|soa| soa.signatures().is_some())
    }

    /// The apex.
    #[inline]
    #[must_use]
    pub fn apex_node(&self) -> Node<'_> {
        match &self.overlay {
            None => self.image.node(APEX, self),
            Some(overlay) => overlay
                .changed(&[])
                .map_or_else(|| self.image.node(APEX, self), |head| head.node(self)),
        }
    }

    /// The SOA RRset. Each zone has one.
    #[inline]
    #[must_use]
    pub fn soa_rrset(&self) -> Option<Rrset<'_>> {
        self.apex_node().rrset(RecordType::SOA)
    }

    /// The node of a target of `rrset`, which is stored at or answered for `owner` (wire form), or the
    /// wildcard that stands in for it. `scratch` is only used where the zone has an overlay.
    #[inline]
    #[must_use]
    pub fn target<'z>(
        &'z self,
        rrset: &Rrset<'z>,
        target: &Target,
        owner: &[u8],
        scratch: &mut LookupName,
    ) -> Option<Node<'z>> {
        if self.overlay.is_none() {
            return (target.node != 0).then(|| self.image.node(target.node, self));
        }
        let mut name = Vec::with_capacity(64);
        rrset.name_at(
            usize::from(target.place),
            owner,
            self.apex.as_wire(),
            &mut name,
        );
        scratch.set_wire(&name, &self.key).ok()?;
        if !is_at_or_below_wire(scratch.wire(), self.apex.as_wire()) {
            return None;
        }
        self.node(scratch)
            .or_else(|| match self.lookup(scratch, RecordType::A) {
                Lookup::Answer { node, wildcard, .. }
                | Lookup::Cname { node, wildcard, .. }
                | Lookup::NoData { node, wildcard } => wildcard.then_some(node),
                _ => None,
            })
    }

    /// The node of exactly this name, whatever lies above it: glue and occluded names too. `None`
    /// where the name does not exist or is not in the zone.
    #[must_use]
    pub fn node(&self, name: &LookupName) -> Option<Node<'_>> {
        let depth = name.labels().checked_sub(self.apex_labels)?;
        if !name
            .suffix(self.apex_labels)
            .eq_ignore_ascii_case(self.apex.as_wire())
        {
            return None;
        }
        self.head_at(name, depth).map(|head| head.node(self))
    }

    /// Calls `each` with every record in canonical order of owners, the SOA first, until it breaks.
    pub fn for_each_record(&self, each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>) {
        self.for_each_record_after(None, each);
    }

    /// The same from the first owner after `after` (a wire name of the zone): how a walk that stopped
    /// behind all records of one owner goes on.
    pub fn for_each_record_after(
        &self,
        after: Option<&[u8]>,
        each: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) {
        let apex_len = self.apex.as_wire().len();
        let after = after.map(|owner| &owner[..owner.len().saturating_sub(apex_len)]);
        let (mut owner, mut rdata) = (Vec::with_capacity(255), Vec::with_capacity(512));
        let mut flow = ControlFlow::Continue(());
        self.for_each_head(after, &mut |head| {
            owner.clear();
            owner.extend_from_slice(head.relative);
            owner.extend_from_slice(self.apex.as_wire());
            head.node(self)
                .for_each_record(&owner, &mut rdata, &mut |record| {
                    if flow.is_continue() {
                        flow = each(record);
                    }
                });
            flow
        });
    }

    /// Calls `each` with every node that has records, in canonical order, after the relative name
    /// `after` if there is one.
    fn for_each_head(
        &self,
        after: Option<&[u8]>,
        each: &mut dyn FnMut(Head<'_>) -> ControlFlow<()>,
    ) {
        let from = after.map_or(0, |name| match self.image.position(name) {
            Ok(at) => at + 1,
            Err(at) => at,
        });
        let mut base = self.image.order[from..]
            .iter()
            .map(|at| self.image.head(*at))
            .peekable();
        let Some(overlay) = &self.overlay else {
            for head in base {
                if each(head).is_break() {
                    return;
                }
            }
            return;
        };
        let (mut key, mut after_key) = (Vec::new(), None);
        if let Some(name) = after {
            canon::key(name, after_key.insert(Vec::new()));
        }
        for (changed_key, changed) in overlay.iter_after(after_key.as_deref()) {
            while let Some(head) = base.peek().copied() {
                key.clear();
                canon::key(head.relative, &mut key);
                if key.as_slice() > changed_key {
                    break;
                }
                if key.as_slice() != changed_key && each(head).is_break() {
                    return;
                }
                base.next();
            }
            if each(changed.head()).is_break() {
                return;
            }
        }
        for head in base {
            if each(head).is_break() {
                return;
            }
        }
    }

    /// All records in a buffer.
    #[must_use]
    pub fn to_records(&self) -> RecordBuf {
        let mut records = RecordBuf::new();
        self.for_each_record(&mut |record| {
            records.push(record);
            ControlFlow::Continue(())
        });
        records
    }

    /// Asks for the memory that a look-up of `name` reads first.
    #[inline]
    pub fn prefetch_index(&self, name: &LookupName) {
        self.image.index.prefetch(name.suffix_hash(name.labels()));
    }

    /// Asks for the memory that it reads next. Worth calling some time after
    /// [`Self::prefetch_index`].
    #[inline]
    pub fn prefetch_node(&self, name: &LookupName) {
        if let Some(at) = self.image.index.guess(name.suffix_hash(name.labels())) {
            self.image.prefetch(at);
        }
    }
}

/// The SOA at the apex, read.
pub(crate) fn read_soa(apex: &Name, head: Head<'_>) -> Result<Soa, BuildError> {
    let mut rest = head.entries;
    while let Some(rrset) = Rrset::first(rest) {
        if rrset.rtype() == RecordType::SOA
            && let Some(span) = rrset.spans().next()
        {
            let mut rdata = Vec::new();
            rrset.rdata(span, apex.as_wire(), apex.as_wire(), &mut rdata);
            return Soa::from_rdata(&rdata, rrset.ttl())
                .ok_or_else(|| BuildError::BadSoa(apex.clone()));
        }
        rest = rrset.rest();
    }
    Err(BuildError::NoSoa(apex.clone()))
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Zone({} serial {}, {} records)",
            self.apex,
            self.soa.serial,
            self.record_count()
        )
    }
}
