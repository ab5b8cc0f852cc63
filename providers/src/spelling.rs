//! The paths that a server may take for one.

use std::borrow::Cow;

/// The path as it is, without its trailing slash, and without its format suffix: the paths that a
/// server may treat it as. Most paths have only one.
pub(crate) fn spellings(path: &str) -> [Option<Cow<'_, str>>; 3] {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let last = |text: &str, wanted| text.bytes().rposition(|byte| byte == wanted);
    let segment = last(bare, b'/').map_or(0, |slash| slash + 1);
    let name = bare.get(segment..).unwrap_or_default();
    let unformatted = last(name, b'.').map(|dot| bare.get(..segment + dot).unwrap_or(bare));
    [
        Some(Cow::Borrowed(path)),
        (bare != path).then_some(Cow::Borrowed(bare)),
        unformatted.map(|path| Cow::Borrowed(path.strip_suffix('/').unwrap_or(path))),
    ]
}
