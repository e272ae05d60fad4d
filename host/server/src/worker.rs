//! What one thread needs to answer queries, whatever transport they came by.
//!
//! UDP prepares a whole batch before it answers the first of it; a stream takes its queries one by
//! one. Both end in [`Core::reply`]: rules and lease, then the answer, then the counters.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use bailiwick_answer::{
    Asked, ExtendedError, Fault, Job, Outcome, Rcode, Settings, Step, Workspace,
};
use bailiwick_meter::{
    Class, Decision, Meter, Outcome as Counted, Query, Source, ThreadMeter, Transport, Verdict,
};
use bailiwick_zone::{Class as RecordClass, LookupName, RecordType, SharedZones, Zone, ZoneSet};

use crate::acl::Acl;
use crate::control::Control;
use crate::dispatch;
use crate::options::ServerOptions;
use crate::rate::{Admission, ThreadLimiter};
use crate::reports;

/// A thread's zones and everything else it answers with. Two parts, so that a batch can hold on to
/// its snapshot while the rest is at work.
pub(crate) struct Worker {
    pub(crate) zones: Cache<Arc<SharedZones>, Arc<ZoneSet>>,
    pub(crate) core: Core,
}

/// The part of a worker that changes with every query.
pub(crate) struct Core {
    pub(crate) meter: ThreadMeter,
    limiter: ThreadLimiter,
    clock: Arc<Meter>,
    workspace: Workspace,
    latest_settings: Cache<Arc<ArcSwap<Settings>>, Arc<Settings>>,
    /// Those of this batch.
    pub(crate) settings: Arc<Settings>,
    unix_now: fn() -> u64,
    /// How long a connection may be idle, in tenths of a second.
    idle: u16,
    pub(crate) transfers: Acl,
    pub(crate) control: Arc<dyn Control>,
}

/// A message and where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Arrived<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) name: &'a LookupName,
    pub(crate) source: Source,
    pub(crate) transport: Transport,
}

/// What goes back.
pub(crate) enum Reply {
    /// So many octets of the answer; 0: nothing.
    Octets(usize),
    /// A transfer of this zone, which the stream carries out and counts.
    Transfer(Arc<Zone>),
}

impl Worker {
    pub(crate) fn new(options: &ServerOptions) -> Self {
        Self {
            zones: Cache::new(Arc::clone(&options.zones)),
            core: Core {
                meter: options.meter.register(),
                limiter: options.rate_limiter.register(),
                clock: Arc::clone(&options.meter),
                workspace: Workspace::default(),
                latest_settings: Cache::new(Arc::clone(&options.answers)),
                settings: options.answers.load_full(),
                unix_now: options.unix_now,
                idle: tenths(options.limits.idle),
                transfers: Acl::new(Arc::clone(&options.allow_transfer)),
                control: Arc::clone(&options.control),
            },
        }
    }
}

impl Core {
    /// Starts a batch: the time is read and tables are taken once for all of it.
    #[inline]
    pub(crate) fn begin(&mut self) {
        let now = self.clock.now();
        self.meter.begin(now);
        self.limiter.begin(now);
        let latest = self.latest_settings.load();
        if !Arc::ptr_eq(latest, &self.settings) {
            self.settings = Arc::clone(latest);
        }
    }

