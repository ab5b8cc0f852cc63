//! `authsome proxy`: a session whose children are started by something else.

mod bad;
mod container;
mod files;
mod login_port;
mod many;
mod ready;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use authsome_test_support::Arrived;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::{Outcome, Setup, World};

/// A proxy that serves, and what it has said about itself.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) ready: serde_json::Value,
}

impl Proxy {
    /// Starts one; it is ready when this returns.
    pub(crate) fn start(world: &World, flags: &[&str]) -> Self {
        let mut command = world.authsome(["--json", "proxy"]);
        command.args(flags);
        Self::of(command)
    }

    pub(crate) fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut told = String::new();
        let stdout = child.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout);
        while !told.ends_with("\n}\n") && lines.read_line(&mut told).unwrap() > 0 {}
        let ready = serde_json::from_str(&told);
        let ready = ready.unwrap_or_else(|error| {
            panic!(
                "{error}: {told}{:?}",
                child.stderr.take().map(std::io::read_to_string)
            )
        });
        Self { child, ready }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Ends it as a service manager does.
    pub(crate) fn end(self) -> Outcome {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    pub(crate) fn wait(self) -> Outcome {
        Outcome::of(self.child.wait_with_output().unwrap())
    }
}

/// A script in the environment of that file, started by something that knows nothing of authsome.
fn script(world: &World, file: &str, text: &str) -> Outcome {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("set -a; . {file}; {text}"));
    shell
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    shell.env("HOME", world.directory.path());
    shell.current_dir(world.directory.path());
    Outcome::of(shell.output().unwrap())
}

fn private(path: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path)
        .unwrap()
        .mode()
        .is_multiple_of(0o100)
}

#[test]
fn children_that_something_else_starts_are_served_until_sigterm() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    let file = world.path("agent.env").display().to_string();
    let proxy = Proxy::start(&world, &["--env-file", &file]);
    assert_eq!(proxy.text("env_file"), file);
    assert!(private(&PathBuf::from(&file)));
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let fetch = format!("curl -sS --fail-with-body {url}");
    for _ in 0..2 {
        let told = script(&world, &file, &fetch).expect(0);
        assert_eq!(told.json()["username"], "ada");
    }
    let python = format!(
        "python3 -c 'import urllib.request; print(urllib.request.urlopen(\"{url}\").read().decode())'"
    );
    assert_eq!(
        script(&world, &file, &python).expect(0).json()["username"],
        "ada"
    );
    let token = script(&world, &file, "printenv GITLAB_ACCESS_TOKEN").expect(0);
    assert_eq!(token.stdout, "authsome-proxy-managed\n");
    for seen in gitlab.seen() {
        let expected = Arrived::Bearer {
            token: pair.access.clone(),
        };
        assert_eq!(seen.credential, expected);
    }
    // Without the password nobody is served.
    let address = proxy.text("address");
    let blunt =
        format!("curl -sS -o /dev/null -w '%{{http_connect}}' -x http://{address} {url} || true");
    assert!(script(&world, "/dev/null", &blunt).stdout.contains("407"));
    // What belongs to the session tells so, and gets no secret from authsome.
    let inside = world
        .authsome(["export", "gitlab"])
        .env("AUTHSOME_SESSION", proxy.text("session"))
        .output();
    Outcome::of(inside.unwrap()).expect(4);
    let status = world
        .authsome(["status", "--offline", "--json"])
        .env("AUTHSOME_SESSION", proxy.text("session"))
        .output();
    let told = Outcome::of(status.unwrap()).expect(0).json();
    assert_eq!(told["run"]["run"], proxy.ready["session"], "{told}");
    assert_eq!(told["run"]["pid"], proxy.ready["pid"], "{told}");
    let places = told["run"]["places"].to_string();
    assert!(places.contains(&gitlab.base_url()), "{told}");
    let runs = world.call(["runs", "--json"]).expect(0).json();
    let live = runs
        .as_array()
        .unwrap()
        .iter()
        .find(|run| run["live"] == true)
        .unwrap();
    assert!(live["command"].to_string().contains("proxy"), "{live}");
    let directory = PathBuf::from(proxy.text("directory"));
    assert!(directory.is_dir());
    proxy.end().expect(0);
    assert!(!directory.exists() && !PathBuf::from(&file).exists());
    let runs = world.call(["runs", "--json"]).expect(0).json();
    assert_eq!(runs[0]["injected"], 3, "{runs}");
}

