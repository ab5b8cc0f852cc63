//! What a client may ask of the proxy itself: a tunnel, or a request in absolute form.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, UPGRADE};
use http::{Method, Request, Response};
use hyper::body::Incoming;

use super::admit::Client;
use super::body::ClientBody;
use super::exchange::{self, Place};
use super::headers::{self, Survey};
use super::intercept;
use super::interim::Interim;
use super::listener::Permit;
use super::placeholder;
use super::record::Entry;
use super::refusal::Refusal;
use super::request_body::{Passage, RequestBody};
use super::respond;
use super::response_body::{ResponseBody, UpstreamBody};
use super::session::Session;
use super::target::Authority;
use super::tunnel;
use super::upgrade::ClientUpgrade;
use super::upstream::{Dialect, Scheme, Sending};
use super::upstream_connections::ByCertificate;
use crate::audit::{Event, Kind, Quoted, Way};
use crate::connection::CredentialSource;

/// What becomes of a `CONNECT`.
#[derive(Debug)]
enum Disposition {
    /// TLS is ended here.
    Intercept,
    /// It is not served.
    Refuse(Refusal),
    /// Bytes go through untouched.
    Tunnel,
}

/// Answers one request to the proxy.
pub(super) async fn handle<S: CredentialSource>(
    session: Arc<Session<S>>,
    client: Arc<Client>,
    permit: Permit,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    if let Err(refusal) = session.admission.check(&client, request.headers()).await {
        return Ok(respond::from_refusal(&refusal)); // many clients come without the password first: no line in the log
    }
    request.headers_mut().remove(PROXY_AUTHORIZATION);
    if request.method() == Method::CONNECT {
        return Ok(connect(session, permit, request).await);
    }
    match request.uri().scheme_str() {
        Some("https") => Ok(absolute_https(session, permit, request).await),
        Some("http") => Ok(absolute_http(&session, request).await),
        _ => Ok(respond::from_refusal(&Refusal::Malformed(
            "this is the proxy of an authsome session: it takes CONNECT and requests in absolute form",
        ))),
    }
}

async fn connect<S: CredentialSource>(
    session: Arc<Session<S>>,
    permit: Permit,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let Some(authority) = request
        .uri()
        .authority()
        .and_then(|name| Authority::parse(name.as_str(), None))
    else {
        return respond::from_refusal(&Refusal::Malformed("CONNECT needs a host and a port"));
    };
    match dispose(&session, &authority) {
        Disposition::Refuse(refusal) => refuse(&session, "CONNECT", &authority, &refusal),
        Disposition::Intercept => {
            tokio::spawn(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    intercept::serve(session, authority, upgraded, permit).await;
                }
            });
            Response::new(ResponseBody::whole(bytes::Bytes::new()))
        }
        Disposition::Tunnel => {
            let upstream = match session.upstream.dial(&authority).await {
                Ok(upstream) => upstream,
                Err(refusal) => return refuse(&session, "CONNECT", &authority, &refusal),
            };
            tokio::spawn(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    tunnel::relay(upgraded, upstream).await;
                }
                drop(permit);
            });
            Response::new(ResponseBody::whole(bytes::Bytes::new()))
        }
    }
}

/// Pure: what the routes and the policy say of a `CONNECT`.
fn dispose<S>(session: &Session<S>, authority: &Authority) -> Disposition {
    if session.is_loop(authority) {
        return Disposition::Refuse(Refusal::Loop);
    }
    if session.routes.manages(authority) {
        return Disposition::Intercept;
    }
    match session.admits_unmanaged(authority) {
        Ok(()) => Disposition::Tunnel,
        Err(refusal) => Disposition::Refuse(refusal),
    }
}

fn refuse<S>(
    session: &Session<S>,
    method: &str,
    authority: &Authority,
    refusal: &Refusal,
) -> Response<ResponseBody> {
    let response = respond::from_refusal(refusal);
    let mut event = Event::new(kind_of(refusal))
        .request(method, &authority.to_string(), "")
        .because(refusal.to_string());
    event.status = Some(response.status().as_u16());
    session.audit.record(&event);
    response
}

/// Whether authsome said no, or could not.
pub(super) fn kind_of(refusal: &Refusal) -> Kind {
    match refusal {
        Refusal::ConnectTimeout { .. }
        | Refusal::Credential(_)
        | Refusal::UpstreamMalformed { .. }
        | Refusal::UpstreamTls { .. }
        | Refusal::UpstreamTimeout { .. }
        | Refusal::UpstreamUnreachable { .. } => Kind::Failed,
        _ => Kind::Denied,
    }
}

