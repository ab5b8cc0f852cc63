//! Help, colours, quiet, JSON, and readers that go away.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::kit::commands::connected;
use crate::kit::{Outcome, World};

#[test]
fn completions_are_scripts_of_their_shell() {
    let world = World::new();
    let bash = world.call(["completions", "bash"]).expect(0).stdout;
    let file = world.file("completions.bash", &bash);
    assert!(
        Command::new("bash")
            .arg("-n")
            .arg(file)
            .status()
            .unwrap()
            .success()
    );
    assert!(bash.contains("set-default") && bash.contains("--base-url"));
    assert!(
        world
            .call(["completions", "zsh"])
            .expect(0)
            .stdout
            .starts_with("#compdef authsome")
    );
    assert!(
        world
            .call(["completions", "fish"])
            .expect(0)
            .stdout
            .contains("complete -c authsome")
    );
    assert!(!world.home().exists(), "a script needs no home");
}

#[test]
fn version_and_help_are_responses() {
    let world = World::new();
    for flag in ["--version", "-V"] {
        let version = world.call([flag]).expect(0).stdout;
        assert_eq!(version, format!("authsome {}\n", env!("CARGO_PKG_VERSION")));
    }
    let help = world.call(["--help"]).expect(0).stdout;
    for word in [
        "login",
        "run",
        "export",
        "inspect",
        "set-default",
        "whoami",
        "AUTHSOME_HOME",
    ] {
        assert!(help.contains(word), "{word}");
    }
    for command in ["login", "run"] {
        let help = world.call([command, "--help"]).expect(0).stdout;
        assert!(
            help.contains("Examples:") && help.contains(&format!("authsome {command}")),
            "{command}"
        );
    }
    assert!(!world.home().exists(), "asking for help makes no home");
}

#[test]
fn quiet_says_nothing_but_errors() {
    let (world, ..) = connected();
    let quiet = world
        .call(["set-default", "gitlab", "default", "--quiet"])
        .expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let quiet = world.call(["logout", "gitlab", "-q"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    assert!(
        world
            .call(["get", "gitlab", "-q"])
            .expect(3)
            .stderr
            .starts_with("error: ")
    );
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let world = World::new();
    let python = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let coloured = |words: &[&str], variable: &str| {
        let authsome = world.authsome(words);
        let mut command = Command::new("python3");
        command
            .args(["-c", python])
            .arg(authsome.get_program())
            .args(words);
        command
            .env("AUTHSOME_HOME", world.home())
            .env_remove("NO_COLOR")
            .env(variable, "1");
        command.stdin(Stdio::null());
        let outcome = Outcome::of(command.output().unwrap()).expect(3);
        assert!(outcome.stdout.contains("error:"), "{}", outcome.stdout);
        outcome.stdout.contains('\u{1b}')
    };
    assert!(coloured(&["get", "gitlab"], "UNRELATED"));
    assert!(!coloured(&["get", "gitlab"], "NO_COLOR"));
    assert!(!coloured(&["get", "gitlab", "--no-color"], "UNRELATED"));
    assert!(
        !world
            .call(["get", "gitlab"])
            .expect(3)
            .stderr
            .contains('\u{1b}')
    );
}

#[test]
fn every_command_that_changes_something_answers_in_json() {
    for words in [
        &["set-default", "gitlab", "default", "--json"][..],
        &["logout", "gitlab", "--json"],
        &["revoke", "gitlab", "--json"],
    ] {
        let (world, _gitlab, ..) = connected();
        let outcome = world.call(words).expect(0);
        let response: Value = serde_json::from_str(&outcome.stdout).unwrap_or(Value::Null);
        assert_eq!(
            response["connection"], "gitlab/default",
            "{words:?}: {:?}",
            outcome.stdout
        );
    }
}

#[test]
fn a_reader_that_is_gone_is_no_error() {
    let (world, ..) = connected();
    world.call(["export", "gitlab"]).expect(0);
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["get", "gitlab"],
        &["export", "gitlab"],
        &["inspect", "gitlab"],
        &["whoami"],
        &["log"],
        &["completions", "bash"],
        &["--help"],
        &["login", "--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = Outcome::of(world.authsome(words).stdout(writer).output().unwrap());
        assert_eq!(outcome.stderr, "", "{words:?}");
        assert_eq!(outcome.code, Some(0), "{words:?}");
    }
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let (world, ..) = connected();
    for words in [
        &["export", "gitlab"][..],
        &["list"],
        &["inspect", "gitlab"],
        &["get", "gitlab", "--json"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let outcome = Outcome::of(world.authsome(words).stdout(full).output().unwrap());
        assert_eq!(
            outcome.code,
            Some(1),
            "{words:?}: a full disk loses the data: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("error: "), "{words:?}");
    }
}
