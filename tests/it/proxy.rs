//! The proxy as a child meets it: tunnels, the password, refusals, HTTP of every kind, several accounts, the user's own proxy, git, the log.

#![allow(
    clippy::unwrap_used,
    reason = "what fails here fails the test, with its place"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::kit::{Outcome, PLACEHOLDER, World, until};
use authsome::clock::Timestamp;
use authsome::tls::crypto_provider;
use authsome_ca::{LeafCache, PermittedHost, SessionCa};
use authsome_test_support::{Arrived, Endpoint, FakeGitLab, Fault, Protocol, Visibility};
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// Far beyond what anything here takes; it ends a test that would hang.
const LONG: Duration = Duration::from_mins(1);

// ---------------------------------------------------------------------------------------------------------------------------------
// Tunnels to hosts of no connection

#[test]
fn an_unmanaged_host_is_reached_by_a_blind_tunnel_with_its_own_certificate() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    world.connect(&gitlab);
    other.accept_personal_token("mine");
    let url = format!("{}/api/v4/user", other.base_url());
    // Only the other server's CA is trusted: a leaf of the session CA would be refused.
    let trust = other.ca_file().display().to_string();
    let answer = fetch(
        &world,
        &[],
        &["--cacert", &trust, "-H", "PRIVATE-TOKEN: mine", &url],
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].credential,
        Arrived::PrivateToken {
            token: "mine".to_owned()
        }
    );
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_blind_tunnel_leaves_every_byte_untouched() {
    let world = World::new();
    world.connect(&FakeGitLab::start());
    let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = echo.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = echo.accept().unwrap();
        std::io::copy(&mut &stream, &mut &stream).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    });
    let program = r#"
import threading
peer = connect(sys.argv[1])
sent = bytes(range(256)) * 4000 + b"authsome-proxy-managed"
def write():
    peer.send(sent)
    peer.sock.shutdown(socket.SHUT_WR)
threading.Thread(target=write).start()
say({"same": peer.rest() == sent})
"#;
    let told = python(&world, &[], program, &[format!("localhost:{port}")]);
    assert_eq!(told[0]["same"], true);
}

#[test]
fn policy_deny_refuses_unmanaged_hosts_and_serves_managed_ones() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
for url in sys.argv[1:3]:
    peer = proxy()
    say(ask(peer, f"{url}\n{PASSWORD}"))
say(ask(managed(sys.argv[3]), f"GET /api/v4/user HTTP/1.1\nHost: {sys.argv[3]}"))
"#;
    let arguments = [
        format!("CONNECT {0} HTTP/1.1\nHost: {0}", authority(&other)),
        format!("GET http://{0}/x HTTP/1.1\nHost: {0}", authority(&other)),
        authority(&gitlab),
    ];
    let told = python(&world, &["--policy", "deny"], program, &arguments);
    expect_ours(&told[0], 403, "denied");
    expect_ours(&told[1], 403, "denied");
    assert_eq!(told[2]["status"], 200, "{}", told[2]);
    assert!(other.seen().is_empty());
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The password

#[test]
fn the_password_is_asked_for_and_taken_on_the_same_connection() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
peer = proxy()
wrong = base64.b64encode(b"authsome:wrong").decode()
asked = ask(peer, f"CONNECT {target} HTTP/1.1\nHost: {target}\nProxy-Authorization: Basic {wrong}")
say(asked)
peer = tls(connect(target, peer), "localhost")
say(ask(peer, f"GET /api/v4/user HTTP/1.1\nHost: {target}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    expect_ours(&told[0], 407, "proxy_authentication_required");
    let challenge = told[0]["headers"]["proxy-authenticate"].as_str().unwrap();
    assert!(challenge.starts_with("Basic "), "{challenge}");
    let length: usize = told[0]["headers"]["content-length"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(length, told[0]["body"].as_str().unwrap().len());
    assert_ne!(told[0]["headers"]["connection"], "close");
    assert_eq!(told[1]["status"], 200, "{}", told[1]);
}

#[test]
fn only_the_sessions_own_password_is_taken() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
def given(value):
    target = sys.argv[1]
    peer = proxy()
    peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: {value}\r\n\r\n")
    return peer.head()[0]
def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()
say([given(value) for value in [
    "Basic " + BASIC,
    "basic " + BASIC,
    "Basic " + basic(PROXY.username, PROXY.password + "x"),
    "Basic " + basic(PROXY.username, PROXY.password[:-1]),
    "Basic " + basic("root", PROXY.password),
    "Basic " + basic("", ""),
    "Bearer " + PROXY.password,
    "Basic",
]])
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(
        told[0],
        serde_json::json!([200, 200, 407, 407, 407, 407, 407, 407])
    );
}

#[test]
fn a_request_to_the_proxy_itself_is_malformed() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
say(ask(proxy(), f"GET / HTTP/1.1\nHost: {PROXY.hostname}:{PROXY.port}\n{PASSWORD}"))
say(ask(proxy(), f"GET / HTTP/1.1\nHost: {PROXY.hostname}:{PROXY.port}"))
say(ask(proxy(), f"CONNECT localhost HTTP/1.1\nHost: localhost\n{PASSWORD}"))
here = f"{PROXY.hostname}:{PROXY.port}"
say(ask(proxy(), f"CONNECT {here} HTTP/1.1\nHost: {here}\n{PASSWORD}"))
"#;
    let told = python(&world, &[], program, &[]);
    expect_ours(&told[0], 400, "bad_request");
    expect_ours(&told[1], 400, "bad_request");
    expect_ours(&told[2], 400, "bad_request");
    expect_ours(&told[3], 403, "denied");
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Absolute form

#[test]
fn plain_http_is_forwarded_and_never_injected_even_at_a_managed_place() {
    let world = World::new();
    let plain =
        Recorder::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nplain");
    let base = format!("https://localhost:{}", plain.port);
    connect_elsewhere(&world, &base, None);
    let url = format!("http://localhost:{}/api/v4/user?a=b", plain.port);
    let answer = fetch(&world, &[], &["-H", "X-Own: kept", &url]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "plain"));
    let arrived = plain.next();
    assert!(
        arrived.starts_with("GET /api/v4/user?a=b HTTP/1.1\r\n"),
        "{arrived}"
    );
    let arrived = arrived.to_ascii_lowercase();
    assert!(arrived.contains("x-own: kept"), "{arrived}");
    for absent in ["authorization", "proxy-", "private-token"] {
        assert!(!arrived.contains(absent), "{absent} in {arrived}");
    }
}

#[test]
fn the_placeholder_does_not_go_out_over_plain_http() {
    let world = World::new();
    let plain = Recorder::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    connect_elsewhere(&world, "https://localhost:1", None);
    let url = format!("http://localhost:{}/api/v4/user", plain.port);
    let bearer = format!("Authorization: Bearer {PLACEHOLDER}");
    let query = format!("private_token={PLACEHOLDER}");
    let user = format!("ada:{PLACEHOLDER}");
    for words in [["-H", &bearer], ["-u", &user], ["-d", &query]] {
        let answer = fetch(&world, &[], &[words[0], words[1], &url]);
        answer.expect_ours(403, "denied");
    }
    fetch(&world, &[], &["-G", "-d", &query, &url]).expect_ours(403, "denied");
    for arrived in plain.all() {
        assert!(!arrived.contains(PLACEHOLDER), "{arrived}");
    }
}

