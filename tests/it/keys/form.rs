//! The form for a key, in the user's browser: a program that has no terminal starts it, and never
//! sees the key.

use crate::keys::{Service, TWO_PARTS};
use crate::kit::Outcome;
use crate::kit::browser::{Request, Response, csrf, get};

/// How `ada:k-right` and `ada:k-wrong` arrive.
const RIGHT: &str = "Basic YWRhOmstcmlnaHQ=\r\n";
const WRONG: &str = "Basic YWRhOmstd3Jvbmc=\r\n";

/// The form as a browser sends it.
fn filled_in(csrf: &str, parts: &[(&str, &str)]) -> Request {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("csrf", csrf).extend_pairs(parts);
    let mut request = Request::new("POST", "/key")
        .with("content-type", "application/x-www-form-urlencoded")
        .with("origin", "http://127.0.0.1:7998")
        .with("sec-fetch-site", "same-origin");
    request.body = body.finish();
    request
}

fn fill_in(key: &str, user: &str) -> Response {
    filled_in(&csrf(), &[("api_key", key), ("user", user)]).send()
}

/// What the form says when it is shown again.
fn problem(answer: &Response) -> String {
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("http://127.0.0.1:7998"))
    );
    let page = get("/").send();
    assert_eq!(page.status, 200);
    let (_, rest) = page.body.split_once("role=\"alert\">").expect(&page.body);
    rest.split_once("</p>").unwrap().0.to_owned()
}

#[test]
fn a_key_is_asked_for_in_the_browser_until_it_is_right() {
    let service = Service::start();
    service.register(TWO_PARTS);
    let mut login = service.login_by_form(&[]);
    assert!(
        problem(&fill_in("", "ada"))
            .contains("API key does not have the form of one: it is missing")
    );
    let of_wrong_form = problem(&fill_in("x-key", "ada"));
    assert!(
        of_wrong_form.contains("it begins with k-"),
        "{of_wrong_form}"
    );
    let page = get("/").send().body;
    assert!(
        page.contains("value=\"ada\"") && !page.contains("x-key"),
        "{page}"
    );
    service.forget();
    assert!(problem(&fill_in("k-wrong", "ada")).contains("refuses this key"));
    let wrong = service.next();
    assert!(wrong.contains(WRONG), "{wrong}");
    assert!(service.has_no_connection());
    // With the blanks that come with what is copied.
    let done = fill_in(" k-right\t", "ada");
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.body.contains("Acme is connected") && !done.body.contains("k-right"));
    let right = service.next();
    assert!(right.contains(RIGHT), "{right}");
    let outcome = login.wait().expect(0);
    assert!(
        outcome.stderr.contains("Connected Acme as ada"),
        "{outcome:?}"
    );
    assert!(!outcome.stderr.contains("k-"), "{outcome:?}");
    let shown = service.world.call(["get", "acme", "--json"]).expect(0);
    assert_eq!(shown.json()["fields"]["user"], "ada", "{shown:?}");
}

#[test]
fn what_is_given_is_not_asked_for() {
    let service = Service::start();
    service.register(TWO_PARTS);
    let mut login = service.login_by_form(&["--field", "user=ada"]);
    let page = get("/").send().body;
    assert!(
        page.contains("name=\"api_key\"") && !page.contains("name=\"user\""),
        "{page}"
    );
    // What the form did not ask for does not replace what was given.
    let parts = [("api_key", "k-right"), ("user", "eve")];
    assert_eq!(filled_in(&csrf(), &parts).send().status, 200);
    login.wait().expect(0);
    let sent = service.curl("/v1/things", &[]);
    assert!(sent.contains(RIGHT), "{sent}");
}

#[test]
fn another_site_or_an_earlier_page_cannot_fill_it_in() {
    let service = Service::start();
    service.register(TWO_PARTS);
    let mut login = service.login_by_form(&[]);
    let token = csrf();
    let parts = [("api_key", "k-right"), ("user", "eve")];
    for (name, value) in [
        ("origin", "https://evil.test"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.test:7998"),
    ] {
        let answer = filled_in(&token, &parts).with(name, value).send();
        assert!(
            [403, 421].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
    }
    let stale = filled_in("another", &parts).send();
    assert!(
        stale.status == 403 && stale.body.contains("earlier login"),
        "{}",
        stale.body
    );
    assert_eq!(get("/key").send().status, 405);
    // The form of another kind is none of this login's.
    let mut other = filled_in(&token, &[("client_id", "id")]);
    other.target = "/client".to_owned();
    assert_eq!(other.send().status, 422);
    let mut large = filled_in(&token, &parts);
    large.body.push_str(&"x".repeat(65 * 1024));
    assert_eq!(large.send().status, 400);
    assert!(service.has_no_connection());
    assert_eq!(fill_in("k-right", "ada").status, 200);
    login.wait().expect(0);
}

#[test]
fn it_is_not_waited_for_where_nobody_can_see_it() {
    let service = Service::start();
    service.register(TWO_PARTS);
    let outcome: Outcome = service.login(&[], "").expect(2);
    let expected = "no API key is given";
    assert!(outcome.stderr.contains(expected), "{outcome:?}");
    assert!(
        outcome.stderr.contains("authsome login acme --ca-file"),
        "{outcome:?}"
    );
    for flags in [["--form", "--no-browser"], ["--form", "--api-key-file=-"]] {
        service.login(&flags, "").expect(2);
    }
    assert!(service.has_no_connection());
}
