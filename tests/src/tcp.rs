//! TCP connections from an address of one's choice, which std cannot make.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

/// A connection from `source`, such as 127.1.2.3, with limits on both directions.
///
/// # Errors
/// No connection.
pub fn connect_from(source: IpAddr, server: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket
        .connect_timeout(&server.into(), LIMIT)
        .with_context(|| format!("TCP from {source} to {server}"))?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.set_write_timeout(Some(LIMIT))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

const LIMIT: Duration = Duration::from_secs(10);
