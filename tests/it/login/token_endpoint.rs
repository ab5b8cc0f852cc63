//! What the token endpoint says.

use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::Outcome;
use crate::kit::browser::{consent, csrf, form, get, parameter, visit};
use crate::kit::login::{LoginRun, REDIRECT_URI, assert_nothing_stored};

#[test]
fn a_bad_response_of_the_token_endpoint_ends_the_login_with_nothing_stored() {
    let stolen = |gitlab: &FakeGitLab| Fault::Redirect(format!("{}/stolen", gitlab.base_url()));
    let status = Fault::Status {
        code: 500,
        retry_after: None,
    };
    for (fault, code, words) in [
        (None, 2, "redirect"),
        (Some(Fault::HtmlPage), 2, "text/html"),
        (Some(Fault::Huge), 2, "larger"),
        (Some(Fault::MalformedJson), 2, "not a token response"),
        (Some(Fault::InvalidGrantOnce), 2, "invalid_grant"),
        (Some(status), 2, "responded with 500"),
        (Some(Fault::HalfBody), 8, "localhost"),
        (Some(Fault::Close), 8, "localhost"),
        (Some(Fault::LostResponse), 8, "localhost"),
    ] {
        let mut walk = LoginRun::to_consent(&[]);
        let fault = fault.unwrap_or_else(|| stolen(&walk.gitlab));
        walk.gitlab.fault(Endpoint::Token, fault.clone(), 1);
        let url = walk.login.url();
        let callback = consent(&walk.gitlab, &url);
        let page = visit(&callback);
        assert_eq!(page.status, 400, "{fault:?}");
        assert!(
            !page.body.contains(&parameter(&callback, "code")),
            "{fault:?}"
        );
        let outcome = walk.login.end().expect(code);
        assert!(
            outcome.stderr.contains(words),
            "{fault:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("hint: "),
            "{fault:?}: {}",
            outcome.stderr
        );
        assert_eq!(walk.gitlab.token_requests(), 1, "{fault:?}: sent once");
        assert!(!walk.gitlab.seen().iter().any(|seen| seen.path == "/stolen"));
        assert_nothing_stored(&walk.world);
    }
}

#[test]
fn a_wrong_confidential_shows_the_form_again_with_what_was_typed() {
    // A secret that is wrong; one that is missing; and what the user makes of it then.
    for wrong in ["wrong", ""] {
        let mut walk = LoginRun::new(true, &[], |_, _| Vec::new());
        let response = form(&csrf(), &walk.app.client_id, wrong).send();
        let location = response.header("location").unwrap().to_owned();
        walk.login.url();
        let back = visit(&consent(&walk.gitlab, &location));
        assert_eq!(
            (back.status, back.header("location")),
            (303, Some("http://127.0.0.1:7998"))
        );
        walk.login.said("the form is open again");
        let page = get("/").send();
        let typed = format!("name=\"client_id\" value=\"{}\"", walk.app.client_id);
        assert!(page.body.contains(&typed), "{}", page.body);
        assert!(page.body.contains("invalid_client"), "{}", page.body);
        assert!(page.body.contains("paste"), "{}", page.body);
        let secret = page
            .body
            .split('<')
            .find(|tag| tag.contains("name=\"client_secret\""));
        assert!(!secret.unwrap().contains("value"), "no page holds a secret");
        let outcome = walk.finish_by_form().expect(0);
        assert!(!outcome.stderr.contains("wrong"), "{}", outcome.stderr);
        let stored = walk
            .world
            .stored("default")
            .client
            .unwrap()
            .client_secret
            .unwrap();
        assert_eq!(Some(stored.expose()), walk.app.client_secret.as_ref());
    }
}

#[test]
fn an_application_that_lacks_a_scope_shows_the_form_again() {
    let mut walk = LoginRun::to_form();
    let location = walk.submit().header("location").unwrap().to_owned();
    walk.login.url();
    let state = parameter(&location, "state");
    let denial = format!("{REDIRECT_URI}?error=invalid_scope&state={state}");
    assert_eq!(visit(&denial).status, 303);
    let page = get("/").send();
    assert!(page.body.contains("invalid_scope"), "{}", page.body);
    assert!(page.body.contains(&walk.app.client_id), "{}", page.body);
    walk.finish_by_form().expect(0);
}

