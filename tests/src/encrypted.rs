//! Clients of the encrypted transports that go further than `kdig` and `dig`: from chosen addresses,
//! half way, against the rules.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::place;
use crate::server::Options;
use crate::tcp::connect_from;

/// The name in every certificate here.
pub const NAME: &str = "localhost";

/// A certificate and its key as files, and where a server answers with them.
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// DNS over TLS.
    pub tls: SocketAddr,
    /// DNS over QUIC.
    pub quic: SocketAddr,
    /// DNS over HTTPS, both versions.
    pub https: SocketAddr,
    leaf: CertificateDer<'static>,
}

impl Encrypted {
    /// Writes a certificate to `folder` and finds free ports.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn new(folder: &Path) -> Result<Self> {
        let at = || SocketAddr::from((Ipv4Addr::LOCALHOST, place::free_port()));
        Ok(Self {
            tls: at(),
            quic: at(),
            https: at(),
            leaf: write_certificate(folder)?,
        })
    }

    /// Believes the certificate that was written last.
    pub fn believe(&mut self, leaf: CertificateDer<'static>) {
        self.leaf = leaf;
    }

    /// The server with these listeners and the certificate of `folder`.
    #[must_use]
    pub fn options(&self, options: Options, folder: &Path) -> Options {
        let file = |name: &str| folder.join(name).display().to_string();
        [
            ("--listen-tls", self.tls.to_string()),
            ("--listen-quic", self.quic.to_string()),
            ("--listen-https", self.https.to_string()),
            ("--tls-certificate", file(CERTIFICATE)),
            ("--tls-key", file(KEY)),
        ]
        .into_iter()
        .fold(options, |options, (flag, value)| {
            options.arg(flag).arg(&value)
        })
    }

    /// A client's settings; `protocol` is offered.
    ///
    /// # Errors
    /// The certificate is none.
    pub fn config(&self, protocol: &[u8]) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.leaf.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(config)
    }

    /// A handshake that has not begun.
    ///
    /// # Errors
    /// The certificate is none.
    pub fn session(&self, protocol: &[u8]) -> Result<ClientConnection> {
        let name = ServerName::try_from(NAME)?;
        Ok(ClientConnection::new(
            Arc::new(self.config(protocol)?),
            name,
        )?)
    }

    /// A stream under TLS from one of the loopback addresses, its handshake done.
    ///
    /// # Errors
    /// The server does not want to.
    pub fn connect(&self, source: Ipv4Addr, to: SocketAddr, protocol: &[u8]) -> Result<Stream> {
        let socket = connect_from(source.into(), to)?;
        let mut stream = StreamOwned::new(self.session(protocol)?, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// One question over TLS, on a connection of its own.
    ///
    /// # Errors
    /// No answer.
    pub fn ask(&self, source: Ipv4Addr, message: &[u8]) -> Result<Vec<u8>> {
        let mut stream = self.connect(source, self.tls, b"dot")?;
        stream.write_all(&(message.len() as u16).to_be_bytes())?;
        stream.write_all(message)?;
        stream.flush()?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).context("no answer")?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer)?;
        ensure!(answer.len() >= 12, "no header");
        Ok(answer)
    }
}

/// A TLS stream of a client.
pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Writes a new certificate and its key to `folder`; gives what clients have to believe.
///
/// # Errors
/// The folder cannot be written to.
pub fn write_certificate(folder: &Path) -> Result<CertificateDer<'static>> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    fs::write(folder.join(KEY), made.signing_key.serialize_pem())?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    Ok(made.cert.der().clone())
}

/// The certificate's file.
pub const CERTIFICATE: &str = "cert.pem";
/// Its key's file.
pub const KEY: &str = "key.pem";
