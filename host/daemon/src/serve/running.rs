//! The running server: its parts, and what changes while it runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context;
use arc_swap::ArcSwap;
use bailiwick_answer::{Secret, Secrets, Settings};
use bailiwick_authority::{Authority, AuthorityOptions};
use bailiwick_meter::Meter;
use bailiwick_plugin::Registry;
use bailiwick_server::{Certificates, EncryptedAddresses, EncryptedEvents, RateLimiter, Server};
use bailiwick_store::{EmbeddedStore, MemoryStore, Store};
use bailiwick_zone::{SharedZones, ZoneSet};
use ipnet::IpNet;
use tracing::error;

use super::error_reports::ErrorReports;
use crate::cli::ServeArgs;
use crate::clock;
use crate::config::Config;
use crate::http::report::{ConfigState, Startup};
use crate::serve::key;

/// Handles on everything that runs.
pub(crate) struct Running {
    pub(crate) args: ServeArgs,
    pub(crate) data: PathBuf,
    pub(crate) started: u64,
    pub(crate) zones: Arc<SharedZones>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) authority: Authority,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) allow_transfer: Arc<ArcSwap<Vec<IpNet>>>,
    /// How answers are made.
    pub(crate) answers: Arc<ArcSwap<Settings>>,
    /// What resolvers report about our zones.
    pub(crate) error_reports: Arc<ErrorReports>,
    /// Cookie secrets of this process, for when none are configured.
    own_secrets: Secrets,
    pub(crate) rate_limiter: Arc<RateLimiter>,
    /// Set once plugins can be used.
    pub(crate) registry: OnceLock<Arc<Registry>>,
    config: ArcSwap<Config>,
    /// The configuration at the start: what waits for a restart differs from this one.
    pub(crate) boot: Config,
    config_state: Mutex<ConfigState>,
    startup: Mutex<Startup>,
    server: Mutex<Option<Server>>,
    addresses: OnceLock<Vec<std::net::SocketAddr>>,
    encrypted: OnceLock<EncryptedAddresses>,
    /// Set where something is answered under TLS.
    pub(crate) certificates: OnceLock<Arc<Certificates>>,
    /// By what is in trouble: what a person should know, beside zones and plugins.
    troubles: Mutex<BTreeMap<String, String>>,
    /// Held through a reload: two at a time would each undo half of the other.
    pub(crate) reloading: Mutex<()>,
}

impl Running {
    /// Starts what the DNS side needs; no zone is there yet.
    pub(crate) fn start(args: ServeArgs, config: Config, data: &Path) -> anyhow::Result<Self> {
        let key = key::hash_key(data)?;
        let own_secrets = Secrets::only(Secret::new(random()?));
        let zones = Arc::new(SharedZones::from_pointee(ZoneSet::new(&key)));
        let troubles = Mutex::default();
        let store = open_store(data, &troubles);
        let options = AuthorityOptions {
            store: Some(Arc::clone(&store)),
            resolver: config.resolver.clone(),
            aliases: config.aliases,
            ..AuthorityOptions::new(data.to_owned(), Arc::clone(&zones), key)
        };
        let authority = Authority::start(options, &tokio::runtime::Handle::current())
            .context("zones cannot be kept")?;
        let config_state = ConfigState {
            file: args.config.as_ref().map(|path| path.display().to_string()),
            loaded: clock::unix_now(),
            ..ConfigState::default()
        };
        Ok(Self {
            args,
            data: data.to_owned(),
            started: clock::unix_now(),
            zones,
            meter: Arc::new(Meter::new(key)),
            authority,
            store,
            allow_transfer: Arc::new(ArcSwap::from_pointee(config.transfer_allow.clone())),
            answers: Arc::new(ArcSwap::from_pointee(config.answers.settings(&own_secrets))),
            own_secrets,
            error_reports: Arc::default(),
            rate_limiter: Arc::new(RateLimiter::new(&config.rate_limit)),
            registry: OnceLock::new(),
            boot: config.clone(),
            config: ArcSwap::from_pointee(config),
            config_state: Mutex::new(config_state),
            startup: Mutex::default(),
            server: Mutex::default(),
            addresses: OnceLock::new(),
            encrypted: OnceLock::new(),
            certificates: OnceLock::new(),
            troubles,
            reloading: Mutex::default(),
        })
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Puts another configuration in force; what it means for zones and plugins is the caller's.
    pub(crate) fn set_config(&self, config: Config) {
        self.allow_transfer
            .store(Arc::new(config.transfer_allow.clone()));
        let answers = config.answers.settings(&self.own_secrets);
        self.answers.store(Arc::new(answers));
        self.rate_limiter.set(&config.rate_limit);
        self.config.store(Arc::new(config));
    }

    /// What became of the configuration.
    pub(crate) fn config_state(&self) -> MutexGuard<'_, ConfigState> {
        lock(&self.config_state)
    }

