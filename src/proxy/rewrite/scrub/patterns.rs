//! The texts that a session's responses are searched for.

use std::fmt;

use http::HeaderValue;

use super::forms::{Form, forms};
use super::search::{Found, Index};
use crate::defence::Defence;
use crate::proxy::limits::{
    MAX_SCRUB_BYTES, MAX_SCRUB_PATTERNS, MAX_SCRUBBED_SECRET, MIN_SCRUBBED_SECRET,
};

/// A secret, and what stands for it.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct Hidden<'a> {
    /// A token, a key, or a password, without its scheme or user name.
    pub(in crate::proxy) secret: &'a [u8],
    /// What the child gets in its place.
    pub(in crate::proxy) placeholder: &'a str,
}

/// How long a replacement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Fit {
    /// The placeholder, to the letter: for a value that comes back as a credential, as in the
    /// response of a token endpoint.
    Exact,
    /// As long as what it replaces, by cutting the placeholder or by `-` behind it. The body's
    /// `Content-Length`, byte ranges, and the lengths within a binary format stay true.
    SameLength,
}

/// All forms of a session's secrets, ready to be searched for. They are wiped when this is dropped,
/// and do not print.
pub(in crate::proxy) struct Patterns {
    /// Sorted by their text, as the index has them.
    replacements: Vec<Replacement>,
    index: Index,
}

struct Replacement {
    exact: Box<[u8]>,
    same_length: Box<[u8]>,
}

/// What a search has made of a text.
pub(super) struct Scanned {
    /// The text up to `open` with its replacements, if there are any.
    pub(super) replaced: Option<Vec<u8>>,
    /// Where the beginning of what may become a match stands, or the end of the text.
    pub(super) open: usize,
    /// How many matches were replaced.
    pub(super) matches: u64,
}

impl Patterns {
    /// Prepares the search for these secrets. If one is in two forms the same, or in another one,
    /// the longest match at the first place is replaced.
    ///
    /// Not searched for are secrets shorter than [`MIN_SCRUBBED_SECRET`], which would be found
    /// where they are not meant, or longer than [`MAX_SCRUBBED_SECRET`]; one that is a part of its
    /// own placeholder; and those behind the ones that have used up [`MAX_SCRUB_PATTERNS`] or
    /// [`MAX_SCRUB_BYTES`].
    pub(in crate::proxy) fn new<'a>(hidden: impl IntoIterator<Item = Hidden<'a>>) -> Self {
        let mut found: Vec<Form> = Vec::new();
        let mut bytes = 0;
        let sought =
            |hidden: &Hidden<'_>| is_sought(*hidden) && Defence::ResponseScrubbing.stands();
        for hidden in hidden.into_iter().filter(sought) {
            let forms = forms(hidden.secret, hidden.placeholder.as_bytes());
            let more: usize = forms.iter().map(|form| form.text.len()).sum();
            if found.len() + forms.len() <= MAX_SCRUB_PATTERNS && bytes + more <= MAX_SCRUB_BYTES {
                bytes += more;
                found.extend(forms);
            }
        }
        found.sort_by(|one, other| one.text.cmp(&other.text));
        found.dedup_by(|later, first| later.text == first.text);
        let texts: Vec<&[u8]> = found.iter().map(|form| form.text.as_slice()).collect();
        let index = Index::new(&texts);
        let replacements = found.into_iter().map(|form| Replacement {
            exact: form.exact.into_boxed_slice(),
            same_length: form.same_length.into_boxed_slice(),
        });
        Self {
            replacements: replacements.collect(),
            index,
        }
    }

    /// Whether there is nothing to search for.
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.replacements.is_empty()
    }

    /// No text with less bytes has a secret.
    pub(super) fn shortest(&self) -> usize {
        self.index.window()
    }

    /// A field's value without secrets; `None` if it has none.
    pub(in crate::proxy) fn scrub_header(
        &self,
        value: &HeaderValue,
        fit: Fit,
    ) -> Option<HeaderValue> {
        let replaced = self.scrub(value.as_bytes(), fit)?;
        // Placeholders are visible ASCII. One that is not leaves nothing of the value.
        let replaced = HeaderValue::from_bytes(&replaced);
        let mut replaced = replaced.unwrap_or(HeaderValue::from_static(""));
        replaced.set_sensitive(value.is_sensitive());
        Some(replaced)
    }

    /// A whole text without secrets; `None` if it has none.
    pub(in crate::proxy) fn scrub(&self, text: &[u8], fit: Fit) -> Option<Vec<u8>> {
        self.scan(text, fit, true).replaced
    }

    /// Searches a text. Unless it `is_end`, what may become a match with the text that follows is
    /// left open.
    pub(super) fn scan(&self, text: &[u8], fit: Fit, is_end: bool) -> Scanned {
        let mut replaced: Option<Vec<u8>> = None;
        let (mut done, mut matches) = (0, 0);
        let open = loop {
            match self.index.find(text, done, is_end) {
                Found::Match {
                    start,
                    end,
                    pattern,
                } => {
                    let out = replaced.get_or_insert_with(|| Vec::with_capacity(text.len()));
                    out.extend_from_slice(&text[done..start]);
                    out.extend_from_slice(self.replacement(pattern, fit));
                    (done, matches) = (end, matches + 1);
                }
                Found::Nothing => break text.len(),
                Found::Open(start) => break start,
            }
        };
        if let Some(out) = &mut replaced {
            out.extend_from_slice(&text[done..open]);
        }
        Scanned {
            replaced,
            open,
            matches,
        }
    }

    fn replacement(&self, pattern: usize, fit: Fit) -> &[u8] {
        self.replacements
            .get(pattern)
            .map_or(&[], |replacement| match fit {
                Fit::Exact => &replacement.exact,
                Fit::SameLength => &replacement.same_length,
            })
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Patterns([{} redacted])",
            self.replacements.len()
        )
    }
}

fn is_sought(hidden: Hidden<'_>) -> bool {
    let Hidden {
        secret,
        placeholder,
    } = hidden;
    let is_in_placeholder = || {
        let mut parts = placeholder.as_bytes().windows(secret.len());
        parts.any(|part| part == secret)
    };
    (MIN_SCRUBBED_SECRET..=MAX_SCRUBBED_SECRET).contains(&secret.len()) && !is_in_placeholder()
}
