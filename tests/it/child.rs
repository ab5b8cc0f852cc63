//! The child of `authsome run`: its exit codes, signals, files, environment and terminal are what they would be without us.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::kit::{Outcome, PLACEHOLDER, World, binary};
use authsome::secret::Secret;
use authsome_test_support::{FakeGitLab, Visibility};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

/// Far more than anything here takes; only what hangs meets it.
const PATIENCE: Duration = Duration::from_mins(1);

// ---------------------------------------------------------------------------------------------------------- the helpers

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
fn prepared_by_python(preparation: &str, command: &Command) -> Command {
    let code =
        format!("import os, signal, sys; {preparation}; os.execvp(sys.argv[1], sys.argv[1:])");
    behind(&["python3", "-c", &code], command)
}

/// The command with every signal at its default, whatever the tests themselves were started by: a shell's background job ignores two.
fn with_signals_at_default(command: &Command) -> Command {
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
    let Ok(output) = receiver.recv_timeout(PATIENCE) else {
        let _ = kill(pid, Signal::SIGKILL);
        panic!("it hangs: {command:?}");
    };
    Outcome::of(output.unwrap())
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

/// A command that runs while the test looks at it. Its stdin is open until [`Self::release`].
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
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
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("neither a line nor an end"),
        }
    }

    fn signal(&self, signal: Signal) {
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
const SHOWS_BUNDLE: [&str; 3] = ["sh", "-c", "echo \"$SSL_CERT_FILE\"; read -r line; exit 0"];

/// A directory of mode 0700 beside the home.
fn private_directory(world: &World, name: &str) -> PathBuf {
    let path = world.path(name);
    DirBuilder::new().mode(0o700).create(&path).unwrap();
    path
}

fn names(directory: &Path) -> Vec<OsString> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect()
}

/// The environment of a child, where authsome itself has been given these variables.
#[track_caller]
fn environment(world: &World, inherited: &[(&str, &str)]) -> BTreeMap<String, String> {
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

fn certificates(pem: &str) -> Vec<String> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.map(|block| block.split_once("-----END CERTIFICATE-----").unwrap().0);
    bodies
        .map(|body| body.split_whitespace().collect())
        .collect()
}

/// Plays a user at a terminal: `expect` waits for a text after the last one found, `send` types, `close` hangs up.
const TERMINAL: &str = r#"
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    for number in set(range(1, 32)) - {9, 19}:
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp(command[0], command)

end = time.monotonic() + 50
text, found, failed = b"", 0, None

def read():
    global text
    if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        raise TimeoutError("deadline")
    try:
        data = os.read(terminal, 65536)
    except OSError:
        data = b""
    text += data
    return data != b""

try:
    closed = False
    for kind, value in steps:
        if kind == "send":
            os.write(terminal, value.encode())
        elif kind == "close":
            os.close(terminal)
            closed = True
        else:
            value = value.encode()
            while text.find(value, found) < 0:
                if not read():
                    raise EOFError("it ended")
            found = text.find(value, found) + len(value)
    while not closed and read():
        pass
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(20)
except Exception as error:
    failed = f"{error!r} at {kind} {value!r}"
    os.kill(pid, signal.SIGKILL)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps({"code": code, "text": text.decode(errors="replace"), "failed": failed}))
"#;

/// What a terminal showed, and how the command on it ended.
struct Transcript {
    code: i64,
    text: String,
}

/// Runs a command on a terminal of its own.
#[track_caller]
fn terminal(command: &Command, steps: &[(&str, &str)]) -> Transcript {
    let steps = serde_json::to_string(steps).unwrap();
    let outcome = finish(behind(&["python3", "-c", TERMINAL, &steps], command)).expect(0);
    let seen = outcome.json();
    let text = seen["text"].as_str().unwrap().to_owned();
    assert!(
        seen["failed"].is_null(),
        "{}; the terminal showed: {text}",
        seen["failed"]
    );
    Transcript {
        code: seen["code"].as_i64().unwrap(),
        text,
    }
}

/// Settings that keep what a terminal shows the same everywhere.
fn at_terminal(mut command: Command) -> Command {
    for (name, value) in [
        ("TERM", "dumb"),
        ("PYTHON_BASIC_REPL", "1"),
        ("INPUTRC", "/dev/null"),
        ("LESSHISTFILE", "-"),
    ] {
        command.env(name, value);
    }
    command.env("A", binary());
    command
}

/// A user's interactive shell, in which `$A` is authsome and `$INNER` the start-up file of a second shell. Both say by their prompt
/// which one they are.
#[track_caller]
fn shell(world: &World, steps: &[(&str, &str)]) -> Transcript {
    let outer = world.file("outer.rc", "PS1='outer> '\n").into_os_string();
    let inner = world.file("inner.rc", "PS1='inner> '\n");
    let words = [
        "bash".into(),
        "--noprofile".into(),
        "--rcfile".into(),
        outer,
        "-i".into(),
    ];
    let mut command = at_terminal(like(&world.authsome::<&str>([]), words));
    command.env("INNER", inner);
    let transcript = terminal(&command, steps);
    let text = &transcript.text;
    assert!(!text.contains("no job control"), "{text}");
    transcript
}

// ------------------------------------------------------------------------------------------------------- exit codes

#[test]
fn exits_with_the_childs_own_code() {
    let world = World::new();
    for code in [0, 1, 2, 9, 42, 124, 125, 255] {
        world
            .run(["sh", "-c", &format!("exit {code}")])
            .expect(code);
    }
}

#[test]
fn exits_with_128_and_the_signal_that_ended_the_child() {
    let world = World::new();
    for signal in [1, 2, 3, 6, 9, 11, 13, 15, 34, 64] {
        let script = format!("ulimit -c 0; kill -{signal} $$");
        let command = run(&world, &[], &["sh", "-c", &script]);
        finish(with_signals_at_default(&command)).expect(128 + signal);
    }
}

