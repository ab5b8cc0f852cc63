//! A login that dies during a run, as the programs see it that agents send requests with: each
//! waits with the time-outs that it has by itself, and goes on once the user has logged in.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use authsome_test_support::Visibility;
use authsome_test_support::kit::skip;

use super::{Client, about_to_die, dying_at, until_logged, until_told};
use crate::kit::refresh::user;
use crate::kit::run::run;
use crate::kit::{Setup, World, until};

/// Sends one request with that client, logs in while it waits, and returns what it prints.
fn healed(program: &[&str]) -> String {
    healed_after(Duration::ZERO, program)
}

/// The same; the user takes that long.
fn healed_after(taken: Duration, program: &[&str]) -> String {
    let (world, gitlab, app) = about_to_die();
    let url = user(&gitlab);
    let words = program.iter().map(|word| word.replace("URL", &url));
    let words: Vec<_> = words.collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let client = Client::start(run(&world, &[], &words));
    let told = until_told(&world);
    until_parked(&world);
    let login = "authsome login gitlab --connection default --force";
    assert!(told.contains(login), "{told}");
    thread::sleep(taken);
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
    until_parked(&world);
    world.connect_as("default", &gitlab, &base, 7200);
    let (code, printed) = client.end();
    assert_eq!(code, Some(0), "{printed}");
    printed
}

/// Waits until a request of the client itself waits: that the login has ended is told before, by
/// the renewal at the start.
fn until_parked(world: &World) {
    until("a request that waits", || {
        let told = world.call(["--json", "ask"]).expect(0).json();
        told["waiting"][0]["kind"] == "login"
    });
}

/// The directory of the clients' sources.
fn source(name: &str) -> String {
    let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    clients.join(name).display().to_string()
}

/// What tests/clients/install.sh installs, unless it has not.
fn installed(name: &str) -> Option<String> {
    let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/clients");
    let path = clients.join(name);
    if !path.exists() {
        skip(&format!(
            "tests/clients/install.sh has not installed {name}"
        ));
        return None;
    }
    Some(path.display().to_string())
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

/// Longer than httpx waits for anything by itself. That time passes is what is tested.
const BEYOND_HTTPX: Duration = Duration::from_secs(6);

#[test]
fn httpx_goes_on_though_it_waits_for_five_seconds_only() {
    let Some(python) = installed("py313/bin/python") else {
        return;
    };
    let program = source("python/httpx_get.py");
    for version in ["http1", "http2"] {
        let words = [&python, &program, "URL", version];
        let printed = healed_after(BEYOND_HTTPX, &words.map(AsRef::as_ref));
        assert!(printed.contains("username"), "{version}: {printed}");
    }
}

#[test]
fn urllib_of_python_goes_on_when_the_user_has_logged_in_again() {
    let program = source("python/urllib_get.py");
    assert!(healed(&["python3", &program, "URL"]).contains("username"));
}

#[test]
fn axios_and_undici_go_on_when_the_user_has_logged_in_again() {
    for (name, package) in [("axios", "axios1.15"), ("undici", "undici7")] {
        let Some(module) = installed(&format!("node/node_modules/{package}/index.js")) else {
            return;
        };
        let program = source(&format!("node/{name}.mjs"));
        let printed = healed(&["node", &program, "URL", &module]);
        assert!(printed.contains("username"), "{name}: {printed}");
    }
}

#[test]
fn gh_goes_on_when_the_user_has_logged_in_again() {
    if Command::new("gh").arg("--version").output().is_err() {
        skip("gh is not installed");
        return;
    }
    let words = ["env", "GH_TOKEN=x", "gh", "api", "URL"];
    assert!(healed_elsewhere(&words).contains("username"));
}

#[test]
fn git_goes_on_when_the_user_has_logged_in_again() {
    let (world, gitlab, app) = about_to_die();
    gitlab.add_repo("group/private", Visibility::Private, &[("README.md", "")]);
    let url = format!("{}/group/private.git", gitlab.base_url());
    let client = Client::start(run(&world, &[], &["git", "ls-remote", &url]));
    until_told(&world);
    until_parked(&world);
    world.login(&gitlab, &app, &["--force"]).expect(0);
    let (code, printed) = client.end();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("refs/heads/main"), "{printed}");
}
