//! `serve`: what starts when, and why in that order.
//!
//! Each step needs only those before it, and the DNS side needs least: it answers from snapshots
//! and files before a plugin is looked at, and a plugin, a store or a zone that fails is named and
//! left out instead of keeping the rest from serving. What does end the start is what a person has
//! to decide: a bad configuration, a directory in use, an address that cannot be had.

mod certificate;
mod collect;
mod commands;
mod data;
mod error_reports;
mod key;
mod link;
mod plugins;
mod reload;
mod running;
mod zones;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use bailiwick_server::{Server, ServerOptions};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::control::server::ControlSocket;
use crate::exit::Outcome;
use crate::http::report::Startup;
use crate::{http, logs};
use data::DataDir;
use running::Running;

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> anyhow::Result<Outcome> {
    let config = Config::for_serve(&args).context("the configuration is not usable")?;
    logs::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(
            available_parallelism()
                .map_or(2, usize::from)
                .clamp(2, RUNTIME_THREADS_MAX),
        )
        .thread_name("control")
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let done = runtime.block_on(serve(args, config));
    // Blocking work that is still under way (a compile, a file) must not hold up the end.
    runtime.shutdown_timeout(STOP_GRACE);
    done.map(|()| Outcome::Done)
}

async fn serve(args: ServeArgs, config: Config) -> anyhow::Result<()> {
    // Addresses and the directory first: what cannot be had is said before anything is loaded.
    let data = DataDir::open(config.server.data.as_deref())?;
    let socket = ControlSocket::bind(data.path()).context("cannot make the control socket")?;
    let page = match config.http.listen.0 {
        Some(address) => Some(http::bind(address)?),
        None => None,
    };
    let (stop, stopped) = watch::channel(false);
    let mut signals = Signals::catch()?;

    let running = Arc::new(Running::start(args, config, data.path())?);
    tokio::spawn(socket.serve(Arc::clone(&running) as _, stopped.clone()));
    if let Some(page) = page {
        tokio::spawn(http::serve(
            page,
            Arc::clone(&running) as _,
            stopped.clone(),
        ));
    }

    // Zones from snapshots are in force when this returns; files follow, and most are there within
    // the time that the sockets wait for them.
    let loading = zones::begin(&running);
    let loading = wait_a_little(loading).await?;
    start_dns(&running)?;
    tokio::spawn(certificate::look_after(
        Arc::clone(&running),
        stopped.clone(),
    ));
    announce(&running, data.is_temporary());
    tell_systemd(&[NotifyState::Ready]);

    // Plugins only now: answers do not wait for them.
    running.set_startup(Startup::Loading);
    let plugins = {
        let running = Arc::clone(&running);
        tokio::task::spawn_blocking(move || plugins::start(&running))
    };
    let became_ready = {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            if let Some(loading) = loading {
                let _ = loading.await;
            }
            let _ = plugins.await;
            running.set_startup(Startup::Ready);
            info!("ready: everything that was asked for has been loaded or tried");
        })
    };

    signals.follow(&running).await;
    running.set_startup(Startup::Stopping);
    tell_systemd(&[NotifyState::Stopping]);
    became_ready.abort();
    stop.send_replace(true);
    let server = running.take_server();
    // Blocks until what has arrived is answered; the runtime's own threads have other work.
    let _ = tokio::task::spawn_blocking(move || {
        if let Some(server) = server {
            server.stop(STOP_GRACE);
        }
    })
    .await;
    running.authority.stop().await;
    info!("stopped");
    Ok(())
}

/// The sockets. Everything they need is in place; from here on queries are answered.
fn start_dns(running: &Arc<Running>) -> anyhow::Result<()> {
    let config = running.config();
    let threads = match config.server.threads {
        0 => available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let encrypted = certificate::encrypted(&config).context("TLS cannot be offered")?;
    if let Some(encrypted) = &encrypted {
        // Only one is ever started.
        let _ = running
            .certificates
            .set(Arc::clone(&encrypted.certificates));
    }
    let server = Server::start(&ServerOptions {
        listen: config.server.listen.clone(),
        threads,
        zones: Arc::clone(&running.zones),
        meter: Arc::clone(&running.meter),
        allow_transfer: Arc::clone(&running.allow_transfer),
        control: Arc::new(link::Link {
            authority: running.authority.clone(),
            error_reports: Arc::clone(&running.error_reports),
        }),
        answers: Arc::clone(&running.answers),
        unix_now: crate::clock::unix_now,
        rate_limiter: Arc::clone(&running.rate_limiter),
        limits: config.limits.clone(),
        encrypted,
    })?;
    running.set_server(server);
    Ok(())
}

/// Waits for files to be loaded, but not so long that zones which are there go without answers.
async fn wait_a_little(
    mut loading: tokio::task::JoinHandle<()>,
) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    match tokio::time::timeout(FILES_FIRST, &mut loading).await {
        Ok(done) => {
            done.context("loading zones failed")?;
            Ok(None)
        }
        Err(_) => Ok(Some(loading)),
    }
}

fn announce(running: &Running, is_temporary: bool) {
    let config = running.config();
    info!(
        "answering on {} with {} zones; status page {}; data in {}{}",
        running.listening().join(" "),
        running.zones.load().len(),
        match config.http.listen.0 {
            Some(address) => format!("http://{address}"),
            None => "off".to_owned(),
        },
        running.data.display(),
        if is_temporary { " (temporary)" } else { "" }
    );
}

/// The signals we live by. Caught before anything is started, so that none is missed.
struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn catch() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals");
        Ok(Self {
            hangup: catch(SignalKind::hangup())?,
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// Reloads on SIGHUP; returns on the others.
    async fn follow(&mut self, running: &Arc<Running>) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    tell_systemd(&[NotifyState::Reloading, NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Status("reloading"))]);
                    let running = Arc::clone(running);
                    // The outcome is logged and shown where it is made.
                    let _ = tokio::task::spawn_blocking(move || reload::reload(&running)).await;
                    tell_systemd(&[NotifyState::Ready]);
                }
                _ = self.terminate.recv() => return info!("SIGTERM: stopping"),
                _ = self.interrupt.recv() => return info!("interrupt: stopping"),
            }
        }
    }
}

fn tell_systemd(state: &[NotifyState<'_>]) {
    // Without NOTIFY_SOCKET this does nothing.
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "systemd could not be told: {error}");
    }
}

const RUNTIME_THREADS_MAX: usize = 8;
/// How long transfers under way may take after SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long the sockets wait for zone files. Longer, and zones from snapshots would go unanswered;
/// not at all, and a small server would refuse its own zones for a moment after each start.
const FILES_FIRST: Duration = Duration::from_secs(1);
