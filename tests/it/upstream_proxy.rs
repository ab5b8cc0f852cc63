//! The user's own proxy: squid and tinyproxy as Debian has them, and SOCKS, each with a password, for tunnels, injected requests and
//! token requests. A proxy that this machine does not have is skipped by name.

#![allow(
    clippy::unwrap_used,
    reason = "what fails here fails the test, with its place"
)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{Outcome, World};
use authsome_test_support::{Arrived, FakeGitLab, Protocol, Visibility, kit, pattern_byte};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what anything here takes; it ends a test that would hang.
const LONG: Duration = Duration::from_secs(30);

/// Names that only squid knows (`hosts_file`), and our SOCKS server: whatever arrives by them went through it.
const MANAGED: &str = "corp.gitlab.test";
const UNMANAGED: &str = "www.gitlab.test";

// ---------------------------------------------------------------------------------------------------------------------------------
// All three kinds of traffic

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
    // A name, which goes into the hello, and an address, which does not; both are in its certificate.
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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
    // Its greeting comes in one piece with the proxy's answer.
    let proxy = answering(b"HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-greeting\r\n");
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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

// ---------------------------------------------------------------------------------------------------------------------------------
// Plain HTTP

#[test]
fn plain_http_goes_in_absolute_form_with_the_users_login_and_no_other() {
    let Some(squid) = Squid::start() else { return };
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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

// ---------------------------------------------------------------------------------------------------------------------------------
// NO_PROXY, --resolve, and a session in a session

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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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

// ---------------------------------------------------------------------------------------------------------------------------------
// What goes wrong

#[test]
fn a_wrong_password_is_said_with_the_proxy_and_the_variable() {
    let (squid, tinyproxy, socks) = (Squid::start(), Tinyproxy::start(), Socks::start());
    let mut urls = vec![socks.url()];
    if let Some(squid) = &squid {
        urls.extend(["http", "https"].map(|scheme| squid.url(scheme, "127.0.0.1")));
    }
    urls.extend(tinyproxy.as_ref().map(Tinyproxy::url));
    for url in urls {
        let (world, gitlab) = (World::new(), FakeGitLab::start());
        world.connect(&gitlab);
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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
            "more than its answer",
        ),
    ];
    for (answer, expected) in table {
        let url = format!("http://127.0.0.1:{}", answering(answer));
        let told = refused(&world, &gitlab, &[("HTTPS_PROXY", &url)]);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_proxy_that_does_not_answer_is_named() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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

/// The message of the 502 for a request, and for a blind tunnel the same status; nothing arrives, and no password is said.
fn refused(world: &World, gitlab: &FakeGitLab, environment: &[(&str, &str)]) -> String {
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let mut command = world.authsome(["run", "--", "curl", "-sS", &url]);
    let outcome = command.envs(environment.iter().copied()).output().unwrap();
    let outcome = Outcome::of(outcome).expect(0);
    let told: Value = outcome.json();
    assert_eq!(told["error"], "upstream_unreachable", "{told}");
    let blind = gitlab.base_url_at("127.0.0.1");
    let words = ["run", "--", "curl", "-sS", "--noproxy", "", &blind];
    let mut command = world.authsome(words);
    let tunnel = command.envs(environment.iter().copied()).output().unwrap();
    let tunnel = Outcome::of(tunnel);
    // Where the proxy says more than it should, only a tunnel to a host that speaks first could be meant.
    let heard = told["message"]
        .as_str()
        .unwrap()
        .contains("more than its answer");
    assert!(heard || tunnel.stderr.contains("502"), "{tunnel:?}");
    assert!(gitlab.seen().is_empty(), "{:?}", gitlab.seen());
    let all = format!("{outcome:?} {tunnel:?}");
    assert!(!all.contains("hunter2") && !all.contains("p%40ss"), "{all}");
    told["message"].as_str().unwrap().to_owned()
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

/// Every request of the API came with the pair that is in force.
fn expect_right(gitlab: &FakeGitLab) {
    let pair = gitlab.live_pairs().pop().unwrap();
    let right = Arrived::Bearer { token: pair.access };
    let seen = gitlab.seen();
    let api = seen.iter().filter(|seen| seen.path.starts_with("/api/"));
    let credentials: Vec<_> = api.map(|seen| &seen.credential).collect();
    assert_eq!(credentials, [&right]);
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The three kinds of traffic

/// A connection whose token has expired, and a host of no connection.
struct Journey {
    world: World,
    gitlab: FakeGitLab,
    other: FakeGitLab,
    hosts: [&'static str; 2],
}

impl Journey {
    fn new(managed: &'static str, unmanaged: &'static str) -> Self {
        let (world, gitlab) = (World::new(), FakeGitLab::start());
        world.connect_as("default", &gitlab, &gitlab.base_url_at(managed), 0);
        Self {
            world,
            gitlab,
            other: FakeGitLab::start(),
            hosts: [managed, unmanaged],
        }
    }

    /// A request that needs a refresh first, and one through a blind tunnel.
    fn travel(&self, environment: &[(&str, &str)]) {
        let script = format!(
            "curl -sSf {}/api/v4/user && curl -sSf --noproxy '' --cacert '{}' {}/public",
            self.gitlab.base_url_at(self.hosts[0]),
            self.other.ca_file().display(),
            self.other.base_url_at(self.hosts[1]),
        );
        let mut command = self.world.authsome(["run", "--", "bash", "-c", &script]);
        command.envs(environment.iter().copied());
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        assert!(outcome.stdout.contains("ada"), "{outcome:?}");
        assert!(outcome.stdout.ends_with("public\n"), "{outcome:?}");
        assert_eq!(self.gitlab.refreshes(), 1);
        expect_right(&self.gitlab);
        let seen = self.other.seen();
        assert_eq!((seen.len(), &seen[0].credential), (1, &Arrived::None));
        for seen in self.gitlab.seen().iter().chain(&seen) {
            let ours = seen
                .headers
                .iter()
                .any(|(name, _)| name.starts_with("proxy-"));
            assert!(!ours, "{seen:?}");
        }
    }

    fn managed(&self) -> String {
        format!("{}:{}", self.hosts[0], self.gitlab.port())
    }

    fn unmanaged(&self) -> String {
        format!("{}:{}", self.hosts[1], self.other.port())
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The proxies

/// Whether the machine has what a test needs.
fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(system)
        .any(|directory| directory.join(program).exists());
    if !found {
        kit::skip(&format!("{program} is not on this machine"));
    }
    found
}

/// A port that was free a moment ago: these programs cannot be handed a socket.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A proxy's process, and its files.
struct Daemon {
    child: Child,
    directory: TempDir,
}

impl Daemon {
    /// Starts a program on a free port, and on another one if that was taken meanwhile. `configure` writes its files and gives the
    /// command; the proxy is there when it answers what is not a request for anybody, and `is_it` knows its answer.
    fn start(
        configure: impl Fn(&Path, u16) -> Command,
        is_it: impl Fn(&Path, &str) -> bool,
    ) -> (Self, u16) {
        loop {
            let directory = TempDir::with_prefix("authsome-proxy-").unwrap();
            // squid gives up root for a user of its own, who must get in.
            open_to_all(directory.path());
            let port = free_port();
            let mut command = configure(directory.path(), port);
            let output = File::create(directory.path().join("output")).unwrap();
            command
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output);
            let child = command.spawn().unwrap();
            let mut daemon = Self { child, directory };
            if daemon.is_ready(port, &is_it) {
                return (daemon, port);
            }
        }
    }

    /// Whether it has come up; if not, it has ended.
    fn is_ready(&mut self, port: u16, is_it: impl Fn(&Path, &str) -> bool) -> bool {
        let end = Instant::now() + LONG;
        loop {
            let answer = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
                stream.write_all(b"GET http://nobody.invalid/ HTTP/1.0\r\n\r\n")?;
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer)?;
                Ok(String::from_utf8_lossy(&answer).into_owned())
            });
            if answer.is_ok_and(|answer| is_it(self.directory.path(), &answer)) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                let output = fs::read_to_string(self.directory.path().join("output")).unwrap();
                assert!(output.contains("ddress already in use"), "{output}");
                return false;
            }
            assert!(Instant::now() < end, "the proxy does not come up");
            thread::sleep(Duration::from_millis(20)); // nothing tells when a port is bound
        }
    }

    /// Ends it in order, so that its log is whole.
    fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

fn put(path: &Path, content: &str) {
    File::create(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .unwrap();
}

/// squid, with one port for HTTP and one for HTTP in TLS.
struct Squid {
    daemon: Daemon,
    ca_file: PathBuf,
    port: u16,
    tls_port: u16,
}

impl Squid {
    fn start() -> Option<Self> {
        if !["squid", "openssl"].into_iter().all(installed) {
            return None;
        }
        let tls_port = std::cell::Cell::new(0);
        let configure = |directory: &Path, port: u16| {
            tls_port.set(free_port());
            let text = SQUID
                .replace("{dir}", directory.to_str().unwrap())
                .replace("{port}", &port.to_string())
                .replace("{tls_port}", &tls_port.get().to_string());
            put(&directory.join("squid.conf"), &text);
            let hosts = format!("127.0.0.1 {MANAGED} {UNMANAGED}\n");
            put(&directory.join("hosts"), &hosts);
            put(&directory.join("certificates.sh"), CERTIFICATES);
            let mut command = Command::new("sh");
            command
                .args(["-eu", "certificates.sh"])
                .current_dir(directory);
            command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command
        };
        let is_it = |directory: &Path, answer: &str| {
            answer.contains(directory.file_name().unwrap().to_str().unwrap())
        };
        let (daemon, port) = Daemon::start(configure, is_it);
        Some(Self {
            ca_file: daemon.directory.path().join("ca.pem"),
            daemon,
            port,
            tls_port: tls_port.get(),
        })
    }

    /// With the right login.
    fn url(&self, scheme: &str, host: &str) -> String {
        let port = if scheme == "https" {
            self.tls_port
        } else {
            self.port
        };
        format!("{scheme}://ada:p%40ss@{host}:{port}")
    }

    fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What it was asked for with the right login, as `STATUS METHOD TARGET USER`.
    fn stop(mut self) -> Vec<String> {
        self.daemon.stop();
        let log = fs::read_to_string(self.daemon.directory.path().join("access.log")).unwrap();
        let lines = log.lines().filter(|line| !line.starts_with("407 "));
        lines.map(str::to_owned).collect()
    }

    /// Two tunnels to the provider, for the refresh and the request, and one beside, each with the right user.
    fn expect_journey(self, journey: &Journey) {
        let mut asked = self.stop();
        asked.sort();
        let mut expected = [journey.managed(), journey.managed(), journey.unmanaged()]
            .map(|place| format!("200 CONNECT {place} ada"));
        expected.sort();
        assert_eq!(asked, expected);
    }
}

const SQUID: &str = "
http_port 127.0.0.1:{port}
https_port 127.0.0.1:{tls_port} tls-cert={dir}/leaf.pem tls-key={dir}/leaf.key
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/passwd
auth_param basic children 2 startup=1
auth_param basic realm {dir}
acl users proxy_auth REQUIRED
http_access allow users
http_access deny all
cache deny all
strip_query_terms off
hosts_file {dir}/hosts
logformat short %>Hs %rm %ru %un
access_log stdio:{dir}/access.log short
cache_log {dir}/cache.log
coredump_dir {dir}
pid_filename none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname proxy.test
cache_effective_user proxy
";

/// Makes squid's CA, its certificate and its list of users, and becomes squid.
const CERTIFICATES: &str = r#"
for name in ca leaf; do openssl ecparam -name prime256v1 -genkey -noout -out $name.key; done
openssl req -x509 -new -key ca.key -days 2 -subj '/CN=proxy CA' -out ca.pem
openssl req -new -key leaf.key -subj /CN=proxy -out leaf.csr
echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' > leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 -extfile leaf.ext -out leaf.pem
echo "ada:$(openssl passwd -apr1 'p@ss')" > passwd
chmod 644 leaf.key
exec squid -N -f squid.conf
"#;

/// tinyproxy, which speaks HTTP in clear only.
struct Tinyproxy {
    daemon: Daemon,
    port: u16,
}

impl Tinyproxy {
    fn start() -> Option<Self> {
        if !installed("tinyproxy") {
            return None;
        }
        let configure = |directory: &Path, port: u16| {
            let log = directory.join("log");
            let text = format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\nBasicAuth ada pass\nLogLevel Connect\nLogFile \"{}\"\n",
                log.display()
            );
            let file = directory.join("tinyproxy.conf");
            put(&file, &text);
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(file);
            command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command
        };
        let is_it = |directory: &Path, _: &str| {
            let log = fs::read_to_string(directory.join("log"));
            log.is_ok_and(|log| log.contains("GET http://nobody.invalid/"))
        };
        let (daemon, port) = Daemon::start(configure, is_it);
        Some(Self { daemon, port })
    }

    /// With the right login; its configuration takes no more than letters, digits and dashes.
    fn url(&self) -> String {
        format!("http://ada:pass@127.0.0.1:{}", self.port)
    }

    fn stop(mut self) -> String {
        self.daemon.stop();
        fs::read_to_string(self.daemon.directory.path().join("log")).unwrap()
    }
}

/// A SOCKS 5 server that wants a login and takes every name for this machine's.
pub(crate) struct Socks {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                thread::spawn(move || Self::serve(stream, &told)); // a client that leaves ends it
            }
        });
        Self { port, seen }
    }

    fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let read = |length: usize| {
            let mut bytes = vec![0; length];
            (&stream).read_exact(&mut bytes).map(|()| bytes)
        };
        let offered = read(2)?[1];
        if !read(offered.into())?.contains(&2) {
            return (&stream).write_all(&[5, 0xff]);
        }
        (&stream).write_all(&[5, 2])?;
        let user = read(2)?[1];
        let user = read(user.into())?;
        let password = read(1)?[0];
        let right = (user, read(password.into())?) == (b"ada".to_vec(), b"p@ss".to_vec());
        (&stream).write_all(&[1, u8::from(!right)])?;
        if !right {
            return Ok(());
        }
        let host = match read(4)?[3] {
            1 => IpAddr::from(<[u8; 4]>::try_from(read(4)?).unwrap()).to_string(),
            3 => {
                let length = read(1)?[0];
                String::from_utf8(read(length.into())?).unwrap()
            }
            4 => IpAddr::from(<[u8; 16]>::try_from(read(16)?).unwrap()).to_string(),
            _ => return Ok(()),
        };
        let port = u16::from_be_bytes(read(2)?.try_into().unwrap());
        let address = host.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let Ok(upstream) = TcpStream::connect((address, port)) else {
            return stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]); // refused by the host
        };
        seen.lock().unwrap().push(format!("{host}:{port}"));
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        let (mut from, mut to) = (stream.try_clone()?, upstream.try_clone()?);
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to); // either side may leave at any time
            let _ = to.shutdown(Shutdown::Write);
        });
        std::io::copy(&mut &upstream, &mut stream)?;
        stream.shutdown(Shutdown::Write)
    }

    /// With the right login.
    pub(crate) fn url(&self) -> String {
        format!("socks5h://ada:p%40ss@127.0.0.1:{}", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// A server that answers whatever it is asked with these bytes, and closes.
fn answering(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1)
            {
                head.extend(byte);
            }
            let _ = stream.write_all(answer); // the client may have left
        }
    });
    port
}
