//! The environment that the child would inherit, and whether one of the vault's secrets is in it.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;

use super::PLACEHOLDER;

/// How many bytes of a secret are looked up in the filter. A shorter secret is searched for
/// directly.
const WINDOW: usize = 8;

/// The filter's bits for each byte of the values, and their maximum: enough that a window of a
/// secret rarely collides with a window of a value.
const BITS_PER_BYTE: usize = 16;
const MAX_BITS: usize = 1 << 24;

/// The parent's environment, indexed for many lookups. A vault of thousands of connections has one
/// to three secrets in each; to search all variables for each secret would take longer than the
/// rest of the start.
pub struct Inherited {
    variables: Vec<(OsString, OsString)>,
    /// The decoded base64 in the values: `Authorization: Basic …` in git's configuration, an auth
    /// entry of Docker's.
    encoded: Vec<Vec<u8>>,
    /// A Bloom filter with one hash function: a bit for each sequence of [`WINDOW`] bytes in a
    /// value or in its decoded base64. A clear bit proves that a secret is absent; set bits require
    /// a search.
    windows: Vec<u64>,
    /// The indexes in `variables` of those that contained a secret.
    cleaned: Vec<usize>,
}

impl Inherited {
    /// Indexes these variables.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let variables: Vec<_> = variables.into_iter().collect();
        let encoded = |(_, value): &(OsString, OsString)| -> Vec<_> {
            encoded(value.as_bytes()).map(|(_, said)| said).collect()
        };
        let encoded: Vec<_> = variables.iter().flat_map(encoded).collect();
        let bytes: usize = variables.iter().map(|(_, value)| value.len()).sum();
        let bits = (bytes * BITS_PER_BYTE)
            .next_power_of_two()
            .clamp(64, MAX_BITS);
        let mut inherited = Self {
            variables,
            encoded,
            windows: vec![0; bits / 64],
            cleaned: Vec::new(),
        };
        for text in texts(&inherited.variables, &inherited.encoded) {
            for window in text.windows(WINDOW) {
                let (word, bit) = place(window, inherited.windows.len());
                inherited.windows[word] |= bit;
            }
        }
        inherited
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let mut variables = self.variables.iter();
        let found = variables.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// Replaces each of `secrets` by the placeholder.
    ///
    /// The rest of a value is kept: a URL with a token in it remains a URL, and the number of git's
    /// `GIT_CONFIG_…` variables still matches their count.
    pub fn clean(&mut self, secrets: &[&str]) {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| secret.as_bytes())
            .filter(|secret| !secret.is_empty())
            .collect();
        for (place, (_, value)) in self.variables.iter_mut().enumerate() {
            if let Some(clean) = without(value.as_bytes(), &secrets) {
                *value = OsString::from_vec(clean);
                self.cleaned.push(place);
            }
        }
    }

    /// Name and cleaned value of each variable that contained a secret.
    pub fn cleaned(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let places = self.cleaned.iter();
        let variables = places.filter_map(|place| self.variables.get(*place));
        variables.map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Whether a value contains `secret`, in plain text or in base64.
    pub fn holds(&self, secret: &str) -> bool {
        let secret = secret.as_bytes();
        let is_known = |window: &[u8]| {
            let (word, bit) = place(window, self.windows.len());
            self.windows[word] & bit != 0
        };
        let mut windows = secret.windows(WINDOW);
        !secret.is_empty()
            && windows.all(is_known)
            && texts(&self.variables, &self.encoded)
                .any(|text| memmem::find(text, secret).is_some())
    }
}

fn texts<'a>(
    variables: &'a [(OsString, OsString)],
    encoded: &'a [Vec<u8>],
) -> impl Iterator<Item = &'a [u8]> {
    let values = variables.iter().map(|(_, value)| value.as_bytes());
    values.chain(encoded.iter().map(Vec::as_slice))
}

/// A shorter run of base64 characters is not decoded.
const MIN_ENCODED: usize = 12;

/// Each run of base64 characters, of either alphabet, with its decoded bytes.
fn encoded(text: &[u8]) -> impl Iterator<Item = (&[u8], Vec<u8>)> {
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    text.split(move |byte| !is_of_base64(byte))
        .filter(|run| run.len() >= MIN_ENCODED)
        .filter_map(|run| Some((run, decode(run)?)))
}

