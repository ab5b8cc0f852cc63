//! The child's exit code is authsome's, and a failure of authsome has one of its own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::run::{finish, like, private_directory, run, with_signals_at_default};
use crate::kit::{Outcome, Setup, World};

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
    // Written by a shell: a file that this process has open for writing while another test forks
    // could not be executed.
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
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
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
fn wrong_usage_is_125_as_is_all_that_fails_before_the_command() {
    let world = World::new();
    for arguments in [
        &["run"][..],
        &["run", "--"],
        &["run", "--no-such-flag", "--", "true"],
        &["run", "--policy", "maybe", "--", "true"],
        &["run", "--connection", "gitlab", "--", "true"],
    ] {
        let outcome = world.call(arguments).expect(125);
        let hint = "hint: authsome help run";
        assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
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
    let Setup { world, gitlab, .. } = Setup::connected();
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
    let (world, gitlab) = Setup::unconnected();
    // The job holds a tunnel through the proxy, one that is certainly up.
    let script = r#"
        url=${HTTPS_PROXY#http://}; user=${url%@*}; at=${url##*@}
        exec 9<>"/dev/tcp/${at%:*}/${at##*:}"
        printf 'CONNECT 127.0.0.1:%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nProxy-Authorization: Basic %s\r\n\r\n' \
            "$1" "$1" "$(printf %s "$user" | base64 -w0)" >&9
        read -r response <&9
        sleep 300 >/dev/null 2>&1 &
        echo "$! $response"
        exit 3
    "#;
    let started = Instant::now();
    let outcome = world
        .run(["bash", "-c", script, "bash", &gitlab.port().to_string()])
        .expect(3);
    let took = started.elapsed();
    let (pid, response) = outcome.stdout.split_once(' ').unwrap();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn orphans_that_end_leave_nothing_behind() {
    let world = World::new();
    // Processes whose parent has ended, and that then end themselves, by exit and by a realtime
    // signal.
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
    # It is gone once authsome has waited for it, of which nothing tells another process.
    while os.path.exists(f"/proc/{orphan}"): time.sleep(.01)
os._exit(7)
"#;
    finish(run(&world, &[], &["python3", "-c", script])).expect(7);
}
