//! The way to the providers: pooled connections, verified TLS, streamed bodies; no redirect is followed and no body decoded.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::header::PROXY_AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::body::{Passage, RequestBody};
use super::dial::{self, ConnectError, Dialed, Dialer, innermost};
use super::limits::{
    CONNECTION_WINDOW, IDLE_UPSTREAM, LARGEST_HEAD, LARGEST_HEADER_LIST, MOST_IDLE_UPSTREAM,
    SEND_BUFFER, STREAM_WINDOW, Timeouts,
};
use super::refusal::Refusal;
use super::route::RouteTable;
use super::target::Authority;
use super::upstream_stream::{StreamKind, UpstreamStream};
use crate::tls::Trust;
use crate::user_proxy::UserProxy;

/// Which protocol an upstream connection may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dialect {
    /// HTTP/1.1 only: for HTTP/1.1 clients, which it serves with less work, and for upgrades.
    Http1,
    /// HTTP/2 where the server has it: for clients that speak it themselves (gRPC needs it).
    Http2,
}

/// The pooled clients of a session.
#[derive(Debug)]
pub(super) struct Upstream {
    http1: Client<Connector, RequestBody>,
    http2: Client<Connector, RequestBody>,
    dialer: Arc<Dialer>,
    timeouts: Timeouts,
}

impl Upstream {
    pub(super) fn new(
        dialer: Arc<Dialer>,
        trust: Arc<Trust>,
        routes: Arc<RouteTable>,
        timeouts: Timeouts,
    ) -> Self {
        let tls = Arc::new(TlsConfigs {
            trust,
            routes,
            made: Mutex::default(),
        });
        let client = |dialect| {
            let connector = Connector {
                dialer: Arc::clone(&dialer),
                tls: Arc::clone(&tls),
                timeouts,
                dialect,
            };
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_UPSTREAM)
                .pool_max_idle_per_host(MOST_IDLE_UPSTREAM)
                .http1_max_buf_size(LARGEST_HEAD)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .http2_max_header_list_size(LARGEST_HEADER_LIST)
                .http2_max_send_buf_size(SEND_BUFFER)
                .build(connector)
        };
        let (http1, http2) = (client(Dialect::Http1), client(Dialect::Http2));
        Self {
            http1,
            http2,
            dialer,
            timeouts,
        }
    }

    /// A connection for a blind tunnel.
    pub(super) async fn dial(&self, authority: &Authority) -> Result<Dialed, Refusal> {
        self.dialer
            .dial(authority)
            .await
            .map_err(|error| connect_refusal(authority, &error))
    }

    /// Sends one request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        mut parts: Parts,
        body: RequestBody,
        passage: &Passage,
        authority: &Authority,
        dialect: Dialect,
    ) -> Result<Response<Incoming>, Refusal> {
        let proxy = match parts.uri.scheme_str() {
            Some("http") => self.dialer.absolute_form_proxy(authority),
            _ => None,
        };
        if let Some(value) = proxy.and_then(UserProxy::basic_authorization) {
            parts.headers.insert(PROXY_AUTHORIZATION, value);
        }
        parts.version = Version::HTTP_11; // HTTP/2 has no use for it, and the pool refuses HTTP/2 over an HTTP/1 connection
        let client = match dialect {
            Dialect::Http1 => &self.http1,
            Dialect::Http2 => &self.http2,
        };
        let answer = client.request(Request::from_parts(parts, body));
        match self.in_time(answer, passage).await {
            Some(Ok(response)) => answer_of(response, authority, proxy),
            Some(Err(_)) if passage.placeholder.load(Ordering::Relaxed) => {
                Err(Refusal::Placeholder("the body"))
            }
            Some(Err(error)) => Err(client_refusal(authority, &error)),
            None => {
                let seconds = self.timeouts.response.as_secs();
                Err(Refusal::UpstreamTimeout {
                    host: authority.to_string(),
                    seconds,
                })
            }
        }
    }

    /// Waits for the head of an answer; the clock starts again with each piece of the request's body that goes out.
    async fn in_time<T>(&self, answer: impl Future<Output = T>, passage: &Passage) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let seen = passage.pieces.load(Ordering::Relaxed);
            if let Ok(output) = tokio::time::timeout(self.timeouts.response, &mut answer).await {
                return Some(output);
            }
            if passage.pieces.load(Ordering::Relaxed) == seen {
                return None;
            }
        }
    }
}

