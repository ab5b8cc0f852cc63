//! Commands within a line: `authsome …` between backquotes. The command exists, and so do its
//! flags.

use std::collections::HashMap;
use std::process::Command;

use super::page::Page;
use crate::kit::binary;

pub(super) fn faults(pages: &[Page]) -> Vec<String> {
    let mut helps = HashMap::new();
    let mut faults = Vec::new();
    for page in pages {
        for (line, text) in &page.prose {
            // Every second piece stands between two backquotes.
            for span in text.split('`').skip(1).step_by(2) {
                let Some(command) = command(span) else {
                    continue;
                };
                if let Some(fault) = fault(&command, &mut helps) {
                    faults.push(format!("{}:{line}: `{span}`: {fault}", page.name));
                }
            }
        }
    }
    faults
}

/// The words of the command that a span begins with, up to what is a command of its own.
fn command(span: &str) -> Option<Vec<&str>> {
    let inner = span.strip_prefix("eval \"$(").unwrap_or(span);
    let words = inner.strip_prefix("authsome ")?;
    let words = words.split([')', ';', '|', '>']).next()?;
    let words = words.split_whitespace().take_while(|&word| word != "--");
    Some(words.collect())
}

fn fault(words: &[&str], helps: &mut HashMap<String, Option<String>>) -> Option<String> {
    let is_flag = |word: &&&str| word.starts_with('-');
    let word = words.iter().find(|word| !is_flag(word))?;
    let help = helps
        .entry((*word).to_owned())
        .or_insert_with(|| help(word))
        .as_ref();
    let Some(help) = help else {
        return Some(format!("there is no command {word}"));
    };
    let flags = words.iter().filter(is_flag);
    let flags = flags.map(|flag| flag.split_once('=').map_or(*flag, |(flag, _)| flag));
    let mut unknown = flags.filter(|flag| !names(help, flag));
    unknown.next().map(|flag| format!("it has no flag {flag}"))
}

/// Whether a flag stands in a help text as a word of its own.
fn names(help: &str, flag: &str) -> bool {
    let end = |letter: char| !(letter.is_alphanumeric() || letter == '-');
    help.split(end).any(|word| word == flag)
}

/// What `authsome COMMAND --help` prints, if there is such a command.
fn help(word: &str) -> Option<String> {
    let second = match word {
        // The words of the Python program have two parts.
        "provider" | "connections" => Some("list"),
        _ => None,
    };
    let mut command = Command::new(binary());
    command.arg(word).args(second).arg("--help");
    let output = command.output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(help)
}