#[test]
fn exits_with_127_where_there_is_no_such_command() {
    let world = World::new();
    let missing = world.path("missing").display().to_string();
    for command in ["no-such-command-anywhere", &missing, ""] {
        let outcome = run(&world, &["--quiet"], &[command])
            .output()
            .map(Outcome::of)
            .unwrap()
            .expect(127);
        assert!(
            outcome
                .stderr
                .contains(&format!("{command}: command not found")),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn exits_with_126_where_the_command_cannot_be_executed() {
    let world = World::new();
    let plain = world.file("plain", "#!/bin/sh\n").display().to_string();
    let directory = private_directory(&world, "directory").display().to_string();
    let below = format!("{plain}/below");
    for command in [&plain, &directory, &below] {
        let outcome = world.run([command]).expect(126);
        assert!(
            outcome.stderr.contains(command.as_str()),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn a_script_without_an_interpreter_line_runs_as_it_does_in_a_shell() {
    let world = World::new();
    // Written by a shell: a file that this process has open for writing while another test forks could not be executed.
    let path = world.path("script").display().to_string();
    let write = "printf 'echo ran; exit 4\\n' > \"$1\"; chmod +x \"$1\"";
    finish(like(
        &world.authsome::<&str>([]),
        ["sh", "-c", write, "sh", &path],
    ))
    .expect(0);
    assert_eq!(world.run([&path]).expect(4).stdout, "ran\n");
}

#[test]
fn exits_with_125_and_starts_nothing_where_authsome_itself_fails() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let marker = world.path("marker").display().to_string();
    let touch = ["touch", marker.as_str()];
    let mut wrong_key = run(&world, &[], &touch);
    wrong_key.env(
        "AUTHSOME_MASTER_KEY",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    let mut missing_roots = run(&world, &[], &touch);
    missing_roots.env("SSL_CERT_FILE", world.path("no-such.pem"));
    let unknown = run(&world, &["--connection", "gitlab=missing"], &touch);
    for (command, word) in [
        (wrong_key, "master.key"),
        (missing_roots, "no-such.pem"),
        (unknown, "gitlab/missing"),
    ] {
        let outcome = finish(command).expect(125);
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(word), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "stdout is the child's");
        assert!(!Path::new(&marker).exists());
    }
}

#[test]
fn a_home_that_others_can_read_is_a_failure_of_authsome_itself() {
    let world = World::new();
    world.call(["whoami"]);
    fs::set_permissions(world.home(), PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = world.run(["true"]).expect(125);
    assert!(outcome.stderr.contains("chmod 700"), "{}", outcome.stderr);
}

#[test]
fn a_failure_of_authsome_itself_is_json_on_stderr_where_that_was_asked_for() {
    let world = World::new();
    let outcome = world
        .call([
            "--json",
            "run",
            "--connection",
            "gitlab=missing",
            "--",
            "true",
        ])
        .expect(125);
    assert_eq!(outcome.stdout, "", "stdout is the child's");
    let said: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(said["error"], "connection_not_found");
}

#[test]
fn wrong_usage_is_2() {
    let world = World::new();
    for arguments in [
        &["run"][..],
        &["run", "--"],
        &["run", "--no-such-flag", "--", "true"],
        &["run", "--policy", "maybe", "--", "true"],
        &["run", "--connection", "gitlab", "--", "true"],
    ] {
        let outcome = world.call(arguments).expect(2);
        assert!(
            outcome.stderr.contains("authsome run") || outcome.stderr.contains("--help"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn an_empty_vault_is_said_and_holds_nothing_up() {
    let world = World::new();
    let outcome = world.run(["echo", "ran"]).expect(0);
    assert_eq!(outcome.stdout, "ran\n");
    assert!(
        outcome.stderr.contains("nothing will be injected"),
        "{}",
        outcome.stderr
    );
    let quiet = finish(run(&world, &["--quiet"], &["echo", "ran"])).expect(0);
    assert_eq!(
        (quiet.stdout.as_str(), quiet.stderr.as_str()),
        ("ran\n", "")
    );
}

#[test]
fn nothing_is_said_where_all_is_well() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let script = "curl -sS -o \"$2\" \"$1\"; exit 3";
    let outcome = world.run([
        OsStr::new("sh"),
        "-c".as_ref(),
        script.as_ref(),
        "sh".as_ref(),
        url.as_ref(),
        world.path("user").as_ref(),
    ]);
    let outcome = outcome.expect(3);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    assert!(
        fs::read_to_string(world.path("user"))
            .unwrap()
            .contains("ada")
    );
}

#[test]
fn what_the_child_leaves_in_the_background_holds_nothing_up() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    // The job holds a tunnel through the proxy, one that is certainly up.
    let script = r#"
        url=${HTTPS_PROXY#http://}; user=${url%@*}; at=${url##*@}
        exec 9<>"/dev/tcp/${at%:*}/${at##*:}"
        printf 'CONNECT 127.0.0.1:%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nProxy-Authorization: Basic %s\r\n\r\n' \
            "$1" "$1" "$(printf %s "$user" | base64 -w0)" >&9
        read -r answer <&9
        sleep 300 >/dev/null 2>&1 &
        echo "$! $answer"
        exit 3
    "#;
    let started = Instant::now();
    let outcome = world
        .run(["bash", "-c", script, "bash", &gitlab.port().to_string()])
        .expect(3);
    let took = started.elapsed();
    let (pid, answer) = outcome.stdout.split_once(' ').unwrap();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn orphans_that_end_leave_nothing_behind() {
    let world = World::new();
    // Processes whose parent has ended, and that then end themselves, by exit and by a realtime signal.
    let script = r#"
import os, signal, time
for end in [lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGRTMIN), lambda: os._exit(0)] * 5:
    reading, writing = os.pipe()
    if os.fork() == 0:
        middle = os.getpid()
        if os.fork() == 0:
            while os.getppid() == middle: os.sched_yield()
            os.write(writing, b"%d %d" % (os.getpid(), os.getppid()))
            end()
        os._exit(0)
    os.wait()
    orphan, parent = map(int, os.read(reading, 100).split())
    assert parent == os.getppid(), (parent, os.getppid())
    while os.path.exists(f"/proc/{orphan}"): time.sleep(.01)
os._exit(7)
"#;
    finish(run(&world, &[], &["python3", "-c", script])).expect(7);
}

// ---------------------------------------------------------------------------------------------------------- signals

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

#[test]
fn signals_reach_the_child_once_each() {
    let world = World::new();
    // A session of its own has no terminal, which would send SIGINT and SIGQUIT to the child itself.
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

/// What the kernel says of a process that it hands down to its children.
const STATUS: [&str; 4] = [
    "grep",
    "-E",
    "^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap...|NoNewPrivs|Seccomp|Umask|Uid|Gid|Groups|NSsid|NSpgid|CoreDumping):",
    "/proc/self/status",
];

#[track_caller]
fn same_as_without_us(prepare: &dyn Fn(&Command) -> Command, words: &[&str]) {
    let world = World::new();
    let seen = |command: &Command| {
        let outcome = finish(prepare(command)).expect(0);
        let lines: Vec<_> = outcome.stdout.lines().map(without_libcs_own).collect();
        (lines, outcome.stderr)
    };
    let with = seen(&run(&world, &["--quiet"], words));
    assert_eq!(with, seen(&like(&world.authsome::<&str>([]), words)));
}

/// glibc's `posix_spawn` leaves two signals ignored that no program can use (32 and 33); each shell and each spawn differs in them.
fn without_libcs_own(line: &str) -> String {
    let Some(mask) = line.strip_prefix("SigIgn:\t") else {
        return line.to_owned();
    };
    let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
    format!("SigIgn:\t{mask:016x}")
}

#[test]
fn signal_dispositions_and_masks_are_as_without_us() {
    // NSsid and NSpgid would differ between two sessions of setsid; here both commands are in the test's own.
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
    let world = World::new();
    let command = run(&world, &[], &["sh", "-c", "sleep 0.2; exit 5"]);
    let ignore = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)";
    let command = prepared_by_python(ignore, &command);
    finish(behind(&["timeout", "-k1", "20"], &command)).expect(5);
}

#[test]
fn a_parent_that_blocks_sigchld_does_not_leave_us_waiting() {
    let world = World::new();
    let command = run(&world, &[], &["sh", "-c", "sleep 0.2; exit 5"]);
    let block = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])";
    let command = prepared_by_python(block, &command);
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
    // Without a terminal nobody would continue us: we stay, and the child can be continued on its own.
    let child = wait_for_stopped_child(&running);
    kill(child, Signal::SIGCONT).unwrap();
    assert_eq!(running.line().unwrap(), "on");
    assert_eq!(running.end().code(), Some(6));
}

/// The only child of a process, once it is stopped; there is no event for a stranger's stop.
fn wait_for_stopped_child(running: &Running) -> Pid {
    let pid = running.child.id();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next() {
            let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            if status.contains("State:\tT") {
                return Pid::from_raw(child.parse().unwrap());
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the child did not stop");
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

// ------------------------------------------------------------------------------------------------- the run directory

#[test]
fn the_run_directory_is_private_and_gone_at_the_end() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let mut command = run(&world, &[], &SHOWS_BUNDLE);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let mut running = Running::start(command);
    let bundle = PathBuf::from(running.line().unwrap());
    let directory = bundle.parent().unwrap();
    assert_eq!(directory.parent().unwrap(), runtime);
    assert_eq!(fs::metadata(directory).unwrap().mode() & 0o7777, 0o700);
    let files = names(directory);
    assert!(files.len() >= 2, "{files:?}");
    for name in files {
        let path = directory.join(&name);
        let found = fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.mode() & 0o7777, expected, "{}", name.display());
        if found.is_dir() {
            continue; // tests/it/environment.rs looks into those
        }
        let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!content.contains("PRIVATE KEY"), "{}", name.display());
    }
    running.release();
    assert_eq!(running.end().code(), Some(0));
    assert_eq!(names(&runtime), [""; 0]);
}

#[test]
fn no_run_directory_remains_however_the_child_ends() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let litter = "touch \"$(dirname \"$SSL_CERT_FILE\")/litter\"; exit 1";
    for (words, code) in [
        (&["no-such-command-anywhere"][..], 127),
        (&["/"], 126),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", litter], 1),
    ] {
        let mut command = run(&world, &[], words);
        command.env("XDG_RUNTIME_DIR", &runtime);
        finish(command).expect(code);
        assert_eq!(names(&runtime), [""; 0], "{words:?}");
    }
}

#[test]
fn a_run_leaves_the_directory_of_a_living_one_alone() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let with_runtime = |words: &[&str]| {
        let mut command = run(&world, &[], words);
        command.env("XDG_RUNTIME_DIR", &runtime);
        command
    };
    let mut living = Running::start(with_runtime(&SHOWS_BUNDLE));
    let bundle = PathBuf::from(living.line().unwrap());
    finish(with_runtime(&["true"])).expect(0);
    assert!(bundle.exists());
    living.release();
    assert_eq!(living.end().code(), Some(0));
}

#[test]
fn runs_that_start_together_do_not_take_each_others_directories() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    world.run(["true"]).expect(0);
    let start = || {
        let mut command = run(
            &world,
            &["--quiet"],
            &["sh", "-c", "test -s \"$SSL_CERT_FILE\""],
        );
        command
            .env("XDG_RUNTIME_DIR", &runtime)
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for _ in 0..4 {
        let running: Vec<_> = (0..12).map(|_| start()).collect();
        for child in running {
            Outcome::of(child.wait_with_output().unwrap()).expect(0);
        }
    }
    assert_eq!(names(&runtime), [""; 0]);
}

#[test]
fn a_fifo_in_the_place_of_a_lock_does_not_hold_a_run_up() {
    let world = World::new();
    let runtime = private_directory(&world, "runtime");
    let trap = private_directory(&world, "runtime/authsome-trap").join("alive");
    finish(like(
        &world.authsome::<&str>([]),
        [OsStr::new("mkfifo"), trap.as_ref()],
    ))
    .expect(0);
    let mut command = run(&world, &[], &["true"]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    // Whoever else may write to a shared temporary directory could put one there.
    finish(behind(&["timeout", "-k1", "20"], &command)).expect(0);
}

#[test]
fn a_runtime_directory_that_others_can_read_is_not_used() {
    let world = World::new();
    let (open, temporary) = (world.path("open"), private_directory(&world, "temporary"));
    DirBuilder::new().mode(0o755).create(&open).unwrap();
    let path = open.display().to_string();
    let environment = environment(
        &world,
        &[
            ("XDG_RUNTIME_DIR", &path),
            ("TMPDIR", temporary.to_str().unwrap()),
        ],
    );
    assert!(
        Path::new(&environment["SSL_CERT_FILE"]).starts_with(&temporary),
        "{}",
        environment["SSL_CERT_FILE"]
    );
}

#[test]
fn the_bundle_is_found_from_any_directory() {
    let world = World::new();
    private_directory(&world, "temporary");
    let mut command = run(
        &world,
        &[],
        &[
            "sh",
            "-c",
            "cd / && test -s \"$SSL_CERT_FILE\" && test -s \"$NODE_EXTRA_CA_CERTS\"",
        ],
    );
    command
        .current_dir(world.path("."))
        .env("TMPDIR", "temporary");
    finish(command).expect(0);
}

// ------------------------------------------------------------------------------------------------------- environment

#[test]
fn placeholders_stand_in_for_real_values() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let variables = [
        "GITLAB_ACCESS_TOKEN",
        "GITLAB_TOKEN",
        "GITLAB_PRIVATE_TOKEN",
        "GITLAB_PERSONAL_ACCESS_TOKEN",
        "GL_TOKEN",
    ];
    let inherited = [
        ("GITLAB_ACCESS_TOKEN", "glpat-real"),
        ("GITLAB_TOKEN", "glpat-real"),
        ("GL_TOKEN", "glpat-real"),
    ];
    for inherited in [&[][..], &inherited] {
        let environment = environment(&world, inherited);
        for name in variables {
            assert_eq!(environment[name], PLACEHOLDER, "{name}");
        }
    }
}

#[test]
fn an_empty_vault_leaves_the_users_own_tokens_alone() {
    let environment = environment(
        &World::new(),
        &[
            ("GITLAB_TOKEN", "glpat-real"),
            ("GITLAB_REFRESH_TOKEN", "mine"),
        ],
    );
    assert_eq!(environment["GITLAB_TOKEN"], "glpat-real");
    assert_eq!(environment["GITLAB_REFRESH_TOKEN"], "mine");
}

#[test]
fn refresh_token_and_master_key_are_absent() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let key = fs::read_to_string(world.home().join("master.key")).unwrap();
    let inherited = [
        ("GITLAB_REFRESH_TOKEN", "something"),
        ("AUTHSOME_MASTER_KEY", key.trim()),
    ];
    let environment = environment(&world, &inherited);
    assert!(!environment.contains_key("GITLAB_REFRESH_TOKEN"));
    assert!(!environment.contains_key("AUTHSOME_MASTER_KEY"));
    assert!(
        environment
            .values()
            .all(|value| !value.contains(key.trim()))
    );
}

#[test]
fn no_value_holds_a_secret_even_where_the_parent_had_one() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let mut connection = world.stored("default");
    let client_secret = "gloas-0123456789abcdef";
    connection.client.client_secret = Some(Secret::new(client_secret.to_owned()));
    world.store().create(&connection, true).unwrap();
    let remote = format!("https://oauth2:{}@localhost/group/project.git", pair.access);
    let curl = format!("--user x:{}", pair.refresh);
    let inherited = [
        ("REMOTE", remote.as_str()),
        ("CURL_ARGUMENTS", &curl),
        ("CLIENT", client_secret),
        ("HTTPS_PROXY", &remote),
        ("HARMLESS", "kept"),
    ];
    let environment = environment(&world, &inherited);
    for (name, value) in &environment {
        for secret in [pair.access.as_str(), &pair.refresh, client_secret] {
            assert!(!value.contains(secret), "{name}");
        }
    }
    assert_eq!(environment["HARMLESS"], "kept");
}

#[test]
fn a_variable_that_is_taken_away_is_named_and_its_value_is_not() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let mut command = run(&world, &[], &["true"]);
    command.env(
        "REMOTE",
        format!("https://oauth2:{}@localhost/", pair.access),
    );
    let outcome = finish(command).expect(0);
    assert!(outcome.stderr.contains("REMOTE"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains(&pair.access));
}

#[test]
fn a_secret_in_inherited_git_configuration_is_taken_away_and_git_still_works() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    // As CI systems hand it down: in a value, and in a key.
    let mut command = run(&world, &[], &["git", "config", "--list"]);
    let (base, token) = (gitlab.base_url(), &pair.access);
    let configuration = [
        ("COUNT", "3".to_owned()),
        ("KEY_0", format!("http.{base}/.extraheader")),
        ("VALUE_0", format!("Authorization: Bearer {token}")),
        (
            "KEY_1",
            format!("url.https://oauth2:{token}@localhost/.insteadof"),
        ),
        ("VALUE_1", "https://localhost/".to_owned()),
        ("KEY_2", "user.name".to_owned()),
        ("VALUE_2", "Ada".to_owned()),
    ];
    command.envs(configuration.map(|(part, value)| (format!("GIT_CONFIG_{part}"), value)));
    let outcome = finish(command).expect(0);
    let listed = outcome.stdout;
    assert!(!listed.contains(token));
    assert!(listed.contains("user.name=Ada\n"), "{listed}");
}

#[test]
fn both_cases_of_the_proxy_variables_name_the_sessions_proxy() {
    let world = World::new();
    let own = [
        ("HTTPS_PROXY", "http://proxy.test:1"),
        ("https_proxy", "http://proxy.test:2"),
        ("ALL_PROXY", "socks5://proxy.test"),
    ];
    let (first, second) = (environment(&world, &own), environment(&world, &[]));
    for environment in [&first, &second] {
        for name in [
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "https_proxy",
            "http_proxy",
            "all_proxy",
        ] {
            assert_eq!(environment[name], environment["HTTPS_PROXY"], "{name}");
        }
        let rest = environment["HTTPS_PROXY"]
            .strip_prefix("http://authsome:")
            .unwrap();
        let (password, address) = rest.split_once("@127.0.0.1:").unwrap();
        assert!(password.len() >= 32, "{password}");
        assert!(
            password
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
            "{password}"
        );
        assert!(
            address.parse::<u16>().is_ok_and(|port| port > 0),
            "{address}"
        );
    }
    assert_ne!(first["HTTPS_PROXY"], second["HTTPS_PROXY"]);
    assert!(!first["AUTHSOME_SESSION"].is_empty());
    assert_ne!(first["AUTHSOME_SESSION"], second["AUTHSOME_SESSION"]);
    assert!(
        !first["HTTPS_PROXY"].contains(&first["AUTHSOME_SESSION"]),
        "the id is public"
    );
}

#[test]
fn no_proxy_is_loopback_and_what_the_user_excludes_less_the_connections_hosts() {
    let gitlab = FakeGitLab::start();
    for (base, expected) in [
        (
            None,
            "localhost,127.0.0.1,::1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://gitlab.test"),
            "localhost,127.0.0.1,::1,.corp,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://LocalHost:8443/gitlab"),
            "127.0.0.1,::1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://127.0.0.1:8443"),
            "localhost,::1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://[::1]:8443"),
            "localhost,127.0.0.1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://10.2.3.4"),
            "localhost,127.0.0.1,::1,.corp,gitlab.test,db:5432",
        ),
        (
            Some("https://gitlab.corp"),
            "localhost,127.0.0.1,::1,gitlab.test,10.0.0.0/8,db:5432",
        ),
    ] {
        let world = World::new();
        if let Some(base) = base {
            world.connect_as("default", &gitlab, base, 7200);
        }
        let users = ".corp, gitlab.test 10.0.0.0/8,::1,db:5432";
        let environment = environment(&world, &[("NO_PROXY", users), ("no_proxy", "other")]);
        assert_eq!(environment["NO_PROXY"], expected, "{base:?}");
        assert_eq!(environment["no_proxy"], expected, "{base:?}");
    }
    // What covers everything covers a connection.
    let world = World::new();
    world.connect_as("default", &gitlab, "https://gitlab.test", 7200);
    let environment = environment(&world, &[("no_proxy", "*")]);
    assert_eq!(environment["NO_PROXY"], "localhost,127.0.0.1,::1");
}

