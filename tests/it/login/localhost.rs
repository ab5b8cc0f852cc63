//! A provider that accepts `localhost` as redirect URI and no IP address: its definition says so.

use std::net::TcpListener;
use std::process::Command;

use authsome_test_support::FakeGitLab;
use serde_json::Value;

use crate::kit::browser::{field, get, is_exchange, parameter};
use crate::kit::login::{Login, with_client_id};
use crate::kit::run::finish;
use crate::kit::{Setup, World};
use crate::made_with::customise;

const LOCALHOST: &str = "http://localhost:7998/auth/callback/oauth";

/// GitLab as a provider that wants the name.
fn want_localhost(world: &World) {
    customise(world, |definition| {
        definition["oauth"]["redirect_host"] = Value::from("localhost");
    });
}

/// The browser, from the provider's page on; `family` is where it looks for `localhost`.
fn browse(gitlab: &FakeGitLab, url: &str, family: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sSL", "--noproxy", "*", "--max-time", "30"]);
    curl.args(family).arg("--cacert").arg(gitlab.ca_file());
    curl.args(["-w", "\n%{url_effective}"]).arg(url);
    finish(curl).expect(0).stdout
}

#[test]
fn the_redirect_comes_back_by_either_family() {
    // `localhost` is ::1 and 127.0.0.1. The server itself is at the latter alone.
    for resolve in ["localhost:7998:[::1]", "localhost:7998:127.0.0.1"] {
        let (world, gitlab) = Setup::unconnected();
        want_localhost(&world);
        let app = gitlab.register_app(false);
        let words = with_client_id(&world, &app);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut login = Login::start(&world, &gitlab, &words, None, &[]);
        let url = login.url();
        assert_eq!(parameter(&url, "redirect_uri"), LOCALHOST);
        let page = browse(&gitlab, &url, &["--resolve", resolve]);
        assert!(page.contains("GitLab is connected"), "{resolve}: {page}");
        assert!(page.contains(LOCALHOST), "{resolve}: {page}");
        let outcome = login.end().expect(0);
        // The kernel tells whose browser it was, so that nobody is asked.
        assert!(
            !outcome.stderr.contains("another user"),
            "{}",
            outcome.stderr
        );
        let seen = gitlab.seen();
        let exchange = seen.iter().find(|seen| is_exchange(seen)).unwrap();
        assert_eq!(field(exchange, "redirect_uri"), Some(LOCALHOST));
    }
}

#[test]
fn the_form_says_it_and_serves_nothing_else_there() {
    let (world, gitlab) = Setup::unconnected();
    want_localhost(&world);
    let mut login = Login::start(&world, &gitlab, &[], None, &[]);
    assert_eq!(login.url(), "http://127.0.0.1:7998");
    login.said(LOCALHOST);
    let page = get("/").send().body;
    assert!(page.contains(LOCALHOST), "{page}");
    for (host, target) in [
        ("localhost:7998", "/"),
        ("localhost:7998", "/client"),
        ("127.0.0.1:7998", "/auth/callback/oauth?code=c&state=s"),
        ("evil.test:7998", "/auth/callback/oauth?code=c&state=s"),
    ] {
        let status = get(target).with("host", host).send().status;
        assert_eq!(status, 421, "{host}{target}");
    }
}

#[test]
fn who_has_the_port_of_the_other_family_would_get_the_code() {
    let (world, gitlab) = Setup::unconnected();
    want_localhost(&world);
    let _port = authsome_test_support::kit::port_7998();
    let _taken = TcpListener::bind("[::1]:7998").unwrap();
    let base = gitlab.base_url();
    let mut command = world.authsome(["login", "gitlab", "--base-url", &base]);
    command.arg("--ca-file").arg(gitlab.ca_file());
    command.args(["--client-id", "x", "--no-browser"]);
    let outcome = finish(command).expect(8);
    let said = "error: port 7998 of ::1 cannot be used";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}
