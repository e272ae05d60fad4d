//! Where the records lie that prove what does not exist (RFC 4035 3.1.3, RFC 5155 7.2).

use data_encoding::BASE32HEX_NOPAD;
use sha1::{Digest, Sha1};

use crate::canon;
use crate::hash::LookupName;
use crate::image::Head;
use crate::lookup::{Node, OCCLUDED};
use crate::rtype::RecordType;
use crate::zone::Zone;

/// Most extra iterations that are followed: what comes beyond costs resolvers more than it gives
/// (RFC 9276 3.2), and every negative answer would cost us as much.
pub const NSEC3_ITERATIONS_MAX: u16 = 50;

/// Only glue and empty non-terminals lie between an NSEC and a name it covers. Where more lies there,
/// the chain has a hole, and no query walks on through it.
const NSEC_STEPS_MAX: usize = 4096;

/// The parameters of a zone's NSEC3 chain (RFC 5155 4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nsec3Params {
    /// Extra iterations.
    pub iterations: u16,
    /// The salt, up to 255 octets.
    pub salt: Box<[u8]>,
}

impl Nsec3Params {
    /// The hash of a name in lower-case wire form (RFC 5155 5).
    #[must_use]
    pub fn hash(&self, folded: &[u8]) -> [u8; 20] {
        let round = |input: &[u8]| {
            Sha1::new()
                .chain_update(input)
                .chain_update(&self.salt)
                .finalize()
                .into()
        };
        let mut digest: [u8; 20] = round(folded);
        for _ in 0..self.iterations {
            digest = round(&digest);
        }
        digest
    }
}

impl Zone {
    /// The parameters of the zone's NSEC3 chain, where it has one that we follow.
    #[must_use]
    pub fn nsec3_params(&self) -> Option<&Nsec3Params> {
        self.nsec3.get_or_init(|| self.read_nsec3_params()).as_ref()
    }

    fn read_nsec3_params(&self) -> Option<Nsec3Params> {
        let apex = self.apex_node();
        let rrset = apex.rrset(RecordType::NSEC3PARAM)?;
        let mut rdata = Vec::with_capacity(32);
        rrset.spans().find_map(|span| {
            rdata.clear();
            rrset.rdata(span, self.apex.as_wire(), self.apex.as_wire(), &mut rdata);
            // RFC 5155 4.1.2: only flags of 0 are meant for servers.
            let (&[1, 0, high, low, salt_len], salt) = rdata.split_first_chunk::<5>()? else {
                return None;
            };
            let iterations = u16::from_be_bytes([high, low]);
            let salt = salt.get(..usize::from(salt_len))?;
            (iterations <= NSEC3_ITERATIONS_MAX).then(|| Nsec3Params {
                iterations,
                salt: salt.into(),
            })
        })
    }

    /// The node whose NSEC covers or matches the last `labels` labels of `name`: the last name in
    /// canonical order at or before it that has one.
    #[must_use]
    pub fn nsec_at_or_before(&self, name: &LookupName, labels: usize) -> Option<Node<'_>> {
        self.nsec_before(name.relative(self.apex_labels, labels.checked_sub(self.apex_labels)?))
    }

    /// The same for the wildcard right below the name of `encloser_labels` last labels.
    #[must_use]
    pub fn nsec_at_or_before_wildcard(
        &self,
        name: &LookupName,
        encloser_labels: usize,
    ) -> Option<Node<'_>> {
        let encloser = name.relative(
            self.apex_labels,
            encloser_labels.checked_sub(self.apex_labels)?,
        );
        let mut wildcard = [0u8; 258];
        wildcard[..2].copy_from_slice(b"\x01*");
        wildcard[2..2 + encloser.len()].copy_from_slice(encloser);
        self.nsec_before(&wildcard[..2 + encloser.len()])
    }

    fn nsec_before(&self, relative: &[u8]) -> Option<Node<'_>> {
        // A chain starts at the apex (RFC 4035 2.3); without one there is nothing to look for.
        self.apex_node().rrset(RecordType::NSEC)?;
        let has = |head: &Head<'_>| {
            head.flags & OCCLUDED == 0 && head.node(self).rrset(RecordType::NSEC).is_some()
        };
        self.last_before(relative, NSEC_STEPS_MAX, &has)
            .map(|head| head.node(self))
    }

    /// The last node at or before `relative` that `is`, over base and overlay, at most `steps_max`
    /// nodes of the base back.
    fn last_before<'z>(
        &'z self,
        relative: &[u8],
        steps_max: usize,
        is: &dyn Fn(&Head<'_>) -> bool,
    ) -> Option<Head<'z>> {
        let end = match self.image.position(relative) {
            Ok(at) => at + 1,
            Err(at) => at,
        };
        let mut base = self
            .image
            .order
            .get(..end)?
            .iter()
            .rev()
            .take(steps_max)
            .map(|at| self.image.head(*at));
        let Some(overlay) = &self.overlay else {
            return base.find(is);
        };
        let key_of = |relative: &[u8]| {
            let mut key = Vec::new();
            canon::key(relative, &mut key);
            key
        };
        let of_base = base
            .map(|head| (key_of(head.relative), head))
            .find(|(key, head)| is(head) && overlay.changed(key).is_none());
        let of_overlay = overlay
            .back_from(&key_of(relative))
            .map(|(key, changed)| (key, changed.head()))
            .find(|(_, head)| is(head));
        match (of_base, of_overlay) {
            (Some((base_key, base)), Some((key, head))) => Some(if base_key.as_slice() < key {
                head
            } else {
                base
            }),
            (Some((_, head)), None) | (None, Some((_, head))) => Some(head),
            (None, None) => None,
        }
    }

    /// The NSEC3 node that matches `hash` (`true`), or else the one that covers it.
    #[must_use]
    pub fn nsec3_at_or_before(&self, hash: &[u8; 20]) -> Option<(Node<'_>, bool)> {
        let mut label = [0u8; 33];
        label[0] = 32;
        BASE32HEX_NOPAD.encode_mut(hash, &mut label[1..]);
        if self.overlay.is_none() {
            return self
                .image
                .nsec3_at_or_before(&label[1..])
                .map(|(at, equal)| (self.image.node(at, self), equal));
        }
        let has = |head: &Head<'_>| head.node(self).rrset(RecordType::NSEC3).is_some();
        let found = self
            .last_before(&label, usize::MAX, &has)
            .or_else(|| self.last_nsec3(&has))?;
        Some((
            found.node(self),
            found.relative.eq_ignore_ascii_case(&label),
        ))
    }

    /// The chain goes round: before its first hash lies the last.
    fn last_nsec3(&self, has: &dyn Fn(&Head<'_>) -> bool) -> Option<Head<'_>> {
        let mut beyond = [0xFF; 33];
        beyond[0] = 32;
        self.last_before(&beyond, usize::MAX, has)
    }
}
