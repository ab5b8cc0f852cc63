//! `authsome policy check`: what it says of a request is what a run does with it.

use std::io::Write;
use std::process::Stdio;

use authsome_test_support::FakeGitLab;
use serde_json::Value;

use crate::kit::client::{configure, fetch};
use crate::kit::{Outcome, Setup, World};

/// What `policy check` says, and its exit code.
fn check(world: &World, words: &[&str]) -> (Value, Option<i32>) {
    let mut command = world.authsome(["policy", "check", "--json"].iter().chain(words));
    let outcome = Outcome::of(command.output().unwrap());
    let value = serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", outcome.stdout, outcome.stderr));
    (value, outcome.code)
}

#[test]
fn each_outcome_has_its_name_and_its_exit_code() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = |path: &str| format!("{}{path}", gitlab.base_url());
    let (api, push) = (url("/api/v4/user"), url("/g/p.git/git-receive-pack"));
    let (page, graphql) = (url("/dashboard"), url("/api/graphql"));
    let (hook, batch) = (
        url("/api/v4/projects/1/hooks"),
        url("/g/p.git/info/lfs/objects/batch"),
    );
    let other = "https://example.com/";
    for (words, outcome, depends, rule, code) in [
        (&["GET", &api][..], "injected", None, None, 0),
        (&["--read-only", "GET", &api], "injected", None, None, 0),
        (&["GET", &page], "passed", None, None, 0),
        (&["GET", other], "forwarded", Some("address"), None, 0),
        (
            &["GET", "http://example.com/"],
            "forwarded",
            Some("address"),
            None,
            0,
        ),
        (
            &["GET", "https://93.184.216.34/"],
            "forwarded",
            None,
            None,
            0,
        ),
        (&["POST", &graphql], "injected", Some("graphql"), None, 0),
        (&["POST", &push], "injected", None, None, 0),
        (
            &["--git-push", "a/*", "POST", &push],
            "injected",
            Some("push"),
            None,
            0,
        ),
        (
            &["--read-only", "POST", &batch],
            "injected",
            Some("lfs_batch"),
            None,
            0,
        ),
        (&["TRACE", &api], "denied", None, None, 4),
        (&["POST", &hook], "denied", None, Some("gitlab/webhook"), 4),
        (
            &["--allow", "gitlab/webhook", "POST", &hook],
            "injected",
            Some("fields"),
            None,
            0,
        ),
        (
            &["--read-only", "POST", &api],
            "denied",
            None,
            Some("policy/read-only"),
            4,
        ),
        (
            &["--read-only", "DELETE", &api],
            "denied",
            None,
            Some("policy/read-only"),
            4,
        ),
        (
            &["--deny-path", "gitlab=/api/**", "GET", &api],
            "denied",
            None,
            Some("policy/deny-path"),
            4,
        ),
        (
            &["--deny-host", "localhost", "GET", &api],
            "denied",
            None,
            Some("policy/deny-host"),
            4,
        ),
        (
            &["--policy", "deny", "GET", other],
            "denied",
            None,
            Some("policy"),
            4,
        ),
        (
            &["GET", "https://169.254.169.254/"],
            "denied",
            None,
            Some("policy/address"),
            4,
        ),
        (
            &["--join", "named", "GET", &api],
            "forwarded",
            Some("address"),
            None,
            0,
        ),
    ] {
        let (value, found) = check(&world, words);
        assert_eq!(value["outcome"], outcome, "{words:?}: {value}");
        assert_eq!(value["depends_on"].as_str(), depends, "{words:?}: {value}");
        assert_eq!(value["rule"].as_str(), rule, "{words:?}: {value}");
        assert_eq!(found, Some(code), "{words:?}: {value}");
    }
    assert!(gitlab.seen().is_empty(), "nothing is sent");
}

