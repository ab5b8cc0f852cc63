//! Every command's words, data and exit codes, and what it says where the input is bad.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use authsome_test_support::kit::port_7998;
use authsome_test_support::{Endpoint, FakeGitLab, Fault, Seen};
use serde_json::{Value, json};

use crate::kit::{Outcome, SCOPES, World, id};

/// A key that is right in form: 32 bytes.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

// ---- get ----

#[test]
fn get_prints_each_field_alone() {
    let (world, gitlab, _, _) = connected();
    let base = gitlab.base_url();
    for (field, expected) in [
        ("provider", "gitlab"),
        ("connection", "default"),
        ("status", "connected"),
        ("auth_type", "oauth2"),
        ("flow", "pkce"),
        ("base_url", base.as_str()),
        ("scopes", SCOPES),
        ("account", "-"),
        ("is_default", "true"),
        ("access_token", "***"),
        ("refresh_token", "***"),
        ("client_secret", "-"),
    ] {
        let got = world.call(["get", "gitlab", "--field", field]).expect(0);
        assert_eq!(got.stdout, format!("{expected}\n"), "{field}");
        assert_eq!(got.stderr, "", "{field}");
    }
    let hosts = world
        .call(["get", "gitlab", "--field", "proxy_hosts"])
        .expect(0)
        .stdout;
    assert!(hosts.contains(&gitlab.port().to_string()), "{hosts}");
}

#[test]
fn get_as_json_has_every_field_of_the_contract() {
    let (world, gitlab, app, _) = connected();
    let got = world.call(["get", "gitlab", "--json"]).expect(0).json();
    for field in [
        "provider",
        "connection",
        "status",
        "auth_type",
        "flow",
        "base_url",
        "proxy_hosts",
        "scopes",
        "account",
        "obtained_at",
        "expires_at",
        "is_default",
    ] {
        assert!(got.get(field).is_some(), "{field} in {got}");
    }
    assert_eq!(got["base_url"], gitlab.base_url());
    assert_eq!(got["client_id"], app.client_id);
    assert_eq!(
        (&got["access_token"], &got["refresh_token"]),
        (&json!("***"), &json!("***"))
    );
    for date in ["obtained_at", "expires_at"] {
        let text = got[date].as_str().unwrap();
        assert!(
            text.len() == 20 && text.ends_with('Z') && text.contains('T'),
            "{date}: {text}"
        );
    }
}

#[test]
fn a_field_as_json_is_json() {
    let (world, ..) = connected();
    let field = |name: &str| {
        world
            .call(["get", "gitlab", "--json", "--field", name])
            .expect(0)
            .json()
    };
    assert_eq!(field("is_default"), true);
    assert_eq!(field("scopes").as_array().unwrap().len(), 6);
    assert_eq!(field("account"), Value::Null);
    assert_eq!(field("status"), "connected");
}

#[test]
fn get_shows_no_secret_without_being_told_to() {
    let (world, _, _, pair) = connected();
    for words in [
        &["get", "gitlab"][..],
        &["get", "gitlab", "--json"],
        &["get", "gitlab", "--verbose"],
    ] {
        let got = world.call(words).expect(0);
        for secret in [&pair.access, &pair.refresh] {
            assert!(
                !got.stdout.contains(secret) && !got.stderr.contains(secret),
                "{words:?}"
            );
        }
        assert!(got.stdout.contains("***"), "{words:?}");
    }
    let shown = world.call(["get", "gitlab", "--show-secret", "--field", "access_token"]);
    assert_eq!(shown.expect(0).stdout.trim(), pair.access);
    let all = world
        .call(["get", "gitlab", "--show-secret", "--json"])
        .expect(0)
        .json();
    assert_eq!(all["refresh_token"], pair.refresh);
}

#[test]
fn status_tells_connected_expired_and_needs_login_apart() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("good", &gitlab, &gitlab.base_url(), 7200);
    world.connect_as("old", &gitlab, &gitlab.base_url(), 0);
    world.connect_as("dead", &gitlab, &gitlab.base_url(), 0);
    without_refresh_token(&world, "dead");
    for (name, status) in [
        ("good", "connected"),
        ("old", "expired"),
        ("dead", "needs_login"),
    ] {
        let got = world.call(["get", "gitlab", "--connection", name, "--field", "status"]);
        assert_eq!(got.expect(0).stdout.trim(), status);
    }
    assert_eq!(gitlab.token_requests(), 0, "looking does not refresh");
}

#[test]
fn a_token_near_its_end_is_refreshed_before_it_is_handed_out() {
    for words in [
        &["get", "gitlab", "--show-secret", "--field", "access_token"][..],
        &["export", "gitlab"],
    ] {
        let (world, gitlab) = (World::new(), FakeGitLab::start());
        let (_, old) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
        let got = world.call(words).expect(0);
        let new = &gitlab.live_pairs()[0];
        assert!(
            got.stdout.contains(&new.access) && !got.stdout.contains(&old.access),
            "{words:?}"
        );
        let stored = world.stored("default").tokens;
        assert_eq!(stored.refresh.unwrap().expose(), &new.refresh, "{words:?}");
        assert_eq!(gitlab.refreshes(), 1, "{words:?}");
    }
}

#[test]
fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, old) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.fault(Endpoint::Token, Fault::NoRefreshToken, 1);
    world.call(["export", "gitlab"]).expect(0);
    let stored = world.stored("default").tokens;
    assert_eq!(stored.refresh.unwrap().expose(), &old.refresh);
    assert_ne!(stored.access.expose(), &old.access);
}

#[test]
fn secrets_with_any_characters_are_kept_as_they_are() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    // JSON escapes these; RFC 6749 appendix A allows them in secrets and refresh tokens.
    let odd = "a\"b\\c/d é $(x) '";
    let mut connection = world.stored("default");
    connection.client.client_secret = Some(authsome::secret::Secret::new(odd.to_owned()));
    connection.tokens.refresh = Some(authsome::secret::Secret::new(odd.to_owned()));
    world.store().create(&connection, true).unwrap();
    let got = world
        .call(["get", "gitlab", "--show-secret", "--json"])
        .expect(0)
        .json();
    assert_eq!(got["client_secret"], odd);
    assert_eq!(got["refresh_token"], odd);
}

// ---- export ----

