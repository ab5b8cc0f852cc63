//! Servers that answer as a test has written down.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use authsome::clock::Timestamp;
use authsome::net::tls::crypto_provider;
use authsome_ca::{LeafCache, PermittedHost, SessionCa};
use authsome_test_support::FakeGitLab;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::kit::World;
use crate::kit::client::LONG;

/// A connection whose provider is at `base`, with that private CA or none.
pub(crate) fn connect_elsewhere(world: &World, base: &str, ca_pem: Option<&str>) {
    let gitlab = FakeGitLab::start(); // it only issues the tokens
    world.connect_as("default", &gitlab, base, 7200);
    let mut connection = world.stored("default");
    connection.ca_pem = ca_pem.map(str::to_owned);
    world.store().create(&connection, true).unwrap();
}

/// A provider's side of a TLS connection.
pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

/// A TLS server of which the test decides, and sees, every byte. It serves one connection after the
/// other, over HTTP/1.1.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    pub(crate) ca_pem: String,
}

impl Scripted {
    pub(crate) fn start(mut serve: impl FnMut(&mut Tls) + Send + 'static) -> Self {
        let permitted = [PermittedHost::Domain("localhost".to_owned())];
        let leaves =
            LeafCache::new(SessionCa::new(&permitted, Timestamp::now().to_system_time()).unwrap())
                .unwrap();
        let leaf = leaves.get(&"localhost".try_into().unwrap()).unwrap();
        let mut config = ServerConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(leaf.as_ref().clone())));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nodelay(true).unwrap();
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                serve(&mut StreamOwned::new(connection, stream));
            }
        });
        Self {
            port,
            ca_pem: leaves.ca_pem().to_owned(),
        }
    }

    pub(crate) fn authority(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("https://{}", self.authority())
    }
}

/// Reads a head to its end, and nothing behind it; what there is where the peer leaves before.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server without TLS that gives one fixed response and keeps what it was asked.
pub(crate) struct Recorder {
    pub(crate) port: u16,
    pub(crate) heads: mpsc::Receiver<String>,
}

impl Recorder {
    pub(crate) fn start(response: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heads) = mpsc::channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let head = read_head(&mut stream);
                if tell.send(head).is_err() {
                    return;
                }
                let _ = stream.write_all(response.as_bytes()); // the peer may have broken off
            }
        });
        Self { port, heads }
    }

    pub(crate) fn next(&self) -> String {
        self.heads.recv_timeout(LONG).expect("a request arrives")
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }
}

/// An HTTP proxy that leads every tunnel to one port of this machine, whatever host it names: so a
/// server stands in for hosts of the Internet, by their names and at their port.
pub(crate) struct Detour {
    pub(crate) port: u16,
}

impl Detour {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || lead(stream, server));
            }
        });
        Self { port }
    }
}

/// Each end may go when it likes, so that nothing here is an error.
fn lead(mut client: TcpStream, server: u16) -> Option<()> {
    read_head(&mut client).strip_prefix("CONNECT ")?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let up = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    up.join().ok()
}
