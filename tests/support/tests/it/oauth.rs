//! The authorization server, as Doorkeeper behaves.

use crate::common::{Reply, curl, get, post};
use authsome_test_support::{App, AuthorizeResponse, FakeGitLab, Pair};
use url::Url;

const REDIRECT: &str = "http://127.0.0.1:7998/auth/callback/oauth";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn authorize(gitlab: &FakeGitLab, app: &App, extra: &str) -> Reply {
    let client_id = &app.client_id;
    let path = format!(
        "/oauth/authorize?client_id={client_id}&redirect_uri={REDIRECT}&response_type=code\
         &state=xyz&code_challenge={CHALLENGE}&code_challenge_method=S256{extra}"
    );
    curl(gitlab, &path, &[])
}

fn location(reply: &Reply) -> Vec<(String, String)> {
    let url = Url::parse(reply.header("location").expect("a redirect")).expect("a URL");
    url.query_pairs().into_owned().collect()
}

fn value(pairs: &[(String, String)], wanted: &str) -> String {
    let found = pairs.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn exchange(gitlab: &FakeGitLab, app: &App, code: &str, verifier: &str) -> Reply {
    let secret = app.client_secret.as_deref().unwrap_or_default();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
        ("client_id", &app.client_id),
        ("client_secret", secret),
    ];
    post(gitlab, "/oauth/token", &form)
}

fn refresh(gitlab: &FakeGitLab, app: &App, token: &str) -> Reply {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", &app.client_id),
    ];
    post(gitlab, "/oauth/token", &form)
}

