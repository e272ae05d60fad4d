//! The recursion with the guard at its only door: every connection it makes comes through here.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::recursor::{Recursor, RecursorOptions};
use hickory_resolver::{ConnectionProvider, PoolContext};

use crate::guard::Guard;
use crate::{ResolverError, ResolverOptions};

/// Makes connections to name servers that may be asked.
#[derive(Clone)]
pub(crate) struct Dial {
    runtime: TokioRuntimeProvider,
    guard: Arc<Guard>,
    port: u16,
}

impl ConnectionProvider for Dial {
    type Conn = <TokioRuntimeProvider as ConnectionProvider>::Conn;
    type FutureConn = <TokioRuntimeProvider as ConnectionProvider>::FutureConn;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        cx: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        if !self.guard.may_ask(ip) {
            return Err(NetError::from(format!(
                "its name server {ip} has no public address"
            )));
        }
        let mut config = config.clone();
        config.port = self.port;
        self.runtime.new_connection(ip, &config, cx)
    }

    fn runtime_provider(&self) -> &Self::RuntimeProvider {
        &self.runtime
    }
}

/// A recursion from the roots of `options`.
pub(crate) fn recursor(
    options: &ResolverOptions,
    guard: &Arc<Guard>,
) -> Result<Recursor<Dial>, ResolverError> {
    let dial = Dial {
        runtime: TokioRuntimeProvider::default(),
        guard: Arc::clone(guard),
        port: options.port,
    };
    let recursion = RecursorOptions {
        ns_cache_size: NAME_SERVERS_MAX,
        // Answers are not remembered: see the head of the crate.
        response_cache_size: 0,
        // The guard decides, in one place and by one list.
        deny_server: Vec::new(),
        // Harder to forge (RFC 5452), and every server keeps the case.
        case_randomization: true,
        edns_payload_len: PAYLOAD_MAX,
        ..RecursorOptions::default()
    };
    Recursor::with_options(&options.roots, recursion, dial)
        .map_err(|error| ResolverError::Options(error.to_string()))
}

/// Zones and name servers that are remembered; the least used one goes first.
const NAME_SERVERS_MAX: usize = 4096;
/// RFC 9715 3.2: what is not fragmented on its way.
const PAYLOAD_MAX: u16 = 1232;