    /// How far the start has come.
    pub(crate) fn startup(&self) -> Startup {
        *lock(&self.startup)
    }

    /// Notes how far the start has come.
    pub(crate) fn set_startup(&self, startup: Startup) {
        *lock(&self.startup) = startup;
    }

    /// Keeps the server that was started.
    pub(crate) fn set_server(&self, server: Server) {
        // Only one is ever started.
        let _ = self.addresses.set(server.addresses().to_vec());
        let _ = self.encrypted.set(server.encrypted_addresses().clone());
        *lock(&self.server) = Some(server);
    }

    /// Takes the server to stop it.
    pub(crate) fn take_server(&self) -> Option<Server> {
        lock(&self.server).take()
    }

    /// Where DNS is answered, ports found included.
    pub(crate) fn addresses(&self) -> &[std::net::SocketAddr] {
        self.addresses.get().map_or(&[], Vec::as_slice)
    }

    /// Where DNS is answered and how, in words.
    pub(crate) fn listening(&self) -> Vec<String> {
        let mut all: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        if let Some(encrypted) = self.encrypted.get() {
            for (addresses, transport) in [
                (&encrypted.tls, "TLS"),
                (&encrypted.quic, "QUIC"),
                (&encrypted.https, "HTTPS"),
            ] {
                all.extend(addresses.iter().map(|at| format!("{at}/{transport}")));
            }
        }
        all
    }

    /// What happened on encrypted transports; nothing before the sockets are there.
    pub(crate) fn encrypted_events(&self) -> EncryptedEvents {
        let server = lock(&self.server);
        server
            .as_ref()
            .map(Server::encrypted_events)
            .unwrap_or_default()
    }

    /// Says what a person should look at, or with `None` that it is over.
    pub(crate) fn trouble(&self, about: &str, words: Option<String>) {
        note(&self.troubles, about, words);
    }

    /// What a person should look at.
    pub(crate) fn troubles(&self) -> Vec<String> {
        lock(&self.troubles).values().cloned().collect()
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)
        .map_err(|e| anyhow::anyhow!("the system gives no random numbers: {e}"))?;
    Ok(octets)
}

/// A store that cannot be opened is an alarm, not an outage: the server runs without its memory.
fn open_store(data: &Path, troubles: &Mutex<BTreeMap<String, String>>) -> Arc<dyn Store> {
    match EmbeddedStore::open_or_set_aside(&data.join("store.redb")) {
        Ok(opened) => {
            if let Some(aside) = &opened.set_aside {
                let words = format!(
                    "The store could not be read and was set aside: {aside:?}. Plugins start with empty memory."
                );
                error!("{words}");
                note(troubles, "store", Some(words));
            }
            Arc::new(opened.store)
        }
        Err(failure) => {
            let words = format!(
                "The store cannot be used: {failure}. Answers are not affected; what plugins learn is lost at the end."
            );
            error!("{words}");
            note(troubles, "store", Some(words));
            Arc::new(MemoryStore::new())
        }
    }
}

fn note(troubles: &Mutex<BTreeMap<String, String>>, about: &str, words: Option<String>) {
    let mut troubles = lock(troubles);
    match words {
        Some(words) => troubles.insert(about.to_owned(), words),
        None => troubles.remove(about),
    };
}

/// Nothing that is held under these locks can be left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
