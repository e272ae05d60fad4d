//! The egress guard: which addresses may be asked, and which may be taken from an answer.
//!
//! A name that a customer writes must not make this server knock at doors behind its own firewall, nor
//! publish addresses of networks that are not public as if they were the customer's (rebinding). So
//! both need a public address: one that the IANA's registries of special-purpose addresses (RFC 6890)
//! call globally reachable, and no multicast. An IPv4 address inside an IPv6 one is looked at as what it
//! is in the end. What the operator configures is trusted: the roots, and two lists of exceptions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::ResolverOptions;

/// What is permitted beside public addresses.
#[derive(Debug)]
pub(crate) struct Guard {
    servers: Vec<IpNet>,
    answers: Vec<IpNet>,
}

impl Guard {
    pub(crate) fn new(options: &ResolverOptions) -> Self {
        let roots = options.roots.iter().copied().map(IpNet::from);
        Self {
            servers: options.allow_servers.iter().copied().chain(roots).collect(),
            answers: options.allow_answers.clone(),
        }
    }

    /// Whether a name server at this address may be asked.
    pub(crate) fn may_ask(&self, ip: IpAddr) -> bool {
        is_public(ip) || self.servers.iter().any(|net| net.contains(&ip))
    }

    /// Whether this address may be taken from an answer.
    pub(crate) fn may_take(&self, ip: IpAddr) -> bool {
        is_public(ip) || self.answers.iter().any(|net| net.contains(&ip))
    }
}

/// Whether an address is one that anybody on the Internet may have.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // RFC 791, RFC 1918, RFC 6598, RFC 1122, RFC 3927
        (0 | 10 | 127, ..) => true,
        (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // RFC 6890, RFC 5737, RFC 7526, RFC 2544
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18 | 19, _) => {
            true
        }
        // RFC 5771, RFC 1112
        (224..=255, ..) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let groups = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match groups {
        // RFC 4291 2.5.5.2, RFC 6052: what is reached is the IPv4 address inside.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // RFC 3056: and the router there.
        [0x2002, high, low, ..] => v4(high, low),
        // RFC 2928 with Teredo (RFC 4380), benchmarking, ORCHID; RFC 3849, RFC 9637
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // RFC 4291 2.4: everything outside 2000::/3 is special or nobody's yet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// RFC 6890: special-purpose addresses are nobody's name server and nobody's web site.
    #[test]
    fn special_purpose_addresses_are_not_public() {
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.9",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.251",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::fb",
        ] {
            assert!(!is_public(ip(special)), "{special}");
        }
    }

    #[test]
    fn other_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "9.9.9.9",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2600::1",
            "2a00::1",
            "::ffff:9.9.9.9",
            "64:ff9b::909:909",
        ] {
            assert!(is_public(ip(public)), "{public}");
        }
    }

    /// Everybody could ask the root before there was a guard.
    #[test]
    fn the_root_servers_are_public() {
        for root in crate::IANA_ROOTS {
            assert!(is_public(root), "{root}");
        }
    }

    /// The two lists are not one: a test's name servers on loopback do not make 127.0.0.1 an answer.
    #[test]
    fn exceptions_hold_for_what_they_are_about() {
        let guard = Guard::new(&ResolverOptions {
            roots: vec![ip("127.0.0.7")],
            allow_servers: vec!["127.0.1.0/24".parse().unwrap()],
            allow_answers: vec!["192.0.2.0/24".parse().unwrap()],
            ..ResolverOptions::default()
        });
        assert!(guard.may_ask(ip("127.0.0.7")) && guard.may_ask(ip("127.0.1.9")));
        assert!(!guard.may_ask(ip("127.0.0.8")) && !guard.may_ask(ip("192.0.2.1")));
        assert!(guard.may_take(ip("192.0.2.1")) && !guard.may_take(ip("127.0.1.9")));
    }
}
