//! Proofs of a presigned zone: what is not there, and why a wildcard was used.
//!
//! They are looked up, never computed (but for the NSEC3 hashes of the names in question). Each
//! record goes in once. RFC 4035 3.1.3 for NSEC, RFC 5155 7.2 for NSEC3.

use bailiwick_zone::name::read_into;
use bailiwick_zone::{LookupName, Node, Nsec3Params, RecordType};

use crate::compose::Compose;
use crate::encode::{Full, Owner, Section};

impl<'z> Compose<'_, 'z, '_> {
    /// Proves what the wildcards of the answer section owe: RFC 4035 3.1.3.3, RFC 5155 7.2.6.
    ///
    /// Called once, when the answer section is complete.
    #[inline]
    pub(crate) fn settle(&mut self, scratch: &mut LookupName) -> Result<(), Full> {
        if !self.dnssec || self.chain.owed().is_empty() {
            return Ok(());
        }
        self.settle_owed(scratch)
    }

    #[cold]
    fn settle_owed(&mut self, expanded: &mut LookupName) -> Result<(), Full> {
        let mut next = 0;
        while let Some((at, depth)) = self.chain.owed().get(next).copied() {
            next += 1;
            let wire = &mut self.proofs.wire;
            wire.clear();
            if read_into(self.message.written(), usize::from(at), wire).is_err()
                || expanded.set_wire(wire, self.key).is_err()
            {
                continue;
            }
            // The wildcard is one label below the closest encloser.
            let encloser = self.apex_labels + usize::from(depth).saturating_sub(1);
            match self.zone.nsec3_params() {
                None => self.put_nsec(self.zone.nsec_at_or_before(expanded, expanded.labels()))?,
                Some(params) => self.put_nsec3(params, expanded.suffix(encloser + 1))?,
            }
        }
        Ok(())
    }

    /// RFC 4035 3.1.3.2, RFC 5155 7.2.2: the name does not exist, nor does a wildcard for it.
    #[cold]
    pub(crate) fn prove_no_name(
        &mut self,
        name: &LookupName,
        closest_encloser: &Node<'z>,
    ) -> Result<(), Full> {
        let encloser = self.apex_labels + closest_encloser.depth();
        match self.zone.nsec3_params() {
            None => {
                self.put_nsec(self.zone.nsec_at_or_before(name, name.labels()))?;
                self.put_nsec(self.zone.nsec_at_or_before_wildcard(name, encloser))
            }
            Some(params) => {
                let provable = self.prove_encloser(params, name, encloser)?;
                self.put_nsec3_of_wildcard(params, name, provable)
            }
        }
    }

    /// RFC 4035 3.1.3.1 and 3.1.3.4, RFC 5155 7.2.3 to 7.2.5: the type is not at the name, or not at
    /// the wildcard that stands in for it.
    #[cold]
    pub(crate) fn prove_no_data(
        &mut self,
        name: &LookupName,
        node: &Node<'z>,
        is_wildcard: bool,
    ) -> Result<(), Full> {
        match (self.zone.nsec3_params(), is_wildcard) {
            // An empty non-terminal has no NSEC: it lies between two names (RFC 4035 3.1.3.2).
            (None, false) => self.put_nsec(self.zone.nsec_at_or_before(name, name.labels())),
            (None, true) => {
                let encloser = self.apex_labels + node.depth().saturating_sub(1);
                self.put_nsec(self.zone.nsec_at_or_before_wildcard(name, encloser))?;
                self.put_nsec(self.zone.nsec_at_or_before(name, name.labels()))
            }
            (Some(params), false) => self.prove_match(params, name, name.labels()),
            (Some(params), true) => {
                let encloser = self.apex_labels + node.depth().saturating_sub(1);
                self.prove_encloser(params, name, encloser)?;
                self.put_nsec3_of_wildcard(params, name, encloser)
            }
        }
    }

