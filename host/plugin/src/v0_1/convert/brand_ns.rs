//! Conversions of `brand-ns`.

use super::{To, cases, record};
use crate::types::brand_ns as p;
use crate::v0_1::bindings::exports::bailiwick::policy::brand_ns as w;

record!(inward p::Server, w::Server { node, fleet_name, v4, v6 });
record!(both p::Host, w::Host { name, node, ttl });
record!(both p::Plan, w::Plan { ns, ns_ttl, mname, rname, hosts, actions, reason, extra });
cases!(outward p::Outcome, w::Outcome { Plan(p), Refuse(f) });
cases!(inward p::Cause, w::Cause { Asked, ZoneAdded, PlanChanged, Renumbered, Other });
record!(inward p::Ask, w::Ask {
    cause, zone, account, wanted, servers, taken, present, present_servers, parent_ns, extra,
});
