//! The target in a request's line (RFC 9112 §3.2).

use bytes::Bytes;
use http::Uri;
use percent_encoding::{AsciiSet, percent_encode};

use super::fault::MalformedHead;

/// The longest target that a [`Uri`] holds, in bytes.
pub(super) const MAX_TARGET: usize = u16::MAX as usize - 1;

/// The target as a URL. What curl and others put there as the user wrote it, and browsers encode,
/// is encoded as the URL standard has it; all else stays as the client spelled it.
pub(super) fn parse(target: &Bytes) -> Result<Uri, MalformedHead> {
    if target.len() > MAX_TARGET {
        return Err(MalformedHead::TooLarge);
    }
    // Nearly all targets are a path of allowed characters, and stay a part of the head's one copy.
    if let Ok(uri) = Uri::from_maybe_shared(target.clone()) {
        // The origin-form (RFC 9112 §3.2.1), which always has a path.
        return if target.starts_with(b"/") {
            Ok(uri)
        } else {
            with_path(uri)
        };
    }
    // The URL standard encodes more in a path than in a query, so they are told apart first.
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

/// An empty path is the root's (RFC 9110 §4.2.3), and a target without one no target in the next
/// request line: of `https://host?a=b`, [`Uri`] keeps `?a=b`.
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

/// What the percent-encode sets of the query and the path have (URL standard, section 1.3), and
/// [`Uri`] does not take. A backslash is in neither: whether it is a slash is what servers differ
/// in.
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