#[test]
fn absolute_https_is_injected_where_it_is_managed_and_only_there() {
    let (world, gitlab, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let program = r#"
for target in sys.argv[1:]:
    say(ask(proxy(), f"GET https://{target}/api/v4/user HTTP/1.1\nHost: {target}\n{PASSWORD}"))
say(ask(proxy(), f"GET https://{sys.argv[2]}/x HTTP/1.1\nHost: {sys.argv[2]}\n{PASSWORD}\nX-Token: authsome-proxy-managed"))
"#;
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run", "--", "python3"]);
    command
        .arg(script)
        .args([authority(&gitlab), authority(&other)]);
    let outcome = Outcome::of(
        command
            .env("SSL_CERT_FILE", other.ca_file())
            .output()
            .unwrap(),
    )
    .expect(0);
    let told = lines(&outcome.stdout);
    assert_eq!(told[0]["status"], 200, "{}", told[0]);
    assert_eq!(told[1]["status"], 401, "{}", told[1]);
    assert!(
        told[1]["headers"]["authsome-error"].is_null(),
        "{}",
        told[1]
    );
    expect_ours(&told[2], 400, "placeholder");
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
    let seen = other.seen();
    assert_eq!((seen.len(), &seen[0].credential), (1, &Arrived::None));
    assert_eq!(seen[0].header("proxy-authorization"), None);
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Inside a managed tunnel

#[test]
fn a_request_for_another_host_than_its_tunnel_is_misdirected() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
get = "GET /api/v4/user HTTP/1.1\n"
say(ask(managed(target), get + "Host: evil.test"))
say(ask(managed(target), get + "Host: localhost:1"))
say(ask(managed(target), f"GET https://evil.test/api/v4/user HTTP/1.1\nHost: {target}"))
say(ask(tls(connect(target), "evil.test", False), get + f"Host: {target}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told.len(), 4);
    for told in told {
        expect_ours(&told, 421, "misdirected");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn an_http2_authority_of_another_host_is_misdirected() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r"
open(target, session => {
    const stream = session.request({':path': '/api/v4/user', ':authority': 'evil.test'});
    stream.on('response', headers => { say({status: headers[':status'], code: headers['authsome-error']}); session.destroy(); process.exit(0); });
});
";
    let told = node(&world, program, &gitlab);
    assert_eq!(
        (&told[0]["status"], &told[0]["code"]),
        (&421.into(), &"misdirected".into())
    );
    assert!(gitlab.seen().is_empty());
}

#[test]
fn ambiguous_requests_are_refused() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
host = f"Host: {target}"
for head in [
    f"GET /api/v4/../v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/%2e%2e/v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/.%2E/v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/..%2fuser HTTP/1.1\n{host}",
    f"GET /api/v4/%252e%252e/user HTTP/1.1\n{host}",
    f"GET /api/v4/./user HTTP/1.1\n{host}",
    f"GET /api\\v4/user HTTP/1.1\n{host}",
    f"GET /api/v4/user HTTP/1.1\n{host}\n{host}",
    f"GET /api/v4/user HTTP/1.1\n{host}\nHost: evil.test",
    "GET /api/v4/user HTTP/1.1",
]:
    say(dict(ask(managed(target), head), asked=head))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told.len(), 10);
    for told in told {
        assert_eq!(told["status"], 400, "{told}");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn trace_is_not_served() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        fetch(&world, &[], &[version, "-X", "TRACE", &url]).expect_ours(405, "method_not_allowed");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn what_is_not_tls_in_a_managed_tunnel_is_closed_and_said_in_the_log() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
peer = connect(sys.argv[1])
peer.send(f"GET /api/v4/user HTTP/1.1\r\nHost: {sys.argv[1]}\r\n\r\n")
say({"ended": peer.ended()})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["ended"], true);
    assert!(gitlab.seen().is_empty());
    let said = log(&world);
    let line = said
        .iter()
        .find(|line| line["event"] == "failed")
        .unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(
        (&line["method"], &line["host"]),
        (&"CONNECT".into(), &authority(&gitlab).into())
    );
    assert!(
        line["reason"].as_str().unwrap().contains("not TLS"),
        "{line}"
    );
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The placeholder never leaves the machine

#[test]
fn a_placeholder_in_a_head_where_no_credential_goes_is_refused() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    let page = format!("{}/-/user_settings/applications", gitlab.base_url());
    let header = format!("X-Token: {PLACEHOLDER}");
    let pair = format!("token={PLACEHOLDER}");
    let calls: [&[&str]; 6] = [
        &["-H", &header, &url],
        &["-H", "Cookie: t=authsome-proxy-managed", &url],
        &["-G", "-d", &pair, &url],
        &["-G", "-d", "t=authsome%2Dproxy%2dmanaged", &url],
        &["-H", &header, &page],
        &["-G", "-d", &pair, &page],
    ];
    for call in calls {
        fetch(&world, &[], call).expect_ours(400, "placeholder");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_placeholder_in_a_body_is_refused_and_does_not_arrive() {
    let json = format!(r#"{{"import": {{"token": "{PLACEHOLDER}"}}}}"#);
    let form = format!("a=b&token={PLACEHOLDER}");
    for version in ["--http1.1", "--http2"] {
        for body in [["--json", &json], ["-d", &form]] {
            let world = World::new();
            let arrived = swallow(&world, |base| {
                let url = format!("{base}/api/v4/projects");
                fetch(&world, &[], &[version, body[0], body[1], &url])
                    .expect_ours(400, "placeholder");
            });
            assert!(!arrived.contains(PLACEHOLDER), "{arrived}");
        }
    }
}

#[test]
fn a_placeholder_across_the_borders_of_chunks_is_refused_and_does_not_arrive() {
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"POST /api/v4/projects HTTP/1.1\r\nHost: {target}\r\nTransfer-Encoding: chunked\r\n\r\n")
for piece in ["token=auth", "some-pro", "xy-mana", "ged&x=y"]:
    try:
        peer.send(f"{len(piece):x}\r\n{piece}\r\n")
    except OSError:
        break
say(peer.answer())
"#;
    let world = World::new();
    let arrived = swallow(&world, |base| {
        let target = base.trim_start_matches("https://").to_owned();
        let told = python(&world, &[], program, &[target]);
        expect_ours(&told[0], 400, "placeholder");
    });
    let squeezed: String = arrived.lines().filter(|line| line.len() > 3).collect();
    assert!(
        !arrived.contains("ged&x=y") && !squeezed.contains(PLACEHOLDER),
        "{arrived}"
    );
}

#[test]
fn a_placeholder_sent_to_the_token_endpoint_is_refused() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let form = format!("grant_type=refresh_token&client_id=x&refresh_token={PLACEHOLDER}");
    let url = format!("{}/oauth/token", gitlab.base_url());
    fetch(&world, &[], &["-d", &form, &url]).expect_ours(400, "placeholder");
    assert!(!format!("{:?}", gitlab.seen()).contains(PLACEHOLDER));
}

// ---------------------------------------------------------------------------------------------------------------------------------
// What is managed and not injected; guards

#[test]
fn oauth_endpoints_and_web_pages_get_no_credential() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let calls: [(&str, &[&str]); 6] = [
        ("/oauth/authorize?client_id=x&response_type=code", &[]),
        (
            "/oauth/token",
            &["-d", "grant_type=refresh_token&refresh_token=x&client_id=y"],
        ),
        ("/oauth/revoke", &["-d", "token=x&client_id=y"]),
        ("/-/user_settings/applications", &[]),
        ("/", &[]),
        ("/public", &[]),
    ];
    for (path, words) in calls {
        gitlab.clear_seen();
        let url = format!("{}{path}", gitlab.base_url());
        let words: Vec<_> = words.iter().copied().chain([url.as_str()]).collect();
        let answer = fetch(&world, &[], &words);
        assert_eq!(
            answer.header("authsome-error"),
            None,
            "{path}: {}",
            answer.text()
        );
        let seen = gitlab.seen();
        assert_eq!(seen.len(), 1, "{path}");
        assert_eq!(seen[0].credential, Arrived::None, "{path}");
    }
}

#[test]
fn a_guarded_request_is_denied_by_its_rule_in_every_spelling() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let paths = [
        "/api/v4/projects/1/access_tokens",
        "/api/v4/projects/1/access_tokens.json",
        "/api/v4/projects/1/access_tokens/",
        "/api/v4/projects/1/access_tokens?x=y",
        "/api/v4/projects/1/%61ccess_tokens",
        "/api/v4/projects/1/access_tokens%2Ejson",
        "/api/v4/projects/group%2Fprivate/access_tokens",
        "//api/v4/projects/1/access_tokens",
        "/api/v4//projects/1/access_tokens",
    ];
    for path in paths {
        for version in ["--http1.1", "--http2"] {
            let url = format!("{}{path}", gitlab.base_url());
            let answer = fetch(
                &world,
                &[],
                &[version, "--path-as-is", "--json", "{}", &url],
            );
            let told = answer.expect_ours(403, "denied");
            assert!(
                told["message"]
                    .as_str()
                    .unwrap()
                    .contains("project-access-token"),
                "{path}: {told}"
            );
            assert!(
                told["hint"]
                    .as_str()
                    .unwrap()
                    .contains("gitlab/project-access-token"),
                "{path}: {told}"
            );
        }
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_guarded_request_goes_out_once_the_user_allows_its_rule() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    configure(
        &world,
        "[guard]\nallow = [\"gitlab/project-access-token\"]\n",
    );
    let url = format!("{}/api/v4/projects/1/access_tokens", gitlab.base_url());
    assert_eq!(fetch(&world, &[], &["--json", "{}", &url]).status, 201);
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
    let other = format!("{}/api/v4/projects/1/deploy_tokens", gitlab.base_url());
    fetch(&world, &[], &["--json", "{}", &other]).expect_ours(403, "denied");
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Answers of authsome's own about the provider

#[test]
fn a_provider_that_refuses_connections_is_unreachable() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    gitlab.refuse(true);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        fetch(&world, &[], &[version, &url]).expect_ours(502, "upstream_unreachable");
    }
}

#[test]
fn a_connection_that_breaks_before_an_answer_is_unreachable() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    for fault in [Fault::Close, Fault::Reset] {
        gitlab.clear_faults();
        gitlab.fault(Endpoint::Api, fault, 9);
        fetch(&world, &[], &["-d", "x=y", &url]).expect_ours(502, "upstream_unreachable");
    }
}

