//! Processes as the kernel sees them: where they run, what CPU time they took, what memory they
//! hold.

use std::fs;
use std::io::{self, ErrorKind};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The unit of the times in `/proc/PID/stat`: Linux shows 100 a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long a process may take to end by itself.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// How long a process may take to show that it has heard.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Where a process runs: what is measured has a CPU of its own, where there are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Origin and load generator: the first CPU.
    Ends,
    /// The proxy: the second.
    Middle,
}

impl Place {
    /// Moves the calling thread there, and with it what it starts from now on. Without such a CPU
    /// it stays where it is.
    pub(crate) fn enter(self) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(match self {
            Self::Ends => 0,
            Self::Middle => 1,
        })?;
        match sched_setaffinity(Pid::from_raw(0), &set) {
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts a command there.
    pub(crate) fn spawn(self, command: &mut Command) -> io::Result<Child> {
        let before = sched_getaffinity(Pid::from_raw(0))?;
        self.enter()?;
        let child = command.spawn();
        sched_setaffinity(Pid::from_raw(0), &before)?;
        child
    }
}

/// User and system time of a process, all its threads together and nothing of its children.
pub(crate) fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name, in parentheses, and may hold anything; user and system time are
    // fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').ok_or(ErrorKind::InvalidData)?;
    let times = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks = times.filter_map(|ticks| ticks.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS_PER_SECOND)
}

/// What is in memory now, in KiB.
pub(crate) fn resident_kib(pid: u32) -> io::Result<f64> {
    status_field(pid, "VmRSS:")
}

/// The most that was ever in memory, in KiB.
pub(crate) fn peak_kib(pid: u32) -> io::Result<f64> {
    status_field(pid, "VmHWM:")
}

fn status_field(pid: u32, name: &str) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    value.ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Asks a process to end, and waits for it. It is asked again and again: a program that notes the
/// signal and then waits for events (nginx) sleeps over one that came just before; under valgrind,
/// that is most of them.
pub(crate) fn terminate(child: &mut Child) -> io::Result<()> {
    let process = i32::try_from(child.id()).map(Pid::from_raw);
    let mut asked: Option<Instant> = None;
    wait(child, || {
        if asked.is_none_or(|asked| asked.elapsed() > TIMEOUT) {
            asked = Some(Instant::now());
            let _ = process.map(|process| kill(process, Signal::SIGTERM));
        }
    })
}

/// Waits for a process that is about to end; one that does not is killed.
pub(crate) fn reap(child: &mut Child) -> io::Result<()> {
    wait(child, || {})
}

fn wait(child: &mut Child, mut remind: impl FnMut()) -> io::Result<()> {
    let deadline = Instant::now() + END_DEADLINE;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                "a process did not end and was killed",
            ));
        }
        remind();
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
