//! The user's `.curlrc` without the options that would bypass the proxy or its CA. It is parsed as
//! curl parses it (curl(1), `--config`): an option may be written `proxy = x`, `--proxy x`, `-x x`,
//! `-xx`, or after other letters in one word (`-sSx x`), and a file may include other files.

use std::path::Path;

use super::dotfiles::{MAX_FILE, read};

/// Options that choose proxies and trust, and those with which curl could not reach the proxy at
/// 127.0.0.1.
const LONG: [&str; 20] = [
    "cacert",
    "capath",
    "interface",
    "ipv6",
    "noproxy",
    "preproxy",
    "proxy",
    "proxy-anyauth",
    "proxy-basic",
    "proxy-digest",
    "proxy-negotiate",
    "proxy-ntlm",
    "proxy-user",
    "proxy1.0",
    "socks4",
    "socks4a",
    "socks5",
    "socks5-basic",
    "socks5-gssapi",
    "socks5-hostname",
];

/// The same options as single letters: those with a value, and the one without (`-6`).
const SHORT_WITH_VALUE: [char; 2] = ['x', 'U'];
const SHORT: char = '6';

/// Letters whose option takes a value: the rest of the word is that value.
const TAKES_VALUE: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// curl accepts an unambiguous prefix of a long option. A shorter prefix than this is not treated
/// as one.
const MIN_PART: usize = 4;

/// How deep files may include each other, because a file may include itself. Deeper files are left
/// out.
const MAX_DEPTH: usize = 4;

/// The file for a session; `None` where the user's file can be used unchanged.
pub(super) fn for_session(user: &[u8]) -> Option<Vec<u8>> {
    let content = filtered(user, 0);
    (content != user).then_some(content)
}

fn filtered(text: &[u8], depth: usize) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let made = match std::str::from_utf8(line) {
            Ok(line) => Line::parse(line).for_session(depth),
            Err(_) => Made::Same, // not one of these options
        };
        match made {
            Made::Same => kept.extend_from_slice(line),
            Made::Other(other) => {
                kept.extend_from_slice(&other);
                if !other.is_empty() && !kept.ends_with(b"\n") {
                    kept.push(b'\n');
                }
            }
            Made::Nothing => {}
        }
    }
    kept
}

/// What replaces a line.
enum Made {
    Same,
    Other(Vec<u8>),
    Nothing,
}

/// A line, split as curl splits it.
struct Line<'a> {
    option: &'a str,
    value: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let line = line.trim();
        let is_dashed = line.starts_with('-');
        let separates = move |character: char| {
            character.is_ascii_whitespace() || (!is_dashed && matches!(character, '=' | ':'))
        };
        let end = line.find(separates).unwrap_or(line.len());
        let (option, rest) = line.split_at(end);
        Self {
            option,
            value: rest.trim_start_matches(separates),
        }
    }

    fn for_session(&self, depth: usize) -> Made {
        match (
            self.option.strip_prefix("--"),
            self.option.strip_prefix('-'),
        ) {
            (Some(long), _) => self.long(long, depth),
            (None, Some(letters)) => self.letters(letters, depth),
            (None, None) => self.long(self.option, depth),
        }
    }

    fn long(&self, name: &str, depth: usize) -> Made {
        // curl has no option `--proxy=x`, so leaving such a line out loses nothing.
        let name = name.split('=').next().unwrap_or_default();
        let is_part = |long: &str| name.len() >= MIN_PART && long.starts_with(name);
        if LONG.iter().any(|long| *long == name || is_part(long)) {
            return Made::Nothing;
        }
        if name == "config" {
            return included(self.value, depth).map_or(Made::Same, Made::Other);
        }
        Made::Same
    }

    /// `sSx`: letters without a value may precede one with a value, which is the rest of the word
    /// or the next word.
    fn letters(&self, letters: &str, depth: usize) -> Made {
        let with_value = letters.find(|letter| TAKES_VALUE.contains(letter));
        let (flags, last) = letters.split_at(with_value.unwrap_or(letters.len()));
        let mut last_letters = last.chars();
        let (last_letter, attached) = (last_letters.next(), last_letters.as_str());
        let flags_kept = flags.replace(SHORT, "");
        let before = |more: &[u8]| {
            let mut other = Vec::new();
            if !flags_kept.is_empty() {
                other.extend_from_slice(format!("-{flags_kept}\n").as_bytes());
            }
            other.extend_from_slice(more);
            if other.is_empty() {
                Made::Nothing
            } else {
                Made::Other(other)
            }
        };
        match last_letter {
            Some(letter) if SHORT_WITH_VALUE.contains(&letter) => before(&[]),
            Some('K') => {
                let file = if attached.is_empty() {
                    self.value
                } else {
                    attached
                };
                match included(file, depth) {
                    Some(content) => before(&content),
                    None if flags_kept == flags => Made::Same,
                    None => before(format!("-K {file}\n").as_bytes()),
                }
            }
            _ if flags_kept == flags => Made::Same,
            Some(_) => {
                before(format!("{}\n", format!("-{last} {}", self.value).trim_end()).as_bytes())
            }
            None => before(&[]),
        }
    }
}

