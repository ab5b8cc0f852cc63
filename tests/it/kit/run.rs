//! `authsome run` as a command that a test prepares, watches and ends.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use crate::kit::{Outcome, World, binary};

/// Far more than anything here takes; only what hangs meets it.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// `authsome run [FLAG...] -- COMMAND`, not yet started.
pub(crate) fn run(world: &World, flags: &[&str], command: &[&str]) -> Command {
    world.authsome([&["run"], flags, &["--"], command].concat())
}

/// Another command in the same environment.
pub(crate) fn like<W: AsRef<OsStr>>(
    model: &Command,
    words: impl IntoIterator<Item = W>,
) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).env_clear().stdin(Stdio::null());
    for (name, value) in model.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// The command as the last words of another one, which becomes it by exec.
pub(crate) fn behind(wrapper: &[&str], command: &Command) -> Command {
    let words = wrapper.iter().map(OsString::from);
    let words = words.chain([command.get_program().to_owned()]);
    like(
        command,
        words.chain(command.get_args().map(ToOwned::to_owned)),
    )
}

/// A shell that does something first.
pub(crate) fn after(preparation: &str, command: &Command) -> Command {
    behind(
        &["sh", "-c", &format!("{preparation}; exec \"$@\""), "sh"],
        command,
    )
}

/// Python code that sets something up and becomes the command.
pub(crate) fn prepared_by_python(preparation: &str, command: &Command) -> Command {
    let code =
        format!("import os, signal, sys; {preparation}; os.execvp(sys.argv[1], sys.argv[1:])");
    behind(&["python3", "-c", &code], command)
}

/// The command with every signal at its default, whatever the tests themselves were started by: a
/// shell's background job ignores two.
pub(crate) fn with_signals_at_default(command: &Command) -> Command {
    let reset = "[signal.signal(n, signal.SIG_DFL) for n in range(1, 32) if n not in (9, 19)]; \
        signal.pthread_sigmask(signal.SIG_SETMASK, [])";
    prepared_by_python(reset, command)
}

/// Runs a command to its end; one that hangs fails the test.
#[track_caller]
pub(crate) fn finish(mut command: Command) -> Outcome {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = pid_of(&child);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(TIMEOUT) else {
        let _ = kill(pid, Signal::SIGKILL);
        panic!("it hangs: {command:?}");
    };
    Outcome::of(output.unwrap())
}

pub(crate) fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

/// A command that runs while the test looks at it. Its stdin is open until [`Self::release`].
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
        }
    }

    /// The next line of its stdout; `None` where all who could write to it have ended.
    #[track_caller]
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(TIMEOUT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("neither a line nor an end"),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(pid_of(&self.child), signal).unwrap();
    }

    /// Lets a child go on that waits for the end of its stdin.
    pub(crate) fn release(&mut self) {
        self.stdin = None;
    }

    /// Its end, after that of its stdout.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        assert_eq!(self.line(), None);
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child that says where its trust bundle is, and then waits until it is released.
pub(crate) const SHOWS_BUNDLE: [&str; 3] =
    ["sh", "-c", "echo \"$SSL_CERT_FILE\"; read -r line; exit 0"];

/// A directory of mode 0700 beside the home.
pub(crate) fn private_directory(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    DirBuilder::new().mode(0o700).create(&path).unwrap();
    path
}

pub(crate) fn names(directory: &Path) -> Vec<OsString> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect()
}

/// The environment of a child, where authsome itself has been given these variables.
#[track_caller]
pub(crate) fn environment(world: &World, inherited: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut command = run(world, &[], &["env", "-0"]);
    command.envs(inherited.iter().copied());
    let text = finish(command).expect(0).stdout;
    let pairs = text
        .split_terminator('\0')
        .map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[track_caller]
pub(crate) fn same_as_without_us(prepare: &dyn Fn(&Command) -> Command, words: &[&str]) {
    let world = World::new();
    let seen = |command: &Command| {
        let outcome = finish(prepare(command)).expect(0);
        let lines: Vec<_> = outcome.stdout.lines().map(without_libcs_own).collect();
        (lines, outcome.stderr)
    };
    let with = seen(&run(&world, &["--quiet"], words));
    assert_eq!(with, seen(&like(&world.authsome::<&str>([]), words)));
}

/// glibc's `posix_spawn` leaves two signals ignored that no program can use (32 and 33); each shell
/// and each spawn differs in them.
pub(crate) fn without_libcs_own(line: &str) -> String {
    let Some(mask) = line.strip_prefix("SigIgn:\t") else {
        return line.to_owned();
    };
    let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
    format!("SigIgn:\t{mask:016x}")
}

/// Copies a program that is started then, by a process of its own: one that is open for writing
/// here would be so in whatever another test starts at that moment, and is "busy" then (execve(2)).
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").args([from, to]).status();
    assert!(
        status.unwrap().success(),
        "{} is not copied",
        from.display()
    );
}

/// A run by a user who is not root, whom nothing can be kept from: where the test is root, it
/// becomes another one first.
pub(crate) fn as_nobody_special(world: &World, words: &[&str]) -> Command {
    let command = run(world, &["--quiet"], words);
    if !Uid::effective().is_root() {
        return command;
    }
    let copy = world.path("authsome");
    copy_program(binary(), &copy);
    let prepare = [
        "chown",
        "-R",
        "12345:12345",
        world.path("").to_str().unwrap(),
    ]
    .map(str::to_owned);
    finish(like(&command, prepare)).expect(0);
    let setpriv = [
        "setpriv",
        "--reuid=12345",
        "--regid=12345",
        "--clear-groups",
        "--",
    ]
    .map(OsString::from);
    let words = setpriv
        .into_iter()
        .chain([copy.into()])
        .chain(command.get_args().map(ToOwned::to_owned));
    let mut command = like(&command, words);
    command.current_dir(world.path("."));
    command
}

/// A shell under authsome in a shell.
pub(crate) const INNER: [(&str, &str); 3] = [
    ("expect", "outer> "),
    (
        "send",
        "\"$A\" --quiet run -- bash --noprofile --rcfile \"$INNER\" -i\n",
    ),
    ("expect", "inner> "),
];
