//! A program, run to its end or to its time's end, with whatever it started.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) how: How,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Exit(i32),
    Signal(i32),
    TimedOut,
}

impl Ended {
    pub(crate) fn succeeded(&self) -> bool {
        self.how == How::Exit(0)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stdout, stderr) = (tail(&self.stdout), tail(&self.stderr));
        write!(
            formatter,
            "{}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
            self.how
        )
    }
}

impl fmt::Display for How {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(formatter, "it ended with exit code {code}"),
            Self::Signal(signal) => write!(formatter, "signal {signal} ended it"),
            Self::TimedOut => formatter.write_str("it did not end in its time"),
        }
    }
}

/// Runs a program in a process group of its own, without input.
pub(crate) fn run(mut command: Command, timeout: Duration) -> io::Result<Ended> {
    // Files and not pipes: a descendant that outlives the program would keep a pipe open.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .process_group(0);
    let mut child = command.spawn()?;
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let (done, ended) = mpsc::sync_channel(1);
    let waiter = thread::spawn(move || {
        let status = child.wait();
        let _ = done.send(()); // nobody listens any more once the time is over
        status
    });
    let in_time = ended.recv_timeout(timeout).is_ok();
    if !in_time {
        let _ = killpg(group, Signal::SIGKILL); // it may just have ended
    }
    let status = waiter.join().expect("waiting does not panic")?;
    let how = match status.code() {
        _ if !in_time => How::TimedOut,
        Some(code) => How::Exit(code),
        None => How::Signal(status.signal().unwrap_or_default()),
    };
    Ok(Ended {
        how,
        stdout: read(&mut stdout)?,
        stderr: read(&mut stderr)?,
    })
}

/// Ends what a program has left behind: every process in whose environment `mark` stands. Daemons
/// leave their group and their parents, but they keep the environment.
pub(crate) fn sweep(mark: &str) {
    let Ok(processes) = fs::read_dir("/proc") else {
        return; // not Linux
    };
    for process in processes.flatten() {
        let pid = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let marked = fs::read(process.path().join("environ")).is_ok_and(|environment| {
            environment
                .split(|&byte| byte == 0)
                .any(|entry| entry == mark.as_bytes())
        });
        if let Some(pid) = pid.filter(|_| marked) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // it may just have ended
        }
    }
}

fn read(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of a long output, which has the error.
fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(MAX_SHOWN);
    let start = (start..=text.len()).find(|&start| text.is_char_boundary(start));
    &text[start.unwrap_or_default()..]
}

/// What a report shows of an output, in bytes.
const MAX_SHOWN: usize = 8 * 1024;
