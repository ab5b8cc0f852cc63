//! Programs of the child's, HTTP by hand: what they are told and what they say.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use authsome_test_support::FakeGitLab;
use serde_json::Value;

use crate::kit::{Outcome, World};

/// Far beyond what anything here takes; it ends a test that would hang.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// What every Python child begins with: HTTP/1.1 by hand, through the session's proxy.
pub(crate) const PYTHON: &str = include_str!("children/client_python.py");

/// Runs a Python program as the child; what it says, line by line.
pub(crate) fn python(
    world: &World,
    flags: &[&str],
    program: &str,
    arguments: &[String],
) -> Vec<Value> {
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run"].iter().chain(flags).chain(&["--", "python3"]));
    command.arg(script).args(arguments);
    lines(&Outcome::of(command.output().unwrap()).expect(0).stdout)
}

/// What every Node child begins with: HTTP/2 through the session's proxy.
pub(crate) const NODE: &str = include_str!("children/client_node.js");

/// Runs a Node program as the child with the server's authority; what it says, line by line.
pub(crate) fn node(world: &World, program: &str, gitlab: &FakeGitLab) -> Vec<Value> {
    let script = world.file("child.js", &format!("{NODE}{program}"));
    let script = script.display().to_string();
    lines(
        &world
            .run(["node", &script, &authority(gitlab)])
            .expect(0)
            .stdout,
    )
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

/// A response as curl got it.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) version: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ str| {
            line.split_once(':')
                .is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(|line| named(line))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// Fails the test unless authsome itself answered so; the JSON that says why.
    #[track_caller]
    pub(crate) fn expect_ours(&self, status: u16, code: &str) -> Value {
        let told = serde_json::json!({
            "status": self.status,
            "headers": {"authsome-error": self.header("authsome-error"), "content-type": self.header("content-type")},
            "body": self.text(),
        });
        expect_ours(&told, status, code)
    }
}

/// The same of a response that a Python child told.
#[track_caller]
pub(crate) fn expect_ours(told: &Value, status: u16, code: &str) -> Value {
    assert_eq!(told["status"], status, "{told}");
    assert_eq!(told["headers"]["authsome-error"], code, "{told}");
    assert_eq!(
        told["headers"]["content-type"], "application/json",
        "{told}"
    );
    let body: Value = serde_json::from_str(told["body"].as_str().unwrap())
        .unwrap_or_else(|error| panic!("{error} in {told}"));
    assert_eq!(body["error"], code, "{told}");
    assert!(
        body["message"].as_str().unwrap().starts_with("authsome: "),
        "{told}"
    );
    assert!(!body["hint"].as_str().unwrap().is_empty(), "{told}");
    body
}

/// `authsome run FLAGS -- curl WORDS`.
pub(crate) fn fetch(world: &World, flags: &[&str], words: &[&str]) -> Response {
    let (head, body) = (world.path("response.head"), world.path("response.body"));
    for file in [&head, &body] {
        // Curl leaves the one of an earlier response where this one has no body.
        File::create(file).unwrap();
    }
    let mut command = world.authsome(["run"].iter().chain(flags).chain(&[
        "--",
        "curl",
        "-sS",
        "--max-time",
        "60",
    ]));
    command
        .args([
            "--suppress-connect-headers",
            "-w",
            "%{http_version} %{http_code}",
            "-D",
        ])
        .arg(&head)
        .arg("-o")
        .arg(&body);
    let outcome = Outcome::of(command.args(words).output().unwrap()).expect(0);
    let (version, status) = outcome.stdout.split_once(' ').unwrap();
    Response {
        status: status.parse().unwrap(),
        version: version.to_owned(),
        head: fs::read_to_string(head).unwrap(),
        body: fs::read(body).unwrap(),
    }
}

/// A child's lines, as they come.
pub(crate) struct Lines(pub(crate) BufReader<std::process::ChildStdout>);

impl Lines {
    pub(crate) fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the child ended after {line:?}");
        line.trim_end().to_owned()
    }
}

/// Starts `authsome run -- COMMAND` and reads along.
pub(crate) fn spawn(world: &World, words: &[&str]) -> (Child, Lines) {
    let mut command = world.authsome(["run", "--"].iter().chain(words));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines(BufReader::new(child.stdout.take().unwrap()));
    (child, lines)
}

/// The log as it lies there.
pub(crate) fn log(world: &World) -> Vec<Value> {
    let mut events = lines(&world.call(["--json", "log", "-n", "1000"]).expect(0).stdout);
    // The start and the end of each run have tests of their own.
    events.retain(|event| !event["event"].as_str().unwrap().starts_with("run_"));
    events
}

pub(crate) fn authority(gitlab: &FakeGitLab) -> String {
    format!("localhost:{}", gitlab.port())
}

pub(crate) fn configure(world: &World, text: &str) {
    let path: PathBuf = world.home().join("config.toml");
    File::create(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}
