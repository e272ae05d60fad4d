//! Commands that a running server carries out: `status`, `reload`, `plugin install` and the like.

use std::path::Path;

use super::{say, with_error};
use crate::cli::{LimitClassArg, RemoteArgs};
use crate::control::{Request, client};
use crate::exit::Outcome;

/// Sends a request and shows the reply.
pub(super) fn run(remote: &RemoteArgs, request: &Request) -> anyhow::Result<Outcome> {
    send(remote, request, &[])
}

/// Sends a component along.
pub(super) fn install(
    remote: &RemoteArgs,
    file: &Path,
    activate: bool,
    class: LimitClassArg,
) -> anyhow::Result<Outcome> {
    let component = super::plugin_file::component(file)?;
    send(
        remote,
        &Request::PluginInstall {
            size: component.len(),
            activate,
            large: matches!(class, LimitClassArg::Large),
        },
        &component,
    )
}

fn send(remote: &RemoteArgs, request: &Request, attached: &[u8]) -> anyhow::Result<Outcome> {
    let reply = client::ask(&remote.data, request, attached)?;
    if remote.json {
        let error = (!reply.ok).then(|| reply.text.clone());
        say(with_error(serde_json::to_value(&reply)?, error))?;
    } else if reply.ok {
        say(&reply.text)?;
    } else {
        eprintln!("bailiwick: {}", reply.text);
    }
    Ok(Outcome::of(reply.ok))
}