fn pair(reply: &Reply) -> Pair {
    let body = reply.json();
    let text = |name: &str| body[name].as_str().expect("a token").to_owned();
    Pair {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

#[test]
fn the_code_flow_with_pkce_ends_in_a_pair_and_a_code_works_once() {
    let gitlab = FakeGitLab::start();
    let app = gitlab.register_app(false);
    let response = location(&authorize(&gitlab, &app, "&scope=api%20read_user"));
    assert_eq!(value(&response, "state"), "xyz");
    assert_eq!(value(&response, "iss"), "");
    let code = value(&response, "code");

    assert_eq!(
        exchange(&gitlab, &app, &code, "wrong").json()["error"],
        "invalid_grant"
    );
    let reply = exchange(&gitlab, &app, &code, VERIFIER);
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.json()["expires_in"], 7200);
    assert_eq!(reply.json()["scope"], "api read_user");
    assert_eq!(reply.json()["token_type"], "Bearer");
    assert_eq!(pair(&reply).access.len(), 64);
    assert_eq!(gitlab.live_pairs(), [pair(&reply)]);
    assert_eq!(exchange(&gitlab, &app, &code, VERIFIER).status(), 400);

    let user = get(&gitlab, "/api/v4/user", &pair(&reply).access);
    assert_eq!(user.json()["username"], "ada");
}

#[test]
fn a_confidential_app_needs_its_secret() {
    let gitlab = FakeGitLab::start();
    let mut app = gitlab.register_app(true);
    let code = value(&location(&authorize(&gitlab, &app, "")), "code");
    let right = app.client_secret.replace("wrong".to_owned());
    let reply = exchange(&gitlab, &app, &code, VERIFIER);
    assert_eq!(
        (reply.status(), reply.json()["error"].as_str()),
        (401, Some("invalid_client"))
    );
    app.client_secret = right;
    assert_eq!(exchange(&gitlab, &app, &code, VERIFIER).status(), 200);
}

#[test]
fn a_refresh_kills_the_old_pair_at_once_and_its_reuse_harms_nobody() {
    let gitlab = FakeGitLab::start();
    let app = gitlab.register_app(false);
    let old = gitlab.issue_tokens(&app, "api");
    let new = pair(&refresh(&gitlab, &app, &old.refresh));

    let dead = get(&gitlab, "/api/v4/user", &old.access);
    assert_eq!(dead.status(), 401);
    let words = dead.json()["error_description"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(words.starts_with("Token was revoked."), "{words}");

    let reused = refresh(&gitlab, &app, &old.refresh);
    assert_eq!(reused.status(), 400);
    assert_eq!(reused.json()["error"], "invalid_grant");
    assert!(
        reused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer realm=\"Doorkeeper\"")
    );
    assert!(gitlab.is_live(&new.access));
    assert_eq!((gitlab.refreshes(), gitlab.token_requests()), (1, 2));
    assert_eq!(value(&gitlab.seen()[0].form, "refresh_token"), old.refresh);

    let other = gitlab.register_app(false);
    assert_eq!(
        refresh(&gitlab, &other, &new.refresh).json()["error"],
        "invalid_grant"
    );
    gitlab.expire_access_tokens();
    let expired = get(&gitlab, "/api/v4/user", &new.access);
    assert_eq!(expired.json()["error"], "invalid_token");
    assert_eq!(refresh(&gitlab, &app, &new.refresh).status(), 200);
}

#[test]
fn revoking_either_token_kills_both_and_only_the_owner_may() {
    let gitlab = FakeGitLab::start();
    let (app, other) = (gitlab.register_app(false), gitlab.register_app(false));
    let tokens = gitlab.issue_tokens(&app, "api");
    let ask = |app: &App, token: &str| {
        post(
            &gitlab,
            "/oauth/revoke",
            &[("token", token), ("client_id", &app.client_id)],
        )
    };
    assert_eq!(ask(&other, &tokens.refresh).status(), 403);
    assert_eq!(ask(&app, "unknown").status(), 200);
    assert_eq!(ask(&app, &tokens.refresh).body, b"{}");
    assert!(!gitlab.is_live(&tokens.access));
    assert_eq!(gitlab.revocations(), 1);
}

#[test]
fn the_user_can_deny_click_or_bring_a_wrong_state() {
    let gitlab = FakeGitLab::builder()
        .relative_root("/gitlab")
        .issuer_in_callback(Some("https://issuer.test".to_owned()))
        .start();
    let app = gitlab.register_app(false);
    gitlab.authorize_responses(AuthorizeResponse::Deny);
    let denied = location(&authorize(&gitlab, &app, ""));
    assert_eq!(value(&denied, "error"), "access_denied");
    assert_eq!(value(&denied, "iss"), "https://issuer.test");

    gitlab.authorize_responses(AuthorizeResponse::WrongState);
    assert_ne!(
        value(&location(&authorize(&gitlab, &app, "")), "state"),
        "xyz"
    );

    gitlab.authorize_responses(AuthorizeResponse::Page);
    let page = String::from_utf8(authorize(&gitlab, &app, "").body).unwrap();
    assert!(
        page.contains("action=\"/gitlab/oauth/authorize\""),
        "{page}"
    );
    let form = [
        ("client_id", app.client_id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("state", "xyz"),
    ];
    let clicked = location(&post(&gitlab, "/oauth/authorize", &form));
    assert!(!value(&clicked, "code").is_empty());

    let bad_scope = location(&authorize(&gitlab, &app, "&scope=sudo"));
    assert_eq!(value(&bad_scope, "error"), "invalid_scope");
    let stranger = App {
        client_id: "nobody".to_owned(),
        client_secret: None,
    };
    assert_eq!(authorize(&gitlab, &stranger, "").status(), 400);
}

#[test]
fn a_token_tells_about_itself() {
    let gitlab = FakeGitLab::builder().expires_in(None).start();
    let app = gitlab.register_app(false);
    let tokens = gitlab.issue_tokens(&app, "openid");
    let info = get(&gitlab, "/oauth/token/info", &tokens.access).json();
    assert_eq!(info["application"]["uid"], app.client_id);
    assert_eq!(
        get(&gitlab, "/oauth/userinfo", &tokens.access).json()["nickname"],
        "ada"
    );
    assert_eq!(get(&gitlab, "/api/v4/user", &tokens.access).status(), 403);
    let refreshed = refresh(&gitlab, &app, &tokens.refresh).json();
    assert!(refreshed.get("expires_in").is_none());
}
