//! No secret is in what the child inherits, or on a command line.

use std::fs;
use std::path::Path;

use authsome::secret::Secret;

use crate::kit::run::{Running, environment, finish, names, run};
use crate::kit::{PLACEHOLDER, Setup, World};

#[test]
fn placeholders_stand_in_for_real_values() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let variables = [
        "GITLAB_ACCESS_TOKEN",
        "GITLAB_TOKEN",
        "GITLAB_PRIVATE_TOKEN",
        "GITLAB_PERSONAL_ACCESS_TOKEN",
        "GL_TOKEN",
    ];
    let inherited = [
        ("GITLAB_ACCESS_TOKEN", "glpat-real"),
        ("GITLAB_TOKEN", "glpat-real"),
        ("GL_TOKEN", "glpat-real"),
    ];
    for inherited in [&[][..], &inherited] {
        let environment = environment(&world, inherited);
        for name in variables {
            assert_eq!(environment[name], PLACEHOLDER, "{name}");
        }
    }
}

#[test]
fn an_empty_vault_leaves_the_users_own_tokens_alone() {
    let environment = environment(
        &World::new(),
        &[
            ("GITLAB_TOKEN", "glpat-real"),
            ("GITLAB_REFRESH_TOKEN", "mine"),
        ],
    );
    assert_eq!(environment["GITLAB_TOKEN"], "glpat-real");
    assert_eq!(environment["GITLAB_REFRESH_TOKEN"], "mine");
}

#[test]
fn refresh_token_and_master_key_are_absent() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let key = fs::read_to_string(world.home().join("master.key")).unwrap();
    let inherited = [
        ("GITLAB_REFRESH_TOKEN", "something"),
        ("AUTHSOME_MASTER_KEY", key.trim()),
    ];
    let environment = environment(&world, &inherited);
    assert!(!environment.contains_key("GITLAB_REFRESH_TOKEN"));
    assert!(!environment.contains_key("AUTHSOME_MASTER_KEY"));
    assert!(
        environment
            .values()
            .all(|value| !value.contains(key.trim()))
    );
}

#[test]
fn no_value_holds_a_secret_even_where_the_parent_had_one() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    let mut connection = world.stored("default");
    let client_secret = "gloas-0123456789abcdef";
    connection.client.as_mut().unwrap().client_secret = Some(Secret::new(client_secret.to_owned()));
    world.store().create(&connection, true).unwrap();
    let remote = format!("https://oauth2:{}@localhost/group/project.git", pair.access);
    let curl = format!("--user x:{}", pair.refresh);
    let inherited = [
        ("REMOTE", remote.as_str()),
        ("CURL_ARGUMENTS", &curl),
        ("CLIENT", client_secret),
        ("HTTPS_PROXY", &remote),
        ("HARMLESS", "kept"),
    ];
    let environment = environment(&world, &inherited);
    for (name, value) in &environment {
        for secret in [pair.access.as_str(), &pair.refresh, client_secret] {
            assert!(!value.contains(secret), "{name}");
        }
    }
    assert_eq!(environment["HARMLESS"], "kept");
}

#[test]
fn a_variable_that_is_taken_away_is_named_and_its_value_is_not() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    let mut command = run(&world, &[], &["true"]);
    command.env(
        "REMOTE",
        format!("https://oauth2:{}@localhost/", pair.access),
    );
    let outcome = finish(command).expect(0);
    assert!(outcome.stderr.contains("REMOTE"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains(&pair.access));
}

#[test]
fn a_secret_in_inherited_git_configuration_is_taken_away_and_git_still_works() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    // As CI systems hand it down: in a value, and in a key.
    let mut command = run(&world, &[], &["git", "config", "--list"]);
    let (base, token) = (gitlab.base_url(), &pair.access);
    let configuration = [
        ("COUNT", "3".to_owned()),
        ("KEY_0", format!("http.{base}/.extraheader")),
        ("VALUE_0", format!("Authorization: Bearer {token}")),
        (
            "KEY_1",
            format!("url.https://oauth2:{token}@localhost/.insteadof"),
        ),
        ("VALUE_1", "https://localhost/".to_owned()),
        ("KEY_2", "user.name".to_owned()),
        ("VALUE_2", "Ada".to_owned()),
    ];
    command.envs(configuration.map(|(part, value)| (format!("GIT_CONFIG_{part}"), value)));
    let outcome = finish(command).expect(0);
    let listed = outcome.stdout;
    assert!(!listed.contains(token));
    assert!(listed.contains("user.name=Ada\n"), "{listed}");
}

#[test]
fn no_command_line_of_a_run_holds_a_secret() {
    let Setup {
        world,
        gitlab: _gitlab,
        pair,
        ..
    } = Setup::connected();
    // A second process under the child, and a marker by which the test knows that it saw them.
    let script = "echo \"$HTTPS_PROXY\"; cat; exit 0";
    let marker = world.path("marker").display().to_string();
    let mut running = Running::start(run(&world, &[], &["sh", "-c", script, "sh", &marker]));
    let proxy = running.line().unwrap();
    let password = proxy
        .strip_prefix("http://authsome:")
        .and_then(|rest| rest.split_once('@'))
        .unwrap()
        .0;
    let mut counted = 0;
    for process in names(Path::new("/proc")) {
        let line = fs::read(Path::new("/proc").join(&process).join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        counted += usize::from(line.contains(&marker));
        for secret in [password, &pair.access, &pair.refresh] {
            assert!(!line.contains(secret), "process {}", process.display());
        }
    }
    assert!(counted >= 2, "authsome and its child");
    running.release();
    assert_eq!(running.end().code(), Some(0));
}