#[test]
fn git_configuration_is_appended_to_the_parents() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let inherited = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "user.name"),
        ("GIT_CONFIG_VALUE_0", "Ada"),
    ];
    let environment = environment(&world, &inherited);
    assert_eq!(environment["GIT_CONFIG_KEY_0"], "user.name");
    assert_eq!(environment["GIT_CONFIG_VALUE_0"], "Ada");
    let count: usize = environment["GIT_CONFIG_COUNT"].parse().unwrap();
    let added = (1..count).map(|index| {
        let part = |part: &str| environment[&format!("GIT_CONFIG_{part}_{index}")].clone();
        (part("KEY"), part("VALUE"))
    });
    let key = format!("credential.{}.helper", gitlab.base_url());
    let helpers: Vec<_> = added
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect();
    // The empty one ends the user's list.
    assert_eq!(helpers.len(), 2, "{helpers:?}");
    assert_eq!(helpers[0], "");
    assert!(helpers[1].ends_with("/git-credential.sh' 0"), "{helpers:?}");
    assert_eq!(environment["GIT_TERMINAL_PROMPT"], "0");
}

#[test]
fn the_users_credential_helper_is_neither_asked_nor_told_anything() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let files = [("README.md", "hello\n")];
    gitlab.add_repo("group/private", Visibility::Private, &files);
    let told = world.path("told");
    let helper = format!(
        "[credential]\n\thelper = \"!f() {{ echo $1; cat; }} >> '{}'; f\"\n",
        told.display()
    );
    world.file(".gitconfig", &helper);
    let url = format!("{}/group/private.git", gitlab.base_url());
    world.run(["git", "ls-remote", &url]).expect(0);
    // The proxy's password is one too: a helper would keep it for ever.
    assert!(!told.exists(), "{}", fs::read_to_string(&told).unwrap());
}