/// The content that replaces an included file; `None` where the file can be used unchanged, or
/// cannot be read.
fn included(name: &str, depth: usize) -> Option<Vec<u8>> {
    if depth >= MAX_DEPTH {
        return Some(Vec::new());
    }
    let content = read(Path::new(&unquoted(name)), MAX_FILE)?;
    let made = filtered(&content, depth + 1);
    (made != content).then_some(made)
}

/// The value without the double quotes that may surround it.
fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(|character: char| character.is_ascii_whitespace());
        return value[..end.unwrap_or(value.len())].to_owned();
    };
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next().filter(|character| *character != '"') {
        match character {
            '\\' => text.push(match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some(other) => other,
                None => break,
            }),
            plain => text.push(plain),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(user: &str) -> Option<String> {
        for_session(user.as_bytes()).map(|content| String::from_utf8(content).unwrap())
    }

    #[test]
    fn what_is_not_about_proxies_and_trust_stays() {
        let user = "user-agent = x\nproxy = http://corp\n--proxy http://corp\n-xhttp://corp\n-x y\ncacert: /c\nnoproxy=*\n-L\nxattr\n";
        assert_eq!(kept(user).unwrap(), "user-agent = x\n-L\nxattr\n");
        for user in [
            "-L\nuser-agent = x",
            "",
            "-sSL\n-o x\n-HX:6\n",
            "# proxy = x",
        ] {
            assert_eq!(kept(user), None, "{user}");
        }
    }

    #[test]
    fn options_in_one_word_are_told_apart() {
        for (user, expected) in [
            ("-sSx http://corp\n", "-sS\n"),
            ("-sSxhttp://corp", "-sS\n"),
            ("-LU me:pw\n-k\n", "-L\n-k\n"),
            ("-6\n", ""),
            ("-s6S\n", "-sS\n"),
            ("-6H X:x\n", "-H X:x\n"),
            ("-6HX:x\n", "-HX:x\n"),
            ("--socks5-host x\nprox = y\n-L", "-L"),
        ] {
            assert_eq!(kept(user).as_deref(), Some(expected), "{user}");
        }
        // The value of another option.
        for user in ["-ox\n", "-sHx:6\n", "-H x\n", "-Ax6U\n"] {
            assert_eq!(kept(user), None, "{user}");
        }
    }

    #[test]
    fn files_that_are_named_are_read_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, content.as_bytes()).unwrap();
            path.display().to_string()
        };
        let plain = file("plain", "-L\n");
        let proxy = file("with \"blank", "user-agent = x\nproxy = y");
        let named = proxy.replace('"', "\\\"");
        assert_eq!(kept(&format!("config = {plain}\n")), None);
        for line in ["config = ", "-K ", "-sK ", "--config "] {
            let made = kept(&format!("{line}\"{named}\"\n-L\n")).unwrap();
            let flags = if line == "-sK " { "-s\n" } else { "" };
            assert_eq!(made, format!("{flags}user-agent = x\n-L\n"), "{line}");
        }
        let itself = file("itself", "");
        file("itself", &format!("proxy = x\nconfig = {itself}\n"));
        assert_eq!(kept(&format!("config = {itself}\n")).unwrap(), "");
        assert_eq!(kept("config = /nonexistent\n-K -\n"), None);
    }
}
