//! Where things lie: the project, the program under test, the data that is read but not copied.
//!
//! The program is looked for beside the test that runs (`target/<profile>/bailiwick` next to
//! `target/<profile>/deps/<test>`), so any target folder works. The shared data lies in `shared`
//! beside the checkout, or beside one of the folders above it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The project's root folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie inside the project")
}

/// The program under test.
///
/// # Errors
/// It has not been built beside this test.
pub fn bailiwick() -> Result<PathBuf> {
    let test = std::env::current_exe().context("where does this test lie?")?;
    let mut folder = test.parent();
    while let Some(here) = folder {
        let program = here.join("bailiwick");
        if program.is_file() {
            return Ok(program);
        }
        folder = here.parent();
    }
    bail!(
        "no `bailiwick` beside {}; build it: cargo build --release -p bailiwick-daemon",
        test.display()
    )
}

/// A file of the data that is read from beside the project, such as `zones/root.zone.gz`.
///
/// # Errors
/// It is not there.
pub fn shared(file: &str) -> Result<PathBuf> {
    project()
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("shared").join(file))
        .find(|path| path.is_file())
        .with_context(|| format!("../shared/{file} is needed beside the project and is not there"))
}

/// The text of a gzipped file.
///
/// # Errors
/// `gzip` is missing or refuses the file.
pub fn unzip(path: &Path) -> Result<String> {
    let output = Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .context("`gzip` could not be started (apt-get install gzip)")?;
    if !output.status.success() {
        bail!("gzip: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("not text")
}

/// A program that the tests need, or what to install.
///
/// # Errors
/// It is not installed.
pub fn program(name: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("no {name}; install it: apt-get install {package}"))
}

/// True when something that is missing is to be passed over, which is never so in CI.
pub fn missing_allowed() -> bool {
    std::env::var_os("BAILIWICK_ALLOW_MISSING")
        .is_some_and(|value| value != "0" && !value.is_empty())
}

/// Says whether a test can run with these programs. One that is missing fails the test, unless
/// [`missing_allowed`].
///
/// # Panics
/// A program is missing and that is not allowed.
pub fn have(programs: &[(&str, &str)]) -> bool {
    for (name, package) in programs {
        if let Err(error) = program(name, package) {
            assert!(missing_allowed(), "{error}");
            eprintln!("skipped: no {name}");
            return false;
        }
    }
    true
}

/// A port free for UDP and TCP on both loopback addresses, from below the range out of which the
/// kernel gives ports to clients, so that no client of another test takes it in between.
pub fn free_port() -> u16 {
    for _ in 0..1000 {
        let port = fastrand::u16(10_240..32_000);
        if port_is_free(port) {
            return port;
        }
    }
    panic!("no free port on loopback in a thousand tries");
}

fn port_is_free(port: u16) -> bool {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    [v4, v6]
        .iter()
        .all(|addr| UdpSocket::bind(addr).is_ok() && TcpListener::bind(addr).is_ok())
}
