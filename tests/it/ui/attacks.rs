//! Who is kept from the page: other sites in the same browser, other users, processes of a run,
//! whoever reads the browser's arguments, and who gets its port.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use nix::unistd::Uid;
use serde_json::json;

use super::Ui;
use crate::kit::run::{Running, finish, like, run};
use crate::kit::{Setup, World, until};

/// What an attacker would like to be done.
const LOGOUT: &str = "{\"do\":\"logout\",\"provider\":\"gitlab\",\"connection\":\"default\"}";

fn is_connected(world: &World) -> bool {
    world.store().list().unwrap().len() == 1
}

#[test]
fn another_sites_page_in_the_same_browser_reads_and_decides_nothing() {
    let Setup { world, .. } = Setup::connected();
    let ui = Ui::start(&world, &[], &[]);
    let session = format!("Bearer {}", ui.session());
    let known = ("authorization", session.as_str()); // even if it had that
    let refused = |fields: &[(&str, &str)], code: &str| {
        let fields = [&[known], fields].concat();
        let answer = ui.ask("POST", "/do", &fields, LOGOUT);
        assert_eq!(answer.error(), code, "{fields:?}");
        assert!(!answer.head.contains("access-control-allow"));
    };
    // 1–6: fetch and forms of another origin, of another port, of a sandboxed frame, without CORS.
    refused(&[("origin", "http://evil.test")], "cross_site");
    refused(&[("origin", "http://127.0.0.1:1")], "cross_site");
    refused(&[("origin", "null")], "cross_site");
    refused(&[("origin", "")], "cross_site");
    refused(&[("sec-fetch-site", "cross-site")], "cross_site");
    refused(&[("content-type", "text/plain")], "cross_site");
    // 7: DNS rebinding, whose requests are of the same origin in the browser's eyes.
    let rebound = [("host", "evil.test:80"), ("origin", "http://evil.test:80")];
    refused(&rebound, "misdirected");
    let page = ui.ask("GET", "/", &rebound, "");
    assert_eq!(page.status, 421);
    // 8: without the session, whatever else is right.
    for offered in ["", "Bearer ", "Bearer x", ui.token()] {
        let answer = ui.ask("POST", "/do", &[("authorization", offered)], LOGOUT);
        assert_eq!(answer.error(), "no_session", "{offered}");
        let events = ui.ask("GET", "/events", &[("authorization", offered)], "");
        assert_eq!(events.error(), "no_session", "{offered}");
    }
    // 9: a preflight is answered by nothing that would allow it.
    let preflight = [
        ("origin", "http://evil.test"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = ui.ask("OPTIONS", "/do", &preflight, "");
    assert!(answer.status >= 400 && !answer.head.contains("access-control-allow"));
    // 10: in a frame, or as a script, an image, or a style of another page.
    let page = ui.ask("GET", "/", &[("origin", ""), ("content-type", "")], "");
    assert_eq!(page.status, 200);
    for field in [
        "x-frame-options: deny",
        "frame-ancestors 'none'",
        "cross-origin-resource-policy: same-origin",
        "cross-origin-opener-policy: same-origin",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "default-src 'none'",
    ] {
        assert!(page.head.contains(field), "{field}: {}", page.head);
    }
    assert!(!page.head.contains("set-cookie"));
    assert!(!page.body.contains(ui.token()));
    assert!(is_connected(&world));
    // The page itself can.
    let done = ui.ask("POST", "/do", &[known], LOGOUT);
    assert_eq!(done.json()["removed_locally"], true);
    assert!(!is_connected(&world));
    assert_eq!(ui.end(), Some(0));
}

#[test]
fn an_address_that_is_used_twice_ends_the_page() {
    let Setup { world, .. } = Setup::connected();
    let mut ui = Ui::start(&world, &[], &[]);
    let session = ui.session(); // 11: who has read the browser's arguments was first, or comes second
    let body = json!({ "token": ui.token() }).to_string();
    assert_eq!(
        ui.ask("POST", "/session", &[], &body).error(),
        "used_before"
    );
    assert_eq!(ui.running.child.wait().unwrap().code(), Some(1));
    assert!(TcpStream::connect(ui.address()).is_err());
    // 12: whoever gets the port now learns a session that nobody takes any more.
    let thief = TcpListener::bind(ui.address()).unwrap();
    drop(thief);
    let again = Ui::start(
        &world,
        &["--port", ui.address().rsplit(':').next().unwrap()],
        &[],
    );
    let stale = format!("Bearer {session}");
    let answer = again.ask("POST", "/do", &[("authorization", &stale)], LOGOUT);
    assert_eq!(answer.error(), "no_session");
    let answer = again.ask("POST", "/session", &[], &body);
    assert_eq!(answer.error(), "wrong_token");
    assert!(is_connected(&world));
    assert_eq!(again.end(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_no_page() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = world
        .call(["ui", "--no-browser", "--port", &port])
        .expect(8);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("authsome ui"), "{}", outcome.stderr);
}

/// Asks for the page and prints the first line of the response's body.
const ASKS: &str = "import os,socket,sys
try:
    import ctypes; ctypes.CDLL(None).prctl(4, int(os.environ.get('DUMPABLE', '1')))
except Exception: pass
host, port = os.environ['UI'].split(':')
s = socket.create_connection((host, int(port)))
body = os.environ['BODY'].encode()
s.sendall(b'POST /session HTTP/1.1\\r\\nhost: ' + os.environ['UI'].encode() + b'\\r\\norigin: http://' + os.environ['UI'].encode() + b'\\r\\ncontent-type: application/json\\r\\nconnection: close\\r\\ncontent-length: ' + str(len(body)).encode() + b'\\r\\n\\r\\n' + body)
data = b''
while True:
    more = s.recv(65536)
    if not more: break
    data += more
print(data.split(b'\\r\\n\\r\\n')[-1].decode(), flush=True)";

#[test]
fn a_process_of_a_run_gets_no_session_though_it_knows_the_token() {
    let Setup { world, .. } = Setup::connected();
    let ui = Ui::start(&world, &[], &[]);
    let script = world.file("asks.py", ASKS);
    let words = ["python3", script.to_str().unwrap()];
    let body = json!({ "token": ui.token() }).to_string();
    // 13: as it is, and hidden: without its variable and undumpable, so that nobody sees what it
    // has open.
    for (unset, dumpable) in [(false, "1"), (true, "1"), (true, "0")] {
        let wrapper: &[&str] = if unset {
            &["env", "-u", "AUTHSOME_SESSION"]
        } else {
            &[]
        };
        let mut command = run(&world, &["--quiet"], &[wrapper, &words].concat());
        command
            .env("UI", ui.address())
            .env("BODY", &body)
            .env("DUMPABLE", dumpable);
        if dumpable == "0" && Uid::effective().is_root() {
            continue; // root sees them all the same
        }
        let outcome = finish(command).expect(0);
        assert!(
            outcome.stdout.contains("\"refused\""),
            "{unset} {dumpable}: {}",
            outcome.stdout
        );
    }
    // 14: `authsome` itself, within a run.
    let authsome = crate::kit::binary().to_str().unwrap();
    for words in [&["ui", "--no-browser"][..], &["ps"], &["stop", "x"]] {
        let outcome = finish(run(&world, &["--quiet"], &[&[authsome], words].concat()));
        assert_eq!(outcome.code, Some(4), "{words:?}: {}", outcome.stderr);
    }
    // The same words outside of a run are served.
    let mut free = like(&world.authsome::<&str>([]), words);
    free.env("UI", ui.address()).env("BODY", &body);
    let outcome = finish(free).expect(0);
    assert!(outcome.stdout.contains("\"session\""), "{}", outcome.stdout);
    assert!(is_connected(&world));
    assert_eq!(ui.end(), Some(0));
}

#[test]
fn another_user_of_the_machine_is_refused() {
    if !Uid::effective().is_root() {
        return; // only root can become another user
    }
    let world = World::new();
    let ui = Ui::start(&world, &[], &[]);
    let origin = format!("origin: http://{}", ui.address());
    let body = json!({ "token": ui.token() }).to_string();
    let mut words = vec![
        "setpriv",
        "--reuid=12345",
        "--clear-groups",
        "curl",
        "-q",
        "-s",
    ];
    let url = format!("http://{}/session", ui.address());
    words.extend([
        "-H",
        &origin,
        "-H",
        "content-type: application/json",
        "-d",
        &body,
        &url,
    ]);
    let stranger = like(&world.authsome::<&str>([]), words); // 15
    let outcome = finish(stranger).expect(0);
    assert!(
        outcome.stdout.contains("another user's"),
        "{}",
        outcome.stdout
    );
    let _ = ui.session(); // the token has not been used
    assert_eq!(ui.end(), Some(0));
}

#[test]
fn a_page_that_only_reads_changes_nothing() {
    let Setup { world, .. } = Setup::connected();
    let mut running = Running::start(run(
        &world,
        &["--quiet"],
        &["sh", "-c", "echo here; read -r line; exit 0"],
    ));
    assert_eq!(running.line().as_deref(), Some("here"));
    let ui = Ui::start(&world, &["--read-only"], &[]);
    let session = format!("Bearer {}", ui.session());
    let known = [("authorization", session.as_str())];
    let mut id = String::new();
    until("the run in the log", || {
        let runs = ui.ask("POST", "/do", &known, "{\"do\":\"runs\"}").json();
        let found = runs["runs"][0]["run"].as_str().map(str::to_owned);
        found.is_some_and(|found| {
            id = found;
            true
        })
    });
    let of_run = |verb: &str| json!({ "do": "run", "run": id, "ask": { "do": verb } }).to_string();
    for body in [
        LOGOUT.to_owned(),
        LOGOUT.replace("logout", "revoke"),
        LOGOUT.replace("logout", "login"),
        LOGOUT.replace("logout", "renew"),
        LOGOUT.replace("logout", "set_default"),
        json!({ "do": "allow", "rule": "gitlab/project-access-token", "before": "" }).to_string(),
        of_run("stop"),
        of_run("decide"),
        of_run("lift"),
    ] {
        assert_eq!(
            ui.ask("POST", "/do", &known, &body).error(),
            "read_only",
            "{body}"
        );
    }
    let listed = ui
        .ask("POST", "/do", &known, "{\"do\":\"connections\"}")
        .json();
    assert_eq!(listed["connections"][0]["status"], "connected");
    assert_eq!(listed["connections"][0]["access_token"], "***");
    assert_eq!(
        ui.ask("POST", "/do", &known, &of_run("state")).json()["run"],
        id
    );
    assert!(is_connected(&world));
    running.release();
    assert!(running.end().success());
    assert_eq!(ui.end(), Some(0));
}

#[test]
fn events_of_all_runs_are_streamed_for_others() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let mut stream = Running::start(world.authsome(["ui", "--json"]));
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let mut running = Running::start(run(
        &world,
        &["--quiet"],
        &[
            "sh",
            "-c",
            &format!("echo here; read -r line; curl -s -o /dev/null {url}; read -r line; exit 0"),
        ],
    ));
    assert_eq!(running.line().as_deref(), Some("here"));
    let next = |event: &str| loop {
        let line = stream.line().unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        if value["event"] == event {
            return value;
        }
    };
    assert_eq!(next("state")["connections"], json!(["gitlab/default"]));
    next("live");
    running.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    assert_eq!(next("injected")["status"], 200);
    running.release();
    next("run_end");
    drop(stream.child.kill());
    assert!(running.end().success());
}
