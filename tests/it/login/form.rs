//! The form for the application.

use std::process::Command;

use crate::kit::Setup;
use crate::kit::browser::{
    Response, between, consent, csrf, field, form, get, next_line, parameter, recording_browser,
    visit,
};
use crate::kit::login::{Login, LoginRun, REDIRECT_URI};

#[test]
fn the_form_shows_what_to_register_and_where() {
    let walk = LoginRun::to_form();
    let page = get("/").send();
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&format!(">{REDIRECT_URI}</code>")));
    let applications = format!(
        "href=\"{}/-/user_settings/applications\"",
        walk.gitlab.base_url()
    );
    assert!(page.body.contains(&applications), "{}", page.body);
    for scope in "api read_user profile email read_repository write_repository".split(' ') {
        let item = format!("<li><code>{scope}</code></li>");
        assert!(page.body.contains(&item), "{scope}");
    }
}

#[test]
fn the_form_has_the_two_inputs_and_hides_the_secret() {
    let _walk = LoginRun::to_form();
    let page = get("/").send();
    let input = |name: &str| {
        let tags = page.body.split('<').filter(|tag| tag.starts_with("input"));
        let found: Vec<_> = tags
            .filter(|tag| tag.contains(&format!("name=\"{name}\"")))
            .collect();
        assert_eq!(found.len(), 1, "{name} in {}", page.body);
        found[0].to_owned()
    };
    assert!(input("client_id").contains("required"));
    assert!(input("client_secret").contains("type=\"password\""));
    assert!(!input("client_secret").contains("required"));
}

#[test]
fn the_form_is_served_with_strict_headers() {
    let walk = LoginRun::to_form();
    let page = get("/").send();
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    // Under `no-referrer` the form would be posted with `Origin: null`.
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    let policy = page.header("content-security-policy").unwrap();
    let form_action = format!("form-action 'self' {}", walk.gitlab.base_url());
    for part in [
        "default-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        &form_action,
    ] {
        assert!(
            policy.split("; ").any(|have| have == part),
            "{part} in {policy}"
        );
    }
    for hole in ["unsafe-", "*", "data:", "https: "] {
        assert!(!policy.contains(hole), "{hole} in {policy}");
    }
}

#[test]
fn the_forms_nonce_is_its_own_and_new_each_time() {
    let _walk = LoginRun::to_form();
    let nonce = |page: &Response| {
        let policy = page.header("content-security-policy").unwrap();
        between(policy, "style-src 'nonce-", "'").to_owned()
    };
    let (first, second) = (get("/").send(), get("/").send());
    assert_ne!(nonce(&first), nonce(&second));
    assert!(nonce(&first).len() >= 22);
    for tag in ["style", "script"] {
        let open = format!("<{tag} nonce=\"{}\">", nonce(&first));
        assert_eq!(first.body.matches(&format!("<{tag}")).count(), 1);
        assert!(first.body.contains(&open), "{open}");
    }
}

#[test]
fn the_form_loads_nothing_and_runs_nothing_inline() {
    let walk = LoginRun::to_form();
    let page = get("/").send().body;
    for asset in [
        "src=",
        "@import",
        "url(",
        "<link",
        "<img",
        "<iframe",
        "onclick=\"",
        "style=\"",
    ] {
        assert!(!page.contains(asset), "{asset}");
    }
    let ours = [walk.gitlab.base_url(), REDIRECT_URI.to_owned()];
    for at in page.match_indices("http").map(|(at, _)| at) {
        let here = &page[at..];
        assert!(
            ours.iter().any(|url| here.starts_with(url)),
            "{}",
            &here[..40]
        );
    }
}

#[test]
fn the_form_leads_to_the_provider_and_back_without_a_script() {
    let mut walk = LoginRun::to_form();
    let response = walk.submit();
    assert_eq!(response.status, 303);
    let location = response.header("location").unwrap().to_owned();
    let authorize = format!("{}/oauth/authorize?", walk.gitlab.base_url());
    assert!(location.starts_with(&authorize), "{location}");
    assert_eq!(parameter(&location, "code_challenge_method"), "S256");
    assert_eq!(parameter(&location, "code_challenge").len(), 43);
    assert_eq!(parameter(&location, "response_type"), "code");
    assert_eq!(parameter(&location, "redirect_uri"), REDIRECT_URI);
    assert_eq!(parameter(&location, "client_id"), walk.app.client_id);
    assert_eq!(walk.login.url(), location, "the terminal prints it as well");
    walk.finish(&location).expect(0);
}

