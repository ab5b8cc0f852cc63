//! Quotes words for hints, so that they can be typed as they are shown.

use std::ffi::OsStr;

/// The characters, besides letters and digits, that no shell interprets.
const PLAIN: &str = "%+,-./:=@_";

/// Quotes one word for a POSIX shell.
pub(super) fn shell_word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || PLAIN.contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The command line that this process was started with.
pub(super) fn typed_command() -> String {
    let typed = std::env::args_os().skip(1);
    let words: Vec<_> = typed.map(|word| shell_word(&word)).collect();
    format!("authsome {}", words.join(" "))
}

/// The command line that this process was started with, followed by more words.
pub(super) fn typed_command_with(more: &str) -> String {
    format!("{} {more}", typed_command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        for (word, shown) in [
            (
                "--base-url=https://a.test:8443/x",
                "--base-url=https://a.test:8443/x",
            ),
            ("", "''"),
            ("a b", "'a b'"),
            ("~/x", "'~/x'"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(shell_word(OsStr::new(word)), shown);
        }
    }
}
