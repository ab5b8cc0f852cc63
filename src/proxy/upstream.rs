//! The way to the providers: pooled connections, verified TLS, streamed bodies; no redirect is followed and no body decoded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::UPGRADE;
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::time::Instant;

use super::dial::{self, ConnectError, Dialed, Dialer, innermost};
use super::exchange::Place;
use super::http1::pool::Pool;
use super::http1::{AnswerBody, Connection, Fault, Outgoing, RequestForm, Upload};
use super::http2;
use super::http2_lease::Leased;
use super::interim::Interim;
use super::limits::{
    IDLE_UPSTREAM, MOST_DESTINATIONS, MOST_IDLE_UPSTREAM, MOST_RESENDS, RESEND_PAUSE,
    SWEEP_INTERVAL, Timeouts,
};
use super::refusal::Refusal;
use super::request_body::{Passage, RequestBody};
use super::response_body::UpstreamBody;
use super::route::RouteTable;
use super::target::Authority;
use super::upstream_connections::UpstreamConnections;
use super::upstream_stream::UpstreamStream;
use super::upstream_tls::TlsConfigs;
use crate::tls::{ClientCertificate, TlsTrouble, Trust};
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
    pub(super) authority: Authority,
    scheme: Scheme,
    /// What its connections have shown to the server.
    client_certificate: Option<Arc<ClientCertificate>>,
    pub(super) pool: Arc<Pool>,
    http2: Mutex<Vec<Idle>>,
}

/// An HTTP/2 connection that no client's connection has now.
#[derive(Debug)]
struct Idle {
    connection: http2::Connection,
    since: Instant,
}

impl Destination {
    /// Whether its connections show that certificate, or none.
    pub(super) fn shows(&self, certificate: Option<&Arc<ClientCertificate>>) -> bool {
        self.client_certificate.as_ref() == certificate
    }

    /// The HTTP/2 connection that was used last, of those that still stand; it is closed where it must not be used.
    pub(super) fn take_http2(&self, may_reuse: bool) -> Option<http2::Connection> {
        let mut idle = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |mut idle: Idle| idle.connection.is_open().then_some(idle.connection);
        let last = std::iter::from_fn(|| idle.pop()).find_map(stands);
        last.filter(|_| may_reuse)
    }

    /// Keeps an HTTP/2 connection that nobody uses now.
    pub(super) fn put_http2(&self, mut connection: http2::Connection) {
        if !connection.is_open() {
            return;
        }
        let mut idle = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE_UPSTREAM {
            let since = Instant::now();
            idle.push(Idle { connection, since });
        }
    }

    /// Closes what has been idle for too long; whether anything is left.
    fn sweep(&self) -> bool {
        let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        http2.retain_mut(|idle| idle.since.elapsed() < IDLE_UPSTREAM && idle.connection.is_open());
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

/// What a request takes along on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<'a> {
    /// What is known of its body.
    pub(super) passage: &'a Arc<Passage>,
    /// Where it goes.
    pub(super) place: &'a Place,
    /// By which connections.
    pub(super) connections: &'a UpstreamConnections,
    /// Where its interim responses go.
    pub(super) interim: &'a Interim,
}

/// The places that are in use, or have idle connections.
#[derive(Debug, Default)]
struct Destinations {
    known: Mutex<HashMap<DestinationKey, Arc<Destination>>>,
    is_swept: AtomicBool,
}

type DestinationKey = (Authority, Scheme, Option<Arc<ClientCertificate>>);

impl Upstream {
    pub(super) fn new(
        dialer: Arc<Dialer>,
        trust: Arc<Trust>,
        routes: Arc<RouteTable>,
        timeouts: Timeouts,
    ) -> Self {
        let connector = Connector {
            dialer,
            tls: Arc::new(TlsConfigs::new(trust, routes)),
            timeouts,
        };
        Self {
            connector,
            destinations: Arc::default(),
        }
    }

    /// A connection for a blind tunnel.
    pub(super) async fn dial(&self, authority: &Authority) -> Result<Dialed, Refusal> {
        self.connector
            .dialer
            .dial(authority)
            .await
            .map_err(|error| connect_refusal(authority, &error))
    }

    /// The place of that name, for connections that show that certificate; whoever asks for it often shall keep it.
    pub(super) fn destination(
        &self,
        authority: &Authority,
        scheme: Scheme,
        certificate: Option<&Arc<ClientCertificate>>,
    ) -> Arc<Destination> {
        let key = (authority.clone(), scheme, certificate.map(Arc::clone));
        self.destinations.get(key)
    }

