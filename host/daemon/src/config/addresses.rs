//! Which addresses cannot be had together: two listeners of one transport on one address and port.
//!
//! DNS answers on UDP and TCP, under TLS on TCP, under QUIC on UDP, under HTTPS on both; the status page on
//! TCP. The system would refuse the second one at the start, or, where ports are shared between threads,
//! hand it half of the queries.

use std::net::SocketAddr;
use std::ops::Range;

use super::{HttpConfig, ServerConfig};

/// Somewhere to listen, with its key and, if it has one, its place in the file.
pub(super) struct Listener {
    pub(super) key: &'static str,
    pub(super) address: SocketAddr,
    pub(super) place: Option<Range<usize>>,
}

/// Each address that stands in the way of one before it, in words.
pub(super) fn clashes(listeners: &[Listener]) -> Vec<(Option<Range<usize>>, String)> {
    let mut found = Vec::new();
    for (index, later) in listeners.iter().enumerate() {
        let same =
            |earlier: &&Listener| earlier.address == later.address && later.address.port() != 0;
        let earlier = listeners.iter().take(index).filter(same);
        let words = earlier.filter_map(|earlier| {
            let shared = match (transports(earlier.key), transports(later.key)) {
                ((true, _), (true, _)) => "UDP",
                ((_, true), (_, true)) => "TCP",
                _ => return None,
            };
            Some(if earlier.key == later.key {
                format!("{} is given twice in `{}`", later.address, later.key)
            } else {
                format!(
                    "{} is wanted by `{}` and by `{}`, both on {shared}: give one of them another port",
                    later.address, earlier.key, later.key
                )
            })
        });
        found.extend(words.take(1).map(|words| (later.place.clone(), words)));
    }
    found
}

/// Everything that is listened on, without places.
pub(super) fn listeners(server: &ServerConfig, http: &HttpConfig) -> Vec<Listener> {
    let of = |key, addresses: &[SocketAddr]| {
        let listener = |address: &SocketAddr| Listener {
            key,
            address: *address,
            place: None,
        };
        addresses.iter().map(listener).collect::<Vec<_>>()
    };
    let all = [
        of(LISTEN, &server.listen),
        of(LISTEN_TLS, &server.listen_tls),
        of(LISTEN_QUIC, &server.listen_quic),
        of(LISTEN_HTTPS, &server.listen_https),
        of(HTTP, http.listen.0.as_slice()),
    ];
    all.into_iter().flatten().collect()
}

/// Whether a listener takes UDP, and TCP.
fn transports(key: &str) -> (bool, bool) {
    match key {
        LISTEN_QUIC => (true, false),
        LISTEN_TLS | HTTP => (false, true),
        _ => (true, true),
    }
}

pub(super) const LISTEN: &str = "listen";
pub(super) const LISTEN_TLS: &str = "listen-tls";
pub(super) const LISTEN_QUIC: &str = "listen-quic";
pub(super) const LISTEN_HTTPS: &str = "listen-https";
pub(super) const HTTP: &str = "http";

#[cfg(test)]
mod tests {
    use super::*;

    /// TLS and QUIC share a port by custom (RFC 9250 4.1.1): one is on TCP, the other on UDP.
    #[test]
    fn only_one_transport_on_one_address_clashes() {
        let on = |key, address: &str| Listener {
            key,
            address: address.parse().unwrap(),
            place: None,
        };
        let clashing = |all: &[Listener]| clashes(all).len();
        assert_eq!(
            clashing(&[on(LISTEN_TLS, "[::1]:853"), on(LISTEN_QUIC, "[::1]:853")]),
            0
        );
        assert_eq!(
            clashing(&[on(LISTEN, "127.0.0.1:0"), on(LISTEN, "127.0.0.1:0")]),
            0
        );
        assert_eq!(
            clashing(&[on(LISTEN, "127.0.0.1:53"), on(LISTEN, "127.0.0.2:53")]),
            0
        );
        assert_eq!(
            clashing(&[on(LISTEN, "127.0.0.1:53"), on(LISTEN, "127.0.0.1:53")]),
            1
        );
        assert_eq!(
            clashing(&[on(LISTEN, "127.0.0.1:53"), on(HTTP, "127.0.0.1:53")]),
            1
        );
        assert_eq!(
            clashing(&[
                on(LISTEN_QUIC, "127.0.0.1:443"),
                on(LISTEN_HTTPS, "127.0.0.1:443")
            ]),
            1
        );
        assert_eq!(
            clashing(&[on(LISTEN_QUIC, "127.0.0.1:443"), on(HTTP, "127.0.0.1:443")]),
            0
        );
    }
}
