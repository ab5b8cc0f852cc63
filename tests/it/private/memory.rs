//! Nobody reads our memory.

use std::ffi::OsString;
use std::fs;
use std::process::{Command, Stdio};

use authsome_test_support::kit::skip;
use nix::unistd::Uid;

use crate::kit::run::{as_nobody_special, behind, finish, like, run};
use crate::kit::{Setup, World, binary};

/// Starts authsome again and again, and opens its memory as often as it can from the first moment
/// on. When the command runs, all that was opened is searched for the words on stdin, and for the
/// key that they are. Prints how often it opened a program's memory, and what it found.
const WATCHER: &str = include_str!("../kit/children/memory_watcher.py");

/// Becomes the tracer of a command, from its first instruction on.
const TRACER: &str = include_str!("../kit/children/memory_tracer.py");

#[test]
fn who_opens_our_memory_in_the_first_moment_reads_no_secret_later() {
    // On a busy machine a round or two may come too late.
    let (opened, found) = read_by_another("10", "1");
    assert!(
        opened > 0 && found > 0,
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

#[test]
fn memory_is_locked_where_all_of_it_may_be() {
    let is_root = Uid::effective().is_root();
    let without: &[&str] = if is_root {
        &["setpriv", "--bounding-set", "-ipc_lock", "--"]
    } else {
        &[]
    };
    let may_raise = Command::new("sh")
        .args(["-c", "ulimit -l unlimited"])
        .stderr(Stdio::null())
        .status();
    // Below the limit's end, and above any limit.
    let ways: [(bool, &str, &[&str]); 2] = [
        (may_raise.unwrap().success(), "unlimited", without),
        (is_root, "64", &[]),
    ];
    let ways: Vec<_> = ways.into_iter().filter(|(is_open, ..)| *is_open).collect();
    if ways.is_empty() {
        skip("this user may not lock more than a limit allows");
    }
    for (_, limit, wrapper) in ways {
        let (own, inside) = locked(limit, wrapper);
        assert!(own > 1000, "{own} KiB");
        assert_eq!(inside, 0, "the command does not inherit it");
    }
    let (own, _) = locked("64", without);
    assert_eq!(own, 0, "a run works with a small limit");
}

/// How many KiB of authsome and of its command are locked, under this limit.
fn locked(limit: &str, wrapper: &[&str]) -> (u64, u64) {
    let world = World::new();
    let child = [
        "run",
        "--",
        "sh",
        "-c",
        "grep VmLck: /proc/$PPID/status /proc/self/status",
    ];
    let limit = format!("ulimit -l {limit} && exec \"$@\"");
    let wrapper = [&["sh", "-c", &limit, "sh"], wrapper].concat();
    let outcome = finish(behind(&wrapper, &world.authsome(child))).expect(0);
    let kib = outcome.stdout.lines().map(|line| {
        let number = line.split_whitespace().nth_back(1).unwrap();
        number.parse().unwrap()
    });
    let [own, inside] = kib.collect::<Vec<_>>()[..] else {
        panic!("two lines are expected");
    };
    (own, inside)
}

/// The command of [`as_nobody_special`], as the last words of the watcher, which becomes that user
/// by itself: Python may be where only root gets at it.
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

/// A run's memory as another process of the same user reads it: in how many of the rounds it opened
/// something, and how many secrets it found.
fn read_by_another(rounds: &str, readable: &str) -> (u32, u32) {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
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
fn the_program_has_no_switch_for_its_defences() {
    let program = fs::read(binary()).unwrap();
    for name in ["AUTHSOME_UNDEFENDED", "undefended"] {
        let found = program
            .windows(name.len())
            .any(|bytes| bytes == name.as_bytes());
        assert!(!found, "{name}");
    }
}
