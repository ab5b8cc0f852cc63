//! `NO_PROXY`, `--resolve`, and a session in a session.

use authsome_test_support::FakeGitLab;

use crate::kit::journey::{MANAGED, expect_right};
use crate::kit::proxies::Squid;
use crate::kit::socks::answering;
use crate::kit::{Outcome, Setup, World};

#[test]
fn no_proxy_takes_one_host_out() {
    let Some(squid) = Squid::start() else { return };
    let mut places = Vec::new();
    for no_proxy in [
        "10.0.0.0/8,127.0.0.0/8",
        "gitlab.com 127.0.0.1:{port}",
        "::1,127.0.0.1",
    ] {
        let (world, one, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
        // An expired token each: what renews it goes by the same way.
        world.connect_as("chained", &one, &one.base_url_at(MANAGED), 0);
        world.connect_as("direct", &other, &other.base_url_at("127.0.0.1"), 0);
        let urls = [one.base_url_at(MANAGED), other.base_url_at("127.0.0.1")]
            .map(|base| format!("{base}/api/v4/user"));
        let mut command = world.authsome(["run", "--", "curl", "-sSf", &urls[0], &urls[1]]);
        command
            .env("ALL_PROXY", squid.url("http", "localhost"))
            .env(
                "NO_PROXY",
                no_proxy.replace("{port}", &other.port().to_string()),
            );
        Outcome::of(command.output().unwrap()).expect(0);
        for gitlab in [&one, &other] {
            assert_eq!(gitlab.refreshes(), 1, "{no_proxy}");
            expect_right(gitlab);
        }
        places.extend([
            format!("{MANAGED}:{}", one.port()),
            format!("{MANAGED}:{}", one.port()),
        ]);
    }
    let expected: Vec<_> = places
        .iter()
        .map(|place| format!("200 CONNECT {place} ada"))
        .collect();
    assert_eq!(squid.stop(), expected);
}

#[test]
fn a_name_that_was_given_an_address_is_reached_there() {
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url_at("gitlab.test");
    world.connect_as("default", &gitlab, &base, 0);
    let proxy = answering(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n");
    let address = format!("gitlab.test:{}:127.0.0.1", gitlab.port());
    let url = format!("{base}/api/v4/user");
    let mut command = world.authsome(["run", "--resolve", &address, "--", "curl", "-sSf", &url]);
    command.env("ALL_PROXY", format!("http://127.0.0.1:{proxy}"));
    Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(gitlab.refreshes(), 1);
    expect_right(&gitlab);
}

#[test]
fn a_session_in_a_session_goes_through_the_outer_one() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    let trust = other.ca_file().display().to_string();
    let script = format!(
        "curl -sSf {}/api/v4/user && curl -sSf --noproxy '' --cacert '{trust}' {}/public",
        gitlab.base_url(),
        other.base_url_at("127.0.0.1")
    );
    let authsome = crate::kit::binary().to_str().unwrap();
    let words = ["run", "--", authsome, "run", "--", "bash", "-c", &script];
    let outcome = world.call(words).expect(0);
    assert!(outcome.stdout.contains("ada"), "{outcome:?}");
    assert!(outcome.stdout.contains("public"), "{outcome:?}");
    assert_eq!(gitlab.refreshes(), 1);
    expect_right(&gitlab);
}
