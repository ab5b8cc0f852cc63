//! `authsome log`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::kit::commands::{connected, ends, files, form_field};
use crate::kit::{Outcome, Setup, World};

/// Longer than anything here takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn log_shows_the_newest_lines() {
    let (world, ..) = connected();
    for _ in 0..3 {
        world.call(["export", "gitlab"]).expect(0);
    }
    world.call(["logout", "gitlab"]).expect(0);
    let log = world.call(["log", "-n", "2"]).expect(0).stdout;
    let kinds: Vec<_> = log
        .lines()
        .map(|line| line.split_whitespace().nth(2).unwrap())
        .collect();
    assert_eq!(kinds, ["export", "logout"]);
    let lines = world.call(["log", "--json"]).expect(0).stdout;
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["event"], "logout");
    assert_eq!(events[3]["connection"], "gitlab/default");
    assert_eq!(world.call(["log", "-n", "0"]).expect(0).stdout, "");
}

#[test]
fn an_empty_log_is_no_error() {
    assert_eq!(World::new().call(["log"]).expect(0).stdout, "");
}

#[test]
fn log_follow_picks_up_what_comes() {
    let (world, ..) = connected();
    world.call(["export", "gitlab"]).expect(0);
    let (child, lines) = follow(&world);
    let first = lines.recv_timeout(TIMEOUT).unwrap();
    assert!(first.contains(" export "), "{first}");
    world.call(["logout", "gitlab"]).expect(0);
    let second = lines.recv_timeout(TIMEOUT).unwrap();
    assert!(second.contains(" logout "), "{second}");
    drop(child);
}

#[test]
fn log_follow_waits_for_a_log_that_is_not_there_yet() {
    let (world, ..) = connected();
    let (_child, lines) = follow(&world);
    world.call(["logout", "gitlab"]).expect(0);
    assert!(lines.recv_timeout(TIMEOUT).unwrap().contains(" logout "));
}

#[test]
fn log_follow_goes_on_after_a_rotation() {
    let (world, ..) = connected();
    world.call(["export", "gitlab"]).expect(0);
    let path = world.home().join("audit.log");
    let line = fs::read(&path).unwrap();
    let mut log = File::options().write(true).open(&path).unwrap();
    log.set_len(64 * 1024 * 1024).unwrap(); // sparse; the next session begins a new file
    std::io::Seek::seek(&mut log, std::io::SeekFrom::End(0)).unwrap();
    log.write_all(b"\n").unwrap();
    log.write_all(&line).unwrap();
    let (_child, lines) = follow(&world);
    assert!(lines.recv_timeout(TIMEOUT).unwrap().contains(" export "));
    world.call(["logout", "gitlab"]).expect(0);
    assert!(world.home().join("audit.log.1").exists());
    assert!(lines.recv_timeout(TIMEOUT).unwrap().contains(" logout "));
}

#[test]
fn log_follow_ends_with_its_reader() {
    let (world, ..) = connected();
    world.call(["export", "gitlab"]).expect(0);
    let mut child = world
        .authsome(["log", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader); // as `head -1` does
    world.call(["logout", "gitlab"]).expect(0);
    let ended = ends(&mut child);
    assert!(ended, "it writes to nobody for ever");
}

#[test]
fn the_audit_log_holds_no_secret() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(true);
    world.login(&gitlab, &app, &[]).expect(0);
    let first = gitlab.live_pairs().remove(0);
    let url = format!(
        "{}/api/v4/user?private_token=authsome-proxy-managed",
        gitlab.base_url()
    );
    world.run(["curl", "-sS", &url]).expect(0);
    world.call(["get", "gitlab", "--show-secret"]).expect(0);
    world.call(["export", "gitlab"]).expect(0);
    world.call(["revoke", "gitlab"]).expect(0);
    let log = fs::read_to_string(world.home().join("audit.log")).unwrap();
    for event in ["login", "injected", "export", "revoke"] {
        assert!(
            log.contains(&format!("\"event\":\"{event}\"")),
            "{event} in {log}"
        );
    }
    let seen = gitlab.seen();
    let exchange = seen
        .iter()
        .find(|seen| seen.method == "POST" && seen.path == "/oauth/token")
        .unwrap();
    for secret in [
        first.access.as_str(),
        &first.refresh,
        app.client_secret.as_deref().unwrap(),
        form_field(exchange, "code").unwrap(),
        form_field(exchange, "code_verifier").unwrap(),
        "private_token",
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn no_file_of_the_home_holds_a_secret_in_the_clear() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(true);
    world.login(&gitlab, &app, &[]).expect(0);
    let pair = gitlab.live_pairs().remove(0);
    for (name, bytes) in files(&world) {
        for secret in [
            &pair.access,
            &pair.refresh,
            app.client_secret.as_ref().unwrap(),
        ] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{name} holds a secret");
        }
    }
}

