//! A running server: its sockets, its threads, and how it stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::bind::{self, Bound, needs_packet_info};
use crate::connections::Connections;
use crate::encrypted::{
    Configs, EncryptedAddresses, EncryptedEvents, EncryptedOptions, Events, Sockets,
};
use crate::error::StartError;
use crate::options::ServerOptions;
use crate::rate::Reporter;
use crate::sys;
use crate::tcp::{self, Listening, Stop, TcpShared};
use crate::udp::UdpLoop;
use crate::worker::Worker;

/// A server that answers until it is stopped or dropped.
pub struct Server {
    addresses: Vec<SocketAddr>,
    encrypted: EncryptedAddresses,
    stop_udp: Arc<AtomicBool>,
    stop_tcp: watch::Sender<Stop>,
    udp: Vec<JoinHandle<()>>,
    tcp: Vec<JoinHandle<()>>,
    shared: Arc<TcpShared>,
    /// Says in the log what is limited.
    reporter: Option<Reporter>,
    transfers_max: usize,
}

/// A server at a glance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerStatus {
    /// Where it answers.
    pub addresses: Vec<SocketAddr>,
    /// UDP threads.
    pub udp_threads: usize,
    /// TCP threads.
    pub tcp_threads: usize,
    /// TCP connections.
    pub connections: usize,
    /// Transfers out that are under way.
    pub transfers: usize,
}

impl Server {
    /// Binds every address and starts to answer.
    ///
    /// # Errors
    /// When an address cannot be had; nothing is left running then.
    pub fn start(options: &ServerOptions) -> Result<Self, StartError> {
        let plan = Plan::new(options)?;
        let tcp_threads = options.limits.tcp_threads.max(1);
        let mut bound = Vec::with_capacity(options.listen.len());
        for (address, udp) in options.listen.iter().zip(&plan.sockets) {
            bound.push(bind::bind(*address, *udp, tcp_threads)?);
        }
        let addresses = bound.iter().map(|bound| bound.address).collect();
        let encrypted_threads = options.limits.encrypted_threads.max(1);
        let mut encrypted = match &options.encrypted {
            Some(wanted) => Some(Encrypted::bind(wanted, options, encrypted_threads)?),
            None => None,
        };
        let connections_max = options.limits.connections.min(sys::descriptor_limit() / 2);
        let shared = Arc::new(TcpShared {
            connections: Arc::new(Connections::new(
                connections_max,
                options.limits.connections_per_address,
            )),
            transfers: Arc::new(Semaphore::new(options.limits.transfers)),
            limits: options.limits.clone(),
            clock: Arc::clone(&options.meter),
            events: Events::default(),
        });
        let mut server = Self {
            addresses,
            encrypted: encrypted
                .as_ref()
                .map(Encrypted::addresses)
                .unwrap_or_default(),
            stop_udp: Arc::default(),
            stop_tcp: watch::Sender::new(Stop::No),
            udp: Vec::new(),
            tcp: Vec::new(),
            shared,
            reporter: None,
            transfers_max: options.limits.transfers,
        };
        server
            .start_threads(options, &plan, bound, tcp_threads)
            .map_err(StartError::Thread)?;
        for n in 0..encrypted_threads {
            if let Some(encrypted) = &mut encrypted {
                let listening = Listening::Encrypted(encrypted.take());
                server
                    .start_streams(options, format!("dns-tls-{n}"), listening)
                    .map_err(StartError::Thread)?;
            }
        }
        let (limiter, zones) = (&options.rate_limiter, &options.zones);
        let reporter = Reporter::start(Arc::clone(limiter), Arc::clone(zones));
        server.reporter = Some(reporter.map_err(StartError::Thread)?);
        Ok(server)
    }

    /// Where it answers, with the ports that were found where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where encrypted transports are answered.
    #[must_use]
    pub fn encrypted_addresses(&self) -> &EncryptedAddresses {
        &self.encrypted
    }

    /// What happened on encrypted transports beside queries.
    #[must_use]
    pub fn encrypted_events(&self) -> EncryptedEvents {
        self.shared.events.snapshot()
    }