#[test]
fn export_prints_the_token_and_never_the_refresh_token() {
    let (world, _, _, pair) = connected();
    let env = world.call(["export", "gitlab"]).expect(0);
    assert_eq!(
        env.stdout,
        format!("GITLAB_ACCESS_TOKEN='{}'\n", pair.access)
    );
    let shell = world
        .call(["export", "gitlab", "--format", "shell"])
        .expect(0);
    assert_eq!(
        shell.stdout,
        format!("export GITLAB_ACCESS_TOKEN='{}'\n", pair.access)
    );
    let only = json!({ "GITLAB_ACCESS_TOKEN": pair.access });
    assert_eq!(
        world
            .call(["export", "gitlab", "--format", "json"])
            .expect(0)
            .json(),
        only
    );
    assert_eq!(
        world.call(["export", "gitlab", "--json"]).expect(0).json(),
        only
    );
}

#[test]
fn a_shell_takes_the_export() {
    let (world, _, _, pair) = connected();
    let script = "eval \"$(\"$0\" export gitlab --format shell)\"; sh -c 'printf %s \"$GITLAB_ACCESS_TOKEN\"'";
    assert_eq!(shell(&world, script).expect(0).stdout, pair.access);
}

#[test]
fn a_shell_runs_nothing_that_a_token_says() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let odd = "a'b`touch${IFS}ran`$(touch${IFS}ran);\"!#";
    let mut connection = world.stored("default");
    connection.tokens.access = authsome::secret::Secret::new(odd.replace(['"', '\\'], "~"));
    world.store().create(&connection, true).unwrap();
    let script =
        "eval \"$(\"$0\" export gitlab)\"; printf %s \"$GITLAB_ACCESS_TOKEN\"; test ! -e ran";
    assert_eq!(
        shell(&world, script).expect(0).stdout,
        odd.replace(['"', '\\'], "~")
    );
}

// ---- list, whoami, inspect ----

#[test]
fn list_shows_providers_connections_and_the_default() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let empty = world.call(["list"]).expect(0).stdout;
    assert!(
        empty
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("gitlab    bundled  oauth2"),
        "{empty}"
    );
    world.connect(&gitlab);
    world.connect_as("work", &gitlab, &gitlab.base_url_at("127.0.0.1"), 0);
    let table = world.call(["list"]).expect(0).stdout;
    let cells: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        cells[0],
        [
            "PROVIDER",
            "SOURCE",
            "AUTH",
            "CONNECTION",
            "STATUS",
            "DEFAULT",
            "ACCOUNT",
            "AT"
        ]
    );
    assert_eq!(
        cells[1][..6],
        ["gitlab", "bundled", "oauth2", "default", "connected", "yes"]
    );
    assert_eq!(
        cells[2][..6],
        ["gitlab", "bundled", "oauth2", "work", "expired", "-"]
    );
    let listed = world.call(["list", "--json"]).expect(0).json();
    assert_eq!(
        listed["providers"][0]["connections"][1]["base_url"],
        gitlab.base_url_at("127.0.0.1")
    );
}

#[test]
fn list_shows_no_secret() {
    let (world, _, _, pair) = connected();
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["whoami"],
        &["whoami", "--json"],
    ] {
        let got = world.call(words).expect(0);
        assert!(!got.stdout.contains(&pair.access) && !got.stdout.contains(&pair.refresh));
    }
}

#[test]
fn inspect_prints_a_definition_that_can_be_put_back_as_a_custom_one() {
    let world = World::new();
    let inspected = world.call(["inspect", "gitlab"]).expect(0);
    assert_eq!(inspected.stderr, "");
    let definition = inspected.json();
    assert_eq!(definition["name"], "gitlab");
    custom(&world, "gitlab", &inspected.stdout);
    let again = world.call(["inspect", "gitlab"]).expect(0);
    assert_eq!((again.json(), again.stderr.as_str()), (definition, ""));
    assert_eq!(
        world.call(["list", "--json"]).expect(0).json()["providers"][0]["source"],
        "custom"
    );
}

#[test]
fn whoami_says_who_and_where() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let nobody = world.call(["whoami"]).expect(0);
    assert!(
        nobody.stderr.contains("authsome login"),
        "{}",
        nobody.stderr
    );
    world.connect(&gitlab);
    let who = world.call(["whoami", "--json"]).expect(0).json();
    assert_eq!(who["home"], world.home().display().to_string());
    assert_eq!(
        who["master_key"],
        world.home().join("master.key").display().to_string()
    );
    assert_eq!(who["accounts"][0]["connection"], "gitlab/default");
    assert_eq!(who["accounts"][0]["status"], "connected");
    assert!(
        world
            .call(["whoami"])
            .expect(0)
            .stdout
            .contains("gitlab/default")
    );
}

// ---- set-default, logout, revoke ----

#[test]
fn set_default_chooses_what_a_providers_name_means() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    let said = world.call(["set-default", "gitlab", "work"]).expect(0);
    assert!(said.stderr.contains("gitlab/work"), "{}", said.stderr);
    let name = world
        .call(["get", "gitlab", "--field", "connection"])
        .expect(0)
        .stdout;
    assert_eq!(name.trim(), "work");
    failure(
        &world,
        &["set-default", "gitlab", "nobody"],
        3,
        "connection_not_found",
    );
}

#[test]
fn logout_forgets_here_and_leaves_the_provider_alone() {
    let (world, gitlab, _, pair) = connected();
    let said = world.call(["logout", "gitlab"]).expect(0);
    assert!(said.stderr.contains("revoke"), "{}", said.stderr);
    assert!(gitlab.seen().is_empty() && gitlab.is_live(&pair.access));
    failure(&world, &["get", "gitlab"], 3, "connection_not_found");
    failure(&world, &["logout", "gitlab"], 3, "connection_not_found");
}

#[test]
fn a_default_that_was_forgotten_leaves_the_only_other_one() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    for name in ["default", "work", "home"] {
        world.connect_as(name, &gitlab, &gitlab.base_url(), 7200);
    }
    world.call(["logout", "gitlab"]).expect(0);
    let unclear = failure(&world, &["get", "gitlab"], 3, "connection_not_found");
    assert!(unclear.stderr.contains("home, work"), "{}", unclear.stderr);
    assert!(
        unclear.stderr.contains("authsome set-default gitlab "),
        "{}",
        unclear.stderr
    );
    world
        .call(["logout", "gitlab", "--connection", "home"])
        .expect(0);
    let name = world
        .call(["get", "gitlab", "--field", "connection"])
        .expect(0)
        .stdout;
    assert_eq!(name.trim(), "work");
}