/// `GET https://…` (older axios): the same as through a tunnel. The target counts, and `Host` is made to agree (RFC 9112 §3.2.2).
async fn absolute_https<S: CredentialSource>(
    session: Arc<Session<S>>,
    permit: Permit,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let Some(place) = place_of(&session, &mut request, Scheme::Https) else {
        return respond::from_refusal(&Refusal::Malformed(
            "the target names no host, or not in a form that every server reads alike",
        ));
    };
    match dispose(&session, &place.authority) {
        Disposition::Refuse(refusal) => refuse(
            &session,
            request.method().as_str(),
            &place.authority,
            &refusal,
        ),
        Disposition::Intercept | Disposition::Tunnel => {
            let upgrade = upgrade_of(&mut request, permit);
            let request = request.map(ClientBody::Hyper);
            exchange::handle(&session, &place, request, upgrade, Interim::default()).await
        }
    }
}

/// `GET http://…`: forwarded as it is. In clear, nothing is ever injected, and the placeholder does not go out either.
async fn absolute_http<S>(
    session: &Session<S>,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let Some(place) = place_of(session, &mut request, Scheme::Http) else {
        return respond::from_refusal(&Refusal::Malformed(
            "the target names no host, or not in a form that every server reads alike",
        ));
    };
    let mut entry = Entry::new(&place, &request);
    match forward_http(session, &place, request).await {
        Ok(response) => {
            entry.forget();
            let status = response.status();
            response.map(|body| ResponseBody::streamed(status, None, body, entry))
        }
        Err(refusal) => {
            let response = respond::from_refusal(&refusal);
            let status = response.status().as_u16();
            entry.refused(kind_of(&refusal), status, refusal.to_string());
            entry.finish(0);
            response
        }
    }
}

async fn forward_http<S>(
    session: &Session<S>,
    place: &Place,
    request: Request<Incoming>,
) -> Result<Response<UpstreamBody>, Refusal> {
    if session.is_loop(&place.authority) {
        return Err(Refusal::Loop);
    }
    session.admits_unmanaged(&place.authority)?;
    let (mut parts, body) = request.into_parts();
    if placeholder::find_in_head(&parts).is_some() {
        return Err(Refusal::PlaceholderInClear);
    }
    let survey = Survey::of(&parts.headers);
    let passage = Arc::new(Passage::new(survey.expect));
    headers::clean_request(&mut parts.headers, survey);
    let body = RequestBody::new(ClientBody::Hyper(body), &passage);
    let sending = Sending {
        passage: &passage,
        place,
        connections: place.connections.of(None),
        interim: &Interim::default(),
    };
    let sent = session
        .upstream
        .send(&parts, body, &sending, Dialect::Http1)
        .await;
    let mut response = sent.map_err(|refusal| match refusal {
        Refusal::Placeholder(_) => Refusal::PlaceholderInClear,
        other => other,
    })?;
    headers::clean_response(response.headers_mut());
    Ok(response)
}

/// The promise of the client's stream, where it wishes for another protocol, and what it holds as long as it lives.
fn upgrade_of<B>(request: &mut Request<B>, permit: Permit) -> Option<ClientUpgrade> {
    let is_wished = request.headers().contains_key(UPGRADE);
    is_wished.then(|| ClientUpgrade::Hyper(hyper::upgrade::on(request), permit))
}

fn place_of<S>(
    session: &Session<S>,
    request: &mut Request<Incoming>,
    scheme: Scheme,
) -> Option<Arc<Place>> {
    let usual_port = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let stated = request.uri().authority()?;
    let authority = Authority::parse(stated.as_str(), Some(usual_port))?;
    let in_url = authority.in_url(usual_port);
    let host = HeaderValue::from_str(&in_url).ok()?;
    request.headers_mut().insert(HOST, host);
    let candidates = session.routes.to(&authority);
    let connections = ByCertificate::new(&authority, scheme, &candidates, &session.upstream);
    Some(Arc::new(Place {
        quoted: Quoted::new(&authority.to_string()),
        connections,
        candidates,
        audit: Arc::clone(&session.audit),
        nothing: Passage::of_nothing(),
        authority,
        uri_authority: in_url.parse().ok()?,
        sni_differs: None,
        way: Way::Absolute,
    }))
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn an_upgraded_connection_counts_as_long_as_it_lives() {
        let open = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&open).try_acquire_owned().unwrap();
        let wishing = Request::builder().header(UPGRADE, "websocket").body(());
        let upgrade = upgrade_of(&mut wishing.unwrap(), Arc::new(permit));
        assert!(upgrade.is_some());
        assert_eq!(open.available_permits(), 0);
        drop(upgrade);
        assert_eq!(open.available_permits(), 1);
    }
}