    /// RFC 4035 3.1.4.1, RFC 5155 7.2.7: the delegation is not signed.
    #[cold]
    pub(crate) fn prove_no_ds(&mut self, name: &LookupName, cut: &Node<'z>) -> Result<(), Full> {
        match self.zone.nsec3_params() {
            None => self.put_denial(cut, RecordType::NSEC),
            Some(params) => self.prove_match(params, name, self.apex_labels + cut.depth()),
        }
    }

    /// The NSEC3 of the suffix of `labels` labels; where opt-out left it out, the closest provable
    /// encloser and the NSEC3 that covers the next closer name.
    fn prove_match(
        &mut self,
        params: &Nsec3Params,
        name: &LookupName,
        labels: usize,
    ) -> Result<(), Full> {
        match self
            .zone
            .nsec3_at_or_before(&params.hash(name.suffix(labels)))
        {
            Some((node, true)) => self.put_denial(&node, RecordType::NSEC3),
            _ if labels > self.apex_labels => {
                self.prove_encloser(params, name, labels - 1).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// RFC 5155 7.2.1: the closest provable encloser at or above the suffix of `encloser` labels, and
    /// that the name one label longer is not there. Returns the labels of the encloser.
    ///
    /// Mostly the encloser is itself provable. Below a delegation that opt-out left out there may be any
    /// number of names that are not, each costing a hash to find out (RELIABILITY P7). But above a name
    /// that is in the chain all are (7.1), so it is halved down to: seven hashes for a hundred labels.
    fn prove_encloser(
        &mut self,
        params: &Nsec3Params,
        name: &LookupName,
        encloser: usize,
    ) -> Result<usize, Full> {
        let zone = self.zone;
        let matching = |labels| {
            let found = zone.nsec3_at_or_before(&params.hash(name.suffix(labels)))?;
            found.1.then_some(found.0)
        };
        let mut closest = matching(encloser).map(|node| (node, encloser));
        let (mut low, mut high) = (self.apex_labels, encloser);
        while closest.is_none_or(|(_, labels)| labels < encloser) && low < high {
            let middle = low.midpoint(high);
            match matching(middle) {
                Some(node) => (closest, low) = (Some((node, middle)), middle + 1),
                None => high = middle,
            }
        }
        if let Some((node, _)) = &closest {
            self.put_denial(node, RecordType::NSEC3)?;
        }
        let labels = closest.map_or(self.apex_labels, |(_, labels)| labels);
        self.put_nsec3(params, name.suffix(labels + 1))?;
        Ok(labels)
    }

    fn put_nsec(&mut self, node: Option<Node<'z>>) -> Result<(), Full> {
        node.map_or(Ok(()), |node| self.put_denial(&node, RecordType::NSEC))
    }

    /// The NSEC3 that matches or covers a name in lower case.
    fn put_nsec3(&mut self, params: &Nsec3Params, name: &[u8]) -> Result<(), Full> {
        match self.zone.nsec3_at_or_before(&params.hash(name)) {
            Some((node, _)) => self.put_denial(&node, RecordType::NSEC3),
            None => Ok(()),
        }
    }

    /// The same for the wildcard right below the suffix of `encloser` labels.
    fn put_nsec3_of_wildcard(
        &mut self,
        params: &Nsec3Params,
        name: &LookupName,
        encloser: usize,
    ) -> Result<(), Full> {
        let wire = &mut self.proofs.wire;
        wire.clear();
        wire.extend_from_slice(b"\x01*");
        wire.extend_from_slice(name.suffix(encloser));
        let hash = params.hash(wire);
        match self.zone.nsec3_at_or_before(&hash) {
            Some((node, _)) => self.put_denial(&node, RecordType::NSEC3),
            None => Ok(()),
        }
    }

    /// Writes the NSEC or NSEC3 of a node, once.
    fn put_denial(&mut self, node: &Node<'z>, rtype: RecordType) -> Result<(), Full> {
        if let Some(rrset) = node.rrset(rtype)
            && self.proofs.insert(&rrset)
        {
            self.put_signed(
                Section::Authority,
                &rrset,
                Owner::Below(node.relative()),
                None,
            )?;
        }
        Ok(())
    }
}
