//! Plain HTTP on a captured connection, served as if it had been sent to the proxy in absolute
//! form: the same rules, and the placeholder does not go out.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::authority::Authority;
use crate::connection::CredentialSource;
use crate::isolate::Wall;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::io::activity::Activity;
use crate::proxy::io::socket::ClientSocket;
use crate::proxy::io::watched::Watched;
use crate::proxy::limits::{HEAD_TIMEOUT, IDLE_TIMEOUT, MAX_HEAD};
use crate::proxy::refusal::Refusal;
use crate::proxy::serve::absolute_form;
use crate::proxy::serve::shared::Shared;

/// The port of `http`.
const HTTP: u16 = 80;

/// Whether these bytes begin a request of HTTP/1.1 that does not ask for another protocol: for that
/// a tunnel is needed, as with a proxy.
pub(super) fn is_request(first: &[u8]) -> bool {
    let line = first
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    let head = first.to_ascii_lowercase();
    !method.is_empty()
        && method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
        && target.first() == Some(&b'/')
        && version.starts_with(b"HTTP/1.")
        && memchr::memmem::find(&head, b"\nupgrade:").is_none()
}

/// Serves the requests of one connection.
pub(super) async fn serve<S: CredentialSource>(
    shared: &Arc<Shared<S>>,
    authority: &Authority,
    (stream, early): (ClientSocket, Bytes),
) {
    let service = service_fn(async |request| respond(shared, authority, request).await);
    let activity = Activity::new();
    let watched = Watched::new(stream, early, activity.clone());
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(watched), service);
    activity.unless_idle(IDLE_TIMEOUT, pin!(connection)).await;
}

async fn respond<S: CredentialSource>(
    shared: &Arc<Shared<S>>,
    authority: &Authority,
    mut request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let stated = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let found = stated.and_then(|host| Authority::parse(host, Some(HTTP)));
    let differs = found.as_ref().is_some_and(|found| found != authority);
    if differs && Wall::HostAgrees.stands() {
        let refusal = Refusal::Misdirected {
            expected: authority.to_string(),
            found: stated.unwrap_or_default().to_owned(),
        };
        return Ok(shared.refuse(authority, &refusal, request));
    }
    let path = request.uri().path_and_query().cloned();
    let target = Uri::builder()
        .scheme("http")
        .authority(authority.to_string());
    let target = match path {
        Some(path) => target.path_and_query(path).build(),
        None => target.path_and_query("/").build(),
    };
    let Ok(target) = target else {
        let refusal = Refusal::Malformed("the target is no path");
        return Ok(shared.refuse(authority, &refusal, request));
    };
    *request.uri_mut() = target;
    Ok(absolute_form::http(shared, request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_other_protocols() {
        for request in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "M-SEARCH /x HTTP/1.0\r\n\r\n",
        ] {
            assert!(is_request(request.as_bytes()), "{request}");
        }
        for other in [
            "",
            "GET",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "SSH-2.0-OpenSSH_9\r\n",
            "EHLO / HTTP/1.1",
        ] {
            let is_http = other.starts_with("EHLO");
            assert_eq!(is_request(other.as_bytes()), is_http, "{other}");
        }
    }
}
