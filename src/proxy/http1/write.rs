//! Writing the heads of messages (RFC 9112).

use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, Version};

use zeroize::Zeroize;

use super::framing::Length;
use super::response_head::Reason;
use crate::defence::Defence;
use crate::proxy::message::body::Streamed;

/// How a request is written to its connection.
#[derive(Debug)]
pub(in crate::proxy) struct RequestForm<'a> {
    /// The value of `Host`. It replaces the client's own, because only this one was checked (RFC
    /// 9112 §3.2.2).
    pub(in crate::proxy) host: &'a str,
    /// For a request to the user's own proxy: the authority for the absolute-form of the target
    /// (RFC 9112 §3.2.2), and the credentials for that proxy (`Proxy-Authorization`).
    pub(in crate::proxy) by_proxy: Option<(&'a http::uri::Authority, Option<HeaderValue>)>,
    /// How the body is framed; `None` if there is none.
    pub(in crate::proxy) length: Option<Length>,
}

/// What follows the last field of a request's head needs at most so many bytes.
const MAX_END: usize = "content-length: 18446744073709551615\r\n\r\n".len();

/// Makes room for `count` more bytes of a head with a credential. A vector that grows by itself
/// leaves a copy of its bytes behind, and nobody overwrites that.
#[inline]
fn reserve(out: &mut Vec<u8>, count: usize) {
    if out.capacity() - out.len() < count {
        let mut larger = Vec::with_capacity(2 * out.len() + count);
        larger.extend_from_slice(out);
        std::mem::replace(out, larger).zeroize();
    }
}

/// Writes a request's head. The body itself determines its framing, not the `Content-Length` in the
/// headers. If `out` has to grow, the memory that it leaves is overwritten.
pub(super) fn write(out: &mut Vec<u8>, parts: &Parts, form: &RequestForm<'_>) {
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let authority = form.by_proxy.as_ref();
    let authority = authority.map_or("", |(authority, _)| authority.as_str());
    let method = parts.method.as_str();
    let line = method.len() + authority.len() + target.len() + " http:// HTTP/1.1\r\n".len();
    reserve(out, line);
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    // Only a request for `http://` goes to the user's proxy in absolute-form. A request for
    // `https://` goes through a tunnel, and the origin server gets the origin-form.
    if form.by_proxy.is_some() {
        out.extend_from_slice(b"http://");
        out.extend_from_slice(authority.as_bytes());
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let own = Some(form.host.as_bytes()).filter(|_| Defence::OwnHost.stands());
    let host = own.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes));
    secret_field(out, "host", host.unwrap_or_default()); // RFC 9110 §7.2: it should come first
    let mut had_length = false;
    for (name, value) in &parts.headers {
        // The client's own `Host`: a second one, or another one than was checked, could lead the
        // server to the resources of another host (RFC 9112 §3.2).
        if name == HOST {
            continue;
        }
        // Together with chunks, or with a body of another length, the client's own length would
        // make the server find a second request in this one (request smuggling, RFC 9112 §11.2).
        if name == CONTENT_LENGTH && Defence::RequestFraming.stands() {
            had_length = true;
            continue;
        }
        secret_field(out, name.as_str(), value.as_bytes());
    }
    // The client's own `Proxy-Authorization` was for this proxy, and was removed before.
    if let Some((_, Some(authorization))) = &form.by_proxy {
        secret_field(out, "proxy-authorization", authorization.as_bytes());
    }
    let capacity = out.capacity();
    match form.length {
        // The client has sent a length. RFC 9110 §8.6 asks for it in a POST without content, and
        // some servers respond with 411 if it is missing.
        None if had_length => out.extend_from_slice(b"content-length: 0\r\n"),
        None | Some(Length::UntilClose) => {}
        Some(Length::Known(bytes)) => {
            field(
                out,
                "content-length",
                itoa::Buffer::new().format(bytes).as_bytes(),
            );
        }
        Some(Length::Chunked) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
    debug_assert_eq!(out.capacity(), capacity, "`MAX_END` is too small");
}

/// A field of a head with a credential, for which there is room, as there is for the head's end.
fn secret_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    reserve(out, name.len() + value.len() + ": \r\n".len() + MAX_END);
    field(out, name, value);
}

