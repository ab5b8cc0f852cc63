//! TCP to a host: by its name, by the address the user gave it, or through the user's own proxy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use http::header::HeaderValue;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::limits::TCP_KEEPALIVE;
use super::target::Authority;
use crate::resolve::Resolve;

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// No answer in time.
    #[error("no connection within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The certificate does not verify, or TLS failed otherwise.
    #[error("{0}")]
    Tls(String),
    /// The name does not resolve, nobody listens, or the user's proxy refused.
    #[error("{0}")]
    Unreachable(String),
}

/// Opens connections.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    connector: HttpConnector,
    proxies: std::sync::Arc<Matcher>,
    addresses: HashMap<Authority, IpAddr>,
    timeout: Duration,
}

impl Dialer {
    /// The user's proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    pub(super) fn new(resolve: &[Resolve], timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(TCP_KEEPALIVE));
        let address = |entry: &Resolve| {
            (
                Authority {
                    host: entry.host.clone(),
                    port: entry.port,
                },
                entry.address,
            )
        };
        Self {
            connector,
            proxies: std::sync::Arc::new(Matcher::from_env()),
            addresses: resolve.iter().map(address).collect(),
            timeout,
        }
    }

    /// Connects to a host, by a tunnel through the user's proxy if there is one for it.
    pub(super) async fn dial(&self, authority: &Authority) -> Result<TcpStream, ConnectError> {
        self.in_time(self.dial_unbounded("https", authority)).await
    }

    /// For plain HTTP: the user's proxy itself, which takes the request in absolute form, or the host.
    pub(super) async fn dial_plain(
        &self,
        authority: &Authority,
    ) -> Result<(TcpStream, bool), ConnectError> {
        match self.plain_proxy(authority) {
            Some(proxy) => Ok((self.in_time(self.connect(proxy.uri())).await?, true)),
            None => Ok((
                self.in_time(self.dial_unbounded("http", authority)).await?,
                false,
            )),
        }
    }

    /// What a request in absolute form to the user's proxy must carry.
    pub(super) fn plain_proxy_authorization(&self, authority: &Authority) -> Option<HeaderValue> {
        self.plain_proxy(authority)?.basic_auth().cloned()
    }

    fn plain_proxy(&self, authority: &Authority) -> Option<Intercept> {
        if self.addresses.contains_key(authority) {
            return None;
        }
        let proxy = self.proxies.intercept(&uri("http", authority)?)?;
        (proxy.uri().scheme_str() == Some("http")).then_some(proxy)
    }

    /// The scheme decides which of the user's proxies is asked.
    async fn dial_unbounded(
        &self,
        scheme: &str,
        authority: &Authority,
    ) -> Result<TcpStream, ConnectError> {
        if let Some(address) = self.addresses.get(authority) {
            let there = Authority {
                host: address.to_string(),
                port: authority.port,
            };
            return self.connect(&target(scheme, &there)?).await;
        }
        let target = target(scheme, authority)?;
        match self.proxies.intercept(&target) {
            Some(proxy) => self.through(&proxy, target).await,
            None => self.connect(&target).await,
        }
    }

    async fn through(&self, proxy: &Intercept, target: Uri) -> Result<TcpStream, ConnectError> {
        let shown = format!(
            "the proxy {}",
            proxy
                .uri()
                .authority()
                .map_or("", |authority| authority.as_str())
        );
        let refused = |error: &dyn std::error::Error| {
            ConnectError::Unreachable(format!("{shown}: {}", innermost(error)))
        };
        match proxy.uri().scheme_str() {
            Some("http") => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), self.connector.clone());
                if let Some(authorization) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(authorization.clone());
                }
                tunnel
                    .call(target)
                    .await
                    .map(TokioIo::into_inner)
                    .map_err(|error| refused(&error))
            }
            Some("socks5" | "socks5h") => {
                let mut socks = SocksV5::new(proxy.uri().clone(), self.connector.clone());
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                socks
                    .call(target)
                    .await
                    .map(TokioIo::into_inner)
                    .map_err(|error| refused(&error))
            }
            other => {
                let scheme = other.unwrap_or("no scheme");
                Err(ConnectError::Unreachable(format!(
                    "{shown} has {scheme}; http and socks5 are known"
                )))
            }
        }
    }

    async fn connect(&self, target: &Uri) -> Result<TcpStream, ConnectError> {
        let connected = self.connector.clone().call(target.clone()).await;
        connected
            .map(TokioIo::into_inner)
            .map_err(|error| ConnectError::Unreachable(innermost(&error)))
    }

    async fn in_time(
        &self,
        work: impl Future<Output = Result<TcpStream, ConnectError>>,
    ) -> Result<TcpStream, ConnectError> {
        tokio::time::timeout(self.timeout, work)
            .await
            .unwrap_or(Err(ConnectError::Timeout(self.timeout)))
    }
}

/// The form in which hyper-util's connectors take a host and a port.
fn target(scheme: &str, authority: &Authority) -> Result<Uri, ConnectError> {
    uri(scheme, authority)
        .ok_or_else(|| ConnectError::Unreachable("the host name is not one".to_owned()))
}

fn uri(scheme: &str, authority: &Authority) -> Option<Uri> {
    Uri::builder()
        .scheme(scheme)
        .authority(authority.to_string())
        .path_and_query("/")
        .build()
        .ok()
}

/// The cause that says most: the last one.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
