//! The door to all policies: one function a question.
//!
//! [`Policies`] is cheap to clone and can be used from any thread; each call blocks until the
//! plugin has answered or its time is over, so a runtime's thread should hand it to a thread that
//! may block. Which plugin answers is looked up at the moment of the call: a swap is one pointer,
//! and no answer is of two versions.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::error::PolicyError;
use crate::kind::Kind;
use crate::question::{Question, Reply};
use crate::types::{Month, Ruling, UnixMs, ZoneFacts, abuse, brand_ns, dnssec_policy, quota};
use crate::worker::{Origin, Worker};

/// An answer and who gave it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decided<T> {
    /// What was decided.
    pub value: T,
    /// By which version of which plugin.
    pub by: Arc<Origin>,
}

/// Which plugin is asked for which kind.
#[derive(Clone, Default)]
pub(crate) struct Bindings {
    workers: [Option<Arc<Worker>>; Kind::ALL.len()],
}

impl Bindings {
    pub(crate) fn of(&self, kind: Kind) -> Option<&Arc<Worker>> {
        self.workers.get(kind as usize).and_then(Option::as_ref)
    }

    pub(crate) fn set(&mut self, kind: Kind, worker: Option<Arc<Worker>>) {
        if let Some(slot) = self.workers.get_mut(kind as usize) {
            *slot = worker;
        }
    }
}

/// Asks whichever plugin is active for a kind.
#[derive(Clone, Default)]
pub struct Policies {
    bindings: Arc<ArcSwap<Bindings>>,
}

macro_rules! answered {
    ($self:ident, $now:ident, $question:expr, $reply:ident) => {
        match $self.ask($now, $question)? {
            Decided {
                value: Reply::$reply(value),
                by,
            } => Ok(Decided { value, by }),
            _ => Err(PolicyError::BadValue(
                "the answer belongs to another question".into(),
            )),
        }
    };
}

impl Policies {
    pub(crate) fn bindings(&self) -> &ArcSwap<Bindings> {
        &self.bindings
    }

    /// Whether a plugin is active for the kind.
    pub fn is_bound(&self, kind: Kind) -> bool {
        self.bindings.load().of(kind).is_some()
    }

    /// Who would be asked now.
    pub fn origin(&self, kind: Kind) -> Option<Arc<Origin>> {
        self.bindings
            .load()
            .of(kind)
            .map(|worker| worker.origin().clone())
    }

    /// Asks any question.
    pub fn ask(&self, now: UnixMs, question: Question) -> Result<Decided<Reply>, PolicyError> {
        let kind = question.kind();
        let worker = self
            .bindings
            .load()
            .of(kind)
            .cloned()
            .ok_or(PolicyError::NoPlugin(kind))?;
        let value = worker.ask(now, question)?;
        Ok(Decided {
            value,
            by: worker.origin().clone(),
        })
    }

    /// Leases for zones: one for each request, in order, at most 1024.
    pub fn grant(
        &self,
        now: UnixMs,
        month: Month,
        requests: Vec<quota::Request>,
    ) -> Result<Decided<Vec<quota::Lease>>, PolicyError> {
        answered!(self, now, Question::Grant { month, requests }, Grant)
    }

    /// What an account's month costs.
    pub fn rate(
        &self,
        now: UnixMs,
        plans: Vec<quota::PlanSpan>,
        usage: quota::MonthUsage,
    ) -> Result<Decided<quota::Bill>, PolicyError> {
        answered!(
            self,
            now,
            Question::Rate {
                plans,
                usage: Box::new(usage)
            },
            Rate
        )
    }

    /// What to change about the traffic rules because of a window.
    pub fn inspect(
        &self,
        now: UnixMs,
        window: abuse::Window,
    ) -> Result<Decided<Vec<abuse::Change>>, PolicyError> {
        answered!(
            self,
            now,
            Question::Inspect {
                window: Box::new(window)
            },
            Inspect
        )
    }

    /// May an account, a zone, a change come in?
    pub fn admit(
        &self,
        now: UnixMs,
        subject: abuse::Subject,
    ) -> Result<Decided<Ruling>, PolicyError> {
        answered!(
            self,
            now,
            Question::Admit {
                subject: Box::new(subject)
            },
            Admit
        )
    }

    /// Would these branded names do?
    pub fn brand_check(
        &self,
        now: UnixMs,
        ask: brand_ns::Ask,
    ) -> Result<Decided<Ruling>, PolicyError> {
        answered!(self, now, Question::Check { ask: Box::new(ask) }, Check)
    }

    /// The name servers of a zone under its own brand.
    pub fn brand_plan(
        &self,
        now: UnixMs,
        ask: brand_ns::Ask,
    ) -> Result<Decided<brand_ns::Outcome>, PolicyError> {
        answered!(
            self,
            now,
            Question::PlanZone { ask: Box::new(ask) },
            PlanZone
        )
    }

    /// How a zone is to be signed.
    pub fn dnssec_policy_for(
        &self,
        now: UnixMs,
        zone: ZoneFacts,
    ) -> Result<Decided<dnssec_policy::Policy>, PolicyError> {
        answered!(
            self,
            now,
            Question::PolicyFor {
                zone: Box::new(zone)
            },
            PolicyFor
        )
    }

    /// Which keys move next.
    pub fn dnssec_next_steps(
        &self,
        now: UnixMs,
        zone: ZoneFacts,
        chain: dnssec_policy::Chain,
    ) -> Result<Decided<dnssec_policy::Steps>, PolicyError> {
        let question = Question::NextSteps {
            zone: Box::new(zone),
            chain: Box::new(chain),
        };
        answered!(self, now, question, NextSteps)
    }
}
