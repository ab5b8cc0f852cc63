//! Connections that are made while a run goes on, and join it.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use authsome_test_support::{Arrived, FakeGitLab};
use serde_json::Value;

use super::{api, until_logged};
use crate::kit::client::configure;
use crate::kit::commands::custom;
use crate::kit::session::Session;
use crate::kit::{Outcome, Setup, World, until};

/// Of a service that is at a name of no connection when the run starts.
const KEY: &str = "k-real-0123456789abcdef";

/// A run, and a service that it has no connection of.
struct Scene {
    world: World,
    gitlab: FakeGitLab,
    other: FakeGitLab,
}

impl Scene {
    fn new() -> Self {
        let Setup { world, gitlab, .. } = Setup::connected();
        let scene = Self {
            world,
            gitlab,
            other: FakeGitLab::start(),
        };
        let hook = format!("cat >> '{}'", scene.world.path("told").display());
        configure(
            &scene.world,
            &format!("[notify]\ncommand = ['sh', '-c', \"{hook}\"]\n"),
        );
        let definition = format!(
            r#"{{ "name": "acme", "display_name": "Acme", "auth_type": "api_key", "api_url": "{}" }}"#,
            scene.base().trim_start_matches("https://")
        );
        custom(&scene.world, "acme", &definition);
        scene
    }

    fn base(&self) -> String {
        self.other.base_url_at("later.gitlab.test")
    }

    fn start(&self, flags: &[&str]) -> Session {
        let port = self.other.port();
        let places = format!("later.gitlab.test:{port}:127.0.0.1");
        let mut all = vec!["--resolve", &places];
        all.extend(flags);
        Session::start_flagged(&self.world, &all)
    }

    /// A login in another terminal.
    fn login(&self) {
        let ca = self.other.ca_file().display().to_string();
        let words = ["login", "acme", "--ca-file", &ca, "--api-key-file", "-"];
        let mut command = self.world.authsome(words);
        type_in(&mut command, KEY).expect(0);
    }

    /// Waits until the user's program is told.
    fn until_told(&self, text: &str) -> Value {
        let told = || fs::read_to_string(self.world.path("told")).unwrap_or_default();
        until(text, || told().contains(text));
        let told = told();
        let line = told.lines().find(|line| line.contains(text)).unwrap();
        serde_json::from_str(line).unwrap()
    }

    /// What the service has been sent.
    fn arrived(&self) -> Vec<Arrived> {
        let seen = self.other.seen().into_iter();
        seen.map(|seen| seen.credential).collect()
    }
}

fn type_in(command: &mut Command, text: &str) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    Outcome::of(child.wait_with_output().unwrap())
}

fn places(session: &mut Session) -> String {
    api(session, "/")["run"]["places"].to_string()
}

fn bearer() -> Arrived {
    Arrived::Bearer {
        token: KEY.to_owned(),
    }
}

#[test]
fn a_connection_that_is_made_during_a_run_joins_it() {
    let scene = Scene::new();
    let base = scene.base();
    let mut session = scene.start(&["--join", "new"]);
    let as_its_own = format!("curl -sS --cacert '{}'", scene.other.ca_file().display());
    let public = session.tell(&format!("{as_its_own} {base}/public"));
    assert_eq!(public, "public");
    let told = api(&mut session, "/");
    assert_eq!(told["run"]["joins_new"], true, "{told}");
    assert!(!places(&mut session).contains(&base));

    scene.login();
    let told = scene.until_told("\"joined\"");
    assert_eq!(told["connection"], "acme/default", "{told}");
    assert!(places(&mut session).contains(&base));
    let curl = "curl -sS -o /dev/null -w '%{http_code}'";
    session.tell(&format!("{curl} {base}/api/v4/user"));
    // It knows no such key, so it is asked again after a 401.
    let arrived = scene.arrived();
    assert_eq!(arrived[..2], [Arrived::None, bearer()]);
    assert!(arrived[2..].iter().all(|sent| *sent == bearer()));

    // It is listed and told like those of the start, and those go on.
    let runs = scene.world.call(["--json", "ps"]).expect(0);
    assert!(runs.stdout.contains("acme/default"), "{runs:?}");
    let authsome = crate::kit::binary().display().to_string();
    let status = session.tell(&format!("{authsome} --json status --offline"));
    assert!(status.contains(&base), "{status}");
    assert_eq!(session.call(&scene.gitlab), "200");
    session.end(0);
}

