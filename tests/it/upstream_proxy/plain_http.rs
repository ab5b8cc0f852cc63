//! Plain HTTP goes on in absolute form.

use crate::kit::journey::UNMANAGED;
use crate::kit::proxies::Squid;
use crate::kit::socks::{Socks, answering};
use crate::kit::{Outcome, Setup};

#[test]
fn plain_http_goes_in_absolute_form_with_the_users_login_and_no_other() {
    let Some(squid) = Squid::start() else { return };
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let origin =
        answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nplain");
    let url = format!("http://{UNMANAGED}:{origin}/x?y");
    for scheme in ["http", "https"] {
        let mut command = world.authsome(["run", "--", "curl", "-sSf", &url]);
        command
            .env("http_proxy", squid.url(scheme, "localhost"))
            .env("SSL_CERT_FILE", squid.ca_file());
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        assert_eq!(outcome.stdout, "plain");
    }
    // By SOCKS it goes through a tunnel.
    let socks = Socks::start();
    let mut command = world.authsome(["run", "--", "curl", "-sSf", &url]);
    command.env("ALL_PROXY", socks.url());
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(outcome.stdout, "plain");
    assert_eq!(socks.seen(), [format!("{UNMANAGED}:{origin}")]);
    let asked = format!("200 GET {url} ada");
    assert_eq!(squid.stop(), [asked.as_str(), &asked]);
}

#[test]
fn a_login_that_the_users_proxy_refuses_is_not_taken_for_the_sessions() {
    let Some(squid) = Squid::start() else { return };
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let url = format!("http://{UNMANAGED}:1/");
    let words = ["run", "--", "curl", "-sS", "-w", "%{http_code}", &url];
    let mut command = world.authsome(words);
    command.env(
        "HTTP_PROXY",
        squid.url("http", "localhost").replace("p%40ss", "hunter2"),
    );
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert!(outcome.stdout.ends_with("502"), "{outcome:?}");
    assert!(
        outcome.stdout.contains("HTTP_PROXY) answered 407: check"),
        "{outcome:?}"
    );
    assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
}
