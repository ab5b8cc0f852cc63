//! The terminal is the child's.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::kit::World;
use crate::kit::run::{Running, behind, finish, like, run};
use crate::kit::terminal::{at_terminal, shell, terminal};

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
    // Python sees a signal that comes just before a blocking call only at its end: so none of them
    // is long.
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
    crate::kit::run::copy_program(crate::kit::binary(), &copy);
    let code = "import os, sys; image = os.open(sys.argv[1], os.O_RDONLY); os.unlink(sys.argv[1]); os.execv(f'/proc/self/fd/{image}', ['authsome', *sys.argv[3:]])";
    let copy = copy.display().to_string();
    let command = run(&world, &[], &["sh", "-c", "exit 7"]);
    finish(behind(&["python3", "-c", code, &copy], &command)).expect(7);
}

fn hundred_lines() -> String {
    let lines: Vec<_> = (1..=100).map(|number| format!("line {number}\n")).collect();
    lines.concat()
}
