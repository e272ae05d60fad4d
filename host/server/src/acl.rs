//! Who may do what is not a question.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;

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
