//! Whom the loops ask: the active plugins, or a test's script.

use bailiwick_plugin::types::{Month, UnixMs, ZoneFacts, abuse, brand_ns, dnssec_policy, quota};
use bailiwick_plugin::{Kind, Policies, PolicyError};

/// The questions of the loops. Each blocks for as long as a plugin may take.
pub trait Judge: Send + Sync {
    /// Whether anybody answers questions of a kind.
    fn is_bound(&self, kind: Kind) -> bool;

    /// Who answers, for reports: name and version.
    fn origin(&self, kind: Kind) -> Option<String>;

    /// One lease for each request.
    fn grant(
        &self,
        now: UnixMs,
        month: Month,
        requests: Vec<quota::Request>,
    ) -> Result<Vec<quota::Lease>, PolicyError>;

    /// What to change about the rules.
    fn inspect(
        &self,
        now: UnixMs,
        window: abuse::Window,
    ) -> Result<Vec<abuse::Change>, PolicyError>;

    /// Name servers under the zone's own name.
    fn brand_plan(&self, now: UnixMs, ask: brand_ns::Ask)
    -> Result<brand_ns::Outcome, PolicyError>;

    /// How a zone is to be signed.
    fn dnssec_policy_for(
        &self,
        now: UnixMs,
        zone: ZoneFacts,
    ) -> Result<dnssec_policy::Policy, PolicyError>;
}

impl Judge for Policies {
    fn is_bound(&self, kind: Kind) -> bool {
        Self::is_bound(self, kind)
    }

    fn origin(&self, kind: Kind) -> Option<String> {
        Self::origin(self, kind).map(|origin| format!("{} {}", origin.plugin, origin.version))
    }

    fn grant(
        &self,
        now: UnixMs,
        month: Month,
        requests: Vec<quota::Request>,
    ) -> Result<Vec<quota::Lease>, PolicyError> {
        Self::grant(self, now, month, requests).map(|decided| decided.value)
    }

    fn inspect(
        &self,
        now: UnixMs,
        window: abuse::Window,
    ) -> Result<Vec<abuse::Change>, PolicyError> {
        Self::inspect(self, now, window).map(|decided| decided.value)
    }

    fn brand_plan(
        &self,
        now: UnixMs,
        ask: brand_ns::Ask,
    ) -> Result<brand_ns::Outcome, PolicyError> {
        Self::brand_plan(self, now, ask).map(|decided| decided.value)
    }

    fn dnssec_policy_for(
        &self,
        now: UnixMs,
        zone: ZoneFacts,
    ) -> Result<dnssec_policy::Policy, PolicyError> {
        Self::dnssec_policy_for(self, now, zone).map(|decided| decided.value)
    }
}
