//! Whose a key is, where the service tells it by POST only.

use crate::keys::Service;

/// A definition whose account is asked so.
fn register(service: &Service, lookup: &str) {
    service.register(&format!(
        r#""api_key": {{}}, "account": [{{ "url": "https://AUTHORITY/graphql", {lookup} }}]"#
    ));
}

const LOGIN: [&str; 4] = ["--flow", "api_key", "--api-key-file", "-"];

#[test]
fn the_account_is_asked_by_post_with_the_definitions_body() {
    for (body, content_type, sent) in [
        (
            r#""body": { "query": "{ viewer { id } }" },"#,
            Some("application/json"),
            r#"{"query":"{ viewer { id } }"}"#,
        ),
        (
            r#""body": "whose?","#,
            Some("text/plain; charset=utf-8"),
            "whose?",
        ),
        ("", None, ""),
    ] {
        let service = Service::start();
        let lookup = format!(r#""method": "POST", {body} "id": "/id", "label": "/name""#);
        register(&service, &lookup);
        let outcome = service.login(&LOGIN, "k-real").expect(0);
        assert!(
            outcome.stderr.contains("Connected Acme as ada"),
            "{outcome:?}"
        );
        // The key is checked, then it is asked whose it is.
        for _ in 0..2 {
            let request = service.next();
            let (head, received) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("POST /graphql HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("authorization: Bearer k-real"), "{head}");
            let length = format!("content-length: {}", sent.len());
            assert!(head.contains(&length), "{head}");
            let has_type = head.contains("content-type:");
            assert_eq!(has_type, content_type.is_some(), "{head}");
            assert!(
                content_type.is_none_or(|kind| head.contains(&format!("content-type: {kind}"))),
                "{head}"
            );
            assert_eq!(received, sent);
        }
        let whose = service.world.call(["get", "acme", "--json"]).expect(0);
        assert_eq!(whose.json()["account"]["label"], "ada", "{whose:?}");
    }
}

#[test]
fn the_command_that_shows_the_login_sends_the_same() {
    let service = Service::start();
    register(
        &service,
        r#""method": "POST", "body": { "query": "{ viewer { id } }" }, "id": "/id""#,
    );
    let outcome = service.login(&LOGIN, "k-real").expect(0);
    let mut lines = outcome.stderr.lines();
    let shown = lines
        .find_map(|line| line.strip_prefix("Try it: authsome "))
        .unwrap();
    service.forget();
    // As a user pastes it.
    let script = format!("'{}' {shown}", crate::kit::binary().display());
    let mut shell = service.world.authsome([""; 0]);
    let environment: Vec<_> = shell
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).env_clear().envs(environment);
    let outcome = crate::kit::Outcome::of(shell.output().unwrap()).expect(0);
    assert_eq!(outcome.json()["name"], "ada");
    let request = service.next();
    assert!(
        request.starts_with("POST /graphql HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("content-type: application/json"),
        "{request}"
    );
    assert!(
        request.ends_with(r#"{"query":"{ viewer { id } }"}"#),
        "{request}"
    );
}

#[test]
fn a_key_that_is_refused_is_not_stored_and_one_that_nobody_knows_is_said() {
    let service = Service::start();
    register(
        &service,
        r#""method": "POST", "body": { "query": "{ viewer { id } }" }, "id": "/data/viewer/id""#,
    );
    let refused = service.login(&LOGIN, "k-wrong").expect(2);
    assert!(
        refused.stderr.contains(" refuses this key\n"),
        "{refused:?}"
    );
    assert!(service.has_no_connection());
    // GraphQL answers 200, with its errors in the body.
    let unknown = service.login(&LOGIN, "k-other").expect(0);
    let said = "the key could not be checked (the response names no account); it is stored";
    assert!(unknown.stderr.contains(said), "{unknown:?}");
}
