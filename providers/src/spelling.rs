//! The paths that a server may take for one.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The path as it is, without its trailing slash, and without its format suffix: the paths that a
/// server may treat it as. Most paths have only one.
/// Each is a beginning of the path.
pub(crate) fn spellings(path: &str) -> impl Iterator<Item = &str> {
    let without_slash = |path: &'_ str| path.len() - usize::from(path.ends_with('/'));
    let bare = path.get(..without_slash(path)).unwrap_or(path);
    let mut from_end = bare.bytes().enumerate().rev();
    let end_of_name = from_end.find(|(_, byte)| matches!(byte, b'/' | b'.'));
    let dot = end_of_name.filter(|(_, byte)| *byte == b'.');
    let unformatted = dot.and_then(|(dot, _)| bare.get(..dot));
    let unformatted = unformatted.and_then(|path| path.get(..without_slash(path)));
    let bare = (bare.len() < path.len()).then_some(bare);
    [Some(path), bare, unformatted].into_iter().flatten()
}

/// How often a path is decoded again. What is encoded more often is nothing that a server takes for
/// another path.
const MAX_DECODINGS: usize = 4;

/// What other servers would take a canonical path for: one that leaves out the parameters of
/// segments (`;x`, RFC 3986 §3.3), and one behind another that has decoded the path before, which
/// sees a query where the path has `%3F` twice encoded. Nearly every path has none.
pub(crate) fn other_readings(path: &str) -> [Option<Cow<'_, str>>; 2] {
    let mut readings = [const { None }; 2];
    // No early exit, so that the compiler looks at sixteen bytes at once.
    let is_odd = |byte: u8| matches!(byte, b';' | b'%' | b'?' | b'#');
    if !path.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        return readings;
    }
    if path.contains(';') {
        let [first, _] = &mut readings;
        *first = Some(Cow::Owned(without_parameters(path)));
    }
    if may_be_decoded(path) {
        let [_, second] = &mut readings;
        *second = decoded_again(path).map(Cow::Owned);
    }
    readings
}

/// Whether there is more to decode than slashes, or an end of the path in a segment.
fn may_be_decoded(path: &str) -> bool {
    let bytes = path.as_bytes();
    let mut odd = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| b"%?#".contains(byte));
    odd.any(|(at, _)| bytes.get(at..at + 3) != Some(b"%2F"))
}

fn without_parameters(path: &str) -> String {
    let names = path.split('/').map(|segment| segment.split(';').next());
    let names: Vec<_> = names.map(Option::unwrap_or_default).collect();
    names.join("/")
}

/// The path, decoded until nothing changes, up to what would then be a query or a fragment. An
/// encoded slash stays part of its segment.
fn decoded_again(path: &str) -> Option<String> {
    let mut current = path.to_owned();
    for _ in 0..MAX_DECODINGS {
        let decoded = |segment: &str| {
            let text = percent_decode_str(segment).decode_utf8_lossy();
            text.replace('/', "%2F")
        };
        let next: Vec<_> = current.split('/').map(decoded).collect();
        let next = next.join("/");
        if next == current {
            break;
        }
        current = next;
    }
    let end = current.find(['?', '#']).unwrap_or(current.len());
    current.truncate(end);
    (current != path).then(|| without_parameters(&current))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(path: &str) -> Vec<String> {
        let readings = other_readings(path).into_iter().flatten();
        readings.map(Cow::into_owned).collect()
    }

    #[test]
    fn a_path_may_have_other_readings() {
        for (path, expected) in [
            ("/a/b", &[][..]),
            ("/a/g%2Fp/c", &[]),
            ("/a/50%/c", &[]),
            ("/a/b;x", &["/a/b"]),
            ("/a;x=y/b;z", &["/a/b"]),
            ("/a/%62", &["/a/b"]),
            ("/a/%2562", &["/a/b"]),
            ("/a/%252562", &["/a/b"]),
            ("/a/b%3Fc", &["/a/b"]),
            ("/a/b?c", &["/a/b"]),
            ("/a/b#c", &["/a/b"]),
            ("/a/g%2fp", &["/a/g%2Fp"]),
            ("/a/b%3Bx", &["/a/b"]),
            ("/a/b;%78", &["/a/b", "/a/b"]),
        ] {
            assert_eq!(readings(path), expected, "{path}");
        }
    }
}