fn decode(run: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let in_one_alphabet = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    // A single leftover character encodes less than a byte.
    let whole = run.len() - usize::from(run.len() % 4 == 1);
    let run: Vec<_> = run.iter().take(whole).map(in_one_alphabet).collect();
    LENIENT.decode(run).ok()
}

/// The value with the placeholder in place of each secret, and of each run of base64 that contains
/// one; `None` where there is none.
fn without(value: &[u8], secrets: &[&[u8]]) -> Option<Vec<u8>> {
    let has = |text: &[u8]| {
        secrets
            .iter()
            .any(|secret| memmem::find(text, secret).is_some())
    };
    let runs = encoded(value).filter(|(_, said)| has(said));
    let runs: Vec<_> = runs.map(|(run, _)| run.to_vec()).collect();
    let mut clean = Cow::Borrowed(value);
    for secret in secrets
        .iter()
        .copied()
        .chain(runs.iter().map(Vec::as_slice))
    {
        if memmem::find(&clean, secret).is_some() {
            clean = Cow::Owned(replace(&clean, secret));
        }
    }
    matches!(clean, Cow::Owned(_)).then(|| clean.into_owned())
}

fn replace(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut end = 0;
    for start in memmem::find_iter(text, secret) {
        clean.extend_from_slice(&text[end..start]);
        clean.extend_from_slice(PLACEHOLDER.as_bytes());
        end = start + secret.len();
    }
    clean.extend_from_slice(&text[end..]);
    clean
}

/// Fibonacci hashing: the multiplication spreads similar inputs over the upper bits.
fn place(window: &[u8], words: usize) -> (usize, u64) {
    let bytes = window
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let hash = bytes.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let index = usize::try_from(hash).unwrap_or_default() & (words * 64 - 1);
    (index / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inherited(values: &[&str]) -> Inherited {
        let variables = values.iter().enumerate();
        Inherited::new(variables.map(|(index, value)| (format!("V{index}").into(), value.into())))
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let inherited = inherited(&["https://oauth2:glpat-0123456789@host/", "abc", ""]);
        for secret in [
            "glpat-0123456789",
            "https://",
            "@host/",
            "abc",
            "a",
            "https://oauth2:glpat-0123456789@host/",
        ] {
            assert!(inherited.holds(secret), "{secret}");
        }
        for secret in ["glpat-0123456788", "0123456789@host/abc", "abcd", "x", ""] {
            assert!(!inherited.holds(secret), "{secret}");
        }
        assert!(!self::inherited(&[]).holds("a"));
    }

    #[test]
    fn a_secret_in_base64_is_found_and_taken_out_whole() {
        // `printf oauth2:glpat-0123456789 | base64`, and the same with `?~` in front and without
        // padding.
        for encoded in [
            "b2F1dGgyOmdscGF0LTAxMjM0NTY3ODk=",
            "P35vYXV0aDI6Z2xwYXQtMDEyMzQ1Njc4OQ",
        ] {
            let mut inherited = inherited(&[&format!("AUTHORIZATION: basic {encoded}"), "other"]);
            assert!(inherited.holds("glpat-0123456789"));
            assert!(!inherited.holds("glpat-0123456780"));
            inherited.clean(&["glpat-0123456789"]);
            let expected = format!("AUTHORIZATION: basic {PLACEHOLDER}");
            let value = inherited.get("V0").unwrap().to_str().unwrap();
            assert_eq!(value.trim_end_matches('='), expected);
            assert_eq!(inherited.cleaned().count(), 1);
        }
    }

    #[test]
    fn large_environments_are_no_exception() {
        let text = |index: usize| format!("{:x}", index * 7_919_993_333);
        let values: Vec<_> = (0..40_000).map(text).collect();
        let whole = values.join(",");
        let inherited = inherited(&[&whole]);
        assert!(
            values
                .iter()
                .step_by(997)
                .all(|value| inherited.holds(value))
        );
        assert!(!inherited.holds("0123456789abcdef"));
    }
}
