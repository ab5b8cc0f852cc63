//! What git's own configuration says of remotes.

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use super::Rule;
use crate::programs::Programs;

/// What git's own configuration has on remotes: what `run` finds where it is started.
#[derive(Clone, Default)]
pub struct UserRemotes {
    pub(super) remotes: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

impl UserRemotes {
    /// Asks git, which knows its files, their order and their includes.
    pub fn ask(programs: &Programs) -> AskedRemotes {
        let git = programs.command("git".as_ref());
        let git = git.and_then(|mut git| {
            git.args(["config", "-z", "--get-regexp", REMOTES])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        });
        let Some(mut git) = git else {
            return AskedRemotes(None);
        };
        let (sender, receiver) = sync_channel(1);
        if let Some(stdout) = git.stdout.take() {
            let read = move || {
                let mut output = Vec::new();
                if stdout.take(LARGEST_OUTPUT).read_to_end(&mut output).is_ok() {
                    let _ = sender.send(output); // nobody waits for it any more
                }
            };
            // Where no thread is to be had, the receiver is told so, and the rewrites are those without the user's own.
            let _ = thread::Builder::new().spawn(read);
        }
        AskedRemotes(Some((git, receiver)))
    }

    /// Reads `key LF value NUL`; section and name are in lower case.
    pub(super) fn parse(output: &[u8]) -> Self {
        let mut found = Self::default();
        for entry in String::from_utf8_lossy(output).split('\0') {
            let Some((key, value)) = entry.split_once('\n') else {
                continue;
            };
            let rule = key
                .strip_prefix("url.")
                .and_then(|key| key.rsplit_once('.'));
            match rule {
                Some((target, name)) => found.rules.push(Rule {
                    target: target.to_owned(),
                    prefix: value.to_owned(),
                    push_only: name == "pushinsteadof",
                }),
                None => found.remotes.push(value.to_owned()),
            }
        }
        found
    }
}

/// git at work on the answer, beside us.
pub struct AskedRemotes(Option<(Child, Receiver<Vec<u8>>)>);

impl AskedRemotes {
    /// Waits for it. Without git there are none; what is wrong with its configuration, git tells the command itself.
    pub fn answer(self) -> UserRemotes {
        let Some((mut git, receiver)) = self.0 else {
            return UserRemotes::default();
        };
        let output = receiver.recv_timeout(READ_TIMEOUT).unwrap_or_default();
        let _ = git.kill(); // one that has more to say, or hangs; mostly it has ended
        let _ = git.wait();
        // An entry that was cut off is none.
        let end = output.iter().rposition(|byte| *byte == 0).unwrap_or(0);
        UserRemotes::parse(&output[..end])
    }
}

/// How long git may take to tell of its configuration, and how much of it is read: a repository's own may include a pipe, or be endless.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST_OUTPUT: u64 = 256 * 1024;

/// What of git's configuration [`UserRemotes`] reads.
const REMOTES: &str = r"^(url\..*\.(push)?insteadof|remote\..*\.(push)?url|submodule\..*\.url)$";
