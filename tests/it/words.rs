//! Every word that a user can see, as snapshots under `tests/snapshots/`: each was read as English
//! once, and a change is read again.
//!
//! Output is piped and, where it depends on a width, 80 columns wide. What a unit test can render
//! more cheaply is beside the code: `src/cli/failure/tests.rs` has each error, `src/cli/notices.rs`
//! each notice, `src/proxy/exchange/respond.rs` each refusal, and
//! `providers/tests/it/wrong_fields.rs` each wrong field.

mod complete;
mod data;
mod errors;
mod help;
mod log;
mod login;
mod refusals;
mod session;
mod usage;

use crate::kit::{Outcome, World};

/// What these commands print, one after the other, as a user would copy it from a terminal.
fn transcript(world: &World, commands: &[&[&str]]) -> String {
    commands
        .iter()
        .map(|words| shown(words, &at_80_columns(world, words)))
        .collect()
}

fn at_80_columns(world: &World, words: &[&str]) -> Outcome {
    at_columns(world, 80, words)
}

fn at_columns(world: &World, columns: u32, words: &[&str]) -> Outcome {
    let mut command = world.authsome(words);
    command.env("COLUMNS", columns.to_string());
    Outcome::of(command.output().unwrap())
}

/// A command with what it prints, by stream, and its exit code where that is not 0.
fn shown(words: &[&str], outcome: &Outcome) -> String {
    let mut text = format!("$ authsome {}\n", words.join(" "));
    for (stream, said) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if !said.is_empty() {
            text += &["[", stream, "]\n", said].concat();
        }
    }
    match outcome.code {
        Some(0) => {}
        Some(code) => text += &["[exit code ", &code.to_string(), "]\n"].concat(),
        None => text += "[ended by a signal]\n",
    }
    text + "\n"
}

/// What is another in each run of a test: the paths of its world, and values of its own.
struct Scrub(Vec<(String, &'static str)>);

impl Scrub {
    fn of(world: &World) -> Self {
        let home = world.home().display().to_string();
        let beside = world.path("").display().to_string();
        Self(vec![(home, "/home/ada/.authsome"), (beside, "/home/ada/")])
    }

    fn and(mut self, text: &str, stand_in: &'static str) -> Self {
        self.0.push((text.to_owned(), stand_in));
        self
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.0.iter();
        pairs
            .map(|(text, stand_in)| (text.as_str(), *stand_in))
            .collect()
    }
}
