//! Fills answer, authority and additional from what the zone says: one `match` on [`Lookup`].
//!
//! The walk starts at the question's name and restarts at alias targets inside the zone
//! ([`crate::alias`]). Sections are written in order, so proofs that a wildcard in the middle of a
//! chain owes are noted and written when the answer section is complete ([`crate::proof`]).

use bailiwick_zone::{HashKey, Lookup, LookupName, Node, RecordType, Rrset, Zone};

use crate::alias::Chain;
use crate::encode::{Full, Message, Owner, POINTER_MAX, Placed, QNAME, Section, pointer};
use crate::job::{Names, Notes, Verdict};
use crate::rcode::Rcode;
use crate::request::Request;
use crate::settings::{Any, Settings};

/// What a response says besides its sections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Says {
    pub(crate) rcode: Rcode,
    pub(crate) authoritative: bool,
    pub(crate) verdict: Verdict,
}

/// A response being composed from one zone.
pub(crate) struct Compose<'m, 'z, 'w> {
    pub(crate) message: Message<'m>,
    pub(crate) zone: &'z Zone,
    pub(crate) key: &'z HashKey,
    pub(crate) apex_labels: usize,
    /// Signatures and proofs are wanted, and the zone has them.
    pub(crate) dnssec: bool,
    pub(crate) qtype: RecordType,
    any: Any,
    pub(crate) says: Says,
    /// The links so far.
    pub(crate) chain: &'w mut Chain,
    /// Denial records that are in the message already, by where they are stored.
    pub(crate) proofs: &'w mut Proofs,
}

/// Denial records written so far; a response never needs more than a few.
#[derive(Default)]
pub(crate) struct Proofs {
    stored_at: [usize; 8],
    len: usize,
    /// A name being put together.
    pub(crate) wire: Vec<u8>,
}

impl Proofs {
    /// Notes an RRset; false if it is there already.
    pub(crate) fn insert(&mut self, rrset: &Rrset<'_>) -> bool {
        let stored_at = rrset.records().as_ptr().addr();
        if self
            .stored_at
            .iter()
            .take(self.len)
            .any(|other| *other == stored_at)
        {
            return false;
        }
        if let Some(slot) = self.stored_at.get_mut(self.len) {
            *slot = stored_at;
            self.len += 1;
        }
        true
    }
}

/// Where the walk goes after one step.
pub(crate) enum Next {
    /// The answer is complete.
    Done,
    /// On to the alias target that stands at this octet of the message.
    Alias(u16),
}

impl<'m, 'z, 'w> Compose<'m, 'z, 'w> {
    /// Ready to answer `request` from `zone`.
    #[inline]
    pub(crate) fn new(
        mut message: Message<'m>,
        zone: &'z Zone,
        key: &'z HashKey,
        request: &Request,
        settings: &Settings,
        notes: &'w mut Notes,
    ) -> Self {
        let Notes { chain, proofs } = notes;
        chain.clear();
        proofs.len = 0;
        message.apex_len = zone.apex().as_wire().len();
        Self {
            message,
            zone,
            key,
            apex_labels: zone.apex_labels(),
            // Signatures and proofs are given where they are asked for (RFC 4035 3.1).
            dnssec: request.dnssec_ok() && zone.is_signed(),
            qtype: request.qtype,
            any: settings.any,
            says: Says {
                rcode: Rcode::NOERROR,
                authoritative: true,
                verdict: Verdict::Answer,
            },
            chain,
            proofs,
        }
    }

    /// Answers `name`.
    #[inline]
    pub(crate) fn run(&mut self, name: &LookupName, names: &mut Names) {
        // RFC 2181 9: what must be there and does not fit sets TC.
        if self.walk(name, names).is_err() {
            self.message.truncated = true;
        }
    }

    #[inline]
    fn walk(&mut self, name: &LookupName, names: &mut Names) -> Result<(), Full> {
        if self.qtype == RecordType::IXFR {
            return self.lone_soa(name);
        }
        match self.step(name, QNAME, &mut names.target)? {
            Next::Done => Ok(()),
            Next::Alias(at) => self.follow(name, at, names),
        }
    }

