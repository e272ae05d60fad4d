//! The certificate that encrypted transports show, and how it is renewed.
//!
//! All listeners share one [`Certificates`]. A handshake takes the certificate that is in force at that
//! moment; connections that stand are not touched when it changes. A pair of files that cannot be used
//! (unreadable, no PEM, a key that is not the certificate's) is kept out with its reason, and the last
//! good pair stays in force: renewal tools write the two files one after the other, and the moment
//! between is such a pair.
//!
//! Without files a self-signed certificate is made at each start. It gives what opportunistic encryption
//! asks for (RFC 7858 4.1, RFC 9539 3.1): privacy from whoever listens, no proof of who answers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use std::{fmt, fs, io};

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Where a certificate is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateFiles {
    /// The certificate and those that lead to its authority, in this order, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// The certificate in force, shared by all encrypted listeners.
pub struct Certificates {
    in_force: ArcSwap<CertifiedKey>,
    source: Mutex<Option<Source>>,
}

/// Files and how they looked when they were last read.
struct Source {
    files: CertificateFiles,
    stamp: Stamp,
}

/// A file that was written again differs in one of these.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// Why a certificate cannot be used. The text names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no certificate in it, or a damaged one.
    #[error("{}: no certificate in PEM form: {reason}", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// There is no private key in it, or a damaged one.
    #[error("{}: no private key in PEM form: {reason}", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// The two cannot be used together.
    #[error(
        "{} cannot be used with {}: {source}", files.certificate.display(), files.key.display()
    )]
    Unusable {
        /// Both.
        files: CertificateFiles,
        /// What the TLS library says: a key that is not the certificate's, an unknown kind of key.
        source: rustls::Error,
    },
    /// None could be made.
    #[error("cannot make a self-signed certificate: {0}")]
    NotMade(String),
}

impl Certificates {
    /// From files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn from_files(files: CertificateFiles) -> Result<Self, CertificateError> {
        let stamp = stamp(&files);
        Ok(Self {
            in_force: ArcSwap::from_pointee(read(&files)?),
            source: Mutex::new(Some(Source { files, stamp })),
        })
    }

    /// A new key with a certificate that it signed itself, for `name`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn self_signed(name: &str) -> Result<Self, CertificateError> {
        Ok(Self {
            in_force: ArcSwap::from_pointee(make(name)?),
            source: Mutex::new(None),
        })
    }

    /// Reads `files` and puts what is in them in force; from now on they are the ones to look after.
    ///
    /// # Errors
    /// When they cannot be used; what was in force stays, and so do the files that are looked after.
    pub fn replace(&self, files: CertificateFiles) -> Result<(), CertificateError> {
        let stamp = stamp(&files);
        let newer = read(&files)?;
        *self.source() = Some(Source { files, stamp });
        self.in_force.store(Arc::new(newer));
        Ok(())
    }

    /// Reads the files again if one of them was written since. Says whether another certificate is in
    /// force now.
    ///
    /// # Errors
    /// When they cannot be used; what was in force stays. It is tried again when a file changes again.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let mut source = self.source();
        let Some(source) = source.as_mut() else {
            return Ok(false);
        };
        let stamp = stamp(&source.files);
        if stamp == source.stamp {
            return Ok(false);
        }
        // Noted before reading: what is written from here on will differ from it.
        source.stamp = stamp;
        let newer = read(&source.files)?;
        let changed = newer.cert != self.in_force.load().cert;
        self.in_force.store(Arc::new(newer));
        Ok(changed)
    }

    /// The certificate in force, as DER: what clients are shown first.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let in_force = self.in_force.load();
        in_force
            .cert
            .first()
            .map_or_else(Vec::new, |der| der.to_vec())
    }

    /// Nothing that is held under this lock is left half done by a panic.
    fn source(&self) -> MutexGuard<'_, Option<Source>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Certificates {
    /// One certificate for every name: a name server is asked for by address more than by name.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.in_force.load_full())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

