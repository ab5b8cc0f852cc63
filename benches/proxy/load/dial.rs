//! From nothing to a TLS connection over each of the ways.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::client::Resumption as Sessions;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::failure::Failure;
use crate::wire::{LoadSetup, MANAGED, PLACEHOLDER, Protocol, UNMANAGED, Way};

/// What requests travel on.
pub(super) type Stream = TlsStream<TcpStream>;

/// A proxy's response to CONNECT is no longer than this.
const MAX_RESPONSE: usize = 4096;

/// Whether a handshake may take up an earlier session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumption {
    Off,
    On,
}

/// Opens connections for one system under test.
pub(super) struct Dialer {
    setup: LoadSetup,
    proxy: Option<Proxy>,
    roots: Arc<RootCertStore>,
    configs: [Arc<ClientConfig>; 3],
}

struct Proxy {
    address: SocketAddr,
    /// The `Proxy-Authorization` line, or nothing.
    authorization: String,
}

impl Dialer {
    pub(super) fn new(setup: LoadSetup) -> Result<Self, Failure> {
        let proxy = match setup.way {
            Way::Captured | Way::CapturedTunnel | Way::Direct | Way::PeerReverse(_) => None,
            Way::BlindTunnel | Way::Injected => Some(proxy_of_environment()?),
            Way::PeerTunnel(address) | Way::PeerInjected(address) => Some(Proxy {
                address,
                authorization: String::new(),
            }),
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&setup.ca)?)?;
        if setup.way.is_injected() {
            let bundle =
                std::env::var_os("SSL_CERT_FILE").ok_or("no SSL_CERT_FILE in the environment")?;
            for root in CertificateDer::pem_file_iter(bundle)? {
                roots.add_parsable_certificates([root?]);
            }
        }
        let roots = Arc::new(roots);
        let configs = [
            config(&roots, Protocol::Http1, Resumption::Off)?,
            config(&roots, Protocol::Http1, Resumption::On)?,
            config(&roots, Protocol::Http2, Resumption::Off)?,
        ];
        Ok(Self {
            setup,
            proxy,
            roots,
            configs,
        })
    }

    /// What it was made of.
    pub(super) fn setup(&self) -> &LoadSetup {
        &self.setup
    }

    /// A GET of a body of that size.
    pub(super) fn get(&self, bytes: u64) -> Vec<u8> {
        self.get_at(self.host(), bytes)
    }

    /// The same, at any host of the origin.
    pub(super) fn get_at(&self, host: &str, bytes: u64) -> Vec<u8> {
        self.head(host, &format!("GET /api/v4/download?bytes={bytes}"), "")
    }

    /// The head of a request with whatever credential is right on this way; `more` are complete
    /// header lines.
    pub(super) fn request(&self, line: &str, more: &str) -> Vec<u8> {
        self.head(self.host(), line, more)
    }

    fn head(&self, host: &str, line: &str, more: &str) -> Vec<u8> {
        let (port, token) = (self.setup.origin.port(), self.token());
        format!(
            "{line} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\
             Authorization: Bearer {token}\r\n{more}\r\n"
        )
        .into_bytes()
    }

    /// The URL of a GET of a body of that size.
    pub(super) fn url(&self, bytes: u64) -> String {
        format!(
            "https://{}:{}/api/v4/download?bytes={bytes}",
            self.host(),
            self.setup.origin.port()
        )
    }

    /// What the client says it is allowed with.
    pub(super) fn token(&self) -> &str {
        match self.setup.way {
            Way::Direct | Way::BlindTunnel | Way::CapturedTunnel | Way::PeerTunnel(_) => {
                &self.setup.bearer
            }
            Way::Captured | Way::Injected | Way::PeerInjected(_) | Way::PeerReverse(_) => {
                PLACEHOLDER
            }
        }
    }

    fn host(&self) -> &'static str {
        match self.setup.way {
            Way::BlindTunnel | Way::CapturedTunnel | Way::PeerTunnel(_) => UNMANAGED,
            _ => MANAGED,
        }
    }

    /// A connection that is ready for requests.
    pub(super) async fn tls(
        &self,
        protocol: Protocol,
        resumption: Resumption,
    ) -> Result<Stream, Failure> {
        let index = match (protocol, resumption) {
            (Protocol::Http1, Resumption::Off) => 0,
            (Protocol::Http1, Resumption::On) => 1,
            (Protocol::Http2, _) => 2,
        };
        self.handshake(self.host(), Arc::clone(&self.configs[index]))
            .await
    }

    /// The same to any host of the origin, with a TLS configuration that has seen no other
    /// connection.
    pub(super) async fn tls_to(&self, host: &str) -> Result<Stream, Failure> {
        self.handshake(host, config(&self.roots, Protocol::Http1, Resumption::Off)?)
            .await
    }

    async fn handshake(&self, host: &str, config: Arc<ClientConfig>) -> Result<Stream, Failure> {
        let stream = self.tcp(host).await?;
        let name = ServerName::try_from(host)?.to_owned();
        Ok(TlsConnector::from(config).connect(name, stream).await?)
    }

    async fn tcp(&self, host: &str) -> Result<TcpStream, Failure> {
        if self.setup.way.is_captured() {
            let stream = TcpStream::connect((host, self.setup.origin.port())).await?;
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
        let mut stream = self.bare().await?;
        if self.proxy.is_some() {
            stream.write_all(&self.connect_head(host, "")).await?;
            tunnel_stands(&mut stream).await?;
        }
        Ok(stream)
    }

    /// A connection on which nothing was sent.
    pub(super) async fn bare(&self) -> io::Result<TcpStream> {
        let address = match (&self.proxy, self.setup.way) {
            (Some(proxy), _) => proxy.address,
            (None, Way::PeerReverse(address)) => address,
            (None, _) => self.setup.origin,
        };
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// What asks the proxy for the way to that host; `more` are complete header lines.
    pub(super) fn connect_head(&self, host: &str, more: &str) -> Vec<u8> {
        let port = self.setup.origin.port();
        let authorization = match &self.proxy {
            Some(proxy) => proxy.authorization.as_str(),
            None => "",
        };
        format!(
            "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}{more}\r\n"
        )
        .into_bytes()
    }
}

/// Reads the response to CONNECT. The server side of TLS does not speak first, so nothing can come
/// behind it.
pub(super) async fn tunnel_stands(stream: &mut TcpStream) -> Result<(), Failure> {
    let mut response = Vec::with_capacity(MAX_RESPONSE);
    while !response.ends_with(b"\r\n\r\n") {
        if response.len() >= MAX_RESPONSE || stream.read_buf(&mut response).await? == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
    }
    let status = response.split(|byte| *byte == b' ').nth(1);
    if status == Some(b"200") {
        Ok(())
    } else {
        Err(format!("the proxy refused: {}", String::from_utf8_lossy(&response)).into())
    }
}

fn proxy_of_environment() -> Result<Proxy, Failure> {
    let url: Url = std::env::var("HTTPS_PROXY")?.parse()?;
    let port = url.port().ok_or("no port in HTTPS_PROXY")?;
    let address = SocketAddr::new(url.host_str().unwrap_or_default().parse()?, port);
    let pair = format!("{}:{}", url.username(), url.password().unwrap_or_default());
    let authorization = format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(pair));
    Ok(Proxy {
        address,
        authorization,
    })
}

fn config(
    roots: &Arc<RootCertStore>,
    protocol: Protocol,
    resumption: Resumption,
) -> Result<Arc<ClientConfig>, Failure> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // The one that all systems have: none of them shall answer with a second round trip.
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth();
    config.alpn_protocols = vec![match protocol {
        Protocol::Http1 => b"http/1.1".to_vec(),
        Protocol::Http2 => b"h2".to_vec(),
    }];
    config.resumption = match resumption {
        Resumption::Off => Sessions::disabled(),
        Resumption::On => Sessions::default(),
    };
    Ok(Arc::new(config))
}
