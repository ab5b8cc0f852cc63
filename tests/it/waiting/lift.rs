//! A guard rule that the user lifts while the run goes on, after it has refused a request.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::api;
use crate::kit::session::Session;
use crate::kit::{Setup, World, until};

/// What the only run of the home responds on its socket.
fn ask(world: &World, request: &Value) -> Value {
    let sessions = std::fs::read_dir(world.home().join("sessions")).unwrap();
    let mut paths = sessions.map(|entry| entry.unwrap().path());
    let socket = paths.find(|path| path.extension().is_some_and(|end| end == "sock"));
    let mut stream = UnixStream::connect(socket.unwrap()).unwrap();
    stream.write_all(format!("{request}\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn a_rule_is_lifted_for_one_request_or_for_the_run() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let mut session = Session::start(&world);
    session.tell("true"); // it has begun
    let sends = |session: &mut Session, method: &str, path: &str| {
        let url = format!("{}{path}", gitlab.base_url());
        let curl = format!("curl -sS -o \"$HOME/body\" -w '%{{http_code}}' -X {method} '{url}'");
        session.tell(&curl) == "403"
            && std::fs::read_to_string(world.path("body")).is_ok_and(|it| it.contains("the rule"))
    };
    let [one, other] = [
        "/api/v4/projects/1/access_tokens",
        "/api/v4/projects/2/access_tokens",
    ];
    let lift = |how: &str, path: &str, rule: &str| {
        let rule = format!("gitlab/{rule}");
        let method = if rule.ends_with("sudo") {
            "GET"
        } else {
            "POST"
        };
        let request = json!({
            "do": "lift", "how": how, "rule": rule, "connection": "gitlab/default", "method": method, "path": path
        });
        ask(&world, &request)
    };
    let token = "project-access-token";
    assert_eq!(lift("once", one, token)["error"], "not_refused"); // nothing to lift yet
    assert!(sends(&mut session, "POST", one));
    assert_eq!(lift("for ever", one, token)["error"], "bad_request");
    assert_eq!(lift("once", other, token)["error"], "not_refused");
    assert_eq!(lift("once", one, "deploy-key")["error"], "not_refused");
    assert_eq!(lift("once", one, token)["lifted"]["how"], "once");
    assert!(sends(&mut session, "POST", other)); // another one
    assert!(!sends(&mut session, "POST", one));
    assert!(sends(&mut session, "POST", one)); // the next one
    assert_eq!(
        lift("run", one, token)["lifted"]["rule"],
        "gitlab/project-access-token"
    );
    for path in [one, other, one] {
        assert!(!sends(&mut session, "POST", path));
    }
    // Other rules hold, and the start of the next run knows nothing of it.
    assert!(sends(&mut session, "POST", "/api/v4/user/keys"));
    // A rule about what is sent is decided at the start of a run.
    assert!(sends(&mut session, "GET", "/api/v4/user?sudo=1"));
    assert_eq!(lift("run", "/api/v4/user", "sudo")["error"], "not_liftable");
    assert!(sends(&mut session, "GET", "/api/v4/user?sudo=1"));
    until("four lines in the log", || {
        let log = std::fs::read_to_string(world.home().join("audit.log")).unwrap();
        let lifted = "\"reason\":\"the user has lifted the rule\"";
        log.matches(lifted).count() == 4
    });
    let refused = api(&mut session, "/refused");
    assert!(!refused.to_string().contains("liftable"), "{refused}");
    session.end(0);
    let mut session = Session::start(&world);
    assert!(sends(&mut session, "POST", one));
    session.end(0);
}

#[test]
fn what_a_policy_denies_as_well_stays_denied() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let path = "/api/v4/projects/1/access_tokens";
    let url = format!("{}{path}", gitlab.base_url());
    let post = format!("curl -sS -o /dev/null -w '%{{http_code}}' -X POST '{url}'");
    let lift = json!({
        "do": "lift", "how": "run", "rule": "gitlab/project-access-token",
        "connection": "gitlab/default", "method": "POST", "path": path,
    });
    for rules in [&["--read-only"][..], &["--deny-path", "gitlab=POST /**"]] {
        let mut session = Session::start_with(&world, |command| {
            let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            let mut denying = world.authsome([&["run"], rules].concat());
            denying.args(&words[1..]);
            *command = denying;
        });
        assert_eq!(session.tell(&post), "403");
        // Whether a run that only reads lets a POST pass is told by more than its path.
        let told = ask(&world, &lift);
        assert!(
            rules.len() == 1 || told["error"] == "not_liftable",
            "{told}"
        );
        assert_eq!(session.tell(&post), "403", "{rules:?}");
        session.end(0);
    }
}
