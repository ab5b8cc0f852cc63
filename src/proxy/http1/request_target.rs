//! The request target (RFC 9112 §3.2).

use bytes::Bytes;
use http::Uri;
use percent_encoding::{AsciiSet, percent_encode};

use super::fault::MalformedHead;

/// The longest target that a [`Uri`] holds, in bytes.
pub(super) const MAX_TARGET: usize = u16::MAX as usize - 1;

/// Parses the target as a URL. curl and other clients send it as the user wrote it; the characters
/// that a browser would percent-encode are encoded here, as the URL standard defines. Everything
/// else stays as the client spelled it.
pub(super) fn parse(target: &Bytes) -> Result<Uri, MalformedHead> {
    if target.len() > MAX_TARGET {
        return Err(MalformedHead::TooLarge);
    }
    // Nearly all targets are a path of allowed characters. These share the one copy of the head.
    if let Ok(uri) = Uri::from_maybe_shared(target.clone()) {
        // A target in origin-form (RFC 9112 §3.2.1) always has a path.
        return if target.starts_with(b"/") {
            Ok(uri)
        } else {
            with_path(uri)
        };
    }
    // The URL standard encodes more characters in a path than in a query, so the two are split
    // first.
    let path = target.iter().position(|byte| *byte == b'?');
    let (path, query) = target.split_at(path.unwrap_or(target.len()));
    let (path, query) = (
        percent_encode(path, RAW_PATH),
        percent_encode(query, RAW_QUERY),
    );
    let encoded = format!("{path}{query}");
    let uri = Uri::from_maybe_shared(Bytes::from(encoded)).map_err(|_| {
        MalformedHead::Malformed(
            "the target of the request is not a URL's: write other characters as %XX",
        )
    })?;
    with_path(uri)
}

/// Gives a URL without a path the root path (RFC 9110 §4.2.3). Of `https://host?a=b`, [`Uri`]
/// keeps `?a=b`, which is not a valid target for the request line that is sent upstream.
fn with_path(uri: Uri) -> Result<Uri, MalformedHead> {
    match uri.path_and_query() {
        Some(target) if target.as_str().starts_with('?') => {
            let rooted = format!("/{}", target.as_str());
            let mut parts = uri.into_parts();
            parts.path_and_query = rooted.parse().ok();
            Uri::from_parts(parts)
                .map_err(|_| MalformedHead::Malformed("the target of the request is not a URL's"))
        }
        _ => Ok(uri),
    }
}

/// The characters of the URL standard's percent-encode sets for the query and the path (section
/// 1.3) that [`Uri`] rejects. A backslash is in neither set, so it is not encoded: servers differ
/// in whether they take it for a slash.
const RAW_QUERY: &AsciiSet = &AsciiSet::EMPTY.add(b'"').add(b'<').add(b'>');
const RAW_PATH: &AsciiSet = &RAW_QUERY.add(b'`');

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;

    use super::*;

    #[test]
    fn targets_are_taken_as_clients_write_them_and_encoded_as_browsers_do() {
        let table = [
            ("/a?b=c", "/a?b=c"),
            ("/a%20b?c=%3c", "/a%20b?c=%3c"),
            ("/a\"b<c>d`e", "/a%22b%3Cc%3Ed%60e"),
            ("/a`?q=\"b<c>d`?e", "/a%60?q=%22b%3Cc%3Ed`?e"),
            ("/a%3C?q=<%3C", "/a%3C?q=%3C%3C"),
            ("/a?q=\\{|}^[]'", "/a?q=\\{|}^[]'"),
            ("/\u{fc}?q=\u{fc}", "/\u{fc}?q=\u{fc}"),
            ("https://gitlab.test/a<b", "https://gitlab.test/a%3Cb"),
            ("https://gitlab.test?a=b", "https://gitlab.test/?a=b"),
            ("https://gitlab.test?a=<", "https://gitlab.test/?a=%3C"),
            ("https://gitlab.test", "https://gitlab.test/"),
            ("*", "*"),
        ];
        for (target, expected) in table {
            let uri = parse(&Bytes::from(target)).unwrap();
            assert_eq!(uri, expected, "{target}");
            let next = uri.path_and_query().map(PathAndQuery::as_str);
            assert!(
                next.is_some_and(|next| next.starts_with(['/', '*'])),
                "{target}"
            );
        }
    }
}
