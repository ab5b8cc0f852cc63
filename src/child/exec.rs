//! The helper that becomes the command: the same binary, started in its place.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

use super::ahead::Errand;
use super::helper::EXEC_ARGUMENT;
use super::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_NOT_STARTED};
use crate::defence::Defence;
use crate::os::ulimits::Ulimits;

/// The entry point of the helper. `arguments` are the process id of authsome, the limits to
/// restore, the command and its arguments; without a command, it is waited for at the standard
/// input (`ahead.rs`). Returns only if the command could not be started, with the exit code and the
/// reason; without a reason if authsome has ended, as nobody waits for the command any more.
pub fn exec_in_place(arguments: impl Iterator<Item = OsString>) -> (u8, Option<String>) {
    match prepare(arguments) {
        Ok(Some(command)) => {
            let (code, reason) = exec(command);
            (code, Some(reason))
        }
        Ok(None) => (EXIT_NOT_STARTED, None),
        Err(reason) => (EXIT_NOT_STARTED, Some(reason)),
    }
}

/// The command, once this process may become it. `None` if authsome has ended.
fn prepare(mut arguments: impl Iterator<Item = OsString>) -> Result<Option<Command>, String> {
    let parent = arguments
        .next()
        .and_then(|pid| pid.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(ulimits)) = (parent, arguments.next()) else {
        return Err(format!("{EXEC_ARGUMENT} is for authsome's own use"));
    };
    Ulimits::restore(&ulimits)
        .map_err(|error| format!("cannot give the command its own limits: {error}"))?;
    if let Err(error) = die_with_parent(Pid::from_raw(parent))
        && Defence::ParentDeath.stands()
    {
        return Err(format!("cannot tie the command to authsome: {error}"));
    }
    let Some(program) = arguments.next() else {
        let errand = Errand::receive()
            .map_err(|error| format!("was not told which command to start: {error}"))?;
        return Ok(errand.map(|errand| errand.command()));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(Some(command))
}

fn exec(mut command: Command) -> (u8, String) {
    let error = command.exec();
    let shown = command.get_program().display();
    match error.kind() {
        io::ErrorKind::NotFound => (EXIT_NOT_FOUND, format!("{shown}: command not found")),
        _ => (
            EXIT_NOT_EXECUTABLE,
            format!("{shown}: cannot be executed: {error}"),
        ),
    }
}

/// If authsome is killed by SIGKILL, no child may stay behind with a dead proxy. The parent-death
/// signal stays set across exec(2).
#[cfg(target_os = "linux")]
fn die_with_parent(parent: Pid) -> Result<(), Errno> {
    if Defence::ParentDeath.stands() {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    }
    // If the parent died before the line above, the signal will never come.
    if getppid() == parent {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(parent: Pid) -> Result<(), Errno> {
    if getppid() == parent {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}
