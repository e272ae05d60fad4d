//! Why a server could not start, with what to do about it.

use std::io;
use std::net::SocketAddr;

/// Why a server could not start. The text says the address, the reason and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Nothing to listen on.
    #[error("no address to listen on: give at least one, such as 127.0.0.1:5300")]
    NoAddress,
    /// Another program has the port.
    #[error(
        "cannot listen on {address} ({transport}): another program already does; \
         `ss -lnp 'sport = :{}'` shows which: stop it, or choose another port", address.port()
    )]
    Busy {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: &'static str,
    },
    /// Ports below 1024 take a privilege.
    #[error(
        "cannot listen on {address} ({transport}): ports below 1024 need root or CAP_NET_BIND_SERVICE; \
         give the program that capability (`setcap cap_net_bind_service=+ep`), or choose a higher port"
    )]
    NotPermitted {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: &'static str,
    },
    /// The address is not one of this machine's.
    #[error(
        "cannot listen on {address} ({transport}): this machine has no such address; {}",
        if address.is_ipv6() {
            "is IPv6 switched off (`sysctl net.ipv6.conf.all.disable_ipv6`)? Leave the address out, or switch it on"
        } else {
            "`ip address` lists those it has"
        }
    )]
    NoSuchAddress {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: &'static str,
    },
    /// Something else went wrong.
    #[error("cannot listen on {address} ({transport}): {source}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// UDP or TCP.
        transport: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS library does not take the settings.
    #[error("cannot set up TLS: {0}")]
    Tls(#[source] rustls::Error),
    /// No more threads.
    #[error("cannot start a worker thread: {0}; is the limit on processes (`ulimit -u`) too low?")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// Sorts a system error by its remedy.
    pub(crate) fn of_socket(
        address: SocketAddr,
        transport: &'static str,
        source: io::Error,
    ) -> Self {
        match source.raw_os_error() {
            Some(libc::EADDRINUSE) => Self::Busy { address, transport },
            Some(libc::EACCES | libc::EPERM) => Self::NotPermitted { address, transport },
            Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT) => {
                Self::NoSuchAddress { address, transport }
            }
            _ => Self::Socket {
                address,
                transport,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_names_the_address_and_a_remedy() {
        let address = "[::1]:53".parse().unwrap();
        for (code, remedy) in [
            (libc::EADDRINUSE, "ss -lnp 'sport = :53'"),
            (libc::EACCES, "setcap"),
            (libc::EADDRNOTAVAIL, "disable_ipv6"),
        ] {
            let text = StartError::of_socket(address, "UDP", io::Error::from_raw_os_error(code))
                .to_string();
            assert!(
                text.contains("[::1]:53 (UDP)") && text.contains(remedy),
                "{text}"
            );
        }
    }
}
