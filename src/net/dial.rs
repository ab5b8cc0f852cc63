//! Opens a connection to a host: by its name, by the address that the user gave it, or through the
//! user's own proxy.

mod error;
mod http_tunnel;
mod link;
mod race;
mod shortage;
mod socks;
mod tcp;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::error::unreachable;
pub(crate) use self::error::{ConnectError, innermost};
pub(crate) use self::http_tunnel::refusal;
pub(crate) use self::link::{Dialed, Link};
use self::shortage::Wait;
pub(crate) use self::shortage::{Queue, Shortage};
use crate::authority::Authority;
use crate::net::resolve::Resolve;
use crate::net::tls::{TlsTrouble, Trust, TrustError};
use crate::net::user_proxy::{ProxyKind, UserProxies, UserProxy, UserProxyError};

/// Opens connections.
#[derive(Debug)]
pub(crate) struct Dialer {
    addresses: HashMap<Authority, IpAddr>,
    proxies: Arc<UserProxies>,
    trust: Arc<Trust>,
    proxy_tls: OnceLock<Arc<ClientConfig>>,
    timeout: Duration,
    queue: Arc<Queue>,
    /// The address of this session's own proxy, if the dialer belongs to a session.
    own: Option<SocketAddr>,
}

impl Dialer {
    pub(crate) fn new(
        resolve: &[Resolve],
        proxies: Arc<UserProxies>,
        trust: Arc<Trust>,
        timeout: Duration,
        queue: Arc<Queue>,
        own: Option<SocketAddr>,
    ) -> Self {
        let address = |entry: &Resolve| {
            let place = Authority::new(&entry.host, entry.port)?;
            Some((place, entry.address))
        };
        Self {
            addresses: resolve.iter().filter_map(address).collect(),
            proxies,
            trust,
            proxy_tls: OnceLock::new(),
            timeout,
            queue,
            own,
        }
    }

    /// Connects to a host, through a tunnel if the user has a proxy for it.
    pub(crate) async fn dial(&self, authority: &Authority) -> Result<Dialed, ConnectError> {
        let proxy = if self.addresses.contains_key(authority) {
            None
        } else {
            self.proxies.for_https(authority.host(), authority.port())?
        };
        let wait = Wait::new(&self.queue);
        let work = async {
            match proxy {
                None => Ok(Link::Tcp(self.connect(authority, &wait).await?).into()),
                Some(proxy) => self.tunnel(proxy, authority, &wait).await,
            }
        };
        self.in_time(proxy, &wait, work).await
    }

    /// Connects to a host and completes a TLS handshake with it.
    pub(crate) async fn dial_tls(
        &self,
        authority: &Authority,
        config: Arc<ClientConfig>,
    ) -> Result<TlsStream<Link>, ConnectError> {
        let link = self.dial(authority).await?.silent()?;
        let name = ServerName::try_from(authority.host().to_owned())
            .map_err(|error| ConnectError::Tls(error.to_string().into()))?;
        let handshake = TlsConnector::from(config).connect(name, link);
        let handshake = async {
            let done = handshake.await;
            done.map_err(|error| ConnectError::Tls((&error).into()))
        };
        self.in_time(None, &Wait::new(&self.queue), handshake).await
    }

    /// Connects for plain HTTP: to the proxy that takes the request in absolute form
    /// ([`Self::absolute_form_proxy`]), or to the host.
    pub(crate) async fn dial_plain(&self, authority: &Authority) -> Result<Link, ConnectError> {
        let proxy = self.plain_proxy(authority)?;
        let wait = Wait::new(&self.queue);
        let work = async {
            match proxy {
                None => Ok(Link::Tcp(self.connect(authority, &wait).await?)),
                Some(proxy) if proxy.kind().speaks_http() => self.reach(proxy, &wait).await,
                Some(proxy) => self.tunnel(proxy, authority, &wait).await?.silent(),
            }
        };
        self.in_time(proxy, &wait, work).await
    }

    /// The user's proxy that takes requests for that host in absolute form (RFC 9112 §3.2.2), if
    /// there is one.
    pub(crate) fn absolute_form_proxy(&self, authority: &Authority) -> Option<&UserProxy> {
        let proxy = self.plain_proxy(authority).ok()?;
        proxy.filter(|proxy| proxy.kind().speaks_http())
    }

    fn plain_proxy(&self, authority: &Authority) -> Result<Option<&UserProxy>, UserProxyError> {
        if self.addresses.contains_key(authority) {
            return Ok(None);
        }
        self.proxies.for_http(authority.host(), authority.port())
    }

