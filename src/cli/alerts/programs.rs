//! The programs that are told of an alert: the desktop's, and that of config.toml. Both get neither
//! a secret nor a variable that holds one, and are ended after a while.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::alert::Alert;
use crate::child::{Apart, ApartChild};
use crate::env::programs;

/// How long such a program may take, and how long the end of the run waits for one.
const TIMEOUT: Duration = Duration::from_secs(10);
const END_TIMEOUT: Duration = Duration::from_millis(500);
const END_LOOK: Duration = Duration::from_millis(10);

/// The maximum number of programs at one time. Further alerts are not told to any.
const MAX_RUNNING: usize = 8;

/// The program that shows a notification on a desktop of freedesktop.org.
const DESKTOP: &str = "notify-send";

/// What is started, and how.
pub(in crate::cli) struct Programs {
    /// How a program is started.
    starter: programs::Programs,
    /// The program of config.toml and its arguments.
    hook: Vec<String>,
    apart: Apart,
    running: Vec<(ApartChild, Instant)>,
}

impl Clone for Programs {
    /// What runs stays with the first one.
    fn clone(&self) -> Self {
        Self::new(&self.starter, &self.hook, self.apart.clone())
    }
}

impl Programs {
    pub(in crate::cli) fn new(starter: &programs::Programs, hook: &[String], apart: Apart) -> Self {
        Self {
            starter: starter.clone(),
            hook: hook.to_vec(),
            apart,
            running: Vec::new(),
        }
    }

    /// Ends what has run too long; whether something runs.
    pub(super) fn are_running(&mut self) -> bool {
        let now = Instant::now();
        self.running
            .retain_mut(|(child, end)| !child.has_ended() && now < *end);
        !self.running.is_empty()
    }

    pub(super) fn tell(&mut self, alert: &Alert) {
        if let Some(mut command) = self.desktop(alert) {
            self.start(command.stdin(Stdio::null()), "");
        }
        let mut words = self.hook.iter();
        let program = words.next().map(OsStr::new);
        if let Some(mut command) = program.and_then(|name| self.starter.command(name)) {
            command.args(words).stdin(Stdio::piped());
            self.start(&mut command, &format!("{}\n", alert.event));
        }
    }

    /// Other users see the arguments of a program. They say which connection, and what to type.
    fn desktop(&self, alert: &Alert) -> Option<Command> {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") {
            return None;
        }
        let mut command = self.starter.command(DESKTOP.as_ref())?;
        command.args(["--app-name=authsome", "--", &alert.title]);
        command.args(&alert.command);
        Some(command)
    }

    fn start(&mut self, command: &mut Command, input: &str) {
        if self.running.len() >= MAX_RUNNING {
            return;
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // A program that is missing or broken is no reason to disturb the run.
        let Ok(mut child) = self.apart.start(command) else {
            return;
        };
        if let Some(mut stdin) = child.stdin() {
            // Less than a pipe holds, so that this does not wait for its reader.
            let _ = stdin.write_all(input.as_bytes());
        }
        self.running.push((child, Instant::now() + TIMEOUT));
    }

    /// Waits a moment for what runs, and ends the rest.
    pub(super) fn finish(mut self) {
        let end = Instant::now() + END_TIMEOUT;
        while self.are_running() && Instant::now() < end {
            std::thread::sleep(END_LOOK);
        }
    }
}