#[test]
fn revoke_ends_the_grant_there_and_here() {
    let (world, gitlab, app, pair) = connected();
    world.call(["revoke", "gitlab"]).expect(0);
    assert!(gitlab.live_pairs().is_empty());
    let seen = gitlab.seen();
    let sent = |name: &str| form_field(&seen[0], name);
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/oauth/revoke"));
    assert_eq!(sent("token"), Some(pair.refresh.as_str()));
    assert_eq!(sent("token_type_hint"), Some("refresh_token"));
    assert_eq!(sent("client_id"), Some(app.client_id.as_str()));
    failure(&world, &["get", "gitlab"], 3, "connection_not_found");
}

#[test]
fn revoke_as_json_says_what_was_done() {
    let (world, _gitlab, ..) = connected();
    let done = world.call(["revoke", "gitlab", "--json"]).expect(0).json();
    assert_eq!(done["revoked_at_provider"], true);
    assert_eq!(done["removed_locally"], true);
    assert_eq!(done["connection"], "gitlab/default");
}

#[test]
fn revoke_removes_the_connection_though_the_server_is_down() {
    let (world, gitlab, ..) = connected();
    gitlab.refuse(true);
    let said = world.call(["revoke", "gitlab"]).expect(0);
    assert!(said.stderr.contains("did not confirm"), "{}", said.stderr);
    assert!(
        said.stderr.contains("Forgot gitlab/default here"),
        "{}",
        said.stderr
    );
    failure(&world, &["get", "gitlab"], 3, "connection_not_found");
}

#[test]
fn revoke_removes_the_connection_though_the_server_refuses() {
    let status = |code| Fault::Status {
        code,
        retry_after: Some(1),
    };
    for fault in [
        status(503),
        status(429),
        Fault::HtmlPage,
        Fault::Close,
        Fault::InvalidGrantOnce,
    ] {
        let (world, gitlab, ..) = connected();
        gitlab.fault(Endpoint::Revoke, fault.clone(), 1);
        let done = world.call(["revoke", "gitlab", "--json"]).expect(0).json();
        assert_eq!(done["removed_locally"], true, "{fault:?}");
        // RFC 7009 §2.2: status 200 is success, whatever the body.
        assert_eq!(
            done["revoked_at_provider"],
            fault == Fault::HtmlPage,
            "{fault:?}"
        );
        assert!(world.store().list().unwrap().is_empty(), "{fault:?}");
    }
}

// ---- log ----

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
        .map(|line| line.split_whitespace().nth(1).unwrap())
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
    let first = lines.recv_timeout(PATIENCE).unwrap();
    assert!(first.contains(" export "), "{first}");
    world.call(["logout", "gitlab"]).expect(0);
    let second = lines.recv_timeout(PATIENCE).unwrap();
    assert!(second.contains(" logout "), "{second}");
    drop(child);
}

