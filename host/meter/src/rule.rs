//! Traffic rules as policies write them; [`crate::RuleSet`] is what the query path reads.

use bailiwick_zone::name::Name;
use bailiwick_zone::rtype::RecordType;
use ipnet::IpNet;

use crate::query::Transport;
use crate::tick::Tick;

/// What the server does with a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Answer as usual.
    Allow,
    /// No answer at all.
    Drop,
    /// An empty answer with TC over UDP; an ordinary one over streams.
    Truncate,
    /// Truncate one in so many, drop the rest; 0 drops all, 1 truncates all; an ordinary answer over
    /// streams.
    Slip(u8),
    /// An answer without data.
    Deny {
        /// The response code.
        rcode: u16,
        /// The extended error that explains it (RFC 8914).
        ede: Option<u16>,
    },
}

/// A token bucket for each source prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limit {
    /// Tokens that come back each second.
    pub per_second: u32,
    /// Tokens a bucket holds.
    pub burst: u32,
    /// Sources that share their first so many bits share a bucket; 0: all of IPv4 does.
    pub v4_len: u8,
    /// The same for IPv6.
    pub v6_len: u8,
    /// What happens to a query that finds its bucket empty.
    pub over: Action,
}

/// What a rule does to a query that matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// This.
    Act(Action),
    /// Counts it against a bucket.
    Limit(Limit),
}

/// A rule. Every part of the match that is given must hold; absent ones match anything.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficRule {
    /// The same id again is the same rule: its buckets and its count go on.
    pub id: u64,
    /// Where the query says it comes from.
    pub source: Option<IpNet>,
    /// Slot of the zone it is for.
    pub zone: Option<u32>,
    /// The name asked for is this or below it.
    pub suffix: Option<Name>,
    /// The type asked for.
    pub rtype: Option<RecordType>,
    /// How it came in.
    pub transport: Option<Transport>,
    /// What happens then.
    pub effect: Effect,
    /// Highest first; equal: lowest id. The first that matches is the one.
    pub priority: i16,
    /// When the rule ends by itself.
    pub ends: Tick,
    /// Count what matches as [`crate::Class::Attack`].
    pub attack: bool,
    /// Count matches and do nothing else.
    pub dry_run: bool,
}
