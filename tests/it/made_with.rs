//! A stored connection keeps to what it was made with: a definition or a setting that is changed
//! later widens nothing until the next login.
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;

use authsome::connection::DefinitionUsed;
use authsome_providers::{Definition, Source};
use authsome_test_support::{Arrived, FakeGitLab, Seen};
use serde_json::{Value, json};

use crate::kit::{Outcome, Setup, World};

mod application;

/// A file of the home.
fn put(world: &World, name: &str, text: &str) {
    let path = world.home().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The definition of GitLab, changed, as the custom one.
pub(crate) fn customise(world: &World, change: impl FnOnce(&mut Value)) {
    let mut definition: Value = serde_json::from_str(
        &fs::read_to_string(bundled())
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n"),
    )
    .unwrap();
    change(&mut definition);
    put(world, "providers/gitlab.json", &definition.to_string());
}

fn bundled() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/providers/bundled/gitlab.json")
}

/// Names the server by its address too: another host, which the same private CA stands for.
fn widen(world: &World, gitlab: &FakeGitLab) {
    let (own, other) = (gitlab.base_url(), gitlab.base_url_at("127.0.0.1"));
    customise(world, |definition| {
        definition["oauth"]["base_url"] = Value::from(own);
        definition["api_url"] = json!(["/", other]);
    });
}

fn get(world: &World, gitlab: &FakeGitLab, host: &str) -> Outcome {
    let url = format!("{}/api/v4/user", gitlab.base_url_at(host));
    let ca = gitlab.ca_file().display().to_string();
    // Both CAs: that of the server where it is reached through a blind tunnel, else the session's.
    let script = "cat \"$SSL_CERT_FILE\" \"$1\" > \"$HOME/both.pem\"; exec curl -sS --cacert \"$HOME/both.pem\" \"$0\"";
    world.run(["sh", "-c", script, &url, &ca])
}

fn bearers(gitlab: &FakeGitLab) -> usize {
    let bearer = |seen: &Seen| matches!(seen.credential, Arrived::Bearer { .. });
    gitlab.seen().iter().filter(|seen| bearer(seen)).count()
}

fn mint(world: &World, gitlab: &FakeGitLab) -> Outcome {
    let url = format!("{}/api/v4/projects/1/access_tokens", gitlab.base_url());
    world.run(["curl", "-sS", "-X", "POST", "-w", "\n%{http_code}", &url])
}

fn log_in(world: &World, gitlab: &FakeGitLab) {
    let app = gitlab.register_app(true);
    world.login(gitlab, &app, &["--force"]).expect(0);
}

#[test]
fn a_definition_that_names_more_hosts_sends_them_nothing_until_the_next_login() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    let first = get(&world, &gitlab, "localhost").expect(0);
    assert_eq!(first.json()["username"], "ada");
    assert_eq!(first.stderr, "", "nothing has changed, so nothing is said");
    widen(&world, &gitlab);
    gitlab.clear_seen();
    let other = get(&world, &gitlab, "127.0.0.1").expect(0);
    assert_eq!(bearers(&gitlab), 0, "{:?}", gitlab.seen());
    let place = gitlab.base_url_at("127.0.0.1");
    assert!(
        other
            .stderr
            .contains("gitlab/default: the definition has changed"),
        "{}",
        other.stderr
    );
    assert!(
        other
            .stderr
            .contains(&format!("nothing goes to {place} until the next login")),
        "{}",
        other.stderr
    );
    let shown = world.call(["get", "gitlab", "--json"]).expect(0).json();
    assert_eq!(shown["proxy_hosts"], json!([gitlab.base_url()]));
    let own = get(&world, &gitlab, "localhost").expect(0);
    assert_eq!(
        own.json()["username"],
        "ada",
        "it goes on where it was made for"
    );
    log_in(&world, &gitlab);
    gitlab.clear_seen();
    let other = get(&world, &gitlab, "127.0.0.1").expect(0);
    assert_eq!(other.json()["username"], "ada", "{}", other.stderr);
    assert_eq!(other.stderr, "");
    // What the user has made narrower holds at once.
    fs::remove_file(world.home().join("providers/gitlab.json")).unwrap();
    gitlab.clear_seen();
    get(&world, &gitlab, "127.0.0.1").expect(0);
    assert_eq!(bearers(&gitlab), 0);
}