#[test]
fn variables_that_are_not_text_pass_through() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    let mut command = run(
        &world,
        &[],
        &["sh", "-c", "printf %s \"$ODD\" | od -An -tx1"],
    );
    command.env("ODD", OsStr::from_bytes(b"a\xff\xfe"));
    assert_eq!(finish(command).expect(0).stdout.trim(), "61 ff fe");
}

#[test]
fn no_command_line_of_a_run_holds_a_secret() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    // A second process under the child, and a marker by which the test knows that it saw them.
    let script = "echo \"$HTTPS_PROXY\"; cat; exit 0";
    let marker = world.path("marker").display().to_string();
    let mut running = Running::start(run(&world, &[], &["sh", "-c", script, "sh", &marker]));
    let proxy = running.line().unwrap();
    let password = proxy
        .strip_prefix("http://authsome:")
        .and_then(|rest| rest.split_once('@'))
        .unwrap()
        .0;
    let mut counted = 0;
    for process in names(Path::new("/proc")) {
        let line = fs::read(Path::new("/proc").join(&process).join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        counted += usize::from(line.contains(&marker));
        for secret in [password, &pair.access, &pair.refresh] {
            assert!(!line.contains(secret), "process {}", process.display());
        }
    }
    assert!(counted >= 2, "authsome and its child");
    running.release();
    assert_eq!(running.end().code(), Some(0));
}

