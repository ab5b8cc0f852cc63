//! Another user of the same machine, at the login's port and at the proxy's: real processes with
//! another uid, and none of their ways works.

use std::process::Command;

use crate::kit::admission::{SOMEBODY_ELSE, Scene, is_root, waiting};
use crate::kit::browser::{consent, csrf, next_line, parameter, recording_browser, visit};
use crate::kit::login::{Login, LoginRun, assert_nothing_stored, with_client_id};
use crate::kit::run::{Running, behind, like};
use crate::kit::{Outcome, Setup, World};
use authsome_test_support::{AuthorizeResponse, FakeGitLab};

/// What every attack begins with. Each way prints its name and what came of it, one line each.
const ATTACKER: &str = include_str!("kit/children/strangers_attacker.py");

/// The attacker at work on what the test knows, which is more than an attacker would.
fn attack(program: &str, facts: &serde_json::Value) -> Command {
    let program = format!("{ATTACKER}{program}");
    let mut python = Command::new("python3");
    python.args(["-c", &program, &facts.to_string()]);
    behind(&SOMEBODY_ELSE, &python)
}

fn said(command: &mut Command) -> Vec<String> {
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    outcome.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn another_user_tries_the_form_and_the_login_goes_on() {
    if !is_root("another_user_tries_the_form_and_the_login_goes_on") {
        return;
    }
    let mut walk = LoginRun::to_form();
    let facts = serde_json::json!({ "csrf": csrf() });
    let ways = said(&mut attack(
        r#"
mine = "csrf=" + FACTS["csrf"] + "&client_id=mallory&client_secret="
say("reads the form", http("GET", "/"))
say("posts its application", http("POST", "/client", mine))
say("posts as a browser does", http("POST", "/client", mine, "Sec-Fetch-Site: same-origin\r\nConnection: close\r\n"))
say("comes by IPv6", http("GET", "/", address=("::ffff:127.0.0.1", 7998), family=socket.AF_INET6))
say("two requests at once", http("GET", "/", more="Connection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1:7998\r\n"))
say("forges a redirect", http("GET", "/auth/callback/oauth?code=c&state=s"))
say("speaks HTTP/2", speak(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"))
for option in [socket.SO_REUSEADDR, socket.SO_REUSEPORT]:
    for address in ["127.0.0.1", "0.0.0.0"]:
        thief = socket.socket()
        thief.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            thief.bind((address, 7998))
            thief.listen()
            print("takes the port: taken")
        except OSError:
            print("takes the port: refused")
"#,
        &facts,
    ));
    let refused = [
        "reads the form: 403",
        "posts its application: 403",
        "posts as a browser does: 403",
        "comes by IPv6: 403",
        "two requests at once: 403",
        "forges a redirect: 403",
    ];
    assert_eq!(ways[..6], refused);
    assert!(["speaks HTTP/2: cut off", "speaks HTTP/2: 400"].contains(&ways[6].as_str()));
    assert_eq!(ways[7..], ["takes the port: refused"; 4]);
    let outcome = walk.finish_by_form().expect(0);
    assert_eq!(
        outcome.stderr.matches("another user").count(),
        1,
        "said once"
    );
    let stored = walk.world.stored("default").client.unwrap().client_id;
    assert_eq!(stored, walk.app.client_id);
}

#[test]
fn idle_connections_of_another_user_do_not_shut_the_owner_out() {
    if !is_root("idle_connections_of_another_user_do_not_shut_the_owner_out") {
        return;
    }
    let mut walk = LoginRun::to_form();
    let mut attacker = Running::start(attack(
        r#"
idle = [socket.create_connection(("127.0.0.1", 7998)) for _ in range(200)]
for peer in idle[::2]: peer.sendall(b"GET / HTTP/1.1\r\n")
print("held", flush=True)
sys.stdin.read()
"#,
        &serde_json::json!({}),
    ));
    assert_eq!(attacker.line().unwrap(), "held");
    walk.finish_by_form().expect(0);
    attacker.release();
    assert_eq!(attacker.end().code(), Some(0));
}

#[test]
fn another_user_tries_to_finish_the_login_and_the_owner_does() {
    if !is_root("another_user_tries_to_finish_the_login_and_the_owner_does") {
        return;
    }
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let (browser, mut opened) = recording_browser(&world);
    let words = ["--client-id", &app.client_id];
    let mut login = Login::start(&world, &gitlab, &words, Some(&browser), &[]);
    let url = login.url();
    // What everybody can read in the browser's argument list.
    let argument = next_line(&mut opened);
    let state = parameter(&url, "state");
    assert!(!argument.contains(&state));
    // Mallory's own consent, with a state that was found out somehow.
    let theirs = consent(&gitlab, &url);
    let path = |url: &str| {
        url.strip_prefix("http://127.0.0.1:7998")
            .unwrap()
            .to_owned()
    };
    let facts = serde_json::json!({
        "start": path(&argument), "callback": path(&theirs), "state": state,
    });
    let ways = said(&mut attack(
        r#"
say("follows the browser's address", http("GET", FACTS["start"]))
say("finishes with its account", http("GET", FACTS["callback"]))
say("finishes by IPv6", http("GET", FACTS["callback"], address=("::ffff:127.0.0.1", 7998), family=socket.AF_INET6))
say("ends the login", http("GET", "/auth/callback/oauth?error=access_denied&state=" + FACTS["state"]))
"#,
        &facts,
    ));
    assert_eq!(
        ways,
        [
            "follows the browser's address: 403",
            "finishes with its account: 403",
            "finishes by IPv6: 403",
            "ends the login: 403",
        ]
    );
    assert_eq!(gitlab.token_requests(), 0);
    assert_eq!(
        visit(&argument).header("location"),
        Some(&*url),
        "not used up"
    );
    visit(&consent(&gitlab, &url));
    login.end().expect(0);
}

#[test]
fn another_user_tries_the_proxy_and_the_run_goes_on() {
    if !is_root("another_user_tries_the_proxy_and_the_run_goes_on") {
        return;
    }
    let scene = Scene::new();
    let (mut running, proxy) = waiting(&scene);
    let proxy = url::Url::parse(&proxy).unwrap();
    let host = scene.gitlab.base_url().replace("https://", "");
    let facts = serde_json::json!({
        "port": proxy.port().unwrap(), "password": proxy.password().unwrap(), "host": host,
    });
    let ways = said(&mut attack(
        r#"
import base64
PROXY = ("127.0.0.1", FACTS["port"])
right = "Proxy-Authorization: Basic " + base64.b64encode(f"authsome:{FACTS['password']}".encode()).decode() + "\r\n"
def ask(line, more=""): return speak(f"{line} HTTP/1.1\r\nHost: {FACTS['host']}\r\n{more}\r\n".encode(), address=PROXY)
url = f"https://{FACTS['host']}/api/v4/user"
say("asks", ask("GET " + url))
say("asks with the password", ask("GET " + url, right))
say("opens a tunnel with the password", ask("CONNECT " + FACTS["host"], right))
say("opens another's tunnel", ask("CONNECT example.test:443", right))
mapped = speak(f"GET {url} HTTP/1.1\r\nHost: x\r\n{right}\r\n".encode(), ("::ffff:127.0.0.1", FACTS["port"]), socket.AF_INET6)
say("comes by IPv6", mapped)
say("speaks HTTP/2", speak(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", address=PROXY))
say("speaks TLS", speak(bytes.fromhex("16030100050100000100"), address=PROXY))
idle = [socket.create_connection(PROXY) for _ in range(300)]
print("idle: held", flush=True)
"#,
        &facts,
    ));
    assert_eq!(
        ways[..5],
        [
            "asks: 403",
            "asks with the password: 403",
            "opens a tunnel with the password: 403",
            "opens another's tunnel: 403",
            "comes by IPv6: 403",
        ]
    );
    for way in &ways[5..7] {
        assert!(way.ends_with("cut off") || way.ends_with("400"), "{way}");
    }
    assert_eq!(ways[7], "idle: held");
    assert!(scene.gitlab.seen().is_empty(), "nothing arrived");
    running.release();
    assert_eq!(running.end().code(), Some(0));
}

// ---- who finished is asked where it is not known ----

/// Runs a login at a terminal of its own, pastes an address, answers the question, and prints what
/// was shown and the exit code.
const TERMINAL: &str = include_str!("kit/children/strangers_terminal.py");

fn paste_and_answer(response: &str) -> (World, FakeGitLab, Outcome) {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let follow = crate::kit::browser::script(
        &world,
        "follow",
        &format!(
            "#!/bin/sh\nexec curl -q -sS --noproxy '*' -o /dev/null -w '%{{redirect_url}}' --cacert '{}' \"$1\"\n",
            gitlab.ca_file().display()
        ),
    );
    let _port = authsome_test_support::kit::port_7998();
    let base = gitlab.base_url();
    let ca = gitlab.ca_file().display().to_string();
    let words = [
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &base,
        "--ca-file",
        &ca,
    ];
    let model = world.authsome(words.into_iter().chain(["--client-id", &app.client_id]));
    let script = world.file("terminal.py", TERMINAL);
    let words = [
        "python3".into(),
        script.into_os_string(),
        follow.into_os_string(),
        response.into(),
    ];
    let words = words.into_iter().chain([model.get_program().to_owned()]);
    let words = words.chain(model.get_args().map(std::ffi::OsStr::to_owned));
    let mut command = like(&model, words);
    let outcome = Outcome::of(command.output().unwrap());
    assert!(
        outcome.stdout.contains("account ada (1)") && outcome.stdout.contains(&app.client_id),
        "{outcome:?}"
    );
    (world, gitlab, outcome)
}

#[test]
fn a_pasted_login_is_stored_when_the_user_knows_the_account() {
    let (world, gitlab, outcome) = paste_and_answer("y");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(gitlab.live_pairs().len(), 1);
    world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_pasted_login_that_is_declined_is_neither_stored_nor_left_alive() {
    for response in ["n", ""] {
        let (world, gitlab, outcome) = paste_and_answer(response);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(
            outcome
                .stdout
                .contains("not confirmed, and its grant was revoked")
        );
        assert_eq!(gitlab.live_pairs().len(), 0);
        assert_nothing_stored(&world);
    }
}

#[test]
fn a_grant_that_cannot_be_stored_is_revoked() {
    let gitlab = FakeGitLab::start();
    gitlab.authorize_responses(AuthorizeResponse::Approve);
    let mut walk = LoginRun::at(gitlab, false, &[], with_client_id);
    let url = walk.login.url();
    // The name is taken between the login's start and its end.
    let (_, other) = walk.world.connect(&walk.gitlab);
    let page = visit(&consent(&walk.gitlab, &url));
    assert_eq!(page.status, 400, "{}", page.body);
    walk.login.end().expect(6);
    let alive: Vec<_> = walk.gitlab.live_pairs();
    assert_eq!(alive, [other]);
    assert_eq!(get_token(&walk.world), alive[0].access);
}

fn get_token(world: &World) -> String {
    world.stored("default").tokens.access.expose().clone()
}
