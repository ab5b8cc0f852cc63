//! A run's socket: what it tells, who may ask, and how it ends a run; `ps`, `stop` and
//! `revoke --all`, which use it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::kit::run::{Running, TIMEOUT, run};
use crate::kit::{Outcome, Setup, World, until};

/// Asks for its own run's state by the socket, and prints the response.
const ASKS: &str = "import glob,os,socket
for p in glob.glob(os.environ['HOME_OF_RUNS'] + '/sessions/*.sock'):
    s = socket.socket(socket.AF_UNIX)
    s.connect(p)
    s.sendall(b'{\"do\":\"state\"}\\n')
    print(s.makefile().readline(), flush=True)";

/// A command that says that it is there, and then waits until it is released.
const WAITS: [&str; 3] = ["sh", "-c", "echo here; read -r line; exit 0"];

/// The only run of the home: its ID.
fn id_of_run(world: &World) -> String {
    let found = sockets(world);
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    one.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn sockets(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.home().join("sessions")).into_iter();
    let paths = entries.flatten().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "sock"))
        .collect()
}

/// A connection to the socket of the only run, after the request.
fn ask(world: &World, request: &Value) -> BufReader<UnixStream> {
    let mut stream = UnixStream::connect(&sockets(world)[0]).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(format!("{request}\n").as_bytes()).unwrap();
    BufReader::new(stream)
}

fn next(lines: &mut BufReader<UnixStream>) -> Option<Value> {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
}

fn next_of(lines: &mut BufReader<UnixStream>, event: &str) -> Value {
    loop {
        let value = next(lines).unwrap_or_else(|| panic!("ended before {event}"));
        if value["event"] == event {
            return value;
        }
    }
}

/// A run whose command makes a request for each line that it is given.
fn requesting(world: &World, url: &str) -> Running {
    let script = format!(
        "echo here; while read -r line; do curl -s -o /dev/null -H 'PRIVATE-TOKEN: x' '{url}?private_token=x'; done"
    );
    let running = Running::start(run(world, &["--quiet"], &["sh", "-c", &script]));
    assert_eq!(running.line().as_deref(), Some("here"));
    running
}

#[test]
fn who_watches_sees_a_request_begin_and_end_and_what_was_changed() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let mut running = requesting(&world, &url);
    let path = &sockets(&world)[0];
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let state = next(&mut ask(&world, &json!({ "do": "state" }))).unwrap();
    assert_eq!(state["run"], id_of_run(&world));
    assert_eq!(state["connections"], json!(["gitlab/default"]));
    assert_eq!(state["injected"], 0);

    let mut watched = ask(&world, &json!({ "do": "watch" }));
    assert_eq!(next(&mut watched).unwrap()["event"], "state");
    assert_eq!(next(&mut watched).unwrap()["event"], "run_start");
    assert_eq!(next(&mut watched).unwrap()["event"], "live");
    running.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let began = next_of(&mut watched, "began");
    assert_eq!(began["path"], "/api/v4/user"); // no query
    let ended = next_of(&mut watched, "injected");
    assert_eq!(ended["request"], began["request"]);
    assert_eq!(ended["status"], 200);
    assert_eq!(
        ended["stripped"],
        json!(["private-token", "?private_token"])
    );
    assert_eq!(ended["put_on"], "header authorization");

    // One that comes later sees what was, without what only watchers were told.
    let mut late = ask(&world, &json!({ "do": "watch" }));
    let before = next_of(&mut late, "injected");
    assert!(before["request"].is_null());
    next_of(&mut late, "live");

    running.release();
    for watch in [&mut watched, &mut late] {
        assert_eq!(next_of(watch, "run_end")["end"]["exit"], 0);
        assert_eq!(next(watch), None);
    }
    assert!(running.end().success());
    assert_eq!(sockets(&world), Vec::<PathBuf>::new());
    let log = std::fs::read_to_string(world.home().join("audit.log")).unwrap();
    assert!(!log.contains("stripped") && !log.contains("began"));
}

