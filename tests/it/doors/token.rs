//! `authsome token` in each of its formats.

use serde_json::json;

use crate::doors::exports;
use crate::keys::Service;
use crate::kit::commands::failure;
use crate::kit::refresh::{expired, pair};
use crate::kit::session::spawn;
use crate::kit::{Outcome, Setup};

#[test]
fn in_each_format() {
    let Setup { world, pair, .. } = Setup::connected();
    let end = world.stored("default").tokens.expires_at.unwrap();
    let end = end.to_string();
    let call = |words: &[&str]| world.call([&["token"], words].concat()).expect(0);
    for words in [&["gitlab"][..], &["gitlab/default", "--format", "text"]] {
        assert_eq!(call(words).stdout, format!("{}\n", pair.access));
    }
    let expected = json!({ "token": pair.access, "expires_at": end, "provider": "gitlab", "connection": "default" });
    for words in [&["gitlab", "--format", "json"], &["gitlab", "--json"][..]] {
        assert_eq!(call(words).json(), expected);
    }
    let expected = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "token": pair.access, "expirationTimestamp": end },
    });
    for more in [&[][..], &["--json"]] {
        let words = [&["gitlab", "--format", "exec"], more].concat();
        assert_eq!(call(&words).json(), expected);
    }
    let event = ["gitlab/default", "", "token"].map(str::to_owned);
    assert_eq!(exports(&world), vec![event; 6]);
}

#[test]
fn one_that_is_due_is_renewed_first_and_once_for_all() {
    let (world, gitlab) = expired();
    let words = ["token", "gitlab", "--json"];
    let crowd: Vec<_> = (0..8).map(|_| spawn(&mut world.authsome(words))).collect();
    let tokens = crowd.into_iter().map(|one| {
        let outcome = Outcome::of(one.wait_with_output().unwrap()).expect(0);
        outcome.json()["token"].as_str().unwrap().to_owned()
    });
    let tokens: Vec<_> = tokens.collect();
    assert_eq!(tokens, vec![pair(&world).access; 8]);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_token_without_an_end_names_none() {
    let Setup { world, pair, .. } = Setup::connected();
    let mut connection = world.stored("default");
    connection.tokens.expires_at = None;
    world.store().create(&connection, true).unwrap();
    let json = world.call(["token", "gitlab", "--json"]).expect(0).json();
    let expected = json!({ "token": pair.access, "provider": "gitlab", "connection": "default" });
    assert_eq!(json, expected);
    let exec = world.call(["token", "gitlab", "--format", "exec"]);
    assert_eq!(exec.json()["status"], json!({ "token": pair.access }));
}

#[test]
fn an_aws_key_is_for_whatever_service_signs() {
    let service = Service::start();
    service.register(
        r#""fields": [{ "name": "access_key_id", "label": "Access key ID", "secret": false },
            { "name": "secret_access_key", "label": "Secret access key" },
            { "name": "session_token", "label": "Session token", "optional": true }],
        "inject": [{ "path": "/me", "as": "header", "name": "x-nobody", "field": "access_key_id" }, { "path": "/**", "as": "sigv4" }]"#,
    );
    let key = json!({ "Version": 1, "AccessKeyId": "AKIDREAL", "SecretAccessKey": "secret" });
    let flags = ["--api-key-file", "-", "--field", "access_key_id=AKIDREAL"];
    service.login(&flags, "secret").expect(0);
    let call = |format: &str| {
        let words = ["token", "acme", "--format", format];
        service.world.call(words).expect(0)
    };
    assert_eq!(call("aws-process").json(), key);
    let token = service.world.file("session-token", "temporary");
    let field = format!("session_token=@{}", token.display());
    let flags = [&flags[..], &["--field", &field, "--force"]].concat();
    service.login(&flags, "secret").expect(0);
    let mut with_session = key;
    with_session["SessionToken"] = "temporary".into();
    assert_eq!(call("aws-process").json(), with_session);
    // The key itself, and all parts by their names.
    assert_eq!(call("text").stdout, "secret\n");
    let fields = json!({ "access_key_id": "AKIDREAL", "secret_access_key": "secret", "session_token": "temporary" });
    assert_eq!(call("json").json()["fields"], fields);
}

#[test]
fn what_cannot_be_given_is_said() {
    let Setup { world, .. } = Setup::connected();
    let words = ["token", "gitlab", "--format", "aws-process"];
    failure(&world, &words, 2, "usage");
    failure(&world, &["token", "gitlab/play"], 3, "connection_not_found");
    failure(&world, &["token", "gitlb"], 4, "provider_not_found");
    failure(&world, &["token", "gitlab", "--format", "xml"], 2, "usage");
    assert_eq!(exports(&world), Vec::<[String; 3]>::new(), "nothing was");
}
