//! Streams: threads with an async runtime each, accepting on their own listeners. Some serve TCP, others
//! what is encrypted.
//!
//! A thread serves all its connections by itself, so its [`Worker`] needs no lock. Accepting never
//! stops for long: when descriptors run out, a spare one is given up to accept and close the newcomer
//! rather than leave it waiting (RELIABILITY R1). UDP has other threads and does not notice.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_meter::{Meter, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};

use crate::connections::Connections;
use crate::encrypted::{self, Events, Hands, Sockets};
use crate::options::Limits;
use crate::stream;
use crate::worker::Worker;

/// What all TCP threads of a server share.
pub(crate) struct TcpShared {
    pub(crate) connections: Arc<Connections>,
    /// Transfers out that may run at once.
    pub(crate) transfers: Arc<Semaphore>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<Meter>,
    /// What happened on encrypted transports.
    pub(crate) events: Events,
}

/// What a thread listens on.
pub(crate) enum Listening {
    /// DNS over TCP.
    Tcp(Vec<std::net::TcpListener>),
    /// What is encrypted.
    Encrypted(Sockets),
}

/// What is spoken on a listener.
#[derive(Clone)]
pub(crate) enum Front {
    /// DNS over TCP.
    Tcp,
    /// DNS over TLS.
    Tls(Hands),
    /// DNS over HTTP/2.
    Https(Hands),
}

/// What all connections of a thread share.
pub(crate) struct ThreadContext {
    pub(crate) shared: Arc<TcpShared>,
    pub(crate) worker: RefCell<Worker>,
    pub(crate) scratch: RefCell<stream::Scratch>,
    pub(crate) stop: watch::Receiver<Stop>,
}

/// How urgently a server is to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// Not at all.
    No,
    /// Connections end once they have been answered; at the latest after so long.
    Within(Duration),
}

/// Serves until told to stop.
pub(crate) fn run(
    listening: Listening,
    worker: Worker,
    shared: Arc<TcpShared>,
    stop: watch::Receiver<Stop>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let context = Rc::new(ThreadContext {
        shared,
        worker: RefCell::new(worker),
        scratch: RefCell::default(),
        stop,
    });
    LocalSet::new().block_on(&runtime, serve(listening, context))
}

async fn serve(listening: Listening, context: Rc<ThreadContext>) -> io::Result<()> {
    let mut accepting = JoinSet::new();
    match listening {
        Listening::Tcp(listeners) => {
            for listener in listeners {
                accept_on(listener, Front::Tcp, &mut accepting, &context)?;
            }
        }
        Listening::Encrypted(sockets) => sockets.accept(&mut accepting, &context)?,
    }
    let mut connections = JoinSet::new();
    let mut stop = context.stop.clone();
    // Each accept loop hands back its connections when it ends.
    while let Some(ended) = accepting.join_next().await {
        if let Ok(mut own) = ended {
            while let Some(connection) = own.try_join_next() {
                drop(connection);
            }
            connections.spawn_local(async move { while own.join_next().await.is_some() {} });
        }
    }
    let grace = match *stop.borrow_and_update() {
        Stop::Within(grace) => grace,
        Stop::No => Duration::ZERO,
    };
    // What is still open after that is dropped with the set.
    let _ = tokio::time::timeout(grace, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

/// Starts to accept on a listener. The task hands back its connections when it ends.
pub(crate) fn accept_on(
    listener: std::net::TcpListener,
    front: Front,
    accepting: &mut JoinSet<JoinSet<()>>,
    context: &Rc<ThreadContext>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    accepting.spawn_local(accept(listener, front, Rc::clone(context)));
    Ok(())
}

/// Accepts until told to stop; returns the connections that are still open.
async fn accept(listener: TcpListener, front: Front, context: Rc<ThreadContext>) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let mut stop = context.stop.clone();
    let mut spare = spare_descriptor();
    while *stop.borrow_and_update() == Stop::No {
        tokio::select! {
            changed = stop.changed() => if changed.is_err() { break },
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Answers are sent whole; waiting to fill a segment would only delay the last one.
                    let _ = stream.set_nodelay(true);
                    let now = context.shared.clock.now();
                    let Some(place) = context.shared.connections.admit(peer.ip(), now) else { continue };
                    let context = Rc::clone(&context);
                    match front.clone() {
                        Front::Tcp => connections.spawn_local(stream::serve(stream, Transport::Tcp, peer, place, context)),
                        Front::Tls(hands) => connections.spawn_local(encrypted::serve_tls(stream, peer, place, context, hands)),
                        Front::Https(hands) => connections.spawn_local(encrypted::serve_https(stream, peer, place, context, hands)),
                    };
                }
                Err(error) if is_out_of_descriptors(&error) => {
                    turn_away(&listener, &mut spare).await;
                }
                // The client was gone before it was accepted.
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections
}

/// Accepts and closes one connection with the spare descriptor.
async fn turn_away(listener: &TcpListener, spare: &mut Option<File>) {
    *spare = None;
    let accepted: Result<io::Result<(TcpStream, _)>, _> =
        tokio::time::timeout(PAUSE, listener.accept()).await;
    drop(accepted);
    *spare = spare_descriptor();
    tokio::time::sleep(PAUSE).await;
}

fn spare_descriptor() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

const PAUSE: Duration = Duration::from_millis(10);
