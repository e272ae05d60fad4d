//! Aliases: CNAME and DNAME, followed inside the zone.
//!
//! A chain is at most [`CHAIN_MAX`] links long and stops where it meets itself (RELIABILITY P10). A
//! target outside the zone ends the answer, even when another zone of ours would have it: that it is
//! ours too is chance to the client, and a resolver asks again anyway. RFC 1034 4.3.2 leaves it open;
//! Knot stays inside as well.

use bailiwick_zone::name::{is_at_or_below_wire, read_into};
use bailiwick_zone::{LookupName, Node, RecordType, Rrset};

use crate::compose::{Compose, Next};
use crate::encode::{Full, Owner, Section, pointer};
use crate::job::{Names, Verdict};
use crate::rcode::Rcode;

/// RFC 1034 has no bound; this one keeps a query's work finite, and is BIND's of old (the first link and 16
/// restarts).
pub const CHAIN_MAX: usize = 17;

/// What is remembered of the links written so far.
#[derive(Default)]
pub(crate) struct Chain {
    /// Hashes of the names the chain went through.
    names: [u64; CHAIN_MAX],
    len: usize,
    /// Names that were answered from a wildcard: where they stand, and the wildcard's depth.
    owed: [(u16, u8); CHAIN_MAX + 1],
    owed_len: usize,
    /// The DNAME in the answer: where it is stored, and where its target stands in the message.
    dnames: [(usize, u16); 4],
    dnames_len: usize,
}

impl Chain {
    /// Forgets everything.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.owed_len = 0;
        self.dnames_len = 0;
    }

    /// Whether the question's own name is still being answered.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Notes a name on the way; false if it was there before or there are too many.
    fn pass(&mut self, name: &LookupName) -> bool {
        let hash = name.suffix_hash(name.labels());
        if self.names.iter().take(self.len).any(|other| *other == hash) {
            return false;
        }
        match self.names.get_mut(self.len) {
            Some(slot) => {
                *slot = hash;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    /// Notes that the name at `owner` was answered from a wildcard `depth` labels below the apex, so
    /// that its own absence is to be proved.
    #[inline]
    pub(crate) fn owe(&mut self, owner: Owner<'_>, depth: usize) {
        if let (Owner::At(at), Some(slot)) = (owner, self.owed.get_mut(self.owed_len)) {
            *slot = (at, depth as u8);
            self.owed_len += 1;
        }
    }

    /// Names whose absence is still to be proved.
    #[inline]
    pub(crate) fn owed(&self) -> &[(u16, u8)] {
        self.owed.get(..self.owed_len).unwrap_or(&[])
    }

    /// Where the target of a DNAME stands, if it was written already.
    fn dname_target(&self, rrset: &Rrset<'_>) -> Option<u16> {
        let stored_at = rrset.records().as_ptr().addr();
        self.dnames
            .iter()
            .take(self.dnames_len)
            .find(|(other, _)| *other == stored_at)
            .map(|(_, at)| *at)
    }

    fn note_dname(&mut self, rrset: &Rrset<'_>, target_at: u16) {
        if let Some(slot) = self.dnames.get_mut(self.dnames_len) {
            *slot = (rrset.records().as_ptr().addr(), target_at);
            self.dnames_len += 1;
        }
    }
}

impl<'z> Compose<'_, 'z, '_> {
    /// Goes on at the alias target at octet `at`, until the answer is complete.
    #[cold]
    pub(crate) fn follow(
        &mut self,
        name: &LookupName,
        mut at: u16,
        names: &mut Names,
    ) -> Result<(), Full> {
        self.chain.pass(name);
        let Names {
            alias,
            target,
            wire,
        } = names;
        loop {
            wire.clear();
            let read = read_into(self.message.written(), usize::from(at), wire);
            let inside = read.is_ok() && is_at_or_below_wire(wire, self.zone.apex().as_wire());
            if !inside || alias.set_wire(wire, self.key).is_err() || !self.chain.pass(alias) {
                // The last name is not answered here; proofs are owed for the links nevertheless.
                return self.settle(target);
            }
            match self.step(alias, Owner::At(at), target)? {
                Next::Done => return Ok(()),
                Next::Alias(next) => at = next,
            }
        }
    }

    /// RFC 6672 3.1: writes the DNAME and the CNAME it stands for.
    #[cold]
    pub(crate) fn substitute(
        &mut self,
        name: &LookupName,
        owner: Owner<'static>,
        rrset: &Rrset<'z>,
        node: &Node<'z>,
        scratch: &mut LookupName,
    ) -> Result<Next, Full> {
        let target_at = match self.chain.dname_target(rrset) {
            Some(at) => at,
            None => {
                let placed =
                    self.put_signed(Section::Answer, rrset, Owner::Below(node.relative()), None)?;
                let at = (placed.records_at + 12) as u16;
                self.chain.note_dname(rrset, at);
                at
            }
        };
        let prefix_len = name.suffix_start(self.apex_labels + node.depth());
        let prefix = name.wire().get(..prefix_len).unwrap_or(&[]);
        let target_len = rrset.records().len().saturating_sub(12);
        if prefix.len() + target_len > 255 {
            // RFC 6672 2.2: no such name can exist; the DNAME itself shows why.
            self.says.rcode = Rcode::YXDOMAIN;
            self.says.verdict = Verdict::Answer;
            self.settle(scratch)?;
            return Ok(Next::Done);
        }
        let Owner::At(owner_at) = owner else {
            return Ok(Next::Done);
        };
        let start = self.message.len();
        let space = self.message.reserve(12 + prefix.len() + 2)?;
        // RFC 6672 3.1: the TTL is the DNAME's.
        let head = [
            &pointer(usize::from(owner_at))[..],
            &RecordType::CNAME.0.to_be_bytes(),
            &[0, 1],
            &rrset.ttl().to_be_bytes(),
            &(prefix.len() as u16 + 2).to_be_bytes(),
            prefix,
            &pointer(usize::from(target_at)),
        ];
        let mut rest = space;
        for part in head {
            let Some((front, back)) = rest.split_at_mut_checked(part.len()) else {
                return Err(Full);
            };
            front.copy_from_slice(part);
            rest = back;
        }
        self.message.add_count(Section::Answer, 1);
        if self.qtype == RecordType::CNAME || self.qtype == RecordType::ANY {
            // The CNAME is what was asked for.
            self.settle(scratch)?;
            return Ok(Next::Done);
        }
        Ok(Next::Alias((start + 12) as u16))
    }
}