/// What a run answers to curl, and what was said before.
#[track_caller]
fn expect_the_same(world: &World, gitlab: &FakeGitLab, flags: &[&str], method: &str, path: &str) {
    let url = format!("{}{path}", gitlab.base_url());
    let (said, code) = check(world, &[flags, &[method, &url]].concat());
    gitlab.clear_seen();
    let response = fetch(world, flags, &["-X", method, "-d", "x=y", &url]);
    let Some(error) = response.header("authsome-error") else {
        assert_eq!(code, Some(0), "{flags:?} {method} {path}: {said}");
        assert_eq!(gitlab.seen().len(), 1, "{flags:?} {method} {path}");
        return;
    };
    assert_eq!(code, Some(4), "{flags:?} {method} {path}: {said}");
    assert_eq!(said["error"], error);
    assert_eq!(said["status"], response.status);
    let told: Value = serde_json::from_slice(&response.body).unwrap();
    let message = told["message"].as_str().unwrap();
    assert_eq!(message.strip_prefix("authsome: "), said["reason"].as_str());
    assert_eq!(told["hint"], said["hint"]);
}

#[test]
fn a_run_does_what_was_said() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let file = world.file(
        "policy.toml",
        "allow_paths = [\"gitlab=/api/v4/projects/42/**\", \"gitlab=GET /api/v4/user\"]\ndeny_paths = [\"gitlab=DELETE /**\"]\n",
    );
    let file = ["--policy-file", file.to_str().unwrap()];
    for flags in [&[][..], &file, &["--read-only"]] {
        for (method, path) in [
            ("POST", "/api/v4/user"),
            ("DELETE", "/api/v4/projects/42/issues/1"),
            ("POST", "/api/v4/projects/42/issues"),
            ("POST", "/api/v4/projects/43/issues"),
            ("POST", "/api/v4/projects/42/access_tokens"),
            ("PUT", "/api/v4/projects/42/hooks/1?_method=GET"),
            ("POST", "/api/v4//projects/42/issues"),
            ("POST", "/dashboard"),
        ] {
            expect_the_same(&world, &gitlab, flags, method, path);
        }
    }
}

#[test]
fn the_words_say_why_and_a_file_may_come_from_elsewhere() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let file = world.file("policy.toml", "read_only = true\n");
    let file = file.to_str().unwrap();
    let mut command = world.authsome(["policy", "check", file, "PUT", &url]);
    let outcome = Outcome::of(command.output().unwrap()).expect(4);
    for words in [
        "denied",
        "PUT may change something",
        file,
        "policy/read-only",
        "403 denied",
    ] {
        assert!(
            outcome.stdout.contains(words),
            "{words}: {}",
            outcome.stdout
        );
    }
    assert_eq!(outcome.stderr, "");
    let mut command = world.authsome(["policy", "check", "-", "PUT", &url, "--json"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = b"deny_paths = [\"gitlab=PUT /api/v4/user\"]\n";
    child.stdin.take().unwrap().write_all(text).unwrap();
    let outcome = Outcome::of(child.wait_with_output().unwrap()).expect(4);
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let reason = value["reason"].as_str().unwrap();
    assert!(reason.contains("by standard input"), "{reason}");
    // Files add up, and so does config.toml.
    let served = [file, "--allow-path", "gitlab=/api/**", "GET", &url];
    assert_eq!(check(&world, &served).1, Some(0));
    configure(&world, "[policy]\ndeny_paths = [\"gitlab=GET /api/**\"]\n");
    let (value, code) = check(&world, &served);
    assert_eq!(code, Some(4));
    assert!(
        value["reason"].as_str().unwrap().contains("config.toml"),
        "{value}"
    );
}

#[test]
fn what_is_no_request_or_no_policy_is_named() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let unknown = world.file("unknown.toml", "reads_only = true\n");
    let unknown = unknown.to_str().unwrap();
    for (words, expected) in [
        (&["GET"][..], "METHOD|URL"),
        (&["G ET", &url], "no method"),
        (&["GET", "gitlab.com/api"], "no URL"),
        (&["GET", "ftp://gitlab.com/"], "no URL"),
        (&["GET", "https://user@gitlab.com/"], "no URL"),
        (&["GET", "https://gitlab.com/ü x"], "no URL"),
        (
            &["/nowhere/policy.toml", "GET", &url],
            "/nowhere/policy.toml",
        ),
        (&["/", "GET", &url], "/"),
        (&[unknown, "GET", &url], "unknown field `reads_only`"),
        (&["--allow-path", "github=/user", "GET", &url], "github"),
    ] {
        let mut command = world.authsome(["policy", "check"].iter().chain(words));
        let outcome = Outcome::of(command.output().unwrap()).expect(2);
        assert!(
            outcome.stderr.contains(expected),
            "{words:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("hint:"),
            "{words:?}: {}",
            outcome.stderr
        );
    }
}