#[test]
fn times_are_those_of_the_users_zone() {
    let world = World::new();
    world.call(["list"]).expect(0);
    let line = r#"{"time":"2026-11-27T20:00:00Z","event":"logout","connection":"gitlab/work"}"#;
    world.file("home/audit.log", &format!("{line}\n"));
    let zone = |arguments: &[&str]| {
        let mut command = world.authsome(arguments);
        let output = command.env("TZ", "XXT-5:30").output().unwrap();
        Outcome::of(output).expect(0).stdout
    };
    let words = "2026-11-28 01:30:00 logout         gitlab/work\n";
    assert_eq!(zone(&["log"]), words);
    assert_eq!(zone(&["log", "--since", "2026-11-28T01:30"]), words);
    assert_eq!(zone(&["log", "--since", "2026-11-28T01:31"]), "");
    assert_eq!(zone(&["log", "--json"]), format!("{line}\n"));
}

/// A run that does two things, and what the log has of it.
#[test]
fn the_log_knows_runs() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let script = "curl -sS -o /dev/null \"$1\"; authsome() { \"$A\" \"$@\"; }; until authsome runs --json | grep -q live; do :; done; authsome runs --json; authsome export gitlab; exit 3";
    let secret = "glpat-0123456789abcdefghij";
    let mut command = world.authsome(["run", "--", "bash", "-c", script, "bash", &url]);
    command.args(["--token", "hush", secret]);
    command.env("A", crate::kit::binary());
    let ran = Outcome::of(command.output().unwrap()).expect(3);
    let live: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&live[0]["live"], &live[0]["exit"]),
        (&true.into(), &Value::Null)
    );
    let raw = fs::read_to_string(world.home().join("audit.log")).unwrap();
    assert!(!raw.contains("hush") && !raw.contains(secret), "{raw}");
    let id = live[0]["run"].as_str().unwrap();
    let lines = world
        .call(["log", "--json", "--run", &id[..4]])
        .expect(0)
        .stdout;
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds = events.iter().map(|event| event["event"].as_str().unwrap());
    let mut kinds: Vec<_> = kinds.collect();
    kinds[1..3].sort_unstable(); // they are of two processes
    assert_eq!(kinds, ["run_start", "denied", "injected", "run_end"]);
    assert!(events.iter().all(|event| event["run"] == id), "{lines}");
    let (start, end) = (&events[0]["start"], &events[3]["end"]);
    assert_eq!(
        (&start["command"][0], &start["pid"]),
        (&"bash".into(), &live[0]["pid"])
    );
    let here = std::env::current_dir().unwrap();
    assert_eq!(start["directory"], here.to_str().unwrap());
    assert_eq!(
        (&end["exit"], &end["injected"], &end["denied"]),
        (&3.into(), &1.into(), &0.into())
    );
    let runs = world.call(["runs", "--json"]).expect(0).json();
    assert_eq!(
        (&runs[0]["run"], &runs[0]["live"], &runs[0]["exit"]),
        (&id.into(), &false.into(), &3.into())
    );
    assert!(runs[0]["milliseconds"].is_u64(), "{runs}");
    let signal = world.run(["sh", "-c", "kill -KILL $$"]).expect(137);
    assert!(signal.stdout.is_empty());
    let runs = world.call(["runs", "--json"]).expect(0).json();
    assert_eq!(
        (&runs[0]["signal"], &runs[0]["exit"]),
        (&9.into(), &137.into())
    );
}

/// A running `authsome log --follow`; it ends with this.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn follow(world: &World) -> (Follower, std::sync::mpsc::Receiver<String>) {
    let mut child = world
        .authsome(["log", "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    (Follower(child), lines)
}
