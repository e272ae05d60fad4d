//! The HTTP side: status page, metrics, health. Read-only, no login, off unless asked for.
//!
//! It listens on the address it was given and nowhere else, sends no third-party references, and
//! answers from a [`report::Report`] collected for the request.

mod accept;
pub(crate) mod metrics;
mod page;
pub(crate) mod report;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use report::{Report, Startup, ZonesWanted};

/// What the pages show; the running server implements it.
pub(crate) trait Source: Send + Sync + 'static {
    /// Everything, now, with rows of the zones that are wanted.
    fn report(&self, wanted: &ZonesWanted) -> Report;
    /// What the metrics show: no words, and of zones only the busiest, so that a scrape does not write a
    /// row for each of a hundred thousand.
    fn figures(&self, zones_max: usize) -> Report;
    /// Only how far the start has come: cheap enough for a health check each second.
    fn startup(&self) -> Startup;
    /// Zones with time series of their own.
    fn zone_series_max(&self) -> usize;
}

/// Binds the address, in words when that fails.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<std::net::TcpListener> {
    let bound = std::net::TcpListener::bind(address).and_then(|l| {
        l.set_nonblocking(true)?;
        Ok(l)
    });
    bound.map_err(|e| {
        let remedy = match e.kind() {
            std::io::ErrorKind::AddrInUse => "; something else listens there: choose another address with --http, or `--http off`",
            std::io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
            std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
            _ => "",
        };
        anyhow::anyhow!("cannot listen on {address} for HTTP: {e}{remedy}")
    })
}

/// Serves until told to stop.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    source: Arc<dyn Source>,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut router = router(source);
    if listener.local_addr()?.ip().is_loopback() {
        router = router.layer(from_fn(for_this_machine));
    }
    accept::serve(listener, router, stop).await;
    Ok(())
}

fn router(source: Arc<dyn Source>) -> Router {
    Router::new()
        .route("/", get(status_page))
        .route("/style.css", get(style))
        .route("/status.json", get(status_json))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .layer(map_response(protect))
        .with_state(source)
}

/// How the page is wanted.
#[derive(Debug, Default, Deserialize)]
struct PageQuery {
    theme: Option<String>,
    refresh: Option<u32>,
}

async fn status_page(
    State(source): State<Arc<dyn Source>>,
    Query(query): Query<PageQuery>,
) -> Response {
    let report = collect(source, ZonesWanted::first(page::ZONES_MAX)).await;
    match page::render(&report, query.theme.as_deref(), query.refresh) {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the page could not be made: {error}\n"),
        )
            .into_response(),
    }
}

async fn style() -> Response {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        page::STYLE,
    )
        .into_response()
}

/// Which zones are wanted. `limit` alone: trouble and the busiest first; with a filter or `after`, the name
/// of the last row of the page before: in canonical order.
#[derive(Debug, Default, Deserialize)]
struct ZonesQuery {
    limit: Option<usize>,
    name: Option<String>,
    state: Option<String>,
    after: Option<String>,
}

async fn status_json(
    State(source): State<Arc<dyn Source>>,
    Query(query): Query<ZonesQuery>,
) -> Response {
    let wanted = ZonesWanted {
        most: query.limit.unwrap_or(JSON_ZONES).min(JSON_ZONES_MAX),
        name: query.name,
        state: query.state,
        after: query.after,
    };
    axum_json(&collect(source, wanted).await)
}

async fn metrics_text(State(source): State<Arc<dyn Source>>) -> Response {
    let rendered = tokio::task::spawn_blocking(move || {
        metrics::render(&source.figures(source.zone_series_max()))
    });
    let text = rendered.await.unwrap_or_default();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

async fn ready(State(source): State<Arc<dyn Source>>) -> Response {
    match source.startup() {
        Startup::Ready => "ready\n".into_response(),
        Startup::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
        Startup::Loading => (
            StatusCode::SERVICE_UNAVAILABLE,
            "answering; zones or plugins are still being loaded\n",
        )
            .into_response(),
        Startup::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

/// Collecting walks all zones: not on the threads that serve connections.
async fn collect(source: Arc<dyn Source>, wanted: ZonesWanted) -> Report {
    let collected = tokio::task::spawn_blocking(move || source.report(&wanted)).await;
    collected.unwrap_or_default()
}

fn axum_json(report: &Report) -> Response {
    match serde_json::to_vec(report) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// A page that listens on loopback trusts who is on this machine. A browser here can be led to it by a
/// name that a stranger points to 127.0.0.1 (DNS rebinding); such a request carries the stranger's name.
async fn for_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    if host.is_none_or(|host| host.to_str().is_ok_and(is_this_machine)) {
        return next.run(request).await;
    }
    (
        StatusCode::MISDIRECTED_REQUEST,
        "ask for this page by its address, such as http://127.0.0.1:8080, or as localhost\n",
    )
        .into_response()
}

/// Whether a Host header (RFC 9110 7.2) has a literal address or `localhost`.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Nothing from elsewhere, nothing kept, not in a frame.
async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Rows of zones unless `limit` says otherwise; the counts are of all zones.
const JSON_ZONES: usize = 1000;
const JSON_ZONES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::is_this_machine;

    /// A name that merely leads here is a stranger's.
    #[test]
    fn only_addresses_and_localhost_are_this_machine() {
        for host in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "localhost",
            "LOCALHOST:80",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:8080",
            "localhost.evil.example",
            "",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
