//! What goes into a plugin and what comes out of it, as plain values.
//!
//! They mirror `wit/` field by field, under the same names, but belong to no version of it: a
//! release of the WIT has its conversions in `v0_1`, and everything past this crate sees
//! only these. All of them serialise; in JSON a field or case is spelled as in the WIT
//! (kebab-case), a variant with a payload is an object of one key
//! (`{"deny": {"rcode": 5, "ede": 18}}`), one without is a string (`"allow"`).
//!
//! This file holds what more than one kind uses; each kind has a file of its own.

pub mod abuse;
pub mod brand_ns;
pub mod dnssec_policy;
pub mod lifecycle;
pub mod quota;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
pub type UnixMs = u64;
/// One account's claim of one apex.
pub type ZoneId = u64;
/// An account of the service.
pub type AccountId = u64;
/// An anycast node; 0 where it means the whole fleet.
pub type NodeId = u32;
/// Pairs of key and value: the host's keys have no dot, a plugin's own begin with its name and one.
pub type Extra = Vec<(String, String)>;

/// One more figure for each row of the columns beside it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Column {
    /// What the figure is.
    pub name: String,
    /// One value a row.
    pub values: Vec<u64>,
}

/// Which of the two address families.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An IPv6 address in two halves, the first in `hi`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ipv6 {
    /// The first 64 bits.
    pub hi: u64,
    /// The last 64 bits.
    pub lo: u64,
}

/// An address prefix. IPv4 sits in the top 32 bits of `hi`; bits past `len` are zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Prefix {
    /// Decides how far `len` may go: 32 or 128.
    pub family: Family,
    /// The first 64 bits.
    pub hi: u64,
    /// The last 64 bits; zero for IPv4.
    pub lo: u64,
    /// Counted from the top.
    pub len: u8,
}

/// How a query came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// DNS over UDP.
    Udp,
    /// DNS over TCP.
    Tcp,
    /// DNS over TLS.
    Tls,
    /// DNS over HTTP/2 or HTTP/1.
    Https,
    /// DNS over HTTP/3.
    Http3,
    /// DNS over QUIC.
    Quic,
    /// Something that a plugin of this version has no word for.
    Other,
}

/// An answer without data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Denial {
    /// SERVFAIL or REFUSED: anything else would be a statement about the zone.
    pub rcode: u16,
    /// INFO-CODE of RFC 8914; none leaves the choice to the host.
    pub ede: Option<u16>,
}

/// What the host does with a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Answer as usual.
    Allow,
    /// No answer at all.
    Drop,
    /// Empty answer with TC set over UDP; [`Action::Allow`] where the source is proven.
    Truncate,
    /// Over UDP, answer one in n and truncate the rest; 0 and 1 mean [`Action::Allow`].
    /// [`Action::Allow`] where the source is proven.
    Slip(u8),
    /// Answer without data.
    Deny(Denial),
}

/// The kinds of abuse that the terms of service know.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbuseCategory {
    /// Unasked-for mail, and what advertises or carries it.
    Spam,
    /// Another's mark or work.
    TrademarkCopyright,
    /// Floods, amplification, control of either.
    DenialOfService,
    /// Harassment and threats.
    AbusiveThreatening,
    /// Against the law where it is served.
    Illegal,
}

/// Why a policy objects, or what the customer should know.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// Stable kebab-case name of the rule; programs and translations go by it.
    pub code: String,
    /// For the customer, in plain words.
    pub message: String,
    /// The owner name or form field it is about.
    #[serde(default)]
    pub about: Option<String>,
    /// Set where a case would be opened.
    #[serde(default)]
    pub category: Option<AbuseCategory>,
    /// Values in `message`.
    #[serde(default)]
    pub extra: Extra,
}

/// Yes, a person decides, or no.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Goes ahead.
    Accept,
    /// A person decides; until then things stay as they are.
    Hold(Vec<Finding>),
    /// Does not go ahead.
    Refuse(Vec<Finding>),
}

