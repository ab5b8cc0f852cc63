//! What a run tells its user while it goes on, and at its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use authsome_test_support::{App, Endpoint, FakeGitLab, Fault};
use serde_json::Value;

use crate::kit::client::configure;
use crate::kit::run::{like, run};
use crate::kit::terminal::{at_terminal, terminal};
use crate::kit::{Setup, World, until};

/// A full-screen program: it has the terminal raw, on the other screen, and shows the status of a
/// request for each `c`.
const FULL_SCREEN: &str = "
import os, subprocess, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
show = lambda text: os.write(1, text.encode())
show('\\x1b[?1049h<screen>')
while (key := os.read(0, 1)) == b'c':
    curl = ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', sys.argv[1]]
    show('<' + subprocess.run(curl, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout + '>')
show('<end>\\x1b[?1049l')
termios.tcsetattr(0, termios.TCSADRAIN, before)
";

const SAVE_TITLE: &str = "\u{1b}[22;2t";
const RESTORE_TITLE: &str = "\u{1b}[23;2t";
const TITLE: &str = "\u{1b}]2;authsome: gitlab/default needs a new login\u{7}";

/// A connection whose next refresh is lost, and with it the login.
fn about_to_die() -> (World, FakeGitLab, App, String) {
    let (world, gitlab) = Setup::unconnected();
    let (app, _) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    (world, gitlab, app, url)
}

fn at_xterm(command: Command) -> Command {
    let mut command = at_terminal(command);
    command.env("TERM", "xterm-256color");
    command
}

#[test]
fn a_full_screen_program_stays_whole_while_the_login_dies_and_comes_back() {
    let (world, gitlab, app, url) = about_to_die();
    let told = world.path("told");
    let hook = format!("cat >> '{0}'; env >> '{0}.env'", told.display());
    configure(
        &world,
        &format!("[notify]\ncommand = ['sh', '-c', \"{hook}\"]\n"),
    );
    let desktop = world.file(
        "notify-send",
        &format!("#!/bin/sh\necho \"$@\" >> '{}.desktop'\n", told.display()),
    );
    fs::set_permissions(desktop, fs::Permissions::from_mode(0o755)).unwrap();
    let flags = ["--no-park"];
    let mut command = at_xterm(run(&world, &flags, &["python3", "-c", FULL_SCREEN, &url]));
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", world.path("").display()));
    command.env("DISPLAY", ":99");
    let steps = [
        ("expect", "<screen>"),
        ("send", "c"),
        ("expect", TITLE),
        ("expect", RESTORE_TITLE), // somebody logs in meanwhile
        ("send", "c"),
        ("expect", "<200>"),
        ("send", "q"),
        ("expect", "<end>"),
    ];
    let transcript = std::thread::scope(|scope| {
        scope.spawn(|| {
            let is_told =
                || fs::read_to_string(&told).is_ok_and(|text| text.contains("needs_login"));
            until("the hook", is_told);
            world.login(&gitlab, &app, &["--force"]).expect(0);
        });
        terminal(&command, &steps)
    });
    assert_eq!(transcript.code, 0);
    let (screen, after) = transcript.text.split_once("<end>").unwrap();
    let (mut screen, mut ours) = (screen.to_owned(), 0);
    for sequence in [SAVE_TITLE, TITLE, "\u{7}", RESTORE_TITLE] {
        ours += screen.matches(sequence).count();
        screen = screen.replace(sequence, "");
    }
    // Each of them once: the connection is told of once, not for each request.
    assert_eq!(
        (screen.as_str(), ours),
        ("\u{1b}[?1049h<screen><401><200>", 4)
    );
    assert!(
        after.contains("1 request injected, 1 failed; see: authsome log --run "),
        "{after}"
    );
    assert!(!after.contains("needs a new login"), "{after}");

    let events = fs::read_to_string(&told).unwrap();
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["needs_login", "connected_again"]);
    assert_eq!(events[0]["connection"], "gitlab/default");
    let login = "authsome login gitlab --connection default --force";
    assert_eq!(events[0]["command"], login);
    let environment = fs::read_to_string(world.path("told.env")).unwrap();
    assert!(
        !environment.contains("_PROXY") && !environment.contains("AUTHSOME_MASTER"),
        "{environment}"
    );
    let desktop = fs::read_to_string(world.path("told.desktop")).unwrap();
    assert_eq!(desktop.lines().count(), 2, "{desktop}");
    assert!(
        desktop.starts_with(
            "--app-name=authsome -- authsome: gitlab/default needs a new login authsome login"
        ),
        "{desktop}"
    );
}

#[test]
fn a_plain_program_gets_a_line_at_once_and_another_after_the_login() {
    let (world, gitlab, app, url) = about_to_die();
    let script = "curl -sS -o /dev/null \"$1\"; echo asked; read -r line; exit 0";
    let command = at_xterm(run(&world, &[], &["sh", "-c", script, "sh", &url]));
    let steps = [
        ("expect", "gitlab/default needs a new login"),
        (
            "expect",
            "authsome login gitlab --connection default --force",
        ),
        ("expect", "authsome: gitlab/default is connected again"),
        ("send", "\n"),
    ];
    let transcript = std::thread::scope(|scope| {
        scope.spawn(|| {
            let is_dead = || world.call(["list"]).stdout.contains("needs_login");
            until("the end of the login", is_dead);
            world.login(&gitlab, &app, &["--force"]).expect(0);
        });
        terminal(&command, &steps)
    });
    assert_eq!(transcript.code, 0);
    assert!(
        !transcript.text.contains("\u{1b}]2;"),
        "{}",
        transcript.text
    );
}

#[test]
fn the_end_says_what_was_refused_and_what_is_left() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let script = "for url in \"$@\"; do curl -sS -o /dev/null \"$url\"; done; sleep 300 >/dev/null 2>&1 & echo left=$!.; exit 0";
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let denied = [
        "https://one.test/",
        "https://one.test/",
        "https://two.test:8443/",
    ];
    let words = [&["bash", "-c", script, "bash", &url][..], &denied[..]].concat();
    let transcript = terminal(&at_xterm(run(&world, &["--policy", "deny"], &words)), &[]);
    let text = &transcript.text;
    let pid = text
        .split_once("left=")
        .and_then(|(_, rest)| rest.split_once('.'))
        .unwrap()
        .0;
    let kill = like(&world.authsome::<&str>([]), ["kill", pid]).status();
    for said in [
        "authsome: 1 request injected, 3 denied; see: authsome log --run ",
        "authsome: refused by --policy deny: one.test:443 (2 times), two.test:8443",
        &format!("authsome: still running, but without the proxy, which has ended: {pid} (sleep)"),
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(kill.unwrap().success());
    let quiet = terminal(
        &at_xterm(run(&world, &["--policy", "deny"], &["true"])),
        &[],
    );
    assert_eq!(quiet.text, "");
}
