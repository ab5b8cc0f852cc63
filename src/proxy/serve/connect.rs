//! What a client may ask of the proxy itself: a tunnel, or a request in absolute form.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::PROXY_AUTHORIZATION;
use http::{Method, Request, Response};
use hyper::body::Incoming;

use super::absolute_form;
use super::intercept;
use super::refuse::refuse;
use super::shared::Shared;
use super::tunnel;
use crate::audit::Way;
use crate::authority::Authority;
use crate::connection::CredentialSource;
use crate::defence::Defence;
use crate::proxy::admission::admit::Client;
use crate::proxy::admission::permit::Permit;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::policy::gate::Disposition;
use crate::proxy::refusal::Refusal;

/// Responds to one request to the proxy itself.
pub(in crate::proxy) async fn handle<S: CredentialSource>(
    shared: Arc<Shared<S>>,
    client: Arc<Client>,
    permit: Permit,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    if let Err(refusal) = shared.admission.check(&client, request.headers()).await {
        // Not logged, because many clients send their first request without the password.
        return Ok(refuse(&refusal, request));
    }
    if Defence::HopByHop.stands() {
        request.headers_mut().remove(PROXY_AUTHORIZATION);
    }
    if request.method() == Method::CONNECT {
        return Ok(connect(shared, client.socket(), permit, request).await);
    }
    match request.uri().scheme_str() {
        Some("https") => Ok(absolute_form::https(&shared, permit, request).await),
        Some("http") => Ok(absolute_form::http(&shared, request).await),
        _ => {
            let refusal = Refusal::Malformed(
                "this is the proxy of an authsome session: it takes CONNECT and requests in absolute form",
            );
            Ok(refuse(&refusal, request))
        }
    }
}

async fn connect<S: CredentialSource>(
    shared: Arc<Shared<S>>,
    socket: Option<u32>,
    permit: Permit,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let Some(authority) = request
        .uri()
        .authority()
        .and_then(|name| Authority::parse(name.as_str(), None))
    else {
        let refusal = Refusal::Malformed("CONNECT needs a host and a port");
        return refuse(&refusal, request);
    };
    match shared.disposition(&authority) {
        Disposition::Refuse(refusal) => shared.refuse(&authority, &refusal, request),
        Disposition::Intercept => {
            tokio::spawn(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    intercept::serve(shared, (authority, socket), upgraded, permit).await;
                }
            });
            Response::new(ResponseBody::whole(bytes::Bytes::new()))
        }
        Disposition::Tunnel => {
            let upstream = match shared.session.upstream.dial(&authority).await {
                Ok(upstream) => upstream,
                Err(refusal) => return shared.refuse(&authority, &refusal, request),
            };
            shared.forwards(&authority, Way::Connect);
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
