//! What a login says, at the terminal and in the browser.

use authsome_test_support::{Endpoint, Fault, assert_words};

use super::{Scrub, shown};
use crate::kit::browser::{Response, consent, csrf, form, get, parameter, visit};
use crate::kit::login::LoginRun;
use crate::kit::{Outcome, Setup};

/// What is another in each login.
fn scrub(walk: &LoginRun) -> Scrub {
    let ca_file = walk.gitlab.ca_file().display().to_string();
    Scrub::of(&walk.world)
        .and(&walk.app.client_id, "Application-1")
        .and(&ca_file, "[CA FILE]")
}

/// The URL of the authorization request is as long as it is, and new each time.
fn without_url(outcome: &Outcome) -> Outcome {
    let lines = outcome.stderr.lines().map(|line| {
        let is_request = line.starts_with("  http") && line.contains('?');
        if is_request {
            "  [AUTHORIZATION REQUEST]"
        } else {
            line
        }
    });
    Outcome {
        code: outcome.code,
        stdout: outcome.stdout.clone(),
        stderr: lines.flat_map(|line| [line, "\n"]).collect(),
    }
}

/// A page as its text, and the headers that a browser obeys.
fn page(name: &str, response: &Response) -> String {
    let body = response.body.split("<body").last().unwrap();
    let body = body.split("<script").next().unwrap();
    let title = response.body.split_once("<title>");
    let title = title.and_then(|(_, rest)| rest.split_once("</title>"));
    let mut text = String::new();
    let mut in_tag = true;
    for character in body.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push('\n');
            }
            _ if in_tag => {}
            other => text.push(other),
        }
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.collect();
    format!(
        "{name}\n{}\ntitle: {}\n{}\n\n",
        response.status,
        title.map_or("-", |(title, _)| title),
        lines.join("\n")
    )
}

#[test]
fn of_a_login_without_a_browser() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let outcome = walk.finish(&url).expect(0);
    let text = shown(
        &["login", "gitlab", "--client-id", "ID", "--no-browser"],
        &without_url(&outcome),
    );
    assert_words!("login", "no_browser", text, &scrub(&walk).pairs());
}

#[test]
fn of_a_login_as_json() {
    let mut walk = LoginRun::to_consent(&["--json"]);
    let url = walk.login.url();
    let outcome = walk.finish(&url).expect(0);
    let text = shown(
        &["login", "gitlab", "--json", "--no-browser"],
        &without_url(&outcome),
    );
    assert_words!("login", "json", text, &scrub(&walk).pairs());
}

#[test]
fn of_a_login_in_a_browser() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let outcome = world.login(&gitlab, &app, &[]).expect(0);
    let text = shown(
        &["login", "gitlab", "--client-id", "ID"],
        &without_url(&outcome),
    );
    let scrub = Scrub::of(&world).and(&app.client_id, "Application-1");
    assert_words!("login", "browser", text, &scrub.pairs());
}

#[test]
fn of_a_browser_that_cannot_be_opened() {
    let (world, gitlab) = Setup::unconnected();
    let mut login = crate::kit::login::Login::start(
        &world,
        &gitlab,
        &["--client-id", "x"],
        Some("no-such-browser".as_ref()),
        &[],
    );
    let url = login.url();
    let query = format!("error=access_denied&state={}", parameter(&url, "state"));
    visit(&format!(
        "http://127.0.0.1:7998/auth/callback/oauth?{query}"
    ));
    let text = shown(&["login", "gitlab"], &without_url(&login.end()));
    assert_words!("login", "no_such_browser", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_the_form_and_its_pages() {
    let mut walk = LoginRun::to_form();
    let mut text = page("the form", &get("/").send());
    text += &page("a page that is not there", &get("/nothing").send());
    text += &page("a form of another page", &form("another", "x", "").send());
    let early = visit("http://127.0.0.1:7998/auth/callback/oauth?code=x&state=y");
    text += &page("a redirect before its time", &early);
    let refusal = Fault::Refuse {
        fields: vec![("content-type", "application/json")],
        body: br#"{"error":"invalid_client"}"#.to_vec(),
    };
    walk.gitlab.fault(Endpoint::Token, refusal, 1);
    let response = walk.submit();
    let location = response.header("location").unwrap().to_owned();
    let refused = visit(&consent(&walk.gitlab, &location));
    assert_eq!(refused.status, 303, "{}", refused.body);
    text += &page(
        "the form again, after a client that is refused",
        &get("/").send(),
    );
    let response = form(&csrf(), &walk.app.client_id, "").send();
    let location = response.header("location").unwrap().to_owned();
    text += &page("the end", &visit(&consent(&walk.gitlab, &location)));
    let outcome = walk.login.wait().expect(0);
    text += &shown(&["login", "gitlab", "--no-browser"], &without_url(&outcome));
    assert_words!("login", "form", text, &scrub(&walk).pairs());
}

#[test]
fn of_a_user_who_says_no() {
    let mut walk = LoginRun::to_consent(&[]);
    let state = parameter(&walk.login.url(), "state");
    let query = format!("error=access_denied&error_description=The+user+said+no&state={state}");
    let response = visit(&format!(
        "http://127.0.0.1:7998/auth/callback/oauth?{query}"
    ));
    let outcome = walk.login.wait().expect(2);
    let text = page("the page", &response)
        + &shown(&["login", "gitlab", "--no-browser"], &without_url(&outcome));
    assert_words!("login", "denied", text, &scrub(&walk).pairs());
}

#[test]
fn of_what_is_pasted() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    walk.login.paste("hello\n");
    walk.login.said("that is not");
    walk.login
        .paste("http://127.0.0.1:7998/auth/callback/oauth?code=x&state=another\n");
    walk.login.said("not accepted");
    walk.login
        .paste(&format!("{}\n", consent(&walk.gitlab, &url)));
    let outcome = walk.login.wait().expect(0);
    let text = shown(&["login", "gitlab", "--no-browser"], &without_url(&outcome));
    assert_words!("login", "pasted", text, &scrub(&walk).pairs());
}

#[test]
fn of_a_token_endpoint_that_fails() {
    let mut walk = LoginRun::to_consent(&[]);
    let fault = Fault::Status {
        code: 503,
        retry_after: None,
    };
    walk.gitlab.fault(Endpoint::Token, fault, 10);
    let url = walk.login.url();
    let response = visit(&consent(&walk.gitlab, &url));
    let outcome = walk.login.wait();
    let text = page("the page", &response)
        + &shown(&["login", "gitlab", "--no-browser"], &without_url(&outcome));
    assert_words!("login", "no_token", text, &scrub(&walk).pairs());
}
