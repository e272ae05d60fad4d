//! One message from arrival to response, in two steps.
//!
//! [`Job::prepare`] reads the message, hashes its name and finds its zone, and asks the processor for
//! the memory the answer will need. [`Job::answer`] writes the response. Between the two a caller
//! prepares the rest of its batch, applies its rules, and dispatches what is not a query.

use std::net::IpAddr;
use std::sync::Arc;

use bailiwick_zone::{HashKey, LookupName, RecordType, Zone, ZoneSet};

use crate::alias::Chain;
use crate::chaos::{self, CHAOS};
use crate::compose::{self, Compose, Proofs, Says};
use crate::cookie::{Cookie, Cookies};
use crate::encode::{Flags, Message};
use crate::kind::{Kind, Transport};
use crate::opt::{ExtendedError, OPT_LEN, Opt};
use crate::options::Asked;
use crate::rcode::{Fault, Rcode};
use crate::request::{self, Reading, Request};
use crate::settings::Settings;

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
    /// No question, only a cookie, and a good one (RFC 7873 5.4): [`Job::answer`] says NOERROR.
    Cookie,
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
    /// What its options ask; see [`Self::heeding`].
    asked: Option<&'z Asked>,
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
                asked: None,
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
                    asked: None,
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

    /// Reads the options of the message, sent by `client` at `now` (seconds since 1970). Only worth
    /// calling where [`Request::has_options`].
    #[cold]
    #[must_use]
    pub fn heed(&self, message: &[u8], client: IpAddr, now: u64, settings: &Settings) -> Asked {
        Asked::read(self, message, client, now, settings)
    }

    /// The same job, whose answer heeds what the options ask.
    #[cold]
    #[must_use]
    pub fn heeding<'a>(&self, asked: &'a Asked, settings: &Settings) -> Job<'a>
    where
        'z: 'a,
    {
        let requires = matches!(settings.cookies, Cookies::Require(_));
        let step = match (self.step, asked.cookie) {
            // RFC 7873 5.4: a query without a question, to get a cookie or to see what it is worth. The
            // reader finds options beside a wrong question count only where the count is 0.
            (Step::Faulty(Fault::QuestionCount), Cookie::Good) => Step::Cookie,
            (Step::Faulty(Fault::QuestionCount), Cookie::Client | Cookie::Bad) => {
                Step::Faulty(Fault::BadCookie)
            }
            // RFC 7873 5.2.3, 5.2.4: over a stream the address is beyond doubt.
            (Step::Query | Step::Dispatch, Cookie::Client | Cookie::Bad)
                if requires && self.transport == Transport::Udp =>
            {
                Step::Faulty(Fault::BadCookie)
            }
            (step, _) => step,
        };
        Job {
            step,
            asked: Some(asked),
            ..*self
        }
    }

    /// The message came from the address it names: over a stream, or with a good cookie.
    #[inline]
    #[must_use]
    pub fn is_address_proven(&self) -> bool {
        self.transport == Transport::Stream
            || self.asked.is_some_and(|asked| asked.cookie == Cookie::Good)
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
            (Step::Query, Some(zone)) if !zone.is_expired() => zone,
            _ => return self.decline(message, name, settings, out),
        };
        let Some(writer) = self.start(message, settings, None, out) else {
            return Outcome::silence(Rcode::SERVFAIL, Verdict::Fault);
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
        let flags = Flags {
            rcode,
            authoritative,
        };
        Outcome {
            len: compose.message.finish(flags, opt),
            rcode,
            verdict,
            truncated,
        }
    }

    /// The answer where no zone has one.
    #[cold]
    fn decline(
        &self,
        message: &[u8],
        name: &LookupName,
        settings: &Settings,
        out: &mut [u8],
    ) -> Outcome {
        let (rcode, reason) = match self.step {
            Step::Query if self.zone.is_some_and(|zone| zone.is_absent()) => {
                (Rcode::SERVFAIL, Some(NOT_READY))
            }
            Step::Query if self.zone.is_some() => (Rcode::SERVFAIL, Some(EXPIRED)),
            Step::Query => (Rcode::REFUSED, Some(NOT_AUTHORITATIVE)),
            Step::Dispatch => (Rcode::NOTIMP, None),
            Step::Cookie => (Rcode::NOERROR, None),
            Step::Faulty(Fault::Class) => {
                if self.request.qclass == CHAOS
                    && let Some(text) = chaos::text(name.folded(), settings)
                {
                    return self.introduce(message, text, settings, out);
                }
                (Rcode::REFUSED, Some(NOT_AUTHORITATIVE))
            }
            Step::Faulty(fault) => (fault.rcode(), None),
        };
        self.refuse(message, rcode, reason, settings, out)
    }

    /// The answer to a question about this server (RFC 4892).
    fn introduce(
        &self,
        message: &[u8],
        text: &str,
        settings: &Settings,
        out: &mut [u8],
    ) -> Outcome {
        let (rcode, verdict) = (Rcode::NOERROR, Verdict::Answer);
        let Some(mut writer) = self.start(message, settings, None, out) else {
            return Outcome::silence(rcode, verdict);
        };
        writer.truncated = chaos::put(&mut writer, self.request.qtype, text).is_err();
        let truncated = writer.truncated;
        let flags = Flags {
            rcode,
            authoritative: true,
        };
        Outcome {
            len: writer.finish(flags, self.opt(rcode, settings, None)),
            rcode,
            verdict,
            truncated,
        }
    }

    /// Writes an answer with this code and nothing else. The reason travels as an Extended DNS Error
    /// (RFC 8914) if the sender speaks EDNS.
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
            return Outcome::silence(rcode, verdict);
        };
        writer.put_opt(self.opt(rcode, settings, reason));
        if self.step == Step::Faulty(Fault::TsigKey) {
            // RFC 8945 5.1: the last record, behind OPT.
            compose::tsig_bad_key(&mut writer, message, &self.request);
        }
        let flags = Flags {
            rcode,
            authoritative: false,
        };
        Outcome {
            len: writer.close(flags),
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
            return Outcome::silence(rcode, verdict);
        };
        writer.truncated = true;
        let opt = self.opt(rcode, settings, None);
        let flags = Flags {
            rcode,
            authoritative: false,
        };
        Outcome {
            len: writer.finish(flags, opt),
            rcode,
            verdict,
            truncated: true,
        }
    }

    #[inline]
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
        let reserve = match (self.request.edns, reason, self.asked) {
            (None, _, _) => 0,
            (Some(_), None, None) => OPT_LEN,
            (Some(_), _, _) => self
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
        settings: &'t Settings,
        error: Option<ExtendedError<'t>>,
    ) -> Option<Opt<'t>>
    where
        'z: 't,
    {
        let edns = self.request.edns.as_ref()?;
        let mut opt = Opt::answering(edns, settings.udp_size_max, rcode);
        opt.error = error;
        if let Some(asked) = self.asked {
            (opt.asked, opt.nsid) = (Some(asked), asked.nsid(settings));
        }
        // RFC 9567 6.2: in answers from our zones.
        if let (Some(agent), Some(_)) = (&settings.report_agent, self.zone) {
            opt.channel = agent.as_wire();
        }
        Some(opt)
    }
}

impl Outcome {
    /// Nothing fits, so nothing is sent.
    const fn silence(rcode: Rcode, verdict: Verdict) -> Self {
        Self {
            len: 0,
            rcode,
            verdict,
            truncated: false,
        }
    }
}

/// RFC 8914 4.25: the zone is configured here, its data are too old to be given.
const EXPIRED: ExtendedError<'static> = ExtendedError {
    code: 24,
    text: "the zone has expired",
};

/// RFC 8914 4.15: the zone is configured here, its data have not come yet.
const NOT_READY: ExtendedError<'static> = ExtendedError {
    code: 14,
    text: "the zone has not been loaded yet",
};

/// RFC 8914 4.21.
const NOT_AUTHORITATIVE: ExtendedError<'static> = ExtendedError { code: 20, text: "" };
