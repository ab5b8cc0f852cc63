//! Parts of a form (RFC 7578), by their names.
//!
//! Boundaries are not looked for: servers differ in where they see one. What has the form of a
//! part's name counts anywhere, so that a file in which somebody has written the head of such a
//! part is denied, too. A field of which only one value is denied is denied with any: its value may
//! stand far behind its name.

use super::wanted::{MAX_NAME, Wanted};

/// What stands before a part's name: the parameter with what follows it, and a field that Rack
/// takes in its place.
const LABELS: [(&[u8], u8); 2] = [(b"name", b'='), (b"content-id", b':')];

/// How many bytes of the label and the name are looked at, with what separates them.
const CONTEXT: usize = 256;

/// Blanks beside a label. More are sent by nobody, and would hide what is behind them.
const MAX_BLANKS: usize = 32;

/// Searches a form in parts.
#[derive(Debug, Default)]
pub(super) struct MultipartScanner {
    /// The end of what was seen.
    tail: Vec<u8>,
}

impl MultipartScanner {
    /// Which of the fields is there once this piece is.
    pub(super) fn find<W: Wanted>(&mut self, piece: &[u8], wanted: &[W]) -> Option<usize> {
        let mut border = std::mem::take(&mut self.tail);
        let begin = piece.len().min(CONTEXT);
        border.extend_from_slice(piece.get(..begin).unwrap_or_default());
        let found = find(&border, wanted).or_else(|| find(piece, wanted));
        self.tail = if let Some(at) = piece.len().checked_sub(CONTEXT) {
            piece.get(at..).unwrap_or_default().to_vec()
        } else {
            let at = border.len().saturating_sub(CONTEXT);
            border.split_off(at)
        };
        found
    }
}

/// A label is found by its last letter, which is rarer than its first.
fn find<W: Wanted>(text: &[u8], wanted: &[W]) -> Option<usize> {
    LABELS.iter().find_map(|(label, separator)| {
        let last = *label.last()?;
        let mut ends = memchr::memchr2_iter(last, last.to_ascii_uppercase(), text);
        ends.find_map(|end| {
            let start = (end + 1).checked_sub(label.len())?;
            let (before, rest) = (text.get(..start)?, text.get(end + 1..)?);
            let is_label = text.get(start..=end)?.eq_ignore_ascii_case(label);
            let begins = *separator == b':' || begins_parameter(before);
            (is_label && begins).then(|| named(rest, *separator, wanted))?
        })
    })
}

/// Whether a parameter begins behind that text: there is a semicolon, and maybe blanks or a line's
/// end.
fn begins_parameter(before: &[u8]) -> bool {
    let text = before.trim_ascii_end();
    text.last() == Some(&b';') || before.len() - text.len() > MAX_BLANKS
}

/// Which of the fields is named behind a label.
fn named<W: Wanted>(rest: &[u8], separator: u8, wanted: &[W]) -> Option<usize> {
    let any = || wanted.first().map(|_| 0);
    // `name*=` and `name*0=` (RFC 2231) are read by some. Nobody sends them for a field's name.
    if let Some(extended) = rest.strip_prefix(b"*") {
        let is_one = extended
            .first()
            .is_some_and(|byte| *byte == b'=' || byte.is_ascii_digit());
        return is_one.then(any)?;
    }
    let value = rest.trim_ascii_start();
    if rest.len() - value.len() > MAX_BLANKS {
        return any();
    }
    let value = value.strip_prefix(&[separator])?;
    let rest = value.trim_ascii_start();
    if value.len() - rest.len() > MAX_BLANKS {
        return any();
    }
    let name = name_in(rest)?;
    let mut wanted = wanted.iter();
    wanted.position(|field| field.name().as_bytes().eq_ignore_ascii_case(&name))
}

/// The name as it is written there, without quotes, backslashes and brackets; `None` if its end is
/// not there yet.
fn name_in(value: &[u8]) -> Option<Vec<u8>> {
    let is_quoted = value.first() == Some(&b'"');
    let mut name = Vec::new();
    for byte in value.iter().skip(usize::from(is_quoted)) {
        match byte {
            b'[' | b']' if name.is_empty() => {}
            b'"' | b'\r' | b'\n' | b';' | b'[' | b']' => return Some(name),
            b' ' | b'\t' if !is_quoted => return Some(name),
            b'\\' => {}
            byte if name.len() < MAX_NAME => name.push(*byte),
            _ => return None,
        }
    }
    None
}
