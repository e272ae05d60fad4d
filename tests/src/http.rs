//! The status page and the metrics, over HTTP/1.1 and nothing more.

use std::io::{Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use crate::client::connect;

/// The body of a page.
///
/// # Errors
/// No connection, or not 200.
pub fn get(server: SocketAddr, path: &str) -> Result<String> {
    let (status, body) = fetch(server, path)?;
    ensure!(status == 200, "{path}: status {status}: {body}");
    Ok(body)
}

/// Status and body of a page.
///
/// # Errors
/// No connection, or no HTTP.
pub fn fetch(server: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = connect(server)?;
    // HTTP/1.0: no chunks, and the connection ends with the body.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").context("no HTTP head")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .context("no status")?;
    Ok((status, body.to_owned()))
}

/// The sum of a metric over those of its series whose labels contain every one of `labels`
/// (`name="quota"`).
pub fn metric(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let values: Vec<f64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (metric, rest) = series.split_once('{').unwrap_or((series, ""));
            (metric == name && labels.iter().all(|label| rest.contains(label)))
                .then(|| value.parse().ok())?
        })
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}
