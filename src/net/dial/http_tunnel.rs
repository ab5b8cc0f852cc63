//! `CONNECT` at the user's proxy (RFC 9110 §9.3.6).

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::innermost;
use super::link::{Dialed, Link};
use crate::authority::Authority;
use crate::net::user_proxy::UserProxy;

/// The maximum size of the head of the proxy's response to `CONNECT`, in bytes.
const MAX_RESPONSE: usize = 16 * 1024;

/// Opens a tunnel to the host. An error is worded to follow the proxy's name in a message.
pub(super) async fn open(
    link: Link,
    target: &Authority,
    proxy: &UserProxy,
) -> Result<Dialed, String> {
    let broken =
        |error: hyper::Error| format!("gave no response to CONNECT: {}", innermost(&error));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_RESPONSE)
        .handshake(TokioIo::new(link))
        .await
        .map_err(broken)?;
    let request = request(target, proxy)?;
    let tunnel = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        if !response.status().is_success() {
            return Err(refusal(response.status(), response.headers(), proxy));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
        let parts = upgraded
            .downcast::<TokioIo<Link>>()
            .expect("the connection was made of a link");
        Ok(Dialed {
            link: parts.io.into_inner(),
            early: parts.read_buf,
        })
    };
    let mut tunnel = std::pin::pin!(tunnel);
    tokio::select! {
        outcome = &mut tunnel => outcome,
        // The connection has ended: it has passed its stream or its error on to `tunnel`.
        _ = connection.with_upgrades() => tunnel.await,
    }
}

fn request(target: &Authority, proxy: &UserProxy) -> Result<Request<Empty<Bytes>>, String> {
    let place = target.to_string();
    let uri = Uri::builder().authority(place.as_str()).build();
    let host = HeaderValue::try_from(&place);
    let (Ok(uri), Ok(host)) = (uri, host) else {
        return Err("cannot be asked for a host of that name".to_owned());
    };
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    let agent = concat!("authsome/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    if let Some(authorization) = proxy.basic_authorization() {
        headers.insert(PROXY_AUTHORIZATION, authorization);
    }
    Ok(request)
}

/// What a response without success means and what to check, worded to follow the proxy's name in a
/// message.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, proxy: &UserProxy) -> String {
    let variable = proxy.variable();
    let status = status.as_u16();
    let why = match status {
        // tinyproxy responds with 401 to a wrong password.
        401 | 407 => match foreign_schemes(headers) {
            Some(schemes) => format!("it asks for {schemes}, and authsome knows Basic only"),
            None => format!("check the user name and the password in {variable}"),
        },
        403 => "it does not allow this host and port".to_owned(),
        500..=599 => "it cannot reach the host".to_owned(),
        _ => format!("check that {variable} names a proxy that takes CONNECT"),
    };
    format!("answered {status}: {why}")
}

/// The authentication schemes that a proxy requests, if Basic is not among them.
fn foreign_schemes(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(PROXY_AUTHENTICATE).iter();
    let schemes: Vec<_> = challenges
        .filter_map(|value| value.to_str().ok()?.split_whitespace().next())
        .collect();
    let basic = schemes
        .iter()
        .any(|scheme| scheme.eq_ignore_ascii_case("basic"));
    (!schemes.is_empty() && !basic).then(|| schemes.join(", "))
}
