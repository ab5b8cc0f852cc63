//! Response heads, as servers send them (RFC 9112 §4, §6).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Version};

use super::fault::Fault;
use super::fields::{parse_length, share, skip_empty_lines};
use super::framing::Length;
use crate::proxy::limits::{DEFAULT_HEADERS, MAX_HEAD, MAX_HEADERS};

/// A response's head.
#[derive(Debug)]
pub(in crate::proxy) struct Head {
    pub(super) status: StatusCode,
    /// The reason phrase, if it is not the usual one of the status.
    pub(super) reason: Option<Reason>,
    pub(super) headers: HeaderMap,
    pub(super) length: Length,
    /// Whether the connection can serve another request after this one.
    pub(super) persists: bool,
}

impl Head {
    /// Whether another protocol follows the head (101).
    pub(in crate::proxy) fn switches(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Takes a response's head from the bytes that were read; `None` if it is not complete yet.
pub(super) fn take(read: &mut BytesMut, method: &Method) -> Result<Option<Head>, Fault> {
    skip_empty_lines(read);
    let mut fields = [const { MaybeUninit::uninit() }; DEFAULT_HEADERS];
    let parsed = match parse(read, method, &mut fields) {
        // Parses again from the start. Only a head with this many fields pays for it.
        Err(Unreadable::TooManyFields) => take_large(read, method),
        parsed => parsed,
    };
    match parsed {
        // As for requests: the same limit for an incomplete head and for a complete one.
        Ok(None) if read.len() <= MAX_HEAD => Ok(None),
        Ok(Some((head, end))) if end <= MAX_HEAD => {
            read.advance(end);
            Ok(Some(head))
        }
        Ok(_) | Err(Unreadable::TooManyFields) => {
            Err(Fault::Malformed("the head of its response is too large"))
        }
        Err(Unreadable::Fault(fault)) => Err(fault),
    }
}

/// Parses a head with more fields than usual. Room for them on the stack would be a cost for every
/// other request.
#[cold]
fn take_large(read: &[u8], method: &Method) -> Result<Option<(Head, usize)>, Unreadable> {
    let mut fields = vec![MaybeUninit::uninit(); MAX_HEADERS];
    parse(read, method, &mut fields)
}

/// Why a head could not be parsed.
enum Unreadable {
    Fault(Fault),
    TooManyFields,
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Parses a head. Also returns where it ends.
fn parse<'a>(
    read: &'a [u8],
    method: &Method,
    fields: &mut [MaybeUninit<httparse::Header<'a>>],
) -> Result<Option<(Head, usize)>, Unreadable> {
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        // RFC 9112 §5.1: "A proxy MUST remove any such whitespace from a response message".
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response_with_uninit_headers(&mut response, read, fields);
    let malformed = || Fault::Malformed("its response is not HTTP/1.1");
    let end = match parsed {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Unreadable::TooManyFields),
        Err(_) => return Err(malformed().into()),
    };
    let version = match response.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let status =
        StatusCode::from_u16(response.code.unwrap_or_default()).map_err(|_| malformed())?;
    // One copy, which all values share. Values that share the read buffer would keep it in memory,
    // with the part of the body that it holds.
    let head = Bytes::copy_from_slice(read.get(..end).unwrap_or_default());
    let mut said = Said::default();
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| malformed())?;
        let value = HeaderValue::from_maybe_shared(share(&head, read, field.value));
        let value = value.map_err(|_| malformed())?;
        if said.hear(&name, &value)? {
            headers.append(name, value);
        }
    }
    let (length, persists) = said.conclude(method, status, version)?;
    // RFC 9110 §8.6: a length that one field repeats is forwarded as one number.
    if said.repeats_length
        && let Some(length) = said.length
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    // RFC 9112 §6.3, item 3, and RFC 9110 §8.6: these responses must not have a `Content-Length`.
    // An HTTP/2 client might rely on it.
    if said.chunked || status == StatusCode::NO_CONTENT || status.is_informational() {
        headers.remove(CONTENT_LENGTH);
    }
    let reason = response.reason.unwrap_or_default();
    let is_usual = reason.is_empty() || Some(reason) == status.canonical_reason();
    let head = Head {
        status,
        reason: (!is_usual).then(|| Reason(reason.to_owned())),
        headers,
        length,
        persists,
    };
    Ok(Some((head, end)))
}

/// A reason phrase that is not the usual one of its status. It has no meaning in the protocol (RFC
/// 9112 §4), but people read it.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Reason(pub(super) String);

/// What a response's fields say about its body and its connection.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a head says, and none excludes another"
)]
struct Said {
    chunked: bool,
    closes: bool,
    keeps: bool,
    length: Option<u64>,
    /// One field repeats the length (`5, 5`).
    repeats_length: bool,
}

