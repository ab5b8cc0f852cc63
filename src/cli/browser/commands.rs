//! The commands that may open a URL: those in `BROWSER`, or else those of the desktop.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// The commands, in the order in which they are tried.
pub(super) fn for_url(url: &str) -> Vec<Command> {
    match std::env::var_os("BROWSER").filter(|browser| !browser.is_empty()) {
        Some(browser) => of_variable(&browser, url)
            .iter()
            .filter_map(|words| command(words))
            .collect(),
        None => open::commands(url),
    }
}

fn command(words: &[OsString]) -> Option<Command> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments);
    Some(command)
}

/// Splits `BROWSER` (environ(7)) into the words of its commands. Colons separate the commands. Each
/// one is either a path, or a program with arguments in which `%s` stands for the URL, `%c` for a
/// colon and `%%` for a percent sign. Without `%s`, the URL is added as the last word.
fn of_variable(value: &OsStr, url: &str) -> Vec<Vec<OsString>> {
    let alone = |program: &OsStr| vec![program.to_owned(), url.into()];
    if Path::new(value).is_file() {
        return vec![alone(value)];
    }
    let text = value.to_string_lossy();
    let commands = text.split(':').filter(|command| !command.trim().is_empty());
    commands
        .map(|command| {
            if Path::new(command).is_file() {
                return alone(command.as_ref());
            }
            let mut has_url = false;
            let filled = |word: String| OsString::from(fill(&word, url, &mut has_url));
            let mut words: Vec<_> = words(command).into_iter().map(filled).collect();
            if !has_url {
                words.push(url.into());
            }
            words
        })
        .collect()
}

fn fill(word: &str, url: &str, has_url: &mut bool) -> String {
    let mut filled = String::new();
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        let stands_for = match characters.peek().filter(|_| character == '%') {
            Some('s') => {
                *has_url = true;
                url
            }
            Some('c') => ":",
            Some('%') => "%",
            _ => {
                filled.push(character);
                continue;
            }
        };
        characters.next();
        filled.push_str(stands_for);
    }
    filled
}

/// Splits a command as a shell does: whitespace separates words, and quotes and backslashes escape
/// it. Nothing else is special.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), character) if open == character => quote = None,
            (None | Some('"'), '\\') => {
                let next = characters.next().unwrap_or('\\');
                word.get_or_insert_default().push(next);
            }
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn commands(value: &str) -> Vec<Vec<OsString>> {
        of_variable(value.as_ref(), "http://u/?a=%s:1")
    }

    #[test]
    fn a_list_is_cut_at_its_colons_and_the_url_is_filled_in() {
        let url = "http://u/?a=%s:1";
        for (value, expected) in [
            ("firefox", &[&["firefox", url][..]][..]),
            ("chromium:lynx", &[&["chromium", url], &["lynx", url]]),
            (
                "a -n %s:b --x='%s y':",
                &[&["a", "-n", url], &["b", "--x=http://u/?a=%s:1 y"]],
            ),
            ("a %%s%c%x", &[&["a", "%s:%x", url]]),
            (
                r#"a "b \"c" d\ e '\' """#,
                &[&["a", "b \"c", "d e", r"\", "", url]],
            ),
            (": :", &[]),
        ] {
            let expected: Vec<Vec<OsString>> = expected
                .iter()
                .map(|words| words.iter().map(OsString::from).collect())
                .collect();
            assert_eq!(commands(value), expected, "{value}");
        }
    }

    #[test]
    fn a_file_is_one_command_whatever_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join("my: browser");
        File::create(&odd).unwrap();
        let odd = odd.to_str().unwrap();
        assert_eq!(
            commands(odd),
            [[odd, "http://u/?a=%s:1"].map(OsString::from)]
        );
        let blank = directory.path().join("a b");
        File::create(&blank).unwrap();
        let blank = blank.to_str().unwrap();
        let found = commands(&format!("x:{blank}"));
        assert_eq!(found[1][0], blank);
    }
}