    /// Sends one request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        parts: &Parts,
        body: RequestBody,
        sending: &Sending<'_>,
        dialect: Dialect,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        match dialect {
            Dialect::Http1 => self.send_http1(parts, body, sending).await,
            // In a box, an HTTP/1.1 request has no room for it; so with what opens a connection.
            Dialect::Http2 => Box::pin(self.send_http2(parts, body, sending)).await,
        }
    }

    async fn send_http1(
        &self,
        parts: &Parts,
        body: RequestBody,
        sending: &Sending<'_>,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let Sending {
            passage,
            place,
            connections,
            interim,
        } = *sending;
        let destination = &*connections.destination;
        let authority = &destination.authority;
        let proxy = match destination.scheme {
            Scheme::Http => self.connector.dialer.absolute_form_proxy(authority),
            Scheme::Https => None,
        };
        let may_reuse = connections.may_reuse(parts, &body);
        let mut idle = destination.pool.take(may_reuse).await;
        let mut upload = Upload::new(body, parts);
        loop {
            let outgoing = Outgoing {
                parts,
                form: RequestForm {
                    host: place.uri_authority.as_str(),
                    by_proxy: proxy
                        .map(|proxy| (&place.uri_authority, proxy.basic_authorization())),
                    length: upload.length(),
                },
                passage,
                patience: self.connector.timeouts.response,
                interim,
            };
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
                    connections.has_served.store(true, Ordering::Relaxed);
                    return answer_of(answer.map(UpstreamBody::Http1), authority, proxy);
                }
                // The server had closed it, and that crossed with the request, which is as good as unsent (RFC 9110 §9.2.2).
                Err(Fault::Closed(error))
                    if is_reused && connection.is_unanswered() && parts.method.is_idempotent() =>
                {
                    let Some(body) = passage.rewind(Some(upload.into_body())) else {
                        let fault = Fault::Closed(error);
                        return Err(self.fault_refusal(authority, passage, &fault));
                    };
                    upload = Upload::new(body, parts);
                }
                Err(fault) => return Err(self.fault_refusal(authority, passage, &fault)),
            }
        }
    }

    async fn connect(&self, destination: &Destination) -> Result<Box<Connection>, Refusal> {
        let stream = self.connector.connect(destination, Dialect::Http1).await;
        let stream = stream.map_err(|error| connect_refusal(&destination.authority, &error))?;
        Ok(Box::new(Connection::new(stream)))
    }

    fn fault_refusal(&self, authority: &Authority, passage: &Passage, fault: &Fault) -> Refusal {
        let certificate = match fault {
            Fault::Closed(Some(error)) => TlsTrouble::of_client_certificate(error),
            _ => None,
        };
        if let Some(trouble) = certificate {
            return tls_refusal(authority, trouble);
        }
        match fault {
            _ if passage.placeholder.load(Ordering::Relaxed) => Refusal::Placeholder("the body"),
            Fault::Body(error) => body_refusal(error),
            Fault::Closed(_) => Refusal::UpstreamUnreachable {
                host: authority.to_string(),
                reason: innermost(fault),
            },
            Fault::Malformed(reason) => Refusal::UpstreamMalformed {
                host: authority.to_string(),
                reason: (*reason).to_owned(),
            },
            Fault::Timeout => self.late(authority),
        }
    }

    /// HTTP/2 is for `https://` only, so no proxy of the user's sees such a request.
    async fn send_http2(
        &self,
        parts: &Parts,
        mut body: RequestBody,
        sending: &Sending<'_>,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let Sending {
            passage,
            place,
            connections,
            interim,
        } = *sending;
        let authority = &connections.destination.authority;
        let outgoing = http2::Outgoing {
            parts,
            authority: &place.uri_authority,
            passage,
            patience: self.connector.timeouts.response,
            interim,
        };
        let mut resends = 0;
        loop {
            let may_reuse = connections.may_reuse(parts, &body);
            let leased = connections.http2.get(&self.connector, may_reuse).await;
            self.destinations.sweep_later();
            let connection = match leased.map_err(|error| connect_refusal(authority, &error))? {
                Leased::Http1 => return self.send_http1(parts, body, sending).await,
                Leased::Http2(connection) => connection,
            };
            let is_reused = connection.has_served();
            let (fault, rest) = match connection.exchange(&outgoing, body).await {
                Ok(response) => {
                    connections.has_served.store(true, Ordering::Relaxed);
                    return Ok(response.map(|body| UpstreamBody::Http2(Box::new(body))));
                }
                Err(failed) => failed,
            };
            if let Some(trouble) = connection.certificate_trouble() {
                return Err(tls_refusal(authority, trouble.clone()));
            }
            resends += 1;
            let repeats = resends <= MOST_RESENDS
                && match &fault {
                    http2::Fault::Unprocessed(_) => true,
                    http2::Fault::Closed(_) => is_reused && parts.method.is_idempotent(),
                    http2::Fault::Reset(_) if fault.requires_http1() => true,
                    _ => false,
                };
            let Some(again) = passage.rewind(Some(rest)).filter(|_| repeats) else {
                return Err(self.http2_refusal(authority, passage, &fault));
            };
            body = again;
            if fault.requires_http1() {
                connections.http2.speaks_http1_only();
            } else if fault.is_stream_refused() {
                tokio::time::sleep(RESEND_PAUSE * resends).await;
            }
        }
    }

    fn http2_refusal(
        &self,
        authority: &Authority,
        passage: &Passage,
        fault: &http2::Fault,
    ) -> Refusal {
        let host = authority.to_string();
        match fault {
            _ if passage.placeholder.load(Ordering::Relaxed) => Refusal::Placeholder("the body"),
            http2::Fault::Body(error) => body_refusal(error),
            http2::Fault::Closed(_) | http2::Fault::Unprocessed(_) => {
                Refusal::UpstreamUnreachable {
                    host,
                    reason: innermost(fault),
                }
            }
            http2::Fault::Endless | http2::Fault::Reset(_) => Refusal::UpstreamMalformed {
                host,
                reason: innermost(fault),
            },
            http2::Fault::Timeout => self.late(authority),
        }
    }

    fn late(&self, authority: &Authority) -> Refusal {
        Refusal::UpstreamTimeout {
            host: authority.to_string(),
            seconds: self.connector.timeouts.response.as_secs(),
        }
    }
}

