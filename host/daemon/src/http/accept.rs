//! Connections of the HTTP side: how many, and for how long.
//!
//! The page is for a few people and a scraper, and has no login; so whoever reaches it could otherwise hold
//! descriptors that answers need. A request head has to arrive in time, as has the next one of a
//! connection that is kept, and no connection lives longer than a minute: that ends those too that
//! take nothing of what they asked for. At the limit others wait until one of these is over.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// Serves until told to stop.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // A closed channel means the same: the server is going away.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "the HTTP side cannot accept: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (router, stop) = (router.clone(), stop.clone());
        tokio::spawn(async move {
            converse(stream, router, stop).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let service = TowerToHyperService::new(router);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        () = sleep(LIFE_MAX) => None,
        _ = stop.wait_for(|stop| *stop) => None,
    };
    let served = match served {
        Some(served) => Ok(served),
        None => {
            // What is under way may be finished.
            connection.as_mut().graceful_shutdown();
            timeout(END_MAX, connection).await
        }
    };
    match served {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "an HTTP connection ended: {error}"),
        Err(_) => debug!("an HTTP connection was cut: its answer was not taken in time"),
    }
}

/// More are nobody's scraper.
const CONNECTIONS_MAX: usize = 64;
/// How long a request head may take to arrive, and a kept connection may be silent.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// Of a request head and of what waits to be sent.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a connection may be used; a scraper opens another.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// How long the answer under way may take then.
const END_MAX: Duration = Duration::from_secs(5);
/// Out of descriptors: wait until some are free again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