    /// Decides, answers into `out`, counts.
    #[inline]
    pub(crate) fn reply(
        &mut self,
        job: &Job<'_>,
        arrived: &Arrived<'_>,
        peer: impl FnOnce() -> SocketAddr,
        out: &mut [u8],
    ) -> Reply {
        let message = arrived.message;
        let (asked, heeding);
        let job = if job.request.has_options() {
            asked = heed(job, arrived, &self.settings, self.unix_now, self.idle);
            heeding = job.heeding(&asked, &self.settings);
            &heeding
        } else {
            job
        };
        let query = query_of(job, arrived);
        let admission = self.admit(job, &query);
        if matches!(admission, Admission::Slip | Admission::Drop) {
            return self.limit(job, &query, admission, message, out);
        }
        let decision = self.meter.decide(&query);
        let outcome = match decision.verdict {
            Verdict::Answer if matches!(job.step, Step::Dispatch) => {
                match dispatch::reply(self, job, arrived, peer(), out) {
                    dispatch::Dispatched::Answer(outcome) => outcome,
                    dispatch::Dispatched::Transfer(zone) => return Reply::Transfer(zone),
                }
            }
            Verdict::Answer
                if job.request.qtype == RecordType::TXT
                    && self.settings.report_agent.is_some()
                    && reports::must_prove(&self.settings, &*self.control, job, arrived) =>
            {
                job.truncate(message, &self.settings, out)
            }
            Verdict::Answer => job.answer(
                message,
                arrived.name,
                &mut self.workspace,
                &self.settings,
                out,
            ),
            Verdict::Drop => SILENCE,
            Verdict::Truncate => job.truncate(message, &self.settings, out),
            Verdict::Deny { rcode, ede } => {
                let reason = why_denied(ede, decision.class == Some(Class::Suspended));
                job.refuse(message, Rcode(rcode), Some(reason), &self.settings, out)
            }
        };
        if admission == Admission::Charged && !self.affords(&query, message, &outcome) {
            return self.shorten(job, &query, decision, message, out);
        }
        let class = self.class_of(job, arrived.source);
        let counted = counted(job, &outcome, class, message.len());
        self.meter.settle(&query, &decision, &counted);
        Reply::Octets(outcome.len)
    }

    /// May it be answered, as far as the rate goes? Where the source is proven, over a stream or by a
    /// good cookie, there is no victim to protect.
    #[inline]
    fn admit(&mut self, job: &Job<'_>, query: &Query<'_>) -> Admission {
        if job.is_address_proven() {
            return Admission::Free;
        }
        self.limiter.admit(query.source, query.slot)
    }

    /// The answer is not larger than what is left of the rate allows.
    fn affords(&mut self, query: &Query<'_>, message: &[u8], outcome: &Outcome) -> bool {
        let (source, zone) = (query.source, query.slot);
        self.limiter
            .affords(source, zone, message.len(), outcome.len)
    }

    /// What a query over its rate gets. What could not be read is not asked again over TCP.
    #[cold]
    #[inline(never)]
    fn limit(
        &mut self,
        job: &Job<'_>,
        query: &Query<'_>,
        admission: Admission,
        message: &[u8],
        out: &mut [u8],
    ) -> Reply {
        let is_unreadable = matches!(job.step, Step::Faulty(fault) if fault != Fault::BadCookie);
        if admission == Admission::Slip && !is_unreadable {
            let decision = Decision::limited(Verdict::Truncate);
            return self.shorten(job, query, decision, message, out);
        }
        let counted = counted(job, &SILENCE, Class::Limited, message.len());
        self.meter
            .settle(query, &Decision::limited(Verdict::Drop), &counted);
        Reply::Octets(0)
    }

    /// An empty answer with TC in place of the one that would have been.
    #[cold]
    #[inline(never)]
    fn shorten(
        &mut self,
        job: &Job<'_>,
        query: &Query<'_>,
        decision: Decision,
        message: &[u8],
        out: &mut [u8],
    ) -> Reply {
        let outcome = job.truncate(message, &self.settings, out);
        let counted = counted(job, &outcome, Class::Limited, message.len());
        self.meter.settle(query, &decision.but_limited(), &counted);
        Reply::Octets(outcome.len)
    }

    /// The class a query is in if no table gives it another (FEATURES 5.4).
    #[inline]
    fn class_of(&self, job: &Job<'_>, source: Source) -> Class {
        match job.step {
            // A secondary that may transfer asks for the SOA to see whether it should.
            Step::Query
                if job.request.qtype == RecordType::SOA
                    && self.transfers.allows(source.to_ip()) =>
            {
                Class::Control
            }
            Step::Query if job.zone.is_some() => Class::Answered,
            Step::Query => Class::Refused,
            Step::Dispatch => Class::Control,
            Step::Cookie => Class::Internal,
            Step::Faulty(Fault::BadCookie) => Class::Limited,
            Step::Faulty(Fault::Class) if job.request.qclass == RecordClass::CH.0 => {
                Class::Internal
            }
            Step::Faulty(Fault::Class) => Class::Refused,
            Step::Faulty(_) => Class::Malformed,
        }
    }