    /// A look at it.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        ServerStatus {
            addresses: self.addresses.clone(),
            udp_threads: self.udp.len(),
            tcp_threads: self.tcp.len(),
            connections: self.shared.connections.count(),
            transfers: self
                .transfers_max
                .saturating_sub(self.shared.transfers.available_permits()),
        }
    }

    /// Stops: what has arrived is answered; transfers have `grace` to end. Blocks until it is done.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        self.stop_udp.store(true, Relaxed);
        self.stop_tcp.send_replace(Stop::Within(grace));
        self.reporter = None;
        for thread in self.udp.drain(..).chain(self.tcp.drain(..)) {
            // A thread that panicked outside of answering has nothing left to clean up.
            let _ = thread.join();
        }
    }

    fn start_threads(
        &mut self,
        options: &ServerOptions,
        plan: &Plan,
        mut bound: Vec<Bound>,
        tcp_threads: usize,
    ) -> std::io::Result<()> {
        for (n, places) in plan.threads.iter().enumerate() {
            let mut sockets = Vec::with_capacity(places.len());
            let mut packet_info = false;
            for place in places {
                if let Some(bound) = bound.get_mut(*place) {
                    packet_info |= needs_packet_info(bound.address);
                    sockets.extend(bound.udp.pop());
                }
            }
            let worker = Worker::new(options);
            let serving = UdpLoop::new(sockets, packet_info, worker, Arc::clone(&self.stop_udp));
            let builder = std::thread::Builder::new().name(format!("dns-udp-{n}"));
            self.udp.push(builder.spawn(move || serving.run())?);
        }
        for n in 0..tcp_threads {
            let listeners = bound
                .iter_mut()
                .filter_map(|bound| bound.tcp.pop())
                .collect();
            self.start_streams(options, format!("dns-tcp-{n}"), Listening::Tcp(listeners))?;
        }
        Ok(())
    }

    fn start_streams(
        &mut self,
        options: &ServerOptions,
        name: String,
        listening: Listening,
    ) -> std::io::Result<()> {
        let worker = Worker::new(options);
        let (shared, stop) = (Arc::clone(&self.shared), self.stop_tcp.subscribe());
        let builder = std::thread::Builder::new().name(name);
        self.tcp.push(builder.spawn(move || {
            if let Err(error) = tcp::run(listening, worker, shared, stop) {
                tracing::error!(%error, "a thread for streams could not start: {error}; they are served by fewer threads");
            }
        })?);
        Ok(())
    }
}

/// The sockets of encrypted transports, before threads take them.
struct Encrypted {
    tls: Vec<Bound>,
    quic: Vec<Bound>,
    https: Vec<Bound>,
    configs: Arc<Configs>,
}

impl Encrypted {
    fn bind(
        wanted: &EncryptedOptions,
        options: &ServerOptions,
        threads: usize,
    ) -> Result<Self, StartError> {
        let configs = Configs::new(&wanted.certificates, &options.limits);
        let bind = |addresses: &[SocketAddr], udp, tcp| {
            let bound = addresses.iter().map(|at| bind::bind(*at, udp, tcp));
            bound.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            configs: Arc::new(configs.map_err(StartError::Tls)?),
            tls: bind(&wanted.tls, 0, threads)?,
            quic: bind(&wanted.quic, threads, 0)?,
            https: bind(&wanted.https, threads, threads)?,
        })
    }

    fn addresses(&self) -> EncryptedAddresses {
        let of = |bound: &[Bound]| bound.iter().map(|bound| bound.address).collect();
        EncryptedAddresses {
            tls: of(&self.tls),
            quic: of(&self.quic),
            https: of(&self.https),
        }
    }

    /// The sockets of one thread.
    fn take(&mut self) -> Sockets {
        let tcp = |bound: &mut [Bound]| bound.iter_mut().filter_map(|b| b.tcp.pop()).collect();
        let udp = |bound: &mut [Bound]| bound.iter_mut().filter_map(|b| b.udp.pop()).collect();
        Sockets {
            tls: tcp(&mut self.tls),
            https: tcp(&mut self.https),
            quic: udp(&mut self.quic),
            http3: udp(&mut self.https),
            configs: Arc::clone(&self.configs),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Which thread serves which addresses.
#[derive(Debug, Eq, PartialEq)]
struct Plan {
    /// UDP sockets for each address.
    sockets: Vec<usize>,
    /// The addresses of each UDP thread, by their place in the list.
    threads: Vec<Vec<usize>>,
}

impl Plan {
    fn new(options: &ServerOptions) -> Result<Self, StartError> {
        let addresses = options.listen.len();
        if addresses == 0 {
            return Err(StartError::NoAddress);
        }
        Ok(Self::of(addresses, options.threads.max(1)))
    }

    fn of(addresses: usize, threads: usize) -> Self {
        if threads < addresses {
            return Self {
                sockets: vec![threads; addresses],
                threads: vec![(0..addresses).collect(); threads],
            };
        }
        let share = |place: usize| threads / addresses + usize::from(place < threads % addresses);
        Self {
            sockets: (0..addresses).map(share).collect(),
            threads: (0..addresses)
                .flat_map(|place| vec![vec![place]; share(place)])
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_spread_over_addresses_and_none_is_left_out() {
        assert_eq!(
            Plan::of(1, 1),
            Plan {
                sockets: vec![1],
                threads: vec![vec![0]]
            }
        );
        assert_eq!(
            Plan::of(2, 3),
            Plan {
                sockets: vec![2, 1],
                threads: vec![vec![0], vec![0], vec![1]]
            }
        );
        assert_eq!(
            Plan::of(3, 1),
            Plan {
                sockets: vec![1, 1, 1],
                threads: vec![vec![0, 1, 2]]
            }
        );
    }
}
