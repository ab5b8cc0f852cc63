//! The host that was checked is the host that is asked: its spelling, its addresses, and the target behind it.

#![allow(
    clippy::unwrap_used,
    reason = "what fails here fails the test, with its place"
)]

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use authsome_test_support::{App, Arrived, FakeGitLab, kit};
use serde_json::Value;

use crate::kit::{Outcome, World};
use crate::proxy::{authority, python};
use crate::upstream_proxy::Socks;

/// A name that only the hosts file of a test knows; the fake server's certificate has it.
const NAME: &str = "two.gitlab.test";

/// Where nobody answers, and where the server is: both are this machine's, and neither is nearer to the resolver.
const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Far beyond two attempts, and far below a wait for the first one's time-out.
const SOON: Duration = Duration::from_secs(4);

// ---------------------------------------------------------------------------------------------------------------------------------
// The name

#[test]
fn what_is_forwarded_has_the_tunnels_own_authority() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
port = target.split(":")[1]
for host in [target, f"LOCALHOST:{port}", f"localhost.:{port}", f"localhost:0{port}", "localhost"]:
    say(ask(managed(target), f"GET /api/v4/user HTTP/1.1\nHost: {host}"))
say(ask(managed(target), f"GET https://LOCALHOST:0{port}/api/v4/user HTTP/1.1\nHost: localhost"))
say(ask(managed(target), "GET /api/v4/user HTTP/1.0"))
for place in [target, f"LOCALHOST.:0{port}"]:
    say(ask(proxy(), f"GET https://{place}/api/v4/user HTTP/1.1\nHost: evil.test\n{PASSWORD}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    for answer in &told {
        assert_eq!(answer["status"], 200, "{answer}");
    }
    let seen = gitlab.seen();
    assert_eq!((seen.len(), told.len()), (9, 9));
    for request in seen {
        let hosts: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name == "host")
            .collect();
        assert_eq!(hosts.len(), 1, "{request:?}");
        assert_eq!(hosts[0].1, authority(&gitlab), "{request:?}");
    }
}

#[test]
fn a_name_that_servers_could_read_differently_is_refused() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
target = sys.argv[1]
port = target.split(":")[1]
for host in [f"[localhost]:{port}", "[localhost]", f"localhost:+{port}", f"localhost: {port}", f"localhost :{port}",
             f"me@{target}", f"{target}:{port}", f"{target},evil.test", f"localhost..:{port}", f"[{target}]"]:
    say(ask(managed(target), f"GET /api/v4/user HTTP/1.1\nHost: {host}"))
for place in [f"[localhost]:{port}", f"localhost:+{port}", f"me@{target}"]:
    peer = managed(target)
    peer.send(f"GET https://{place}/api/v4/user HTTP/1.1\r\nHost: {target}\r\n\r\n")
    say(peer.answer())
for place in [f"[localhost]:{port}", f"localhost:+{port}", f"me@{target}"]:
    peer = proxy()
    peer.send(f"GET https://{place}/api/v4/user HTTP/1.1\r\nHost: {target}\r\n{PASSWORD}\r\n\r\n")
    say({"status": peer.head()[0]})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    let (inside, outside) = told.split_at(13);
    for answer in inside {
        // What is not even a URL is malformed.
        let status = answer["status"].as_u64().unwrap();
        assert!([421, 400].contains(&status), "{answer}");
        assert!(!answer["headers"]["authsome-error"].is_null(), "{answer}");
    }
    let misdirected = inside.iter().filter(|answer| answer["status"] == 421);
    assert!(misdirected.count() >= 10, "{inside:?}");
    for answer in outside {
        assert_eq!(answer["status"], 400, "{answer}");
    }
    assert!(gitlab.seen().is_empty(), "{:?}", gitlab.seen());
}

#[test]
fn every_spelling_of_an_address_is_that_address() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url_at("127.0.0.1"), 7200);
    let program = r#"
