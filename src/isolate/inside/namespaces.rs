//! The helper: it makes the namespaces, starts the first process in them, and waits for its end.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Pid, Uid, close, getegid, geteuid, getppid};

use super::capabilities;
use super::telling::{At, Failed, Telling};
use crate::isolate::report::{EXIT_FAILED, Step};
use crate::isolate::{INIT_ARGUMENT, Wall};

/// The entry point of the helper. `arguments` are the process ID of authsome, the session's
/// directory, the limits to restore, and the command with its arguments. Returns the exit code.
///
/// It has to be a process with one thread, or the kernel makes no user namespace.
pub fn enter(mut arguments: impl Iterator<Item = OsString>) -> u8 {
    let parent = arguments
        .next()
        .and_then(|pid| pid.to_str()?.parse().ok())
        .map(Pid::from_raw);
    let (Some(parent), Some(directory)) = (parent, arguments.next()) else {
        return EXIT_FAILED;
    };
    if Wall::Descriptors.stands() {
        close_inherited();
    }
    match isolate(parent) {
        Ok(()) => {}
        Err(failed) => return tell(Path::new(&directory), &failed),
    }
    let mut init = Command::new("/proc/self/exe");
    init.arg0("authsome")
        .arg(INIT_ARGUMENT)
        .arg(&directory)
        .args(arguments);
    let started = init.spawn();
    // From here on the terminal's signals are the command's alone: this process shares its group,
    // and must outlive it.
    let _ = SigSet::all().thread_block();
    match started {
        Ok(mut init) => match init.wait() {
            Ok(status) => {
                let code = status.code().or(status.signal().map(|signal| 128 + signal));
                code.and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(EXIT_FAILED)
            }
            Err(_) => EXIT_FAILED,
        },
        Err(error) => {
            let failed = Err::<(), io::Error>(error).at(Step::Start);
            failed.map_or_else(|failed| tell(Path::new(&directory), &failed), |()| 0)
        }
    }
}

/// Closes all descriptors but the standard ones: one of a directory would lead around the mounts,
/// as what is opened below it is what is there outside.
fn close_inherited() {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let numbers = entries.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse::<RawFd>().ok()?;
        (number > STANDARD_ERROR).then_some(number)
    });
    // The list itself is among them, and is closed already by then.
    for number in numbers.collect::<Vec<_>>() {
        let _ = close(number);
    }
}

/// The last of the standard descriptors.
const STANDARD_ERROR: RawFd = 2;

fn tell(directory: &Path, failed: &Failed) -> u8 {
    if let Ok(mut telling) = Telling::connect(directory) {
        telling.failed(failed);
    }
    EXIT_FAILED
}

fn isolate(parent: Pid) -> Result<(), Failed> {
    // The files of `/proc/self` are root's where the program cannot be read by its user. There is
    // no secret in this process.
    let _ = prctl::set_dumpable(true);
    let rest = [
        (Wall::Network, CloneFlags::CLONE_NEWNET),
        (Wall::Processes, CloneFlags::CLONE_NEWPID),
        (Wall::Ipc, CloneFlags::CLONE_NEWIPC),
    ];
    let rest = rest.into_iter().filter(|(wall, _)| wall.stands());
    let rest = CloneFlags::CLONE_NEWNS | rest.map(|(_, flag)| flag).collect();
    // Root needs no namespace of users, in which the files of all other users would be nobody's.
    if !geteuid().is_root() || unshare(rest).is_err() {
        let (user, group) = (geteuid(), getegid());
        unshare(CloneFlags::CLONE_NEWUSER).at(Step::Users)?;
        keep_identity(user, group).at(Step::Identity)?;
        unshare(rest).at(Step::Namespaces)?;
    }
    capabilities::hand_on().at(Step::Capabilities)?;
    // If authsome is killed, so is all that it has started. After the change of credentials, which
    // would clear it.
    prctl::set_pdeathsig(Signal::SIGKILL).at(Step::Start)?;
    if getppid() == parent {
        Ok(())
    } else {
        Err(Errno::ESRCH).at(Step::Start)
    }
}

/// The user and the group are the same inside; all others are nobody there
/// (`user_namespaces(7)`).
fn keep_identity(user: Uid, group: Gid) -> io::Result<()> {
    put("/proc/self/setgroups", "deny")?;
    put("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    put("/proc/self/gid_map", &format!("{group} {group} 1"))
}

fn put(path: &str, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(text.as_bytes())
}
