//! A body as text.

use super::verdict::Unreadable;

/// The body as text. A byte order mark is refused: some servers skip it, others do not.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Unreadable> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| Unreadable::Ambiguous("it is not UTF-8"))?;
    if text.starts_with('\u{feff}') {
        return Err(Unreadable::Ambiguous("it begins with a byte order mark"));
    }
    Ok(text)
}