    async fn tunnel(
        &self,
        proxy: &UserProxy,
        target: &Authority,
        wait: &Wait<'_>,
    ) -> Result<Dialed, ConnectError> {
        let failed = |words: String| ConnectError::Unreachable(format!("{proxy} {words}"));
        if proxy.kind().speaks_http() {
            let link = self.reach(proxy, wait).await?;
            return http_tunnel::open(link, target, proxy).await.map_err(failed);
        }
        let destinations = socks::destinations(target, proxy.kind(), wait).await;
        let destinations = destinations.map_err(|error| failed(error.to_string()))?;
        let link = race::first(destinations, async |destination| {
            let mut link = self.reach(proxy, wait).await?;
            let opened = socks::open(&mut link, &destination, target.port(), proxy).await;
            opened.map_err(|error| failed(error.to_string()))?;
            Ok(link)
        });
        link.await.map(Dialed::from)
    }

    /// A connection to the proxy itself, with TLS if the proxy uses it.
    async fn reach(&self, proxy: &UserProxy, wait: &Wait<'_>) -> Result<Link, ConnectError> {
        let failed = |words: String| ConnectError::Unreachable(format!("{proxy}: {words}"));
        let place = Authority::new(proxy.host(), proxy.port())
            .ok_or_else(|| failed("its host name is not one".to_owned()))?;
        let stream = self.connect(&place, wait).await;
        let stream = stream.map_err(|error| failed(error.to_string()))?;
        if proxy.kind() != ProxyKind::Https {
            return Ok(Link::Tcp(stream));
        }
        let config = self
            .proxy_tls()
            .map_err(|error| failed(error.to_string()))?;
        let name = ServerName::try_from(place.host().to_owned())
            .map_err(|error| failed(error.to_string()))?;
        let handshake = TlsConnector::from(config).connect(name, stream).await;
        let stream = handshake.map_err(|error| {
            let reason = TlsTrouble::from(&error);
            failed(format!("no trusted TLS connection: {reason} (the CA of a proxy is trusted if it is the system's, or in the file that SSL_CERT_FILE names)"))
        })?;
        Ok(Link::Tls(Box::new(stream)))
    }

    /// The TLS configuration for proxies. It trusts only the user's general roots: the CA of a
    /// connection is for that connection's host, not for a proxy.
    fn proxy_tls(&self) -> Result<Arc<ClientConfig>, TrustError> {
        if let Some(config) = self.proxy_tls.get() {
            return Ok(Arc::clone(config));
        }
        let mut config = self.trust.client_config(&[], None)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.proxy_tls.get_or_init(|| Arc::new(config))))
    }

    /// A TCP connection to the first of the authority's addresses that accepts one.
    async fn connect(&self, place: &Authority, wait: &Wait<'_>) -> Result<TcpStream, ConnectError> {
        let addresses = match self.addresses.get(place) {
            Some(address) => vec![SocketAddr::new(*address, place.port())],
            None => tcp::look_up(place, wait).await.map_err(unreachable)?,
        };
        race::first(addresses, async |address| {
            let stream = tcp::connect(address, wait).await.map_err(unreachable)?;
            // A name or the user's proxy may lead back to this proxy. The request would then loop
            // without an end.
            if self.is_own(&stream) {
                let reason = "the connection would come back to this proxy";
                return Err(ConnectError::Unreachable(reason.to_owned()));
            }
            Ok(stream)
        })
        .await
    }

    /// Whether the peer is this session's proxy, in whichever form its address is written.
    fn is_own(&self, stream: &TcpStream) -> bool {
        let (Some(own), Ok(peer)) = (self.own, stream.peer_addr()) else {
            return false;
        };
        peer.port() == own.port() && peer.ip().to_canonical() == own.ip()
    }

    async fn in_time<T>(
        &self,
        proxy: Option<&UserProxy>,
        wait: &Wait<'_>,
        work: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        let late = |_| match wait.shortage() {
            Some(shortage) => ConnectError::Starved(shortage),
            None => ConnectError::Timeout {
                after: self.timeout,
                through: proxy.map(ToString::to_string),
            },
        };
        tokio::time::timeout(self.timeout, work)
            .await
            .map_err(late)?
    }
}