#[test]
fn log_follow_waits_for_a_log_that_is_not_there_yet() {
    let (world, ..) = connected();
    let (_child, lines) = follow(&world);
    world.call(["logout", "gitlab"]).expect(0);
    assert!(lines.recv_timeout(PATIENCE).unwrap().contains(" logout "));
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
    assert!(lines.recv_timeout(PATIENCE).unwrap().contains(" export "));
    world.call(["logout", "gitlab"]).expect(0);
    assert!(world.home().join("audit.log.1").exists());
    assert!(lines.recv_timeout(PATIENCE).unwrap().contains(" logout "));
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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

// ---- words and their form ----

#[test]
fn completions_are_scripts_of_their_shell() {
    let world = World::new();
    let bash = world.call(["completions", "bash"]).expect(0).stdout;
    let file = world.file("completions.bash", &bash);
    assert!(
        Command::new("bash")
            .arg("-n")
            .arg(file)
            .status()
            .unwrap()
            .success()
    );
    assert!(bash.contains("set-default") && bash.contains("--base-url"));
    assert!(
        world
            .call(["completions", "zsh"])
            .expect(0)
            .stdout
            .starts_with("#compdef authsome")
    );
    assert!(
        world
            .call(["completions", "fish"])
            .expect(0)
            .stdout
            .contains("complete -c authsome")
    );
    assert!(!world.home().exists(), "a script needs no home");
}

#[test]
fn version_and_help_are_answers() {
    let world = World::new();
    for flag in ["--version", "-V"] {
        let version = world.call([flag]).expect(0).stdout;
        assert_eq!(version, format!("authsome {}\n", env!("CARGO_PKG_VERSION")));
    }
    let help = world.call(["--help"]).expect(0).stdout;
    for word in [
        "Examples:",
        "login",
        "run",
        "export",
        "inspect",
        "set-default",
        "whoami",
        "AUTHSOME_HOME",
    ] {
        assert!(help.contains(word), "{word}");
    }
    for command in ["login", "run"] {
        let help = world.call([command, "--help"]).expect(0).stdout;
        assert!(
            help.contains("Examples:") && help.contains(&format!("authsome {command}")),
            "{command}"
        );
    }
    assert!(!world.home().exists(), "asking for help makes no home");
}

#[test]
fn quiet_says_nothing_but_errors() {
    let (world, ..) = connected();
    let quiet = world
        .call(["set-default", "gitlab", "default", "--quiet"])
        .expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let quiet = world.call(["logout", "gitlab", "-q"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    assert!(
        world
            .call(["get", "gitlab", "-q"])
            .expect(3)
            .stderr
            .starts_with("error: ")
    );
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let world = World::new();
    let python = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let coloured = |words: &[&str], variable: &str| {
        let authsome = world.authsome(words);
        let mut command = Command::new("python3");
        command
            .args(["-c", python])
            .arg(authsome.get_program())
            .args(words);
        command
            .env("AUTHSOME_HOME", world.home())
            .env_remove("NO_COLOR")
            .env(variable, "1");
        command.stdin(Stdio::null());
        let outcome = Outcome::of(command.output().unwrap()).expect(3);
        assert!(outcome.stdout.contains("error:"), "{}", outcome.stdout);
        outcome.stdout.contains('\u{1b}')
    };
    assert!(coloured(&["get", "gitlab"], "UNRELATED"));
    assert!(!coloured(&["get", "gitlab"], "NO_COLOR"));
    assert!(!coloured(&["get", "gitlab", "--no-color"], "UNRELATED"));
    assert!(
        !world
            .call(["get", "gitlab"])
            .expect(3)
            .stderr
            .contains('\u{1b}')
    );
}

#[test]
fn every_command_that_changes_something_answers_in_json() {
    for words in [
        &["set-default", "gitlab", "default", "--json"][..],
        &["logout", "gitlab", "--json"],
        &["revoke", "gitlab", "--json"],
    ] {
        let (world, _gitlab, ..) = connected();
        let outcome = world.call(words).expect(0);
        let answer: Value = serde_json::from_str(&outcome.stdout).unwrap_or(Value::Null);
        assert_eq!(
            answer["connection"], "gitlab/default",
            "{words:?}: {:?}",
            outcome.stdout
        );
    }
}

#[test]
fn a_reader_that_is_gone_is_no_error() {
    let (world, ..) = connected();
    world.call(["export", "gitlab"]).expect(0);
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["get", "gitlab"],
        &["export", "gitlab"],
        &["inspect", "gitlab"],
        &["whoami"],
        &["log"],
        &["completions", "bash"],
        &["--help"],
        &["login", "--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = Outcome::of(world.authsome(words).stdout(writer).output().unwrap());
        assert_eq!(outcome.stderr, "", "{words:?}");
        assert_eq!(outcome.code, Some(0), "{words:?}");
    }
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let (world, ..) = connected();
    for words in [
        &["export", "gitlab"][..],
        &["list"],
        &["inspect", "gitlab"],
        &["get", "gitlab", "--json"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let outcome = Outcome::of(world.authsome(words).stdout(full).output().unwrap());
        assert_eq!(
            outcome.code,
            Some(1),
            "{words:?}: a full disk loses the data: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("error: "), "{words:?}");
    }
}

// ---- exit codes and JSON errors ----

#[test]
fn usage_errors_are_2() {
    let world = World::new();
    for words in [
        &["frobnicate"][..],
        &["get"],
        &["get", "gitlab", "--field", "nope"],
        &["get", "Git Lab"],
        &["login", "gitlab", "--client-secret", "s3cret"],
        &["login", "gitlab", "--client-secret-file", "x"],
        &["export", "gitlab", "--format", "xml"],
        &["log", "-n", "many"],
        &["completions", "tcsh"],
        &["set-default", "gitlab"],
    ] {
        failure(&world, words, 2, "usage");
    }
}

#[test]
fn a_usage_error_as_json_names_what_is_wrong() {
    let world = World::new();
    for (words, name) in [
        (&["get", "--json"][..], "PROVIDER"),
        (&["set-default", "gitlab", "--json"], "NAME"),
        (&["frobnicate", "--json"], "frobnicate"),
        (&["get", "gitlab", "--field", "nope", "--json"], "nope"),
        (
            &["login", "gitlab", "--client-secret-file", "x", "--json"],
            "--client-id",
        ),
    ] {
        let error = world.call(words).expect(2).json();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(name), "{words:?}: {message:?}");
    }
}

#[test]
fn no_command_is_a_usage_error_with_the_help() {
    let outcome = World::new().call::<&str>([]).expect(2);
    assert!(
        outcome.stderr.contains("Usage: authsome"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_missing_connection_is_3() {
    let world = World::new();
    for command in ["get", "export", "logout", "revoke"] {
        let plain = failure(&world, &[command, "gitlab"], 3, "connection_not_found");
        assert!(
            plain.stderr.contains("authsome login gitlab"),
            "{}",
            plain.stderr
        );
        let named = [command, "gitlab", "--connection", "work"];
        let named = failure(&world, &named, 3, "connection_not_found");
        assert!(
            named
                .stderr
                .contains("authsome login gitlab --connection work"),
            "{}",
            named.stderr
        );
    }
}

#[test]
fn an_unknown_provider_is_4_with_the_near_one() {
    let world = World::new();
    for words in [
        &["get", "gitlb"][..],
        &["login", "gitlb"],
        &["inspect", "gitlb"],
        &["export", "gitlb"],
        &["revoke", "gitlb"],
    ] {
        let outcome = failure(&world, words, 4, "provider_not_found");
        assert!(
            outcome.stderr.contains("did you mean gitlab?"),
            "{}",
            outcome.stderr
        );
    }
    let far = failure(&world, &["login", "zzz"], 4, "provider_not_found");
    assert!(
        far.stderr
            .contains("hint: see all providers: authsome list"),
        "{}",
        far.stderr
    );
}

#[test]
fn a_credential_that_cannot_be_renewed_is_5() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    without_refresh_token(&world, "default");
    let outcome = failure(&world, &["export", "gitlab"], 5, "needs_login");
    assert!(
        outcome
            .stderr
            .contains("authsome login gitlab --connection default --force")
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn an_expired_credential_whose_server_is_down_is_5_and_kept() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.refuse(true);
    failure(&world, &["export", "gitlab"], 5, "refresh_unavailable");
    assert_eq!(
        world.stored("default").tokens.refresh.unwrap().expose(),
        &pair.refresh
    );
    gitlab.refuse(false);
    world.call(["export", "gitlab"]).expect(0);
}

#[test]
fn an_existing_connection_is_6_without_force() {
    let (world, gitlab, _, pair) = connected();
    let words = ["login", "gitlab", "--base-url", &gitlab.base_url()];
    let outcome = failure(&world, &words, 6, "connection_exists");
    assert!(outcome.stderr.contains("--force") && outcome.stderr.contains("--connection NAME"));
    assert_eq!(world.stored("default").tokens.access.expose(), &pair.access);
    let app = gitlab.register_app(false);
    world.login(&gitlab, &app, &["--force"]).expect(0);
    assert_eq!(world.stored("default").client.client_id, app.client_id);
}

#[test]
fn a_server_that_nobody_runs_is_8_before_the_user_waits() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    gitlab.refuse(true); // its port stays held, so nobody else answers there
    let base = gitlab.base_url();
    let words = ["--base-url", &base, "--client-id", "x", "--no-browser"];
    let outcome = login_ends(&world, &words).expect(8);
    let port = gitlab.port().to_string();
    assert!(outcome.stderr.contains(&port), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--base-url"), "{}", outcome.stderr);
}

#[test]
fn a_server_of_another_kind_is_told_before_the_user_waits() {
    // It speaks, but not TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let world = World::new();
    let base = format!("https://127.0.0.1:{port}");
    let outcome = login_ends(
        &world,
        &["--base-url", &base, "--client-id", "x", "--no-browser"],
    )
    .expect(8);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}

#[test]
fn a_failure_of_run_is_125_and_leaves_stdout_alone() {
    let world = World::new();
    world.call(["list"]).expect(0);
    remove(&world, "master.key");
    let plain = world.run(["true"]).expect(125);
    assert!(plain.stderr.contains("error: ") && plain.stdout.is_empty());
    let as_json = world.call(["run", "--json", "--", "true"]).expect(125);
    let error: Value = serde_json::from_str(&as_json.stderr).unwrap();
    assert_eq!(error["error"], "vault_unavailable");
    assert_eq!(as_json.stdout, "");
}

// ---- custom definitions ----

#[test]
fn a_custom_definition_wins() {
    let world = World::new();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["display_name"] = json!("Our GitLab");
    custom(&world, "gitlab", &format!("// ours\n{definition}"));
    let listed = world.call(["list", "--json"]).expect(0).json();
    assert_eq!(listed["providers"].as_array().unwrap().len(), 1);
    assert_eq!(listed["providers"][0]["source"], "custom");
    assert_eq!(listed["providers"][0]["display_name"], "Our GitLab");
    assert!(
        world
            .call(["list"])
            .expect(0)
            .stdout
            .contains("gitlab    custom")
    );
}

#[test]
fn an_unknown_field_warns_and_is_kept() {
    let (world, ..) = connected();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["frobnicate"] = json!(1);
    definition["oauth"]["tokn_url"] = json!("/x");
    custom(&world, "gitlab", &definition.to_string());
    for words in [&["get", "gitlab"][..], &["inspect", "gitlab"], &["list"]] {
        let outcome = world.call(words).expect(0);
        for field in ["frobnicate", "oauth.tokn_url"] {
            let warned = outcome
                .stderr
                .lines()
                .any(|line| line.starts_with("warning:") && line.contains(field));
            assert!(
                warned,
                "{words:?} does not warn of {field}: {:?}",
                outcome.stderr
            );
        }
    }
    assert_eq!(
        world.call(["inspect", "gitlab"]).expect(0).json()["frobnicate"],
        1
    );
}

#[test]
fn a_wrong_definition_is_named_with_file_field_and_reason() {
    let (world, ..) = connected();
    let bundled = world.call(["inspect", "gitlab"]).expect(0).json();
    for (field, value, named) in [
        ("auth_type", json!("oauth9"), "auth_type"),
        ("display_name", json!(7), "display_name"),
        ("name", json!("github"), "name"),
        ("api_url", json!("http://gitlab.com"), "api_url"),
        ("oauth", json!(null), "oauth"),
        ("schema_version", json!(99), "schema_version"),
    ] {
        let mut definition = bundled.clone();
        definition[field] = value;
        let path = custom(&world, "gitlab", &definition.to_string());
        for words in [
            &["get", "gitlab"][..],
            &["login", "gitlab"],
            &["inspect", "gitlab"],
        ] {
            let outcome = failure(&world, words, 4, "definition_invalid");
            assert!(
                outcome.stderr.contains(&path),
                "{field}: {}",
                outcome.stderr
            );
            assert!(
                outcome.stderr.contains(&format!("`{named}")),
                "{field}: {}",
                outcome.stderr
            );
        }
    }
}

#[test]
fn a_definition_that_is_no_json_is_named_with_its_line() {
    let world = World::new();
    world.call(["list"]).expect(0);
    for text in [
        "{\n \"name\": \"gitlab\",\n oops\n}",
        "[]",
        "{",
        "\u{0}\u{1}",
    ] {
        let path = custom(&world, "gitlab", text);
        let outcome = failure(&world, &["inspect", "gitlab"], 4, "definition_invalid");
        assert!(
            outcome.stderr.contains(&path),
            "{text:?}: {}",
            outcome.stderr
        );
    }
    custom(&world, "gitlab", "{\n \"name\": \"gitlab\",\n oops\n}");
    let outcome = failure(&world, &["inspect", "gitlab"], 4, "definition_invalid");
    assert!(outcome.stderr.contains("line 3"), "{}", outcome.stderr);
}

#[test]
fn list_works_beside_a_wrong_definition_and_tells_of_it() {
    let (world, ..) = connected();
    let path = custom(&world, "acme", "{}");
    let outcome = world.call(["list"]).expect(0);
    assert!(outcome.stdout.contains("gitlab") && outcome.stdout.contains("connected"));
    assert!(
        outcome.stdout.contains("acme") && outcome.stderr.contains(&path),
        "{}",
        outcome.stderr
    );
    let listed = world.call(["list", "--json"]).expect(0).json();
    assert!(
        listed["providers"][0]["error"]
            .as_str()
            .unwrap()
            .contains(&path)
    );
    assert_eq!(
        listed["providers"][1]["connections"][0]["status"],
        "connected"
    );
}

#[test]
fn list_works_though_a_connection_no_longer_fits_its_definition() {
    let (world, ..) = connected();
    // Fixed endpoints: the connection's base URL has no place any more.
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    for (name, path) in [
        ("authorization_url", "authorize"),
        ("token_url", "token"),
        ("revocation_url", "revoke"),
    ] {
        definition["oauth"][name] = json!(format!("https://gitlab.com/oauth/{path}"));
    }
    definition["oauth"]
        .as_object_mut()
        .unwrap()
        .remove("base_url");
    definition["api_url"] = json!("https://gitlab.com");
    for field in ["applications_url", "account"] {
        definition.as_object_mut().unwrap().remove(field);
    }
    custom(&world, "gitlab", &definition.to_string());
    world.call(["inspect", "gitlab"]).expect(0);
    let outcome = world.call(["list"]).expect(0);
    assert!(
        outcome.stdout.contains("gitlab") && outcome.stdout.contains("default"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_connection_whose_definition_is_gone_is_still_listed_and_can_be_forgotten() {
    let (world, gitlab, ..) = connected();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["name"] = json!("acme");
    let path = custom(&world, "acme", &definition.to_string());
    let mut connection = world.stored("default");
    connection.id.provider = "acme".parse().unwrap();
    world.store().create(&connection, true).unwrap();
    assert_eq!(
        world
            .call(["get", "acme", "--field", "status"])
            .expect(0)
            .stdout
            .trim(),
        "connected"
    );
    fs::remove_file(path).unwrap();
    let listed = world.call(["list"]).expect(0);
    assert!(
        listed.stdout.contains("acme"),
        "the grant is still there: {}",
        listed.stdout
    );
    world.call(["revoke", "acme"]).expect(0);
    assert_eq!(gitlab.revocations(), 1);
}

// ---- a vault, a key, a home that are not right ----

#[test]
fn a_wrong_master_key_is_9_and_harms_nothing() {
    let (world, ..) = connected();
    let before = files(&world);
    put(&world, "master.key", KEY.as_bytes());
    let outcome = failure(&world, &["list"], 9, "vault_unavailable");
    assert!(
        outcome.stderr.contains("is not the key of this vault"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("master.key"), "{}", outcome.stderr);
    let by_variable = world
        .authsome(["list"])
        .env("AUTHSOME_MASTER_KEY", KEY)
        .output()
        .unwrap();
    let outcome = Outcome::of(by_variable).expect(9);
    assert!(
        outcome.stderr.contains("AUTHSOME_MASTER_KEY"),
        "{}",
        outcome.stderr
    );
    assert_eq!(file(&before, "vault.db"), file(&files(&world), "vault.db"));
    put(&world, "master.key", file(&before, "master.key"));
    world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_malformed_master_key_is_9_and_not_shown() {
    let (world, ..) = connected();
    let before = files(&world);
    let key = String::from_utf8(file(&before, "master.key").to_vec()).unwrap();
    let short = key.trim()[..40].to_owned();
    for text in [
        "",
        "\n",
        "not base64!",
        &short,
        &format!("{key}{key}"),
        "\u{fffd}",
    ] {
        put(&world, "master.key", text.as_bytes());
        let outcome = failure(&world, &["list"], 9, "vault_unavailable");
        assert!(
            outcome.stderr.contains("32 bytes"),
            "{text:?}: {}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains(&short));
        let by_variable = world
            .authsome(["list"])
            .env("AUTHSOME_MASTER_KEY", text)
            .output()
            .unwrap();
        Outcome::of(by_variable).expect(9);
    }
    assert_eq!(file(&before, "vault.db"), file(&files(&world), "vault.db"));
}

#[test]
fn a_missing_master_key_is_9_and_no_new_one_is_made() {
    let (world, ..) = connected();
    let before = files(&world);
    remove(&world, "master.key");
    let outcome = failure(&world, &["list"], 9, "vault_unavailable");
    assert!(
        outcome.stderr.contains("master.key is missing"),
        "{}",
        outcome.stderr
    );
    assert!(!world.home().join("master.key").exists());
    assert_eq!(file(&before, "vault.db"), file(&files(&world), "vault.db"));
}

#[test]
fn a_truncated_vault_is_9_at_every_length_and_is_left_as_it_is() {
    let (world, ..) = connected();
    let whole = file(&files(&world), "vault.db").to_vec();
    let pages = (1..)
        .map(|page| page * 4096)
        .take_while(|length| *length < whole.len());
    let first_page = [0, 1, 16, 68, 72, 99, 100, 512, 1024, 4095, 4097];
    let last_page = [whole.len() - 4000, whole.len() - 2000, whole.len() - 1];
    let mut wrong = Vec::new();
    for length in first_page.into_iter().chain(pages).chain(last_page) {
        put(&world, "vault.db", &whole[..length]);
        let outcome = world.call(["get", "gitlab", "--json"]);
        assert!(!outcome.stderr.contains("panicked"), "{length}");
        let error = outcome.json();
        let told = error["error"] == "vault_unavailable"
            && error["hint"].as_str().unwrap_or_default().contains("mv '");
        if outcome.code != Some(9) || !told {
            wrong.push((length, outcome.code, error["message"].clone()));
        }
        let untouched = file(&files(&world), "vault.db") == &whole[..length];
        assert!(untouched, "{length}");
    }
    assert!(wrong.is_empty(), "of {} bytes: {wrong:?}", whole.len());
    put(&world, "vault.db", &whole);
    world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_truncated_vault_spends_no_refresh_token() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    let whole = file(&files(&world), "vault.db").to_vec();
    for length in (1..)
        .map(|page| page * 4096)
        .take_while(|length| *length < whole.len())
    {
        put(&world, "vault.db", &whole[..length]);
        let outcome = world.call(["export", "gitlab"]);
        // A pair that the server has issued and that cannot be stored is lost.
        assert_eq!(
            gitlab.token_requests(),
            0,
            "{length} of {} bytes: {outcome:?}",
            whole.len()
        );
    }
}

#[test]
fn a_vault_that_is_something_else_is_9() {
    let (world, ..) = connected();
    let whole = file(&files(&world), "vault.db").to_vec();
    let mut scrambled = whole.clone();
    scrambled[..16].fill(0xff);
    for bytes in [
        &b"hello, I am a text file\n"[..],
        &scrambled,
        &vec![0; whole.len()],
    ] {
        put(&world, "vault.db", bytes);
        failure(&world, &["list"], 9, "vault_unavailable");
        failure(&world, &["login", "gitlab"], 9, "vault_unavailable");
        assert_eq!(file(&files(&world), "vault.db"), bytes);
    }
}

#[test]
fn a_record_under_another_name_does_not_open() {
    let (world, ..) = connected();
    let database = rusqlite::Connection::open(world.home().join("vault.db")).unwrap();
    let moved = "UPDATE record SET name = 'gitlab/other' WHERE kind = 'connection'";
    assert_eq!(database.execute(moved, []).unwrap(), 1);
    drop(database);
    let outcome = failure(
        &world,
        &["get", "gitlab", "--connection", "other"],
        9,
        "record_unreadable",
    );
    assert!(
        outcome.stderr.contains("gitlab/other"),
        "{}",
        outcome.stderr
    );
    world
        .call(["logout", "gitlab", "--connection", "other"])
        .expect(0);
    world.call(["list"]).expect(0);
}

#[test]
fn the_hint_for_a_damaged_vault_leads_out() {
    let (world, ..) = connected();
    put(&world, "vault.db", b"damaged");
    let error = world.call(["list", "--json"]).expect(9).json();
    let hint = error["hint"].as_str().unwrap();
    let command = &hint[hint.find("mv ").unwrap()..];
    assert!(
        Command::new("sh")
            .args(["-c", command])
            .status()
            .unwrap()
            .success(),
        "{command}"
    );
    world.call(["list"]).expect(0);
    assert_eq!(file(&files(&world), "vault.db.damaged"), b"damaged");
}

#[test]
fn a_home_that_others_can_read_is_refused_with_the_very_chmod() {
    let (world, ..) = connected();
    for mode in [0o755, 0o750, 0o701, 0o770] {
        fs::set_permissions(world.home(), fs::Permissions::from_mode(mode)).unwrap();
        let outcome = failure(&world, &["list"], 9, "vault_unavailable");
        let chmod = format!("chmod 700 '{}'", world.home().display());
        assert!(
            outcome.stderr.contains(&format!("hint: {chmod}\n")),
            "{}",
            outcome.stderr
        );
        assert!(
            Command::new("sh")
                .args(["-c", &chmod])
                .status()
                .unwrap()
                .success()
        );
        world.call(["get", "gitlab"]).expect(0);
    }
}

#[test]
fn a_home_that_is_a_file_is_9() {
    let world = World::new();
    world.file("home", "I am a file");
    let outcome = failure(&world, &["list"], 9, "vault_unavailable");
    assert!(
        outcome.stderr.contains("is not a directory"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("AUTHSOME_HOME"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(world.home()).unwrap(), "I am a file");
}

#[test]
fn no_home_at_all_is_9() {
    let world = World::new();
    let outcome = world
        .authsome(["list"])
        .env_remove("HOME")
        .env_remove("AUTHSOME_HOME")
        .output();
    let outcome = Outcome::of(outcome.unwrap()).expect(9);
    assert!(
        outcome.stderr.contains("hint: set AUTHSOME_HOME"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn without_authsome_home_it_is_dot_authsome() {
    let world = World::new();
    let mut command = world.authsome(["whoami", "--json"]);
    let home = world.path(".authsome").display().to_string();
    let outcome = Outcome::of(command.env_remove("AUTHSOME_HOME").output().unwrap()).expect(0);
    assert_eq!(outcome.json()["home"], home);
}

#[test]
fn everything_in_the_home_is_private_whatever_the_umask() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    shell(&world, "umask 000; \"$0\" list").expect(0);
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    shell(&world, "umask 000; \"$0\" export gitlab").expect(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.home()), 0o700);
    for name in ["vault.db", "master.key", "audit.log"] {
        assert_eq!(mode(&world.home().join(name)), 0o600, "{name}");
    }
    for entry in fs::read_dir(world.home()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_key_in_the_environment_makes_a_vault_without_a_key_file() {
    let world = World::new();
    let call = |words: &[&str], key: Option<&str>| {
        let mut command = world.authsome(words);
        key.map(|key| command.env("AUTHSOME_MASTER_KEY", key));
        Outcome::of(command.output().unwrap())
    };
    call(&["list"], Some(KEY)).expect(0);
    assert!(!world.home().join("master.key").exists());
    let who = call(&["whoami", "--json"], Some(&format!("{KEY}\n")))
        .expect(0)
        .json();
    assert_eq!(who["master_key"], "AUTHSOME_MASTER_KEY");
    let outcome = call(&["list"], None).expect(9);
    assert!(
        outcome.stderr.contains("AUTHSOME_MASTER_KEY"),
        "{}",
        outcome.stderr
    );
    assert!(!world.home().join("master.key").exists());
}

#[test]
fn an_unknown_key_in_the_settings_is_named() {
    let world = World::new();
    world.call(["list"]).expect(0);
    for (text, named) in [
        ("frobnicate = 1\n", "frobnicate"),
        ("[timeouts]\nconect_seconds = 3\n", "conect_seconds"),
        ("[guard]\nallow = 7\n", "allow"),
        ("[timeouts\n", "line 1"),
    ] {
        put(&world, "config.toml", text.as_bytes());
        for words in [&["list"][..], &["login", "gitlab"], &["inspect", "gitlab"]] {
            let outcome = failure(&world, words, 2, "config_invalid");
            assert!(outcome.stderr.contains(named), "{text}: {}", outcome.stderr);
            assert!(
                outcome.stderr.contains("config.toml"),
                "{text}: {}",
                outcome.stderr
            );
        }
    }
    put(
        &world,
        "config.toml",
        b"[timeouts]\nconnect_seconds = 3\n[guard]\nallow = [\"gitlab/deploy-key\"]\n",
    );
    world.call(["list"]).expect(0);
}

// ---- what a login is given ----

#[test]
fn a_base_url_that_is_none_is_refused() {
    let world = World::new();
    for (url, reason) in [
        ("http://gitlab.acme.com", "https"),
        ("https://ada:s3cret@gitlab.acme.com", "user name"),
        ("https://", "URL"),
        ("not a url", "URL"),
        ("ftp://gitlab.acme.com", "https"),
        ("https://gitlab.acme.com/?x=1", "query"),
        ("https://gitlab.acme.com/#x", "fragment"),
        ("https://gitlab.acme.com:0", "port"),
        ("https://gitlab.acme.com:99999", "port"),
        ("https://gitlab.acme.com/a/../b", "path"),
        ("", "URL"),
    ] {
        let outcome = failure(&world, &["login", "gitlab", "--base-url", url], 2, "usage");
        let words = outcome.stderr.replace(url, "");
        assert!(words.contains("--base-url"), "{url}: {}", outcome.stderr);
        assert!(
            words.to_lowercase().contains(&reason.to_lowercase()),
            "{url}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_ca_file_that_is_none_is_refused() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let file = |name: &str, text: &str| world.file(name, text).display().to_string();
    let der = world.path("ca.der").display().to_string();
    let ca = gitlab.ca_file().display().to_string();
    openssl("x509 -outform der", &["-in", &ca, "-out", &der]);
    let key = world.path("key.pem").display().to_string();
    openssl(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        &["-out", &key],
    );
    let half = gitlab.ca_pem().get(..200).unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let nothing = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    for (path, reason) in [
        (
            world.path("missing.pem").display().to_string(),
            "No such file",
        ),
        (
            world.home().parent().unwrap().display().to_string(),
            "directory",
        ),
        (file("empty.pem", ""), "empty"),
        (file("text.pem", "hello\n"), "not PEM"),
        (file("half.pem", half), "damaged"),
        (file("damaged.pem", damaged), "damaged"),
        (file("nothing.pem", nothing), "certificate 1"),
        (der, "DER"),
        (key, "private key"),
    ] {
        let words = [
            "login",
            "gitlab",
            "--base-url",
            &gitlab.base_url(),
            "--ca-file",
            &path,
        ];
        let outcome = world.call(words).expect(2);
        assert!(
            outcome.stderr.contains(reason),
            "{path}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(&path), "{path}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: ") && !outcome.stderr.contains("panicked"));
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_client_secret_file_that_is_missing_is_refused() {
    let world = World::new();
    let missing = world.path("missing").display().to_string();
    let words = [
        "login",
        "gitlab",
        "--client-id",
        "x",
        "--client-secret-file",
        &missing,
    ];
    let outcome = failure(&world, &words, 2, "usage");
    assert!(outcome.stderr.contains(&missing), "{}", outcome.stderr);
}

#[test]
fn a_client_secret_that_is_no_text_is_refused_and_not_changed() {
    let world = World::new();
    let path = world.path("secret");
    File::create(&path)
        .unwrap()
        .write_all(b"abc\xff\xfe\n")
        .unwrap();
    let path = path.display().to_string();
    let words = [
        "--client-id",
        "x",
        "--client-secret-file",
        &path,
        "--no-browser",
    ];
    let outcome = login_ends(&world, &words).expect(2);
    assert!(outcome.stderr.contains(&path), "{}", outcome.stderr);
}

#[test]
fn a_client_secret_comes_through_a_pipe() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(true);
    let _port = port_7998();
    let base = gitlab.base_url();
    let ca = gitlab.ca_file().display().to_string();
    let words = [
        "login",
        "gitlab",
        "--base-url",
        &base,
        "--ca-file",
        &ca,
        "--client-id",
        &app.client_id,
        "--client-secret-file",
        "-",
    ];
    let browser = authsome_test_support::kit::browser_script(gitlab.dir(), gitlab.ca_file());
    let mut command = world.authsome(words);
    command
        .env("BROWSER", browser)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let secret = format!("{}\n", app.client_secret.as_ref().unwrap());
    child
        .stdin
        .take()
        .unwrap()
        .write_all(secret.as_bytes())
        .unwrap();
    Outcome::of(child.wait_with_output().unwrap()).expect(0);
    let stored = world.stored("default").client.client_secret.unwrap();
    assert_eq!(stored.expose(), app.client_secret.as_ref().unwrap());
}

// ---- what the tests share ----

/// A world with one fresh connection.
fn connected() -> (
    World,
    FakeGitLab,
    authsome_test_support::App,
    authsome_test_support::Pair,
) {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, pair) = world.connect(&gitlab);
    (world, gitlab, app, pair)
}

fn without_refresh_token(world: &World, name: &str) {
    let mut connection = world.store().load(&id(name)).unwrap().unwrap().connection;
    connection.tokens.refresh = None;
    world.store().create(&connection, true).unwrap();
}

/// What every failure has, in words and in JSON: a code, what happened, what to type next, and no panic.
#[track_caller]
fn failure(world: &World, words: &[&str], exit: i32, code: &str) -> Outcome {
    let plain = world.call(words).expect(exit);
    assert!(
        plain.stderr.starts_with("error: ") || plain.stderr.contains("\nerror: "),
        "{words:?}: {}",
        plain.stderr
    );
    let next = ["hint: ", "For more information, try '--help'"];
    assert!(
        next.iter().any(|next| plain.stderr.contains(next)),
        "{words:?}: {}",
        plain.stderr
    );
    assert_eq!(plain.stdout, "", "{words:?}");
    let as_json = world.call(words.iter().chain(&["--json"])).expect(exit);
    let error = as_json.json();
    assert_eq!(error["error"], code, "{words:?}");
    for field in ["message", "hint"] {
        assert!(
            error[field].as_str().is_some_and(|text| !text.is_empty()),
            "{words:?}: {field}"
        );
    }
    for text in [&plain.stderr, &as_json.stderr] {
        assert!(!text.contains("panicked"), "{words:?}: {text}");
    }
    plain
}

/// `authsome login gitlab` that must end by itself, long before its own deadline.
fn login_ends(world: &World, more: &[&str]) -> Outcome {
    let _port = port_7998();
    let mut command = world.authsome(["login", "gitlab"]);
    command
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let ended = ends(&mut child);
    let _ = child.kill();
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert!(
        ended,
        "it waits for a browser that cannot come: {}",
        outcome.stderr
    );
    outcome
}

/// Whether it ends within some seconds.
fn ends(child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(15);
    // There is no event to wait for with a deadline but the child's end itself.
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
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

/// A shell script beside the home; `$0` is the binary.
fn shell(world: &World, script: &str) -> Outcome {
    let authsome = world.authsome::<&str>([]);
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(crate::kit::binary())
        .env_clear();
    for (name, value) in authsome.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Outcome::of(
        command
            .current_dir(world.home())
            .output()
            .unwrap_or_else(|_| {
                // The home is not there before the first use.
                command.current_dir("/").output().unwrap()
            }),
    )
}

/// Puts a custom definition in place, and says where.
fn custom(world: &World, name: &str, text: &str) -> String {
    let directory = world.home().join("providers");
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(world.home(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = directory.join(format!("{name}.json"));
    File::create(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    path.display().to_string()
}

/// Every file of the home, by name.
fn files(world: &World) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(world.home()) else {
        return Vec::new();
    };
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    files.map(read).collect()
}

fn file<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    &files.iter().find(|(have, _)| have == name).unwrap().1
}

fn put(world: &World, name: &str, bytes: &[u8]) {
    // What SQLite keeps beside its file belongs to the file that was there before.
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.home().join(format!("{name}{suffix}")));
    }
    File::create(world.home().join(name))
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

fn remove(world: &World, name: &str) {
    fs::remove_file(world.home().join(name)).unwrap();
}

fn form_field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.form.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str())
}

/// What openssl makes.
fn openssl(words: &str, files: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).args(files);
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
}