#[test]
fn a_certificate_of_an_unknown_ca_is_an_upstream_tls_failure() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    connect_elsewhere(&world, &gitlab.base_url(), None);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let told = fetch(&world, &[], &[&url]).expect_ours(502, "upstream_tls");
    assert!(
        told["hint"].as_str().unwrap().contains("--ca-file"),
        "{told}"
    );
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_provider_that_does_not_answer_in_time_is_a_504() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    configure(&world, "[timeouts]\nresponse_seconds = 1\n");
    gitlab.fault(Endpoint::Api, Fault::Stall(LONG), 1);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let told = fetch(&world, &[], &[&url]).expect_ours(504, "upstream_timeout");
    assert!(
        told["hint"].as_str().unwrap().contains("response_seconds"),
        "{told}"
    );
}

#[test]
fn an_answer_that_breaks_off_reaches_the_client_as_broken() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for (version, code) in [("--http1.1", 18), ("--http2", 92)] {
        gitlab.fault(Endpoint::Api, Fault::HalfBody, 1);
        world.run(["curl", "-sS", version, &url]).expect(code);
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Where one message ends and the next begins

/// A provider that gives its answers one after the other, each to one request; after `None` it closes the connection that the request came
/// on. What it was asked, request line by request line, and an empty one where a connection ended without a request.
fn answering(answers: &[Option<&'static str>]) -> (Scripted, mpsc::Receiver<String>) {
    let (tell, asked) = mpsc::channel();
    let mut answers = Vec::from(answers).into_iter();
    let upstream = Scripted::start(move |stream| {
        loop {
            let head = read_head(stream);
            let line = head.lines().next().unwrap_or_default().to_owned();
            let ended = line.is_empty();
            if tell.send(line).is_err() || ended {
                return;
            }
            let Some(Some(answer)) = answers.next() else {
                return;
            };
            if stream.write_all(answer.as_bytes()).is_err() || !answer.starts_with("HTTP/1.1") {
                return;
            }
        }
    });
    (upstream, asked)
}

#[test]
fn a_request_that_crosses_with_the_end_of_an_idle_connection_is_sent_once_more() {
    let world = World::new();
    let ok = Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let (upstream, asked) = answering(&[ok, None, ok]);
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let url = format!("{}/api/v4/user", upstream.base_url());
    let told = world
        .run(["curl", "-sS", "--http1.1", &url, &url])
        .expect(0);
    assert_eq!(told.stdout, "okok");
    let lines: Vec<_> = asked.try_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["GET /api/v4/user HTTP/1.1"; 3]);
}

#[test]
fn a_request_that_changes_something_is_never_sent_twice() {
    let world = World::new();
    let ok = Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let (upstream, asked) = answering(&[ok, None, ok]);
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let url = format!("{}/api/v4/projects", upstream.base_url());
    let told = world
        .run(["curl", "-sS", "--http1.1", "-X", "POST", &url, &url])
        .expect(0);
    assert!(told.stdout.starts_with("ok{"), "{}", told.stdout);
    assert!(
        told.stdout.contains("upstream_unreachable"),
        "{}",
        told.stdout
    );
    let lines: Vec<_> = asked.try_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["POST /api/v4/projects HTTP/1.1"; 2]);
}

#[test]
fn what_a_provider_says_unasked_answers_no_request() {
    let world = World::new();
    let (upstream, asked) = answering(&[
        Some(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL",
        ),
        Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    ]);
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let url = format!("{}/api/v4/user", upstream.base_url());
    assert_eq!(
        world
            .run(["curl", "-sS", "--http1.1", &url, &url])
            .expect(0)
            .stdout,
        "okok"
    );
    let lines: Vec<_> = asked.try_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["GET /api/v4/user HTTP/1.1"; 2]);
}

#[test]
fn answers_of_every_shape_arrive_and_those_of_none_are_said() {
    let table = [
        (
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 99\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "ok",
        ),
        ("HTTP/1.1 200 OK\ncontent-length: 2\n\nok", "ok"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
            "upstream_malformed",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "upstream_malformed",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "upstream_malformed",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "upstream_malformed"),
    ];
    for (answer, expected) in table {
        let world = World::new();
        let (upstream, _asked) = answering(&[Some(answer)]);
        connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
        let url = format!("{}/api/v4/user", upstream.base_url());
        let told = world.run(["curl", "-sS", "--http1.1", &url]).expect(0);
        assert!(
            told.stdout.contains(expected),
            "{answer:?}: {}",
            told.stdout
        );
    }
}

#[test]
fn a_request_whose_end_is_in_doubt_is_refused_and_not_forwarded() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
for lines in [
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Content-Length: +5",
    "Content-Length : 5",
]:
    peer = managed(target)
    peer.send(f"POST /api/v4/echo HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n\r\nhello")
    answer = peer.answer()
    peer.rest()
    say(answer)
peer = managed(target)
peer.send(f"GET /api/v4/user HTTP/1.1\r\nHost: {target}\r\nX: " + "x" * 200000 + "\r\n\r\n")
say(peer.answer())
"#;
    let mut told = python(&world, &[], program, &[authority(&gitlab)]);
    let too_large = told.pop().unwrap();
    assert_eq!((told.len(), &too_large["status"]), (7, &431.into()));
    for answer in told {
        assert_eq!(answer["status"], 400, "{answer}");
        assert_eq!(
            answer["headers"]["authsome-error"], "bad_request",
            "{answer}"
        );
        assert_eq!(answer["headers"]["connection"], "close", "{answer}");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn requests_that_come_before_their_turn_are_answered_in_order() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
peer = managed(target)
get = f"GET /api/v4/status/%d HTTP/1.1\r\nHost: {target}\r\n\r\n"
put = f"PUT /api/v4/upload HTTP/1.1\r\nHost: {target}\r\nContent-Length: 5\r\n\r\nhello"
peer.send(get % 204 + put + get % 304 + put)
say([peer.head()[0], peer.answer()["body"], peer.head()[0], peer.answer()["body"]])
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    let bytes = r#"{"bytes":5}"#;
    assert_eq!(told[0], serde_json::json!([204, bytes, 304, bytes]));
}

// ---------------------------------------------------------------------------------------------------------------------------------
// HTTP

#[test]
fn a_hundred_http2_streams_are_open_at_once_on_one_connection() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    // Each stream is answered with what it sends; none is ended before all have had their first echo.
    let program = r"
