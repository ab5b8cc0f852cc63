//! Sends one request to its provider, and receives the head of its response.

use std::sync::Arc;

use http::header::UPGRADE;
use http::request::Parts;
use http::{Response, StatusCode, uri};

use super::body::UpstreamBody;
use super::connector::Connector;
use super::destination::{Destination, Destinations, Dialect, Scheme};
use super::error;
use super::http2_lease::Leased;
use super::origin::Origin;
use super::origins::Origins;
use super::stream::UpstreamStream;
use super::tls::{PrivateCas, TlsConfigs};
use crate::authority::Authority;
use crate::defence::Defence;
use crate::net::dial::{self, Dialed, Dialer, Queue};
use crate::net::tls::{ClientCertificate, Trust};
use crate::net::user_proxy::UserProxy;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::http1::{Connection, Fault, IncomingBody, Outgoing, RequestForm, Upload};
use crate::proxy::http2;
use crate::proxy::limits::{MAX_RESENDS, RESEND_PAUSE, Timeouts};
use crate::proxy::message::interim::Interim;
use crate::proxy::refusal::Refusal;

/// The connections of a session to the providers.
#[derive(Debug)]
pub(in crate::proxy) struct Upstream {
    connector: Connector,
    destinations: Arc<Destinations>,
}

/// What accompanies a request while it is sent.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct RequestContext<'a> {
    /// The progress of its body.
    pub(in crate::proxy) progress: &'a Arc<UploadProgress>,
    /// Where it goes.
    pub(in crate::proxy) origin: &'a Origin,
    /// Where its interim responses go.
    pub(in crate::proxy) interim: &'a Interim,
}

impl Upstream {
    pub(in crate::proxy) fn new(
        dialer: Arc<Dialer>,
        trust: Arc<Trust>,
        private_cas: Box<PrivateCas>,
        timeouts: Timeouts,
        queue: &Queue,
    ) -> Self {
        let destinations = Arc::<Destinations>::default();
        let idle = Arc::downgrade(&destinations);
        queue.relieve_by(move || {
            if let Some(destinations) = idle.upgrade() {
                destinations.close_idle();
            }
        });
        Self {
            connector: Connector::new(dialer, TlsConfigs::new(trust, private_cas), timeouts),
            destinations,
        }
    }

    /// A connection for a blind tunnel.
    pub(in crate::proxy) async fn dial(&self, authority: &Authority) -> Result<Dialed, Refusal> {
        let dialed = self.connector.dialer.dial(authority).await;
        dialed.map_err(|error| error::unconnected(authority, &error))
    }