#[test]
fn each_form_of_the_environment_has_the_same_variables() {
    let Setup { world, .. } = Setup::connected();
    let file = world.path("agent.env").display().to_string();
    for format in ["shell", "dotenv", "docker", "json"] {
        let proxy = Proxy::start(&world, &["--env-file", &file, "--format", format]);
        let text = std::fs::read_to_string(&file).unwrap();
        let variables: Vec<(String, String)> = match format {
            "json" => {
                let object: serde_json::Value = serde_json::from_str(&text).unwrap();
                let pairs = object.as_object().unwrap().iter();
                pairs
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                    .collect()
            }
            "docker" => {
                let lines = text.lines().filter(|line| !line.starts_with('#'));
                lines.map(pair).collect()
            }
            _ => {
                let shown = script(&world, &file, "env -0").expect(0).stdout;
                shown.split_terminator('\0').map(pair).collect()
            }
        };
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| known == name);
            found
                .unwrap_or_else(|| panic!("{format}: no {name} in {text}"))
                .1
                .clone()
        };
        assert_eq!(
            value("GITLAB_ACCESS_TOKEN"),
            "authsome-proxy-managed",
            "{format}"
        );
        let address = proxy.text("address");
        assert!(
            value("HTTPS_PROXY").ends_with(&format!("@{address}")),
            "{format}"
        );
        assert_eq!(value("AUTHSOME_SESSION"), proxy.text("session"), "{format}");
        assert!(value("NODE_OPTIONS").contains("--require"), "{format}");
        proxy.end().expect(0);
    }
}

fn pair(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').expect(line);
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_client_at_the_socket_needs_no_password_and_gets_the_connections_alone() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let socket = world.path("proxy.sock");
    let shown = socket.display().to_string();
    let directory = world.path("files").display().to_string();
    let flags = ["--socket", &shown, "--dir", &directory, "--policy", "deny"];
    let proxy = Proxy::start(&world, &flags);
    assert_eq!(
        (proxy.text("socket"), proxy.text("directory")),
        (shown.clone(), directory.clone())
    );
    assert!(private(&socket));
    let curl = |url: &str| {
        let bundle = format!("{directory}/bundle.pem");
        let mut curl = Command::new("python3");
        curl.arg("-c").arg(BY_SOCKET).args([&shown, &bundle, url]);
        Outcome::of(curl.output().unwrap())
    };
    let told = curl(&format!("{}/api/v4/user", gitlab.base_url())).expect(0);
    assert!(
        told.stdout.contains("\"username\":\"ada\"")
            || told.stdout.contains("\"username\": \"ada\""),
        "{told:?}"
    );
    let refused = curl("https://other.test:443/").expect(1);
    assert!(refused.stderr.contains("403"), "{refused:?}");
    proxy.end().expect(0);
    assert!(!socket.exists() && !PathBuf::from(directory).exists());
}

/// A CONNECT over a Unix socket, then TLS and a request: what a sandbox does.
const BY_SOCKET: &str = r#"
import http.client, socket, ssl, sys
from urllib.parse import urlsplit
path, bundle, url = sys.argv[1:]
url = urlsplit(url)
raw = socket.socket(socket.AF_UNIX)
raw.connect(path)
raw.sendall(f"CONNECT {url.hostname}:{url.port} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
head = b""
while not head.endswith(b"\r\n\r\n"):
    head += raw.recv(1)
if b" 200 " not in head:
    sys.exit(head.decode())
tls = ssl.create_default_context(cafile=bundle).wrap_socket(raw, server_hostname=url.hostname)
tls.sendall(f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode())
response = http.client.HTTPResponse(tls)
response.begin()
print(response.read().decode())
"#;