// ------------------------------------------------------------------------------------------------------ trust bundle

/// Where distributions keep their roots; the machine of a test has one of these.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[test]
fn the_bundle_holds_the_systems_roots_the_users_and_the_sessions() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    // No line feed at the end: the next block must not be swallowed.
    let extra = world.file("extra.pem", gitlab.ca_pem().trim_end());
    let command = "cat \"$SSL_CERT_FILE\"; printf '\\0'; cat \"$NODE_EXTRA_CA_CERTS\"";
    let mut command = run(&world, &[], &["sh", "-c", command]);
    command.env("SSL_CERT_FILE", &extra);
    let text = finish(command).expect(0).stdout;
    let (bundle, session) = text.split_once('\0').unwrap();
    let (bundle, session) = (certificates(bundle), certificates(session));
    let system = SYSTEM_ROOTS
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap();
    for root in certificates(&system) {
        assert!(bundle.contains(&root));
    }
    assert!(
        bundle.contains(&certificates(gitlab.ca_pem())[0]),
        "what SSL_CERT_FILE named"
    );
    assert_eq!(
        session.len(),
        1,
        "for clients that add it to their own roots"
    );
    assert!(bundle.contains(&session[0]), "the session CA");
}

#[test]
fn every_trust_variable_names_a_file_that_is_there() {
    let world = World::new();
    let names = [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
    ];
    let script = "for name; do eval \"file=\\$$name\"; grep -q 'BEGIN CERTIFICATE' \"$file\" || exit 1; done";
    let words: Vec<_> = ["sh", "-c", script, "sh"]
        .into_iter()
        .chain(names)
        .collect();
    world.run(words).expect(0);
}

