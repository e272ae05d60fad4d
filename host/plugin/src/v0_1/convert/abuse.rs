//! Conversions of `abuse`.

use super::{To, cases, record};
use crate::types::abuse as p;
use crate::v0_1::bindings::exports::bailiwick::policy::abuse as w;

record!(inward p::SignUp, w::SignUp {
    account, email_domain, email_local_hash, network, network_recent, domain_recent, extra,
});
record!(inward p::ZoneClaim, w::ZoneClaim {
    zone, apex, registrable, kind, account, network, primaries, rivals, parent_ns, extra,
});
record!(inward p::ZoneChange, w::ZoneChange { zone, account, difference, findings, extra });
record!(inward p::Event, w::Event { kind, account, zone, extra });
cases!(inward p::Subject, w::Subject { SignUp(s), ZoneClaim(s), ZoneChange(s), Other(s) });
record!(inward p::SourceColumns, w::SourceColumns {
    source, queries, nxdomain, limited, any, tcp, bytes_in, bytes_out, distinct_names,
    distinct_zones, main_zone, extra,
});
record!(inward p::NameColumns, w::NameColumns {
    zone, suffix, queries, nxdomain, distinct_sources, distinct_labels, extra,
});
record!(inward p::ZoneColumns, w::ZoneColumns {
    zone, queries, nxdomain, limited, distinct_sources, bytes_in, bytes_out, extra,
});
record!(inward p::HitColumns, w::HitColumns { rule, matched });
record!(inward p::Window, w::Window {
    id, node, start, end, total, sources, names, zones, hits,
});
record!(outward p::Matcher, w::Matcher { source, zone, suffix, rr_type, transport, nodes, extra });
record!(outward p::Limit, w::Limit { per_second, burst, v4_len, v6_len, over });
cases!(outward p::Effect, w::Effect { Act(a), Limit(l) });
record!(outward p::Rule, w::Rule {
    id, when, then, priority, ttl_ms, attack, dry_run, category, reason, extra,
});
record!(outward p::Matter, w::Matter { zone, findings, suspend, reason });
cases!(outward p::Change, w::Change { Put(r), Remove(id), Clear, Raise(m) });
