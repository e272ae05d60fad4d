//! Sockets, bound and set up as their loops need them.
//!
//! Each thread has a socket of its own on the same address (`SO_REUSEPORT`), and the kernel spreads
//! clients over them. That option would also let a second server of the same user share the port
//! unnoticed, so the first socket of an address is tried without it.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::StartError;
use crate::sys;

/// All sockets of one address: one for each thread that serves it.
pub(crate) struct Bound {
    /// With the port that was found where 0 was asked for.
    pub(crate) address: SocketAddr,
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: Vec<TcpListener>,
}

/// Binds `udp` and `tcp` sockets to `address`.
pub(crate) fn bind(address: SocketAddr, udp: usize, tcp: usize) -> Result<Bound, StartError> {
    if address.port() != 0 {
        return bind_at(address, udp, tcp);
    }
    // Any port will do, if it is free for both transports.
    let mut result = bind_any(address, udp, tcp);
    for _ in 1..ANY_PORT_TRIES {
        if !matches!(result, Err(StartError::Busy { .. })) {
            break;
        }
        result = bind_any(address, udp, tcp);
    }
    result
}

fn bind_any(address: SocketAddr, udp: usize, tcp: usize) -> Result<Bound, StartError> {
    let error = |source| StartError::of_socket(address, "UDP", source);
    let free = new_socket(address, Type::DGRAM, false)
        .and_then(|socket| local_address(&socket))
        .map_err(error)?;
    bind_at(free, udp, tcp)
}

fn bind_at(address: SocketAddr, udp: usize, tcp: usize) -> Result<Bound, StartError> {
    let udp_error = |source| StartError::of_socket(address, "UDP", source);
    let tcp_error = |source| StartError::of_socket(address, "TCP", source);
    if udp > 0 {
        drop(new_socket(address, Type::DGRAM, false).map_err(udp_error)?);
    }
    if tcp > 0 {
        let listening = new_socket(address, Type::STREAM, false).map_err(tcp_error)?;
        // Only listening shows whether another program listens already.
        listening.listen(1).map_err(tcp_error)?;
    }
    Ok(Bound {
        address,
        udp: (0..udp)
            .map(|_| udp_socket(address))
            .collect::<Result<_, _>>()
            .map_err(udp_error)?,
        tcp: (0..tcp)
            .map(|_| tcp_listener(address))
            .collect::<Result<_, _>>()
            .map_err(tcp_error)?,
    })
}

fn udp_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = new_socket(address, Type::DGRAM, true)?;
    set_buffer_sizes(&socket)?;
    socket.set_read_timeout(Some(WAKE_UP))?;
    socket.set_write_timeout(Some(WAKE_UP))?;
    // RFC 9715, RELIABILITY P16: neither fragment answers by forged path-MTU news nor refuse to send.
    if address.is_ipv4() {
        sys::set_option(
            socket.as_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_OMIT,
        )?;
    } else {
        sys::set_option(
            socket.as_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_OMIT,
        )?;
    }
    if needs_packet_info(address) {
        let (level, option) = if address.is_ipv4() {
            (libc::IPPROTO_IP, libc::IP_PKTINFO)
        } else {
            (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
        };
        sys::set_option(socket.as_fd(), level, option, 1)?;
    }
    Ok(socket.into())
}

/// Asks for room for a burst. The privilege to go beyond the system's limit is used where it is had;
/// elsewhere the kernel gives what it may.
fn set_buffer_sizes(socket: &Socket) -> io::Result<()> {
    let force =
        |option| sys::set_option(socket.as_fd(), libc::SOL_SOCKET, option, BUFFER_SIZE as i32);
    if force(libc::SO_RCVBUFFORCE).is_err() {
        socket.set_recv_buffer_size(BUFFER_SIZE)?;
    }
    if force(libc::SO_SNDBUFFORCE).is_err() {
        socket.set_send_buffer_size(BUFFER_SIZE)?;
    }
    Ok(())
}

fn tcp_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = new_socket(address, Type::STREAM, true)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn new_socket(address: SocketAddr, kind: Type, shared: bool) -> io::Result<Socket> {
    let protocol = if kind == Type::DGRAM {
        Protocol::UDP
    } else {
        Protocol::TCP
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // IPv4 has sockets of its own.
        socket.set_only_v6(true)?;
    }
    if kind == Type::STREAM {
        // Connections of a server that just ended do not keep the port; a listener still does.
        socket.set_reuse_address(true)?;
    }
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    address
        .as_socket()
        .ok_or_else(|| io::Error::other("the system gave a socket of another family"))
}

/// Only a socket bound to a wildcard address has to ask which address was asked.
pub(crate) fn needs_packet_info(address: SocketAddr) -> bool {
    address.ip().is_unspecified()
}

/// How long a worker may wait before it looks whether it is to stop.
const WAKE_UP: Duration = Duration::from_millis(200);
/// Room for a burst while a worker is off its core.
const BUFFER_SIZE: usize = 4 << 20;
const BACKLOG: i32 = 1024;
const ANY_PORT_TRIES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_found_out_even_by_the_same_user() {
        let first = bind("127.0.0.1:0".parse().unwrap(), 2, 1).unwrap();
        assert!(matches!(
            bind(first.address, 1, 1),
            Err(StartError::Busy {
                transport: "UDP",
                ..
            })
        ));
        let port = first.address.port();
        drop(first.udp);
        let text = bind(SocketAddr::from(([127, 0, 0, 1], port)), 1, 1)
            .err()
            .map(|error| error.to_string());
        assert!(
            text.is_some_and(|text| text.contains("(TCP)") && text.contains("another program"))
        );
    }

    #[test]
    fn an_address_of_another_machine_is_refused_in_words() {
        let error = bind("192.0.2.1:0".parse().unwrap(), 1, 1).err().unwrap();
        assert!(error.to_string().contains("no such address"), "{error}");
    }

    /// RELIABILITY P16: datagrams are neither marked "don't fragment" nor cut to a forged path MTU.
    #[test]
    fn p16_path_mtu_discovery_is_left_out() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let bound = bind(address.parse().unwrap(), 1, 0).unwrap();
            let socket = socket2::SockRef::from(&bound.udp[0]);
            assert!(socket.reuse_port().unwrap());
            let omitted = if bound.address.is_ipv4() {
                option(&bound.udp[0], libc::IPPROTO_IP, libc::IP_MTU_DISCOVER)
            } else {
                option(&bound.udp[0], libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER)
            };
            assert_eq!(omitted, libc::IP_PMTUDISC_OMIT);
        }
    }

    #[test]
    fn buffers_are_no_smaller_than_the_system_gives_anybody() {
        let bound = bind("127.0.0.1:0".parse().unwrap(), 1, 0).unwrap();
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        let size = |socket| socket2::SockRef::from(socket).recv_buffer_size().unwrap();
        assert!(size(&bound.udp[0]) >= size(&plain));
    }

    fn option(socket: &UdpSocket, level: i32, option: i32) -> i32 {
        sys::tests::get_option(socket.as_fd(), level, option)
    }
}
