//! Exit codes: the one place where an outcome becomes a number.

use std::io::Write as _;
use std::process::ExitCode;

/// How a command ended, other than with an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Done, nothing to complain about.
    Done,
    /// What was looked at is not good; the findings have been printed.
    Refused,
}

impl Outcome {
    /// Done when all was good.
    pub(crate) fn of(good: bool) -> Self {
        if good { Self::Done } else { Self::Refused }
    }
}

/// No server listens on the control socket: told apart so that scripts can wait for one.
#[derive(Debug, thiserror::Error)]
#[error(
    "no server answers on {socket}: {why}; is `bailiwick serve` running with this data directory?"
)]
pub(crate) struct NoServer {
    /// The socket tried.
    pub(crate) socket: String,
    /// What the system said.
    pub(crate) why: std::io::Error,
}

/// Prints an error with its causes and gives the exit code: 0 done, 1 refused or failed, 3 no server.
/// (2, a bad command line, is clap's.) Who asked for JSON gets one object with an `error` on stdout.
pub(crate) fn code(result: anyhow::Result<Outcome>, as_json: bool) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Err(error) => {
            // A reader that has gone away (`| head`) is no failure worth words.
            if error.chain().any(is_broken_pipe) {
                return ExitCode::from(1);
            }
            if as_json {
                let said = serde_json::json!({ "ok": false, "error": format!("{error:#}") });
                // Who has gone away reads neither this nor the exit code's reason.
                let _ = writeln!(std::io::stdout(), "{said}");
            } else {
                eprintln!("bailiwick: {error:#}");
            }
            let no_server = error.downcast_ref::<NoServer>().is_some();
            ExitCode::from(if no_server { 3 } else { 1 })
        }
    }
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause
        .downcast_ref::<std::io::Error>()
        .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