open(target, session => {
    let echoed = 0, ended = 0;
    const streams = [...Array(100).keys()].map(number => {
        const stream = session.request({':method': 'POST', ':path': '/api/v4/bidi'});
        const told = {number, body: ''};
        stream.on('response', headers => { told.status = headers[':status']; });
        stream.on('data', data => {
            if (told.body === '' && ++echoed === 100) streams.forEach(stream => stream.end('.'));
            told.body += data;
        });
        stream.on('trailers', trailers => { told.trailer = trailers['grpc-status']; });
        stream.on('close', () => { say(told); if (++ended === 100) { session.destroy(); process.exit(0); } });
        stream.write(`stream ${number}`);
        return stream;
    });
});
";
    let told = node(&world, program, &gitlab);
    assert_eq!(told.len(), 100);
    for line in &told {
        assert_eq!(line["status"], 200, "{line}");
        assert_eq!(
            line["body"],
            format!("stream {}.", line["number"]),
            "{line}"
        );
        assert_eq!(line["trailer"], "0", "{line}");
    }
    let seen = gitlab.seen();
    assert_eq!(seen.len(), 100);
    for request in seen {
        assert_eq!(request.version, Protocol::Http2);
        assert_eq!(
            request.credential,
            Arrived::Bearer {
                token: pair.access.clone()
            }
        );
    }
}

#[test]
fn both_versions_of_http_are_spoken_with_any_provider() {
    for http1_only in [false, true] {
        let world = World::new();
        let gitlab = if http1_only {
            FakeGitLab::builder().http1_only().start()
        } else {
            FakeGitLab::start()
        };
        world.connect(&gitlab);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let answer = fetch(&world, &[], &[flag, &url]);
            assert_eq!((answer.status, answer.version.as_str()), (200, version));
        }
        let arrived: Vec<_> = gitlab.seen().iter().map(|seen| seen.version).collect();
        let second = if http1_only {
            Protocol::Http1
        } else {
            Protocol::Http2
        };
        assert_eq!(arrived, [Protocol::Http1, second]);
    }
}

#[test]
fn alt_svc_does_not_lead_around_the_proxy() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/altsvc", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        let answer = fetch(&world, &[], &[version, &url]);
        assert_eq!((answer.status, answer.header("alt-svc")), (200, None));
    }
}

#[test]
fn trailers_reach_an_http1_client_that_asks_for_them() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
say(ask(managed(target), f"GET /api/v4/trailers HTTP/1.1\nHost: {target}\nTE: trailers\nConnection: TE"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["body"], "before the trailers\n");
    assert_eq!(told[0]["trailers"]["grpc-status"], "0", "{}", told[0]);
    assert_eq!(told[0]["trailers"]["x-checksum"], "fake", "{}", told[0]);
}

#[test]
fn a_compressed_answer_passes_byte_for_byte() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    gitlab.accept_personal_token("direct");
    let url = format!("{}/api/v4/gzip", gitlab.base_url());
    let direct = Command::new("curl")
        .args([
            "-sS",
            "--noproxy",
            "*",
            "-H",
            "PRIVATE-TOKEN: direct",
            "--cacert",
        ])
        .arg(gitlab.ca_file())
        .arg(&url)
        .output()
        .unwrap();
    assert!(direct.stdout.starts_with(&[0x1f, 0x8b]));
    for version in ["--http1.1", "--http2"] {
        let answer = fetch(&world, &[], &[version, &url]);
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.body, direct.stdout);
    }
}

#[test]
fn a_redirect_is_the_clients_to_follow() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/redirect?to=/api/v4/user", gitlab.base_url());
    let answer = fetch(&world, &[], &[&url]);
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some("/api/v4/user"))
    );
    assert_eq!(gitlab.seen().len(), 1);
}

#[test]
fn the_answer_to_head_has_its_length_and_no_body() {
    for http1_only in [true, false] {
        let world = World::new();
        let gitlab = if http1_only {
            FakeGitLab::builder().http1_only().start()
        } else {
            FakeGitLab::start()
        };
        world.connect(&gitlab);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        for version in ["--http1.1", "--http2"] {
            let whole = fetch(&world, &[], &[version, &url]);
            let head = fetch(&world, &[], &[version, "-I", &url]);
            assert_eq!(head.status, 200);
            assert_eq!(
                head.header("content-length"),
                Some(whole.body.len().to_string().as_str())
            );
        }
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    for version in ["--http1.1", "--http2"] {
        for status in [204, 304] {
            let url = format!("{}/api/v4/status/{status}", gitlab.base_url());
            let answer = fetch(&world, &[], &[version, &url]);
            assert_eq!((answer.status, answer.body.len()), (status, 0));
        }
    }
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"PUT /api/v4/upload HTTP/1.1\r\nHost: {target}\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n")
first = peer.head()[0]
peer.send(b"x" * 200000)
say(dict(peer.answer(), first=first))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(
        (&told[0]["first"], &told[0]["status"]),
        (&100.into(), &200.into())
    );
    assert_eq!(told[0]["body"], r#"{"bytes":200000}"#);
}

#[test]
fn uploads_arrive_whole_with_and_without_a_length() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let file = world.file("upload.bin", &"0123456789abcdef".repeat(200_000));
    let sum = Command::new("sha256sum")
        .arg(&file)
        .output()
        .unwrap()
        .stdout;
    let sum = String::from_utf8(sum[..64].to_vec()).unwrap();
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    let data = format!("@{}", file.display());
    let calls: [&[&str]; 4] = [
        &["--http1.1", "--data-binary", &data, &url],
        &[
            "--http1.1",
            "-H",
            "Transfer-Encoding: chunked",
            "--data-binary",
            &data,
            &url,
        ],
        &["--http2", "--data-binary", &data, &url],
        &[
            "--http2",
            "-X",
            "POST",
            "-H",
            "Content-Length:",
            "--data-binary",
            &data,
            &url,
        ],
    ];
    for call in calls {
        let told: Value = serde_json::from_slice(&fetch(&world, &[], call).body).unwrap();
        assert_eq!(
            (&told["bytes"], &told["sha256"]),
            (&3_200_000.into(), &sum.as_str().into()),
            "{call:?}"
        );
    }
}

#[test]
fn end_to_end_headers_pass_and_hop_by_hop_ones_do_not() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
say(ask(managed(target), f"""GET /api/v4/echo?a=%2F&b HTTP/1.1
Host: {target}
Range: bytes=0-9
If-None-Match: "x"
Accept-Encoding: zstd
X-Hop: gone
Connection: keep-alive, X-Hop
Keep-Alive: timeout=9
Proxy-Connection: keep-alive
Proxy-Authorization: Basic eDp5"""))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 200, "{}", told[0]);
    let seen = gitlab.seen().remove(0);
    assert_eq!(
        (seen.path.as_str(), seen.query.as_deref()),
        ("/api/v4/echo", Some("a=%2F&b"))
    );
    assert_eq!(seen.header("range"), Some("bytes=0-9"));
    assert_eq!(seen.header("if-none-match"), Some("\"x\""));
    assert_eq!(seen.header("accept-encoding"), Some("zstd"));
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "connection",
    ] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[test]
