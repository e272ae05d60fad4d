//! One module per kind: its types, and the trait that a plugin implements. What a failure of each
//! function means is written on the function of the same name in `wit/`.

/// Declares a kind's module: generated types, trait, and the bridge from the one to the other.
macro_rules! kind {
    (
        $(#[$about:meta])*
        $module:ident, $interface:ident, $trait_name:ident, $(#[$trait_about:meta])* {
            $( $(#[$doc:meta])* fn $function:ident(
                $($argument:ident : [$($taken:tt)+] $shown:ty),*
            ) -> $result:ty; )+
        }
    ) => {
        $(#[$about])*
        pub mod $module {
            use crate::export::{Adapter, Exported};
            use crate::plugin::{Call, Plugin};

            pub use crate::wit::$module::exports::bailiwick::policy::$interface::*;

            $(#[$trait_about])*
            pub trait $trait_name: Plugin {
                $( $(#[$doc])*
                fn $function(
                    &mut self, call: &Call<Self::Settings>, $($argument: $shown),*
                ) -> Result<$result, Error>; )+
            }

            impl<P: Exported + $trait_name> Guest for Adapter<P> {
                $( fn $function(now: UnixMs, $($argument: $($taken)+),*) -> Result<$result, Error> {
                    Self::decide(now, |plugin, call| plugin.$function(call, $(&$argument),*))
                } )+
            }

            #[doc(hidden)]
            pub fn exported<P: Exported + $trait_name>() {}
        }
    };
}

kind! {
    /// Leases, and what a month costs.
    quota, quota, Quota,
    /// Decides how much may be answered, and rates.
    {
        /// One lease per request, in order.
        fn grant(month: [Month] &Month, requests: [Vec<Request>] &[Request]) -> Vec<Lease>;
        /// Prices a month from its totals; touches no `kv`.
        fn rate(plans: [Vec<PlanSpan>] &[PlanSpan], usage: [MonthUsage] &MonthUsage) -> Bill;
    }
}

kind! {
    /// Who is let in, and which traffic is held back.
    abuse, abuse, Abuse,
    /// Judges subjects and windows.
    {
        /// May it happen?
        fn admit(subject: [Subject] &Subject) -> Ruling;
        /// What to change about the traffic rules after this window.
        fn inspect(window: [Window] &Window) -> Vec<Change>;
    }
}

kind! {
    /// Name servers under the customer's own name.
    brand_ns, brand_ns, BrandNs,
    /// Decides name-server sets.
    {
        /// Would these names do?
        fn check(ask: [Ask] &Ask) -> Ruling;
        /// The name servers of the zone.
        fn plan_zone(ask: [Ask] &Ask) -> Outcome;
    }
}

kind! {
    /// With what and how a zone is signed.
    dnssec_policy, dnssec_policy, DnssecPolicy,
    /// Decides signing policies and key moves.
    {
        /// How this zone is to be signed.
        fn policy_for(zone: [ZoneFacts] &ZoneFacts) -> Policy;
        /// Which key moves next.
        fn next_steps(zone: [ZoneFacts] &ZoneFacts, chain: [Chain] &Chain) -> Steps;
    }
}

kind! {
    /// Judges new versions of zones.
    zone_accept, zone_accept, ZoneAccept,
    /// Decides whether a version is served.
    {
        /// Is the new version fit to be served?
        fn judge(proposal: [Proposal] &Proposal) -> Ruling;
    }
}

kind! {
    /// Sees single queries of zones that bind it.
    answer, answer, Answer,
    /// Decides answers.
    {
        /// One verdict per query, in order.
        fn decide(queries: [Vec<Query>] &[Query]) -> Vec<Verdict>;
    }
}

kind! {
    /// Work that no other call brings about.
    timer, timer, Timer,
    /// Is woken by the host.
    {
        /// Gives the time of the next call.
        fn run() -> Option<UnixMs>;
    }
}
