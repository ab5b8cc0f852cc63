//! Opening a URL in a browser, by the first command that works.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::commands;
use crate::env::programs::Programs;

/// A browser that fails within this time has not shown the page.
const SOON: Duration = Duration::from_secs(10);

/// Starts a browser. The result tells whether it exited successfully, once it has exited; `None` if
/// none could be started.
pub(super) fn open(url: &str, programs: &Programs) -> Option<JoinHandle<bool>> {
    let programs = programs.clone();
    let mut commands = commands::for_url(url)
        .into_iter()
        .filter_map(move |command| start(&command, &programs));
    let mut child = commands.next()?;
    let ended = move || loop {
        let began = Instant::now();
        let well = child.wait().is_ok_and(|status| status.success());
        if well || began.elapsed() > SOON {
            return well;
        }
        // A browser that fails at once has shown nothing, so the next command is tried.
        match commands.next() {
            Some(next) => child = next,
            None => return false,
        }
    };
    Some(tokio::task::spawn_blocking(ended))
}

/// Starts a program in a process group of its own, so that Ctrl-C in the login does not close the
/// browser.
fn start(command: &Command, programs: &Programs) -> Option<Child> {
    let mut command = programs.like(command)?;
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.process_group(0).spawn().ok()
}
