//! Makes text safe to show that somebody else wrote: a server, or the author of a definition, of a
//! repository or of a name.
//!
//! Three kinds of characters can deceive the reader: terminal control characters (C0, C1, and the
//! escape sequences that start with them), characters that change the text direction ("Trojan
//! Source", CVE-2021-42574), and invisible characters. In text for people, a mark replaces each of
//! them. In JSON they are escaped, so that the data stays the same.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write;

use url::Url;

use crate::defence::Defence;

/// What replaces a character that is not shown.
const MARK: char = char::REPLACEMENT_CHARACTER;

/// Whether a character moves the cursor, changes the text direction, or is invisible.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{feff}' | '\u{3164}' | '\u{ffa0}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// For text on one line. A line break becomes a space, so that no foreign text can begin a line.
pub fn line(text: &str) -> Cow<'_, str> {
    replace(text, |character| match character {
        '\n' | '\t' => Some(' '),
        _ => None,
    })
}

/// For our own text with several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    replace(text, |character| (character == '\n').then_some('\n'))
}

fn replace(text: &str, kept: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    if !text.contains(is_deceptive) || !Defence::SafeText.stands() {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|character| match character {
        character if is_deceptive(character) => kept(character).unwrap_or(MARK),
        character => character,
    });
    Cow::Owned(shown.collect())
}

/// For JSON text as `serde_json` writes it. In it, such characters occur only inside strings, apart
/// from line feeds, so escaping them (RFC 8259 §7) keeps the value the same.
pub fn json(text: &str) -> Cow<'_, str> {
    let is_raw = |character: char| is_deceptive(character) && character != '\n';
    if !text.contains(is_raw) || !Defence::SafeText.stands() {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_raw(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}"); // a String takes everything
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The host and port of a URL. The rest is left out, because it may be private.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// An error with its causes. A cause whose text is already there is not repeated.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C0, DEL, C1 (CSI in one byte), bidi, zero width, tags, a line separator.
    const DECEPTIVE: &str = "\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{200f}\u{61c}\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{e0041}\u{2028}";

    #[test]
    fn nothing_deceptive_is_shown() {
        let shown = line(DECEPTIVE);
        assert_eq!(shown.chars().count(), DECEPTIVE.chars().count());
        assert!(shown.chars().all(|character| character == MARK));
        assert!(!lines(DECEPTIVE).contains(is_deceptive));
    }

    #[test]
    fn what_is_written_by_people_stays() {
        for text in ["é ñ 漢字 עברית العربية 👍🏽 c'est « bon »", "a-b_c"] {
            assert_eq!(line(text), text);
            assert_eq!(json(text), text);
        }
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\r\nerror: b\tc"), "a\u{fffd} error: b c");
        assert_eq!(lines("a\nb\r"), "a\nb\u{fffd}");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "a": DECEPTIVE, DECEPTIVE: ["\n\t\"\\"] });
        for written in [format!("{value}"), format!("{value:#}")] {
            let shown = json(&written);
            assert!(!shown.replace('\n', "").contains(is_deceptive), "{shown:?}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
                value
            );
        }
    }
}
