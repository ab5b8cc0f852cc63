//! What is served in parts and validated (RFC 9110 §13 and §14).

use std::ops::Range;

use http::header::{ACCEPT_RANGES, CONTENT_RANGE, ETAG, IF_NONE_MATCH, RANGE};
use http::{Response, StatusCode};

use crate::call::Call;
use crate::response::{self, Body};

/// `GET /api/v4/projects/1/repository/files/README.md/raw`: 304 to who has it.
pub(crate) fn raw(call: &Call) -> Response<Body> {
    let mut response = if call.header(IF_NONE_MATCH) == Some(TAG) {
        let mut response = Response::new(Body::full(""));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let part = |range: Range<usize>| Body::full(&README[range]);
        ranged(call, "text/plain; charset=utf-8", README.len(), part)
    };
    response::set(&mut response, ETAG, TAG);
    response
}

/// The part that `Range` asks for, or all; more than one part at a time is not served.
pub(crate) fn ranged(
    call: &Call,
    content_type: &'static str,
    length: usize,
    part: impl FnOnce(Range<usize>) -> Body,
) -> Response<Body> {
    let wanted = call.header(RANGE).and_then(|value| parse(value, length));
    let mut response = match wanted {
        None => response::with_body(StatusCode::OK, content_type, part(0..length)),
        Some(range) if range.is_empty() => {
            let mut response = response::text(StatusCode::RANGE_NOT_SATISFIABLE, "no such part\n");
            response::set(&mut response, CONTENT_RANGE, &format!("bytes */{length}"));
            response
        }
        Some(range) => {
            let told = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            let mut response =
                response::with_body(StatusCode::PARTIAL_CONTENT, content_type, part(range));
            response::set(&mut response, CONTENT_RANGE, &told);
            response
        }
    };
    response::set(&mut response, ACCEPT_RANGES, "bytes");
    response
}

/// The range within `length`, empty where there is none; `None` where the header is to be ignored.
fn parse(value: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first: usize = first.parse().ok()?;
    let end = if last.is_empty() {
        length
    } else {
        last.parse::<usize>().ok()?.saturating_add(1).min(length)
    };
    Some(first..end)
}

/// The file.
const README: &str = "0123456789 hello from ada\n";
/// Its validator.
const TAG: &str = r#""ada-1""#;

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn ranges_are_cut_to_the_length() {
        for (value, expected) in [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=8-99", Some(8..10)),
            ("bytes=0-1,4-5", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(parse(value, 10), expected, "{value}");
        }
        assert!(parse("bytes=10-", 10).is_some_and(|range| range.is_empty()));
    }
}
