//! How a zone is to be signed; plugins never see keys.

use serde::{Deserialize, Serialize};

use super::{Extra, Finding, UnixMs};

/// What a key signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The DNSKEY RRset.
    Ksk,
    /// Everything else.
    Zsk,
    /// Both.
    Csk,
    /// Something that a plugin of this version has no word for.
    Other,
}

/// What the parent shows of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DsState {
    /// Not looked at yet.
    Unknown,
    /// No DS, in no cache.
    Hidden,
    /// Appeared; old caches lack it.
    Rumoured,
    /// In every cache.
    Omnipresent,
    /// Withdrawn; old caches have it.
    Unretentive,
}

/// One key as the plugin sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Key {
    /// The host's own.
    pub id: u64,
    /// RFC 4034 B; can collide.
    pub tag: u16,
    /// IANA number.
    pub algorithm: u8,
    /// What it signs.
    pub role: Role,
    /// When it was made.
    pub created: UnixMs,
    /// In the DNSKEY RRset since then.
    pub published: Option<UnixMs>,
    /// Signs since then.
    pub signing: Option<UnixMs>,
    /// When it last left the DNSKEY RRset.
    pub unpublished: Option<UnixMs>,
    /// When it last stopped signing.
    pub stopped: Option<UnixMs>,
    /// What the parent shows.
    pub ds: DsState,
    /// Since when.
    pub ds_since: UnixMs,
    /// Somebody else may have it.
    pub compromised: bool,
}

/// NSEC3 with iterations 0 and an empty salt (RFC 9276 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Nsec3 {
    /// RFC 5155 6.
    pub opt_out: bool,
}

/// How absence is proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialKind {
    /// RFC 4034 4.
    Nsec,
    /// RFC 5155.
    Nsec3(Nsec3),
}

/// A key to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeySpec {
    /// What it signs.
    pub role: Role,
    /// IANA number.
    pub algorithm: u8,
    /// 0: the algorithm's own size.
    pub bits: u16,
    /// 0: until told otherwise.
    pub lifetime_s: u64,
}

/// How a zone is signed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Policy {
    /// Whether at all.
    pub sign: bool,
    /// The keys to have.
    pub keys: Vec<KeySpec>,
    /// How absence is proved.
    pub denial: DenialKind,
    /// Life of a signature.
    pub validity_s: u32,
    /// Renewed when this much is left.
    pub refresh_s: u32,
    /// Spread of expirations.
    pub jitter_s: u32,
    /// How far back inceptions lie.
    pub inception_offset_s: u32,
    /// TTL of the DNSKEY RRset.
    pub dnskey_ttl: u32,
    /// Larger TTLs are cut to this.
    pub ttl_max: u32,
    /// RFC 7344.
    pub publish_cds: bool,
    /// Digest types of CDS.
    pub cds_digests: Vec<u8>,
    /// How long the parent takes.
    pub parent_propagation_s: u32,
    /// How long our own nodes take.
    pub zone_propagation_s: u32,
    /// For the customer.
    #[serde(default)]
    pub notes: Vec<Finding>,
    /// For the decision record.
    #[serde(default)]
    pub reason: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// One thing to do to a key, by the host's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Make one.
    Generate(KeySpec),
    /// Put it into the DNSKEY RRset.
    Publish(u64),
    /// Take it out of the DNSKEY RRset.
    Unpublish(u64),
    /// Sign with it.
    Activate(u64),
    /// Sign with it no more.
    Retire(u64),
    /// Delete it.
    Remove(u64),
    /// Have the parent show its DS.
    SubmitDs(u64),
    /// Have the parent show it no more.
    WithdrawDs(u64),
}

/// Everything a rollover is timed by.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Chain {
    /// The one in force.
    pub policy: Policy,
    /// Removed ones are left out.
    pub keys: Vec<Key>,
    /// TTL of the DS RRset at the parent; none: never seen.
    pub ds_ttl: Option<u32>,
    /// The longest TTL in the zone, after the cut.
    pub ttl_longest: u32,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}

/// What to do next, in order.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Steps {
    /// In order.
    pub steps: Vec<Step>,
    /// When to ask again at the latest; none: when something has changed.
    pub next: Option<UnixMs>,
    /// For the decision record.
    #[serde(default)]
    pub reason: String,
}