/// A verdict and what explains it later.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ruling {
    /// What was decided.
    pub verdict: Verdict,
    /// Shown to the customer whatever the verdict.
    pub notes: Vec<Finding>,
    /// For the operator and the decision record; may be empty.
    pub reason: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// What the parent zone must show before a [`RequiredAction`] is done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Evidence {
    /// The NS RRset that we serve.
    pub ns: bool,
    /// Its glue.
    pub glue: bool,
    /// The DS RRset.
    pub ds: bool,
}

/// Something only the customer can do; cleared by looking at the parent, never by a click.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequiredAction {
    /// Stable kebab-case name.
    pub code: String,
    /// For the customer.
    pub message: String,
    /// When it is overdue.
    pub due: UnixMs,
    /// What the parent must show.
    pub cleared_by: Evidence,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// Where a zone's data comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneKind {
    /// Edited or uploaded here.
    Hosted,
    /// Transferred in and served as it is.
    Secondary,
    /// Transferred in and signed here.
    SignedSecondary,
    /// Something that a plugin of this version has no word for.
    Other,
}

/// What a plugin is told about a zone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ZoneFacts {
    /// The claim it belongs to.
    pub zone: ZoneId,
    /// Its name.
    pub apex: String,
    /// Where its data comes from.
    pub kind: ZoneKind,
    /// Whose it is.
    pub account: AccountId,
    /// That account's plan.
    pub plan: String,
    /// Of the version served now; 0 before the first.
    pub serial: u32,
    /// Size of that version.
    pub records: u64,
    /// Whether that version is signed.
    pub signed: bool,
    /// When the claim was made.
    pub created: UnixMs,
    /// The customer's and the operator's labels.
    #[serde(default)]
    pub tags: Extra,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// What a plugin is told about an account.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccountFacts {
    /// Its id.
    pub account: AccountId,
    /// Its plan.
    pub plan: String,
    /// When it signed up.
    pub created: UnixMs,
    /// The e-mail address was proved.
    pub activated: bool,
    /// Zones held now.
    pub zones: u32,
    /// Claims and changes that wait for a person now.
    pub held: u32,
    /// Abuse cases closed against it, ever.
    pub cases: u32,
    /// The operator's labels.
    #[serde(default)]
    pub tags: Extra,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// What happened to an RRset between two versions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// There was none before.
    Added,
    /// There is none any more.
    Removed,
    /// TTL or data differ.
    Changed,
}

/// How a new version differs from the one before. Totals are exact, lists are cut.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Difference {
    /// All of them, listed or not.
    pub rrsets_added: u64,
    /// All of them, listed or not.
    pub rrsets_removed: u64,
    /// All of them, listed or not.
    pub rrsets_changed: u64,
    /// Owner names that had no record before.
    pub names_added: Vec<String>,
    /// Owner names that have none now.
    pub names_removed: Vec<String>,
    /// How many of both were cut.
    pub names_left_out: u64,
    /// Owner name of each listed RRset.
    pub name: Vec<String>,
    /// Its type.
    pub rr_type: Vec<u16>,
    /// What happened to it.
    pub edit: Vec<Edit>,
    /// How many rows were cut.
    pub rows_left_out: u64,
    /// More columns.
    pub extra: Vec<Column>,
}

/// Queries by billing class. Each query is in exactly one, so the fields add up to all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Usage {
    /// NOERROR, NODATA, referral or NXDOMAIN.
    pub answered: u64,
    /// For a name outside every zone.
    pub refused: u64,
    /// Not a query that can be understood.
    pub malformed: u64,
    /// Dropped, slipped or truncated by a limit.
    pub limited: u64,
    /// Matched a traffic rule that says attack.
    pub attack: u64,
    /// Our own measurements.
    pub probe: u64,
    /// SOA refresh, transfers, NOTIFY, UPDATE.
    pub control: u64,
    /// CHAOS, health checks.
    pub internal: u64,
    /// Refused because the zone is suspended.
    pub suspended: u64,
    /// Classes that a plugin of this version has no word for.
    pub other: u64,
}

/// A calendar month of the service's own time zone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Month {
    /// Such as `2026-09`.
    pub id: String,
    /// Its first moment.
    pub start: UnixMs,
    /// The first moment after it.
    pub end: UnixMs,
}
