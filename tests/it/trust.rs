//! Which server is trusted, and what is said of one that is not: real certificates of OpenSSL's making, on the ways of a login, a refresh and
//! a request.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::admission::is_root;
use crate::child::{behind, finish, run};
use crate::forms::{Login, consent, visit};
use crate::kit::{Outcome, World};
use authsome_test_support::kit::port_7998;
use authsome_test_support::{App, FakeGitLab};

const NAMES: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/// A certificate and its key.
struct Made {
    certificate: String,
    key: String,
}

/// `openssl req -x509`, as people make one, with these extensions.
fn self_signed(world: &World, extensions: &[&str]) -> Made {
    let (certificate, key) = (world.path("made.pem"), world.path("made.key"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
    ]);
    openssl
        .args(["-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    Outcome::of(openssl.output().unwrap()).expect(0);
    Made {
        certificate: std::fs::read_to_string(certificate).unwrap(),
        key: std::fs::read_to_string(key).unwrap(),
    }
}

/// A leaf of a CA that nobody has, with those dates.
fn leaf(names: &[&str], years: (i32, i32), is_ca: bool) -> Made {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap()
    } else {
        params.signed_by(&key, &authority).unwrap()
    };
    Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

fn serving(made: &Made) -> FakeGitLab {
    FakeGitLab::builder()
        .identity(&made.certificate, &made.key)
        .start()
}

/// A login that the server's certificate, or its TLS, ends before anybody is asked for consent.
fn refused(world: &World, base: &str, ca: Option<&std::path::Path>) -> Outcome {
    let _port = port_7998();
    let mut command = world.authsome(["login", "gitlab", "--no-browser", "--client-id", "x"]);
    command.args(["--base-url", base]);
    if let Some(ca) = ca {
        command.arg("--ca-file").arg(ca);
    }
    Login::spawn(command, None).end().expect(8)
}

#[test]
fn a_servers_own_certificate_as_ca_file_does_for_login_refresh_and_requests() {
    let world = World::new();
    for made in [
        self_signed(&world, &[NAMES]), // CA:TRUE, as OpenSSL has it
        self_signed(&world, &[NAMES, "basicConstraints=critical,CA:FALSE"]),
        leaf(&["localhost"], (2024, 2044), false),
    ] {
        let (world, gitlab) = (World::new(), serving(&made));
        let app = gitlab.register_app(false);
        world.login(&gitlab, &app, &[]).expect(0);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let asked = world
            .run(["curl", "-sS", "--fail-with-body", &url])
            .expect(0);
        assert_eq!(asked.json()["username"], "ada");
        world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
        let asked = world
            .run(["curl", "-sS", "--fail-with-body", &url])
            .expect(0);
        assert_eq!(asked.json()["username"], "ada");
        assert_eq!(gitlab.refreshes(), 1);
        world.call(["revoke", "gitlab"]).expect(0);
        assert_eq!(gitlab.revocations(), 1);
    }
}

#[test]
fn another_certificate_of_the_same_name_is_not_it() {
    let world = World::new();
    let (here, there) = (self_signed(&world, &[NAMES]), self_signed(&world, &[NAMES]));
    let gitlab = serving(&here);
    let other = world.file("other.pem", &there.certificate);
    let outcome = refused(&world, &gitlab.base_url(), Some(&other));
    assert!(outcome.stderr.contains("--ca-file"), "{}", outcome.stderr);
    assert_eq!(gitlab.token_requests(), 0);
}

#[test]
fn a_servers_own_certificate_counts_for_its_names_and_dates_only() {
    let world = World::new();
    let cases = [
        (
            leaf(&["other.test"], (2024, 2044), true),
            "for other.test, not for localhost",
            "--base-url",
        ),
        (
            leaf(&["localhost"], (2020, 2021), true),
            "has ended at 2021-01-01",
            "date",
        ),
        (
            leaf(&["localhost"], (2020, 2021), false),
            "has ended at 2021-01-01",
            "date",
        ),
        (
            leaf(&["localhost"], (2043, 2044), true),
            "begins at 2043-01-01",
            "date",
        ),
        (
            self_signed(&world, &[]),
            "no subjectAltName",
            "subjectAltName",
        ),
    ];
    for (made, words, hint) in cases {
        let gitlab = serving(&made);
        let outcome = refused(&world, &gitlab.base_url(), Some(gitlab.ca_file()));
        let hinted = outcome
            .stderr
            .lines()
            .find(|line| line.starts_with("hint: "))
            .unwrap();
        assert!(
            outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
        assert!(hinted.contains(hint), "{hint}: {hinted}");
        assert!(
            !hinted.contains("--ca-file"),
            "what cannot help is not hinted: {hinted}"
        );
        // The same of a request, whose answer says it.
        let world = World::new();
        world.connect(&gitlab);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let told = world.run(["curl", "-sS", &url]).expect(0).json();
        assert_eq!(told["error"], "upstream_tls");
        assert!(told["message"].as_str().unwrap().contains(words), "{told}");
        assert!(
            !told["hint"].as_str().unwrap().contains("--ca-file"),
            "{told}"
        );
    }
}

#[test]
fn an_unknown_self_signed_certificate_is_called_what_it_is() {
    let world = World::new();
    let gitlab = serving(&self_signed(&world, &[NAMES]));
    let outcome = refused(&world, &gitlab.base_url(), None);
    assert!(outcome.stderr.contains("self-signed"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: ") && outcome.stderr.contains("--ca-file"));
}

#[test]
fn a_private_ca_is_enough_where_the_system_has_no_roots() {
    if !is_root("a_private_ca_is_enough_where_the_system_has_no_roots") {
        return;
    }
    let hidden = "for there in /etc/ssl /etc/pki /usr/share/ca-certificates; do \
        [ ! -d $there ] || mount -t tmpfs none $there; done; exec \"$@\"";
    let without_roots = ["unshare", "-m", "sh", "-c", hidden, "sh"];
    for made in [None, Some(leaf(&["localhost"], (2024, 2044), true))] {
        let world = World::new();
        let gitlab = made.as_ref().map_or_else(FakeGitLab::start, serving);
        let app = gitlab.register_app(false);
        let outcome = login_behind(&without_roots, &world, &gitlab, &app);
        outcome.expect(0);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let command = run(&world, &[], &["curl", "-sS", "--fail-with-body", &url]);
        let asked = finish(behind(&without_roots, &command)).expect(0);
        assert_eq!(asked.json()["username"], "ada");
    }
}

fn login_behind(wrapper: &[&str], world: &World, gitlab: &FakeGitLab, app: &App) -> Outcome {
    let port = port_7998();
    let model = world.authsome([
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &gitlab.base_url(),
    ]);
    let mut command = behind(wrapper, &model);
    command
        .arg("--ca-file")
        .arg(gitlab.ca_file())
        .args(["--client-id", &app.client_id]);
    let mut login = Login::spawn(command, Some(port));
    let url = login.url();
    visit(&consent(gitlab, &url));
    login.end()
}

// ---- servers whose TLS is not taken ----

/// `openssl s_server` on a port of its own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(world: &World, made: &Made, flags: &[&str]) -> Self {
        let certificate = world.file("server.pem", &made.certificate);
        let key = world.file("server.key", &made.key);
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(certificate);
        openssl.arg("-key").arg(key).args(flags);
        let mut child = openssl
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let accepts = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with("ACCEPT"));
        let port = accepts
            .unwrap()
            .rsplit_once(':')
            .unwrap()
            .1
            .parse()
            .unwrap();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_of_old_is_refused_in_words_that_say_why() {
    let world = World::new();
    let made = self_signed(&world, &[NAMES]);
    let ca = world.file("ca.pem", &made.certificate);
    for (flags, words) in [
        (
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"][..],
            "with CBC",
        ),
        (
            &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            "exchange keys by RSA",
        ),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "TLS 1.2 or 1.3"),
        (&["-tls1_3", "-Verify", "1"], "client certificate"),
        (&["-tls1_2", "-Verify", "1"], "client certificate"),
    ] {
        let server = Server::start(&world, &made, flags);
        let base = format!("https://localhost:{}", server.port);
        let outcome = refused(&world, &base, Some(&ca));
        assert!(
            outcome.stderr.contains(words),
            "{flags:?}: {}",
            outcome.stderr
        );
        assert!(
            !outcome.stderr.contains("for a private CA"),
            "{flags:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_port_that_does_not_speak_tls_is_called_that() {
    let world = World::new();
    let (port, _serving) = plain_server(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let outcome = refused(&world, &format!("https://localhost:{port}"), None);
    assert!(
        outcome.stderr.contains("does not speak TLS"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("port in --base-url"),
        "{}",
        outcome.stderr
    );
}

/// A server that answers the first bytes of each connection with these, until the test ends.
fn plain_server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut first = [0; 4096];
            let length = stream.read(&mut first).unwrap_or_default();
            let _ = stream.write_all(&answer(&first[..length]));
        }
    });
    (port, serving)
}
