//! A key that the service exchanges for what requests carry.

use std::time::Duration;

use authsome::clock::Timestamp;
use serde_json::json;

use crate::keys::Service;

/// A user's name and a key, which are exchanged.
const EXCHANGED: &str = r#""fields": [
    { "name": "token", "label": "Token", "pattern": "[a-z-]+", "placeholder": "authsome-proxy-managed" },
    { "name": "user", "label": "User", "secret": false } ],
    "exchange": { "url": "https://AUTHORITY/token", "fields": { "user": "identifier", "token": "secret" }, "lifetime": 600 }"#;

fn connected() -> Service {
    let service = Service::start();
    service.register(EXCHANGED);
    let outcome = log_in(&service, "the-key").expect(0);
    for said in ["Connected Acme as ada", "It renews itself."] {
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
    service
}

fn log_in(service: &Service, key: &str) -> crate::kit::Outcome {
    service.login(&["--api-key-file", "-", "--field", "user=ada"], key)
}

/// Sets the clock's hands for the connection: its token ends then.
fn ends_at(service: &Service, end: Timestamp) {
    let store = service.world.store();
    let mut stored = store.load(&id()).unwrap().unwrap().connection;
    stored.tokens.obtained_at = end.minus(Duration::from_mins(10));
    stored.tokens.expires_at = Some(end);
    store.create(&stored, true).unwrap();
}

fn id() -> authsome::credential::ConnectionId {
    authsome::credential::ConnectionId {
        provider: "acme".parse().unwrap(),
        name: "default".parse().unwrap(),
    }
}

#[test]
fn requests_carry_the_token_and_never_the_key() {
    let service = connected();
    let exchange = service.next();
    assert!(
        exchange.starts_with("POST /token HTTP/1.1\r\n"),
        "{exchange}"
    );
    assert!(
        exchange.contains("content-type: application/json\r\n"),
        "{exchange}"
    );
    let (_, body) = exchange.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({ "identifier": "ada", "secret": "the-key" }));
    for _ in 0..2 {
        let request = service.curl("/v1/things", &[]);
        let carried = "\r\nauthorization: Bearer token-1\r\n";
        assert!(request.contains(carried), "{request}");
        assert!(!request.contains("the-key"), "{request}");
    }
    let child = service.world.run(["env"]).expect(0).stdout;
    assert!(!child.contains("the-key") && !child.contains("token-1"));
    let shown = service
        .world
        .call(["get", "acme", "--json"])
        .expect(0)
        .json();
    assert_eq!(shown["flow"], "api_key");
    assert_eq!(shown["account"], json!({ "id": "ada", "label": "ada" }));
    assert_eq!(
        (&shown["access_token"], &shown["client_secret"]),
        (&json!("***"), &json!("***"))
    );
    let exported = service.world.call(["export", "acme"]).expect(0);
    assert_eq!(exported.stdout, "ACME_KEY='token-1'\n");
    let database = rusqlite::Connection::open(service.world.home().join("vault.db")).unwrap();
    let kept = "SELECT count(*) FROM record WHERE kind = 'client'";
    let kept: u32 = database.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0, "a key is kept with its connection alone");
    let outcome = service.world.call(["logout", "acme"]).expect(0);
    assert!(
        outcome.stderr.contains("The key is still good"),
        "{outcome:?}"
    );
}

#[test]
fn what_has_expired_is_exchanged_again() {
    let service = connected();
    ends_at(&service, Timestamp::now().minus(Duration::from_secs(1)));
    let outcome = service.run_curl("/v1/things", &[]).expect(0);
    assert_eq!(outcome.json()["name"], "ada", "{outcome:?}");
    let arrived = [service.next(), service.next(), service.next()];
    let [_, exchange, request] = &arrived;
    assert!(exchange.starts_with("POST /token "), "{arrived:?}");
    assert!(
        exchange.ends_with(r#"{"identifier":"ada","secret":"the-key"}"#),
        "{exchange}"
    );
    assert!(
        request.contains("authorization: Bearer token-2\r\n"),
        "{request}"
    );
    let request = service.curl("/v1/things", &[]);
    assert!(
        request.contains("authorization: Bearer token-2\r\n"),
        "it is stored: {request}"
    );
}

#[test]
fn a_key_that_is_not_exchanged_is_not_stored() {
    let service = Service::start();
    service.register(EXCHANGED);
    let outcome = log_in(&service, "wrong").expect(2);
    assert!(outcome.stderr.contains("key"), "{outcome:?}");
    assert!(service.has_no_connection());
}

#[test]
fn a_definition_says_what_it_exchanges_and_where() {
    let service = Service::start();
    let file = service.definition(EXCHANGED);
    let outcome = service
        .world
        .call(["register", file.to_str().unwrap(), "--yes"])
        .expect(0);
    let said = "exchanges it for a token at: https://";
    assert!(outcome.stderr.contains(said), "{outcome:?}");
    for (wrong, reason) in [
        (r#"{ "user": "identifier" }"#, "the key is missing"),
        (
            r#"{ "token": "secret", "nobody": "x" }"#,
            "it is no field of the credential",
        ),
    ] {
        let right = r#"{ "user": "identifier", "token": "secret" }"#;
        let file = service.definition(&EXCHANGED.replace(right, wrong));
        let words = ["register", file.to_str().unwrap(), "--yes", "--force"];
        let outcome = service.world.call(words);
        assert_ne!(outcome.code, Some(0));
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
    }
}
