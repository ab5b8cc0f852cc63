//! A login's own pages and answers: the form, the redirect back, the token endpoint, the terminal. The test plays the browser.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use authsome_test_support::kit::{PortGuard, port_7998, skip};
use authsome_test_support::{App, Arrived, AuthorizeAnswer, Endpoint, FakeGitLab, Fault, Seen};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use url::Url;

use crate::kit::{Outcome, World};

/// What the user registers at the provider.
const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

// ---- the form ----

#[test]
fn the_form_shows_what_to_register_and_where() {
    let walk = Walk::to_form();
    let page = get("/").send();
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&format!("value=\"{REDIRECT_URI}\"")));
    let applications = format!(
        "href=\"{}/-/user_settings/applications\"",
        walk.gitlab.base_url()
    );
    assert!(page.body.contains(&applications), "{}", page.body);
    assert!(
        page.body
            .contains("api read_user profile email read_repository write_repository")
    );
}

#[test]
fn the_form_has_the_two_inputs_and_hides_the_secret() {
    let _walk = Walk::to_form();
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
    let walk = Walk::to_form();
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
    let _walk = Walk::to_form();
    let nonce = |page: &Answer| {
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
    let walk = Walk::to_form();
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
    let mut walk = Walk::to_form();
    let answer = walk.submit();
    assert_eq!(answer.status, 303);
    let location = answer.header("location").unwrap().to_owned();
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
    let mut walk = Walk::to_form();
    let answer = walk.submit();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.body, "");
}

