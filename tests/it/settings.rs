//! Clients with settings of the user's, or of a tool within the run: what was set on purpose holds,
//! and no client dies of what we set.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::kit::{Outcome, Setup, World};

/// A proxy that refuses everything, and knows what it was asked for.
struct Refusing {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Refusing {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                thread::spawn(move || Self::refuse(&stream, &noted));
            }
        });
        Self { port, seen }
    }

    fn refuse(mut stream: &TcpStream, noted: &Mutex<Vec<String>>) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        let _ = lines.find(String::is_empty);
        noted.lock().unwrap().push(first);
        let refusal = b"HTTP/1.1 403 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(refusal); // a client may have left
    }

    /// Whether somebody wanted that host.
    fn was_asked_for(&self, host: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .any(|line| line.starts_with(&format!("CONNECT {host}:")))
    }
}

/// What a sandbox does that has a proxy of its own: it sets the usual variables, and no others.
const RE_POINTED: &str = "for name in HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy; do
    export $name=http://127.0.0.1:$0
done
git ls-remote https://git.elsewhere.test/x
python3 -m pip download -q --no-input --disable-pip-version-check --retries 0 --no-deps --index-url https://pip.elsewhere.test/ nothing
npm view nothing --registry https://npm.elsewhere.test/ --fetch-retries 0
true";

#[test]
fn a_tool_within_the_run_may_put_another_proxy_into_the_usual_variables() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url_at("gitlab.test"), 7200);
    let other = Refusing::start();
    let outcome = world.run(["sh", "-c", RE_POINTED, &other.port.to_string()]);
    for client in ["git", "pip", "npm"] {
        let host = format!("{client}.elsewhere.test");
        assert!(other.was_asked_for(&host), "{host}: {outcome:?}");
    }
}

#[test]
fn a_proxy_in_a_tools_own_settings_does_not_lead_around_the_session() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url_at("gitlab.test"), 7200);
    let corporate = Refusing::start();
    let proxy = format!("http://127.0.0.1:{}", corporate.port);
    world.file(
        ".gitconfig",
        &format!("[http \"https://gitlab.test\"]\n\tproxy = {proxy}\n"),
    );
    world.file(".npmrc", &format!("https-proxy={proxy}\nproxy={proxy}\n"));
    std::fs::create_dir(world.path(".pip")).unwrap();
    world.file(".pip/pip.conf", &format!("[global]\nproxy = {proxy}\n"));
    let script = "git ls-remote https://elsewhere.test/x
        python3 -m pip download -q --no-input --disable-pip-version-check --retries 0 --no-deps --index-url https://elsewhere.test/ nothing
        npm view nothing --registry https://elsewhere.test/ --fetch-retries 0
        true";
    let outcome = world.run(["sh", "-c", script]);
    assert!(!corporate.was_asked_for("elsewhere.test"), "{outcome:?}");
    assert!(
        outcome.stderr.contains("502"),
        "git says what our proxy said: {outcome:?}"
    );
}

#[test]
fn a_curlrc_with_several_options_in_a_word_does_not_lead_around_the_proxy() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let included = world.file("more", "-sSx http://127.0.0.1:1\n-H x-mine:yes\n");
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for curlrc in [
        "-sSx http://127.0.0.1:1\n".to_owned(),
        "-sSfxhttp://127.0.0.1:1\n".to_owned(),
        "-s6\n".to_owned(),
        format!("config = \"{}\"\n", included.display()),
    ] {
        world.file(".curlrc", &curlrc);
        let outcome = world.run(["curl", "-f", &url]).expect(0);
        assert!(outcome.stdout.contains("ada"), "{curlrc}: {outcome:?}");
    }
}

#[test]
fn a_host_that_the_user_excludes_is_reached_as_without_us() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, "https://gitlab.test", 7200);
    let free = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free); // nobody listens there: a database that is not up yet
    let exit = |excluded: &str, flags: &[&str]| {
        let url = format!("http://127.0.0.2:{port}");
        let words = [&["run"], flags, &["--", "curl", "-s", &url]].concat();
        let mut command: Command = world.authsome(words);
        let output = command.env("NO_PROXY", excluded).output().unwrap();
        output.status.code()
    };
    let refused = Some(7); // as `until curl -s http://db:5432` waits for it to end
    assert_eq!(exit("127.0.0.2", &[]), refused);
    assert_eq!(exit("gitlab.test,127.0.0.0/8", &[]), refused);
    assert_eq!(exit("gitlab.test", &[]), Some(0), "a page of ours");
    let denied = ["--policy", "deny"];
    assert_eq!(exit("127.0.0.2", &denied), Some(0), "the refusal's page");
}

#[test]
fn a_node_with_a_permission_model_starts() {
    let world = World::new();
    let program = world.file(
        "app.js",
        "console.log(process.env.HTTPS_PROXY !== undefined)",
    );
    let program = program.to_str().unwrap();
    let version = Command::new("node").arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let model = if version.starts_with("v20.") {
        "--experimental-permission"
    } else {
        "--permission"
    };
    let readable = format!("--allow-fs-read={program}");
    let outcome = world.run(["node", model, &readable, program]).expect(0);
    assert_eq!(outcome.stdout, "true\n");
    let mut command = world.authsome(["run", "--", "sh", "-c", "exec node \"$0\"", program]);
    let outcome = command.env("NODE_OPTIONS", format!("{model} {readable}"));
    let outcome = Outcome::of(outcome.output().unwrap()).expect(0);
    assert_eq!(outcome.stdout, "true\n");
}