fn server_sent_events_arrive_as_they_are_sent() {
    for version in ["--http1.1", "--http2"] {
        let world = World::new();
        let (send, may_send) = mpsc::channel::<u32>();
        let upstream = Scripted::start(move |stream| {
            read_head(stream);
            stream.write_all(EVENT_STREAM).unwrap();
            while let Ok(number) = may_send.recv() {
                let event = format!("data: {number}\n\n");
                write!(stream, "{:x}\r\n{event}\r\n", event.len()).unwrap();
                stream.flush().unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        });
        connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
        let url = format!("{}/api/v4/events", upstream.base_url());
        let (mut child, mut lines) =
            spawn(&world, &["curl", "-sSN", version, "--max-time", "60", &url]);
        // An event is sent only after the one before has been read: a proxy that held one back would never get here.
        for number in 0..5 {
            send.send(number).unwrap();
            assert_eq!(lines.next_line(), format!("data: {number}"));
            assert_eq!(lines.next_line(), "");
        }
        drop(send);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_request_and_its_answer_stream_at_the_same_time() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"POST /api/v4/bidi HTTP/1.1\r\nHost: {target}\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
status = None
for number in range(5):
    piece = f"piece {number}"
    peer.send(f"{len(piece):x}\r\n{piece}\r\n")
    status = status or peer.head()[0]
    size = int(peer.line(), 16)
    say({"echo": peer.exactly(size).decode(), "status": status})
    peer.line()
peer.send("0\r\n\r\n")
say({"end": peer.line(), "trailers": peer.fields()})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    for (number, line) in told[..5].iter().enumerate() {
        assert_eq!(line["echo"], format!("piece {number}"));
        assert_eq!(line["status"], 200);
    }
    assert_eq!(
        (&told[5]["end"], &told[5]["trailers"]["grpc-status"]),
        (&"0".into(), &"0".into())
    );
}

#[test]
fn a_websocket_echoes_and_closes() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let program = r#"
peer, answer = websocket(sys.argv[1])
say(answer)
for opcode, payload in [(1, b"hello"), (2, bytes(range(256)) * 300), (2, b"")]:
    peer.send(frame(opcode, payload))
    say({"same": read_frame(peer) == (opcode, payload)})
peer.send(frame(9, b"ping"))
say({"same": read_frame(peer) == (10, b"ping")})
peer.send(frame(8, struct.pack("!H", 1000)))
say({"same": read_frame(peer) == (8, struct.pack("!H", 1000))})
say({"same": peer.ended()})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 101, "{}", told[0]);
    assert_eq!(
        told[0]["headers"]["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(told.len(), 7);
    assert!(
        told[1..].iter().all(|line| line["same"] == true),
        "{told:?}"
    );
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
}

#[test]
fn a_websocket_ends_for_the_provider_when_the_client_leaves() {
    let world = World::new();
    let (tell, ended) = mpsc::channel();
    let upstream = Scripted::start(move |stream| {
        read_head(stream);
        stream.write_all(SWITCHING).unwrap();
        stream.flush().unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest); // how it ends does not matter, that it ends does
        tell.send(rest).unwrap();
    });
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let program = r#"
peer, answer = websocket(sys.argv[1])
peer.send(frame(1, b"last words"))
peer.sock.close()
say(answer)
sys.stdin.readline()
"#;
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run", "--", "python3"]);
    command.arg(script).arg(upstream.authority());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The child lives on, so it is not the session's end that closes the connection.
    let rest = ended
        .recv_timeout(LONG)
        .expect("the provider's side stays open");
    assert_eq!(rest.len(), "last words".len() + 6);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_websocket_ends_for_the_client_when_the_provider_leaves() {
    let world = World::new();
    let upstream = Scripted::start(|stream| {
        read_head(stream);
        stream.write_all(SWITCHING).unwrap();
        stream.write_all(b"\x81\x03bye").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
    let program = r#"
peer, answer = websocket(sys.argv[1])
say({"frame": read_frame(peer)[1].decode(), "ended": peer.ended()})
"#;
    let told = python(&world, &[], program, &[upstream.authority()]);
    assert_eq!(
        (&told[0]["frame"], &told[0]["ended"]),
        (&"bye".into(), &true.into())
    );
}

#[test]
fn an_early_refusal_of_the_provider_to_a_large_upload_is_readable() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    gitlab.fault(
        Endpoint::Api,
        Fault::Status {
            code: 403,
            retry_after: None,
        },
        10,
    );
    let told = upload_often(&world, &format!("{}/api/v4/upload", gitlab.base_url()));
    assert_eq!(told, ["403 0"; 10]);
    let told = upload_often(
        &world,
        &format!("{}/api/v4/unauthorized", gitlab.base_url()),
    );
    assert_eq!(told, ["401 0"; 10]);
}

#[test]
fn an_early_refusal_of_authsome_to_a_large_upload_is_readable() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let told = upload_often(
        &world,
        &format!("{}/api/v4/projects/1/deploy_keys", gitlab.base_url()),
    );
    assert_eq!(told, ["403 0"; 10]);
    let told = upload_often(
        &world,
        &format!("{}/api/v4/upload?token={PLACEHOLDER}", gitlab.base_url()),
    );
    assert_eq!(told, ["400 0"; 10]);
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_client_that_sends_all_before_it_reads_gets_the_refusal() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    // As Python's http.client does.
    let program = r#"
target = sys.argv[1]
for path in sys.argv[2:]:
    peer = managed(target)
    peer.send(f"POST {path} HTTP/1.1\r\nHost: {target}\r\nContent-Length: 5000000\r\n\r\n")
    peer.send(b"x" * 5000000)
    say({"status": peer.answer()["status"]})
"#;
    let paths = [
        "/api/v4/projects/1/deploy_keys",
        "/api/v4/nothing",
        "/api/v4/nothing",
    ]
    .map(str::to_owned);
    let arguments: Vec<_> = [authority(&gitlab)].into_iter().chain(paths).collect();
    let told = python(&world, &[], program, &arguments);
    let statuses: Vec<_> = told.iter().map(|line| line["status"].clone()).collect();
    assert_eq!(statuses, [403, 404, 404]);
}

/// Uploads 5 MB five times in each version of HTTP; says each status and curl's exit code.
fn upload_often(world: &World, url: &str) -> Vec<String> {
    let file = world.file("upload.bin", &"x".repeat(5_000_000));
    let script = r#"
for version in --http1.1 --http2; do
    for _ in 1 2 3 4 5; do
        curl -sS "$version" --max-time 60 -o /dev/null -w '%{http_code}' -H 'Expect:' -H 'Content-Type: application/octet-stream' --data-binary "@$1" "$2"
        echo " $?"
    done
done
"#;
    let file = file.display().to_string();
    let outcome = world
        .run(["bash", "-c", script, "bash", &file, url])
        .expect(0);
    outcome.stdout.lines().map(str::to_owned).collect()
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Memory

/// What goes each way, in bytes.
const LARGE: u64 = 1 << 30;

/// The most that the proxy may have had in memory, in kB.
const MOST_MEMORY: u64 = 30 * 1024;

#[test]
fn large_bodies_stream_in_bounded_memory() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    // A hole in a file: it takes no room.
    let file = world.path("hole.bin");
    File::create(&file).unwrap().set_len(LARGE).unwrap();
    let script = r#"
set -e
for version in --http1.1 --http2; do
    curl -sSf "$version" -o /dev/null -w '%{size_download}\n' "$1/api/v4/download?bytes=$2"
    curl -sSf "$version" -T "$3" "$1/api/v4/upload"
    echo
done
grep VmHWM "/proc/$PPID/status"
"#;
    let (size, file) = (LARGE.to_string(), file.display().to_string());
    let outcome = world
        .run([
            "bash",
            "-c",
            script,
            "bash",
            &gitlab.base_url(),
            &size,
            &file,
        ])
        .expect(0);
    let said: Vec<_> = outcome.stdout.lines().collect();
    let bytes = format!("{{\"bytes\":{LARGE}}}");
    assert_eq!(said[..4], [size.as_str(), &bytes, &size, &bytes]);
    let peak: u64 = said[4].split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < MOST_MEMORY, "{peak} kB");
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Several connections

#[test]
fn connections_at_two_hosts_live_in_one_run() {
    let (world, one, other) = (World::new(), FakeGitLab::start(), FakeGitLab::start());
    let (_, first) = world.connect_as("home", &one, &one.base_url(), 7200);
    let elsewhere = other.base_url_at("127.0.0.1");
    let (_, second) = world.connect_as("work", &other, &elsewhere, 7200);
    let urls = [
        format!("{}/api/v4/user", one.base_url()),
        format!("{elsewhere}/api/v4/user"),
    ];
    world.run(["curl", "-sSf", &urls[0], &urls[1]]).expect(0);
    assert_eq!(
        one.seen()[0].credential,
        Arrived::Bearer {
            token: first.access
        }
    );
    assert_eq!(
        other.seen()[0].credential,
        Arrived::Bearer {
            token: second.access
        }
    );
}

#[test]
fn two_connections_at_one_host_are_a_tie_until_one_is_chosen() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let base = gitlab.base_url();
    let [_, work, spare] =
        ["first", "work", "spare"].map(|name| world.connect_as(name, &gitlab, &base, 7200).1);
    // The first was the default; without it none is.
    world
        .call(["logout", "gitlab", "--connection", "first"])
        .expect(0);
    let url = format!("{base}/api/v4/user");
    let tied = world.run(["curl", "-sS", &url]).expect(0);
    assert_eq!(tied.json()["error"], "denied");
    assert!(
        tied.stderr.contains("gitlab/spare and gitlab/work"),
        "{}",
        tied.stderr
    );
    assert!(
        tied.stderr.contains("--connection gitlab="),
        "{}",
        tied.stderr
    );
    assert!(gitlab.seen().is_empty());

    let chosen = fetch(&world, &["--connection", "gitlab=work"], &[&url]);
    assert_eq!(chosen.status, 200);
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: work.access }
    );

    world.call(["set-default", "gitlab", "spare"]).expect(0);
    gitlab.clear_seen();
    let by_default = world.run(["curl", "-sSf", &url]).expect(0);
    assert_eq!(by_default.stderr, "");
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer {
            token: spare.access
        }
    );
}

