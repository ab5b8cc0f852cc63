//! What of authsome's own reaches nobody else: its memory, its key, the secrets in the environment, a place for its files.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use authsome_test_support::FakeGitLab;

use crate::child::{as_nobody_special, behind, finish, like, run};
use crate::kit::{PLACEHOLDER, World};

/// Starts authsome again and again, and opens its memory as often as it can from the first moment on. When the command runs, all that was
/// opened is searched for the words on stdin, and for the key that they are. Prints how often it opened a program's memory, and what it found.
const WATCHER: &str = r#"
import base64, os, re, select, subprocess, sys
if os.getuid() == 0:
    os.setgroups([]); os.setresgid(12345, 12345, 12345); os.setresuid(12345, 12345, 12345)
rounds, wanted = int(sys.argv[1]), sys.stdin.buffer.read().split()
wanted += [base64.b64decode(word) for word in wanted if word.endswith(b"=")]
opened, found = 0, set()

def scan(maps, memory):
    text = b""
    while part := os.read(maps, 1 << 16): text += part
    for line in text.splitlines():
        place = re.match(rb"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if not place: continue
        start, end = (int(number, 16) for number in place.groups())
        try: content = os.pread(memory, end - start, start)
        except OSError: continue
        found.update(word for word in wanted if word in content)
    return b"authsome" in text

for _ in range(rounds):
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pairs = []
    while not select.select([child.stdout], [], [], 0)[0]:
        if len(pairs) > 200: del pairs[100]
        try: maps = os.open(f"/proc/{child.pid}/maps", os.O_RDONLY)
        except OSError: continue
        try: pairs.append((maps, os.open(f"/proc/{child.pid}/mem", os.O_RDONLY)))
        except OSError: os.close(maps)
    assert child.stdout.readline() == b"ready\n", "it has not started"
    opened += any([scan(*pair) for pair in pairs])
    for pair in pairs: os.close(pair[0]); os.close(pair[1])
    child.communicate()
print(opened, len(found))
"#;

/// Becomes the tracer of a command, from its first instruction on.
const TRACER: &str = r"
import ctypes, os, signal, sys
ptrace = ctypes.CDLL(None).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
pid = os.fork()
if pid == 0:
    ptrace(0, 0, None, None)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSTOPPED(status): os._exit(os.waitstatus_to_exitcode(status) & 255)
    number = os.WSTOPSIG(status)
    ptrace(7, pid, None, 0 if number == signal.SIGTRAP else number)
";

/// The command of [`as_nobody_special`], as the last words of the watcher, which becomes that user by itself: Python may be where only root
/// gets at it.
fn watched(world: &World, rounds: &str, words: &[&str]) -> Command {
    let command = as_nobody_special(world, words);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(ToOwned::to_owned).collect();
    let end = words.iter().position(|word| word == "--");
    let is_wrapped = command.get_program() == "setpriv";
    let start = end.filter(|_| is_wrapped).map_or(0, |end| end + 1);
    let python = ["python3", "-c", WATCHER, rounds].map(OsString::from);
    let mut behind = like(
        &command,
        python.into_iter().chain(words.into_iter().skip(start)),
    );
    behind.current_dir(world.path("."));
    behind
}

/// A run's memory as another process of the same user reads it: in how many of the rounds it opened something, and how many secrets it
/// found.
fn read_by_another(rounds: &str, readable: &str) -> (u32, u32) {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let key = fs::read_to_string(world.home().join("master.key")).unwrap();
    let secrets = world.file(
        "secrets",
        &format!("{}\n{}\n{key}", pair.access, pair.refresh),
    );
    let waits = ["sh", "-c", "echo ready; read -r line; exit 0"];
    let mut command = watched(&world, rounds, &waits);
    command.env("AUTHSOME_READABLE_MEMORY", readable);
    command.stdin(fs::File::open(secrets).unwrap());
    let outcome = finish(command).expect(0);
    let (opened, found) = outcome.stdout.trim().split_once(' ').unwrap();
    (opened.parse().unwrap(), found.parse().unwrap())
}

#[test]
fn who_opens_our_memory_in_the_first_moment_reads_no_secret_later() {
    let (opened, found) = read_by_another("2", "1");
    assert!(
        opened == 2 && found > 0,
        "a watcher that finds nothing proves nothing: {opened} {found}"
    );
    let (opened, found) = read_by_another("200", "");
    println!("opened in {opened} of 200 rounds");
    assert_eq!(found, 0);
}

#[test]
fn a_tracer_is_refused() {
    let world = World::new();
    for (words, code) in [(vec!["run", "--", "true"], 125), (vec!["list"], 9)] {
        let command = behind(&["python3", "-c", TRACER], &world.authsome(&words));
        let outcome = finish(command).expect(code);
        assert!(
            outcome.stderr.contains("traces authsome"),
            "{}",
            outcome.stderr
        );
    }
    // What authsome starts may be traced.
    let inside = ["python3", "-c", TRACER, "/bin/sh", "-c", "exit 7"];
    finish(run(&world, &[], &inside)).expect(7);
}

// ------------------------------------------------------------------------------------------------------- environment

/// A program of that name in a directory of its own.
fn program(world: &World, directory: &str, name: &str, script: &str) -> String {
    let directory = world.path(directory);
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join(name);
    let mut text = fs::File::create(&file).unwrap();
    writeln!(text, "#!/bin/sh\n{script}").unwrap();
    drop(text);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    directory.display().to_string()
}

#[test]
fn no_secret_stays_in_a_variable_that_is_appended_to() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let secret = pair.refresh;
    let names = [
        "NODE_OPTIONS",
        "JAVA_TOOL_OPTIONS",
        "PYTHONPATH",
        "BUN_OPTIONS",
        "CHROME_EXTRA_FLAGS",
        "PHP_INI_SCAN_DIR",
    ];
    let mut command = run(&world, &[], &["env"]);
    for name in names {
        command.env(name, format!("/of/users,{},{}", pair.access, secret));
    }
    // As a CI job has it for git; the same secret in another dress.
    let script = format!(
        "printf 'AUTHORIZATION: basic '; printf oauth2:{} | base64 -w0",
        pair.access
    );
    let header = finish(like(&command, ["sh", "-c", &script]))
        .expect(0)
        .stdout;
    command.envs([
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "http.extraHeader"),
        ("GIT_CONFIG_VALUE_0", &header),
    ]);
    let outcome = finish(command).expect(0);
    let (_, encoded) = header.rsplit_once(' ').unwrap();
    for leaked in [&pair.access, &secret, &encoded.to_owned()] {
        assert!(
            !outcome.stdout.contains(leaked.as_str()),
            "{}",
            outcome.stdout
        );
        assert!(
            !outcome.stderr.contains(leaked.as_str()),
            "{}",
            outcome.stderr
        );
    }
    for name in names {
        let line = outcome
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        let expected = format!("/of/users,{PLACEHOLDER},{PLACEHOLDER}");
        assert!(line.unwrap().contains(&expected), "{name}={line:?}");
        assert!(
            outcome.stderr.contains(&format!("{name} holds a secret")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn git_is_started_with_nothing_of_ours_and_not_out_of_the_repository() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let key = fs::read_to_string(world.home().join("master.key")).unwrap();
    let seen = world.path("seen");
    let real = program(&world, "bin", "git", &format!("env > '{}'", seen.display()));
    program(
        &world,
        "repository",
        "git",
        &format!("touch '{}'", world.path("ran").display()),
    );
    program(
        &world,
        "repository/tools",
        "git",
        &format!("touch '{}'", world.path("ran").display()),
    );
    let mut command = run(&world, &[], &["true"]);
    command.current_dir(world.path("repository"));
    let path = std::env::var("PATH").unwrap();
    command.envs([
        ("PATH", format!(":tools:.:{real}:{path}").as_str()),
        ("AUTHSOME_MASTER_KEY", key.trim()),
        ("AUTHSOME_MASTER_KEY_FILE", "/nowhere"),
        ("MINE", &format!("x{}", pair.access)),
        ("OTHER", "stays"),
    ]);
    finish(command).expect(0);
    let environment = fs::read_to_string(seen).unwrap();
    assert!(
        !environment.contains("AUTHSOME_MASTER_KEY"),
        "{environment}"
    );
    assert!(!environment.contains(&pair.access), "{environment}");
    assert!(
        environment.contains(&format!("MINE=x{PLACEHOLDER}")),
        "{environment}"
    );
    assert!(environment.contains("OTHER=stays"), "{environment}");
    assert!(!world.path("ran").exists());
}

#[test]
fn the_key_comes_out_of_a_file_or_a_descriptor_that_the_command_does_not_get() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let key = world.path("key");
    fs::rename(world.home().join("master.key"), &key).unwrap();
    let named = |path: &str, words: &[&str]| {
        let mut command = run(&world, &[], words);
        command.env("AUTHSOME_MASTER_KEY_FILE", path);
        command
    };
    let path = key.display().to_string();
    let shows = [
        "sh",
        "-c",
        "echo \"[$AUTHSOME_MASTER_KEY_FILE]\"; cat <&3 || cat /proc/$PPID/fd/3",
    ];
    let outcome = finish(named(
        &path,
        &["sh", "-c", "echo \"[$AUTHSOME_MASTER_KEY_FILE]\""],
    ))
    .expect(0);
    assert_eq!(outcome.stdout, "[]\n");
    // A file that is gone from its directory, as the README has it; a pipe.
    for redirection in ["3<key", "3< <(cat key)"] {
        let script = format!(
            "cd '{}'; exec {redirection}; exec \"$@\"",
            world.path(".").display()
        );
        let command = named("/dev/fd/3", &shows);
        let outcome = finish(behind(&["bash", "-c", &script, "bash"], &command));
        assert!(outcome.stdout.starts_with("[]\n"), "{outcome:?}");
        let text = fs::read_to_string(&key).unwrap();
        assert!(
            !outcome.stdout.contains(text.trim()),
            "{redirection}: {outcome:?}"
        );
        assert!(outcome.stderr.contains("3: "), "{redirection}: {outcome:?}");
    }
    let outcome = finish(named("/nowhere", &["true"])).expect(125);
    assert!(
        outcome.stderr.contains("AUTHSOME_MASTER_KEY_FILE"),
        "{}",
        outcome.stderr
    );
}

// -------------------------------------------------------------------------------------------------- a place for files

/// Where the files of a run are, and what it says about that.
fn place(world: &World, variables: &[(&str, &Path)]) -> (String, String) {
    let mut command = run(
        world,
        &[],
        &[
            "sh",
            "-c",
            "dirname \"$SSL_CERT_FILE\"; test -n \"$NODE_OPTIONS\"",
        ],
    );
    command.envs(variables.iter().copied());
    let outcome = finish(command).expect(0);
    (outcome.stdout.trim().to_owned(), outcome.stderr)
}

#[test]
fn files_go_to_the_first_good_place_and_what_is_wrong_with_another_is_said() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let make = |name: &str, mode| {
        let path = world.path(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let good = make("good", 0o700);
    let open = make("open", 0o777);
    let below = make("open/below", 0o700);
    for bad in [
        open.clone(),
        below,
        make("a$b", 0o700),
        make("a%b", 0o700),
        make("a\"b", 0o700),
        make("a\\b", 0o700),
        make("a\nb", 0o700),
        world.path("none"),
    ] {
        let (place, words) = place(&world, &[("TMPDIR", &bad)]);
        assert!(place.starts_with("/tmp/authsome-"), "{bad:?}: {place}");
        assert!(words.contains("TMPDIR"), "{bad:?}: {words}");
        let (place, words) = self::place(&world, &[("XDG_RUNTIME_DIR", &good), ("TMPDIR", &bad)]);
        assert!(place.starts_with(good.to_str().unwrap()), "{place}");
        assert_eq!(words, "");
    }
    let (place, words) = place(&world, &[("TMPDIR", Path::new(""))]);
    assert!(
        place.starts_with("/tmp/authsome-") && words.is_empty(),
        "{place} {words}"
    );
}

/// Runs a command in a mount namespace of its own, where it is root, after some preparation.
fn with_mounts(preparation: &str, command: &Command) -> Command {
    behind(
        &[
            "unshare",
            "-rm",
            "sh",
            "-c",
            &format!("{preparation}; exec \"$@\""),
            "sh",
        ],
        command,
    )
}

#[test]
fn a_full_temporary_directory_is_passed_over() {
    let world = World::new();
    let full = world.path("full");
    fs::create_dir(&full).unwrap();
    let full = full.display().to_string();
    let preparation = format!(
        "mount -t tmpfs -o size=64k,mode=700 none '{full}'; head -c 70000 /dev/zero >'{full}/fill' 2>&-"
    );
    let mut command = run(&world, &[], &["sh", "-c", "test -s \"$SSL_CERT_FILE\""]);
    command.env("TMPDIR", &full);
    let outcome = finish(with_mounts(&preparation, &command)).expect(0);
    assert!(
        outcome.stderr.contains("TMPDIR") && outcome.stderr.contains("No space left"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_first_use_on_a_full_disk_leaves_nothing_behind() {
    let world = World::new();
    let home = world.home();
    fs::create_dir(&home).unwrap();
    let home = home.display().to_string();
    for (free, words) in [(0, vec!["list"]), (8192, vec!["run", "--", "true"])] {
        let fill = format!(
            "mount -t tmpfs -o size=64k,mode=700 none '{home}'; head -c {} /dev/zero >'{home}/fill' 2>&-; \"$@\"; code=$?; ls -A '{home}'; exit $code",
            65536 - free
        );
        let outcome = finish(behind(
            &["unshare", "-rm", "sh", "-c", &fill, "sh"],
            &world.authsome(&words),
        ));
        assert!(matches!(outcome.code, Some(9 | 125)), "{outcome:?}");
        assert_eq!(outcome.stdout, "fill\n", "{outcome:?}");
    }
}