    /// Answers one name of the chain, which stands in the message at `owner`.
    #[inline]
    pub(crate) fn step(
        &mut self,
        name: &LookupName,
        owner: Owner<'static>,
        target: &mut LookupName,
    ) -> Result<Next, Full> {
        match self.zone.lookup(name, self.qtype) {
            Lookup::Answer {
                rrset,
                node,
                wildcard,
            } => {
                let placed = self.put_signed(Section::Answer, &rrset, owner, None)?;
                if wildcard {
                    self.chain.owe(owner, node.depth());
                }
                self.settle(target)?;
                self.addresses(&rrset, placed, name.wire(), target);
                Ok(Next::Done)
            }
            Lookup::Cname {
                rrset,
                node,
                wildcard,
            } => {
                let placed = self.put_signed(Section::Answer, &rrset, owner, None)?;
                if wildcard {
                    self.chain.owe(owner, node.depth());
                }
                let target_at = (placed.records_at + 12) as u16;
                // The common end of a chain, known when the zone was built.
                if !self.dnssec
                    && let Some(Lookup::Answer { rrset: found, .. }) =
                        self.zone.lookup_target(&rrset, self.qtype)
                {
                    let placed =
                        self.message
                            .put(Section::Answer, &found, Owner::At(target_at), None)?;
                    self.addresses(&found, placed, &[], target);
                    return Ok(Next::Done);
                }
                Ok(Next::Alias(target_at))
            }
            Lookup::Dname { rrset, node } => self.substitute(name, owner, &rrset, &node, target),
            Lookup::Delegation { cut } => {
                if self.chain.is_empty() {
                    self.says.authoritative = false;
                    self.says.verdict = Verdict::Referral;
                }
                self.settle(target)?;
                self.refer(name, owner, &cut, target)?;
                Ok(Next::Done)
            }
            // Neither type is stored as such, so a look-up never finds one.
            Lookup::NoData { node, wildcard }
                if matches!(self.qtype, RecordType::ANY | RecordType::RRSIG)
                    && self.some_rrset(&node, owner)? =>
            {
                if wildcard {
                    self.chain.owe(owner, node.depth());
                }
                self.settle(target)?;
                Ok(Next::Done)
            }
            Lookup::NoData { node, wildcard } => {
                if self.chain.is_empty() {
                    self.says.verdict = Verdict::NoData;
                }
                self.settle(target)?;
                self.soa()?;
                if self.dnssec {
                    self.prove_no_data(name, &node, wildcard)?;
                }
                Ok(Next::Done)
            }
            Lookup::Pending { .. } => {
                // Neither "there is none" nor REFUSED would be true; resolvers ask again soon.
                self.says = Says {
                    rcode: Rcode::SERVFAIL,
                    authoritative: false,
                    verdict: Verdict::Fault,
                };
                self.settle(target)?;
                Ok(Next::Done)
            }
            Lookup::NxDomain { closest_encloser } => {
                // RFC 6604 3: the code speaks of the last name of the chain.
                self.says.rcode = Rcode::NXDOMAIN;
                self.says.verdict = Verdict::NxDomain;
                self.settle(target)?;
                self.soa()?;
                if self.dnssec {
                    self.prove_no_name(name, &closest_encloser)?;
                }
                Ok(Next::Done)
            }
        }
    }

    /// The SOA of a negative answer.
    fn soa(&mut self) -> Result<(), Full> {
        let Some(soa) = self.zone.soa_rrset() else {
            return Ok(());
        };
        // RFC 2308 3: the lesser of its TTL and its MINIMUM.
        let fields = self.zone.soa();
        let ttl = (fields.minimum < fields.ttl).then_some(fields.minimum);
        self.put_signed(Section::Authority, &soa, Owner::Below(&[]), ttl)?;
        Ok(())
    }

    /// RFC 1995 2: what IXFR gets over UDP, so that the client comes back over a stream.
    fn lone_soa(&mut self, name: &LookupName) -> Result<(), Full> {
        if name.labels() != self.apex_labels {
            self.says = Says {
                rcode: Rcode::NOTAUTH,
                authoritative: false,
                verdict: Verdict::Fault,
            };
            return Ok(());
        }
        let Some(soa) = self.zone.soa_rrset() else {
            return Ok(());
        };
        self.message.put(Section::Answer, &soa, QNAME, None)?;
        Ok(())
    }

