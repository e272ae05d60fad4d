//! One message from arrival to response, in two steps.
//!
//! [`Job::prepare`] reads the message, hashes its name and finds its zone, and asks the processor for
//! the memory the answer will need. [`Job::answer`] writes the response. Between the two a caller
//! prepares the rest of its batch, applies its rules, and dispatches what is not a query.

use std::sync::Arc;

use bailiwick_zone::{HashKey, LookupName, RecordType, Zone, ZoneSet};

use crate::alias::Chain;
use crate::compose::{self, Compose, Proofs, Says};
use crate::encode::{ExtendedError, Flags, Message, OPT_LEN, Opt};
use crate::kind::{Kind, Transport};
use crate::rcode::{Fault, Rcode};
use crate::request::{self, Reading, Request};

/// What a query of type ANY gets (RFC 8482).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Any {
    /// One RRset of the name (RFC 8482 4.1).
    #[default]
    OneRrset,
    /// A synthesised HINFO record (RFC 8482 4.2).
    Hinfo,
}

/// What an operator may choose about answers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Longest answer over UDP and the size our OPT record states; 1232 keeps clear of fragments.
    pub udp_size_max: u16,
    /// What ANY gets.
    pub any: Any,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            udp_size_max: 1232,
            any: Any::default(),
        }
    }
}

/// Memory that answering uses again and again; one per thread.
#[derive(Default)]
pub struct Workspace {
    pub(crate) notes: Notes,
    pub(crate) names: Names,
}

/// Names at work, each too large to be made anew for every query.
#[derive(Default)]
pub(crate) struct Names {
    /// The target of an alias, while it is looked up.
    pub(crate) alias: LookupName,
    /// A name whose addresses are looked up, in a zone with an overlay.
    pub(crate) target: LookupName,
    /// A name being put together.
    pub(crate) wire: Vec<u8>,
}

/// What is remembered while one response is composed.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) chain: Chain,
    pub(crate) proofs: Proofs,
}

/// What has to be done with a message that is not silently dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An ordinary question: [`Job::answer`] has the answer.
    Query,
    /// A transfer, NOTIFY or UPDATE, as `request.kind` says; [`Job::answer`] would say NOTIMP.
    Dispatch,
    /// An error: [`Job::answer`] writes it.
    Faulty(Fault),
}

/// A message that was read.
#[derive(Clone, Copy)]
pub struct Job<'z> {
    /// What was understood of it.
    pub request: Request,
    /// What comes next.
    pub step: Step,
    /// The zone that has the answer, or that a transfer or NOTIFY is about.
    pub zone: Option<&'z Arc<Zone>>,
    /// How it came.
    pub transport: Transport,
    /// The key of the zone set's hashes.
    key: &'z HashKey,
}

/// What an answer says, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Records of the type, or an alias.
    Answer,
    /// The name exists, the type does not.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// A delegation.
    Referral,
    /// No zone of ours, or policy.
    Refused,
    /// The message was at fault.
    Fault,
}

/// A response that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Octets of the response; 0 means that none is sent.
    pub len: usize,
    /// Its code.
    pub rcode: Rcode,
    /// What it says.
    pub verdict: Verdict,
    /// Whether TC is set.
    pub truncated: bool,
}

impl<'z> Job<'z> {
    /// Reads `message` into `name` and finds its zone. Nothing means that nothing may be sent back.
    #[inline]
    pub fn prepare(
        zones: &'z ZoneSet,
        message: &[u8],
        transport: Transport,
        name: &mut LookupName,
    ) -> Option<Self> {
        let reading = request::read(message, transport, |message, at| {
            name.read(message, at, zones.key()).ok()
        });
        match reading {
            Reading::Silence => None,
            Reading::Faulty(request, fault) => Some(Self {
                request,
                step: Step::Faulty(fault),
                zone: None,
                transport,
                key: zones.key(),
            }),
            Reading::Good(request) => {
                let step = if request.kind == Kind::Query {
                    Step::Query
                } else {
                    Step::Dispatch
                };
                // RFC 4035 3.1.4.1: DS lives on the parent's side of the cut.
                let zone = if request.qtype == RecordType::DS && step == Step::Query {
                    zones.find_above(name).or_else(|| zones.find(name))
                } else {
                    zones.find(name)
                };
                if let Some(zone) = zone {
                    zone.prefetch_index(name);
                }
                Some(Self {
                    request,
                    step,
                    zone,
                    transport,
                    key: zones.key(),
                })
            }
        }
    }

    /// Asks for the memory that [`Self::answer`] reads first. Worth calling once the whole batch is
    /// prepared: by then the index lines that `prepare` asked for have arrived.
    #[inline]
    pub fn prefetch(&self, name: &LookupName) {
        if let Some(zone) = self.zone {
            zone.prefetch_node(name);
        }
    }