fn read(files: &CertificateFiles) -> Result<CertifiedKey, CertificateError> {
    let open = |path: &Path| {
        bailiwick_zone::file::read(path, PEM_SIZE_MAX).map_err(|source| {
            CertificateError::Unreadable {
                path: path.to_owned(),
                source,
            }
        })
    };
    let no_certificate = |reason: String| CertificateError::NoCertificate {
        path: files.certificate.clone(),
        reason,
    };
    let chain = CertificateDer::pem_slice_iter(&open(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| no_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(no_certificate("there is none".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&open(&files.key)?).map_err(|error| {
        CertificateError::NoKey {
            path: files.key.clone(),
            reason: error.to_string(),
        }
    })?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|source| {
        CertificateError::Unusable {
            files: files.clone(),
            source,
        }
    })
}

/// Certificates and keys are some thousand octets.
const PEM_SIZE_MAX: u64 = 1 << 20;

fn make(name: &str) -> Result<CertifiedKey, CertificateError> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()])
        .map_err(|error| CertificateError::NotMade(error.to_string()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let chain = vec![made.cert.der().clone()];
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| CertificateError::NotMade(error.to_string()))
}

fn stamp(files: &CertificateFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let about = fs::metadata(path).ok()?;
        Some((about.modified().ok()?, about.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        folder: tempfile::TempDir,
    }

    impl Made {
        fn new() -> Self {
            let made = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            made.renew();
            made
        }

        fn files(&self) -> CertificateFiles {
            CertificateFiles {
                certificate: self.folder.path().join("cert.pem"),
                key: self.folder.path().join("key.pem"),
            }
        }

        fn renew(&self) {
            let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
            fs::write(self.files().certificate, made.cert.pem()).unwrap();
            fs::write(self.files().key, made.signing_key.serialize_pem()).unwrap();
        }
    }

    #[test]
    fn a_renewed_pair_is_taken_and_an_old_one_is_not_read_again() {
        let made = Made::new();
        let certificates = Certificates::from_files(made.files()).unwrap();
        let first = certificates.leaf();
        assert!(!certificates.refresh().unwrap());
        made.renew();
        assert!(certificates.refresh().unwrap());
        assert_ne!(certificates.leaf(), first);
        assert!(!certificates.refresh().unwrap());
    }

    #[test]
    fn a_key_of_another_certificate_is_kept_out_and_both_files_are_named() {
        let (made, other) = (Made::new(), Made::new());
        let certificates = Certificates::from_files(made.files()).unwrap();
        let first = certificates.leaf();
        fs::copy(other.files().key, made.files().key).unwrap();
        let words = certificates.refresh().unwrap_err().to_string();
        assert!(
            words.contains("cert.pem") && words.contains("key.pem"),
            "{words}"
        );
        assert_eq!(certificates.leaf(), first);
        // The other half of the renewal arrives.
        fs::copy(other.files().certificate, made.files().certificate).unwrap();
        assert!(certificates.refresh().unwrap());
    }

    #[test]
    fn each_way_a_file_can_be_bad_has_its_words() {
        let made = Made::new();
        let files = made.files();
        let words = |what: &str| {
            let error = Certificates::from_files(files.clone()).unwrap_err();
            let words = error.to_string();
            assert!(words.contains(what), "{words}");
        };
        fs::write(&files.key, "-----BEGIN NOTHING-----\n").unwrap();
        words("key.pem: no private key");
        fs::write(&files.certificate, "").unwrap();
        words("cert.pem: no certificate");
        fs::remove_file(&files.certificate).unwrap();
        words("cert.pem: No such file");
    }

    #[test]
    fn a_key_never_shows_in_a_log() {
        let certificates = Certificates::self_signed("a.example").unwrap();
        assert_eq!(format!("{certificates:?}"), "Certificates { .. }");
    }
}
