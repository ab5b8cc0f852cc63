//! `--help` and `-h` of each command, and the version.

use std::process::{Command, Stdio};

use authsome_test_support::assert_words;

use super::{at_80_columns, at_columns, transcript};
use crate::kit::{Outcome, World};

const COMMANDS: [&str; 33] = [
    "allow",
    "ask",
    "completions",
    "credential",
    "deny",
    "doctor",
    "export",
    "get",
    "help",
    "inspect",
    "list",
    "log",
    "login",
    "logout",
    "man",
    "policy",
    "proxy",
    "ps",
    "register",
    "remove",
    "revoke",
    "run",
    "runs",
    "set-default",
    "skill",
    "status",
    "stop",
    "token",
    "ui",
    "uninstall",
    "vault",
    "version",
    "whoami",
];

#[test]
fn of_each_command() {
    let world = World::new();
    for command in COMMANDS {
        assert_words!("help", command, help(&world, &[command]));
    }
    assert_words!("help", "authsome", help(&world, &[]));
    assert_words!(
        "help",
        "program_version",
        transcript(&world, &[&["--version"], &["version"]])
    );
    let explained =
        ["login", "exec", "auth", "frobnicate"].map(|word| at_80_columns(&world, &["help", word]));
    let [login, exec, auth, unknown] = explained;
    assert_eq!(
        login.stdout,
        at_80_columns(&world, &["login", "--help"]).stdout
    );
    assert_eq!(
        exec.stdout,
        at_80_columns(&world, &["run", "--help"]).stdout
    );
    assert_eq!(auth.stdout, login.stdout);
    assert_eq!(unknown.code, Some(2));
}

#[test]
fn of_each_command_on_a_narrow_screen() {
    let world = World::new();
    for command in COMMANDS {
        let shown = at_columns(&world, 40, &[command, "--help"])
            .expect(0)
            .stdout;
        for line in shown.lines().filter(|line| line.chars().count() > 40) {
            // What has to be pasted in one piece is not broken.
            let is_whole = line.contains("authsome ") || !line.trim().contains(' ');
            assert!(is_whole, "{command}: {line:?} is too wide");
        }
        assert_words!("help", &format!("narrow_{command}"), shown);
    }
    let overview = at_columns(&world, 40, &["help"]).expect(0).stdout;
    assert_words!("help", "narrow", overview);
}

/// Both forms of the help, the short one alone where they are the same.
fn help(world: &World, command: &[&str]) -> String {
    let ask = |flag| at_80_columns(world, &[command, &[flag]].concat()).expect(0);
    let (short, long) = (ask("-h"), ask("--help"));
    for line in short.stdout.lines().chain(long.stdout.lines()) {
        assert!(line.chars().count() <= 80, "{line:?} is too wide");
    }
    assert_eq!(short.stderr + &long.stderr, "");
    if short.stdout == long.stdout {
        return format!("[-h, --help]\n{}", long.stdout);
    }
    format!("[-h]\n{}\n[--help]\n{}", short.stdout, long.stdout)
}

#[test]
fn no_command_is_left_out() {
    let help = World::new().call(["--help"]).expect(0).stdout;
    let listed = help
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = listed.filter_map(|line| line.trim().split("  ").next());
    let mut listed: Vec<_> = names.flat_map(|names| names.split(", ")).collect();
    listed.sort_unstable();
    assert_eq!(listed, COMMANDS);
}

#[test]
fn a_terminal_of_80_columns_shows_the_same() {
    // The width is the terminal's; `COLUMNS` is for where there is none.
    let python = "import fcntl, pty, struct, sys, termios, os
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
try:
    while block := os.read(master, 4096):
        sys.stdout.buffer.write(block)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    let world = World::new();
    for command in ["login", "run"] {
        let authsome = world.authsome([command, "--help"]);
        let mut terminal = Command::new("python3");
        terminal.args(["-c", python]).arg(authsome.get_program());
        terminal.args(authsome.get_args()).env("NO_COLOR", "1");
        let shown = Outcome::of(terminal.stdin(Stdio::null()).output().unwrap()).expect(0);
        let piped = at_80_columns(&world, &[command, "--help"]).stdout;
        assert_eq!(shown.stdout.replace("\r\n", "\n"), piped);
    }
}
