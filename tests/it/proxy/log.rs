//! A line for each request, and no secret in any.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use authsome_test_support::{Endpoint, Fault};
use serde_json::Value;

use crate::kit::client::{LONG, PYTHON, authority, fetch, log};
use crate::kit::servers::connect_elsewhere;
use crate::kit::{PLACEHOLDER, Setup, World, until};

#[test]
fn the_log_has_a_line_for_each_injected_denied_and_failed_request() {
    let Setup { world, gitlab, .. } = Setup::connected();
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
    let (world, gitlab) = Setup::unconnected();
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
    let Setup { world, gitlab, .. } = Setup::connected();
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
        // It has gone out with the credential and may have had its effect: the user must be able to
        // see that.
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
    let Setup { world, gitlab, .. } = Setup::connected();
    // One that is closed, and one that is open when the child ends.
    let program = r#"
peer, response = websocket(sys.argv[1])
peer.send(frame(8, b""))
read_frame(peer)
peer.ended()
peer.sock.close()
sys.stdin.readline()
peer, response = websocket(sys.argv[1])
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
    let Setup { world, gitlab, .. } = Setup::connected();
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