port = sys.argv[1].split(":")[1]
for host in ["[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "127.1", "0x7f.0.0.1", "2130706433"]:
    say(ask(tls(connect(f"{host}:{port}"), "127.0.0.1"), f"GET /api/v4/user HTTP/1.1\nHost: {host}:{port}"))
for host in ["[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "localhost."]:
    say(ask(proxy(), f"CONNECT {host}:{PROXY.port} HTTP/1.1\nHost: {host}\n{PASSWORD}"))
    say(ask(proxy(), f"GET http://{host}:{PROXY.port}/ HTTP/1.1\nHost: {host}\n{PASSWORD}"))
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    let (managed, own) = told.split_at(5);
    for answer in managed {
        assert_eq!(answer["status"], 200, "{answer}");
    }
    let place = format!("127.0.0.1:{}", gitlab.port());
    for request in gitlab.seen() {
        let token = pair.access.clone();
        assert_eq!(request.credential, Arrived::Bearer { token });
        assert_eq!(request.header("host"), Some(&*place));
    }
    assert_eq!(own.len(), 10);
    for answer in own {
        assert_eq!(answer["status"], 403, "{answer}");
        let body = answer["body"].as_str().unwrap();
        assert!(body.contains("come back to this proxy"), "{answer}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// The target

#[test]
fn a_target_goes_on_as_browsers_would_write_it() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/user?q=\"<a>\"`\\|'&r=%3c", gitlab.base_url());
    let told = world.run(["curl", "-sSgf", "--http1.1", &url]).expect(0);
    assert!(told.stdout.contains("ada"), "{told:?}");
    let seen = gitlab.seen();
    let query = seen[0].query.as_deref();
    assert_eq!(query, Some("q=%22%3Ca%3E%22`\\|'&r=%3c"));
    let program = r#"
peer = managed(sys.argv[1])
peer.send(f"GET /api/v4/a b HTTP/1.1\r\nHost: {sys.argv[1]}\r\n\r\n")
say(peer.answer())
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 400, "{}", told[0]);
    assert!(
        told[0]["body"].as_str().unwrap().contains("%20"),
        "{}",
        told[0]
    );
    assert_eq!(gitlab.seen().len(), 1);
}

/// h2 resets its stream before anybody has seen the request.
#[test]
fn a_target_that_http2_does_not_take_is_in_the_log() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let url = format!("{}/api/v4/user?q=\"<a>", gitlab.base_url());
    let told = world.run(["curl", "-sSg", "--http2", &url]);
    assert_eq!(told.code, Some(92), "{told:?}");
    let log = world.call(["--json", "log", "-n", "10"]).expect(0).stdout;
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("PROTOCOL_ERROR"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(&authority(&gitlab)), "{log}");
    assert!(gitlab.seen().is_empty());
}

#[test]
fn over_http2_the_name_is_ours_as_well() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let base = gitlab.base_url();
    let port = gitlab.port();
    for host in [format!("LOCALHOST.:0{port}"), "localhost".to_owned()] {
        let header = format!("Host: {host}"); // curl writes it into `:authority`
        let url = format!("{base}/api/v4/user");
        let words = ["curl", "-sSf", "--http2", "-H", &header, &url];
        let told = world.run(words).expect(0);
        assert!(told.stdout.contains("ada"), "{told:?}");
    }
    for host in [format!("[localhost]:{port}"), format!("localhost:+{port}")] {
        let header = format!("Host: {host}");
        let url = format!("{base}/api/v4/user");
        let words = [
            "curl",
            "-sS",
            "--http2",
            "-H",
            &header,
            "-w",
            "%{http_code}",
            &url,
        ];
        let told = world.run(words);
        assert!(
            told.code == Some(92) || told.stdout.ends_with("421"),
            "{told:?}"
        );
    }
    let seen = gitlab.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        let place = authority(&gitlab);
        assert_eq!(request.header(":authority"), Some(&*place), "{request:?}");
        assert_eq!(request.header("host"), None, "{request:?}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Its addresses

#[test]
fn a_silent_first_address_does_not_use_the_time_of_the_second() {
    if !can_have_a_hosts_file() {
        return;
    }
    let gitlab = FakeGitLab::builder().bind(IpAddr::V4(SERVER)).start();
    let _silence = Silence::at(gitlab.port());
    let (base, socks) = (gitlab.base_url_at(NAME), Socks::start());
    let by_socks = socks.url().replace("socks5h", "socks5");
    for proxy in [None, Some(&*by_socks)] {
        let world = World::new();
        world.connect_as("default", &gitlab, &base, 0); // expired: its refresh goes by the same way
        let blind = format!("https://{NAME}:{}/api/v4/user", gitlab.port());
        let script = format!("curl -sSf '{blind}'");
        let mut command = world.authsome(["run", "--", "sh", "-c", &script]);
        if let Some(proxy) = proxy {
            command.env("ALL_PROXY", proxy);
        }
        let (outcome, took) = with_hosts(&world, &command);
        assert!(outcome.expect(0).stdout.contains("ada"));
        assert!(took < SOON, "{proxy:?}: {took:?}");
    }
    assert_eq!(gitlab.refreshes(), 2);
    let place = format!("{SERVER}:{}", gitlab.port());
    assert_eq!(socks.seen(), [place.clone(), place]);
}

#[test]
fn a_blind_tunnel_finds_the_address_that_answers() {
    if !can_have_a_hosts_file() {
        return;
    }
    let gitlab = FakeGitLab::builder().bind(IpAddr::V4(SERVER)).start();
    let _silence = Silence::at(gitlab.port());
    let world = World::new();
    let url = format!("https://{NAME}:{}/api/v4/version", gitlab.port());
    let trust = gitlab.ca_file().display().to_string();
    let command = world.authsome(["run", "--", "curl", "-sS", "--cacert", &trust, &url]);
    let (outcome, took) = with_hosts(&world, &command);
    outcome.expect(0);
    assert!(took < SOON, "{took:?}");
    assert_eq!(gitlab.seen().len(), 1);
}

#[test]
fn a_login_finds_the_address_that_answers() {
    if !can_have_a_hosts_file() {
        return;
    }
    let gitlab = FakeGitLab::builder().bind(IpAddr::V4(SERVER)).start();
    let _silence = Silence::at(gitlab.port());
    let (world, app) = (World::new(), gitlab.register_app(false));
    let _port = kit::port_7998();
    let browser = kit::browser_script(world.path("").as_path(), gitlab.ca_file());
    let (base, ca) = (
        gitlab.base_url_at(NAME),
        gitlab.ca_file().display().to_string(),
    );
    let App { client_id, .. } = app;
    let mut command = world.authsome(["login", "gitlab", "--base-url", &base, "--ca-file", &ca]);
    command
        .args(["--client-id", &client_id])
        .env("BROWSER", browser);
    let (outcome, _) = with_hosts(&world, &command);
    outcome.expect(0);
    // Whether the server is there is not found out by a request that it does not expect.
    let seen = gitlab.seen();
    assert!(
        seen.iter().all(|request| request.method != "HEAD"),
        "{seen:?}"
    );
}

#[test]
fn a_wait_for_a_connection_is_told_with_its_setting() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let _silence = Silence::at(gitlab.port());
    let base = gitlab.base_url_at("silent.gitlab.test");
    world.connect_as("default", &gitlab, &base, 7200);
    configure(&world, "[timeouts]\nconnect_seconds = 1\n");
    let address = format!("silent.gitlab.test:{}:{SILENT}", gitlab.port());
    let url = format!("{base}/api/v4/user");
    for version in ["--http1.1", "--http2"] {
        let words = [
            "run",
            "--resolve",
            &address,
            "--",
            "curl",
            "-sS",
            version,
            &url,
        ];
        let told = world.call(words).expect(0).json();
        assert_eq!(told["error"], "upstream_timeout", "{told}");
        assert!(
            told["message"].as_str().unwrap().contains("within 1 s"),
            "{told}"
        );
        let hint = told["hint"].as_str().unwrap();
        assert!(hint.contains("`connect_seconds`"), "{told}");
        assert!(!hint.contains("response_seconds"), "{told}");
    }
}

