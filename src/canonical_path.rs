//! A request's path in the one spelling that every rule and every route compares.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::defence::Defence;

/// A path that two servers could read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("servers read the path differently")]
pub(crate) struct AmbiguousPath;

/// The canonical spelling of a path, for rules to compare: decoded once, with `%2F` distinct from
/// `/`, and repeated slashes as one.
///
/// A path that two servers could read differently (dot segments in any encoding, a backslash, a
/// control character) is refused, and no reading is guessed: a rule that denies a path must not be
/// bypassed by another spelling of it ("path traversal").
pub(crate) fn canonical_path(raw: &str) -> Result<Cow<'_, str>, AmbiguousPath> {
    if is_canonical(raw) || !Defence::CanonicalPath.stands() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut canonical = String::with_capacity(raw.len());
    for segment in raw.split('/') {
        let decoded = percent_decode_str(segment).decode_utf8_lossy();
        let twice = percent_decode_str(&decoded).decode_utf8_lossy();
        if [&decoded, &twice]
            .into_iter()
            .any(|text| text.split('/').any(is_dots) || text.chars().any(is_ambiguous))
        {
            return Err(AmbiguousPath);
        }
        if segment.is_empty() {
            continue; // the servers that matter read `//` as `/`; a rule would not
        }
        canonical.push('/');
        canonical.push_str(&decoded.replace('/', "%2F"));
    }
    if raw.ends_with('/') || canonical.is_empty() {
        canonical.push('/');
    }
    Ok(Cow::Owned(canonical))
}

/// Whether a path is canonical already, as nearly all are. Each request needs this, so it is one
/// pass.
fn is_canonical(raw: &str) -> bool {
    let (mut odd, mut before) = (0, 0);
    for byte in raw.bytes() {
        let class = CLASS[usize::from(byte)];
        // A segment that begins with a dot, or with a slash, needs the closer look.
        odd |= class & (ODD | (before & SLASH) << 1);
        before = class;
    }
    odd == 0 && !raw.starts_with('.')
}

/// The class of bytes that do not stand for themselves in a path, as the percent sign.
const ODD: u8 = 0b001;
/// The class of the slash, behind which the next class is looked at.
const SLASH: u8 = 0b010;
/// The class of what begins no usual segment. Its bit is next to [`SLASH`].
const BEGINS_BADLY: u8 = 0b100;

/// The classes of each byte.
const CLASS: [u8; 256] = {
    let mut class = [ODD; 256];
    let plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~:@+,=!$&'()*;";
    let mut at = 0;
    while at < plain.len() {
        class[plain[at] as usize] = 0;
        at += 1;
    }
    class[b'.' as usize] = BEGINS_BADLY;
    class[b'/' as usize] = BEGINS_BADLY | SLASH;
    class
};

fn is_dots(segment: &str) -> bool {
    // For some servers, `;` starts a parameter of the segment (RFC 3986 §3.3), so `..;x` is `..` to
    // them.
    let name = segment.split(';').next().unwrap_or_default();
    name == "." || name == ".."
}

fn is_ambiguous(character: char) -> bool {
    character == '\\' || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        let table = [
            ("/api/v4/user", "/api/v4/user"),
            (
                "/api/v4/projects/group%2Fproject/access_tokens",
                "/api/v4/projects/group%2Fproject/access_tokens",
            ),
            (
                "/api/v4/projects/1/%61ccess_tokens",
                "/api/v4/projects/1/access_tokens",
            ),
            ("//api///v4/user", "/api/v4/user"),
            ("/a/b/", "/a/b/"),
            ("/", "/"),
            ("", ""),
            ("/a%20b", "/a b"),
            ("/50%25", "/50%"),
            ("/a/.well-known/x", "/a/.well-known/x"),
            ("/a/...", "/a/..."),
            ("/a/b.c/d..e", "/a/b.c/d..e"),
            ("/a//", "/a/"),
            ("//", "/"),
        ];
        for (raw, expected) in table {
            assert_eq!(canonical_path(raw).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn paths_that_two_servers_could_read_differently_are_refused() {
        for raw in [
            "/a/../b",
            "/a/./b",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/..%2fb",
            "/a/%252e%252e/b",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/a/..;x/b",
            "..",
            "./a",
            "/a/%2e%2e%2f%2e%2e/b",
        ] {
            assert!(canonical_path(raw).is_err(), "{raw}");
        }
    }
}
