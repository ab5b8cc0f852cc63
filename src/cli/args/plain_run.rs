//! `authsome run -- COMMAND`, read without clap: to put its flags together takes a twentieth of a
//! start, and most starts have none.

use std::ffi::OsString;

use super::{Arguments, Command, Global, Run};

/// The arguments, if they are `run` and a command, with no flags but those of every command: what
/// clap makes of them, too. `None` for all others, right or wrong. The first word is the program's
/// name.
pub(in crate::cli) fn plain_run(words: &[OsString]) -> Option<Arguments> {
    let mut global = Global::default();
    let mut words = words.iter().skip(1).peekable();
    let mut is_run = false;
    let begins_command = |word: &OsString| !word.as_encoded_bytes().starts_with(b"-");
    while let Some(word) = words.next_if(|word| !is_run || !begins_command(word)) {
        let flag = match word.to_str()? {
            "run" if !is_run => &mut is_run,
            "--" if is_run => break,
            "--json" => &mut global.json,
            "--quiet" | "-q" => &mut global.quiet,
            "--no-color" => &mut global.no_color,
            "--verbose" => &mut global.verbose,
            _ => return None,
        };
        if std::mem::replace(flag, true) {
            return None; // clap refuses a flag that is repeated
        }
    }
    let command: Vec<_> = words.cloned().collect();
    (is_run && !command.is_empty()).then(|| Arguments {
        global,
        command: Some(Command::Run(Box::new(Run {
            command,
            ..Run::default()
        }))),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// What clap makes of the words, if `plain_run` says that it knows.
    fn compare(words: &[OsString]) -> bool {
        let Some(plain) = plain_run(words) else {
            return false;
        };
        let parsed = Arguments::try_parse_from(words);
        let parsed = parsed.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        assert_eq!(format!("{plain:?}"), format!("{parsed:?}"), "{words:?}");
        true
    }

    #[test]
    fn it_makes_of_any_words_what_clap_makes_of_them_or_nothing() {
        let alphabet = [
            "run", "--", "-q", "--quiet", "--json", "-x", "--only=a", "x", "", "login",
        ];
        let (mut sequences, mut known) = (vec![vec![OsString::from("authsome")]], 0);
        for _ in 0..4 {
            let longer = sequences.iter().flat_map(|words| {
                let next = |word: &&str| [words.as_slice(), &[word.into()]].concat();
                alphabet.iter().map(next).collect::<Vec<_>>()
            });
            sequences = longer.collect();
            known += sequences.iter().filter(|words| compare(words)).count();
        }
        assert!(known > 100, "{known}");
    }

    #[test]
    fn it_knows_the_usual_ones() {
        for words in [
            &["authsome", "run", "--", "python", "my_agent.py"][..],
            &["authsome", "--quiet", "run", "--", "make"],
            &[
                "authsome",
                "run",
                "--verbose",
                "--no-color",
                "--",
                "make",
                "--",
                "-j",
            ],
            &["authsome", "run", "curl", "--json", "{}"],
        ] {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            assert!(compare(&words), "{words:?}");
        }
    }
}