#[test]
fn a_wrong_client_secret_of_a_flag_is_said_and_not_kept() {
    let mut walk = LoginRun::new(true, &[], |world, app| {
        let file = world.file("secret", "wrong").display().to_string();
        let id = app.client_id.clone();
        [
            "--client-id".to_owned(),
            id,
            "--client-secret-file".to_owned(),
            file,
        ]
        .to_vec()
    });
    let url = walk.login.url();
    assert_eq!(visit(&consent(&walk.gitlab, &url)).status, 400);
    let outcome = walk.login.end().expect(2);
    assert!(
        outcome.stderr.contains("invalid_client"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("--client-secret-file"),
        "{}",
        outcome.stderr
    );
    assert!(
        !outcome.stderr.contains("wrong"),
        "no secret is echoed: {}",
        outcome.stderr
    );
    assert_nothing_stored(&walk.world);
}

#[test]
fn a_lifetime_may_be_missing() {
    let (walk, outcome) = logged_in_with(Fault::NoExpiresIn);
    assert_eq!(outcome.code, Some(0));
    let got = walk
        .world
        .call(["get", "gitlab", "--json"])
        .expect(0)
        .json();
    assert_eq!(got["expires_at"], serde_json::Value::Null);
    assert_eq!(got["status"], "connected");
}

#[test]
fn a_lifetime_may_be_text() {
    let (walk, outcome) = logged_in_with(Fault::StringExpiresIn);
    assert_eq!(outcome.code, Some(0));
    let tokens = walk.world.stored("default").tokens;
    assert_eq!(tokens.lifetime(), Some(Duration::from_hours(2)));
}

#[test]
fn a_refresh_token_may_be_missing() {
    let (walk, outcome) = logged_in_with(Fault::NoRefreshToken);
    assert_eq!(outcome.code, Some(0));
    assert!(walk.world.stored("default").tokens.refresh.is_none());
    let got = walk
        .world
        .call(["get", "gitlab", "--json"])
        .expect(0)
        .json();
    assert_eq!(got["refresh_token"], serde_json::Value::Null);
}

#[test]
fn scopes_that_were_not_granted_are_said() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    // The user unticks some at the provider.
    let scopes = parameter(&url, "scope");
    let fewer = url.replace(&scopes.replace(' ', "+"), "api+read_user");
    assert_ne!(fewer, url);
    let outcome = walk.finish(&fewer).expect(0);
    let missing = "asked for but not granted: profile email read_repository write_repository";
    assert!(outcome.stderr.contains(missing), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("Scopes: api read_user\n"),
        "{}",
        outcome.stderr
    );
    let got = walk
        .world
        .call(["get", "gitlab", "--json"])
        .expect(0)
        .json();
    assert_eq!(got["scopes"], serde_json::json!(["api", "read_user"]));
}

#[test]
fn scopes_that_were_not_asked_for_are_said() {
    let mut walk = LoginRun::to_consent(&["--scopes", "read_user"]);
    let url = walk.login.url();
    let more = url.replace("scope=read_user", "scope=read_user+api");
    assert_ne!(more, url);
    let outcome = walk.finish(&more).expect(0);
    assert!(
        outcome.stderr.contains("granted but not asked for: api"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_user_chooses_the_scopes() {
    for asked in [
        "read_user,read_repository",
        "read_user read_repository",
        "read_user, read_repository",
    ] {
        let mut walk = LoginRun::to_consent(&["--scopes", asked]);
        let url = walk.login.url();
        assert_eq!(
            parameter(&url, "scope"),
            "read_user read_repository",
            "{asked}"
        );
        let outcome = walk.finish(&url).expect(0);
        assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    }
}

/// A whole login with a fault of the token endpoint that does not end it.
fn logged_in_with(fault: Fault) -> (LoginRun, Outcome) {
    let mut walk = LoginRun::to_consent(&[]);
    walk.gitlab.fault(Endpoint::Token, fault, 1);
    let url = walk.login.url();
    let outcome = walk.finish(&url);
    (walk, outcome)
}
