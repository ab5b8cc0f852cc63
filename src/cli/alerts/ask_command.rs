//! The program of `[ask]` in config.toml, which asks the user about a request that waits and says
//! what they have answered. It gets the request as JSON on its standard input, and the first line
//! of its output is the answer: `once`, `run`, or `no` with a reason. It is ended when the request
//! does not wait any more.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::thread;

use super::alert::Alert;
use crate::child::{Apart, ApartChild};
use crate::env::programs::Programs;
use crate::proxy::{Decision, Pending};
use crate::text;

/// The maximum number of such programs at one time. Further requests wait for another answer.
const MAX_RUNNING: usize = 8;

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 4 * 1024;

pub(in crate::cli) struct AskCommand {
    starter: Programs,
    words: Vec<String>,
    apart: Apart,
    pending: Arc<Pending>,
    running: Vec<(String, ApartChild)>,
}

impl Clone for AskCommand {
    /// What runs stays with the first one.
    fn clone(&self) -> Self {
        Self::new(
            &self.starter,
            &self.words,
            self.apart.clone(),
            &self.pending,
        )
    }
}

impl AskCommand {
    pub(in crate::cli) fn new(
        starter: &Programs,
        words: &[String],
        apart: Apart,
        pending: &Arc<Pending>,
    ) -> Self {
        Self {
            starter: starter.clone(),
            words: words.to_vec(),
            apart,
            pending: Arc::clone(pending),
            running: Vec::new(),
        }
    }

    /// Starts the program for a request.
    pub(super) fn tell(&mut self, alert: &Alert) {
        let mut words = self.words.iter();
        let (Some(id), Some(program)) = (&alert.asks, words.next()) else {
            return;
        };
        if self.running.len() >= MAX_RUNNING {
            return;
        }
        let waiting = self.pending.waiting().into_iter();
        let Some(request) = waiting.into_iter().find(|request| request.id == *id) else {
            return;
        };
        let Some(mut command) = self.starter.command(OsStr::new(program)) else {
            return;
        };
        command.args(words).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        // A program that is missing or broken is no reason to disturb the run.
        let Ok(mut child) = self.apart.start(&mut command) else {
            return;
        };
        let input = format!("{}\n", serde_json::json!(request));
        let pipes = (child.stdin(), child.stdout());
        let (pending, asked) = (Arc::clone(&self.pending), id.clone());
        // On a thread of its own, since it waits for the user.
        let talk = move || {
            if let Some(decision) = talk(pipes, &input) {
                let _ = pending.decide(&asked, decision); // it may have ended to wait
            }
        };
        if thread::Builder::new()
            .name("ask".to_owned())
            .spawn(talk)
            .is_ok()
        {
            self.running.push((id.clone(), child));
        }
    }

    /// Ends the programs whose requests do not wait any more; whether some run.
    pub(super) fn are_running(&mut self) -> bool {
        if !self.running.is_empty() {
            let waiting = self.pending.waiting();
            let waits = |id: &str| waiting.iter().any(|request| request.id == id);
            self.running
                .retain_mut(|(id, child)| waits(id) && !child.has_ended());
        }
        !self.running.is_empty()
    }
}

/// Tells the program what waits, and reads its answer.
fn talk(
    (stdin, stdout): (Option<ChildStdin>, Option<ChildStdout>),
    input: &str,
) -> Option<Decision> {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input.as_bytes()); // it need not read that
    }
    let mut answer = String::new();
    stdout?.take(MAX_ANSWER).read_to_string(&mut answer).ok()?;
    decision(&answer)
}

/// What an answer says; `None` if it says nothing that is known.
fn decision(answer: &str) -> Option<Decision> {
    let line = answer.lines().next()?.trim();
    let (word, reason) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "once" if reason.is_empty() => Some(Decision::Once),
        "run" if reason.is_empty() => Some(Decision::Run),
        "no" => Some(Decision::No {
            reason: text::line(reason.trim()).into_owned(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_word_that_is_known() {
        assert_eq!(decision("once\n"), Some(Decision::Once));
        assert_eq!(decision(" run \nonce"), Some(Decision::Run));
        let no = |reason: &str| {
            Some(Decision::No {
                reason: reason.to_owned(),
            })
        };
        assert_eq!(decision("no"), no(""));
        assert_eq!(decision("no not on a Friday\n"), no("not on a Friday"));
        for other in ["", "\n", "yes", "Once", "once or not at all"] {
            assert_eq!(decision(other), None, "{other}");
        }
    }
}