#[test]
fn the_redirect_from_the_form_leaks_nothing() {
    let mut walk = LoginRun::to_form();
    let response = walk.submit();
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(response.body, "");
}

#[test]
fn a_form_with_no_application_id_is_shown_again() {
    let mut walk = LoginRun::to_form();
    let csrf = csrf();
    for id in ["", "   ", "\r\n"] {
        let response = form(&csrf, id, "").send();
        assert_eq!(response.status, 422, "{id:?}");
        assert!(response.body.contains("application ID is missing"));
        assert!(response.body.contains("name=\"client_id\""));
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn a_pasted_application_id_loses_its_blanks() {
    let mut walk = LoginRun::to_form();
    let response = form(&csrf(), &format!("  {}\n", walk.app.client_id), " ").send();
    assert_eq!(response.status, 303);
    let location = response.header("location").unwrap().to_owned();
    assert_eq!(parameter(&location, "client_id"), walk.app.client_id);
    walk.login.url();
    walk.finish(&location).expect(0);
}

#[test]
fn a_form_filled_in_wrongly_can_be_filled_in_again() {
    let mut walk = LoginRun::to_form();
    let wrong = form(&csrf(), "no-such-application", "").send();
    assert_eq!(wrong.status, 303);
    walk.login.url();
    walk.finish_by_form().expect(0);
    let got = walk.world.call(["get", "gitlab", "--field", "client_id"]);
    assert_eq!(got.expect(0).stdout.trim(), walk.app.client_id);
}

#[test]
fn a_form_that_is_sent_twice_opens_one_browser() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let (browser, mut opened) = recording_browser(&world);
    let mut login = Login::start(&world, &gitlab, &[], Some(&browser), &[]);
    login.url();
    assert_eq!(next_line(&mut opened), "http://127.0.0.1:7998");
    for id in ["no-such-application", &app.client_id] {
        assert_eq!(form(&csrf(), id, "").send().status, 303);
    }
    login.url();
    let url = login.url();
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
    Command::new(&browser).arg("END").status().unwrap();
    assert_eq!(
        next_line(&mut opened),
        "END",
        "the form's own redirect led on: no second window"
    );
}

#[test]
fn a_confidential_application_logs_in_through_the_form() {
    let mut walk = LoginRun::new(true, &[], |_, _| Vec::new());
    let secret = walk.app.client_secret.clone().unwrap();
    let response = walk.submit();
    let location = response.header("location").unwrap().to_owned();
    walk.login.url();
    let outcome = walk.finish(&location).expect(0);
    // The secret goes to the token endpoint, in the body, and nowhere else.
    let carriers: Vec<_> = walk
        .gitlab
        .seen()
        .into_iter()
        .filter(|seen| format!("{seen:?}").contains(&secret))
        .collect();
    assert_eq!(carriers.len(), 1);
    assert_eq!(carriers[0].path, "/oauth/token");
    assert_eq!(field(&carriers[0], "client_secret"), Some(secret.as_str()));
    assert!(!location.contains(&secret) && !outcome.stderr.contains(&secret));
    assert!(!get_body_contains(&walk, &secret));
}

#[test]
fn a_second_login_needs_no_form() {
    let mut walk = LoginRun::to_form();
    walk.finish_by_form().expect(0);
    let LoginRun {
        world,
        gitlab,
        app,
        login,
    } = walk;
    drop(login);
    let mut second = Login::start(&world, &gitlab, &["--connection", "other"], None, &[]);
    let url = second.url();
    assert_eq!(parameter(&url, "client_id"), app.client_id);
    assert_eq!(get("/").send().status, 404, "there is no form this time");
    visit(&consent(&gitlab, &url));
    second.end().expect(0);
    let list = world.call(["list", "--json"]).expect(0).json();
    let names: Vec<_> = crate::kit::gitlab_in(&list)["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["connection"].clone())
        .collect();
    assert_eq!(names, ["default", "other"]);
}

fn get_body_contains(walk: &LoginRun, secret: &str) -> bool {
    let words = ["get", "gitlab", "--json"];
    walk.world.call(words).expect(0).stdout.contains(secret)
}
