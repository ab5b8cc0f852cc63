//! What a login is for: a provider, a server, or nothing yet.

use std::process::Command;

use authsome_test_support::kit::port_7998;
use authsome_test_support::{App, Endpoint, FakeGitLab, Fault};

use crate::kit::browser::{consent, visit};
use crate::kit::login::Login;
use crate::kit::{Outcome, Setup, World};

/// `authsome login TARGET`, up to the URL that it prints.
fn start(world: &World, gitlab: &FakeGitLab, app: &App, words: &[&str]) -> Login {
    let port = port_7998();
    let mut command = world.authsome(["login", "--no-browser", "--client-id", &app.client_id]);
    command.arg("--ca-file").arg(gitlab.ca_file()).args(words);
    Login::spawn(command, Some(port))
}

fn finish(mut login: Login, gitlab: &FakeGitLab) -> Outcome {
    let url = login.url();
    visit(&consent(gitlab, &url));
    login.end().expect(0)
}

#[test]
fn a_server_is_enough_and_its_metadata_says_what_it_is() {
    for (root, target) in [
        ("", "localhost:PORT"),
        (
            "",
            "https://localhost:PORT/group/project/-/issues?state=opened",
        ),
        ("/gitlab", "https://localhost:PORT/gitlab/group/project"),
        ("", "LOCALHOST:PORT"),
    ] {
        let world = World::new();
        let gitlab = FakeGitLab::builder().relative_root(root).start();
        let app = gitlab.register_app(false);
        let target = target.replace("PORT", &gitlab.port().to_string());
        let login = start(&world, &gitlab, &app, &[&target]);
        finish(login, &gitlab);
        let stored = world.stored("default");
        assert_eq!(stored.base_url.unwrap().to_string(), gitlab.base_url());
        assert_eq!(stored.id.provider.as_str(), "gitlab");
    }
}

#[test]
fn a_host_and_a_connection_may_be_flags_or_one_word() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let host = format!("localhost:{}", gitlab.port());
    let login = start(&world, &gitlab, &app, &["GitLab/work", "--hostname", &host]);
    finish(login, &gitlab);
    assert_eq!(
        world.stored("work").base_url.unwrap().to_string(),
        gitlab.base_url()
    );
    let twice = ["login", "gitlab/work", "--connection", "home"];
    let outcome = world.call(twice).expect(2);
    assert!(outcome.stderr.contains("named twice"), "{}", outcome.stderr);
}

#[test]
fn a_second_server_gets_a_name_of_its_own() {
    let Setup { world, .. } = Setup::connected();
    let second = FakeGitLab::start();
    let app = second.register_app(false);
    let host = format!("localhost:{}", second.port());
    let outcome = finish(start(&world, &second, &app, &[&host]), &second);
    assert!(
        outcome
            .stderr
            .contains("this connection is named gitlab/localhost"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        world.stored("localhost").base_url.unwrap().to_string(),
        second.base_url()
    );
    // The same again is the same connection, and not a third one.
    let again = world.call(["login", &host]).expect(6);
    assert!(
        again.stderr.contains("gitlab/localhost"),
        "{}",
        again.stderr
    );
    // It is renewed at its own server, with the CA that it has.
    let port = port_7998();
    let command = world.authsome(["login", &host, "--force", "--no-browser"]);
    finish(Login::spawn(command, Some(port)), &second);
    let list = world.call(["list", "--json"]).expect(0).json();
    let connections = crate::kit::gitlab_in(&list)["connections"]
        .as_array()
        .unwrap();
    assert_eq!(connections.len(), 2);
}

#[test]
fn another_kind_of_server_is_told_before_a_browser_opens() {
    let world = World::new();
    let gitlab = FakeGitLab::builder().relative_root("/gitlab").start();
    let app = gitlab.register_app(false);
    let wrong = format!("https://localhost:{}", gitlab.port());
    let words = ["gitlab", "--base-url", &wrong];
    let outcome = start(&world, &gitlab, &app, &words).end().expect(2);
    assert!(
        outcome.stderr.contains("is not GitLab"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("hint: check the address"));
    assert!(!outcome.stderr.contains("Open this URL"));
    let host = format!("localhost:{}", gitlab.port());
    let outcome = start(&world, &gitlab, &app, &[&host]).end().expect(4);
    let refused = outcome.stderr;
    assert!(refused.contains("does not say that it is "), "{refused}");
    let told = format!("authsome login gitlab --base-url https://{host}");
    assert!(refused.contains(&told), "{refused}");
}

#[test]
fn a_server_that_hides_its_metadata_is_let_through() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let hidden = Fault::Status {
        code: 404,
        retry_after: None,
    };
    gitlab.fault(Endpoint::Metadata, hidden, 1);
    let base = gitlab.base_url();
    let words = ["gitlab", "--base-url", &base];
    let outcome = finish(start(&world, &gitlab, &app, &words), &gitlab);
    assert!(
        outcome
            .stderr
            .contains("does not tell whether it is GitLab"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_server_that_hangs_up_is_told_before_a_browser_opens() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    gitlab.fault(Endpoint::Metadata, Fault::Close, 1);
    let base = gitlab.base_url();
    let words = ["gitlab", "--base-url", &base];
    let outcome = start(&world, &gitlab, &app, &words).end().expect(8);
    assert!(
        outcome.stderr.contains("cannot reach"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_untrusted_server_is_told_with_the_command_that_trusts_it() {
    let (world, gitlab) = Setup::unconnected();
    let host = format!("localhost:{}", gitlab.port());
    let _port = port_7998();
    let outcome = world.call(["login", &host, "--no-browser"]).expect(8);
    let hint = format!("authsome login {host} --no-browser --ca-file CA.pem");
    assert!(outcome.stderr.contains(&hint), "{}", outcome.stderr);
}

#[test]
fn alone_it_says_what_can_be_connected() {
    let world = World::new();
    let directory = world.path("project");
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(words).env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("HOME", world.directory.path());
        assert!(git.output().unwrap().status.success(), "{words:?}");
    };
    let path = directory.display().to_string();
    git(&["init", "-q", &path]);
    let remote = "git@gitlab.acme.com:group/project.git";
    git(&["-C", &path, "remote", "add", "origin", remote]);
    let ask = |more: &[&str]| {
        let mut command = world.authsome([&["login"][..], more].concat());
        Outcome::of(command.current_dir(&directory).output().unwrap()).expect(0)
    };
    let offered = ask(&[]).stdout;
    for command in [
        "authsome login gitlab.acme.com ",
        "  authsome login PROVIDER\n",
        " gitlab,",
    ] {
        assert!(offered.contains(command), "{command} in {offered}");
    }
    let offers = ask(&["--json"]).json();
    assert_eq!(
        offers["offers"][0]["command"],
        "authsome login gitlab.acme.com"
    );
}
