//! Start and end: codes, signals, terminals, what is left behind, and where it cannot be had.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::Uid;

use authsome_test_support::kit::skip;

use crate::kit::isolate::Inside;
use crate::kit::run::{Running, after, behind, finish};
use crate::kit::terminal::{at_terminal, terminal};
use crate::kit::{binary, until};

#[test]
fn exit_codes_are_the_commands_own() {
    let Some(inside) = Inside::new("exit_codes_are_the_commands_own") else {
        return;
    };
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -64 $$", 192),
        ("(sleep 100 &) ; exit 3", 3),
    ] {
        assert_eq!(inside.shell(&[], script).code, Some(code), "{script}");
    }
    for (word, code) in [("no-such-command", 127), ("./other.pem", 126)] {
        let outcome = finish(inside.run(&[], &[word]));
        assert_eq!(outcome.code, Some(code), "{word}: {}", outcome.stderr);
    }
}

#[test]
fn signals_reach_the_command() {
    let Some(inside) = Inside::new("signals_reach_the_command") else {
        return;
    };
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1] {
        let number = signal as i32;
        let script = format!(
            "trap 'echo got; exit 9' {number}; echo ready; while :; do read -r line || sleep 0.05; done"
        );
        let mut running = Running::start(inside.run(&[], &["sh", "-c", &script]));
        assert_eq!(running.line().unwrap(), "ready");
        // Of all processes only authsome itself is asked: `setpriv` and `env` have become it.
        running.signal(signal);
        assert_eq!(running.line().unwrap(), "got", "{signal}");
        assert_eq!(running.end().code(), Some(9));
    }
}

#[test]
fn a_killed_authsome_leaves_nothing_behind() {
    let Some(inside) = Inside::new("a_killed_authsome_leaves_nothing_behind") else {
        return;
    };
    let mark = format!("{}.25", 100_000 + std::process::id());
    let script = format!("setsid sleep {mark} & sleep {mark} & echo ready; wait");
    let running = Running::start(inside.run(&[], &["sh", "-c", &script]));
    assert_eq!(running.line().unwrap(), "ready");
    until("both are there", || living(&mark) == 2);
    running.signal(Signal::SIGKILL);
    until("all of it has ended", || living(&mark) == 0);
}

/// The processes with that word in their command line, but for shells.
fn living(word: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let is_one = |line: &Vec<u8>| {
        let mut words = line.split(|byte| *byte == 0);
        words.next() == Some(b"sleep") && words.next() == Some(word.as_bytes())
    };
    lines.filter(is_one).count()
}

#[test]
fn many_runs_leave_no_namespace_and_no_file() {
    let Some(inside) = Inside::new("many_runs_leave_no_namespace_and_no_file") else {
        return;
    };
    let files = || {
        fs::read_dir("/tmp")
            .unwrap()
            .flatten()
            .filter(|entry| {
                use std::os::unix::fs::MetadataExt;
                let is_session = entry
                    .file_name()
                    .as_encoded_bytes()
                    .starts_with(b"authsome-");
                is_session && entry.metadata().is_ok_and(|found| found.uid() == 65534)
            })
            .count()
    };
    for _ in 0..10 {
        inside.shell(&[], "true").expect(0);
    }
    until("the files are gone", || files() == 0);
}

#[test]
fn two_hundred_runs_and_fifty_kills_leave_no_namespace() {
    const TEST: &str = "two_hundred_runs_and_fifty_kills_leave_no_namespace";
    let Some(inside) = Inside::new(TEST) else {
        return;
    };
    if !Uid::effective().is_root() {
        return skip(&format!("{TEST} needs root"));
    }
    let (binary, ready) = (binary().display(), inside.world.path("ready"));
    let ready = ready.display();
    // More than a few at a time are not to be had: what is left behind would be missing soon. The
    // kernel takes its time to remove one, so that a run that gets none is tried again.
    let script = format!(
        r#"for kind in net mnt pid ipc; do echo 20 >/proc/sys/user/max_${{kind}}_namespaces; done
run() {{ timeout 60 sh -c 'until "$@" 2>/dev/null; do :; done' sh {binary} --quiet run --isolate -- true; }}
for ten in $(seq 20); do for one in $(seq 10); do run || exit 1; done; echo $ten; done
kill_one() {{
    mkfifo {ready}.$1
    {binary} --quiet run --isolate -- sh -c 'echo >{ready}.'$1'; exec sleep 1000' 2>/dev/null &
    timeout 10 sh -c 'read -r line <"$0"' {ready}.$1 && kill -KILL $! && {{ wait $! 2>/dev/null; return 0; }}
    kill -KILL $!; wait $!; return 1
}}
for number in $(seq 21 70); do
    attempt=0; until kill_one $number.$attempt; do attempt=$((attempt + 1)); done 2>/dev/null
    echo $number
done
run && echo as before"#
    );
    let mut command = inside.world.authsome::<&str>([]);
    let words = ["unshare", "-Ur", "sh", "-c", &script].map(str::to_owned);
    command = crate::kit::run::like(&command, words);
    let running = Running::start(command);
    for number in 1..=70 {
        assert_eq!(running.line(), Some(number.to_string()));
    }
    assert_eq!(running.line().as_deref(), Some("as before"));
}

