//! Quotes words for hints, so that they can be typed as they are shown.

use std::ffi::{OsStr, OsString};

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

/// The same command line with that argument, or value of a flag, replaced.
pub(super) fn typed_command_replacing(old: &str, new: &str) -> String {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    replaced(&words, old, new)
}

fn replaced(words: &[OsString], old: &str, new: &str) -> String {
    let other = |word: &OsString| {
        if word == old {
            return shell_word(OsStr::new(new));
        }
        let text = word.to_string_lossy();
        let flag = text
            .strip_suffix(old)
            .filter(|flag| flag.starts_with("--") && flag.ends_with('='));
        match flag {
            Some(flag) => shell_word(OsStr::new(&format!("{flag}{new}"))),
            None => shell_word(word),
        }
    };
    let words: Vec<_> = words.iter().map(other).collect();
    format!("authsome {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_argument_is_replaced() {
        let words = ["login", "x", "--param", "a=1", "--field=a=1", "a=12"];
        let words = words.map(OsString::from);
        assert_eq!(
            replaced(&words, "a=1", "a=2 3"),
            "authsome login x --param 'a=2 3' '--field=a=2 3' a=12"
        );
    }

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
