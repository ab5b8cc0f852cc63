//! The way to the providers: pooled connections, verified TLS, streamed bodies; no redirect is followed and no body decoded.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use http::header::{HOST, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::body::{Passage, RequestBody, UpstreamBody};
use super::dial::{self, ConnectError, Dialed, Dialer, innermost};
use super::exchange::Place;
use super::http1::pool::Pool;
use super::http1::{AnswerBody, Connection, Fault, Outgoing, RequestForm, Upload};
use super::limits::{
    CONNECTION_WINDOW, IDLE_UPSTREAM, LARGEST_HEAD, LARGEST_HEADER_LIST, MOST_DESTINATIONS,
    MOST_IDLE_UPSTREAM, MOST_RESET_STREAMS, SEND_BUFFER, STREAM_WINDOW, SWEEP_INTERVAL, Timeouts,
};
use super::refusal::Refusal;
use super::route::RouteTable;
use super::target::Authority;
use super::upstream_stream::{Patient, UpstreamStream};
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

/// A place upstream, and the idle connections to it.
#[derive(Debug)]
pub(super) struct Destination {
    authority: Authority,
    scheme: Scheme,
    pool: Arc<Pool>,
    http2: Mutex<Vec<Idle>>,
}

/// An HTTP/2 connection that no client's connection has now.
#[derive(Debug)]
struct Idle {
    client: Http2Client,
    since: Instant,
}

type Http2Client = Client<Connector, RequestBody>;

/// The HTTP/2 connection of one client's connection: shared with nobody while it has it. What one client leaves unread, or resets, counts
/// against the limits of the whole connection, so that another one would wait for it, or be broken off with it.
#[derive(Debug)]
pub(super) struct Http2Lease {
    destination: Arc<Destination>,
    client: OnceLock<Http2Client>,
}

impl Http2Lease {
    pub(super) fn new(destination: &Arc<Destination>) -> Self {
        Self {
            destination: Arc::clone(destination),
            client: OnceLock::new(),
        }
    }
}

impl Drop for Http2Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.destination.put_http2(client);
        }
    }
}

impl Destination {
    /// The connection that was used last.
    fn take_http2(&self) -> Option<Http2Client> {
        let mut idle = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().map(|idle| idle.client)
    }

    fn put_http2(&self, client: Http2Client) {
        let mut idle = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE_UPSTREAM {
            let since = Instant::now();
            idle.push(Idle { client, since });
        }
    }

    /// Closes what has been idle for too long; whether anything is left.
    fn sweep(&self) -> bool {
        let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        http2.retain(|idle| idle.since.elapsed() < IDLE_UPSTREAM);
        let has_http1 = self.pool.sweep();
        has_http1 || !http2.is_empty()
    }
}

/// Whether the way to a place is TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// The ways to the providers of a session.
#[derive(Debug)]
pub(super) struct Upstream {
    connector: Connector,
    destinations: Arc<Destinations>,
}

/// The places that are in use, or have idle connections.
#[derive(Debug, Default)]
struct Destinations {
    known: Mutex<HashMap<(Authority, Scheme), Arc<Destination>>>,
    is_swept: AtomicBool,
}

impl Upstream {
    pub(super) fn new(
        dialer: Arc<Dialer>,
        trust: Arc<Trust>,
        routes: Arc<RouteTable>,
        timeouts: Timeouts,
    ) -> Self {
        let connector = Connector {
            dialer,
            tls: Arc::new(TlsConfigs {
                trust,
                routes,
                made: Mutex::default(),
            }),
            timeouts,
        };
        Self {
            connector,
            destinations: Arc::default(),
        }
    }

    fn http2_client(&self) -> Http2Client {
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
            // What comes for a stream that the client has reset is no fault of the server's.
            .http2_max_concurrent_reset_streams(MOST_RESET_STREAMS)
            .http2_max_local_error_reset_streams(None)
            .build(self.connector.clone())
    }

    /// A connection for a blind tunnel.
    pub(super) async fn dial(&self, authority: &Authority) -> Result<Dialed, Refusal> {
        self.connector
            .dialer
            .dial(authority)
            .await
            .map_err(|error| connect_refusal(authority, &error))
    }

    /// The place of that name; whoever asks for it often shall keep it.
    pub(super) fn destination(&self, authority: &Authority, scheme: Scheme) -> Arc<Destination> {
        self.destinations.get(authority, scheme)
    }

