//! Tunnels, requests and refreshes by each kind of proxy.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use authsome_test_support::{Arrived, FakeGitLab, Protocol, Visibility, pattern_byte};

use crate::kit::journey::{Journey, MANAGED, UNMANAGED};
use crate::kit::proxies::{Squid, Tinyproxy};
use crate::kit::socks::{Socks, answering};
use crate::kit::{Outcome, Setup};

#[test]
fn squid_carries_tunnels_requests_and_refreshes() {
    let Some(squid) = Squid::start() else { return };
    let journey = Journey::new(MANAGED, UNMANAGED);
    let url = squid.url("http", "localhost");
    journey.travel(&[("HTTPS_PROXY", &url)]);
    squid.expect_journey(&journey);
}

#[test]
fn squid_carries_them_by_tls() {
    let Some(squid) = Squid::start() else { return };
    // A name, which goes into the hello, and an address, which does not; both are in its
    // certificate.
    for host in ["localhost", "127.0.0.1"] {
        let journey = Journey::new(MANAGED, UNMANAGED);
        let url = squid.url("https", host);
        journey.travel(&[
            ("ALL_PROXY", &url),
            ("SSL_CERT_FILE", squid.ca_file().to_str().unwrap()),
        ]);
        let seen = journey.gitlab.seen();
        assert_eq!(seen.last().unwrap().version, Protocol::Http2, "{seen:?}");
    }
    assert_eq!(squid.stop().len(), 6);
}

#[test]
fn tinyproxy_carries_them() {
    let Some(tinyproxy) = Tinyproxy::start() else {
        return;
    };
    // It resolves names by the system's resolver, which knows these.
    let journey = Journey::new("localhost", "127.0.0.1");
    journey.travel(&[("https_proxy", &tinyproxy.url())]);
    let log = tinyproxy.stop();
    let count = |place: String| log.matches(&format!("CONNECT {place} HTTP/1.1")).count();
    assert_eq!(count(journey.managed()), 2, "{log}");
    assert_eq!(count(journey.unmanaged()), 1, "{log}");
}

#[test]
fn socks_carries_them_and_resolves_names_if_it_is_asked_to() {
    for (scheme, managed, unmanaged) in [
        ("socks5h", MANAGED, UNMANAGED),
        ("socks5", "localhost", "127.0.0.1"),
    ] {
        let socks = Socks::start();
        let journey = Journey::new(managed, unmanaged);
        let url = format!("{scheme}://ada:p%40ss@127.0.0.1:{}", socks.port);
        journey.travel(&[("ALL_PROXY", &url)]);
        let seen = socks.seen();
        assert_eq!(seen.len(), 3, "{seen:?}");
        let by_name = seen.iter().filter(|place| place.contains("gitlab.test"));
        let expected = if scheme == "socks5h" { 3 } else { 0 };
        assert_eq!(by_name.count(), expected, "{scheme}: {seen:?}");
    }
}

#[test]
fn git_clones_through_squid() {
    let Some(squid) = Squid::start() else { return };
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url_at(MANAGED);
    let (_, pair) = world.connect_as("default", &gitlab, &base, 7200);
    let files = [("README.md", "hello\n")];
    gitlab.add_repo("group/private", Visibility::Private, &files);
    let (remote, work) = (format!("{base}/group/private.git"), world.path("work"));
    let mut command = world.authsome(["run", "--", "git", "clone", "-q", &remote]);
    command.arg(&work);
    command.env("HTTPS_PROXY", squid.url("http", "127.0.0.1"));
    Outcome::of(command.output().unwrap()).expect(0);
    let cloned = fs::read_to_string(work.join("README.md")).unwrap();
    assert_eq!(cloned, "hello\n");
    let right = Arrived::Basic {
        user: "oauth2".to_owned(),
        password: pair.access,
    };
    assert!(gitlab.seen().iter().all(|seen| seen.credential == right));
    assert!(!squid.stop().is_empty());
}

#[test]
fn much_data_passes_tls_in_tls() {
    let Some(squid) = Squid::start() else { return };
    let (world, gitlab) = Setup::unconnected();
    let base = gitlab.base_url_at(MANAGED);
    world.connect_as("default", &gitlab, &base, 7200);
    let other = FakeGitLab::start();
    other.accept_personal_token("mine");
    let urls = [base, other.base_url_at(UNMANAGED)]
        .map(|base| format!("{base}/api/v4/download?bytes=20000000"));
    let script = format!(
        "curl -sSf '{}' | sha256sum; curl -sSf --cacert '{}' -H 'PRIVATE-TOKEN: mine' '{}' | sha256sum",
        urls[0],
        other.ca_file().display(),
        urls[1]
    );
    let mut command = world.authsome(["run", "--", "bash", "-c", &script]);
    command
        .env("HTTPS_PROXY", squid.url("https", "localhost"))
        .env("SSL_CERT_FILE", squid.ca_file());
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    let mut pattern = Command::new("sha256sum");
    let pattern = pattern.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sum = pattern.spawn().unwrap();
    let bytes: Vec<_> = (0..20_000_000).map(pattern_byte).collect();
    sum.stdin.take().unwrap().write_all(&bytes).unwrap();
    let sum = Outcome::of(sum.wait_with_output().unwrap()).stdout;
    assert_eq!(outcome.stdout, sum.repeat(2), "{}", outcome.stderr);
}

#[test]
fn a_host_that_speaks_first_is_heard_from_its_first_byte() {
    // Its greeting comes in one piece with the proxy's response.
    let proxy = answering(b"HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-greeting\r\n");
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let program = "import os, socket, base64\n\
        from urllib.parse import urlsplit\n\
        proxy = urlsplit(os.environ['HTTPS_PROXY'])\n\
        login = base64.b64encode(f'{proxy.username}:{proxy.password}'.encode()).decode()\n\
        peer = socket.create_connection((proxy.hostname, proxy.port))\n\
        peer.sendall(f'CONNECT ssh.test:22 HTTP/1.1\\r\\nHost: ssh.test:22\\r\\nProxy-Authorization: Basic {login}\\r\\n\\r\\n'.encode())\n\
        print(peer.makefile('rb').read().decode())\n";
    let mut command = world.authsome(["run", "--", "python3", "-c", program]);
    command.env("HTTPS_PROXY", format!("http://127.0.0.1:{proxy}"));
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert!(
        outcome.stdout.starts_with("HTTP/1.1 200 OK\r\n"),
        "{outcome:?}"
    );
    assert!(
        outcome.stdout.contains("\r\n\r\nSSH-2.0-greeting\r\n"),
        "{outcome:?}"
    );
}
