//! What an operator may choose about answers.

use bailiwick_zone::Name;

use crate::cookie::Cookies;

/// What a query of type ANY gets (RFC 8482).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Any {
    /// One RRset of the name (RFC 8482 4.1).
    #[default]
    OneRrset,
    /// A synthesised HINFO record (RFC 8482 4.2).
    Hinfo,
}

/// The choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest answer over UDP and the size our OPT record states; 1232 keeps clear of fragments.
    pub udp_size_max: u16,
    /// What ANY gets.
    pub any: Any,
    /// DNS cookies (RFC 7873).
    pub cookies: Cookies,
    /// What this server is called to those who ask with NSID (RFC 5001); at most [`NSID_MAX`] octets.
    pub nsid: Option<Box<[u8]>>,
    /// The SOA serial goes to those who ask with ZONEVERSION (RFC 9660).
    pub zone_version: bool,
    /// What `id.server` and `hostname.bind` say in class CHAOS (RFC 4892); REFUSED without. At most
    /// 255 octets.
    pub identity: Option<String>,
    /// What `version.bind` and `version.server` say; REFUSED without. At most 255 octets.
    pub version: Option<String>,
    /// The agent domain to which resolvers may report errors about our zones (RFC 9567).
    pub report_agent: Option<Name>,
}

/// Octets of an NSID: with it, every option that must be sent fits 512 octets beside any question.
pub const NSID_MAX: usize = 64;

impl Default for Settings {
    fn default() -> Self {
        Self {
            udp_size_max: 1232,
            any: Any::default(),
            cookies: Cookies::Off,
            nsid: None,
            zone_version: true,
            identity: None,
            version: None,
            report_agent: None,
        }
    }
}