#[test]
fn a_choice_that_does_not_exist_stops_the_run() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let outcome = world
        .call(["run", "--connection", "gitlab=nobody", "--", "true"])
        .expect(125);
    assert!(outcome.stderr.contains("nobody"), "{}", outcome.stderr);
}

#[test]
fn only_leaves_the_other_providers_out() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    assert_eq!(fetch(&world, &["--only", "gitlab"], &[&url]).status, 200);
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );

    custom_provider(&world, "other");
    gitlab.clear_seen();
    let trust = gitlab.ca_file().display().to_string();
    let left_out = fetch(&world, &["--only", "other"], &["--cacert", &trust, &url]);
    assert_eq!(
        (left_out.status, left_out.header("authsome-error")),
        (401, None)
    );
    assert_eq!(gitlab.seen()[0].credential, Arrived::None);
}

#[test]
fn only_an_unknown_provider_is_an_error() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let outcome = world
        .call(["run", "--only", "gitlub", "--", "true"])
        .expect(125);
    assert!(outcome.stderr.contains("gitlub"), "{}", outcome.stderr);
}

#[test]
fn resolve_gives_a_name_its_address() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let base = gitlab.base_url_at("gitlab.test");
    // Expired: the refresh needs the address as well.
    world.connect_as("default", &gitlab, &base, 0);
    let entry = format!("gitlab.test:{}:127.0.0.1", gitlab.port());
    let answer = fetch(
        &world,
        &["--resolve", &entry],
        &[&format!("{base}/api/v4/user")],
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn resolve_holds_for_unmanaged_hosts_as_well() {
    let (world, other) = (World::new(), FakeGitLab::start());
    let entry = format!("www.gitlab.test:{}:127.0.0.1", other.port());
    let trust = other.ca_file().display().to_string();
    let url = format!("{}/public", other.base_url_at("www.gitlab.test"));
    let answer = fetch(&world, &["--resolve", &entry], &["--cacert", &trust, &url]);
    assert_eq!(answer.text(), "public\n");
}

#[test]
fn a_relative_root_bounds_the_credential() {
    let (world, gitlab) = (
        World::new(),
        FakeGitLab::builder().relative_root("/gitlab").start(),
    );
    let (_, pair) = world.connect(&gitlab);
    let host = format!("https://{}", authority(&gitlab));
    for path in [
        "/api/v4/user",
        "/gitlabs/api/v4/user",
        "/GitLab/api/v4/user",
        "/x/gitlab/api/v4/user",
    ] {
        fetch(&world, &[], &[&format!("{host}{path}")]);
    }
    assert_eq!(gitlab.seen().len(), 4);
    assert!(
        gitlab
            .seen()
            .iter()
            .all(|seen| seen.credential == Arrived::None),
        "{:?}",
        gitlab.seen()
    );
    gitlab.clear_seen();
    assert_eq!(
        fetch(&world, &[], &[&format!("{host}/gitlab/api/v4/user")]).status,
        200
    );
    assert_eq!(
        gitlab.seen()[0].credential,
        Arrived::Bearer { token: pair.access }
    );
    let guarded = format!("{host}/gitlab/api/v4/projects/1/access_tokens");
    fetch(&world, &[], &["--json", "{}", &guarded]).expect_ours(403, "denied");
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The user's own proxy

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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
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

// ---------------------------------------------------------------------------------------------------------------------------------
// git

#[test]
fn git_clones_pushes_30_megabytes_and_fetches_them_back_with_nothing_configured() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    gitlab.add_repo(
        "group/private",
        Visibility::Private,
        &[("README.md", "hello\n")],
    );
    let remote = format!("{}/group/private.git", gitlab.base_url());
    let (work, again) = (world.path("work"), world.path("again"));
    git(&world, &["clone", "-q", &remote, work.to_str().unwrap()]);
    git(&world, &["clone", "-q", &remote, again.to_str().unwrap()]);
    let mut random = File::open("/dev/urandom").unwrap().take(30_000_000);
    std::io::copy(
        &mut random,
        &mut File::create(work.join("large.bin")).unwrap(),
    )
    .unwrap();
    git_in(&world, &work, &["add", "."]);
    git_in(
        &world,
        &work,
        &[
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.test",
            "commit",
            "-qm",
            "Large",
        ],
    );
    git_in(&world, &work, &["push", "-q"]);
    git_in(&world, &again, &["pull", "-q"]);
    assert!(
        fs::read(work.join("large.bin")).unwrap() == fs::read(again.join("large.bin")).unwrap()
    );
    assert_eq!(gitlab.rejected_basic(), 0);
    let basic = Arrived::Basic {
        user: "oauth2".to_owned(),
        password: pair.access,
    };
    assert!(
        gitlab.seen().iter().all(|seen| seen.credential == basic),
        "{:?}",
        gitlab.seen()
    );
}

fn git(world: &World, words: &[&str]) {
    world.run(["git"].iter().chain(words)).expect(0);
}

fn git_in(world: &World, directory: &std::path::Path, words: &[&str]) {
    world
        .run(
            ["git", "-C", directory.to_str().unwrap()]
                .iter()
                .chain(words),
        )
        .expect(0);
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The log

#[test]
fn the_log_has_a_line_for_each_injected_denied_and_failed_request() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let base = gitlab.base_url();
    let body = fetch(
        &world,
        &[],
        &[&format!("{base}/api/v4/user?search=private-words")],
    )
    .body;
    fetch(
        &world,
        &[],
        &[
            "--json",
            "{}",
            &format!("{base}/api/v4/projects/1/access_tokens?x=private-words"),
        ],
    );
    gitlab.refuse(true);
    fetch(
        &world,
        &[],
        &[&format!("{base}/api/v4/projects?x=private-words")],
    );
    let wanted = [
        ("injected", "GET", "/api/v4/user", 200, Some(body.len())),
        (
            "denied",
            "POST",
            "/api/v4/projects/1/access_tokens",
            403,
            None,
        ),
        ("failed", "GET", "/api/v4/projects", 502, None),
    ];
    let said = log(&world);
    for (event, method, path, status, bytes) in wanted {
        let line = said
            .iter()
            .find(|line| line["event"] == event)
            .unwrap_or_else(|| panic!("no {event} in {said:?}"));
        assert_eq!(line["connection"], "gitlab/default", "{line}");
        assert_eq!(
            (&line["method"], &line["path"]),
            (&method.into(), &path.into()),
            "{line}"
        );
        assert_eq!(
            (&line["host"], &line["status"]),
            (&authority(&gitlab).into(), &status.into()),
            "{line}"
        );
        assert!(line["milliseconds"].is_u64(), "{line}");
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(bytes.is_none_or(|bytes| line["bytes"] == bytes), "{line}");
    }
    let words = world.call(["log"]).expect(0).stdout;
    assert!(
        words.contains(&format!(
            "gitlab/default GET {}/api/v4/user 200 {} B",
            authority(&gitlab),
            body.len()
        )),
        "{words}"
    );
}

#[test]
fn the_log_never_has_a_token_a_query_or_the_password() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, pair) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    let base = gitlab.base_url();
    let header = format!("X-Token: {PLACEHOLDER}");
    let script = r#"echo "$HTTPS_PROXY" > "$1"; for url in "${@:3}"; do curl -sS -o /dev/null -H "$2" -H 'X-Other: private-words' "$url"; curl -sS -o /dev/null "$url"; done"#;
    let urls = [
        "/api/v4/user?private_token=private-words",
        "/api/v4/redirect?to=private-words",
        "/oauth/authorize?code=private-words",
    ];
    let urls = urls.map(|path| format!("{base}{path}"));
    let proxy = world.path("proxy-url").display().to_string();
    let plain = "http://localhost:1/x?q=private-words".to_owned();
    let words = ["bash", "-c", script, "bash", &proxy, &header].map(str::to_owned);
    world
        .run(words.into_iter().chain(urls).chain([plain]))
        .expect(0);
    let live = gitlab.live_pairs();
    let raw = fs::read_to_string(world.home().join("audit.log")).unwrap();
    let shown = world.call(["log", "-n", "1000"]).expect(0).stdout;
    assert!(
        raw.contains("/api/v4/user") && raw.contains("refresh"),
        "{raw}"
    );
    let proxy = fs::read_to_string(proxy).unwrap();
    let password = proxy.split(['@', ':']).nth(2).unwrap();
    let mut secrets = vec!["private-words", password, &pair.access, &pair.refresh];
    secrets.extend(app.client_secret.as_deref());
    secrets.extend(
        live.iter()
            .flat_map(|pair| [pair.access.as_str(), &pair.refresh]),
    );
    for secret in secrets {
        assert!(
            !raw.contains(secret) && !shown.contains(secret),
            "{secret} in {raw}"
        );
    }
}

