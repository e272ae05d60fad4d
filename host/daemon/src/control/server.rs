//! The server's end of the control socket.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tracing::{debug, warn};

use super::{ATTACHED_MAX, LINE_MAX, Reply, Request, short_path, socket_path};

/// Who carries out requests; the running server implements it.
pub(crate) trait Commands: Send + Sync + 'static {
    /// Does it. May block: it is called on a thread for that.
    fn execute(&self, request: Request, attached: Vec<u8>) -> Reply;
}

/// A bound socket, removed again at the end.
pub(crate) struct ControlSocket {
    listener: std::os::unix::net::UnixListener,
    path: std::path::PathBuf,
}

impl ControlSocket {
    /// Binds in a data directory whose lock we hold: a socket that lies there is a dead server's.
    pub(crate) fn bind(data: &Path) -> std::io::Result<Self> {
        let path = socket_path(data);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let (short, _directory) = short_path(data)?;
        let listener = std::os::unix::net::UnixListener::bind(short)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path })
    }

    /// Serves until told to stop.
    pub(crate) async fn serve(
        self,
        commands: Arc<dyn Commands>,
        mut stop: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let listener = UnixListener::from_std(self.listener.try_clone()?)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return Ok(());
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "the control socket cannot accept: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let commands = Arc::clone(&commands);
            tokio::spawn(async move {
                if let Err(error) = converse(stream, commands).await {
                    debug!(%error, "a control connection ended: {error}");
                }
                drop(place);
            });
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // It may be gone with a temporary data directory already.
        let _ = fs::remove_file(&self.path);
    }
}

async fn converse(mut stream: UnixStream, commands: Arc<dyn Commands>) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let reply = match tokio::time::timeout(READ_MAX, receive(BufReader::new(read))).await {
        Ok(Ok((request, attached))) => {
            let done =
                tokio::task::spawn_blocking(move || commands.execute(request, attached)).await;
            done.unwrap_or_else(|_| {
                Reply::refused("the command failed inside the server; its log says more")
            })
        }
        Ok(Err(refusal)) => Reply::refused(refusal),
        Err(_) => Reply::refused("the request did not arrive in time"),
    };
    let mut line = serde_json::to_vec(&reply).unwrap_or_default();
    line.push(b'\n');
    write.write_all(&line).await?;
    write.shutdown().await
}

async fn receive(
    mut read: impl tokio::io::AsyncBufRead + Unpin,
) -> Result<(Request, Vec<u8>), String> {
    let mut line = Vec::new();
    let limit = LINE_MAX as u64;
    let got = (&mut read).take(limit).read_until(b'\n', &mut line).await;
    got.map_err(|e| e.to_string())?;
    let request: Request =
        serde_json::from_slice(&line).map_err(|e| format!("not a request: {e}"))?;
    let size = request.attached();
    if size > ATTACHED_MAX {
        return Err(format!(
            "{size} octets are more than any component may have ({ATTACHED_MAX})"
        ));
    }
    let mut attached = vec![0; size];
    read.read_exact(&mut attached)
        .await
        .map_err(|e| format!("the component did not arrive whole: {e}"))?;
    Ok((request, attached))
}

/// Commands are rare; more at a time are somebody's loop.
const CONNECTIONS_MAX: usize = 16;
/// How long a request may take to arrive.
const READ_MAX: Duration = Duration::from_secs(30);
/// Out of descriptors: wait until some are free again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::super::client;
    use super::*;

    struct Echo;

    impl Commands for Echo {
        fn execute(&self, request: Request, attached: Vec<u8>) -> Reply {
            Reply::done(
                format!("{request:?} {}", attached.len()),
                serde_json::Value::Null,
            )
        }
    }

    /// A served socket, for as long as the channel lives.
    async fn served(data: &Path) -> watch::Sender<bool> {
        let (stop, stopped) = watch::channel(false);
        let socket = ControlSocket::bind(data).unwrap();
        tokio::spawn(socket.serve(Arc::new(Echo), stopped));
        stop
    }

    async fn ask(data: &Path, request: Request, attached: Vec<u8>) -> anyhow::Result<Reply> {
        let data = data.to_owned();
        let asked = tokio::task::spawn_blocking(move || client::ask(&data, &request, &attached));
        asked.await.unwrap()
    }

    /// Whoever may write to the socket may command: nobody else but its owner can.
    #[tokio::test]
    async fn the_socket_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let _stop = served(folder.path()).await;
        let mode = fs::metadata(socket_path(folder.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// A component arrives whole beside its request.
    #[tokio::test]
    async fn a_component_comes_after_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let _stop = served(folder.path()).await;
        let install = Request::PluginInstall {
            size: 300_000,
            activate: false,
            large: false,
        };
        let reply = ask(folder.path(), install, vec![7; 300_000]).await.unwrap();
        assert!(
            reply.ok && reply.text.ends_with(" 300000"),
            "{}",
            reply.text
        );
    }

    /// Nothing makes the server take more than a component may have.
    #[tokio::test]
    async fn too_much_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let _stop = served(folder.path()).await;
        let install = Request::PluginInstall {
            size: ATTACHED_MAX + 1,
            activate: false,
            large: true,
        };
        let reply = ask(folder.path(), install, Vec::new()).await.unwrap();
        assert!(
            !reply.ok && reply.text.contains("more than any component"),
            "{}",
            reply.text
        );
    }

    /// A path too long for a socket address works all the same.
    #[tokio::test]
    async fn a_deep_directory_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let _stop = served(&deep).await;
        assert!(ask(&deep, Request::Status, Vec::new()).await.unwrap().ok);
    }

    /// Without a server the failure is the one that has an exit code of its own.
    #[test]
    fn an_absent_server_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let error = client::ask(folder.path(), &Request::Status, &[]).unwrap_err();
        assert!(error.downcast_ref::<crate::exit::NoServer>().is_some());
    }
}