    /// RFC 8482 4.1 and 7: one RRset, its signatures, or HINFO. False if the node has nothing to give.
    #[cold]
    fn some_rrset(&mut self, node: &Node<'z>, owner: Owner<'_>) -> Result<bool, Full> {
        if self.qtype == RecordType::RRSIG {
            let Some(signatures) = node.rrsets().find_map(|rrset| rrset.signatures()) else {
                return Ok(false);
            };
            self.message
                .put(Section::Answer, &signatures, owner, None)?;
            return Ok(true);
        }
        let Some(rrset) = node.rrsets().find(|rrset| rrset.count() > 0) else {
            return Ok(false);
        };
        match self.any {
            Any::OneRrset => {
                self.put_signed(Section::Answer, &rrset, owner, None)?;
            }
            Any::Hinfo => {
                let space = self.message.reserve(HINFO.len())?;
                space.copy_from_slice(HINFO);
                if let (Owner::At(at), Some(head)) = (owner, space.first_chunk_mut::<2>()) {
                    *head = pointer(usize::from(at));
                }
                self.message.add_count(Section::Answer, 1);
            }
        }
        Ok(true)
    }

    /// Writes an RRset and, where wanted, its signatures: both or neither.
    #[inline]
    pub(crate) fn put_signed(
        &mut self,
        section: Section,
        rrset: &Rrset<'_>,
        owner: Owner<'_>,
        ttl: Option<u32>,
    ) -> Result<Placed, Full> {
        if !self.dnssec {
            return self.message.put(section, rrset, owner, ttl);
        }
        let mark = self.message.mark();
        let placed = self.message.put(section, rrset, owner, ttl)?;
        if self
            .put_signatures(section, rrset, owner, placed, ttl)
            .is_err()
        {
            self.message.rewind(mark);
            return Err(Full);
        }
        Ok(placed)
    }

    /// Writes the signatures of an RRset that has just been placed.
    pub(crate) fn put_signatures(
        &mut self,
        section: Section,
        rrset: &Rrset<'_>,
        owner: Owner<'_>,
        placed: Placed,
        ttl: Option<u32>,
    ) -> Result<(), Full> {
        if let Some(signatures) = rrset.signatures() {
            let owner = if placed.owner_at <= POINTER_MAX {
                Owner::At(placed.owner_at as u16)
            } else {
                owner
            };
            self.message.put(section, &signatures, owner, ttl)?;
        }
        Ok(())
    }
}

/// RFC 8482 4.2: CPU "RFC8482", OS empty, an hour.
const HINFO: &[u8] = b"\xc0\x0c\x00\x0d\x00\x01\x00\x00\x0e\x10\x00\x09\x07RFC8482\x00";

/// RFC 8945 5.2.1: the response to an unknown key carries its TSIG record unsigned, with BADKEY.
#[cold]
pub(crate) fn tsig_bad_key(message: &mut Message<'_>, request: &[u8], read: &Request) {
    let Some(tsig) = read
        .tsig_at
        .and_then(|at| unsigned_tsig(request, usize::from(at)))
    else {
        return;
    };
    if let Ok(space) = message.reserve(tsig.len()) {
        space.copy_from_slice(&tsig);
        message.add_count(Section::Additional, 1);
    }
}

/// The TSIG record at `at` of a request, with an empty MAC and error BADKEY.
fn unsigned_tsig(request: &[u8], at: usize) -> Option<Vec<u8>> {
    let mut tsig = Vec::new();
    let fixed = bailiwick_zone::name::read_into(request, at, &mut tsig).ok()?;
    // Type TSIG, class ANY, TTL 0; the length follows when it is known.
    tsig.extend_from_slice(&[0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
    let start = tsig.len();
    let times = bailiwick_zone::name::read_into(request, fixed + 10, &mut tsig).ok()?;
    let (time_fudge, rest) = request.get(times..)?.split_first_chunk::<8>()?;
    let mac_len = rest
        .first_chunk::<2>()
        .map(|len| usize::from(u16::from_be_bytes(*len)))?;
    let original_id = rest.get(2 + mac_len..)?.first_chunk::<2>()?;
    tsig.extend_from_slice(time_fudge);
    tsig.extend_from_slice(&[0, 0]);
    tsig.extend_from_slice(original_id);
    tsig.extend_from_slice(&Rcode::BADKEY.0.to_be_bytes());
    tsig.extend_from_slice(&[0, 0]);
    let len = (tsig.len() - start) as u16;
    tsig.get_mut(start - 2..start)?
        .copy_from_slice(&len.to_be_bytes());
    Some(tsig)
}
