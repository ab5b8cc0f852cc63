//! Commands within a line: `authsome …` between backquotes. The command exists, and so do its
//! flags.

use std::collections::HashMap;
use std::process::Command;

use super::page::Page;
use crate::kit::binary;

/// Commands of ours, and of the Python program, whose name has a second word.
const OF_TWO_WORDS: [&str; 4] = ["connections", "credential", "provider", "vault"];

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
    let (before, words) = span.split_once("authsome ")?;
    let is_assignment = before.ends_with(' ') && before.contains('=');
    if !(before.is_empty() || before == "eval \"$(" || is_assignment) {
        return None;
    }
    let words = words.split([')', ';', '|', '>']).next()?;
    let words = words.split_whitespace().take_while(|&word| word != "--");
    Some(words.collect())
}

fn fault(words: &[&str], helps: &mut HashMap<String, Option<String>>) -> Option<String> {
    let is_flag = |word: &&&str| word.starts_with('-');
    let mut own = words.iter().filter(|word| !is_flag(word));
    let mut name = (*own.next()?).to_owned();
    if OF_TWO_WORDS.contains(&name.as_str()) {
        name = format!("{name} {}", own.next()?);
    }
    let help = helps.entry(name.clone()).or_insert_with(|| help(&name));
    let Some(help) = help else {
        return Some(format!("there is no command {name}"));
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
fn help(name: &str) -> Option<String> {
    let mut command = Command::new(binary());
    command.args(name.split(' ')).arg("--help");
    let output = command.output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(help)
}
