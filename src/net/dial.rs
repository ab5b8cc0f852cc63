//! Opens a connection to a host: by its name, by the address that the user gave it, or through the
//! user's own proxy.

mod admitted;
mod error;
mod http_tunnel;
mod link;
mod own;
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

use self::admitted::{admitted, admitted_between};
use self::error::unreachable;
pub(crate) use self::error::{ConnectError, innermost};
pub(crate) use self::http_tunnel::refusal;
pub(crate) use self::link::{Dialed, Link};
pub(crate) use self::own::OwnListeners;
use self::shortage::Wait;
pub(crate) use self::shortage::{Queue, Shortage};
use crate::authority::Authority;
use crate::defence::Defence;
use crate::net::address_kind::{AddressRule, AddressRules};
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
    /// Where no connection may lead, if the dialer belongs to a session.
    own: Option<OwnListeners>,
    /// Which addresses are reached.
    rules: AddressRules,
}

impl Dialer {
    pub(crate) fn new(
        resolve: &[Resolve],
        proxies: Arc<UserProxies>,
        trust: Arc<Trust>,
        timeout: Duration,
        queue: Arc<Queue>,
        own: Option<OwnListeners>,
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
            rules: AddressRules::default(),
        }
    }

    /// The same, with rules for the addresses that are reached.
    pub(crate) fn ruled_by(self, rules: AddressRules) -> Self {
        Self { rules, ..self }
    }

    /// Connects to a host, through a tunnel if the user has a proxy for it.
    pub(crate) async fn dial(&self, authority: &Authority) -> Result<Dialed, ConnectError> {
        let proxy = if self.addresses.contains_key(authority) {
            None
        } else {
            self.admit_literal(authority)?;
            self.proxies.for_https(authority.host(), authority.port())?
        };
        let wait = Wait::new(&self.queue);
        let work = async {
            match proxy {
                None => Ok(Link::Tcp(
                    self.connect(authority, &wait, self.rules.of(authority))
                        .await?,
                )
                .into()),
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
        if !self.addresses.contains_key(authority) {
            self.admit_literal(authority)?;
        }
        let wait = Wait::new(&self.queue);
        let work = async {
            match proxy {
                None => Ok(Link::Tcp(
                    self.connect(authority, &wait, self.rules.of(authority))
                        .await?,
                )),
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
        let stream = self.connect(&place, wait, AddressRule::All).await;
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
    async fn connect(
        &self,
        place: &Authority,
        wait: &Wait<'_>,
        rule: AddressRule,
    ) -> Result<TcpStream, ConnectError> {
        let is_given = self.addresses.contains_key(place);
        let addresses = if let Some(address) = self.addresses.get(place) {
            vec![SocketAddr::new(*address, place.port())]
        } else {
            let found = tcp::look_up(place, wait).await.map_err(unreachable)?;
            let found = admitted(found, rule)?;
            if Defence::ResolvedOnce.stands() {
                found
            } else {
                tcp::look_up(place, wait).await.map_err(unreachable)?
            }
        };
        race::first(addresses, async |address| {
            if self.own.is_some_and(|own| own.is_login(address)) && Defence::OwnPorts.stands() {
                let reason = "a login of authsome's waits at that port";
                return Err(ConnectError::Unreachable(reason.to_owned()));
            }
            let stream = tcp::connect(address, wait).await.map_err(unreachable)?;
            if !is_given {
                admitted_between(&stream, address.ip(), rule)?;
            }
            // A name or the user's proxy may lead back to this proxy. The request would then loop
            // without an end.
            if self.is_own(&stream) && Defence::OwnPorts.stands() {
                let reason = "the connection would come back to this proxy";
                return Err(ConnectError::Unreachable(reason.to_owned()));
            }
            Ok(stream)
        })
        .await
    }

    /// Refuses a literal address by its rule, before the user's proxy is asked to connect to it.
    fn admit_literal(&self, place: &Authority) -> Result<(), ConnectError> {
        let Ok(address) = place.host().parse() else {
            return Ok(());
        };
        let found = vec![SocketAddr::new(address, place.port())];
        admitted(found, self.rules.of(place)).map(drop)
    }

    /// Whether the peer is this session's proxy.
    fn is_own(&self, stream: &TcpStream) -> bool {
        let (Some(own), Ok(peer)) = (self.own, stream.peer_addr()) else {
            return false;
        };
        stream
            .local_addr()
            .is_ok_and(|local| own.is_proxy(peer, local))
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
mod tests;
