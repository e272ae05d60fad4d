//! What happened on encrypted transports beside queries: one counter a kind, for all threads together.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counted as they happen. Rare beside queries, so threads share them.
        #[derive(Debug, Default)]
        pub(crate) struct Events {
            $($name: AtomicU64,)*
        }

        /// How often something happened since the start.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub struct EncryptedEvents {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Events {
            $(pub(crate) fn $name(&self) {
                self.$name.fetch_add(1, Relaxed);
            })*

            pub(crate) fn snapshot(&self) -> EncryptedEvents {
                EncryptedEvents {
                    $($name: self.$name.load(Relaxed),)*
                }
            }
        }

        impl EncryptedEvents {
            /// Each count with its name: a closed set.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

events! {
    /// TLS or QUIC handshakes that succeeded.
    handshakes,
    /// Handshakes that did not: not TLS, no common version, given up, too slow.
    handshakes_failed,
    /// Handshakes turned away because their client had used up its time.
    handshakes_limited,
    /// QUIC clients that were asked to prove their address first (RFC 9000 8.1.2).
    quic_retries,
    /// QUIC handshakes turned away because too many were under way.
    quic_refused,
    /// Connections ended because the client broke the rules of its transport or asked too much of it.
    connections_cut,
    /// HTTP requests that brought no DNS message.
    http_errors,
}
