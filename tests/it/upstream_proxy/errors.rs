//! What goes wrong at the proxy is said with its variable.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use authsome_test_support::{FakeGitLab, kit};

use crate::kit::proxies::{Squid, Tinyproxy, refused};
use crate::kit::socks::{Socks, answering};
use crate::kit::{Outcome, Setup, World};

#[test]
fn a_wrong_password_is_said_with_the_proxy_and_the_variable() {
    let (squid, tinyproxy, socks) = (Squid::start(), Tinyproxy::start(), Socks::start());
    let mut urls = vec![socks.url()];
    if let Some(squid) = &squid {
        urls.extend(["http", "https"].map(|scheme| squid.url(scheme, "127.0.0.1")));
    }
    urls.extend(tinyproxy.as_ref().map(Tinyproxy::url));
    for url in urls {
        let Setup { world, gitlab, .. } = Setup::connected();
        let (scheme, rest) = url.split_once("://").unwrap();
        let place = rest.rsplit_once('@').unwrap().1;
        let wrong = format!("{scheme}://ada:hunter2@{place}");
        let trust = squid.as_ref().map_or(gitlab.ca_file(), Squid::ca_file);
        let environment = [
            ("HTTPS_PROXY", wrong.as_str()),
            ("SSL_CERT_FILE", trust.to_str().unwrap()),
        ];
        let told = refused(&world, &gitlab, &environment);
        let proxy = format!("the proxy {scheme}://{place} (HTTPS_PROXY)");
        assert!(told.contains(&format!("{proxy} ")), "{told}");
        assert!(
            told.ends_with(": check the user name and the password in HTTPS_PROXY"),
            "{told}"
        );
        let told = login_fails(&world, &gitlab, &environment);
        assert!(told.contains(&format!(": {proxy} ")), "{told}");
        assert!(
            told.contains("check the user name and the password"),
            "{told}"
        );
    }
}

#[test]
fn a_proxy_that_is_not_trusted_or_not_there_is_said() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let nobody = FakeGitLab::start();
    nobody.refuse(true); // its port stays held
    let port = nobody.port();
    let url = format!("http://ada:hunter2@127.0.0.1:{port}");
    let told = refused(&world, &gitlab, &[("https_proxy", &url)]);
    assert!(
        told.contains(&format!(
            "the proxy http://127.0.0.1:{port} (https_proxy): "
        )),
        "{told}"
    );
    let Some(squid) = Squid::start() else { return };
    let url = squid.url("https", "127.0.0.1");
    let told = refused(&world, &gitlab, &[("HTTPS_PROXY", &url)]);
    assert!(
        told.contains("no trusted TLS connection") && told.contains("SSL_CERT_FILE"),
        "{told}"
    );
    // The CA of the connection is not that of the proxy.
    let url = format!("https://127.0.0.1:{}", gitlab.port());
    let told = refused(&world, &gitlab, &[("HTTPS_PROXY", &url)]);
    assert!(told.contains("no trusted TLS connection"), "{told}");
    let asked = squid.stop();
    assert!(
        asked.iter().all(|line| !line.contains("CONNECT")),
        "{asked:?}"
    );
}

#[test]
fn a_variable_that_is_no_proxy_stops_what_would_go_through_it() {
    let Setup { world, gitlab, .. } = Setup::connected();
    for value in ["ftp://ada:hunter2@proxy", "http://ada:hunter2#x@proxy"] {
        let environment = [("HTTPS_PROXY", value)];
        let told = refused(&world, &gitlab, &environment);
        assert!(
            told.contains("the variable HTTPS_PROXY does not name a proxy"),
            "{told}"
        );
        let told = login_fails(&world, &gitlab, &environment);
        assert!(
            told.contains("the variable HTTPS_PROXY does not name a proxy"),
            "{told}"
        );
    }
    // Where it would not be used it is no matter.
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let mut command = world.authsome(["run", "--", "curl", "-sSf", &url]);
    command
        .env("HTTPS_PROXY", "ftp://proxy")
        .env("NO_PROXY", "localhost");
    Outcome::of(command.output().unwrap()).expect(0);
}

#[test]
fn what_the_users_proxy_cannot_do_is_told_apart() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let table: [(&'static [u8], &str); 3] = [
        (
            b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            "answered 403: it does not allow",
        ),
        (
            b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
            "answered 502: it cannot reach",
        ),
        (
            b"HTTP/1.1 200 OK\r\n\r\nnot what a host says first",
            "more than its response",
        ),
    ];
    for (response, expected) in table {
        let url = format!("http://127.0.0.1:{}", answering(response));
        let told = refused(&world, &gitlab, &[("HTTPS_PROXY", &url)]);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_proxy_that_does_not_answer_is_named() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let config = world.home().join("config.toml");
    let mut config = File::create(config).unwrap();
    config
        .write_all(b"[timeouts]\nconnect_seconds = 1\n")
        .unwrap();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let shown = format!("http://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let mut command = world.authsome(["run", "--", "curl", "-sS", &url]);
    command.env("HTTPS_PROXY", &shown);
    let told = Outcome::of(command.output().unwrap()).expect(0).json();
    assert_eq!(told["error"], "upstream_timeout", "{told}");
    let expected = format!("through the proxy {shown} (HTTPS_PROXY) within 1 s");
    assert!(
        told["message"].as_str().unwrap().contains(&expected),
        "{told}"
    );
    assert!(
        told["hint"].as_str().unwrap().contains("`connect_seconds`"),
        "{told}"
    );
}

/// What a login says that does not reach the provider.
fn login_fails(world: &World, gitlab: &FakeGitLab, environment: &[(&str, &str)]) -> String {
    let _port = kit::port_7998();
    let (base, ca) = (gitlab.base_url(), gitlab.ca_file().to_str().unwrap());
    let mut command = world.authsome(["login", "gitlab", "--connection", "new", "--no-browser"]);
    command.args(["--base-url", &base, "--ca-file", ca, "--client-id", "x"]);
    command.envs(environment.iter().copied());
    let outcome = Outcome::of(command.output().unwrap()).expect(8);
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    assert!(gitlab.seen().is_empty());
    outcome.stderr
}
