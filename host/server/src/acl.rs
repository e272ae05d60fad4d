//! Who may do what is not a question: one function for all transports (RELIABILITY P5).

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bailiwick_answer::Kind;
use bailiwick_meter::Transport;
use ipnet::IpNet;

/// It may not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refused;

/// May `from`, who came by `transport`, ask for what `kind` says? Nothing has been looked up or taken
/// when this is asked (RELIABILITY X13), and nothing is done for anybody who was not let through here.
///
/// A transport proves nothing about who is asking: encrypted or not, the address has to be on the list.
/// It can only take away: a DNS message in HTTP is a question (RFC 8484 has no transfers and no NOTIFY).
/// Who may NOTIFY depends on the zone, and whoever keeps the zones knows ([`crate::Control::notify`]).
pub(crate) fn authorise(
    kind: Kind,
    transport: Transport,
    from: IpAddr,
    transfers: &Acl,
) -> Result<(), Refused> {
    let is_http = matches!(transport, Transport::Https | Transport::Http3);
    let may = match kind {
        Kind::Axfr | Kind::Ixfr => !is_http && transfers.allows(from),
        Kind::Notify => !is_http,
        // Not served to anybody: NOTIMP, whoever asks.
        Kind::Update => true,
        Kind::Query => true,
    };
    if may { Ok(()) } else { Err(Refused) }
}

/// Prefixes that may; everybody else may not. A list of exceptions is not needed where the default
/// is "no", so any prefix that holds the address decides, however long it is.
#[derive(Clone)]
pub(crate) struct Acl(Arc<ArcSwap<Vec<IpNet>>>);

impl Acl {
    pub(crate) const fn new(prefixes: Arc<ArcSwap<Vec<IpNet>>>) -> Self {
        Self(prefixes)
    }

    /// May this address? An IPv4 client of an IPv6 socket is judged by its IPv4 address.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.load().iter().any(|prefix| prefix.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(prefixes: &[&str]) -> Acl {
        let prefixes = prefixes
            .iter()
            .map(|prefix| prefix.parse().unwrap())
            .collect();
        Acl::new(Arc::new(ArcSwap::from_pointee(prefixes)))
    }

    #[test]
    fn an_empty_list_allows_nobody() {
        assert!(!acl(&[]).allows("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn mapped_addresses_are_judged_as_ipv4() {
        let acl = acl(&["192.0.2.0/24", "2001:db8::/32"]);
        assert!(acl.allows("::ffff:192.0.2.9".parse().unwrap()));
        assert!(acl.allows("2001:db8::1".parse().unwrap()));
        assert!(!acl.allows("192.0.3.0".parse().unwrap()));
    }
}