    /// Writes the response to `out` and says what it is. `message` and `name` are those of
    /// [`Self::prepare`].
    #[inline]
    pub fn answer(
        &self,
        message: &[u8],
        name: &LookupName,
        work: &mut Workspace,
        settings: &Settings,
        out: &mut [u8],
    ) -> Outcome {
        let zone = match (self.step, self.zone) {
            (Step::Query, Some(zone)) if zone.is_expired() => {
                return self.refuse(message, Rcode::SERVFAIL, Some(EXPIRED), settings, out);
            }
            (Step::Query, Some(zone)) => zone,
            (Step::Query, None) => {
                return self.refuse(
                    message,
                    Rcode::REFUSED,
                    Some(NOT_AUTHORITATIVE),
                    settings,
                    out,
                );
            }
            (Step::Dispatch, _) => return self.refuse(message, Rcode::NOTIMP, None, settings, out),
            (Step::Faulty(fault), _) => {
                return self.refuse(message, fault.rcode(), None, settings, out);
            }
        };
        let Some(writer) = self.start(message, settings, None, out) else {
            return Outcome {
                len: 0,
                rcode: Rcode::SERVFAIL,
                verdict: Verdict::Fault,
                truncated: false,
            };
        };
        let Workspace { notes, names } = work;
        let mut compose = Compose::new(writer, zone, self.key, &self.request, settings, notes);
        compose.run(name, names);
        let Says {
            rcode,
            authoritative,
            verdict,
        } = compose.says;
        let truncated = compose.message.truncated;
        let opt = self.opt(rcode, settings, None);
        let len = compose.message.finish(
            Flags {
                rcode,
                authoritative,
            },
            opt,
        );
        Outcome {
            len,
            rcode,
            verdict,
            truncated,
        }
    }

    /// Writes an error, or an empty answer with TC where `rcode` is NOERROR and `truncated` is asked
    /// for with [`Self::truncate`]. The reason travels as an Extended DNS Error (RFC 8914) if the
    /// sender speaks EDNS.
    pub fn refuse(
        &self,
        message: &[u8],
        rcode: Rcode,
        reason: Option<ExtendedError<'_>>,
        settings: &Settings,
        out: &mut [u8],
    ) -> Outcome {
        let verdict = if rcode == Rcode::REFUSED {
            Verdict::Refused
        } else {
            Verdict::Fault
        };
        let Some(mut writer) = self.start(message, settings, reason, out) else {
            return Outcome {
                len: 0,
                rcode,
                verdict,
                truncated: false,
            };
        };
        if self.step == Step::Faulty(Fault::TsigKey) {
            compose::tsig_bad_key(&mut writer, message, &self.request);
        }
        let opt = self.opt(rcode, settings, reason);
        let len = writer.finish(
            Flags {
                rcode,
                authoritative: false,
            },
            opt,
        );
        Outcome {
            len,
            rcode,
            verdict,
            truncated: false,
        }
    }

    /// Writes an answer with nothing in it but TC, so that the client comes back over a stream:
    /// what a rate limit that slips sends.
    pub fn truncate(&self, message: &[u8], settings: &Settings, out: &mut [u8]) -> Outcome {
        let (rcode, verdict) = (Rcode::NOERROR, Verdict::Refused);
        let Some(mut writer) = self.start(message, settings, None, out) else {
            return Outcome {
                len: 0,
                rcode,
                verdict,
                truncated: false,
            };
        };
        writer.truncated = true;
        let opt = self.opt(rcode, settings, None);
        let len = writer.finish(
            Flags {
                rcode,
                authoritative: false,
            },
            opt,
        );
        Outcome {
            len,
            rcode,
            verdict,
            truncated: true,
        }
    }

    fn start<'m>(
        &self,
        message: &[u8],
        settings: &Settings,
        reason: Option<ExtendedError<'_>>,
        out: &'m mut [u8],
    ) -> Option<Message<'m>> {
        let size_max = self
            .request
            .answer_size_max(self.transport, settings.udp_size_max);
        let reserve = match (self.request.edns, reason) {
            (None, _) => 0,
            (Some(_), None) => OPT_LEN,
            (Some(_), Some(_)) => self
                .opt(Rcode::NOERROR, settings, reason)
                .map_or(0, |opt| opt.len()),
        };
        Message::start(
            out,
            message,
            usize::from(self.request.question_len),
            size_max,
            reserve,
        )
    }

    #[inline]
    fn opt<'t>(
        &self,
        rcode: Rcode,
        settings: &Settings,
        error: Option<ExtendedError<'t>>,
    ) -> Option<Opt<'t>> {
        let edns = self.request.edns.as_ref()?;
        Some(Opt::answering(edns, settings.udp_size_max, rcode, error))
    }
}

/// RFC 8914 4.25: the zone is configured here, its data are too old to be given.
const EXPIRED: ExtendedError<'static> = ExtendedError {
    code: 24,
    text: "the zone has expired",
};

/// RFC 8914 4.21.
const NOT_AUTHORITATIVE: ExtendedError<'static> = ExtendedError { code: 20, text: "" };