    /// Sends one request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        parts: &Parts,
        body: RequestBody,
        passage: &Passage,
        place: &Place,
        dialect: Dialect,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        match dialect {
            Dialect::Http1 => self.send_http1(parts, body, passage, place).await,
            // In a box, an HTTP/1.1 request has no room for it; so with what opens a connection.
            Dialect::Http2 => Box::pin(self.send_http2(parts, body, passage, place)).await,
        }
    }

    async fn send_http1(
        &self,
        parts: &Parts,
        body: RequestBody,
        passage: &Passage,
        place: &Place,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let destination = &*place.destination;
        let authority = &destination.authority;
        let proxy = match destination.scheme {
            Scheme::Http => self.connector.dialer.absolute_form_proxy(authority),
            Scheme::Https => None,
        };
        let mut upload = Upload::new(body, parts);
        let by_proxy = proxy.map(|proxy| (&place.uri_authority, proxy.basic_authorization()));
        let outgoing = Outgoing {
            parts,
            form: RequestForm {
                host: place.uri_authority.as_str(),
                by_proxy,
                length: upload.length(),
            },
            passage,
            patience: self.connector.timeouts.response,
        };
        let mut idle = destination.pool.take().await;
        loop {
            let is_reused = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => Box::pin(self.connect(destination)).await?,
            };
            match connection.exchange(&outgoing, &mut upload).await {
                Ok(head) if head.switches() && !parts.headers.contains_key(UPGRADE) => {
                    let fault = Fault::Malformed("it switches to a protocol that nobody asked for");
                    return Err(self.fault_refusal(authority, passage, &fault));
                }
                Ok(head) => {
                    let answer = AnswerBody::answer(head, connection, upload, &destination.pool);
                    self.destinations.sweep_later();
                    return answer_of(answer.map(UpstreamBody::Http1), authority, proxy);
                }
                // The server had closed it, and that crossed with the request, which is as good as unsent (RFC 9110 §9.2.2).
                Err(Fault::Closed(_))
                    if is_reused
                        && connection.is_unanswered()
                        && upload.is_untouched()
                        && parts.method.is_idempotent() => {}
                Err(fault) => return Err(self.fault_refusal(authority, passage, &fault)),
            }
        }
    }

    async fn connect(&self, destination: &Destination) -> Result<Box<Connection>, Refusal> {
        let Destination {
            authority, scheme, ..
        } = destination;
        let stream = self
            .connector
            .connect(authority, *scheme, Dialect::Http1)
            .await;
        let stream = stream.map_err(|error| connect_refusal(authority, &error))?;
        Ok(Box::new(Connection::new(stream)))
    }

    fn fault_refusal(&self, authority: &Authority, passage: &Passage, fault: &Fault) -> Refusal {
        match fault {
            _ if passage.placeholder.load(Ordering::Relaxed) => Refusal::Placeholder("the body"),
            Fault::Timeout => self.late(authority),
            _ => Refusal::UpstreamUnreachable {
                host: authority.to_string(),
                reason: innermost(fault),
            },
        }
    }

    /// HTTP/2 is for `https://` only, so no proxy of the user's sees such a request.
    async fn send_http2(
        &self,
        parts: &Parts,
        body: RequestBody,
        passage: &Passage,
        place: &Place,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let authority = &place.destination.authority;
        let mut parts = parts.clone();
        address(&mut parts, place)?;
        let lease = &place.http2;
        let client = lease.client.get_or_init(|| {
            self.destinations.sweep_later();
            let idle = lease.destination.take_http2();
            idle.unwrap_or_else(|| self.http2_client())
        });
        let answer = client.request(Request::from_parts(parts, body));
        match self.in_time(answer, passage).await {
            Some(Ok(response)) => Ok(response.map(UpstreamBody::Http2)),
            Some(Err(_)) if passage.placeholder.load(Ordering::Relaxed) => {
                Err(Refusal::Placeholder("the body"))
            }
            Some(Err(error)) => Err(client_refusal(authority, &error)),
            None => Err(self.late(authority)),
        }
    }

    fn late(&self, authority: &Authority) -> Refusal {
        Refusal::UpstreamTimeout {
            host: authority.to_string(),
            seconds: self.connector.timeouts.response.as_secs(),
        }
    }

    /// Waits for the head of an answer; the clock starts again with each piece of the request's body that goes out.
    async fn in_time<T>(&self, answer: impl Future<Output = T>, passage: &Passage) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let seen = passage.pieces.load(Ordering::Relaxed);
            let limit = self.connector.timeouts.response;
            if let Ok(output) = tokio::time::timeout(limit, &mut answer).await {
                return Some(output);
            }
            if passage.pieces.load(Ordering::Relaxed) == seen {
                return None;
            }
        }
    }
}

