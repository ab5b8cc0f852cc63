//! Signals reach the child once, and end the run as they end the child.

use std::fs::{self, DirEntry};
use std::io;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::run::{
    Running, SHOWS_BUNDLE, after, behind, finish, names, prepared_by_python, private_directory,
    run, same_as_without_us, with_signals_at_default,
};
use crate::kit::{World, until};

/// Prints each signal it gets, and ends with SIGTERM.
const SIGNALS: [&str; 3] = [
    "python3",
    "-c",
    "
import signal, sys
wanted = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print('ready', flush=True)
while True:
    got = signal.sigwait(wanted)
    print(got.name, flush=True)
    if got == signal.SIGTERM: sys.exit(7)
",
];

/// What the kernel says of a process that it hands down to its children.
const STATUS: [&str; 4] = [
    "grep",
    "-E",
    "^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap...|NoNewPrivs|Seccomp|Umask|Uid|Gid|Groups|NSsid|NSpgid|CoreDumping):",
    "/proc/self/status",
];

#[test]
fn signals_reach_the_child_once_each() {
    let world = World::new();
    // A session of its own has no terminal, which would send SIGINT and SIGQUIT to the child
    // itself.
    let command = with_signals_at_default(&run(&world, &[], &SIGNALS));
    let mut running = Running::start(behind(&["setsid"], &command));
    assert_eq!(running.line().unwrap(), "ready");
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGTERM,
    ] {
        running.signal(signal);
        assert_eq!(running.line().unwrap(), signal.as_str());
    }
    assert_eq!(running.end().code(), Some(7));
}

#[test]
fn a_signal_that_ends_the_child_ends_authsome_with_its_number() {
    let world = World::new();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGUSR1,
    ] {
        let command = run(&world, &[], &["sh", "-c", "echo ready; exec sleep 300"]);
        let command = behind(&["setsid"], &with_signals_at_default(&command));
        let mut running = Running::start(command);
        assert_eq!(running.line().unwrap(), "ready");
        running.signal(signal);
        assert_eq!(running.end().code(), Some(128 + signal as i32));
    }
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    let world = World::new();
    let command = after("trap '' HUP INT QUIT USR1", &run(&world, &[], &SIGNALS));
    let mut running = Running::start(behind(&["setsid"], &command));
    assert_eq!(running.line().unwrap(), "ready");
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGTERM,
    ] {
        running.signal(signal);
    }
    assert_eq!(running.line().unwrap(), "SIGTERM");
    assert_eq!(running.end().code(), Some(7));
}

#[test]
fn nohup_works_as_without_us() {
    let world = World::new();
    let mut running = Running::start(behind(&["nohup"], &run(&world, &[], &SHOWS_BUNDLE)));
    running.line().unwrap();
    running.signal(Signal::SIGHUP);
    running.release();
    assert_eq!(running.end().code(), Some(0));
}

#[test]
fn signal_dispositions_and_masks_are_as_without_us() {
    // NSsid and NSpgid would differ between two sessions of setsid; here both commands are in the
    // test's own.
    same_as_without_us(&|command| after(":", command), &STATUS);
    same_as_without_us(
        &|command| {
            after(
                "umask 027; trap '' HUP INT QUIT TERM USR1 TSTP TTOU",
                command,
            )
        },
        &STATUS,
    );
    let block = "import os, signal, sys\n\
        for number in (signal.SIGPIPE, signal.SIGXFSZ): signal.signal(number, signal.SIG_DFL)\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGALRM])\n\
        os.execvp(sys.argv[1], sys.argv[1:])";
    same_as_without_us(
        &|command| behind(&["python3", "-c", block], command),
        &STATUS,
    );
}

#[test]
fn limits_priority_and_directory_are_as_without_us() {
    let prepare = |command: &Command| after("cd /; ulimit -S -n 300; ulimit -S -c 0", command);
    same_as_without_us(
        &prepare,
        &["cat", "/proc/self/limits", "/proc/self/oom_score_adj"],
    );
    same_as_without_us(&prepare, &["sh", "-c", "pwd; nice; umask"]);
}

#[test]
fn a_parent_that_ignores_sigchld_does_not_leave_us_waiting() {
    is_not_left_waiting("signal.signal(signal.SIGCHLD, signal.SIG_IGN)");
}

#[test]
fn a_parent_that_blocks_sigchld_does_not_leave_us_waiting() {
    is_not_left_waiting("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])");
}

#[track_caller]
fn is_not_left_waiting(preparation: &str) {
    let world = World::new();
    let command = run(&world, &[], &["sh", "-c", "sleep 0.2; exit 5"]);
    let command = prepared_by_python(preparation, &command);
    finish(behind(&["timeout", "-k1", "20"], &command)).expect(5);
}

#[test]
fn a_signal_that_the_parent_blocked_still_reaches_a_child_that_waits_for_it() {
    let world = World::new();
    let block = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])";
    let mut running = Running::start(prepared_by_python(block, &run(&world, &[], &SIGNALS)));
    assert_eq!(running.line().unwrap(), "ready");
    for signal in [Signal::SIGUSR1, Signal::SIGTERM] {
        running.signal(signal);
        assert_eq!(running.line().unwrap(), signal.as_str());
    }
    assert_eq!(running.end().code(), Some(7));
}

#[test]
fn a_child_that_stops_without_a_terminal_can_be_continued() {
    let world = World::new();
    let mut running = Running::start(run(
        &world,
        &[],
        &["sh", "-c", "kill -STOP $$; echo on; exit 6"],
    ));
    // Without a terminal nobody would continue us: we stay, and the child can be continued on its
    // own.
    let child = wait_for_stopped_child(&running);
    kill(child, Signal::SIGCONT).unwrap();
    assert_eq!(running.line().unwrap(), "on");
    assert_eq!(running.end().code(), Some(6));
}

#[test]
fn a_killed_authsome_leaves_no_child_and_the_next_run_tidies_up() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    for variable in ["XDG_RUNTIME_DIR", "TMPDIR"] {
        let mut command = run(&world, &[], &["sh", "-c", "echo ready; exec sleep 300"]);
        command.env(variable, &runtime);
        let mut running = Running::start(command);
        assert_eq!(running.line().unwrap(), "ready");
        running.signal(Signal::SIGKILL);
        // The child held the pipe's other end.
        assert_eq!(running.end().code(), None);
        assert_eq!(names(&runtime).len(), 1, "nobody was left to remove it");
        let mut next = run(&world, &[], &["true"]);
        next.env(variable, &runtime);
        finish(next).expect(0);
        assert_eq!(names(&runtime), [""; 0]);
    }
}

/// The only child of a process, once it is stopped; there is no event for a stranger's stop.
fn wait_for_stopped_child(running: &Running) -> Pid {
    let pid = running.child.id();
    let read = |path: String| fs::read_to_string(path).unwrap_or_default();
    let children_of_threads = || {
        let threads = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten();
        let children = |thread: io::Result<DirEntry>| {
            fs::read_to_string(thread.ok()?.path().join("children")).ok()
        };
        threads.filter_map(children).collect::<String>()
    };
    let mut child: Option<i32> = None;
    until("the child's stop", || {
        let children = children_of_threads();
        let first = children.split_whitespace().next();
        child = first.and_then(|child| child.parse().ok());
        child.is_some_and(|child| read(format!("/proc/{child}/status")).contains("State:\tT"))
    });
    Pid::from_raw(child.unwrap())
}
