//! The agent's API.

use serde_json::Value;

use super::api;
use crate::kit::Setup;
use crate::kit::session::Session;

#[test]
fn a_program_inside_is_told_what_it_may_reach_and_why_it_was_refused() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let mut session = Session::start_with(&world, |_| {});
    let all = api(&mut session, "/");
    assert_eq!(all["version"], 1);
    let places = all["run"]["places"].as_array().unwrap();
    let place = places
        .iter()
        .find(|place| place["place"] == gitlab.base_url());
    assert_eq!(place.unwrap()["connections"][0], "gitlab/default", "{all}");
    assert_eq!(all["refused"].as_array().map(Vec::len), Some(0));

    let keys = format!("{}/api/v4/user/keys", gitlab.base_url());
    session.tell(&format!("curl -sS -X POST -d x=1 '{keys}?secret=1'"));
    let refused = api(&mut session, "/refused");
    let newest = &refused["refused"][0];
    assert_eq!(newest["status"], 403, "{refused}");
    assert_eq!(
        (&newest["method"], &newest["path"]),
        (&"POST".into(), &"/api/v4/user/keys".into())
    );
    assert!(
        newest["rule"].as_str().unwrap().starts_with("gitlab/"),
        "{newest}"
    );
    assert!(
        newest["hint"]
            .as_str()
            .unwrap()
            .contains("authsome allow gitlab/"),
        "{newest}"
    );

    // By HTTP/1.1, over TLS and in the clear, by `status`, and without a secret.
    let ways = "curl -sS --http1.1 https://authsome.internal/; curl -sS http://authsome.internal/";
    let told = session.tell(ways);
    assert_eq!(told.matches("\"version\":1").count(), 2, "{told}");
    let authsome = crate::kit::binary().display().to_string();
    let status = session.tell(&format!("{authsome} --json status --offline"));
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        status["run"]["refused"][0]["path"], "/api/v4/user/keys",
        "{status}"
    );
    let words = session.tell(&format!("{authsome} status --offline"));
    assert!(words.contains("Refused lately"), "{words}");
    for secret in [&pair.access, &pair.refresh] {
        assert!(!format!("{told}{all}{refused}{status}").contains(secret.as_str()));
    }
    session.end(0);
}

#[test]
fn a_program_inside_asks_the_user_for_a_login_who_is_told_once() {
    let Setup { world, .. } = Setup::connected();
    let mut session = Session::start(&world);
    let post = |kind: &str, body: &str, more: &str| {
        format!(
            "curl -sS -w ' %{{http_code}}' {more} -H 'Content-Type: {kind}' -d '{body}' https://authsome.internal/requests"
        )
    };
    let json = "application/json";
    let wish = r#"{"provider": "github", "scopes": ["repo"], "reason": "to open\n\u001b[31m a pull request"}"#;
    for _ in 0..2 {
        let told = session.tell(&post(json, wish, ""));
        assert!(
            told.ends_with(" 202") && told.contains("\"id\":1"),
            "{told}"
        );
        assert!(!told.contains("u001b"), "{told}");
    }
    for (kind, body, more, code) in [
        (json, r#"{"provider": "a b", "reason": "x"}"#, "", 400),
        (
            json,
            r#"{"provider": "github", "scopes": ["a b"], "reason": "x"}"#,
            "",
            400,
        ),
        (json, r#"{"provider": "github", "reason": " "}"#, "", 400),
        (json, "[]", "", 400),
        ("text/plain", wish, "", 415),
        (json, wish, "-H 'Origin: https://evil.test'", 415),
        (json, wish, "-X DELETE", 405),
    ] {
        let told = session.tell(&post(kind, body, more));
        assert!(told.ends_with(&format!(" {code}")), "{body} {more}: {told}");
    }
    for number in 2..=17 {
        let body = format!(r#"{{"provider": "github", "connection": "c{number}", "reason": "x"}}"#);
        let told = session.tell(&post(json, &body, ""));
        assert!(
            told.ends_with(if number < 17 { " 202" } else { " 429" }),
            "{told}"
        );
    }
    let asked = api(&mut session, "/requests");
    assert_eq!(asked["requests"].as_array().map(Vec::len), Some(16));
    let unknown = session.tell("curl -sS -i https://authsome.internal/other");
    assert!(unknown.contains("authsome-error: not_found"), "{unknown}");
    session.end(0);
}

#[test]
fn the_api_is_off_where_the_user_says_so() {
    let Setup { world, .. } = Setup::connected();
    for url in ["https://authsome.internal/", "http://authsome.internal/"] {
        let curl = ["curl", "-sS", "-w", "%{http_code} %{http_connect}", url];
        let words = [&["run", "--no-agent-api", "--"][..], &curl].concat();
        let outcome = world.call(words);
        assert!(outcome.stdout.contains("403"), "{outcome:?}");
        assert!(!outcome.stdout.contains("version"), "{outcome:?}");
    }
}
