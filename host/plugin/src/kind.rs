//! The kinds of policy that this host asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of policy; the interface of `wit/` that is called for it has the same name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Leases and bills.
    Quota,
    /// Who is let in, which traffic is held back.
    Abuse,
    /// Name servers under the customer's name.
    BrandNs,
    /// How zones are signed.
    DnssecPolicy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Quota, Self::Abuse, Self::BrandNs, Self::DnssecPolicy];

    /// Its name in manifests and WIT.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Abuse => "abuse",
            Self::BrandNs => "brand-ns",
            Self::DnssecPolicy => "dnssec-policy",
        }
    }

    /// The kind of that name, if this host knows it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