#[test]
fn an_empty_guard_lifts_nothing_until_the_next_login() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    customise(&world, |definition| definition["guard"] = json!([]));
    let outcome = mint(&world, &gitlab).expect(0);
    assert!(outcome.stdout.ends_with("403"), "{}", outcome.stdout);
    assert!(
        outcome
            .stderr
            .contains("still denied until the next login: personal-access-token"),
        "{}",
        outcome.stderr
    );
    log_in(&world, &gitlab);
    let outcome = mint(&world, &gitlab).expect(0);
    assert!(outcome.stdout.ends_with("201"), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, "");
    // And the reverse: a custom definition's own guard goes on when the file is gone.
    customise(&world, |definition| {
        let rule = json!({ "name": "reading", "path": "/api/v4/user", "reason": "it reads" });
        definition["guard"] = json!([rule]);
    });
    log_in(&world, &gitlab);
    fs::remove_file(world.home().join("providers/gitlab.json")).unwrap();
    let outcome = get(&world, &gitlab, "localhost").expect(0);
    assert_eq!(outcome.json()["error"], "denied");
    assert!(
        outcome.stderr.contains("until the next login: reading"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_guard_that_config_toml_lifts_since_the_login_is_said() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    put(
        &world,
        "config.toml",
        "[guard]\nallow = [\"gitlab/project-access-token\", \"other/rule\"]\n",
    );
    let outcome = mint(&world, &gitlab).expect(0);
    assert!(outcome.stdout.ends_with("201"), "{}", outcome.stdout);
    let said =
        "gitlab/default: config.toml has allowed since the login: gitlab/project-access-token\n";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    log_in(&world, &gitlab);
    assert_eq!(mint(&world, &gitlab).expect(0).stderr, "");
}

#[test]
fn a_definition_that_has_moved_away_takes_nothing_along() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    let (own, other) = (gitlab.base_url(), gitlab.base_url_at("127.0.0.1"));
    customise(&world, |definition| {
        definition["oauth"]["base_url"] = Value::from(own);
        definition["api_url"] = Value::from(other);
    });
    gitlab.clear_seen();
    let outcome = get(&world, &gitlab, "127.0.0.1").expect(0);
    assert_eq!(bearers(&gitlab), 0);
    assert!(
        outcome.stderr.contains("the earlier definition applies"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        get(&world, &gitlab, "localhost").expect(0).json()["username"],
        "ada"
    );
}

#[test]
fn a_connection_of_before_is_held_to_the_bundled_definition_from_its_first_use() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let mut connection = world.stored("default");
    connection.terms = None;
    world.store().create(&connection, true).unwrap();
    widen(&world, &gitlab);
    gitlab.clear_seen();
    let outcome = get(&world, &gitlab, "127.0.0.1").expect(0);
    assert_eq!(bearers(&gitlab), 0, "{}", outcome.stderr);
    let terms = world.stored("default").terms.unwrap();
    let routes: Vec<_> = terms.routes.iter().map(ToString::to_string).collect();
    assert_eq!(routes, [gitlab.base_url()], "and that is sealed");
    assert_eq!(
        get(&world, &gitlab, "localhost").expect(0).json()["username"],
        "ada"
    );
}

/// A server that nobody may ask.
fn thief(definition: &mut Value) -> TcpListener {
    let thief = TcpListener::bind("127.0.0.1:0").unwrap();
    thief.set_nonblocking(true).unwrap();
    // At the instance's host, because look-ups at any other are left out by the definition's rules.
    let url = format!(
        "http://localhost:{}/steal",
        thief.local_addr().unwrap().port()
    );
    definition["account"] = json!([{ "url": url, "id": "/id" }]);
    thief
}

fn state(world: &World) -> String {
    let kept = world.home().join("status.json");
    let _ = fs::remove_file(kept);
    let shown = world.call(["status", "--json"]).expect(0).json();
    shown["connections"][0]["state"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn status_and_doctor_ask_only_whom_the_login_has_asked() {
    let (world, gitlab) = Setup::unconnected();
    log_in(&world, &gitlab);
    let asked = |thief: &TcpListener| thief.accept().is_ok();
    let mut first = None;
    customise(&world, |definition| first = Some(thief(definition)));
    let first = first.unwrap();
    assert_eq!(
        state(&world),
        "works",
        "the bundled definition tells whom to ask"
    );
    let _ = fs::remove_file(world.home().join("status.json"));
    world.call(["doctor"]);
    assert!(!asked(&first));
    // The same where the login was by a definition of the user's own, whose text is in the vault.
    fs::remove_file(world.home().join("providers/gitlab.json")).unwrap();
    customise(&world, |definition| definition["guard"] = json!([]));
    log_in(&world, &gitlab);
    let mut second = None;
    customise(&world, |definition| second = Some(thief(definition)));
    assert_eq!(state(&world), "works");
    assert!(!asked(&second.unwrap()));
    // A look-up that is on none of the connection's routes is not made, even by that definition.
    let mut third = None;
    customise(&world, |definition| third = Some(thief(definition)));
    let mut connection = world.stored("default");
    let text = fs::read_to_string(world.home().join("providers/gitlab.json")).unwrap();
    let source = Source::Custom("gitlab.json".into());
    let definition = Definition::parse(&text, source).unwrap();
    connection.terms.as_mut().unwrap().definition = DefinitionUsed::of(&definition);
    world.store().create(&connection, true).unwrap();
    assert_eq!(state(&world), "not_asked");
    assert!(!asked(&third.unwrap()));
}