#[test]
fn a_private_key_beside_the_users_roots_is_not_copied() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n";
    let extra = world.file("extra.pem", &format!("{key}{}", gitlab.ca_pem()));
    let mut command = run(&world, &[], &["sh", "-c", "cat \"$SSL_CERT_FILE\""]);
    command.env("SSL_CERT_FILE", &extra);
    let bundle = finish(command).expect(0).stdout;
    assert!(bundle.contains("BEGIN CERTIFICATE"));
    assert!(!bundle.contains("PRIVATE KEY"));
}

#[test]
fn a_run_within_a_run_works() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let authsome = binary().to_str().unwrap();
    let outcome = world
        .run([
            authsome,
            "run",
            "--",
            "curl",
            "-sS",
            "--fail-with-body",
            &url,
        ])
        .expect(0);
    assert_eq!(outcome.json()["username"], "ada");
}

// ------------------------------------------------------------------------------------------------------ files, memory

#[test]
fn stdin_stdout_and_stderr_are_the_very_files_that_authsome_was_given() {
    let world = World::new();
    let input = world.file("input", "");
    let (output, errors) = (world.file("output", ""), world.file("errors", ""));
    let script = "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2";
    let mut command = run(&world, &["--quiet"], &["sh", "-c", script]);
    command.stdin(fs::File::open(&input).unwrap());
    let write = |path: &Path| fs::OpenOptions::new().append(true).open(path).unwrap();
    command.stdout(write(&output)).stderr(write(&errors));
    assert_eq!(command.status().unwrap().code(), Some(0));
    let expected = [&input, &output, &errors]
        .map(|path| format!("{}\n", path.canonicalize().unwrap().display()));
    assert_eq!(fs::read_to_string(&output).unwrap(), expected.concat());
    assert_eq!(fs::read_to_string(&errors).unwrap(), "");
}

#[test]
fn no_descriptor_of_ours_reaches_the_child_and_none_of_the_parents_is_lost() {
    same_as_without_us(&|command| after(":", command), &["ls", "/proc/self/fd"]);
    same_as_without_us(
        &|command| after("exec 7</dev/null 8>/dev/null", command),
        &["ls", "/proc/self/fd"],
    );
}

#[test]
fn closed_standard_streams_do_no_harm() {
    let world = World::new();
    finish(after(
        "exec <&- >&- 2>&-",
        &run(&world, &[], &["sh", "-c", "exit 6"]),
    ))
    .expect(6);
}

#[test]
fn a_reader_that_goes_away_ends_the_child_as_without_us() {
    let world = World::new();
    let pipeline = "\"$@\" sh -c 'yes; exit $?' | head -n 1 >/dev/null; echo \"${PIPESTATUS[0]}\"";
    let command = run(&world, &["--quiet"], &[]);
    let outcome = finish(behind(&["bash", "-c", pipeline, "bash"], &command)).expect(0);
    assert_eq!(outcome.stdout, "141\n");
}

#[test]
fn the_child_cannot_read_our_memory_or_environment() {
    let world = World::new();
    // The master key of a CI job is in our environment, and the tokens are in our memory. The shell's own is readable.
    let script = "cat /proc/self/environ >/dev/null || exit 9; cat /proc/$PPID/environ; head -c1 /proc/$PPID/mem; exit 0";
    let outcome = finish(as_nobody_special(&world, &["sh", "-c", script])).expect(0);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr.matches("Permission denied").count(),
        2,
        "{}",
        outcome.stderr
    );
}

