//! A session that does one thing after the other, as it is told.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use authsome_test_support::FakeGitLab;
use nix::unistd::Pid;

use crate::kit::refresh::user;
use crate::kit::{Outcome, World};

pub(crate) fn spawn(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A session whose child, a shell, does what it is told.
pub(crate) struct Session {
    pub(crate) process: Child,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, |_| {})
    }

    /// The same in an environment of the caller's.
    pub(crate) fn start_with(world: &World, prepare: impl FnOnce(&mut Command)) -> Self {
        Self::start_flagged_with(world, &[], prepare)
    }

    /// The same with flags of `run`.
    pub(crate) fn start_flagged(world: &World, flags: &[&str]) -> Self {
        Self::start_flagged_with(world, flags, |_| {})
    }

    pub(crate) fn start_flagged_with(
        world: &World,
        flags: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let shell = format!(
            "while IFS= read -r line; do eval \"$line\" </dev/null; echo; echo {DONE}; done"
        );
        let words = ["--", "bash", "-c", &shell];
        let mut command = world.authsome(["run"].iter().chain(flags).chain(&words));
        prepare(&mut command);
        let mut process = spawn(command.stdin(Stdio::piped()));
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            stdin,
            stdout,
        }
    }

    /// The process of authsome.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed())
    }

    /// Lets the shell do that; what it printed.
    pub(crate) fn tell(&mut self, command: &str) -> String {
        writeln!(self.stdin, "{command}").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "the session ended after {printed}");
            if line.trim_end() == DONE {
                return printed.trim().to_owned();
            }
            printed.push_str(&line);
        }
    }

    /// The status of one request.
    pub(crate) fn call(&mut self, gitlab: &FakeGitLab) -> String {
        let curl = "curl -sS --max-time 50 -o /dev/null -w '%{http_code}'";
        self.tell(&format!("{curl} '{}'", user(gitlab)))
    }

    /// Lets the shell exit with that code, which must be the session's.
    pub(crate) fn end(mut self, code: i32) -> Outcome {
        writeln!(self.stdin, "exit {code}").unwrap();
        drop(self.stdin);
        Outcome::of(self.process.wait_with_output().unwrap()).expect(code)
    }
}

/// What the shell prints after each command.
pub(crate) const DONE: &str = "--done--";