#[test]
fn a_denied_plain_request_is_logged_with_its_path() {
    let world = World::new();
    connect_elsewhere(&world, "https://localhost:1", None);
    let bearer = format!("Authorization: Bearer {PLACEHOLDER}");
    fetch(
        &world,
        &[],
        &["-H", &bearer, "http://localhost:2/api/v4/user?q=w"],
    )
    .expect_ours(403, "denied");
    let said = log(&world);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        (&said[0]["event"], &said[0]["host"]),
        (&"denied".into(), &"localhost:2".into())
    );
    assert_eq!(said[0]["path"], "/api/v4/user", "{}", said[0]);
    assert!(said[0]["milliseconds"].is_u64(), "{}", said[0]);
}

#[test]
fn a_request_whose_client_hangs_up_is_in_the_log() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    gitlab.fault(Endpoint::Api, Fault::Stall(LONG), 2);
    for (lines, version) in [(1, "http/1.1"), (2, "h2")] {
        gitlab.clear_seen();
        let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"DELETE /api/v4/projects/1 HTTP/1.1\r\nHost: {target}\r\n\r\n")
sys.stdin.readline()
peer.sock.close()
sys.stdin.readline()
"#;
        let program = if version == "h2" {
            r#"
import subprocess
child = subprocess.Popen(["curl", "-sS", "-X", "DELETE", f"https://{sys.argv[1]}/api/v4/projects/1"])
sys.stdin.readline()
child.kill()
child.wait()
sys.stdin.readline()
"#
        } else {
            program
        };
        let script = world.file("child.py", &format!("{PYTHON}{program}"));
        let mut command = world.authsome(["run", "--", "python3"]);
        command
            .arg(script)
            .arg(authority(&gitlab))
            .stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It has gone out with the credential and may have had its effect: the user must be able to see that.
        assert!(gitlab.wait_for(LONG, |seen| !seen.is_empty()));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"hang up\n").unwrap();
        // The session lives on, so it is not its end that writes the line.
        until(&format!("the line of {version}"), || {
            let is_request =
                |line: &&Value| line["method"] == "DELETE" && line["path"] == "/api/v4/projects/1";
            log(&world).iter().filter(is_request).count() == lines
        });
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_websocket_is_in_the_log() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    // One that is closed, and one that is open when the child ends.
    let program = r#"
peer, answer = websocket(sys.argv[1])
peer.send(frame(8, b""))
read_frame(peer)
peer.ended()
peer.sock.close()
sys.stdin.readline()
peer, answer = websocket(sys.argv[1])
peer.send(frame(1, b"hello"))
read_frame(peer)
"#;
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run", "--", "python3"]);
    command.arg(script).arg(authority(&gitlab));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    until("the line of the one that is closed", || {
        log(&world).len() == 1
    });
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(child.wait().unwrap().success());
    let said = log(&world);
    assert_eq!(said.len(), 2, "{said:?}");
    for line in said {
        assert_eq!(
            (&line["event"], &line["status"]),
            (&"injected".into(), &101.into()),
            "{line}"
        );
        assert_eq!(line["path"], "/api/v4/cable", "{line}");
    }
}

