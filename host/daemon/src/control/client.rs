//! The commands' end of the control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, bail};

use super::{Reply, Request, short_path, socket_path};
use crate::exit::NoServer;

/// Asks a running server.
pub(crate) fn ask(data: &Path, request: &Request, attached: &[u8]) -> anyhow::Result<Reply> {
    let connect = || {
        let (path, _directory) = short_path(data)?;
        UnixStream::connect(path)
    };
    let mut stream = connect().map_err(|why| NoServer {
        socket: socket_path(data).display().to_string(),
        why,
    })?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    // A server that refuses early closes before it has read everything; its reply says why.
    let written = stream.write_all(attached);
    let mut reply = String::new();
    BufReader::new(&stream)
        .read_line(&mut reply)
        .context("the server's reply")?;
    if reply.is_empty() {
        written?;
        bail!("the server closed the connection without a reply; its log says why");
    }
    serde_json::from_str(&reply).context(
        "the server's reply is not understood; are server and command of the same version?",
    )
}
