//! What the child would inherit, and whether one of a vault's secrets is in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use memchr::memmem;

/// How many bytes of a secret are looked up. A shorter one is searched for.
const WINDOW: usize = 8;

/// Bits for each byte of the values, and the most of them: so that hardly a window of a secret is taken for one of a value by chance.
const BITS_PER_BYTE: usize = 16;
const MOST_BITS: usize = 1 << 24;

/// The parent's environment, laid out for many questions: a vault of thousands of connections has a secret or three in each of them, and
/// a search through all variables for each of those would take longer than the whole start.
pub struct Inherited {
    variables: Vec<(OsString, OsString)>,
    /// A bit for each [`WINDOW`] bytes that stand somewhere in a value, by their hash.
    windows: Vec<u64>,
}

impl Inherited {
    /// Of those variables.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let variables: Vec<_> = variables.into_iter().collect();
        let bytes: usize = variables.iter().map(|(_, value)| value.len()).sum();
        let bits = (bytes * BITS_PER_BYTE)
            .next_power_of_two()
            .clamp(64, MOST_BITS);
        let mut inherited = Self {
            variables,
            windows: vec![0; bits / 64],
        };
        for (_, value) in &inherited.variables {
            for window in value.as_bytes().windows(WINDOW) {
                let (word, bit) = place(window, inherited.windows.len());
                inherited.windows[word] |= bit;
            }
        }
        inherited
    }

    /// Name and value of each.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Whether a value has `secret` in it.
    pub fn holds(&self, secret: &str) -> bool {
        let secret = secret.as_bytes();
        let is_known = |window: &[u8]| {
            let (word, bit) = place(window, self.windows.len());
            self.windows[word] & bit != 0
        };
        let mut windows = secret.windows(WINDOW);
        !secret.is_empty()
            && windows.all(is_known)
            && self
                .variables
                .iter()
                .any(|(_, value)| memmem::find(value.as_bytes(), secret).is_some())
    }
}

/// Fibonacci hashing: a multiplication spreads what is alike over the upper bits.
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
