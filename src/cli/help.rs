//! The help of the program as a whole: all commands, in groups, on one screen of 24 lines.

use clap::{CommandFactory, Parser};

use super::args::Arguments;

/// What authsome is for.
const PURPOSE: &str = "Give your agent GitLab, not your GitLab token";

/// The commands by what they are for. One line may describe several that belong together.
const GROUPS: [(&str, &[(&str, &str)]); 3] = [
    (
        "Every day",
        &[
            ("login", "Connect an account, by browser or key"),
            (
                "run, proxy, stop",
                "Run a command that sees no token, serve others",
            ),
            (
                "status, whoami, ps",
                "Show who is connected, and which runs are alive",
            ),
            (
                "ui, log, runs",
                "What was injected, denied, refreshed, by which run",
            ),
        ],
    ),
    (
        "Connections",
        &[
            (
                "list, get, set-default",
                "Show connections, one of them, choose the default",
            ),
            (
                "token, export, credential",
                "Print a token, answer git outside of a run",
            ),
            (
                "logout, revoke",
                "Forget a connection, end its grant as well",
            ),
        ],
    ),
    (
        "Setup",
        &[
            (
                "doctor, completions",
                "Find what does not work, print a shell's script",
            ),
            (
                "policy, allow, deny, ask",
                "Try a policy, lift guard rules, say yes or no",
            ),
            (
                "inspect, register, remove",
                "A provider's definition, and your own",
            ),
            (
                "help, man, skill",
                "Explain a command, or authsome to your agent",
            ),
            (
                "vault, uninstall, version",
                "The key, what is kept here, which version this is",
            ),
        ],
    ),
];

/// Flags that every command has.
const FLAGS: &str = "--json, --quiet, --verbose, --no-color, --help, --version";

/// A screen that is narrower shows names and explanations on lines of their own.
const MIN_COLUMNS_FOR_TABLE: usize = 60;

/// The column in which the explanations begin.
const INDENT: usize = 29;

/// The help for a screen of so many columns.
pub(super) fn text(columns: usize) -> String {
    let usage = "Usage: authsome COMMAND [OPTIONS]; about one: authsome help COMMAND";
    let mut text = indented(PURPOSE, 0, columns) + &indented(usage, 0, columns);
    for (group, rows) in GROUPS {
        text = text + "\n" + group + ":\n";
        for (names, about) in rows {
            if columns < MIN_COLUMNS_FOR_TABLE {
                text = text + "  " + names + "\n";
                text += &indented(about, 6, columns);
            } else {
                let about = indented(about, INDENT, columns);
                let margin = " ".repeat(INDENT - 2 - names.len());
                text = text + "  " + names + &margin + about.trim_start();
            }
        }
    }
    text.push('\n');
    text += &indented(&format!("Options: {FLAGS}"), 0, columns);
    text += &indented(
        "Files: ~/.authsome, or where AUTHSOME_HOME says",
        0,
        columns,
    );
    text
}

/// What a user sees who has not connected anything yet.
pub(super) fn first_steps() -> String {
    [
        PURPOSE,
        ".\n\nNothing is connected yet. Connect an account, then start your agent:\n\n",
        "  authsome login gitlab\n",
        "  authsome run -- python my_agent.py\n\n",
        "All commands: authsome help\n",
    ]
    .concat()
}

/// The columns of the terminal, or those that `COLUMNS` names, or 80.
pub(super) fn columns() -> usize {
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let named = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal
        .or_else(named)
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}

/// Breaks a text into lines that fit. A word that is too long has a line of its own.
fn indented(text: &str, indent: usize, columns: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines = String::new();
    let mut line = margin.clone();
    for word in text.split(' ') {
        let is_first = line.len() == indent;
        if !is_first && line.len() + 1 + word.len() > columns {
            lines = lines + &line + "\n";
            line.clone_from(&margin);
        } else if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines + &line + "\n"
}

/// The help of one command, in full.
pub(super) fn of_command(name: &str) -> Option<clap::builder::StyledStr> {
    let mut all = Arguments::command();
    all.build();
    let command = all.find_subcommand(name)?;
    // As the command's own `--help` shows it.
    let asked = Arguments::try_parse_from(["authsome", command.get_name(), "--help"]);
    Some(asked.err()?.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_its_place_and_the_screen_is_small() {
        let named = GROUPS.iter().flat_map(|(_, rows)| *rows);
        let mut named: Vec<_> = named.flat_map(|(names, _)| names.split(", ")).collect();
        named.sort_unstable();
        let commands = Arguments::command();
        let shown = commands
            .get_subcommands()
            .filter(|command| !command.is_hide_set());
        let mut shown: Vec<_> = shown.map(clap::Command::get_name).collect();
        shown.sort_unstable();
        assert_eq!(named, shown);
        // One line is left for the prompt.
        assert!(text(80).lines().count() < 24, "{}", text(80));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for columns in [40, 59, 60, 80, 200] {
            for line in text(columns).lines() {
                assert!(line.len() <= columns, "{columns}: {line:?}");
            }
        }
        assert!(first_steps().lines().all(|line| line.len() <= 76));
    }
}
