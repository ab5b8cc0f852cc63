//! The first process inside (PID 1): it makes what the command finds there, hands the listeners
//! over, starts the command, and reaps what ends.

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, initgroups, setresgid, setresuid};
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

use super::capabilities;
use super::capture::Capture;
use super::connector;
use super::filter;
use super::landlock;
use super::listeners;
use super::mounts;
use super::network;
use super::telling::{At, Failed, Telling};
use crate::isolate::plan::FILE;
use crate::isolate::report::{EXIT_FAILED, Progress, Role, Step};
use crate::isolate::{Plan, User, Wall};
use crate::os::ulimits::Ulimits;

/// As `env(1)` and shells say it.
const EXIT_NOT_EXECUTABLE: u8 = 126;
const EXIT_NOT_FOUND: u8 = 127;

/// The entry point. `arguments` are the session's directory, the limits to restore, and the command
/// with its arguments. Returns the exit code: of the command, or what stands for it.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> u8 {
    let (Some(directory), Some(ulimits), Some(program)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return EXIT_FAILED;
    };
    let directory = PathBuf::from(directory);
    // The helper dies with authsome, and this process with the helper. Both before the connection:
    // there, a death that came earlier is noticed.
    let tied = prctl::set_pdeathsig(Signal::SIGKILL).at(Step::Start);
    let Ok(mut telling) = Telling::connect(&directory) else {
        return EXIT_FAILED;
    };
    let prepared = tied.and_then(|()| prepare(&directory, &mut telling));
    let limited = prepared.and_then(|()| Ulimits::restore(&ulimits).at(Step::Limits));
    if let Err(failed) = limited {
        telling.failed(&failed);
        return EXIT_FAILED;
    }
    let mut command = Command::new(&program);
    command.args(arguments);
    let started = command.spawn();
    let _ = prctl::set_name(c"authsome-init");
    match started {
        Ok(child) => {
            telling.started();
            let command = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            command.map_or(EXIT_FAILED, |command| attend(command, &mut telling))
        }
        Err(error) => {
            let shown = program.display();
            let (code, reason) = match error.kind() {
                io::ErrorKind::NotFound => (EXIT_NOT_FOUND, "command not found".to_owned()),
                _ => (EXIT_NOT_EXECUTABLE, format!("cannot be executed: {error}")),
            };
            let _ = writeln!(io::stderr(), "authsome: {shown}: {reason}");
            code
        }
    }
}

fn prepare(directory: &Path, telling: &mut Telling) -> Result<(), Failed> {
    let plan = fs::read(directory.join(FILE))
        .and_then(|text| serde_json::from_slice::<Plan>(&text).map_err(io::Error::from))
        .at(Step::Plan)?;
    let (mut listeners, captures_all) = if Wall::Network.stands() {
        make_network(&plan)?
    } else {
        (Vec::new(), true)
    };
    mounts::make(&plan.files)?;
    // The files of this process in `/proc` are not the command's to open.
    let _ = prctl::set_dumpable(!Wall::Dumpable.stands());
    give_up(&plan)?;
    if plan.connects {
        let (ours, theirs) = UnixStream::pair().at(Step::Listeners)?;
        connector::serve(ours).at(Step::Listeners)?;
        listeners.push((Role::Connector, theirs.into()));
    }
    telling.ready(&listeners, captures_all).at(Step::Listeners)
}

/// The network inside, and the listeners in it; whether all connections arrive at them.
fn make_network(plan: &Plan) -> Result<(Vec<(Role, OwnedFd)>, bool), Failed> {
    network::bring_up().at(Step::Interface)?;
    network::give_addresses().at(Step::Routes)?;
    let capture = Capture::arrange(plan.proxy_port, listeners::can_be_transparent());
    network::make_all_local(capture.keeps_destinations()).at(Step::Routes)?;
    let listeners = listeners::make(plan, capture).at(Step::Listeners)?;
    Ok((listeners, capture != Capture::Ports))
}

/// Gives up what the command must not have.
fn give_up(plan: &Plan) -> Result<(), Failed> {
    if Wall::Rights.stands() {
        capabilities::give_up(|| become_user(plan.user.as_ref())).at(Step::Rights)?;
    }
    // A change of user has cleared it.
    prctl::set_pdeathsig(Signal::SIGKILL).at(Step::Rights)?;
    prctl::set_no_new_privs().at(Step::Rights)?;
    if Wall::Landlock.stands() {
        landlock::apply(&plan.files).at(Step::Landlock)?;
    }
    if Wall::Filter.stands() {
        filter::apply().at(Step::Filter)?;
    }
    Ok(())
}

fn become_user(user: Option<&User>) -> rustix::io::Result<()> {
    let Some(user) = user else {
        return Ok(());
    };
    let error = |errno: Errno| rustix::io::Errno::from_raw_os_error(errno as i32);
    let name = CString::new(user.name.as_bytes()).map_err(|_| rustix::io::Errno::INVAL)?;
    let (id, group) = (Uid::from_raw(user.id), Gid::from_raw(user.group));
    initgroups(&name, group).map_err(error)?;
    setresgid(group, group, group).map_err(error)?;
    setresuid(id, id, id).map_err(error)
}

/// Waits for the command to end, and reaps whatever else ends meanwhile: it has become a child of
/// this process. When this process ends, the kernel ends all others inside.
fn attend(command: Pid, telling: &mut Telling) -> u8 {
    loop {
        match wait(WaitOptions::UNTRACED) {
            Ok(Some((pid, status))) if pid == command => {
                if let Some(code) = ended(status, telling) {
                    return code;
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return EXIT_FAILED,
        }
    }
}

/// The exit code, if the command has ended.
fn ended(status: WaitStatus, telling: &mut Telling) -> Option<u8> {
    if status.stopped() {
        telling.changed(Progress::Stopped);
        return None;
    }
    let code = match status.terminating_signal() {
        Some(signal) => {
            telling.changed(Progress::EndedBy(signal));
            128 + signal
        }
        None => status.exit_status()?,
    };
    Some(u8::try_from(code).unwrap_or(u8::MAX))
}
