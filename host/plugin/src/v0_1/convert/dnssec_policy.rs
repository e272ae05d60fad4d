//! Conversions of `dnssec-policy`.

use super::{To, cases, record};
use crate::types::dnssec_policy as p;
use crate::v0_1::bindings::exports::bailiwick::policy::dnssec_policy as w;

cases!(both p::Role, w::Role { Ksk, Zsk, Csk, Other });
cases!(inward p::DsState, w::DsState { Unknown, Hidden, Rumoured, Omnipresent, Unretentive });
record!(inward p::Key, w::Key {
    id, tag, algorithm, role, created, published, signing, unpublished, stopped, ds, ds_since,
    compromised,
});
record!(both p::Nsec3, w::Nsec3 { opt_out });
cases!(both p::DenialKind, w::DenialKind { Nsec, Nsec3(n) });
record!(both p::KeySpec, w::KeySpec { role, algorithm, bits, lifetime_s });
record!(both p::Policy, w::Policy {
    sign, keys, denial, validity_s, refresh_s, jitter_s, inception_offset_s, dnskey_ttl, ttl_max,
    publish_cds, cds_digests, parent_propagation_s, zone_propagation_s, notes, reason, extra,
});
record!(inward p::Chain, w::Chain { policy, keys, ds_ttl, ttl_longest, extra });
cases!(outward p::Step, w::Step {
    Generate(spec), Publish(id), Unpublish(id), Activate(id), Retire(id), Remove(id), SubmitDs(id), WithdrawDs(id),
});
record!(outward p::Steps, w::Steps { steps, next, reason });
