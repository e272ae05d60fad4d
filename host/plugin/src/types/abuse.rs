//! Who and what is let in, and which traffic is not.

use serde::{Deserialize, Serialize};

use super::{
    AbuseCategory, AccountFacts, AccountId, Action, Column, Difference, Extra, Finding, NodeId,
    Prefix, Transport, UnixMs, Usage, ZoneFacts, ZoneId, ZoneKind,
};

/// Somebody wants an account.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SignUp {
    /// The id it would have.
    pub account: AccountId,
    /// After the @.
    pub email_domain: String,
    /// Keyed hash of what is before it.
    pub email_local_hash: Vec<u8>,
    /// Where the form came from.
    pub network: Prefix,
    /// Accounts made in the last 24 hours from this network.
    pub network_recent: u32,
    /// Accounts made in the last 24 hours with this domain.
    pub domain_recent: u32,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// An account wants a zone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ZoneClaim {
    /// The id it would have.
    pub zone: ZoneId,
    /// Its name.
    pub apex: String,
    /// The public suffix and one label more; none for a public suffix itself.
    pub registrable: Option<String>,
    /// Where its data would come from.
    pub kind: ZoneKind,
    /// Who asks.
    pub account: AccountFacts,
    /// From where.
    pub network: Prefix,
    /// Primaries given, as whole addresses.
    pub primaries: Vec<Prefix>,
    /// Claims of other accounts on the same apex.
    pub rivals: u32,
    /// What the parent says now.
    pub parent_ns: Vec<String>,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// A zone is to change.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ZoneChange {
    /// The zone.
    pub zone: ZoneFacts,
    /// Its account.
    pub account: AccountFacts,
    /// What changes.
    pub difference: Difference,
    /// From checks before this one.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// Something that a plugin of this version has no word for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// What it is.
    pub kind: String,
    /// Whom it is about.
    #[serde(default)]
    pub account: Option<AccountFacts>,
    /// What it is about.
    #[serde(default)]
    pub zone: Option<ZoneFacts>,
    /// Its particulars.
    #[serde(default)]
    pub extra: Extra,
}

/// What is to be let in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// An account.
    SignUp(SignUp),
    /// A zone.
    ZoneClaim(ZoneClaim),
    /// A change of a zone.
    ZoneChange(ZoneChange),
    /// Anything newer.
    Other(Event),
}

/// Sources with the most queries, as columns of one length.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SourceColumns {
    /// The rows' keys.
    pub source: Vec<Prefix>,
    /// All.
    pub queries: Vec<u64>,
    /// Answered NXDOMAIN.
    pub nxdomain: Vec<u64>,
    /// Limited already.
    pub limited: Vec<u64>,
    /// Of type ANY.
    pub any: Vec<u64>,
    /// Over TCP.
    pub tcp: Vec<u64>,
    /// Bytes received.
    pub bytes_in: Vec<u64>,
    /// Bytes sent.
    pub bytes_out: Vec<u64>,
    /// Estimate.
    pub distinct_names: Vec<u64>,
    /// Estimate.
    pub distinct_zones: Vec<u64>,
    /// The zone it asked for most; 0 where that is not known.
    pub main_zone: Vec<ZoneId>,
    /// More columns.
    pub extra: Vec<Column>,
}

/// Suffixes asked for most, as columns of one length.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct NameColumns {
    /// The rows' zones.
    pub zone: Vec<ZoneId>,
    /// Names asked for end in this.
    pub suffix: Vec<String>,
    /// All.
    pub queries: Vec<u64>,
    /// Answered NXDOMAIN.
    pub nxdomain: Vec<u64>,
    /// Estimate.
    pub distinct_sources: Vec<u64>,
    /// Estimate.
    pub distinct_labels: Vec<u64>,
    /// More columns.
    pub extra: Vec<Column>,
}

/// Zones asked for most, as columns of one length.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ZoneColumns {
    /// The rows' keys.
    pub zone: Vec<ZoneId>,
    /// All.
    pub queries: Vec<u64>,
    /// Answered NXDOMAIN.
    pub nxdomain: Vec<u64>,
    /// Limited already.
    pub limited: Vec<u64>,
    /// Estimate.
    pub distinct_sources: Vec<u64>,
    /// Bytes received.
    pub bytes_in: Vec<u64>,
    /// Bytes sent.
    pub bytes_out: Vec<u64>,
    /// More columns.
    pub extra: Vec<Column>,
}

/// Rules in force and how often each matched, as columns of one length.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct HitColumns {
    /// The rules' ids.
    pub rule: Vec<u64>,
    /// In this window.
    pub matched: Vec<u64>,
}

/// Traffic of one stretch of time, at one node or over the fleet.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// Rises by one.
    pub id: u64,
    /// Which node.
    pub node: NodeId,
    /// Its first moment.
    pub start: UnixMs,
    /// The first moment after it.
    pub end: UnixMs,
    /// All traffic.
    pub total: Usage,
    /// By source.
    #[serde(default)]
    pub sources: SourceColumns,
    /// By name.
    #[serde(default)]
    pub names: NameColumns,
    /// By zone.
    #[serde(default)]
    pub zones: ZoneColumns,
    /// By rule.
    #[serde(default)]
    pub hits: HitColumns,
}

/// Every part given must match; absent parts match anything.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Matcher {
    /// Where the query came from.
    pub source: Option<Prefix>,
    /// Which zone it is for.
    pub zone: Option<ZoneId>,
    /// What the name ends in.
    pub suffix: Option<String>,
    /// Its type.
    pub rr_type: Option<u16>,
    /// How it came.
    pub transport: Option<Transport>,
    /// At which nodes; empty: all.
    pub nodes: Vec<NodeId>,
    /// More of the plugin's own.
    pub extra: Extra,
}

/// A token bucket for each source prefix of `v4_len` or `v6_len` bits; 0: one bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limit {
    /// Tokens added each second.
    pub per_second: u32,
    /// Most tokens held.
    pub burst: u32,
    /// Bits of an IPv4 source.
    pub v4_len: u8,
    /// Bits of an IPv6 source.
    pub v6_len: u8,
    /// What happens to the rest.
    pub over: Action,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The same to each query.
    Act(Action),
    /// To what is above a rate.
    Limit(Limit),
}

/// One traffic rule; ends by itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rule {
    /// The same id again replaces the rule.
    pub id: u64,
    /// What it looks at.
    pub when: Matcher,
    /// What it does.
    pub then: Effect,
    /// Highest first; equal: lowest id.
    pub priority: i16,
    /// How long it holds.
    pub ttl_ms: u32,
    /// Count what matches as class `attack`.
    pub attack: bool,
    /// Count matches, do nothing else.
    pub dry_run: bool,
    /// What kind of abuse it answers.
    pub category: Option<AbuseCategory>,
    /// For the operator and the decision record.
    pub reason: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// Something for a person to look at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Matter {
    /// The zone.
    pub zone: ZoneId,
    /// What was seen.
    pub findings: Vec<Finding>,
    /// Do not wait for the person.
    pub suspend: bool,
    /// For the decision record.
    pub reason: String,
}

/// A change of the table of rules, or a case.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// New, or in the place of the one with its id.
    Put(Rule),
    /// By id.
    Remove(u64),
    /// All of this plugin's.
    Clear,
    /// For a person.
    Raise(Matter),
}
