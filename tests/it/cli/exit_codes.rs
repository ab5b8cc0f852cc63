//! Each kind of failure has its exit code, its hint and its code in JSON.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::kit::commands::{connected, failure, login_ends, remove, without_refresh_token};
use crate::kit::{Setup, World};

#[test]
fn usage_errors_are_2() {
    let world = World::new();
    for words in [
        &["frobnicate"][..],
        &["get"],
        &["get", "gitlab", "--field", "nope"],
        &["get", "Git Lab"],
        &["login", "gitlab", "--client-secret", "s3cret"],
        &["login", "gitlab", "--client-secret-file", "x"],
        &["export", "gitlab", "--format", "xml"],
        &["log", "-n", "many"],
        &["completions", "tcsh"],
        &["set-default", "gitlab"],
    ] {
        failure(&world, words, 2, "usage");
    }
}

#[test]
fn a_usage_error_as_json_names_what_is_wrong() {
    let world = World::new();
    for (words, name) in [
        (&["get", "--json"][..], "PROVIDER"),
        (&["set-default", "gitlab", "--json"], "name"),
        (&["frobnicate", "--json"], "frobnicate"),
        (&["get", "gitlab", "--field", "nope", "--json"], "nope"),
        (
            &["login", "gitlab", "--client-secret-file", "x", "--json"],
            "--client-id",
        ),
    ] {
        let error = world.call(words).expect(2).json();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(name), "{words:?}: {message:?}");
    }
}

#[test]
fn an_error_before_the_child_is_125_in_run_whatever_it_is() {
    let world = World::new();
    for words in [
        &["run"][..],
        &["run", "--frobnicate", "--", "true"],
        &["run", "--only", "nobody", "--", "true"],
    ] {
        let outcome = world.call(words).expect(125);
        assert_eq!(outcome.stdout, "", "it is the command's");
    }
}

#[test]
fn a_missing_connection_is_3() {
    let world = World::new();
    for command in ["get", "export", "logout", "revoke"] {
        let plain = failure(&world, &[command, "gitlab"], 3, "connection_not_found");
        assert!(
            plain.stderr.contains("authsome login gitlab"),
            "{}",
            plain.stderr
        );
        let named = [command, "gitlab", "--connection", "work"];
        let named = failure(&world, &named, 3, "connection_not_found");
        assert!(
            named
                .stderr
                .contains("authsome login gitlab --connection work"),
            "{}",
            named.stderr
        );
    }
}

#[test]
fn an_unknown_provider_is_4_with_the_near_one() {
    let world = World::new();
    for words in [
        &["get", "gitlb"][..],
        &["login", "gitlb"],
        &["inspect", "gitlb"],
        &["export", "gitlb"],
        &["revoke", "gitlb"],
    ] {
        let outcome = failure(&world, words, 4, "provider_not_found");
        assert!(
            outcome.stderr.contains("did you mean gitlab?"),
            "{}",
            outcome.stderr
        );
    }
    let far = failure(&world, &["login", "zzz"], 4, "provider_not_found");
    assert!(
        far.stderr
            .contains("hint: see all providers: authsome list"),
        "{}",
        far.stderr
    );
}

#[test]
fn a_credential_that_cannot_be_renewed_is_5() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    without_refresh_token(&world, "default");
    let outcome = failure(&world, &["export", "gitlab"], 5, "needs_login");
    assert!(
        outcome
            .stderr
            .contains("authsome login gitlab --connection default --force")
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn an_expired_credential_whose_server_is_down_is_5_and_kept() {
    let (world, gitlab) = Setup::unconnected();
    let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.refuse(true);
    failure(&world, &["export", "gitlab"], 5, "refresh_unavailable");
    assert_eq!(
        world.stored("default").tokens.refresh.unwrap().expose(),
        &pair.refresh
    );
    gitlab.refuse(false);
    world.call(["export", "gitlab"]).expect(0);
}

#[test]
fn an_existing_connection_is_6_without_force() {
    let (world, gitlab, _, pair) = connected();
    let words = ["login", "gitlab", "--base-url", &gitlab.base_url()];
    let outcome = failure(&world, &words, 6, "connection_exists");
    assert!(outcome.stderr.contains("--force") && outcome.stderr.contains("--connection NAME"));
    assert_eq!(world.stored("default").tokens.access.expose(), &pair.access);
    let app = gitlab.register_app(false);
    world.login(&gitlab, &app, &["--force"]).expect(0);
    assert_eq!(
        world.stored("default").client.unwrap().client_id,
        app.client_id
    );
}

#[test]
fn a_server_that_nobody_runs_is_8_before_the_user_waits() {
    let (world, gitlab) = Setup::unconnected();
    gitlab.refuse(true); // its port stays held, so nobody else answers there
    let base = gitlab.base_url();
    let words = ["--base-url", &base, "--client-id", "x", "--no-browser"];
    let outcome = login_ends(&world, &words).expect(8);
    let port = gitlab.port().to_string();
    assert!(outcome.stderr.contains(&port), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("address"), "{}", outcome.stderr);
}

#[test]
fn a_server_of_another_kind_is_told_before_the_user_waits() {
    // It speaks, but not TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let world = World::new();
    let base = format!("https://127.0.0.1:{port}");
    let outcome = login_ends(
        &world,
        &["--base-url", &base, "--client-id", "x", "--no-browser"],
    )
    .expect(8);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}

#[test]
fn a_failure_of_run_is_125_and_leaves_stdout_alone() {
    let world = World::new();
    world.call(["list"]).expect(0);
    remove(&world, "master.key");
    let plain = world.run(["true"]).expect(125);
    assert!(plain.stderr.contains("error: ") && plain.stdout.is_empty());
    let as_json = world.call(["run", "--json", "--", "true"]).expect(125);
    let error: Value = serde_json::from_str(&as_json.stderr).unwrap();
    assert_eq!(error["error"], "vault_unavailable");
    assert_eq!(as_json.stdout, "");
}
