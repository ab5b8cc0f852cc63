//! Which connection answers git, and what it is told where none does.

use authsome::oauth::Account;

use crate::doors::{ask, exports, request};
use crate::keys::Service;
use crate::kit::refresh::{expired, pair};
use crate::kit::{Setup, World, id};

/// The answer for GitLab, without the time at which the token ends.
fn basic(token: &str) -> String {
    format!("username=oauth2\npassword={token}\n")
}

#[track_caller]
fn expect_answer(world: &World, request: &str, expected: &str) {
    let outcome = ask(world, "get", request).expect(0);
    let lines = outcome.stdout.lines();
    let kept = lines.filter(|line| !line.starts_with("password_expiry_utc="));
    let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
    assert_eq!(kept, expected, "{request}\n{}", outcome.stderr);
    assert_eq!(outcome.stderr, "", "{request}");
}

/// No answer, and exit code 0, so that git asks its next helper; what is said.
#[track_caller]
fn expect_none(world: &World, request: &str) -> String {
    let outcome = ask(world, "get", request).expect(0);
    assert_eq!(outcome.stdout, "", "{request}");
    outcome.stderr
}

fn name_account(world: &World, connection: &str, label: &str) {
    let mut stored = world.stored(connection);
    stored.account = Some(Account {
        id: format!("id-of-{label}"),
        label: Some(label.to_owned()),
    });
    world.store().create(&stored, true).unwrap();
}

#[test]
fn a_token_is_given_with_its_end() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let outcome = ask(&world, "get", &request(&gitlab.base_url(), "")).expect(0);
    let end = world.stored("default").tokens.expires_at.unwrap().seconds();
    let expected = format!("{}password_expiry_utc={end}\n", basic(&pair.access));
    assert_eq!(outcome.stdout, expected);
    // With every word that a new git adds.
    let more = "capability[]=authtype\ncapability[]=state\nwwwauth[]=Basic realm=\"GitLab\"\n";
    let request = request(&gitlab.base_url(), more);
    expect_answer(&world, &request, &basic(&pair.access));
}

#[test]
fn other_hosts_ports_and_schemes_get_nothing() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let port = gitlab.port();
    for url in [
        "https://github.test",
        "https://localhost",
        &format!("https://localhost.evil.test:{port}"),
        &format!("https://127.0.0.1:{port}"),
        &format!("ssh://localhost:{port}"),
    ] {
        let said = expect_none(&world, &request(url, ""));
        assert!(!said.contains("error"), "{url}: {said}");
    }
    for broken in ["", "\n", "protocol=https\n", "host=localhost\n"] {
        expect_none(&world, broken);
    }
    let said = expect_none(&world, &request(&format!("http://localhost:{port}"), ""));
    assert!(said.contains("is not used over http, "), "{said}");
    assert_eq!(exports(&world), Vec::<[String; 3]>::new());
}

#[test]
fn what_is_not_gits_format_is_refused() {
    let Setup { world, .. } = Setup::connected();
    for bad in ["GET / HTTP/1.1\r\n\r\n", "host=a\0b\n"] {
        let outcome = ask(&world, "get", bad).expect(2);
        assert!(
            outcome.stderr.contains("lines of name=value"),
            "{outcome:?}"
        );
        assert!(outcome.stderr.contains("hint: "), "{outcome:?}");
    }
    let outcome = ask(&world, "get", &format!("x={}", "y".repeat(70_000))).expect(2);
    assert!(
        outcome.stderr.contains("more than 65536 bytes"),
        "{outcome:?}"
    );
}

#[test]
fn store_an_unknown_action_and_another_token_change_nothing() {
    let Setup {
        world,
        gitlab,
        pair: own,
        ..
    } = Setup::connected();
    let told = request(&gitlab.base_url(), "username=oauth2\npassword=other\n");
    for action in ["store", "erase", "capability"] {
        let outcome = ask(&world, action, &told).expect(0);
        assert_eq!((outcome.stdout, outcome.stderr), Default::default());
    }
    assert_eq!(gitlab.token_requests(), 0);
    assert_eq!(pair(&world), own);
    assert_eq!(exports(&world).len(), 0);
}

