//! What `wit-bindgen` makes of `wit/`. The shared types, the imports and `lifecycle` are generated
//! once; each kind is a world of one export on top of them, so that a component carries the types
//! of exactly the kinds its author names in [`crate::export!`], and may name several.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::use_self,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]

pub mod base {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "base",
        pub_export_macro: true,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

/// One world with one export, speaking in the types of [`base`].
macro_rules! kind {
    ($module:ident, $world:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                inline: $world,
                pub_export_macro: true,
                generate_unused_types: true,
                additional_derives: [PartialEq],
                with: { "bailiwick:policy/types@0.1.0": crate::wit::base::bailiwick::policy::types },
                generate_all,
            });
        }
    };
}

kind!(
    timer,
    "package bailiwick:guest; world timer-only { export bailiwick:policy/timer@0.1.0; }"
);
kind!(
    quota,
    "package bailiwick:guest; world quota-only { export bailiwick:policy/quota@0.1.0; }"
);
kind!(
    abuse,
    "package bailiwick:guest; world abuse-only { export bailiwick:policy/abuse@0.1.0; }"
);
kind!(
    brand_ns,
    "package bailiwick:guest; world brand-ns-only { export bailiwick:policy/brand-ns@0.1.0; }"
);
kind!(
    dnssec_policy,
    "package bailiwick:guest; world dnssec-policy-only { export bailiwick:policy/dnssec-policy@0.1.0; }"
);
kind!(
    zone_accept,
    "package bailiwick:guest; world zone-accept-only { export bailiwick:policy/zone-accept@0.1.0; }"
);
kind!(
    answer,
    "package bailiwick:guest; world answer-only { export bailiwick:policy/answer@0.1.0; }"
);
