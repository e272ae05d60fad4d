//! The certificate of encrypted transports: found at the start, renewed while it is in use.
//!
//! Its files are looked at every few seconds and at each reload. A pair that cannot be used is named in
//! the log and on the status page, once, and the one in force stays.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_server::{CertificateError, Certificates, EncryptedOptions};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::running::Running;
use crate::config::Config;

/// What is to be answered under TLS and QUIC; nothing if no address was given.
pub(super) fn encrypted(config: &Config) -> Result<Option<EncryptedOptions>, CertificateError> {
    let server = &config.server;
    let is_wanted = [
        &server.listen_tls,
        &server.listen_quic,
        &server.listen_https,
    ]
    .iter()
    .any(|addresses| !addresses.is_empty());
    if !is_wanted {
        return Ok(None);
    }
    let certificates = match &config.certificate {
        Some(files) => Certificates::from_files(files.clone())?,
        None => {
            warn!(
                "no certificate is configured for TLS: one was made that keeps others from reading along and proves nothing"
            );
            Certificates::self_signed(SELF_SIGNED_NAME)?
        }
    };
    Ok(Some(EncryptedOptions {
        tls: server.listen_tls.clone(),
        quic: server.listen_quic.clone(),
        https: server.listen_https.clone(),
        certificates: Arc::new(certificates),
    }))
}

/// Looks after the files until told to stop.
pub(super) async fn look_after(running: Arc<Running>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.changed() => return,
        }
        let running = Arc::clone(&running);
        let _ = tokio::task::spawn_blocking(move || refresh(&running)).await;
    }
}

/// Takes over what the configuration names now, or what changed in the files. Says what is wrong.
pub(super) fn renew(running: &Running, older: &Config, newer: &Config) -> Option<String> {
    match &newer.certificate {
        Some(files) if older.certificate.as_ref() != Some(files) => {
            let certificates = running.certificates.get()?;
            tell(running, certificates.replace(files.clone()).map(|()| true))
        }
        _ => refresh(running),
    }
}

fn refresh(running: &Running) -> Option<String> {
    let certificates = running.certificates.get()?;
    match certificates.refresh() {
        // Nothing was written; what was wrong still is.
        Ok(false) => None,
        outcome => tell(running, outcome),
    }
}

fn tell(running: &Running, outcome: Result<bool, CertificateError>) -> Option<String> {
    match outcome {
        Ok(_) => {
            info!("another certificate is in force for new connections");
            running.trouble(TROUBLE, None);
            None
        }
        Err(reason) => {
            let words = format!("The certificate in force stays: {reason}.");
            error!("{words}");
            running.trouble(TROUBLE, Some(words.clone()));
            Some(words)
        }
    }
}

const TROUBLE: &str = "certificate";
/// RFC 6761 6.4: a name that is nobody's.
const SELF_SIGNED_NAME: &str = "bailiwick.invalid";
/// A certificate is renewed weeks before it ends; seconds are soon enough.
const LOOK: Duration = Duration::from_secs(5);
