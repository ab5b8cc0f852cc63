//! The user's own proxy.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use authsome_test_support::FakeGitLab;

use crate::kit::client::authority;
use crate::kit::servers::{Recorder, connect_elsewhere, read_head};
use crate::kit::{Outcome, Setup, World};

#[test]
fn the_users_proxy_carries_tunnels_requests_and_refreshes() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    // These names resolve nowhere but at the user's proxy: whatever arrives went through it.
    let base = gitlab.base_url_at("corp.gitlab.test");
    world.connect_as("default", &gitlab, &base, 0);
    let proxy = UserProxy::start();
    let trust = other.ca_file().display().to_string();
    let injected = format!("{base}/api/v4/user");
    let blind = format!("{}/public", other.base_url_at("www.gitlab.test"));
    let script = format!("curl -sSf {injected} && curl -sSf --cacert '{trust}' {blind}");
    let mut command = world.authsome(["run", "--", "bash", "-c", &script]);
    let outcome = Outcome::of(command.env("HTTPS_PROXY", proxy.url()).output().unwrap()).expect(0);
    assert!(
        outcome.stdout.contains("ada") && outcome.stdout.contains("public"),
        "{}",
        outcome.stdout
    );
    assert_eq!(gitlab.refreshes(), 1);
    let managed = format!("corp.gitlab.test:{}", gitlab.port());
    let seen = proxy.seen();
    assert_eq!(
        seen.iter().filter(|target| **target == managed).count(),
        2,
        "{seen:?}"
    );
    assert!(
        seen.contains(&format!("www.gitlab.test:{}", other.port())),
        "{seen:?}"
    );
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn the_users_no_proxy_is_honoured_upstream() {
    let (world, one, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    world.connect_as("home", &one, &one.base_url(), 7200);
    let direct = other.base_url_at("127.0.0.1");
    world.connect_as("work", &other, &direct, 7200);
    let proxy = UserProxy::start();
    let urls = [
        format!("{}/api/v4/user", one.base_url()),
        format!("{direct}/api/v4/user"),
    ];
    let mut command = world.authsome(["run", "--", "curl", "-sSf", &urls[0], &urls[1]]);
    command
        .env("HTTPS_PROXY", proxy.url())
        .env("NO_PROXY", "example.test,127.0.0.1");
    Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!((one.seen().len(), other.seen().len()), (1, 1));
    assert_eq!(proxy.seen(), [authority(&one)]);
}

#[test]
fn plain_http_goes_to_the_users_proxy_in_absolute_form() {
    let world = World::new();
    connect_elsewhere(&world, "https://localhost:1", None);
    let proxy =
        Recorder::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nplain");
    let url = format!("http://user:pass@127.0.0.1:{}", proxy.port);
    let mut command = world.authsome(["run", "--", "curl", "-sSf", "http://www.gitlab.test/x?y"]);
    let outcome = Outcome::of(command.env("http_proxy", url).output().unwrap()).expect(0);
    assert_eq!(outcome.stdout, "plain");
    let arrived = proxy.next();
    assert!(
        arrived.starts_with("GET http://www.gitlab.test/x?y HTTP/1.1\r\n"),
        "{arrived}"
    );
    let arrived = arrived.to_ascii_lowercase();
    assert_eq!(
        arrived.matches("proxy-authorization: ").count(),
        1,
        "{arrived}"
    );
    assert!(
        arrived.contains(&format!(
            "proxy-authorization: {}",
            UserProxy::AUTHORIZATION.to_ascii_lowercase()
        )),
        "{arrived}"
    );
    assert!(!arrived.contains("\r\nauthorization:"), "{arrived}");
}

#[test]
fn a_user_proxy_that_refuses_is_named() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let proxy = UserProxy::start();
    let url = proxy.url().replace("pass@", "wrong-password@");
    let api = format!("{}/api/v4/user", gitlab.base_url());
    let mut command = world.authsome(["run", "--", "curl", "-sS", &api]);
    let outcome = Outcome::of(command.env("HTTPS_PROXY", url).output().unwrap()).expect(0);
    let told = outcome.json();
    assert_eq!(told["error"], "upstream_unreachable", "{told}");
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains(&format!("127.0.0.1:{}", proxy.port)),
        "{told}"
    );
    assert!(!outcome.stdout.contains("wrong-password"), "{told}");
    assert!(gitlab.seen().is_empty());
}

/// The proxy of a company: it wants a password, and knows the names that only it resolves.
struct UserProxy {
    port: u16,
    targets: Arc<Mutex<Vec<String>>>,
}

impl UserProxy {
    /// `user:pass`.
    const AUTHORIZATION: &str = "Basic dXNlcjpwYXNz";

    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let targets = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&targets);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || Self::serve(stream, &seen));
            }
        });
        Self { port, targets }
    }

    fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) {
        let head = read_head(&mut stream);
        let target = head
            .strip_prefix("CONNECT ")
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_default();
        if !head.lines().any(|line| {
            line.to_ascii_lowercase()
                .starts_with("proxy-authorization:")
                && line.ends_with(Self::AUTHORIZATION)
        }) {
            let _ = stream.write_all(b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic realm=\"corp\"\r\ncontent-length: 0\r\n\r\n");
            return;
        }
        seen.lock().unwrap().push(target.to_owned());
        let port: u16 = target.rsplit_once(':').unwrap().1.parse().unwrap();
        let upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (stream.try_clone().unwrap(), upstream.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to); // either side may leave at any time
            let _ = to.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut &upstream, &mut stream);
        let _ = stream.shutdown(Shutdown::Write);
    }

    fn url(&self) -> String {
        format!("http://user:pass@127.0.0.1:{}", self.port)
    }

    fn seen(&self) -> Vec<String> {
        self.targets.lock().unwrap().clone()
    }
}
