//! Request heads, as clients send them (RFC 9112 §3, §6).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Uri, Version};

use super::fault::MalformedHead;
use super::fields::{parse_length, share, skip_empty_lines};
use super::framing::Length;
use super::request_target;
use crate::defence::Defence;
use crate::proxy::limits::{DEFAULT_HEADERS, MAX_HEAD, MAX_HEADERS};

/// A request's head, and what it says about the connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a head says, and none excludes another"
)]
pub(super) struct RequestHead {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    /// `None` if the request has no body.
    pub(super) length: Option<Length>,
    /// Whether the client may send another request on this connection.
    pub(super) persists: bool,
    /// The client has sent `Connection: keep-alive`. An HTTP/1.0 client expects it back in the
    /// response.
    pub(super) asks_to_persist: bool,
    /// The client accepts trailers (`TE: trailers`).
    pub(super) takes_trailers: bool,
    /// The client waits for a 100 before it sends the body (`Expect: 100-continue`).
    pub(super) expects: bool,
    /// The client asks for another protocol (`Upgrade`).
    pub(super) upgrades: bool,
}

/// Takes a request's head from the bytes that were read; `None` if it is not complete yet.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<RequestHead>, MalformedHead> {
    skip_empty_lines(read);
    let mut fields = [const { MaybeUninit::uninit() }; DEFAULT_HEADERS];
    let parsed = match parse(read, &mut fields) {
        // Parses again from the start. Only a head with this many fields pays for it.
        Err(Unreadable::TooManyFields) => take_large(read),
        parsed => parsed,
    };
    match parsed {
        // An incomplete head is buffered, so a head without end needs a limit. The limit also holds
        // for a head that is complete. Otherwise it would depend on the pieces in which a head
        // comes whether it is accepted.
        Ok(None) if read.len() <= MAX_HEAD || !Defence::HeadLimit.stands() => Ok(None),
        Ok(Some((head, end))) if end <= MAX_HEAD => {
            read.advance(end);
            Ok(Some(head))
        }
        Ok(_) | Err(Unreadable::TooManyFields) => Err(MalformedHead::TooLarge),
        Err(Unreadable::Malformed(malformed)) => Err(malformed),
    }
}

/// Parses a head with more fields than usual. Room for them on the stack would be a cost for every
/// other request.
#[cold]
fn take_large(read: &[u8]) -> Result<Option<(RequestHead, usize)>, Unreadable> {
    let mut fields = vec![MaybeUninit::uninit(); MAX_HEADERS];
    parse(read, &mut fields)
}

/// Why a head could not be parsed.
enum Unreadable {
    Malformed(MalformedHead),
    TooManyFields,
}

impl From<MalformedHead> for Unreadable {
    fn from(malformed: MalformedHead) -> Self {
        Self::Malformed(malformed)
    }
}

/// Parses a head. Also returns where it ends.
fn parse<'a>(
    read: &'a [u8],
    fields: &mut [MaybeUninit<httparse::Header<'a>>],
) -> Result<Option<(RequestHead, usize)>, Unreadable> {
    let malformed = || MalformedHead::Malformed("the request is not HTTP/1.1");
    let mut request = httparse::Request::new(&mut []);
    // httparse skips empty lines before the request and accepts a bare line feed as a line end; RFC
    // 9112 §2.2 allows both. It rejects folded lines (§5.2) and whitespace before a colon (§5.1).
    let end = match request.parse_with_uninit_headers(read, fields) {
        Ok(httparse::Status::Complete(end)) => end,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Unreadable::TooManyFields),
        Err(_) => return Err(MalformedHead::Malformed(complaint(read)).into()),
    };
    let version = match request.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let method = request.method.unwrap_or_default().as_bytes();
    let method = Method::from_bytes(method).map_err(|_| malformed())?;
    // One copy, which the target and all values share.
    let head = Bytes::copy_from_slice(read.get(..end).unwrap_or_default());
    let share = |part: &[u8]| share(&head, read, part);
    let uri = request_target::parse(&share(request.path.unwrap_or_default().as_bytes()))?;
    let mut said = Said::default();
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 1);
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| malformed())?;
        let value = HeaderValue::from_maybe_shared(share(field.value));
        let value = value.map_err(|_| malformed())?;
        if said.hear(&name, &value)? {
            headers.append(name, value);
        }
    }
    let length = said.length(version)?;
    let head = RequestHead {
        method,
        uri,
        version,
        headers,
        length,
        // RFC 9112 §9.3.
        persists: !said.closes && (version == Version::HTTP_11 || said.keeps),
        asks_to_persist: said.keeps,
        takes_trailers: said.takes_trailers,
        upgrades: said.upgrades,
        // RFC 9110 §10.1.1: ignored for an HTTP/1.0 client. Without a body there is nothing to wait
        // for.
        expects: said.expects && length.is_some() && version == Version::HTTP_11,
    };
    Ok(Some((head, end)))
}