impl Said {
    /// Evaluates a field. Returns `false` for a field that is not kept: a second length.
    fn hear(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<bool, Fault> {
        if name == CONTENT_LENGTH {
            let stated =
                one_length(value).ok_or(Fault::Malformed("its response has no valid length"))?;
            let is_first = self.length.is_none();
            if self.length.is_some_and(|length| length != stated) {
                return Err(Fault::Malformed("its response has two lengths"));
            }
            self.length = Some(stated);
            self.repeats_length |= value.as_bytes().contains(&b',');
            return Ok(is_first);
        }
        if name == TRANSFER_ENCODING {
            // A transfer coding applies to one connection only, and this proxy asked for no other
            // than chunked: the client could not decode it. A sender must not apply chunked twice
            // (RFC 9112 §6.1): a recipient that decodes it twice finds another end of the body than
            // this proxy.
            let coding = value.as_bytes().trim_ascii();
            if self.chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::Malformed(
                    "its response has a transfer coding other than chunked",
                ));
            }
            self.chunked = true;
        } else if name == CONNECTION {
            for option in value.as_bytes().split(|byte| *byte == b',') {
                let option = option.trim_ascii();
                self.closes |= option.eq_ignore_ascii_case(b"close");
                self.keeps |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(true)
    }

    /// How the body is framed (RFC 9112 §6.3), and whether the connection persists (§9.3).
    fn conclude(
        &self,
        method: &Method,
        status: StatusCode,
        version: Version,
    ) -> Result<(Length, bool), Fault> {
        let persists = !self.closes && (version == Version::HTTP_11 || self.keeps);
        // RFC 9112 §6.3, item 1: these responses have no body, whatever length or coding their
        // fields name. A response to HEAD has the fields of the response to GET.
        let has_no_body = method == Method::HEAD
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        if has_no_body {
            return Ok((Length::Known(0), persists));
        }
        Ok(match (self.chunked, self.length) {
            // RFC 9112 §6.1: the framing is faulty, because HTTP/1.0 does not have chunks.
            (true, _) if version == Version::HTTP_10 => {
                return Err(Fault::Malformed(
                    "its response is HTTP/1.0 with a transfer coding",
                ));
            }
            // The chunks decide. A response with both may be an attack (RFC 9112 §6.3, item 3), so
            // the connection serves no other request.
            (true, length) => (Length::Chunked, persists && length.is_none()),
            (false, Some(length)) => (Length::Known(length), persists),
            // §6.3, item 8: the close ends the body, so no other response can follow.
            (false, None) => (Length::UntilClose, false),
        })
    }
}

/// The length of a response, which one field may repeat (RFC 9110 §8.6).
fn one_length(value: &HeaderValue) -> Option<u64> {
    let text = value.as_bytes();
    if let Some(length) = parse_length(text) {
        return Some(length);
    }
    let mut parts = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let first = parse_length(parts.next()?)?;
    parts
        .all(|part| parse_length(part) == Some(first))
        .then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, method: &Method) -> Result<Option<(u16, Length, bool, String)>, Fault> {
        let mut read = BytesMut::from(text);
        let head = take(&mut read, method)?;
        Ok(head.map(|head| {
            let left = String::from_utf8(read.to_vec()).unwrap();
            (head.status.as_u16(), head.length, head.persists, left)
        }))
    }

    #[test]
    fn a_head_tells_where_the_body_ends_and_whether_the_connection_goes_on() {
        let known = Length::Known;
        let table = [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
                known(5),
                true,
                "hello",
            ),
            (
                "HTTP/1.1 200 \r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
                known(5),
                true,
                "",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: x, Close\r\n\r\n",
                known(5),
                false,
                "",
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n",
                known(5),
                false,
                "",
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 5\r\nconnection: Keep-Alive\r\n\r\n",
                known(5),
                true,
                "",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n",
                Length::Chunked,
                true,
                "",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
                Length::Chunked,
                false,
                "",
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", Length::UntilClose, false, ""),
            (
                "HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n",
                known(0),
                true,
                "",
            ),
            (
                "HTTP/1.1 304 Not\r\ncontent-length: 5\r\n\r\n",
                known(0),
                true,
                "",
            ),
            (
                "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK",
                known(0),
                true,
                "HTTP/1.1 200 OK",
            ),
        ];
        for (text, length, persists, left) in table {
            let (_, found, goes_on, rest) = read(text, &Method::GET).unwrap().unwrap();
            assert_eq!(
                (found, goes_on, rest.as_str()),
                (length, persists, left),
                "{text}"
            );
        }
        let head = read(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            &Method::HEAD,
        );
        assert_eq!(head.unwrap().unwrap().1, known(0));
    }

    #[test]
    fn what_two_clients_could_read_differently_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5,\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
            "HTTP/1.1 99 OK\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            assert!(read(text, &Method::GET).is_err(), "{text}");
        }
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        assert!(read(&format!("HTTP/1.1 200 OK\r\n{many}\r\n"), &Method::GET).is_err());
        let long = "x".repeat(MAX_HEAD);
        for end in ["", "\r\n\r\n"] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\na: {long}{end}"), &Method::GET).is_err());
        }
    }
}
