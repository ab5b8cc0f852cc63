//! A command in namespaces of its own, whose first process tells how it does.

use std::time::Duration;

use nix::unistd::Pid;

use crate::isolate::{Control, Progress};
use crate::os::process_tree;

/// How long what was said from inside may take to arrive after the end. It is there already, unless
/// somebody holds the socket open.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A command in namespaces of its own.
#[derive(Debug)]
pub(super) struct Inside {
    control: Control,
    /// The command's process ID as it is seen here.
    command: Option<Pid>,
    ended_by: Option<i32>,
}

impl Inside {
    /// Waits until the command was started.
    pub(super) async fn new(mut control: Control) -> Self {
        let is_started = control.started().await; // the exit code tells why not
        let command = control.init().filter(|_| is_started).and_then(|init| {
            let mut children = process_tree::children_of(Pid::from_raw(init)).into_iter();
            children.next()
        });
        Self {
            control,
            command,
            ended_by: None,
        }
    }

    /// The command's process ID as it is seen here, if it was started.
    pub(super) fn command(&self) -> Option<Pid> {
        self.command
    }

    /// Completes when the command has stopped.
    pub(super) async fn stopped(&mut self) {
        loop {
            match self.control.changed().await {
                Some(Progress::Stopped) => return,
                Some(Progress::EndedBy(signal)) => self.ended_by = Some(signal),
                None => std::future::pending().await,
            }
        }
    }

    /// The signal that has ended the command. The helper has ended with a code for it.
    pub(super) async fn ended_by(&mut self) -> Option<i32> {
        let last = async {
            while let Some(change) = self.control.changed().await {
                if let Progress::EndedBy(signal) = change {
                    self.ended_by = Some(signal);
                }
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, last).await;
        self.ended_by
    }
}