/// What is wrong with a head that cannot be parsed. A space in the target is not encoded for the
/// client: RFC 9112 §3.2 warns of request lines that are crafted so that one recipient parses
/// another request than the next.
fn complaint(read: &[u8]) -> &'static str {
    let line = read.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let ends_well = line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0");
    match memchr::memchr_iter(b' ', line).count() {
        3.. if ends_well => "the target of the request has a blank in it: write it as %20",
        2 if ends_well && std::str::from_utf8(line).is_err() => {
            "the target of the request is not UTF-8: write other bytes as %XX"
        }
        _ => "the request is not HTTP/1.1",
    }
}

/// What a request's fields say about its body and its connection.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a head says, and none excludes another"
)]
struct Said {
    chunked: bool,
    closes: bool,
    expects: bool,
    keeps: bool,
    length: Option<u64>,
    takes_trailers: bool,
    upgrades: bool,
}

impl Said {
    /// Evaluates a field. Returns `false` for a field that is not kept: a second, equal length. A
    /// head that two servers could parse differently is rejected, because the provider's server may
    /// be the one that differs from this proxy.
    fn hear(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<bool, MalformedHead> {
        let text = value.as_bytes();
        // A lazy iterator, which costs nothing for the many fields without options.
        let mut options = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if name == CONTENT_LENGTH {
            // RFC 9110 §8.6: a repeated length is either rejected or taken once. Repeated in one
            // field (`5, 5`), it is rejected here; in two fields, it is taken once. Two different
            // lengths are rejected, because each recipient could choose another one.
            let stated = parse_length(text);
            let stated =
                stated.ok_or(MalformedHead::Malformed("the request has no valid length"))?;
            if self.length.is_some_and(|length| length != stated)
                && Defence::RequestFraming.stands()
            {
                return Err(MalformedHead::Malformed("the request has two lengths"));
            }
            let is_first = self.length.is_none();
            self.length = Some(stated);
            return Ok(is_first || !Defence::RequestFraming.stands());
        }
        if name == TRANSFER_ENCODING {
            // The server might decode a coding that this proxy does not decode, or decode it
            // another number of times. If chunked is not the last coding, the end of the body
            // cannot be determined (RFC 9112 §6.3, item 4). Chunked must not be applied twice
            // (§6.1).
            if self.chunked || !text.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(MalformedHead::Malformed(
                    "the request has a transfer coding other than chunked",
                ));
            }
            self.chunked = true;
        } else if name == CONNECTION {
            for option in options {
                self.closes |= option.eq_ignore_ascii_case(b"close");
                self.keeps |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name == TE {
            self.takes_trailers |= options.any(|option| option.eq_ignore_ascii_case(b"trailers"));
        } else if name == UPGRADE {
            self.upgrades = true;
        } else if name == http::header::EXPECT {
            self.expects |= text.eq_ignore_ascii_case(b"100-continue");
        }
        Ok(true)
    }

    /// How the body is framed (RFC 9112 §6.3).
    fn length(&self, version: Version) -> Result<Option<Length>, MalformedHead> {
        match (self.chunked, self.length) {
            // The classic request smuggling (RFC 9112 §11.2): one server goes by the length, the
            // other by the chunks. §6.1 allows a server to reject the request.
            (true, Some(_)) if Defence::RequestFraming.stands() => Err(MalformedHead::Malformed(
                "the request has a length and a transfer coding",
            )),
            // RFC 9112 §6.1: the framing is faulty, because HTTP/1.0 does not have chunks.
            (true, _) if version == Version::HTTP_10 => Err(MalformedHead::Malformed(
                "the request is HTTP/1.0 with a transfer coding",
            )),
            (true, _) => Ok(Some(Length::Chunked)),
            // Without either field, a request has no body (§6.3, item 7). Only a response's body
            // may end with the connection.
            (false, None | Some(0)) => Ok(None),
            (false, Some(bytes)) => Ok(Some(Length::Known(bytes))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request_target::MAX_TARGET;
    use super::*;

    fn parse(text: &str) -> Result<Option<RequestHead>, MalformedHead> {
        take(&mut BytesMut::from(text))
    }

    fn head(lines: &str) -> RequestHead {
        parse(&format!("POST /a?b=c HTTP/1.1\r\n{lines}\r\n"))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn a_head_tells_what_comes_behind_it() {
        assert_eq!(head("").length, None);
        assert_eq!(head("content-length: 0\r\n").length, None);
        assert_eq!(
            head("content-length: 5\r\nContent-Length: 5\r\n").length,
            Some(Length::Known(5))
        );
        assert_eq!(
            head("content-length: 5\r\nContent-Length: 5\r\n")
                .headers
                .len(),
            1
        );
        assert_eq!(
            head("Transfer-Encoding: Chunked\r\n").length,
            Some(Length::Chunked)
        );
        assert!(head("").persists && !head("connection: x, Close\r\n").persists);
        assert!(head("content-length: 5\r\nexpect: 100-Continue\r\n").expects);
        assert!(!head("expect: 100-continue\r\n").expects);
        assert!(head("te: gzip, Trailers\r\n").takes_trailers);
        let old = parse("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
        assert!(!old.persists);
        let old = parse("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            .unwrap()
            .unwrap();
        assert!(old.persists && old.asks_to_persist);
        let head = head("x: \r\ny: z\r\n");
        assert_eq!(
            (head.headers["x"].as_bytes(), head.headers["y"].as_bytes()),
            (&b""[..], &b"z"[..])
        );
        assert_eq!(head.uri, "/a?b=c");
        assert!(parse("GET / HTTP/1.1\r\nx: y\r\n").unwrap().is_none());
    }

    #[test]
    fn what_two_servers_could_read_differently_is_refused() {
        for lines in [
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: 5, 5\r\n",
            "content-length: +5\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding : chunked\r\n",
            "x: y\r\n z\r\n",
        ] {
            assert!(
                parse(&format!("POST / HTTP/1.1\r\n{lines}\r\n")).is_err(),
                "{lines}"
            );
        }
        for text in [
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "G\u{e4}T / HTTP/1.1\r\n\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_target_that_is_refused_is_told_why() {
        let told = |target: &[u8]| {
            let mut text = b"GET ".to_vec();
            text.extend_from_slice(target);
            text.extend_from_slice(b" HTTP/1.1\r\nx: y\r\n\r\n");
            take(&mut BytesMut::from(&*text)).unwrap_err().to_string()
        };
        assert!(told(b"/a b").contains("%20"));
        assert!(told(b"/a b c").contains("%20"));
        assert!(told(b"/a\xfc").contains("UTF-8"));
        assert!(told(b"https://git<lab.test/").contains("%XX"));
        assert!(told(b"/a\tb").contains("not HTTP/1.1"));
        let long = "x".repeat(MAX_TARGET);
        let long = parse(&format!("GET /{long} HTTP/1.1\r\n\r\n"));
        assert!(matches!(long, Err(MalformedHead::TooLarge)));
    }

    #[test]
    fn a_head_has_a_bound() {
        let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(MAX_HEAD));
        assert!(matches!(parse(&long), Err(MalformedHead::TooLarge)));
        let many = format!(
            "GET / HTTP/1.1\r\n{}\r\n",
            "x: y\r\n".repeat(MAX_HEADERS + 1)
        );
        assert!(matches!(parse(&many), Err(MalformedHead::TooLarge)));
    }
}
