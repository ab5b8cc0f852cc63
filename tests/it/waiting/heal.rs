//! A login that dies during a run: the requests that need it wait for the next one.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use authsome_test_support::{App, Endpoint, FakeGitLab, Fault};

use super::{Client, api, until_logged};
use crate::kit::client::configure;
use crate::kit::refresh::user;
use crate::kit::run::run;
use crate::kit::session::Session;
use crate::kit::{Setup, World, until};

/// A connection whose next refresh is lost, and with it the login; requests wait.
fn about_to_die() -> (World, FakeGitLab, App) {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url();
    let app = dying_at(&world, &gitlab, &base);
    (world, gitlab, app)
}

fn dying_at(world: &World, gitlab: &FakeGitLab, base: &str) -> App {
    let (app, _) = world.connect_as("default", gitlab, base, 0);
    gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
    let told = world.path("told");
    let hook = format!("cat >> '{}'", told.display());
    let notify = format!("[notify]\ncommand = ['sh', '-c', \"{hook}\"]\n");
    configure(world, &format!("{notify}[timeouts]\npark_seconds = 100\n"));
    app
}

/// What the user's program is told when the login is needed.
fn until_told(world: &World) -> String {
    let told = || std::fs::read_to_string(world.path("told")).unwrap_or_default();
    until("the hook", || {
        told().contains("\"requests_wait_seconds\":100")
    });
    told()
}

/// Sends one request with that client, logs in while it waits, and returns what it prints.
fn healed(program: &[&str]) -> String {
    let (world, gitlab, app) = about_to_die();
    let url = user(&gitlab);
    let words = program.iter().map(|word| word.replace("URL", &url));
    let words: Vec<_> = words.collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let client = Client::start(run(&world, &[], &words));
    let told = until_told(&world);
    let login = "authsome login gitlab --connection default --force";
    assert!(told.contains(login), "{told}");
    let begun = Instant::now();
    world.login(&gitlab, &app, &["--force"]).expect(0);
    let (code, printed) = client.end();
    assert_eq!(code, Some(0), "{printed}");
    assert!(begun.elapsed() < Duration::from_mins(1));
    until_logged(&world, "\"event\":\"injected\"");
    printed
}

/// The same with a client that takes no proxy for this machine's own names.
fn healed_elsewhere(program: &[&str]) -> String {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url_at("gitlab.test");
    dying_at(&world, &gitlab, &base);
    let resolve = base.replace("https://", "") + ":127.0.0.1";
    let url = format!("{base}/api/v4/user");
    let words: Vec<_> = program
        .iter()
        .map(|word| word.replace("URL", &url))
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let client = Client::start(run(&world, &["--resolve", &resolve], &words));
    until_told(&world);
    world.connect_as("default", &gitlab, &base, 7200);
    let (code, printed) = client.end();
    assert_eq!(code, Some(0), "{printed}");
    printed
}

/// The directory of the clients' sources.
fn source(name: &str) -> String {
    let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    clients.join(name).display().to_string()
}

#[test]
fn curl_goes_on_when_the_user_has_logged_in_again() {
    assert!(healed(&["curl", "-sS", "URL"]).contains("username"));
}

#[test]
fn python_requests_goes_on_when_the_user_has_logged_in_again() {
    let program = source("python/requests_get.py");
    assert!(healed(&["python3", &program, "URL"]).contains("username"));
}

#[test]
fn the_fetch_of_node_goes_on_when_the_user_has_logged_in_again() {
    let program = source("node/fetch.mjs");
    assert!(healed(&["node", &program, "URL"]).contains("username"));
}

#[test]
fn the_http_client_of_java_goes_on_when_the_user_has_logged_in_again() {
    let program = source("java/JdkClient.java");
    assert!(healed_elsewhere(&["java", &program, "URL", "HTTP_2"]).contains("username"));
}

#[test]
fn the_http_client_of_go_goes_on_when_the_user_has_logged_in_again() {
    let directory = tempfile::tempdir().unwrap();
    let binary = directory.path().join("get");
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .arg(&binary)
        .arg(source("go/get.go"));
    assert!(build.status().unwrap().success());
    assert!(healed_elsewhere(&[binary.to_str().unwrap(), "URL"]).contains("username"));
}

#[test]
fn many_wait_for_one_login_and_those_beyond_the_bound_do_not() {
    let (world, gitlab, app) = about_to_die();
    let url = user(&gitlab);
    let all =
        "for i in $(seq 70); do curl -sS -o /dev/null -w '%{http_code}\\n' \"$0\" & done; wait";
    let client = Client::start(run(&world, &[], &["bash", "-c", all, &url]));
    until_told(&world);
    until("6 refused", || {
        let log = std::fs::read_to_string(world.home().join("audit.log"));
        log.is_ok_and(|log| log.matches("\"status\":401").count() == 6)
    });
    world.login(&gitlab, &app, &["--force"]).expect(0);
    let (_, printed) = client.end();
    assert_eq!(printed.matches("200").count(), 64, "{printed}");
    assert_eq!(printed.matches("401").count(), 6, "{printed}");
}

#[test]
fn a_wait_ends_when_its_time_is_over_or_its_client_says_so_or_has_left() {
    let (world, gitlab, _) = about_to_die();
    let mut session = Session::start(&world);
    let ask = |more: &str| {
        format!(
            "curl -sS -o /dev/null -w '%{{http_code}}' {more} '{}'",
            user(&gitlab)
        )
    };
    assert_eq!(session.tell(&ask("-H 'Prefer: wait=1'")), "401");
    assert!(
        session
            .tell(&ask("--max-time 1 || echo left"))
            .contains("left")
    );
    until("nothing waits", || {
        api(&mut session, "/waiting")["waiting"]
            .as_array()
            .map(Vec::len)
            == Some(0)
    });
    let status = world.path("status").display().to_string();
    session.tell(&format!("{} > '{status}' &", ask("-H 'Prefer: wait=2'")));
    until("one waits", || {
        let told = api(&mut session, "/waiting");
        let one = told["waiting"].get(0).cloned().unwrap_or_default();
        one["kind"] == "login" && one["connection"] == "gitlab/default"
    });
    assert_eq!(session.tell(&format!("wait; cat '{status}'")), "401");
    session.end(0);
}

#[test]
fn nothing_waits_where_nobody_is_there_or_the_user_says_so() {
    for (settings, flags) in [
        ("", &[][..]),
        ("[timeouts]\npark_seconds = 100\n", &["--no-park"]),
    ] {
        let (world, gitlab, _) = about_to_die();
        configure(&world, settings);
        let url = user(&gitlab);
        let curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url];
        let (code, printed) = Client::start(run(&world, flags, &curl)).end();
        assert_eq!(code, Some(0));
        assert!(printed.starts_with("401"), "{printed}");
    }
}
