//! Inside of a run: nothing there prints or changes a secret by authsome itself, unless the run
//! allows it, and each reading is logged.
use std::process::Command;

use authsome_test_support::{FakeGitLab, Pair};
use serde_json::Value;

use crate::kit::{Outcome, Setup, World, binary};

fn connected() -> (World, FakeGitLab, Pair) {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    (world, gitlab, pair)
}

/// The log's events of a kind, with their reasons.
fn reasons(world: &World, kind: &str) -> Vec<String> {
    let log = std::fs::read_to_string(world.home().join("audit.log")).unwrap_or_default();
    let events = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = events.filter(|event| event["event"] == kind);
    events
        .map(|event| event["reason"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The shell's words in a run, with `$AUTHSOME` for the program.
fn inside(world: &World, flags: &[&str], script: &str) -> Outcome {
    let mut command = world.authsome(["run"]);
    command.args(flags).args(["--", "sh", "-c", script]);
    command.env("AUTHSOME", binary());
    Outcome::of(command.output().unwrap())
}

const READERS: [&str; 6] = [
    "export gitlab",
    "token gitlab",
    "token gitlab --format exec",
    "get gitlab --show-secret",
    "get gitlab --show-secret --field access_token",
    "get gitlab --show-secret --field refresh_token --json",
];

const WRITERS: [&str; 6] = [
    "credential git get",
    "credential git erase",
    "login gitlab --force --no-browser",
    "logout gitlab",
    "set-default gitlab default",
    "revoke gitlab",
];

#[test]
fn what_prints_or_changes_a_secret_is_refused_with_4() {
    let (world, gitlab, pair) = connected();
    for words in READERS.iter().chain(&WRITERS) {
        // By its own variables, without them, and as a daemon that has left its session and its
        // parent.
        for script in [
            format!("\"$AUTHSOME\" {words}"),
            format!("env -u AUTHSOME_SESSION \"$AUTHSOME\" {words}"),
            format!("AUTHSOME_SESSION=other \"$AUTHSOME\" {words}"),
            format!(
                "(env -u AUTHSOME_SESSION setsid sh -c '\"$AUTHSOME\" {words}; echo $? > \"$HOME/code\"' &); while ! [ -s \"$HOME/code\" ]; do sleep 0.01; done; code=$(cat \"$HOME/code\"); rm \"$HOME/code\"; exit $code"
            ),
        ] {
            let outcome = inside(&world, &[], &script);
            assert_eq!(outcome.code, Some(4), "{script}: {}", outcome.stderr);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(
                said.contains("is refused inside `authsome run`"),
                "{script}: {said}"
            );
            assert!(said.contains("--allow-export"), "{script}: {said}");
            assert!(
                !said.contains(&pair.access) && !said.contains(&pair.refresh),
                "{script}"
            );
        }
    }
    assert_eq!(gitlab.live_pairs(), [pair], "nothing was changed");
    assert_eq!(gitlab.revocations(), 0);
    let denied = reasons(&world, "denied");
    assert_eq!(
        denied.len(),
        4 * (READERS.len() + WRITERS.len()),
        "{denied:?}"
    );
    assert!(
        denied.contains(&"export inside a run".to_owned()),
        "{denied:?}"
    );
    assert!(denied.contains(&"get --show-secret inside a run".to_owned()));
    assert!(reasons(&world, "export").is_empty());
}

#[test]
fn a_run_within_the_run_lifts_nothing() {
    let (world, _gitlab, pair) = connected();
    for (script, code) in [
        ("\"$AUTHSOME\" run -- \"$AUTHSOME\" export gitlab", 4),
        (
            "\"$AUTHSOME\" run --allow-export -- \"$AUTHSOME\" export gitlab",
            125,
        ),
        (
            "env -u AUTHSOME_SESSION \"$AUTHSOME\" run --allow-export -- \"$AUTHSOME\" export gitlab",
            125,
        ),
        (
            "cp \"$AUTHSOME\" \"$HOME/other\"; \"$HOME/other\" export gitlab",
            4,
        ),
    ] {
        let outcome = inside(&world, &[], script);
        assert_eq!(outcome.code, Some(code), "{script}: {}", outcome.stderr);
        assert!(!outcome.stdout.contains(&pair.access), "{script}");
    }
    // The inner one may be strict where the outer is not.
    let script = "\"$AUTHSOME\" run -- \"$AUTHSOME\" export gitlab";
    assert_eq!(inside(&world, &["--allow-export"], script).code, Some(4));
}

#[test]
fn a_run_within_the_run_is_no_wider() {
    let (world, gitlab, _) = connected();
    let issues = format!("{}/api/v4/projects/1/issues", gitlab.base_url());
    // As a program does it that has thrown its variables away.
    let inner = |flags: &str| {
        format!(
            "env -i HOME=\"$HOME\" PATH=\"$PATH\" AUTHSOME_HOME=\"$AUTHSOME_HOME\" \"$AUTHSOME\" run {flags} -- curl -sS -d title=x {issues}"
        )
    };
    for outer in [
        &["--read-only"] as &[&str],
        &["--policy", "deny"],
        &["--only", "gitlab"],
        &["--connection", "gitlab=default"],
        &["--join", "named"],
        &["--git-push", "agent/*"],
    ] {
        let outcome = inside(&world, outer, &inner(""));
        assert_eq!(outcome.code, Some(125), "{outer:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("whose rules it would not have"));
        assert!(outcome.stderr.contains("start the command itself"));
    }
    for flags in [
        "--allow gitlab/project-access-token",
        "--connection gitlab=default",
        "--only gitlab",
        "--policy allow",
        "--allow-host 127.0.0.1",
        "--policy-file /dev/null",
    ] {
        let outcome = inside(&world, &[], &inner(flags));
        assert_eq!(outcome.code, Some(125), "{flags}: {}", outcome.stderr);
    }
    assert!(gitlab.seen().is_empty());
    // What only takes something away is served.
    let outcome = inside(&world, &[], &inner("--deny-path 'gitlab=/api/v4/user'"));
    outcome.expect(0);
    inside(&world, &["--read-only", "--allow-export"], &inner("")).expect(0);
    assert_eq!(gitlab.seen().len(), 2);
}

#[test]
fn a_run_that_allows_it_has_its_commands_read_secrets_and_logs_each() {
    let (world, _gitlab, pair) = connected();
    for words in READERS {
        let outcome = inside(
            &world,
            &["--allow-export"],
            &format!("\"$AUTHSOME\" {words}"),
        );
        let outcome = outcome.expect(0);
        let printed =
            outcome.stdout.contains(&pair.access) || outcome.stdout.contains(&pair.refresh);
        assert!(printed, "{words}: {}", outcome.stdout);
    }
    assert_eq!(
        reasons(&world, "export"),
        [
            "",
            "token",
            "token",
            "get --show-secret",
            "get --show-secret",
            "get --show-secret"
        ]
    );
    let script = "\"$AUTHSOME\" run --allow-export -- \"$AUTHSOME\" export gitlab";
    inside(&world, &["--allow-export"], script).expect(0);
    inside(&world, &["--allow-export"], "\"$AUTHSOME\" logout gitlab").expect(0);
}

#[test]
fn what_shows_no_secret_works_in_a_run() {
    let (world, ..) = connected();
    for words in [
        "list",
        "whoami",
        "get gitlab",
        "get gitlab --field status",
        "inspect gitlab",
        "log",
    ] {
        inside(&world, &[], &format!("\"$AUTHSOME\" {words}")).expect(0);
    }
    assert!(reasons(&world, "denied").is_empty());
}

#[test]
fn a_process_from_elsewhere_with_the_runs_variables_is_of_the_run_while_it_lives() {
    let (world, _gitlab, pair) = connected();
    let ask = |session: &str| {
        let mut command = world.authsome(["export", "gitlab"]);
        Outcome::of(command.env("AUTHSOME_SESSION", session).output().unwrap())
    };
    let mut command = world.authsome(["run", "--", "sh", "-c", "echo $AUTHSOME_SESSION; read _"]);
    let mut run = spawn(&mut command);
    let mut line = String::new();
    let mut output = std::io::BufReader::new(run.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let session = line.trim();
    assert_eq!(ask(session).code, Some(4));
    drop(run.stdin.take());
    run.wait().unwrap();
    let after = ask(session).expect(0);
    assert!(after.stdout.contains(&pair.access));
    ask("../../etc/passwd").expect(0);
}

#[test]
fn each_reading_by_get_is_in_the_log_and_no_other() {
    let (world, ..) = connected();
    for words in [
        &["get", "gitlab"][..],
        &["get", "gitlab", "--show-secret", "--field", "status"],
        &["get", "gitlab", "--field", "access_token"],
    ] {
        world.call(words).expect(0);
        assert!(reasons(&world, "export").is_empty(), "{words:?}");
    }
    for words in [
        &["get", "gitlab", "--show-secret"][..],
        &["get", "gitlab", "--show-secret", "--field", "client_secret"],
    ] {
        world.call(words).expect(0);
    }
    assert_eq!(reasons(&world, "export"), ["get --show-secret"; 2]);
}

fn spawn(command: &mut Command) -> std::process::Child {
    use std::process::Stdio;
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    piped.spawn().unwrap()
}

#[test]
fn status_tells_what_the_run_does_and_no_value() {
    let (world, gitlab, pair) = connected();
    let session =
        r#"test "$AUTHSOME_SESSION" = "$(sed -n 's/.*"run": "\(.*\)",/\1/p' told | head -n 1)""#;
    let script = format!("cd \"$HOME\"; \"$AUTHSOME\" status --json > told; {session} && cat told");
    let told = inside(&world, &["--policy", "deny"], &script).expect(0);
    assert!(!told.stdout.contains(&pair.access) && !told.stdout.contains(&pair.refresh));
    let told = told.json();
    let run = &told["run"];
    assert_eq!(run["policy"], "deny", "{told}");
    assert_eq!(run["allows_export"], false, "{told}");
    let place = serde_json::json!({
        "place": gitlab.base_url(), "connections": ["gitlab/default"],
    });
    assert!(run["places"].as_array().unwrap().contains(&place), "{told}");
    let rules = run["guards"].as_array().unwrap();
    assert!(
        rules
            .iter()
            .any(|guard| guard["rule"] == "gitlab/project-access-token"),
        "{told}"
    );
    assert_eq!(told["connections"][0]["connection"], "default", "{told}");
    // By descent, where the variable is gone or wrong.
    for prefix in ["env -u AUTHSOME_SESSION", "env AUTHSOME_SESSION=../x"] {
        let script = format!("{prefix} \"$AUTHSOME\" status --offline");
        let shown = inside(&world, &["--allow-export"], &script)
            .expect(0)
            .stdout;
        let line = format!("{}  gitlab/default", gitlab.base_url());
        assert!(shown.starts_with("This is inside run "), "{shown}");
        assert!(shown.contains(&line), "{shown}");
        assert!(shown.contains("reached without a credential"), "{shown}");
    }
    let outside = world
        .call(["status", "--offline", "--json"])
        .expect(0)
        .json();
    assert!(outside["run"].is_null(), "{outside}");
    let left = std::fs::read_dir(world.home().join("sessions")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn status_tells_of_places_that_two_connections_share_and_of_rules_that_are_lifted() {
    let (world, gitlab, _) = connected();
    world.connect_as("other", &gitlab, &gitlab.base_url(), 7200);
    world
        .call(["allow", "gitlab/project-access-token"])
        .expect(0);
    let ask = "\"$AUTHSOME\" status --offline --json";
    let told = inside(&world, &["--connection", "gitlab=other"], ask)
        .expect(0)
        .json();
    let place = |told: &serde_json::Value| {
        let places = told["run"]["places"].as_array().unwrap().clone();
        let mut at = places
            .into_iter()
            .filter(|place| place["place"] == gitlab.base_url());
        at.next().unwrap()["connections"].clone()
    };
    assert_eq!(place(&told), serde_json::json!(["gitlab/other"]));
    let rules = told["run"]["guards"].to_string();
    assert!(!rules.contains("gitlab/project-access-token"), "{rules}");
}

#[test]
fn status_tells_the_rules_of_the_policy_and_whose_they_are() {
    let (world, _, _) = connected();
    crate::kit::client::configure(&world, "[policy]\ndeny_paths = [\"gitlab=DELETE /**\"]\n");
    let file = world.file("rules.toml", "limits = [\"gitlab=9/min\"]\ngit_push = []\n");
    let file = file.to_str().unwrap();
    let flags = [
        "--read-only",
        "--deny-host",
        "a.test",
        "--policy-file",
        file,
    ];
    let told = inside(&world, &flags, "\"$AUTHSOME\" status --offline --json");
    let rule = |rule: &str, value: &str, by: &str| serde_json::json!({ "rule": rule, "value": value, "by": by });
    let by_flags = "the flags of this run";
    assert_eq!(
        told.expect(0).json()["run"]["rules"],
        serde_json::json!([
            rule("deny-host", "a.test", by_flags),
            rule("read-only", "true", by_flags),
            rule("git-push", "nothing", file),
            rule("limit", "gitlab=9/min", file),
            rule("deny-path", "gitlab=DELETE /**", "config.toml"),
        ])
    );
    let shown = inside(&world, &flags, "\"$AUTHSOME\" status --offline")
        .expect(0)
        .stdout;
    let lines: Vec<_> = shown.lines().map(str::trim).collect();
    assert!(lines.contains(&"The policy of this run:"), "{shown}");
    let found = lines.iter().any(|line| {
        line.starts_with("deny-path gitlab=DELETE /**") && line.ends_with("config.toml")
    });
    assert!(found, "{shown}");
}

/// A policy may be tried and suggested inside of a run: neither prints or changes a secret.
#[test]
fn a_policy_is_tried_and_suggested_inside() {
    let (world, gitlab, pair) = connected();
    let script = format!(
        "set -e; curl -sS -o /dev/null {url}; \"$AUTHSOME\" policy check GET {url}; \"$AUTHSOME\" policy suggest",
        url = format_args!("{}/api/v4/user", gitlab.base_url())
    );
    let told = inside(&world, &[], &script).expect(0).stdout;
    assert!(
        told.contains("it gets the credential of gitlab/default"),
        "{told}"
    );
    assert!(told.contains("policy = \"deny\""), "{told}");
    assert!(!told.contains(&pair.access) && !told.contains(&pair.refresh));
}

/// Inside the run, the key of a pipeline is out of reach.
#[test]
fn status_tells_of_the_run_where_the_vault_cannot_be_opened() {
    let world = World::new();
    let key = "A".repeat(43) + "=";
    let script = ["run", "--", "sh", "-c", "\"$AUTHSOME\" status --json"];
    let mut command = world.authsome(script);
    command
        .env("AUTHSOME_MASTER_KEY", key)
        .env("AUTHSOME", crate::kit::binary());
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    let told = outcome.json();
    assert!(
        told["connections"].is_null() && told["run"]["since"].is_string(),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("no connection is shown"),
        "{outcome:?}"
    );
}
