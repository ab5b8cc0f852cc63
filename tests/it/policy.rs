//! What a run permits: hosts, methods, paths and budgets, from flags, a file and `config.toml`.

mod addresses;
mod bad;
mod check;
mod graphql;
mod push;
mod sent;
mod suggest;

use authsome_test_support::FakeGitLab;
use serde_json::Value;

use crate::kit::client::{configure, fetch, log};
use crate::kit::{Outcome, Setup, World};

/// What curl gets with these flags: the status, and the rule that the log names.
fn asked(world: &World, flags: &[&str], words: &[&str]) -> (u16, Option<String>) {
    let response = fetch(world, flags, words);
    let denied = |line: &&Value| line["event"] == "denied";
    let rule = log(world)
        .iter()
        .rev()
        .find(denied)
        .map(|line| line["rule"].to_string());
    let is_ours = response.header("authsome-error").is_some();
    (response.status, rule.filter(|_| is_ours))
}

#[track_caller]
fn expect_served(world: &World, gitlab: &FakeGitLab, flags: &[&str], words: &[&str]) {
    gitlab.clear_seen();
    let (_, rule) = asked(world, flags, words);
    assert_eq!(rule, None, "{flags:?} {words:?}");
    assert_eq!(gitlab.seen().len(), 1, "{flags:?} {words:?}");
}

#[track_caller]
fn expect_denied(world: &World, gitlab: &FakeGitLab, flags: &[&str], words: &[&str], rule: &str) {
    gitlab.clear_seen();
    let (status, found) = asked(world, flags, words);
    let expected = format!("\"policy/{rule}\"");
    assert_eq!(
        (status, found),
        (403, Some(expected)),
        "{flags:?} {words:?}"
    );
    assert!(gitlab.seen().is_empty(), "{flags:?} {words:?}");
}

#[test]
fn a_run_that_may_only_read() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = |path: &str| format!("{}{path}", gitlab.base_url());
    let (user, issues) = (url("/api/v4/user"), url("/api/v4/projects/1/issues"));
    let flags = ["--read-only"];
    expect_served(&world, &gitlab, &flags, &[&user]);
    expect_served(&world, &gitlab, &flags, &["-I", &user]);
    let overridden = ["-H", "X-HTTP-Method-Override: DELETE", &user];
    for words in [
        &["-d", "title=x", &issues] as &[&str],
        &["-X", "PUT", "-d", "x=y", &issues],
        &["-X", "DELETE", &issues],
        &overridden,
        &[&format!("{user}?_method=DELETE")],
        // Names that end like git's services, in an API.
        &[
            "-d",
            "x=y",
            &url("/api/v4/projects/1/repository/files/git-upload-pack"),
        ],
        &[
            "-d",
            r#"{"operation":"download"}"#,
            &url("/api/v4/x/info/lfs/objects/batch"),
        ],
        &[&url("/api/graphql?query=mutation%7BcreateNote%7Bid%7D%7D")],
    ] {
        expect_denied(&world, &gitlab, &flags, words, "read-only");
    }
    expect_served(
        &world,
        &gitlab,
        &flags,
        &[&url("/api/graphql?query=%7BcurrentUser%7Bid%7D%7D")],
    );
}

#[test]
fn only_the_paths_of_the_rules_are_reached() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = |path: &str| format!("{}{path}", gitlab.base_url());
    let flags = [
        "--allow-path",
        "gitlab=/api/v4/projects/42/**",
        "--allow-path",
        "gitlab=GET /api/v4/user",
        "--deny-path",
        "gitlab=/api/v4/projects/42/hooks",
    ];
    expect_served(&world, &gitlab, &flags, &[&url("/api/v4/user")]);
    expect_served(
        &world,
        &gitlab,
        &flags,
        &["-d", "x=y", &url("/api/v4/projects/42/issues")],
    );
    for path in [
        "/api/v4/projects/43/issues",
        "/api/v4/projects/421/issues",
        "/api/v4/groups",
        "/api/v4/user/keys",
        "/api/v4/projects/4%32%2F../issues",
        "/oauth/authorize",
    ] {
        let path = url(path);
        gitlab.clear_seen();
        let response = fetch(&world, &flags, &["--path-as-is", &path]);
        assert!(response.header("authsome-error").is_some(), "{path}");
        assert!(gitlab.seen().is_empty(), "{path}");
    }
    for path in ["hooks", "hooks/", "hooks.json", "%68ooks"] {
        let path = url(&format!("/api/v4/projects/42/{path}"));
        expect_denied(&world, &gitlab, &flags, &[&path], "deny-path");
    }
    expect_denied(
        &world,
        &gitlab,
        &flags,
        &["-d", "x=y", &url("/api/v4/user")],
        "allow-path",
    );
}

#[test]
fn a_refusal_names_the_rule_its_layer_and_what_to_type() {
    let Setup { world, gitlab, .. } = Setup::connected();
    configure(&world, "[policy]\nread_only = true\n");
    let url = format!("{}/api/v4/projects/42/issues", gitlab.base_url());
    let told = fetch(&world, &[], &["-d", "x=y", &url]).expect_ours(403, "denied");
    assert!(
        told["message"].as_str().unwrap().contains("config.toml"),
        "{told}"
    );
    let flags = ["--allow-path", "gitlab=/api/v4/user"];
    let told = fetch(&world, &flags, &[&url]).expect_ours(403, "denied");
    let hint = "--allow-path 'gitlab=GET /api/v4/projects/42/issues'";
    assert!(told["hint"].as_str().unwrap().contains(hint), "{told}");
}

