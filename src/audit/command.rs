//! A command line as the log keeps it: readable, bounded, and without what may be a secret.
//!
//! Secrets are typed into command lines although they should not be. No rule finds all of them, so
//! this one is wide: it takes away what follows a flag or a name that announces a secret, the
//! password of a URL and its query, and whatever looks like a token. A harmless word that is taken
//! away costs the reader little.

use std::ffi::OsStr;

use crate::defence::Defence;

/// What stands in the log in place of a secret.
const HIDDEN: &str = "***";

/// The maximum number of words, and of bytes in each and in all of them.
const MAX_WORDS: usize = 32;
const MAX_WORD: usize = 160;
const MAX_LINE: usize = 1024;

/// Parts of names that announce a secret: of flags, variables, fields and parameters.
const ANNOUNCING: [&str; 13] = [
    "auth",
    "bearer",
    "cookie",
    "credential",
    "key",
    "oauth2",
    "pass",
    "private",
    "pwd",
    "secret",
    "session",
    "token",
    "user",
];

/// Flags of one letter whose value is often a secret: user and password, a field, a cookie.
const SHORT: [&str; 5] = ["-H", "-U", "-b", "-p", "-u"];

/// A run of letters and digits of this length that has both is taken for a token, and so is any of
/// the greater length.
const MIN_MIXED: usize = 12;
const MIN_PLAIN: usize = 40;

/// A word with punctuation in it is taken for a token from this length on, if it has capital
/// letters, small ones and digits.
const MIN_VARIED: usize = 20;