    /// The origin at `authority` for one client's connection, whose requests may need one of the
    /// client certificates. `None` if no URL can name the authority.
    pub(in crate::proxy) fn origins<'a>(
        &self,
        authority: &Authority,
        scheme: Scheme,
        certificates: impl Iterator<Item = &'a Arc<ClientCertificate>>,
    ) -> Option<Origins> {
        // The default port is left out, as clients do in `Host`.
        let uri_authority: uri::Authority = authority.in_url(scheme.usual_port()).parse().ok()?;
        Some(Origins::new(certificates, |certificate| {
            let destination = self.destinations.get(authority, scheme, certificate);
            Origin::new(destination, uri_authority.clone())
        }))
    }

    /// Sends one request and waits for the head of its response.
    pub(in crate::proxy) async fn send(
        &self,
        parts: &Parts,
        body: RequestBody,
        sending: RequestContext<'_>,
        dialect: Dialect,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        match dialect {
            Dialect::Http1 => self.send_http1(parts, body, sending).await,
            // Boxed, so that the future of an HTTP/1.1 request does not reserve space for it.
            // `connect` is boxed for the same reason.
            Dialect::Http2 => Box::pin(self.send_http2(parts, body, sending)).await,
        }
    }

    async fn send_http1(
        &self,
        parts: &Parts,
        body: RequestBody,
        sending: RequestContext<'_>,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let RequestContext {
            progress,
            origin,
            interim,
        } = sending;
        let destination = &*origin.destination;
        let proxy = self.absolute_form_proxy(destination);
        let mut idle = destination.pool.take(origin.may_reuse(parts, &body)).await;
        let mut upload = upload(body, parts);
        loop {
            let outgoing = Outgoing {
                parts,
                form: RequestForm {
                    host: origin.uri_authority.as_str(),
                    by_proxy: proxy
                        .map(|proxy| (&origin.uri_authority, proxy.basic_authorization())),
                    length: upload.length(),
                },
                pieces: &progress.pieces,
                response_timeout: self.connector.timeouts.response,
                interim,
            };
            let is_reused = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => Box::pin(self.connect(destination)).await?,
            };
            let fault = match connection.exchange(&outgoing, &mut upload).await {
                Ok(head) if head.switches() && !parts.headers.contains_key(UPGRADE) => {
                    Fault::Malformed("it switches to a protocol that nobody asked for")
                }
                Ok(head) => {
                    let response =
                        IncomingBody::response(head, connection, upload, &destination.pool);
                    self.destinations.sweep_later();
                    origin.note_response();
                    return response_of(response.map(UpstreamBody::Http1), destination, proxy);
                }
                Err(fault) => fault,
            };
            // The server closed the idle connection while the request was on its way. No byte of a
            // response has come, so an idempotent request may be sent again (RFC 9110 §9.2.2).
            let is_unsent = is_reused
                && matches!(fault, Fault::Closed(_))
                && connection.is_unanswered()
                && (parts.method.is_idempotent() || !Defence::SentOnce.stands());
            let again = is_unsent.then_some(upload.into_body());
            let Some(body) = again.and_then(|body| RequestBody::rewind(progress, Some(body)))
            else {
                return Err(self.http1_refusal(destination, progress, &fault));
            };
            upload = self::upload(body, parts);
        }
    }

    /// The user's proxy that takes requests to that destination in absolute form, if there is one.
    fn absolute_form_proxy(&self, destination: &Destination) -> Option<&UserProxy> {
        let dialer = &self.connector.dialer;
        match destination.scheme {
            Scheme::Http => dialer.absolute_form_proxy(&destination.authority),
            Scheme::Https => None,
        }
    }

    async fn connect(
        &self,
        destination: &Destination,
    ) -> Result<Box<Connection<UpstreamStream>>, Refusal> {
        let stream = self.connector.connect(destination, Dialect::Http1).await;
        let stream = stream.map_err(|error| error::unconnected(&destination.authority, &error))?;
        Ok(Box::new(Connection::new(stream)))
    }

    fn http1_refusal(
        &self,
        destination: &Destination,
        progress: &UploadProgress,
        fault: &Fault,
    ) -> Refusal {
        let wait = self.connector.timeouts.response;
        error::by_http1(&destination.authority, progress, fault, wait)
    }

    /// HTTP/2 is for `https://` only, so no request in absolute form goes to a proxy of the user.
    async fn send_http2(
        &self,
        parts: &Parts,
        mut body: RequestBody,
        sending: RequestContext<'_>,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let RequestContext {
            progress,
            origin,
            interim,
        } = sending;
        let authority = &origin.destination.authority;
        let outgoing = http2::Outgoing {
            parts,
            authority: &origin.uri_authority,
            pieces: &progress.pieces,
            response_timeout: self.connector.timeouts.response,
            interim,
        };
        let mut resends = 0;
        loop {
            let may_reuse = origin.may_reuse(parts, &body);
            let leased = origin.http2.get(&self.connector, may_reuse).await;
            self.destinations.sweep_later();
            let connection = match leased.map_err(|error| error::unconnected(authority, &error))? {
                Leased::Http1 => return self.send_http1(parts, body, sending).await,
                Leased::Http2(connection) => connection,
            };
            let is_reused = connection.has_served();
            let (fault, rest) = match connection.exchange(&outgoing, body).await {
                Ok(response) => {
                    origin.note_response();
                    return Ok(response.map(|body| UpstreamBody::Http2(Box::new(body))));
                }
                Err(failed) => failed,
            };
            if let Some(trouble) = connection.certificate_trouble() {
                return Err(error::of_tls(authority, trouble.clone()));
            }
            if matches!(fault, http2::Fault::Timeout) {
                origin.http2.forget(&connection);
            }
            resends += 1;
            let repeats = resends <= MAX_RESENDS && may_be_sent_again(&fault, is_reused, parts);
            let Some(again) = RequestBody::rewind(progress, rest).filter(|_| repeats) else {
                let wait = self.connector.timeouts.response;
                return Err(error::by_http2(authority, progress, &fault, wait));
            };
            body = again;
            if fault.requires_http1() {
                origin.http2.speaks_http1_only();
            } else if fault.is_stream_refused() {
                tokio::time::sleep(RESEND_PAUSE * resends).await;
            }
        }
    }
}

/// A request's body, to be sent over HTTP/1.1.
fn upload(body: RequestBody, parts: &Parts) -> Upload<RequestBody> {
    let is_held = body.is_unasked();
    Upload::new(body, parts, is_held)
}

/// Whether a request that failed over HTTP/2 may be sent again: one that the server has not
/// processed (RFC 9113 §8.7), an idempotent one after a close (RFC 9110 §9.2.2), or one for which
/// the server requires HTTP/1.1.
fn may_be_sent_again(fault: &http2::Fault, is_reused: bool, parts: &Parts) -> bool {
    match fault {
        http2::Fault::Unprocessed(_) => true,
        http2::Fault::Closed(_) => is_reused && parts.method.is_idempotent(),
        http2::Fault::Reset(_) => fault.requires_http1(),
        _ => false,
    }
}

/// Turns a 407 of the user's proxy into a refusal: to the client it would look like a 407 of this
/// proxy.
fn response_of(
    response: Response<UpstreamBody>,
    destination: &Destination,
    proxy: Option<&UserProxy>,
) -> Result<Response<UpstreamBody>, Refusal> {
    match (response.status(), proxy) {
        (status @ StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(proxy)) => {
            let words = dial::refusal(status, response.headers(), proxy);
            Err(Refusal::UpstreamUnreachable {
                host: destination.authority.to_string(),
                reason: format!("{proxy} {words}"),
            })
        }
        _ => Ok(response),
    }
}