#[test]
fn a_wait_that_makes_no_sense_is_an_error_that_names_it() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    for (name, value) in [
        ("response_seconds", "9223372036854775807"),
        ("response_seconds", "0"),
        ("connect_seconds", "-1"),
        ("connect_seconds", "86401"),
    ] {
        configure(&world, &format!("[timeouts]\n{name} = {value}\n"));
        let outcome = world.run(["true"]);
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stderr.contains(name), "{outcome:?}");
        assert!(outcome.stderr.contains("from 1 to 86400"), "{outcome:?}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// What a connection holds

/// A session's end waits a moment for the connections that it counts.
#[test]
fn an_upgraded_connection_in_absolute_form_counts_to_its_end() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let program = r#"
import time
target, command = sys.argv[1], os.getpid()
peer = proxy()
peer.send(f"GET https://{target}/api/v4/cable HTTP/1.1\r\nHost: {target}\r\n{PASSWORD}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
say({"status": peer.head()[0]})
if os.fork():
    os._exit(0)
while os.getppid() == command:
    time.sleep(0.001)
time.sleep(0.2) # a session that waits for nobody has ended by then, one that does has not
try:
    peer.send(frame(1, b"hello"))
    say({"echo": read_frame(peer)[1].decode()})
except (EOFError, OSError) as error:
    say({"echo": None})
"#;
    let told: Vec<Value> = python(&world, &[], program, &[authority(&gitlab)]);
    assert_eq!(told[0]["status"], 101, "{told:?}");
    assert_eq!(told[1]["echo"], "hello", "{told:?}");
}

// ---------------------------------------------------------------------------------------------------------------------------------
// Places

/// An address and a port where connections are neither taken nor refused: the room for those that wait is full.
struct Silence {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Silence {
    fn at(port: u16) -> Self {
        let listener = TcpListener::bind((SILENT, port)).unwrap();
        let address = SocketAddr::from((SILENT, port));
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            waiting.push(stream);
        }
        Self {
            _listener: listener,
            _waiting: waiting,
        }
    }
}

/// A command that sees a hosts file of its own.
fn in_own_mounts(hosts: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-current-user", "--mount", "sh", "-c"]);
    command.args([r#"mount --bind "$0" /etc/hosts && exec "$@""#, hosts]);
    command
}

/// Whether this machine lets one have it.
fn can_have_a_hosts_file() -> bool {
    let tried = in_own_mounts("/etc/hosts")
        .arg("true")
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        kit::skip("there is no unshare --mount on this machine");
    }
    can
}

/// Runs a command that finds both addresses under [`NAME`], the silent one first; how it ended, and how long that took.
fn with_hosts(world: &World, inner: &Command) -> (Outcome, Duration) {
    let text = format!("127.0.0.1 localhost\n{SILENT} {NAME}\n{SERVER} {NAME}\n");
    let hosts = world.file("hosts", &text);
    let mut command = in_own_mounts(hosts.to_str().unwrap());
    command.arg(inner.get_program()).args(inner.get_args());
    command.env_clear().stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let start = Instant::now();
    let outcome = Outcome::of(command.output().unwrap());
    (outcome, start.elapsed())
}

fn configure(world: &World, text: &str) {
    let mut file = File::create(world.home().join("config.toml")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
