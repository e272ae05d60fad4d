//! The root hints.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of the root servers, a to m (RFC 9609; the IANA's root hints of 2024).
pub const IANA_ROOTS: [IpAddr; 26] = [
    v4(198, 41, 0, 4),
    v4(170, 247, 170, 2),
    v4(192, 33, 4, 12),
    v4(199, 7, 91, 13),
    v4(192, 203, 230, 10),
    v4(192, 5, 5, 241),
    v4(192, 112, 36, 4),
    v4(198, 97, 190, 53),
    v4(192, 36, 148, 17),
    v4(192, 58, 128, 30),
    v4(193, 0, 14, 129),
    v4(199, 7, 83, 42),
    v4(202, 12, 27, 33),
    v6(0x2001, 0x0503, 0xba3e, 0, 0, 0, 0x0002, 0x0030),
    v6(0x2801, 0x01b8, 0x0010, 0, 0, 0, 0, 0x000b),
    v6(0x2001, 0x0500, 0x0002, 0, 0, 0, 0, 0x000c),
    v6(0x2001, 0x0500, 0x002d, 0, 0, 0, 0, 0x000d),
    v6(0x2001, 0x0500, 0x00a8, 0, 0, 0, 0, 0x000e),
    v6(0x2001, 0x0500, 0x002f, 0, 0, 0, 0, 0x000f),
    v6(0x2001, 0x0500, 0x0012, 0, 0, 0, 0, 0x0d0d),
    v6(0x2001, 0x0500, 0x0001, 0, 0, 0, 0, 0x0053),
    v6(0x2001, 0x07fe, 0, 0, 0, 0, 0, 0x0053),
    v6(0x2001, 0x0503, 0x0c27, 0, 0, 0, 0x0002, 0x0030),
    v6(0x2001, 0x07fd, 0, 0, 0, 0, 0, 0x0001),
    v6(0x2001, 0x0500, 0x009f, 0, 0, 0, 0, 0x0042),
    v6(0x2001, 0x0dc3, 0, 0, 0, 0, 0, 0x0035),
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

#[expect(
    clippy::too_many_arguments,
    reason = "an address of IPv6 has eight groups"
)]
const fn v6(a: u16, b: u16, c: u16, d: u16, e: u16, f: u16, g: u16, h: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
}
