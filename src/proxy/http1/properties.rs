//! Properties that hold for any bytes. The fuzz targets in `fuzz/` look for bytes that violate one,
//! and a unit test runs their seeds. A violated property panics.

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, HOST, HeaderName};
use http::{HeaderMap, Method, Request, Response, StatusCode};

use super::fields::may_be_whole;
use super::framing::{Decoder, Length, Piece};
use super::request_head as request;
use super::response_head::{self as response, Head};
use super::write::{self, Framing, RequestForm};
use crate::proxy::bench;
use crate::proxy::rewrite::hop_by_hop::clean_response;

/// A request head that is accepted is forwarded as one head that parses the same: no part of it
/// becomes a second request (request smuggling, RFC 9112 §11.2).
pub(crate) fn request_head(bytes: &[u8]) {
    let mut read = BytesMut::from(bytes);
    let Ok(Some(head)) = request::take(&mut read) else {
        return;
    };
    let end = bytes.len() - read.len();
    for end in [end / 2, end - 1] {
        let mut beginning = BytesMut::from(&bytes[..end]);
        assert!(
            matches!(request::take(&mut beginning), Ok(None)),
            "a part of it is another head"
        );
    }
    assert!(
        may_be_whole(&bytes[..end], end - 1),
        "as it drips in, its end is not noticed"
    );

    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri, parts.headers) = (head.method, head.uri, head.headers);
    bench::clean(&mut parts.headers);
    let form = RequestForm {
        host: "gitlab.test",
        by_proxy: None,
        length: head.length,
    };
    let mut out = Vec::new();
    write::write(&mut out, &parts, &form);
    let mut out = BytesMut::from(&*out);
    let again = request::take(&mut out).expect("what goes out is HTTP/1.1");
    let again = again.expect("what goes out is whole");
    assert!(out.is_empty(), "something goes out behind the head");
    assert_eq!(again.method, parts.method);
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    assert_eq!(again.uri, target);
    assert_eq!(again.length, head.length);
    assert_eq!(
        without(
            &again.headers,
            &[HOST, CONTENT_LENGTH, http::header::TRANSFER_ENCODING]
        ),
        without(&parts.headers, &[HOST, CONTENT_LENGTH])
    );
}

/// A response head that is accepted is forwarded as one head that parses the same (response
/// splitting, RFC 9112 §11.1).
pub(crate) fn response_head(bytes: &[u8]) {
    for method in [Method::GET, Method::HEAD] {
        let mut read = BytesMut::from(bytes);
        let Ok(Some(head)) = response::take(&mut read, &method) else {
            continue;
        };
        let end = bytes.len() - read.len();
        for end in [end / 2, end - 1] {
            let mut beginning = BytesMut::from(&bytes[..end]);
            let taken = response::take(&mut beginning, &method);
            assert!(matches!(taken, Ok(None)), "a part of it is another head");
        }
        assert!(
            may_be_whole(&bytes[..end], end - 1),
            "as it drips in, its end is not noticed"
        );
        forward(head, &method);
    }
}

fn forward(head: Head, method: &Method) {
    let (mut parts, ()) = Response::new(()).into_parts();
    (parts.status, parts.headers) = (head.status, head.headers);
    let reason = head.reason;
    if let Some(reason) = reason.clone() {
        parts.extensions.insert(reason);
    }
    clean_response(&mut parts.headers);
    let has_no_body = method == Method::HEAD
        || parts.status.is_informational()
        || matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    let framing = match head.length {
        _ if has_no_body => Framing::None,
        Length::Known(bytes) => Framing::Known(bytes),
        Length::Chunked | Length::UntilClose => Framing::Chunked,
    };
    let mut out = Vec::new();
    write::write_response(&mut out, &parts, framing, None);
    let mut out = BytesMut::from(&*out);
    let again = response::take(&mut out, method).expect("what the client gets is HTTP/1.1");
    let again = again.expect("what the client gets is whole");
    assert!(out.is_empty(), "the client gets something behind the head");
    assert_eq!(again.status, parts.status);
    assert_eq!(
        again.length,
        match framing {
            Framing::None => Length::Known(0),
            Framing::Known(bytes) => Length::Known(bytes),
            Framing::Chunked | Framing::UntilClose => Length::Chunked,
        }
    );
    assert_eq!(format!("{:?}", again.reason), format!("{reason:?}"));
    let framing = [CONTENT_LENGTH, http::header::TRANSFER_ENCODING];
    assert_eq!(
        without(&again.headers, &framing),
        without(&parts.headers, &framing)
    );
}

fn without(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut headers = headers.clone();
    for name in names {
        headers.remove(name);
    }
    headers
}

/// A chunked body decodes the same in whichever pieces it comes.
pub(crate) fn chunked_body(bytes: &[u8]) {
    let whole = decode(bytes, bytes.len());
    assert_eq!(whole, decode(bytes, 1), "at once, and byte for byte");
    assert_eq!(whole, decode(bytes, 7), "at once, and in pieces");
}

/// The result of decoding a body.
#[derive(Debug, PartialEq)]
enum Decoded {
    Incomplete(Vec<u8>),
    Malformed,
    Whole {
        body: Vec<u8>,
        trailers: HeaderMap,
        end: usize,
    },
}

fn decode(bytes: &[u8], step: usize) -> Decoded {
    let (mut decoder, mut read) = (Decoder::new(Length::Chunked), BytesMut::new());
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    let mut coming = bytes.chunks(step.max(1));
    let mut came = 0;
    loop {
        match decoder.next(&mut read) {
            Ok(Piece::Data(data)) => body.extend_from_slice(&data),
            Ok(Piece::Trailers(fields)) => trailers = fields,
            Ok(Piece::End) => {
                return Decoded::Whole {
                    body,
                    trailers,
                    end: came - read.len(),
                };
            }
            Ok(Piece::Incomplete) => match coming.next() {
                Some(more) => {
                    read.extend_from_slice(more);
                    came += more.len();
                }
                None => return Decoded::Incomplete(body),
            },
            Err(_) => return Decoded::Malformed,
        }
    }
}
