//! Help, colours, quiet, JSON, and readers that go away.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use authsome_test_support::FakeGitLab;
use serde_json::Value;

use crate::kit::commands::connected;
use crate::kit::{Outcome, World};

/// What bash offers for the last of these words.
fn completed(world: &World, words: &[&str]) -> Vec<String> {
    let script = r#"
source <("$AUTHSOME" completions bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9
_clap_complete_authsome authsome "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let mut command = world.authsome::<&str>([]);
    let program = Path::new(command.get_program()).to_owned();
    let bin = world.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let _ = std::os::unix::fs::symlink(&program, bin.join("authsome"));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    for (name, value) in command
        .env("AUTHSOME", &program)
        .env("PATH", path)
        .get_envs()
    {
        if let Some(value) = value {
            bash.env(name, value);
        }
    }
    let offered = Outcome::of(
        bash.args(["-c", script, "bash"])
            .args(words)
            .output()
            .unwrap(),
    );
    let offered = offered.expect(0).stdout;
    offered.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn bash_completes_what_exists() {
    let (world, ..) = connected();
    world.connect_as("work", &FakeGitLab::start(), "https://localhost:1", 7200);
    for (words, offered) in [
        (&["authsome", "set-d"][..], "set-default"),
        (&["authsome", "login", "--base"], "--base-url"),
        (&["authsome", "inspect", "git"], "gitlab"),
        (&["authsome", "logout", "gitlab/w"], "gitlab/work"),
        (
            &["authsome", "run", "--connection", "gitlab=w"],
            "gitlab=work",
        ),
        (&["authsome", "run", "--", "base"], "bash"),
    ] {
        let all = completed(&world, words);
        let is_offered = |wanted: &str| all.iter().any(|one| one == wanted);
        match offered {
            "bash" => assert!(is_offered("basename"), "{words:?}: {all:?}"),
            offered => assert!(is_offered(offered), "{words:?}: {all:?}"),
        }
    }
}

#[test]
fn completions_are_scripts_of_their_shell_and_make_no_home() {
    let world = World::new();
    for (shell, words) in [
        ("bash", "complete -o nospace"),
        ("zsh", "#compdef authsome"),
        ("fish", "complete"),
    ] {
        let script = world.call(["completions", shell]).expect(0).stdout;
        assert!(script.contains(words), "{shell}: {script}");
    }
    assert!(completed(&world, &["authsome", "get", ""]).contains(&"gitlab".to_owned()));
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
