//! Errors in the command line itself, in the same voice as all others: what is wrong, and the next
//! command to type.

use std::ffi::{OsStr, OsString};

use authsome_providers::Catalog;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use super::args::Arguments;
use super::failure::{Exit, Failure, POLICY_INVALID};
use super::habits;
use super::words::shell_word;
use crate::os::program_path;

/// Commands that a mistyped word must not lead to, because they cannot be undone.
const DESTRUCTIVE: [&str; 5] = ["logout", "remove", "revoke", "uninstall", "vault"];

/// What the user has to know about a command line that clap does not accept.
pub(super) fn failure(error: &clap::Error, arguments: &[OsString]) -> Failure {
    let (message, hint) = match error.kind() {
        ErrorKind::InvalidSubcommand => unknown_command(error, arguments),
        ErrorKind::MissingRequiredArgument => (missing(error), help_for(arguments)),
        _ => {
            let (message, tip) = words_of(error);
            let help = help_for(arguments);
            let hint = tip.map_or_else(|| help.clone(), |tip| format!("{tip} See: {help}"));
            (message, hint)
        }
    };
    let code = if is_of_policy(error) {
        POLICY_INVALID
    } else {
        "usage"
    };
    Failure::new(Exit::Usage, code, message, hint)
}

/// Whether the value of a flag is no rule of a policy.
fn is_of_policy(error: &clap::Error) -> bool {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => flag.split([' ', '=']).next().unwrap_or_default(),
        _ => return false,
    };
    matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue
    ) && POLICY_FLAGS.contains(&flag)
}

/// The flags whose values are rules of a policy.
const POLICY_FLAGS: [&str; 7] = [
    "--allow-host",
    "--allow-path",
    "--deny-host",
    "--deny-path",
    "--git-push",
    "--join",
    "--limit",
];

/// Whether the command line is one of `authsome run`.
pub(super) fn is_run(arguments: &[OsString]) -> bool {
    command_of(arguments).is_some_and(|command| command.get_name() == "run")
}

/// The command that the arguments name, if there is one.
pub(super) fn command_of(arguments: &[OsString]) -> Option<Command> {
    let mut own = own_words(arguments).filter(|word| !is_flag(word));
    let name = own.next()?;
    let mut all = Arguments::command();
    all.build();
    let found = all.find_subcommand(name.to_str()?);
    found.cloned()
}

fn is_flag(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

/// The words after the program's name, as far as they can be ours.
fn own_words(arguments: &[OsString]) -> impl Iterator<Item = &OsStr> {
    let words = arguments.iter().skip(1).map(OsString::as_os_str);
    words.take_while(|word| *word != "--")
}

fn help_for(arguments: &[OsString]) -> String {
    match command_of(arguments) {
        Some(command) => format!("authsome help {}", command.get_name()),
        None => "authsome help".to_owned(),
    }
}

fn unknown_command(error: &clap::Error, arguments: &[OsString]) -> (String, String) {
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.as_str(),
        _ => "",
    };
    // `authsome vault frobnicate`: the command is known, the one within it is not.
    let within = command_of(arguments).map(|command| command.get_name().to_owned());
    let message = match &within {
        Some(command) => format!("authsome {command} has no command '{word}'"),
        None => format!("authsome has no command '{word}'"),
    };
    let next = own_words(arguments)
        .skip_while(|typed| *typed != word)
        .nth(1);
    let next = next.filter(|next| !is_flag(next)).and_then(OsStr::to_str);
    if let Some(command) = habits::meant(word, next) {
        return (
            message,
            format!("authsome {}", filled(&command, word, next, arguments)),
        );
    }
    let provider = word.to_ascii_lowercase().parse();
    if provider.is_ok_and(|id| Catalog::new(None).get(&id).is_ok()) {
        let message = format!("'{word}' is a provider, not a command");
        return (
            message,
            format!("authsome login {}", word.to_ascii_lowercase()),
        );
    }
    if let Some(near) = nearest(error) {
        return (message, format!("did you mean: authsome {near}"));
    }
    // A command with `run` left out, for example `authsome python my_agent.py`.
    if program_path::find_on_path(OsStr::new(word)).is_some() {
        let typed = arguments.iter().skip(1);
        let typed: Vec<_> = typed.map(|word| shell_word(word)).collect();
        return (message, format!("authsome run -- {}", typed.join(" ")));
    }
    let hint = match within {
        Some(command) => format!("authsome help {command}"),
        None => "all commands: authsome help".to_owned(),
    };
    (message, hint)
}

/// A command with what was typed in place of its placeholders.
fn filled(command: &str, word: &str, next: Option<&str>, arguments: &[OsString]) -> String {
    if let Some(run) = command.strip_suffix(" COMMAND") {
        let typed = arguments.iter().skip_while(|typed| *typed != word).skip(1);
        let typed = typed.skip_while(|typed| *typed == "--");
        let typed: Vec<_> = typed.map(|word| shell_word(word)).collect();
        let typed = Some(typed.join(" ")).filter(|typed| !typed.is_empty());
        return format!("{run} {}", typed.as_deref().unwrap_or("COMMAND"));
    }
    match next.filter(|_| word != "auth") {
        Some(next) => command.replace("PROVIDER", &shell_word(OsStr::new(next))),
        None => command.to_owned(),
    }
}

/// The command that is most like the word, if choosing it by mistake does no harm.
fn nearest(error: &clap::Error) -> Option<&str> {
    let near = match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::Strings(names) => names.as_slice(),
        ContextValue::String(name) => std::slice::from_ref(name),
        _ => return None,
    };
    // clap sorts them by likeness, the most similar last. A less similar one is not what is meant.
    let nearest = near.last().map(String::as_str);
    nearest.filter(|name| !DESTRUCTIVE.contains(name))
}

fn missing(error: &clap::Error) -> String {
    let names = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => names.as_slice(),
        _ => return words_of(error).0,
    };
    let names: Vec<_> = names.iter().map(|name| bare(name)).collect();
    format!("missing: {}", names.join(" "))
}

/// A placeholder without the brackets in which clap shows it: `<PROVIDER>` is `PROVIDER`.
fn bare(name: &str) -> String {
    name.replace(['<', '>'], "")
}

/// clap's own words, on one line, and its tip.
fn words_of(error: &clap::Error) -> (String, Option<String>) {
    let text = error.render().to_string();
    let ends = ["Usage:", "For more information"];
    let said = text
        .lines()
        .take_while(|line| !ends.iter().any(|end| line.starts_with(end)))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let (tips, said): (Vec<_>, Vec<_>) = said.partition(|line| line.starts_with("tip: "));
    let said = said.join(" ");
    let said = said.trim_start_matches("error: ");
    let said = match said.split_once(" [possible values: ") {
        Some((said, values)) => format!("{said}; use one of: {}", values.trim_end_matches(']')),
        None => said.to_owned(),
    };
    let said = bare(&said);
    // Only a tip that names something alike: how to pass a flag as a value is not what is meant.
    let alike = tips.iter().find(|tip| tip.contains("similar"));
    let alike = alike.and_then(|tip| tip.split('\'').nth(1));
    (said, alike.map(|alike| format!("did you mean {alike}?")))
}