/// A 407 of the user's proxy would look to the client like one of ours.
fn answer_of(
    response: Response<Incoming>,
    authority: &Authority,
    proxy: Option<&UserProxy>,
) -> Result<Response<Incoming>, Refusal> {
    match (response.status(), proxy) {
        (status @ StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(proxy)) => {
            let words = dial::refusal(status, response.headers(), proxy);
            Err(Refusal::UpstreamUnreachable {
                host: authority.to_string(),
                reason: format!("{proxy} {words}"),
            })
        }
        _ => Ok(response),
    }
}

fn client_refusal(authority: &Authority, error: &ClientError) -> Refusal {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<ConnectError>() {
            return connect_refusal(authority, error);
        }
        cause = current.source();
    }
    Refusal::UpstreamUnreachable {
        host: authority.to_string(),
        reason: innermost(error),
    }
}

fn connect_refusal(authority: &Authority, error: &ConnectError) -> Refusal {
    let host = authority.to_string();
    match error {
        ConnectError::Timeout { after, through } => Refusal::UpstreamTimeout {
            host: match through {
                Some(proxy) => format!("{host} through {proxy}"),
                None => host,
            },
            seconds: after.as_secs(),
        },
        ConnectError::Tls(reason) => Refusal::UpstreamTls {
            host,
            reason: reason.clone(),
        },
        ConnectError::Unreachable(reason) => Refusal::UpstreamUnreachable {
            host,
            reason: reason.clone(),
        },
    }
}

/// The place, where it has a CA of its own, and the protocol.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TlsKey(Option<Authority>, Dialect);

/// TLS configurations, made when first needed: one for the platform's trust, one for each place with a private CA.
#[derive(Debug)]
struct TlsConfigs {
    trust: Arc<Trust>,
    routes: Arc<RouteTable>,
    made: Mutex<HashMap<TlsKey, Arc<ClientConfig>>>,
}

impl TlsConfigs {
    fn get(
        &self,
        authority: &Authority,
        dialect: Dialect,
    ) -> Result<Arc<ClientConfig>, ConnectError> {
        let private_ca = self.routes.private_ca(authority);
        let key = TlsKey((!private_ca.is_empty()).then(|| authority.clone()), dialect);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.get(&key) {
            return Ok(Arc::clone(config));
        }
        let mut config = self
            .trust
            .client_config(&private_ca)
            .map_err(|error| ConnectError::Tls(error.to_string()))?;
        config.alpn_protocols = match dialect {
            Dialect::Http1 => vec![b"http/1.1".to_vec()],
            Dialect::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        let config = Arc::new(config);
        made.insert(key, Arc::clone(&config));
        Ok(config)
    }
}

/// Opens connections for the pool.
#[derive(Clone, Debug)]
struct Connector {
    dialer: Arc<Dialer>,
    tls: Arc<TlsConfigs>,
    timeouts: Timeouts,
    dialect: Dialect,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<UpstreamStream, ConnectError> {
        let plain = uri.scheme_str() == Some("http");
        let default_port = if plain { 80 } else { 443 };
        let authority = uri
            .authority()
            .and_then(|authority| Authority::parse(authority.as_str(), Some(default_port)));
        let authority = authority
            .ok_or_else(|| ConnectError::Unreachable("the host name is not one".to_owned()))?;
        if plain {
            let (link, absolute_form) = self.dialer.dial_plain(&authority).await?;
            return Ok(UpstreamStream::new(StreamKind::Plain {
                io: TokioIo::new(link),
                absolute_form,
            }));
        }
        let link = self.dialer.dial(&authority).await?.silent()?;
        let config = self.tls.get(&authority, self.dialect)?;
        let name = ServerName::try_from(authority.host)
            .map_err(|error| ConnectError::Tls(error.to_string()))?;
        let handshake = TlsConnector::from(config).connect(name, link);
        match tokio::time::timeout(self.timeouts.connect, handshake).await {
            Ok(Ok(stream)) => Ok(UpstreamStream::new(StreamKind::Tls(Box::new(
                TokioIo::new(stream),
            )))),
            Ok(Err(error)) => Err(ConnectError::Tls(innermost(&error))),
            Err(_) => Err(ConnectError::Timeout {
                after: self.timeouts.connect,
                through: None,
            }),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = UpstreamStream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<UpstreamStream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
