//! The two ways to a server: directly, and through a session's proxy; and such a session.

use std::io::{self, BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use authsome::net::tls::crypto_provider;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

/// The way that a client takes.
#[derive(Debug)]
pub(crate) struct Way {
    /// The proxy, with its password.
    pub(crate) proxy: Option<Url>,
    /// What the client trusts.
    pub(crate) trust: PathBuf,
    roots: Arc<RootCertStore>,
}

/// A run whose child does nothing, as long as this value lives.
#[derive(Debug)]
pub(crate) struct Run {
    child: Child,
}

impl Run {
    /// Starts `authsome run …`, of which `command` has everything before the child; and the way
    /// through it.
    pub(crate) fn start(mut command: Command) -> (Self, Way) {
        // It lives until this process closes its input, or ends.
        let program = r#"printf '%s\n' "$HTTPS_PROXY" "$SSL_CERT_FILE"; exec cat >/dev/null"#;
        command.args(["--", "sh", "-c", program]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .expect("the binary was built with this test");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || {
            lines
                .next()
                .and_then(Result::ok)
                .expect("the session says where it is")
        };
        let (proxy, bundle) = (line(), PathBuf::from(line()));
        let way = Way::new(Some(proxy.parse().expect("the proxy's URL")), &bundle);
        (Self { child }, way)
    }

    /// Its process.
    #[allow(
        dead_code,
        reason = "each test target uses its own part of this module"
    )]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait(); // there is nobody to tell
    }
}

impl Way {
    pub(crate) fn new(proxy: Option<Url>, trust: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        let found = CertificateDer::pem_file_iter(trust).expect("a bundle");
        roots.add_parsable_certificates(found.filter_map(Result::ok));
        Self {
            proxy,
            trust: trust.to_owned(),
            roots: Arc::new(roots),
        }
    }

    /// A connection to that name and port of this machine, with TLS.
    pub(crate) async fn connect(
        &self,
        host: &str,
        port: u16,
        alpn: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let connecting = tokio::time::timeout(CONNECT, self.dial(host, port, alpn));
        connecting
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn dial(&self, host: &str, port: u16, alpn: &[u8]) -> io::Result<TlsStream<TcpStream>> {
        let stream = match &self.proxy {
            None => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?,
            Some(proxy) => {
                let at = (Ipv4Addr::LOCALHOST, proxy.port().unwrap_or_default());
                let mut stream = TcpStream::connect(at).await?;
                ask_for_tunnel(&mut stream, proxy, &format!("{host}:{port}")).await?;
                stream
            }
        };
        stream.set_nodelay(true)?;
        let mut config = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

async fn ask_for_tunnel(stream: &mut TcpStream, proxy: &Url, authority: &str) -> io::Result<()> {
    let credential = format!(
        "{}:{}",
        proxy.username(),
        proxy.password().unwrap_or_default()
    );
    let credential = BASE64_STANDARD.encode(credential);
    let head = format!(
        "CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\nproxy-authorization: Basic {credential}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(stream.read_u8().await?);
    }
    if response.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&response).into_owned(),
    ))
}

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(20);