/// Whose fault it is that a request's body did not come to its end: its framing is wrong, or its client has left.
fn body_refusal(error: &std::io::Error) -> Refusal {
    if error.kind() == std::io::ErrorKind::InvalidData {
        Refusal::Malformed("the request's body is not framed as HTTP/1.1 wants it")
    } else {
        Refusal::Abandoned
    }
}

impl Destinations {
    fn get(&self, key: DestinationKey) -> Arc<Destination> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = known.get(&key) {
            return Arc::clone(destination);
        }
        let destination = Arc::new(Destination {
            authority: key.0.clone(),
            scheme: key.1,
            client_certificate: key.2.clone(),
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

fn connect_refusal(authority: &Authority, error: &ConnectError) -> Refusal {
    let host = authority.to_string();
    match error {
        ConnectError::Timeout { after, through } => Refusal::ConnectTimeout {
            host: match through {
                Some(proxy) => format!("{host} through {proxy}"),
                None => host,
            },
            seconds: after.as_secs(),
        },
        ConnectError::Tls(trouble) => tls_refusal(authority, trouble.clone()),
        ConnectError::Unreachable(reason) => Refusal::UpstreamUnreachable {
            host,
            reason: reason.clone(),
        },
    }
}

/// Whose request it was is known where it came from.
fn tls_refusal(authority: &Authority, trouble: TlsTrouble) -> Refusal {
    Refusal::UpstreamTls {
        host: authority.to_string(),
        trouble,
        connection: None,
    }
}

/// Opens connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    dialer: Arc<Dialer>,
    tls: Arc<TlsConfigs>,
    timeouts: Timeouts,
}

impl Connector {
    pub(super) async fn connect(
        &self,
        destination: &Destination,
        dialect: Dialect,
    ) -> Result<UpstreamStream, ConnectError> {
        let authority = &destination.authority;
        if destination.scheme == Scheme::Http {
            return Ok(UpstreamStream::Plain(
                self.dialer.dial_plain(authority).await?,
            ));
        }
        let certificate = destination.client_certificate.as_ref();
        let config = self.tls.get(authority, certificate, dialect)?;
        let stream = self.dialer.dial_tls(authority, config).await?;
        Ok(UpstreamStream::Tls(Box::new(stream)))
    }
}
