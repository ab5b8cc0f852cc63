//! Words of a command line, for hints that are typed as they stand.

use std::ffi::OsStr;

/// What no shell takes for anything else.
const PLAIN: &str = "%+,-./:=@_";

/// One word as a POSIX shell reads it.
pub(super) fn shell_word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || PLAIN.contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The command that this process was started with, with these words after it.
pub(super) fn typed_command_with(more: &str) -> String {
    let typed = std::env::args_os().skip(1);
    let words: Vec<_> = typed.map(|word| shell_word(&word)).collect();
    format!("authsome {} {more}", words.join(" "))
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