/// The words of a command as the log keeps them. Words that are left out are counted in the last
/// one.
pub(super) fn shown<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> Vec<String> {
    let (mut kept, mut length, mut left_out) = (Vec::new(), 0, 0_usize);
    let mut is_announced = false;
    for word in words {
        let word = word.to_string_lossy();
        let safe = if !Defence::LogRedaction.stands() {
            word.to_string()
        } else if is_announced {
            HIDDEN.to_owned()
        } else {
            cut(&without_secrets(&word))
        };
        is_announced = !is_announced && announces_next(&word);
        length += safe.len();
        if kept.len() < MAX_WORDS && length <= MAX_LINE {
            kept.push(safe);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        kept.push(format!("… and {left_out} more"));
    }
    kept
}

/// Whether the word is a flag whose value is the next word, and that value may be a secret.
fn announces_next(word: &str) -> bool {
    let is_flag = word.starts_with('-') && !word.contains(['=', ':', ' ']);
    is_flag && (SHORT.contains(&word) || (word.starts_with("--") && announces(word)))
}

fn announces(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ANNOUNCING.iter().any(|part| name.contains(part))
}

/// A word, which may be a whole script, piece by piece. Where a piece announces a secret, nothing
/// that follows in the word is kept: a value in quotes may have several pieces, and only a shell
/// knows where it ends.
fn without_secrets(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for piece in word.split_inclusive(char::is_whitespace) {
        let text = piece.trim_end();
        let bare = text.trim_matches(['\'', '"']);
        let field = bare.strip_suffix(':').is_some_and(announces);
        if (field || announces_next(bare)) && piece.len() > text.len() {
            out.push_str(text);
            out.push(' ');
            out.push_str(HIDDEN);
            return out;
        }
        out.push_str(&piece_without_secrets(text));
        let opens_quote = text.contains(['\'', '"']) && bare.contains(['=', ':']);
        if opens_quote && out.ends_with(HIDDEN) {
            return out;
        }
        out.push_str(piece.get(text.len()..).unwrap_or_default());
    }
    out
}

fn piece_without_secrets(piece: &str) -> String {
    if let Some((scheme, rest)) = piece.split_once("://") {
        return format!("{scheme}://{}", address(rest));
    }
    let separator = piece.find(['=', ':']);
    if let Some((name, value)) = separator.and_then(|at| piece.split_at_checked(at)) {
        let mark = value.get(..1).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        if announces(name) && !value.is_empty() {
            return format!("{name}{mark}{HIDDEN}");
        }
        return format!(
            "{}{mark}{}",
            name_or_token(name),
            piece_without_secrets(value)
        );
    }
    name_or_token(piece)
}

/// What follows `://`: without user and password, and without its query.
fn address(rest: &str) -> String {
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (place, query) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (host, path) = place
        .split_at_checked(place.find('/').unwrap_or(place.len()))
        .unwrap_or((place, ""));
    let host = match host.rsplit_once('@') {
        Some((_, host)) => format!("{HIDDEN}@{host}"),
        None => host.to_owned(),
    };
    let mark = if query.is_empty() { "" } else { "?***" };
    format!("{host}{}{mark}", name_or_token(path))
}

/// A path or another text: each part between slashes is kept unless it looks like a token.
fn name_or_token(text: &str) -> String {
    let parts = text.split('/');
    let parts = parts.map(|part| if is_token(part) { HIDDEN } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn is_token(part: &str) -> bool {
    let has = |kind: fn(&u8) -> bool, text: &str| text.as_bytes().iter().any(kind);
    let digit = u8::is_ascii_digit;
    let is_varied = part.len() >= MIN_VARIED
        && has(digit, part)
        && has(u8::is_ascii_uppercase, part)
        && has(u8::is_ascii_lowercase, part);
    let mut runs = part.split(|character: char| !character.is_ascii_alphanumeric());
    is_varied
        || runs.any(|run| {
            let is_mixed = has(digit, run) && has(u8::is_ascii_alphabetic, run);
            run.len() >= MIN_PLAIN || (run.len() >= MIN_MIXED && is_mixed)
        })
}

fn cut(word: &str) -> String {
    if word.len() <= MAX_WORD {
        return word.to_owned();
    }
    let end = (0..=MAX_WORD).rev().find(|&end| word.is_char_boundary(end));
    format!("{}…", word.get(..end.unwrap_or(0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> String {
        shown(words.iter().map(OsStr::new)).join(" ")
    }

    #[test]
    fn usual_commands_stay_as_they_were_typed() {
        for words in [
            &["python", "my_agent.py", "--port", "8080"][..],
            &["git", "clone", "https://gitlab.com/group/private.git"],
            &["claude", "-c"],
            &["/usr/local/bin/npx", "semantic-release@24", "--dry-run"],
            &["sh", "-c", "make && ./deploy.sh v1.2.3 > /tmp/log 2>&1"],
            &["curl", "-sS", "http://localhost:8080/api/v4/user"],
        ] {
            assert_eq!(line(words), words.join(" "));
        }
    }

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (words, expected) in [
            (&["x", "--token", "abc"][..], "x --token ***"),
            (&["x", "--api-key=abc"], "x --api-key=***"),
            (&["curl", "-u", "ada:abc"], "curl -u ***"),
            (&["curl", "-H", "PRIVATE-TOKEN: abc"], "curl -H ***"),
            (&["env", "GITLAB_TOKEN=abc", "x"], "env GITLAB_TOKEN=*** x"),
            (&["x", "MYSQL_PWD=abc"], "x MYSQL_PWD=***"),
            (
                &["curl", "https://u:abc@h.test/p?private_token=abc#abc"],
                "curl https://***@h.test/p?***",
            ),
            (
                &["x", "--url=https://u:abc@h.test/"],
                "x --url=https://***@h.test/",
            ),
            (&["x", "glpat-Abc123Def456Ghi789Jk"], "x ***"),
            (&["x", "0123456789abcdef0123"], "x ***"),
            (&["x", "a/0123456789abcdef0123/b"], "x a/***/b"),
            (&["x", "Ab-1_Cd-2_Ef-3_Gh-4_Ij"], "x ***"),
            (&["x", "header:abc1234defgh5678"], "x header:***"),
            (
                &["sh", "-c", "curl -H 'Authorization: Bearer abc' h"],
                "sh -c curl -H ***",
            ),
            (
                &["sh", "-c", "x --password 'a abc'; y"],
                "sh -c x --password ***",
            ),
            (&["sh", "-c", "TOKEN=abc x"], "sh -c TOKEN=*** x"),
            (&["x", "Cookie: a=abc; b=abc"], "x Cookie: ***"),
        ] {
            let shown = line(words);
            let is_hidden = !shown.contains("abc") && !shown.contains("0123456789");
            assert!(
                is_hidden && shown.starts_with(expected),
                "{shown}, expected {expected}"
            );
        }
    }

    #[test]
    fn a_line_does_not_grow_without_end() {
        let long = "ä b ".repeat(1000);
        let words: Vec<_> = std::iter::repeat_n(OsStr::new(&long), 100).collect();
        let shown = shown(words);
        assert!(shown.len() <= MAX_WORDS + 1);
        assert!(shown.concat().len() <= MAX_LINE + 64);
        assert!(shown.last().is_some_and(|last| last.ends_with("more")));
    }
}
