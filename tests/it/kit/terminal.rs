//! A child at a terminal of its own, and what it shows.

use std::process::Command;

use crate::kit::run::{behind, finish, like};
use crate::kit::{World, binary};

/// Plays a user at a terminal: `expect` waits for a text after the last one found, `send` types,
/// `close` hangs up.
pub(crate) const TERMINAL: &str = include_str!("children/terminal_terminal.py");

/// What a terminal showed, and how the command on it ended.
pub(crate) struct Transcript {
    pub(crate) code: i64,
    pub(crate) text: String,
}

/// Runs a command on a terminal of its own.
#[track_caller]
pub(crate) fn terminal(command: &Command, steps: &[(&str, &str)]) -> Transcript {
    let steps = serde_json::to_string(steps).unwrap();
    let outcome = finish(behind(&["python3", "-c", TERMINAL, &steps], command)).expect(0);
    let seen = outcome.json();
    let text = seen["text"].as_str().unwrap().to_owned();
    assert!(
        seen["failed"].is_null(),
        "{}; the terminal showed: {text}",
        seen["failed"]
    );
    Transcript {
        code: seen["code"].as_i64().unwrap(),
        text,
    }
}

/// Settings that keep what a terminal shows the same everywhere.
pub(crate) fn at_terminal(mut command: Command) -> Command {
    for (name, value) in [
        ("TERM", "dumb"),
        ("PYTHON_BASIC_REPL", "1"),
        ("INPUTRC", "/dev/null"),
        ("LESSHISTFILE", "-"),
    ] {
        command.env(name, value);
    }
    command.env("A", binary());
    command
}

/// A user's interactive shell, in which `$A` is authsome and `$INNER` the start-up file of a second
/// shell. Both say by their prompt which one they are.
#[track_caller]
pub(crate) fn shell(world: &World, steps: &[(&str, &str)]) -> Transcript {
    let outer = world.file("outer.rc", "PS1='outer> '\n").into_os_string();
    let inner = world.file("inner.rc", "PS1='inner> '\n");
    let words = [
        "bash".into(),
        "--noprofile".into(),
        "--rcfile".into(),
        outer,
        "-i".into(),
    ];
    let mut command = at_terminal(like(&world.authsome::<&str>([]), words));
    command.env("INNER", inner);
    let transcript = terminal(&command, steps);
    let text = &transcript.text;
    assert!(!text.contains("no job control"), "{text}");
    transcript
}