/// A run by a user who is not root, whom nothing can be kept from: where the test is root, it becomes another one first.
pub(crate) fn as_nobody_special(world: &World, words: &[&str]) -> Command {
    let command = run(world, &["--quiet"], words);
    if !Uid::effective().is_root() {
        return command;
    }
    let copy = world.path("authsome");
    fs::copy(binary(), &copy).unwrap();
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

// ---------------------------------------------------------------------------------------------------------- terminal

#[test]
fn an_interactive_interpreter_works_and_survives_ctrl_c() {
    let world = World::new();
    let steps = [
        ("expect", ">>> "),
        ("send", "1+1\n"),
        ("expect", "\n2\r\n"),
        ("expect", ">>> "),
        (
            "send",
            "import time; print('in', 'loop'); [time.sleep(.05) for _ in range(2000)]\n",
        ),
        ("expect", "in loop"),
        ("send", "\x03"),
        ("expect", "KeyboardInterrupt"),
        ("expect", ">>> "),
        ("send", "3*7\n"),
        ("expect", "\n21\r\n"),
        ("expect", ">>> "),
        ("send", "exit()\n"),
    ];
    let command = at_terminal(run(&world, &[], &["python3", "-q", "-i"]));
    assert_eq!(terminal(&command, &steps).code, 0);
}

#[test]
fn ctrl_c_reaches_the_child_once() {
    let world = World::new();
    // Python sees a signal that comes just before a blocking call only at its end: so none of them is long.
    let code = "
import os, select, signal
count = 0
def got(*_):
    global count
    count += 1
    os.write(1, b'got %d.' % count)
signal.signal(signal.SIGINT, got)
os.write(1, b'ready')
while not select.select([0], [], [], 0.05)[0]: pass
os.write(1, b'in all: %d.' % count)
";
    let steps = [
        ("expect", "ready"),
        ("send", "\x03"),
        ("expect", "got 1."),
        ("send", "\x03"),
        ("expect", "got 2."),
        ("send", "\n"),
        ("expect", "in all: 2."),
    ];
    let command = at_terminal(run(&world, &[], &["python3", "-c", code]));
    assert_eq!(terminal(&command, &steps).code, 0);
}

/// `cat` answers on the terminal: what was typed stands there twice, so it certainly has the foreground. It says before that it is there:
/// what is typed while a shell still sets the terminal up may be lost.
const CAT_ANSWERS: [(&str, &str); 3] = [
    ("send", "hello\n"),
    ("expect", "hello"),
    ("expect", "hello"),
];

#[test]
fn ctrl_z_stops_the_job_fg_goes_on_and_ctrl_c_ends_it() {
    let world = World::new();
    let start = [
        ("expect", "outer> "),
        (
            "send",
            "\"$A\" --quiet run -- sh -c 'echo re\"\"ady; exec cat'\n",
        ),
        ("expect", "ready"),
    ];
    let stop = [
        ("send", "\x1a"),
        ("expect", "Stopped"),
        ("expect", "outer> "),
        ("send", "fg\n"),
        ("expect", "cat"),
    ];
    let end = [
        ("send", "\x03"),
        ("expect", "outer> "),
        ("send", "echo code=$?\n"),
        ("expect", "code=130"),
        ("send", "exit\n"),
    ];
    shell(
        &world,
        &[
            &start[..],
            &CAT_ANSWERS,
            &stop,
            &CAT_ANSWERS,
            &stop,
            &CAT_ANSWERS,
            &end,
        ]
        .concat(),
    );
}

#[test]
fn ctrl_z_does_not_stop_a_child_that_ignores_it() {
    let world = World::new();
    let steps = [
        &[
            ("expect", "outer> "),
            (
                "send",
                "\"$A\" --quiet run -- sh -c 'trap \"\" TSTP; echo re\"\"ady; exec cat'\n",
            ),
            ("expect", "ready"),
        ][..],
        &CAT_ANSWERS,
        &[("send", "\x1a"), ("expect", "^Z")],
        &CAT_ANSWERS,
        &[("send", "\x03"), ("expect", "outer> "), ("send", "exit\n")],
    ];
    let shown = shell(&world, &steps.concat()).text;
    assert!(!shown.contains("Stopped"), "{shown}");
}

#[test]
fn the_shell_gets_the_terminal_back_only_when_the_child_has_stopped() {
    let world = World::new();
    // As a full-screen program does: it puts the terminal in order first, and then stops.
    let code = "
import os, select, signal, time
def stop(*_):
    time.sleep(0.5)
    os.write(1, b'in order.')
    os.kill(os.getpid(), signal.SIGSTOP)
    os.write(1, b'back.')
signal.signal(signal.SIGTSTP, stop)
os.write(1, b'ready.')
while not select.select([0], [], [], 0.05)[0]: pass
";
    world.file("screen.py", code);
    let steps = [
        ("expect", "outer> "),
        ("send", "cd; \"$A\" --quiet run -- python3 screen.py\n"),
        ("expect", "ready."),
        ("send", "\x1a"),
        ("expect", "Stopped"),
        ("expect", "outer> "),
        ("send", "fg\n"),
        ("expect", "back."),
        ("send", "\n"),
        ("expect", "outer> "),
        ("send", "exit\n"),
    ];
    let shown = shell(&world, &steps).text;
    let (order, stopped) = (shown.find("in order."), shown.find("Stopped"));
    assert!(order.is_some() && order < stopped, "{shown}");
    assert_eq!(shown.matches("Stopped").count(), 1, "{shown}");
}

#[test]
fn a_stopped_job_can_be_ended() {
    let world = World::new();
    let steps = [
        &[
            ("expect", "outer> "),
            (
                "send",
                "\"$A\" --quiet run -- sh -c 'echo re\"\"ady; exec cat'\n",
            ),
            ("expect", "ready"),
        ][..],
        &CAT_ANSWERS,
        &[
            ("send", "\x1a"),
            ("expect", "Stopped"),
            ("expect", "outer> "),
            (
                "send",
                "kill %1; while kill -0 %1; do :; done; echo go\"\"ne\n",
            ),
            ("expect", "gone"),
            ("expect", "Exit 143"),
            ("expect", "outer> "),
            ("send", "exit\n"),
        ],
    ];
    shell(&world, &steps.concat());
}

#[test]
fn a_background_job_that_reads_stops_and_can_be_fetched() {
    let world = World::new();
    let steps = [
        &[
            ("expect", "outer> "),
            ("send", "\"$A\" --quiet run -- cat &\n"),
            ("expect", "outer> "),
        ][..],
        &[
            ("send", "wait %1\n"),
            ("expect", "Stopped"),
            ("expect", "outer> "),
            ("send", "fg\n"),
            ("expect", "cat"),
        ],
        &CAT_ANSWERS,
        &[
            ("send", "\x04"),
            ("expect", "outer> "),
            ("send", "echo code=$?\n"),
            ("expect", "code=0"),
            ("send", "exit\n"),
        ],
    ];
    shell(&world, &steps.concat());
}

/// A shell under authsome in a shell.
const INNER: [(&str, &str); 3] = [
    ("expect", "outer> "),
    (
        "send",
        "\"$A\" --quiet run -- bash --noprofile --rcfile \"$INNER\" -i\n",
    ),
    ("expect", "inner> "),
];

/// The inner shell ends, and the outer one has the terminal again.
const LEAVE: [(&str, &str); 6] = [
    ("send", "exit 5\n"),
    ("expect", "outer> "),
    ("send", "echo code=$?\n"),
    ("expect", "code=5"),
    ("expect", "outer> "),
    ("send", "exit 0\n"),
];

#[test]
fn a_shell_under_authsome_has_job_control_and_gives_the_terminal_back() {
    let world = World::new();
    let steps = [
        &INNER[..],
        &[
            ("send", "sh -c 'echo re\"\"ady; exec cat'\n"),
            ("expect", "ready"),
        ],
        &CAT_ANSWERS,
        &[
            ("send", "\x1a"),
            ("expect", "Stopped"),
            ("expect", "inner> "),
            ("send", "fg\n"),
            ("expect", "cat"),
        ],
        &CAT_ANSWERS,
        &[
            ("send", "\x03"),
            ("expect", "inner> "),
            ("send", "echo code=$?\n"),
            ("expect", "code=130"),
            ("expect", "inner> "),
        ],
        &LEAVE,
    ];
    assert_eq!(shell(&world, &steps.concat()).code, 0);
}

#[test]
fn suspend_in_a_shell_under_authsome_gives_the_terminal_back_and_fg_returns() {
    let world = World::new();
    let suspend = [
        ("send", "suspend\n"),
        ("expect", "Stopped"),
        ("expect", "outer> "),
        ("send", "echo $((40+2))\n"),
        ("expect", "42"),
        ("expect", "outer> "),
        ("send", "fg\n"),
        ("expect", "inner> "),
        ("send", "echo $((70+7))\n"),
        ("expect", "77"),
        ("expect", "inner> "),
    ];
    let steps = [
        &INNER[..],
        &suspend,
        &suspend,
        &[
            ("send", "sh -c 'echo re\"\"ady; exec cat'\n"),
            ("expect", "ready"),
        ],
        &CAT_ANSWERS,
        &[("send", "\x03"), ("expect", "inner> ")],
        &LEAVE,
    ];
    assert_eq!(shell(&world, &steps.concat()).code, 0);
}

fn hundred_lines() -> String {
    let lines: Vec<_> = (1..=100).map(|number| format!("line {number}\n")).collect();
    lines.concat()
}

#[test]
fn a_pager_shows_the_same_as_without_us() {
    let world = World::new();
    let file = world
        .file("lines.txt", &hundred_lines())
        .display()
        .to_string();
    let steps = [
        ("expect", "line 23"),
        ("send", " "),
        ("expect", "line 46"),
        ("send", "G"),
        ("expect", "line 100"),
        ("send", "g"),
        ("expect", "line 23"),
        ("send", "q"),
    ];
    let words = ["less", file.as_str()];
    let show = |command: Command| {
        let mut command = at_terminal(command);
        command.env("TERM", "vt100");
        terminal(&command, &steps)
    };
    let without = show(like(&world.authsome::<&str>([]), words));
    let with = show(run(&world, &["--quiet"], &words));
    assert_eq!((with.code, with.text), (without.code, without.text));
}

#[test]
fn a_pager_can_be_stopped_and_fetched() {
    let world = World::new();
    world.file("lines.txt", &hundred_lines());
    let steps = [
        ("expect", "outer> "),
        (
            "send",
            "cd; TERM=vt100 \"$A\" --quiet run -- less lines.txt\n",
        ),
        ("expect", "line 23"),
        ("send", "\x1a"),
        ("expect", "Stopped"),
        ("expect", "outer> "),
        ("send", "fg\n"),
        ("expect", "line 23"),
        ("send", " "),
        ("expect", "line 46"),
        ("send", "q"),
        ("expect", "outer> "),
        ("send", "echo $((40+2))\n"),
        ("expect", "42"),
        ("send", "exit\n"),
    ];
    shell(&world, &steps);
}

#[test]
fn a_terminal_that_hangs_up_ends_the_child() {
    let world = World::new();
    let command = at_terminal(run(
        &world,
        &["--quiet"],
        &["sh", "-c", "echo pid=$$.; exec sleep 300"],
    ));
    let hung_up = terminal(
        &command,
        &[("expect", "pid="), ("expect", "."), ("close", "")],
    );
    assert_eq!(hung_up.code, 129);
    let pid = hung_up
        .text
        .split_once("pid=")
        .and_then(|(_, rest)| rest.split_once('.'))
        .unwrap()
        .0;
    assert!(!Path::new("/proc").join(pid).exists());
}

#[test]
fn all_of_stdin_is_the_childs() {
    let world = World::new();
    // Nothing of ours reads from the same file.
    let mut running = Running::start(run(&world, &["--quiet"], &["sh", "-c", "wc -c"]));
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(&vec![b'x'; 300_000]).unwrap();
    drop(stdin);
    assert_eq!(running.line().unwrap().trim(), "300000");
    assert_eq!(running.end().code(), Some(0));
}

/// As after an update of the binary: its file is gone, the image runs on.
#[test]
fn a_binary_whose_file_is_gone_still_starts_its_child() {
    let world = World::new();
    let copy = world.path("copy");
    fs::copy(crate::kit::binary(), &copy).unwrap();
    let code = "import os, sys; image = os.open(sys.argv[1], os.O_RDONLY); os.unlink(sys.argv[1]); os.execv(f'/proc/self/fd/{image}', ['authsome', *sys.argv[3:]])";
    let copy = copy.display().to_string();
    let command = run(&world, &[], &["sh", "-c", "exit 7"]);
    finish(behind(&["python3", "-c", code, &copy], &command)).expect(7);
}
