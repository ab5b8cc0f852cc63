//! The provider's response in the redirect.

use std::io::{Read, Write};
use std::time::Duration;

use authsome_test_support::{AuthorizeResponse, Endpoint, FakeGitLab, Fault};

use crate::kit::browser::{connect, consent, exchange_arrived, get_target, parameter, visit};
use crate::kit::login::{LoginRun, REDIRECT_URI, TIMEOUT, assert_nothing_stored, with_client_id};

#[test]
fn the_result_page_holds_no_code_and_is_not_kept() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let page = visit(&callback);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("GitLab is connected"));
    for (what, secret) in [
        ("code", parameter(&callback, "code")),
        ("state", parameter(&callback, "state")),
        ("token", walk.gitlab.live_pairs()[0].access.clone()),
    ] {
        assert!(!page.whole().contains(&secret), "{what}");
    }
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'none'"));
    // The one script is the page's own, which takes the query out of the address.
    assert!(policy.contains("script-src 'nonce-") && !policy.contains("unsafe"));
    assert_eq!(page.body.matches("<script nonce=").count(), 1);
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(page.body.contains("history.replaceState"));
    assert!(!page.body.contains("src=") && !page.body.contains("href="));
    walk.login.end().expect(0);
}

#[test]
fn a_user_who_says_no_ends_the_login() {
    let mut walk = LoginRun::to_consent(&[]);
    walk.gitlab.authorize_responses(AuthorizeResponse::Deny);
    let url = walk.login.url();
    let page = visit(&consent(&walk.gitlab, &url));
    assert_eq!(page.status, 400);
    let words = "The resource owner or authorization server denied the request.";
    assert!(page.body.contains(words), "{}", page.body);
    let outcome = walk.login.end().expect(2);
    assert!(outcome.stderr.contains("access_denied") && outcome.stderr.contains(words));
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert_nothing_stored(&walk.world);
}

#[test]
fn the_providers_words_are_escaped_on_the_page_and_at_the_terminal() {
    let mut walk = LoginRun::to_consent(&[]);
    let state = parameter(&walk.login.url(), "state");
    let words = "<script>alert(1)</script>\"'&\u{1b}[2J\r\nerror: forged";
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("error", "access_denied<b>")
        .append_pair("error_description", words)
        .append_pair("state", &state)
        .finish();
    let page = visit(&format!("{REDIRECT_URI}?{query}"));
    assert!(
        page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{}",
        page.body
    );
    // The page's own script takes the query out of the address.
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(page.body.contains("history.replaceState") && !page.body.contains("<b>"));
    let outcome = walk.login.end().expect(2);
    assert!(!outcome.stderr.contains('\u{1b}'));
    assert!(
        !outcome.stderr.contains("\nerror: forged"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_response_that_is_not_the_awaited_one_is_refused_and_the_login_waits() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let (code, state) = (parameter(&callback, "code"), parameter(&callback, "state"));
    for query in [
        format!("code={code}"),
        format!("code={code}&state="),
        format!("code={code}&state={state}x"),
        format!("code={code}&state={}", &state[1..]),
        format!("code={code}&state={}", state.to_ascii_uppercase()),
        format!("code={code}&state=other&state={state}"),
        format!("code={code}&state={state}&state={state}"),
        format!("code={code}&code={code}&state={state}"),
        "error=access_denied".to_owned(),
        "error=access_denied&state=forged".to_owned(),
        format!("error=access_denied&error=x&state={state}"),
        format!("state={state}"),
        format!("code=&state={state}"),
        String::new(),
    ] {
        let page = visit(&format!("{REDIRECT_URI}?{query}"));
        assert!(
            (400..500).contains(&page.status),
            "{query}: {}",
            page.status
        );
        assert!(
            !page.body.contains(&code) && !page.body.contains(&state),
            "{query}"
        );
    }
    assert_eq!(walk.gitlab.token_requests(), 0);
    assert_eq!(visit(&callback).status, 200);
    let outcome = walk.login.end().expect(0);
    assert!(
        outcome.stderr.contains("still waiting"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_provider_that_answers_with_another_state_is_not_believed() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    walk.gitlab
        .authorize_responses(AuthorizeResponse::WrongState);
    assert_eq!(visit(&consent(&walk.gitlab, &url)).status, 400);
    walk.gitlab.authorize_responses(AuthorizeResponse::Approve);
    walk.finish(&url).expect(0);
}

#[test]
fn a_replayed_response_is_not_exchanged_again() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let stall = Fault::StallAfter(Duration::from_millis(500));
    walk.gitlab.fault(Endpoint::Token, stall, 1);
    let first = std::thread::spawn({
        let callback = callback.clone();
        move || visit(&callback).status
    });
    assert!(walk.gitlab.wait_for(TIMEOUT, exchange_arrived));
    let mut replay = connect();
    replay
        .write_all(get_target(&callback).text().as_bytes())
        .unwrap();
    assert_eq!(first.join().unwrap(), 200);
    let mut response = String::new();
    let _ = replay.read_to_string(&mut response); // the listener may be gone before it answers
    assert!(!response.starts_with("HTTP/1.1 200"), "{response}");
    walk.login.end().expect(0);
    assert_eq!(walk.gitlab.token_requests(), 1);
    assert_eq!(walk.gitlab.live_pairs().len(), 1);
}

#[test]
fn the_right_issuer_in_the_response_is_accepted() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let page = visit(&format!("{callback}&iss={}", walk.gitlab.base_url()));
    assert_eq!(page.status, 200);
    walk.login.end().expect(0);
}

#[test]
fn another_issuer_in_the_response_is_refused_and_the_login_waits() {
    let evil = Some("https://evil.test/<b>".to_owned());
    let gitlab = FakeGitLab::builder().issuer_in_callback(evil).start();
    let mut walk = LoginRun::at(gitlab, false, &[], with_client_id);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let page = visit(&callback);
    assert_eq!(page.status, 400);
    assert!(page.body.contains("evil.test") && !page.body.contains("<b>"));
    assert_eq!(walk.gitlab.token_requests(), 0);
    let code = parameter(&callback, "code");
    let state = parameter(&callback, "state");
    // A trailing slash makes another issuer: RFC 9207 §2.4 compares strings.
    let near = format!(
        "{REDIRECT_URI}?code={code}&state={state}&iss={}/",
        walk.gitlab.base_url()
    );
    assert_eq!(visit(&near).status, 400);
    let right = format!("{REDIRECT_URI}?code={code}&state={state}");
    assert_eq!(visit(&right).status, 200);
    walk.login.end().expect(0);
}

#[test]
fn a_denial_of_another_issuer_does_not_end_the_login() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let state = parameter(&url, "state");
    let forged = format!("{REDIRECT_URI}?error=access_denied&state={state}&iss=https://evil.test");
    assert_eq!(visit(&forged).status, 400);
    walk.finish(&url).expect(0);
}

#[test]
fn a_response_before_the_form_is_filled_in_is_refused() {
    let mut walk = LoginRun::to_form();
    assert_eq!(visit(&format!("{REDIRECT_URI}?code=c&state=s")).status, 400);
    walk.finish_by_form().expect(0);
}
