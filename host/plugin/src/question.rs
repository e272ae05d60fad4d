//! A question to a policy and its answer, each as one value.
//!
//! One pair of enums instead of a channel for each function: the plugin's thread, the off-line
//! `run` and one day a plugin process of its own all carry the same two types. In JSON a question
//! is an object with the function's WIT name as its key and the arguments below it.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::types::{Month, Ruling, ZoneFacts, abuse, brand_ns, dnssec_policy, quota};

/// What a plugin can be asked; the time comes beside it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// `quota.grant`
    Grant {
        /// The running month.
        month: Month,
        /// One lease is due for each.
        requests: Vec<quota::Request>,
    },
    /// `quota.rate`
    Rate {
        /// In order of time, the last in force.
        plans: Vec<quota::PlanSpan>,
        /// Exact totals.
        usage: Box<quota::MonthUsage>,
    },
    /// `abuse.admit`
    Admit {
        /// What is to be let in.
        subject: Box<abuse::Subject>,
    },
    /// `abuse.inspect`
    Inspect {
        /// A closed window.
        window: Box<abuse::Window>,
    },
    /// `brand-ns.check`
    Check {
        /// What is wanted.
        ask: Box<brand_ns::Ask>,
    },
    /// `brand-ns.plan-zone`
    PlanZone {
        /// What is wanted.
        ask: Box<brand_ns::Ask>,
    },
    /// `dnssec-policy.policy-for`
    PolicyFor {
        /// Which zone.
        zone: Box<ZoneFacts>,
    },
    /// `dnssec-policy.next-steps`
    NextSteps {
        /// Which zone.
        zone: Box<ZoneFacts>,
        /// Its keys and times.
        chain: Box<dnssec_policy::Chain>,
    },
}

/// The answer to the [`Question`] of the same name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// One lease a request, in order.
    Grant(Vec<quota::Lease>),
    /// What the month costs.
    Rate(quota::Bill),
    /// May it happen?
    Admit(Ruling),
    /// What to change about the rules.
    Inspect(Vec<abuse::Change>),
    /// Would the names do?
    Check(Ruling),
    /// The name servers, or why not.
    PlanZone(brand_ns::Outcome),
    /// How to sign.
    PolicyFor(dnssec_policy::Policy),
    /// Which key moves.
    NextSteps(dnssec_policy::Steps),
}

impl Question {
    /// The names of all calls, as [`Question::from_json`] takes them.
    pub const CALLS: [&'static str; 8] = [
        "grant",
        "rate",
        "admit",
        "inspect",
        "check",
        "plan-zone",
        "policy-for",
        "next-steps",
    ];

    /// Reads the arguments of one call, an object such as `{"month": …, "requests": […]}`.
    pub fn from_json(call: &str, arguments: serde_json::Value) -> Result<Self, serde_json::Error> {
        let mut whole = serde_json::Map::new();
        whole.insert(call.to_owned(), arguments);
        serde_json::from_value(serde_json::Value::Object(whole))
    }

    /// Who is asked.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Grant { .. } | Self::Rate { .. } => Kind::Quota,
            Self::Admit { .. } | Self::Inspect { .. } => Kind::Abuse,
            Self::Check { .. } | Self::PlanZone { .. } => Kind::BrandNs,
            Self::PolicyFor { .. } | Self::NextSteps { .. } => Kind::DnssecPolicy,
        }
    }

    /// The function's name in the WIT.
    pub fn call(&self) -> &'static str {
        match self {
            Self::Grant { .. } => "grant",
            Self::Rate { .. } => "rate",
            Self::Admit { .. } => "admit",
            Self::Inspect { .. } => "inspect",
            Self::Check { .. } => "check",
            Self::PlanZone { .. } => "plan-zone",
            Self::PolicyFor { .. } => "policy-for",
            Self::NextSteps { .. } => "next-steps",
        }
    }

    /// How many rows the call is given; the budget of host calls grows with them.
    pub fn rows(&self) -> usize {
        match self {
            Self::Grant { requests, .. } => requests.len(),
            Self::Rate { usage, .. } => usage.zones.zone.len(),
            Self::Admit { subject } => match subject.as_ref() {
                abuse::Subject::ZoneChange(change) => change.difference.name.len(),
                _ => 1,
            },
            Self::Inspect { window } => {
                window.sources.source.len() + window.names.zone.len() + window.zones.zone.len()
            }
            Self::Check { ask } | Self::PlanZone { ask } => ask.servers.len(),
            Self::PolicyFor { .. } => 1,
            Self::NextSteps { chain, .. } => chain.keys.len(),
        }
    }
}
