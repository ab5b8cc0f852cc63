//! One `authsome run` for all cells, and the two ways to the server: directly, and through it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::{io, time::Duration};

use authsome::tls::crypto_provider;
use authsome_test_support::FakeGitLab;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::kit::World;
use crate::pattern;
use crate::server::{Place, Server};

/// The way that a client takes.
#[derive(Debug)]
pub(crate) struct Way {
    /// The proxy, with its password.
    pub(crate) proxy: Option<Url>,
    /// What the client trusts.
    pub(crate) trust: PathBuf,
    roots: Arc<RootCertStore>,
    bodies: PathBuf,
}

/// A session, as long as it lives.
pub(crate) struct Session {
    pub(crate) direct: Arc<Way>,
    pub(crate) proxied: Arc<Way>,
    child: Child,
    _world: World,
}

impl Session {
    /// Starts `authsome run` with a connection whose hosts are all the server's names.
    pub(crate) fn start(server: &Server) -> Self {
        let world = World::new();
        connect(&world, server);
        let ca = world.file("ca.pem", &server.ca_pem);
        let mut arguments: Vec<String> = vec!["run".to_owned()];
        for (host, port) in server.authorities() {
            arguments.extend(["--resolve".to_owned(), format!("{host}:{port}:127.0.0.1")]);
        }
        // It lives until this process closes its input, or ends.
        let program = r#"printf '%s\n' "$HTTPS_PROXY" "$SSL_CERT_FILE"; exec cat >/dev/null"#;
        arguments.extend(["--", "sh", "-c", program].map(str::to_owned));
        let mut command = world.authsome(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
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
        let bodies = world.path("bodies");
        write_bodies(&bodies).expect("a directory beside a fresh home");
        Self {
            direct: Arc::new(Way::new(None, &ca, bodies.clone())),
            proxied: Arc::new(Way::new(
                Some(proxy.parse().expect("the proxy's URL")),
                &bundle,
                bodies,
            )),
            child,
            _world: world,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait(); // there is nobody to tell
    }
}

/// A provider of the user's own with all those hosts, and a connection to it.
fn connect(world: &World, server: &Server) {
    let gitlab = FakeGitLab::start(); // it only issues the tokens
    world.connect(&gitlab);
    let hosts: Vec<_> = server
        .authorities()
        .map(|(host, port)| format!("{host}:{port}"))
        .collect();
    let definition = json!({
        "schema_version": 1,
        "name": "matrix",
        "auth_type": "oauth2",
        "flow": "pkce",
        "api_url": hosts,
        "oauth": {
            "base_url": "https://oauth.gitlab.test",
            "authorization_url": "/oauth/authorize",
            "token_url": "/oauth/token",
        },
    });
    let providers = world.home().join("providers");
    fs::create_dir_all(&providers)
        .and_then(|()| File::create(providers.join("matrix.json")))
        .and_then(|mut file| file.write_all(definition.to_string().as_bytes()))
        .expect("a file in a fresh home");
    let mut connection = world.stored("default");
    connection.id.provider = "matrix".parse().expect("a provider's name");
    connection.base_url = None;
    connection.terms = None; // what it was made for is told by this definition
    connection.ca_pem = Some(server.ca_pem.clone());
    let stored = world.store().create(&connection, true);
    stored.expect("a vault that takes a second connection");
}

/// The bodies that curl sends.
fn write_bodies(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for size in BODIES {
        let mut file = io::BufWriter::new(File::create(directory.join(size.to_string()))?);
        let mut written = 0;
        while written < size {
            let piece = pattern::piece(
                written,
                usize::try_from(size - written).unwrap_or(usize::MAX),
            );
            file.write_all(piece)?;
            written += piece.len() as u64;
        }
        file.flush()?;
    }
    Ok(())
}

impl Way {
    fn new(proxy: Option<Url>, trust: &Path, bodies: PathBuf) -> Self {
        let mut roots = RootCertStore::empty();
        let found = CertificateDer::pem_file_iter(trust).expect("a bundle");
        roots.add_parsable_certificates(found.filter_map(Result::ok));
        Self {
            proxy,
            trust: trust.to_owned(),
            roots: Arc::new(roots),
            bodies,
        }
    }

    /// A file with a body of that size.
    pub(crate) fn body(&self, size: u64) -> PathBuf {
        self.bodies.join(size.to_string())
    }

    /// A connection to the cell's place, with TLS.
    pub(crate) async fn connect(
        &self,
        place: &Place,
        alpn: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let connecting = tokio::time::timeout(CONNECT, self.dial(place, alpn));
        connecting
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn dial(&self, place: &Place, alpn: &[u8]) -> io::Result<TlsStream<TcpStream>> {
        let stream = match &self.proxy {
            None => TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).await?,
            Some(proxy) => {
                let port = proxy.port().unwrap_or_default();
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                ask_for_tunnel(&mut stream, proxy, &place.authority()).await?;
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
        let name = ServerName::try_from(place.host.clone()).map_err(io::Error::other)?;
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
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    if answer.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&answer).into_owned(),
    ))
}

/// Sizes of curl's bodies.
const BODIES: [u64; 3] = [1_000_000, 3_000_000, 30_000_000];

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(20);