#[test]
fn a_form_with_no_application_id_is_shown_again() {
    let mut walk = Walk::to_form();
    let csrf = csrf();
    for id in ["", "   ", "\r\n"] {
        let answer = form(&csrf, id, "").send();
        assert_eq!(answer.status, 422, "{id:?}");
        assert!(answer.body.contains("application ID is missing"));
        assert!(answer.body.contains("name=\"client_id\""));
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn a_pasted_application_id_loses_its_blanks() {
    let mut walk = Walk::to_form();
    let answer = form(&csrf(), &format!("  {}\n", walk.app.client_id), " ").send();
    assert_eq!(answer.status, 303);
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(parameter(&location, "client_id"), walk.app.client_id);
    walk.login.url();
    walk.finish(&location).expect(0);
}

#[test]
fn a_form_filled_in_wrongly_can_be_filled_in_again() {
    let mut walk = Walk::to_form();
    let wrong = form(&csrf(), "no-such-application", "").send();
    assert_eq!(wrong.status, 303);
    walk.login.url();
    walk.finish_by_form().expect(0);
    let got = walk.world.call(["get", "gitlab", "--field", "client_id"]);
    assert_eq!(got.expect(0).stdout.trim(), walk.app.client_id);
}

#[test]
fn a_form_that_is_sent_twice_opens_one_browser() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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
    let mut walk = Walk::new(true, &[], |_, _| Vec::new());
    let secret = walk.app.client_secret.clone().unwrap();
    let answer = walk.submit();
    let location = answer.header("location").unwrap().to_owned();
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
    let mut walk = Walk::to_form();
    walk.finish_by_form().expect(0);
    let Walk {
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
    let names: Vec<_> = list["providers"][0]["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["connection"].clone())
        .collect();
    assert_eq!(names, ["default", "other"]);
}

// ---- who may not speak to the listener ----

#[test]
fn a_form_of_another_site_is_refused_and_the_login_waits() {
    let mut walk = Walk::to_form();
    let csrf = csrf();
    let ours = || form(&csrf, "forged", "");
    for (what, request) in [
        ("no token", form("", "forged", "")),
        ("wrong token", form("x", "forged", "")),
        ("origin", ours().with("origin", "https://evil.test")),
        (
            "origin of another port",
            ours().with("origin", "http://127.0.0.1:8000"),
        ),
        (
            "origin of another name",
            ours().with("origin", "http://localhost:7998"),
        ),
        ("opaque origin", ours().with("origin", "null")),
        ("cross-site", ours().with("sec-fetch-site", "cross-site")),
        ("same-site", ours().with("sec-fetch-site", "same-site")),
    ] {
        let answer = request.send();
        assert_eq!(answer.status, 403, "{what}");
        assert_eq!(answer.header("location"), None, "{what}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn another_host_name_is_refused_and_the_login_waits() {
    let mut walk = Walk::to_form();
    let csrf = csrf();
    for host in [
        "localhost:7998",
        "evil.test:7998",
        "127.0.0.1",
        "127.0.0.1:80",
        "",
    ] {
        assert_eq!(get("/").with("host", host).send().status, 421, "{host}");
        let posted = form(&csrf, "forged", "").with("host", host).send();
        assert_eq!(posted.status, 421, "{host}");
        let redirect = get("/auth/callback/oauth?code=c&state=s").with("host", host);
        assert_eq!(redirect.send().status, 421, "{host}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn other_methods_are_refused_with_what_is_allowed() {
    let mut walk = Walk::to_form();
    for (method, path, allowed) in [
        ("POST", "/", "GET"),
        ("PUT", "/client", "POST"),
        ("GET", "/client", "POST"),
        ("POST", "/auth/callback/oauth?code=c&state=s", "GET"),
        ("DELETE", "/auth/callback/oauth", "GET"),
        ("OPTIONS", "/client", "POST"),
    ] {
        let answer = Request::new(method, path).send();
        assert_eq!(answer.status, 405, "{method} {path}");
        // RFC 9110 §15.5.6 requires it.
        let allow = answer.header("allow").unwrap_or_default();
        assert!(
            allow.contains(allowed),
            "{method} {path}: allow is {allow:?}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn a_form_that_is_too_large_is_refused_and_the_login_waits() {
    let mut walk = Walk::to_form();
    let mut request = form(&csrf(), "forged", "");
    // The last byte is the one too many: then none is left unread, and the answer is not lost to a reset.
    request.body = format!("{}&pad=", request.body);
    request
        .body
        .push_str(&"x".repeat(8193 - request.body.len()));
    let answer = request.send();
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    walk.finish_by_form().expect(0);
}

#[test]
fn other_paths_are_not_found_and_the_login_waits() {
    let mut walk = Walk::to_form();
    for path in [
        "/favicon.ico",
        "/auth/callback",
        "/auth/callback/oauth/",
        "/auth/callback/oauth2?code=c&state=s",
        "//auth/callback/oauth?code=c&state=s",
        "/client/..",
        "/.well-known/appspecific/com.chrome.devtools.json",
    ] {
        let answer = get(path).send();
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn what_is_no_http_is_cut_off_and_the_login_waits() {
    let mut walk = Walk::to_form();
    for noise in [
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "GET\r\n\r\n",
    ] {
        let mut stream = connect();
        stream.write_all(noise.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer); // a reset is as good an answer
        assert!(answer.is_empty() || answer.contains("400"), "{answer}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn idle_connections_do_not_lock_the_browser_out() {
    let mut walk = Walk::to_form();
    // Browsers open some ahead; each tab its own.
    let _idle: Vec<_> = (0..12).map(|_| connect()).collect();
    walk.finish_by_form().expect(0);
}

#[test]
fn only_this_machine_is_listened_to_and_only_during_the_login() {
    let mut walk = Walk::to_form();
    assert_eq!(
        listening_on_7998(),
        ["0100007F"],
        "127.0.0.1 and no other address"
    );
    walk.finish_by_form().expect(0);
    assert_eq!(listening_on_7998(), Vec::<String>::new());
}

// ---- the provider's answer ----

#[test]
fn the_result_page_holds_no_code_and_is_not_kept() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let page = visit(&callback);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Connected"));
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
    assert!(!policy.contains("script-src") && !page.body.contains("<script"));
    assert!(!page.body.contains("src=") && !page.body.contains("http"));
    walk.login.end().expect(0);
}

#[test]
fn a_user_who_says_no_ends_the_login() {
    let mut walk = Walk::to_consent(&[]);
    walk.gitlab.authorize_answers(AuthorizeAnswer::Deny);
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
    let mut walk = Walk::to_consent(&[]);
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
    assert!(!page.body.contains("<script") && !page.body.contains("<b>"));
    let outcome = walk.login.end().expect(2);
    assert!(!outcome.stderr.contains('\u{1b}'));
    assert!(
        !outcome.stderr.contains("\nerror: forged"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_answer_that_is_not_the_awaited_one_is_refused_and_the_login_waits() {
    let mut walk = Walk::to_consent(&[]);
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
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    walk.gitlab.authorize_answers(AuthorizeAnswer::WrongState);
    assert_eq!(visit(&consent(&walk.gitlab, &url)).status, 400);
    walk.gitlab.authorize_answers(AuthorizeAnswer::Approve);
    walk.finish(&url).expect(0);
}

#[test]
fn a_replayed_answer_is_not_exchanged_again() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let stall = Fault::StallAfter(Duration::from_millis(500));
    walk.gitlab.fault(Endpoint::Token, stall, 1);
    let first = std::thread::spawn({
        let callback = callback.clone();
        move || visit(&callback).status
    });
    assert!(walk.gitlab.wait_for(PATIENCE, exchange_arrived));
    let mut replay = connect();
    replay
        .write_all(get_target(&callback).text().as_bytes())
        .unwrap();
    assert_eq!(first.join().unwrap(), 200);
    let mut answer = String::new();
    let _ = replay.read_to_string(&mut answer); // the listener may be gone before it answers
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    walk.login.end().expect(0);
    assert_eq!(walk.gitlab.token_requests(), 1);
    assert_eq!(walk.gitlab.live_pairs().len(), 1);
}

#[test]
fn the_right_issuer_in_the_answer_is_accepted() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let page = visit(&format!("{callback}&iss={}", walk.gitlab.base_url()));
    assert_eq!(page.status, 200);
    walk.login.end().expect(0);
}

#[test]
fn another_issuer_in_the_answer_is_refused_and_the_login_waits() {
    let evil = Some("https://evil.test/<b>".to_owned());
    let gitlab = FakeGitLab::builder().issuer_in_callback(evil).start();
    let mut walk = Walk::at(gitlab, false, &[], with_client_id);
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
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    let state = parameter(&url, "state");
    let forged = format!("{REDIRECT_URI}?error=access_denied&state={state}&iss=https://evil.test");
    assert_eq!(visit(&forged).status, 400);
    walk.finish(&url).expect(0);
}

#[test]
fn an_answer_before_the_form_is_filled_in_is_refused() {
    let mut walk = Walk::to_form();
    assert_eq!(visit(&format!("{REDIRECT_URI}?code=c&state=s")).status, 400);
    walk.finish_by_form().expect(0);
}

// ---- the token endpoint ----

#[test]
fn a_bad_answer_of_the_token_endpoint_ends_the_login_with_nothing_stored() {
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
        (Some(Fault::LostAnswer), 8, "localhost"),
    ] {
        let mut walk = Walk::to_consent(&[]);
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
        let mut walk = Walk::new(true, &[], |_, _| Vec::new());
        let answer = form(&csrf(), &walk.app.client_id, wrong).send();
        let location = answer.header("location").unwrap().to_owned();
        walk.login.url();
        let back = visit(&consent(&walk.gitlab, &location));
        assert_eq!((back.status, back.header("location")), (303, Some("/")));
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
        let stored = walk.world.stored("default").client.client_secret.unwrap();
        assert_eq!(Some(stored.expose()), walk.app.client_secret.as_ref());
    }
}

#[test]
fn an_application_that_lacks_a_scope_shows_the_form_again() {
    let mut walk = Walk::to_form();
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
    let mut walk = Walk::new(true, &[], |world, app| {
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
    let mut walk = Walk::to_consent(&[]);
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
    let mut walk = Walk::to_consent(&["--scopes", "read_user"]);
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
        let mut walk = Walk::to_consent(&["--scopes", asked]);
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

// ---- PKCE, state, client authentication ----

#[test]
fn the_verifier_is_the_challenges_and_new_each_time() {
    let mut verifiers = Vec::new();
    for _ in 0..2 {
        let mut walk = Walk::to_consent(&[]);
        let url = walk.login.url();
        let outcome = walk.finish(&url).expect(0);
        let seen = walk.gitlab.seen();
        let verifier = field(exchange(&seen), "code_verifier").unwrap().to_owned();
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        assert_eq!(parameter(&url, "code_challenge"), challenge);
        assert!((43..=128).contains(&verifier.len()));
        assert!(!outcome.stderr.contains(&verifier));
        verifiers.push(verifier);
    }
    assert_ne!(verifiers[0], verifiers[1]);
}

#[test]
fn a_code_of_another_attempt_is_refused_by_pkce() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    let challenge = parameter(&url, "code_challenge");
    // An attacker injects a code that was issued for a challenge of his own.
    let other = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"the attacker's verifier"));
    let callback = consent(&walk.gitlab, &url.replace(&challenge, &other));
    assert_eq!(visit(&callback).status, 400);
    walk.login.end().expect(2);
    assert_nothing_stored(&walk.world);
}

#[test]
fn the_state_is_long_and_new_each_time() {
    let mut walk = Walk::to_consent(&[]);
    let first = parameter(&walk.login.url(), "state");
    drop(walk);
    let mut walk = Walk::to_consent(&[]);
    let second = parameter(&walk.login.url(), "state");
    assert_ne!(first, second);
    assert!(first.len() >= 22, "128 bits are 22 characters of base64");
}

#[test]
fn a_public_client_names_itself_in_the_body_only() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    let seen = walk.gitlab.seen();
    let exchange = exchange(&seen);
    assert_eq!(
        field(exchange, "client_id"),
        Some(walk.app.client_id.as_str())
    );
    assert_eq!(field(exchange, "client_secret"), None);
    assert_eq!(field(exchange, "redirect_uri"), Some(REDIRECT_URI));
    assert_eq!(exchange.header("authorization"), None);
    assert_eq!(exchange.query, None);
    assert_eq!(
        exchange.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn a_confidential_client_authenticates_in_one_fixed_way() {
    let mut walk = Walk::new(true, &[], |world, app| {
        let file = world.file(
            "secret",
            &format!("{}\n", app.client_secret.as_ref().unwrap()),
        );
        let flags = ["--client-id", &app.client_id, "--client-secret-file"];
        let file = file.display().to_string();
        flags
            .iter()
            .map(|&flag| flag.to_owned())
            .chain([file])
            .collect()
    });
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    let seen = walk.gitlab.seen();
    let exchange = exchange(&seen);
    assert_eq!(
        field(exchange, "client_secret"),
        walk.app.client_secret.as_deref()
    );
    assert_eq!(exchange.header("authorization"), None);
    assert!(
        !field(exchange, "code_verifier").unwrap().is_empty(),
        "PKCE all the same"
    );
    assert_eq!(walk.gitlab.token_requests(), 1, "no style is probed");
}

#[test]
fn the_account_is_asked_with_the_token_in_the_header_only() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    let token = walk.gitlab.live_pairs()[0].access.clone();
    let mut carried = 0;
    for seen in walk.gitlab.seen() {
        assert!(!seen.query.as_deref().unwrap_or_default().contains(&token));
        if let Arrived::Bearer { token: found } = &seen.credential {
            assert_eq!((found, seen.path.as_str()), (&token, "/api/v4/user"));
            carried += 1;
        }
    }
    assert_eq!(carried, 1);
}

#[test]
fn a_relative_root_is_kept_in_every_endpoint() {
    let gitlab = FakeGitLab::builder().relative_root("/gitlab").start();
    let mut walk = Walk::at(gitlab, false, &[], with_client_id);
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    assert!(
        walk.gitlab
            .seen()
            .iter()
            .all(|seen| seen.path.starts_with("/gitlab/"))
    );
    let base = walk
        .world
        .call(["get", "gitlab", "--field", "base_url"])
        .expect(0)
        .stdout;
    assert_eq!(base.trim(), walk.gitlab.base_url());
}

#[test]
fn a_server_with_an_unknown_ca_gets_no_code() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    let _port = port_7998();
    let words = [
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &gitlab.base_url(),
        "--client-id",
        &app.client_id,
    ];
    let mut login = Login::spawn(world.authsome(words), None);
    // An early check of the server may end the login before the browser's part.
    if let Some(url) = login.try_url()
        && let Ok(mut stream) = TcpStream::connect("127.0.0.1:7998")
    {
        let request = get_target(&consent(&gitlab, &url)).text();
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let outcome = login.end().expect(8);
    assert!(outcome.stderr.contains("--ca-file"), "{}", outcome.stderr);
    assert_eq!(gitlab.token_requests(), 0);
    assert_nothing_stored(&world);
}

// ---- the end by the user ----

#[test]
fn ctrl_c_at_the_form_stores_nothing() {
    let walk = Walk::to_form();
    cancel(walk);
}

#[test]
fn ctrl_c_while_the_provider_asks_stores_nothing() {
    let mut walk = Walk::to_form();
    walk.submit();
    walk.login.url();
    cancel(walk);
}

#[test]
fn ctrl_c_during_the_exchange_stores_nothing() {
    let mut walk = Walk::to_consent(&[]);
    walk.gitlab
        .fault(Endpoint::Token, Fault::StallAfter(PATIENCE), 1);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let browser = std::thread::spawn(move || get_target(&callback).send_to_end());
    assert!(walk.gitlab.wait_for(PATIENCE, exchange_arrived));
    cancel(walk);
    let page = browser.join().unwrap();
    assert!(!page.contains(" 200 "), "{page}");
}

#[test]
fn ctrl_c_while_the_account_is_looked_up_stores_nothing() {
    let mut walk = Walk::to_consent(&[]);
    walk.gitlab.fault(Endpoint::Api, Fault::Stall(PATIENCE), 1);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let browser = std::thread::spawn(move || get_target(&callback).send_to_end());
    let asked = |seen: &[Seen]| seen.iter().any(|seen| seen.path == "/api/v4/user");
    assert!(walk.gitlab.wait_for(PATIENCE, asked));
    cancel(walk);
    browser.join().unwrap();
}

#[test]
fn ctrl_c_at_the_masked_prompt_gives_the_terminal_back() {
    let world = World::new();
    let script = world.file("prompt.py", MASKED_PROMPT);
    let authsome = world.authsome([
        "login",
        "gitlab",
        "--client-id",
        "x",
        "--client-secret-file",
        "-",
    ]);
    let mut python = Command::new("python3");
    python
        .arg(script)
        .arg(authsome.get_program())
        .args(authsome.get_args());
    python.env("AUTHSOME_HOME", world.home());
    let outcome = Outcome::of(python.output().unwrap()).expect(0);
    assert_eq!(
        outcome.stdout.trim(),
        "code 2, echo on",
        "{}",
        outcome.stderr
    );
    assert_nothing_stored(&world);
}

// ---- the terminal and the browser ----

#[test]
fn the_final_address_can_be_pasted_after_garbage() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    walk.login.paste("\n\n  \nhello\n");
    walk.login.said("not a URL with a query");
    walk.login
        .paste("http://127.0.0.1:7998/auth/callback/oauth\n");
    walk.login.said("not a URL with a query");
    walk.login
        .paste(&format!("{REDIRECT_URI}?code=c&state=forged\n"));
    walk.login.said("still waiting");
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("  {callback}  \n"));
    let outcome = walk.login.end().expect(0);
    assert!(
        outcome.stderr.contains("Connected GitLab as ada"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains(&parameter(&callback, "code")));
}

#[test]
fn bytes_that_are_no_text_do_not_end_the_paste() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    walk.login
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"\xff\xfe\n")
        .unwrap();
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("{callback}\n"));
    walk.login.end().expect(0);
}

#[test]
fn a_pasted_refusal_ends_the_login() {
    let mut walk = Walk::to_consent(&[]);
    walk.gitlab.authorize_answers(AuthorizeAnswer::Deny);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("{callback}\n"));
    let outcome = walk.login.end().expect(2);
    assert!(
        outcome.stderr.contains("access_denied"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_end_of_stdin_leaves_the_browser_as_the_way() {
    let mut walk = Walk::to_consent(&[]);
    let url = walk.login.url();
    drop(walk.login.stdin.take());
    walk.finish(&url).expect(0);
}

#[test]
fn the_browser_is_led_to_the_url_that_is_printed_and_its_arguments_do_not_have_it() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    let (browser, mut opened) = recording_browser(&world);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    let url = login.url();
    let given = next_line(&mut opened);
    assert!(!given.contains(&parameter(&url, "state")) && !given.contains("state="));
    let answer = visit(&given);
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(&*url))
    );
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn the_browsers_address_works_once_and_a_look_ahead_does_not_count() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    let (browser, mut opened) = recording_browser(&world);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    let url = login.url();
    let given = next_line(&mut opened);
    for wrong in ["http://127.0.0.1:7998/start/", &format!("{given}x")] {
        assert_eq!(visit(wrong).status, 410, "{wrong}");
    }
    for (name, value) in [
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
    ] {
        assert_eq!(get_target(&given).with(name, value).send().status, 503);
    }
    assert_eq!(visit(&given).status, 303);
    let again = visit(&given);
    assert_eq!(again.status, 410);
    assert!(again.body.contains("terminal") && !again.whole().contains("state="));
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn the_listener_stands_before_the_browser_opens() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    let found = world.path("found");
    make_fifo(&found);
    let ask = format!(
        "#!/bin/sh\ncurl -q -s --noproxy '*' -o /dev/null -w '%{{http_code}}\\n' http://127.0.0.1:7998/ > '{}'\n",
        found.display()
    );
    let browser = script(&world, "asking-browser", &ask);
    let mut answers = open_fifo(&found);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    assert_eq!(next_line(&mut answers), "404", "somebody answers already");
    let url = login.url();
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn a_browser_command_may_have_words_of_its_own() {
    for rest in ["--new-window", "--url=%s", "-a %s -b"] {
        let (world, gitlab) = (World::new(), FakeGitLab::start());
        let app = gitlab.register_app(false);
        let (browser, mut opened) = recording_browser(&world);
        let command = format!("{} {rest}", browser.display());
        let words = ["--client-id", &app.client_id];
        let mut login = Login::start(&world, &gitlab, &words, Some(Path::new(&command)), &[]);
        let url = login.url();
        let given = next_line(&mut opened);
        let start = given.find("http://127.0.0.1:7998/start/").unwrap();
        let local = given[start..].split(' ').next().unwrap();
        let expected = if rest.contains("%s") {
            rest.replace("%s", local)
        } else {
            format!("{rest} {local}")
        };
        assert_eq!(given, expected);
        visit(&consent(&gitlab, &url));
        login.end().expect(0);
    }
}

#[test]
fn without_a_browser_program_the_url_is_printed_and_the_answer_may_be_pasted() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    let words = ["--client-id", &app.client_id];
    let nowhere = world.path("no-such-browser");
    let mut login = Login::start(&world, &gitlab, &words, Some(&nowhere), &[]);
    let url = login.url();
    login.paste(&format!("{}\n", consent(&gitlab, &url)));
    let outcome = login.end().expect(0);
    assert!(
        outcome.stderr.contains("on any machine"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_browser_that_fails_leaves_the_paste_as_the_way() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    // What xdg-open does on a machine without a display.
    let failing = script(&world, "failing-browser", "#!/bin/sh\nexit 3\n");
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&failing), &[]);
    let url = login.url();
    login.paste(&format!("{}\n", consent(&gitlab, &url)));
    login.end().expect(0);
}

#[test]
fn the_browser_never_gets_the_master_key() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(false);
    let found = world.path("found");
    make_fifo(&found);
    let tell = format!(
        "#!/bin/sh\necho \"[$AUTHSOME_MASTER_KEY]\" > '{}'\n",
        found.display()
    );
    let browser = script(&world, "telling-browser", &tell);
    let mut told = open_fifo(&found);
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let words = ["--client-id", &app.client_id];
    let variables = [("AUTHSOME_MASTER_KEY", key)];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &variables);
    let url = login.url();
    assert_eq!(next_line(&mut told), "[]");
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn a_taken_port_is_said_with_who_holds_it() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let _port = port_7998();
    let _taken = TcpListener::bind("127.0.0.1:7998").unwrap();
    let base = gitlab.base_url();
    let ca = gitlab.ca_file().display().to_string();
    let words = [
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &base,
        "--ca-file",
        &ca,
    ];
    let outcome = world.call(words).expect(8);
    let holder = format!("process {}", std::process::id());
    assert!(outcome.stderr.contains("port 7998"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&holder), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    let error = world
        .call(words.into_iter().chain(["--json"]))
        .expect(8)
        .json();
    assert_eq!(error["error"], "port_unavailable");
}

#[test]
fn a_login_while_another_waits_is_told_of_it() {
    let walk = Walk::to_form();
    let outcome = walk
        .world
        .call(["login", "gitlab", "--no-browser"])
        .expect(8);
    assert!(outcome.stderr.contains("authsome"), "{}", outcome.stderr);
    let holder = format!("process {}", walk.login.child.id());
    assert!(outcome.stderr.contains(&holder), "{}", outcome.stderr);
}

#[test]
fn the_login_as_json_prints_one_object_and_nothing_secret() {
    let mut walk = Walk::to_consent(&["--json"]);
    let url = walk.login.url();
    let outcome = walk.finish(&url).expect(0);
    let got = outcome.json();
    assert_eq!(got["connection"], "default");
    assert_eq!(got["account"]["label"], "ada");
    assert_eq!(got["is_default"], true);
    let pair = &walk.gitlab.live_pairs()[0];
    assert!(!outcome.stdout.contains(&pair.access) && !outcome.stdout.contains(&pair.refresh));
}

// ---- the walk ----

/// A login under way, and everything around it.
pub(crate) struct Walk {
    pub(crate) world: World,
    pub(crate) gitlab: FakeGitLab,
    pub(crate) app: App,
    pub(crate) login: Login,
}

impl Walk {
    /// Up to the form.
    pub(crate) fn to_form() -> Self {
        Self::new(false, &[], |_, _| Vec::new())
    }

    /// Up to the provider's page, the application being named by a flag.
    pub(crate) fn to_consent(more: &[&str]) -> Self {
        Self::new(false, more, with_client_id)
    }

    fn new(
        confidential: bool,
        more: &[&str],
        flags: impl FnOnce(&World, &App) -> Vec<String>,
    ) -> Self {
        Self::at(FakeGitLab::start(), confidential, more, flags)
    }

    pub(crate) fn at(
        gitlab: FakeGitLab,
        confidential: bool,
        more: &[&str],
        flags: impl FnOnce(&World, &App) -> Vec<String>,
    ) -> Self {
        let world = World::new();
        let app = gitlab.register_app(confidential);
        let flags = flags(&world, &app);
        let words: Vec<_> = flags
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        let mut login = Login::start(&world, &gitlab, &words, None, &[]);
        if flags.is_empty() {
            assert_eq!(login.url(), "http://127.0.0.1:7998");
        }
        Self {
            world,
            gitlab,
            app,
            login,
        }
    }

    /// Fills in the form as the page has it.
    pub(crate) fn submit(&mut self) -> Answer {
        let secret = self.app.client_secret.clone().unwrap_or_default();
        form(&csrf(), &self.app.client_id, &secret).send()
    }

    /// The rest of the way, from the form on: what was refused before has not harmed the login.
    pub(crate) fn finish_by_form(&mut self) -> Outcome {
        let answer = self.submit();
        assert_eq!(answer.status, 303, "{}", answer.body);
        let location = answer.header("location").unwrap().to_owned();
        assert_eq!(self.login.url(), location);
        self.finish(&location)
    }

    /// The rest of the way, from the provider's page on.
    pub(crate) fn finish(&mut self, url: &str) -> Outcome {
        let page = visit(&consent(&self.gitlab, url));
        assert_eq!(page.status, 200, "{}", page.body);
        self.login.wait()
    }
}

pub(crate) fn with_client_id(_: &World, app: &App) -> Vec<String> {
    vec!["--client-id".to_owned(), app.client_id.clone()]
}

/// A whole login with a fault of the token endpoint that does not end it.
fn logged_in_with(fault: Fault) -> (Walk, Outcome) {
    let mut walk = Walk::to_consent(&[]);
    walk.gitlab.fault(Endpoint::Token, fault, 1);
    let url = walk.login.url();
    let outcome = walk.finish(&url);
    (walk, outcome)
}

/// Ctrl-C, and what must be true after it.
fn cancel(mut walk: Walk) {
    let pid = Pid::from_raw(i32::try_from(walk.login.child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    let outcome = walk.login.wait().expect(2);
    assert!(
        outcome.stderr.contains("nothing was stored"),
        "{}",
        outcome.stderr
    );
    assert_nothing_stored(&walk.world);
}

/// Neither a connection nor an application.
pub(crate) fn assert_nothing_stored(world: &World) {
    let list = world.call(["list", "--json"]).expect(0).json();
    assert_eq!(list["providers"][0]["connections"], serde_json::json!([]));
    let database = rusqlite::Connection::open(world.home().join("vault.db")).unwrap();
    let count = database.query_row(
        "SELECT count(*) FROM record WHERE kind != 'vault'",
        [],
        |row| row.get::<_, u32>(0),
    );
    assert_eq!(count, Ok(0));
}

/// The binary at work, its terminal in our hands.
pub(crate) struct Login {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    stderr: String,
    stdout: Option<JoinHandle<String>>,
    _port: Option<PortGuard>,
}

impl Login {
    /// `authsome login gitlab` at that server; without a browser it has `--no-browser`.
    pub(crate) fn start(
        world: &World,
        gitlab: &FakeGitLab,
        more: &[&str],
        browser: Option<&Path>,
        variables: &[(&str, &str)],
    ) -> Self {
        let port = port_7998();
        let mut command = world.authsome(["login", "gitlab", "--base-url", &gitlab.base_url()]);
        command.arg("--ca-file").arg(gitlab.ca_file()).args(more);
        match browser {
            Some(browser) => command.env("BROWSER", browser),
            None => command.arg("--no-browser"),
        };
        command.envs(variables.iter().copied());
        Self::spawn(command, Some(port))
    }

    pub(crate) fn spawn(mut command: Command, port: Option<PortGuard>) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut stdout = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            lines,
            stderr: String::new(),
            stdout: Some(stdout),
            _port: port,
        }
    }

    /// The next line on stderr; `None` at its end.
    fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.stderr.push_str(&line);
                self.stderr.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it says no more than: {}", self.stderr),
        }
    }

    /// The next URL that it tells the user to open.
    pub(crate) fn url(&mut self) -> String {
        self.try_url()
            .unwrap_or_else(|| panic!("no URL in: {}", self.stderr))
    }

    fn try_url(&mut self) -> Option<String> {
        loop {
            if let Some(url) = self.line()?.strip_prefix("  http") {
                return Some(format!("http{url}"));
            }
        }
    }

    /// Waits until it says this.
    pub(crate) fn said(&mut self, words: &str) {
        while !self
            .line()
            .unwrap_or_else(|| panic!("not said: {words}"))
            .contains(words)
        {}
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Outcome {
        while self.line().is_some() {}
        let code = self.child.wait().unwrap().code();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        Outcome {
            code,
            stdout,
            stderr: self.stderr.clone(),
        }
    }

    pub(crate) fn end(mut self) -> Outcome {
        self.wait()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// ---- the browser's part ----

/// One request to the listener, as bytes on a socket.
pub(crate) struct Request {
    method: String,
    target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let headers = [("host", "127.0.0.1:7998"), ("connection", "close")];
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: String::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(have, _)| have != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if !self.body.is_empty() {
            text.extend(["content-length: ", &self.body.len().to_string(), "\r\n"]);
        }
        text + "\r\n" + &self.body
    }

    /// The raw answer, whatever it is.
    fn send_to_end(&self) -> String {
        let mut stream = connect();
        stream.write_all(self.text().as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // a reset ends it too
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn send(self) -> Answer {
        let answer = self.send_to_end();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{} {}: no answer: {answer:?}", self.method, self.target));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (have, value) = line.split_once(':')?;
            have.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn whole(&self) -> String {
        format!("{}{}", self.head, self.body)
    }
}

pub(crate) fn connect() -> TcpStream {
    let stream = TcpStream::connect("127.0.0.1:7998").unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn get(target: &str) -> Request {
    Request::new("GET", target)
}

/// The form as a browser sends it.
pub(crate) fn form(csrf: &str, client_id: &str, client_secret: &str) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("csrf", csrf)
        .append_pair("client_id", client_id)
        .append_pair("client_secret", client_secret)
        .finish();
    let mut request = Request::new("POST", "/client")
        .with("content-type", "application/x-www-form-urlencoded")
        .with("origin", "http://127.0.0.1:7998")
        .with("sec-fetch-site", "same-origin");
    request.body = body;
    request
}

/// The token in the page that is shown now.
pub(crate) fn csrf() -> String {
    let page = get("/").send();
    between(&page.body, "name=\"csrf\" value=\"", "\"").to_owned()
}

/// The provider's page: where it sends the browser.
pub(crate) fn consent(gitlab: &FakeGitLab, url: &str) -> String {
    let output = Command::new("curl")
        .args([
            "-q",
            "-sS",
            "--noproxy",
            "*",
            "-o",
            "/dev/null",
            "-w",
            "%{redirect_url}",
        ])
        .arg("--cacert")
        .arg(gitlab.ca_file())
        .arg(url)
        .output()
        .unwrap();
    let outcome = Outcome::of(output).expect(0);
    assert!(
        outcome.stdout.starts_with(REDIRECT_URI),
        "{}",
        outcome.stdout
    );
    outcome.stdout
}

/// The browser follows the redirect back.
pub(crate) fn visit(callback: &str) -> Answer {
    get_target(callback).send()
}

fn get_target(callback: &str) -> Request {
    get(callback.strip_prefix("http://127.0.0.1:7998").unwrap())
}

pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(have, _)| have == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {url}"))
        .1
        .into_owned()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

fn field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.form.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str())
}

fn exchange(seen: &[Seen]) -> &Seen {
    seen.iter().find(|seen| is_exchange(seen)).unwrap()
}

fn exchange_arrived(seen: &[Seen]) -> bool {
    seen.iter().any(is_exchange)
}

fn is_exchange(seen: &Seen) -> bool {
    seen.method == "POST" && seen.path.ends_with("/oauth/token")
}

fn get_body_contains(walk: &Walk, secret: &str) -> bool {
    let words = ["get", "gitlab", "--json"];
    walk.world.call(words).expect(0).stdout.contains(secret)
}

/// The local addresses (as /proc/net/tcp writes them) that listen on the port, of both families.
fn listening_on_7998() -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let listening = lines.filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let (address, port) = columns[1].split_once(':')?;
        (port == "1F3E" && columns[3] == "0A").then(|| address.to_owned())
    });
    listening.collect()
}

// ---- browsers ----

/// A browser that notes its arguments, one call a line, in a fifo that is open already.
pub(crate) fn recording_browser(world: &World) -> (std::path::PathBuf, Receiver<String>) {
    let fifo = world.path("opened");
    make_fifo(&fifo);
    let lines = open_fifo(&fifo);
    let text = format!("#!/bin/sh\necho \"$*\" > '{}'\n", fifo.display());
    (script(world, "recording-browser", &text), lines)
}

/// Written by a child: another test's fork must not hold it open for writing when it is executed.
pub(crate) fn script(world: &World, name: &str, text: &str) -> std::path::PathBuf {
    let path = world.path(name);
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(shell.wait().unwrap().success());
    path
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Open for writing too, so that no writer's end is the end.
fn open_fifo(path: &Path) -> Receiver<String> {
    let fifo = File::options().read(true).write(true).open(path).unwrap();
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(fifo).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

pub(crate) fn next_line(lines: &mut Receiver<String>) -> String {
    let started = Instant::now();
    lines
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| panic!("no line after {:?}", started.elapsed()))
}

/// Waits for the prompt with the echo off, presses Ctrl-C, and looks how the terminal is left. The program has the terminal for its own.
const MASKED_PROMPT: &str = r#"
import fcntl, os, subprocess, sys, termios, time

master, slave = os.openpty()
take = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take)
echoes = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
shown = b""
while b"not shown" not in shown:
    shown += os.read(master, 1024)
deadline = time.monotonic() + 20
while echoes() and time.monotonic() < deadline:
    time.sleep(0.01)
assert not echoes(), "the secret would be shown"
os.write(master, b"half a secret\x03")
print(f"code {child.wait(20)}, echo {'on' if echoes() else 'off'}")
"#;

// ---- the page in a narrow window ----

#[test]
fn the_form_fits_a_narrow_window() {
    if Command::new("chromium").arg("--version").output().is_err() {
        skip("a narrow window needs chromium");
        return;
    }
    // A name as long as companies have it.
    let gitlab = FakeGitLab::builder()
        .relative_root("/engineering-platform-services/source-code-management")
        .start();
    let walk = Walk::at(gitlab, false, &[], |_, _| Vec::new());
    let page = get("/").send().body;
    for width in [320, 420, 519, 1200] {
        // A frame is as narrow as it likes; a window of Chrome is not. The policy is that of the response, so it is not in the way here.
        let measure = "<script>const page = document.documentElement; parent.postMessage(page.scrollWidth - page.clientWidth, '*')</script>";
        let framed = format!("{page}{measure}")
            .replace('&', "&amp;")
            .replace('"', "&quot;");
        let outer = format!(
            "<script>onmessage = found => {{ document.title = 'hidden ' + found.data }}</script>\
             <iframe width={width} height=900 style=\"border:0\" srcdoc=\"{framed}\"></iframe>"
        );
        let file = walk.world.file("narrow.html", &outer);
        let mut chromium = Command::new("chromium");
        chromium.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1300,1000",
        ]);
        chromium.arg("--virtual-time-budget=5000").arg("--dump-dom");
        chromium.arg(format!(
            "--user-data-dir={}",
            walk.world.path("chromium").display()
        ));
        let found = Outcome::of(chromium.arg(file).output().unwrap()).stdout;
        assert!(
            found.contains("<title>hidden 0</title>"),
            "{width}: {}",
            between(&found, "<title>", "</title>")
        );
    }
}

#[test]
fn a_page_of_the_instance_as_base_url_is_the_instance() {
    let world = World::new();
    for (root, page) in [
        ("", "/api/v4"),
        ("", "/users/sign_in"),
        ("/gitlab", "/oauth/authorize"),
    ] {
        let gitlab = FakeGitLab::builder().relative_root(root).start();
        let app = gitlab.register_app(false);
        let typed = format!("{}{page}", gitlab.base_url());
        let port = port_7998();
        let mut command = world.authsome(["login", "gitlab", "--no-browser", "--force"]);
        command.args(["--base-url", &typed, "--client-id", &app.client_id]);
        command.arg("--ca-file").arg(gitlab.ca_file());
        let mut login = Login::spawn(command, Some(port));
        let url = login.url();
        visit(&consent(&gitlab, &url));
        let outcome = login.end().expect(0);
        assert!(
            outcome.stderr.contains("is a page of"),
            "{}",
            outcome.stderr
        );
        let base = world.stored("default").base_url.unwrap();
        assert_eq!(base.to_string(), gitlab.base_url());
    }
}