/// Gives the request the absolute target that the pool of HTTP/2 connections goes by, and a `Host` for one that turns out to speak HTTP/1.1.
fn address(parts: &mut Parts, place: &Place) -> Result<(), Refusal> {
    let malformed = || Refusal::Malformed("the target cannot be forwarded");
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.scheme = Some(http::uri::Scheme::HTTPS);
    uri.authority = Some(place.uri_authority.clone());
    parts.uri = Uri::from_parts(uri).map_err(|_| malformed())?;
    if !parts.headers.contains_key(HOST) {
        let host = HeaderValue::from_str(place.uri_authority.as_str());
        parts.headers.insert(HOST, host.map_err(|_| malformed())?);
    }
    parts.version = Version::HTTP_11; // HTTP/2 has no use for it, and the pool refuses HTTP/2 over an HTTP/1 connection
    Ok(())
}

impl Destinations {
    fn get(&self, authority: &Authority, scheme: Scheme) -> Arc<Destination> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (authority.clone(), scheme);
        if let Some(destination) = known.get(&key) {
            return Arc::clone(destination);
        }
        let destination = Arc::new(Destination {
            authority: authority.clone(),
            scheme,
            pool: Arc::default(),
            http2: Mutex::default(),
        });
        if known.len() < MOST_DESTINATIONS {
            known.insert(key, Arc::clone(&destination));
        }
        destination
    }

    /// Has idle connections closed when their time has come, as long as there are any.
    fn sweep_later(self: &Arc<Self>) {
        if self.is_swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let destinations = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                let Some(destinations) = destinations.upgrade() else {
                    return;
                };
                if !destinations.sweep() {
                    return;
                }
            }
        });
    }

    /// Closes what has waited for too long, and forgets what nobody uses; whether anything is left to do.
    fn sweep(&self) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, destination| {
            let has_idle = destination.sweep();
            has_idle || Arc::strong_count(destination) > 1
        });
        let is_needed = !known.is_empty();
        self.is_swept.store(is_needed, Ordering::Relaxed);
        is_needed
    }
}

/// A 407 of the user's proxy would look to the client like one of ours.
fn answer_of(
    response: Response<UpstreamBody>,
    authority: &Authority,
    proxy: Option<&UserProxy>,
) -> Result<Response<UpstreamBody>, Refusal> {
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
        ConnectError::Tls(trouble) => Refusal::UpstreamTls {
            host,
            trouble: trouble.clone(),
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
            .map_err(|error| ConnectError::Tls(error.to_string().into()))?;
        config.alpn_protocols = match dialect {
            Dialect::Http1 => vec![b"http/1.1".to_vec()],
            Dialect::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        let config = Arc::new(config);
        made.insert(key, Arc::clone(&config));
        Ok(config)
    }
}

/// Opens connections.
#[derive(Clone, Debug)]
struct Connector {
    dialer: Arc<Dialer>,
    tls: Arc<TlsConfigs>,
    timeouts: Timeouts,
}

impl Connector {
    async fn connect(
        &self,
        authority: &Authority,
        scheme: Scheme,
        dialect: Dialect,
    ) -> Result<UpstreamStream, ConnectError> {
        if scheme == Scheme::Http {
            return Ok(UpstreamStream::Plain(
                self.dialer.dial_plain(authority).await?,
            ));
        }
        let link = self.dialer.dial(authority).await?.silent()?;
        let config = self.tls.get(authority, dialect)?;
        let name = ServerName::try_from(authority.host.clone())
            .map_err(|error| ConnectError::Tls(error.to_string().into()))?;
        let handshake = TlsConnector::from(config).connect(name, link);
        match tokio::time::timeout(self.timeouts.connect, handshake).await {
            Ok(Ok(stream)) => Ok(UpstreamStream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(ConnectError::Tls((&error).into())),
            Err(_) => Err(ConnectError::Timeout {
                after: self.timeouts.connect,
                through: None,
            }),
        }
    }

    /// For the pool of HTTP/2 connections, which knows places by their URLs.
    async fn connect_http2(self, uri: Uri) -> Result<TokioIo<Patient>, ConnectError> {
        let named = uri.authority();
        let authority = named.and_then(|named| Authority::parse(named.as_str(), Some(443)));
        let authority = authority
            .ok_or_else(|| ConnectError::Unreachable("the host name is not one".to_owned()))?;
        let stream = self
            .connect(&authority, Scheme::Https, Dialect::Http2)
            .await?;
        Ok(TokioIo::new(Patient::new(stream)))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Patient>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Patient>, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect_http2(uri))
    }
}