#[test]
fn the_stricter_of_flags_file_and_settings_wins() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let user = format!("{}/api/v4/user", gitlab.base_url());
    let issues = format!("{}/api/v4/projects/1/issues", gitlab.base_url());
    configure(
        &world,
        "default_policy = \"deny\"\n[policy]\ndeny_paths = [\"gitlab=DELETE /**\"]\n",
    );
    let file = world.file(
        "policy.toml",
        "allow_paths = [\"gitlab=/api/v4/projects/1/**\"]\n",
    );
    let flags = ["--policy-file", file.to_str().unwrap()];
    expect_served(&world, &gitlab, &flags, &[&issues]);
    expect_denied(&world, &gitlab, &flags, &[&user], "allow-path");
    expect_denied(
        &world,
        &gitlab,
        &flags,
        &["-X", "DELETE", &issues],
        "deny-path",
    );
    let both = [&flags[..], &["--read-only"]].concat();
    expect_denied(&world, &gitlab, &both, &["-d", "x=y", &issues], "read-only");
    // What stands for a flag gives way to the flag; a rule of [policy] does not.
    let other = FakeGitLab::start();
    let unmanaged = format!(
        "http://{}/",
        other.base_url().trim_start_matches("https://")
    );
    let response = fetch(&world, &[], &["--noproxy", "", &unmanaged]);
    response.expect_ours(403, "denied");
    configure(&world, "default_policy = \"deny\"\n");
    let response = fetch(
        &world,
        &["--policy", "allow"],
        &["--noproxy", "", &unmanaged],
    );
    assert_eq!(
        response.header("authsome-error"),
        Some("upstream_malformed")
    );
}

#[test]
fn hosts_are_denied_and_allowed_by_name() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let user = format!("{}/api/v4/user", gitlab.base_url());
    let own = gitlab.base_url().replace("https://", "");
    let mut command = world.authsome(["run", "--deny-host", &own, "--", "curl", "-sS", &user]);
    let outcome = Outcome::of(command.output().unwrap()).expect(56);
    assert!(outcome.stderr.contains("403"), "{}", outcome.stderr);
    let denied = |line: &&Value| line["rule"] == "policy/deny-host";
    assert_eq!(log(&world).iter().filter(denied).count(), 1);
    assert!(gitlab.seen().is_empty());
    let flags = ["--policy", "deny", "--allow-host", "*.elsewhere.test"];
    for (host, code) in [
        ("a.elsewhere.test", "upstream_unreachable"),
        ("elsewhere.test", "denied"),
    ] {
        let response = fetch(&world, &flags, &[&format!("http://{host}/")]);
        assert_eq!(response.header("authsome-error"), Some(code), "{host}");
    }
}

#[test]
fn a_budget_that_is_used_up_says_when_there_is_more() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let script = format!(
        "for i in 1 2 3; do curl -sSi {}/api/v4/user; done",
        gitlab.base_url()
    );
    let mut command = world.authsome(["run", "--limit", "gitlab=2/h", "--", "sh", "-c", &script]);
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(gitlab.seen().len(), 2);
    let last = outcome.stdout.rsplit("HTTP/").next().unwrap();
    assert!(last.contains(" 429"), "{last}");
    for field in [
        "authsome-error: limit",
        "x-should-retry: false",
        "stripe-should-retry: false",
    ] {
        assert!(last.contains(field), "{last}");
    }
    let mut lines = last.lines();
    let seconds = lines.find_map(|line| line.strip_prefix("retry-after: "));
    let seconds: u64 = seconds.unwrap().trim().parse().unwrap();
    assert!((3500..=3600).contains(&seconds), "{seconds}");
}

#[test]
fn only_named_connections_join_where_the_user_says_so() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let user = format!("{}/api/v4/user", gitlab.base_url());
    let is_injected = |flags: &[&str]| {
        gitlab.clear_seen();
        fetch(&world, flags, &["-k", &user]);
        let seen = gitlab.seen();
        matches!(
            seen.first().map(|seen| &seen.credential),
            Some(authsome_test_support::Arrived::Bearer { .. })
        )
    };
    assert!(is_injected(&[]));
    assert!(!is_injected(&["--join", "named"]));
    assert!(is_injected(&["--join", "named", "--only", "gitlab"]));
    configure(&world, "join = \"named\"\n");
    assert!(!is_injected(&[]));
    assert!(is_injected(&["--connection", "gitlab=default"]));
}

#[test]
fn a_guard_rule_is_lifted_for_one_run() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/projects/1/access_tokens", gitlab.base_url());
    let response = fetch(&world, &[], &["-d", "name=x", &url]);
    response.expect_ours(403, "denied");
    expect_served(
        &world,
        &gitlab,
        &["--allow", "gitlab/project-access-token"],
        &["-d", "name=x", &url],
    );
    let response = fetch(
        &world,
        &[],
        &["-X", "PUT", "-H", "X-HTTP-Method-Override: POST", &url],
    );
    response.expect_ours(403, "denied");
}

#[test]
fn an_upload_over_its_budget_is_broken_off() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/projects/1/uploads", gitlab.base_url());
    let large = world.file("large", &"x".repeat(300_000));
    let large = format!("@{}", large.display());
    for version in ["--http1.1", "--http2"] {
        let words = [version, "-H", "Expect:", "--data-binary", &large, &url];
        let response = fetch(&world, &["--limit", "bytes-up=1MiB"], &words);
        assert_eq!(response.header("authsome-error"), None, "{version}");
        let told = fetch(&world, &["--limit", "bytes-up=100KiB"], &words);
        let told = told.expect_ours(429, "limit");
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("bytes-up=100KiB"), "{version}: {told}");
    }
}