#[test]
fn a_connection_whose_host_is_anothers_does_not_join_and_the_user_is_told() {
    let scene = Scene::new();
    let mut session = scene.start(&["--join", "new", "--only", "gitlab"]);
    let base = scene.gitlab.base_url();
    assert_eq!(session.tell("echo here"), "here");
    scene.login(); // of no provider of the run
    scene.world.connect_as("work", &scene.gitlab, &base, 7200);
    let told = scene.until_told("left_out");
    assert_eq!(told["connection"], "gitlab/work", "{told}");
    let reason = format!("{base} is gitlab/default's in this run; to use it, start another run");
    assert_eq!(told["reason"], reason, "{told}");
    // The same name, logged in where nobody is.
    scene
        .world
        .connect_as("work", &scene.other, &scene.base(), 7200);
    scene.until_told("\"joined\"");
    let all = places(&mut session);
    assert!(!all.contains("acme"), "{all}");
    let place = format!(
        "{{\"place\":\"{}\",\"connections\":[\"gitlab/work\"]}}",
        scene.base()
    );
    assert!(all.contains(&place), "{all}");
    until_logged(&scene.world, "\"joined\"");
    // Its secrets are searched for.
    let later = scene.world.stored("work").tokens.access;
    let echoed = session.tell(&format!("curl -sS {}/api/v4/echo", scene.base()));
    assert!(echoed.contains("Bearer authsome-proxy-managed"), "{echoed}");
    assert!(!echoed.contains(later.expose().as_str()), "{echoed}");
    let default = scene.world.stored("default").tokens.access;
    assert_eq!(session.call(&scene.gitlab), "200");
    let sent = scene.gitlab.seen().pop().unwrap().credential;
    let token = default.expose().clone();
    assert_eq!(sent, Arrived::Bearer { token });
    session.end(0);
}

#[test]
fn nothing_joins_a_run_that_was_not_started_for_it() {
    let scene = Scene::new();
    let mut session = scene.start(&[]);
    assert_eq!(session.tell("echo here"), "here");
    scene.login();
    let as_its_own = format!("curl -sS --cacert '{}'", scene.other.ca_file().display());
    let public = session.tell(&format!("{as_its_own} {}/public", scene.base()));
    assert_eq!(public, "public");
    assert_eq!(scene.arrived(), [Arrived::None]);
    assert_eq!(api(&mut session, "/")["run"]["joins_new"], false);
    session.end(0);
}

#[test]
fn a_rule_may_be_about_a_connection_that_is_still_to_come() {
    let scene = Scene::new();
    let rule = ["--deny-path", "acme=/api/v4/user"];
    let early = ["run", rule[0], rule[1], "--", "true"];
    scene.world.call(early).expect(2);
    let mut session = scene.start(&["--join", "new", rule[0], rule[1]]);
    assert_eq!(session.tell("echo here"), "here");
    scene.login();
    scene.until_told("\"joined\"");
    let curl = "curl -sS -o /dev/null -w '%{http_code}'";
    let denied = session.tell(&format!("{curl} {}/api/v4/user", scene.base()));
    assert_eq!((denied.as_str(), scene.arrived().len()), ("403", 0));
    session.tell(&format!("{curl} {}/api/v4/projects", scene.base()));
    let arrived = scene.arrived();
    assert!(!arrived.is_empty() && arrived.iter().all(|sent| *sent == bearer()));
    session.end(0);
}

/// What is sent in pieces cannot be sent again, so the vault is asked first.
#[test]
fn a_login_of_the_same_name_at_another_server_is_not_sent_to_the_first() {
    let scene = Scene::new();
    let mut session = scene.start(&[]);
    assert_eq!(session.call(&scene.gitlab), "200");
    let before = scene.gitlab.seen().len();
    let (_, pair) = scene
        .world
        .connect_as("default", &scene.other, &scene.base(), 7200);
    let url = format!("{}/api/v4/echo", scene.gitlab.base_url());
    let told = session.tell(&format!("printf x | curl -sS -X POST -T - '{url}'"));
    assert!(told.contains("connection_moved"), "{told}");
    for seen in scene.gitlab.seen().iter().skip(before) {
        let token = pair.access.clone();
        assert_ne!(seen.credential, Arrived::Bearer { token });
    }
    session.end(0);
}
