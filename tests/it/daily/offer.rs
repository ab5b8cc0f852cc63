//! What is asked at a terminal, and who is waited for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use authsome::connection::GrantState;
use authsome_test_support::kit::{browser_script, port_7998};

use crate::kit::Setup;
use crate::kit::run::run;
use crate::kit::terminal::{at_terminal, terminal};

const QUESTION: &str = "gitlab/default needs a new login (a response was lost). Log in now? [Y/n] ";

/// A connection that needs a new login, and `authsome run -- curl` at its server.
fn dead() -> (Setup, Command) {
    let setup = Setup::connected();
    let mut connection = setup.world.stored("default");
    connection.standing = GrantState::NeedsLogin {
        reason: "a response was lost".to_owned(),
        since: authsome::clock::Timestamp::now(),
        access_ended: true,
    };
    setup.world.store().create(&connection, true).unwrap();
    let url = format!("{}/api/v4/user", setup.gitlab.base_url());
    let words = [
        "curl",
        "-sS",
        "-w",
        "<%{http_code}>",
        "-o",
        "/dev/null",
        &url,
    ];
    let command = run(&setup.world, &[], &words);
    (setup, command)
}

#[test]
fn a_run_at_a_terminal_offers_to_log_in_first() {
    let (setup, command) = dead();
    let _port = port_7998();
    let mut command = at_terminal(command);
    let browser = browser_script(setup.world.directory.path(), setup.gitlab.ca_file());
    command.env("BROWSER", browser);
    let steps = [("expect", QUESTION), ("send", "\n"), ("expect", "<200>")];
    let transcript = terminal(&command, &steps);
    assert_eq!(transcript.code, 0);
    let before = transcript.text.split("<200>").next().unwrap();
    assert!(!before.contains("warning:"), "{before}");
    assert!(before.contains("Connected"), "{before}");
}

#[test]
fn who_says_no_gets_the_run_as_it_is() {
    let (_setup, command) = dead();
    let steps = [("expect", QUESTION), ("send", "n\n"), ("expect", "<401>")];
    let transcript = terminal(&at_terminal(command), &steps);
    assert_eq!(transcript.code, 0);
    let told = "authsome login gitlab --connection default --force";
    assert!(transcript.text.contains(told), "{}", transcript.text);
}

#[test]
fn nobody_is_asked_where_a_program_reads_along() {
    for flag in ["--quiet", "--json"] {
        let (setup, _) = dead();
        let command = setup.world.authsome([flag, "run", "--", "true"]);
        let transcript = terminal(&at_terminal(command), &[]);
        assert_eq!(transcript.code, 0);
        assert!(
            !transcript.text.contains("Log in now"),
            "{}",
            transcript.text
        );
    }
}

#[test]
fn login_alone_asks_what_to_connect() {
    let (world, _gitlab) = Setup::unconnected();
    let command = at_terminal(world.authsome(["login"]));
    let steps = [("expect", "(Enter for nothing): "), ("send", "\n")];
    let transcript = terminal(&command, &steps);
    assert_eq!(transcript.code, 0);
    assert!(transcript.text.contains(" gitlab, "));
    let steps = [("expect", "(Enter for nothing): "), ("send", "gitlba\n")];
    let transcript = terminal(&command, &steps);
    assert_eq!(transcript.code, 4);
    assert!(
        transcript.text.contains("did you mean gitlab"),
        "{}",
        transcript.text
    );
}

/// A program that is not authsome has the vault locked for writing until its stdin ends.
const WRITER: &str = "
import sqlite3, sys
vault = sqlite3.connect(sys.argv[1], isolation_level=None)
vault.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()
vault.execute('ROLLBACK')
";

#[test]
fn a_locked_vault_says_whom_it_waits_for() {
    let setup = Setup::connected();
    let vault = setup.world.home().join("vault.db");
    let mut writer = Command::new("python3")
        .args(["-c", WRITER])
        .arg(&vault)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = String::new();
    let mut stdout = BufReader::new(writer.stdout.take().unwrap());
    stdout.read_line(&mut held).unwrap();
    let mut logout = setup.world.authsome(["logout", "gitlab"]);
    let mut logout = logout
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(logout.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap(); // it comes while the vault is still locked
    assert!(logout.try_wait().unwrap().is_none(), "{said}");
    let pid = writer.id();
    let expected = format!(
        "warning: waiting for {}, which process {pid} (python3) holds; to see it: ps -fp {pid}\n",
        vault.display()
    );
    assert_eq!(said, expected);
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    assert_eq!(logout.wait().unwrap().code(), Some(0));
}