    /// Counts a transfer that ended, with the octets it took.
    pub(crate) fn count_transfer(
        &mut self,
        (peer, transport): (SocketAddr, Transport),
        zone: &Zone,
        qtype: RecordType,
        octets: (u32, u32),
    ) {
        let query = Query {
            source: Source::from(peer),
            slot: Some(zone.slot()),
            apex_labels: zone.apex_labels(),
            name: None,
            qtype,
            transport,
        };
        let counted = Counted {
            class: Class::Control,
            rcode: Rcode::NOERROR.0,
            nxdomain: false,
            nodata: false,
            referral: false,
            truncated: false,
            signed: false,
            bytes_in: octets.0,
            bytes_out: octets.1,
        };
        self.meter.settle(&query, &Decision::ANSWER, &counted);
    }
}

/// What the options ask, which few queries carry.
#[cold]
fn heed(
    job: &Job<'_>,
    arrived: &Arrived<'_>,
    settings: &Settings,
    unix_now: fn() -> u64,
    idle: u16,
) -> Asked {
    let asked = job.heed(
        arrived.message,
        arrived.source.to_ip(),
        unix_now(),
        settings,
    );
    // RFC 9250 5.5.2 and HTTP have their own ways to say how long a connection lasts.
    let idle = matches!(arrived.transport, Transport::Tcp | Transport::Tls).then_some(idle);
    let encrypted = !matches!(arrived.transport, Transport::Udp | Transport::Tcp);
    asked.granting(idle, encrypted)
}

/// RFC 7828 3.1: the unit of the option.
fn tenths(time: Duration) -> u16 {
    u16::try_from(time.as_millis() / 100).unwrap_or(u16::MAX)
}

/// The reason of a refusal, as a lease or rule gave it (RFC 8914).
#[cold]
fn why_denied(ede: Option<u16>, suspended: bool) -> ExtendedError<'static> {
    let code = ede.unwrap_or(PROHIBITED);
    let text = match code {
        _ if suspended => "the zone is suspended",
        BLOCKED => "blocked by policy",
        PROHIBITED => "refused by policy",
        _ => "",
    };
    ExtendedError { code, text }
}

/// RFC 8914 4.16 and 4.19.
const BLOCKED: u16 = 15;
const PROHIBITED: u16 = 18;

#[inline]
fn query_of<'a>(job: &Job<'_>, arrived: &Arrived<'a>) -> Query<'a> {
    Query {
        source: arrived.source,
        slot: job.zone.map(|zone| zone.slot()),
        apex_labels: job.zone.map_or(0, |zone| zone.apex_labels()),
        // Where the question could not be read, the name is that of some earlier query.
        name: (job.request.question_len > 0).then_some(arrived.name),
        qtype: job.request.qtype,
        transport: arrived.transport,
    }
}

#[inline]
fn counted(job: &Job<'_>, outcome: &Outcome, class: Class, bytes_in: usize) -> Counted {
    use bailiwick_answer::Verdict as Said;
    Counted {
        class,
        rcode: outcome.rcode.0,
        nxdomain: outcome.verdict == Said::NxDomain,
        nodata: outcome.verdict == Said::NoData,
        referral: outcome.verdict == Said::Referral,
        truncated: outcome.truncated,
        signed: job.request.dnssec_ok(),
        bytes_in: bytes_in as u32,
        bytes_out: outcome.len as u32,
    }
}

const SILENCE: Outcome = Outcome {
    len: 0,
    rcode: Rcode::NOERROR,
    verdict: bailiwick_answer::Verdict::Refused,
    truncated: false,
};