#[test]
fn programs_that_make_containers_are_refused_by_name() {
    let Some(inside) = Inside::new("programs_that_make_containers_are_refused_by_name") else {
        return;
    };
    let outcome = inside.shell(
        &[],
        "command -v podman; command -v bwrap; podman run x; bwrap true",
    );
    if outcome.stdout.lines().count() != 2 {
        return skip("podman and bwrap are not installed");
    }
    for name in ["podman", "bwrap"] {
        let told = format!("authsome: {name} cannot start anything in an isolated run");
        assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    }
    assert_eq!(outcome.code, Some(125));
}

/// Says when it begins and when it goes on. One process: a shell that forks may be stopped before
/// the fork is done, and then waits for it.
const SAYS: &str = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); \
    signal.signal(signal.SIGCONT, lambda *_: os.write(1, b\"b\" + b\"ack\\n\")); print(\"b\" + \"egins\", flush=True)\n\
    while True: signal.pause()";

#[test]
fn an_interactive_shell_has_job_control() {
    let Some(inside) = Inside::new("an_interactive_shell_has_job_control") else {
        return;
    };
    let program = inside.world.file("says.py", SAYS);
    let program = format!("python3 {}\n", program.display());
    let rc = inside.world.file("inner.rc", "PS1='inner> '\n");
    let rc = rc.to_str().unwrap();
    let run = inside.run(&[], &["bash", "--noprofile", "--rcfile", rc, "-i"]);
    let transcript = terminal(
        &at_terminal(run),
        &[
            ("expect", "inner> "),
            ("send", &program),
            ("expect", "begins"),
            ("send", "\x1a"),
            ("expect", "Stopped"),
            ("expect", "inner> "),
            ("send", "fg\n"),
            ("expect", "back"),
            ("send", "\x03"),
            ("expect", "inner> "),
            ("send", "exit 5\n"),
        ],
    );
    assert_eq!(transcript.code, 5, "{}", transcript.text);
}

#[test]
fn a_command_that_stops_gives_the_terminal_back() {
    let Some(inside) = Inside::new("a_command_that_stops_gives_the_terminal_back") else {
        return;
    };
    let program = inside.world.file("says.py", SAYS);
    let run = inside.run(&[], &["python3", program.to_str().unwrap()]);
    let words: Vec<_> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let line = format!("{}\n", words.join(" "));
    let outer = inside.world.file("outer.rc", "PS1='outer> '\n");
    let mut shell = crate::kit::run::like(
        &run,
        [
            "bash",
            "--noprofile",
            "--rcfile",
            outer.to_str().unwrap(),
            "-i",
        ],
    );
    shell.current_dir(inside.world.path("."));
    let transcript = terminal(
        &at_terminal(shell),
        &[
            ("expect", "outer> "),
            ("send", &line),
            ("expect", "begins"),
            ("send", "\x1a"),
            ("expect", "Stopped"),
            ("expect", "outer> "),
            ("send", "fg\n"),
            ("expect", "back"),
            ("send", "\x03"),
            ("expect", "outer> "),
            ("send", "exit $?\n"),
        ],
    );
    assert_eq!(transcript.code, 130, "{}", transcript.text);
}

/// The command where no namespace of users can be made.
fn without_namespaces(command: &Command) -> Command {
    let nobody = [
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--ambient-caps=-all",
    ];
    let own = behind(&nobody, command);
    behind(
        &["unshare", "-Ur"],
        &after("echo 0 > /proc/sys/user/max_user_namespaces", &own),
    )
}

#[test]
fn where_it_cannot_be_had_it_is_refused_with_the_reason() {
    const TEST: &str = "where_it_cannot_be_had_it_is_refused_with_the_reason";
    let Some(inside) = Inside::new(TEST) else {
        return;
    };
    if !Uid::effective().is_root() {
        return skip(&format!("{TEST} needs root"));
    }
    let command = |how| {
        let words = ["--quiet", "run", how, "--", "echo", "started"];
        without_namespaces(&inside.world.authsome(words))
    };
    let outcome = finish(command("--isolate")).expect(125);
    assert_eq!(outcome.stdout, "");
    let refusal = outcome.stderr;
    let outcome = finish(command("--isolate=best-effort")).expect(0);
    assert_eq!(outcome.stdout, "started\n");
    for (told, words) in [
        (&refusal, "error: the command cannot be isolated"),
        (&refusal, "sudo sysctl user.max_user_namespaces="),
        (&refusal, "--isolate=best-effort"),
        (&outcome.stderr, "warning: the command cannot be isolated"),
        (&outcome.stderr, "can connect past the proxy"),
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn root_becomes_another_user() {
    const TEST: &str = "root_becomes_another_user";
    let Some(inside) = Inside::new(TEST) else {
        return;
    };
    if !Uid::effective().is_root() {
        return skip(&format!("{TEST} needs root"));
    }
    let script = "id -u; head -c 1 \"$SSL_CERT_FILE\" >/dev/null && echo trusts; echo x 2>/dev/null > /proc/sys/kernel/core_pattern || echo kept";
    let words = |flags: &[&str]| {
        let words = [
            &["--quiet", "run", "--isolate"],
            flags,
            &["--", "sh", "-c", script],
        ]
        .concat();
        let outcome = finish(inside.world.authsome(words)).expect(0);
        outcome
            .stdout
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(words(&["--user", "nobody"]), "65534 trusts kept");
    assert_eq!(words(&[]), "0 trusts kept");
}