#[test]
fn what_is_no_request_is_refused_and_the_run_goes_on() {
    let world = World::new();
    let mut running = Running::start(run(&world, &["--quiet"], &WAITS));
    assert_eq!(running.line().as_deref(), Some("here"));
    for (text, code) in [
        ("\n", "malformed"),
        ("{}\n", "malformed"),
        ("[1]\n", "malformed"),
        ("{\"do\":1}\n", "malformed"),
        ("{\"do\":\"frobnicate\"}\n", "unknown_request"),
        (&format!("{}\n", "x".repeat(100_000)), "malformed"),
    ] {
        let mut stream = UnixStream::connect(&sockets(&world)[0]).unwrap();
        let _ = stream.write_all(text.as_bytes());
        let response = next(&mut BufReader::new(stream));
        assert_eq!(response.unwrap()["error"], code, "{}", text.len());
    }
    // More clients than are served wait for their turn, and whoever leaves gives its own up.
    let waiting: Vec<_> = (0..40)
        .map(|_| ask(&world, &json!({ "do": "watch" })))
        .collect();
    drop(waiting);
    assert!(next(&mut ask(&world, &json!({ "do": "state" }))).is_some());
    running.release();
    assert!(running.end().success());
}

#[test]
fn a_process_of_a_run_is_refused_however_it_hides() {
    let world = World::new();
    let mut other = Running::start(run(&world, &["--quiet"], &WAITS));
    assert_eq!(other.line().as_deref(), Some("here"));
    let script = world.file("asks.py", ASKS);
    let python = format!("python3 '{}'", script.display());
    let unmarked = format!("env -u AUTHSOME_SESSION {python}");
    // As it is; without the mark; as a daemon that has left its session and its parent.
    let daemon = format!(
        "(setsid sh -c '{unmarked} > \"$HOME/said\"; echo > \"$HOME/done\"' &); while ! [ -e \"$HOME/done\" ]; do sleep 0.01; done; cat \"$HOME/said\"; rm \"$HOME/done\""
    );
    let python_daemon = daemon.replace(
        &format!("'{}'", script.display()),
        &script.display().to_string(),
    );
    for words in [python.clone(), unmarked, python_daemon] {
        let mut command = run(&world, &["--quiet"], &["sh", "-c", &words]);
        command.env("HOME_OF_RUNS", world.home());
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        let said: Vec<Value> = { outcome.stdout.lines() }
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(said.len(), 2, "{words}: {}", outcome.stdout); // its own run, and the other one
        for one in said {
            assert_eq!(one["error"], "inside_run", "{words}");
        }
    }
    // A process outside, with the mark of a living run: as what a multiplexer's server starts.
    let mut marked = crate::kit::run::like(&world.authsome::<&str>([]), ["sh", "-c", &python]);
    marked.env("HOME_OF_RUNS", world.home());
    let free = Outcome::of(marked.output().unwrap()).expect(0).json();
    assert_eq!(free["run"], id_of_run(&world));
    marked.env("AUTHSOME_SESSION", id_of_run(&world));
    let refused = Outcome::of(marked.output().unwrap()).expect(0).json();
    assert_eq!(refused["error"], "inside_run");
    other.release();
    assert!(other.end().success());
}

