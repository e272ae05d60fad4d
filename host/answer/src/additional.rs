//! Referrals and the additional section: what a resolver would have to ask next.

use bailiwick_zone::{LookupName, Node, RecordType, Rrset};

use crate::compose::Compose;
use crate::encode::{Full, Owner, POINTER_MAX, Placed, Section};

impl<'z> Compose<'_, 'z, '_> {
    /// A referral: NS of the cut, DS or the proof that there is none, glue.
    #[inline]
    pub(crate) fn refer(
        &mut self,
        name: &LookupName,
        owner: Owner<'static>,
        cut: &Node<'z>,
        scratch: &mut LookupName,
    ) -> Result<(), Full> {
        let Some(ns) = cut.rrset(RecordType::NS) else {
            return Ok(());
        };
        // The cut is the name itself or above it, so its name stands in the message already if the
        // name was not compressed, as a question's is not.
        let owner = match owner {
            Owner::At(at) if self.chain.is_empty() => {
                Owner::At(at.wrapping_add(name.suffix_start(self.apex_labels + cut.depth()) as u16))
            }
            _ => Owner::Below(cut.relative()),
        };
        // RFC 4035 3.1.4: the NS RRset of a cut is not signed here.
        let placed = self.message.put(Section::Authority, &ns, owner, None)?;
        if self.dnssec {
            match cut.rrset(RecordType::DS) {
                Some(ds) => {
                    self.put_signed(Section::Authority, &ds, owner, None)?;
                }
                None => self.prove_no_ds(name, cut)?,
            }
        }
        let cut_at = name.suffix_start(self.apex_labels + cut.depth());
        self.glue(
            &ns,
            placed,
            name.wire().get(cut_at..).unwrap_or(&[0]),
            scratch,
        )
    }

    /// RFC 9471: in-domain glue must be there or TC is set; other addresses only if there is room.
    fn glue(
        &mut self,
        rrset: &Rrset<'z>,
        placed: Placed,
        owner: &[u8],
        scratch: &mut LookupName,
    ) -> Result<(), Full> {
        let mark = self.message.mark();
        let mut optional = false;
        for target in rrset.targets() {
            let Some(node) = self.zone.target(rrset, &target, owner, scratch) else {
                continue;
            };
            let Some(name) = target_owner(&node, placed, target.place) else {
                continue;
            };
            optional |= !target.in_domain;
            if self.address(&node, name).is_err() && target.in_domain {
                if !optional {
                    return Err(Full);
                }
                self.message.rewind(mark);
                return self.required_glue(rrset, placed, owner, scratch);
            }
        }
        Ok(())
    }

    /// As [`Self::glue`], where addresses of other names took the room that in-domain ones need.
    #[cold]
    fn required_glue(
        &mut self,
        rrset: &Rrset<'z>,
        placed: Placed,
        owner: &[u8],
        scratch: &mut LookupName,
    ) -> Result<(), Full> {
        for target in rrset.targets().filter(|target| target.in_domain) {
            if let Some(node) = self.zone.target(rrset, &target, owner, scratch)
                && let Some(name) = target_owner(&node, placed, target.place)
            {
                self.address(&node, name)?;
            }
        }
        Ok(())
    }

    /// Addresses of the names in a positive answer, as far as they fit (RFC 2181 9: no TC for them).
    #[inline]
    pub(crate) fn addresses(
        &mut self,
        rrset: &Rrset<'z>,
        placed: Placed,
        owner: &[u8],
        scratch: &mut LookupName,
    ) {
        // The target of an alias is the next question, not an address of this answer.
        if rrset.has_targets() && rrset.rtype() != RecordType::CNAME {
            self.addresses_of_targets(rrset, placed, owner, scratch);
        }
    }

    fn addresses_of_targets(
        &mut self,
        rrset: &Rrset<'z>,
        placed: Placed,
        owner: &[u8],
        scratch: &mut LookupName,
    ) {
        for target in rrset.targets() {
            if let Some(node) = self.zone.target(rrset, &target, owner, scratch)
                && let Some(name) = target_owner(&node, placed, target.place)
                && self.address(&node, name).is_err()
            {
                return;
            }
        }
    }

    /// The address RRsets of one node.
    #[inline]
    fn address(&mut self, node: &Node<'z>, mut owner: Owner<'z>) -> Result<(), Full> {
        // Types are in rising order within a node, so A comes first.
        for rrset in node.rrsets() {
            if !matches!(rrset.rtype(), RecordType::A | RecordType::AAAA) || rrset.count() == 0 {
                continue;
            }
            let placed = self.message.put(Section::Additional, &rrset, owner, None)?;
            if self.dnssec {
                // RFC 4035 3.1.1: here an RRset may stand without its signatures.
                let _room = self.put_signatures(Section::Additional, &rrset, owner, placed, None);
            }
            if placed.owner_at <= POINTER_MAX {
                owner = Owner::At(placed.owner_at as u16);
            }
        }
        Ok(())
    }
}

/// The name of a target stands in the RDATA that names it. Nothing where that is out of a pointer's
/// reach and the node is a wildcard, whose name may not be the target's.
#[inline]
fn target_owner<'z>(node: &Node<'z>, placed: Placed, place: u16) -> Option<Owner<'z>> {
    let at = placed.records_at + usize::from(place);
    if placed.records_at > 0 && at <= POINTER_MAX {
        Some(Owner::At(at as u16))
    } else {
        let name = node.relative();
        (!name.starts_with(b"\x01*")).then_some(Owner::Below(name))
    }
}
