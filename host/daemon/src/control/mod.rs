//! The control socket: how `plugin install`, `status` and the like reach a running server.
//!
//! `DATA/control.sock`, mode 0600: whoever may write there may command. One connection, one
//! request: a JSON line, followed by as many octets as it announces (a component). The reply is one
//! JSON line with text for a person and data for a program.

pub(crate) mod client;
pub(crate) mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Everything that the status page shows.
    Status,
    /// As SIGHUP.
    Reload,
    PluginList,
    /// The component follows, `size` octets.
    PluginInstall {
        size: usize,
        activate: bool,
        large: bool,
    },
    PluginActivate {
        name: String,
        version: Option<String>,
    },
    PluginRollback {
        name: String,
    },
}

impl Request {
    /// Octets that follow the line.
    pub(crate) fn attached(&self) -> usize {
        match self {
            Self::PluginInstall { size, .. } => *size,
            _ => 0,
        }
    }
}

/// What comes back.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Reply {
    /// Whether it was done.
    pub(crate) ok: bool,
    /// For a person: the outcome, or why not.
    pub(crate) text: String,
    /// For a program.
    #[serde(default)]
    pub(crate) data: serde_json::Value,
}

impl Reply {
    /// Done.
    pub(crate) fn done(text: impl Into<String>, data: serde_json::Value) -> Self {
        Self {
            ok: true,
            text: text.into(),
            data,
        }
    }

    /// Not done, and why.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self {
            ok: false,
            text: text.into(),
            data: serde_json::Value::Null,
        }
    }
}

/// The socket of a data directory.
pub(crate) fn socket_path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// A path that fits a socket address (about 100 octets): when the real one does not, the way leads
/// through an open handle of its directory. The handle has to live as long as the path is used.
pub(crate) fn short_path(data: &Path) -> std::io::Result<(PathBuf, Option<std::fs::File>)> {
    use std::os::fd::AsRawFd;
    let path = socket_path(data);
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((path, None));
    }
    let directory = std::fs::File::open(data)?;
    let short = PathBuf::from(format!(
        "/proc/self/fd/{}/control.sock",
        directory.as_raw_fd()
    ));
    Ok((short, Some(directory)))
}

const SOCKET_PATH_MAX: usize = 100;

/// A request line is short; what is long is announced and attached.
const LINE_MAX: usize = 64 * 1024;

/// More than the largest component that any limit class takes.
const ATTACHED_MAX: usize = 40 * 1024 * 1024;