#[test]
fn ps_lists_the_runs_and_stop_ends_one() {
    let Setup { world, .. } = Setup::connected();
    let none = world.call(["ps", "--json"]).expect(0).json();
    assert_eq!(none, json!({ "runs": [] }));
    let mut running = Running::start(run(&world, &["--quiet"], &WAITS));
    assert_eq!(running.line().as_deref(), Some("here"));
    let id = id_of_run(&world);
    let listed = world.call(["ps", "--json"]).expect(0).json();
    assert_eq!(listed["runs"][0]["run"], id);
    assert_eq!(listed["runs"][0]["command"][0], "sh");
    assert_eq!(listed["runs"][0]["connections"], json!(["gitlab/default"]));
    let table = world.call(["ps"]).expect(0).stdout;
    assert!(
        table.contains(&id) && table.contains("echo here"),
        "{table}"
    );

    let wrong = world.call(["stop", "nothing-like-it"]).expect(3);
    assert!(wrong.stderr.contains("authsome ps"), "{}", wrong.stderr);
    let stopped = world.call(["stop", &id[..6], "--json"]).expect(0).json();
    assert_eq!(stopped, json!({ "run": id, "stopped": true }));
    assert_eq!(running.end().code(), Some(128 + Signal::SIGTERM as i32));
    assert_eq!(sockets(&world), Vec::<PathBuf>::new());
}

#[test]
fn a_command_that_does_not_end_by_itself_is_killed() {
    let world = World::new();
    let words = [
        "sh",
        "-c",
        "trap '' TERM; echo here; while :; do sleep 1; done",
    ];
    let mut running = Running::start(run(&world, &["--quiet"], &words));
    assert_eq!(running.line().as_deref(), Some("here"));
    let id = id_of_run(&world);
    world.call(["stop", &id, "--grace", "0"]).expect(0);
    assert_eq!(
        running.child.wait().unwrap().code(),
        Some(128 + Signal::SIGKILL as i32)
    );
}

#[test]
fn a_run_that_was_killed_leaves_nothing_that_the_next_one_stumbles_over() {
    let world = World::new();
    let mut killed = Running::start(run(&world, &["--quiet"], &WAITS));
    assert_eq!(killed.line().as_deref(), Some("here"));
    let socket = sockets(&world)[0].clone();
    killed.signal(Signal::SIGKILL);
    killed.child.wait().unwrap();
    assert!(socket.exists());
    // It is no run any more, whatever lies there.
    assert_eq!(
        world.call(["ps", "--json"]).expect(0).json(),
        json!({ "runs": [] })
    );
    world.run(["true"]).expect(0);
    assert!(!socket.exists());
    assert_eq!(
        std::fs::read_dir(world.home().join("sessions"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_home_too_deep_for_a_socket_is_no_obstacle_to_a_run() {
    let world = World::new();
    let deep = world.path("deep").join("x".repeat(120));
    let mut command = run(&world, &["--verbose"], &["true"]);
    std::fs::create_dir_all(deep.parent().unwrap()).unwrap();
    command.env("AUTHSOME_HOME", &deep);
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert!(
        outcome.stderr.contains("cannot be watched or stopped"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn revoke_all_ends_the_runs_and_the_grants_and_says_what_it_could_not() {
    let Setup { world, gitlab, .. } = Setup::connected();
    world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    let key = world.file(
        "key",
        "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEF",
    );
    world
        .call([
            "login",
            "openai",
            "--api-key-file",
            key.to_str().unwrap(),
            "--quiet",
        ])
        .expect(0);
    let mut running = Running::start(run(&world, &["--quiet"], &WAITS));
    assert_eq!(running.line().as_deref(), Some("here"));
    let outcome = world.call(["revoke", "--all"]).expect(5);
    assert_eq!(running.end().code(), Some(128 + Signal::SIGTERM as i32));
    for words in [
        "gitlab/default at the provider",
        "gitlab/work at the provider",
        "openai/default is a key",
    ] {
        assert!(
            outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
    }
    let refused = gitlab
        .seen()
        .iter()
        .filter(|seen| seen.path.ends_with("/oauth/revoke"))
        .count();
    assert_eq!(refused, 2);
    until("an empty vault", || {
        world.store().list().unwrap().is_empty()
    });
    let nothing = world.call(["revoke", "--all", "--json"]).expect(0).json();
    assert_eq!(nothing["complete"], true);
}