impl Dialed {
    /// The connection, for a protocol in which the client sends first. Bytes that came before that
    /// cannot be the host's, so they are an error.
    pub(crate) fn silent(self) -> Result<Link, ConnectError> {
        if self.early.is_empty() {
            return Ok(self.link);
        }
        Err(ConnectError::Unreachable(
            "the proxy sent more than its response".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn dialer(proxy: Option<SocketAddr>, own: SocketAddr) -> Dialer {
        dialer_with(&[], proxy, own)
    }

    fn dialer_with(resolve: &[Resolve], proxy: Option<SocketAddr>, own: SocketAddr) -> Dialer {
        let proxies = UserProxies::new(|name| {
            let proxy = proxy.filter(|_| name == "HTTPS_PROXY");
            proxy.map(|address| format!("http://ada:secret@{address}").into())
        });
        Dialer::new(
            resolve,
            Arc::new(proxies),
            Arc::new(Trust::new(None, Vec::new())),
            TIMEOUT,
            Arc::default(),
            Some(own),
        )
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Dials `ssh.test:22` through a proxy that responds to CONNECT with `response`. Then it sends
    /// `more` again and again, with a pause after each.
    async fn dial_by(
        response: &'static [u8],
        more: Vec<u8>,
        pause: Duration,
    ) -> Result<Dialed, ConnectError> {
        let (listener, address) = listener().await;
        let (_, elsewhere) = self::listener().await;
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(response).await.unwrap();
            tokio::spawn(async move {
                while stream.write_all(&more).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            });
            String::from_utf8(asked).unwrap()
        });
        let target = Authority::parse("ssh.test:22", None).unwrap();
        let dialed = dialer(Some(address), elsewhere).dial(&target).await;
        let asked = serving.await.unwrap();
        assert!(
            asked.starts_with("CONNECT ssh.test:22 HTTP/1.1\r\n"),
            "{asked}"
        );
        let asked = asked.to_ascii_lowercase();
        assert!(asked.contains("\r\nhost: ssh.test:22\r\n"), "{asked}");
        assert!(
            asked.contains("\r\nproxy-authorization: basic ywrhonnly3jlda==\r\n"),
            "{asked}"
        );
        dialed
    }

    #[tokio::test]
    async fn what_the_host_says_right_behind_the_proxys_response_is_kept() {
        for response in [
            &b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nSSH-2.0-x\r\n"[..],
            b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nSSH-2.0-x\r\n",
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 Yes\r\n\r\nSSH-2.0-x\r\n",
        ] {
            let dialed = dial_by(response, Vec::new(), TIMEOUT).await.unwrap();
            assert_eq!(dialed.early, "SSH-2.0-x\r\n");
            // Where the client sends first, these bytes are not the host's.
            assert!(dialed.silent().is_err());
        }
    }

    #[tokio::test]
    async fn a_refusal_names_the_proxy_and_what_to_check() {
        for (response, expected) in [
            (&b"HTTP/1.1 407 No\r\ncontent-length: 2\r\n\r\nno"[..], "407: check the user name and the password in HTTPS_PROXY"),
            (b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic realm=\"x\"\r\nproxy-authenticate: NTLM\r\n\r\n", "407: check"),
            (b"HTTP/1.1 407 No\r\nproxy-authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n\r\n", "407: it asks for Negotiate, NTLM"),
            (b"HTTP/1.1 403 No\r\n\r\n", "403: it does not allow"),
            (b"HTTP/1.0 502 No\r\n\r\n", "502: it cannot reach"),
            (b"HTTP/1.1 405 No\r\n\r\n", "405: check that HTTPS_PROXY"),
            (b"HTTP/1.1 302 No\r\nlocation: /login\r\n\r\n", "302: check that HTTPS_PROXY"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "gave no response"),
        ] {
            let error = dial_by(response, Vec::new(), TIMEOUT).await.unwrap_err().to_string();
            assert!(error.starts_with("the proxy http://127.0.0.1:"), "{error}");
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_response_without_end_is_bounded() {
        let head = b"HTTP/1.1 200 OK\r\nx: ";
        for more in [b"y".repeat(1000), b"y\r\nx: ".repeat(1000)] {
            let error = dial_by(head, more, Duration::ZERO).await.unwrap_err();
            assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_response_that_drips_is_waited_for_no_longer_than_any_other() {
        let head = b"HTTP/1.1 200 OK\r\nx: ";
        let error = dial_by(head, b"y".to_vec(), Duration::from_millis(100)).await;
        let ConnectError::Timeout { through, .. } = error.unwrap_err() else {
            panic!("the response has no end");
        };
        let through = through.unwrap();
        assert!(
            through.starts_with("the proxy http://127.0.0.1:"),
            "{through}"
        );
    }

    #[tokio::test]
    async fn a_way_that_leads_back_here_is_not_taken() {
        let (_listener, own) = listener().await;
        let target = Authority::parse(&format!("localhost:{}", own.port()), None).unwrap();
        let direct = dialer(None, own).dial(&target).await.unwrap_err();
        assert!(direct.to_string().contains("come back"), "{direct}");
        let target = Authority::parse("gitlab.test:443", None).unwrap();
        let by_proxy = dialer(Some(own), own).dial(&target).await.unwrap_err();
        assert!(by_proxy.to_string().contains("come back"), "{by_proxy}");
        for (name, address) in [("mapped.test", "::ffff:127.0.0.1"), ("any.test", "0.0.0.0")] {
            let given = Resolve {
                host: name.to_owned(),
                port: own.port(),
                address: address.parse().unwrap(),
            };
            let target = Authority::new(name, own.port()).unwrap();
            let error = dialer_with(&[given], None, own).dial(&target).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("come back"), "{name}: {error}");
        }
    }
}
