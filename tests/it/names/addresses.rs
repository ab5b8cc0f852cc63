//! Which of its addresses a name is reached at.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use authsome_test_support::{App, FakeGitLab, kit};

use crate::kit::socks::Socks;
use crate::kit::{Outcome, Setup, World};

/// A name that only the hosts file of a test knows; the fake server's certificate has it.
const NAME: &str = "two.gitlab.test";

/// Where nobody answers, and where the server is: both are this machine's, and neither is nearer to
/// the resolver.
const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Far beyond two attempts, and far below a wait for the first one's time-out.
const SOON: Duration = Duration::from_secs(4);

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
    let (world, gitlab) = Setup::unconnected();
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
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
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

/// An address and a port where connections are neither taken nor refused: the room for those that
/// wait is full.
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

/// Runs a command that finds both addresses under [`NAME`], the silent one first; how it ended, and
/// how long that took.
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
