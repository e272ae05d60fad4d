//! Clients of the encrypted transports: what they send and get back, raw.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bailiwick_server::{Certificates, EncryptedOptions};
use bytes::{Buf, Bytes};
use http::{Request, Response};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fixture, Setup};

/// A server that answers everything on loopback, with a certificate of its own.
pub(crate) struct Encrypted {
    pub(crate) fixture: Fixture,
    pub(crate) certificates: Arc<Certificates>,
}

impl Encrypted {
    pub(crate) fn start(setup: Setup) -> Self {
        let certificates = Arc::new(Certificates::self_signed(NAME).unwrap());
        Self::with(setup, certificates)
    }

    pub(crate) fn with(setup: Setup, certificates: Arc<Certificates>) -> Self {
        let any = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        let encrypted = EncryptedOptions {
            tls: any.clone(),
            quic: any.clone(),
            https: any,
            certificates: Arc::clone(&certificates),
        };
        Self {
            fixture: Fixture::with(Setup {
                encrypted: Some(encrypted),
                ..setup
            }),
            certificates,
        }
    }

    /// A client that believes the certificate in force.
    pub(crate) fn client(&self) -> Client {
        let addresses = self.fixture.server.encrypted_addresses();
        Client {
            leaf: self.certificates.leaf(),
            tls: addresses.tls[0],
            quic: addresses.quic[0],
            https: addresses.https[0],
        }
    }
}

/// Where to go and whom to believe.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) leaf: Vec<u8>,
    pub(crate) tls: SocketAddr,
    pub(crate) quic: SocketAddr,
    pub(crate) https: SocketAddr,
}

/// The name in the certificate.
pub(crate) const NAME: &str = "localhost";

impl Client {
    pub(crate) fn config(&self, protocols: &[&[u8]]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.leaf.clone())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    }

    pub(crate) async fn tls_stream(
        &self,
        to: SocketAddr,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.config(protocols)));
        let stream = TcpStream::connect(to).await?;
        connector
            .connect(ServerName::try_from(NAME).unwrap(), stream)
            .await
    }

    /// A connection of DNS over TLS.
    pub(crate) async fn dot(&self) -> TlsStream<TcpStream> {
        self.tls_stream(self.tls, &[b"dot"]).await.unwrap()
    }

    pub(crate) async fn quic(
        &self,
        to: SocketAddr,
        protocol: &[u8],
    ) -> Result<(quinn::Endpoint, quinn::Connection), quinn::ConnectionError> {
        let mut config = self.config(&[protocol]);
        config.enable_early_data = true;
        let config = QuicClientConfig::try_from(config).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = quinn::Endpoint::client(any).unwrap();
        let config = quinn::ClientConfig::new(Arc::new(config));
        let connection = endpoint.connect_with(config, to, NAME).unwrap().await?;
        Ok((endpoint, connection))
    }

    /// A connection of DNS over QUIC; the endpoint lives as long as it is kept.
    pub(crate) async fn doq(&self) -> (quinn::Endpoint, quinn::Connection) {
        self.quic(self.quic, b"doq").await.unwrap()
    }

    /// A connection of HTTP/2.
    pub(crate) async fn http2(&self) -> h2::client::SendRequest<Bytes> {
        let stream = self.tls_stream(self.https, &[b"h2"]).await.unwrap();
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(async move {
            let _ = connection.await;
        });
        requests
    }
}

/// Messages sent one after the other, all answers read after that.
pub(crate) async fn pipeline(
    stream: &mut TlsStream<TcpStream>,
    messages: &[Vec<u8>],
) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for message in messages {
        frames.extend_from_slice(&(message.len() as u16).to_be_bytes());
        frames.extend_from_slice(message);
    }
    stream.write_all(&frames).await.unwrap();
    stream.flush().await.unwrap();
    let mut answers = Vec::new();
    for _ in messages {
        answers.push(read_message(stream).await.unwrap());
    }
    answers
}

pub(crate) async fn read_message(
    stream: &mut (impl AsyncReadExt + Unpin),
) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// One message over a stream of its own; all messages that come back.
pub(crate) async fn over_quic(
    connection: &quinn::Connection,
    message: &[u8],
) -> Result<Vec<Vec<u8>>, quinn::ReadToEndError> {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let mut frame = (message.len() as u16).to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    send.write_all(&frame).await.unwrap();
    send.finish().unwrap();
    let octets = receive.read_to_end(1 << 20).await?;
    let mut rest = &octets[..];
    let mut messages = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (message, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        messages.push(message.to_vec());
        rest = after;
    }
    Ok(messages)
}

/// A request of RFC 8484 by POST.
pub(crate) fn post(len: usize) -> Request<()> {
    Request::builder()
        .method("POST")
        .uri(format!("https://{NAME}/dns-query"))
        .header("content-type", "application/dns-message")
        .header("content-length", len)
        .body(())
        .unwrap()
}

/// A request of RFC 8484 by GET.
pub(crate) fn get(message: &[u8]) -> Request<()> {
    let encoded = data_encoding::BASE64URL_NOPAD.encode(message);
    Request::builder()
        .uri(format!("https://{NAME}/dns-query?dns={encoded}"))
        .header("accept", "application/dns-message")
        .body(())
        .unwrap()
}

/// One exchange over HTTP/2.
pub(crate) async fn over_http2(
    requests: &h2::client::SendRequest<Bytes>,
    request: Request<()>,
    body: &[u8],
) -> Result<Response<Vec<u8>>, h2::Error> {
    let mut requests = requests.clone().ready().await?;
    let (response, mut send) = requests.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        send.send_data(Bytes::copy_from_slice(body), true)?;
    }
    let (head, mut incoming) = response.await?.into_parts();
    let mut octets = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        octets.extend_from_slice(&chunk);
        incoming.flow_control().release_capacity(chunk.len())?;
    }
    Ok(Response::from_parts(head, octets))
}

/// One exchange over HTTP/3, on a connection of its own.
pub(crate) async fn over_http3(
    client: &Client,
    request: Request<()>,
    body: &[u8],
) -> Response<Vec<u8>> {
    let (_endpoint, connection) = client.quic(client.https, b"h3").await.unwrap();
    let connection = h3_quinn::Connection::new(connection);
    let (mut driver, mut requests) = h3::client::new(connection).await.unwrap();
    let driving = tokio::spawn(async move { driver.wait_idle().await });
    let mut stream = requests.send_request(request).await.unwrap();
    if !body.is_empty() {
        stream
            .send_data(Bytes::copy_from_slice(body))
            .await
            .unwrap();
    }
    stream.finish().await.unwrap();
    let (head, ()) = stream.recv_response().await.unwrap().into_parts();
    let mut octets = Vec::new();
    while let Some(mut data) = stream.recv_data().await.unwrap() {
        while data.has_remaining() {
            let chunk = data.chunk().to_vec();
            data.advance(chunk.len());
            octets.extend_from_slice(&chunk);
        }
    }
    drop(requests);
    driving.abort();
    Response::from_parts(head, octets)
}
