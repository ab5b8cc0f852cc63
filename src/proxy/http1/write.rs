//! The heads of messages as they are written (RFC 9112).

use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, Version};

use super::framing::Length;
use super::response_head::Reason;
use crate::proxy::message::body::Streamed;

/// How a request is put on the wire.
#[derive(Debug)]
pub(in crate::proxy) struct RequestForm<'a> {
    /// `Host`: ours, whatever the client wrote, as only ours was checked (RFC 9112 §3.2.2).
    pub(in crate::proxy) host: &'a str,
    /// For the user's proxy: the whole URL in the request line (RFC 9112 §3.2.2), and the header by
    /// which the proxy knows the user.
    pub(in crate::proxy) by_proxy: Option<(&'a http::uri::Authority, Option<HeaderValue>)>,
    /// How the end of its body is told; `None` where it has none.
    pub(in crate::proxy) length: Option<Length>,
}

/// Writes a request's head. What the headers say of the body's length is left out: the body itself
/// tells.
pub(super) fn write(out: &mut Vec<u8>, parts: &Parts, form: &RequestForm<'_>) {
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    // Only `http://` goes to the user's proxy in this form. To `https://` a tunnel leads through
    // it, and the origin sees a path.
    if let Some((authority, _)) = &form.by_proxy {
        out.extend_from_slice(b"http://");
        out.extend_from_slice(authority.as_str().as_bytes());
    }
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    field(out, "host", form.host.as_bytes()); // RFC 9110 §7.2 wants it first
    let mut had_length = false;
    for (name, value) in &parts.headers {
        // The client's own: two of them, or another than was checked, could lead the server to
        // another host's pages (RFC 9112 §3.2).
        if name == HOST {
            continue;
        }
        // Beside chunks, or if the body is of another length, the server would find a second
        // request in this one (RFC 9112 §11.2).
        if name == CONTENT_LENGTH {
            had_length = true;
            continue;
        }
        field(out, name.as_str(), value.as_bytes());
    }
    // The client's own field of that name was for this proxy, and was taken off before.
    if let Some((_, Some(authorization))) = &form.by_proxy {
        field(out, "proxy-authorization", authorization.as_bytes());
    }
    match form.length {
        // The client has said so, as RFC 9110 §8.6 wants it of a POST without content: some servers
        // answer 411 to one that does not say it.
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
}

// Neither names nor values can have a line break in them: `HeaderName` and `HeaderValue` hold none,
// so no field can become two, or end the head (RFC 9112 §11.1).
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the head of a response to a client. What its headers say of a length counts only where it
/// has no body of its own.
pub(super) fn write_response(
    out: &mut Vec<u8>,
    response: &http::response::Parts,
    framing: Framing,
    connection: Option<&str>,
) {
    // Also to a client of HTTP/1.0: the version is the sender's own (RFC 9110 §6.2).
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(response.status.as_str().as_bytes());
    out.push(b' ');
    // The parser took it from a status line, so it has no line break in it.
    let own = response.extensions.get::<Reason>();
    let usual = || response.status.canonical_reason().unwrap_or_default();
    let reason = own.map_or_else(usual, |reason| &reason.0);
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in &response.headers {
        // Where there is no body, the field is the response's own: after HEAD, and in a 304, it is
        // the length that GET would get (RFC 9110 §8.6).
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

/// Writes the last chunk, and behind it those of the trailers that go (RFC 9112 §7.1.2).
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

/// How the client is told the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    Known(u64),
    /// There is none, whatever the head says of a length.
    None,
    UntilClose,
}

impl Framing {
    /// RFC 9112 §6.3, and what the body says of itself.
    pub(super) fn of(
        is_head: bool,
        version: Version,
        status: StatusCode,
        body: &impl Streamed,
    ) -> Self {
        // RFC 9112 §6.3, item 1.
        let has_none = is_head
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        match body.size_hint().exact() {
            _ if has_none => Self::None,
            Some(bytes) => Self::Known(bytes),
            None if version == Version::HTTP_11 => Self::Chunked,
            // RFC 9112 §6.1: no chunks to a client that has not said HTTP/1.1.
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
}
