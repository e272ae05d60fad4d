//! Name servers under the customer's own name.

use serde::{Deserialize, Serialize};

use super::{AccountFacts, Extra, Finding, Ipv6, NodeId, RequiredAction, ZoneFacts};

/// An anycast node allotted to the zone, and the name it has unbranded.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Server {
    /// Which node.
    pub node: NodeId,
    /// Its name in the operator's own zone.
    pub fleet_name: String,
    /// Its IPv4 addresses.
    pub v4: Vec<u32>,
    /// Its IPv6 addresses.
    pub v6: Vec<Ipv6>,
}

/// A branded name; its address RRsets are made from the node's addresses.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    /// At or below the apex.
    pub name: String,
    /// Whose addresses.
    pub node: NodeId,
    /// Of the address RRsets.
    pub ttl: u32,
}

/// The name servers of one zone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// The apex NS RRset.
    pub ns: Vec<String>,
    /// Its TTL.
    pub ns_ttl: u32,
    /// SOA MNAME.
    pub mname: String,
    /// SOA RNAME.
    pub rname: String,
    /// Branded names and their nodes.
    pub hosts: Vec<Host>,
    /// What the customer must now do at the parent.
    #[serde(default)]
    pub actions: Vec<RequiredAction>,
    /// For the decision record.
    #[serde(default)]
    pub reason: String,
    /// More of the plugin's own.
    #[serde(default)]
    pub extra: Extra,
}

/// A plan, or why there is none.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// To be stored with the zone and answered natively.
    Plan(Plan),
    /// Each finding's code is the rule's name.
    Refuse(Vec<Finding>),
}

/// Why the question comes up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The customer wants a brand.
    Asked,
    /// The zone is new.
    ZoneAdded,
    /// The account has another plan.
    PlanChanged,
    /// Nodes have other addresses.
    Renumbered,
    /// Something that a plugin of this version has no word for.
    Other,
}

/// What a brand is asked for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ask {
    /// Why now.
    pub cause: Cause,
    /// The zone.
    pub zone: ZoneFacts,
    /// Its account.
    pub account: AccountFacts,
    /// Names asked for; empty: the plugin chooses.
    pub wanted: Vec<String>,
    /// The nodes it may use.
    pub servers: Vec<Server>,
    /// Wanted or present branded names that have other data in the zone.
    #[serde(default)]
    pub taken: Vec<String>,
    /// The plan in force.
    #[serde(default)]
    pub present: Option<Plan>,
    /// The nodes it was made for.
    #[serde(default)]
    pub present_servers: Vec<Server>,
    /// What the parent says now.
    #[serde(default)]
    pub parent_ns: Vec<String>,
    /// Whatever later versions of the host add.
    #[serde(default)]
    pub extra: Extra,
}
