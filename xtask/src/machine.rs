//! What a fresh machine may lack: a C compiler, free ports, IPv6 on the loopback interface.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::bail;

use crate::step::has_program;

/// Some dependencies contain C or need a linker.
pub(crate) fn need_c_compiler() -> anyhow::Result<()> {
    if ["cc", "gcc", "clang"].into_iter().any(has_program) {
        return Ok(());
    }
    bail!("no C compiler found (cc). On Debian: apt-get install build-essential")
}

/// Whether `::1` can be used; without it only IPv4 is served.
pub(crate) fn has_ipv6_loopback() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// An address that DNS needs over UDP and TCP.
pub(crate) fn need_dns_port(ip: IpAddr, port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::new(ip, port);
    let udp = UdpSocket::bind(address).map(drop);
    explain("UDP", address, udp, "--port")?;
    explain(
        "TCP",
        address,
        TcpListener::bind(address).map(drop),
        "--port",
    )
}

/// An address that the status page needs.
pub(crate) fn need_http_port(address: SocketAddr) -> anyhow::Result<()> {
    explain(
        "TCP",
        address,
        TcpListener::bind(address).map(drop),
        "--http-port",
    )
}

fn explain(
    kind: &str,
    address: SocketAddr,
    bound: std::io::Result<()>,
    flag: &str,
) -> anyhow::Result<()> {
    match bound {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AddrInUse => bail!(
            "{kind} {address} is in use. See who has it with `ss -lnptu 'sport = :{port}'`, stop that, or take another: cargo xtask up {flag} {other}",
            port = address.port(),
            other = address.port().wrapping_add(10),
        ),
        Err(e) => bail!("{kind} {address} cannot be used: {e}"),
    }
}