#[test]
fn of_several_connections_the_default_or_the_account_that_is_named_answers() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let (_, work) = world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    name_account(&world, "default", "ada");
    name_account(&world, "work", "ada-at-work");
    let asked = |name: &str| request(&gitlab.base_url(), &format!("username={name}\n"));
    for name in ["", "oauth2", "ada", "default", "id-of-ada"] {
        expect_answer(&world, &asked(name), &basic(&pair.access));
    }
    for name in ["ada-at-work", "work", "gitlab/work"] {
        expect_answer(&world, &asked(name), &basic(&work.access));
    }
    let said = expect_none(&world, &asked("bob"));
    assert!(said.contains("is that of bob"), "{said}");
    let command = format!(
        "authsome login gitlab --base-url {} --connection NAME",
        gitlab.base_url()
    );
    assert!(said.contains(&command), "{said}");
    world.call(["set-default", "gitlab", "work"]).expect(0);
    expect_answer(&world, &asked("oauth2"), &basic(&work.access));
}

#[test]
fn a_path_that_a_run_refuses_gets_no_answer() {
    let world = World::new();
    let gitlab = authsome_test_support::FakeGitLab::builder()
        .relative_root("/gitlab")
        .start();
    let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url(), 7200);
    let at = |path: &str| request(&gitlab.base_url(), &format!("path={path}\n"));
    expect_answer(&world, &at("gitlab/group/p.git"), &basic(&pair.access));
    for path in [
        "gitlab/../evil/p.git",
        "gitlab/..;/evil/p.git",
        "gitlab/..\\evil/p.git",
        "gitlab/%2e%2e/evil/p.git",
        "gitlab/%252e%252e/evil/p.git",
        "gitlab/..%2fevil/p.git",
        "gitlab/./..;x/evil/p.git",
        "evil/p.git",
    ] {
        expect_none(&world, &at(path));
    }
}

#[test]
fn where_no_connection_is_the_default_the_user_is_told_how_to_choose() {
    let (world, gitlab) = Setup::unconnected();
    for name in ["gone", "home", "work"] {
        world.connect_as(name, &gitlab, &gitlab.base_url(), 7200);
    }
    world.call(["logout", "gitlab/gone"]).expect(0);
    let said = expect_none(&world, &request(&gitlab.base_url(), ""));
    let host = format!("localhost:{}", gitlab.port());
    let command = format!("git config --global credential.https://{host}.username gitlab/home");
    assert!(said.contains(&command), "{said}");
    let named = request(&gitlab.base_url(), "username=gitlab/home\n");
    let home = world.stored("home").tokens.access.expose().clone();
    expect_answer(&world, &named, &basic(&home));
}

#[test]
fn an_account_that_is_not_the_users_gets_nothing_even_where_there_is_one() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let asked = request(&gitlab.base_url(), "username=bob\n");
    // Whose the connection is, is not known.
    expect_answer(&world, &asked, &basic(&pair.access));
    name_account(&world, "default", "ada");
    assert!(expect_none(&world, &asked).contains("is that of bob"));
}

#[test]
fn a_bearer_token_is_given_to_a_git_that_takes_one() {
    let service = Service::start();
    service.register(r#""git": { "host": "/" }, "inject": [{ "path": "/**", "as": "bearer" }]"#);
    service.login(&["--api-key-file", "-"], "k-real").expect(0);
    let asked = |more: &str| request(&service.base_url(), more);
    let expected = "capability[]=authtype\nauthtype=Bearer\nephemeral=1\ncredential=k-real\n";
    let offered = asked("capability[]=authtype\n");
    expect_answer(&service.world, &offered, expected);
    let said = expect_none(&service.world, &asked(""));
    assert!(said.contains("from version 2.46 on"), "{said}");
    assert_eq!(exports(&service.world).len(), 1);
}

#[test]
fn a_service_without_repositories_answers_no_git() {
    let service = Service::start();
    service.register(r#""inject": [{ "path": "/**", "as": "bearer" }]"#);
    service.login(&["--api-key-file", "-"], "k-real").expect(0);
    let asked = request(&service.base_url(), "capability[]=authtype\n");
    assert_eq!(expect_none(&service.world, &asked), "");
}

#[test]
fn a_login_that_has_ended_is_said_with_its_command() {
    let (world, gitlab) = expired();
    let mut lost = world
        .store()
        .load(&id("default"))
        .unwrap()
        .unwrap()
        .connection;
    lost.tokens.refresh = None;
    world.store().create(&lost, true).unwrap();
    let outcome = ask(&world, "get", &request(&gitlab.base_url(), "")).expect(5);
    assert_eq!(outcome.stdout, "");
    let hint = "hint: authsome login gitlab --connection default --force";
    assert!(outcome.stderr.contains(hint), "{outcome:?}");
}
