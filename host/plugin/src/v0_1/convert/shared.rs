//! Conversions of what more than one interface uses.

use super::{To, cases, record};
use crate::error::GuestError;
use crate::types as p;
use crate::types::lifecycle as pl;
use crate::v0_1::bindings::bailiwick::policy::types as w;
use crate::v0_1::bindings::exports::bailiwick::policy::lifecycle as wl;

record!(inward p::Column, w::Column { name, values });
cases!(both p::Family, w::Family { V4, V6 });
record!(both p::Ipv6, w::Ipv6 { hi, lo });
record!(both p::Prefix, w::Prefix { family, hi, lo, len });
cases!(both p::Transport, w::Transport { Udp, Tcp, Tls, Https, Http3, Quic, Other });
record!(both p::Denial, w::Denial { rcode, ede });
cases!(both p::Action, w::Action { Allow, Drop, Truncate, Slip(n), Deny(d) });
cases!(both p::AbuseCategory, w::AbuseCategory {
    Spam, TrademarkCopyright, DenialOfService, AbusiveThreatening, Illegal,
});
record!(both p::Finding, w::Finding { code, message, about, category, extra });
cases!(outward p::Verdict, w::Verdict { Accept, Hold(f), Refuse(f) });
record!(outward p::Ruling, w::Ruling { verdict, notes, reason, extra });
record!(both p::RequiredAction, w::RequiredAction { code, message, due, cleared_by, extra });
cases!(inward p::ZoneKind, w::ZoneKind { Hosted, Secondary, SignedSecondary, Other });
record!(inward p::ZoneFacts, w::ZoneFacts {
    zone, apex, kind, account, plan, serial, records, signed, created, tags, extra,
});
record!(inward p::AccountFacts, w::AccountFacts {
    account, plan, created, activated, zones, held, cases, tags, extra,
});
cases!(inward p::Edit, w::Edit { Added, Removed, Changed });
record!(inward p::Difference, w::Difference {
    rrsets_added, rrsets_removed, rrsets_changed, names_added, names_removed, names_left_out,
    name, rr_type, edit, rows_left_out, extra,
});
record!(inward p::Usage, w::Usage {
    answered, refused, malformed, limited, attack, probe, control, internal, suspended, other,
});
record!(inward p::Month, w::Month { id, start, end });
cases!(outward GuestError, w::Error { Retry(ms), Config(text), Other(text) });
record!(outward pl::Capability, wl::Capability { name, reason });
record!(outward pl::Manifest, wl::Manifest {
    name, version, kinds, state_version, capabilities, settings_schema, class, extra,
});
cases!(inward pl::StartReason, wl::StartReason {
    First, Reload, ConfigChange, Restart, RecoveredFromTrap, Other,
});

impl To<w::Evidence> for p::Evidence {
    fn to(self) -> w::Evidence {
        let mut flags = w::Evidence::empty();
        for (set, flag) in [
            (self.ns, w::Evidence::NS),
            (self.glue, w::Evidence::GLUE),
            (self.ds, w::Evidence::DS),
        ] {
            if set {
                flags |= flag;
            }
        }
        flags
    }
}

impl To<p::Evidence> for w::Evidence {
    fn to(self) -> p::Evidence {
        p::Evidence {
            ns: self.contains(Self::NS),
            glue: self.contains(Self::GLUE),
            ds: self.contains(Self::DS),
        }
    }
}
