//! The shell stops, continues and fetches a run as it does the command alone.

use crate::kit::World;
use crate::kit::run::INNER;
use crate::kit::terminal::shell;

/// `cat` answers on the terminal: what was typed stands there twice, so it certainly has the
/// foreground. It says before that it is there: what is typed while a shell still sets the terminal
/// up may be lost.
const CAT_RESPONSES: [(&str, &str); 3] = [
    ("send", "hello\n"),
    ("expect", "hello"),
    ("expect", "hello"),
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
            &CAT_RESPONSES,
            &stop,
            &CAT_RESPONSES,
            &stop,
            &CAT_RESPONSES,
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
        &CAT_RESPONSES,
        &[("send", "\x1a"), ("expect", "^Z")],
        &CAT_RESPONSES,
        &[("send", "\x03"), ("expect", "outer> "), ("send", "exit\n")],
    ];
    let shown = shell(&world, &steps.concat()).text;
    assert!(!shown.contains("Stopped"), "{shown}");
}

#[test]
fn the_shell_gets_the_terminal_back_only_when_the_child_has_stopped() {
    let world = World::new();
    // As a full-screen program does: it puts the terminal in order first, which takes it a moment,
    // and then stops.
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
        &CAT_RESPONSES,
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
        &CAT_RESPONSES,
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

#[test]
fn a_shell_under_authsome_has_job_control_and_gives_the_terminal_back() {
    let world = World::new();
    let steps = [
        &INNER[..],
        &[
            ("send", "sh -c 'echo re\"\"ady; exec cat'\n"),
            ("expect", "ready"),
        ],
        &CAT_RESPONSES,
        &[
            ("send", "\x1a"),
            ("expect", "Stopped"),
            ("expect", "inner> "),
            ("send", "fg\n"),
            ("expect", "cat"),
        ],
        &CAT_RESPONSES,
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
        &CAT_RESPONSES,
        &[("send", "\x03"), ("expect", "inner> ")],
        &LEAVE,
    ];
    assert_eq!(shell(&world, &steps.concat()).code, 0);
}
