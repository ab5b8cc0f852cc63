//! A command of the shell, which gets the sealed export on its standard input.

use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::error::HandBackError;
use crate::child::Apart;
use crate::env::programs::Programs;

/// How often it is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Runs the command to its end. After that time it is killed, with what it has started.
pub(super) async fn run(
    command: &str,
    sealed: Vec<u8>,
    programs: &Programs,
    apart: &Apart,
    timeout: Duration,
) -> Result<(), HandBackError> {
    let no_shell = || HandBackError::Start(std::io::Error::other("there is no sh"));
    let mut shell = programs.command("sh".as_ref()).ok_or_else(no_shell)?;
    // As git runs a hook's words: what the user wrote, and nothing of ours in it.
    shell.args(["-c", command]);
    // Its errors are the user's to see; its output would be taken for the command's of the run.
    shell.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = apart.start(&mut shell).map_err(HandBackError::Start)?;
    if let Some(mut stdin) = child.stdin() {
        // On a thread, which ends with the command: a pipe takes only so much of what nobody reads.
        let thread = thread::Builder::new().name("hand back".to_owned());
        let written = thread.spawn(move || drop(stdin.write_all(&sealed)));
        written.map_err(HandBackError::Start)?;
    }
    let end = Instant::now() + timeout;
    loop {
        match child.exit_status() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(HandBackError::Command(status)),
            None if Instant::now() >= end => return Err(HandBackError::CommandTimeout(timeout)),
            None => tokio::time::sleep(LOOK).await,
        }
    }
}