// A name or a value cannot contain a line break, because `HeaderName` and `HeaderValue` allow none.
// So a field cannot become two fields, or end the head (response splitting, RFC 9112 §11.1).
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a response to a client. The `Content-Length` in its headers counts only if
/// the response has no body.
pub(super) fn write_response(
    out: &mut Vec<u8>,
    response: &http::response::Parts,
    framing: Framing,
    connection: Option<&str>,
) {
    // An HTTP/1.0 client gets this version, too: it is the version of the sender (RFC 9110 §6.2).
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(response.status.as_str().as_bytes());
    out.push(b' ');
    // An unusual reason phrase was parsed from a status line, so it contains no line break.
    let own = response.extensions.get::<Reason>();
    let usual = || response.status.canonical_reason().unwrap_or_default();
    let reason = own.map_or_else(usual, |reason| &reason.0);
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in &response.headers {
        // Without a body, the field is kept: in a response to HEAD, and in a 304, it is the length
        // that a response to GET would have (RFC 9110 §8.6).
        if framing == Framing::None || name != CONTENT_LENGTH {
            field(out, name.as_str(), value.as_bytes());
        }
    }
    match framing {
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Known(bytes) => {
            field(
                out,
                "content-length",
                itoa::Buffer::new().format(bytes).as_bytes(),
            );
        }
        Framing::None | Framing::UntilClose => {}
    }
    if let Some(connection) = connection {
        field(out, "connection", connection.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of an interim response (RFC 9110 §15.2).
pub(super) fn write_interim(out: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        field(out, name.as_str(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk, and after it the trailers that `goes` selects (RFC 9112 §7.1.2).
pub(super) fn write_trailers(
    out: &mut Vec<u8>,
    trailers: &HeaderMap,
    goes: impl Fn(&HeaderName) -> bool,
) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter().filter(|(name, _)| goes(name)) {
        field(out, name.as_str(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// How the client finds the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    Known(u64),
    /// There is no body, even if the head has a length.
    None,
    UntilClose,
}

impl Framing {
    /// The framing by RFC 9112 §6.3, and by the length that the body reports.
    pub(super) fn of(
        is_head: bool,
        version: Version,
        status: StatusCode,
        body: &impl Streamed,
    ) -> Self {
        // RFC 9112 §6.3, item 1: these have no body.
        let has_none = is_head
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        match body.size_hint().exact() {
            _ if has_none => Self::None,
            Some(bytes) => Self::Known(bytes),
            None if version == Version::HTTP_11 => Self::Chunked,
            // RFC 9112 §6.1: no chunks for a client whose request is not HTTP/1.1.
            None => Self::UntilClose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_what_its_body_is_and_nothing_else() {
        let request = http::Request::builder()
            .method("POST")
            .uri("https://gitlab.test/a?b=c")
            .header("content-length", "7")
            .header("x-a", "1")
            .header("x-a", "2");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let written = |parts: &Parts, length| {
            let mut out = Vec::new();
            let form = RequestForm {
                host: "gitlab.test",
                by_proxy: None,
                length,
            };
            write(&mut out, parts, &form);
            String::from_utf8(out).unwrap()
        };
        let head = "POST /a?b=c HTTP/1.1\r\nhost: gitlab.test\r\nx-a: 1\r\nx-a: 2\r\n";
        assert_eq!(
            written(&parts, Some(Length::Chunked)),
            format!("{head}transfer-encoding: chunked\r\n\r\n")
        );
        assert_eq!(
            written(&parts, Some(Length::Known(9))),
            format!("{head}content-length: 9\r\n\r\n")
        );
        assert_eq!(
            written(&parts, None),
            format!("{head}content-length: 0\r\n\r\n")
        );
        parts.headers.remove(CONTENT_LENGTH);
        assert_eq!(written(&parts, None), format!("{head}\r\n"));
        parts
            .headers
            .insert(HOST, HeaderValue::from_static("GITLAB.test.:0443"));
        assert_eq!(written(&parts, None), format!("{head}\r\n"));
    }
    #[test]
    fn a_head_is_the_same_whatever_room_there_was() {
        let request = http::Request::get("https://gitlab.test/a?b=c")
            .header("authorization", "Bearer secret")
            .header("x-long", "v".repeat(500));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let authority = http::uri::Authority::from_static("gitlab.test");
        let form = RequestForm {
            host: "gitlab.test",
            by_proxy: Some((&authority, Some(HeaderValue::from_static("Basic c2VjcmV0")))),
            length: Some(Length::Known(u64::MAX)),
        };
        let mut whole = Vec::new();
        write(&mut whole, &parts, &form);
        for capacity in 0..whole.len() + 40 {
            let mut out = Vec::with_capacity(capacity);
            write(&mut out, &parts, &form);
            assert_eq!(out, whole);
        }
    }
}