#[test]
fn an_unfinished_download_is_in_the_log() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    for (lines, version) in [(1, "--http1.1"), (2, "--http2")] {
        let url = format!("{}/api/v4/download?bytes=1000000000", gitlab.base_url());
        let script =
            format!("curl -sS {version} '{url}' | head -c 100000 > /dev/null; read -r end");
        let mut command = world.authsome(["run", "--", "bash", "-c", &script]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // The session lives on, so it is not its end that writes the line.
        until(&format!("the line of {version}"), || {
            log(&world).len() == lines
        });
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(child.wait().unwrap().success());
    }
    let said = log(&world);
    assert_eq!(said.len(), 2, "{said:?}");
    for line in said {
        assert_eq!(
            (&line["event"], &line["status"]),
            (&"injected".into(), &200.into()),
            "{line}"
        );
        let bytes = line["bytes"].as_u64().unwrap();
        assert!((100_000..1_000_000_000).contains(&bytes), "{line}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Children

/// What every Python child begins with: HTTP/1.1 by hand, through the session's proxy.
const PYTHON: &str = r#"
import base64, json, os, socket, ssl, struct, sys
from urllib.parse import urlsplit

PROXY = urlsplit(os.environ["HTTPS_PROXY"])
BASIC = base64.b64encode(f"{PROXY.username}:{PROXY.password}".encode()).decode()
PASSWORD = "Proxy-Authorization: Basic " + BASIC

class Peer:
    def __init__(self, sock):
        sock.settimeout(60)
        self.sock, self.held = sock, b""
    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())
    def more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError(self.held)
        self.held += piece
    def exactly(self, size):
        while len(self.held) < size:
            self.more()
        data, self.held = self.held[:size], self.held[size:]
        return data
    def line(self):
        while b"\r\n" not in self.held:
            self.more()
        line, self.held = self.held.split(b"\r\n", 1)
        return line.decode()
    def rest(self):
        try:
            while True:
                self.more()
        except EOFError:
            return self.held
    def fields(self):
        fields = {}
        while line := self.line():
            name, value = line.split(":", 1)
            fields[name.lower()] = value.strip()
        return fields
    def head(self):
        return int(self.line().split()[1]), self.fields()
    def answer(self):
        status, headers = self.head()
        body, trailers = b"", {}
        if "content-length" in headers:
            body = self.exactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            while size := int(self.line(), 16):
                body += self.exactly(size)
                self.line()
            trailers = self.fields()
        return {"status": status, "headers": headers, "body": body.decode(), "trailers": trailers}
    def ended(self):
        try:
            return self.sock.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

def proxy():
    return Peer(socket.create_connection((PROXY.hostname, PROXY.port)))

def connect(target, peer=None):
    peer = peer or proxy()
    peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{PASSWORD}\r\n\r\n")
    status, _ = peer.head()
    assert status == 200, status
    return peer

def tls(peer, name, check=True):
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    context.check_hostname = check
    context.set_alpn_protocols(["http/1.1"])
    return Peer(context.wrap_socket(peer.sock, server_hostname=name))

def managed(target):
    return tls(connect(target), target.split(":")[0])

def ask(peer, head):
    peer.send(head.replace("\n", "\r\n") + "\r\n\r\n")
    return peer.answer()

def say(value):
    print(json.dumps(value), flush=True)

def websocket(target):
    peer = managed(target)
    peer.send(f"GET /api/v4/cable HTTP/1.1\r\nHost: {target}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    status, headers = peer.head()
    return peer, {"status": status, "headers": headers}

def frame(opcode, payload):
    size, mask = len(payload), b"mask"
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))

def read_frame(peer):
    first, size = peer.exactly(2)
    if size == 126:
        size, = struct.unpack("!H", peer.exactly(2))
    elif size == 127:
        size, = struct.unpack("!Q", peer.exactly(8))
    return first & 15, peer.exactly(size)
"#;

/// Runs a Python program as the child; what it says, line by line.
pub(crate) fn python(
    world: &World,
    flags: &[&str],
    program: &str,
    arguments: &[String],
) -> Vec<Value> {
    let script = world.file("child.py", &format!("{PYTHON}{program}"));
    let mut command = world.authsome(["run"].iter().chain(flags).chain(&["--", "python3"]));
    command.arg(script).args(arguments);
    lines(&Outcome::of(command.output().unwrap()).expect(0).stdout)
}

/// What every Node child begins with: HTTP/2 through the session's proxy.
const NODE: &str = r"
const fs = require('fs'), http = require('http'), http2 = require('http2'), tls = require('tls');
const target = process.argv[2];
const proxy = new URL(process.env.HTTPS_PROXY);
const say = value => fs.writeSync(1, JSON.stringify(value) + '\n');
setTimeout(() => { console.error('too slow'); process.exit(1); }, 60000).unref();
function open(authority, then) {
    const password = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
    const headers = {'Proxy-Authorization': `Basic ${password}`};
    http.request({host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: authority, headers})
        .on('connect', (answer, socket) => {
            const ca = fs.readFileSync(process.env.SSL_CERT_FILE);
            const secured = tls.connect({socket, servername: 'localhost', ALPNProtocols: ['h2'], ca}, () => {
                const session = http2.connect(`https://${authority}`, {createConnection: () => secured});
                session.on('remoteSettings', () => then(session));
            });
        })
        .end();
}
";

/// Runs a Node program as the child with the server's authority; what it says, line by line.
fn node(world: &World, program: &str, gitlab: &FakeGitLab) -> Vec<Value> {
    let script = world.file("child.js", &format!("{NODE}{program}"));
    let script = script.display().to_string();
    lines(
        &world
            .run(["node", &script, &authority(gitlab)])
            .expect(0)
            .stdout,
    )
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

/// An answer as curl got it.
struct Answer {
    status: u16,
    version: String,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ str| {
            line.split_once(':')
                .is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let line = self.head.lines().find(|line| named(line))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// Fails the test unless authsome itself answered so; the JSON that says why.
    #[track_caller]
    fn expect_ours(&self, status: u16, code: &str) -> Value {
        let told = serde_json::json!({
            "status": self.status,
            "headers": {"authsome-error": self.header("authsome-error"), "content-type": self.header("content-type")},
            "body": self.text(),
        });
        expect_ours(&told, status, code)
    }
}

/// The same of an answer that a Python child told.
#[track_caller]
fn expect_ours(told: &Value, status: u16, code: &str) -> Value {
    assert_eq!(told["status"], status, "{told}");
    assert_eq!(told["headers"]["authsome-error"], code, "{told}");
    assert_eq!(
        told["headers"]["content-type"], "application/json",
        "{told}"
    );
    let body: Value = serde_json::from_str(told["body"].as_str().unwrap())
        .unwrap_or_else(|error| panic!("{error} in {told}"));
    assert_eq!(body["error"], code, "{told}");
    assert!(
        body["message"].as_str().unwrap().starts_with("authsome: "),
        "{told}"
    );
    assert!(!body["hint"].as_str().unwrap().is_empty(), "{told}");
    body
}

/// `authsome run FLAGS -- curl WORDS`.
fn fetch(world: &World, flags: &[&str], words: &[&str]) -> Answer {
    let (head, body) = (world.path("answer.head"), world.path("answer.body"));
    for file in [&head, &body] {
        File::create(file).unwrap(); // curl leaves the one of an earlier answer where this one has no body
    }
    let mut command = world.authsome(["run"].iter().chain(flags).chain(&[
        "--",
        "curl",
        "-sS",
        "--max-time",
        "60",
    ]));
    command
        .args([
            "--suppress-connect-headers",
            "-w",
            "%{http_version} %{http_code}",
            "-D",
        ])
        .arg(&head)
        .arg("-o")
        .arg(&body);
    let outcome = Outcome::of(command.args(words).output().unwrap()).expect(0);
    let (version, status) = outcome.stdout.split_once(' ').unwrap();
    Answer {
        status: status.parse().unwrap(),
        version: version.to_owned(),
        head: fs::read_to_string(head).unwrap(),
        body: fs::read(body).unwrap(),
    }
}

/// A child's lines, as they come.
struct Lines(BufReader<std::process::ChildStdout>);

impl Lines {
    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the child ended after {line:?}");
        line.trim_end().to_owned()
    }
}

/// Starts `authsome run -- COMMAND` and reads along.
fn spawn(world: &World, words: &[&str]) -> (Child, Lines) {
    let mut command = world.authsome(["run", "--"].iter().chain(words));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines(BufReader::new(child.stdout.take().unwrap()));
    (child, lines)
}

/// The log as it lies there.
fn log(world: &World) -> Vec<Value> {
    lines(&world.call(["--json", "log", "-n", "1000"]).expect(0).stdout)
}

pub(crate) fn authority(gitlab: &FakeGitLab) -> String {
    format!("localhost:{}", gitlab.port())
}

fn configure(world: &World, text: &str) {
    let path: PathBuf = world.home().join("config.toml");
    File::create(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// GitLab's own definition under another name, with variables of its own.
fn custom_provider(world: &World, name: &str) {
    let text = world.call(["inspect", "gitlab"]).expect(0).stdout;
    let mut definition: Value = serde_json::from_str(&text).unwrap();
    definition["name"] = name.into();
    let directory = world.home().join("providers");
    fs::create_dir_all(&directory).unwrap();
    let mut file = File::create(directory.join(format!("{name}.json"))).unwrap();
    file.write_all(definition.to_string().as_bytes()).unwrap();
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Servers

/// A connection whose provider is at `base`, with that private CA or none.
fn connect_elsewhere(world: &World, base: &str, ca_pem: Option<&str>) {
    let gitlab = FakeGitLab::start(); // it only issues the tokens
    world.connect_as("default", &gitlab, base, 7200);
    let mut connection = world.stored("default");
    connection.ca_pem = ca_pem.map(str::to_owned);
    world.store().create(&connection, true).unwrap();
}

/// A provider's side of a TLS connection.
type Tls = StreamOwned<ServerConnection, TcpStream>;

/// The head of an event stream of unknown length.
const EVENT_STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The answer to a WebSocket handshake.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A TLS server of which the test decides, and sees, every byte. It serves one connection after the other, over HTTP/1.1.
struct Scripted {
    port: u16,
    ca_pem: String,
}

impl Scripted {
    fn start(mut serve: impl FnMut(&mut Tls) + Send + 'static) -> Self {
        let permitted = [PermittedHost::Domain("localhost".to_owned())];
        let leaves =
            LeafCache::new(SessionCa::new(&permitted, Timestamp::now().to_system_time()).unwrap())
                .unwrap();
        let leaf = leaves.get(&"localhost".try_into().unwrap()).unwrap();
        let mut config = ServerConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(leaf.as_ref().clone())));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nodelay(true).unwrap();
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                serve(&mut StreamOwned::new(connection, stream));
            }
        });
        Self {
            port,
            ca_pem: leaves.ca_pem().to_owned(),
        }
    }

    fn authority(&self) -> String {
        format!("localhost:{}", self.port)
    }

    fn base_url(&self) -> String {
        format!("https://{}", self.authority())
    }
}

/// Reads a head to its end, and nothing behind it; what there is where the peer leaves before.
fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Lets `act` make one request to a provider that reads all and never answers; what it has read at the end of the session.
fn swallow(world: &World, act: impl FnOnce(&str)) -> String {
    let (tell, swallowed) = mpsc::channel();
    let upstream = Scripted::start(move |stream| {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all); // the request breaks off, so the connection may as well
        let _ = tell.send(String::from_utf8_lossy(&all).into_owned());
    });
    connect_elsewhere(world, &upstream.base_url(), Some(&upstream.ca_pem));
    act(&upstream.base_url());
    // Where the request was refused before a connection was made, nothing arrived either.
    let mut all = String::new();
    TcpStream::connect((Ipv4Addr::LOCALHOST, upstream.port))
        .unwrap()
        .shutdown(Shutdown::Both)
        .unwrap();
    while let Ok(more) = swallowed.recv_timeout(LONG) {
        if more.is_empty() {
            break; // our own connection, which comes last
        }
        all.push_str(&more);
    }
    all
}

/// A server without TLS that gives one fixed answer and keeps what it was asked.
struct Recorder {
    port: u16,
    heads: mpsc::Receiver<String>,
}

impl Recorder {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heads) = mpsc::channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let head = read_head(&mut stream);
                if tell.send(head).is_err() {
                    return;
                }
                let _ = stream.write_all(answer.as_bytes()); // the peer may have broken off
            }
        });
        Self { port, heads }
    }

    fn next(&self) -> String {
        self.heads.recv_timeout(LONG).expect("a request arrives")
    }

    fn all(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }
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
